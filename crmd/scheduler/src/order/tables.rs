//! The tables of orderings: between kinds of actions (to be applied later) and between actions.
//!
//! Knows how orderings are stored, and the twins that an ordering of migratable resources needs.
//! Does not know where orderings come from.

use super::relation as ar;
use crate::actions::kinds::{ActIx, Input, Key, Task};
use crate::actions::plan::{Ordering, Plan};
use crate::facts::{Flags, RscIx};

/// One end of an ordering.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// Whatever actions of that key the resource will have.
    Key(RscIx, Key),
    /// This action.
    Action(ActIx),
    /// This action, found by looking at the resource.
    Of(RscIx, ActIx),
}

impl End {
    /// The one-time task of a resource.
    pub(crate) fn task(rsc: RscIx, task: Task) -> End {
        End::Key(rsc, Key::Op(task, 0))
    }
}

impl Plan<'_> {
    /// Remembers an ordering between two ends.
    pub(crate) fn order(&mut self, first: End, then: End, flags: u32) {
        let resolve = |plan: &Self, end: End| match end {
            End::Key(rsc, key) => (Some(rsc), Some(key), None),
            End::Action(action) => (plan.act(action).rsc, Some(plan.act(action).key), Some(action)),
            End::Of(rsc, action) => (Some(rsc), Some(plan.act(action).key), Some(action)),
        };
        let (first_rsc, first_key, first) = resolve(self, first);
        let (then_rsc, then_key, then) = resolve(self, then);
        let ordering = Ordering { first_rsc, first_key, first, then_rsc, then_key, then, flags };
        self.orderings.push(ordering.clone());
        self.order_migrations(&ordering);
    }

    /// Orders a task of a resource before a task of a resource.
    pub(crate) fn order_tasks(
        &mut self,
        first: RscIx,
        first_task: Task,
        then: RscIx,
        then_task: Task,
        flags: u32,
    ) {
        self.order(End::task(first, first_task), End::task(then, then_task), flags);
    }

    /// Adds what an ordering means when one of the resources migrates instead of stopping and starting.
    fn order_migrations(&mut self, ordering: &Ordering) {
        let (Some(first), Some(then)) = (ordering.first_rsc, ordering.then_rsc) else {
            return;
        };
        if first == then || self.is_inside(first, then) || self.is_inside(then, first) {
            return;
        }
        let first_migratable = self.is(first, Flags::MIGRATABLE);
        let then_migratable = self.is(then, Flags::MIGRATABLE);
        if !first_migratable && !then_migratable {
            return;
        }
        let task = |plan: &Self, action: Option<ActIx>, key: Option<Key>| match (action, key) {
            (Some(action), _) => Some(plan.act(action).task),
            (None, Some(Key::Op(task, _))) => Some(task),
            (None, Some(Key::Notify(..) | Key::Named(_)) | None) => None,
        };
        let first_task = task(self, ordering.first, ordering.first_key);
        let then_task = task(self, ordering.then, ordering.then_key);
        let migrating_in = self.rscs[then].migration_target.is_some();
        let if_unmigratable =
            if first_migratable { ar::ORDERED | ar::IF_FIRST_UNMIGRATABLE } else { ar::ORDERED };
        match (first_task, then_task) {
            (Some(Task::Start), Some(Task::Start)) => {
                if first_migratable && then_migratable {
                    self.order_tasks(first, Task::MigrateFrom, then, Task::MigrateTo, ar::ORDERED);
                }
                if then_migratable {
                    self.order_tasks(first, Task::Start, then, Task::MigrateTo, if_unmigratable);
                }
            }
            (Some(Task::Stop), Some(Task::Stop)) if then_migratable => {
                self.order_tasks(first, Task::Stop, then, Task::MigrateTo, if_unmigratable);
                if migrating_in {
                    self.order_tasks(first, Task::Stop, then, Task::MigrateFrom, if_unmigratable);
                }
            }
            (Some(Task::Promote), Some(Task::Start)) if then_migratable => {
                self.order_tasks(first, Task::Promote, then, Task::MigrateTo, ar::ORDERED);
            }
            (Some(Task::Demote), Some(Task::Stop)) if then_migratable => {
                self.order_tasks(first, Task::Demote, then, Task::MigrateTo, ar::ORDERED);
                if migrating_in {
                    self.order_tasks(first, Task::Demote, then, Task::MigrateFrom, ar::ORDERED);
                }
            }
            _ => {}
        }
    }

    /// Orders two actions. Says whether that was news.
    pub(crate) fn link(&mut self, first: ActIx, then: ActIx, flags: u32) -> bool {
        if flags == ar::NONE || first == then {
            return false;
        }
        let (after, before) = (&self.act(first).after, &self.act(then).before);
        // Each ordering is in both lists; the shorter one tells sooner that there is none yet.
        let known = before.len() >= after.len() || before.iter().any(|input| input.first == first);
        if known && after.iter().any(|(to, with)| *to == then && with & flags != 0) {
            return false;
        }
        self.after_mut(first).push((then, flags));
        self.before_mut(then).push(Input { first, flags, graphed: false });
        true
    }
}
