//! Placing a clone, and colocating with one.

use holdfast_model::{Role, Score};

use super::instances::Limits;
use super::lists::Side;
use super::{Assigner, Given};
use crate::constraints::colocation::ColocationIx;
use crate::facts::{NodeIx, RscIx};

impl Assigner<'_> {
    pub(super) fn place_clone(&mut self, rsc: RscIx, prefer: Option<NodeIx>, stop_if_fail: bool) {
        if !self.work[rsc].unassigned || self.work[rsc].assigning {
            return;
        }
        let Some(limits) =
            self.facts.rscs[rsc].clone_data().map(|data| Limits { total: data.max, per_node: data.node_max })
        else {
            return;
        };
        self.work[rsc].assigning = true;
        if self.promotable(rsc) {
            self.add_promotion_scores(rsc);
        }
        for colocation in self.colocations(rsc, Side::ThisWith) {
            self.place(self.colocations[colocation].primary, prefer, stop_if_fail);
        }
        for colocation in self.colocations(rsc, Side::WithThis) {
            self.add_dependent_scores(rsc, colocation);
        }
        self.show_scores(rsc, "pcmk__clone_assign");
        let instances = self.work[rsc].children.clone();
        let instances = self.sort_instances(&instances);
        self.work[rsc].children.clone_from(&instances);
        self.place_instances(rsc, &instances, limits);
        if self.promotable(rsc) {
            self.choose_roles(rsc);
        }
        self.work[rsc].unassigned = false;
        self.work[rsc].assigning = false;
    }

    /// Colocates something with a clone.
    pub(super) fn colocate_with_clone(
        &mut self,
        dependent: RscIx,
        clone: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        if self.work[clone].unassigned {
            return Score::ZERO;
        }
        let (score, primary_role, dependent_role) = {
            let it = &self.colocations[colocation];
            (it.score, it.primary_role, it.dependent_role)
        };
        if self.promotable(clone) && primary_role != Role::Unknown {
            if self.work[dependent].unassigned {
                self.follow_role(dependent, clone, colocation);
                return Score::ZERO;
            }
            if dependent_role == Role::Promoted {
                return self.promote_along(dependent, clone, colocation);
            }
        }
        if self.interleaves(colocation) {
            if let Some(instance) = self.compatible_instance(dependent, clone, Role::Unknown, None) {
                return self.apply_as_dependent(dependent, instance, colocation);
            }
            if score.is_infinite() {
                self.give(dependent, None, true, true);
            }
            return Score::ZERO;
        }
        let instances = self.work[clone].children.clone();
        if score.is_infinite() {
            let hosts: Vec<Given> = instances
                .into_iter()
                .filter(|&instance| !self.blocked_anywhere(instance))
                .filter_map(|instance| self.given(instance))
                .collect();
            self.keep_to_nodes(dependent, colocation, &hosts, false);
            return Score::ZERO;
        }
        instances.into_iter().map(|instance| self.apply_as_primary(dependent, instance, colocation)).sum()
    }

    /// Whether instances of both sides are paired: the dependent says so and both allow as many per node.
    fn interleaves(&self, colocation: ColocationIx) -> bool {
        let it = &self.colocations[colocation];
        let dependent = it.dependent;
        self.variant(dependent) > 1
            && holdfast_model::boolean::is_true(self.facts.rscs[dependent].meta("interleave"))
            && self.max_per_node(dependent) == self.max_per_node(it.primary)
    }

    /// Sends a dependent to where instances will have the wanted role.
    fn follow_role(&mut self, dependent: RscIx, clone: RscIx, colocation: ColocationIx) {
        let it = self.colocations[colocation].clone();
        let mut hosts = Vec::new();
        for instance in self.work[clone].children.clone() {
            let Some(given) = self.given(instance) else { continue };
            if self.role_next(instance) == it.primary_role {
                self.like_same_place(dependent, clone, given.node, colocation);
                hosts.push(given);
            }
        }
        // Instances of a dependent that only wants the promoted role there must be able to start elsewhere.
        let both_promoted = it.dependent_role == Role::Promoted && it.primary_role == Role::Promoted;
        if it.score.is_infinite() && !both_promoted {
            self.keep_to_nodes(dependent, colocation, &hosts, true);
        }
    }

    fn like_same_place(&mut self, dependent: RscIx, clone: RscIx, node: NodeIx, colocation: ColocationIx) {
        let it = &self.colocations[colocation];
        if it.score.is_infinite() {
            return;
        }
        let value = self.colocation_value(node, &it.node_attribute, Some(clone));
        let mut row = self.tables.row(dependent).to_vec();
        for (index, slot) in row.iter_mut().enumerate().filter(|(_, slot)| slot.present) {
            let here: NodeIx = crate::index::Idx::new(index);
            let here = self.colocation_value(here, &it.node_attribute, Some(dependent));
            if super::spread::same_value(value, here) {
                slot.score += it.score;
            }
        }
        self.set_row(dependent, &row, super::Why::Colocation(colocation));
    }

    /// Lets an instance be promoted where an instance of `clone` has the wanted role.
    fn promote_along(&mut self, dependent: RscIx, clone: RscIx, colocation: ColocationIx) -> Score {
        let it = self.colocations[colocation].clone();
        let partner = self.compatible_instance(dependent, clone, it.primary_role, Some(&it.node_attribute));
        if partner.is_some() {
            self.add_priority(dependent, it.score);
            return it.score;
        }
        if it.score.is_infinite() {
            self.work[dependent].priority = Score::MINUS_INFINITY.get();
            return Score::MINUS_INFINITY;
        }
        Score::ZERO
    }
}
