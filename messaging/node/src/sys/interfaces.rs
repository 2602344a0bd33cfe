//! Addresses of network interfaces and a socket that tells when they change.

use crate::config::InterfaceAddress;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{FromRawFd, OwnedFd};

/// Most addresses read; a machine with more than this is served by the first ones.
const MAX_ADDRESSES: usize = 65_536;

/// All IPv4 and IPv6 addresses of this machine (of this network namespace).
pub fn interface_addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the kernel's list is written to `list` and freed below.
    if unsafe { libc::getifaddrs(&raw mut list) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() && found.len() < MAX_ADDRESSES {
        // SAFETY: `next` is a live node of the list until it is freed.
        let node = unsafe { &*next };
        next = node.ifa_next;
        // SAFETY: address and mask are null or point to socket addresses of the family they name.
        let (address, mask) = unsafe { (ip(node.ifa_addr), ip(node.ifa_netmask)) };
        let Some(address) = address else { continue };
        let prefix = match mask {
            Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones() as u8,
            Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones() as u8,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        // SAFETY: the name is a NUL-terminated string of the list.
        let name = unsafe { CStr::from_ptr(node.ifa_name) };
        // SAFETY: as above.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        found.push(InterfaceAddress {
            interface: name.to_string_lossy().into_owned(),
            address,
            prefix,
            index,
            up: node.ifa_flags & (libc::IFF_UP as u32) != 0
                && node.ifa_flags & (libc::IFF_RUNNING as u32) != 0,
            loopback: node.ifa_flags & (libc::IFF_LOOPBACK as u32) != 0,
        });
    }
    // SAFETY: the list came from getifaddrs and is not used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// # Safety
/// `address` is null or points to a socket address that is as long as its family says.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every socket address begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: AF_INET addresses are `sockaddr_in`; read unaligned.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: AF_INET6 addresses are `sockaddr_in6`; read unaligned.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

/// A socket that becomes readable when a link or an address of this machine changes. What is read from it is a hint:
/// the state is read anew with [`interface_addresses`].
pub fn route_changes() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let raw = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            libc::NETLINK_ROUTE,
        )
    };
    if raw == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: all bytes zero is a valid `sockaddr_nl`.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as u16;
    address.nl_groups = (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;
    // SAFETY: pointer and length describe the same structure.
    let code = unsafe {
        libc::bind(raw, (&raw const address).cast(), size_of::<libc::sockaddr_nl>() as libc::socklen_t)
    };
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}
