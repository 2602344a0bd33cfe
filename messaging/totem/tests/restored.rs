//! Machines that go on from a saved state of themselves: the core is deterministic, so a second run with the same inputs
//! up to a moment is what a snapshot of that moment would be. Whatever such a copy does, no key and counter of the
//! original seals anything again.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use holdfast_totem::config::{LinkAddress, MemberConfig};
use holdfast_totem::io::LeaveReason;
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{
    Bytes, Config, Guarantee, Identity, Input, Key, NodeId, Output, Phase, Ring, View, ViewKind,
};

/// A datagram takes so many microseconds.
const WAY: u64 = 200;
/// When the machine is saved.
const SAVED: u64 = 1_500_000;

/// What tells the nonce of a sealed datagram: key tag, boot, counter.
type Nonce = [u8; 16];

struct Pair {
    now: u64,
    rings: [Ring; 2],
    frozen: bool,
    mail: VecDeque<(u64, usize, Vec<u8>)>,
    /// Of everything that the first node has sealed, with the time.
    sealed: Vec<(u64, Nonce)>,
    views: Vec<View>,
    left: Option<LeaveReason>,
}

fn address(node: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node], 5405))
}

fn ring(node: u8, run: u8, now: u64) -> Ring {
    let member = |n: u8| MemberConfig {
        id: NodeId(u32::from(n)),
        name: format!("node{n}"),
        votes: 1,
        addresses: vec![LinkAddress { link: 0, address: address(n) }],
    };
    let mut config = Config::new("saved", Span::secs(1), vec![member(1), member(2)]);
    config.require_progress = false;
    config.quorum.two_node = true;
    config.quorum.wait_for_all = Some(false);
    let identity = Identity {
        node_id: NodeId(u32::from(node)),
        name: format!("node{node}"),
        boot_salt: [node * 16 + run; 32],
        boot_id: [node; 16],
        machine_id: [node; 16],
    };
    let key = Key::new(&[5; 128]).unwrap();
    Ring::new(config, key, identity, None, u64::from(node), Now::new(Instant(now), Wall(0)))
}

impl Pair {
    fn new() -> Pair {
        let now = 1_000_000;
        let mut pair = Pair {
            now,
            rings: [ring(1, 1, now), ring(2, 1, now)],
            frozen: false,
            mail: VecDeque::new(),
            sealed: Vec::new(),
            views: Vec::new(),
            left: None,
        };
        pair.drain(0);
        pair.drain(1);
        pair
    }

    fn drain(&mut self, host: usize) {
        let now = Now::new(Instant(self.now), Wall(0));
        while let Some(output) = self.rings[host].poll() {
            match output {
                Output::Send(send) => {
                    for bytes in send.datagrams() {
                        // A sealed datagram: tag, sender, boot and counter stand in its header.
                        if host == 0 && bytes[2] == 2 {
                            let mut nonce = [0; 16];
                            nonce[..4].copy_from_slice(&bytes[4..8]);
                            nonce[4..].copy_from_slice(&bytes[12..24]);
                            self.sealed.push((self.now, nonce));
                        }
                        self.mail.push_back((self.now + WAY, 1 - host, bytes.to_vec()));
                    }
                }
                Output::PersistRing { ticket, .. } => self.rings[host].handle(now, Input::Persisted(ticket)),
                Output::View(view) if host == 1 && view.kind == ViewKind::Regular => self.views.push(view),
                Output::Left(why) if host == 0 => self.left = Some(why),
                _ => {}
            }
        }
    }

    fn input(&mut self, host: usize, input: Input<'_>) {
        self.rings[host].handle(Now::new(Instant(self.now), Wall(0)), input);
        self.drain(host);
    }

    /// Runs until then; the first node says something every ten milliseconds.
    fn run(&mut self, until: u64, word: u8) {
        let mut say_at = (self.now / 10_000 + 1) * 10_000;
        while self.now < until {
            let runs = |host: usize| host == 1 || !self.frozen;
            let deadline =
                |host: usize| self.rings[host].deadline().filter(|_| runs(host)).map(|(at, _)| at.0);
            let mail = self.mail.front().map(|(at, ..)| *at);
            let next = [Some(until), Some(say_at), deadline(0), deadline(1), mail];
            self.now = self.now.max(next.into_iter().flatten().min().unwrap());
            while self.mail.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, to, mut bytes) = self.mail.pop_front().unwrap();
                if to == 1 || !self.frozen {
                    let from = address(u8::try_from(2 - to).unwrap());
                    self.input(to, Input::Datagram { link: 0, from, bytes: &mut bytes });
                }
            }
            for host in 0..2 {
                let due = self.rings[host].deadline().is_some_and(|(at, _)| at.0 <= self.now);
                if due && (host == 1 || !self.frozen) {
                    self.input(host, Input::Timer);
                }
            }
            if say_at <= self.now {
                say_at += 10_000;
                if !self.frozen {
                    let payload = Bytes::from(vec![word; 100]);
                    self.input(0, Input::Multicast { guarantee: Guarantee::Agreed, payload });
                }
            }
        }
    }

    fn together(&self) -> bool {
        let whole = |ring: &Ring| {
            ring.phase() == Phase::Operational && ring.view().is_some_and(|v| v.members.len() == 2)
        };
        self.rings.iter().all(whole)
    }

    /// Nonces of the first node from the moment of the snapshot on.
    fn later(&self) -> BTreeSet<Nonce> {
        self.sealed.iter().filter(|(at, _)| *at > SAVED).map(|(_, nonce)| *nonce).collect()
    }
}

/// The machine goes on from its saved state after so long, and is told of the pause or not.
fn copy(pause: u64, chance: Option<u64>) -> Pair {
    let mut pair = Pair::new();
    pair.run(SAVED, 1);
    pair.frozen = true;
    pair.run(SAVED + pause, 1);
    pair.frozen = false;
    if let Some(chance) = chance {
        pair.input(0, Input::Resumed { chance });
    }
    pair.run(SAVED + pause + 3_000_000, 2);
    pair
}

#[test]
fn a_copy_that_goes_on_after_a_pause_repeats_no_counter() {
    let mut original = Pair::new();
    original.run(SAVED, 1);
    let shared = original.sealed.len();
    original.run(6_000_000, 1);
    assert!(original.together() && shared > 20);
    for pause in [600_000, 2_000_000] {
        let untold = copy(pause, None);
        assert_eq!(untold.sealed[..shared], original.sealed[..shared], "the copy is a copy");
        // What the rule is for: a copy that does not know of its pause repeats what the original did.
        assert!(!untold.later().is_disjoint(&original.later()));
        let copies = [copy(pause, Some(0x0123_4567_89ab_cdef)), copy(pause, Some(0xfedc_ba98_7654_3210))];
        for told in &copies {
            assert!(told.together(), "it is heard as before");
            assert!(told.later().is_disjoint(&original.later()), "pause of {pause}");
        }
        assert!(copies[0].later().is_disjoint(&copies[1].later()), "two copies of one snapshot");
    }
}

#[test]
fn a_restored_machine_says_nothing_and_comes_back_as_another_run() {
    let mut pair = Pair::new();
    pair.run(SAVED, 1);
    assert!(pair.together());
    let now = Now::new(Instant(pair.now), Wall(0));
    // Something waits to be sent.
    for _ in 0..3 {
        let payload = Bytes::from(vec![7; 900]);
        pair.rings[0].handle(now, Input::Multicast { guarantee: Guarantee::Safe, payload });
    }
    let before = pair.sealed.len();
    pair.input(0, Input::Restored);
    assert_eq!((pair.left.clone(), pair.rings[0].deadline()), (Some(LeaveReason::Restored), None));
    pair.run(SAVED + 100_000, 1);
    assert_eq!(pair.sealed.len(), before, "not a word");
    let now = pair.now;
    pair.rings[0] = ring(1, 2, now);
    pair.drain(0);
    pair.run(now + 1_000_000, 1);
    assert!(pair.together());
    // The run that is gone has left without a goodbye, and the new one has joined.
    let since = pair.views.iter().skip_while(|view| !view.left.contains(&NodeId(1))).collect::<Vec<_>>();
    assert!(since.iter().all(|view| view.left_cleanly.is_empty()));
    assert!(since.last().is_some_and(|view| view.joined == [NodeId(1)]), "{since:?}");
    let (old, new): (Vec<_>, Vec<_>) = pair.sealed.iter().partition(|(at, _)| *at <= SAVED);
    let boots = |part: &[&(u64, Nonce)]| part.iter().map(|(_, n)| n[4..8].to_vec()).collect::<BTreeSet<_>>();
    assert!(boots(&old).is_disjoint(&boots(&new)), "another salt");
}

#[test]
fn counters_that_are_used_up_end_the_run() {
    let mut pair = Pair::new();
    pair.run(SAVED, 1);
    let most = u64::MAX;
    let leaps = (0..10_000_000).find(|_| {
        pair.rings[0].handle(Now::new(Instant(SAVED), Wall(0)), Input::Resumed { chance: most });
        pair.rings[0].deadline().is_none()
    });
    assert!(leaps.is_some_and(|n| n > 4_000_000), "{leaps:?}");
    pair.drain(0);
    assert_eq!(pair.left, Some(LeaveReason::Restored));
}
