//! The physical truth: what is active where, and how agents and fence devices behave.
//!
//! Checkers look here, never into what a node believes.

use std::collections::BTreeMap;

use holdfast_core::io::{Operation, Outcome, OutcomeStatus};
use holdfast_core::random::Random;
use holdfast_core::time::Span;

use super::medium::Host;

/// How agents misbehave, each in a million runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    /// Starts that fail.
    pub start_fails: u64,
    /// Stops that fail (the resource stays active).
    pub stop_fails: u64,
    /// Monitors of active resources that find them failed; they are then really down.
    pub dies: u64,
    /// Operations that hang until their time-out.
    pub hangs: u64,
    /// Fence agents that fail although nothing is wrong.
    pub fence_fails: u64,
}

/// What an agent is doing.
#[derive(Clone, Debug)]
pub struct Doing {
    /// How long it takes.
    pub takes: Span,
    /// How it ends, decided in advance where chance decides.
    pub verdict: Verdict,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As asked.
    Works,
    /// With an error.
    Fails,
    /// Not before its time-out.
    Hangs,
}

/// All resources on all hosts.
#[derive(Debug, Default)]
pub struct Agents {
    active: BTreeMap<(Host, String), ()>,
    /// Rates of misbehaviour.
    pub mischief: Mischief,
    /// A stop is reported and does not happen (planted).
    pub stop_lies: bool,
    /// Power cuts that fence devices carried out.
    pub fenced: u64,
}

impl Agents {
    /// Where a resource is active.
    #[must_use]
    pub fn where_active(&self, rsc: &str) -> Vec<Host> {
        self.active.keys().filter(|(_, r)| r == rsc).map(|(h, _)| *h).collect()
    }

    /// Everything that is active on more than one host.
    #[must_use]
    pub fn doubles(&self) -> Vec<(String, Vec<Host>)> {
        let mut by_resource: BTreeMap<&str, Vec<Host>> = BTreeMap::new();
        for (host, rsc) in self.active.keys() {
            by_resource.entry(rsc).or_default().push(*host);
        }
        by_resource.into_iter().filter(|(_, hosts)| hosts.len() > 1).map(|(r, h)| (r.to_owned(), h)).collect()
    }

    /// The host lost its power.
    pub fn power_cut(&mut self, host: Host) {
        self.active.retain(|(h, _), ()| *h != host);
    }

    /// Whether a resource is active on a host.
    #[must_use]
    pub fn is_active(&self, host: Host, rsc: &str) -> bool {
        self.active.contains_key(&(host, rsc.to_owned()))
    }

    /// An agent begins.
    pub fn begin(&mut self, operation: &Operation, random: &mut Random) -> Doing {
        let hit = |random: &mut Random, rate: u64| random.below(1_000_000) < rate;
        let base = match operation.operation.as_str() {
            "monitor" => 5_000,
            "off" | "reboot" => 300_000,
            _ => 20_000,
        };
        let takes = Span::micros(base + random.below(base));
        let verdict = if operation.interval_ms == 0 && hit(random, self.mischief.hangs) {
            Verdict::Hangs
        } else {
            let rate = match operation.operation.as_str() {
                "start" => self.mischief.start_fails,
                "stop" => self.mischief.stop_fails,
                "monitor" if operation.interval_ms > 0 => self.mischief.dies,
                "off" | "reboot" => self.mischief.fence_fails,
                _ => 0,
            };
            if hit(random, rate) { Verdict::Fails } else { Verdict::Works }
        };
        let takes = if verdict == Verdict::Hangs { operation.timeout } else { takes };
        Doing { takes, verdict }
    }

    /// An agent of a resource ends: the world changes, and this is what it says.
    pub fn end(&mut self, host: Host, operation: &Operation, verdict: Verdict) -> Outcome {
        let key = (host, operation.rsc.clone());
        let active = self.active.contains_key(&key);
        let mut outcome = match (operation.operation.as_str(), verdict) {
            (_, Verdict::Hangs) => {
                let mut outcome = Outcome::exited(1);
                outcome.status = OutcomeStatus::Timeout;
                outcome
            }
            ("start", Verdict::Works) => {
                self.active.insert(key, ());
                Outcome::exited(0)
            }
            ("stop", Verdict::Works) => {
                if !self.stop_lies {
                    self.active.remove(&key);
                }
                Outcome::exited(0)
            }
            ("monitor", Verdict::Fails) => {
                self.active.remove(&key);
                Outcome::exited(7)
            }
            ("monitor", Verdict::Works) => Outcome::exited(if active { 0 } else { 7 }),
            (_, Verdict::Works) => Outcome::exited(0),
            (_, Verdict::Fails) => Outcome::exited(1),
        };
        outcome.ran = Span::millis(20);
        outcome
    }
}
