//! One history entry: what its result means for the resource.

use holdfast_model::duration::seconds_at_least_one;
use holdfast_model::status::ExecStatus;
use holdfast_model::{Level, OperationRecord, Role, Score};

use super::Unpack;
use crate::facts::digests::{DigestChange, DigestContext};
use crate::facts::failcount::Count;
use crate::facts::types::{EarlyAction, FailedOp, Flags, NodeIx, NodeKind, OnFail, OpRef, ParamCheck, RscIx};

/// OCF exit statuses that decide something here.
mod rc {
    pub const OK: i32 = 0;
    pub const INVALID_PARAMETER: i32 = 2;
    pub const UNIMPLEMENTED: i32 = 3;
    pub const INSUFFICIENT_PRIVILEGES: i32 = 4;
    pub const NOT_INSTALLED: i32 = 5;
    pub const NOT_CONFIGURED: i32 = 6;
    pub const NOT_RUNNING: i32 = 7;
    pub const RUNNING_PROMOTED: i32 = 8;
    pub const FAILED_PROMOTED: i32 = 9;
    pub const DEGRADED: i32 = 190;
    pub const DEGRADED_PROMOTED: i32 = 191;
    pub const MAX: i32 = 255;
}

/// An entry while it is interpreted.
pub(super) struct Entry<'a> {
    pub rsc: RscIx,
    pub node: NodeIx,
    pub at: OpRef,
    pub record: &'a OperationRecord,
    expected: i32,
    exit: i32,
    status: ExecStatus,
}

const FAILED: Flags = Flags::FAILED;

impl Unpack<'_> {
    /// Interprets an entry. `last_failure` and `on_fail` carry over from entry to entry of the same resource and node.
    pub(super) fn result(
        &mut self,
        rsc: RscIx,
        node: NodeIx,
        at: OpRef,
        record: &OperationRecord,
        last_failure: &mut Option<OpRef>,
        on_fail: &mut OnFail,
    ) {
        let known_task = matches!(
            record.operation.as_str(),
            "monitor" | "start" | "stop" | "promote" | "demote" | "migrate_to" | "migrate_from" | "asyncmon"
        );
        if record.id.is_empty() || !known_task {
            return;
        }
        let status = record.status();
        let known_status =
            !matches!(status, ExecStatus::Unknown | ExecStatus::Cancelled | ExecStatus::Other(_));
        if !known_status || !(0..=rc::MAX).contains(&record.rc_code) {
            let message = format!(
                "its op-status ({}) or rc-code ({}) is not valid; ignored",
                record.op_status, record.rc_code
            );
            self.problem(Level::Error, "lrm_rsc_op", &record.id, message);
            return;
        }
        let mut entry =
            Entry { rsc, node, at, record, expected: record.expected_rc(), exit: record.rc_code, status };
        let expired = self.check_expiry(&entry);
        self.remap(&mut entry, on_fail, expired);
        if expired && self.expired_result(&entry) {
            return;
        }
        let masked = !self.facts.is_bundled(rsc) && record.is_masked_probe_failure();
        if masked {
            self.masked_probe_failure(&entry, *last_failure, on_fail);
            return;
        }
        let whole =
            if self.facts.rscs[rsc].is(Flags::UNIQUE) { rsc } else { self.facts.top_below_bundle(rsc) };
        match entry.status {
            ExecStatus::Pending => {
                self.pending(&entry, *last_failure);
                return;
            }
            ExecStatus::Done => {
                self.update_state(&entry, entry.exit, *last_failure, on_fail);
                return;
            }
            ExecStatus::NotInstalled => {
                let (strategy, role) = self.failure_handling(&entry);
                if strategy == OnFail::Ignore {
                    *on_fail = OnFail::Ban;
                }
                self.prefer(whole, node, Score::MINUS_INFINITY);
                self.failure(&entry, strategy, role, last_failure, on_fail);
                return;
            }
            ExecStatus::NotConnected => {
                if self.facts.nodes[node].kind != NodeKind::Cluster
                    && let Some(connection) = self.facts.nodes[node].connection
                    && self.facts.rscs[connection].is(Flags::MANAGED)
                {
                    self.facts.rscs[connection].flags.set(FAILED | Flags::STOP_IF_FAILED);
                }
            }
            ExecStatus::Unknown
            | ExecStatus::Cancelled
            | ExecStatus::Timeout
            | ExecStatus::NotSupported
            | ExecStatus::Error
            | ExecStatus::HardError
            | ExecStatus::FatalError
            | ExecStatus::Invalid
            | ExecStatus::NoFenceDevice
            | ExecStatus::NoSecrets
            | ExecStatus::Other(_) => {}
        }
        let (strategy, role) = self.failure_handling(&entry);
        let container_stop = strategy == OnFail::RestartContainer && record.operation == "stop";
        if strategy == OnFail::Ignore || container_stop {
            self.update_state(&entry, entry.expected, *last_failure, on_fail);
            self.facts.rscs[rsc].flags.set(Flags::IGNORE_FAILURE);
            self.record_failed(&entry);
            if container_stop && *on_fail <= OnFail::Restart {
                *on_fail = strategy;
            }
            return;
        }
        self.failure(&entry, strategy, role, last_failure, on_fail);
        match entry.status {
            ExecStatus::HardError => {
                self.report_ban(whole, &entry, "on this node");
                self.prefer(whole, node, Score::MINUS_INFINITY);
            }
            ExecStatus::FatalError => {
                self.report_ban(whole, &entry, "anywhere");
                self.prefer_everywhere(whole, Score::MINUS_INFINITY);
            }
            _ => {}
        }
    }

    /// Tells people that a failure cannot be cured by trying again.
    fn report_ban(&mut self, rsc: RscIx, entry: &Entry<'_>, place: &str) {
        // That something is not installed is often intended.
        let level = if entry.exit == rc::NOT_INSTALLED { Level::Warning } else { Level::Error };
        let reason = entry.record.exit_reason.as_deref().filter(|reason| !reason.is_empty());
        let message = format!(
            "will not be started {place} again: its {} on {} failed with exit code {}{}",
            entry.record.operation,
            self.facts.nodes[entry.node].name,
            entry.exit,
            reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
        );
        let id = self.facts.rscs[rsc].id.clone();
        self.problem(level, "resource", &id, message);
    }

    /// Whether the entry is too old to matter; clears fail counts that are.
    fn check_expiry(&mut self, entry: &Entry<'_>) -> bool {
        let record = entry.record;
        if entry.status == ExecStatus::NotInstalled {
            return false;
        }
        let is_last_failure = record.id.ends_with("_last_failure_0");
        let mut expired = false;
        let mut unexpired = 0;
        let timeout = seconds_at_least_one(self.facts.rscs[entry.rsc].failure_timeout_ms);
        if timeout > 0
            && let Some(changed) = record.last_rc_change
        {
            expired = self.facts.now >= changed.saturating_add(timeout) && !self.timeout_waits(entry);
            let found = self.facts.failures(entry.rsc, entry.node, Count::EFFECTIVE, Some(record));
            if found.timeout_ignored {
                self.facts.rscs[entry.rsc].failure_timeout_ms = 0;
            }
            unexpired = found.count;
            let again = found.last.saturating_add(timeout).saturating_add(1);
            if unexpired != 0 && self.facts.now < again {
                self.facts.note_recheck(again);
            }
        }
        let mut clear = false;
        if expired {
            let found = self.facts.failures(entry.rsc, entry.node, Count::ALL, Some(record));
            if found.timeout_ignored {
                self.facts.rscs[entry.rsc].failure_timeout_ms = 0;
            }
            if found.count != 0 {
                if unexpired == 0 {
                    clear = true;
                } else {
                    expired = false;
                }
            } else if is_last_failure && self.facts.rscs[entry.rsc].reconnect_ms > 0 {
                clear = true;
            }
        }
        if !expired && is_last_failure && self.parameters_changed(entry) {
            clear = true;
        }
        if clear {
            self.early_action(entry.rsc, "clear_failcount", 0, entry.node, false);
            if self.facts.options.fencing
                && self.facts.rscs[entry.rsc].reconnect_ms > 0
                && let Some(remote) = self.facts.node_named(&self.facts.rscs[entry.rsc].id)
            {
                self.early_fence(remote, None, false);
                self.facts.early.push(EarlyAction::FenceBeforeClear {
                    fenced: remote,
                    rsc: entry.rsc,
                    node: entry.node,
                });
            }
        }
        let plain_probe = record.is_probe()
            && matches!(
                entry.exit,
                rc::OK | rc::NOT_RUNNING | rc::RUNNING_PROMOTED | rc::DEGRADED | rc::DEGRADED_PROMOTED
            );
        expired && !plain_probe
    }

    /// Failures of a connection's monitor do not expire before the remote node was fenced, if it is tried again later.
    fn timeout_waits(&self, entry: &Entry<'_>) -> bool {
        let this = &self.facts.rscs[entry.rsc];
        this.reconnect_ms > 0
            && self.facts.options.fencing
            && entry.record.interval_ms != 0
            && entry.record.operation.eq_ignore_ascii_case("monitor")
            && self.facts.node_named(&this.id).is_some_and(|remote| !self.facts.nodes[remote].remote_fenced)
    }

    fn parameters_changed(&mut self, entry: &Entry<'_>) -> bool {
        if !matches!(entry.record.operation.as_str(), "start" | "monitor") {
            return false;
        }
        if self.facts.needs_host_as_address(entry.rsc) {
            let check = ParamCheck { op: entry.at, rsc: entry.rsc, node: entry.node, last_failure: true };
            self.facts.param_checks.push(check);
            return false;
        }
        let mut cache = std::mem::take(&mut self.facts.digests);
        // What is found is kept for later comparisons, of which those of a simulation look past private parameters.
        let context = DigestContext { secure: true, ..DigestContext::default() };
        let (change, _) = self.facts.compare_digests(&mut cache, entry.rsc, entry.node, entry.at, context);
        self.facts.digests = cache;
        match change {
            DigestChange::Unknown | DigestChange::Match => false,
            DigestChange::Mismatch | DigestChange::Restart => true,
        }
    }

    /// Settles status and exit status by what was expected.
    fn remap(&mut self, entry: &mut Entry<'_>, on_fail: &mut OnFail, expired: bool) {
        let (rsc, node) = (entry.rsc, entry.node);
        let degraded = match entry.exit {
            rc::DEGRADED => Some(rc::OK),
            rc::DEGRADED_PROMOTED => Some(rc::RUNNING_PROMOTED),
            _ => None,
        };
        if let Some(exit) = degraded {
            entry.exit = exit;
            let this = &self.facts.nodes[node];
            if !expired && (!this.shutdown || this.online) {
                self.record_failed(entry);
            }
        }
        if !self.facts.is_bundled(rsc)
            && entry.record.is_masked_probe_failure()
            && (entry.status != ExecStatus::Done || entry.exit != rc::NOT_RUNNING)
        {
            entry.status = ExecStatus::Done;
            entry.exit = rc::NOT_RUNNING;
        }
        match entry.status {
            ExecStatus::Done | ExecStatus::Error => {}
            ExecStatus::NoFenceDevice | ExecStatus::NoSecrets => {
                entry.status = ExecStatus::HardError;
                return;
            }
            _ => return,
        }
        let is_probe = entry.record.is_probe();
        entry.status = if entry.expected >= 0 && entry.exit == entry.expected {
            ExecStatus::Done
        } else {
            ExecStatus::Error
        };
        match entry.exit {
            rc::OK => {
                if is_probe && entry.expected == rc::NOT_RUNNING {
                    entry.status = ExecStatus::Done;
                }
            }
            rc::NOT_RUNNING => {
                let managed = self.facts.rscs[rsc].is(Flags::MANAGED);
                if is_probe || entry.expected == entry.exit || !managed {
                    entry.status = ExecStatus::Done;
                    self.facts.rscs[rsc].role = Role::Stopped;
                    *on_fail = OnFail::Ignore;
                    self.facts.rscs[rsc].next_role = Role::Unknown;
                }
            }
            rc::RUNNING_PROMOTED => {
                if is_probe && entry.exit != entry.expected {
                    entry.status = ExecStatus::Done;
                }
                if !expired || entry.exit == entry.expected {
                    self.facts.rscs[rsc].role = Role::Promoted;
                }
            }
            rc::FAILED_PROMOTED => {
                if !expired {
                    self.facts.rscs[rsc].role = Role::Promoted;
                }
                entry.status = ExecStatus::Error;
            }
            rc::NOT_CONFIGURED => entry.status = ExecStatus::FatalError,
            rc::UNIMPLEMENTED if entry.record.interval_ms > 0 => entry.status = ExecStatus::NotSupported,
            rc::UNIMPLEMENTED | rc::NOT_INSTALLED | rc::INVALID_PARAMETER | rc::INSUFFICIENT_PRIVILEGES => {
                if !expired {
                    self.block_if_unrecoverable(entry);
                }
                entry.status = ExecStatus::HardError;
            }
            _ => {
                if entry.status == ExecStatus::Done {
                    entry.status = ExecStatus::Error;
                }
            }
        }
    }

    /// A failed stop that no fencing can make good leaves the resource to people.
    fn block_if_unrecoverable(&mut self, entry: &Entry<'_>) {
        if entry.record.operation != "stop" || self.facts.can_fence(entry.node) {
            return;
        }
        let id = self.facts.rscs[entry.rsc].id.clone();
        let message =
            format!("cannot be recovered: its stop on {} failed", self.facts.nodes[entry.node].name);
        self.problem(Level::Error, "resource", &id, message);
        self.facts.rscs[entry.rsc].flags.clear(Flags::MANAGED);
        self.facts.rscs[entry.rsc].flags.set(Flags::BLOCKED);
    }

    /// True when the expired entry needs no further look.
    fn expired_result(&mut self, entry: &Entry<'_>) -> bool {
        let record = entry.record;
        if !self.facts.is_bundled(entry.rsc)
            && record.is_masked_probe_failure()
            && record.rc_code != entry.expected
        {
            let this = &mut self.facts.rscs[entry.rsc];
            if this.role <= Role::Stopped {
                this.role = Role::Unknown;
            }
            return true;
        }
        if entry.exit == entry.expected {
            return false;
        }
        if record.interval_ms == 0 {
            return true;
        }
        let this = &self.facts.nodes[entry.node];
        if this.online && !this.unclean {
            // The executor only reports changes, so the operation has to begin anew.
            self.facts.poisoned.insert(entry.at);
            return true;
        }
        false
    }

    fn masked_probe_failure(&mut self, entry: &Entry<'_>, last_failure: Option<OpRef>, on_fail: &mut OnFail) {
        let banned = if self.facts.rscs[entry.rsc].is(Flags::UNIQUE) {
            entry.rsc
        } else {
            self.facts.top_below_bundle(entry.rsc)
        };
        self.update_state(entry, entry.expected, last_failure, on_fail);
        self.record_failed(entry);
        self.prefer(banned, entry.node, Score::MINUS_INFINITY);
    }

    /// An operation in progress.
    fn pending(&mut self, entry: &Entry<'_>, last_failure: Option<OpRef>) {
        let record = entry.record;
        if let Some(failure) = last_failure.map(|at| self.facts.op(at)) {
            let newer = failure.operation == record.operation
                && failure.interval_ms == record.interval_ms
                && match (failure.last_rc_change, record.last_rc_change) {
                    (Some(failed), Some(started)) => failed >= started,
                    (failed, started) => failed.unwrap_or(0) >= started.unwrap_or(0),
                };
            if newer {
                return;
            }
        }
        match record.operation.as_str() {
            "start" => {
                self.facts.rscs[entry.rsc].flags.set(Flags::START_PENDING);
                self.set_active(entry.rsc);
            }
            "promote" => self.facts.rscs[entry.rsc].role = Role::Promoted,
            "migrate_to" if self.facts.nodes[entry.node].unclean => {
                // The migration may have got through, so the target has to be stopped too.
                let target = record.migrate_target.as_deref().and_then(|name| self.facts.node_named(name));
                if let Some(target) = target {
                    self.early_stop(entry.rsc, target);
                }
            }
            _ => {}
        }
        let this = &mut self.facts.rscs[entry.rsc];
        if this.pending_action.is_none() && !record.is_probe() {
            this.pending_action = Some(record.operation.clone());
            this.pending_node = Some(entry.node);
        }
    }

    /// Running in the lowest active role.
    fn set_active(&mut self, rsc: RscIx) {
        let promotable = self.facts.rscs[self.facts.top_below_bundle(rsc)].is(Flags::PROMOTABLE);
        self.facts.rscs[rsc].role = if promotable { Role::Unpromoted } else { Role::Started };
    }

    fn failure_handling(&self, entry: &Entry<'_>) -> (OnFail, Role) {
        let record = entry.record;
        let this = &self.facts.rscs[entry.rsc];
        let config = this.op_config(&record.operation, record.interval_ms, true);
        let meta =
            self.facts.op_meta(entry.rsc, Some(entry.node), &record.operation, record.interval_ms, config);
        let value = meta.get("on-fail").map(String::as_str);
        let on_fail = self.facts.on_fail(entry.rsc, &record.operation, record.interval_ms, value);
        (on_fail, self.facts.role_after_failure(entry.rsc, &record.operation, on_fail))
    }

    /// A success (or what counts as one).
    fn update_state(
        &mut self,
        entry: &Entry<'_>,
        exit: i32,
        last_failure: Option<OpRef>,
        on_fail: &mut OnFail,
    ) {
        let record = entry.record;
        let rsc = entry.rsc;
        let mut clear = false;
        let masked = !self.facts.is_bundled(rsc) && record.is_masked_probe_failure();
        if exit == rc::NOT_INSTALLED || masked {
            self.facts.rscs[rsc].role = Role::Stopped;
        } else if exit == rc::NOT_RUNNING {
            clear = true;
        } else {
            match record.operation.as_str() {
                "monitor" => {
                    clear = last_failure.is_some_and(|at| self.facts.op(at).key() == record.key());
                    if self.facts.rscs[rsc].role < Role::Started {
                        self.set_active(rsc);
                    }
                }
                "start" | "migrate_from" => {
                    self.facts.rscs[rsc].role = Role::Started;
                    clear = true;
                }
                "stop" => {
                    self.facts.rscs[rsc].role = Role::Stopped;
                    clear = true;
                }
                "promote" => {
                    self.facts.rscs[rsc].role = Role::Promoted;
                    clear = true;
                }
                "demote" => {
                    clear = *on_fail == OnFail::Demote;
                    self.facts.rscs[rsc].role = Role::Unpromoted;
                }
                "migrate_to" => self.migrate_to_succeeded(entry),
                _ => {
                    if self.facts.rscs[rsc].role < Role::Started {
                        self.set_active(rsc);
                    }
                }
            }
        }
        if !clear {
            return;
        }
        let cleared = match *on_fail {
            OnFail::Stop | OnFail::Ban | OnFail::StandbyNode | OnFail::FenceNode => false,
            OnFail::Block | OnFail::Ignore | OnFail::Demote | OnFail::Restart | OnFail::RestartContainer => {
                true
            }
            OnFail::ResetRemote => self.facts.rscs[rsc].reconnect_ms == 0,
        };
        if cleared {
            *on_fail = OnFail::Ignore;
            self.facts.rscs[rsc].next_role = Role::Unknown;
        }
    }

    /// A failure that counts.
    fn failure(
        &mut self,
        entry: &Entry<'_>,
        strategy: OnFail,
        fail_role: Role,
        last_failure: &mut Option<OpRef>,
        on_fail: &mut OnFail,
    ) {
        let record = entry.record;
        let rsc = entry.rsc;
        *last_failure = Some(entry.at);
        if self.facts.options.symmetric || entry.exit != rc::NOT_INSTALLED {
            self.record_failed(entry);
        }
        *on_fail = (*on_fail).max(strategy);
        match record.operation.as_str() {
            "stop" => self.prefer(rsc, entry.node, Score::MINUS_INFINITY),
            "migrate_to" => self.migrate_to_failed(entry),
            "migrate_from" => self.migrate_from_failed(entry),
            "promote" => self.facts.rscs[rsc].role = Role::Promoted,
            "demote" => {
                let this = &mut self.facts.rscs[rsc];
                if strategy == OnFail::Block {
                    this.role = Role::Promoted;
                    this.next_role = Role::Stopped;
                } else if entry.exit == rc::NOT_RUNNING {
                    this.role = Role::Stopped;
                } else {
                    // Staying promoted would try the same again for ever; it is stopped anyway.
                    this.role = Role::Unpromoted;
                }
            }
            _ => {}
        }
        if record.is_probe() && entry.exit == rc::NOT_INSTALLED {
            self.facts.rscs[rsc].role = Role::Stopped;
        } else if self.facts.rscs[rsc].role < Role::Started {
            self.set_active(rsc);
        }
        let this = &mut self.facts.rscs[rsc];
        if fail_role != Role::Started && this.next_role < fail_role {
            this.next_role = fail_role;
        }
        if fail_role == Role::Stopped {
            let top = self.facts.top_below_bundle(rsc);
            let banned = if self.facts.is_anonymous_clone(top) { top } else { rsc };
            self.ban_everywhere(banned);
        }
    }

    /// Remembers a failed operation for listings, once for each key and node.
    fn record_failed(&mut self, entry: &Entry<'_>) {
        if !self.facts.nodes[entry.node].online {
            return;
        }
        let known = (entry.node, entry.record.key().to_owned());
        if self.failed_keys.insert(known) {
            self.facts.failed_ops.push(FailedOp { op: entry.at, node: entry.node, rsc: Some(entry.rsc) });
        }
    }
}
