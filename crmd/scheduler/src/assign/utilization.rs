//! Capacity: what nodes have, what resources take, and who can run what.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use holdfast_model::Score;
use holdfast_model::score::parse_leading_integer;

use super::colocate::Affects;
use super::hash_order::{bucket_order, named_in_bucket_order};
use super::lists::Side;
use super::{Assigner, ScoreLine, Why};
use crate::facts::{Facts, NodeIx, PlacementStrategy, RscIx, RscKind};
use crate::index::IndexVec;

/// Amounts by name.
type Amounts = BTreeMap<String, i32>;

/// Free capacity of every node.
#[derive(Debug, Clone)]
pub(super) struct Capacity {
    free: IndexVec<NodeIx, Amounts>,
}

/// An amount as written; 0 when it is not a number.
fn amount(text: &str) -> i32 {
    let value = parse_leading_integer(text).unwrap_or(0);
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

fn add(amounts: &mut Amounts, name: &str, value: i32) {
    let entry = amounts.entry(name.to_string()).or_insert(0);
    *entry = entry.saturating_add(value);
}

impl Capacity {
    pub(super) fn new(facts: &Facts<'_>) -> Capacity {
        let amounts = |node: &crate::facts::Node| {
            node.utilization.iter().map(|(name, value)| (name.clone(), amount(value))).collect()
        };
        Capacity { free: IndexVec::from_vec(facts.nodes.iter().map(amounts).collect()) }
    }

    pub(super) fn consume(&mut self, facts: &Facts<'_>, node: NodeIx, rsc: RscIx) {
        for (name, value) in &facts.rscs[rsc].utilization {
            add(&mut self.free[node], name, amount(value).saturating_neg());
        }
    }

    pub(super) fn release(&mut self, facts: &Facts<'_>, node: NodeIx, rsc: RscIx) {
        for (name, value) in &facts.rscs[rsc].utilization {
            add(&mut self.free[node], name, amount(value));
        }
    }

    /// Less: `a` has more of more kinds of capacity than `b`. Not transitive.
    pub(super) fn compare(&self, a: NodeIx, b: NodeIx) -> Ordering {
        let (a, b) = (&self.free[a], &self.free[b]);
        let value = |amounts: &Amounts, name: &str| amounts.get(name).copied().unwrap_or(0);
        let of_a = a.iter().map(|(name, have)| value(b, name).cmp(have) as i32);
        let only_b = b.iter().filter(|(name, _)| !a.contains_key(*name)).map(|(_, have)| have.cmp(&0) as i32);
        of_a.chain(only_b).sum::<i32>().cmp(&0)
    }

    fn is_enough(&self, node: NodeIx, needed: &Amounts) -> bool {
        needed.iter().all(|(name, needed)| self.free[node].get(name).copied().unwrap_or(0) >= *needed)
    }
}

impl Assigner<'_> {
    /// Writes the capacities of all nodes.
    pub(super) fn show_capacities(&mut self, when: &'static str) {
        if !self.wanted.utilization {
            return;
        }
        for (node, it) in self.facts.nodes.iter_enumerated() {
            let bundle_node = it.connection.is_some_and(|connection| {
                self.facts.rscs[self.facts.top_resource(connection, true)].is_bundle()
            });
            if !bundle_node {
                let values = named_in_bucket_order(&self.capacity.free[node]);
                self.lines.push(ScoreLine::Capacity { when, node, values });
            }
        }
    }

    /// Bans a resource from nodes that have not enough for it and all that has to run with it, if some node has;
    /// otherwise from those that have not enough for it alone, and then says which node has most.
    pub(super) fn ban_insufficient_capacity(&mut self, rsc: RscIx) -> Option<NodeIx> {
        if self.facts.options.placement == PlacementStrategy::Default {
            return None;
        }
        let mut colocated = Vec::new();
        self.collect_colocated(rsc, rsc, &mut colocated);
        if !colocated.contains(&rsc) {
            colocated.insert(0, rsc);
        }
        colocated.reverse();
        let mut together = Amounts::new();
        for &other in &colocated {
            self.add_utilization(other, &colocated, &mut together);
        }
        let present: Vec<NodeIx> = self.tables.present(rsc).map(|(node, _)| node).collect();
        let open: Vec<NodeIx> = bucket_order(self.facts, &present, self.tables.copies(rsc))
            .into_iter()
            .filter(|&node| {
                self.node_available(node)
                    && self.tables.get(rsc, node).is_some_and(|slot| slot.score >= Score::ZERO)
            })
            .collect();
        let most_free = open.iter().copied().reduce(|best, node| match self.capacity.compare(node, best) {
            Ordering::Less => node,
            Ordering::Equal | Ordering::Greater => best,
        });
        let any = open.iter().any(|&node| self.capacity.is_enough(node, &together));
        let needed = match any {
            true => together,
            false => self.facts.rscs[rsc]
                .utilization
                .iter()
                .map(|(name, value)| (name.clone(), amount(value)))
                .collect(),
        };
        for node in open {
            if !self.capacity.is_enough(node, &needed) {
                self.prefer(rsc, Some(node), Score::MINUS_INFINITY, Why::Utilization);
            }
        }
        most_free.filter(|_| !any)
    }

    /// Everything that has to be where `rsc` is, found along mandatory colocations.
    fn collect_colocated(&self, rsc: RscIx, origin: RscIx, found: &mut Vec<RscIx>) {
        if self.is_group(rsc) {
            let follow_members =
                self.group_colocated(rsc) || self.parent(rsc).is_some_and(|parent| self.is_clone(parent));
            if follow_members {
                found.push(rsc);
                for &member in self.children(rsc) {
                    self.collect_colocated(member, origin, found);
                }
                return;
            }
            if self.children(rsc).is_empty() {
                return;
            }
        }
        if found.contains(&rsc) {
            return;
        }
        found.push(rsc);
        for colocation in self.colocations(rsc, Side::ThisWith) {
            let it = &self.colocations[colocation];
            if it.primary != origin
                && it.score == Score::INFINITY
                && self.affects(rsc, it.primary, colocation, true) == Affects::Place
            {
                self.collect_colocated(it.primary, origin, found);
            }
        }
        for colocation in self.colocations(rsc, Side::WithThis) {
            let it = &self.colocations[colocation];
            // Of a clone it is not sure which instance a dependent will be with.
            if it.dependent != origin
                && (!self.is_clone(rsc) || self.is_clone(it.dependent))
                && it.score == Score::INFINITY
                && self.affects(it.dependent, rsc, colocation, true) == Affects::Place
            {
                self.collect_colocated(it.dependent, origin, found);
            }
        }
    }

    /// Adds what `rsc` still needs; `all` are the resources being summed up.
    fn add_utilization(&self, rsc: RscIx, all: &[RscIx], sum: &mut Amounts) {
        if !self.work[rsc].unassigned {
            return;
        }
        let children = self.children(rsc);
        match &self.facts.rscs[rsc].kind {
            RscKind::Primitive => {
                for (name, value) in &self.facts.rscs[rsc].utilization {
                    add(sum, name, amount(value));
                }
            }
            RscKind::Group(group) => {
                let whole = group.colocated || self.parent(rsc).is_some_and(|parent| self.is_clone(parent));
                let members = if whole { children } else { &children[..children.len().min(1)] };
                for &member in members {
                    if self.work[member].unassigned && !all.contains(&member) {
                        self.add_utilization(member, all, sum);
                    }
                }
            }
            RscKind::Clone(_) => {
                let mut found = false;
                for &child in children {
                    if all.contains(&child) {
                        found = true;
                    } else if self.children(child).iter().any(|member| all.contains(member)) {
                        self.add_utilization(child, all, sum);
                        found = true;
                    }
                }
                if let Some(&child) = children.first().filter(|_| !found) {
                    self.add_utilization(child, all, sum);
                }
            }
            RscKind::Bundle(bundle) => {
                if let Some(replica) = bundle.replicas.first() {
                    self.add_utilization(replica.container, all, sum);
                }
            }
        }
    }
}
