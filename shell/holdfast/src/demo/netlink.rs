//! Just enough of rtnetlink to lay out a small network: bridges, veth pairs, addresses.
//!
//! Knows the message format of the kernel. Does not know what the network is for.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const ERROR: u16 = 2;
/// Request, answer wanted.
const ASK: u16 = 0x1 | 0x4;
/// Create, fail if it is there.
const CREATE: u16 = 0x400 | 0x200;

const IFLA_ADDRESS_NAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const UP: u32 = 1;

/// A connection to the network configuration of the calling process's namespace.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Opens the connection.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn open() -> io::Result<Netlink> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // Protocol 0 of this family is the one for routes and links.
            None,
        )?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Makes a bridge.
    ///
    /// # Errors
    /// The kernel's refusal, as for all others here.
    pub fn add_bridge(&mut self, name: &str) -> io::Result<()> {
        let mut body = link(0, 0, 0);
        attribute(&mut body, IFLA_ADDRESS_NAME, &text(name));
        nested(&mut body, IFLA_LINKINFO, |info| attribute(info, INFO_KIND, &text("bridge")));
        self.ask(NEW_LINK, CREATE, &body)
    }

    /// Makes a veth pair: one end here in a bridge, the other in the namespace of a process.
    pub fn add_veth(&mut self, name: &str, bridge: u32, peer: &str, peer_pid: u32) -> io::Result<()> {
        let mut body = link(0, 0, 0);
        attribute(&mut body, IFLA_ADDRESS_NAME, &text(name));
        attribute(&mut body, IFLA_MASTER, &bridge.to_ne_bytes());
        nested(&mut body, IFLA_LINKINFO, |info| {
            attribute(info, INFO_KIND, &text("veth"));
            nested(info, INFO_DATA, |data| {
                nested(data, VETH_PEER, |end| {
                    end.extend_from_slice(&link(0, 0, 0));
                    attribute(end, IFLA_ADDRESS_NAME, &text(peer));
                    attribute(end, IFLA_NET_NS_PID, &peer_pid.to_ne_bytes());
                });
            });
        });
        self.ask(NEW_LINK, CREATE, &body)
    }

    /// Switches a link on or off.
    pub fn set_up(&mut self, index: u32, up: bool) -> io::Result<()> {
        self.ask(NEW_LINK, 0, &link(index, if up { UP } else { 0 }, UP))
    }

    /// Gives a link an address.
    pub fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut body = vec![2, prefix, 0, 0];
        body.extend_from_slice(&index.to_ne_bytes());
        attribute(&mut body, IFA_LOCAL, &address.octets());
        attribute(&mut body, IFA_ADDRESS, &address.octets());
        self.ask(NEW_ADDRESS, CREATE, &body)
    }

    /// The index of a link.
    pub fn index(&self, name: &str) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = 16 + body.len() as u32;
        let mut message = Vec::with_capacity(length as usize);
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&(ASK | flags).to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        rustix::net::send(&self.socket, &message, SendFlags::empty())?;
        let mut answer = [0u8; 8192];
        let (read, _) = rustix::net::recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
        let answer = &answer[..read];
        let code = match (answer.get(4..6), answer.get(16..20)) {
            (Some(kind), Some(code)) if kind == ERROR.to_ne_bytes() => {
                i32::from_ne_bytes([code[0], code[1], code[2], code[3]])
            }
            _ => return Err(io::Error::other("the kernel's answer has an unknown form")),
        };
        if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) }
    }
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
