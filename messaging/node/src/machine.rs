//! What the daemon must know of the machine it runs on: name, addresses, identity, names of others.
//!
//! Reads the kernel, a few files and the resolver; decides nothing.

use crate::config::{Environment, InterfaceAddress};
use crate::sys;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

/// Environment variable with the name of this node, for many nodes on one machine.
pub const NODE_NAME: &str = "HOLDFAST_NODE_NAME";

/// `uname -n`, or what [`NODE_NAME`] says.
pub fn node_name() -> String {
    match std::env::var(NODE_NAME) {
        Ok(name) if !name.is_empty() => name,
        _ => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// All IPv4 and IPv6 addresses of this machine.
///
/// # Errors
/// When the kernel refuses to list them.
pub fn addresses() -> io::Result<Vec<InterfaceAddress>> {
    sys::interface_addresses()
}

/// The kernel's boot id: equal for two runs of the daemon within one boot. Zero where the kernel has none.
pub fn boot_id() -> [u8; 16] {
    hexadecimal(&std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default())
}

/// `/etc/machine-id`; zero where there is none.
pub fn machine_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/etc/machine-id")
        .or_else(|_| std::fs::read_to_string("/var/lib/dbus/machine-id"))
        .unwrap_or_default();
    hexadecimal(&text)
}

/// The first 32 hexadecimal digits of a text, as bytes.
fn hexadecimal(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let digits = text.chars().filter_map(|c| c.to_digit(16)).take(32);
    for (index, digit) in digits.enumerate() {
        bytes[index / 2] = bytes[index / 2] << 4 | digit as u8;
    }
    bytes
}

/// The number of a user or group: the text itself when it is one, else looked up in `/etc/passwd` or `/etc/group`.
fn account(file: &str, name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// The name of a running process, as `ps -o comm` shows it; `None` when there is none that we may see.
pub fn process_name(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end().to_owned())
}

/// The number of a user, given as name or number.
pub fn user_id(name: &str) -> Option<u32> {
    account("/etc/passwd", name)
}

/// The number of a group, given as name or number.
pub fn group_id(name: &str) -> Option<u32> {
    account("/etc/group", name)
}

/// A moment (seconds since 1970) in local time as `date` of old wrote it: `Sat Nov 21 11:51:38 2026`.
pub fn local_time(seconds: i64) -> String {
    sys::calendar(seconds)
}

/// Everything [`crate::config::read`] needs to know, for the file at `path` with this content. Names are looked up
/// with the system's resolver, which may take its time: not for the ring's thread.
///
/// # Errors
/// When the kernel refuses to list addresses.
pub fn environment(path: &Path, text: &str, votes_seen: u32) -> io::Result<Environment> {
    let mut hosts = BTreeMap::new();
    for name in crate::config::names_to_resolve(text) {
        let mut found: Vec<IpAddr> = Vec::new();
        for address in (name.as_str(), 0).to_socket_addrs().into_iter().flatten() {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        hosts.insert(name, found);
    }
    Ok(Environment {
        file: path.display().to_string(),
        config_dir: path.parent().map(|folder| folder.display().to_string()).unwrap_or_default(),
        hostname: node_name(),
        addresses: addresses()?,
        hosts,
        votes_seen,
    })
}

/// Whether a user (or group) of this number exists in this process's user namespace. In the namespace of an ordinary
/// user only its own number does; files cannot be given to any other.
#[must_use]
pub fn is_mapped(kind: MappedId, number: u32) -> bool {
    let map = match kind {
        MappedId::User => "/proc/self/uid_map",
        MappedId::Group => "/proc/self/gid_map",
    };
    // Without the file there are no namespaces.
    std::fs::read_to_string(map).map_or(true, |text| covers(&text, number))
}

/// What a number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappedId {
    /// A user.
    User,
    /// A group.
    Group,
}

/// Lines `INSIDE OUTSIDE COUNT` of user_namespaces(7).
fn covers(map: &str, number: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().ok());
        let (first, _, count) = (fields.next().flatten(), fields.next(), fields.next().flatten());
        first.zip(count).is_some_and(|(first, count)| {
            let number = u64::from(number);
            number >= first && number - first < count
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_read_with_and_without_dashes() {
        let expected =
            [0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0];
        assert_eq!(hexadecimal("123e4567-e89b-12d3-a456-426614174000\n"), expected);
        assert_eq!(hexadecimal("123e4567e89b12d3a456426614174000"), expected);
        assert_eq!(hexadecimal(""), [0; 16]);
        assert_eq!(hexadecimal(&"f".repeat(99)), [0xff; 16]);
    }

    #[test]
    fn the_loopback_address_is_found() {
        let list = addresses().unwrap();
        assert!(list.iter().any(|own| own.loopback && own.address.is_loopback()), "{list:?}");
    }

    #[test]
    fn only_mapped_numbers_exist() {
        let whole = "         0          0 4294967295\n";
        let own = "         0      65534          1\n";
        assert!(covers(whole, 0) && covers(whole, 189));
        assert!(covers(own, 0) && !covers(own, 189));
        assert!(covers("0 1000 1\n100 100000 50\n", 149) && !covers("0 1000 1\n100 100000 50\n", 150));
        assert!(!covers("", 0));
    }
}
