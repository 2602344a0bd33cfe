//! What goes wrong in a run, drawn from its seed. Each run uses some of the kinds, not all (swarm testing), so that
//! rare combinations get their turn.

use holdfast_totem::time::Span;

use crate::chance::Chance;
use crate::net::{Scope, Weather};
use crate::ring::schedule::{Act, Step};
use crate::ring::world::Settings;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        /// All kinds.
        pub const ALL: &[Fault] = &[$(Fault::$name,)*];

        impl Fault {
            /// Its name in counts and schedules.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The kind of this name.
            pub fn named(name: &str) -> Option<Self> {
                ALL.iter().copied().find(|f| f.name() == name)
            }
        }
    };
}

faults! {
    /// Datagrams are lost.
    Loss,
    /// All datagrams of a pair are lost for moments.
    Burst,
    /// Tokens are lost, other datagrams are not (in rings that send in clear, where they can be told apart).
    TokenLoss,
    /// Everything takes longer.
    Delay,
    /// Everything takes unevenly longer.
    Jitter,
    /// Datagrams overtake each other.
    Reorder,
    /// Datagrams arrive twice.
    Duplicate,
    /// Bits change.
    Corrupt,
    /// Datagrams are cut short.
    Truncate,
    /// Old datagrams come again.
    Replay,
    /// One host does not get through to another one.
    OneWayCut,
    /// Two hosts do not hear each other, all others do.
    PartialCut,
    /// The hosts fall into two groups.
    Partition,
    /// One host loses its network again and again.
    Flap,
    /// One link between all hosts is down.
    LinkDown,
    /// One host loses one link again and again.
    LinkFlap,
    /// One link between two hosts works one way only.
    HalfLink,
    /// A host's link is slow.
    SlowLink,
    /// Large datagrams are lost.
    Mtu,
    /// A process does not run for a while.
    Pause,
    /// A host is slow to read; its socket buffer overflows.
    SlowReader,
    /// A daemon dies and stays away.
    Crash,
    /// A daemon dies and is back at once.
    Restart,
    /// A daemon dies between two datagrams of one step.
    Torn,
    /// A daemon leaves cleanly.
    Leave,
    /// The program above a ring hangs.
    Hang,
    /// The key is replaced on all hosts.
    Rekey,
    /// A host sends as much as it can, also the largest messages.
    Flood,
    /// A wall clock jumps.
    ClockJump,
    /// A disk is slow.
    SlowDisk,
}

/// Adds faults to a schedule.
#[derive(Debug)]
pub struct Trouble {
    kinds: Vec<Fault>,
    rekeyed: bool,
    largest: u32,
}

impl Trouble {
    /// The kinds that one run has to live with.
    pub fn new(chance: &mut Chance) -> Self {
        let share = *chance.pick(&[100_000_u64, 250_000, 400_000, 700_000]);
        let kinds = ALL.iter().copied().filter(|_| chance.hits(share)).collect();
        Self::of(kinds)
    }

    /// These kinds.
    pub fn of(kinds: Vec<Fault>) -> Self {
        Self { kinds, rekeyed: false, largest: 0 }
    }

    /// Whether one of the kinds is among them.
    pub fn has(&self, kind: Fault) -> bool {
        self.kinds.contains(&kind)
    }

    /// Lets something happen at a time.
    pub fn strike(&mut self, chance: &mut Chance, settings: &Settings, at: Span, steps: &mut Vec<Step>) {
        if self.kinds.is_empty() {
            return;
        }
        let kind = *chance.pick(&self.kinds);
        let token = settings.token;
        let hosts = settings.hosts;
        let host = chance.index(hosts);
        let other = (host + 1 + chance.index(hosts.max(2) - 1)) % hosts;
        let long = Span(chance.between(token.0 / 10, token.0 * 4));
        let pair = Scope { from: Some(host), to: Some(other), link: None };
        let scope = match chance.below(3) {
            0 => Scope::default(),
            1 => Scope { from: Some(host), ..Scope::default() },
            _ => pair,
        };
        let strength = *chance.pick(&[2_000, 20_000, 100_000, 300_000]);
        let moment = Span(chance.between(500, 50_000));
        let link = u8::try_from(chance.below(u64::from(settings.links))).unwrap_or(0);
        let weather = |weather| Act::Weather(weather, scope, long);
        let mut first = Some(kind);
        let mut add = |after: Span, act: Act| {
            steps.push(Step { at: at + after, fault: first.take(), act });
        };
        match kind {
            Fault::Loss => add(Span::ZERO, weather(Weather::Loss(strength))),
            Fault::Burst => add(Span::ZERO, weather(Weather::Burst(strength / 10, moment))),
            Fault::TokenLoss => add(Span::ZERO, weather(Weather::TokenLoss(strength * 3))),
            Fault::Delay => add(Span::ZERO, weather(Weather::Delay(moment))),
            Fault::Jitter => add(Span::ZERO, weather(Weather::Jitter(moment))),
            Fault::Reorder => add(Span::ZERO, weather(Weather::Reorder(strength, moment))),
            Fault::Duplicate => add(Span::ZERO, weather(Weather::Duplicate(strength))),
            Fault::Corrupt => add(Span::ZERO, weather(Weather::Corrupt(strength / 4))),
            Fault::Truncate => add(Span::ZERO, weather(Weather::Truncate(strength / 4))),
            Fault::Replay => add(Span::ZERO, weather(Weather::Replay(strength / 4, token.times(3)))),
            Fault::OneWayCut => add(Span::ZERO, Act::Weather(Weather::Cut, pair, long)),
            Fault::PartialCut => add(Span::ZERO, Act::CutPair(host, other, long)),
            Fault::Partition => add(Span::ZERO, Act::Split(chance.draw(), long)),
            Fault::Flap | Fault::LinkFlap => {
                let link = (kind == Fault::LinkFlap).then_some(link);
                let mut after = Span::ZERO;
                while after < long {
                    let down = Span(chance.between(1_000, token.0 / 2));
                    add(after, Act::Isolate(host, link, down));
                    after = after + down + Span(chance.between(1_000, 300_000));
                }
            }
            Fault::LinkDown => {
                let whole = Scope { from: None, to: None, link: Some(link) };
                if settings.links > 1 {
                    add(Span::ZERO, Act::Weather(Weather::Cut, whole, long));
                }
            }
            Fault::HalfLink => {
                let scope = Scope { link: Some(link), ..pair };
                add(Span::ZERO, Act::Weather(Weather::Cut, scope, long));
            }
            Fault::SlowLink => {
                let rate = chance.between(50, 5_000);
                let from = Scope { from: Some(host), ..Scope::default() };
                add(Span::ZERO, Act::Weather(Weather::Slow(rate, Span::millis(200)), from, long));
            }
            Fault::Mtu => {
                let most = *chance.pick(&[600_usize, 1_000, 1_400]);
                add(Span::ZERO, weather(Weather::Mtu(most)));
            }
            Fault::Pause => {
                let part = chance.between(1, 20);
                add(Span::ZERO, Act::Pause(host, Span(long.0 * part / 20)));
            }
            Fault::SlowReader => {
                let each = Span(*chance.pick(&[100, 500, 2_000]));
                add(Span::ZERO, Act::Busy(host, each, long));
            }
            Fault::Crash => add(Span::ZERO, Act::Crash(host, long)),
            Fault::Restart => add(Span::ZERO, Act::Crash(host, Span(chance.between(1_000, 150_000)))),
            Fault::Torn => {
                let sends = u32::try_from(chance.between(1, 12)).unwrap_or(1);
                add(Span::ZERO, Act::Torn(host, sends, Span(chance.between(1_000, token.0 * 2))));
            }
            Fault::Leave => add(Span::ZERO, Act::Leave(host, long)),
            Fault::Hang => {
                let limit = token.times(2).max(Span::secs(5));
                add(Span::ZERO, Act::Hang(host, Span(chance.between(limit.0 / 2, limit.0 * 3 / 2))));
            }
            Fault::Rekey => {
                // A second new key before the first one is in use everywhere is a mistake of the operator.
                if !self.rekeyed {
                    self.rekeyed = true;
                    for host in 0..hosts {
                        add(Span(chance.below(200_000)), Act::Rekey(host));
                    }
                }
            }
            Fault::Flood => {
                let safe = chance.hits(500_000);
                if chance.hits(200_000) && self.largest < 2 {
                    self.largest += 1;
                    add(Span::ZERO, Act::Say { host, safe, size: (1 << 20) - 24, count: 1 });
                } else {
                    let size = usize::try_from(chance.between(0, 9_000)).unwrap_or(0);
                    let count = u32::try_from(chance.between(20, 300)).unwrap_or(20);
                    add(
                        Span::ZERO,
                        Act::Say { host, safe, size, count: count.min(1_000_000 / (size as u32 + 1)) },
                    );
                }
            }
            Fault::ClockJump => {
                let jump = i64::try_from(chance.below(1 << 40)).unwrap_or(0);
                add(Span::ZERO, Act::Clock(host, jump - (1 << 39)));
            }
            Fault::SlowDisk => {
                let slow = *chance.pick(&[Span::millis(20), Span::millis(300), Span::secs(2)]);
                add(Span::ZERO, Act::Disk(host, slow));
            }
        }
    }
}
