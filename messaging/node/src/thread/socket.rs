//! The UDP sockets of one link: bound to this node's address, and to the group where multicast is used.

use crate::sys;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// Bytes that the kernel may hold for us on each socket.
const BUFFER: usize = 8 << 20;

/// What a socket must be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkBinding {
    /// Link number, 0 to 7.
    pub number: u8,
    pub bind: SocketAddr,
    /// Group or broadcast address that is listened to as well.
    pub multicast: Option<SocketAddr>,
    /// Time to live of multicast datagrams.
    pub ttl: u8,
    /// Differentiated services code point.
    pub dscp: u8,
}

/// Why a socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "port {port} of {address} (link {link}) is used by another program; find it with: ss -lunp 'sport = :{port}'"
    )]
    PortInUse { link: u8, address: IpAddr, port: u16 },
    #[error("this machine does not have the address {address} of link {link}; compare with: ip address")]
    NoSuchAddress { link: u8, address: IpAddr },
    #[error("cannot open link {link} on {address}: {source}")]
    Io { link: u8, address: SocketAddr, source: io::Error },
}

/// The sockets of one link.
#[derive(Debug)]
pub struct LinkSocket {
    pub(super) binding: LinkBinding,
    /// Sends, and receives what is addressed to us.
    pub(super) socket: Socket,
    /// Receives what is addressed to the group.
    pub(super) group: Option<Socket>,
}

impl LinkSocket {
    /// Binds.
    ///
    /// # Errors
    /// When the port is taken or the kernel refuses something that the link needs.
    pub fn bind(binding: &LinkBinding) -> Result<LinkSocket, BindError> {
        let explain = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::PortInUse {
                link: binding.number,
                address: binding.bind.ip(),
                port: binding.bind.port(),
            },
            io::ErrorKind::AddrNotAvailable => {
                BindError::NoSuchAddress { link: binding.number, address: binding.bind.ip() }
            }
            _ => BindError::Io { link: binding.number, address: binding.bind, source },
        };
        let socket = open(binding).map_err(explain)?;
        let group = match binding.multicast {
            Some(group) => Some(open_group(binding, group, &socket).map_err(explain)?),
            None => None,
        };
        Ok(LinkSocket { binding: binding.clone(), socket, group })
    }

    /// Takes a changed binding of the same address: another number, group, time to live or code point. What is
    /// addressed to us goes on being received meanwhile.
    ///
    /// # Errors
    /// When the new group cannot be joined; then everything stays as it was.
    pub fn change(&mut self, binding: &LinkBinding) -> io::Result<()> {
        let group = match binding.multicast {
            Some(group) if self.binding.multicast == Some(group) && self.binding.ttl == binding.ttl => None,
            Some(group) => Some(open_group(binding, group, &self.socket)?),
            None => None,
        };
        if binding.bind.is_ipv6() {
            self.socket.set_tclass_v6(u32::from(binding.dscp) << 2)?;
        } else {
            self.socket.set_tos_v4(u32::from(binding.dscp) << 2)?;
        }
        if group.is_some() || binding.multicast.is_none() {
            self.group = group;
        }
        self.binding = binding.clone();
        Ok(())
    }

    /// The address in use; tells the port where 0 was asked for.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an internet address"))
    }
}

fn open(binding: &LinkBinding) -> io::Result<Socket> {
    let v6 = binding.bind.is_ipv6();
    let socket = Socket::new(Domain::for_address(binding.bind), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // A second daemon on this address must fail, and an address that comes later must not.
    if v6 {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
        socket.set_tclass_v6(u32::from(binding.dscp) << 2)?;
    } else {
        socket.set_freebind_v4(true)?;
        socket.set_tos_v4(u32::from(binding.dscp) << 2)?;
    }
    // What the system allows is enough to start with; root gets more below.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    sys::force_buffers(socket.as_fd(), BUFFER);
    // Older kernels lack some of these; each only saves time.
    let _ = sys::set_receive_offload(socket.as_fd());
    let _ = sys::set_probing(socket.as_fd(), v6);
    let _ = sys::set_error_queue(socket.as_fd(), v6);
    socket.bind(&binding.bind.into())?;
    Ok(socket)
}

fn open_group(binding: &LinkBinding, group: SocketAddr, sender: &Socket) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Several clusters and nodes of one machine may listen to one group.
    socket.set_reuse_address(true)?;
    sys::force_buffers(socket.as_fd(), BUFFER);
    let _ = sys::set_receive_offload(socket.as_fd());
    match (group.ip(), binding.bind.ip()) {
        (IpAddr::V4(address), IpAddr::V4(own)) if address.is_multicast() => {
            socket.bind(&group.into())?;
            socket.join_multicast_v4(&address, &own)?;
            socket.set_multicast_all_v4(false)?;
            sender.set_multicast_if_v4(&own)?;
            sender.set_multicast_ttl_v4(u32::from(binding.ttl))?;
        }
        (IpAddr::V6(address), IpAddr::V6(_)) => {
            let scope = match binding.bind {
                SocketAddr::V6(v6) => v6.scope_id(),
                SocketAddr::V4(_) => 0,
            };
            socket.set_only_v6(true)?;
            socket.bind(&group.into())?;
            socket.join_multicast_v6(&address, scope)?;
            sender.set_multicast_if_v6(scope)?;
            sender.set_multicast_hops_v6(u32::from(binding.ttl))?;
        }
        _ => {
            sender.set_broadcast(true)?;
            socket.bind(&group.into())?;
        }
    }
    Ok(socket)
}
