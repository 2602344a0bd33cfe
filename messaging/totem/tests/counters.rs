//! What a ring counts for people, against what a network on virtual time has really carried.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};

use holdfast_totem::config::{LinkAddress, LinkMode, MemberConfig};
use holdfast_totem::stats::{Flow, Group, PathCounters, Pause, Purpose, Statistics};
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Bytes, Config, Guarantee, Identity, Input, Key, NodeId, Output, Ring, quorum};

/// A datagram takes so long.
const WAY: u64 = 150;
const NODES: usize = 2;
const LINKS: usize = 2;
const TOKEN: Span = Span::millis(1_000);
/// When the world begins, by the wall clock.
const WALL: i64 = 1_700_000_000_000_000;

struct Parcel {
    due: u64,
    to: usize,
    link: u8,
    from: SocketAddr,
    bytes: Vec<u8>,
}

struct World {
    now: u64,
    rings: Vec<Ring>,
    mail: Vec<Parcel>,
    /// What went out of each node on each link, by purpose.
    sent: [[[(u64, u64); 3]; LINKS]; NODES],
    /// What came in.
    received: [[(u64, u64); LINKS]; NODES],
    /// Links on which nothing arrives.
    cut: Option<u8>,
    delivered: usize,
}

fn address(node: usize, link: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, link, u8::try_from(node + 1).unwrap()], 5405))
}

impl World {
    fn new(mode: LinkMode) -> World {
        let members: Vec<MemberConfig> = (0..NODES)
            .map(|n| MemberConfig {
                id: NodeId(u32::try_from(n + 1).unwrap()),
                name: format!("node{n}"),
                votes: 1,
                addresses: (0..2).map(|link| LinkAddress { link, address: address(n, link) }).collect(),
            })
            .collect();
        let now = 5_000_000;
        let ring = |n: usize| {
            let mut config = Config::new("counters", TOKEN, members.clone());
            config.require_progress = false;
            config.link_mode = mode;
            assert_eq!(config.links.len(), LINKS);
            let number = u8::try_from(n + 1).unwrap();
            let identity = Identity {
                node_id: NodeId(u32::from(number)),
                name: format!("node{n}"),
                boot_salt: [number; 32],
                boot_id: [number; 16],
                machine_id: [number; 16],
            };
            let key = Key::new(&[9; 128]).unwrap();
            Ring::new(config, key, identity, None, n as u64, Now::new(Instant(now), Wall(WALL)))
        };
        let mut world = World {
            now,
            rings: (0..NODES).map(ring).collect(),
            mail: Vec::new(),
            sent: Default::default(),
            received: Default::default(),
            cut: None,
            delivered: 0,
        };
        (0..NODES).for_each(|n| world.drain(n));
        world.pass(Span::secs(4));
        world
    }

    fn clock(&self) -> Now {
        Now::new(Instant(self.now), Wall(WALL + i64::try_from(self.now - 5_000_000).unwrap()))
    }

    fn input(&mut self, node: usize, input: Input<'_>) {
        let now = self.clock();
        self.rings[node].handle(now, input);
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let now = self.clock();
        while let Some(output) = self.rings[node].poll() {
            match output {
                Output::Send(send) => {
                    let IpAddr::V4(ip) = send.to.ip() else { panic!("all addresses are IPv4") };
                    let to = usize::from(ip.octets()[3]) - 1;
                    for bytes in send.datagrams() {
                        let sent = &mut self.sent[node][usize::from(send.link)][send.purpose as usize];
                        sent.0 += 1;
                        sent.1 += bytes.len() as u64;
                        let from = address(node, send.link);
                        let bytes = bytes.to_vec();
                        self.mail.push(Parcel { due: self.now + WAY, to, link: send.link, from, bytes });
                    }
                }
                Output::PersistRing { ticket, .. } => self.rings[node].handle(now, Input::Persisted(ticket)),
                Output::Deliver(_) => self.delivered += 1,
                _ => {}
            }
        }
    }

    fn pass(&mut self, time: Span) {
        let end = self.now + time.0;
        loop {
            let due = self.mail.iter().map(|parcel| parcel.due);
            let timers = self.rings.iter().filter_map(|ring| ring.deadline()).map(|(at, _)| at.0);
            let next = due.chain(timers).min().unwrap_or(end).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            if let Some(at) = self.mail.iter().position(|parcel| parcel.due <= next) {
                let Parcel { to, link, from, mut bytes, .. } = self.mail.remove(at);
                if self.cut != Some(link) {
                    let received = &mut self.received[to][usize::from(link)];
                    received.0 += 1;
                    received.1 += bytes.len() as u64;
                    self.input(to, Input::Datagram { link, from, bytes: &mut bytes });
                }
                continue;
            }
            for node in 0..NODES {
                if self.rings[node].deadline().is_some_and(|(at, _)| at.0 <= next) {
                    self.input(node, Input::Timer);
                }
            }
        }
        self.now = end;
    }

    fn say(&mut self, node: usize, bytes: usize) {
        let payload = Bytes::from(vec![7; bytes]);
        self.input(node, Input::Multicast { guarantee: Guarantee::Agreed, payload });
    }

    fn counters(&self, node: usize, link: u8) -> PathCounters {
        self.rings[node].peer_links().into_iter().find(|path| path.link == link).unwrap().counters
    }

    fn stats(&self, node: usize) -> Statistics {
        self.rings[node].statistics()
    }

    /// Everything counted is what the network carried.
    fn check(&self) {
        for node in 0..NODES {
            for link in 0..LINKS {
                let counters = self.counters(node, u8::try_from(link).unwrap());
                let Flow { data, ping, probe, .. } = counters.sent;
                let counted = [data, ping, probe].map(|traffic| (traffic.packets, traffic.bytes));
                assert_eq!(counted, self.sent[node][link], "sent by {node} on {link}");
                let total = counters.received.total();
                let real = self.received[node][link];
                assert_eq!((total.packets, total.bytes), real, "received by {node} on {link}");
            }
        }
    }
}

#[test]
fn datagrams_are_counted_where_they_go_and_come() {
    for mode in [LinkMode::Passive, LinkMode::Active, LinkMode::RoundRobin] {
        let mut world = World::new(mode);
        for number in 0..200 {
            // Some in one frame, some in many, in turns.
            world.say(number % NODES, [20, 20, 5_000, 100_000][number % 4]);
            world.pass(Span::millis(7));
        }
        assert_eq!(world.delivered, 200 * NODES);
        world.check();
        // Nobody takes a sign of life for data, or the other way round.
        for link in 0..2 {
            let (sent, received) = (world.counters(0, link).sent, world.counters(1, link).received);
            for (what, sent, received) in
                [("ping", sent.ping, received.ping), ("probe", sent.probe, received.probe)]
            {
                // The last one may be on its way, and copies on a second link are not looked into.
                assert!(sent.packets - received.packets <= 1, "{mode:?} {link} {what}");
                assert!(received.packets > 2, "{mode:?} {link} {what}");
            }
            assert!(sent.answers <= sent.ping.packets && received.answers + 1 >= sent.answers);
            assert!(received.answers > 10);
        }
    }
}

#[test]
fn paths_count_their_round_trips_and_how_often_they_went_down() {
    let mut world = World::new(LinkMode::Passive);
    for link in 0..2 {
        let counters = world.counters(0, link);
        assert_eq!((counters.up, counters.down), (1, 0));
        assert!(counters.samples > 10);
        assert_eq!(counters.round_trips, Some((Span(2 * WAY), Span(2 * WAY))));
    }
    let before = world.counters(0, 1);
    world.cut = Some(1);
    world.pass(Span::secs(2));
    let after = world.counters(0, 1);
    assert_eq!((after.up, after.down), (1, 1));
    assert!(after.sent.ping.packets > before.sent.ping.packets + 10, "it is asked all the time");
    assert_eq!(after.received.answers, before.received.answers, "nobody answers");
    assert_eq!(after.sent.answers, before.sent.answers + 1, "and there is nothing new to answer");
    world.cut = None;
    world.pass(Span::secs(30));
    let after = world.counters(0, 1);
    assert_eq!((after.up, after.down), (2, 1));
    assert_eq!(world.counters(0, 0).down, 0, "the other path stayed up");

    world.rings[0].not_sent(1, address(1, 1), Purpose::Ping, 3, 1);
    world.rings[0].not_sent(1, address(1, 0), Purpose::Ping, 9, 9);
    let trouble = world.counters(0, 1).trouble;
    assert_eq!((trouble.errors, trouble.retries), ([0, 3, 0], [0, 1, 0]));
    world.rings[0].clear_statistics(Group::Paths);
    assert_eq!(world.counters(0, 1), PathCounters::default());
    let stats = world.stats(0);
    assert_eq!((stats.sealed, stats.opened), (0, 0));
    assert_eq!(stats.rings_formed, world.stats(1).rings_formed, "other counters stay");
}

#[test]
fn what_the_ring_does_is_counted_on_both_sides() {
    let mut world = World::new(LinkMode::Passive);
    for number in 0..50 {
        world.say(number % 2, 300);
        world.pass(Span::millis(20));
    }
    let change = quorum::Change::ExpectedVotes(2);
    world.input(1, Input::Quorum(change));
    world.pass(Span::millis(500));
    let (a, b) = (world.stats(0), world.stats(1));
    for (one, other) in [(&a, &b), (&b, &a)] {
        assert_eq!(one.tokens, other.tokens_sent + u64::from(one.tokens > other.tokens_sent));
        assert_eq!(one.frames_received, other.frames_sent);
        assert_eq!(one.joins_received, other.joins_sent);
        assert_eq!(one.greetings_received, other.greetings_sent);
        assert_eq!(one.commit_messages_received, other.commit_messages_sent);
        assert_eq!(one.token_wanted_received, other.token_wanted_sent);
        assert_eq!((one.commits, one.recoveries), (one.rings_formed, one.rings_formed));
        assert_eq!(one.consensus_lost_now, 0);
        assert!(one.gathers >= one.rings_formed);
        assert_eq!(one.votes_sent.ballots, one.rings_formed);
        assert_eq!(one.votes_received.changes, 1);
        assert!(one.token_age.unwrap() >= Span::millis(400), "nothing was said for so long");
        assert!(one.free_frames > 1_000 && one.queued_messages == 0);
    }
    assert!(a.token_wanted_sent > 0 && b.token_wanted_sent > 0);
    assert_eq!((a.votes_sent.changes, b.votes_sent.changes), (0, 1));
    assert!(a.sealed >= a.frames_sent + a.tokens_sent && a.opened >= b.frames_sent + b.tokens_sent);

    world.rings[0].clear_statistics(Group::Ring);
    let cleared = world.stats(0);
    assert_eq!((cleared.tokens, cleared.frames_received, cleared.rings_formed), (0, 0, 0));
    assert_eq!((cleared.sealed, cleared.opened), (a.sealed, a.opened));
}

#[test]
fn the_last_pauses_are_kept() {
    let mut world = World::new(LinkMode::Passive);
    assert!(world.rings[0].pauses().is_empty());
    for late in 1..=12_u64 {
        // The process of one node stands still; what was sent to it waits.
        let (due, _) = world.rings[0].deadline().unwrap();
        world.now = due.0 + TOKEN.over(2).0 + late * 1_000;
        world.input(0, Input::Timer);
        world.input(1, Input::Timer);
        world.pass(Span::secs(8));
    }
    let pauses = world.rings[0].pauses();
    assert_eq!(pauses.len(), 10);
    let late = |pause: &Pause| pause.late.as_millis() - TOKEN.over(2).as_millis();
    assert_eq!(pauses.iter().map(late).collect::<Vec<_>>(), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    assert!(pauses.iter().all(|pause| pause.at.0 > WALL));
    world.rings[0].clear_statistics(Group::Pauses);
    assert!(world.rings[0].pauses().is_empty());
    assert_eq!(world.stats(0).pauses, 0);
}
