//! The outside of a datagram: header, sealing and opening. Knows no message inside.
//!
//! Header (24 bytes, little end first, authenticated): magic `H`, version, kind, zero, key tag u32, sender u32,
//! low half of the incarnation u32, counter u64. Then the encrypted body and 16 bytes of authenticator.

use crate::config::Sealing;
use crate::id::{Incarnation, NodeId};
use crate::seal::keys::{Master, TAG, TrafficKey, checksum};
use crate::seal::replay::ReplayWindow;
use crate::wire::codec::{Malformed, Reader, Write};

/// First byte of every datagram.
pub const MAGIC: u8 = b'H';
/// Version of the wire format.
pub const VERSION: u8 = 1;
/// Length of the header of a sealed datagram.
pub const HEADER: usize = 24;
/// What sealing adds to a body.
pub const OVERHEAD: usize = HEADER + TAG;

/// What a datagram is, by its third byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A greeting, authenticated with the key file itself.
    Greeting,
    /// A body sealed with the sender's traffic key.
    Sealed,
    /// A body in clear with a checksum.
    Clear,
    /// A refusal, authenticated like a greeting.
    Refusal,
}

impl Kind {
    /// Its byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Greeting => 1,
            Self::Sealed => 2,
            Self::Clear => 3,
            Self::Refusal => 4,
        }
    }

    /// Of a whole datagram.
    pub fn of(datagram: &[u8]) -> Result<Self, Malformed> {
        let [magic, version, kind, zero, ..] = *datagram else { return Err(Malformed::Short) };
        if magic != MAGIC || version != VERSION || zero != 0 {
            return Err(Malformed::Value);
        }
        match kind {
            1 => Ok(Self::Greeting),
            2 => Ok(Self::Sealed),
            3 => Ok(Self::Clear),
            4 => Ok(Self::Refusal),
            _ => Err(Malformed::Value),
        }
    }
}

/// The header of a sealed datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Sealed or clear.
    pub kind: Kind,
    /// Which key file.
    pub key_tag: u32,
    /// Who says to be the sender.
    pub sender: NodeId,
    /// Low half of the sender's incarnation.
    pub boot: u32,
    /// Of this sender and boot.
    pub counter: u64,
}

impl Header {
    /// From the front of a datagram.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let kind = Kind::of(datagram)?;
        let mut reader = Reader::new(datagram);
        reader.take(4)?;
        let header = Self {
            kind,
            key_tag: reader.u32()?,
            sender: reader.node()?,
            boot: reader.u32()?,
            counter: reader.u64()?,
        };
        reader.take(TAG)?;
        Ok(header)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&[MAGIC, VERSION, self.kind.byte(), 0]);
        out.put_u32(self.key_tag);
        out.put_node(self.sender);
        out.put_u32(self.boot);
        out.put_u64(self.counter);
    }
}

/// The low half of an incarnation, as headers carry it.
pub fn boot_half(incarnation: Incarnation) -> u32 {
    u32::try_from(incarnation.0 & 0xffff_ffff).unwrap_or(0)
}

fn generation(counter: u64) -> u32 {
    u32::try_from(counter >> 32).unwrap_or(u32::MAX)
}

/// Seals what this node sends. The counter never repeats for one boot salt, and the key changes every 2^32.
#[derive(Debug)]
pub struct Sealer {
    node: NodeId,
    boot: u32,
    salt: [u8; 32],
    sealing: Sealing,
    counter: u64,
    key_tag: u32,
    generation: u32,
    key: TrafficKey,
}

impl Sealer {
    /// Starts at counter 0 of a fresh boot salt.
    pub fn new(
        node: NodeId,
        salt: [u8; 32],
        incarnation: Incarnation,
        sealing: Sealing,
        master: &Master,
    ) -> Self {
        Self {
            node,
            boot: boot_half(incarnation),
            salt,
            sealing,
            counter: 0,
            key_tag: master.tag,
            generation: 0,
            key: master.traffic(node, &salt, 0),
        }
    }

    /// Which key file is sent with.
    pub fn key_tag(&self) -> u32 {
        self.key_tag
    }

    /// Sends with another key file from now on; the counter goes on.
    pub fn change_key(&mut self, master: &Master) {
        self.key_tag = master.tag;
        self.key = master.traffic(self.node, &self.salt, self.generation);
    }

    /// Leaves out a stretch of counters whose length nobody foresees: a copy of this state, which may go on from the
    /// same counter elsewhere, will hardly ever seal anything with a key and counter that are used here. `chance` comes
    /// fresh from the system.
    pub fn leap(&mut self, chance: u64) {
        // At most 2^41, so that four million leaps fit; a million datagrams of two copies meet once in 2^19 times.
        self.counter = self.counter.saturating_add((chance >> 24) + (1 << 32));
    }

    /// So many counters are used up that a fresh salt is wanted.
    pub fn is_spent(&self) -> bool {
        self.counter >= u64::MAX / 2
    }

    /// Begins a datagram at the end of `out`; append the body, then call [`Self::finish`] with the returned start.
    pub fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let kind = match self.sealing {
            Sealing::Sealed => Kind::Sealed,
            Sealing::Clear => Kind::Clear,
        };
        let header =
            Header { kind, key_tag: self.key_tag, sender: self.node, boot: self.boot, counter: self.counter };
        header.encode(out);
        start
    }

    /// Seals in place what was appended since [`Self::begin`].
    pub fn finish(&mut self, out: &mut Vec<u8>, start: usize, master: &Master) {
        let wanted = generation(self.counter);
        if wanted != self.generation {
            self.generation = wanted;
            self.key = master.traffic(self.node, &self.salt, wanted);
        }
        let (header, body) = out[start..].split_at_mut(HEADER);
        let tag = match self.sealing {
            Sealing::Sealed => self.key.seal(self.counter, header, body),
            Sealing::Clear => checksum(u64::from(self.key_tag), [header, body]),
        };
        out.put(&tag);
        self.counter += 1;
    }
}

/// Opens what one boot of one peer sends, each datagram once.
#[derive(Debug)]
pub struct Opener {
    node: NodeId,
    salt: [u8; 32],
    sealing: Sealing,
    window: ReplayWindow,
    keys: Vec<(u32, u32, TrafficKey)>,
}

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Seen before, or older than the window.
    Replayed,
    /// Not made with a key that we accept, or changed on the way.
    Forged,
}

impl Opener {
    /// For a boot salt that was proven to be alive.
    pub fn new(node: NodeId, salt: [u8; 32], sealing: Sealing) -> Self {
        Self { node, salt, sealing, window: ReplayWindow::default(), keys: Vec::new() }
    }

    /// Forgets the keys of a retired key file.
    pub fn retain_key(&mut self, keep: impl Fn(u32) -> bool) {
        self.keys.retain(|(tag, _, _)| keep(*tag));
    }

    /// Opens in place and returns the body.
    pub fn open<'a>(
        &mut self,
        header: &Header,
        datagram: &'a mut [u8],
        master: &Master,
    ) -> Result<&'a mut [u8], NotOpened> {
        if !self.window.is_new(header.counter) {
            return Err(NotOpened::Replayed);
        }
        let (head, sealed) = datagram.split_at_mut_checked(HEADER).ok_or(NotOpened::Forged)?;
        let body = match (self.sealing, header.kind) {
            (Sealing::Sealed, Kind::Sealed) => {
                let wanted = (header.key_tag, generation(header.counter));
                let key = match self.keys.iter().position(|(tag, g, _)| (*tag, *g) == wanted) {
                    Some(place) => &self.keys[place].2,
                    None => {
                        if self.keys.len() >= 4 {
                            self.keys.remove(0);
                        }
                        self.keys.push((wanted.0, wanted.1, master.traffic(self.node, &self.salt, wanted.1)));
                        &self.keys[self.keys.len() - 1].2
                    }
                };
                key.open(header.counter, head, sealed).ok_or(NotOpened::Forged)?
            }
            (Sealing::Clear, Kind::Clear) => {
                let split = sealed.len().checked_sub(TAG).ok_or(NotOpened::Forged)?;
                let (body, tag) = sealed.split_at_mut(split);
                if checksum(u64::from(header.key_tag), [head, body])[..] != *tag {
                    return Err(NotOpened::Forged);
                }
                body
            }
            _ => return Err(NotOpened::Forged),
        };
        self.window.mark(header.counter);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Key;
    use crate::seal::keys;

    fn check(sealing: Sealing) {
        let master = Master::new(&Key::new(&[7; 128]).unwrap(), "c");
        let (node, salt) = (NodeId(3), [9; 32]);
        let mut sealer = Sealer::new(node, salt, keys::incarnation(node, &salt), sealing, &master);
        let mut opener = Opener::new(node, salt, sealing);
        // Just below the change of generation, so that the key changes under way.
        sealer.counter = u64::from(u32::MAX) - 2;
        for turn in 0..6_u8 {
            let mut out = vec![0xee; 5];
            let start = sealer.begin(&mut out);
            out.put(&[turn; 100]);
            sealer.finish(&mut out, start, &master);
            let datagram = out.split_off(start);
            assert_eq!(datagram.len(), 100 + OVERHEAD);
            let header = Header::decode(&datagram).unwrap();
            for place in [0, 5, 9, 13, 17, 30, datagram.len() - 1] {
                let mut forged = datagram.clone();
                forged[place] ^= 1;
                let opened =
                    Header::decode(&forged).ok().map(|h| opener.open(&h, &mut forged, &master).is_ok());
                assert_ne!(opened, Some(true), "byte {place} changed");
            }
            let mut copy = datagram.clone();
            assert_eq!(opener.open(&header, &mut copy, &master).unwrap(), &[turn; 100]);
            let mut again = datagram.clone();
            assert_eq!(opener.open(&header, &mut again, &master), Err(NotOpened::Replayed));
        }
    }

    #[test]
    fn sealed_datagrams_open_once_and_only_unchanged() {
        check(Sealing::Sealed);
    }

    #[test]
    fn clear_datagrams_open_once_and_only_unchanged() {
        check(Sealing::Clear);
    }

    #[test]
    fn another_cluster_name_or_boot_is_another_key() {
        let key = Key::new(&[7; 128]).unwrap();
        let (a, b) = (Master::new(&key, "a"), Master::new(&key, "b"));
        assert_ne!(a.tag, b.tag);
        let seal = |master: &Master, salt: [u8; 32]| {
            let mut body = [0; 32];
            let tag = master.traffic(NodeId(1), &salt, 0).seal(0, b"", &mut body);
            (body, tag)
        };
        assert_ne!(seal(&a, [1; 32]), seal(&a, [2; 32]));
        assert_ne!(seal(&a, [1; 32]), seal(&b, [1; 32]));
    }
}
