//! Names of things in a ring: nodes, incarnations of nodes, rings, disk tickets. Plain values without behaviour.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node's number, as `nodeid` in corosync.conf. Never zero in a valid configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One run of one daemon: derived from its random boot salt, so that a restarted node is told from its predecessor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The name of one ring (one membership). Unique for ever, because the sequence is on the representative's disk
/// before the ring is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RingId {
    /// Grows with every ring that any member has seen.
    pub seq: u64,
    /// The member with the lowest id when the ring was formed.
    pub representative: NodeId,
}

impl fmt::Display for RingId {
    /// As the old tools print it: representative, dot, sequence in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:x}", self.representative, self.seq)
    }
}

/// Ties an [`Output::PersistRing`](crate::Output::PersistRing) to the `Persisted` that answers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);
