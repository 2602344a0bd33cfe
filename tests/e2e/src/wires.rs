//! More cables: a second network, IPv6 addresses, links that go down and up, packets that are too large.
//!
//! Knows links and addresses. Does not know what runs on the nodes.

use crate::cluster::Cluster;
use crate::spaces::{self, on};
use holdfast_agent_stock::netlink::{Entry, Netlink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A network that the nodes are wired to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// `eth0`, 10.98.0.0/24 and fd98::/64.
    First,
    /// `eth1`, 10.99.0.0/24 and fd99::/64.
    Second,
}

impl Network {
    fn interface(self) -> &'static str {
        match self {
            Network::First => "eth0",
            Network::Second => "eth1",
        }
    }

    fn cable(self, node: usize) -> String {
        match self {
            Network::First => format!("cable{node}"),
            Network::Second => format!("second{node}"),
        }
    }

    /// The IPv4 address of a node.
    #[must_use]
    pub fn v4(self, node: usize) -> Ipv4Addr {
        let net = if self == Network::First { 98 } else { 99 };
        Ipv4Addr::new(10, net, 0, node as u8 + 1)
    }

    /// The IPv6 address of a node, once [`Cluster::ipv6`] gave it one.
    #[must_use]
    pub fn v6(self, node: usize) -> Ipv6Addr {
        let net = if self == Network::First { 0xfd98 } else { 0xfd99 };
        Ipv6Addr::new(net, 0, 0, 0, 0, 0, 0, node as u16 + 1)
    }
}

impl Cluster {
    fn give(&self, node: usize, network: Network, address: IpAddr, prefix: u8) {
        on(self.first(node), move || {
            let mut net = Netlink::open().expect("the node has a network");
            let index = net.index(network.interface()).expect("the link is there");
            net.set_up(index, true).expect("the link can be set up");
            net.add_address(&Entry::plain(index, address, prefix)).expect("the address is free");
        });
    }

    /// Wires all nodes to a second network.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn second_network(&self) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let bridge = spaces::bridge(&mut net, "br1");
        for node in 0..self.size() {
            spaces::wire(&mut net, &Network::Second.cable(node), bridge, "eth1", self.first(node));
            self.give(node, Network::Second, Network::Second.v4(node).into(), 24);
        }
    }

    /// Gives all nodes IPv6 addresses on a network, and waits until nobody objects to them.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn ipv6(&self, network: Network) {
        for node in 0..self.size() {
            self.give(node, network, network.v6(node).into(), 64);
        }
        for node in 0..self.size() {
            let table = format!("/proc/{}/net/if_inet6", self.first(node));
            crate::wait("the IPv6 addresses to be usable", Duration::from_secs(10), || {
                let text = std::fs::read_to_string(&table).map_err(|e| e.to_string())?;
                // Address, index, prefix, scope, flags, name; the flag 0x40 stands for an address on probation.
                let tentative = |line: &str| {
                    let flags = line.split_whitespace().nth(4).and_then(|f| u8::from_str_radix(f, 16).ok());
                    flags.is_none_or(|flags| flags & 0x40 != 0)
                };
                if text.lines().any(tentative) { Err(text) } else { Ok(()) }
            });
        }
    }

    /// Pulls or plugs the cable of a node on a network, at the end of the switch: the node does not see it itself.
    ///
    /// # Panics
    /// When there is no such cable.
    pub fn cable(&self, node: usize, network: Network, plugged: bool) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let end = net.index(&network.cable(node)).expect("the node has a cable");
        net.set_up(end, plugged).expect("the link can be switched");
    }

    /// Sets the largest packet that gets through the cable of a node.
    ///
    /// # Panics
    /// When there is no such cable, or the kernel refuses.
    pub fn largest_packet(&self, node: usize, network: Network, bytes: u32) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let end = net.index(&network.cable(node)).expect("the node has a cable");
        net.set_mtu(end, bytes).expect("the size can be set");
        on(self.first(node), move || {
            let mut net = Netlink::open().expect("the node has a network");
            let index = net.index(network.interface()).expect("the link is there");
            net.set_mtu(index, bytes).expect("the size can be set");
        });
    }

    /// Bytes that a node has sent on a network since its start.
    ///
    /// # Panics
    /// When there is no such link.
    #[must_use]
    pub fn bytes_sent(&self, node: usize, network: Network) -> u64 {
        let path = format!("/proc/{}/net/dev", self.first(node));
        let text = std::fs::read_to_string(path).expect("the node is on");
        let line =
            text.lines().find_map(|l| l.trim_start().strip_prefix(network.interface())?.strip_prefix(':'));
        let field = line.and_then(|l| l.split_whitespace().nth(8)).and_then(|f| f.parse().ok());
        field.expect("the kernel counts what a link sends")
    }
}
