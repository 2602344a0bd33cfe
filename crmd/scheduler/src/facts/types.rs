//! The tables that the unpacking passes fill and every later pass reads.
//!
//! Nothing here decides; nothing here is changed after [`super::unpack`] returned. A later pass that needs to change
//! something (allowed scores, next roles, flags) takes a copy into its own table with the same index.

mod history;
mod node;
mod options;
mod resource;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_model::Problem;
use holdfast_model::config::Cib;

use crate::index::IndexVec;
use crate::index_type;

pub use history::*;
pub use node::*;
pub use options::*;
pub use resource::*;

index_type! {
    /// A node. Indices follow the natural name order, so iterating by index is iterating in node order.
    NodeIx
}
index_type! {
    /// A resource, collective or not. Parents come before their children.
    RscIx
}

/// Everything known before the first decision.
#[derive(Debug)]
pub struct Facts<'c> {
    /// The document the facts were made from.
    pub cib: &'c Cib,
    /// Time for rules and expiry, seconds since the epoch.
    pub now: i64,
    /// Cluster options, settled.
    pub options: Options,
    /// Nodes in natural name order.
    pub nodes: IndexVec<NodeIx, Node>,
    /// All resources.
    pub rscs: IndexVec<RscIx, Rsc>,
    /// Top-level resources in scheduling order: configuration order, stably sorted by falling priority, then removed
    /// resources.
    pub top: Vec<RscIx>,
    /// Tickets by name: those of the status and those only constraints mention.
    pub tickets: BTreeMap<String, Ticket>,
    /// Template id -> resources made from it; an entry without resources is an unused template.
    pub templates: BTreeMap<String, Vec<String>>,
    /// Tag id -> ids of objects.
    pub tags: BTreeMap<String, Vec<String>>,
    /// Actions that come to life while unpacking, in creation order (numbers are given by this order).
    pub early: Vec<EarlyAction>,
    /// Failed operations for display, in the order found.
    pub failed_ops: Vec<FailedOp>,
    /// Entries whose parameters have to be compared later because their failure is recent.
    pub param_checks: Vec<ParamCheck>,
    /// Launchers whose stop must happen because something inside failed.
    pub stop_needed: Vec<RscIx>,
    /// Seconds since the epoch when something expires and the plan should be made again. A cell because every later
    /// look at a rule may find an earlier time; use [`Facts::note_recheck`].
    pub recheck_by: Cell<Option<i64>>,
    /// History entries whose failure expired while their operation goes on: their restart digest counts as changed,
    /// so that the operation is scheduled anew.
    pub poisoned: BTreeSet<OpRef>,
    /// Resources whose fail count on a node is going to be cleared.
    pub cleared: BTreeSet<(RscIx, NodeIx)>,
    /// Digests computed so far; a later pass goes on with a copy.
    pub digests: DigestCache,
    /// For each node whose fencing came up while unpacking, the devices that were known at that moment.
    pub fenced_early: BTreeMap<NodeIx, UnfencingDigests>,
    /// Numbers for the first summary line.
    pub counts: Counts,
    /// What was wrong with the input.
    pub problems: Vec<Problem>,
    /// Resource by name (instance name for instances).
    pub rsc_by_id: BTreeMap<String, RscIx>,
    /// Node by name in lower case.
    pub node_by_name: BTreeMap<String, NodeIx>,
}

/// Resource instances, for the "disabled and blocked" line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All instances.
    pub instances: usize,
    /// With target role Stopped.
    pub disabled: usize,
    /// Blocked by a failure.
    pub blocked: usize,
}
