//! Tells the neighbours on a network which hardware has an address.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Ethernet hardware addresses have so many bytes.
const HARDWARE: usize = 6;

/// Broadcasts that the interface with this index has the address (RFC 5227, section 3: an ARP announcement). On
/// interfaces without ARP nothing is sent.
///
/// # Errors
/// The kernel's refusal: `PERM` without the right to raw sockets.
pub fn announce(own: Ipv4Addr, index: u32) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, None)?;
    // SAFETY: all bytes zero is a valid `sockaddr_ll`.
    let mut place: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    place.sll_family = libc::AF_PACKET as u16;
    place.sll_ifindex = i32::try_from(index).map_err(|_| Errno::INVAL)?;
    let mut size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length describe the same structure.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const place).cast(), size) };
    if bound == -1 {
        return Err(last());
    }
    // Bound to an interface, a packet socket's own name tells its hardware.
    // SAFETY: as above; the kernel writes no more than `size` bytes.
    let named = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut place).cast(), &raw mut size) };
    if named == -1 {
        return Err(last());
    }
    if place.sll_hatype != libc::ARPHRD_ETHER || usize::from(place.sll_halen) != HARDWARE {
        return Ok(());
    }
    let packet = packet(&place.sll_addr[..HARDWARE], own);
    place.sll_protocol = (libc::ETH_P_ARP as u16).to_be();
    place.sll_addr[..HARDWARE].fill(0xff);
    // SAFETY: both buffers outlive the call and the lengths are theirs.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            (&raw const place).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if sent == -1 { Err(last()) } else { Ok(()) }
}

/// An ARP request of the address for itself.
fn packet(hardware: &[u8], own: Ipv4Addr) -> Vec<u8> {
    // Ethernet, IPv4, lengths of their addresses, request.
    let mut packet = vec![0, 1, 8, 0, HARDWARE as u8, 4, 0, 1];
    packet.extend_from_slice(hardware);
    packet.extend_from_slice(&own.octets());
    packet.extend_from_slice(&[0; HARDWARE]);
    packet.extend_from_slice(&own.octets());
    packet
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_names_sender_and_target_alike() {
        let bytes = packet(&[2, 0, 0, 0, 0, 7], Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(bytes.len(), 28);
        assert_eq!(bytes[..8], [0, 1, 8, 0, 6, 4, 0, 1]);
        assert_eq!((&bytes[8..14], &bytes[18..24]), (&[2, 0, 0, 0, 0, 7][..], &[0; 6][..]));
        assert_eq!((&bytes[14..18], &bytes[24..28]), (&[10, 1, 2, 3][..], &[10, 1, 2, 3][..]));
    }
}
