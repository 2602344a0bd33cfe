//! The status half of a CIB: what nodes reported. Typed structures are the truth, XML is made on demand.

mod history;
mod xml;

pub use history::{ExecStatus, OperationRecord, ResourceHistory, TransitionKey};
pub use xml::from_xml;

use crate::attributes::AttributeSet;

/// The whole status section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// One entry for each node that was ever seen, in document order.
    pub nodes: Vec<NodeState>,
    /// Tickets in document order.
    pub tickets: Vec<TicketState>,
}

impl Status {
    /// The state of the node with this id.
    pub fn node(&self, id: &str) -> Option<&NodeState> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The state of the node with this name.
    pub fn node_by_name(&self, name: &str) -> Option<&NodeState> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The state of the node with this id, for changing.
    pub fn node_mut(&mut self, id: &str) -> Option<&mut NodeState> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }
}

/// A `node_state` element. State words are kept as written because two generations of spellings are in use
/// (`true`/`online` and seconds since the epoch).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeState {
    /// `id`
    pub id: String,
    /// `uname`
    pub name: String,
    /// It was read without an `id`: the scheduler passes such an entry over, and not one whose id is empty.
    pub without_id: bool,
    /// It has no `uname`, as that of a node that is only now joining; its history waits for the name.
    pub without_name: bool,
    /// `in_ccm`: member of the cluster layer (boolean or time joined, 0 = no)
    pub in_ccm: Option<String>,
    /// `crmd`: the daemon is connected (`online`/`offline` or time, 0 = no)
    pub crmd: Option<String>,
    /// `join`: `member`, `pending`, `down`, `banned`
    pub join: Option<String>,
    /// `expected`
    pub expected: Option<String>,
    /// `remote_node`: written for remote and guest nodes
    pub remote_node: bool,
    /// `node_fenced`: the remote node was fenced (boolean or time)
    pub node_fenced: Option<String>,
    /// `node_in_maintenance`
    pub node_in_maintenance: Option<String>,
    /// `crm-debug-origin`
    pub origin: Option<String>,
    /// XML attributes without a field here, kept for a faithful copy.
    pub other: Vec<(String, String)>,
    /// `transient_attributes`
    pub transient: TransientAttributes,
    /// `lrm_resources`, in document order
    pub resources: Vec<ResourceHistory>,
    /// Whether an `lrm` element was present (its `id` is the node's).
    pub has_history: bool,
}

impl NodeState {
    /// The history of the resource with this id.
    pub fn resource(&self, id: &str) -> Option<&ResourceHistory> {
        self.resources.iter().find(|history| history.id == id)
    }
}

/// Attributes that last until the node leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransientAttributes {
    /// `id` of the holding element
    pub id: Option<String>,
    /// `instance_attributes` blocks, in document order
    pub sets: Vec<AttributeSet>,
    /// `utilization` blocks, in document order
    pub utilization: Vec<AttributeSet>,
}

impl TransientAttributes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.utilization.is_empty() && self.id.is_none()
    }

    /// The value of an attribute, whatever block it is in.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.sets.iter().find_map(|set| set.get(name))
    }
}

/// A `ticket_state` element.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketState {
    /// `id`
    pub id: String,
    /// `granted`
    pub granted: bool,
    /// `standby`
    pub standby: bool,
    /// `last-granted`, seconds since the epoch
    pub last_granted: Option<i64>,
    /// Other XML attributes.
    pub other: Vec<(String, String)>,
}
