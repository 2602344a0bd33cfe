//! What happens in one run, written out: a world and a list of steps with their times. A run depends on nothing else,
//! so that a schedule can be cut down step by step, kept as text and played again.

use std::fmt;
use std::str::FromStr;

use holdfast_totem::config::{LinkMode, Sealing};
use holdfast_totem::time::Span;

use crate::net::{Host, Scope, Weather};
use crate::ring::faults::Fault;
use crate::ring::world::{Settings, Vote};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The daemon of a host starts.
    Start(Host),
    /// A host multicasts some messages.
    Say {
        /// Who.
        host: Host,
        /// With the guarantee `Safe`.
        safe: bool,
        /// Bytes of filling of each.
        size: usize,
        /// How many.
        count: u32,
    },
    /// Weather for a while.
    Weather(Weather, Scope, Span),
    /// Hosts whose bits differ do not hear each other for a while.
    Split(u64, Span),
    /// A host is cut off both ways for a while, on one link or on all.
    Isolate(Host, Option<u8>, Span),
    /// Two hosts do not hear each other for a while, all others do.
    CutPair(Host, Host, Span),
    /// A process does not run for a while.
    Pause(Host, Span),
    /// A daemon dies and is back after a while.
    Crash(Host, Span),
    /// A daemon dies after so many more datagrams, and is back after a while.
    Torn(Host, u32, Span),
    /// A daemon is told to leave and is started again after a while.
    Leave(Host, Span),
    /// A wall clock jumps by so many microseconds.
    Clock(Host, i64),
    /// A disk takes so long.
    Disk(Host, Span),
    /// A host needs so long for each datagram, for a while.
    Busy(Host, Span, Span),
    /// The program above the ring hangs for a while.
    Hang(Host, Span),
    /// The key file of a host is replaced and read again.
    Rekey(Host),
}

/// An act and its time from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Span,
    /// The fault that it begins, if it is one.
    pub fault: Option<Fault>,
    /// What.
    pub act: Act,
}

/// A world and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Feeds the network's and the world's chance.
    pub seed: u64,
    /// The world.
    pub settings: Settings,
    /// By ascending time.
    pub steps: Vec<Step>,
    /// When everything is well again.
    pub end: Span,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSchedule(pub String);

impl fmt::Display for NoSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no step or setting of a schedule: {:?}", self.0)
    }
}

fn option<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(host) => write!(f, "start {host}"),
            Self::Say { host, safe, size, count } => {
                write!(f, "say {host} {} {size} {count}", if *safe { "safe" } else { "agreed" })
            }
            Self::Weather(weather, scope, long) => {
                let (name, a, b) = weather.parts();
                let (from, to, link) = (option(scope.from), option(scope.to), option(scope.link));
                write!(f, "weather {name} {a} {b} {from} {to} {link} {}", long.0)
            }
            Self::Split(sides, long) => write!(f, "split {sides} {}", long.0),
            Self::Isolate(host, link, long) => write!(f, "isolate {host} {} {}", option(*link), long.0),
            Self::CutPair(a, b, long) => write!(f, "cut-pair {a} {b} {}", long.0),
            Self::Pause(host, long) => write!(f, "pause {host} {}", long.0),
            Self::Crash(host, back) => write!(f, "crash {host} {}", back.0),
            Self::Torn(host, sends, back) => write!(f, "torn {host} {sends} {}", back.0),
            Self::Leave(host, back) => write!(f, "leave {host} {}", back.0),
            Self::Clock(host, by) => write!(f, "clock {host} {by}"),
            Self::Disk(host, delay) => write!(f, "disk {host} {}", delay.0),
            Self::Busy(host, each, long) => write!(f, "busy {host} {} {}", each.0, long.0),
            Self::Hang(host, long) => write!(f, "hang {host} {}", long.0),
            Self::Rekey(host) => write!(f, "rekey {host}"),
        }
    }
}

/// The words of a line.
struct Words<'a> {
    line: &'a str,
    rest: std::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        Self { line, rest: line.split_whitespace() }
    }

    fn wrong(&self) -> NoSchedule {
        NoSchedule(self.line.to_owned())
    }

    fn word(&mut self) -> Result<&'a str, NoSchedule> {
        self.rest.next().ok_or_else(|| NoSchedule(self.line.to_owned()))
    }

    fn get<T: FromStr>(&mut self) -> Result<T, NoSchedule> {
        let word = self.word()?;
        word.parse().map_err(|_| self.wrong())
    }

    fn maybe<T: FromStr>(&mut self) -> Result<Option<T>, NoSchedule> {
        let word = self.word()?;
        if word == "-" { Ok(None) } else { word.parse().map(Some).map_err(|_| self.wrong()) }
    }

    fn span(&mut self) -> Result<Span, NoSchedule> {
        Ok(Span(self.get()?))
    }

    fn act(&mut self) -> Result<Act, NoSchedule> {
        Ok(match self.word()? {
            "start" => Act::Start(self.get()?),
            "say" => Act::Say {
                host: self.get()?,
                safe: self.word()? == "safe",
                size: self.get()?,
                count: self.get()?,
            },
            "weather" => {
                let (name, a, b) = (self.word()?, self.get()?, self.get()?);
                let weather = Weather::from_parts(name, a, b).ok_or_else(|| self.wrong())?;
                let scope = Scope { from: self.maybe()?, to: self.maybe()?, link: self.maybe()? };
                Act::Weather(weather, scope, self.span()?)
            }
            "split" => Act::Split(self.get()?, self.span()?),
            "isolate" => Act::Isolate(self.get()?, self.maybe()?, self.span()?),
            "cut-pair" => Act::CutPair(self.get()?, self.get()?, self.span()?),
            "pause" => Act::Pause(self.get()?, self.span()?),
            "crash" => Act::Crash(self.get()?, self.span()?),
            "torn" => Act::Torn(self.get()?, self.get()?, self.span()?),
            "leave" => Act::Leave(self.get()?, self.span()?),
            "clock" => Act::Clock(self.get()?, self.get()?),
            "disk" => Act::Disk(self.get()?, self.span()?),
            "busy" => Act::Busy(self.get()?, self.span()?, self.span()?),
            "hang" => Act::Hang(self.get()?, self.span()?),
            "rekey" => Act::Rekey(self.get()?),
            _ => return Err(self.wrong()),
        })
    }
}

fn settings_line(settings: &Settings) -> String {
    let sealing = match settings.sealing {
        Sealing::Sealed => "sealed",
        Sealing::Clear => "clear",
    };
    let mode = match settings.mode {
        LinkMode::Passive => "passive",
        LinkMode::Active => "active",
        LinkMode::RoundRobin => "rr",
    };
    let vote = match settings.vote {
        Vote::Majority => "majority",
        Vote::WaitForAll => "wait-for-all",
        Vote::LastManStanding => "last-man-standing",
        Vote::TieBreaker => "tie-breaker",
    };
    let (start, limit) = settings.sequence.map_or((None, None), |(s, l)| (Some(s), Some(l)));
    format!(
        "{} {} {} {sealing} {mode} {vote} {} {} {} {}",
        settings.hosts,
        settings.links,
        settings.token.0,
        settings.window,
        u8::from(settings.progress),
        option(start),
        option(limit)
    )
}

fn settings(words: &mut Words<'_>) -> Result<Settings, NoSchedule> {
    Ok(Settings {
        hosts: words.get()?,
        links: words.get()?,
        token: words.span()?,
        sealing: match words.word()? {
            "sealed" => Sealing::Sealed,
            "clear" => Sealing::Clear,
            _ => return Err(words.wrong()),
        },
        mode: match words.word()? {
            "passive" => LinkMode::Passive,
            "active" => LinkMode::Active,
            "rr" => LinkMode::RoundRobin,
            _ => return Err(words.wrong()),
        },
        vote: match words.word()? {
            "majority" => Vote::Majority,
            "wait-for-all" => Vote::WaitForAll,
            "last-man-standing" => Vote::LastManStanding,
            "tie-breaker" => Vote::TieBreaker,
            _ => return Err(words.wrong()),
        },
        window: words.get()?,
        progress: words.get::<u8>()? == 1,
        sequence: words.maybe()?.zip(words.maybe()?),
    })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schedule {} {} {}", self.seed, self.end.0, settings_line(&self.settings))?;
        for step in &self.steps {
            let name = step.fault.map_or("-", Fault::name);
            writeln!(f, "{} {name} {}", step.at.0, step.act)?;
        }
        Ok(())
    }
}

/// Reads schedules that follow each other; empty lines and lines that start with `#` say nothing.
pub fn parse(text: &str) -> Result<Vec<Schedule>, NoSchedule> {
    let mut schedules: Vec<Schedule> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let mut words = Words::new(line);
        let first = words.word()?;
        if first == "schedule" {
            let (seed, end) = (words.get()?, words.span()?);
            let settings = settings(&mut words)?;
            schedules.push(Schedule { seed, settings, steps: Vec::new(), end });
            continue;
        }
        let schedule = schedules.last_mut().ok_or_else(|| words.wrong())?;
        let at = Span(first.parse().map_err(|_| words.wrong())?);
        let fault = match words.word()? {
            "-" => None,
            name => Some(Fault::named(name).ok_or_else(|| words.wrong())?),
        };
        let act = words.act()?;
        schedule.steps.push(Step { at, fault, act });
    }
    Ok(schedules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::run::draw;

    #[test]
    fn any_schedule_comes_back_from_its_text() {
        let drawn: Vec<Schedule> = (0..40).map(draw).collect();
        let text: String = drawn.iter().map(ToString::to_string).collect();
        assert_eq!(parse(&text).unwrap(), drawn);
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["5 - start 1", "schedule 1 2 3", "schedule 1 2 3 1 300000 sealed up majority 0 0 - -"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let head = "schedule 1 2 3 1 300000 sealed passive majority 0 0 - -\n";
        for step in ["x - start 1", "1 Nothing start 1", "1 - jump 1", "1 - weather rain 1 2 - - - 5"] {
            assert_eq!(parse(&format!("{head}{step}")).unwrap_err(), NoSchedule(step.to_owned()));
        }
        assert_eq!(parse(&format!("# comment\n{head}\n7 Crash crash 1 5")).unwrap()[0].steps.len(), 1);
    }
}
