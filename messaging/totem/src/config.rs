//! What a ring is told before it starts: timings, members, links, key, identity. Reads no file: `messaging/node`
//! turns corosync.conf into these values.

use std::net::{IpAddr, SocketAddr};

use crate::id::NodeId;
use crate::quorum;
use crate::time::Span;

/// Most members of one ring.
pub const MAX_MEMBERS: usize = 384;
/// Most links between two nodes.
pub const MAX_LINKS: usize = 8;
/// What sealing adds to each datagram, in bytes.
pub const SEAL_BYTES: usize = crate::seal::datagram::OVERHEAD;
/// Largest application message, in bytes.
pub const MAX_MESSAGE: usize = 1 << 20;
/// Longest node name that is sent to peers, in bytes.
pub const MAX_NAME: usize = 255;
/// Smallest and largest size of a key, in bytes (128 to 4096, as `corosync-keygen` makes them).
pub const KEY_SIZES: std::ops::RangeInclusive<usize> = 128..=4096;

/// Everything about the cluster that is the same on all nodes, resolved to plain numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `totem.cluster_name`; salts the keys, so that two clusters never hear each other.
    pub cluster_name: String,
    /// `totem.config_version`; 0 when not written.
    pub config_version: u64,
    /// Resolved time-outs and windows.
    pub timing: Timing,
    /// All known nodes, this one included.
    pub members: Vec<MemberConfig>,
    /// The links, by ascending number.
    pub links: Vec<LinkConfig>,
    /// How several links are used.
    pub link_mode: LinkMode,
    /// Nodes that are not in `members` but prove the key are taken in (configurations of 1.x without node list).
    pub open_membership: bool,
    /// Votes and their rules.
    pub quorum: quorum::Options,
    /// Whether datagrams are encrypted.
    pub sealing: Sealing,
    /// The ring leaves when `Input::Progress` stays out for the larger of 2 x token and 5 s. Only programs without
    /// a core behind the ring (bench, tests) switch it off.
    pub require_progress: bool,
}

/// Time-outs and windows after all defaults were worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A peer silent this long is excluded; a token unseen this long is lost.
    pub token: Span,
    /// Longest wait before an unanswered token is sent again (the adaptive wait is usually far shorter).
    pub token_retransmit: Span,
    /// How often presence is told while a membership is being agreed on.
    pub join: Span,
    /// Longest time that a membership may take to be agreed on before it is tried afresh.
    pub consensus: Span,
    /// How often nodes outside the ring are called.
    pub merge: Span,
    /// Token visits without any reception progress after which a node gives up on itself.
    pub fail_recv_const: u32,
    /// Rotations without traffic before the token is parked.
    pub seqno_unchanged_const: u32,
    /// Visits for which a gap must persist before it is asked for.
    pub miss_count_const: u32,
    /// Frames (datagrams) in flight on one rotation.
    pub window_size: u32,
    /// Frames (datagrams) one node sends on one token visit.
    pub max_messages: u32,
}

/// One node of the node list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// `nodeid`.
    pub id: NodeId,
    /// `name`; may be empty.
    pub name: String,
    /// `quorum_votes`.
    pub votes: u32,
    /// Address on each link that the node has.
    pub addresses: Vec<LinkAddress>,
}

/// Where a node listens on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// Link number, 0 to 7.
    pub link: u8,
    /// Address and port.
    pub address: SocketAddr,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Link number, 0 to 7.
    pub number: u8,
    /// `knet_link_priority`: in passive mode the highest usable one carries the traffic, the lowest number on a tie.
    pub priority: u8,
    /// Largest UDP payload in bytes that is tried on this link.
    pub datagram: u16,
    /// Between two heartbeats on this link; `None` derives it from the token time-out.
    pub ping_interval: Option<Span>,
    /// A link unheard this long is down; `None` derives it.
    pub ping_timeout: Option<Span>,
    /// Heartbeats in a row after which a link that was down counts as up again.
    pub pong_count: u32,
    /// Group address: data goes out once to it instead of once to every member (transport udp).
    pub multicast: Option<SocketAddr>,
}

/// How several links are used (`link_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkMode {
    /// The best usable link carries everything.
    #[default]
    Passive,
    /// Everything goes over all usable links; the first copy counts.
    Active,
    /// Usable links take turns.
    RoundRobin,
}

/// Whether datagrams are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sealing {
    /// AES-256-GCM with keys of this sender and this boot.
    #[default]
    Sealed,
    /// In clear (`holdfast_unsealed: yes`): a checksum only. Anybody on the network can take part.
    Clear,
}

/// The shared secret as read from authkey. Does not show itself in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// A key of a size outside [`KEY_SIZES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key has {0} bytes, expected 128 to 4096; make one with `corosync-keygen`")]
pub struct KeySize(pub usize);

impl Key {
    /// Takes the bytes of a key file.
    pub fn new(bytes: &[u8]) -> Result<Self, KeySize> {
        if KEY_SIZES.contains(&bytes.len()) { Ok(Self(bytes.to_vec())) } else { Err(KeySize(bytes.len())) }
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        for byte in &mut self.0 {
            *byte = 0;
        }
        std::hint::black_box(&self.0);
    }
}

/// Who this process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// This node's number.
    pub node_id: NodeId,
    /// This node's name, as `uname -n` or the node list has it.
    pub name: String,
    /// 32 fresh random bytes of this run of the daemon; must never be stored or repeated.
    pub boot_salt: [u8; 32],
    /// The kernel's boot id (`/proc/sys/kernel/random/boot_id`): equal for two runs of the daemon within one boot.
    pub boot_id: [u8; 16],
    /// `/etc/machine-id`.
    pub machine_id: [u8; 16],
}

/// What survives on disk between runs. Written by [`Output::PersistRing`](crate::Output::PersistRing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PersistedRing {
    /// No ring with a greater sequence was ever used by this node.
    pub ring_seq: u64,
    /// Highest expected votes ever seen (`expected_votes_tracking`, and clusters without a node list).
    pub expected_votes: u32,
}

impl PersistedRing {
    /// The greatest number of a ring that is believed, on disk and from others: rings are numbered one by one, and what is
    /// far beyond all that can ever be formed would leave no room for a next one.
    pub const MAX_SEQ: u64 = u64::MAX / 2;
}

impl Timing {
    /// All values from the effective token time-out, with corosync's ratios.
    pub fn from_token(token: Span) -> Self {
        Self {
            token,
            token_retransmit: Span(token.0 * 10 / 42),
            join: Span::millis(50),
            consensus: Span(token.0 * 12 / 10),
            merge: Span::millis(200),
            fail_recv_const: 2_500,
            seqno_unchanged_const: 30,
            miss_count_const: 5,
            window_size: 1_024,
            max_messages: 256,
        }
    }
}

impl LinkConfig {
    /// A link with the defaults of corosync.conf(5) and the largest UDP payload of Ethernet over IPv6.
    pub fn new(number: u8) -> Self {
        Self {
            number,
            priority: 1,
            datagram: 1_452,
            ping_interval: None,
            ping_timeout: None,
            pong_count: 2,
            multicast: None,
        }
    }
}

impl Config {
    /// A configuration with defaults for everything but the members and the token time-out. The links are those
    /// that the members have addresses on.
    pub fn new(cluster_name: &str, token: Span, members: Vec<MemberConfig>) -> Self {
        let mut numbers: Vec<u8> = members.iter().flat_map(|m| m.addresses.iter().map(|a| a.link)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let expected = members.iter().map(|m| m.votes).fold(0_u32, u32::saturating_add);
        Self {
            cluster_name: cluster_name.to_owned(),
            config_version: 0,
            timing: Timing::from_token(token),
            links: numbers.into_iter().map(LinkConfig::new).collect(),
            members,
            link_mode: LinkMode::default(),
            open_membership: false,
            quorum: quorum::Options::new(expected),
            sealing: Sealing::default(),
            require_progress: true,
        }
    }

    /// The addresses of a node when none of them is among those `found` on the machine that says it is that node.
    /// Without a list of nodes a node's address is taken from its machine and never missing.
    pub fn missing_addresses(&self, node: NodeId, found: &[IpAddr]) -> Option<Vec<IpAddr>> {
        let member = self.members.iter().find(|m| m.id == node)?;
        let own: Vec<IpAddr> = member.addresses.iter().map(|a| a.address.ip()).collect();
        let here = |ip: &IpAddr| ip.is_unspecified() || ip.is_loopback() || found.contains(ip);
        (!own.is_empty() && !own.iter().any(here)).then_some(own)
    }
}
