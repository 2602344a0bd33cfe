//! When a new plan is due: bursts of changes are merged, time-based rules are looked at again.
//!
//! Knows times. Does not know what changed.

use crate::time::{Instant, Now, Span};

/// When to plan.
#[derive(Debug, Default)]
pub struct Due {
    at: Option<Instant>,
    recheck: Option<Instant>,
    asked: Option<u64>,
    next_number: u64,
    stale: bool,
}

impl Due {
    /// Something changed: plan after the settle time, unless a plan is due earlier already.
    pub fn mark(&mut self, now: Now, settle: Span) {
        if self.asked.is_some() {
            self.stale = true;
        }
        if self.at.is_none() {
            self.at = Some(now.mono + settle);
        }
    }

    /// Look again at this time although nothing changed; the earlier of two times holds.
    pub fn recheck_at(&mut self, at: Instant) {
        self.recheck = Some(self.recheck.map_or(at, |old| old.min(at)));
    }

    /// Forget the time to look again.
    pub fn clear_recheck(&mut self) {
        self.recheck = None;
    }

    /// Nothing is due any more (this node does not decide).
    pub fn reset(&mut self) {
        let next_number = self.next_number;
        *self = Self { next_number, ..Self::default() };
    }

    /// Whether a plan is due or being made.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.at.is_some() || self.asked.is_some()
    }

    /// Whether a plan has to be asked for now; the caller then does, under the number returned.
    pub fn take(&mut self, now: Instant) -> Option<u64> {
        if self.asked.is_some() || self.at.is_none_or(|at| at > now) {
            return None;
        }
        self.at = None;
        self.stale = false;
        self.next_number += 1;
        self.asked = Some(self.next_number);
        self.asked
    }

    /// The recheck time has come: a plan is due at once.
    pub fn check_clock(&mut self, now: Now) -> bool {
        if self.recheck.is_none_or(|at| at > now.mono) {
            return false;
        }
        self.recheck = None;
        self.mark(now, Span::ZERO);
        true
    }

    /// An answer came. True when it may be used: it is the one asked for and nothing changed meanwhile.
    pub fn answered(&mut self, number: u64) -> Answer {
        if self.asked != Some(number) {
            return Answer::Foreign;
        }
        self.asked = None;
        if self.stale { Answer::Stale } else { Answer::Fresh }
    }

    /// When time matters next; `able` = a plan could be asked for now.
    #[must_use]
    pub fn deadline(&self, able: bool) -> Option<Instant> {
        let planned = if self.asked.is_some() || !able { None } else { self.at };
        [planned, self.recheck].into_iter().flatten().min()
    }
}

/// What a plan is worth when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was made from what still holds.
    Fresh,
    /// Something changed while it was made.
    Stale,
    /// Nobody waits for it.
    Foreign,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;

    fn at(ms: u64) -> Now {
        Now::new(Instant(ms * 1000), Wall(0))
    }

    #[test]
    fn a_burst_makes_one_plan_and_a_late_change_another() {
        let mut due = Due::default();
        due.mark(at(0), Span::millis(5));
        due.mark(at(3), Span::millis(5));
        assert_eq!(due.take(at(4).mono), None);
        assert_eq!(due.take(at(5).mono), Some(1));
        due.mark(at(6), Span::millis(5));
        assert_eq!(due.take(at(20).mono), None, "one at a time");
        assert_eq!(due.answered(1), Answer::Stale);
        assert_eq!(due.take(at(20).mono), Some(2));
        assert_eq!(due.answered(1), Answer::Foreign);
        assert_eq!(due.answered(2), Answer::Fresh);
        assert!(!due.is_due());
    }

    #[test]
    fn the_clock_makes_a_plan_due() {
        let mut due = Due::default();
        due.recheck_at(at(100).mono);
        due.recheck_at(at(50).mono);
        assert!(!due.check_clock(at(49)));
        assert!(due.check_clock(at(50)));
        assert_eq!(due.take(at(50).mono), Some(1));
    }
}
