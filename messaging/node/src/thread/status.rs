//! A snapshot of the ring for status displays.

use crate::config::WitnessSettings;
use holdfast_totem::stats::{PeerLink, Statistics};
use holdfast_totem::witness::Standing;
use holdfast_totem::{Config, NodeId, View, quorum};
use std::net::SocketAddr;

/// Everything the tools show of a ring.
#[derive(Clone, Debug)]
pub struct RingStatus {
    pub local: NodeId,
    pub name: String,
    /// The configuration in force.
    pub config: Config,
    /// Own address on each link.
    pub links: Vec<(u8, SocketAddr)>,
    /// The last regular view.
    pub view: Option<View>,
    pub quorum: quorum::Status,
    pub statistics: Statistics,
    /// Every link to every peer.
    pub peers: Vec<PeerLink>,
    /// System calls made to send, datagrams dropped by the kernel.
    pub send_calls: u64,
    pub send_dropped: u64,
    /// Bytes of events that the daemon has not taken yet.
    pub events_waiting: u64,
    /// The thread runs with real-time priority.
    pub real_time: bool,
    /// Members of process groups on all nodes: group, node, process.
    pub groups: Vec<(String, u32, u32)>,
    /// The witness, where one is configured.
    pub witness: Option<WitnessStatus>,
    /// Bytes that wait for programs of process groups.
    pub groups_waiting: u64,
}

/// The witness as this node sees it.
#[derive(Clone, Debug)]
pub struct WitnessStatus {
    /// As configured.
    pub settings: WitnessSettings,
    /// How the contact is.
    pub standing: Standing,
}
