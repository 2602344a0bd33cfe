//! Orderings of clones and bundles: what an ordering of the whole means for each instance.
//!
//! Knows interleaving and how flags of instances add up. Does not know the relations themselves.

use super::relation as ar;
use super::update::{Changed, Step};
use crate::actions::create::NOT_RUNNING;
use crate::actions::kinds::{ActIx, Key, Task, flag};
use crate::actions::plan::Plan;
use crate::actions::sums::Summed;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::index::IndexVec;
use holdfast_model::{Role, boolean};

impl Plan<'_> {
    /// Applies one relation to a clone or bundle and its instances.
    pub(super) fn update_instances(&mut self, step: Step) -> Changed {
        let Some(then_rsc) = self.act(step.then).rsc else {
            return Changed::default();
        };
        if self.can_interleave(step.first, step.then) {
            return self.update_interleaved(step, then_rsc);
        }
        let mut changed = self.update_two(step);
        let idle = self.is_idle(step);
        if idle && self.sums.visited(then_rsc, step.then, step.node) {
            return changed;
        }
        let task = self.act(step.then).task;
        for instance in self.instances(then_rsc) {
            let Some(action) = self.newest(instance, task, step.node) else {
                continue;
            };
            if self.action_flags(action, step.node) & flag::RUNNABLE == 0 {
                continue;
            }
            let result = self.update_pair(instance, Step { then: action, ..step });
            changed.merge(result);
            if result.then {
                self.update_successors(action);
            }
        }
        if idle {
            self.sums.visit(then_rsc, step.then, step.node);
        }
        changed
    }

    /// Whether the relation, as the first action is now, leaves whatever comes later as it is. Looking at an instance
    /// may still show that its action is required: once, until something changes.
    fn is_idle(&self, step: Step) -> bool {
        match step.kind {
            ar::ORDERED | ar::MIN_RUNNABLE => true,
            ar::FIRST_IMPLIES_THEN => {
                step.flags & flag::OPTIONAL != 0 || self.act(step.first).is(flag::MIGRATABLE)
            }
            ar::UNRUNNABLE_FIRST_BLOCKS => step.flags & flag::RUNNABLE != 0,
            _ => false,
        }
    }

    fn can_interleave(&self, first: ActIx, then: ActIx) -> bool {
        let (Some(first_rsc), Some(then_rsc)) = (self.act(first).rsc, self.act(then).rsc) else {
            return false;
        };
        if first_rsc == then_rsc || !self.is_collective(first_rsc) || !self.is_collective(then_rsc) {
            return false;
        }
        let down = matches!(
            self.act(then).key,
            Key::Op(Task::Stop | Task::Demote, 0) | Key::Notify(_, Task::Stop | Task::Demote)
        );
        let decides = if down { first_rsc } else { then_rsc };
        self.interleaves(decides)
    }

    /// `interleave=true`
    pub(crate) fn interleaves(&self, rsc: RscIx) -> bool {
        boolean::is_true(self.rsc(rsc).meta("interleave"))
    }

    fn update_interleaved(&mut self, step: Step, then_rsc: RscIx) -> Changed {
        let mut changed = Changed::default();
        let Some(first_rsc) = self.act(step.first).rsc else {
            return changed;
        };
        let current = matches!(
            self.act(step.first).key,
            Key::Op(Task::Stopped | Task::Demoted, 0) | Key::Notify(_, Task::Stopped | Task::Demoted)
        );
        let first_task = self.instance_task(step.first, first_rsc);
        let then_task = self.act(step.then).task;
        for then_instance in self.instances(then_rsc) {
            let Some(first_instance) = self.compatible_instance(then_instance, first_rsc, current) else {
                let mandatory = step.kind & (ar::UNRUNNABLE_FIRST_BLOCKS | ar::FIRST_IMPLIES_THEN) != 0;
                if !current && mandatory && self.unassign(then_instance) {
                    changed.then = true;
                }
                continue;
            };
            let of_inside = !matches!(self.act(step.first).task, Task::Stop | Task::Stopped);
            let Some(first) = self.instance_action(first_instance, first_task, step.node, of_inside) else {
                continue;
            };
            let of_inside =
                matches!(then_task, Task::Promote | Task::Promoted | Task::Demote | Task::Demoted);
            let Some(then) = self.instance_action(then_instance, then_task, step.node, of_inside) else {
                continue;
            };
            if self.link(first, then, step.kind) {
                changed.first = true;
                changed.then = true;
            }
            let flags = self.action_flags(first, step.node);
            let result = self.update_pair(then_instance, Step { first, then, flags, ..step });
            changed.merge(result);
        }
        changed
    }

    /// The action of an instance, or of what is inside it when it is a container.
    fn instance_action(
        &self,
        instance: RscIx,
        task: Task,
        node: Option<NodeIx>,
        of_inside: bool,
    ) -> Option<ActIx> {
        match self.inside_container(instance).filter(|_| of_inside) {
            Some(inside) => self.newest(inside, task, None),
            None => self.newest(instance, task, node),
        }
    }

    /// The instance of `rsc` that is (or will be) where `other` is.
    pub(crate) fn compatible_instance(&self, other: RscIx, rsc: RscIx, current: bool) -> Option<RscIx> {
        let instances = self.instances(rsc);
        let on = |node: NodeIx| {
            instances.iter().copied().find(|instance| {
                !self.any_blocked(*instance) && self.location(*instance, current) == Some(node)
            })
        };
        match self.location(other, current) {
            Some(node) => on(node),
            None => self.preference.as_ref()?.sorted_nodes(other).into_iter().find_map(on),
        }
    }

    fn any_blocked(&self, rsc: RscIx) -> bool {
        self.is(rsc, Flags::BLOCKED) || self.rscs[rsc].children.iter().any(|child| self.any_blocked(*child))
    }

    /// Takes away the place of a resource. Says whether it had one.
    fn unassign(&mut self, rsc: RscIx) -> bool {
        let children = self.rscs[rsc].children.clone();
        if !children.is_empty() {
            let mut changed = false;
            for child in children {
                changed |= self.unassign(child);
            }
            return changed;
        }
        let place = self.rscs[rsc].assigned.take();
        if let (Some(node), Some(preference)) = (place, &mut self.preference) {
            preference.release(rsc, node);
        }
        self.rscs[rsc].next_role = Role::Stopped;
        self.stop_for_lack_of_place(rsc);
        place.is_some()
    }

    /// What it means for existing actions that the resource has no place: stops must happen, nothing else can.
    pub(crate) fn stop_for_lack_of_place(&mut self, rsc: RscIx) {
        let stopped = NOT_RUNNING.to_string();
        for action in self.rscs[rsc].actions.clone() {
            let act = self.act_mut(action);
            match act.task {
                Task::Stop => act.clear(flag::OPTIONAL),
                Task::Start => act.clear(flag::RUNNABLE),
                _ => {
                    let recurring =
                        act.interval_ms() > 0 || act.own_meta("interval").is_some_and(|i| i != "0");
                    if recurring && act.own_meta("op_target_rc") != Some(&stopped) {
                        act.clear(flag::RUNNABLE);
                    }
                }
            }
        }
    }

    /// What a collective's action is called on its instances.
    fn instance_task(&self, action: ActIx, rsc: RscIx) -> Task {
        let act = self.act(action);
        let task = match act.key {
            Key::Notify(_, task) if matches!(act.task, Task::Notify | Task::Notified) => task,
            Key::Op(..) | Key::Notify(..) | Key::Named(_) => act.task,
        };
        match self.rscs[rsc].children.first() {
            Some(child) if self.rsc(*child).is_primitive() => task.beginning(),
            _ => task,
        }
    }

    /// Flags of a collective's action: required if one instance's is, runnable if one instance's is.
    pub(super) fn collective_flags(
        &mut self,
        action: ActIx,
        instances: &[RscIx],
        node: Option<NodeIx>,
    ) -> u32 {
        let Some(rsc) = self.act(action).rsc else {
            return flag::OPTIONAL | flag::RUNNABLE | flag::PSEUDO;
        };
        // Instances are all of a kind.
        if instances.first().is_some_and(|instance| !self.rsc(*instance).is_primitive()) {
            return self.flags_of_collections(rsc, action, instances, node);
        }
        let sums = self.sum_up(self.instance_task(action, rsc), instances);
        let flags = sums.flags(node);
        self.sums.keep_whole(rsc, action, sums);
        self.clear_unless(action, flags, node);
        self.sums.still_whole(rsc, action);
        flags
    }

    /// The same if it was summed up since the last change.
    pub(super) fn known_flags(&mut self, rsc: RscIx, action: ActIx, node: Option<NodeIx>) -> Option<u32> {
        let Some(sums) = self.sums.whole(rsc, action) else {
            return self.sums.single(rsc, action, node);
        };
        let flags = sums.flags(node);
        self.clear_unless(action, flags, node);
        self.sums.still_whole(rsc, action);
        Some(flags)
    }

    /// Primitives: one look at all their actions of the task tells the sums for every node.
    fn sum_up(&self, task: Task, instances: &[RscIx]) -> Summed {
        let nothing = flag::OPTIONAL | flag::PSEUDO;
        let mut sums = Summed { anywhere: nothing, on: IndexVec::filled(nothing, self.nodes.len()) };
        let add = |sum: &mut u32, flags: u32| {
            *sum = (*sum & (flags | !flag::OPTIONAL)) | (flags & flag::RUNNABLE);
        };
        let mut seen = Vec::new();
        for instance in instances {
            seen.clear();
            // The newest one on each node counts.
            for act in self.rscs[*instance].actions.iter().rev().map(|action| self.act(*action)) {
                if act.task != task {
                    continue;
                }
                if seen.is_empty() {
                    add(&mut sums.anywhere, act.flags);
                }
                if !seen.contains(&act.node) {
                    seen.push(act.node);
                    if let Some(node) = act.node {
                        add(&mut sums.on[node], act.flags);
                    }
                }
            }
        }
        sums
    }

    /// Groups and clones as instances: each of them sums up its own members.
    fn flags_of_collections(
        &mut self,
        rsc: RscIx,
        action: ActIx,
        instances: &[RscIx],
        node: Option<NodeIx>,
    ) -> u32 {
        let mut flags = flag::OPTIONAL | flag::PSEUDO;
        let task = self.instance_task(action, rsc);
        for instance in instances {
            let Some(instance_action) = self.newest(*instance, task, None) else {
                continue;
            };
            let instance_flags = self.action_flags(instance_action, node);
            if instance_flags & flag::OPTIONAL == 0 {
                flags &= !flag::OPTIONAL;
            }
            flags |= instance_flags & flag::RUNNABLE;
        }
        self.clear_unless(action, flags, node);
        self.sums.keep_single(rsc, action, node, flags);
        flags
    }

    /// The collective's own action is required as soon as an instance's is, and runnable only while one is.
    fn clear_unless(&mut self, action: ActIx, flags: u32, node: Option<NodeIx>) {
        if flags & flag::OPTIONAL == 0 {
            self.clear(action, flag::OPTIONAL);
        }
        if flags & flag::RUNNABLE == 0 && node.is_none() {
            self.clear(action, flag::RUNNABLE);
        }
    }
}
