//! Applying one colocation to its dependent: to where it may run, or to how much it wants to be promoted.

use holdfast_model::{Role, Score};

use super::spread::same_value;
use super::{Assigner, Given, Why};
use crate::constraints::colocation::ColocationIx;
use crate::facts::{NodeIx, RscIx, RscKind};
use crate::index::Idx;

/// What a colocation decides at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affects {
    /// Nothing (any more, or not yet).
    Nothing,
    /// Where the dependent runs.
    Place,
    /// Which role the dependent gets.
    Role,
}

impl Assigner<'_> {
    /// Applies `colocation` for `dependent` with `primary`, which are its resources or instances of them; returns what
    /// was added to the dependent's priority.
    pub(super) fn apply_as_dependent(
        &mut self,
        dependent: RscIx,
        primary: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        match self.facts.rscs[dependent].kind {
            RscKind::Primitive => self.apply_as_primary(dependent, primary, colocation),
            RscKind::Group(_) => self.colocate_group(dependent, primary, colocation),
            // Collectives hand their colocations to their instances and never come here themselves.
            RscKind::Clone(_) | RscKind::Bundle(_) => Score::ZERO,
        }
    }

    /// The same, looking at the kind of the primary; the dependent is a primitive.
    pub(super) fn apply_as_primary(
        &mut self,
        dependent: RscIx,
        primary: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        match self.facts.rscs[primary].kind {
            RscKind::Primitive => self.apply_to_pair(dependent, primary, colocation),
            RscKind::Group(_) => self.colocate_with_group(dependent, primary, colocation),
            RscKind::Clone(_) => self.colocate_with_clone(dependent, primary, colocation),
            RscKind::Bundle(_) => self.colocate_with_bundle(dependent, primary, colocation),
        }
    }

    /// The same for exactly these two resources.
    pub(super) fn apply_to_pair(
        &mut self,
        dependent: RscIx,
        primary: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        match self.affects(dependent, primary, colocation, false) {
            Affects::Role => self.apply_to_priority(dependent, primary, colocation),
            Affects::Place => {
                self.apply_to_scores(dependent, primary, colocation);
                Score::ZERO
            }
            Affects::Nothing => Score::ZERO,
        }
    }

    /// For roles, the resource inside a container counts instead of the container.
    fn role_bearer(&self, rsc: RscIx) -> RscIx {
        if !self.is_container(rsc) {
            return rsc;
        }
        let replica = self.replicas(rsc).iter().find(|replica| replica.container == rsc);
        replica.and_then(|replica| replica.child).unwrap_or(rsc)
    }

    /// What the colocation decides now; `preview` pretends that both were placed.
    pub(super) fn affects(
        &self,
        dependent: RscIx,
        primary: RscIx,
        colocation: ColocationIx,
        preview: bool,
    ) -> Affects {
        let it = &self.colocations[colocation];
        if !preview && self.work[primary].unassigned {
            return Affects::Nothing;
        }
        let dependent_bearer = self.role_bearer(dependent);
        let primary_bearer = self.role_bearer(primary);
        if it.dependent_role >= Role::Unpromoted
            && self.parent(dependent_bearer).is_some_and(|parent| self.promotable(parent))
            && !self.work[dependent_bearer].unassigned
        {
            return Affects::Role;
        }
        if !preview && !self.work[dependent].unassigned {
            return Affects::Nothing;
        }
        let fits =
            |wanted: Role, bearer: RscIx| wanted == Role::Unknown || wanted == self.work[bearer].next_role;
        match fits(it.dependent_role, dependent_bearer) && fits(it.primary_role, primary_bearer) {
            true => Affects::Place,
            false => Affects::Nothing,
        }
    }

    fn apply_to_scores(&mut self, dependent: RscIx, primary: RscIx, colocation: ColocationIx) {
        let it = &self.colocations[colocation];
        let score = it.score;
        let given = self.work[primary].given;
        if given.is_none() && score < Score::ZERO {
            return;
        }
        let value =
            given.and_then(|given| self.colocation_value(given.node, &it.node_attribute, Some(primary)));
        let mut row = self.tables.row(dependent).to_vec();
        for (index, slot) in row.iter_mut().enumerate().filter(|(_, slot)| slot.present) {
            if given.is_none() {
                slot.score += -score;
                continue;
            }
            let here = self.colocation_value(NodeIx::new(index), &it.node_attribute, Some(dependent));
            if same_value(here, value) {
                // A mandatory colocation is no reason to like the node, only to dislike all others.
                if score < Score::INFINITY {
                    slot.score += score;
                }
            } else if score.is_infinite() {
                slot.score = Score::MINUS_INFINITY;
            }
        }
        if score.is_infinite() || score.is_minus_infinite() || self.any_available(&row) {
            self.tables.count_copies(dependent, 1);
            self.set_row(dependent, &row, Why::Colocation(colocation));
        }
    }

    fn apply_to_priority(&mut self, dependent: RscIx, primary: RscIx, colocation: ColocationIx) -> Score {
        let it = &self.colocations[colocation];
        let Some(Given { node: here, .. }) = self.work[dependent].given else { return Score::ZERO };
        let there = self.work[primary].given.map(|given| given.node);
        if there.is_some()
            && it.primary_role != Role::Unknown
            && it.primary_role != self.work[self.role_bearer(primary)].next_role
        {
            return Score::ZERO;
        }
        let here_value = self.colocation_value(here, &it.node_attribute, Some(dependent));
        let there_value =
            there.and_then(|node| self.colocation_value(node, &it.node_attribute, Some(primary)));
        let delta = if !same_value(here_value, there_value) {
            // Only a mandatory colocation of the promoted role forbids promotion elsewhere.
            if it.score != Score::INFINITY || it.dependent_role != Role::Promoted {
                return Score::ZERO;
            }
            -it.score
        } else if it.dependent_role == Role::Unpromoted {
            -it.score
        } else {
            it.score
        };
        self.add_priority(dependent, delta);
        delta
    }

    /// Adds to what an instance is sorted by when roles are chosen.
    pub(super) fn add_priority(&mut self, rsc: RscIx, delta: Score) {
        self.work[rsc].priority = (Score::new(self.work[rsc].priority) + delta).get();
    }

    /// Bans `dependent` from all nodes but `hosts`; with `merge`, the hosts' scores count for the dependent too.
    pub(super) fn keep_to_nodes(
        &mut self,
        dependent: RscIx,
        colocation: ColocationIx,
        hosts: &[Given],
        merge: bool,
    ) {
        let mut row = self.tables.row(dependent).to_vec();
        for (index, slot) in row.iter_mut().enumerate().filter(|(_, slot)| slot.present) {
            match hosts.iter().rev().find(|given| given.node.index() == index) {
                None => slot.score = Score::MINUS_INFINITY,
                Some(given) if merge => slot.score += given.score,
                Some(_) => {}
            }
        }
        self.set_row(dependent, &row, Why::Colocation(colocation));
    }
}
