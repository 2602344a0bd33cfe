//! What the history leaves behind: tickets, failures, actions that come to life while unpacking, digests.

use std::collections::BTreeMap;

use super::{NodeIx, RscIx};

/// The state of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticket {
    /// Granted here.
    pub granted: bool,
    /// In standby.
    pub standby: bool,
    /// When it was last granted, seconds.
    pub last_granted: Option<i64>,
    /// Other attributes of the state.
    pub state: Vec<(String, String)>,
}

/// Where a history entry is: positions in `cib.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpRef {
    /// In `status.nodes`.
    pub node_state: u32,
    /// In `resources` of that node.
    pub resource: u32,
    /// In `operations` of that resource.
    pub op: u32,
}

/// A failed operation as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedOp {
    /// The entry.
    pub op: OpRef,
    /// Where.
    pub node: NodeIx,
    /// The resource, when it is configured.
    pub rsc: Option<RscIx>,
}

/// A failure whose parameters may have changed since: then the fail count is cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamCheck {
    /// The entry.
    pub op: OpRef,
    /// The resource.
    pub rsc: RscIx,
    /// Where.
    pub node: NodeIx,
    /// Why it is checked: the entry is the last failure (else: the resource is active).
    pub last_failure: bool,
}

/// How an operation is asked for while unpacking. What was true of resource and node at that moment counts, not what
/// a later history makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Asked for as optional; a required request makes an existing optional action required.
    pub optional: bool,
    /// The resource was unmanaged: an operation without interval becomes optional.
    pub unmanaged: bool,
    /// It could be executed there.
    pub runnable: bool,
}

/// One step of the log of actions that come to life while unpacking. Replaying the log in order gives the first action
/// numbers; asking for an action that exists already (same key, same node) gives the existing one and no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlyAction {
    /// An operation of a resource is created or asked for: recurring monitors of the history (optional), stops and
    /// demotes for failures (required), `clear_failcount` and `lrm_delete`.
    Resource {
        /// The resource.
        rsc: RscIx,
        /// Task as in the history (`monitor`, `stop`, `demote`, `clear_failcount`, `lrm_delete`, ...).
        task: String,
        /// Interval.
        interval_ms: u32,
        /// Where.
        node: NodeIx,
        /// How.
        asked: Asked,
    },
    /// Fencing of a node is created or asked for.
    Fence {
        /// Whom.
        node: NodeIx,
        /// Why; a later reason does not replace an earlier one.
        reason: Option<String>,
        /// Created as optional.
        optional: bool,
        /// Whether `priority-fencing-delay` applies.
        priority_delay: bool,
    },
    /// Existing stops of the resource on the node become optional again (it turned out to be stopped).
    StopsOptional {
        /// The resource.
        rsc: RscIx,
        /// Where.
        node: NodeIx,
    },
    /// The fencing of `fenced` comes before the `clear_failcount` of `rsc` on `node`; both exist by now.
    FenceBeforeClear {
        /// The remote node.
        fenced: NodeIx,
        /// The connection.
        rsc: RscIx,
        /// Where its failures are cleared.
        node: NodeIx,
    },
}

/// Digests of one operation on one node, kept by node, resource, task and interval.
pub type DigestCache = BTreeMap<(NodeIx, RscIx, String, u32), Digests>;

/// Digests of the devices that unfence nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnfencingDigests {
    /// Some device changed since the node was unfenced.
    pub changed: bool,
    /// `DEVICE:TYPE:DIGEST,` of each device, of all its parameters.
    pub all: String,
    /// The same without secret parameters.
    pub secure: String,
    /// What a person should be told of the changes.
    pub notices: Vec<String>,
}

/// Digests of the parameters an operation would have now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests {
    /// All parameters.
    pub all: String,
    /// Without secret ones, if asked for.
    pub secure: Option<String>,
    /// Only those that need a restart when changed, if the entry that was compared first had such a digest.
    pub restart: Option<String>,
    /// The operation runs once and has parameters of its own: a change means restart, never reload.
    pub own_parameters: bool,
}
