//! Presence: what a node tells each peer again and again: that it is alive, over which links it hears the peer, and
//! which nodes it hears at all. From these rows every member works out the same membership.

use crate::config::MAX_MEMBERS;
use crate::id::{Incarnation, NodeId, RingId};
use crate::wire::codec::{Malformed, Reader, Write};

/// The four states of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Agreeing on a membership.
    #[default]
    Gather,
    /// A ring was proposed and accepted.
    Commit,
    /// Old messages are exchanged.
    Recovery,
    /// Normal.
    Operational,
}

/// One node that another one hears: its id and the low half of its incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// The node.
    pub node: NodeId,
    /// Low half of the incarnation that is heard.
    pub boot: u32,
}

/// Whom a node hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeardSet {
    /// Exactly the members of its ring, each in the incarnation that formed it. Told to members of that ring only.
    Ring,
    /// These, by ascending id, without the node itself.
    List(Vec<Heard>),
}

/// What is known about one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The node.
    pub node: NodeId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// Grows with every change the node makes to its row.
    pub version: u64,
    /// Its votes.
    pub votes: u32,
    /// The ring it works in, or worked in last.
    pub ring: RingId,
    /// Whom it hears.
    pub heard: HeardSet,
}

/// What a node tells one peer on one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The sender's monotonic clock in microseconds, to be echoed.
    pub stamp: u64,
    /// The latest stamp that the sender has from the peer on this link; 0 = none.
    pub echo: u64,
    /// How long ago, in microseconds, that stamp came in.
    pub echo_age: u32,
    /// Links on which the sender hears the peer, one bit each.
    pub heard_links: u8,
    /// The sender's state.
    pub phase: Phase,
    /// The token is parked at the sender.
    pub holding: bool,
    /// The last token hop that the sender knows of.
    pub hop: u64,
    /// The highest ring sequence that the sender has promised or used.
    pub promised: u64,
    /// Key files that the sender can read.
    pub key_tags: [u32; 2],
    /// The sender's own row.
    pub row: Row,
    /// Rows of nodes that the peer does not hear itself.
    pub gossip: Vec<Row>,
}

impl Phase {
    fn byte(self) -> u8 {
        match self {
            Self::Gather => 0,
            Self::Commit => 1,
            Self::Recovery => 2,
            Self::Operational => 3,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Gather),
            1 => Ok(Self::Commit),
            2 => Ok(Self::Recovery),
            3 => Ok(Self::Operational),
            _ => Err(Malformed::Value),
        }
    }
}

impl Row {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_node(self.node);
        out.put_u64(self.incarnation.0);
        out.put_u64(self.version);
        out.put_u32(self.votes);
        out.put_ring(self.ring);
        match &self.heard {
            HeardSet::Ring => out.put_u16(u16::MAX),
            HeardSet::List(list) => {
                out.put_count(list.len());
                for heard in list {
                    out.put_node(heard.node);
                    out.put_u32(heard.boot);
                }
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (node, incarnation, version) = (reader.node()?, reader.incarnation()?, reader.u64()?);
        let (votes, ring) = (reader.u32()?, reader.ring()?);
        let heard = match usize::from(reader.u16()?) {
            0xffff => HeardSet::Ring,
            count if count > MAX_MEMBERS => return Err(Malformed::Limit),
            count => {
                let mut list: Vec<Heard> = Vec::with_capacity(count);
                for _ in 0..count {
                    let heard = Heard { node: reader.node()?, boot: reader.u32()? };
                    if heard.node == node || list.last().is_some_and(|last| last.node >= heard.node) {
                        return Err(Malformed::Value);
                    }
                    list.push(heard);
                }
                HeardSet::List(list)
            }
        };
        Ok(Self { node, incarnation, version, votes, ring, heard })
    }
}

impl Presence {
    /// Appends the fields (without the byte that tells the kind).
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.stamp);
        out.put_u64(self.echo);
        out.put_u32(self.echo_age);
        out.put_u8(self.heard_links);
        out.put_u8(self.phase.byte() | (u8::from(self.holding) << 7));
        out.put_u64(self.hop);
        out.put_u64(self.promised);
        out.put_u32(self.key_tags[0]);
        out.put_u32(self.key_tags[1]);
        self.row.encode(out);
        out.put_count(self.gossip.len());
        for row in &self.gossip {
            row.encode(out);
        }
    }

    /// Before this moment of the hearer's clock it was not said: so long ago the sender had heard the hearer's stamp
    /// `echo`. `None` when it had heard nothing.
    pub fn said_at_the_earliest(&self) -> Option<u64> {
        (self.echo > 0).then(|| self.echo.saturating_add(u64::from(self.echo_age)))
    }

    /// Reads the fields.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (stamp, echo, echo_age, heard_links) =
            (reader.u64()?, reader.u64()?, reader.u32()?, reader.u8()?);
        let flags = reader.u8()?;
        let (hop, promised) = (reader.u64()?, reader.ring_seq()?);
        let key_tags = [reader.u32()?, reader.u32()?];
        let row = Row::decode(reader)?;
        let count = reader.count(MAX_MEMBERS)?;
        let mut gossip = Vec::new();
        for _ in 0..count {
            gossip.push(Row::decode(reader)?);
        }
        Ok(Self {
            stamp,
            echo,
            echo_age,
            heard_links,
            phase: Phase::from_byte(flags & 0x7f)?,
            holding: flags & 0x80 != 0,
            hop,
            promised,
            key_tags,
            row,
            gossip,
        })
    }
}
