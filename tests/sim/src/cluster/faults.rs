//! What can go wrong, and how a seed chooses what does.

use holdfast_core::random::Random;
use holdfast_core::time::Span;

use super::agents::Mischief;
use super::medium::Host;
use crate::net::{Scope, Weather};

/// Something that goes wrong (or is put right).
#[derive(Clone, Debug)]
pub enum Fault {
    /// A host loses its power and gets it back after a while.
    PowerCut(Host, Span),
    /// A daemon is killed; its guard starts it again after a while.
    Kill(Host, Span),
    /// A host stops for a while without knowing.
    Pause(Host, Span),
    /// It goes on.
    Resume(Host),
    /// Hosts hear only those of their own part.
    Split(Vec<u32>),
    /// All hear each other again.
    Heal,
    /// A daemon is stopped in order, and started again after a while.
    Stop(Host, Span),
    /// A daemon is started.
    Start(Host),
    /// A wall clock jumps, in µs.
    ClockStep(Host, i64),
    /// Bad weather on the network for a while.
    Weather(Weather, Scope, Span),
    /// Agents misbehave at these rates.
    Mischief(Mischief),
}

/// Kinds, for choosing which ones a seed switches on.
const KINDS: u64 = 8;

fn weather(hosts: usize, random: &mut Random) -> Fault {
    let weather = match random.below(7) {
        0 => Weather::Loss(random.below(100_000)),
        1 => Weather::Burst(2_000, Span::millis(50 + random.below(200))),
        2 => Weather::Jitter(Span::millis(random.below(20))),
        3 => Weather::Reorder(50_000, Span::millis(5)),
        4 => Weather::Duplicate(50_000),
        5 => Weather::Corrupt(20_000),
        _ => Weather::Truncate(20_000),
    };
    let host = |random: &mut Random| usize::try_from(random.below(hosts as u64)).ok();
    let from = if random.below(2) == 0 { host(random) } else { None };
    let to = if random.below(3) == 0 { host(random) } else { None };
    Fault::Weather(weather, Scope { from, to, link: None }, Span::millis(500 + random.below(10_000)))
}

/// A list of faults with their times, from the beginning of the run.
#[must_use]
pub fn choose(hosts: usize, length: Span, random: &mut Random) -> Vec<(Span, Fault)> {
    let kinds: Vec<u64> = (0..KINDS).filter(|_| random.below(100) < 55).collect();
    let count = random.below(12);
    let mut faults = Vec::new();
    let host = |random: &mut Random| usize::try_from(random.below(hosts as u64)).unwrap_or(0);
    for _ in 0..count {
        let Some(kind) = kinds.get(usize::try_from(random.below(kinds.len() as u64)).unwrap_or(0)) else {
            break;
        };
        let at = Span::micros(random.below(length.0.max(1)));
        let fault = match kind {
            0 => Fault::PowerCut(host(random), Span::millis(500 + random.below(20_000))),
            1 => Fault::Kill(host(random), Span::millis(50 + random.below(400))),
            2 => Fault::Pause(host(random), Span::millis(10 + random.below(8_000))),
            3 => {
                let parts: Vec<u32> =
                    (0..hosts).map(|_| u32::try_from(random.below(2)).unwrap_or(0)).collect();
                let heal = at + Span::millis(100 + random.below(15_000));
                faults.push((heal, Fault::Heal));
                Fault::Split(parts)
            }
            4 => Fault::Stop(host(random), Span::millis(2_000 + random.below(10_000))),
            5 => {
                let step = i64::try_from(random.below(7_200_000_000)).unwrap_or(0) - 3_600_000_000;
                Fault::ClockStep(host(random), step)
            }
            6 => weather(hosts, random),
            _ => Fault::Mischief(Mischief {
                start_fails: random.below(50_000),
                stop_fails: 0,
                dies: random.below(20_000),
                hangs: random.below(5_000),
                fence_fails: random.below(300_000),
            }),
        };
        faults.push((at, fault));
    }
    faults.push((length, Fault::Heal));
    faults.push((length, Fault::Mischief(Mischief::default())));
    faults.sort_by_key(|(at, _)| *at);
    faults
}
