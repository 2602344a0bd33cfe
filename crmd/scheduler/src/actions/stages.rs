//! The passes in their order, and what they take from assignment.
//!
//! Knows which pass sees which state of resources and nodes. Does not do any of the work.

use super::kinds::{Key, Task};
use super::plan::{Blocker, Plan};
use crate::assign::{Assignment, Preference, Tables};
use crate::constraints::Origin;
use crate::facts::{Allowed, AllowedNodes, EarlyAction, Facts, Flags, RscIx};
use crate::order::relation as ar;
use holdfast_model::Role;
use holdfast_model::config::Constraint;

/// Makes all actions and orders them; what is left is choosing those for the graph.
pub(crate) fn make_plan<'f>(facts: &'f Facts<'f>, assignment: &'f Assignment) -> Plan<'f> {
    let mut plan = Plan::new(facts);
    plan.take_table(&assignment.allowed_before);
    plan.replay_early();
    // Who unpacked the facts was told then, see `early_notices`.
    plan.notices.clear();
    plan.unpack_orderings(assignment);
    plan.drop_locks(assignment);
    plan.internal_orderings();
    let late = plan.check_definitions();
    plan.take_assignment(assignment);
    plan.check_late(late);
    if facts.options.probe_resources {
        plan.schedule_probes();
    }
    if facts.options.stop_removed_resources {
        plan.clear_failures_of_removed();
    }
    for rsc in &assignment.top {
        plan.create_actions(*rsc);
    }
    plan.order_remote_actions();
    plan.schedule_fencing_and_shutdowns();
    plan.apply_orderings();
    plan
}

/// What a person should be told because of actions that come to life while unpacking: fence devices whose parameters
/// changed since a node was unfenced.
pub fn early_notices(facts: &Facts<'_>) -> Vec<String> {
    if !facts.options.unfencing {
        return Vec::new();
    }
    let mut plan = Plan::new(facts);
    plan.replay_early();
    plan.notices
}

impl<'f> Plan<'f> {
    fn take_table(&mut self, tables: &Tables) {
        for rsc in self.facts.rscs.indices() {
            let allowed: AllowedNodes = tables
                .present(rsc)
                .map(|(node, slot)| (node, Allowed { score: slot.score, probe: slot.probe }))
                .collect();
            self.rscs[rsc].allowed = allowed;
        }
    }

    /// Actions that came to life while unpacking.
    fn replay_early(&mut self) {
        let facts = self.facts;
        for early in &facts.early {
            match early {
                EarlyAction::Resource { rsc, task, interval_ms, node, asked } => {
                    let task = self.task(task);
                    let key = Key::Op(task, u64::from(*interval_ms));
                    let action = self.early_action(*rsc, key, task, *node, *asked);
                    if task == Task::ClearFailcount {
                        self.act_mut(action).set_meta("op_no_wait", "true");
                    }
                }
                EarlyAction::Fence { node, reason, optional, priority_delay } => {
                    self.fence_action(*node, None, *optional, reason.as_deref(), *priority_delay);
                }
                EarlyAction::StopsOptional { rsc, node } => self.stops_optional(*rsc, *node),
                EarlyAction::FenceBeforeClear { fenced, rsc, node } => {
                    let fence = self.fence_action(*fenced, None, true, None, false);
                    let clear = self.clear_fail_count(*rsc, *node);
                    self.link(fence, clear, ar::FIRST_IMPLIES_THEN);
                }
            }
        }
    }

    /// Configured orderings and what other constraints mean for orderings, in document order.
    fn unpack_orderings(&mut self, assignment: &Assignment) {
        let facts = self.facts;
        let mut fencing = assignment.ticket_fencing.iter().peekable();
        let mut apart = assignment
            .colocations
            .iter()
            .filter_map(|colocation| match colocation.origin {
                Origin::Configured(at) => Some((at, colocation)),
                Origin::Implied(_) => None,
            })
            .peekable();
        for (at, constraint) in facts.cib.constraints.all.iter().enumerate() {
            match constraint {
                Constraint::Order(order) => self.order_pair(order),
                Constraint::OrderSets(order) => self.order_sets(order),
                Constraint::Location(_) => {}
                Constraint::Colocation(_) | Constraint::ColocationSets(_) => {
                    while let Some((_, colocation)) = apart.next_if(|(origin, _)| *origin <= at) {
                        if colocation.score.is_minus_infinite() {
                            let (one, one_role) = (colocation.dependent, colocation.dependent_role);
                            let (other, other_role) = (colocation.primary, colocation.primary_role);
                            self.order_apart(one, one_role, other, other_role);
                            self.order_apart(other, other_role, one, one_role);
                        }
                    }
                }
                Constraint::Ticket(_) => {
                    while let Some((_, node)) = fencing.next_if(|(origin, _)| *origin <= at) {
                        self.fence_node(*node, "deadman ticket was lost", false);
                    }
                }
            }
        }
        for rsc in facts.rscs.indices() {
            let decision = &assignment.decisions[rsc];
            if decision.blocked && !facts.rscs[rsc].is(Flags::BLOCKED) {
                self.rscs[rsc].flags.set(Flags::BLOCKED);
                self.rscs[rsc].flags.clear(Flags::MANAGED);
            }
        }
    }

    /// History that held a resource for a node where it no longer is.
    fn drop_locks(&mut self, assignment: &Assignment) {
        let facts = self.facts;
        for top in &facts.top {
            self.drop_locks_of(*top, assignment);
        }
    }

    fn drop_locks_of(&mut self, rsc: RscIx, assignment: &Assignment) {
        let decision = &assignment.decisions[rsc];
        if let Some(node) = decision.dropped_lock {
            self.simple_action(rsc, Task::LrmDelete, Some(node), false);
        }
        let lock = decision.lock;
        let state = &mut self.rscs[rsc];
        state.lock_node = lock.map(|(node, _)| node);
        state.lock_time = lock.map_or(0, |(_, time)| time);
        for child in &self.rsc(rsc).children {
            self.drop_locks_of(*child, assignment);
        }
    }

    /// State of resources and nodes as assignment left it.
    fn take_assignment(&mut self, assignment: &'f Assignment) {
        self.top.clone_from(&assignment.top);
        self.take_table(&assignment.tables);
        for rsc in self.facts.rscs.indices() {
            let decision = &assignment.decisions[rsc];
            let state = &mut self.rscs[rsc];
            state.assigned = decision.given.map(|given| given.node);
            state.next_role = decision.next_role;
            state.role = decision.role;
            state.priority = decision.priority;
            state.children.clone_from(&decision.children);
            state.flags.put(Flags::MANAGED, decision.managed);
            state.flags.put(Flags::BLOCKED, decision.blocked);
            state.flags.put(Flags::EXCLUSIVE_PROBES, decision.exclusive_probes);
            if decision.placement_failed && self.rsc(rsc).is_primitive() {
                self.stop_for_lack_of_place(rsc);
            }
        }
        let mut preference = Preference::new(self.facts, assignment);
        for node in self.facts.nodes.indices() {
            let outlook = &assignment.nodes[node];
            let changed = &mut self.nodes[node];
            changed.online = outlook.online;
            // Fencing that came up meanwhile stays.
            changed.unclean = outlook.unclean || (changed.unclean && !self.facts.nodes[node].unclean);
            changed.shutdown = outlook.shutdown;
            if changed.unclean {
                preference.lost(node);
            }
        }
        self.preference = Some(preference);
        for rsc in self.facts.rscs.indices() {
            self.blockers[rsc.0 as usize] = self.blocked_by(rsc, assignment);
        }
        if let Some(recheck) = assignment.recheck_by {
            self.facts.note_recheck(recheck);
        }
    }

    /// Mandatory colocations with a resource; for a group also those configured for its members.
    fn blocked_by(&self, rsc: RscIx, assignment: &Assignment) -> Vec<Blocker> {
        let own = assignment.with_this[rsc].iter();
        let colocated = self.rsc(rsc).group_data().is_some_and(|data| data.colocated);
        let members = if colocated { self.rsc(rsc).children.as_slice() } else { &[] };
        let inherited = members.iter().flat_map(|member| assignment.with_this[*member].iter());
        own.map(|colocation| &assignment.colocations[*colocation])
            .chain(
                inherited
                    .map(|colocation| &assignment.colocations[*colocation])
                    .filter(|colocation| colocation.explicit),
            )
            .filter(|colocation| colocation.score.is_infinite())
            .map(|colocation| Blocker {
                dependent: colocation.dependent,
                dependent_promoted: colocation.dependent_role == Role::Promoted,
                primary_promoted: colocation.primary_role == Role::Promoted,
            })
            .collect()
    }
}
