//! Nodes, and which of them a resource may use.

use std::collections::BTreeMap;

use holdfast_model::Score;
use holdfast_model::config::ProbeMode;

use super::{NodeIx, RscIx};

/// Kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Member of the ring.
    Cluster,
    /// Reached through a connection resource of its own.
    Remote,
    /// A remote node inside a resource (virtual machine or container).
    Guest,
}

/// A node and what is known of it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Id in the document.
    pub id: String,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: NodeKind,
    /// Order of discovery while unpacking (some defaults count the nodes known so far).
    pub created: u32,
    /// Online (for remote nodes: the connection is up).
    pub online: bool,
    /// Must be fenced or recovered.
    pub unclean: bool,
    /// Joining.
    pub pending: bool,
    /// Wants to leave.
    pub shutdown: bool,
    /// Standby, by attribute or by failure.
    pub standby: bool,
    /// Standby because of `on-fail=standby`.
    pub fail_standby: bool,
    /// Maintenance.
    pub maintenance: bool,
    /// Is the DC.
    pub is_dc: bool,
    /// A node state exists.
    pub seen: bool,
    /// The controller expects it to be a member.
    pub expected_up: bool,
    /// Probes are allowed here.
    pub probes_allowed: bool,
    /// Its connection resource has to be recovered or the remote node fenced.
    pub remote_reset: bool,
    /// The remote node was fenced since it was last connected.
    pub remote_fenced: bool,
    /// The remote node was in maintenance the last time.
    pub remote_maintenance: bool,
    /// Its history was read.
    pub unpacked: bool,
    /// Base score from the document (or -INFINITY when offline or leaving).
    pub score: Score,
    /// When resources are probed here unless told otherwise.
    pub probe: ProbeMode,
    /// Attributes: permanent first, then transient, plus built-in ones (`#uname`, `#id`, `#kind`, ...).
    pub attributes: BTreeMap<String, String>,
    /// Capacities.
    pub utilization: BTreeMap<String, String>,
    /// Sum of health scores, the base included.
    pub health: Score,
    /// -1 red, 0 yellow, 1 green (for the node list)
    pub health_state: i8,
    /// Sum of priorities of active resources (+1 when promoted), for `priority-fencing-delay`.
    pub priority: i32,
    /// Active primitives in the order they were found.
    pub running: Vec<RscIx>,
    /// Connection resource of a remote or guest node.
    pub connection: Option<RscIx>,
    /// Position of its entry in `cib.status.nodes`.
    pub state: Option<usize>,
}

impl Node {
    /// Reached through a connection resource (remote or guest).
    pub fn is_remote(&self) -> bool {
        self.kind != NodeKind::Cluster
    }

    /// A guest node (also the nodes of bundles).
    pub fn is_guest(&self) -> bool {
        self.kind == NodeKind::Guest
    }
}

/// Per-node part of an allowed-nodes table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Preference.
    pub score: Score,
    /// When to probe here.
    pub probe: ProbeMode,
}

/// Nodes a resource may use; a node that is missing may not be used at all.
pub type AllowedNodes = BTreeMap<NodeIx, Allowed>;
