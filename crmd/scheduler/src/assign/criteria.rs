//! What counts before any resource is placed: locks, locations, stickiness, failures, exclusive discovery.

use holdfast_model::config::ProbeMode;
use holdfast_model::duration::seconds_at_least_one;
use holdfast_model::{Role, Score};

use super::table::{Row, Slot};
use super::{Assigner, Why};
use crate::constraints::location::{Location, LocationIx};
use crate::facts::{Flags, NodeIx, RscIx, RscKind};
use crate::index::Idx;

/// How a location reaches the members of a collective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scores {
    /// With its scores.
    Full,
    /// Only so far that the nodes become allowed.
    Zero,
}

impl Assigner<'_> {
    /// Applies everything that counts for single resources, in the order that decides about saturation.
    pub(super) fn apply_criteria(&mut self) {
        self.apply_tickets();
        if self.facts.options.shutdown_lock {
            for rsc in self.facts.top.clone() {
                self.apply_shutdown_lock(rsc);
            }
        }
        let constraints = self.constraints;
        for (position, location) in constraints.locations.iter().enumerate().rev() {
            self.apply_location(location.rsc, LocationIx::new(position), Scores::Full);
        }
        let top = self.facts.top.clone();
        for &rsc in &top {
            self.apply_stickiness(rsc);
        }
        for node in self.facts.nodes.indices() {
            for &rsc in &top {
                self.apply_failures(rsc, node);
                self.apply_exclusive_discovery(rsc, node);
            }
        }
    }

    /// Adds `score` for `node` (or every node) to the resource and everything in it.
    pub(super) fn prefer(&mut self, rsc: RscIx, node: Option<NodeIx>, score: Score, why: Why) {
        match node {
            Some(node) => self.prefer_node(rsc, node, score, why),
            None => {
                for node in self.facts.nodes.indices() {
                    self.prefer_node(rsc, node, score, why);
                }
                if score == Score::MINUS_INFINITY {
                    self.work[rsc].given = None;
                }
            }
        }
    }

    fn prefer_node(&mut self, rsc: RscIx, node: NodeIx, score: Score, why: Why) {
        for child in self.work[rsc].children.clone() {
            self.prefer_node(child, node, score, why);
        }
        let it = &self.facts.nodes[node];
        let slot = self.tables.slot_mut(rsc, node);
        let sum = match slot.present {
            true => slot.score + score,
            false => {
                slot.probe = it.probe;
                it.score + score
            }
        };
        self.set_score(rsc, node, sum, why);
    }

    /// Keeps a resource for a node that is shutting down, if it was running only there.
    fn apply_shutdown_lock(&mut self, rsc: RscIx) {
        match self.facts.rscs[rsc].kind {
            RscKind::Group(_) => {
                for member in self.work[rsc].children.clone() {
                    self.apply_shutdown_lock(member);
                }
                return;
            }
            RscKind::Clone(_) | RscKind::Bundle(_) => return,
            RscKind::Primitive => {}
        }
        let it = &self.facts.rscs[rsc];
        if it.flags.any(Flags::FENCE_DEVICE | Flags::REMOTE_CONNECTION) {
            return;
        }
        let lock = match (it.lock_node, &it.running_on[..]) {
            // It was started elsewhere although it is locked: leave it alone.
            (Some(node), [_, ..]) => {
                self.work[rsc].dropped_lock = Some(node);
                None
            }
            (Some(node), []) => Some((node, it.lock_time)),
            (None, &[node]) => {
                let outlook = &self.nodes[node];
                (outlook.shutdown && !outlook.unclean).then(|| (node, self.shutdown_time(node)))
            }
            (None, _) => None,
        };
        self.work[rsc].lock = lock;
        let Some((lock_node, since)) = lock else { return };
        let limit_ms = self.facts.options.shutdown_lock_limit_ms;
        if limit_ms > 0 {
            self.recheck_at(since.saturating_add(seconds_at_least_one(limit_ms)).saturating_add(1));
        }
        for node in self.facts.nodes.indices().filter(|&node| node != lock_node) {
            self.prefer(rsc, Some(node), Score::MINUS_INFINITY, Why::ShutdownLock);
        }
    }

    /// When the node asked to leave, in seconds; now if that is not known.
    fn shutdown_time(&self, node: NodeIx) -> i64 {
        let since = self.node_attribute(node, "shutdown").and_then(|text| text.trim().parse::<i64>().ok());
        since.filter(|&since| since != 0).unwrap_or(self.facts.now)
    }

    fn recheck_at(&mut self, when: i64) {
        if when > self.facts.now {
            self.recheck_by = Some(self.recheck_by.map_or(when, |earlier| earlier.min(when)));
        }
    }

    /// Applies a location to the resource and what it is made of.
    fn apply_location(&mut self, rsc: RscIx, location: LocationIx, scores: Scores) {
        let constraints = self.constraints;
        let it = &constraints.locations[location.index()];
        if scores == Scores::Full {
            self.apply_location_itself(rsc, it, location);
        } else {
            let zero = Location {
                nodes: it.nodes.iter().map(|(node, _)| (*node, Score::ZERO)).collect(),
                ..it.clone()
            };
            self.apply_location_itself(rsc, &zero, location);
        }
        let children = self.work[rsc].children.clone();
        match &self.facts.rscs[rsc].kind {
            RscKind::Primitive => {}
            RscKind::Group(group) => {
                // Later members follow the first one; counting the score for each would count it several times.
                for (position, &member) in children.iter().enumerate() {
                    let scores = if group.colocated && position > 0 { Scores::Zero } else { scores };
                    self.apply_location(member, location, scores);
                }
            }
            RscKind::Clone(_) => {
                for instance in children {
                    self.apply_location(instance, location, scores);
                }
            }
            RscKind::Bundle(data) => {
                for replica in &data.replicas {
                    self.apply_location(replica.container, location, scores);
                    if let Some(ip) = replica.ip {
                        self.apply_location(ip, location, scores);
                    }
                }
                if let Some(inner) = data.child
                    && matches!(it.role, Role::Unpromoted | Role::Promoted)
                {
                    self.apply_location(inner, location, scores);
                    self.own_locations[inner].push(location);
                }
            }
        }
    }

    fn apply_location_itself(&mut self, rsc: RscIx, location: &Location, index: LocationIx) {
        let mut row = self.tables.row(rsc).to_vec();
        if self.add_location(rsc, location, &mut row) {
            self.work[rsc].exclusive_probes = true;
        }
        self.set_row(rsc, &row, Why::Location(index));
    }

    /// Adds a location to a table; says whether the resource thereby becomes one with exclusive discovery.
    pub(super) fn add_location(&self, rsc: RscIx, location: &Location, row: &mut Row) -> bool {
        if location.role != Role::Unknown && location.role != self.work[rsc].next_role {
            return false;
        }
        let mut exclusive = false;
        for &(node, score) in &location.nodes {
            let slot = &mut row[node.index()];
            if slot.present {
                slot.score += score;
            } else {
                let probe = self.facts.nodes[node].probe;
                *slot = Slot { present: true, score, probe, ..Slot::default() };
            }
            if slot.probe < location.probe {
                slot.probe = location.probe;
                exclusive |= location.probe == ProbeMode::Exclusive;
            }
        }
        exclusive
    }

    /// Lets a resource stay where it is, if it is there only.
    fn apply_stickiness(&mut self, rsc: RscIx) {
        let children = self.work[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.apply_stickiness(child);
            }
            return;
        }
        let stickiness = self.stickiness(rsc);
        let &[node] = self.active(rsc) else { return };
        if !self.managed(rsc) || stickiness < Score::new(1) {
            return;
        }
        // Where nothing is allowed by default, staying has to be allowed too.
        if self.facts.options.symmetric || self.tables.get(rsc, node).is_some() {
            self.prefer(rsc, Some(node), stickiness, Why::Stickiness);
        }
    }

    /// Bans a resource from a node where it failed too often.
    fn apply_failures(&mut self, rsc: RscIx, node: NodeIx) {
        let children = self.work[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.apply_failures(child, node);
            }
            return;
        }
        if !self.threshold_reached(rsc, node) || self.facts.clears_failures(rsc, node) {
            return;
        }
        // Which instance of an anonymous clone failed says nothing: all of them are banned.
        let banned = if self.is(rsc, Flags::UNIQUE) { rsc } else { self.top(rsc) };
        self.prefer(banned, Some(node), Score::MINUS_INFINITY, Why::FailureBan);
    }

    /// Whether the resource failed on the node as often as it may.
    pub(super) fn threshold_reached(&self, rsc: RscIx, node: NodeIx) -> bool {
        let threshold = self.facts.rscs[rsc].migration_threshold;
        if threshold == 0 || self.is(rsc, Flags::IGNORE_FAILURE) {
            return false;
        }
        let failures = self.facts.failures_with_launched(rsc, node);
        failures > 0 && threshold - failures <= 0
    }

    fn apply_exclusive_discovery(&mut self, rsc: RscIx, node: NodeIx) {
        if !self.work[rsc].exclusive_probes && !self.work[self.top(rsc)].exclusive_probes {
            return;
        }
        for child in self.work[rsc].children.clone() {
            self.apply_exclusive_discovery(child, node);
        }
        if self.tables.get(rsc, node).is_some_and(|slot| slot.probe != ProbeMode::Exclusive) {
            self.set_score(rsc, node, Score::MINUS_INFINITY, Why::ExclusiveDiscovery);
        }
    }
}
