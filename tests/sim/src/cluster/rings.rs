//! The real ring under the cluster cores: every host runs `holdfast_totem`, datagrams cross the simulated network.
//!
//! Offers what `medium` offers, so that a world can stand on either.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use holdfast_core::random::Random;
use holdfast_totem::config::{LinkAddress, MemberConfig, Sealing};
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Bytes, Config, Guarantee, Identity, Input, Key, Output, PersistedRing, Ring, Ticket};

use super::medium::{Handover, Host, Item, name, node_id};
use crate::net::{Net, Scope, Weather, WeatherId, address, locate};

/// How long the disk takes for the ring's record.
const DISK: Span = Span::millis(1);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Packet { to: Host, link: u8, from: SocketAddr, bytes: Vec<u8> },
    Wake { host: Host },
    Persisted { host: Host, incarnation: u64, ticket: u64, seq: u64, votes: u32 },
    Calm { weather: WeatherId },
}

#[derive(Debug, Default)]
struct Station {
    ring: Option<Ring>,
    incarnation: u64,
    disk: Option<PersistedRing>,
    silent: bool,
    inbox: Vec<(u8, SocketAddr, Vec<u8>)>,
    woken_at: Option<Instant>,
    /// Messages that did not fit yet.
    outbox: Vec<Vec<u8>>,
}

/// Rings on a simulated network.
#[derive(Debug)]
pub struct Rings {
    stations: Vec<Station>,
    net: Net,
    cuts: Vec<WeatherId>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    order: u64,
    config: Config,
    random: Random,
    ready: Vec<Handover>,
    now: Instant,
}

impl Rings {
    /// Hosts that are all down.
    #[must_use]
    pub fn new(hosts: usize, token: Span, two_node: bool, seed: u64) -> Self {
        let member = |host: Host| MemberConfig {
            id: node_id(host),
            name: name(host),
            votes: 1,
            addresses: vec![LinkAddress { link: 0, address: address(host, 0) }],
        };
        let mut config = Config::new("sim", token, (0..hosts).map(member).collect());
        config.sealing = Sealing::Clear;
        config.require_progress = false;
        config.quorum.two_node = two_node;
        if two_node {
            config.quorum.wait_for_all = Some(false);
        }
        Self {
            stations: (0..hosts).map(|_| Station::default()).collect(),
            net: Net::new(seed ^ 0x6e65_7477, Span::micros(80), Span::micros(120)),
            cuts: Vec::new(),
            events: BinaryHeap::new(),
            order: 0,
            config,
            random: Random::new(seed),
            ready: Vec::new(),
            now: Instant(0),
        }
    }

    /// What is to be handed over.
    pub fn take(&mut self) -> Vec<Handover> {
        std::mem::take(&mut self.ready)
    }

    /// When something happens next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.events.peek().map(|Reverse((at, _, _))| *at)
    }

    fn push(&mut self, at: Instant, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    /// A host starts to take part.
    pub fn join(&mut self, host: Host, incarnation: u64, boot_id: [u8; 16], now: Instant) {
        self.now = now;
        let mut salt = [0; 32];
        for chunk in salt.chunks_mut(8) {
            chunk.copy_from_slice(&self.random.bits().to_le_bytes());
        }
        let mut machine_id = [0; 16];
        machine_id[..8].copy_from_slice(&(host as u64 + 1).to_le_bytes());
        let identity =
            Identity { node_id: node_id(host), name: name(host), boot_salt: salt, boot_id, machine_id };
        let key = Key::new(&[42; 128]).expect("128 bytes are a key");
        let seed = self.random.bits();
        let clock = Now::new(now, Wall(0));
        let station = &mut self.stations[host];
        let ring = Ring::new(self.config.clone(), key, identity, station.disk, seed, clock);
        let disk = station.disk;
        *station = Station { ring: Some(ring), incarnation, disk, ..Station::default() };
        self.drain(host);
    }

    /// A host is gone; `cleanly` when it says goodbye.
    pub fn leave(&mut self, host: Host, cleanly: bool, now: Instant) {
        self.now = now;
        if cleanly {
            self.input(host, Input::Leave);
        } else {
            self.stations[host].ring = None;
        }
        self.stations[host].outbox.clear();
    }

    /// A host stops or goes on without knowing.
    pub fn silence(&mut self, host: Host, silent: bool, now: Instant) {
        self.now = now;
        self.stations[host].silent = silent;
        if !silent {
            for (link, from, mut bytes) in std::mem::take(&mut self.stations[host].inbox) {
                self.input(host, Input::Datagram { link, from, bytes: &mut bytes });
            }
            self.input(host, Input::Timer);
        }
    }

    /// Hosts hear only those of their own part.
    pub fn split(&mut self, components: &[u32], now: Instant) {
        self.now = now;
        for cut in std::mem::take(&mut self.cuts) {
            self.net.end(cut);
        }
        for (from, mine) in components.iter().enumerate() {
            for (to, other) in components.iter().enumerate() {
                if mine != other {
                    let scope = Scope { from: Some(from), to: Some(to), link: None };
                    self.cuts.push(self.net.begin(Weather::Cut, scope));
                }
            }
        }
    }

    /// Bad weather for a while.
    pub fn weather(&mut self, weather: Weather, scope: Scope, long: Span, now: Instant) {
        let weather = self.net.begin(weather, scope);
        self.push(now + long, Event::Calm { weather });
    }

    /// A member sends a message.
    pub fn send(&mut self, host: Host, payload: Vec<u8>, now: Instant) {
        self.now = now;
        self.stations[host].outbox.push(payload);
        self.flush(host);
    }

    fn flush(&mut self, host: Host) {
        while let Some(first) = self.stations[host].outbox.first() {
            let room = self.stations[host].ring.as_ref().map_or(0, Ring::room);
            if self.stations[host].silent || room < first.len() {
                return;
            }
            let payload = Bytes::from(self.stations[host].outbox.remove(0));
            self.input(host, Input::Multicast { guarantee: Guarantee::Agreed, payload });
        }
    }

    fn input(&mut self, host: Host, input: Input<'_>) {
        let now = Now::new(self.now, Wall(0));
        if let Some(ring) = &mut self.stations[host].ring {
            ring.handle(now, input);
            self.drain(host);
        }
    }

    fn drain(&mut self, host: Host) {
        let incarnation = self.stations[host].incarnation;
        let at = self.now;
        while let Some(output) = self.stations[host].ring.as_mut().and_then(Ring::poll) {
            match output {
                Output::Send(send) => {
                    let Some((to, link)) = locate(send.to).filter(|(to, _)| *to < self.stations.len()) else {
                        continue;
                    };
                    for bytes in send.datagrams() {
                        for (at, bytes) in self.net.carry(self.now, host, to, link, bytes) {
                            self.push(at, Event::Packet { to, link, from: address(host, link), bytes });
                        }
                    }
                }
                Output::PersistRing { ticket, record } => {
                    let (seq, votes) = (record.ring_seq, record.expected_votes);
                    let event = Event::Persisted { host, incarnation, ticket: ticket.0, seq, votes };
                    self.push(self.now + DISK, event);
                }
                Output::View(view) => {
                    self.ready.push(Handover { at, host, incarnation, item: Item::View(view) });
                }
                Output::Deliver(message) => {
                    let item = Item::Message { sender: message.sender, payload: message.payload.into_vec() };
                    self.ready.push(Handover { at, host, incarnation, item });
                }
                Output::Left(_) => {
                    self.stations[host].ring = None;
                    return;
                }
                Output::Refused { payload, .. } => self.stations[host].outbox.push(payload.into_vec()),
                Output::Quorum(_)
                | Output::DuplicateIdentity(_)
                | Output::FlowControl(_)
                | Output::Log(_) => {}
            }
        }
        let Some((at, _)) = self.stations[host].ring.as_ref().and_then(Ring::deadline) else { return };
        let at = at.max(self.now);
        if self.stations[host].woken_at.is_none_or(|woken| woken > at || woken < self.now) {
            self.stations[host].woken_at = Some(at);
            self.push(at, Event::Wake { host });
        }
    }

    /// Everything up to a time happens.
    pub fn advance(&mut self, now: Instant) {
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse((at, _, event))) = self.events.pop() else { return };
            self.now = self.now.max(at);
            match event {
                Event::Packet { to, link, from, mut bytes } => {
                    let station = &mut self.stations[to];
                    if station.silent {
                        if station.inbox.len() < 500 {
                            station.inbox.push((link, from, bytes));
                        }
                    } else {
                        self.input(to, Input::Datagram { link, from, bytes: &mut bytes });
                        self.flush(to);
                    }
                }
                Event::Wake { host } => {
                    let station = &mut self.stations[host];
                    if station.woken_at.is_some_and(|at| at <= self.now) {
                        station.woken_at = None;
                    }
                    let due = station.ring.as_ref().and_then(Ring::deadline).map(|(at, _)| at);
                    if !station.silent && due.is_some_and(|at| at <= self.now) {
                        self.input(host, Input::Timer);
                        self.flush(host);
                    } else if due.is_some() && !station.silent {
                        self.drain(host);
                    }
                }
                Event::Persisted { host, incarnation, ticket, seq, votes } => {
                    let station = &mut self.stations[host];
                    if station.incarnation != incarnation {
                        continue;
                    }
                    station.disk = Some(PersistedRing { ring_seq: seq, expected_votes: votes });
                    if station.silent {
                        let event = Event::Persisted { host, incarnation, ticket, seq, votes };
                        self.push(self.now + Span::millis(1), event);
                    } else {
                        self.input(host, Input::Persisted(Ticket(ticket)));
                    }
                }
                Event::Calm { weather } => self.net.end(weather),
            }
        }
        self.now = self.now.max(now);
    }
}

/// What carries messages between hosts.
#[derive(Debug)]
pub enum Ether {
    /// A ring that works as it should.
    Perfect(super::medium::Medium),
    /// The real one.
    Real(Box<Rings>),
}

impl Ether {
    /// What is to be handed over.
    pub fn take(&mut self) -> Vec<Handover> {
        match self {
            Self::Perfect(medium) => medium.take(),
            Self::Real(rings) => rings.take(),
        }
    }

    /// When something happens next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        match self {
            Self::Perfect(medium) => medium.reform,
            Self::Real(rings) => rings.next(),
        }
    }

    /// Everything up to a time happens.
    pub fn advance(&mut self, now: Instant) {
        match self {
            Self::Perfect(medium) => medium.form(now),
            Self::Real(rings) => rings.advance(now),
        }
    }

    /// A host starts to take part.
    pub fn join(&mut self, host: Host, incarnation: u64, boot_id: [u8; 16], now: Instant) {
        match self {
            Self::Perfect(medium) => medium.join(host, incarnation, boot_id, now),
            Self::Real(rings) => rings.join(host, incarnation, boot_id, now),
        }
    }

    /// A host is gone; `cleanly` when it says goodbye.
    pub fn leave(&mut self, host: Host, cleanly: bool, now: Instant) {
        match self {
            Self::Perfect(medium) => medium.leave(host, cleanly, now),
            Self::Real(rings) => rings.leave(host, cleanly, now),
        }
    }

    /// A host stops or goes on without knowing.
    pub fn silence(&mut self, host: Host, silent: bool, now: Instant) {
        match self {
            Self::Perfect(medium) => medium.silence(host, silent, now),
            Self::Real(rings) => rings.silence(host, silent, now),
        }
    }

    /// Hosts hear only those of their own part.
    pub fn split(&mut self, components: &[u32], now: Instant) {
        match self {
            Self::Perfect(medium) => medium.split(components, now),
            Self::Real(rings) => rings.split(components, now),
        }
    }

    /// A member sends a message.
    pub fn send(&mut self, host: Host, payload: Vec<u8>, now: Instant) {
        match self {
            Self::Perfect(medium) => medium.send(host, payload, now),
            Self::Real(rings) => rings.send(host, payload, now),
        }
    }

    /// Bad weather for a while; a perfect ring has none.
    pub fn weather(&mut self, weather: Weather, scope: Scope, long: Span, now: Instant) {
        match self {
            Self::Perfect(_) => {}
            Self::Real(rings) => rings.weather(weather, scope, long, now),
        }
    }
}
