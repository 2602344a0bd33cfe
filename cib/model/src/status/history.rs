//! Histories: what was done to a resource on a node, and with which result.

/// The execution status of an operation (`op-status`), which says whether the agent could be run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecStatus {
    /// Not known yet (`-2`).
    Unknown,
    /// In progress (`-1`).
    Pending,
    /// The agent returned (`0`).
    Done,
    /// Cancelled (`1`).
    Cancelled,
    /// The agent did not return in time (`2`).
    Timeout,
    /// The agent does not support the operation (`3`).
    NotSupported,
    /// It ran and failed (`4`).
    Error,
    /// It failed and must not be tried again here (`5`).
    HardError,
    /// It failed and must not be tried again anywhere (`6`).
    FatalError,
    /// The agent is not there (`7`).
    NotInstalled,
    /// The node's executor was not connected (`8`).
    NotConnected,
    /// Not a valid request (`9`).
    Invalid,
    /// No fence device for the target (`10`).
    NoFenceDevice,
    /// Secret parameters missing (`11`).
    NoSecrets,
    /// Any other number.
    Other(i32),
}

impl ExecStatus {
    /// From the number in the document.
    pub fn from_code(code: i32) -> ExecStatus {
        match code {
            -2 => ExecStatus::Unknown,
            -1 => ExecStatus::Pending,
            0 => ExecStatus::Done,
            1 => ExecStatus::Cancelled,
            2 => ExecStatus::Timeout,
            3 => ExecStatus::NotSupported,
            4 => ExecStatus::Error,
            5 => ExecStatus::HardError,
            6 => ExecStatus::FatalError,
            7 => ExecStatus::NotInstalled,
            8 => ExecStatus::NotConnected,
            9 => ExecStatus::Invalid,
            10 => ExecStatus::NoFenceDevice,
            11 => ExecStatus::NoSecrets,
            other => ExecStatus::Other(other),
        }
    }

    /// The number in the document.
    pub fn code(self) -> i32 {
        match self {
            ExecStatus::Unknown => -2,
            ExecStatus::Pending => -1,
            ExecStatus::Done => 0,
            ExecStatus::Cancelled => 1,
            ExecStatus::Timeout => 2,
            ExecStatus::NotSupported => 3,
            ExecStatus::Error => 4,
            ExecStatus::HardError => 5,
            ExecStatus::FatalError => 6,
            ExecStatus::NotInstalled => 7,
            ExecStatus::NotConnected => 8,
            ExecStatus::Invalid => 9,
            ExecStatus::NoFenceDevice => 10,
            ExecStatus::NoSecrets => 11,
            ExecStatus::Other(code) => code,
        }
    }
}

/// A transition key: `action:transition:expected-rc:uuid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionKey {
    /// Number of the action.
    pub action: i32,
    /// Number of the transition, -1 for operations outside of one.
    pub transition: i32,
    /// Expected exit status.
    pub expected_rc: i32,
    /// Identity of the transition engine.
    pub uuid: String,
}

impl TransitionKey {
    /// Reads a key. `None` when malformed.
    pub fn parse(text: &str) -> Option<TransitionKey> {
        let mut parts = text.splitn(4, ':');
        let mut number = || parts.next()?.trim().parse::<i32>().ok();
        let (action, transition, expected_rc) = (number()?, number()?, number()?);
        let uuid = parts.next()?.split_whitespace().next()?;
        Some(TransitionKey { action, transition, expected_rc, uuid: uuid.to_owned() })
    }

    /// Reads the key inside a magic (`status:rc;key`).
    pub fn parse_magic(text: &str) -> Option<TransitionKey> {
        let (result, key) = text.split_once(';')?;
        let (status, rc) = result.split_once(':')?;
        status.trim().parse::<i32>().ok()?;
        rc.trim().parse::<i32>().ok()?;
        TransitionKey::parse(key)
    }
}

impl std::fmt::Display for TransitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}:{}", self.action, self.transition, self.expected_rc, self.uuid)
    }
}

/// An `lrm_resource` element.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ResourceHistory {
    /// `id`: the name used on the node (an instance number only for unique clones)
    pub id: String,
    /// `class`
    pub class: String,
    /// `provider`
    pub provider: Option<String>,
    /// `type`
    pub agent_type: String,
    /// `container`: the resource this one was launched by
    pub container: Option<String>,
    /// `shutdown-lock`: since when (seconds) the resource is held for this node
    pub shutdown_lock: Option<i64>,
    /// XML attributes without a field here, kept for a faithful copy.
    pub other: Vec<(String, String)>,
    /// `lrm_rsc_op` elements in document order
    pub operations: Vec<OperationRecord>,
}

/// An `lrm_rsc_op` element: the last result of one operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OperationRecord {
    /// `id`: the key, or `NAME_last_0` / `NAME_last_failure_0`
    pub id: String,
    /// `operation_key`
    pub operation_key: Option<String>,
    /// `operation`
    pub operation: String,
    /// `crm-debug-origin`
    pub origin: Option<String>,
    /// `crm_feature_set`
    pub feature_set: Option<String>,
    /// `transition-key`: `action:transition:expected-rc:uuid`
    pub transition_key: Option<String>,
    /// `transition-magic`: `status:rc;key`
    pub transition_magic: Option<String>,
    /// `exit-reason`
    pub exit_reason: Option<String>,
    /// `on_node`
    pub on_node: Option<String>,
    /// `call-id`, -1 while pending
    pub call_id: i32,
    /// `rc-code`
    pub rc_code: i32,
    /// `op-status`
    pub op_status: i32,
    /// `interval` in milliseconds
    pub interval_ms: u32,
    /// `last-rc-change`, seconds since the epoch
    pub last_rc_change: Option<i64>,
    /// `exec-time` in milliseconds
    pub exec_time_ms: Option<u64>,
    /// `queue-time` in milliseconds
    pub queue_time_ms: Option<u64>,
    /// `op-digest`
    pub op_digest: Option<String>,
    /// `op-force-restart`: names (space separated) that need a restart when changed
    pub op_force_restart: Option<String>,
    /// `op-restart-digest`
    pub op_restart_digest: Option<String>,
    /// `op-secure-params`
    pub op_secure_params: Option<String>,
    /// `op-secure-digest`
    pub op_secure_digest: Option<String>,
    /// `migrate_source`
    pub migrate_source: Option<String>,
    /// `migrate_target`
    pub migrate_target: Option<String>,
    /// XML attributes without a field here, kept for a faithful copy.
    pub other: Vec<(String, String)>,
}

impl OperationRecord {
    /// The key: `operation_key`, or the `id` in very old histories.
    pub fn key(&self) -> &str {
        match self.operation_key.as_deref() {
            Some(key) if !key.is_empty() => key,
            Some(_) | None => &self.id,
        }
    }

    /// The exit status that was expected, from the transition key; -1 when there is none.
    pub fn expected_rc(&self) -> i32 {
        self.transition_key.as_deref().and_then(TransitionKey::parse).map_or(-1, |key| key.expected_rc)
    }

    /// Whether this is a probe: a monitor without interval.
    pub fn is_probe(&self) -> bool {
        self.interval_ms == 0 && self.operation == "monitor"
    }

    /// Whether this is a failed probe that says no more than "not running": the agent or what it needs is not
    /// installed here.
    pub fn is_masked_probe_failure(&self) -> bool {
        self.is_probe()
            && (matches!(self.rc_code, 2 | 5) || matches!(self.status(), ExecStatus::NotInstalled))
    }

    /// The execution status.
    pub fn status(&self) -> ExecStatus {
        ExecStatus::from_code(self.op_status)
    }
}
