//! An ordered frame: the unit that is numbered, kept and retransmitted. What its payload says is packing's affair.

use crate::id::{NodeId, RingId};
use crate::wire::FRAME;
use crate::wire::codec::{Malformed, Reader, Write};

/// Bytes before the payload.
pub const FRAME_HEADER: usize = 26;
/// Bytes that wrapping an old ring's frame adds to its payload.
pub const WRAPPING: usize = 25;

/// What a frame carries and what is promised about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Application messages, agreed order.
    Agreed,
    /// Application messages, safe delivery.
    Safe,
    /// A whole frame of an old ring, during recovery.
    Recovered,
    /// A message of the ring to itself (votes), agreed order.
    Control,
}

impl FrameKind {
    fn byte(self) -> u8 {
        match self {
            Self::Agreed => 0,
            Self::Safe => 1,
            Self::Recovered => 2,
            Self::Control => 3,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Agreed),
            1 => Ok(Self::Safe),
            2 => Ok(Self::Recovered),
            3 => Ok(Self::Control),
            _ => Err(Malformed::Value),
        }
    }
}

/// A frame on the wire, its payload still in the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameView<'a> {
    /// What it carries.
    pub kind: FrameKind,
    /// The ring that numbered it.
    pub ring: RingId,
    /// Its number there; the first is 1.
    pub seq: u64,
    /// Who made it.
    pub origin: NodeId,
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> FrameView<'a> {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(FRAME);
        self.encode_inner(out);
    }

    fn encode_inner(&self, out: &mut Vec<u8>) {
        out.put_u8(self.kind.byte());
        out.put_ring(self.ring);
        out.put_u64(self.seq);
        out.put_node(self.origin);
        out.put(self.payload);
    }

    /// Reads a body that starts with [`FRAME`].
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != FRAME {
            return Err(Malformed::Value);
        }
        Self::read(reader)
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        let kind = FrameKind::from_byte(reader.u8()?)?;
        let (ring, seq, origin) = (reader.ring()?, reader.u64()?, reader.node()?);
        if seq == 0 {
            return Err(Malformed::Value);
        }
        Ok(Self { kind, ring, seq, origin, payload: reader.rest() })
    }

    /// The payload of a recovery frame that wraps this one.
    pub fn wrap(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(WRAPPING + self.payload.len());
        self.encode_inner(&mut out);
        out
    }

    /// The old ring's frame in the payload of a recovery frame; never a recovery frame itself.
    pub fn unwrap_payload(payload: &'a [u8]) -> Result<Self, Malformed> {
        let inner = Self::read(Reader::new(payload))?;
        if inner.kind == FrameKind::Recovered { Err(Malformed::Value) } else { Ok(inner) }
    }
}
