//! Real sockets on 127.0.0.1: what a port in use looks like, what the kernel does with trains of datagrams.

use super::*;
use crate::sys::{Outgoing, ReceiveBatch, SendBatch};
use std::net::SocketAddr;
use std::os::fd::AsFd;

pub(super) fn binding(number: u8, address: &str) -> LinkBinding {
    LinkBinding { number, bind: address.parse().unwrap(), multicast: None, ttl: 1, dscp: 0 }
}

#[test]
fn a_port_in_use_is_named_with_the_command_that_finds_its_user() {
    let first = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let taken = first.local_address().unwrap();
    let error = LinkSocket::bind(&binding(3, &taken.to_string())).unwrap_err().to_string();
    assert!(error.contains(&format!("port {} of 127.0.0.1 (link 3)", taken.port())), "{error}");
    assert!(error.contains("ss -lunp"), "{error}");
}

#[test]
fn a_bound_link_changes_its_group_without_letting_its_port_go() {
    let mut link = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let own = link.local_address().unwrap();
    let with = |group: &str, dscp| LinkBinding {
        multicast: Some(format!("{group}:{}", own.port()).parse().unwrap()),
        dscp,
        ..binding(0, &own.to_string())
    };
    for (group, dscp) in [("239.255.7.1", 0), ("239.255.7.2", 8), ("239.255.7.2", 10)] {
        link.change(&with(group, dscp)).unwrap();
        let joined = link.group.as_ref().unwrap().local_addr().unwrap().as_socket().unwrap();
        assert_eq!(joined.ip().to_string(), group);
        assert_eq!(link.local_address().unwrap(), own);
    }
    link.change(&binding(0, &own.to_string())).unwrap();
    assert!(link.group.is_none());
}

/// Sends trains and returns the datagrams that arrive, in order.
fn round_trip(trains: &[(Vec<u8>, usize)]) -> Vec<Vec<u8>> {
    let from = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let to = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let target: SocketAddr = to.local_address().unwrap();
    let outgoing: Vec<Outgoing<'_>> = trains
        .iter()
        .map(|(bytes, segment)| Outgoing { to: target, bytes, segment: *segment, tag: 0 })
        .collect();
    let mut send = SendBatch::default();
    send.send(from.socket.as_fd(), &outgoing);
    assert_eq!((send.dropped, &send.trouble[..]), (0, &[][..]));
    let mut receive = ReceiveBatch::default();
    let mut datagrams = Vec::new();
    // On the loopback device a datagram is there when the send returns.
    loop {
        let more = receive.receive(to.socket.as_fd()).unwrap();
        for train in receive.arrived() {
            assert_eq!(train.from, from.local_address().unwrap());
            datagrams.extend(train.bytes.chunks(train.segment).map(<[u8]>::to_vec));
        }
        if !more {
            break;
        }
    }
    datagrams
}

#[test]
fn trains_arrive_as_the_datagrams_that_were_sent() {
    let train = |length: usize, segment: usize| {
        ((0..length).map(|i| (i * 7 + segment) as u8).collect::<Vec<u8>>(), segment)
    };
    let trains = vec![
        train(10, 10),
        train(1, 1400),
        train(1400 * 45 + 13, 1400),
        train(1452 * 200, 1452),
        train(64 * 70, 64),
    ];
    let expected: Vec<Vec<u8>> =
        trains.iter().flat_map(|(bytes, segment)| bytes.chunks(*segment).map(<[u8]>::to_vec)).collect();
    let got = round_trip(&trains);
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}

#[test]
fn a_refused_datagram_is_reported_with_its_address() {
    let from = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let gone = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap().local_address().unwrap();
    let mut send = SendBatch::default();
    send.send(from.socket.as_fd(), &[Outgoing { to: gone, bytes: b"anybody there?", segment: 14, tag: 7 }]);
    assert_eq!(crate::sys::read_refusals(from.socket.as_fd()), [gone]);
}

#[test]
fn what_the_kernel_does_not_send_is_named() {
    let from = LinkSocket::bind(&binding(0, "127.0.0.1:0")).unwrap();
    let to = from.local_address().unwrap();
    let mut send = SendBatch::default();
    // Another family than the socket's.
    let strange = "[::1]:9".parse().unwrap();
    let wrong = Outgoing { to: strange, bytes: b"nobody", segment: 6, tag: 3 };
    let fine = || Outgoing { to, bytes: b"fine", segment: 4, tag: 1 };
    send.send(from.socket.as_fd(), &[fine(), wrong, fine()]);
    let trouble: Vec<_> = send.trouble.iter().map(|t| (t.tag, t.errors, t.retries)).collect();
    assert_eq!(trouble, [(3, 1, 0)]);
    assert_eq!((send.dropped, send.failing), (1, 0), "the last call sent something");
}
