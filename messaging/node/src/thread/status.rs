//! A snapshot of the ring for status displays.

use super::Order;
use crate::config::WitnessSettings;
use crate::groups::{GroupMessages, Pair, Program};
use holdfast_totem::stats::{Pause, PeerLink, Statistics};
use holdfast_totem::time::Span;
use holdfast_totem::witness::Standing;
use holdfast_totem::{Config, NodeId, View, quorum};
use std::net::SocketAddr;

/// Counters that are cleared together, by the words of `corosync-cmapctl -C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counters {
    /// Links and seals.
    Knet,
    /// Token, frames, memberships.
    Totem,
    /// Programs' connections.
    Ipc,
    /// Pauses of the process.
    Schedmiss,
    /// All of them.
    All,
}

/// Ordered messages by whom they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Of the cluster manager.
    pub manager: Pair,
    /// [`Order::Reload`].
    pub reload: Pair,
    /// [`Order::Kill`].
    pub kill: Pair,
    /// Of process groups.
    pub groups: GroupMessages,
}

impl Services {
    pub(super) fn of(&mut self, order: Order) -> &mut Pair {
        match order {
            Order::Reload => &mut self.reload,
            Order::Kill(_) => &mut self.kill,
        }
    }
}

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
    /// System calls in a row, up to now, that sent nothing.
    pub send_failing: u32,
    /// The last times that this process did not run, the latest first.
    pub pauses: Vec<Pause>,
    /// Between two signs of life, and after how long a silent link is down where its own time is not configured.
    pub beat: Span,
    pub link_timeout: Span,
    /// Ordered messages sent and received.
    pub services: Services,
    /// Programs of process groups on this node, and how many went.
    pub programs: Vec<Program>,
    pub programs_gone: u64,
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
