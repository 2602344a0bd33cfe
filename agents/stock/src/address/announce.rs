//! Tells the neighbours on the link that an address has moved here.

use super::settings::Settings;
use crate::netlink::Netlink;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// Announces so many times with the configured pause. What fails is said once and is no fault of the resource:
/// neighbours learn of the move by themselves, only later.
pub fn repeat(net: &mut Netlink, settings: &Settings, times: u64) {
    for number in 0..times {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(settings.pause));
        }
        if let Err(error) = once(net, settings) {
            eprintln!("cannot announce {}: {error}", settings.ip);
            return;
        }
    }
}

fn once(net: &mut Netlink, settings: &Settings) -> std::io::Result<()> {
    let all = net.addresses()?;
    let Some(entry) = all.iter().find(|e| e.address == settings.ip) else {
        return Ok(());
    };
    let Some(hardware) = net.hardware(entry.link)? else {
        return Ok(());
    };
    match settings.ip {
        IpAddr::V4(ip) => {
            // A request and a reply: some neighbours listen to one kind only.
            crate::sys::broadcast_arp(entry.link, &arp(1, hardware, ip))?;
            crate::sys::broadcast_arp(entry.link, &arp(2, hardware, ip))
        }
        IpAddr::V6(ip) => advertise(entry.link, hardware, ip),
    }
}

/// An ARP packet in which sender and target are the moved address.
fn arp(operation: u16, hardware: [u8; 6], ip: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4];
    packet.extend_from_slice(&operation.to_be_bytes());
    packet.extend_from_slice(&hardware);
    packet.extend_from_slice(&ip.octets());
    packet.extend_from_slice(if operation == 1 { &[0; 6] } else { &hardware });
    packet.extend_from_slice(&ip.octets());
    packet
}

/// An unsolicited neighbour advertisement with the override flag.
fn advertise(link: u32, hardware: [u8; 6], ip: Ipv6Addr) -> std::io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET6,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(ipproto::ICMPV6),
    )?;
    rustix::net::sockopt::set_ipv6_multicast_hops(&socket, 255)?;
    rustix::net::bind(&socket, &SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, link)))?;
    let mut packet = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    packet.extend_from_slice(&ip.octets());
    packet.extend_from_slice(&[2, 1]);
    packet.extend_from_slice(&hardware);
    let everybody = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), 0, 0, link));
    rustix::net::sendto(&socket, &packet, SendFlags::empty(), &everybody)?;
    Ok(())
}
