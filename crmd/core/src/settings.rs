//! What a node is told before it starts. Reads no file: the daemon turns configuration and environment into it.

use holdfast_totem::NodeId;

use crate::time::Span;

/// One node of the ring's node list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredNode {
    /// Number.
    pub id: NodeId,
    /// Name.
    pub name: String,
}

/// Settings of one node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `cluster_name`.
    pub cluster_name: String,
    /// Nodes of the ring's configuration.
    pub nodes: Vec<ConfiguredNode>,
    /// `two_node` is set: two votes, one is enough.
    pub two_node: bool,
    /// Expected votes.
    pub expected_votes: u32,
    /// A hardware or software watchdog is in use.
    pub watchdog: bool,
    /// Version of the program, for `dc-version`.
    pub program_version: String,
    /// Merge bursts of changes for this long before planning.
    pub settle: Span,
    /// Longest time that an orderly end may take.
    pub shutdown_limit: Span,
    /// How often proof of progress is given to the ring.
    pub progress: Span,
    /// Operations on this node at one time; 0 = twice the number of processors, at least 4.
    pub operations_limit: u32,
}

impl Settings {
    /// Settings with the defaults of a small cluster.
    #[must_use]
    pub fn new(cluster_name: &str, nodes: Vec<ConfiguredNode>) -> Self {
        let expected_votes = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        Self {
            cluster_name: cluster_name.to_owned(),
            nodes,
            two_node: false,
            expected_votes,
            watchdog: false,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            settle: Span::millis(2),
            shutdown_limit: Span::secs(20 * 60),
            progress: Span::millis(500),
            operations_limit: 0,
        }
    }
}

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number.
    pub id: NodeId,
    /// Name.
    pub name: String,
    /// Kernel boot id of the host, as in the ring's view.
    pub boot_id: [u8; 16],
}
