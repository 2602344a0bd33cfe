//! A socket that tells when this machine goes on from a saved state: the kernel knows it from the generation counter that
//! hypervisors show (vmgenid, Linux 6.10 and later). Decides nothing.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Larger than any event of the kernel.
const LARGEST: usize = 8 << 10;
/// What the kernel's driver adds to its event.
const SIGN: &[u8] = b"NEW_VMGENID=1";

/// Becomes readable when the kernel tells of a change of a device.
///
/// # Errors
/// When the kernel refuses: then a restored snapshot is found by the pause alone.
pub fn device_events() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let raw = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            libc::NETLINK_KOBJECT_UEVENT,
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
    // Group 1 is the kernel's, group 2 is udev's.
    address.nl_groups = 1;
    // SAFETY: pointer and length describe the same structure.
    let code = unsafe {
        libc::bind(raw, (&raw const address).cast(), size_of::<libc::sockaddr_nl>() as libc::socklen_t)
    };
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

/// The same, to be waited for in a tokio runtime; `None` outside of one.
pub fn awaited(events: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open and the same until it is dropped, together with its registration.
    unsafe { AsyncFd::register(events) }.ok()
}

/// Reads all events that wait; whether one of them says that this machine goes on from a saved state.
pub fn is_restored(events: impl AsFd) -> bool {
    let raw = events.as_fd().as_raw_fd();
    let mut buffer = vec![0_u8; LARGEST];
    let mut restored = false;
    // Bounded: a machine that finds a thousand disks must not hold up the ring.
    for _ in 0..64 {
        // SAFETY: all bytes zero is a valid `sockaddr_nl`.
        let mut from: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: pointers and lengths describe live buffers of this function.
        let count = unsafe {
            libc::recvfrom(
                raw,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
                (&raw mut from).cast(),
                &raw mut length,
            )
        };
        let Ok(count) = usize::try_from(count) else { break };
        // Any user may write to this socket; only the kernel has the port 0.
        restored |= from.nl_pid == 0 && tells_of_a_new_generation(&buffer[..count.min(LARGEST)]);
    }
    restored
}

/// An event is `ACTION@PATH` and `NAME=VALUE` fields, each ended by a zero.
fn tells_of_a_new_generation(event: &[u8]) -> bool {
    let mut fields = event.split(|byte| *byte == 0);
    fields.next().is_some_and(|head| head.starts_with(b"change@")) && fields.any(|field| field == SIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_word_about_the_generation_counts() {
        let check = |event: &[u8], expected| assert_eq!(tells_of_a_new_generation(event), expected);
        let path = "/devices/LNXSYSTM:00/LNXSYBUS:00/QEMUVGID:00";
        let event = |action: &str, sign: &str| {
            format!("{action}@{path}\0ACTION={action}\0DEVPATH={path}\0SUBSYSTEM=acpi\0{sign}\0SEQNUM=7\0")
                .into_bytes()
        };
        check(&event("change", "NEW_VMGENID=1"), true);
        check(&event("add", "NEW_VMGENID=1"), false);
        check(&event("change", "NEW_VMGENID=0"), false);
        check(&event("change", "SYNTH_ARG_NEW_VMGENID=1"), false);
        check(b"NEW_VMGENID=1\0", false);
        check(b"", false);
    }

    #[test]
    fn what_other_users_write_is_not_believed() {
        let Ok(socket) = device_events() else {
            eprintln!("SKIPPED: this kernel gives no device events to this process");
            return;
        };
        assert!(!is_restored(&socket));
        // SAFETY: all bytes zero is a valid `sockaddr_nl`.
        let mut own: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: pointer and length describe the same structure.
        let code = unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut own).cast(), &raw mut length) };
        assert_eq!(code, 0);
        let event = b"change@/devices/QEMUVGID:00\0NEW_VMGENID=1\0";
        // To our own port, as any user could; the sender's port is not the kernel's.
        // SAFETY: pointers and lengths describe live buffers of this function.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                event.as_ptr().cast(),
                event.len(),
                0,
                (&raw const own).cast(),
                length,
            )
        };
        if sent < 0 {
            eprintln!("SKIPPED: this kernel lets nobody write to this socket");
        }
        assert!(!is_restored(&socket));
    }
}
