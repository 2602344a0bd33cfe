//! Doors for tests that feed any bytes to the decoders of this crate and to a ring that trusts their sender. Not
//! for programs.
//!
//! Each function panics when a promise of the decoders is broken: no panic of their own, and what is read is written
//! back the same.

use crate::bytes::Bytes;
use crate::config::{Key, MAX_MESSAGE, Sealing};
use crate::id::NodeId;
use crate::io::Guarantee;
use crate::order::packing::{Assembly, Packer};
use crate::peer::Parts;
use crate::quorum::Change;
use crate::ring::Ring;
use crate::seal::datagram::{Header, Kind, Opener};
use crate::seal::greeting::{self, Greeting, Refusal};
use crate::seal::keys::Master;
use crate::wire::control::{Control, Part};
use crate::wire::frame::FrameView;
use crate::wire::token::Token;

/// What a socket hands over, before anything is known about its sender.
#[derive(Debug)]
pub struct Outside {
    master: Master,
    salt: [u8; 32],
}

impl Outside {
    /// With a key that everybody knows.
    pub fn new() -> Self {
        let key = Key::new(&[1; 128]).expect("128 bytes are a key");
        Self { master: Master::new(&key, "any"), salt: [2; 32] }
    }

    /// A datagram of any bytes.
    pub fn datagram(&self, bytes: &[u8]) {
        let kind = Kind::of(bytes);
        let _ = greeting::key_tag(bytes);
        let _ = (Greeting::decode(bytes, &self.master), Refusal::decode(bytes, &self.master));
        let Ok(header) = Header::decode(bytes) else { return };
        assert_eq!(Ok(header.kind), kind);
        for sealing in [Sealing::Clear, Sealing::Sealed] {
            let mut opener = Opener::new(NodeId(1), self.salt, sealing);
            let _ = opener.open(&header, &mut bytes.to_vec(), &self.master);
        }
    }

    /// The same bytes with a true authenticator: what a member that was taken over could say.
    pub fn greeting(&self, bytes: &[u8]) {
        let mut made = bytes.to_vec();
        made.extend_from_slice(&self.master.mac(bytes));
        if let Some(Ok(greeting)) = Greeting::decode(&made, &self.master) {
            let again = Greeting::decode(&greeting.encode(&self.master), &self.master);
            assert_eq!(again, Some(Ok(greeting)));
        }
        if let Some(Ok(refusal)) = Refusal::decode(&made, &self.master) {
            let again = Refusal::decode(&refusal.encode(&self.master), &self.master);
            assert_eq!(again, Some(Ok(refusal)));
        }
    }
}

impl Default for Outside {
    fn default() -> Self {
        Self::new()
    }
}

/// The body of a datagram after it was opened: frames, tokens, pieces and all control messages.
pub fn body(bytes: &[u8]) {
    let mut out = Vec::new();
    if let Ok(message) = Control::decode(bytes) {
        message.encode(&mut out);
        // A probe's padding may be anything.
        assert!(out == bytes || matches!(message, Control::Probe { .. }) && out.len() == bytes.len());
    }
    out.clear();
    if let Ok(token) = Token::decode(bytes) {
        token.encode(&mut out);
        assert_eq!(out, bytes);
    }
    out.clear();
    if let Ok(frame) = FrameView::decode(bytes) {
        frame.encode(&mut out);
        assert_eq!(out, bytes);
        if let Ok(old) = FrameView::unwrap_payload(frame.payload) {
            assert_eq!(old.wrap(), frame.payload);
        }
    }
    out.clear();
    if let Ok(part) = Part::decode(bytes) {
        part.encode(&mut out);
        assert_eq!(out, bytes);
    }
    if let Ok(change) = Change::decode(bytes) {
        assert_eq!(Change::decode(&change.encode()), Ok(change));
    }
}

/// Frame payloads and pieces of one sender, each with two bytes of length before it, put together again.
pub fn fragments(bytes: &[u8]) {
    let (mut assembly, mut parts) = (Assembly::default(), Parts::default());
    let mut rest = bytes;
    while let Some((head, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*head)).min(tail.len());
        let (piece, after) = tail.split_at(length);
        rest = after;
        let _ = assembly.unpack(&Bytes::from(piece), |m| assert!(m.len() <= MAX_MESSAGE));
        if let Ok(part) = Part::decode(piece) {
            let _ = parts.take(part);
        }
    }
}

/// Messages of these sizes go through frames of `room` bytes and come out as they went in.
pub fn packing(sizes: &[usize], room: usize) {
    let (mut packer, mut assembly) = (Packer::default(), Assembly::default());
    for (n, size) in sizes.iter().enumerate() {
        packer.push(Guarantee::Agreed, vec![n.to_le_bytes()[0]; *size].into());
    }
    let mut got = Vec::new();
    while let Some((_, payload)) = packer.next_frame(room) {
        assert!(!payload.is_empty() && payload.len() <= room);
        let whole = assembly.unpack(&payload.into(), |m| {
            assert!(m.iter().all(|b| *b == got.len().to_le_bytes()[0]));
            got.push(m.len());
        });
        assert!(whole.is_ok());
    }
    assert_eq!(got, sizes);
}

/// A datagram that `ring` would have sent, with any body.
pub fn say(ring: &mut Ring, body: &[u8]) -> Vec<u8> {
    ring.sealed(body)
}
