//! Votes: who may act. Counts with 32 bits, knows votequorum's options, and neither network nor clock.

mod ballot;
#[cfg(test)]
mod tests;
mod vote;

pub use ballot::Ballot;
pub use vote::Quorum;

use serde::{Deserialize, Serialize};

use crate::id::{NodeId, RingId};
use crate::time::Span;

/// The options of votequorum(5), as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `expected_votes`, or the sum of the node list's votes.
    pub expected_votes: u32,
    /// Votes of a node that the node list does not know.
    pub default_votes: u32,
    /// `two_node`: one vote is enough while at most two voters are known.
    pub two_node: bool,
    /// `wait_for_all`; `None` = not written (two_node switches it on).
    pub wait_for_all: Option<bool>,
    /// `last_man_standing`.
    pub last_man_standing: bool,
    /// `last_man_standing_window`.
    pub last_man_standing_window: Span,
    /// `auto_tie_breaker` with its node list; `None` = off.
    pub auto_tie_breaker: Option<TieBreaker>,
    /// `allow_downscale`: a clean leave lowers the expected votes.
    pub allow_downscale: bool,
    /// `expected_votes_tracking`: the highest value ever seen is kept on disk and never lowered.
    pub expected_votes_tracking: bool,
    /// Votes of a witness (quorum device); 0 = none configured.
    pub witness_votes: u32,
    /// `device { master_wins }`: the part that holds the witness's votes may act, however few its own are.
    pub witness_wins: bool,
}

/// Which half wins a tie (`auto_tie_breaker_node`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieBreaker {
    /// The half with the lowest node id.
    Lowest,
    /// The half with the highest node id.
    Highest,
    /// The half with the first node of this list that is present.
    List(Vec<NodeId>),
}

/// The state of the vote after a view or a change at run time; equal on all members of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// This partition may act.
    pub quorate: bool,
    /// Expected votes in force.
    pub expected_votes: u32,
    /// Votes needed.
    pub quorum: u32,
    /// Votes present, the witness included.
    pub total_votes: u32,
    /// `two_node` is in force.
    pub two_node: bool,
    /// `wait_for_all` is in force as an option.
    pub wait_for_all: bool,
    /// Not all nodes were seen yet since start, so the partition is not quorate whatever the votes.
    pub waiting_for_all: bool,
    /// `last_man_standing` is in force.
    pub last_man_standing: bool,
    /// `auto_tie_breaker` is in force.
    pub auto_tie_breaker: bool,
    /// `allow_downscale` is in force.
    pub allow_downscale: bool,
    /// Votes that the witness gives to this partition.
    pub witness_votes: u32,
    /// They are held, under a promise of the witness to give them to nobody else. Votes that are not held are at
    /// hand: nobody needs them now, so they are shown and decide nothing.
    pub witness_held: bool,
    /// What each member's own contact with the witness is like, by ascending id; empty where no witness was met.
    pub witnesses: Vec<Witnessed>,
}

/// One member's contact with the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    /// The member.
    pub node: NodeId,
    /// It hears the witness.
    pub alive: bool,
    /// The witness gives its votes through this member.
    pub votes: u32,
}

/// A change of the vote at run time; ordered with the messages, so that all members apply it at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `corosync-quorumtool -e`.
    ExpectedVotes(u32),
    /// `corosync-quorumtool -v VOTES -n NODE`.
    Votes(NodeId, u32),
    /// `quorum.cancel_wait_for_all`.
    CancelWaitForAll,
    /// What the witness says to the sender of this change.
    Witness(WitnessChange),
    /// The window of `last_man_standing` is over: expect only those who are here.
    LastManStanding,
}

/// What the witness says to one member; replaces what it said before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WitnessChange {
    /// The ring that it was said to. In another ring no votes come of it.
    pub ring: RingId,
    /// The member hears the witness.
    pub alive: bool,
    /// Number of the grant under which the votes are held; 0 = they are not held, only at hand.
    pub grant: u64,
    /// How many votes.
    pub votes: u32,
}

impl Options {
    /// Defaults of votequorum(5) for a number of expected votes.
    pub fn new(expected_votes: u32) -> Self {
        Self {
            expected_votes,
            default_votes: 1,
            two_node: false,
            wait_for_all: None,
            last_man_standing: false,
            last_man_standing_window: Span::secs(10),
            auto_tie_breaker: None,
            allow_downscale: false,
            expected_votes_tracking: false,
            witness_votes: 0,
            witness_wins: false,
        }
    }
}
