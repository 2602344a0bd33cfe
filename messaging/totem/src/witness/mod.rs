//! The witness: a third machine whose vote decides between parts of a cluster that cannot decide by themselves. Both
//! ends as pure state machines: [`Client`] in a node, [`Server`] for many clusters on the witness.
//!
//! The promise is that two parts of a cluster never count the witness's votes at the same time. It rests on grants:
//! * A part that can act without the witness holds nothing; the votes are only *at hand* and decide nothing.
//! * A part that needs them gets a *grant* with a number, written to disk before it is told. It lasts for a lease,
//!   measured by the node from the moment it asked and by the witness from the moment it answered, so that neither
//!   needs to know what time it is. A grant is never given while another one may still be counted.
//! * A grant ends when every member of the rings that may count it has shown that it does not, or when its last lease
//!   and the time that a ring needs to notice its own end are over.
//! * A ring that acts by a grant and stops working gives it up after half a token time-out; a grant outlives a change
//!   of the ring only as long as nobody of the ring that got it is missing.
//!
//! Clusters are told apart by their keys, see [`key`].

mod channel;
mod choose;
mod client;
mod ledger;
pub(crate) mod planted;
mod record;
mod server;
#[cfg(test)]
mod stories;
mod wire;

pub use client::{Checks, Client, Output as ClientOutput, RingState, Standing, State};
pub use record::{Record, decode as decode_records, encode as encode_records};
pub use server::{ClientView, ClusterKey, ClusterView, Output as ServerOutput, SameKey, Server};

use crate::config::Key;
use crate::id::NodeId;
use crate::seal::keys;
use crate::time::Span;
use planted::Bug;

/// Port of the witness (UDP), as the old quorum device server had it (TCP).
pub const PORT: u16 = 5403;
/// Largest datagram of this protocol, in bytes: room for the lists of the largest cluster.
pub const DATAGRAM: usize = 8 << 10;
/// The id under which the witness seals; a node may have it as well, their salts differ.
const WITNESS: NodeId = NodeId(u32::MAX);

/// The key by which a cluster and its witness know each other, derived from the cluster's own key and name: whoever
/// has it can give and ask for votes, and cannot take part in the ring.
pub fn key(ring_key: &Key, cluster_name: &str) -> Key {
    keys::witness_key(ring_key, cluster_name)
}

/// How the witness chooses between parts that need its votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// `ffsplit`: for clusters that split into halves; the part with most nodes, then the one that is better connected.
    #[default]
    HalfSplit,
    /// `lms`: as many votes as make the last node quorate; the part with the best heuristics, then the larger one.
    LastManStanding,
}

/// Which part wins when everything else is equal (`tie_breaker`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TieBreaker {
    /// The part with the lowest node id.
    #[default]
    Lowest,
    /// The part with the highest node id.
    Highest,
    /// The part with the first of these nodes that is in any of them.
    Nodes(Vec<NodeId>),
}

/// What the configuration of the cluster says about its witness; every node tells it with each report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// `device { votes }`.
    pub votes: u32,
    /// How the witness chooses.
    pub algorithm: Algorithm,
    /// Who wins a tie.
    pub tie_breaker: TieBreaker,
    /// `keep_active_partition_tie_breaker`: before the tie-breaker, the part that holds the votes keeps them.
    pub keep_active: bool,
    /// `master_wins`: a part with the votes may act however few its own are.
    pub master_wins: bool,
    /// `device { timeout }`: how long granted votes count without a word from the witness.
    pub lease: Span,
    /// The ring's token time-out.
    pub token: Span,
}

/// What the last run of the heuristics of a node said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heuristics {
    /// None are configured.
    #[default]
    Off,
    /// They run and have not ended yet.
    Pending,
    /// All commands succeeded.
    Passed,
    /// A command failed or took too long.
    Failed,
}

/// What the witness answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet: others have not told where they are, or an older grant may still be counted.
    #[default]
    Wait,
    /// The votes are not needed; they are at hand.
    AtHand,
    /// The votes are held under this grant.
    Held(u64),
    /// Another part has or gets the votes, or they would not help.
    Denied,
}

impl Verdict {
    /// As the old status display has it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Wait => "Wait for reply",
            Verdict::AtHand | Verdict::Held(_) => "ACK",
            Verdict::Denied => "NACK",
        }
    }
}

impl Terms {
    /// Between two reports of a node: a dead node is known to be silent when its peers notice it.
    pub fn beat(&self) -> Span {
        self.token.over(4).max(Span::millis(50)).min(Span::secs(1))
    }

    /// A node that was not heard for so long is silent: three beats, and less than its peers need to notice it.
    pub(crate) fn silence(&self) -> Span {
        (self.token - self.beat().min(self.token)).max(self.token.over(2))
    }

    /// The lease in force, never shorter than a few beats.
    pub fn lease(&self) -> Span {
        self.lease.max(self.beat().times(4))
    }

    /// How long a ring may go on counting a grant after one of its members has left it: it notices within a token
    /// time-out and gives up half of one later; the rest is margin for clocks that run apart.
    pub(crate) fn fading(&self) -> Span {
        if planted::is(Bug::NoFading) {
            return Span::ZERO;
        }
        self.token.times(2)
    }

    /// When a lease that was renewed now can no longer be counted by anybody.
    pub(crate) fn outliving(&self) -> Span {
        let lease = if planted::is(Bug::ShortLease) { Span::ZERO } else { self.lease() };
        lease + lease.over(16) + self.fading()
    }
}
