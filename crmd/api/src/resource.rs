//! Resource operations that need the cluster's memory or an agent: `crm_resource`, `crm resource`.
//! Moves, bans and parameters are changes of the document, made with [`crate::CibRequest`].

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceRequest {
    /// Forget failures (`cleanup`): only failed operations, and the failure counts that belong to them.
    Cleanup(Selection),
    /// Forget the whole history (`refresh`): everything is probed again.
    Refresh(Selection),
    /// Pretend that the resource failed on a node (`--fail`).
    Fail {
        /// Resource.
        rsc: String,
        /// Node; the local one when `None`.
        node: Option<String>,
    },
    /// Run an agent outside the cluster's plan on the local node (`--force-start`, ...), and answer with its result.
    Force {
        /// Resource.
        rsc: String,
        /// `start`, `stop`, `promote`, `demote`, `monitor`, `validate-all`.
        operation: String,
        /// Time-out in ms; 0 = as configured.
        timeout_ms: u32,
        /// Parameters that replace configured ones.
        overrides: Vec<(String, String)>,
    },
}

/// Which part of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Resource; all when `None`.
    pub rsc: Option<String>,
    /// Node; all when `None`.
    pub node: Option<String>,
    /// Operation; all when `None`.
    pub operation: Option<String>,
    /// Interval in ms, with `operation`.
    pub interval_ms: Option<u32>,
    /// Do it although the resource is not configured or is part of a larger one.
    pub force: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceReply {
    /// `(resource, node)` pairs whose history was cut.
    Cleaned(Vec<(String, String)>),
    /// An agent ran.
    Ran(RunResult),
}

/// How an agent ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// Exit code in OCF terms.
    pub rc: i32,
    /// Execution status in words (`complete`, `Timed Out`, `error`, `Not installed` ...).
    pub status: String,
    /// Why, if the agent or the executor said so.
    pub reason: Option<String>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it ran, in ms.
    pub exec_ms: u64,
}
