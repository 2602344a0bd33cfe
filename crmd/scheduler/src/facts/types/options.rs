//! Cluster options, settled.

use std::collections::BTreeMap;

use holdfast_model::Score;
use holdfast_model::score::HealthScores;

use super::NodeIx;

/// What to do without quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoQuorumPolicy {
    /// Keep what runs, start nothing new.
    Freeze,
    /// Stop everything.
    Stop,
    /// Go on as if there was quorum.
    Ignore,
    /// Fence the nodes of the partition.
    Fence,
    /// Demote promoted resources, stop the rest.
    Demote,
}

/// How placement weighs load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacementStrategy {
    /// Count resources.
    Default,
    /// Capacity decides who can run what, resources are counted.
    Utilization,
    /// Prefer nodes with much free capacity.
    Balanced,
    /// As few nodes as possible.
    Minimal,
}

/// Settled cluster options.
#[derive(Debug, Clone)]
pub struct Options {
    /// All options as configured (first block wins), by the name used in the document.
    pub raw: BTreeMap<String, String>,
    /// The partition has quorum.
    pub quorate: bool,
    /// `symmetric-cluster`
    pub symmetric: bool,
    /// `maintenance-mode`
    pub maintenance: bool,
    /// `fencing-enabled`
    pub fencing: bool,
    /// A fence device is configured, or `have-watchdog` is set.
    pub have_fencing: bool,
    /// Some resource provides or requires unfencing.
    pub unfencing: bool,
    /// `concurrent-fencing`
    pub concurrent_fencing: bool,
    /// `stop-removed-resources`
    pub stop_removed_resources: bool,
    /// `cancel-removed-actions`
    pub cancel_removed_actions: bool,
    /// `stop-all-resources`
    pub stop_all: bool,
    /// `start-failure-is-fatal`
    pub start_failure_fatal: bool,
    /// `startup-fencing`
    pub startup_fencing: bool,
    /// `shutdown-lock`
    pub shutdown_lock: bool,
    /// `shutdown-lock-limit` in milliseconds, 0 = forever
    pub shutdown_lock_limit_ms: u64,
    /// `enable-startup-probes`
    pub probe_resources: bool,
    /// `fence-remote-without-quorum`
    pub fence_remote_without_quorum: bool,
    /// Some remote or guest node is configured.
    pub have_remote_nodes: bool,
    /// `no-quorum-policy` after its preconditions were checked
    pub no_quorum: NoQuorumPolicy,
    /// `fencing-action`: `reboot` or `off`
    pub fence_action: &'static str,
    /// `fencing-timeout` in milliseconds
    pub fence_timeout_ms: u64,
    /// `priority-fencing-delay` in milliseconds
    pub priority_fencing_ms: u64,
    /// `node-pending-timeout` in milliseconds
    pub node_pending_ms: u64,
    /// `placement-strategy`
    pub placement: PlacementStrategy,
    /// Secret parameters are masked in this document.
    pub sanitized: bool,
    /// `node-health-strategy`
    pub health_strategy: HealthStrategy,
    /// What `red`, `yellow` and `green` mean as scores.
    pub health_scores: HealthScores,
    /// `node-health-base`
    pub health_base: Score,
    /// `cluster-name`
    pub cluster_name: Option<String>,
    /// Id of the node that is DC, if the document says so.
    pub dc: Option<NodeIx>,
}

/// `node-health-strategy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealthStrategy {
    /// Ignore health attributes.
    #[default]
    None,
    /// Red moves everything away.
    MigrateOnRed,
    /// Only green nodes are used.
    OnlyGreen,
    /// Red, yellow and green have scores, all added up, with a base.
    Progressive,
    /// As progressive, configured by rules of the administrator.
    Custom,
}
