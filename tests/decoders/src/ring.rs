//! A ring of two, one member of which says anything at all: the other one must not panic, grow or stop.

use holdfast_totem::config::{LinkAddress, MemberConfig, Sealing};
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Bytes, Config, Guarantee, Identity, Input, Key, NodeId, Output, Ring, doors};

const START: Instant = Instant(1_000_000);

fn address(node: u32) -> std::net::SocketAddr {
    std::net::SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap_or(0)], 5405))
}

fn start(node: u32) -> Ring {
    let member = |id: u32| MemberConfig {
        id: NodeId(id),
        name: format!("n{id}"),
        votes: 1,
        addresses: vec![LinkAddress { link: 0, address: address(id) }],
    };
    let mut config = Config::new("any", Span::millis(300), vec![member(1), member(2), member(3)]);
    config.sealing = Sealing::Clear;
    config.require_progress = false;
    let mark = u8::try_from(node).unwrap_or(0);
    let identity = Identity {
        node_id: NodeId(node),
        name: format!("n{node}"),
        boot_salt: [mark; 32],
        boot_id: [mark; 16],
        machine_id: [mark; 16],
    };
    let key = Key::new(&[5; 128]).expect("128 bytes are a key");
    Ring::new(config, key, identity, None, u64::from(node), Now::new(START, Wall(0)))
}

struct Pair {
    rings: [Ring; 2],
    now: Instant,
    delivered: usize,
}

impl Pair {
    fn handle(&mut self, place: usize, input: Input<'_>) {
        self.rings[place].handle(Now::new(self.now, Wall(0)), input);
    }

    /// Carries out what both want, for a bounded number of rounds: a member may keep the other one busy for ever.
    fn carry(&mut self) {
        for _ in 0..40 {
            let mut quiet = true;
            for place in 0..2 {
                let mut outputs = Vec::new();
                while let Some(output) = self.rings[place].poll() {
                    outputs.push(output);
                    assert!(outputs.len() < 20_000, "one input yields outputs without end");
                }
                for output in outputs {
                    quiet = false;
                    match output {
                        Output::Send(send) if send.to == address(2 - u32::try_from(place).unwrap_or(0)) => {
                            let from = address(1 + u32::try_from(place).unwrap_or(0));
                            for datagram in send.datagrams() {
                                let mut bytes = datagram.to_vec();
                                self.handle(1 - place, Input::Datagram { link: 0, from, bytes: &mut bytes });
                            }
                        }
                        Output::PersistRing { ticket, .. } => self.handle(place, Input::Persisted(ticket)),
                        Output::Deliver(_) => self.delivered += 1,
                        _ => {}
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        for _ in 0..200 {
            let next = self.rings.iter().filter_map(Ring::deadline).map(|(at, _)| at).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            (0..2).for_each(|place| self.handle(place, Input::Timer));
            self.carry();
        }
        self.now = self.now.max(end);
        (0..2).for_each(|place| self.handle(place, Input::Timer));
        self.carry();
    }
}

/// Bodies with a byte of length before each; length 0 lets time pass, 255 lets both say something.
pub fn ring(bytes: &[u8]) {
    let mut pair = Pair { rings: [start(1), start(2)], now: START, delivered: 0 };
    pair.pass(Span::millis(400));
    let together = pair.rings.iter().all(|r| r.view().is_some_and(|v| v.members.len() == 2));
    assert!(together, "two members form a ring");
    let mut rest = bytes;
    for _ in 0..24 {
        let Some((head, tail)) = rest.split_first() else { break };
        rest = tail;
        match *head {
            0 => pair.pass(Span::millis(100)),
            255 => {
                for place in 0..2 {
                    let payload = Bytes::from(vec![7; 2_000]);
                    pair.handle(place, Input::Multicast { guarantee: Guarantee::Safe, payload });
                }
                pair.carry();
            }
            length => {
                let (body, after) = tail.split_at(usize::from(length).min(tail.len()));
                rest = after;
                let mut datagram = doors::say(&mut pair.rings[1], body);
                pair.handle(0, Input::Datagram { link: 0, from: address(2), bytes: &mut datagram });
                pair.carry();
            }
        }
    }
    pair.pass(Span::millis(50));
    assert!(pair.rings[0].deadline().is_some(), "a ring always waits for something");
}
