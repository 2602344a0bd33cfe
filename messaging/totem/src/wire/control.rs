//! Messages that are not ordered: presence, forming a ring, small signals about the token, goodbye.

use crate::config::MAX_MEMBERS;
use crate::id::{Incarnation, NodeId, RingId};
use crate::quorum::Ballot;
use crate::seal::datagram::OVERHEAD;
use crate::stats::Purpose;
use crate::wire::codec::{Malformed, Reader, Write};
use crate::wire::presence::Presence;
use crate::wire::{FRAME, PART, TOKEN};

/// Most pieces of one control message: enough for the slots of the largest ring with the longest names.
pub const MAX_PARTS: u16 = 512;

/// One member of a proposed ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The node.
    pub node: NodeId,
    /// The incarnation that is meant.
    pub incarnation: Incarnation,
}

/// What a member brings into a new ring; collected by the representative and told to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The member.
    pub seat: Seat,
    /// The ring it worked in last.
    pub old_ring: RingId,
    /// Has all of the old ring's frames up to this one.
    pub aru: u64,
    /// The highest frame of the old ring that it has.
    pub high: u64,
    /// Knows that all members of the old ring have everything up to this one.
    pub safe: u64,
    /// Old members whose messages it has to deliver, because a recovery that did not end here may have ended there.
    pub obligations: Vec<NodeId>,
    /// Old members that said goodbye to it.
    pub goodbyes: Vec<NodeId>,
    /// Its part of the vote.
    pub ballot: Ballot,
    /// Kernel boot id of its host.
    pub boot_id: [u8; 16],
    /// Its name.
    pub name: String,
}

/// A message that is not ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// I am alive, and this is whom I hear.
    Presence(Presence),
    /// Form this ring with me (phase one).
    Propose {
        /// Its name.
        ring: RingId,
        /// Its members by ascending id.
        seats: Vec<Seat>,
    },
    /// I promise this ring, and this is what I bring.
    Accept {
        /// The ring.
        ring: RingId,
        /// My slot.
        slot: Slot,
    },
    /// I see another membership; look at my presence.
    Decline {
        /// The ring.
        ring: RingId,
    },
    /// All have promised: begin recovery with these slots (phase two).
    Commit {
        /// The ring.
        ring: RingId,
        /// All slots by ascending id.
        slots: Vec<Slot>,
    },
    /// I have the slots.
    Committed {
        /// The ring.
        ring: RingId,
    },
    /// I have this token (it rests here, or I saw it twice).
    TokenSeen {
        /// The ring.
        ring: RingId,
        /// Its hop.
        hop: u64,
    },
    /// I have something to send: give me the parked token.
    TokenWanted {
        /// The ring.
        ring: RingId,
        /// The last hop that I have seen.
        hop: u64,
    },
    /// Answer if this datagram got through: it is padded to the size that is asked about.
    Probe {
        /// Size of the whole datagram.
        size: u16,
    },
    /// A probe got through.
    Probed {
        /// Its size.
        size: u16,
    },
    /// I leave.
    Goodbye {
        /// Everything that ran here was ended in order; false = the ring gives up on a core that hangs.
        clean: bool,
    },
    /// I know that you leave.
    Farewell,
}

const PRESENCE: u8 = 4;
const PROPOSE: u8 = 5;
const ACCEPT: u8 = 6;
const DECLINE: u8 = 7;
const COMMIT: u8 = 8;
const COMMITTED: u8 = 9;
const TOKEN_SEEN: u8 = 10;
const TOKEN_WANTED: u8 = 11;
const GOODBYE: u8 = 12;
const FAREWELL: u8 = 13;
const PROBE: u8 = 14;
const PROBED: u8 = 15;

/// What a datagram with such a body is for, by its first byte.
pub fn purpose(first: Option<u8>) -> Purpose {
    match first {
        Some(PRESENCE) => Purpose::Ping,
        Some(PROBE | PROBED) => Purpose::Probe,
        _ => Purpose::Data,
    }
}

fn put_nodes(out: &mut Vec<u8>, nodes: &[NodeId]) {
    out.put_count(nodes.len());
    for node in nodes {
        out.put_node(*node);
    }
}

fn nodes(reader: &mut Reader<'_>) -> Result<Vec<NodeId>, Malformed> {
    let count = reader.count(MAX_MEMBERS)?;
    (0..count).map(|_| reader.node()).collect()
}

fn put_seat(out: &mut Vec<u8>, seat: Seat) {
    out.put_node(seat.node);
    out.put_u64(seat.incarnation.0);
}

fn seat(reader: &mut Reader<'_>) -> Result<Seat, Malformed> {
    Ok(Seat { node: reader.node()?, incarnation: reader.incarnation()? })
}

fn ascending<T>(items: &[T], id: impl Fn(&T) -> NodeId) -> Result<(), Malformed> {
    if items.is_sorted_by(|a, b| id(a) < id(b)) { Ok(()) } else { Err(Malformed::Value) }
}

impl Slot {
    fn encode(&self, out: &mut Vec<u8>) {
        put_seat(out, self.seat);
        out.put_ring(self.old_ring);
        out.put_u64(self.aru);
        out.put_u64(self.high);
        out.put_u64(self.safe);
        put_nodes(out, &self.obligations);
        put_nodes(out, &self.goodbyes);
        self.ballot.encode(out);
        out.put(&self.boot_id);
        out.put_text(&self.name);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let slot = Self {
            seat: seat(reader)?,
            old_ring: reader.ring()?,
            aru: reader.u64()?,
            high: reader.u64()?,
            safe: reader.u64()?,
            obligations: nodes(reader)?,
            goodbyes: nodes(reader)?,
            ballot: Ballot::decode(reader)?,
            boot_id: reader.array()?,
            name: reader.text()?,
        };
        if slot.safe > slot.aru || slot.aru > slot.high { Err(Malformed::Value) } else { Ok(slot) }
    }
}

impl Control {
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut ring_only = |kind, ring: &RingId| {
            out.put_u8(kind);
            out.put_ring(*ring);
        };
        match self {
            Self::Decline { ring } => ring_only(DECLINE, ring),
            Self::Committed { ring } => ring_only(COMMITTED, ring),
            Self::TokenSeen { ring, hop } => {
                ring_only(TOKEN_SEEN, ring);
                out.put_u64(*hop);
            }
            Self::TokenWanted { ring, hop } => {
                ring_only(TOKEN_WANTED, ring);
                out.put_u64(*hop);
            }
            Self::Propose { ring, seats } => {
                ring_only(PROPOSE, ring);
                out.put_count(seats.len());
                for seat in seats {
                    put_seat(out, *seat);
                }
            }
            Self::Accept { ring, slot } => {
                ring_only(ACCEPT, ring);
                slot.encode(out);
            }
            Self::Commit { ring, slots } => {
                ring_only(COMMIT, ring);
                out.put_count(slots.len());
                for slot in slots {
                    slot.encode(out);
                }
            }
            Self::Presence(presence) => {
                out.put_u8(PRESENCE);
                presence.encode(out);
            }
            Self::Probe { size } => {
                out.put_u8(PROBE);
                out.put_u16(*size);
                let padding = usize::from(*size).saturating_sub(OVERHEAD + 3);
                out.resize(out.len() + padding, 0);
            }
            Self::Probed { size } => {
                out.put_u8(PROBED);
                out.put_u16(*size);
            }
            Self::Goodbye { clean } => {
                out.put_u8(GOODBYE);
                out.put_u8(u8::from(*clean));
            }
            Self::Farewell => out.put_u8(FAREWELL),
        }
    }

    /// Reads a whole control message.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let message = match reader.u8()? {
            PRESENCE => Self::Presence(Presence::decode(&mut reader)?),
            PROPOSE => {
                let ring = reader.ring()?;
                let count = reader.count(MAX_MEMBERS)?;
                let seats = (0..count).map(|_| seat(&mut reader)).collect::<Result<Vec<_>, _>>()?;
                ascending(&seats, |s| s.node)?;
                Self::Propose { ring, seats }
            }
            ACCEPT => Self::Accept { ring: reader.ring()?, slot: Slot::decode(&mut reader)? },
            DECLINE => Self::Decline { ring: reader.ring()? },
            COMMIT => {
                let ring = reader.ring()?;
                let count = reader.count(MAX_MEMBERS)?;
                let slots = (0..count).map(|_| Slot::decode(&mut reader)).collect::<Result<Vec<_>, _>>()?;
                ascending(&slots, |s| s.seat.node)?;
                Self::Commit { ring, slots }
            }
            COMMITTED => Self::Committed { ring: reader.ring()? },
            TOKEN_SEEN => Self::TokenSeen { ring: reader.ring()?, hop: reader.u64()? },
            TOKEN_WANTED => Self::TokenWanted { ring: reader.ring()?, hop: reader.u64()? },
            GOODBYE => match reader.u8()? {
                0 => Self::Goodbye { clean: false },
                1 => Self::Goodbye { clean: true },
                _ => return Err(Malformed::Value),
            },
            FAREWELL => Self::Farewell,
            PROBE => {
                let size = reader.u16()?;
                if OVERHEAD + 3 + reader.rest().len() != usize::from(size) {
                    return Err(Malformed::Value);
                }
                Self::Probe { size }
            }
            PROBED => Self::Probed { size: reader.u16()? },
            FRAME | TOKEN | PART => return Err(Malformed::Value),
            _ => return Err(Malformed::Value),
        };
        reader.end()?;
        Ok(message)
    }
}

/// A piece of a control message that does not fit into one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Counts the split messages of a sender.
    pub number: u32,
    /// Which piece, from 0.
    pub index: u16,
    /// How many pieces.
    pub count: u16,
    /// The piece.
    pub bytes: &'a [u8],
}

/// Bytes before the piece.
pub const PART_HEADER: usize = 9;

impl<'a> Part<'a> {
    /// Appends the piece.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(PART);
        out.put_u32(self.number);
        out.put_u16(self.index);
        out.put_u16(self.count);
        out.put(self.bytes);
    }

    /// Reads a body that starts with [`PART`].
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != PART {
            return Err(Malformed::Value);
        }
        let (number, index, count) = (reader.u32()?, reader.u16()?, reader.u16()?);
        if count == 0 || count > MAX_PARTS || index >= count {
            return Err(Malformed::Limit);
        }
        Ok(Self { number, index, count, bytes: reader.rest() })
    }
}
