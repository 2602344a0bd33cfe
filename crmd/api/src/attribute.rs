//! Node attributes that live in memory: `attrd_updater`, and `crm_attribute` for life time `reboot`.
//! Permanent attributes (`forever`) are changes of the document, made with [`crate::CibRequest`].

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeRequest {
    /// Set a value.
    Update(AttributeUpdate),
    /// Remove the value.
    Delete {
        /// Name of the attribute.
        name: String,
        /// Node; the local one when `None`.
        node: Option<String>,
    },
    /// Write what dampening holds back now.
    Refresh,
    /// Read values.
    Query {
        /// Name of the attribute; all when `None`.
        name: Option<String>,
        /// Which nodes.
        nodes: AttributeNodes,
    },
}

/// Which nodes a query is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeNodes {
    /// The node that is asked.
    Local,
    /// A node by name.
    Named(String),
    /// Every node.
    All,
}

/// A new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeUpdate {
    /// Exact name, or a regular expression over known names.
    pub name: AttributeName,
    /// Node; the local one when `None`.
    pub node: Option<String>,
    /// The value; `None` leaves it and only changes the delay. `++`, `+=n`, `value++` count up from the present value.
    pub value: Option<String>,
    /// Wait this long (ms) after a change and write all changes of the attribute together; `None` keeps what is set.
    pub dampen_ms: Option<u32>,
    /// Attribute set to write to; the default set when `None`.
    pub set: Option<String>,
    /// Which kind of set.
    pub kind: AttributeKind,
    /// Private: held in memory on all nodes, never written to the document.
    pub private: bool,
    /// When to answer.
    pub wait: AttributeWait,
}

/// How the attribute is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeName {
    /// This one.
    Exact(String),
    /// All known attributes whose name matches the extended regular expression.
    Pattern(String),
}

/// Which kind of set the value belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AttributeKind {
    /// `instance_attributes` of `transient_attributes`.
    #[default]
    Instance,
    /// `utilization` of the node.
    Utilization,
}

/// When an update is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeWait {
    /// When it is accepted.
    #[default]
    No,
    /// When it is applied on the local node.
    Local,
    /// When it is applied on all members.
    Cluster,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeValue {
    /// Name of the attribute.
    pub name: String,
    /// Name of the node.
    pub node: String,
    /// The value; `None` = the attribute is known but has no value on this node.
    pub value: Option<String>,
    /// Not in the document.
    pub private: bool,
}
