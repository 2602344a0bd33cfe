//! What must hold after every event, whatever goes wrong.
//!
//! Looks at the physical truth and at what nodes say of themselves; the first violation ends the run.

use std::collections::BTreeMap;

use holdfast_api::Reply;
use holdfast_core::io::Operation;
use holdfast_core::time::Instant;
use holdfast_core::{Node, Snapshot};
use holdfast_totem::{NodeId, RingId};

use super::agents::Agents;
use super::medium::{self, Host};
use super::sabotage::Bug;

/// Key of what two members of one view must agree on: ring and version.
type Agreed = (RingId, (u64, u64, u64));

/// The checkers.
#[derive(Debug, Default)]
pub struct Checks {
    fencing: bool,
    /// A planted bug.
    pub bug: Option<Bug>,
    violation: Option<String>,
    deciders: BTreeMap<RingId, NodeId>,
    documents: BTreeMap<(RingId, (u64, u64)), [u8; 16]>,
    states: BTreeMap<Agreed, (u64, Host)>,
    last: BTreeMap<Host, Agreed>,
    /// Overlaps seen where nothing could prevent them.
    pub overlaps: u64,
    /// Writes that were acknowledged without reserve: request id.
    pub acknowledged: Vec<u64>,
    /// Writes that were refused or acknowledged as provisional.
    pub unsure: u64,
    /// Things that happened at least once, for coverage.
    pub sometimes: BTreeMap<&'static str, u64>,
}

impl Checks {
    /// With or without fencing.
    #[must_use]
    pub fn new(fencing: bool) -> Self {
        Self { fencing, ..Self::default() }
    }

    /// The first violation.
    #[must_use]
    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// Whether anything was violated.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.violation.is_some()
    }

    /// Something must not be.
    pub fn violated(&mut self, what: String) {
        if self.violation.is_none() {
            self.violation = Some(what);
        }
    }

    fn sometimes(&mut self, what: &'static str) {
        *self.sometimes.entry(what).or_insert(0) += 1;
    }

    /// A host's node is gone.
    pub fn gone(&mut self, host: Host) {
        self.last.remove(&host);
    }

    /// A daemon was told to stop in order.
    pub fn stopped(&mut self) {
        self.sometimes("orderly end");
    }

    /// A host lost its power.
    pub fn power_cut(&mut self, _host: Host, _now: Instant) {
        self.sometimes("power cut");
    }

    /// A node after an event.
    pub fn look(&mut self, host: Host, node: &Node) {
        let seen = node.inspect();
        let (Some(ring), true) = (seen.ring, seen.settled && !seen.ending) else { return };
        if let Some(dc) = seen.dc {
            let planted = self.bug == Some(Bug::TwoDeciders) && host == 1;
            let dc = if planted { medium::node_id(host) } else { dc };
            let known = *self.deciders.entry(ring).or_insert(dc);
            if known != dc {
                self.violated(format!(
                    "{} takes node {dc} for the decision maker of ring {ring}, another takes node {known}",
                    medium::name(host)
                ));
            }
        }
        let version = (seen.version.admin_epoch, seen.version.epoch, seen.version.num_updates);
        let key = (ring, version);
        if self.last.get(&host) == Some(&key) {
            return;
        }
        self.last.insert(host, key);
        let mut own = seen.digest;
        if self.bug == Some(Bug::OtherDocument) && host == 1 {
            own[0] ^= 1;
        }
        let digest = *self.documents.entry((ring, (version.0, version.1))).or_insert(own);
        if digest != own {
            self.violated(format!(
                "{} has another configuration at version {}.{} in ring {ring}",
                medium::name(host),
                version.0,
                version.1
            ));
        }
        self.compare(host, node);
    }

    /// A plan is asked for: the state it starts from is that of all members.
    pub fn planned(&mut self, _host: Host, snapshot: &Snapshot) {
        self.sometimes("plan");
        if !snapshot.quorate {
            self.sometimes("plan without quorum");
        }
    }

    /// The shared state of a node at the message that made this version: the same for all members.
    fn compare(&mut self, host: Host, node: &Node) {
        let seen = node.inspect();
        let (Some(ring), true) = (seen.ring, seen.settled) else { return };
        let version = (seen.version.admin_epoch, seen.version.epoch, seen.version.num_updates);
        let digest = node.shared_digest() ^ u64::from(self.bug == Some(Bug::OtherState) && host == 1);
        let (known, other) = *self.states.entry((ring, version)).or_insert((digest, host));
        if known != digest {
            self.violated(format!(
                "{} and {} disagree on the state at version {}.{}.{} in ring {ring}",
                medium::name(host),
                medium::name(other),
                version.0,
                version.1,
                version.2
            ));
        }
    }

    /// An agent begins.
    pub fn begins(&mut self, host: Host, operation: &Operation, agents: &Agents, now: Instant) {
        if operation.operation != "start" || operation.class == "stonith" {
            return;
        }
        self.sometimes("start");
        let elsewhere: Vec<Host> =
            agents.where_active(&operation.rsc).into_iter().filter(|h| *h != host).collect();
        if let Some(other) = elsewhere.first() {
            self.sometimes("start while active elsewhere");
            if self.fencing {
                self.violated(format!(
                    "at {} µs {} starts {} while it is active on {}",
                    now.0,
                    medium::name(host),
                    operation.rsc,
                    medium::name(*other)
                ));
            }
        }
    }

    /// The physical truth after an agent ended.
    pub fn truth(&mut self, agents: &Agents, now: Instant) {
        let doubles = agents.doubles();
        let Some((rsc, hosts)) = doubles.first() else { return };
        if self.fencing {
            let names: Vec<String> = hosts.iter().map(|h| medium::name(*h)).collect();
            self.violated(format!("at {} µs {rsc} is active on {}", now.0, names.join(" and ")));
        } else {
            self.overlaps += 1;
        }
    }

    /// A client was answered.
    pub fn answered(&mut self, id: u64, reply: &Reply) {
        match reply {
            Reply::Cib(cib) if !cib.provisional => {
                self.sometimes("write acknowledged");
                // The planted one is acknowledged although nobody made it.
                self.acknowledged.push(if self.bug == Some(Bug::LostWrite) { id + 500 } else { id });
            }
            Reply::Cib(_) => {
                self.sometimes("write provisional");
                self.unsure += 1;
            }
            Reply::Failed(_) => {
                self.sometimes("write refused");
                self.unsure += 1;
            }
            _ => {}
        }
    }
}
