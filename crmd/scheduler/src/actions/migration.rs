//! Live migration: moving a resource without stopping it.
//!
//! Knows when a migration is possible and which actions it takes. Does not know where to.

use super::kinds::{ActIx, Task, flag};
use super::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::order::relation as ar;

impl Plan<'_> {
    /// Whether the resource may migrate away from `current`.
    pub(super) fn can_migrate(&self, rsc: RscIx, current: Option<NodeIx>) -> bool {
        let clean = |node: Option<NodeIx>| node.is_some_and(|node| !self.nodes[node].unclean);
        self.is(rsc, Flags::MIGRATABLE | Flags::MANAGED)
            && !self.rscs[rsc].flags.any(Flags::FAILED | Flags::START_PENDING)
            && clean(current)
            && clean(self.rscs[rsc].assigned)
    }

    /// Adds the two halves of a migration beside stop and start.
    pub(super) fn create_migration_actions(&mut self, rsc: RscIx, current: NodeIx) {
        let assigned = self.rscs[rsc].assigned;
        let start = self.simple_action(rsc, Task::Start, assigned, true);
        let stop = self.simple_action(rsc, Task::Stop, Some(current), true);
        let under_way = self.rscs[rsc].migration_target.is_some();
        let to = (!under_way).then(|| self.simple_action(rsc, Task::MigrateTo, Some(current), true));
        let from = self.simple_action(rsc, Task::MigrateFrom, assigned, true);
        self.act_mut(start).set(flag::MIGRATABLE | flag::PSEUDO);
        self.act_mut(stop).set(flag::MIGRATABLE);
        self.act_mut(from).set(flag::MIGRATABLE);
        let needs = self.act(start).needs;
        if let Some(to) = to {
            self.act_mut(to).set(flag::MIGRATABLE);
            self.act_mut(to).needs = needs;
            self.order_tasks(rsc, Task::Monitor, rsc, Task::MigrateTo, ar::ORDERED);
            let flags = ar::ORDERED | ar::UNMIGRATABLE_THEN_BLOCKS;
            self.order_tasks(rsc, Task::MigrateTo, rsc, Task::MigrateFrom, flags);
        } else {
            self.act_mut(from).needs = needs;
            self.order_tasks(rsc, Task::Monitor, rsc, Task::MigrateFrom, ar::ORDERED);
        }
        let flags = ar::ORDERED | ar::UNMIGRATABLE_THEN_BLOCKS;
        self.order_tasks(rsc, Task::MigrateFrom, rsc, Task::Stop, flags);
        self.order_tasks(rsc, Task::MigrateFrom, rsc, Task::Start, flags | ar::FIRST_ELSE_THEN);
        if let Some(to) = to {
            self.add_migration_meta(to, current, assigned);
            if !self.is(rsc, Flags::REMOTE_CONNECTION) {
                self.act_mut(to).set_meta("record-pending", "true");
            }
        }
        self.add_migration_meta(from, current, assigned);
    }

    fn add_migration_meta(&mut self, action: ActIx, source: NodeIx, target: Option<NodeIx>) {
        let facts = self.facts;
        let act = self.act_mut(action);
        act.set_meta("migrate_source", facts.nodes[source].name.as_str());
        if let Some(target) = target {
            act.set_meta("migrate_target", facts.nodes[target].name.as_str());
        }
    }
}
