//! How long a message takes on a ring at rest, on virtual time: what the last user of the token sends needs one way,
//! and the token that stays with it is there for whoever asks.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};

use holdfast_totem::config::{LinkAddress, MemberConfig};
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Bytes, Config, Guarantee, Identity, Input, Key, NodeId, Output, Ring};

/// A datagram takes so long.
const WAY: u64 = 50;
const NODES: usize = 3;

struct World {
    now: u64,
    rings: Vec<Ring>,
    /// Due, for whom, from where, what; in the order of sending.
    mail: Vec<(u64, usize, SocketAddr, Vec<u8>)>,
    /// When which node delivered what.
    delivered: Vec<(u64, usize, u8)>,
    members: usize,
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node + 1).unwrap()], 5405))
}

impl World {
    /// Three nodes that have formed a ring, then a second in which nothing happened.
    fn at_rest() -> World {
        let members: Vec<MemberConfig> = (0..NODES)
            .map(|n| MemberConfig {
                id: NodeId(u32::try_from(n + 1).unwrap()),
                name: format!("node{n}"),
                votes: 1,
                addresses: vec![LinkAddress { link: 0, address: address(n) }],
            })
            .collect();
        let now = 5_000_000;
        let rings = (0..NODES).map(|n| {
            let mut config = Config::new("stay", Span::millis(1_000), members.clone());
            config.require_progress = false;
            let number = u8::try_from(n + 1).unwrap();
            let identity = Identity {
                node_id: NodeId(u32::from(number)),
                name: format!("node{n}"),
                boot_salt: [number; 32],
                boot_id: [number; 16],
                machine_id: [number; 16],
            };
            let key = Key::new(&[9; 128]).unwrap();
            Ring::new(config, key, identity, None, n as u64, Now::new(Instant(now), Wall(0)))
        });
        let rings = rings.collect();
        let mut world = World { now, rings, mail: Vec::new(), delivered: Vec::new(), members: 0 };
        (0..NODES).for_each(|n| world.drain(n));
        world.pass(Span::secs(4));
        assert_eq!(world.members, NODES, "the ring is formed");
        world
    }

    fn input(&mut self, node: usize, input: Input<'_>) {
        self.rings[node].handle(Now::new(Instant(self.now), Wall(0)), input);
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let now = Now::new(Instant(self.now), Wall(0));
        while let Some(output) = self.rings[node].poll() {
            match output {
                Output::Send(send) => {
                    let IpAddr::V4(ip) = send.to.ip() else { panic!("all addresses are IPv4") };
                    let to = usize::from(ip.octets()[3]) - 1;
                    for bytes in send.datagrams() {
                        self.mail.push((self.now + WAY, to, address(node), bytes.to_vec()));
                    }
                }
                Output::PersistRing { ticket, .. } => self.rings[node].handle(now, Input::Persisted(ticket)),
                Output::Deliver(message) => self.delivered.push((self.now, node, message.payload[0])),
                Output::View(view) => self.members = view.members.len(),
                _ => {}
            }
        }
    }

    /// Lets this time pass.
    fn pass(&mut self, time: Span) {
        let end = self.now + time.0;
        loop {
            let mail = self.mail.iter().map(|(at, ..)| *at).min();
            let timer = self.rings.iter().filter_map(|ring| ring.deadline()).map(|(at, _)| at.0).min();
            let Some(next) = mail.into_iter().chain(timer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if let Some(first) = self.mail.iter().position(|(at, ..)| *at <= self.now) {
                let (_, to, from, mut bytes) = self.mail.remove(first);
                self.input(to, Input::Datagram { link: 0, from, bytes: &mut bytes });
            } else {
                let due: Vec<usize> = (0..NODES)
                    .filter(|n| self.rings[*n].deadline().is_some_and(|(at, _)| at.0 <= self.now))
                    .collect();
                due.into_iter().for_each(|node| self.input(node, Input::Timer));
            }
        }
        self.now = end;
    }

    fn multicast(&mut self, node: usize, content: u8) {
        let payload = Bytes::from(vec![content]);
        self.input(node, Input::Multicast { guarantee: Guarantee::Agreed, payload });
    }

    /// How long after `since` the last node had a message.
    fn took(&self, content: u8, since: u64) -> u64 {
        let times: Vec<u64> =
            self.delivered.iter().filter(|(.., what)| *what == content).map(|(at, ..)| at - since).collect();
        assert_eq!(times.len(), NODES, "every node delivers message {content} once: {:?}", self.delivered);
        times.into_iter().max().unwrap()
    }
}

#[test]
fn messages_of_the_last_user_need_one_way() {
    for node in 0..NODES {
        let mut world = World::at_rest();
        world.multicast(node, 1);
        world.pass(Span::secs(1));
        // The second comes to a ring at rest, the third while the token stays for it, the fourth at rest again.
        for (content, pause) in [(2, Span::micros(500)), (3, Span::millis(100)), (4, Span::millis(1))] {
            let sent = world.now;
            world.multicast(node, content);
            world.pass(pause);
            assert_eq!(world.took(content, sent), WAY, "message {content} of node {node}");
        }
    }
}

#[test]
fn a_token_that_stays_goes_to_who_asks_for_it() {
    for (user, other) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        let mut world = World::at_rest();
        world.multicast(user, 1);
        world.pass(Span::secs(1));
        world.multicast(user, 2);
        world.pass(Span::micros(300));
        let sent = world.now;
        world.multicast(other, 3);
        world.pass(Span::millis(100));
        let took = world.took(3, sent);
        // One way to ask, at most two for the token, one for the message.
        assert!(took <= 4 * WAY, "{took} us from node {user} to node {other}");
    }
}
