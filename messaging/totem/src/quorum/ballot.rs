//! What a member brings to the vote of a new ring, and changes of the vote, as bytes. Decides nothing.

use crate::config::MAX_MEMBERS;
use crate::id::NodeId;
use crate::quorum::Change;
use crate::wire::codec::{Malformed, Reader, Write};

/// One member's part of the vote; travels in the slots of the commit, so that all members count the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballot {
    /// Its votes.
    pub votes: u32,
    /// The expected votes that it goes by.
    pub expected: u32,
    /// It was quorate in its last ring.
    pub quorate: bool,
    /// It still waits for all nodes.
    pub waiting: bool,
    /// Votes that the witness granted to its last ring.
    pub witness: u32,
    /// Number of members of its last ring.
    pub ring_size: u16,
    /// Members of its last ring; only told when a tie-breaker list needs them.
    pub previous: Vec<NodeId>,
}

const QUORATE: u8 = 1;
const WAITING: u8 = 2;

impl Ballot {
    /// Appends the ballot.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.votes);
        out.put_u32(self.expected);
        out.put_u8(u8::from(self.quorate) * QUORATE + u8::from(self.waiting) * WAITING);
        out.put_u32(self.witness);
        out.put_u16(self.ring_size);
        out.put_count(self.previous.len());
        for node in &self.previous {
            out.put_node(*node);
        }
    }

    /// Reads a ballot.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (votes, expected, flags, witness) = (reader.u32()?, reader.u32()?, reader.u8()?, reader.u32()?);
        if flags & !(QUORATE | WAITING) != 0 {
            return Err(Malformed::Value);
        }
        let ring_size = reader.u16()?;
        let count = reader.count(MAX_MEMBERS)?;
        let previous = (0..count).map(|_| reader.node()).collect::<Result<_, _>>()?;
        let (quorate, waiting) = (flags & QUORATE != 0, flags & WAITING != 0);
        Ok(Self { votes, expected, quorate, waiting, witness, ring_size, previous })
    }
}

impl Change {
    /// As the payload of a control frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::ExpectedVotes(votes) => {
                out.put_u8(1);
                out.put_u32(*votes);
            }
            Self::Votes(node, votes) => {
                out.put_u8(2);
                out.put_node(*node);
                out.put_u32(*votes);
            }
            Self::CancelWaitForAll => out.put_u8(3),
            Self::Witness(votes) => {
                out.put_u8(4);
                out.put_u32(*votes);
            }
            Self::LastManStanding => out.put_u8(5),
        }
        out
    }

    /// From the payload of a control frame.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let change = match reader.u8()? {
            1 => Self::ExpectedVotes(reader.u32()?),
            2 => Self::Votes(reader.node()?, reader.u32()?),
            3 => Self::CancelWaitForAll,
            4 => Self::Witness(reader.u32()?),
            5 => Self::LastManStanding,
            _ => return Err(Malformed::Value),
        };
        reader.end()?;
        Ok(change)
    }
}
