//! Choosing which instances of a promotable clone are promoted.

use std::cmp::Ordering;

use holdfast_model::{Role, Score};

use super::lists::Side;
use super::spread::{Select, fraction};
use super::{Assigner, Why, merge_sort};
use crate::constraints::location::LocationIx;
use crate::facts::{NoQuorumPolicy, NodeIx, RscIx};
use crate::index::Idx;

impl Assigner<'_> {
    /// Gives every instance of a promotable clone its role.
    pub(super) fn choose_roles(&mut self, clone: RscIx) {
        self.tables.row_mut(clone).iter_mut().for_each(|slot| slot.count = 0);
        for instance in self.work[clone].children.clone() {
            self.set_promotion_priority(clone, instance);
        }
        self.sort_for_promotion(clone);
        let mut promoted = 0;
        for instance in self.work[clone].children.clone() {
            self.choose_role(instance, &mut promoted);
        }
    }

    /// What the agent, locations and colocations think of promoting the instance where it will be.
    fn set_promotion_priority(&mut self, clone: RscIx, instance: RscIx) {
        if self.role_now(instance) == Role::Started {
            self.call_it_unpromoted(instance);
        }
        let Some(node) = self.given(instance).map(|given| given.node) else { return };
        let next_role = self.role_next(instance);
        match next_role {
            // Without a score from anywhere nothing is promoted, but a location alone can make it happen.
            Role::Unknown | Role::Started => {
                self.work[instance].priority = self.promotion_score(instance, node).unwrap_or(-1);
            }
            Role::Stopped | Role::Unpromoted => {
                self.work[instance].priority = Score::MINUS_INFINITY.get();
            }
            Role::Promoted => {}
        }
        for of in [instance, clone] {
            self.add_promoted_locations(instance, of, node);
        }
        for colocation in self.colocations(instance, Side::ThisWith) {
            let primary = self.colocations[colocation].primary;
            self.apply_as_dependent(instance, primary, colocation);
        }
        self.work[instance].promotion = match next_role {
            Role::Promoted => Score::INFINITY,
            _ => Score::new(self.work[instance].priority),
        };
    }

    fn call_it_unpromoted(&mut self, rsc: RscIx) {
        if self.work[rsc].role == Role::Started {
            self.work[rsc].role = Role::Unpromoted;
        }
        for child in self.work[rsc].children.clone() {
            self.call_it_unpromoted(child);
        }
    }

    fn add_promoted_locations(&mut self, instance: RscIx, of: RscIx, node: NodeIx) {
        let constraints = self.constraints;
        let own: Vec<LocationIx> = self.own_locations[of].iter().rev().copied().collect();
        for location in own {
            let location = &constraints.locations[location.index()];
            if location.role == Role::Promoted
                && let Some(score) = location.score_on(node)
            {
                self.add_priority(instance, score);
            }
        }
    }

    /// Turns priorities into final promotion scores, by way of the clone's node scores so that colocated resources have
    /// a say, and sorts the instances by them.
    fn sort_for_promotion(&mut self, clone: RscIx) {
        if std::mem::replace(&mut self.work[clone].promotion_sorted, true) {
            return;
        }
        self.work[clone].merging = true;
        let instances = self.work[clone].children.clone();
        for &instance in &instances {
            let promotion = self.work[instance].promotion;
            if promotion < Score::ZERO {
                continue;
            }
            // An unmanaged instance may be where the clone is not allowed at all.
            if let Some(given) = self.given(instance)
                && self.tables.get(clone, given.node).is_some()
            {
                let sum = self.tables.slot_mut(clone, given.node).score + promotion;
                self.set_score(clone, given.node, sum, Why::PromotionScore);
            }
        }
        let select = Select { active: true, nonnegative: true, this_with: false };
        for colocation in self.colocations(clone, Side::WithThis) {
            let it = &self.colocations[colocation];
            let (dependent, factor) = (it.dependent, fraction(it.score));
            if it.primary_role == Role::Promoted && self.has_influence(colocation, None) {
                self.spread_into(dependent, clone, colocation, factor, select);
            }
        }
        self.require_promotion_tickets(clone);
        for &instance in &instances {
            self.set_final_promotion(clone, instance);
        }
        let sorted = merge_sort(&instances, &mut |a, b| self.compare_for_promotion(a, b));
        self.work[clone].children = sorted;
        self.work[clone].merging = false;
    }

    fn set_final_promotion(&mut self, clone: RscIx, instance: RscIx) {
        let given = self.given(instance);
        let work = &self.work[instance];
        let promotion = if !work.managed && work.next_role == Role::Promoted {
            Score::INFINITY
        } else {
            match given {
                None => Score::MINUS_INFINITY,
                Some(_) if work.promotion < Score::ZERO => work.promotion,
                Some(given) => self.tables.row(clone)[given.node.index()].score,
            }
        };
        self.work[instance].promotion = promotion;
    }

    fn compare_for_promotion(&mut self, a: RscIx, b: RscIx) -> Ordering {
        let by_score = self.work[b].promotion.cmp(&self.work[a].promotion);
        by_score
            .then_with(|| self.role_now(b).cmp(&self.role_now(a)))
            .then_with(|| self.compare_instances(a, b))
    }

    fn choose_role(&mut self, instance: RscIx, promoted: &mut usize) {
        self.show_promotion(instance);
        let clone = self.top(instance);
        let max = self.clone_data(instance).map_or(0, |data| data.promoted_max);
        let eligible =
            self.work[instance].promotion >= Score::ZERO && (*promoted < max || !self.managed(clone));
        let node = if eligible { self.promotion_node(instance) } else { None };
        let options = &self.facts.options;
        let frozen = self.work[instance].role < Role::Promoted
            && !options.quorate
            && options.no_quorum == NoQuorumPolicy::Freeze;
        match node.filter(|_| !frozen) {
            None => self.plan_unpromoted(instance),
            Some(node) => {
                self.tables.slot_mut(clone, node).count += 1;
                self.plan_promoted(instance);
                *promoted += 1;
            }
        }
    }

    /// The node where the instance (and everything in it) can be promoted.
    fn promotion_node(&self, rsc: RscIx) -> Option<NodeIx> {
        if self.children(rsc).iter().any(|&child| self.promotion_node(child).is_none()) {
            return None;
        }
        let node = self.given(rsc)?.node;
        let managed = self.managed(rsc);
        if !managed {
            if self.role_now(rsc) != Role::Promoted {
                return None;
            }
        } else if self.work[rsc].priority < 0 || !self.node_available(node) || !self.guest_will_be_up(node) {
            return None;
        }
        let clone = self.top(rsc);
        let slot = self.tables.get(clone, node)?;
        let per_node = self.clone_data(rsc).map_or(0, |data| data.promoted_node_max);
        (!managed || (slot.count as usize) < per_node).then_some(node)
    }

    fn guest_will_be_up(&self, node: NodeIx) -> bool {
        let it = &self.facts.nodes[node];
        if !it.is_guest() {
            return true;
        }
        let launcher = it.connection.and_then(|connection| self.facts.rscs[connection].launcher);
        launcher.is_none_or(|launcher| self.given(launcher).is_some())
    }

    fn plan_unpromoted(&mut self, rsc: RscIx) {
        let role = match self.given_nodes(rsc).is_empty() {
            true => Role::Stopped,
            false => Role::Unpromoted,
        };
        self.work[rsc].next_role = role;
        for child in self.work[rsc].children.clone() {
            self.plan_unpromoted(child);
        }
    }

    fn plan_promoted(&mut self, rsc: RscIx) {
        if self.work[rsc].next_role == Role::Unknown {
            self.work[rsc].next_role = Role::Promoted;
        }
        for child in self.work[rsc].children.clone() {
            self.plan_promoted(child);
        }
    }
}
