//! Giving a node to a resource and taking it away again, whatever kind of resource it is.

use holdfast_model::{Role, Score};

use super::hash_order::named_in_bucket_order;
use super::{Assigner, Given, ScoreLine};
use crate::facts::{NodeIx, RscIx, RscKind};

impl Assigner<'_> {
    /// Places a resource and everything in it. `prefer` wins among equals; with `stop_if_fail` the decision is final
    /// and a resource without a node will be stopped. Returns the node if everything is on one.
    pub(super) fn place(&mut self, rsc: RscIx, prefer: Option<NodeIx>, stop_if_fail: bool) -> Option<NodeIx> {
        match self.facts.rscs[rsc].kind {
            RscKind::Primitive => self.place_primitive(rsc, prefer, stop_if_fail),
            RscKind::Group(_) => self.place_group(rsc, prefer, stop_if_fail),
            RscKind::Clone(_) => {
                self.place_clone(rsc, prefer, stop_if_fail);
                None
            }
            RscKind::Bundle(_) => {
                self.place_bundle(rsc, prefer, stop_if_fail);
                None
            }
        }
    }

    /// Gives a node to the resource and everything in it, or none. Unless forced, the node must be able to run it.
    pub(super) fn give(&mut self, rsc: RscIx, node: Option<Given>, force: bool, stop_if_fail: bool) {
        let children = self.work[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.give(child, node, force, stop_if_fail);
            }
            return;
        }
        let usable = |given: &Given| {
            let guest = self.facts.nodes[given.node].is_guest();
            given.score >= Score::ZERO && (self.node_available(given.node) || guest)
        };
        let node = match node {
            Some(given) if !force && !usable(&given) => {
                if stop_if_fail {
                    self.work[rsc].next_role = Role::Stopped;
                }
                None
            }
            node => node,
        };
        self.take_back(rsc);
        self.work[rsc].unassigned = false;
        let Some(given) = node else {
            if stop_if_fail {
                self.work[rsc].next_role = Role::Stopped;
                self.work[rsc].placement_failed = true;
            }
            return;
        };
        self.work[rsc].given = Some(given);
        self.nodes[given.node].resources += 1;
        self.capacity.consume(self.facts, given.node, rsc);
        if self.wanted.utilization {
            let values = named_in_bucket_order(&self.facts.rscs[rsc].utilization);
            self.lines.push(ScoreLine::Utilization { rsc, node: given.node, values });
        }
    }

    /// Takes the node away from the resource and everything in it.
    pub(super) fn take_back(&mut self, rsc: RscIx) {
        self.work[rsc].unassigned = true;
        let children = self.work[rsc].children.clone();
        for &child in &children {
            self.take_back(child);
        }
        if !children.is_empty() {
            return;
        }
        if let Some(given) = self.work[rsc].given.take() {
            self.nodes[given.node].resources -= 1;
            self.capacity.release(self.facts, given.node, rsc);
        }
    }
}
