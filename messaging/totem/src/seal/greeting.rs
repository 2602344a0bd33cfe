//! Greetings: how a node learns the boot salt of a peer and that it is alive now. Two messages: one carries a
//! challenge, the answer echoes it. Also the refusal of a node that may not take part.

use std::net::SocketAddr;

use crate::id::NodeId;
use crate::io::Host;
use crate::seal::datagram::{Kind, MAGIC, VERSION};
use crate::seal::keys::{MAC, Master};
use crate::wire::codec::{Malformed, Reader, Write};

/// A random value that the peer has to echo.
pub type Challenge = [u8; 16];

/// What a node says about itself before it can be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Who is meant; `None` = whoever hears it.
    pub to: Option<NodeId>,
    /// Who speaks.
    pub from: NodeId,
    /// Its boot salt.
    pub salt: [u8; 32],
    /// Kernel boot id.
    pub boot_id: [u8; 16],
    /// Machine id.
    pub machine_id: [u8; 16],
    /// To be echoed, when the speaker wants an answer.
    pub challenge: Option<Challenge>,
    /// The challenge that this answers.
    pub echo: Option<Challenge>,
    /// Token time-out in microseconds, to find differing configurations.
    pub token: u64,
    /// `config_version`.
    pub config_version: u64,
    /// Node name.
    pub name: String,
}

/// Why a node may not take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its node id is in use.
    Duplicate(Host),
    /// Its key file was replaced.
    KeyRetired,
}

/// A node is told that it may not take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who speaks.
    pub from: NodeId,
    /// The boot that is refused.
    pub salt: [u8; 32],
    /// The challenge of its greeting: the refusal is fresh.
    pub echo: Challenge,
    /// Why.
    pub reason: Reason,
}

fn start(kind: Kind, master: &Master) -> Vec<u8> {
    let mut out = vec![MAGIC, VERSION, kind.byte(), 0];
    out.put_u32(master.tag);
    out
}

fn finish(mut out: Vec<u8>, master: &Master) -> Vec<u8> {
    let mac = master.mac(&out);
    out.put(&mac);
    out
}

/// The key tag of a greeting or refusal.
pub fn key_tag(datagram: &[u8]) -> Result<u32, Malformed> {
    let mut reader = Reader::new(datagram);
    reader.take(4)?;
    reader.u32()
}

fn authentic<'a>(datagram: &'a [u8], master: &Master) -> Option<Reader<'a>> {
    let (body, mac) = datagram.split_at_checked(datagram.len().checked_sub(MAC)?)?;
    if !master.mac_holds(body, mac) {
        return None;
    }
    let mut reader = Reader::new(body);
    reader.take(8).ok()?;
    Some(reader)
}

const HAS_CHALLENGE: u8 = 1;
const HAS_ECHO: u8 = 2;

impl Greeting {
    /// As a datagram.
    pub fn encode(&self, master: &Master) -> Vec<u8> {
        let mut out = start(Kind::Greeting, master);
        out.put_u32(self.to.map_or(0, |id| id.0));
        out.put_node(self.from);
        out.put(&self.salt);
        out.put(&self.boot_id);
        out.put(&self.machine_id);
        let flags =
            u8::from(self.challenge.is_some()) * HAS_CHALLENGE + u8::from(self.echo.is_some()) * HAS_ECHO;
        out.put_u8(flags);
        out.put(&self.challenge.unwrap_or_default());
        out.put(&self.echo.unwrap_or_default());
        out.put_u64(self.token);
        out.put_u64(self.config_version);
        out.put_text(&self.name);
        finish(out, master)
    }

    /// Checks the authenticator, then reads; `None` when it is not authentic.
    pub fn decode(datagram: &[u8], master: &Master) -> Option<Result<Self, Malformed>> {
        Some(Self::read(authentic(datagram, master)?))
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let (to, from) = (reader.node_or_none()?, reader.node()?);
        let (salt, boot_id, machine_id) = (reader.array()?, reader.array()?, reader.array()?);
        let flags = reader.u8()?;
        if flags & !(HAS_CHALLENGE | HAS_ECHO) != 0 {
            return Err(Malformed::Value);
        }
        let challenge = Some(reader.array()?).filter(|_| flags & HAS_CHALLENGE != 0);
        let echo = Some(reader.array()?).filter(|_| flags & HAS_ECHO != 0);
        let (token, config_version, name) = (reader.u64()?, reader.u64()?, reader.text()?);
        reader.end()?;
        Ok(Self { to, from, salt, boot_id, machine_id, challenge, echo, token, config_version, name })
    }
}

impl Refusal {
    /// As a datagram.
    pub fn encode(&self, master: &Master) -> Vec<u8> {
        let mut out = start(Kind::Refusal, master);
        out.put_node(self.from);
        out.put(&self.salt);
        out.put(&self.echo);
        match &self.reason {
            Reason::KeyRetired => out.put_u8(0),
            Reason::Duplicate(host) => {
                out.put_u8(1);
                out.put_text(&host.name);
                out.put_text(&host.address.map(|a| a.to_string()).unwrap_or_default());
                out.put(&host.machine_id);
                out.put(&host.boot_id);
            }
        }
        finish(out, master)
    }

    /// Checks the authenticator, then reads; `None` when it is not authentic.
    pub fn decode(datagram: &[u8], master: &Master) -> Option<Result<Self, Malformed>> {
        Some(Self::read(authentic(datagram, master)?))
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let (from, salt, echo) = (reader.node()?, reader.array()?, reader.array()?);
        let reason = match reader.u8()? {
            0 => Reason::KeyRetired,
            1 => {
                let (name, address) = (reader.text()?, reader.text()?);
                let address = address.parse::<SocketAddr>().ok();
                let (machine_id, boot_id) = (reader.array()?, reader.array()?);
                Reason::Duplicate(Host { name, address, machine_id, boot_id })
            }
            _ => return Err(Malformed::Value),
        };
        reader.end()?;
        Ok(Self { from, salt, echo, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Key;
    use proptest::prelude::*;

    fn master() -> Master {
        Master::new(&Key::new(&[1; 128]).unwrap(), "test")
    }

    #[test]
    fn greetings_and_refusals_survive_the_wire() {
        let greeting = Greeting {
            to: Some(NodeId(2)),
            from: NodeId(1),
            salt: [3; 32],
            boot_id: [4; 16],
            machine_id: [5; 16],
            challenge: Some([6; 16]),
            echo: None,
            token: 1_000_000,
            config_version: 7,
            name: "alpha".to_owned(),
        };
        let bytes = greeting.encode(&master());
        assert_eq!(Greeting::decode(&bytes, &master()), Some(Ok(greeting)));
        let address = "10.0.0.3:5405".parse().ok();
        let host = Host { name: "b".to_owned(), address, machine_id: [1; 16], boot_id: [2; 16] };
        let refusal =
            Refusal { from: NodeId(9), salt: [1; 32], echo: [2; 16], reason: Reason::Duplicate(host) };
        let bytes = refusal.encode(&master());
        assert_eq!(Refusal::decode(&bytes, &master()), Some(Ok(refusal)));
        assert_eq!(Greeting::decode(&bytes[..bytes.len() - 1], &master()), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut made = bytes.clone();
            let mac = master().mac(&made);
            made.extend_from_slice(&mac);
            let _ = (Greeting::decode(&made, &master()), Refusal::decode(&made, &master()));
            let _ = (Greeting::decode(&bytes, &master()), key_tag(&bytes));
        }
    }
}
