//! The plan in words: what happens to which node and resource, and why.
//!
//! Knows how actions add up to one verb per resource. Does not format columns.

use crate::actions::kinds::{ActIx, Key, Task, flag};
use crate::actions::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx, RscKind};
use crate::schedule::{PlaceAndRole, SummaryLine};
use holdfast_model::Role;

/// All lines, nodes first.
pub(crate) fn lines(plan: &mut Plan<'_>) -> Vec<SummaryLine> {
    let mut lines = Vec::new();
    for action in (0..plan.actions.len() as u32).rev().map(ActIx) {
        let act = plan.act(action);
        if act.rsc.is_some() || act.is(flag::OPTIONAL) {
            continue;
        }
        let task = match act.task {
            Task::Shutdown => "Shutdown".to_owned(),
            Task::Stonith => format!("Fence ({})", act.own_meta("stonith_action").unwrap_or("")),
            _ => continue,
        };
        let Some(node) = act.node else {
            continue;
        };
        let data = &plan.facts.nodes[node];
        let launcher = plan.launcher_of_node(node).filter(|_| data.is_guest());
        let node = match launcher {
            Some(launcher) => format!("{} (resource: {})", data.name, plan.rsc(launcher).id),
            None => data.name.clone(),
        };
        lines.push(SummaryLine::Node { task, node, reason: act.reason.clone() });
    }
    for rsc in plan.top.clone() {
        rsc_lines(plan, rsc, &mut lines);
    }
    lines
}

fn rsc_lines(plan: &mut Plan<'_>, rsc: RscIx, lines: &mut Vec<SummaryLine>) {
    if let RscKind::Bundle(bundle) = &plan.rsc(rsc).kind {
        for replica in &bundle.replicas {
            let parts = [replica.ip, Some(replica.container), replica.remote, replica.child];
            for part in parts.into_iter().flatten() {
                rsc_lines(plan, part, lines);
            }
        }
        return;
    }
    let children = plan.rscs[rsc].children.clone();
    if !children.is_empty() {
        for child in children {
            rsc_lines(plan, child, lines);
        }
        return;
    }
    let current = plan.current_node(rsc);
    if current.is_some() && plan.rscs[rsc].role == Role::Stopped {
        // Active somewhere, whatever its history says.
        plan.rscs[rsc].role = Role::Started;
    }
    if current.is_none() && plan.is(rsc, Flags::REMOVED) {
        return;
    }
    let next = plan.rscs[rsc].assigned;
    if plan.is(rsc, Flags::MANAGED) && (current.is_some() || next.is_some()) {
        Summary::new(plan, rsc, current, next).write(plan, lines);
    }
}

/// What is known about one resource's part of the plan.
struct Summary {
    rsc: RscIx,
    current: Option<NodeIx>,
    next: Option<NodeIx>,
    start: Option<ActIx>,
    stop: Option<ActIx>,
    promote: Option<ActIx>,
    demote: Option<ActIx>,
}

impl Summary {
    fn new(plan: &mut Plan<'_>, rsc: RscIx, current: Option<NodeIx>, next: Option<NodeIx>) -> Summary {
        let oldest = |plan: &mut Plan<'_>, task: Task, node: Option<NodeIx>| {
            plan.all_of_key(rsc, Key::Op(task, 0), node).first().copied()
        };
        let start = oldest(plan, Task::Start, next);
        let starts = start.is_some_and(|start| plan.act(start).is(flag::RUNNABLE));
        let mut stop = oldest(plan, Task::Stop, if starts { current } else { None });
        if stop.is_none() && plan.is(rsc, Flags::STOP_UNEXPECTED) {
            stop = oldest(plan, Task::Stop, None);
        }
        let promote = oldest(plan, Task::Promote, next);
        let demote = oldest(plan, Task::Demote, next);
        Summary { rsc, current, next, start, stop, promote, demote }
    }

    fn write(&self, plan: &mut Plan<'_>, lines: &mut Vec<SummaryLine>) {
        let rsc = self.rsc;
        let moving = self.current.is_some() && self.next.is_some() && self.current != self.next;
        let (role, next_role) = (plan.rscs[rsc].role, plan.rscs[rsc].next_role);
        let optional = |plan: &Plan<'_>, action: Option<ActIx>| {
            action.is_none_or(|action| plan.act(action).is(flag::OPTIONAL))
        };
        let runnable = |plan: &Plan<'_>, action: Option<ActIx>| {
            action.is_none_or(|action| plan.act(action).is(flag::RUNNABLE))
        };
        let failed = plan.is(rsc, Flags::FAILED);
        let reload = plan.is(rsc, Flags::RELOAD);
        let (current, next) = (self.current, self.next);
        let mut line =
            |plan: &Plan<'_>, verb, to: Option<NodeIx>, action: Option<ActIx>, source: Option<ActIx>| {
                self.line(plan, verb, current, to, action, source, lines);
            };
        if role == next_role {
            if next.is_none() {
                return;
            }
            let migrate = plan.all_of_key(rsc, Key::Op(Task::MigrateFrom, 0), next).first().copied();
            if migrate.is_some() && current.is_some() && runnable(plan, migrate) {
                line(plan, "Migrate", next, self.start, None);
            } else if reload {
                line(plan, "Reload", next, self.start, None);
            } else if optional(plan, self.start) {
                if self.demote.is_some()
                    && self.promote.is_some()
                    && !optional(plan, self.demote)
                    && !optional(plan, self.promote)
                {
                    line(plan, "Re-promote", next, self.promote, self.demote);
                }
            } else if !runnable(plan, self.start) {
                let by_stop = self.stop.is_some_and(|stop| plan.act(stop).reason.is_some());
                line(plan, "Stop", None, self.stop, if by_stop { self.stop } else { self.start });
            } else if moving {
                line(plan, if failed { "Recover" } else { "Move" }, next, self.stop, None);
            } else if failed {
                line(plan, "Recover", None, self.stop, None);
            } else {
                line(plan, "Restart", next, self.start, None);
            }
            return;
        }
        if self.stop.is_some() && (next_role == Role::Stopped || !runnable(plan, self.start)) {
            self.write_stops(plan, lines);
        } else if self.stop.is_some() && failed && plan.is(rsc, Flags::STOP_IF_FAILED) {
            line(plan, "Recover", next, self.stop, self.start);
        } else if moving {
            line(plan, "Move", next, self.stop, None);
        } else if reload {
            line(plan, "Reload", next, self.start, None);
        } else if self.stop.is_some() && !optional(plan, self.stop) {
            line(plan, "Restart", next, self.start, None);
        } else if role == Role::Promoted {
            line(plan, "Demote", next, self.demote, None);
        } else if next_role == Role::Promoted {
            line(plan, "Promote", next, self.promote, None);
        } else if role == Role::Stopped && next_role > Role::Stopped {
            line(plan, "Start", next, self.start, None);
        }
    }

    fn write_stops(&self, plan: &mut Plan<'_>, lines: &mut Vec<SummaryLine>) {
        for node in plan.rsc(self.rsc).running_on.clone() {
            let stop = plan.all_of_key(self.rsc, Key::Op(Task::Stop, 0), Some(node)).first().copied();
            let by_stop = stop.is_some_and(|stop| plan.act(stop).reason.is_some());
            let source = if by_stop { stop } else { self.start };
            self.line(plan, "Stop", Some(node), None, stop, source, lines);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn line(
        &self,
        plan: &Plan<'_>,
        verb: &'static str,
        from: Option<NodeIx>,
        to: Option<NodeIx>,
        action: Option<ActIx>,
        source: Option<ActIx>,
        lines: &mut Vec<SummaryLine>,
    ) {
        let Some(action) = action else {
            return;
        };
        let (old, new) = (plan.rscs[self.rsc].role, plan.rscs[self.rsc].next_role);
        let roles = old > Role::Started || new > Role::Unpromoted;
        let name = |node: NodeIx| plan.facts.nodes[node].name.as_str();
        let details = match (from, to) {
            (None, None) => return,
            (None, Some(to)) if roles => format!("{old} -> {new} {}", name(to)),
            (None, Some(only)) => name(only).to_owned(),
            (Some(from), None) if roles => format!("{old} {}", name(from)),
            (Some(only), None) => name(only).to_owned(),
            (Some(from), Some(to)) => match (from == to, old == new) {
                (true, true) if roles => format!("{old} {}", name(from)),
                (true, true) => name(from).to_owned(),
                (false, true) if roles => format!("{} -> {} {old}", name(from), name(to)),
                (false, true) => format!("{} -> {}", name(from), name(to)),
                (true, false) => format!("{old} -> {new} {}", name(from)),
                (false, false) => format!("{old} {} -> {new} {}", name(from), name(to)),
            },
        };
        lines.push(SummaryLine::Resource {
            verb,
            id: plan.rsc(self.rsc).id.clone(),
            details,
            change: PlaceAndRole {
                from: from.map(|node| name(node).to_owned()),
                to: to.map(|node| name(node).to_owned()),
                old_role: Some(old.to_string()),
                new_role: Some(new.to_string()),
                shows_roles: roles,
            },
            reason: plan.act(source.unwrap_or(action)).reason.clone(),
            blocked: !plan.act(action).is(flag::RUNNABLE),
        });
    }
}
