//! Recurring operations: which to start, keep, reschedule or cancel.
//!
//! Knows monitors for each role, also for Stopped. Does not know digests.

use super::create::{NOT_RUNNING, PROMOTED, interval_of};
use super::kinds::{ActIx, Key, Task, flag};
use super::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::order::{End, relation as ar};
use holdfast_model::Role;

/// A recurring operation as configured.
#[derive(Debug, Clone, Copy)]
struct Recurring {
    task: Task,
    interval_ms: u64,
    /// `Unknown` when not configured.
    role: Role,
}

impl Recurring {
    fn key(self) -> Key {
        Key::Op(self.task, self.interval_ms)
    }
}

impl Plan<'_> {
    /// Creates the recurring operations of a primitive, and cancels those for the wrong role.
    pub(super) fn create_recurring_actions(&mut self, rsc: RscIx) {
        if self.is(rsc, Flags::BLOCKED) || self.is(rsc, Flags::MAINTENANCE) {
            return;
        }
        let node = self.rscs[rsc].assigned;
        let mut start = None;
        if let Some(node) = node
            && !self.facts.nodes[node].maintenance
            && (self.rscs[rsc].next_role != Role::Stopped || !self.is(rsc, Flags::MANAGED))
        {
            start = Some(self.simple_action(rsc, Task::Start, Some(node), true));
        }
        for at in 0..self.rsc(rsc).ops().len() {
            let Some(op) = self.recurring(rsc, at) else {
                continue;
            };
            if let Some(start) = start {
                self.recurring_for_active(rsc, start, node, op);
            }
            if op.role == Role::Stopped && self.is(rsc, Flags::UNIQUE) {
                self.recurring_for_inactive(rsc, node, op);
            }
        }
    }

    fn recurring(&mut self, rsc: RscIx, at: usize) -> Option<Recurring> {
        let ops = self.rsc(rsc).ops();
        let op = &ops[at];
        let interval_ms = interval_of(op.attribute("interval"));
        if interval_ms == 0 {
            return None;
        }
        let task = self.task(&op.name);
        let one_time = matches!(
            task,
            Task::Stop
                | Task::Start
                | Task::Demote
                | Task::Promote
                | Task::ReloadAgent
                | Task::MigrateTo
                | Task::MigrateFrom
        );
        let same = ops
            .iter()
            .filter(|other| other.name == op.name && interval_of(other.attribute("interval")) == interval_ms)
            .count();
        if one_time || same > 1 {
            return None;
        }
        let role = match op.attribute("role") {
            None => Role::Unknown,
            Some(text) => Role::parse(text).filter(|role| *role != Role::Unknown)?,
        };
        self.operation(rsc, task, interval_ms, false)?;
        Some(Recurring { task, interval_ms, role })
    }

    fn recurring_for_active(&mut self, rsc: RscIx, start: ActIx, node: Option<NodeIx>, op: Recurring) {
        if op.role == Role::Stopped {
            return;
        }
        let known = self.all_exactly_on(rsc, op.key(), node);
        let optional = node.is_some()
            && self.action_flags(start, None) & flag::OPTIONAL != 0
            && !known.is_empty()
            && !known.iter().any(|action| self.act(*action).is(flag::RESCHEDULE));
        let next = self.rscs[rsc].next_role;
        let role_matches = match op.role {
            Role::Unknown => next != Role::Promoted,
            role => role == next,
        };
        if !role_matches {
            if let (true, Some(node)) = (optional, node) {
                self.cancel_for_role(rsc, node, op);
            }
            return;
        }
        let monitor = self.action(rsc, op.key(), op.task, node, optional);
        let usable = node.is_some_and(|node| self.nodes[node].online && !self.nodes[node].unclean);
        if !self.act(start).is(flag::RUNNABLE) || !usable {
            self.act_mut(monitor).clear(flag::RUNNABLE);
        }
        if next == Role::Promoted {
            self.expect_rc(monitor, PROMOTED);
        }
        if node.is_none() || self.is(rsc, Flags::MANAGED) {
            let flags = ar::FIRST_IMPLIES_THEN | ar::UNRUNNABLE_FIRST_BLOCKS;
            self.order(End::task(rsc, Task::Start), End::Action(monitor), flags);
            self.order(End::task(rsc, Task::ReloadAgent), End::Action(monitor), flags);
            let flags = ar::ORDERED | ar::UNRUNNABLE_FIRST_BLOCKS;
            if next == Role::Promoted {
                self.order(End::task(rsc, Task::Promote), End::Action(monitor), flags);
            } else if self.rscs[rsc].role == Role::Promoted {
                self.order(End::task(rsc, Task::Demote), End::Action(monitor), flags);
            }
        }
    }

    /// Cancels a running monitor that is for another role than the next one.
    fn cancel_for_role(&mut self, rsc: RscIx, node: NodeIx, op: Recurring) {
        let cancel = self.cancel_action(rsc, op.task, op.interval_ms, node);
        let after = match (self.rscs[rsc].role, self.rscs[rsc].next_role) {
            (Role::Unpromoted | Role::Started, Role::Promoted) => Some(Task::Promote),
            (Role::Unpromoted | Role::Started, Role::Stopped) => Some(Task::Stop),
            (Role::Promoted, _) => Some(Task::Demote),
            _ => None,
        };
        if let Some(after) = after {
            self.order(End::Action(cancel), End::task(rsc, after), ar::UNRUNNABLE_FIRST_BLOCKS);
        }
    }

    /// Turns a recurring operation into its cancellation.
    fn cancel_action(&mut self, rsc: RscIx, task: Task, interval_ms: u64, node: NodeIx) -> ActIx {
        let cancel = self.action(rsc, Key::Op(task, interval_ms), Task::Cancel, Some(node), false);
        let name = self.task_text(task).to_owned();
        let act = self.act_mut(cancel);
        act.task = Task::Cancel;
        act.cancelled = Some(task);
        act.set_meta("operation", name);
        act.set_meta("interval", interval_ms.to_string());
        cancel
    }

    /// Cancels a recurring operation of the history, after the stop if there is one.
    pub(super) fn schedule_cancel(
        &mut self,
        rsc: RscIx,
        call_id: i32,
        task: Task,
        interval_ms: u64,
        node: NodeIx,
    ) {
        let cancel = self.cancel_action(rsc, task, interval_ms, node);
        self.act_mut(cancel).set_meta("call-id", call_id.to_string());
        self.order(End::task(rsc, Task::Stop), End::Action(cancel), ar::ORDERED);
    }

    /// Starts a recurring operation anew because its definition changed.
    pub(super) fn reschedule(&mut self, rsc: RscIx, task: Task, interval_ms: u64, node: NodeIx) {
        self.trigger_unfencing(Some(rsc), Some(node), "Device parameters changed (reschedule)");
        let action = self.action(rsc, Key::Op(task, interval_ms), task, Some(node), true);
        self.act_mut(action).set(flag::RESCHEDULE);
    }

    /// Monitors for the role Stopped run wherever the resource is not.
    fn recurring_for_inactive(&mut self, rsc: RscIx, node: Option<NodeIx>, op: Recurring) {
        let facts = self.facts;
        for other in facts.nodes.indices() {
            if node == Some(other) {
                self.cancel_if_running(rsc, other, op);
                continue;
            }
            let optional = !self.all_exactly_on(rsc, op.key(), Some(other)).is_empty();
            let monitor = self.action(rsc, op.key(), op.task, Some(other), optional);
            self.expect_rc(monitor, NOT_RUNNING);
            if self.is(rsc, Flags::MANAGED) {
                for probe in self.all_of_key(rsc, Key::Op(Task::Monitor, 0), Some(other)) {
                    self.link(probe, monitor, ar::UNRUNNABLE_FIRST_BLOCKS);
                }
            }
            self.order_after_stops(rsc, other, monitor);
            if !self.nodes[other].online || self.nodes[other].unclean {
                self.act_mut(monitor).clear(flag::RUNNABLE);
            }
        }
    }

    fn cancel_if_running(&mut self, rsc: RscIx, node: NodeIx, op: Recurring) {
        if self.all_exactly_on(rsc, op.key(), Some(node)).is_empty() {
            return;
        }
        let cancel = self.cancel_action(rsc, op.task, op.interval_ms, node);
        if matches!(self.rscs[rsc].next_role, Role::Started | Role::Unpromoted) {
            self.order(End::Action(cancel), End::task(rsc, Task::Start), ar::UNRUNNABLE_FIRST_BLOCKS);
        }
    }

    fn order_after_stops(&mut self, rsc: RscIx, node: NodeIx, monitor: ActIx) {
        for stop in self.all_exactly_on(rsc, Key::Op(Task::Stop, 0), Some(node)) {
            let managed = self.is(rsc, Flags::MANAGED);
            if !self.act(stop).is(flag::OPTIONAL) && !self.act(monitor).is(flag::OPTIONAL) && !managed {
                self.act_mut(monitor).set(flag::OPTIONAL);
            }
            if !self.act(stop).is(flag::RUNNABLE) {
                self.act_mut(monitor).clear(flag::RUNNABLE);
            }
            if managed {
                let flags = ar::FIRST_IMPLIES_THEN | ar::UNRUNNABLE_FIRST_BLOCKS;
                self.order(End::Of(rsc, stop), End::Action(monitor), flags);
            }
        }
    }

    /// Repeats at an interval.
    pub(crate) fn is_recurring(&self, action: ActIx) -> bool {
        let act = self.act(action);
        act.interval_ms() > 0 || act.own_meta("interval").is_some_and(|interval| interval != "0")
    }
}
