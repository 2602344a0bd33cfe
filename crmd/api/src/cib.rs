//! Requests on the cluster information base: everything `cibadmin` can ask for.

use serde::{Deserialize, Serialize};

/// One operation on the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CibRequest {
    /// What to do.
    pub operation: CibOperation,
    /// Which part; the whole document when `None`.
    pub target: Target,
    /// The XML that goes with it (create, modify, replace, patch, delete by element).
    pub xml: Option<String>,
    /// Switches.
    pub options: CibOptions,
}

impl CibRequest {
    /// A query of the whole document.
    #[must_use]
    pub fn query() -> Self {
        Self {
            operation: CibOperation::Query,
            target: Target::Whole,
            xml: None,
            options: CibOptions::default(),
        }
    }

    /// An operation with XML on a target.
    #[must_use]
    pub fn with_xml(operation: CibOperation, target: Target, xml: impl Into<String>) -> Self {
        Self { operation, target, xml: Some(xml.into()), options: CibOptions::default() }
    }
}

/// What to do with the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CibOperation {
    /// Read.
    Query,
    /// Add a new element; it must not exist.
    Create,
    /// Merge into an existing element.
    Modify,
    /// Put in place of an existing element.
    Replace,
    /// Remove.
    Delete,
    /// Apply a patch set.
    Patch,
    /// Raise the epoch only.
    Bump,
    /// Empty the configuration and status.
    Erase,
    /// Bring the document to the newest schema.
    Upgrade,
    /// Send this node's document to all others, whatever they have.
    Sync,
}

/// Which part of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// All of it.
    #[default]
    Whole,
    /// A section by its name (`nodes`, `resources`, `constraints`, `crm_config`, `status`, ...).
    Section(String),
    /// Whatever matches the expression.
    XPath(String),
}

/// Switches of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CibOptions {
    /// Answer from this node's copy (always so in Holdfast for queries; kept for the record).
    pub local: bool,
    /// Without the children of what is found.
    pub no_children: bool,
    /// All matches instead of the first only (delete).
    pub all_matches: bool,
    /// Create what is not there (modify).
    pub can_create: bool,
    /// Treat `score++`, `score+=n` in values as sums.
    pub score_update: bool,
    /// Answer the path of what was found instead of its content.
    pub node_path: bool,
    /// Only check, change nothing.
    pub dry_run: bool,
    /// Do it even where a check would refuse.
    pub force: bool,
    /// Act with the rights of this user; only privileged callers may name another.
    pub user: Option<String>,
    /// Longest time to wait for the acknowledgement, in ms; 0 = the daemon's default.
    pub timeout_ms: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CibReply {
    /// Version of the document after the operation.
    pub version: Version,
    /// What was asked for, as XML text; or paths, one a line.
    pub xml: Option<String>,
    /// Acknowledged by fewer members than survive every fault: `two_node`, no quorum, or a policy that ignores it.
    pub provisional: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// `admin_epoch.epoch.num_updates`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Raised by administrators only.
    pub admin_epoch: u64,
    /// Raised by every change of the configuration.
    pub epoch: u64,
    /// Raised by every change of the status; reset by a change of the configuration.
    pub num_updates: u64,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.admin_epoch, self.epoch, self.num_updates)
    }
}
