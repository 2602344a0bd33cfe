//! Migrations in the history: what is left to do when one was interrupted.
//!
//! A whole migration is `migrate_to` on the source, `migrate_from` on the target, `stop` on the source. Without the
//! second it is partial, without the third it is dangling. Either history may have been cleared at any point.

use holdfast_model::status::ExecStatus;
use holdfast_model::{OperationRecord, ResourceHistory, Role};

use super::Unpack;
use super::history::newer;
use super::result::Entry;
use crate::facts::types::{Flags, NodeIx, RscIx};

impl<'c> Unpack<'c> {
    /// All histories of a resource on a node.
    fn histories_of<'a>(
        &'a self,
        rsc: RscIx,
        node: &'a str,
    ) -> impl Iterator<Item = &'c ResourceHistory> + 'a {
        let id = self.facts.rscs[rsc].id.as_str();
        let states: &'c [holdfast_model::NodeState] = &self.facts.cib.status.nodes;
        states
            .iter()
            .filter(move |state| state.name == node)
            .flat_map(move |state| state.resources.iter().filter(move |history| history.id == id))
    }

    /// The only entry of this task on a node (several are as good as none), with the right partner for migrations.
    fn only_op(
        &self,
        rsc: RscIx,
        task: &str,
        node: &str,
        partner: Option<&str>,
    ) -> Option<&'c OperationRecord> {
        let mut found =
            self.histories_of(rsc, node).flat_map(|history| &history.operations).filter(|record| {
                record.operation == task
                    && match (partner, task) {
                        (Some(partner), "migrate_to") => record.migrate_target.as_deref() == Some(partner),
                        (Some(partner), "migrate_from") => record.migrate_source.as_deref() == Some(partner),
                        _ => true,
                    }
            });
        let first = found.next();
        if found.next().is_some() { None } else { first }
    }

    fn only_op_with_result(
        &self,
        rsc: RscIx,
        task: &str,
        node: &str,
        partner: Option<&str>,
        rc: i32,
    ) -> Option<&'c OperationRecord> {
        let found = self.only_op(rsc, task, node, partner)?;
        (found.rc_code == rc && found.status() == ExecStatus::Done).then_some(found)
    }

    /// No completed operation is known on the node.
    fn unknown_on(&self, rsc: RscIx, node: &str) -> bool {
        const UNKNOWN: i32 = 193;
        !self
            .histories_of(rsc, node)
            .flat_map(|history| &history.operations)
            .any(|record| record.rc_code != UNKNOWN)
    }

    /// A monitor found it not running after some event.
    fn not_running_after(&self, rsc: RscIx, node: &str, event: &OperationRecord) -> bool {
        const NOT_RUNNING: i32 = 7;
        self.only_op_with_result(rsc, "monitor", node, None, NOT_RUNNING)
            .is_some_and(|record| newer(record, event).is_gt())
    }

    /// It was started, stopped or migrated after some event.
    fn changed_after(&self, rsc: RscIx, node: &str, event: &OperationRecord) -> bool {
        let mut histories = self.histories_of(rsc, node);
        let (Some(history), None) = (histories.next(), histories.next()) else { return false };
        history.operations.iter().any(|record| {
            !std::ptr::eq(record, event)
                && matches!(record.operation.as_str(), "start" | "stop" | "migrate_to" | "migrate_from")
                && newer(record, event).is_gt()
        })
    }

    /// Something on the node is newer than a migration.
    fn newer_state(
        &self,
        rsc: RscIx,
        node: &str,
        migrate_to: Option<&OperationRecord>,
        migrate_from: Option<&OperationRecord>,
    ) -> bool {
        let event = match (migrate_from, migrate_to) {
            (Some(from), Some(to)) => {
                // Call ids are comparable on the same node.
                let on_source =
                    from.migrate_source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(node));
                if on_source { to } else { from }
            }
            (Some(event), None) | (None, Some(event)) => event,
            (None, None) => return false,
        };
        self.changed_after(rsc, node, event) || self.not_running_after(rsc, node, event)
    }

    /// Source and target names of a migration; `None` when they are missing or contradict where the entry was found.
    fn ends<'a>(
        &self,
        record: &'a OperationRecord,
        source: Option<NodeIx>,
        target: Option<NodeIx>,
    ) -> Option<(&'a str, &'a str)> {
        let from = record.migrate_source.as_deref()?;
        let to = record.migrate_target.as_deref()?;
        let fits = |node: Option<NodeIx>, name: &str| {
            node.is_none_or(|node| self.facts.nodes[node].name.eq_ignore_ascii_case(name))
        };
        (fits(source, from) && fits(target, to)).then_some((from, to))
    }

    fn fail_without_migration(&mut self, rsc: RscIx) {
        self.facts.rscs[rsc].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
        self.facts.rscs[rsc].flags.clear(Flags::MIGRATABLE);
    }

    pub(super) fn migrate_to_succeeded(&mut self, entry: &Entry<'_>) {
        let rsc = entry.rsc;
        let Some((source, target)) = self.ends(entry.record, Some(entry.node), None) else { return };
        let source_newer = self.changed_after(rsc, source, entry.record);
        let from = self.only_op(rsc, "migrate_from", target, Some(source));
        if from.is_some() && source_newer {
            return;
        }
        let (rc, status) = from.map_or((0, ExecStatus::Pending), |from| (from.rc_code, from.status()));
        let target_newer = self.newer_state(rsc, target, Some(entry.record), from);
        if source_newer && target_newer {
            return;
        }
        if rc == 0 && status == ExecStatus::Done {
            // Everything but the stop on the source was done.
            let this = &mut self.facts.rscs[rsc];
            this.role = Role::Stopped;
            this.dangling_sources.insert(0, entry.node);
            return;
        }
        self.facts.rscs[rsc].role = Role::Started;
        let target_node = self.facts.node_named(target);
        let target_online = target_node.filter(|&node| self.facts.nodes[node].online);
        let active_on_target = target_online.filter(|_| !target_newer);
        if status != ExecStatus::Pending {
            match active_on_target {
                Some(node) => self.add_running(rsc, node, true),
                None => self.fail_without_migration(rsc),
            }
            return;
        }
        // Without any history on the target it was cleaned up, and a probe will tell.
        if target_online.is_some() && self.unknown_on(rsc, target) {
            return;
        }
        match active_on_target {
            Some(node) => {
                let source_node = self.facts.node_named(source).filter(|&node| self.facts.nodes[node].online);
                self.add_running(rsc, node, false);
                if let Some(source_node) = source_node {
                    self.facts.rscs[rsc].migration_target = Some(node);
                    self.facts.rscs[rsc].migration_source = Some(source_node);
                }
            }
            None if !source_newer => self.fail_without_migration(rsc),
            None => {}
        }
    }

    pub(super) fn migrate_to_failed(&mut self, entry: &Entry<'_>) {
        let rsc = entry.rsc;
        let Some((source, target)) = self.ends(entry.record, Some(entry.node), None) else { return };
        self.facts.rscs[rsc].role = Role::Started;
        let from = self.only_op_with_result(rsc, "migrate_from", target, Some(source), 0);
        if !self.unknown_on(rsc, target) && !self.newer_state(rsc, target, Some(entry.record), from) {
            // It may still be active on the target.
            if let Some(node) = self.facts.node_named(target).filter(|&node| self.facts.nodes[node].online) {
                self.add_running(rsc, node, false);
            }
        } else if !self.changed_after(rsc, source, entry.record) {
            self.facts.rscs[rsc].dangling_sources.insert(0, entry.node);
        }
    }

    pub(super) fn migrate_from_failed(&mut self, entry: &Entry<'_>) {
        let rsc = entry.rsc;
        let Some((source, target)) = self.ends(entry.record, None, Some(entry.node)) else { return };
        self.facts.rscs[rsc].role = Role::Started;
        let to = self.only_op_with_result(rsc, "migrate_to", source, Some(target), 0);
        if !self.unknown_on(rsc, source)
            && !self.newer_state(rsc, source, to, Some(entry.record))
            && let Some(node) = self.facts.node_named(source).filter(|&node| self.facts.nodes[node].online)
        {
            self.add_running(rsc, node, true);
        }
    }
}
