//! What a member brings to the vote of a new ring, and changes of the vote, as bytes. Decides nothing.

use crate::config::MAX_MEMBERS;
use crate::id::NodeId;
use crate::quorum::{Change, WitnessChange};
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
    /// Votes that it holds of the witness for its last ring.
    pub witness: u32,
    /// Under this grant; 0 = none.
    pub grant: u64,
    /// It hears the witness.
    pub hears_witness: bool,
    /// Number of members of its last ring.
    pub ring_size: u16,
    /// Members of its last ring; only told when a tie-breaker list needs them.
    pub previous: Vec<NodeId>,
}

const QUORATE: u8 = 1;
const WAITING: u8 = 2;
const HEARS_WITNESS: u8 = 4;

impl Ballot {
    /// Appends the ballot.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.votes);
        out.put_u32(self.expected);
        let flags = u8::from(self.quorate) * QUORATE
            + u8::from(self.waiting) * WAITING
            + u8::from(self.hears_witness) * HEARS_WITNESS;
        out.put_u8(flags);
        out.put_u32(self.witness);
        out.put_u64(self.grant);
        out.put_u16(self.ring_size);
        out.put_count(self.previous.len());
        for node in &self.previous {
            out.put_node(*node);
        }
    }

    /// Reads a ballot.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (votes, expected, flags, witness) = (reader.u32()?, reader.u32()?, reader.u8()?, reader.u32()?);
        let grant = reader.u64()?;
        if flags & !(QUORATE | WAITING | HEARS_WITNESS) != 0 {
            return Err(Malformed::Value);
        }
        let ring_size = reader.u16()?;
        let count = reader.count(MAX_MEMBERS)?;
        let previous = (0..count).map(|_| reader.node()).collect::<Result<_, _>>()?;
        let (quorate, waiting) = (flags & QUORATE != 0, flags & WAITING != 0);
        let hears_witness = flags & HEARS_WITNESS != 0;
        Ok(Self { votes, expected, quorate, waiting, witness, grant, hears_witness, ring_size, previous })
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
            Self::LastManStanding => out.put_u8(5),
            Self::Witness(change) => {
                out.put_u8(6);
                out.put_ring(change.ring);
                out.put_u8(u8::from(change.alive));
                out.put_u64(change.grant);
                out.put_u32(change.votes);
            }
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
            5 => Self::LastManStanding,
            6 => Self::Witness(WitnessChange {
                ring: reader.ring()?,
                alive: match reader.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed::Value),
                },
                grant: reader.u64()?,
                votes: reader.u32()?,
            }),
            _ => return Err(Malformed::Value),
        };
        reader.end()?;
        Ok(change)
    }
}
