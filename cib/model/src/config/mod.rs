//! The configuration half of a CIB as values.

mod constraint;
mod resource;

pub use constraint::{
    Colocation, ColocationSets, Constraint, Constraints, Location, LocationTarget, Order, OrderKind,
    OrderSets, ProbeMode, ResourceSet, TicketConstraint, TicketLoss,
};
pub use resource::{
    Agent, BundleConfig, BundleNetwork, BundlePort, BundleStorage, ContainerEngine, OperationConfig,
    ResourceConfig, ResourceKind,
};

use crate::attributes::AttributeSet;
use crate::status::Status;

/// A whole CIB: header, configuration and status.
#[derive(Debug, Clone, Default)]
pub struct Cib {
    /// Attributes of the `cib` element.
    pub header: Header,
    /// `crm_config`: blocks in order of evaluation.
    pub options: Vec<AttributeSet>,
    /// `nodes`
    pub nodes: Vec<NodeConfig>,
    /// `resources` without templates.
    pub resources: Vec<ResourceConfig>,
    /// `template` elements.
    pub templates: Vec<ResourceConfig>,
    /// `constraints`
    pub constraints: Constraints,
    /// `fencing-topology`
    pub fencing_levels: Vec<FencingLevel>,
    /// `tags`
    pub tags: Vec<Tag>,
    /// `rsc_defaults`: blocks in order of evaluation.
    pub rsc_defaults: Vec<AttributeSet>,
    /// `op_defaults`: blocks in order of evaluation.
    pub op_defaults: Vec<AttributeSet>,
    /// `alerts`
    pub alerts: Vec<AlertConfig>,
    /// `status`
    pub status: Status,
}

/// Attributes of the `cib` element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `admin_epoch`
    pub admin_epoch: u64,
    /// `epoch`
    pub epoch: u64,
    /// `num_updates`
    pub num_updates: u64,
    /// `validate-with`
    pub validate_with: String,
    /// `crm_feature_set`
    pub feature_set: Option<String>,
    /// `have-quorum`
    pub have_quorum: bool,
    /// `no-quorum-panic`: the cluster never had quorum when set to 0 or absent
    pub no_quorum_panic: bool,
    /// `dc-uuid`
    pub dc_uuid: Option<String>,
    /// `execution-date`, seconds since the epoch
    pub execution_date: Option<i64>,
}

/// A `node` element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeConfig {
    /// `id`: the number of the cluster layer, or the name for remote nodes.
    pub id: String,
    /// `uname`
    pub name: String,
    /// `type`: `member`, `remote`, `ping`, or empty
    pub node_type: String,
    /// Base preference for the node.
    pub score: Option<String>,
    /// Permanent attributes.
    pub attributes: Vec<AttributeSet>,
    /// Capacities.
    pub utilization: Vec<AttributeSet>,
}

/// What a fencing level applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FencingTarget {
    /// One node.
    Name(String),
    /// All nodes whose name matches the extended regular expression.
    Pattern(String),
    /// All nodes where the attribute has the value.
    Attribute {
        /// `target-attribute`
        name: String,
        /// `target-value`
        value: String,
    },
}

/// A `fencing-level` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FencingLevel {
    /// `id`
    pub id: String,
    /// `index`, 1 to 9; lower levels are tried first.
    pub index: u8,
    /// Nodes concerned.
    pub target: FencingTarget,
    /// Devices, all of which must succeed.
    pub devices: Vec<String>,
}

/// A `tag`: a named list of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// `id`
    pub id: String,
    /// Referenced ids in document order.
    pub objects: Vec<String>,
}

/// An `alert` element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertConfig {
    /// `id`
    pub id: String,
    /// `path` of the program
    pub path: String,
    /// What events are wanted; empty means nodes, fencing and resources.
    pub select: AlertSelect,
    /// Environment for the program.
    pub params: Vec<AttributeSet>,
    /// `timeout`, `timestamp-format`, `enabled`
    pub meta: Vec<AttributeSet>,
    /// `recipient` elements
    pub recipients: Vec<AlertRecipient>,
}

/// Events an alert wants; all false means "nothing was selected", that is the default set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSelect {
    /// `select_nodes`
    pub nodes: bool,
    /// `select_fencing`
    pub fencing: bool,
    /// `select_resources`
    pub resources: bool,
    /// `select_attributes`
    pub attributes: bool,
    /// Names of attributes wanted; empty means all.
    pub attribute_names: Vec<String>,
}

/// A `recipient` of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertRecipient {
    /// `id`
    pub id: String,
    /// `value`
    pub value: String,
    /// Environment, over that of the alert.
    pub params: Vec<AttributeSet>,
    /// Settings, over those of the alert.
    pub meta: Vec<AttributeSet>,
}
