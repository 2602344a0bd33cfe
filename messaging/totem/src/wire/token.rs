//! The token: who holds it may number frames. Plain data and its bytes.

use crate::id::{NodeId, RingId};
use crate::wire::TOKEN;
use crate::wire::codec::{Malformed, Reader, Write};

/// Most ranges of missing frames in one token.
pub const MAX_REQUESTS: usize = 64;
/// Most frames that one range asks for.
pub const MAX_RANGE: u16 = 1_024;

/// Frames that somebody misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The first missing one.
    pub first: u64,
    /// How many in a row; at least 1.
    pub count: u16,
}

/// The token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Its ring.
    pub ring: RingId,
    /// Grows with every hop; the highest one is the token, all others are copies.
    pub hop: u64,
    /// The highest frame number given out.
    pub seq: u64,
    /// All received up to: no visited member misses a frame up to this one.
    pub aru: u64,
    /// Who lowered `aru` and alone may raise it.
    pub aru_owner: Option<NodeId>,
    /// Who numbered a frame last: the token is parked there when all is quiet.
    pub last_sender: Option<NodeId>,
    /// Frames sent on the last rotation (flow control count).
    pub sent: u32,
    /// Frames waiting at all members.
    pub backlog: u32,
    /// Members in a row that have finished recovery.
    pub recovered: u16,
    /// What members miss.
    pub requests: Vec<Request>,
}

impl Token {
    /// Appends the token.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(TOKEN);
        out.put_ring(self.ring);
        out.put_u64(self.hop);
        out.put_u64(self.seq);
        out.put_u64(self.aru);
        out.put_u32(self.aru_owner.map_or(0, |id| id.0));
        out.put_u32(self.last_sender.map_or(0, |id| id.0));
        out.put_u32(self.sent);
        out.put_u32(self.backlog);
        out.put_u16(self.recovered);
        out.put_count(self.requests.len());
        for request in &self.requests {
            out.put_u64(request.first);
            out.put_u16(request.count);
        }
    }

    /// Reads a body that starts with [`TOKEN`].
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != TOKEN {
            return Err(Malformed::Value);
        }
        let mut token = Self {
            ring: reader.ring()?,
            hop: reader.u64()?,
            seq: reader.u64()?,
            aru: reader.u64()?,
            aru_owner: reader.node_or_none()?,
            last_sender: reader.node_or_none()?,
            sent: reader.u32()?,
            backlog: reader.u32()?,
            recovered: reader.u16()?,
            requests: Vec::new(),
        };
        if token.aru > token.seq || token.seq == u64::MAX || token.hop == u64::MAX {
            return Err(Malformed::Value);
        }
        let count = reader.count(MAX_REQUESTS)?;
        token.requests.reserve_exact(count);
        for _ in 0..count {
            let request = Request { first: reader.u64()?, count: reader.u16()? };
            let last = request.first.checked_add(u64::from(request.count)).ok_or(Malformed::Value)?;
            if request.first == 0 || request.count == 0 || request.count > MAX_RANGE || last > token.seq + 1 {
                return Err(Malformed::Value);
            }
            token.requests.push(request);
        }
        reader.end()?;
        Ok(token)
    }
}
