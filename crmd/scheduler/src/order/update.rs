//! How requirements travel along orderings until nothing changes any more.
//!
//! Knows what each kind of relation does to "required", "runnable" and "migratable" of its two actions.
//! Does not know what the actions are for.

use super::relation::{self as ar, has};
use crate::actions::kinds::{ActIx, Key, Phase, Task, flag};
use crate::actions::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx, RscKind};
use holdfast_model::Role;

/// Which of the two actions changed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changed {
    pub first: bool,
    pub then: bool,
}

impl Changed {
    pub(super) fn merge(&mut self, other: Changed) {
        self.first |= other.first;
        self.then |= other.then;
    }
}

/// One ordering on its way through the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub first: ActIx,
    pub then: ActIx,
    /// Node for which instances are looked at.
    pub node: Option<NodeIx>,
    /// Flags of the first action as it appears from there.
    pub flags: u32,
    /// Flags that this relation is about.
    pub filter: u32,
    /// The relation.
    pub kind: u32,
}

impl Plan<'_> {
    /// Brings an action in line with everything ordered before it, and what follows in line with it.
    pub(crate) fn update_action(&mut self, then: ActIx) {
        let mut changed = Changed::default();
        let before_flags = self.act(then).flags;
        let counting = self.act(then).required_before > 0;
        if counting {
            let act = self.act_mut(then);
            act.runnable_before = 0;
            act.clear(flag::RUNNABLE);
        }
        let mut at = self.act(then).before.len();
        while at > 0 {
            at -= 1;
            self.update_by_input(then, at, &mut changed);
        }
        if counting {
            changed.then = before_flags != self.act(then).flags;
        }
        if changed.then {
            if before_flags & flag::RUNNABLE != 0 && !self.act(then).is(flag::RUNNABLE) {
                self.block_colocation_dependents(then);
            }
            self.update_action(then);
            self.update_successors(then);
        }
    }

    pub(super) fn update_successors(&mut self, action: ActIx) {
        let mut at = self.act(action).after.len();
        while at > 0 {
            at -= 1;
            let (later, _) = self.act(action).after[at];
            self.update_action(later);
        }
    }

    fn update_by_input(&mut self, then: ActIx, at: usize, changed: &mut Changed) {
        let input = self.act(then).before[at];
        let original = input.first;
        changed.first = false;
        if matches!(input.flags, ar::NONE | ar::ORDERED) && self.is_simple(original) && self.is_simple(then) {
            return;
        }
        let place = |plan: &Self, action: ActIx| {
            let act = plan.act(action);
            match act.rsc {
                Some(rsc) if act.task == Task::Start && plan.rsc(rsc).is_group() => plan.location(rsc, false),
                _ => act.node,
            }
        };
        let first_node = place(self, original);
        let then_node = place(self, then);
        if has(input.flags, ar::IF_ON_SAME_NODE)
            && first_node.is_some()
            && then_node.is_some()
            && first_node != then_node
        {
            self.before_mut(then)[at].flags = ar::NONE;
            return;
        }
        let first_rsc = self.act(original).rsc;
        if let Some(rsc) = first_rsc
            && has(input.flags, ar::THEN_CANCELS_FIRST)
            && !self.act(then).is(flag::OPTIONAL)
        {
            self.set(original, flag::OPTIONAL);
            if self.act(original).task == Task::ReloadAgent {
                self.rscs[rsc].flags.clear(Flags::RELOAD);
            }
        }
        let mut first = original;
        if let (Some(first_rsc), Some(then_rsc)) = (first_rsc, self.act(then).rsc)
            && first_rsc != then_rsc
            && !self.is_inside(then_rsc, first_rsc)
        {
            first = self.completion_of(original, first_rsc);
        }
        if first == original {
            let first_flags = self.flags_for_ordering(first, then_node);
            let then_flags = self.flags_for_ordering(then, first_node);
            let result = self.apply_relation(first, then, first_flags, then_flags, at);
            changed.merge(result);
        } else if self.link(first, then, input.flags) {
            changed.then = true;
            self.before_mut(then)[at].flags = ar::NONE;
        }
        if changed.first {
            self.update_successors(first);
            self.update_action(first);
        }
    }

    /// An action of a primitive: its flags are its own, and order alone changes nothing about them.
    fn is_simple(&self, action: ActIx) -> bool {
        self.act(action).rsc.is_some_and(|rsc| self.rsc(rsc).is_primitive())
    }

    /// The milestone that stands for the completion of a collective's action, seen from outside.
    fn completion_of(&mut self, action: ActIx, rsc: RscIx) -> ActIx {
        if self.rsc(rsc).is_primitive() {
            return action;
        }
        let key = match self.act(action).key {
            Key::Op(task, 0) => match task.completion() {
                Some(done) => {
                    let notified =
                        self.is(rsc, Flags::NOTIFY) && (self.rsc(rsc).is_clone() || self.is_bundled(rsc));
                    if notified { Key::Notify(Phase::ConfirmedPost, done) } else { Key::Op(done, 0) }
                }
                None => return action,
            },
            key => key,
        };
        self.newest_key(rsc, key, None).unwrap_or(action)
    }

    fn flags_for_ordering(&mut self, action: ActIx, node: Option<NodeIx>) -> u32 {
        let Some(rsc) = self.act(action).rsc else {
            return self.act(action).flags;
        };
        let flags = self.action_flags(action, None);
        if node.is_none() || !self.rsc(rsc).is_clone() {
            return flags;
        }
        // A clone counts as runnable on a node if it is runnable anywhere.
        let runnable = flags & flag::RUNNABLE;
        self.action_flags(action, node) | runnable
    }

    /// Flags of an action with those of members or instances summed up.
    pub(crate) fn action_flags(&mut self, action: ActIx, node: Option<NodeIx>) -> u32 {
        let Some(rsc) = self.act(action).rsc else {
            return self.act(action).flags;
        };
        if !self.rsc(rsc).is_primitive()
            && let Some(known) = self.known_flags(rsc, action, node)
        {
            return known;
        }
        match &self.rsc(rsc).kind {
            RscKind::Primitive => self.act(action).flags,
            RscKind::Group(_) => self.group_flags(action, rsc, node),
            RscKind::Clone(_) => {
                let instances = self.rscs[rsc].children.clone();
                self.collective_flags(action, &instances, node)
            }
            RscKind::Bundle(data) => {
                let inner = data.child;
                let task = self.act(action).task;
                let about_inner = !matches!(
                    task,
                    Task::Start
                        | Task::Running
                        | Task::Stop
                        | Task::Stopped
                        | Task::Monitor
                        | Task::Stonith
                        | Task::Shutdown
                );
                let instances = match inner {
                    Some(inner) if about_inner => self.rscs[inner].children.clone(),
                    _ => self.instances(rsc),
                };
                self.collective_flags(action, &instances, node)
            }
        }
    }

    fn group_flags(&mut self, action: ActIx, group: RscIx, node: Option<NodeIx>) -> u32 {
        let mut flags = flag::OPTIONAL | flag::RUNNABLE | flag::PSEUDO;
        let task = self.act(action).task;
        for at in 0..self.rscs[group].children.len() {
            let member = self.rscs[group].children[at];
            let member_task = if self.rsc(member).is_primitive() { task.beginning() } else { task };
            let Some(member_action) = self.newest(member, member_task, node) else {
                if !matches!(member_task, Task::Stop | Task::Demote) {
                    flags &= !flag::RUNNABLE;
                }
                continue;
            };
            let member_flags = self.action_flags(member_action, node);
            if flags & flag::OPTIONAL != 0 && member_flags & flag::OPTIONAL == 0 {
                flags &= !flag::OPTIONAL;
                self.clear(action, flag::OPTIONAL);
            }
            if member_task != task && flags & flag::RUNNABLE != 0 && member_flags & flag::RUNNABLE == 0 {
                flags &= !flag::RUNNABLE;
                self.clear(action, flag::RUNNABLE);
            }
        }
        self.sums.keep_single(group, action, node, flags);
        flags
    }

    /// The rules, one after the other.
    fn apply_relation(
        &mut self,
        first: ActIx,
        then: ActIx,
        first_flags: u32,
        then_flags: u32,
        at: usize,
    ) -> Changed {
        let mut changed = Changed::default();
        let mut node = self.act(then).node;
        let then_rsc = self.act(then).rsc;
        let first_rsc = self.act(first).rsc;
        let optional_only = first_flags & flag::OPTIONAL;
        if has(self.relation(then, at), ar::FIRST_IMPLIES_SAME_NODE_THEN) {
            let flags = &mut self.before_mut(then)[at].flags;
            *flags = (*flags & !ar::FIRST_IMPLIES_SAME_NODE_THEN) | ar::FIRST_IMPLIES_THEN;
            node = self.act(first).node;
        }
        let step = |flags: u32, filter: u32, kind: u32| Step { first, then, node, flags, filter, kind };
        if has(self.relation(then, at), ar::FIRST_IMPLIES_THEN) {
            if let Some(rsc) = then_rsc {
                let step = step(optional_only, flag::OPTIONAL, ar::FIRST_IMPLIES_THEN);
                changed.merge(self.update_pair(rsc, step));
            } else if first_flags & flag::OPTIONAL == 0 && self.act(then).is(flag::OPTIONAL) {
                self.act_mut(then).clear(flag::OPTIONAL);
                changed.then = true;
            }
        }
        if has(self.relation(then, at), ar::INTERMEDIATE_STOP)
            && let Some(rsc) = then_rsc
        {
            let step = step(first_flags, flag::OPTIONAL | flag::RUNNABLE, ar::INTERMEDIATE_STOP);
            changed.merge(self.update_pair(rsc, step));
        }
        if has(self.relation(then, at), ar::THEN_IMPLIES_FIRST) {
            if let Some(rsc) = first_rsc {
                let step = step(first_flags, flag::OPTIONAL, ar::THEN_IMPLIES_FIRST);
                changed.merge(self.update_pair(rsc, step));
            } else if first_flags & flag::OPTIONAL == 0 && self.act(first).is(flag::RUNNABLE) {
                self.act_mut(first).clear(flag::RUNNABLE);
                changed.first = true;
            }
        }
        if has(self.relation(then, at), ar::PROMOTED_THEN_IMPLIES_FIRST)
            && let Some(rsc) = then_rsc
        {
            let step = step(optional_only, flag::OPTIONAL, ar::PROMOTED_THEN_IMPLIES_FIRST);
            changed.merge(self.update_pair(rsc, step));
        }
        if has(self.relation(then, at), ar::MIN_RUNNABLE) {
            if let Some(rsc) = then_rsc {
                let step = step(first_flags, flag::RUNNABLE, ar::MIN_RUNNABLE);
                changed.merge(self.update_pair(rsc, step));
            } else if first_flags & flag::RUNNABLE != 0 {
                let act = self.act_mut(then);
                act.runnable_before += 1;
                if act.runnable_before >= act.required_before && !act.is(flag::RUNNABLE) {
                    act.set(flag::RUNNABLE);
                    changed.then = true;
                }
            }
        }
        if has(self.relation(then, at), ar::NESTED_REMOTE_PROBE)
            && let Some(rsc) = then_rsc
        {
            let active = first_rsc.is_some_and(|rsc| !self.rsc(rsc).running_on.is_empty());
            if first_flags & flag::RUNNABLE == 0 && active {
                self.before_mut(then)[at].flags = ar::NONE;
            } else {
                let step = step(first_flags, flag::RUNNABLE, ar::UNRUNNABLE_FIRST_BLOCKS);
                changed.merge(self.update_pair(rsc, step));
            }
        }
        if has(self.relation(then, at), ar::UNRUNNABLE_FIRST_BLOCKS) {
            if let Some(rsc) = then_rsc {
                let step = step(first_flags, flag::RUNNABLE, ar::UNRUNNABLE_FIRST_BLOCKS);
                changed.merge(self.update_pair(rsc, step));
            } else if first_flags & flag::RUNNABLE == 0 && self.act(then).is(flag::RUNNABLE) {
                self.act_mut(then).clear(flag::RUNNABLE);
                changed.then = true;
            }
        }
        for (kind, filter) in [
            (ar::UNMIGRATABLE_THEN_BLOCKS, flag::OPTIONAL),
            (ar::FIRST_ELSE_THEN, flag::OPTIONAL),
            (ar::ORDERED, flag::RUNNABLE),
            (ar::ASYMMETRIC, flag::RUNNABLE),
        ] {
            if has(self.relation(then, at), kind)
                && let Some(rsc) = then_rsc
            {
                changed.merge(self.update_pair(rsc, step(first_flags, filter, kind)));
            }
        }
        self.apply_graph_marks(first, then, first_flags, then_flags, at);
        if self.blocked_stop_stops(first, self.relation(then, at)) && self.act(then).is(flag::RUNNABLE) {
            self.act_mut(then).clear(flag::RUNNABLE);
            changed.then = true;
        }
        changed
    }

    fn relation(&self, then: ActIx, at: usize) -> u32 {
        self.act(then).before[at].flags
    }

    fn apply_graph_marks(&mut self, first: ActIx, then: ActIx, first_flags: u32, then_flags: u32, at: usize) {
        let relation = self.relation(then, at);
        if self.act(first).is(flag::RUNNABLE)
            && has(relation, ar::FIRST_IMPLIES_THEN_GRAPHED)
            && first_flags & flag::OPTIONAL == 0
        {
            self.set(then, flag::ALWAYS_IN_GRAPH);
        }
        if has(relation, ar::THEN_IMPLIES_FIRST_GRAPHED) && then_flags & flag::OPTIONAL == 0 {
            self.set(first, flag::ALWAYS_IN_GRAPH);
        }
    }

    /// A stop that cannot happen because the resource is blocked holds up what depends on it.
    fn blocked_stop_stops(&self, first: ActIx, relation: u32) -> bool {
        let act = self.act(first);
        let strong = ar::FIRST_IMPLIES_THEN | ar::THEN_IMPLIES_FIRST | ar::INTERMEDIATE_STOP;
        relation & strong != 0
            && act.task == Task::Stop
            && !act.is(flag::RUNNABLE)
            && act.rsc.is_some_and(|rsc| !self.is(rsc, Flags::MANAGED) && self.is(rsc, Flags::BLOCKED))
    }

    /// Applies one relation through a resource: its own action, and those of members or instances.
    pub(super) fn update_pair(&mut self, rsc: RscIx, step: Step) -> Changed {
        match self.rsc(rsc).kind {
            RscKind::Primitive => self.update_two(step),
            RscKind::Group(_) => {
                let mut changed = self.update_two(step);
                let Some(group) = self.act(step.then).rsc else {
                    return changed;
                };
                let task = self.act(step.then).task;
                for member in self.rscs[group].children.clone() {
                    if let Some(action) = self.newest(member, task, step.node) {
                        changed.merge(self.update_pair(member, Step { then: action, ..step }));
                    }
                }
                changed
            }
            RscKind::Clone(_) | RscKind::Bundle(_) => self.update_instances(step),
        }
    }

    /// Applies one relation to two actions themselves.
    pub(super) fn update_two(&mut self, step: Step) -> Changed {
        let Step { first, then, flags, filter, kind, .. } = step;
        let first_before = self.act(first).flags;
        let then_before = self.act(then).flags;
        let about_optional = filter & flag::OPTIONAL != 0;
        let about_runnable = filter & flag::RUNNABLE != 0;
        if has(kind, ar::ASYMMETRIC) {
            self.asymmetric(first, then);
        }
        if has(kind, ar::THEN_IMPLIES_FIRST) && then_before & flag::OPTIONAL == 0 {
            if about_optional && flags & flag::OPTIONAL == 0 && first_before & flag::OPTIONAL != 0 {
                self.clear_because(first, flag::OPTIONAL, then);
            }
            if flags & flag::MIGRATABLE != 0 && !self.act(then).is(flag::MIGRATABLE) {
                self.clear_because(first, flag::MIGRATABLE, then);
            }
        }
        if has(kind, ar::PROMOTED_THEN_IMPLIES_FIRST)
            && self.act(then).rsc.is_some_and(|rsc| self.rscs[rsc].role == Role::Promoted)
            && about_optional
            && !self.act(then).is(flag::OPTIONAL)
        {
            self.clear_because(first, flag::OPTIONAL, then);
            if self.act(first).is(flag::MIGRATABLE) && !self.act(then).is(flag::MIGRATABLE) {
                self.clear_because(first, flag::MIGRATABLE, then);
            }
        }
        if has(kind, ar::UNMIGRATABLE_THEN_BLOCKS) && about_optional {
            if !self.act(then).is(flag::MIGRATABLE | flag::RUNNABLE) {
                self.clear_because(first, flag::RUNNABLE, then);
            }
            if !self.act(then).is(flag::OPTIONAL) {
                self.clear_because(first, flag::OPTIONAL, then);
            }
        }
        if has(kind, ar::FIRST_ELSE_THEN) && about_optional && !self.act(first).is(flag::RUNNABLE) {
            self.clear_because(then, flag::MIGRATABLE, first);
            self.act_mut(then).clear(flag::PSEUDO);
        }
        if has(kind, ar::UNRUNNABLE_FIRST_BLOCKS)
            && about_runnable
            && self.act(then).is(flag::RUNNABLE)
            && flags & flag::RUNNABLE == 0
        {
            self.clear_because(then, flag::RUNNABLE, first);
            self.clear_because(then, flag::MIGRATABLE, first);
        }
        if has(kind, ar::FIRST_IMPLIES_THEN)
            && about_optional
            && self.act(then).is(flag::OPTIONAL)
            && flags & flag::OPTIONAL == 0
            && !self.act(first).is(flag::MIGRATABLE)
        {
            self.clear_because(then, flag::OPTIONAL, first);
        }
        if has(kind, ar::INTERMEDIATE_STOP) {
            self.restart(first, then, about_optional, about_runnable);
        }
        let mut changed = Changed::default();
        if then_before != self.act(then).flags {
            changed.then = true;
            if self.act(then).rsc.is_some_and(|rsc| self.rsc(rsc).parent.is_some()) {
                self.update_action(then);
            }
        }
        changed.first = first_before != self.act(first).flags;
        changed
    }

    fn asymmetric(&mut self, first: ActIx, then: ActIx) {
        let Some(rsc) = self.act(then).rsc else {
            return;
        };
        if self.act(first).is(flag::RUNNABLE) {
            return;
        }
        if self.act(then).is(flag::OPTIONAL) {
            let role = self.role(rsc, true);
            let task = self.act(then).task;
            if role == Role::Stopped && task == Task::Stop {
                return;
            }
            let only_there =
                matches!(self.rsc(rsc).running_on[..], [one] if Some(one) == self.act(then).node);
            if role >= Role::Started && task == Task::Start && only_there {
                return;
            }
        }
        self.clear_because(then, flag::OPTIONAL, first);
        self.clear_because(then, flag::RUNNABLE, first);
    }

    fn restart(&mut self, first: ActIx, then: ActIx, about_optional: bool, about_runnable: bool) {
        let (Some(first_rsc), Some(then_rsc)) = (self.act(first).rsc, self.act(then).rsc) else {
            return;
        };
        let wanted = about_optional && !self.act(then).is(flag::OPTIONAL);
        let stuck = about_runnable
            && !self.act(then).is(flag::RUNNABLE)
            && self.is(then_rsc, Flags::MANAGED)
            && first_rsc == then_rsc;
        if !wanted && !stuck {
            return;
        }
        if self.act(first).is(flag::RUNNABLE) {
            self.clear_because(first, flag::OPTIONAL, then);
        }
        if !self.act(then).is(flag::OPTIONAL) {
            self.clear_because(first, flag::OPTIONAL, then);
        }
        if !self.act(then).is(flag::MIGRATABLE) {
            self.clear_because(first, flag::MIGRATABLE, then);
        }
        if !self.act(first).any(flag::OPTIONAL | flag::RUNNABLE) {
            self.clear_because(then, flag::RUNNABLE, first);
        }
    }

    /// Clears a flag; if another resource's action is the cause, that is the reason.
    fn clear_because(&mut self, action: ActIx, bit: u32, cause: ActIx) {
        if !self.act(action).is(bit) {
            return;
        }
        self.act_mut(action).clear(bit);
        if self.act(action).rsc == self.act(cause).rsc || self.act(action).reason.is_some() {
            return;
        }
        let change = match bit {
            flag::RUNNABLE => "unrunnable",
            flag::MIGRATABLE => "unmigrateable",
            _ => "required",
        };
        let task = self.task_text(self.act(cause).task);
        let reason = match self.act(cause).rsc {
            Some(rsc) => format!("{change} {} {task}", self.rsc(rsc).id),
            None => format!("{change} {task}"),
        };
        self.act_mut(action).reason = Some(reason);
    }

    /// An unrunnable start or promotion makes that of mandatorily colocated dependents unrunnable.
    pub(crate) fn block_colocation_dependents(&mut self, action: ActIx) {
        let act = self.act(action);
        let (false, Some(cause)) = (act.is(flag::RUNNABLE), act.rsc) else {
            return;
        };
        let task = act.task;
        if !matches!(task, Task::Start | Task::Promote) {
            return;
        }
        let mut rsc = self.top(cause);
        if let Some(bundle) = self.rsc(rsc).parent {
            rsc = bundle;
        }
        for child in self.rscs[rsc].children.clone() {
            match self.newest(child, task, None) {
                Some(action) if !self.act(action).is(flag::RUNNABLE) => {}
                _ => return,
            }
        }
        for blocker in self.blockers[rsc.0 as usize].clone() {
            if task == Task::Promote && !blocker.primary_promoted {
                continue;
            }
            let blocked = if blocker.dependent_promoted { Task::Promote } else { Task::Start };
            self.mark_blocked(blocker.dependent, blocked, cause);
        }
    }

    fn mark_blocked(&mut self, rsc: RscIx, task: Task, cause: RscIx) {
        let reason = format!("colocation with {}", self.rsc(cause).id);
        let mut at = self.rscs[rsc].actions.len();
        while at > 0 {
            at -= 1;
            let action = self.rscs[rsc].actions[at];
            if self.act(action).task == task && self.act(action).is(flag::RUNNABLE) {
                self.act_mut(action).clear(flag::RUNNABLE);
                self.set_reason(action, &reason, false);
                self.block_colocation_dependents(action);
                self.update_action(action);
            }
        }
        for child in self.rscs[rsc].children.clone() {
            self.mark_blocked(child, task, cause);
        }
    }
}
