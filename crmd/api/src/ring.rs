//! Questions to the ring: `corosync-cfgtool`, `corosync-quorumtool`, `corosync-cmapctl`, `corosync-cpgtool`.
//! Served by the daemon from the ring thread; the core never sees them.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingRequest {
    /// Links and their peers.
    Links,
    /// Votes and quorum.
    Quorum,
    /// All keys of the map that start with the prefix.
    MapList {
        /// Empty for all.
        prefix: String,
    },
    /// Set a key of the map.
    MapSet {
        /// Key.
        key: String,
        /// Type as `corosync-cmapctl` names it (`u8`, `str`, ...).
        kind: String,
        /// Value as text.
        value: String,
    },
    /// Remove a key.
    MapDelete {
        /// Key.
        key: String,
    },
    /// Read `corosync.conf` again on this node, or on all.
    Reload {
        /// Only here.
        local: bool,
    },
    /// Leave the ring and end the daemon without moving resources first.
    Shutdown,
    /// Count of votes of a node, changed at run time.
    SetVotes {
        /// Node id.
        node: u32,
        /// Votes.
        votes: u32,
    },
    /// Expected votes, changed at run time.
    SetExpected {
        /// Votes.
        votes: u32,
    },
    /// Process groups and their members on all nodes.
    Groups,
    /// Open log files anew, after they were moved away.
    ReopenLogs,
    /// Make a member leave the cluster at once.
    Kill {
        /// Node id.
        node: u32,
    },
    /// Set counters of the map to zero.
    MapClear {
        /// `knet`, `ipc`, `totem`, `schedmiss` or `all`.
        what: String,
    },
    /// The witness as this node sees it.
    Witness,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingReply {
    /// Links.
    Links(RingLinks),
    /// Quorum.
    Quorum(RingQuorum),
    /// Keys: name, type, value.
    Map(Vec<(String, String, String)>),
    /// Done.
    Done,
    /// Process groups: one row a member.
    Groups(Vec<GroupMember>),
    /// The witness; `None` when none is configured.
    Witness(Option<WitnessInfo>),
}

/// One member of a process group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// Name of the group.
    pub group: String,
    /// Node id.
    pub node: u32,
    /// Process id on that node.
    pub pid: u32,
    /// Addresses of the node, one a link.
    pub addresses: Vec<String>,
}

/// The links of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingLinks {
    /// Local node id.
    pub node: u32,
    /// `knet`, `udpu`, `udp` as configured.
    pub transport: String,
    /// One row a link.
    pub links: Vec<LinkInfo>,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkInfo {
    /// Number.
    pub id: u8,
    /// Local address.
    pub address: String,
    /// Peers: node id, address, connected, marked faulty.
    pub peers: Vec<PeerInfo>,
}

/// One peer on one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// Node id.
    pub node: u32,
    /// Address.
    pub address: String,
    /// Packets arrive.
    pub connected: bool,
    /// Smoothed round trip in µs, 0 = unknown.
    pub round_trip_us: u64,
    /// Largest datagram that goes through, in bytes.
    pub mtu: u32,
}

/// Votes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingQuorum {
    /// Present ring: representative.
    pub representative: u32,
    /// Present ring: sequence.
    pub sequence: u64,
    /// Local node id.
    pub local: u32,
    /// Quorate.
    pub quorate: bool,
    /// Votes expected.
    pub expected: u32,
    /// Highest number of votes expected so far.
    pub highest_expected: u32,
    /// Votes of the members.
    pub total: u32,
    /// Votes needed.
    pub needed: u32,
    /// Words after `Flags:` (`Quorate`, `2Node`, `WaitForAll`, ...).
    pub flags: Vec<String>,
    /// Members: node id, votes, name.
    pub members: Vec<(u32, u32, String)>,
    /// `corosync_votequorum`.
    pub provider: String,
    /// The witness, where one is configured: its votes, and whether we have them now.
    pub witness: Option<(u32, bool)>,
    /// Each member's own contact with the witness: node id, it hears it, it is given the votes.
    pub witnesses: Vec<(u32, bool, bool)>,
    /// `master_wins` is in force.
    pub witness_wins: bool,
}

/// The witness as one node sees it; texts are in the words of the old tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessInfo {
    /// Local node id.
    pub node: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// Host and port as configured.
    pub host: String,
    /// The address in use.
    pub address: String,
    /// What the witness calls itself.
    pub name: String,
    /// The algorithm.
    pub algorithm: String,
    /// The tie-breaker.
    pub tie_breaker: String,
    /// `Connected`, `Connect failed`, ...
    pub state: String,
    /// Its last answer.
    pub vote: String,
    /// Milliseconds that the votes still count without another word; `None` when they are not held.
    pub lease_ms: Option<u64>,
    /// Milliseconds since its last answer.
    pub silent_ms: Option<u64>,
    /// The last word of the heuristics.
    pub heuristics: String,
    /// The node list.
    pub configured: Vec<u32>,
    /// Members of the present ring.
    pub members: Vec<u32>,
    /// Votes of the witness.
    pub votes: u32,
}
