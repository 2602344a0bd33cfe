//! Copies of a machine, on virtual time: with its address at both hosts, of which neighbours reach one; on a machine
//! that lacks the address; and what must not be taken for a copy.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use holdfast_totem::config::{LinkAddress, MemberConfig};
use holdfast_totem::io::{Duplicate, LeaveReason};
use holdfast_totem::log::Event;
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Config, Identity, Input, Key, NodeId, Output, Phase, Ring, ViewKind};

/// A datagram takes so long.
const WAY: u64 = 200;

struct Host {
    ring: Option<Ring>,
    id: u32,
    members: Vec<u32>,
    views: u32,
    quorate: bool,
    said: Vec<(u64, Event)>,
    duplicates: Vec<(u64, Duplicate)>,
    left: Option<LeaveReason>,
}

struct World {
    now: u64,
    hosts: Vec<Host>,
    mail: VecDeque<(u64, usize, SocketAddr, Vec<u8>)>,
    /// Which host the network takes for the holder of each node's address.
    holders: [usize; 3],
    nodes: u32,
}

fn address(node: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap()], 5405))
}

impl World {
    fn new(nodes: u32) -> World {
        World { now: 5_000_000, hosts: Vec::new(), mail: VecDeque::new(), holders: [0; 3], nodes }
    }

    /// Starts a daemon as node `id` in a boot of its machine; the number of the host.
    fn start(&mut self, id: u32, boot: u8) -> usize {
        let host = self.hosts.len();
        self.hosts.push(Host {
            ring: None,
            id,
            members: Vec::new(),
            views: 0,
            quorate: false,
            said: Vec::new(),
            duplicates: Vec::new(),
            left: None,
        });
        self.holders[id as usize] = host;
        let members = (1..=self.nodes)
            .map(|n| MemberConfig {
                id: NodeId(n),
                name: format!("node{n}"),
                votes: 1,
                addresses: vec![LinkAddress { link: 0, address: address(n) }],
            })
            .collect();
        let mut config = Config::new("copies", Span::millis(1_000), members);
        config.require_progress = false;
        config.quorum.two_node = self.nodes == 2;
        config.quorum.wait_for_all = Some(false);
        let identity = Identity {
            node_id: NodeId(id),
            name: format!("node{id}"),
            boot_salt: [u8::try_from(host).unwrap() + 1; 32],
            boot_id: [boot; 16],
            // Copied with the disk.
            machine_id: [u8::try_from(id).unwrap(); 16],
        };
        let key = Key::new(&[9; 128]).unwrap();
        let seed = host as u64;
        self.hosts[host].ring = Some(Ring::new(config, key, identity, None, seed, self.clock(host)));
        host
    }

    /// Every machine counts its time from its own start.
    fn clock(&self, host: usize) -> Now {
        Now::new(Instant(self.now + 77_000_000 * host as u64), Wall(0))
    }

    fn input(&mut self, host: usize, input: Input<'_>) {
        let now = self.clock(host);
        if let Some(ring) = &mut self.hosts[host].ring {
            ring.handle(now, input);
        }
        self.drain(host);
    }

    fn drain(&mut self, host: usize) {
        let now = self.clock(host);
        let from = address(self.hosts[host].id);
        while let Some(output) = self.hosts[host].ring.as_mut().and_then(Ring::poll) {
            let this = &mut self.hosts[host];
            match output {
                Output::Send(send) => {
                    for bytes in send.datagrams() {
                        let node = usize::from(match send.to.ip() {
                            IpAddr::V4(ip) => ip.octets()[3],
                            IpAddr::V6(_) => 0,
                        });
                        let to = self.holders[node];
                        self.mail.push_back((self.now + WAY, to, from, bytes.to_vec()));
                    }
                }
                Output::PersistRing { ticket, .. } => {
                    if let Some(ring) = &mut this.ring {
                        ring.handle(now, Input::Persisted(ticket));
                    }
                }
                Output::View(view) if view.kind == ViewKind::Regular => {
                    this.members = view.members.iter().map(|m| m.id.0).collect();
                    this.quorate = view.quorum.quorate;
                    this.views += 1;
                }
                Output::Quorum(status) => this.quorate = status.quorate,
                Output::DuplicateIdentity(duplicate) => this.duplicates.push((self.now, duplicate)),
                Output::Log(event) => {
                    // The driver announces the address of a link on which a peer falls silent.
                    if matches!(event, Event::LinkDown { .. }) {
                        self.holders[this.id as usize] = host;
                    }
                    this.said.push((self.now, event));
                }
                Output::Left(why) => this.left = Some(why),
                _ => {}
            }
        }
        if self.hosts[host].left.is_some() {
            self.hosts[host].ring = None;
        }
    }

    fn run(&mut self, millis: u64) {
        let end = self.now + millis * 1_000;
        while self.now < end {
            self.now += 100;
            while self.mail.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, to, from, mut bytes) = self.mail.pop_front().unwrap();
                self.input(to, Input::Datagram { link: 0, from, bytes: &mut bytes });
            }
            for host in 0..self.hosts.len() {
                let now = self.clock(host).mono;
                let due = self.hosts[host].ring.as_ref().and_then(Ring::deadline);
                if due.is_some_and(|(at, _)| at <= now) {
                    self.input(host, Input::Timer);
                }
            }
        }
    }

    fn formed() -> World {
        let mut world = World::new(2);
        world.start(1, 1);
        world.start(2, 2);
        world.run(3_000);
        assert_eq!((&world.hosts[0].members[..], &world.hosts[1].members[..]), (&[1, 2][..], &[1, 2][..]));
        world
    }

    /// Host 2 is a copy of host 0: it must end and both must be named within two seconds.
    fn refused(&mut self, begin: u64, boots: [u8; 2]) {
        let (at, named) = self.hosts[1].duplicates.first().expect("the member names both").clone();
        assert!(at - begin <= 2_000_000, "named after {} us", at - begin);
        assert_eq!((named.node, named.ours), (NodeId(1), false));
        assert_eq!([named.incumbent.boot_id, named.newcomer.boot_id], boots.map(|b| [b; 16]));
        let Some(LeaveReason::Duplicate(ours)) = &self.hosts[2].left else {
            panic!("the copy goes on: {:?}", self.hosts[2].said)
        };
        assert!(ours.ours);
        assert_eq!([ours.incumbent.boot_id, ours.newcomer.boot_id], boots.map(|b| [b; 16]));
        let told = self.hosts[2].said.iter().find(|(_, event)| matches!(event, Event::Duplicate(_)));
        let (at, text) = told.expect("the copy says why it ends");
        assert!(at - begin <= 2_000_000, "the copy was told after {} us", at - begin);
        for wanted in ["node1 at 10.0.0.1", "machine-id", "boot id", "/etc/machine-id"] {
            assert!(text.to_string().contains(wanted), "{wanted} in: {text}");
        }
        self.run(5_000);
        assert_eq!((&self.hosts[0].members[..], &self.hosts[1].members[..]), (&[1, 2][..], &[1, 2][..]));
        assert!(self.hosts[0].left.is_none() && self.hosts[0].quorate && self.hosts[1].quorate);
        assert!(self.hosts[2].members.len() < 2, "the copy was never in a ring with others");
    }
}

#[test]
fn an_exact_clone_with_the_same_address_is_refused_and_the_ring_stays() {
    let mut world = World::formed();
    let views = world.hosts[0].views + world.hosts[1].views;
    let begin = world.now;
    // From its first packet on the network brings it what is meant for the first.
    world.start(1, 3);
    world.run(2_000);
    world.refused(begin, [1, 3]);
    assert_eq!(world.hosts[0].views + world.hosts[1].views, views, "no change of the membership");
}

/// Two containers of one kernel have one boot id: the copy looks like a restart at first.
#[test]
fn a_clone_within_one_boot_is_refused() {
    let mut world = World::formed();
    let begin = world.now;
    world.start(1, 1);
    world.run(400);
    let (at, named) = world.hosts[1].duplicates.first().expect("the member names both").clone();
    assert!(at - begin <= 2_000_000 && !named.ours);
    world.run(5_000);
    assert!(matches!(world.hosts[2].left, Some(LeaveReason::Duplicate(_))), "{:?}", world.hosts[2].said);
    assert_eq!((&world.hosts[0].members[..], &world.hosts[1].members[..]), (&[1, 2][..], &[1, 2][..]));
}

#[test]
fn a_restart_is_no_duplicate_and_is_back_at_once() {
    for boot in [1, 9] {
        let mut world = World::formed();
        world.hosts[0].ring = None;
        world.run(if boot == 1 { 60 } else { 5_000 });
        let again = world.start(1, boot);
        world.run(500);
        assert_eq!(world.hosts[again].members, [1, 2], "boot {boot}");
        world.run(5_000);
        assert!(world.hosts.iter().all(|host| host.duplicates.is_empty() && host.left.is_none()));
        assert_eq!(world.hosts[1].members, [1, 2]);
    }
}

/// The power of a machine goes and comes faster than the others notice: a new boot, and nobody of the old one speaks.
#[test]
fn a_very_fast_reboot_is_no_duplicate() {
    let mut world = World::formed();
    world.hosts[0].ring = None;
    world.run(100);
    let again = world.start(1, 9);
    world.run(1_500);
    assert_eq!(world.hosts[again].members, [1, 2]);
    assert!(world.hosts.iter().all(|host| host.duplicates.is_empty() && host.left.is_none()));
}

fn ips(list: &[[u8; 4]]) -> Vec<IpAddr> {
    list.iter().map(|octets| IpAddr::from(*octets)).collect()
}

#[test]
fn a_node_without_its_address_forms_nothing_and_goes_on_when_it_comes() {
    for nodes in [1, 2] {
        let mut world = World::new(nodes);
        let host = world.start(1, 1);
        world.input(host, Input::Addresses(ips(&[[127, 0, 0, 1], [10, 0, 0, 3]])));
        world.run(10_000);
        let this = &world.hosts[host];
        assert!(this.members.is_empty() && this.views == 0 && !this.quorate, "{nodes} nodes: a view alone");
        assert_eq!(this.ring.as_ref().unwrap().phase(), Phase::Gather);
        let said: Vec<String> = this
            .said
            .iter()
            .filter(|(_, e)| matches!(e, Event::AddressMissing { .. }))
            .map(|(_, e)| e.to_string())
            .collect();
        assert_eq!(said.len(), 1, "{said:?}");
        for wanted in ["node 1 (node1)", "10.0.0.1", "this machine has 10.0.0.3", "/etc/machine-id"] {
            assert!(said[0].contains(wanted), "{wanted} in: {}", said[0]);
        }
        // Another address changes nothing.
        world.input(host, Input::Addresses(ips(&[[10, 0, 0, 3], [10, 0, 0, 4]])));
        world.run(1_000);
        assert_eq!(world.hosts[host].views, 0);
        world.input(host, Input::Addresses(ips(&[[10, 0, 0, 3], [10, 0, 0, 1]])));
        world.run(1_000);
        assert_eq!(world.hosts[host].members, [1]);
        assert!(world.hosts[host].quorate);
        // What works in a ring does not stop for an interface that goes and comes.
        world.input(host, Input::Addresses(ips(&[[10, 0, 0, 3]])));
        world.run(3_000);
        assert!(world.hosts[host].quorate && world.hosts[host].views == 1);
    }
}

#[test]
fn a_node_that_waits_for_its_address_can_be_told_to_leave() {
    let mut world = World::new(2);
    let host = world.start(1, 1);
    world.input(host, Input::Addresses(ips(&[[10, 0, 0, 3]])));
    world.run(1_000);
    world.input(host, Input::Leave);
    world.run(100);
    assert_eq!(world.hosts[host].left, Some(LeaveReason::Asked));
}
