//! Placing a group, and colocating with one.

use holdfast_model::Score;

use super::Assigner;
use crate::constraints::colocation::ColocationIx;
use crate::facts::{NodeIx, RscIx};

impl Assigner<'_> {
    pub(super) fn place_group(
        &mut self,
        rsc: RscIx,
        prefer: Option<NodeIx>,
        stop_if_fail: bool,
    ) -> Option<NodeIx> {
        if !self.work[rsc].unassigned || self.work[rsc].assigning {
            return None;
        }
        let members = self.work[rsc].children.clone();
        let Some(&first) = members.first() else {
            self.work[rsc].unassigned = false;
            return None;
        };
        self.work[rsc].assigning = true;
        self.work[rsc].role = self.work[first].role;
        self.show_scores(rsc, "pcmk__group_assign");
        let mut node = None;
        for member in members {
            let given = self.place(member, prefer, stop_if_fail);
            node = node.or(given);
        }
        self.work[rsc].next_role = self.work[first].next_role;
        self.work[rsc].assigning = false;
        self.work[rsc].unassigned = false;
        node.filter(|_| self.group_colocated(rsc))
    }

    /// Colocates a group with something: its first member if the rest follows, else each member.
    pub(super) fn colocate_group(&mut self, group: RscIx, primary: RscIx, colocation: ColocationIx) -> Score {
        let members = self.work[group].children.clone();
        let Some(&first) = members.first() else { return Score::ZERO };
        let delta = if self.group_colocated(group) {
            self.apply_as_dependent(first, primary, colocation)
        } else if self.colocations[colocation].score.is_infinite() {
            // Members that may be anywhere cannot all be in one place.
            return Score::ZERO;
        } else {
            members.into_iter().map(|member| self.apply_to_pair(member, primary, colocation)).sum()
        };
        if delta != Score::ZERO {
            self.add_priority(group, delta);
        }
        delta
    }

    /// Colocates something with a group: with its last member if the whole group is needed, else with the first.
    pub(super) fn colocate_with_group(
        &mut self,
        dependent: RscIx,
        group: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        if self.work[group].unassigned {
            return Score::ZERO;
        }
        let mandatory = self.colocations[colocation].score.is_infinite();
        let members = self.work[group].children.clone();
        if self.group_colocated(group) {
            let member = if mandatory { members.last() } else { members.first() };
            return match member {
                Some(&member) => self.apply_as_primary(dependent, member, colocation),
                None => Score::ZERO,
            };
        }
        if mandatory {
            return Score::ZERO;
        }
        members.into_iter().map(|member| self.apply_as_primary(dependent, member, colocation)).sum()
    }
}
