//! Changed definitions: histories whose parameters are not what is configured now.
//!
//! Knows what a change leads to (restart, reload, a new monitor, clean-up). Does not know how digests are hashed.

use super::kinds::{Key, Task, flag};
use super::plan::Plan;
use crate::facts::digests::{DigestChange, DigestContext};
use crate::facts::failcount::Count;
use crate::facts::{Digests, Flags, NodeIx, OpRef, RscIx, UnfencingDigests};
use crate::order::{End, relation as ar};
use holdfast_model::status::{OperationRecord, ResourceHistory};
use std::collections::BTreeMap;

/// A definition that can be compared only after placement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateCheck {
    rsc: RscIx,
    node: NodeIx,
    at: OpRef,
}

impl<'f> Plan<'f> {
    /// Compares all histories on usable nodes with the configuration.
    pub(crate) fn check_definitions(&mut self) -> Vec<LateCheck> {
        let facts = self.facts;
        let mut by_name: BTreeMap<&str, Vec<RscIx>> = BTreeMap::new();
        for top in &self.top.clone() {
            self.index_by_name(*top, &mut by_name);
        }
        let mut late = Vec::new();
        for node in facts.nodes.indices() {
            let data = &facts.nodes[node];
            let state = &self.nodes[node];
            let available = state.online && !state.shutdown && !state.unclean && !data.standby;
            if !data.maintenance && !available {
                continue;
            }
            let mut states = facts
                .cib
                .status
                .nodes
                .iter()
                .enumerate()
                .filter(|(_, state)| state.name == data.name && !state.resources.is_empty());
            // Histories of a node that is there twice are not trusted.
            let (Some((history, _)), None) = (states.next(), states.next()) else {
                continue;
            };
            for (resource, entry) in facts.cib.status.nodes[history].resources.iter().enumerate() {
                if entry.operations.is_empty() {
                    continue;
                }
                for rsc in by_name.get(entry.id.as_str()).into_iter().flatten().rev() {
                    self.check_history((history, resource), *rsc, node, &mut late);
                }
            }
        }
        late
    }

    fn index_by_name(&self, rsc: RscIx, index: &mut BTreeMap<&'f str, Vec<RscIx>>) {
        let data = self.rsc(rsc);
        if data.is_primitive() {
            index.entry(&data.id).or_default().push(rsc);
            if let Some(history) = data.history_id.as_deref().filter(|history| *history != data.id) {
                index.entry(history).or_default().push(rsc);
            }
        }
        for child in &data.children {
            self.index_by_name(*child, index);
        }
    }

    fn check_history(&mut self, place: (usize, usize), rsc: RscIx, node: NodeIx, late: &mut Vec<LateCheck>) {
        let facts = self.facts;
        let entry = &facts.cib.status.nodes[place.0].resources[place.1];
        if self.is(rsc, Flags::REMOVED) {
            if !self.is_anonymous_clone(self.top(rsc)) {
                self.schedule_cleanup(rsc, node, false);
            }
            return;
        }
        let active = self.rsc(rsc).running_on.contains(&node);
        if self.agent_changed(entry, rsc, node, active) {
            self.schedule_cleanup(rsc, node, false);
        }
        if !active {
            return;
        }
        let order = facts.sorted_history(place.0, place.1);
        let records: Vec<&OperationRecord> = order.iter().map(|at| &entry.operations[*at]).collect();
        let (start, stop) = active_part(&records);
        if start < stop {
            return;
        }
        for (position, record) in records.into_iter().enumerate() {
            if (position as i64) < start {
                continue;
            }
            let at =
                OpRef { node_state: place.0 as u32, resource: place.1 as u32, op: order[position] as u32 };
            let interval = u64::from(record.interval_ms);
            if interval > 0 && (self.is(rsc, Flags::MAINTENANCE) || self.facts.nodes[node].maintenance) {
                let task = self.task(&record.operation);
                self.schedule_cancel(rsc, record.call_id, task, interval, node);
            } else if interval > 0
                || matches!(record.operation.as_str(), "monitor" | "start" | "promote" | "migrate_from")
            {
                if self.facts.needs_host_as_address(rsc) {
                    late.push(LateCheck { rsc, node, at });
                } else if self.definition_changed(rsc, node, at) && self.fail_count(rsc, node) != 0 {
                    self.clear_fail_count(rsc, node);
                }
            }
        }
    }

    fn fail_count(&self, rsc: RscIx, node: NodeIx) -> i32 {
        self.facts.failures(rsc, node, Count::EFFECTIVE, None).count
    }

    /// Compares what had to wait for placement.
    pub(crate) fn check_late(&mut self, late: Vec<LateCheck>) {
        let facts = self.facts;
        for check in late.into_iter().rev() {
            if self.definition_changed(check.rsc, check.node, check.at)
                && self.fail_count(check.rsc, check.node) != 0
            {
                self.clear_fail_count(check.rsc, check.node);
            }
        }
        for check in facts.param_checks.iter().rev() {
            if check.last_failure {
                let (change, _) = self.compare(check.rsc, check.node, check.op);
                if !matches!(change, DigestChange::Match | DigestChange::Unknown) {
                    self.clear_fail_count(check.rsc, check.node);
                }
            } else if self.definition_changed(check.rsc, check.node, check.op)
                && self.fail_count(check.rsc, check.node) != 0
            {
                self.clear_fail_count(check.rsc, check.node);
            }
        }
    }

    fn agent_changed(&mut self, entry: &ResourceHistory, rsc: RscIx, node: NodeIx, active: bool) -> bool {
        let Some(agent) = &self.rsc(rsc).agent else {
            return false;
        };
        let differences = [
            agent.agent_type != entry.agent_type,
            agent.class != entry.class,
            agent.provider != entry.provider,
        ];
        let changed = differences.contains(&true);
        for _ in differences.iter().filter(|different| **different) {
            self.trigger_unfencing(Some(rsc), Some(node), "Device definition changed");
        }
        if changed && active {
            self.simple_action(rsc, Task::Stop, Some(node), false);
            self.rscs[rsc].flags.set(Flags::START_PENDING);
        }
        changed
    }

    /// Compares one entry and schedules what a difference leads to. Says whether there was one.
    fn definition_changed(&mut self, rsc: RscIx, node: NodeIx, at: OpRef) -> bool {
        let facts = self.facts;
        let record = facts.op(at);
        let interval = u64::from(record.interval_ms);
        let mut task = self.task(&record.operation);
        if interval > 0 && self.operation(rsc, task, interval, false).is_none() {
            if self.facts.options.cancel_removed_actions {
                self.schedule_cancel(rsc, record.call_id, task, interval, node);
            }
            return true;
        }
        if interval == 0 && matches!(task, Task::Monitor | Task::MigrateFrom | Task::Promote) {
            task = Task::Start;
        }
        let (change, digests) = self.compare(rsc, node, at);
        if self.facts.options.sanitized
            && change != DigestChange::Match
            && digests.secure.is_some()
            && digests.secure == record.op_secure_digest
        {
            self.notices.push(format!(
                "Only 'private' parameters to {}-interval {} for {} on {} changed: {}",
                readable_interval(interval),
                self.task_text(task),
                self.rsc(rsc).id,
                self.facts.nodes[node].name,
                record.transition_magic.as_deref().unwrap_or("(null)")
            ));
            return false;
        }
        match change {
            DigestChange::Match => return false,
            DigestChange::Restart => self.force_restart(rsc, task, interval, node),
            DigestChange::Unknown | DigestChange::Mismatch => {
                if interval > 0 {
                    self.reschedule(rsc, task, interval, node);
                } else if record.op_restart_digest.is_some() || facts.poisoned.contains(&at) {
                    self.trigger_unfencing(Some(rsc), Some(node), "Device parameters changed (reload)");
                    self.schedule_reload(rsc, node);
                } else {
                    self.force_restart(rsc, task, interval, node);
                }
            }
        }
        true
    }

    fn force_restart(&mut self, rsc: RscIx, task: Task, interval_ms: u64, node: NodeIx) {
        let required = self.action(rsc, Key::Op(task, interval_ms), task, None, false);
        self.set_reason(required, "resource definition change", true);
        self.trigger_unfencing(Some(rsc), Some(node), "Device parameters changed");
    }

    fn schedule_reload(&mut self, rsc: RscIx, node: NodeIx) {
        if !self.is(rsc, Flags::MANAGED) || self.is(rsc, Flags::FAILED) {
            return;
        }
        if self.is(rsc, Flags::START_PENDING) {
            self.simple_action(rsc, Task::Stop, Some(node), false);
            return;
        }
        self.rscs[rsc].flags.set(Flags::RELOAD);
        let reload = self.simple_action(rsc, Task::ReloadAgent, Some(node), false);
        self.set_reason(reload, "resource definition change", false);
        let flags = ar::ORDERED | ar::THEN_CANCELS_FIRST;
        self.order(End::Of(rsc, reload), End::task(rsc, Task::Stop), flags);
        self.order(End::Of(rsc, reload), End::task(rsc, Task::Demote), flags);
    }

    /// The name of the host of the container behind a connection.
    pub(crate) fn host_name(&self, rsc: RscIx) -> Option<&'f str> {
        if !self.facts.needs_host_as_address(rsc) {
            return None;
        }
        let bundle = self.rsc(self.top_with_bundle(rsc)).bundle_data()?;
        let replica = bundle.replicas.iter().find(|replica| replica.remote == Some(rsc))?;
        let node = self.rscs[replica.container].assigned.or_else(|| self.current_node(replica.container))?;
        let facts: &'f crate::facts::Facts<'f> = self.facts;
        Some(&facts.nodes[node].name)
    }

    fn compare(&mut self, rsc: RscIx, node: NodeIx, at: OpRef) -> (DigestChange, Digests) {
        let facts = self.facts;
        let context = DigestContext { host_address: self.host_name(rsc), secure: false };
        let mut cache = std::mem::take(&mut self.digest_cache);
        let result = facts.compare_digests(&mut cache, rsc, node, at, context);
        self.digest_cache = cache;
        result
    }

    /// Digests of the devices that a node's fencing names.
    pub(crate) fn unfencing_digests(&mut self, node: NodeIx, action: &str) -> UnfencingDigests {
        let facts = self.facts;
        match facts.fenced_early.get(&node) {
            Some(digests) if action == facts.options.fence_action => digests.clone(),
            Some(_) | None => facts.unfencing_digests(&mut self.digest_cache, node),
        }
    }

    /// Clears failures of resources that are no longer configured.
    pub(crate) fn clear_failures_of_removed(&mut self) {
        let facts = self.facts;
        for rsc in &self.top.clone() {
            if !self.is(*rsc, Flags::REMOVED) {
                continue;
            }
            for node in facts.nodes.indices() {
                if self.nodes[node].online && self.fail_count(*rsc, node) != 0 {
                    let clear = self.clear_fail_count(*rsc, node);
                    self.order(End::Of(*rsc, clear), End::task(*rsc, Task::Stop), ar::ORDERED);
                }
            }
        }
    }

    /// Optional again: stops that turned out to be needless while unpacking.
    pub(super) fn stops_optional(&mut self, rsc: RscIx, node: NodeIx) {
        for stop in self.all_of_key(rsc, Key::Op(Task::Stop, 0), Some(node)) {
            self.act_mut(stop).set(flag::OPTIONAL);
        }
    }
}

/// Where the last start and the last stop are (-1: nowhere).
fn active_part(records: &[&OperationRecord]) -> (i64, i64) {
    let (mut start, mut stop, mut monitor, mut role) = (-1i64, -1i64, -1i64, -1i64);
    for (at, record) in records.iter().enumerate() {
        let at = at as i64;
        match record.operation.as_str() {
            "stop" if record.op_status == 0 => stop = at,
            "start" | "migrate_from" => start = at,
            "monitor" if monitor <= stop && matches!(record.rc_code, 0 | 8) => monitor = at,
            "promote" | "demote" => role = at,
            _ => {}
        }
    }
    if start == -1 {
        start = if role != -1 { role } else { monitor };
    }
    (start, stop)
}

/// An interval in its largest whole units, as in `1m30s`.
fn readable_interval(ms: u64) -> String {
    let mut text = String::new();
    let mut rest = ms;
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
