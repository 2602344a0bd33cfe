//! Changed definitions: histories whose parameters are not what is configured now.
//!
//! Knows what a change leads to (restart, reload, a new monitor, clean-up). Does not know how digests are hashed.

use super::kinds::{Key, Task, flag};
use super::plan::Plan;
use crate::facts::failcount::Count;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::order::{End, relation as ar};
use holdfast_model::digest;
use holdfast_model::rule::compare_versions;
use holdfast_model::status::{OperationRecord, ResourceHistory};
use std::collections::BTreeMap;

/// How a history compares with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Match,
    /// The history does not say.
    Unknown,
    Mismatch,
    /// Different in a way that a reload cannot handle.
    Restart,
}

/// Digests of an operation as configured now.
#[derive(Debug, Clone)]
pub(crate) struct Digests {
    state: Comparison,
    all: String,
    restart: Option<String>,
    secure: Option<String>,
}

/// Digests of the devices that unfence nodes.
pub(crate) struct UnfencingDigests {
    /// Some device changed since the node was unfenced.
    pub changed: bool,
    pub all: String,
    pub secure: String,
}

/// A definition that can be compared only after placement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateCheck<'f> {
    rsc: RscIx,
    node: NodeIx,
    record: &'f OperationRecord,
}

type Cache = BTreeMap<(NodeIx, RscIx, String, u64), Digests>;

impl<'f> Plan<'f> {
    /// Compares all histories on usable nodes with the configuration.
    pub(crate) fn check_definitions(&mut self) -> Vec<LateCheck<'f>> {
        let facts = self.facts;
        let mut by_name: BTreeMap<&str, Vec<RscIx>> = BTreeMap::new();
        for top in &facts.top {
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
            let Some(history) = facts.cib.status.nodes.iter().find(|state| state.name == data.name) else {
                continue;
            };
            for entry in &history.resources {
                if entry.operations.is_empty() {
                    continue;
                }
                for rsc in by_name.get(entry.id.as_str()).into_iter().flatten().rev() {
                    self.check_history(entry, *rsc, node, &mut late);
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

    fn check_history(
        &mut self,
        entry: &'f ResourceHistory,
        rsc: RscIx,
        node: NodeIx,
        late: &mut Vec<LateCheck<'f>>,
    ) {
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
        let records = sorted(entry);
        let (start, stop) = active_part(&records);
        if start < stop {
            return;
        }
        for (at, record) in records.into_iter().enumerate() {
            if (at as i64) < start {
                continue;
            }
            let interval = u64::from(record.interval_ms);
            if interval > 0 && (self.is(rsc, Flags::MAINTENANCE) || self.facts.nodes[node].maintenance) {
                let task = self.task(&record.operation);
                self.schedule_cancel(rsc, record.call_id, task, interval, node);
            } else if interval > 0
                || matches!(record.operation.as_str(), "monitor" | "start" | "promote" | "migrate_from")
            {
                if self.needs_host_name(rsc) {
                    late.push(LateCheck { rsc, node, record });
                } else if self.definition_changed(rsc, node, record) && self.fail_count(rsc, node) != 0 {
                    self.clear_fail_count(rsc, node);
                }
            }
        }
    }

    fn fail_count(&self, rsc: RscIx, node: NodeIx) -> i32 {
        self.facts.failures(rsc, node, Count::EFFECTIVE, None).count
    }

    /// Compares what had to wait for placement.
    pub(crate) fn check_late(&mut self, late: Vec<LateCheck<'f>>) {
        let facts = self.facts;
        for check in late.into_iter().rev() {
            if self.definition_changed(check.rsc, check.node, check.record)
                && self.fail_count(check.rsc, check.node) != 0
            {
                self.clear_fail_count(check.rsc, check.node);
            }
        }
        for check in facts.param_checks.iter().rev() {
            let record = facts
                .cib
                .status
                .nodes
                .get(check.op.node_state as usize)
                .and_then(|node| node.resources.get(check.op.resource as usize))
                .and_then(|resource| resource.operations.get(check.op.op as usize));
            let Some(record) = record else {
                continue;
            };
            if check.last_failure {
                let state = self.compare(check.rsc, check.node, record).state;
                if !matches!(state, Comparison::Match | Comparison::Unknown) {
                    self.clear_fail_count(check.rsc, check.node);
                }
            } else if self.definition_changed(check.rsc, check.node, record)
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
    fn definition_changed(&mut self, rsc: RscIx, node: NodeIx, record: &OperationRecord) -> bool {
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
        let digests = self.compare(rsc, node, record);
        if self.facts.options.sanitized
            && digests.state != Comparison::Match
            && digests.secure.is_some()
            && digests.secure == record.op_secure_digest
        {
            self.notices.push(format!(
                "Only 'private' parameters to {}-interval {} for {} on {} changed: {}",
                readable_interval(interval),
                self.task_text(task),
                self.rsc(rsc).id,
                self.facts.nodes[node].name,
                record.transition_magic.as_deref().unwrap_or("")
            ));
            return false;
        }
        match digests.state {
            Comparison::Match => return false,
            Comparison::Restart => self.force_restart(rsc, task, interval, node),
            Comparison::Unknown | Comparison::Mismatch => {
                if interval > 0 {
                    self.reschedule(rsc, task, interval, node);
                } else if record.op_restart_digest.is_some() {
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

    /// The connection into a container whose address is the name of the container's host.
    pub(crate) fn needs_host_name(&self, rsc: RscIx) -> bool {
        let data = self.rsc(rsc);
        let is_remote = data.agent.as_ref().is_some_and(|agent| {
            agent.agent_type.eq_ignore_ascii_case("remote")
                && agent.class.eq_ignore_ascii_case("ocf")
                && agent
                    .provider
                    .as_deref()
                    .is_some_and(|provider| provider.eq_ignore_ascii_case("pacemaker"))
        });
        is_remote
            && self
                .facts
                .params(rsc, None)
                .get("addr")
                .is_some_and(|addr| addr.eq_ignore_ascii_case("#uname"))
    }

    /// The name of the host of the container behind a connection.
    pub(crate) fn host_name(&self, rsc: RscIx) -> Option<&'f str> {
        if !self.needs_host_name(rsc) {
            return None;
        }
        let bundle = self.rsc(self.top_with_bundle(rsc)).bundle_data()?;
        let replica = bundle.replicas.iter().find(|replica| replica.remote == Some(rsc))?;
        let node = self.rscs[replica.container].assigned.or_else(|| self.current_node(replica.container))?;
        let facts: &'f crate::facts::Facts<'f> = self.facts;
        Some(&facts.nodes[node].name)
    }

    fn compare(&mut self, rsc: RscIx, node: NodeIx, record: &OperationRecord) -> Digests {
        let interval = u64::from(record.interval_ms);
        let key = (node, rsc, record.operation.clone(), interval);
        let mut digests = match self.digest_cache.get(&key) {
            Some(digests) => digests.clone(),
            None => self.digests(rsc, node, &record.operation, interval, Some(record)),
        };
        digests.state = if digests.restart != record.op_restart_digest {
            Comparison::Restart
        } else {
            match &record.op_digest {
                None => Comparison::Unknown,
                Some(digest) if *digest == digests.all => Comparison::Match,
                Some(_) if interval == 0 && digests.state == Comparison::Restart => Comparison::Restart,
                Some(_) => Comparison::Mismatch,
            }
        };
        self.digest_cache.insert(key, digests.clone());
        digests
    }

    fn digests(
        &self,
        rsc: RscIx,
        node: NodeIx,
        operation: &str,
        interval_ms: u64,
        record: Option<&OperationRecord>,
    ) -> Digests {
        let facts = self.facts;
        let params = facts.params(rsc, Some(node));
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        if let Some(host) = self.host_name(rsc) {
            all.insert("addr".to_owned(), host.to_owned());
        }
        for (name, value) in &params {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let mut state = Comparison::Match;
        let task = self.known_task(operation);
        let op = task.and_then(|task| self.operation(rsc, task, interval_ms, true));
        let op = op.map(|at| &self.rsc(rsc).ops()[at]);
        if let Some(op) = op {
            let own = facts.op_params(op, Some(node));
            if interval_ms == 0 && !own.is_empty() {
                state = Comparison::Restart;
            }
            for (name, value) in own {
                all.entry(name).or_insert(value);
            }
        }
        if interval_ms > 0 {
            let meta =
                facts.op_meta(rsc, Some(node), operation, u32::try_from(interval_ms).unwrap_or(u32::MAX), op);
            for name in ["interval", "timeout"] {
                if let Some(value) = meta.get(name) {
                    all.insert(digest::meta_name(name), value.clone());
                }
            }
        }
        let all = digest::filtered(all);
        let secure = (facts.options.sanitized || record.is_none())
            .then(|| self.secure_digest(rsc, &all, &params, record));
        let restart = record.filter(|record| record.op_restart_digest.is_some()).map(|record| {
            let mut kept = all.clone();
            if let Some(force) = &record.op_force_restart {
                kept.retain(|name, _| force.split(' ').any(|word| word == name));
            }
            digest::of_parameters(&kept)
        });
        Digests { state, all: digest::of_parameters(&all), restart, secure }
    }

    fn secure_digest(
        &self,
        rsc: RscIx,
        all: &BTreeMap<String, String>,
        params: &BTreeMap<String, String>,
        record: Option<&OperationRecord>,
    ) -> String {
        let version = record
            .and_then(|record| record.feature_set.as_deref())
            .or(self.facts.cib.header.feature_set.as_deref())
            .unwrap_or(crate::graph::xml::FEATURE_SET);
        let old = compare_versions(version, "3.16.0").is_lt();
        let secret = match record {
            None => "passwd password user",
            Some(record) => record.op_secure_params.as_deref().unwrap_or(""),
        };
        let mut kept = if old { params.clone() } else { all.clone() };
        kept.retain(|name, _| !secret.split(' ').any(|word| word == name));
        if old && self.rsc(rsc).class() == "stonith" {
            kept.retain(|name, _| !is_fencing_parameter(name));
        }
        let mut kept = digest::filtered(kept);
        if old {
            kept.remove("CRM_meta_timeout");
        }
        digest::of_parameters(&kept)
    }

    /// Digests of all devices that unfence, and whether one changed since the node was unfenced.
    pub(crate) fn unfencing_digests(&mut self, node: NodeIx) -> UnfencingDigests {
        let facts = self.facts;
        let mut devices = Vec::new();
        for top in &facts.top {
            self.unfencing_devices(*top, &mut devices);
        }
        let mut result = UnfencingDigests { changed: false, all: String::new(), secure: String::new() };
        let attribute = |name: &str| facts.nodes[node].attributes.get(name);
        for device in devices.into_iter().rev() {
            let digests = self.digests(device, node, "stonith-on", 0, None);
            let data = self.rsc(device);
            let agent = data.agent.as_ref().map_or("", |agent| agent.agent_type.as_str());
            let secure = digests.secure.unwrap_or_default();
            let all_summary = format!("{}:{agent}:{}", data.id, digests.all);
            let secure_summary = format!("{}:{agent}:{secure}", data.id);
            if let Some(known) = attribute("#digests-all") {
                let same = known.contains(&all_summary);
                let same_but_secret =
                    attribute("#digests-secure").is_some_and(|known| known.contains(&secure_summary));
                if !same && same_but_secret {
                    self.notices.push(format!(
                        "Only 'private' parameters to {} for unfencing {} changed",
                        data.id, facts.nodes[node].name
                    ));
                } else if !same {
                    result.changed = true;
                    self.notices.push(format!(
                        "notice: Unfencing node {} because the definition of {} changed",
                        facts.nodes[node].name, data.id
                    ));
                }
            }
            result.all.push_str(&all_summary);
            result.all.push(',');
            result.secure.push_str(&secure_summary);
            result.secure.push(',');
        }
        result
    }

    fn unfencing_devices(&self, rsc: RscIx, devices: &mut Vec<RscIx>) {
        let data = self.rsc(rsc);
        if !data.children.is_empty() {
            for child in &data.children {
                self.unfencing_devices(*child, devices);
            }
        } else if data.is(Flags::FENCE_DEVICE)
            && (data.is(Flags::NEEDS_UNFENCING)
                || data.meta("provides").is_some_and(|provides| provides.eq_ignore_ascii_case("unfencing")))
        {
            devices.push(rsc);
        }
    }

    /// Clears failures of resources that are no longer configured.
    pub(crate) fn clear_failures_of_removed(&mut self) {
        let facts = self.facts;
        for rsc in &facts.top {
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

pub(crate) type DigestCache = Cache;

fn is_fencing_parameter(name: &str) -> bool {
    if matches!(name, "provides" | "stonith-timeout") {
        return true;
    }
    let Some(rest) = name.strip_prefix("pcmk_") else {
        return false;
    };
    matches!(
        rest,
        "action_limit"
            | "delay_base"
            | "delay_max"
            | "host_argument"
            | "host_check"
            | "host_list"
            | "host_map"
    ) || rest.find('_').is_some_and(|at| matches!(&rest[at..], "_action" | "_timeout" | "_retries"))
}

/// Entries as they happened.
fn sorted(entry: &ResourceHistory) -> Vec<&OperationRecord> {
    let mut records: Vec<&OperationRecord> = entry.operations.iter().rev().collect();
    records.sort_by(|a, b| crate::facts::compare_records(a, b));
    records
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

fn readable_interval(ms: u64) -> String {
    match ms {
        0 => "0s".to_owned(),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}
