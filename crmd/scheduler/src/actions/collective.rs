//! Actions of groups, clones and bundles: those of what is inside, and the milestones around them.
//!
//! Knows the milestones of every collective kind. Does not know the orderings around them.

use super::kinds::{ActIx, Task, flag};
use super::notify::Around;
use super::plan::Plan;
use crate::facts::{Flags, RscIx, RscKind};
use crate::order::relation as ar;
use holdfast_model::boolean;

/// What the instances of a clone or bundle are about to do.
#[derive(Debug, Clone, Copy, Default)]
struct Instances {
    starting: bool,
    stopping: bool,
    restarting: bool,
    active: bool,
}

impl Plan<'_> {
    /// Creates all actions of a resource and of what is inside it.
    pub(crate) fn create_actions(&mut self, rsc: RscIx) {
        match &self.rsc(rsc).kind {
            RscKind::Primitive => self.create_primitive_actions(rsc),
            RscKind::Group(_) => self.create_group_actions(rsc),
            RscKind::Clone(_) => {
                let instances = self.rscs[rsc].children.clone();
                self.create_instance_actions(rsc, &instances);
                if self.is(rsc, Flags::PROMOTABLE) {
                    self.create_promotable_actions(rsc);
                }
            }
            RscKind::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    for part in [replica.ip, Some(replica.container), replica.remote].into_iter().flatten() {
                        self.create_actions(part);
                    }
                }
                let containers = self.instances(rsc);
                self.create_instance_actions(rsc, &containers);
                if let Some(inner) = bundle.child {
                    self.create_actions(inner);
                    if self.is(inner, Flags::PROMOTABLE) {
                        for (task, done) in [(Task::Promote, Task::Promoted), (Task::Demote, Task::Demoted)] {
                            self.pseudo_action(rsc, task, true, true);
                            let done = self.pseudo_action(rsc, done, true, true);
                            self.set_top_priority(done);
                        }
                    }
                }
            }
        }
    }

    fn create_group_actions(&mut self, group: RscIx) {
        for member in self.rscs[group].children.clone() {
            self.create_actions(member);
        }
        for task in [Task::Start, Task::Running, Task::Stop, Task::Stopped] {
            self.pseudo_action(group, task, true, true);
        }
        if boolean::is_true(self.rsc(group).meta("promotable")) {
            for task in [Task::Demote, Task::Demoted, Task::Promote, Task::Promoted] {
                self.pseudo_action(group, task, true, true);
            }
        }
    }

    fn create_instance_actions(&mut self, rsc: RscIx, instances: &[RscIx]) {
        let mut state = Instances::default();
        for instance in instances {
            self.create_actions(*instance);
            self.look_at_instance(*instance, &mut state);
        }
        let start = self.pseudo_action(rsc, Task::Start, !state.starting, true);
        let started = self.pseudo_action(rsc, Task::Running, !state.starting, false);
        self.set_top_priority(started);
        if state.active || state.starting {
            self.act_mut(started).set(flag::RUNNABLE);
        }
        let stop = self.pseudo_action(rsc, Task::Stop, !state.stopping, true);
        let stopped = self.pseudo_action(rsc, Task::Stopped, !state.stopping, true);
        self.set_top_priority(stopped);
        if !state.restarting {
            self.act_mut(stop).set(flag::MIGRATABLE);
        }
        if self.rsc(rsc).is_clone() {
            self.notify_around(rsc, Around::Start, start, started);
            self.notify_around(rsc, Around::Stop, stop, stopped);
            if let (Some(stop), Some(start)) =
                (self.notify_done(rsc, Around::Stop), self.notify_begin(rsc, Around::Start))
            {
                self.link(stop, start, ar::ORDERED);
            }
        }
    }

    fn look_at_instance(&self, instance: RscIx, state: &mut Instances) {
        if !self.rsc(instance).is_primitive() {
            for child in &self.rscs[instance].children {
                self.look_at_instance(*child, state);
            }
            return;
        }
        state.active |= !self.rsc(instance).running_on.is_empty();
        let mut starting = false;
        let mut stopping = false;
        for action in &self.rscs[instance].actions {
            let act = self.act(*action);
            if act.is(flag::OPTIONAL) {
                continue;
            }
            starting |= act.task == Task::Start && act.is(flag::RUNNABLE);
            stopping |= act.task == Task::Stop && act.any(flag::RUNNABLE | flag::PSEUDO);
        }
        state.starting |= starting;
        state.stopping |= stopping;
        state.restarting |= starting && stopping;
    }

    fn create_promotable_actions(&mut self, clone: RscIx) {
        let mut promoting = false;
        let mut demoting = false;
        for instance in self.rscs[clone].children.clone() {
            self.create_actions(instance);
            self.look_for_role_changes(instance, &mut promoting, &mut demoting);
        }
        let promote = self.pseudo_action(clone, Task::Promote, !promoting, true);
        let promoted = self.pseudo_action(clone, Task::Promoted, !promoting, true);
        self.set_top_priority(promoted);
        self.notify_around(clone, Around::Promote, promote, promoted);
        let demote = self.pseudo_action(clone, Task::Demote, !demoting, true);
        let demoted = self.pseudo_action(clone, Task::Demoted, !demoting, true);
        self.set_top_priority(demoted);
        self.notify_around(clone, Around::Demote, demote, demoted);
        let pairs = [
            (Around::Stop, Around::Promote),
            (Around::Start, Around::Promote),
            (Around::Demote, Around::Promote),
            (Around::Demote, Around::Start),
            (Around::Demote, Around::Stop),
        ];
        for (first, then) in pairs {
            let ends: (Option<ActIx>, Option<ActIx>) =
                (self.notify_done(clone, first), self.notify_begin(clone, then));
            if let (Some(first), Some(then)) = ends {
                self.link(first, then, ar::ORDERED);
            }
        }
        let priority = self.rscs[clone].priority;
        for instance in self.rscs[clone].children.clone() {
            self.rscs[instance].priority = priority;
        }
    }

    fn look_for_role_changes(&self, instance: RscIx, promoting: &mut bool, demoting: &mut bool) {
        for child in &self.rscs[instance].children {
            self.look_for_role_changes(*child, promoting, demoting);
        }
        if !self.rscs[instance].children.is_empty() {
            return;
        }
        for action in &self.rscs[instance].actions {
            let act = self.act(*action);
            if !act.is(flag::OPTIONAL) {
                *promoting |= act.task == Task::Promote;
                *demoting |= act.task == Task::Demote;
            }
        }
    }
}
