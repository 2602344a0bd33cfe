//! The transition graph: what has to be done, in which order, to reach the planned state.
//!
//! Knows the typed graph that the transition engine executes and the tools print.
//! Does not know how it came about (`actions`, `order`) nor how XML is parsed.

mod actions;
mod attributes;
pub(crate) mod build;
mod cycles;
mod describe;
pub mod dot;
pub mod run;
mod shared;
pub mod xml;

use std::sync::Arc;

use holdfast_model::Text;

pub use actions::Actions;
pub use attributes::Attributes;

/// Number of an action, unique within one plan. Numbers start at 1 and are given at creation,
/// so actions that were considered and dropped leave gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u32);

/// Who carries an action out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// A resource agent on a node (`rsc_op`).
    Resource,
    /// Nobody: a milestone that is done as soon as its inputs are (`pseudo_event`).
    Pseudo,
    /// The cluster itself: shutdown of a node, fail count and history clean-up (`crm_event`).
    Cluster,
    /// The fencer (`crm_event` with operation `stonith`).
    Fence,
}

/// A node as the graph names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    /// Name (`on_node`).
    pub name: Text,
    /// Identifier used in the CIB (`on_node_uuid`).
    pub id: Text,
}

/// The resource an action works on, as written inside `rsc_op`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceName {
    /// Identifier under which the executor and the history know the resource.
    pub id: Text,
    /// Instance name, where it differs from `id`.
    pub long_id: Option<Text>,
    /// Agent standard, for example `ocf`.
    pub class: Text,
    /// Agent provider, for example `heartbeat`.
    pub provider: Option<Text>,
    /// Agent type, for example `IPaddr2`.
    pub agent: Text,
}

/// One action of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Number, also the key of [`TransitionGraph::actions`].
    pub id: ActionId,
    /// Who carries it out.
    pub kind: ActionKind,
    /// Operation name: `start`, `monitor`, `stonith`, `do_shutdown` ...
    pub operation: Text,
    /// `RSC_OPERATION_INTERVAL` and its relatives, as recorded in the history.
    pub key: Text,
    /// Key with the instance name, where the history uses another name.
    pub internal_key: Option<Text>,
    /// Where it happens (never for milestones except guest fencing).
    pub node: Option<Arc<NodeName>>,
    /// Cluster node whose connection carries it, for remote and guest nodes.
    pub router: Option<Text>,
    /// Only the CIB is touched, no agent (`mode="cib"`).
    pub cib_only: bool,
    /// Since when (epoch seconds) the resource is locked to its node, if this action keeps the lock.
    pub shutdown_lock: Option<i64>,
    /// The resource, for everything but milestones and node actions.
    pub resource: Option<Arc<ResourceName>>,
    /// The resource instance that it is about, also for milestones (for reasons and progress texts).
    pub resource_instance: Option<Text>,
    /// Agent parameters and `CRM_meta_*` values, sorted by name. Empty for actions that are only inputs.
    pub attributes: Attributes,
    /// Parameters whose names cannot be attribute names (they start with a digit).
    pub parameters: Arc<[(Text, Text)]>,
    /// Identifiers of nodes expected to go down with it.
    pub downed: Vec<String>,
    /// Node identifiers whose maintenance mark has to be updated, and the new value.
    pub maintenance: Vec<(String, bool)>,
    /// Milliseconds until the executor gives up; 0 if the action does not say.
    pub timeout_ms: u64,
    /// Milliseconds to wait before it starts.
    pub start_delay_ms: u64,
    /// Milliseconds between repetitions, 0 for one-time actions.
    pub interval_ms: u64,
    /// Exit code that counts as success.
    pub expected_rc: i32,
    /// Why it is done, if somebody said so.
    pub reason: Option<String>,
}

impl Action {
    /// Value of an entry of `attributes`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }

    /// Value of the meta attribute `name` (`CRM_meta_name`).
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.attribute(&format!("CRM_meta_{name}"))
    }
}

/// One action with what must be complete before it may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synapse {
    /// Position in the graph.
    pub id: u32,
    /// Executed even when the transition is aborted with a lower priority.
    pub priority: i32,
    /// What is done.
    pub action: ActionId,
    /// Actions that have to be complete first, by ascending number.
    pub inputs: Vec<ActionId>,
}

/// The plan in executable form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransitionGraph {
    /// Number of the transition (`transition_id`).
    pub id: u32,
    /// `cluster-delay` as configured.
    pub cluster_delay: String,
    /// `fencing-timeout` as configured.
    pub fencing_timeout: String,
    /// Whether a failed start bans the resource from its node (`failed-start-offset` INFINITY, not 1).
    pub start_failure_is_fatal: bool,
    /// `batch-limit` as configured.
    pub batch_limit: String,
    /// `migration-limit`, if positive.
    pub migration_limit: Option<String>,
    /// When (epoch seconds) something expires and the cluster should be looked at again.
    pub recheck_by: Option<i64>,
    /// Every action that is executed or waited for.
    pub actions: Actions,
    /// What to do, in order of emission.
    pub synapses: Vec<Synapse>,
}
