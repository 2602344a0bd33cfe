//! What the resolution of a file must know of the machine: its name, its addresses, what names mean.
//!
//! Plain data; `crate::machine` reads it from the kernel and the resolver.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// One address of one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    pub interface: String,
    pub address: IpAddr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// Kernel index of the interface, needed as scope of link-local IPv6 addresses.
    pub index: u32,
    pub up: bool,
    pub loopback: bool,
}

impl InterfaceAddress {
    /// Whether `other` lies in the network of this address.
    pub fn network_has(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The machine as the resolution sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The file as the user named it, for diagnostics.
    pub file: String,
    /// Folder of the file; the key lies there unless the file names another place.
    pub config_dir: String,
    /// `uname -n`, or the name given for this node.
    pub hostname: String,
    /// Addresses of this machine; when empty, addresses are not compared with them.
    pub addresses: Vec<InterfaceAddress>,
    /// What the host names in the file resolve to; see [`super::names_to_resolve`].
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Without a list of nodes: the largest of `expected-quorum-votes` and the number of members ever seen,
    /// as kept on disk; 0 on the first start.
    pub votes_seen: u32,
}

impl Environment {
    /// Whether this address can be bound here.
    pub fn is_local(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| {
            own.address == address
                || (own.loopback
                    && own.address.is_ipv4()
                    && own.network_has(address)
                    && address.is_loopback())
        })
    }

    /// `eth0 10.0.0.1/24, eth1 …`, for messages.
    pub fn describe_addresses(&self) -> String {
        let list: Vec<String> = self
            .addresses
            .iter()
            .map(|own| format!("{} {}/{}", own.interface, own.address, own.prefix))
            .collect();
        list.join(", ")
    }
}
