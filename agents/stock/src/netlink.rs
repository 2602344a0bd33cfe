//! Just enough of rtnetlink to manage addresses and to lay out a small network: links, veth pairs, bridges.
//!
//! Knows the message format of the kernel. Does not know what the network is for.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
/// Create, fail if it is there.
const CREATE: u16 = 0x400 | 0x200;

const LINK_MTU: u16 = 4;
const LINK_NAME: u16 = 3;
const LINK_MASTER: u16 = 10;
const LINK_INFO: u16 = 18;
const LINK_NAMESPACE_OF: u16 = 19;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const LABEL: u16 = 3;
const BROADCAST: u16 = 4;
const CACHE_INFO: u16 = 6;
const FLAGS: u16 = 8;
const UP: u32 = 1;
/// Address flags of the kernel.
pub const SECONDARY: u32 = 0x01;
pub const NO_DAD: u32 = 0x02;
pub const DAD_FAILED: u32 = 0x08;
pub const TENTATIVE: u32 = 0x40;
pub const NO_PREFIX_ROUTE: u32 = 0x200;

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Index of the link.
    pub link: u32,
    pub address: IpAddr,
    pub prefix: u8,
    pub broadcast: Option<Ipv4Addr>,
    /// `eth0:0`; only IPv4 addresses have labels.
    pub label: Option<String>,
    pub flags: u32,
    /// Preferred life time in seconds; `None` is for ever.
    pub preferred: Option<u32>,
}

impl Entry {
    /// An address with nothing but its prefix length.
    #[must_use]
    pub fn plain(link: u32, address: IpAddr, prefix: u8) -> Entry {
        Entry { link, address, prefix, broadcast: None, label: None, flags: 0, preferred: None }
    }
}

/// A connection to the network configuration of the calling process's namespace.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Opens the connection.
    ///
    /// # Errors
    /// The kernel's refusal, as for all others here.
    pub fn open() -> io::Result<Netlink> {
        // Protocol 0 of this family is the one for routes and links.
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Makes a bridge.
    pub fn add_bridge(&mut self, name: &str) -> io::Result<()> {
        let mut body = link(0, 0, 0);
        attribute(&mut body, LINK_NAME, &text(name));
        nested(&mut body, LINK_INFO, |info| attribute(info, INFO_KIND, &text("bridge")));
        self.ask(NEW_LINK, CREATE, &body)
    }

    /// Makes a veth pair: one end here in a bridge, the other in the namespace of a process.
    pub fn add_veth(&mut self, name: &str, bridge: u32, peer: &str, peer_pid: u32) -> io::Result<()> {
        let mut body = link(0, 0, 0);
        attribute(&mut body, LINK_NAME, &text(name));
        attribute(&mut body, LINK_MASTER, &bridge.to_ne_bytes());
        nested(&mut body, LINK_INFO, |info| {
            attribute(info, INFO_KIND, &text("veth"));
            nested(info, INFO_DATA, |data| {
                nested(data, VETH_PEER, |end| {
                    end.extend_from_slice(&link(0, 0, 0));
                    attribute(end, LINK_NAME, &text(peer));
                    attribute(end, LINK_NAMESPACE_OF, &peer_pid.to_ne_bytes());
                });
            });
        });
        self.ask(NEW_LINK, CREATE, &body)
    }

    /// Switches a link on or off.
    pub fn set_up(&mut self, index: u32, up: bool) -> io::Result<()> {
        self.ask(NEW_LINK, 0, &link(index, if up { UP } else { 0 }, UP))
    }

    /// Sets the largest packet of a link, in bytes.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn set_mtu(&mut self, index: u32, bytes: u32) -> io::Result<()> {
        let mut body = link(index, 0, 0);
        attribute(&mut body, LINK_MTU, &bytes.to_ne_bytes());
        self.ask(NEW_LINK, 0, &body)
    }

    /// Removes a link; the other end of a veth pair goes with it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete_link(&mut self, index: u32) -> io::Result<()> {
        self.ask(DELETE_LINK, 0, &link(index, 0, 0))
    }

    /// Gives a link an address.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_address(&mut self, entry: &Entry) -> io::Result<()> {
        self.ask(NEW_ADDRESS, CREATE, &address_body(entry))
    }

    /// Takes an address from a link.
    pub fn delete_address(&mut self, entry: &Entry) -> io::Result<()> {
        self.ask(DELETE_ADDRESS, 0, &address_body(entry))
    }

    /// The index of a link.
    pub fn index(&self, name: &str) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    /// The name of a link.
    pub fn name(&self, index: u32) -> io::Result<String> {
        Ok(rustix::net::netdevice::index_to_name(&self.socket, index)?)
    }

    /// The Ethernet address of a link; `None` for links that have none.
    ///
    /// Asked of the kernel: a sysfs that was mounted for another network namespace shows other links.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn hardware(&mut self, index: u32) -> io::Result<Option<[u8; 6]>> {
        self.send(GET_LINK, REQUEST, &link(index, 0, 0))?;
        let mut answer = vec![0u8; 32_768];
        let (read, _) = rustix::net::recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
        match message(&answer[..read]) {
            Some((NEW_LINK, body, _)) => {
                let mut rest = body.get(16..).unwrap_or_default();
                while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
                    let Some(value) = rest.get(4..usize::from(length)) else { break };
                    if kind == ADDRESS {
                        return Ok(<[u8; 6]>::try_from(value).ok().filter(|mac| *mac != [0; 6]));
                    }
                    rest = rest.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
                }
                Ok(None)
            }
            Some((ERROR, body, _)) => {
                Err(refusal(body).unwrap_or_else(|| io::Error::other("an empty refusal")))
            }
            _ => Err(io::Error::other("the kernel's answer has an unknown form")),
        }
    }

    /// Every address of every link.
    pub fn addresses(&mut self) -> io::Result<Vec<Entry>> {
        self.send(GET_ADDRESS, REQUEST | DUMP, &[0, 0, 0, 0, 0, 0, 0, 0])?;
        let mut found = Vec::new();
        let mut buffer = vec![0u8; 65_536];
        loop {
            let (read, _) = rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            let mut rest = &buffer[..read];
            while let Some((kind, body, after)) = message(rest) {
                match kind {
                    DONE => return Ok(found),
                    ERROR => {
                        return Err(refusal(body).unwrap_or_else(|| io::Error::other("an empty refusal")));
                    }
                    NEW_ADDRESS => found.extend(entry(body)),
                    _ => {}
                }
                rest = after;
            }
        }
    }

    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = 16 + body.len() as u32;
        let mut message = Vec::with_capacity(length as usize);
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        rustix::net::send(&self.socket, &message, SendFlags::empty())?;
        Ok(())
    }

    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.send(kind, REQUEST | ACKNOWLEDGE | flags, body)?;
        let mut answer = [0u8; 8192];
        let (read, _) = rustix::net::recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
        match message(&answer[..read]) {
            Some((ERROR, body, _)) => refusal(body).map_or(Ok(()), Err),
            _ => Err(io::Error::other("the kernel's answer has an unknown form")),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Kind and body of the first message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let body = bytes.get(16..length)?;
    Some((u16_at(bytes, 4)?, body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The error of a reply, `None` for an acknowledgement.
fn refusal(body: &[u8]) -> Option<io::Error> {
    let code = u32_at(body, 0)? as i32;
    (code != 0).then(|| io::Error::from_raw_os_error(-code))
}

/// Reads `struct ifaddrmsg` and its attributes.
fn entry(body: &[u8]) -> Option<Entry> {
    let (family, prefix, flags) = (*body.first()?, *body.get(1)?, u32::from(*body.get(2)?));
    let mut entry = Entry {
        link: u32_at(body, 4)?,
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix,
        broadcast: None,
        label: None,
        flags,
        preferred: None,
    };
    let (mut address, mut local) = (None, None);
    let mut rest = body.get(8..)?;
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(value) = rest.get(4..usize::from(length)) else { break };
        match kind {
            ADDRESS => address = ip(family, value),
            LOCAL => local = ip(family, value),
            BROADCAST => entry.broadcast = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from),
            LABEL => entry.label = Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()),
            FLAGS => entry.flags = u32_at(value, 0).unwrap_or(flags),
            _ => {}
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
    }
    entry.address = local.or(address)?;
    Some(entry)
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        2 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?))),
        10 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?))),
        _ => None,
    }
}

fn address_body(entry: &Entry) -> Vec<u8> {
    let (family, bytes) = match entry.address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let mut body = vec![family, entry.prefix, 0, 0];
    body.extend_from_slice(&entry.link.to_ne_bytes());
    attribute(&mut body, LOCAL, &bytes);
    attribute(&mut body, ADDRESS, &bytes);
    if let Some(broadcast) = entry.broadcast {
        attribute(&mut body, BROADCAST, &broadcast.octets());
    }
    if let Some(label) = &entry.label {
        attribute(&mut body, LABEL, &text(label));
    }
    if entry.flags != 0 {
        attribute(&mut body, FLAGS, &entry.flags.to_ne_bytes());
    }
    if let Some(preferred) = entry.preferred {
        // Preferred and valid life time, then two stamps that the kernel fills in.
        let mut cache = preferred.to_ne_bytes().to_vec();
        cache.extend_from_slice(&u32::MAX.to_ne_bytes());
        cache.extend_from_slice(&[0; 8]);
        attribute(&mut body, CACHE_INFO, &cache);
    }
    body
}

/// `struct ifinfomsg`.
fn link(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0];
    body.extend_from_slice(&index.to_ne_bytes());
    body.extend_from_slice(&flags.to_ne_bytes());
    body.extend_from_slice(&change.to_ne_bytes());
    body
}

fn text(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn nested(body: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    attribute(body, kind, &inner);
}
