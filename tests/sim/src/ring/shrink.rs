//! From a schedule that fails to a small one that still fails: delta debugging (Zeller and Hildebrandt 2002) over the
//! steps, then fewer hosts and links, an earlier end, shorter faults and smaller messages, until nothing more goes.

use holdfast_totem::time::Span;

use crate::ring::run::acts_on;
use crate::ring::schedule::{Act, Schedule};

/// What shrinking did.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest schedule found that still fails.
    pub schedule: Schedule,
    /// Runs that it took.
    pub runs: u32,
}

/// Looks for a smaller schedule for which `fails` holds, in at most `most` runs. `schedule` itself has to fail.
pub fn shrink(schedule: &Schedule, most: u32, mut fails: impl FnMut(&Schedule) -> bool) -> Shrunk {
    let mut search = Search { best: schedule.clone(), runs: 0, most, fails: &mut fails };
    loop {
        let before = (search.best.clone(), search.runs);
        search.fewer_steps();
        search.fewer_hosts();
        search.simpler_world();
        search.shorter();
        search.smaller_acts();
        if search.best == before.0 || search.runs >= most {
            break;
        }
    }
    Shrunk { schedule: search.best, runs: search.runs }
}

struct Search<'a> {
    best: Schedule,
    runs: u32,
    most: u32,
    fails: &'a mut dyn FnMut(&Schedule) -> bool,
}

impl Search<'_> {
    fn accept(&mut self, candidate: Schedule) -> bool {
        if self.runs >= self.most || candidate == self.best {
            return false;
        }
        self.runs += 1;
        let good = (self.fails)(&candidate);
        if good {
            self.best = candidate;
        }
        good
    }

    fn fewer_steps(&mut self) {
        let mut piece = self.best.steps.len().div_ceil(2);
        while piece > 0 {
            let mut at = 0;
            let mut found = false;
            while at < self.best.steps.len() {
                let mut candidate = self.best.clone();
                let end = (at + piece).min(candidate.steps.len());
                candidate.steps.drain(at..end);
                if self.accept(candidate) {
                    found = true;
                } else {
                    at += piece;
                }
            }
            if piece == 1 && !found {
                break;
            }
            piece = if piece == 1 { 1 } else { piece.div_ceil(2) };
        }
    }

    fn fewer_hosts(&mut self) {
        while self.best.settings.hosts > 2 {
            let mut candidate = self.best.clone();
            candidate.settings.hosts -= 1;
            let hosts = candidate.settings.hosts;
            candidate.steps.retain(|s| acts_on(&s.act).is_none_or(|h| h < hosts));
            if !self.accept(candidate) {
                break;
            }
        }
    }

    fn simpler_world(&mut self) {
        let mut one_link = self.best.clone();
        one_link.settings.links = 1;
        self.accept(one_link);
        let mut plain = self.best.clone();
        plain.settings.sequence = None;
        self.accept(plain);
        let mut wide = self.best.clone();
        wide.settings.window = 0;
        self.accept(wide);
    }

    fn shorter(&mut self) {
        let last = self.best.steps.last().map_or(Span::ZERO, |s| s.at);
        for end in [last, last + Span::millis(100), last + Span::secs(1)] {
            if end < self.best.end {
                let mut candidate = self.best.clone();
                candidate.end = end;
                if self.accept(candidate) {
                    break;
                }
            }
        }
    }

    fn smaller_acts(&mut self) {
        for place in 0..self.best.steps.len() {
            loop {
                let mut candidate = self.best.clone();
                candidate.steps[place].act = smaller(candidate.steps[place].act);
                if !self.accept(candidate) {
                    break;
                }
            }
        }
    }
}

/// Half as long, half as large.
fn smaller(act: Act) -> Act {
    let half = |span: Span| if span.0 > 1_000 { span.over(2) } else { span };
    match act {
        Act::Say { host, safe, size, count } => {
            Act::Say { host, safe, size: if count == 1 { size / 2 } else { size }, count: count.div_ceil(2) }
        }
        Act::Weather(weather, scope, long) => Act::Weather(weather, scope, half(long)),
        Act::Split(sides, long) => Act::Split(sides, half(long)),
        Act::Isolate(host, link, long) => Act::Isolate(host, link, half(long)),
        Act::CutPair(a, b, long) => Act::CutPair(a, b, half(long)),
        Act::Pause(host, long) => Act::Pause(host, half(long)),
        Act::Busy(host, each, long) => Act::Busy(host, each, half(long)),
        Act::Hang(host, long) => Act::Hang(host, half(long)),
        Act::Start(_)
        | Act::Crash(..)
        | Act::Torn(..)
        | Act::Leave(..)
        | Act::Clock(..)
        | Act::Disk(..)
        | Act::Rekey(_) => act,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::run::{draw, play_with_bug};
    use crate::ring::sabotage::{Bug, names};

    /// A search that needs no simulation: the failure is a pair of steps.
    #[test]
    fn two_steps_that_fail_together_are_found() {
        let schedule = draw(3);
        let guilty = |n: usize| schedule.steps[schedule.steps.len() * n / 10];
        let (a, b) = (guilty(4), guilty(7));
        let fails = |s: &Schedule| {
            let has = |x: &Act| s.steps.iter().any(|s| s.act == *x);
            has(&a.act) && has(&b.act)
        };
        let shrunk = shrink(&schedule, 10_000, fails);
        assert!(shrunk.schedule.steps.len() <= 2, "{}", shrunk.schedule);
        assert!(fails(&shrunk.schedule));
    }

    #[test]
    fn a_planted_bug_is_cut_down_to_what_it_needs() {
        for (bug, word) in [(Bug::LastWords, "virtual synchrony"), (Bug::Greedy, "quorum")] {
            let fails = |s: &Schedule| play_with_bug(s, bug).violations.iter().any(|v| names(v, word));
            let schedule = (0..200).map(draw).find(|s| fails(s)).expect("a seed that finds the bug");
            let shrunk = shrink(&schedule, 600, fails);
            let (before, after) = (schedule.steps.len(), shrunk.schedule.steps.len());
            assert!(after <= 8 && after < before, "{bug:?}: {before} steps became {}", shrunk.schedule);
            assert!(shrunk.schedule.settings.hosts <= 3, "{bug:?}: {}", shrunk.schedule);
            assert!(fails(&shrunk.schedule), "{bug:?}: a shrunk schedule has to fail, too");
        }
    }
}
