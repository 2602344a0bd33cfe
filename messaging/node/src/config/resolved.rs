//! The settled meaning of a `corosync.conf`: every default applied, every name resolved.

use super::keymap::KeyMap;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Everything the daemon takes from the file.
#[derive(Clone, Debug, PartialEq)]
pub struct CorosyncConf {
    /// `totem { cluster_name }`; empty when not written.
    pub cluster_name: String,
    /// `totem { config_version }`: of two differing files the higher one is newer.
    pub config_version: u64,
    pub transport: Transport,
    pub link_mode: LinkMode,
    /// Id of this node.
    pub local_id: u32,
    /// Name of this node.
    pub local_name: String,
    /// All listed nodes with this one, by id. With `open` only those that the file names.
    pub nodes: Vec<Node>,
    /// No list of nodes: whoever holds the key and meets us on the multicast group belongs to the cluster.
    pub open: bool,
    /// Links by number.
    pub links: Vec<Link>,
    pub timings: Timings,
    pub seal: Seal,
    pub quorum: Quorum,
    pub logging: Logging,
    pub system: System,
    /// Users and groups that may use the local socket beside root and `haclient`.
    pub allowed: Vec<Allowed>,
    /// Who starts the cluster manager.
    pub manager: Manager,
    /// The file as keys and values, in the names of corosync's key map.
    pub map: KeyMap,
}

/// `totem { transport }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Unicast over up to eight links.
    Knet,
    /// Unicast over one link.
    Udpu,
    /// Multicast or broadcast.
    Udp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Transport::Knet => "knet",
            Transport::Udpu => "udpu",
            Transport::Udp => "udp",
        }
    }
}

/// How several links are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkMode {
    /// The best link carries everything.
    Passive,
    /// All links carry everything.
    Active,
    /// Links take turns.
    RoundRobin,
}

/// One cluster node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: u32,
    /// Empty when the file does not tell and the node has not introduced itself yet.
    pub name: String,
    pub votes: u32,
    /// Address by link number.
    pub addresses: BTreeMap<u8, SocketAddr>,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub number: u8,
    /// Address this node binds on this link.
    pub bind: SocketAddr,
    /// Group or broadcast address, for transport `udp` only.
    pub multicast: Option<SocketAddr>,
    /// Time to live of multicast datagrams.
    pub ttl: u8,
    /// Higher is preferred in passive mode.
    pub priority: u8,
    /// Milliseconds; `None` lets the ring choose from `token`.
    pub ping_interval: Option<u32>,
    /// Milliseconds; `None` lets the ring choose from `token`.
    pub ping_timeout: Option<u32>,
    pub pong_count: u8,
}

/// Timings, in milliseconds unless named a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Effective: with the coefficient, if one is written.
    pub token: u32,
    pub token_coefficient: u32,
    pub token_retransmit: u32,
    /// Percent of `token` after which a late token is told; 0 for never.
    pub token_warning: u32,
    pub hold: u32,
    pub join: u32,
    pub send_join: u32,
    pub consensus: u32,
    pub merge: u32,
    /// Count of rotations.
    pub fail_recv_const: u32,
    /// Count of rotations.
    pub seqno_unchanged_const: u32,
    /// Count of visits.
    pub miss_count_const: u32,
    /// Count of frames in one rotation; `None` lets the ring choose.
    pub window_size: Option<u32>,
    /// Count of frames in one visit; `None` lets the ring choose.
    pub max_messages: Option<u32>,
    /// Largest datagram in bytes, when written (`netmtu`, `knet_mtu`).
    pub mtu: Option<u32>,
    /// Seconds between searches for the path MTU.
    pub pmtud_interval: u32,
    /// Token hold is cancelled while retransmissions are pending.
    pub cancel_hold_on_retransmit: bool,
    /// Differentiated services code point of our datagrams.
    pub ip_dscp: u8,
    /// Datagrams from addresses that no listed node has are dropped unread.
    pub block_unlisted_ips: bool,
}

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Sealed with the key in this file.
    KeyFile(String),
    /// Sealed with the text of `totem { key }`.
    Inline(String),
    /// In clear, by `holdfast_unsealed: yes`.
    Unsealed,
}

/// `quorum { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// `provider` is written.
    pub provider: bool,
    pub expected_votes: u32,
    /// Written in the file, not counted from the nodes.
    pub expected_votes_written: bool,
    pub two_node: bool,
    pub wait_for_all: bool,
    pub last_man_standing: bool,
    /// Milliseconds.
    pub last_man_standing_window: u32,
    pub auto_tie_breaker: Option<TieBreaker>,
    pub allow_downscale: bool,
    pub expected_votes_tracking: bool,
    pub device: Option<Device>,
}

/// Which half of an evenly split cluster goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieBreaker {
    Lowest,
    Highest,
    /// The part with the first of these nodes.
    Nodes(Vec<u32>),
}

/// `quorum { device { } }`: a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub votes: u32,
    /// Milliseconds.
    pub timeout: u32,
    /// Milliseconds.
    pub sync_timeout: u32,
    pub master_wins: bool,
    pub host: String,
    pub port: u16,
    /// Milliseconds that one address of the witness is tried before the next.
    pub connect_timeout: u32,
    /// 4 or 6: only addresses of this version; 0: any.
    pub force_ip_version: u8,
    pub algorithm: DeviceAlgorithm,
    pub tie_breaker: TieBreaker,
    pub keep_active_partition: bool,
    pub heuristics: Option<Heuristics>,
}

/// How the witness gives its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAlgorithm {
    /// One vote, to one half of a split.
    FfSplit,
    /// As many votes as make the last node quorate.
    LastManStanding,
}

/// `quorum { device { heuristics { } } }`: commands whose success weighs in a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heuristics {
    /// Run at intervals, not only when the membership changes.
    pub regular: bool,
    /// Milliseconds.
    pub interval: u32,
    /// Milliseconds.
    pub timeout: u32,
    /// Milliseconds.
    pub sync_timeout: u32,
    /// Name and command line.
    pub commands: Vec<(String, String)>,
}

/// How much a log shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Info,
    Debug,
    Trace,
}

/// How lines are stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    None,
    Seconds,
    Milliseconds,
}

/// `logging { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    pub to_stderr: bool,
    pub to_syslog: bool,
    /// Set when lines go to a file.
    pub logfile: Option<String>,
    pub logfile_level: Level,
    pub syslog_facility: String,
    pub syslog_level: Level,
    pub timestamp: Timestamp,
    pub fileline: bool,
    /// Level by subsystem (lower case), where it differs.
    pub subsystems: BTreeMap<String, Level>,
}

/// `system { }` and `resources { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    pub scheduling: Scheduling,
    pub move_to_root_cgroup: RootCgroup,
    /// Folder for the ring's records; `None` for the daemon's own.
    pub state_dir: Option<String>,
    pub watchdog_device: Option<String>,
    /// Milliseconds.
    pub watchdog_timeout: u32,
}

/// How the ring's thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// `SCHED_RR` with the highest priority.
    RoundRobin,
    /// The ordinary scheduler with this nice value.
    Nice(i8),
}

/// `system { move_to_root_cgroup }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootCgroup {
    Yes,
    No,
    /// Only where real-time scheduling is refused otherwise.
    Auto,
}

/// One `uidgid { }` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Number or name.
    pub user: Option<String>,
    /// Number or name.
    pub group: Option<String>,
}

/// Who starts the cluster manager, after `service { name: pacemaker }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Not written: manager and ring are one program and start together.
    Together,
    /// `ver: 0`: corosync starts it.
    Plugin,
    /// `ver: 1`: `service pacemaker start` starts it.
    Separate,
}

impl CorosyncConf {
    /// This node's row of the list.
    pub fn local(&self) -> &Node {
        self.nodes.iter().find(|node| node.id == self.local_id).expect("the local node is always listed")
    }

    /// The node that has this address on any link.
    pub fn node_at(&self, address: IpAddr) -> Option<&Node> {
        self.nodes.iter().find(|node| node.addresses.values().any(|own| own.ip() == address))
    }
}
