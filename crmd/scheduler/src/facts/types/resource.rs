//! Resources of every kind with their flags.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_model::Role;
use holdfast_model::config::{Agent, OperationConfig, ResourceConfig};

use super::{AllowedNodes, NodeIx, RscIx};

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
