//! Questions about nodes: `crm_node`, `crmadmin -N`, `crm node`.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeRequest {
    /// Every node that the cluster knows.
    List,
    /// The node that is asked.
    Local,
    /// Forget a node that is gone: its status, attributes and entry in the document.
    Remove {
        /// Name or id.
        node: String,
        /// Even if it is still configured in the ring.
        force: bool,
    },
}

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Numeric id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Cluster, remote or guest node.
    pub kind: NodeKind,
    /// Member of the present view.
    pub member: bool,
    /// Its copy of the document is in step.
    pub ready: bool,
    /// Present decision maker.
    pub dc: bool,
    /// Left without being fenced or saying goodbye.
    pub unclean: bool,
    /// In the middle of an orderly end.
    pub shutting_down: bool,
    /// Whether this node's partition has quorum.
    pub quorate: bool,
}

/// Kind of node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// Runs the whole daemon.
    #[default]
    Cluster,
    /// Runs only agents, reached over a connection resource.
    Remote,
    /// A virtual machine or container that a resource starts.
    Guest,
}
