//! The tables that the unpacking passes fill and every later pass reads.
//!
//! Nothing here decides; nothing here is changed after [`super::unpack`] returned. A later pass that needs to change
//! something (allowed scores, next roles, flags) takes a copy into its own table with the same index.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_model::config::{Agent, Cib, OperationConfig, ProbeMode, ResourceConfig};
use holdfast_model::score::HealthScores;
use holdfast_model::{Problem, Role, Score};

use crate::index::IndexVec;
use crate::index_type;

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

/// A set of resource flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
        }
    };
}

flags! {
    /// No longer configured (an orphan).
    REMOVED = 0;
    /// The removed resource was part of a clone that shrank or of a container's filler.
    REMOVED_LAUNCHED = 1;
    /// The cluster manages it.
    MANAGED = 2;
    /// Failed and must not be touched.
    BLOCKED = 3;
    /// Wants notifications.
    NOTIFY = 4;
    /// Globally unique instances.
    UNIQUE = 5;
    /// A fence device.
    FENCE_DEVICE = 6;
    /// Has the roles Promoted and Unpromoted.
    PROMOTABLE = 7;
    /// Must be stopped instead of demoted when failed.
    STOP_IF_FAILED = 8;
    /// `critical`: colocations with it have influence by default.
    CRITICAL = 9;
    /// Considered failed.
    FAILED = 10;
    /// Connection to a remote or guest node.
    REMOTE_CONNECTION = 11;
    /// A remote connection that may run on a remote node.
    REMOTE_NESTING_ALLOWED = 12;
    /// A start is pending.
    START_PENDING = 13;
    /// Probed only on nodes marked exclusive.
    EXCLUSIVE_PROBES = 14;
    /// Multiply active and `stop_unexpected`.
    STOP_UNEXPECTED = 15;
    /// `allow-migrate`
    MIGRATABLE = 16;
    /// Has a failure that is ignored.
    IGNORE_FAILURE = 17;
    /// The container of a bundle replica.
    REPLICA_CONTAINER = 18;
    /// It, its node or the cluster is in maintenance.
    MAINTENANCE = 19;
    /// `requires=quorum` or stronger
    NEEDS_QUORUM = 20;
    /// `requires=fencing` or stronger
    NEEDS_FENCING = 21;
    /// `requires=unfencing`
    NEEDS_UNFENCING = 22;
    /// Reload is scheduled (set by later passes in their copies).
    RELOAD = 23;
    /// Restart is being scheduled (set by later passes in their copies).
    RESTARTING = 24;
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    pub const fn any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds.
    pub fn set(&mut self, other: Flags) {
        self.0 |= other.0;
    }

    /// Takes away.
    pub fn clear(&mut self, other: Flags) {
        self.0 &= !other.0;
    }

    /// Adds or takes away.
    pub fn put(&mut self, other: Flags, on: bool) {
        if on {
            self.set(other);
        } else {
            self.clear(other);
        }
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// `multiple-active`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultipleActive {
    /// Stop everywhere, start once.
    #[default]
    StopStart,
    /// Stop everywhere.
    StopOnly,
    /// Leave alone.
    Block,
    /// Stop only where it should not be.
    StopUnexpected,
}

/// What failed operations lead to, in rising severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFail {
    /// Nothing happened.
    Ignore,
    /// Demote if promotable, else restart.
    Demote,
    /// Restart.
    Restart,
    /// Fence the remote node behind this connection, or restart without fencing.
    ResetRemote,
    /// Restart the launcher.
    RestartContainer,
    /// Never on this node.
    Ban,
    /// Do not touch.
    Block,
    /// Stop and stay stopped.
    Stop,
    /// Standby for the node.
    StandbyNode,
    /// Fence the node.
    FenceNode,
}

/// What must be there before a resource can be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requires {
    /// Nothing.
    Nothing,
    /// Quorum.
    Quorum,
    /// Fencing of lost nodes.
    Fencing,
}

/// The kinds of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RscKind {
    /// Runs an agent.
    Primitive,
    /// Members, in order.
    Group(GroupData),
    /// Instances of the same thing.
    Clone(CloneData),
    /// Containers with something inside.
    Bundle(BundleData),
}

/// What only groups have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupData {
    /// Members start one after the other.
    pub ordered: bool,
    /// Members run on the same node.
    pub colocated: bool,
}

/// What only clones have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CloneData {
    /// `clone-max`
    pub max: usize,
    /// `clone-node-max`
    pub node_max: usize,
    /// `promoted-max`
    pub promoted_max: usize,
    /// `promoted-node-max`
    pub promoted_node_max: usize,
    /// `interleave`
    pub interleave: bool,
    /// `ordered`
    pub ordered: bool,
    /// Instances made so far, removed ones included (`total_clones`).
    pub total: usize,
    /// The configuration of what is cloned.
    pub child_id: String,
}

/// What only bundles have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleData {
    /// `replicas`
    pub replicas_max: usize,
    /// `replicas-per-host`
    pub replicas_per_host: usize,
    /// `promoted-max`
    pub promoted_max: usize,
    /// `image`
    pub image: String,
    /// `docker` or `podman`
    pub engine: &'static str,
    /// `ip-range-start`
    pub ip_range_start: Option<String>,
    /// `control-port` or its default
    pub control_port: Option<String>,
    /// The implied clone of the inner primitive.
    pub child: Option<RscIx>,
    /// Replicas in number order.
    pub replicas: Vec<Replica>,
    /// `add-host` entries are written.
    pub add_host: bool,
}

/// One container of a bundle and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Number, from 0.
    pub offset: usize,
    /// The container resource.
    pub container: RscIx,
    /// Its address resource.
    pub ip: Option<RscIx>,
    /// Its address.
    pub ip_address: Option<String>,
    /// The connection into it.
    pub remote: Option<RscIx>,
    /// The guest node it makes.
    pub node: Option<NodeIx>,
    /// The instance of the inner primitive.
    pub child: Option<RscIx>,
}

/// A resource and what is known of it.
#[derive(Debug, Clone)]
pub struct Rsc {
    /// Name, with `:N` for instances of clones.
    pub id: String,
    /// Name in the document (without `:N`).
    pub config_id: String,
    /// The name under which the history knows an anonymous instance, if it was seen.
    pub history_id: Option<String>,
    /// What it is.
    pub kind: RscKind,
    /// The agent of a primitive.
    pub agent: Option<Agent>,
    /// Effective configuration, template included; shared by instances.
    pub config: Arc<ResourceConfig>,
    /// Surrounding resource.
    pub parent: Option<RscIx>,
    /// Resources inside, in order; for bundles container, ip, remote, child of each replica in that order are in
    /// [`BundleData::replicas`] while this lists what the bundle owns.
    pub children: Vec<RscIx>,
    /// Flags at the end of unpacking.
    pub flags: Flags,
    /// Settled meta attributes.
    pub meta: BTreeMap<String, String>,
    /// Settled utilization.
    pub utilization: BTreeMap<String, String>,
    /// `priority`
    pub priority: i32,
    /// `resource-stickiness`
    pub stickiness: i32,
    /// `migration-threshold` (infinity when none)
    pub migration_threshold: i32,
    /// `failure-timeout` in milliseconds, 0 = never
    pub failure_timeout_ms: u64,
    /// `reconnect_interval` in milliseconds
    pub reconnect_ms: u64,
    /// `multiple-active`
    pub multiple_active: MultipleActive,
    /// Role now.
    pub role: Role,
    /// Role wanted by unpacking (`target-role`, failures); `Unknown` when open.
    pub next_role: Role,
    /// Nodes where it is (or may be) active, in the order found.
    pub running_on: Vec<NodeIx>,
    /// Nodes where its state is known, with the history seen there.
    pub known_on: Vec<NodeIx>,
    /// Nodes it may use, before constraints.
    pub allowed: AllowedNodes,
    /// Operation in progress (`Starting`, `Stopping`, `Monitoring`, ... are derived from it).
    pub pending_action: Option<String>,
    /// Where that happens.
    pub pending_node: Option<NodeIx>,
    /// Migration in progress: from.
    pub migration_source: Option<NodeIx>,
    /// Migration in progress: to.
    pub migration_target: Option<NodeIx>,
    /// Nodes where a stop is still needed after a migration.
    pub dangling_sources: Vec<NodeIx>,
    /// Held for this node by a shutdown lock.
    pub lock_node: Option<NodeIx>,
    /// Since when, seconds.
    pub lock_time: i64,
    /// What launches this resource.
    pub launcher: Option<RscIx>,
    /// What this resource launches.
    pub launched: Vec<RscIx>,
    /// The remote or guest node that this connection makes.
    pub remote_node: Option<NodeIx>,
}

impl Rsc {
    /// Configured operations, template included.
    pub fn ops(&self) -> &[OperationConfig] {
        &self.config.operations
    }

    /// A primitive.
    pub fn is_primitive(&self) -> bool {
        matches!(self.kind, RscKind::Primitive)
    }

    /// A group.
    pub fn is_group(&self) -> bool {
        matches!(self.kind, RscKind::Group(_))
    }

    /// A clone.
    pub fn is_clone(&self) -> bool {
        matches!(self.kind, RscKind::Clone(_))
    }

    /// A bundle.
    pub fn is_bundle(&self) -> bool {
        matches!(self.kind, RscKind::Bundle(_))
    }

    /// What only clones have.
    pub fn clone_data(&self) -> Option<&CloneData> {
        match &self.kind {
            RscKind::Clone(data) => Some(data),
            RscKind::Primitive | RscKind::Group(_) | RscKind::Bundle(_) => None,
        }
    }

    /// What only groups have.
    pub fn group_data(&self) -> Option<&GroupData> {
        match &self.kind {
            RscKind::Group(data) => Some(data),
            RscKind::Primitive | RscKind::Clone(_) | RscKind::Bundle(_) => None,
        }
    }

    /// What only bundles have.
    pub fn bundle_data(&self) -> Option<&BundleData> {
        match &self.kind {
            RscKind::Bundle(data) => Some(data),
            RscKind::Primitive | RscKind::Group(_) | RscKind::Clone(_) => None,
        }
    }

    /// Whether the flags are all set.
    pub fn is(&self, flags: Flags) -> bool {
        self.flags.has(flags)
    }

    /// A settled meta attribute.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name).map(String::as_str)
    }

    /// The agent's class, empty for collectives.
    pub fn class(&self) -> &str {
        self.agent.as_ref().map_or("", |agent| agent.class.as_str())
    }
}

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

/// One step of the log of actions that come to life while unpacking. Replaying the log in order gives the first action
/// numbers; asking for an action that exists already (same key, same node) gives the existing one and no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlyAction {
    /// An operation of a resource is created or asked for: recurring monitors of the history (optional), stops and
    /// demotes for failures (required), `clear_failcount` and `lrm_delete`.
    Resource {
        /// The resource.
        rsc: RscIx,
        /// Key, such as `db_monitor_10000`.
        key: String,
        /// Task as in the history (`monitor`, `stop`, `demote`, `clear_failcount`, `lrm_delete`, ...).
        task: String,
        /// Interval.
        interval_ms: u32,
        /// Where.
        node: NodeIx,
        /// Asked for as optional; a required request makes an existing optional action required.
        optional: bool,
        /// The resource was unmanaged at that moment: an operation without interval becomes optional.
        unmanaged: bool,
        /// Whether it can be executed, as seen at that moment.
        runnable: bool,
        /// Why, if a reason is set (`clear_failcount`).
        reason: Option<String>,
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
