//! Ordering within one ring: what is kept, what a token visit does, what may be delivered. Knows no peer, no
//! datagram and no clock.

mod deliver;
pub mod packing;
pub mod store;
mod visit;

pub use deliver::Delivery;
pub use visit::{Limits, Visit};

use crate::id::{NodeId, RingId};
use crate::order::packing::Assembly;
use crate::order::store::{Frame, Inserted, Store};
use crate::wire::control::Seat;
use crate::wire::frame::FrameKind;

/// Visits that a message with safe delivery needs until all have delivered it.
const HURRY: u32 = 4;

/// The order of one ring, as one member has it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The ring.
    pub ring: RingId,
    /// Its members by ascending id.
    pub seats: Vec<Seat>,
    /// This node.
    pub me: NodeId,
    /// The frames.
    pub store: Store,
    /// Delivered up to this number.
    pub delivered: u64,
    /// Every member has everything up to this number.
    pub safe: u64,
    /// The last hop of the token that was seen here.
    pub last_hop: u64,
    /// Who has the token when it is parked, as far as known.
    pub last_sender: Option<NodeId>,
    /// Members whose messages have to be delivered whatever is missing before them.
    pub obligations: Vec<NodeId>,
    visits: u64,
    sent_seq: u64,
    sent_aru: u64,
    sent_frames: u32,
    sent_backlog: u32,
    personal: u32,
    idle: u32,
    stuck: u32,
    stale: u32,
    hurry: u32,
    seen: (u64, u64),
    assemblies: Vec<Assembly>,
}

impl Order {
    /// The order of a new ring. Numbering starts after `start` (0 but in tests).
    pub fn new(ring: RingId, seats: Vec<Seat>, me: NodeId, start: u64) -> Self {
        let assemblies = vec![Assembly::default(); seats.len()];
        Self {
            ring,
            seats,
            me,
            store: Store::starting_after(start),
            delivered: start,
            safe: start,
            last_hop: 0,
            last_sender: None,
            obligations: Vec::new(),
            visits: 0,
            sent_seq: start,
            sent_aru: start,
            sent_frames: 0,
            sent_backlog: 0,
            personal: 64,
            idle: 0,
            stuck: 0,
            stale: 0,
            hurry: 0,
            seen: (start, start),
            assemblies,
        }
    }

    /// The place of a member.
    pub fn place(&self, node: NodeId) -> Option<usize> {
        self.seats.binary_search_by_key(&node, |s| s.node).ok()
    }

    /// Whether this node is a member.
    pub fn has(&self, node: NodeId) -> bool {
        self.place(node).is_some()
    }

    /// Who gets the token after this node.
    pub fn next(&self) -> NodeId {
        let place = self.place(self.me).map_or(0, |p| p + 1);
        self.seats[place % self.seats.len()].node
    }

    /// Members' ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.seats.iter().map(|s| s.node)
    }

    /// Keeps a frame that came in.
    pub fn insert(&mut self, seq: u64, make: impl FnOnce() -> Frame) -> Inserted {
        let inserted = self.store.insert_with(seq, make);
        if inserted == Inserted::New && self.store.get(seq).is_some_and(|frame| frame.kind == FrameKind::Safe)
        {
            self.hurry = HURRY;
        }
        inserted
    }

    /// Somebody waits for a rotation: a message with safe delivery is under way.
    pub fn is_hurried(&self) -> bool {
        self.hurry > 0
    }

    /// Visits in a row at which frames were missing and none came in.
    pub fn stuck(&self) -> u32 {
        self.stuck
    }

    /// The ring is installed here: rest is counted from now on, because others still wait for the token.
    pub fn begin_work(&mut self) {
        self.idle = 0;
    }

    /// Nothing went on at the last visit: the token is about to be parked, or is.
    pub fn is_quiet(&self) -> bool {
        self.idle > 0
    }

    /// The highest number known to be given out.
    pub fn top(&self) -> u64 {
        self.store.high().max(self.sent_seq)
    }
}
