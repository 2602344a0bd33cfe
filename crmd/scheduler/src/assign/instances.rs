//! Placing the instances of a clone or the containers of a bundle.
//!
//! Instances are handed out where they already are as long as each node gets its fair share; only then the rest.

use std::cmp::Ordering;

use holdfast_model::Score;

use super::lists::Side;
use super::spread::{Select, fraction};
use super::table::{Row, Slot};
use super::{Assigner, Why, merge_sort};
use crate::facts::{Flags, NodeIx, RscIx};

/// How many instances there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// In all.
    pub total: usize,
    /// On one node.
    pub per_node: usize,
}

impl Assigner<'_> {
    /// Places `instances`, which are sorted by importance.
    pub(super) fn place_instances(&mut self, collective: RscIx, instances: &[RscIx], limits: Limits) {
        let available = self.reset_counts(collective);
        let fair_share = limits.total.checked_div(available).unwrap_or(0).max(1);
        let mut placed = 0;
        for &instance in instances {
            if placed >= limits.total {
                break;
            }
            let Some(current) = self.early_node(instance, fair_share) else { continue };
            if self.place_early(instance, current, limits.per_node, limits.total - placed) {
                placed += 1;
            }
        }
        for &instance in instances {
            if !self.work[instance].unassigned {
                continue;
            }
            if placed >= limits.total {
                self.prefer(instance, None, Score::MINUS_INFINITY, Why::InstanceLimit);
            } else if self.place_instance(instance, None, limits.per_node).is_some() {
                placed += 1;
            }
        }
    }

    /// Forgets earlier counts; returns how many nodes could take instances.
    fn reset_counts(&mut self, collective: RscIx) -> usize {
        self.tables.row_mut(collective).iter_mut().for_each(|slot| slot.count = 0);
        self.tables.present(collective).filter(|(node, _)| self.node_available(*node)).count()
    }

    /// Where the instance is now, if it is well there and the node has not had its share yet.
    fn early_node(&self, instance: RscIx, fair_share: usize) -> Option<NodeIx> {
        if self.active(instance).is_empty() || !self.work[instance].unassigned || self.failed(instance) {
            return None;
        }
        let node = self.current_node(instance).filter(|&node| self.node_open(node))?;
        let full = self.parent_slot(instance, node).is_some_and(|slot| slot.count as usize >= fair_share);
        (!full).then_some(node)
    }

    fn place_instance(&mut self, instance: RscIx, prefer: Option<NodeIx>, per_node: usize) -> Option<NodeIx> {
        if self.work[instance].assigning {
            return None;
        }
        self.ban_full_nodes(instance, per_node);
        let node = self.place(instance, prefer, prefer.is_none());
        self.count_instance(instance, node);
        node
    }

    fn count_instance(&mut self, instance: RscIx, node: Option<NodeIx>) {
        let Some(node) = node else { return };
        let parent = self.parent(instance).unwrap_or(instance);
        let slot = self.tables.slot_mut(parent, node);
        if slot.present {
            slot.count += 1;
        }
    }

    /// Tries to leave an instance where it is. Each time the scores choose another node, one of the instances still to
    /// be placed is set aside for that node and the attempt is repeated.
    fn place_early(&mut self, instance: RscIx, current: NodeIx, per_node: usize, available: usize) -> bool {
        let allowed = self.tables.get(instance, current).is_some_and(|slot| slot.score >= Score::ZERO);
        if !allowed || !self.node_available(current) {
            return false;
        }
        let parent = self.parent(instance).unwrap_or(instance);
        let parent_row = self.tables.row(parent).to_vec();
        let saved = self.save_rows(instance);
        let mark = self.contributions.mark();
        let mut set_aside = 0;
        let mut stays = false;
        while set_aside < available {
            let chosen = self.place_instance(instance, Some(current), per_node);
            if chosen == Some(current) {
                stays = true;
                break;
            }
            self.restore_rows(&saved, mark);
            if chosen.is_none() {
                self.work[instance].unassigned = true;
                break;
            }
            set_aside += 1;
            self.take_back(instance);
        }
        self.tables.row_mut(parent).copy_from_slice(&parent_row);
        if stays {
            self.count_instance(instance, Some(current));
        }
        stays
    }

    fn save_rows(&self, rsc: RscIx) -> Vec<(RscIx, Row, u8)> {
        let mut saved = vec![(rsc, self.tables.row(rsc).to_vec(), self.tables.copies(rsc))];
        for &child in self.children(rsc) {
            saved.extend(self.save_rows(child));
        }
        saved
    }

    fn restore_rows(&mut self, saved: &[(RscIx, Row, u8)], mark: usize) {
        for (rsc, row, copies) in saved {
            self.tables.row_mut(*rsc).copy_from_slice(row);
            // Once when it was saved, and now again.
            self.tables.set_copies(*rsc, copies.saturating_add(2));
        }
        if self.contributions.wanted() {
            let rscs: Vec<RscIx> = saved.iter().map(|(rsc, ..)| *rsc).collect();
            self.contributions.forget_since(mark, &rscs);
        }
    }

    /// Bans the instance (and its members) from nodes that cannot take it or have enough.
    fn ban_full_nodes(&mut self, instance: RscIx, per_node: usize) {
        let nodes: Vec<NodeIx> = self.tables.present(instance).map(|(node, _)| node).collect();
        for node in nodes {
            if self.can_take(instance, node, per_node) {
                continue;
            }
            self.set_score(instance, node, Score::MINUS_INFINITY, Why::NodeFull);
            for child in self.work[instance].children.clone() {
                if self.tables.get(child, node).is_some() {
                    self.set_score(child, node, Score::MINUS_INFINITY, Why::NodeFull);
                }
            }
        }
    }

    fn can_take(&self, instance: RscIx, node: NodeIx, per_node: usize) -> bool {
        !self.is(instance, Flags::REMOVED)
            && self.node_available(node)
            && self
                .parent_slot(instance, node)
                .is_some_and(|slot| slot.score >= Score::ZERO && (slot.count as usize) < per_node)
    }

    /// Sorts instances by who shall choose first.
    pub(super) fn sort_instances(&mut self, instances: &[RscIx]) -> Vec<RscIx> {
        merge_sort(instances, &mut |a, b| self.compare_instances(a, b))
    }

    pub(super) fn sort_by_instance_number(&mut self, clone: RscIx) {
        let sorted = merge_sort(&self.work[clone].children, &mut |a, b| self.by_instance_number(a, b));
        self.work[clone].children = sorted;
    }

    /// Which of two instances chooses first.
    pub(super) fn compare_instances(&mut self, a: RscIx, b: RscIx) -> Ordering {
        let (node_a, active_a) = self.active_node(a);
        let (node_b, active_b) = self.active_node(b);
        if active_a > 0 && active_b > 0 && active_a != active_b {
            return active_a.cmp(&active_b);
        }
        // Inactive, or active where it is allowed, comes before active where it is not.
        let allowed = |assigner: &Self, rsc: RscIx, node: NodeIx| {
            assigner.tables.get(rsc, node).is_some_and(|slot| slot.score >= Score::ZERO)
        };
        let misplaced_a = node_a.is_some_and(|node| !allowed(self, a, node));
        let misplaced_b = node_b.is_some_and(|node| !allowed(self, b, node));
        let (node_a, node_b) = (node_a.filter(|_| !misplaced_a), node_b.filter(|_| !misplaced_b));
        let order = misplaced_a
            .cmp(&misplaced_b)
            .then_with(|| self.work[b].priority.cmp(&self.work[a].priority))
            .then_with(|| node_b.is_some().cmp(&node_a.is_some()));
        let (Some(node_a), Some(node_b)) = (node_a, node_b) else { return order };
        let order = order.then_with(|| self.node_available(node_b).cmp(&self.node_available(node_a)));
        if order != Ordering::Equal {
            return order;
        }
        let order = match (self.parent_slot(a, node_a), self.parent_slot(b, node_b)) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(here), Some(there)) => here.count.cmp(&there.count),
        };
        order
            .then_with(|| self.failed_anywhere(a).cmp(&self.failed_anywhere(b)))
            .then_with(|| self.compare_by_colocation(a, b))
            .then_with(|| self.by_instance_number(a, b))
    }

    /// Which of two active instances is where others would like it more.
    fn compare_by_colocation(&mut self, a: RscIx, b: RscIx) -> Ordering {
        let (Some(score_a), Some(score_b)) = (self.liked_where_it_is(a), self.liked_where_it_is(b)) else {
            return Ordering::Equal;
        };
        score_b.cmp(&score_a)
    }

    /// What all colocations of an instance add up to on its current node.
    fn liked_where_it_is(&mut self, rsc: RscIx) -> Option<Score> {
        let current = self.current_node(rsc)?;
        let mut nodes = vec![Slot::default(); self.facts.nodes.len()];
        let score = self.facts.nodes[current].score;
        nodes[crate::index::Idx::index(current)] = Slot { present: true, score, ..Slot::default() };
        for colocation in self.colocations(rsc, Side::ThisWith) {
            let it = &self.colocations[colocation];
            let (other, factor) = (it.primary, fraction(it.score));
            nodes = self.spread(other, rsc, nodes, colocation, factor, Select::default());
        }
        for colocation in self.colocations(rsc, Side::WithThis) {
            if !self.has_influence(colocation, Some(rsc)) {
                continue;
            }
            let it = &self.colocations[colocation];
            let (other, factor) = (it.dependent, fraction(it.score));
            let select = Select { nonnegative: true, ..Select::default() };
            nodes = self.spread(other, rsc, nodes, colocation, factor, select);
        }
        nodes.get(crate::index::Idx::index(current)).map(|slot| slot.score)
    }

    /// Whether an instance will be on `node` (or, with an attribute, where the attribute has the same value).
    pub(super) fn instance_matches(
        &self,
        instance: RscIx,
        node: NodeIx,
        role: holdfast_model::Role,
        attribute: Option<&str>,
    ) -> bool {
        if role != holdfast_model::Role::Unknown && role != self.role_next(instance) {
            return false;
        }
        let Some(given) = self.given(instance).filter(|_| !self.blocked_anywhere(instance)) else {
            return false;
        };
        match attribute {
            None => given.node == node,
            Some(attribute) => super::spread::same_value(
                self.colocation_value(given.node, attribute, Some(instance)),
                self.colocation_value(node, attribute, Some(instance)),
            ),
        }
    }

    /// The instance of `collective` that goes with `partner`: on its node, or else on one it may use.
    pub(super) fn compatible_instance(
        &self,
        partner: RscIx,
        collective: RscIx,
        role: holdfast_model::Role,
        attribute: Option<&str>,
    ) -> Option<RscIx> {
        let instances: Vec<RscIx> = match self.is_bundle(collective) {
            true => self.replicas(collective).iter().map(|replica| replica.container).collect(),
            false => self.children(collective).to_vec(),
        };
        let on = |node: NodeIx| {
            instances.iter().copied().find(|&instance| self.instance_matches(instance, node, role, attribute))
        };
        match self.given(partner) {
            Some(given) => on(given.node),
            None => self.sorted_nodes(partner, None).into_iter().find_map(on),
        }
    }
}
