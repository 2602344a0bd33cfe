//! Results of operations in a node's history: which record they replace, what a failure adds.
//!
//! Pure functions of what was ordered; equal on all members.

use std::collections::BTreeMap;

use holdfast_model::status::{ExecStatus, OperationRecord, ResourceHistory};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::attributes::Changed;
use crate::message::FeatureSet;

/// Exit code of an operation that has not ended.
pub const RC_PENDING: i32 = 193;

/// The resource an operation belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRef {
    /// Name in the history.
    pub id: String,
    /// Class of the agent.
    pub class: String,
    /// Provider.
    pub provider: Option<String>,
    /// Type.
    pub agent: String,
    /// Resource that launches it.
    pub container: Option<String>,
}

/// `action:transition:expected-rc:uuid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionKey {
    /// Number of the action; the call id when nobody planned it.
    pub action: i64,
    /// Number of the transition; -1 when nobody planned it.
    pub transition: i64,
    /// Exit code that counts as success.
    pub expected_rc: i32,
    /// Which decision maker.
    pub uuid: String,
}

impl TransitionKey {
    /// The key of an operation outside every plan.
    #[must_use]
    pub fn outside(call: i64, expected_rc: i32) -> Self {
        Self {
            action: call,
            transition: -1,
            expected_rc,
            uuid: "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".to_owned(),
        }
    }
}

impl std::fmt::Display for TransitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}:{}", self.action, self.transition, self.expected_rc, self.uuid)
    }
}

/// The end (or the announcement) of one operation, as all members record it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Resource.
    pub rsc: ResourceRef,
    /// `start`, `monitor`, ...
    pub operation: String,
    /// Interval in ms.
    pub interval_ms: u32,
    /// Who planned it.
    pub key: TransitionKey,
    /// Number of the run, -1 while pending.
    pub call_id: i32,
    /// Exit code.
    pub rc: i32,
    /// Execution status.
    pub status: i32,
    /// Why.
    pub reason: Option<String>,
    /// When the result came about or changed, in seconds.
    pub changed_at: i64,
    /// How long it ran, in ms.
    pub exec_ms: u64,
    /// How long it waited, in ms.
    pub queue_ms: u64,
    /// Digests of the parameters.
    pub digests: Digests,
    /// Migration source and target.
    pub migration: Option<(String, String)>,
    /// Failures are to be ignored (`on-fail=ignore`).
    pub ignore_failure: bool,
}

/// Digests of the parameters of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Of all parameters.
    pub all: Option<String>,
    /// Names that need a restart, and the digest over them.
    pub restart: Option<(String, String)>,
    /// Names that are private, and the digest over the others.
    pub secure: Option<(String, String)>,
}

impl Ended {
    /// Not ended yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.status == ExecStatus::Pending.code()
    }

    /// Whether it counts as failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        match ExecStatus::from_code(self.status) {
            ExecStatus::Cancelled | ExecStatus::Pending => false,
            ExecStatus::NotSupported
            | ExecStatus::Timeout
            | ExecStatus::Error
            | ExecStatus::NotConnected
            | ExecStatus::NoFenceDevice
            | ExecStatus::NoSecrets
            | ExecStatus::Invalid => true,
            ExecStatus::Unknown
            | ExecStatus::Done
            | ExecStatus::HardError
            | ExecStatus::FatalError
            | ExecStatus::NotInstalled
            | ExecStatus::Other(_) => effective_rc(self.rc) != self.key.expected_rc,
        }
    }

    /// Whether it is kept in the history at all.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        is_recorded(&self.operation)
    }

    fn recorded_operation(&self) -> &str {
        match self.operation.as_str() {
            "reload" | "reload-agent" if self.status == ExecStatus::Done.code() => "start",
            "reload" | "reload-agent" => "monitor",
            other => other,
        }
    }

    fn record(&self, id: String, node_name: &str) -> OperationRecord {
        let operation = self.recorded_operation();
        OperationRecord {
            id,
            operation_key: Some(format!("{}_{}_{}", self.rsc.id, operation, self.interval_ms)),
            operation: operation.to_owned(),
            origin: None,
            feature_set: Some(FeatureSet::OURS.to_string()),
            transition_key: Some(self.key.to_string()),
            transition_magic: Some(format!("{}:{};{}", self.status, self.rc, self.key)),
            exit_reason: Some(if self.failed() {
                self.reason.clone().unwrap_or_default()
            } else {
                String::new()
            }),
            on_node: Some(node_name.to_owned()),
            call_id: self.call_id,
            rc_code: self.rc,
            op_status: self.status,
            interval_ms: self.interval_ms,
            last_rc_change: Some(self.changed_at),
            exec_time_ms: Some(self.exec_ms),
            queue_time_ms: Some(self.queue_ms),
            op_digest: self.digests.all.clone(),
            op_force_restart: self.digests.restart.as_ref().map(|(names, _)| names.clone()),
            op_restart_digest: self.digests.restart.as_ref().map(|(_, digest)| digest.clone()),
            op_secure_params: self.digests.secure.as_ref().map(|(names, _)| names.clone()),
            op_secure_digest: self.digests.secure.as_ref().map(|(_, digest)| digest.clone()),
            migrate_source: self.migration.as_ref().map(|(source, _)| source.clone()),
            migrate_target: self.migration.as_ref().map(|(_, target)| target.clone()),
            other: Vec::new(),
        }
    }
}

/// Whether an operation of this name is kept in the history.
#[must_use]
pub fn is_recorded(operation: &str) -> bool {
    !matches!(operation, "cancel" | "delete" | "notify" | "meta-data")
}

/// Whether a resource is active after an operation that ended so; `None` when that tells nothing.
#[must_use]
pub fn active_after(operation: &str, rc: i32) -> Option<bool> {
    match (operation, rc) {
        ("start" | "promote" | "demote" | "migrate_from", 0) | ("monitor", 0 | 8 | 9) => Some(true),
        ("stop" | "migrate_to", 0) | ("monitor", 7) => Some(false),
        _ => None,
    }
}

/// Degraded states count as the healthy ones they stand for.
#[must_use]
pub fn effective_rc(rc: i32) -> i32 {
    match rc {
        190 => 0,
        191 => 8,
        other => other,
    }
}

/// Puts an operation in its place in a node's history.
pub fn record_into(resources: &mut BTreeMap<String, ResourceHistory>, ended: &Ended, node_name: &str) {
    if !ended.is_recorded() {
        return;
    }
    let rsc = &ended.rsc;
    let history = resources.entry(rsc.id.clone()).or_default();
    history.id.clone_from(&rsc.id);
    history.class.clone_from(&rsc.class);
    history.provider.clone_from(&rsc.provider);
    history.agent_type.clone_from(&rsc.agent);
    history.container.clone_from(&rsc.container);
    let last = format!("{}_last_0", rsc.id);
    // Until a stop (or a change of role) has ended, what was started is active: the record of that must not go, or
    // whoever decides next starts it elsewhere.
    let begun = format!("{}_{}_0", rsc.id, ended.operation);
    let changes_active = matches!(ended.operation.as_str(), "stop" | "promote" | "demote");
    if changes_active && !ended.is_pending() {
        history.operations.retain(|op| op.id != begun);
    }
    let ids = if changes_active && ended.is_pending() {
        vec![begun]
    } else if matches!(ended.operation.as_str(), "migrate_to" | "migrate_from") {
        vec![format!("{}_{}_{}", rsc.id, ended.operation, ended.interval_ms)]
    } else if ended.failed() {
        let failure = format!("{}_last_failure_0", rsc.id);
        if ended.interval_ms == 0 { vec![failure, last] } else { vec![failure] }
    } else if ended.interval_ms > 0 {
        vec![format!("{}_{}_{}", rsc.id, ended.operation, ended.interval_ms)]
    } else {
        vec![last]
    };
    for id in ids {
        put(history, ended.record(id, node_name));
    }
}

impl Shared {
    /// Records the end (or the announcement) of an operation on a node; true if the status changed.
    pub fn record(&mut self, node: &str, ended: &Ended) -> bool {
        if !ended.is_recorded() {
            return false;
        }
        let Some(entry) = self.nodes.get_mut(node) else { return false };
        record_into(&mut entry.resources, ended, &entry.name);
        true
    }

    /// Counts a failure: the fail count and the time of the last failure. True if the status changed.
    pub fn count_failure(&mut self, node: &str, ended: &Ended, start_failure_is_fatal: bool) -> bool {
        let outside = ended.key.transition == -1;
        if !ended.is_recorded()
            || ended.is_pending()
            || ended.status == ExecStatus::Cancelled.code()
            || effective_rc(ended.rc) == ended.key.expected_rc
        {
            return false;
        }
        let value = match (ended.operation.as_str(), ended.interval_ms) {
            ("start", 0) if start_failure_is_fatal => "INFINITY",
            ("stop", 0) => "INFINITY",
            ("start" | "promote" | "demote", 0) => "++",
            (_, interval) if interval > 0 || outside => "++",
            _ => return false,
        };
        let suffix = format!("{}#{}_{}", base_name(&ended.rsc.id), ended.operation, ended.interval_ms);
        let mut changed = false;
        if !ended.ignore_failure {
            changed |=
                self.attributes.set(&format!("fail-count-{suffix}"), node, Some(value)) == Changed::Status;
        }
        let when = ended.changed_at.to_string();
        changed |=
            self.attributes.set(&format!("last-failure-{suffix}"), node, Some(&when)) == Changed::Status;
        changed
    }

    /// Forgets fail counts of a resource on a node; `operation` and `interval_ms` narrow it down.
    pub fn clear_failures(
        &mut self,
        node: &str,
        rsc: Option<&str>,
        operation: Option<(&str, Option<u32>)>,
    ) -> bool {
        let wanted = rsc.map(base_name);
        self.attributes.remove_where(node, |name| {
            let Some(rest) = name.strip_prefix("fail-count-").or_else(|| name.strip_prefix("last-failure-"))
            else {
                return false;
            };
            let (of, what) = rest.split_once('#').unwrap_or((rest, ""));
            if wanted.is_some_and(|w| w != of) {
                return false;
            }
            match operation {
                None => true,
                Some((op, interval)) => {
                    let (name, ms) = what.rsplit_once('_').unwrap_or((what, ""));
                    name == op && interval.is_none_or(|i| ms == i.to_string())
                }
            }
        })
    }

    /// Forgets the history of a resource on a node; true if there was any.
    pub fn forget_resource(&mut self, node: &str, rsc: &str) -> bool {
        self.nodes.get_mut(node).is_some_and(|entry| entry.resources.remove(rsc).is_some())
    }

    /// Forgets one recurring operation; true if there was one.
    pub fn forget_operation(&mut self, node: &str, rsc: &str, operation: &str, interval_ms: u32) -> bool {
        let history = self.nodes.get_mut(node).and_then(|n| n.resources.get_mut(rsc));
        history.is_some_and(|history| drop_operation(history, operation, interval_ms))
    }

    /// Forgets the record of the last failure; true if there was one.
    pub fn forget_last_failure(
        &mut self,
        node: &str,
        rsc: &str,
        operation: Option<(&str, Option<u32>)>,
    ) -> bool {
        let history = self.nodes.get_mut(node).and_then(|n| n.resources.get_mut(rsc));
        history.is_some_and(|history| drop_last_failure(history, operation))
    }
}

/// Drops one recurring operation from a history; true if there was one.
pub fn drop_operation(history: &mut ResourceHistory, operation: &str, interval_ms: u32) -> bool {
    let key = format!("{}_{operation}_{interval_ms}", history.id);
    let before = history.operations.len();
    history.operations.retain(|op| {
        let failure = op.id.ends_with("_last_failure_0") && op.operation_key.as_deref() == Some(&key);
        op.interval_ms != interval_ms || (op.id != key && !failure)
    });
    before != history.operations.len()
}

/// Drops the record of the last failure; true if there was one.
pub fn drop_last_failure(history: &mut ResourceHistory, operation: Option<(&str, Option<u32>)>) -> bool {
    let before = history.operations.len();
    history.operations.retain(|op| {
        let meant = operation.is_none_or(|(name, interval)| {
            op.operation == name && interval.is_none_or(|ms| op.interval_ms == ms)
        });
        !(op.id.ends_with("_last_failure_0") && meant)
    });
    before != history.operations.len()
}

/// A resource name without the number of its instance (`web:0` -> `web`): fail counts of anonymous clones are shared.
fn base_name(rsc: &str) -> &str {
    match rsc.rsplit_once(':') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => rsc,
    }
}

fn put(history: &mut ResourceHistory, record: OperationRecord) {
    match history.operations.iter_mut().find(|old| old.id == record.id) {
        Some(old) => *old = record,
        None => history.operations.push(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::NodeEntry;

    fn ended(operation: &str, interval_ms: u32, rc: i32, expected_rc: i32) -> Ended {
        Ended {
            rsc: ResourceRef {
                id: "web".into(),
                class: "ocf".into(),
                agent: "Dummy".into(),
                ..Default::default()
            },
            operation: operation.into(),
            interval_ms,
            key: TransitionKey { action: 3, transition: 1, expected_rc, uuid: "u".into() },
            call_id: 7,
            rc,
            status: 0,
            reason: None,
            changed_at: 100,
            exec_ms: 5,
            queue_ms: 0,
            digests: Digests::default(),
            migration: None,
            ignore_failure: false,
        }
    }

    fn check(operations: &[Ended], ids: &[&str], fail_counts: &[(&str, &str)]) {
        let mut shared = Shared::default();
        shared.nodes.insert("1".into(), NodeEntry::named("1", "alpha"));
        for one in operations {
            shared.record("1", one);
            shared.count_failure("1", one, true);
        }
        let history = &shared.nodes["1"].resources["web"];
        assert_eq!(history.operations.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ids);
        let counts: Vec<(&str, &str)> = shared
            .attributes
            .names
            .iter()
            .filter(|(name, _)| name.starts_with("fail-count"))
            .filter_map(|(name, a)| Some((name.as_str(), a.values.get("1")?.written.as_deref()?)))
            .collect();
        assert_eq!(counts, fail_counts);
    }

    #[test]
    fn results_take_their_place_in_the_history() {
        check(&[ended("monitor", 0, 7, 7)], &["web_last_0"], &[]);
        check(&[ended("monitor", 0, 0, 7)], &["web_last_failure_0", "web_last_0"], &[]);
        check(
            &[ended("start", 0, 0, 0), ended("monitor", 10_000, 0, 0), ended("monitor", 10_000, 1, 0)],
            &["web_last_0", "web_monitor_10000", "web_last_failure_0"],
            &[("fail-count-web#monitor_10000", "1")],
        );
        let begun =
            |operation: &str| Ended { status: ExecStatus::Pending.code(), ..ended(operation, 0, 193, 0) };
        check(&[ended("start", 0, 0, 0), begun("stop")], &["web_last_0", "web_stop_0"], &[]);
        check(&[ended("start", 0, 0, 0), begun("stop"), ended("stop", 0, 0, 0)], &["web_last_0"], &[]);
        check(&[ended("stop", 0, 0, 0), begun("start")], &["web_last_0"], &[]);
        check(
            &[ended("start", 0, 1, 0)],
            &["web_last_failure_0", "web_last_0"],
            &[("fail-count-web#start_0", "INFINITY")],
        );
    }

    #[test]
    fn cleared_failures_are_gone_and_others_stay() {
        let mut shared = Shared::default();
        shared.nodes.insert("1".into(), NodeEntry::named("1", "alpha"));
        for one in [ended("monitor", 10_000, 1, 0), ended("start", 0, 1, 0)] {
            shared.count_failure("1", &one, true);
        }
        assert!(shared.clear_failures("1", Some("web:1"), Some(("monitor", Some(10_000)))));
        assert!(shared.attributes.get("fail-count-web#start_0", "1").is_some());
        assert!(shared.attributes.get("fail-count-web#monitor_10000", "1").is_none());
        assert!(shared.clear_failures("1", None, None));
        assert!(!shared.clear_failures("1", None, None));
    }
}
