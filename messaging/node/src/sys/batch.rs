//! Many datagrams in one system call: `recvmmsg` with receive offload, `sendmmsg` with segmentation offload.

use socket2::SockAddr;
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most datagram trains taken in one call, and how many are asked for while few come.
const RECEIVE: usize = 16;
const FEW: usize = 3;
/// Bytes of one train; the kernel joins at most 64 KiB.
const TRAIN: usize = 65_536;
/// Most messages handed over in one call.
const SEND: usize = 64;
/// Bytes of control data of one message.
const CONTROL: usize = 64;
/// Most bytes and segments that the kernel takes for one segmented message.
const MAX_GSO_BYTES: usize = 65_000;
const MAX_GSO_SEGMENTS: usize = 64;

/// Buffers for receiving, kept for the life of the thread.
pub struct ReceiveBatch {
    memory: Vec<u8>,
    control: Vec<Aligned>,
    names: Vec<libc::sockaddr_storage>,
    arrived: Vec<(usize, u16)>,
    /// Trains to ask for next time: what is prepared for the kernel in vain costs more than a second call.
    wanted: usize,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Aligned([u8; CONTROL]);

/// A train of datagrams from one sender.
pub struct Arrived<'a> {
    pub from: SocketAddr,
    pub bytes: &'a mut [u8],
    /// Size of each datagram of the train; the last one may be shorter.
    pub segment: usize,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        // SAFETY: all bytes zero is a valid address of no family.
        let name: libc::sockaddr_storage = unsafe { zeroed() };
        ReceiveBatch {
            memory: vec![0; RECEIVE * TRAIN],
            control: vec![Aligned([0; CONTROL]); RECEIVE],
            names: vec![name; RECEIVE],
            arrived: Vec::with_capacity(RECEIVE),
            wanted: FEW,
        }
    }
}

impl ReceiveBatch {
    /// Takes what is there without waiting; whether more may wait.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        self.arrived.clear();
        let wanted = self.wanted;
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; RECEIVE];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; RECEIVE];
        let base = self.memory.as_mut_ptr();
        for i in 0..wanted {
            let vector = vectors[i].write(libc::iovec {
                // SAFETY: `memory` holds RECEIVE trains, and no more are wanted.
                iov_base: unsafe { base.add(i * TRAIN) }.cast(),
                iov_len: TRAIN,
            });
            // SAFETY: a zeroed header is valid; every pointer set below is to memory that outlives the call.
            let header = &mut headers[i].write(unsafe { zeroed() }).msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = self.control[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL;
        }
        // SAFETY: the first `wanted` headers describe live, distinct buffers; the kernel writes within their lengths.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                wanted as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(false),
                _ => Err(error),
            };
        }
        let count = (count as usize).min(wanted);
        for header in &headers[..count] {
            // SAFETY: all headers up to `wanted` were written above.
            let header = unsafe { header.assume_init_ref() };
            // SAFETY: the kernel filled this header; its control data lies in `self.control`.
            let segment = unsafe { train_segment(&header.msg_hdr) };
            let length = (header.msg_len as usize).min(TRAIN);
            let segment = segment.filter(|s| *s > 0).unwrap_or(u16::try_from(length).unwrap_or(u16::MAX));
            self.arrived.push((length, segment));
        }
        self.wanted = if count == wanted { RECEIVE } else { (count + 1).max(FEW) };
        Ok(count == wanted)
    }

    /// What the last [`Self::receive`] took, in order.
    pub fn arrived(&mut self) -> impl Iterator<Item = Arrived<'_>> {
        let trains = self.memory.chunks_mut(TRAIN);
        self.arrived.iter().zip(trains).zip(&self.names).filter_map(|(((length, segment), train), name)| {
            let from = address(name)?;
            Some(Arrived { from, bytes: &mut train[..*length], segment: usize::from(*segment).max(1) })
        })
    }
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let family = i32::from(name.ss_family);
    let length = match family {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    let mut storage = socket2::SockAddrStorage::zeroed();
    // SAFETY: both are the kernel's `sockaddr_storage`; the copy is within both sizes.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(name).cast::<u8>(),
            (&raw mut storage).cast::<u8>(),
            size_of::<libc::sockaddr_storage>().min(size_of::<socket2::SockAddrStorage>()),
        );
    }
    // SAFETY: the storage holds an address of this family and length.
    unsafe { SockAddr::new(storage, length as libc::socklen_t) }.as_socket()
}

/// # Safety
/// `header` was filled by the kernel and its control buffer is live.
unsafe fn train_segment(header: &libc::msghdr) -> Option<u16> {
    // SAFETY: the macros walk the control data within `msg_controllen`.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: a control header inside the buffer.
        let control = unsafe { next.read_unaligned() };
        if control.cmsg_level == libc::SOL_UDP && control.cmsg_type == libc::UDP_GRO {
            // SAFETY: the kernel puts an `int` here.
            let size = unsafe { libc::CMSG_DATA(next).cast::<libc::c_int>().read_unaligned() };
            return u16::try_from(size).ok();
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}

/// Datagrams for one address, back to back.
pub struct Outgoing<'a> {
    pub to: SocketAddr,
    pub bytes: &'a [u8],
    pub segment: usize,
    /// The caller's own number; see [`Trouble`].
    pub tag: usize,
}

/// What of a train the kernel did not take at the first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of its [`Outgoing`].
    pub tag: usize,
    /// Datagrams given up.
    pub errors: u32,
    /// Calls made again.
    pub retries: u32,
}

/// Sends batches; knows whether the kernel cuts trains itself.
pub struct SendBatch {
    offload: bool,
    /// System calls made, for statistics.
    pub calls: u64,
    /// Datagrams that the kernel had no room for or refused.
    pub dropped: u64,
    /// Calls in a row, up to now, that sent nothing.
    pub failing: u32,
    /// For the caller to take.
    pub trouble: Vec<Trouble>,
}

impl Default for SendBatch {
    fn default() -> Self {
        SendBatch { offload: true, calls: 0, dropped: 0, failing: 0, trouble: Vec::new() }
    }
}

/// One message to the kernel: at most one train.
struct Piece<'a> {
    to: SockAddr,
    bytes: &'a [u8],
    segment: u16,
    tag: usize,
}

impl SendBatch {
    /// Sends everything in order without waiting. What the kernel has no room for is dropped and counted: the ring
    /// sends again what is missed.
    pub fn send(&mut self, socket: BorrowedFd<'_>, outgoing: &[Outgoing<'_>]) {
        let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(outgoing.len());
        for train in outgoing {
            let segment = train.segment.clamp(1, 65_507);
            let per_piece = if self.offload {
                (MAX_GSO_BYTES / segment).clamp(1, MAX_GSO_SEGMENTS) * segment
            } else {
                segment
            };
            for bytes in train.bytes.chunks(per_piece) {
                pieces.push(Piece {
                    to: SockAddr::from(train.to),
                    bytes,
                    segment: segment as u16,
                    tag: train.tag,
                });
            }
        }
        let mut done = 0;
        let mut attempts = 0;
        while done < pieces.len() {
            let end = pieces.len().min(done + SEND);
            match self.call(socket, &pieces[done..end]) {
                Ok(sent) => {
                    done += sent.max(1);
                    attempts = 0;
                    self.failing = 0;
                }
                Err(error) => {
                    self.failing = self.failing.saturating_add(1);
                    let first = &pieces[done];
                    let tag = first.tag;
                    let segmented = first.bytes.len() > usize::from(first.segment);
                    match error.raw_os_error() {
                        Some(libc::EINTR) => self.trouble.push(Trouble { tag, errors: 0, retries: 1 }),
                        // A pending error of an earlier datagram (its port was refused): this one was not tried.
                        Some(
                            libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN,
                        ) if attempts < 3 => {
                            attempts += 1;
                            self.trouble.push(Trouble { tag, errors: 0, retries: 1 });
                        }
                        // The device or an old kernel cannot cut trains: do it here, from now on.
                        Some(libc::EIO | libc::EINVAL | libc::EOPNOTSUPP | libc::EMSGSIZE)
                            if segmented && self.offload =>
                        {
                            self.offload = false;
                            self.trouble.push(Trouble { tag, errors: 0, retries: 1 });
                            let rest: Vec<Outgoing<'_>> = pieces[done..]
                                .iter()
                                .filter_map(|piece| {
                                    let to = piece.to.as_socket()?;
                                    Some(Outgoing {
                                        to,
                                        bytes: piece.bytes,
                                        segment: usize::from(piece.segment),
                                        tag: piece.tag,
                                    })
                                })
                                .collect();
                            self.send(socket, &rest);
                            return;
                        }
                        _ => {
                            self.dropped += 1;
                            let datagrams = first.bytes.len().div_ceil(usize::from(first.segment));
                            let errors = u32::try_from(datagrams).unwrap_or(u32::MAX);
                            self.trouble.push(Trouble { tag, errors, retries: 0 });
                            done += 1;
                            attempts = 0;
                        }
                    }
                }
            }
        }
    }

    fn call(&mut self, socket: BorrowedFd<'_>, pieces: &[Piece<'_>]) -> io::Result<usize> {
        self.calls += 1;
        let pieces = &pieces[..pieces.len().min(SEND)];
        // Only what is used is written: most calls have two pieces, and these arrays fill two hundred cache lines.
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; SEND];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; SEND];
        let mut control = [const { MaybeUninit::<Aligned>::uninit() }; SEND];
        for (i, piece) in pieces.iter().enumerate() {
            let vector = vectors[i].write(libc::iovec {
                iov_base: piece.bytes.as_ptr().cast_mut().cast(),
                iov_len: piece.bytes.len(),
            });
            // SAFETY: a zeroed header is valid; every pointer set below is to memory that outlives the call.
            let header = &mut headers[i].write(unsafe { zeroed() }).msg_hdr;
            header.msg_name = piece.to.as_ptr().cast_mut().cast();
            header.msg_namelen = piece.to.len();
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            if piece.bytes.len() > usize::from(piece.segment) {
                header.msg_control = control[i].write(Aligned([0; CONTROL])).0.as_mut_ptr().cast();
                // SAFETY: computes a length that is far below CONTROL.
                header.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as usize;
                // SAFETY: the control buffer is aligned and large enough for one header and its data.
                unsafe {
                    let first = libc::CMSG_FIRSTHDR(header);
                    (*first).cmsg_level = libc::SOL_UDP;
                    (*first).cmsg_type = libc::UDP_SEGMENT;
                    (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
                    libc::CMSG_DATA(first).cast::<u16>().write_unaligned(piece.segment);
                }
            }
        }
        // SAFETY: the first headers, one a piece, describe live buffers that the kernel only reads.
        let count = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                pieces.len() as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count as usize) }
    }
}

fn set(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: pointer and length describe the same integer.
    let code = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Larger socket buffers than the system's limit, where we are allowed to.
pub fn force_buffers(socket: BorrowedFd<'_>, bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // Without the privilege the ordinary limit stays.
    let _ = set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes);
    let _ = set(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes);
}

/// Lets the kernel join datagrams of one sender into a train.
pub fn set_receive_offload(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
}

/// Datagrams are never cut on the way, and may be as large as the interface allows whatever was learnt of the path:
/// the ring probes itself.
pub fn set_probing(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    }
}

/// Keeps the errors that come back for datagrams, see [`read_refusals`].
pub fn set_error_queue(socket: BorrowedFd<'_>, v6: bool) -> io::Result<()> {
    if v6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)
    }
}

/// Empties the error queue; returns the addresses whose port refused a datagram.
pub fn read_refusals(socket: BorrowedFd<'_>) -> Vec<SocketAddr> {
    let mut refused = Vec::new();
    for _ in 0..256 {
        let mut body = [0u8; 64];
        let mut control = [Aligned([0; CONTROL]); 8];
        // SAFETY: zeroed structures are valid; pointers below are to live memory.
        let (mut name, mut vector, mut header): (libc::sockaddr_storage, libc::iovec, libc::msghdr) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        vector.iov_base = body.as_mut_ptr().cast();
        vector.iov_len = body.len();
        header.msg_name = (&raw mut name).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL * 8;
        // SAFETY: the header describes live buffers.
        let length = unsafe {
            libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
        };
        if length < 0 {
            break;
        }
        // SAFETY: the kernel filled the header; the control data is live.
        let errno = unsafe { queued_errno(&header) };
        if errno == Some(libc::ECONNREFUSED as u32)
            && let Some(to) = address(&name)
            && !refused.contains(&to)
        {
            refused.push(to);
        }
    }
    refused
}

/// # Safety
/// `header` was filled by the kernel and its control buffer is live.
unsafe fn queued_errno(header: &libc::msghdr) -> Option<u32> {
    // SAFETY: the macros walk the control data within `msg_controllen`.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: a control header inside the buffer.
        let control = unsafe { next.read_unaligned() };
        let v4 = control.cmsg_level == libc::IPPROTO_IP && control.cmsg_type == libc::IP_RECVERR;
        let v6 = control.cmsg_level == libc::IPPROTO_IPV6 && control.cmsg_type == libc::IPV6_RECVERR;
        if v4 || v6 {
            // SAFETY: the kernel puts a `sock_extended_err` here.
            let error = unsafe { libc::CMSG_DATA(next).cast::<libc::sock_extended_err>().read_unaligned() };
            return Some(error.ee_errno);
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}
