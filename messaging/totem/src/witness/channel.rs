//! The sealed way between a node and its witness: each proves the key and that it is alive now before anything it says
//! is taken, as in the ring. Knows no message inside.

use crate::config::Sealing;
use crate::id::{Incarnation, NodeId};
use crate::seal::datagram::{Header, Opener, Sealer, boot_half};
use crate::seal::greeting::{Challenge, Greeting};
use crate::seal::keys::{Master, incarnation};
use crate::wire::codec::Write;

/// Who this end is.
#[derive(Clone, Debug)]
pub struct End {
    /// Node id, or the witness's.
    pub node: NodeId,
    /// Name, for people.
    pub name: String,
    /// Fresh random bytes of this run.
    pub salt: [u8; 32],
    /// Kernel boot id.
    pub boot_id: [u8; 16],
    /// Machine id.
    pub machine_id: [u8; 16],
}

/// A proven run of the other end.
#[derive(Debug)]
pub struct Proven {
    /// Its salt.
    pub salt: [u8; 32],
    /// Which run that is.
    pub incarnation: Incarnation,
    /// Opens what it seals.
    opener: Opener,
}

impl End {
    /// Which run this is.
    pub fn incarnation(&self) -> Incarnation {
        incarnation(self.node, &self.salt)
    }

    /// A greeting of this end.
    pub fn greeting(
        &self,
        to: Option<NodeId>,
        challenge: Option<Challenge>,
        echo: Option<Challenge>,
        master: &Master,
    ) -> Vec<u8> {
        let greeting = Greeting {
            to,
            from: self.node,
            salt: self.salt,
            boot_id: self.boot_id,
            machine_id: self.machine_id,
            challenge,
            echo,
            token: 0,
            config_version: 0,
            name: self.name.clone(),
        };
        greeting.encode(master)
    }

    /// Seals with one key file.
    pub fn sealer(&self, master: &Master) -> Sealer {
        Sealer::new(self.node, self.salt, self.incarnation(), Sealing::Sealed, master)
    }
}

/// A datagram with this body.
pub fn seal(sealer: &mut Sealer, master: &Master, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + crate::seal::datagram::OVERHEAD);
    let start = sealer.begin(&mut out);
    out.put(body);
    sealer.finish(&mut out, start, master);
    out
}

impl Proven {
    /// Of the sender of a greeting that answered a fresh challenge.
    pub fn new(node: NodeId, salt: [u8; 32]) -> Self {
        Self { salt, incarnation: incarnation(node, &salt), opener: Opener::new(node, salt, Sealing::Sealed) }
    }

    /// The body of a datagram of this run; each opens once.
    pub fn open<'a>(
        &mut self,
        header: &Header,
        datagram: &'a mut [u8],
        master: &Master,
    ) -> Option<&'a mut [u8]> {
        if header.boot != boot_half(self.incarnation) {
            return None;
        }
        self.opener.open(header, datagram, master).ok()
    }
}

/// Challenges from an owned generator: a keyed hash of its numbers, so that nobody without the key foresees them.
pub fn challenge(master: &Master, chance: &mut u64, salt: &[u8; 32]) -> Challenge {
    *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut secret = salt.to_vec();
    secret.put_u64(*chance);
    let mut out = [0; 16];
    out.copy_from_slice(&master.mac(&secret)[..16]);
    out
}
