//! Bytes to numbers and back, with every length checked. Knows no message.

use crate::config::PersistedRing;
use crate::id::{Incarnation, NodeId, RingId};

/// Why bytes made no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("the message ends too early")]
    Short,
    /// They go on after the end.
    #[error("the message goes on after its end")]
    Long,
    /// A count or a size above the limit.
    #[error("a count of the message is above its limit")]
    Limit,
    /// An unknown kind, flag or order.
    #[error("a field of the message has no meaning")]
    Value,
}

/// Reads from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes by value.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes, little end first.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes, little end first.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little end first.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A u16 count that may not exceed `most`.
    pub fn count(&mut self, most: usize) -> Result<usize, Malformed> {
        let count = usize::from(self.u16()?);
        if count > most { Err(Malformed::Limit) } else { Ok(count) }
    }

    /// A node id; zero is refused.
    pub fn node(&mut self) -> Result<NodeId, Malformed> {
        match self.u32()? {
            0 => Err(Malformed::Value),
            id => Ok(NodeId(id)),
        }
    }

    /// A node id or none (zero).
    pub fn node_or_none(&mut self) -> Result<Option<NodeId>, Malformed> {
        Ok(Some(NodeId(self.u32()?)).filter(|id| id.0 != 0))
    }

    /// A number of a ring, at most [`PersistedRing::MAX_SEQ`].
    pub fn ring_seq(&mut self) -> Result<u64, Malformed> {
        let seq = self.u64()?;
        if seq > PersistedRing::MAX_SEQ { Err(Malformed::Limit) } else { Ok(seq) }
    }

    /// A ring id.
    pub fn ring(&mut self) -> Result<RingId, Malformed> {
        Ok(RingId { seq: self.ring_seq()?, representative: NodeId(self.u32()?) })
    }

    /// An incarnation.
    pub fn incarnation(&mut self) -> Result<Incarnation, Malformed> {
        Ok(Incarnation(self.u64()?))
    }

    /// A string with a u8 length.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let length = usize::from(self.u8()?);
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed::Value)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Long) }
    }
}

/// Appends to a vector.
pub trait Write {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Two bytes, little end first.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    /// Four bytes, little end first.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    /// Eight bytes, little end first.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// A count; what exceeds u16 is a mistake of the caller and is cut.
    fn put_count(&mut self, value: usize) {
        self.put_u16(u16::try_from(value).unwrap_or(u16::MAX));
    }

    /// A node id.
    fn put_node(&mut self, id: NodeId) {
        self.put_u32(id.0);
    }

    /// A ring id.
    fn put_ring(&mut self, ring: RingId) {
        self.put_u64(ring.seq);
        self.put_u32(ring.representative.0);
    }

    /// A string of at most 255 bytes; a longer one is cut at a character.
    fn put_text(&mut self, text: &str) {
        let mut end = text.len().min(255);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.put_u8(u8::try_from(end).unwrap_or(u8::MAX));
        self.put(&text.as_bytes()[..end]);
    }
}

impl Write for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
