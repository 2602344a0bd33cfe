//! Filling the tables: configuration first, then status, in the order that decides numbers and instances.

mod bundle;
mod collective;
mod fencing;
mod history;
mod migration;
mod node_state;
mod nodes;
mod remote;
mod renumber;
mod resources;
mod result;
mod template;

pub use history::newer as compare_records;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_model::config::Cib;
use holdfast_model::{Level, Problem, Score};

use super::lookup::compare_names;
use super::options;
use super::types::{Allowed, Counts, Facts, Flags, HealthStrategy, NodeIx, RscIx};
use crate::index::IndexVec;
use template::Template;

/// Makes facts from a document, as of `now` (seconds since the epoch).
pub fn unpack(cib: &Cib, now: i64) -> Facts<'_> {
    let mut problems = Vec::new();
    let mut next_change = None;
    let options = options::settle(cib, now, &mut next_change, &mut problems);
    let facts = Facts {
        cib,
        now,
        options,
        nodes: IndexVec::new(),
        rscs: IndexVec::new(),
        top: Vec::new(),
        tickets: BTreeMap::new(),
        templates: BTreeMap::new(),
        tags: BTreeMap::new(),
        early: Vec::new(),
        failed_ops: Vec::new(),
        param_checks: Vec::new(),
        stop_needed: Vec::new(),
        recheck_by: Cell::new(None),
        poisoned: BTreeSet::new(),
        cleared: BTreeSet::new(),
        digests: BTreeMap::new(),
        fenced_early: BTreeMap::new(),
        counts: Counts::default(),
        problems,
        rsc_by_id: BTreeMap::new(),
        node_by_name: BTreeMap::new(),
    };
    if let Some(second) = next_change {
        facts.note_recheck(second);
    }
    let mut unpack = Unpack {
        facts,
        order: Vec::new(),
        by_history: BTreeMap::new(),
        node_by_id: BTreeMap::new(),
        clone_children: BTreeMap::new(),
        early_stops: BTreeSet::new(),
        failed_keys: BTreeSet::new(),
    };
    unpack.nodes();
    let guests = unpack.remote_nodes();
    unpack.resources(guests);
    unpack.tags();
    unpack.status();
    unpack.count();
    unpack.health();
    unpack.renumbered()
}

/// The tables while they grow. Node indices follow the order of creation until the very end.
struct Unpack<'c> {
    facts: Facts<'c>,
    /// Nodes in natural name order.
    order: Vec<NodeIx>,
    /// Resources by the name histories use for them.
    by_history: BTreeMap<String, RscIx>,
    /// Nodes by id in lower case.
    node_by_id: BTreeMap<String, NodeIx>,
    /// What clones make instances from.
    clone_children: BTreeMap<RscIx, Arc<Template>>,
    /// Stops that were asked for.
    early_stops: BTreeSet<(RscIx, NodeIx)>,
    /// Failed operations that are listed already: node and key.
    failed_keys: BTreeSet<(NodeIx, String)>,
}

impl Unpack<'_> {
    fn problem(&mut self, level: Level, element: &str, id: &str, message: impl Into<String>) {
        self.facts.problems.push(Problem {
            level,
            element: element.to_owned(),
            id: id.to_owned(),
            line: 0,
            message: message.into(),
        });
    }

    /// The resource with this name or known to histories by it; a configured one comes before one that is not.
    fn find_resource(&self, id: &str) -> Option<RscIx> {
        match self.facts.rsc_named(id) {
            Some(rsc)
                if !self.facts.rscs[rsc].is(Flags::REMOVED) || self.facts.rscs[rsc].parent.is_some() =>
            {
                Some(rsc)
            }
            named => self.find_by_history(id).or(named),
        }
    }

    fn find_by_history(&self, id: &str) -> Option<RscIx> {
        let known = |rsc: RscIx| self.facts.rscs[rsc].history_id.as_deref() == Some(id);
        let found = *self.by_history.get(id)?;
        // It may have got another name since, but its fellows not.
        if known(found) { Some(found) } else { self.facts.rscs.indices().find(|&rsc| known(rsc)) }
    }

    /// The node with this id, else the one with this name.
    fn find_node_any(&self, id: &str, name: &str) -> Option<NodeIx> {
        self.node_by_id.get(&id.to_ascii_lowercase()).copied().or_else(|| self.facts.node_named(name))
    }

    /// Puts a node into the name order.
    fn insert_in_order(&mut self, node: NodeIx) {
        let name = &self.facts.nodes[node].name;
        let nodes = &self.facts.nodes;
        let at = self.order.partition_point(|&other| compare_names(&nodes[other].name, name).is_lt());
        self.order.insert(at, node);
    }

    /// Adds a score for a resource and everything in it on one node, entering the node into the table if need be.
    fn prefer(&mut self, rsc: RscIx, node: NodeIx, score: Score) {
        for child in self.facts.rscs[rsc].children.clone() {
            self.prefer(child, node, score);
        }
        self.prefer_alone(rsc, node, score);
    }

    fn prefer_alone(&mut self, rsc: RscIx, node: NodeIx, score: Score) {
        let this = &self.facts.nodes[node];
        let fresh = Allowed { score: this.score, probe: this.probe };
        let entry = self.facts.rscs[rsc].allowed.entry(node).or_insert(fresh);
        entry.score += score;
    }

    /// The same on every node.
    fn prefer_everywhere(&mut self, rsc: RscIx, score: Score) {
        for node in self.order.clone() {
            self.prefer(rsc, node, score);
        }
    }

    /// In a symmetric cluster every node is allowed, except where the resource or the node wants to be asked.
    fn allow_symmetric(&mut self, rsc: RscIx) {
        for node in self.order.clone() {
            self.allow_symmetric_on(rsc, node);
        }
    }

    fn allow_symmetric_on(&mut self, rsc: RscIx, node: NodeIx) {
        use holdfast_model::config::ProbeMode;
        if self.facts.rscs[rsc].is(Flags::EXCLUSIVE_PROBES)
            || self.facts.nodes[node].probe == ProbeMode::Never
        {
            return;
        }
        for child in self.facts.rscs[rsc].children.clone() {
            self.allow_symmetric_on(child, node);
        }
        self.prefer_alone(rsc, node, Score::ZERO);
    }

    /// Replaces the table by one that has every node at minus infinity.
    fn ban_everywhere(&mut self, rsc: RscIx) {
        let table = self.order.iter().map(|&node| {
            let probe = self.facts.nodes[node].probe;
            (node, Allowed { score: Score::MINUS_INFINITY, probe })
        });
        self.facts.rscs[rsc].allowed = table.collect();
    }

    fn tags(&mut self) {
        for tag in &self.facts.cib.tags {
            let objects = self.facts.tags.entry(tag.id.clone()).or_default();
            for object in &tag.objects {
                if !objects.contains(object) {
                    objects.push(object.clone());
                }
            }
        }
        self.facts.tags.retain(|_, objects| !objects.is_empty());
    }

    fn count(&mut self) {
        let mut counts = Counts::default();
        for top in self.facts.top.clone() {
            self.count_one(top, &mut counts);
        }
        self.facts.counts = counts;
    }

    fn count_one(&self, rsc: RscIx, counts: &mut Counts) {
        let this = &self.facts.rscs[rsc];
        if let Some(data) = this.bundle_data() {
            for replica in &data.replicas {
                let parts = [replica.ip, replica.child, Some(replica.container), replica.remote];
                for part in parts.into_iter().flatten() {
                    self.count_one(part, counts);
                }
            }
        } else if !this.children.is_empty() {
            for &child in &this.children {
                self.count_one(child, counts);
            }
        } else if !this.is(Flags::REMOVED) || this.role.is_active() {
            counts.instances += 1;
            counts.disabled += usize::from(self.facts.is_disabled(rsc));
            counts.blocked += usize::from(this.is(Flags::BLOCKED));
        }
    }

    fn health(&mut self) {
        if self.facts.options.health_strategy == HealthStrategy::None {
            return;
        }
        let scores = self.facts.options.health_scores;
        let base = self.facts.options.health_base;
        for node in self.facts.nodes.iter_mut() {
            let mut state = 1;
            let mut sum = base;
            for (_, value) in node.attributes.iter().filter(|(name, _)| name.starts_with("#health")) {
                let score = Score::parse_with_health(value, scores);
                sum += score.unwrap_or_default();
                let one = if value.eq_ignore_ascii_case("red") {
                    -1
                } else if value.eq_ignore_ascii_case("yellow") {
                    0
                } else {
                    match score {
                        Some(score) if score <= scores.red => -1,
                        Some(score) if score <= scores.yellow && scores.yellow != scores.green => 0,
                        Some(_) | None => 1,
                    }
                };
                state = one.min(state);
            }
            node.health = sum;
            node.health_state = state;
        }
    }
}
