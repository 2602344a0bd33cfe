//! The one system call of this crate that has no safe wrapper: sending a frame to a link.

#![allow(unsafe_code)]

use std::os::fd::AsRawFd as _;

/// Ethernet type of the address resolution protocol.
const ARP: u16 = 0x0806;

/// Sends an ARP packet to everybody on a link.
///
/// # Errors
/// The kernel's refusal: most often a missing privilege.
pub fn broadcast_arp(link: u32, packet: &[u8]) -> std::io::Result<()> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::PACKET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: all fields of `sockaddr_ll` are integers, for which zero is a value.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    to.sll_protocol = ARP.to_be();
    to.sll_ifindex = i32::try_from(link).unwrap_or(i32::MAX);
    to.sll_halen = 6;
    to.sll_addr[..6].fill(0xff);
    // SAFETY: the buffer and the address outlive the call, and their lengths are theirs.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            std::ptr::from_ref(&to).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if sent < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
