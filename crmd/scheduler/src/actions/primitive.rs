//! Actions of a primitive: down and up again on its node, then to the role and place it shall have.
//!
//! Knows the steps between roles. Does not know why the resource moves.

use super::kinds::{ActIx, Key, Task, flag};
use super::plan::Plan;
use crate::facts::{Flags, MultipleActive, NodeIx, RscIx};
use crate::order::relation as ar;
use holdfast_model::Role;

/// One step between two roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Stop,
    Start,
    Promote,
    Demote,
}

/// The next role on the way to a target.
fn next_role(role: Role, target: Role) -> Role {
    match (role, target) {
        (Role::Unknown, Role::Unknown) => Role::Unknown,
        (Role::Unknown, _) => Role::Stopped,
        (Role::Stopped, Role::Unknown | Role::Stopped) => Role::Stopped,
        (Role::Stopped, Role::Started) => Role::Started,
        (Role::Stopped, Role::Unpromoted | Role::Promoted) => Role::Unpromoted,
        (Role::Started, Role::Unknown | Role::Stopped) => Role::Stopped,
        (Role::Started, other) => other,
        (Role::Unpromoted, Role::Unpromoted | Role::Promoted) => target,
        (Role::Unpromoted, _) => Role::Stopped,
        (Role::Promoted, Role::Promoted) => Role::Promoted,
        (Role::Promoted, Role::Unknown) => Role::Stopped,
        (Role::Promoted, _) => Role::Unpromoted,
    }
}

/// What it takes to get there.
fn change(role: Role, next: Role) -> Option<Change> {
    match (role, next) {
        (Role::Unknown | Role::Started | Role::Unpromoted, Role::Stopped)
        | (Role::Unpromoted, Role::Started) => Some(Change::Stop),
        (Role::Stopped, Role::Started | Role::Unpromoted) => Some(Change::Start),
        (Role::Started | Role::Unpromoted, Role::Promoted) => Some(Change::Promote),
        (Role::Promoted, Role::Stopped | Role::Started | Role::Unpromoted) => Some(Change::Demote),
        _ => None,
    }
}

impl Plan<'_> {
    /// Creates all actions of a primitive.
    pub(super) fn create_primitive_actions(&mut self, rsc: RscIx) {
        if self.rscs[rsc].next_role == Role::Unknown {
            let placed = self.rscs[rsc].assigned.is_some();
            self.rscs[rsc].next_role = if placed { Role::Started } else { Role::Stopped };
        }
        let (current, all_active, clean_active) = self.active_node(rsc);
        for source in self.rsc(rsc).dangling_sources.clone() {
            let stop = self.simple_action(rsc, Task::Stop, Some(source), false);
            self.act_mut(stop).set(flag::MIGRATION_ABORT);
        }
        let assigned = self.rscs[rsc].assigned;
        let is_moving = current.is_some()
            && assigned.is_some()
            && current != assigned
            && self.rscs[rsc].next_role >= Role::Started;
        let mut need_stop = is_moving;
        let mut migrate = is_moving && self.can_migrate(rsc, current);
        let mut multiply_active = false;
        let source = self.rscs[rsc].migration_source;
        let target = self.rscs[rsc].migration_target;
        if source.is_some()
            && target.is_some()
            && migrate
            && all_active == 2
            && current == source
            && assigned == target
        {
            // The migration under way goes on.
        } else if source.is_some() || target.is_some() {
            need_stop = true;
            migrate = false;
            self.rscs[rsc].migration_source = None;
            self.rscs[rsc].migration_target = None;
        } else if self.is(rsc, Flags::NEEDS_FENCING) {
            multiply_active = all_active > 1;
        } else {
            multiply_active = clean_active > 1;
        }
        if multiply_active {
            match self.rsc(rsc).multiple_active {
                MultipleActive::StopStart => need_stop = true,
                MultipleActive::StopUnexpected => {
                    need_stop = true;
                    self.rscs[rsc].flags.set(Flags::STOP_UNEXPECTED);
                }
                MultipleActive::StopOnly | MultipleActive::Block => {}
            }
        } else {
            self.rscs[rsc].flags.clear(Flags::STOP_UNEXPECTED);
        }
        if self.is(rsc, Flags::START_PENDING) {
            let start = self.simple_action(rsc, Task::Start, assigned, true);
            self.act_mut(start).set(flag::ALWAYS_IN_GRAPH);
        }
        let mut need_promote = false;
        if is_moving {
            // A stop is needed anyway.
        } else if self.is(rsc, Flags::FAILED) {
            if self.is(rsc, Flags::STOP_IF_FAILED) {
                need_stop = true;
            } else {
                need_promote = self.rscs[rsc].next_role == Role::Promoted;
            }
        } else if self.is(rsc, Flags::BLOCKED) {
            need_stop = true;
        } else if self.rscs[rsc].role > Role::Started && current.is_some() && assigned.is_some() {
            let start = self.simple_action(rsc, Task::Start, assigned, true);
            need_stop |= !self.act(start).is(flag::OPTIONAL);
        }
        self.create_restart_actions(rsc, current, need_stop, need_promote);
        let mut role = self.rscs[rsc].role;
        while role != self.rscs[rsc].next_role {
            let next = next_role(role, self.rscs[rsc].next_role);
            let Some(change) = change(role, next) else {
                break;
            };
            self.create_step(rsc, change, assigned, false);
            role = next;
        }
        self.create_recurring_actions(rsc);
        if let (true, Some(current)) = (migrate, current) {
            self.create_migration_actions(rsc, current);
        }
    }

    /// Down from the current role and up to it again; optional unless something needs it.
    fn create_restart_actions(
        &mut self,
        rsc: RscIx,
        current: Option<NodeIx>,
        need_stop: bool,
        need_promote: bool,
    ) {
        self.rscs[rsc].flags.set(Flags::RESTARTING);
        let mut role = self.rscs[rsc].role;
        while role != Role::Stopped {
            let next = next_role(role, Role::Stopped);
            let Some(change) = change(role, next) else {
                break;
            };
            self.create_step(rsc, change, current, !need_stop);
            role = next;
        }
        while self.rscs[rsc].role <= self.rscs[rsc].next_role
            && role != self.rscs[rsc].role
            && !self.is(rsc, Flags::BLOCKED)
        {
            let next = next_role(role, self.rscs[rsc].role);
            let required = need_stop || (next == Role::Promoted && need_promote);
            let Some(change) = change(role, next) else {
                break;
            };
            self.create_step(rsc, change, self.rscs[rsc].assigned, !required);
            role = next;
        }
        self.rscs[rsc].flags.clear(Flags::RESTARTING);
    }

    fn create_step(&mut self, rsc: RscIx, change: Change, node: Option<NodeIx>, optional: bool) {
        match (change, node) {
            (Change::Stop, _) => self.create_stops(rsc, optional),
            (Change::Demote, _) => {
                for node in self.rsc(rsc).running_on.clone() {
                    if !self.is_expected_node(rsc, node) {
                        self.simple_action(rsc, Task::Demote, Some(node), optional);
                    }
                }
            }
            (Change::Start, Some(node)) => self.create_start(rsc, node, optional),
            (Change::Promote, Some(node)) => self.create_promote(rsc, node, optional),
            (Change::Start | Change::Promote, None) => {}
        }
    }

    /// Where a multiply active resource may stay.
    fn is_expected_node(&self, rsc: RscIx, node: NodeIx) -> bool {
        self.is(rsc, Flags::STOP_UNEXPECTED | Flags::RESTARTING)
            && self.rscs[rsc].next_role > Role::Stopped
            && self.rscs[rsc].assigned == Some(node)
    }

    fn create_stops(&mut self, rsc: RscIx, mut optional: bool) {
        for current in self.rsc(rsc).running_on.clone() {
            if self.is_expected_node(rsc, current) {
                continue;
            }
            if let Some(target) = self.rscs[rsc].migration_target {
                if current == target && self.rscs[rsc].assigned == Some(current) {
                    continue;
                }
                optional = false;
            }
            let stop = self.simple_action(rsc, Task::Stop, Some(current), optional);
            if self.rscs[rsc].assigned.is_none() {
                self.set_reason(stop, "node availability", true);
            } else if self.is(rsc, Flags::STOP_UNEXPECTED | Flags::RESTARTING) {
                self.set_reason(stop, "being multiply active", true);
            }
            if !self.is(rsc, Flags::MANAGED) {
                self.act_mut(stop).clear(flag::RUNNABLE);
            }
            if self.is(rsc, Flags::NEEDS_UNFENCING) {
                let unfence = self.fence_action(current, Some("on"), true, None, false);
                self.link(stop, unfence, ar::THEN_IMPLIES_FIRST);
            }
        }
    }

    fn create_start(&mut self, rsc: RscIx, node: NodeIx, optional: bool) {
        let start = self.simple_action(rsc, Task::Start, Some(node), true);
        self.order_after_unfencing(rsc, node, start, ar::FIRST_IMPLIES_THEN);
        if self.act(start).is(flag::RUNNABLE) && !optional {
            self.act_mut(start).clear(flag::OPTIONAL);
        }
        if self.is_expected_node(rsc, node) {
            self.act_mut(start).set(flag::PSEUDO);
        }
    }

    fn create_promote(&mut self, rsc: RscIx, node: NodeIx, optional: bool) {
        let starts = self.all_exactly_on(rsc, Key::Op(Task::Start, 0), Some(node));
        if starts.iter().all(|start| self.act(*start).is(flag::RUNNABLE)) {
            let promote = self.simple_action(rsc, Task::Promote, Some(node), optional);
            if self.is_expected_node(rsc, node) {
                self.act_mut(promote).set(flag::PSEUDO);
            }
        } else {
            for promote in self.all_exactly_on(rsc, Key::Op(Task::Promote, 0), Some(node)) {
                self.act_mut(promote).clear(flag::RUNNABLE);
            }
        }
    }

    /// Deletes the history of a resource on a node, between stop and start.
    pub(crate) fn schedule_cleanup(&mut self, rsc: RscIx, node: NodeIx, optional: bool) -> Option<ActIx> {
        let state = &self.nodes[node];
        if self.is(rsc, Flags::FAILED) || state.unclean || !state.online {
            return None;
        }
        let flags = if optional { ar::FIRST_IMPLIES_THEN } else { ar::ORDERED };
        let delete = self.simple_action(rsc, Task::Delete, Some(node), optional);
        self.order_tasks(rsc, Task::Stop, rsc, Task::Delete, flags);
        self.order_tasks(rsc, Task::Delete, rsc, Task::Start, flags);
        Some(delete)
    }
}
