//! Whole rings and their witness on virtual time: real state machines at both ends, clocks that run apart, datagrams
//! that take time, get lost and are cut off, a disk that takes its time. Whatever happens, no two hosts act by different
//! grants of the witness, and no two parts of the cluster act that share no node.

mod random;
mod tales;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;

use crate::config::{LinkAddress, MemberConfig};
use crate::time::{Instant, Now, Span, Wall};
use crate::witness::{
    Algorithm, Checks, Client, ClientOutput, ClusterKey, Record, Server, ServerOutput, State, Terms,
    TieBreaker, decode_records, encode_records, key,
};
use crate::{Config, Identity, Input, Key, NodeId, Output, PersistedRing, Phase, Ring, ViewKind, quorum};

/// The witness's place among the hosts.
const W: u32 = 0;

struct Host {
    ring: Ring,
    client: Client,
    status: quorum::Status,
    members: Vec<u32>,
    record: PersistedRing,
    up: bool,
    paused: bool,
    boot: u8,
    /// What its heuristics say.
    healthy: bool,
}

enum Parcel {
    Ring(Vec<u8>),
    Witness(Vec<u8>),
}

struct World {
    now: u64,
    rates: BTreeMap<u32, u64>,
    config: Config,
    terms: Terms,
    hosts: BTreeMap<u32, Host>,
    server: Option<Server>,
    disk: Option<String>,
    /// A record is on its way to the disk, and until when.
    writing: Option<(u64, String)>,
    /// The disk takes up to so many microseconds.
    disk_delay: u64,
    runs: u8,
    hung: bool,
    mail: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    parcels: BTreeMap<u64, Parcel>,
    sent: u64,
    cuts: BTreeSet<(u32, u32)>,
    loss: u64,
    /// Datagrams from and to the witness take up to so many microseconds more.
    lag: u64,
    /// Answers of the witness to these hosts take so many microseconds more.
    detours: BTreeMap<u32, u64>,
    checks: Checks,
    chance: u64,
    /// Views that came, with their time: host, members.
    views: Vec<(u64, u32, Vec<u32>)>,
}

fn address(host: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(host).unwrap()], 5405))
}

fn host_of(address: SocketAddr) -> u32 {
    match address.ip() {
        std::net::IpAddr::V4(ip) => u32::from(ip.octets()[3]),
        std::net::IpAddr::V6(_) => panic!("only IPv4 here"),
    }
}

fn ring_key() -> Key {
    Key::new(&[3; 128]).unwrap()
}

fn salt(host: u32, run: u8) -> [u8; 32] {
    let mut salt = [run; 32];
    salt[0] = u8::try_from(host).unwrap();
    salt
}

/// What most clusters say about their witness.
fn terms(nodes: u32, algorithm: Algorithm) -> Terms {
    Terms {
        votes: if algorithm == Algorithm::HalfSplit { 1 } else { nodes - 1 },
        algorithm,
        tie_breaker: TieBreaker::Lowest,
        keep_active: false,
        master_wins: false,
        lease: Span::secs(10),
        token: Span::secs(1),
    }
}

impl World {
    fn new(nodes: u32, algorithm: Algorithm, seed: u64) -> Self {
        Self::with(nodes, terms(nodes, algorithm), Checks::Off, seed)
    }

    fn with(nodes: u32, terms: Terms, checks: Checks, seed: u64) -> Self {
        let member = |id: u32| MemberConfig {
            id: NodeId(id),
            name: format!("n{id}"),
            votes: 1,
            addresses: vec![LinkAddress { link: 0, address: address(id) }],
        };
        let mut config = Config::new("w", Span::secs(1), (1..=nodes).map(member).collect());
        config.quorum.witness_votes = terms.votes;
        config.quorum.expected_votes = nodes + terms.votes;
        config.require_progress = false;
        let mut world = Self {
            now: 1_000_000,
            rates: BTreeMap::new(),
            config,
            terms,
            hosts: BTreeMap::new(),
            server: None,
            disk: Some(encode_records(&[])),
            writing: None,
            disk_delay: 0,
            runs: 0,
            hung: false,
            mail: BinaryHeap::new(),
            parcels: BTreeMap::new(),
            sent: 0,
            cuts: BTreeSet::new(),
            loss: 0,
            lag: 0,
            detours: BTreeMap::new(),
            checks,
            chance: seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1,
            views: Vec::new(),
        };
        for host in 0..=nodes {
            let rate = 999_000 + world.random(2_000);
            world.rates.insert(host, rate);
        }
        world.start_witness();
        (1..=nodes).for_each(|id| world.start(id, PersistedRing::default(), 1));
        world
    }

    fn random(&mut self, below: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % below
    }

    /// The time on a host's own clock.
    fn local(&self, host: u32) -> Instant {
        Instant(self.now * self.rates[&host] / 1_000_000)
    }

    fn global(&self, host: u32, local: Instant) -> u64 {
        (local.0 * 1_000_000).div_ceil(self.rates[&host])
    }

    fn start(&mut self, id: u32, record: PersistedRing, boot: u8) {
        self.runs += 1;
        let identity = Identity {
            node_id: NodeId(id),
            name: format!("n{id}"),
            boot_salt: salt(id, self.runs),
            boot_id: [boot; 16],
            machine_id: [u8::try_from(id).unwrap(); 16],
        };
        let mono = self.local(id);
        let now = Now::new(mono, Wall(0));
        let seed = self.random(u64::MAX);
        let ring = Ring::new(self.config.clone(), ring_key(), identity.clone(), Some(record), seed, now);
        let mut client =
            Client::new(&identity, &ring_key(), "w", self.terms.clone(), self.checks, seed, mono);
        client.set_addresses(mono, vec![address(W)], Span::secs(1));
        let healthy = self.hosts.get(&id).is_none_or(|h| h.healthy);
        let host = Host {
            ring,
            client,
            status: quorum::Status::default(),
            members: Vec::new(),
            record,
            up: true,
            paused: false,
            boot,
            healthy,
        };
        self.hosts.insert(id, host);
        self.drain(id);
    }

    fn start_witness(&mut self) {
        self.runs += 1;
        let keys = [ClusterKey { name: "w".to_owned(), key: key(&ring_key(), "w") }];
        let records: Option<Vec<Record>> = self.disk.as_deref().and_then(decode_records);
        let seed = self.random(u64::MAX);
        let server = Server::new(&keys, records, "w", salt(W, self.runs), seed, self.local(W)).unwrap();
        self.server = Some(server);
    }

    fn post(&mut self, from: u32, to: u32, parcel: Parcel) {
        if self.cuts.contains(&(from, to)) || self.random(1_000) < self.loss {
            return;
        }
        self.sent += 1;
        let lag =
            if self.lag > 0 && matches!(parcel, Parcel::Witness(_)) { self.random(self.lag) } else { 0 };
        let detour = self.detours.get(&to).filter(|_| from == W).copied().unwrap_or(0);
        let at = self.now + 100 + self.random(400) + lag + detour;
        self.parcels.insert(self.sent, parcel);
        self.mail.push(Reverse((at, self.sent, from, to)));
    }

    fn drain(&mut self, id: u32) {
        let mono = self.local(id);
        let now = Now::new(mono, Wall(0));
        loop {
            let host = self.hosts.get_mut(&id).unwrap();
            let mut idle = true;
            while let Some(output) = host.ring.poll() {
                idle = false;
                match output {
                    Output::Send(send) => {
                        let all: Vec<Vec<u8>> = send.datagrams().map(<[u8]>::to_vec).collect();
                        for bytes in all {
                            self.post(id, host_of(send.to), Parcel::Ring(bytes));
                        }
                        break;
                    }
                    Output::PersistRing { ticket, record } => {
                        host.record = record;
                        host.ring.handle(now, Input::Persisted(ticket));
                    }
                    Output::View(view) => {
                        if view.kind == ViewKind::Regular {
                            host.members = view.members.iter().map(|m| m.id.0).collect();
                            self.views.push((self.now, id, host.members.clone()));
                        }
                        host.status = view.quorum;
                    }
                    Output::Quorum(status) => host.status = status,
                    Output::Left(_) => {
                        host.up = false;
                        host.client.leave(mono);
                    }
                    Output::Deliver(_)
                    | Output::DuplicateIdentity(_)
                    | Output::FlowControl(_)
                    | Output::Refused { .. }
                    | Output::Log(_) => {}
                }
            }
            let host = self.hosts.get_mut(&id).unwrap();
            if host.up {
                host.client.ring(mono, host.ring.witness_state());
            }
            while let Some(output) = host.client.poll() {
                idle = false;
                match output {
                    ClientOutput::Send { bytes, .. } => {
                        self.post(id, W, Parcel::Witness(bytes));
                        break;
                    }
                    ClientOutput::Change(change) => {
                        host.ring.handle(now, Input::Quorum(quorum::Change::Witness(change)));
                    }
                    ClientOutput::Lapsed => host.ring.handle(now, Input::WitnessLapsed),
                    ClientOutput::Heuristics(number) => host.client.heuristics(mono, number, host.healthy),
                    ClientOutput::Log(..) => {}
                }
            }
            if idle {
                return;
            }
        }
    }

    /// The disk has done its work when its time has come.
    fn write(&mut self) {
        let mono = self.local(W);
        let Some((_, text)) = self.writing.take_if(|(at, _)| *at <= self.now) else { return };
        self.disk = Some(text);
        if let Some(server) = &mut self.server {
            server.written(mono);
        }
    }

    fn drain_witness(&mut self) {
        while let Some(output) = self.server.as_mut().and_then(Server::poll) {
            match output {
                ServerOutput::Send { to, bytes } => self.post(W, host_of(to), Parcel::Witness(bytes)),
                ServerOutput::Write(records) => {
                    let takes = if self.disk_delay > 0 { self.random(self.disk_delay) } else { 0 };
                    self.writing = Some((self.now + takes, encode_records(&records)));
                    self.write();
                }
                ServerOutput::Log(_) => {}
            }
        }
    }

    fn step(&mut self, until: u64) -> bool {
        let runs = |h: &&Host| h.up && !h.paused;
        let mut next = until;
        for (id, host) in self.hosts.iter().filter(|(_, h)| runs(h)) {
            let at = [host.ring.deadline().map(|(at, _)| at), host.client.deadline()];
            for at in at.into_iter().flatten() {
                next = next.min(self.global(*id, at));
            }
        }
        if let Some(server) = self.server.as_ref().filter(|_| !self.hung)
            && let Some(at) = server.deadline(self.local(W))
        {
            next = next.min(self.global(W, at));
        }
        if let Some(Reverse((at, ..))) = self.mail.peek() {
            next = next.min(*at);
        }
        if let Some((at, _)) = &self.writing {
            next = next.min(*at);
        }
        self.now = self.now.max(next);
        if self.now >= until {
            self.now = until;
            return false;
        }
        while let Some(Reverse((at, number, from, to))) = self.mail.peek().copied() {
            if at > self.now {
                break;
            }
            self.mail.pop();
            let parcel = self.parcels.remove(&number).unwrap();
            self.deliver(from, to, parcel);
        }
        let ids: Vec<u32> = self.hosts.iter().filter(|(_, h)| runs(h)).map(|(id, _)| *id).collect();
        for id in ids {
            let mono = self.local(id);
            let host = self.hosts.get_mut(&id).unwrap();
            let due = host.ring.deadline().is_some_and(|(at, _)| at <= mono);
            if due {
                host.ring.handle(Now::new(mono, Wall(0)), Input::Timer);
            }
            host.client.timer(mono);
            self.drain(id);
        }
        self.write();
        if !self.hung {
            let mono = self.local(W);
            if let Some(server) = self.server.as_mut()
                && server.deadline(mono).is_none_or(|at| at <= mono)
            {
                server.timer(mono);
            }
            self.drain_witness();
        }
        self.check();
        true
    }

    fn deliver(&mut self, from: u32, to: u32, parcel: Parcel) {
        if self.cuts.contains(&(from, to)) {
            return;
        }
        let mono = self.local(to);
        if to == W {
            if let (Parcel::Witness(mut bytes), Some(server), false) = (parcel, &mut self.server, self.hung) {
                server.datagram(mono, address(from), &mut bytes);
                self.drain_witness();
            }
            return;
        }
        let Some(host) = self.hosts.get_mut(&to).filter(|h| h.up && !h.paused) else { return };
        match parcel {
            Parcel::Ring(mut bytes) => {
                let input = Input::Datagram { link: 0, from: address(from), bytes: &mut bytes };
                host.ring.handle(Now::new(mono, Wall(0)), input);
            }
            Parcel::Witness(mut bytes) => host.client.datagram(mono, address(from), &mut bytes),
        }
        self.drain(to);
    }

    /// No two hosts act by different grants, nor in parts that share no node.
    fn check(&self) {
        let acts = |h: &&Host| h.up && !h.paused && h.status.quorate;
        let acting_hosts: Vec<&Host> = self.hosts.values().filter(acts).collect();
        for (place, a) in acting_hosts.iter().enumerate() {
            for b in &acting_hosts[..place] {
                let shared = a.members.iter().any(|id| b.members.contains(id));
                assert!(shared, "at {}: two parts act: {:?} {:?}", self.now, a.members, b.members);
            }
        }
        let mut acting: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (id, host) in self.hosts.iter().filter(|(_, h)| h.up && !h.paused) {
            if host.status.quorate && host.status.witness_held {
                let grant = host.ring.witness_state().grant.unwrap_or(0);
                acting.entry(grant).or_default().push(*id);
            }
        }
        assert!(acting.len() <= 1, "at {}: two holders of the votes: {acting:?}", self.now);
    }

    /// The witness dies; what was on its way to the disk may be there or not.
    fn kill_witness(&mut self) {
        self.server = None;
        if let Some((_, text)) = self.writing.take()
            && self.random(2) == 0
        {
            self.disk = Some(text);
        }
    }

    fn run(&mut self, span: Span) {
        let until = self.now + span.0;
        while self.step(until) {}
    }

    /// Runs until the condition holds; how long that took, in milliseconds.
    fn until(&mut self, what: &str, limit: Span, holds: impl Fn(&Self) -> bool) -> u64 {
        let (start, end) = (self.now, self.now + limit.0);
        while !holds(self) {
            assert!(self.step(end), "{what}: not within {limit}; {}", self.tell());
        }
        (self.now - start) / 1_000
    }

    fn tell(&self) -> String {
        let host = |(id, h): (&u32, &Host)| {
            let state = h.client.standing(self.local(*id));
            format!("{id}: {:?} {:?} {:?} {:?}; ", h.members, h.ring.phase(), h.status, state)
        };
        self.hosts.iter().map(host).collect()
    }

    fn quorate(&self, ids: &[u32]) -> bool {
        ids.iter().all(|id| {
            let host = &self.hosts[id];
            host.status.quorate && host.members == ids && host.ring.phase() == Phase::Operational
        })
    }

    fn cut(&mut self, from: &[u32], to: &[u32]) {
        for a in from {
            for b in to {
                self.cuts.insert((*a, *b));
                self.cuts.insert((*b, *a));
            }
        }
    }

    fn crash(&mut self, id: u32) {
        self.hosts.get_mut(&id).unwrap().up = false;
    }

    fn restart(&mut self, id: u32, reboot: bool) {
        let host = &self.hosts[&id];
        let (record, boot) = (host.record, host.boot + u8::from(reboot));
        self.start(id, record, boot);
    }

    fn all(&self) -> Vec<u32> {
        self.hosts.keys().copied().collect()
    }

    fn settle(&mut self) {
        let all = self.all();
        self.until("all together", Span::secs(15), |w| {
            w.quorate(&all)
                && w.hosts.iter().all(|(id, h)| {
                    h.client.standing(w.local(*id)).state == State::Connected
                        && h.status.witnesses.len() == all.len()
                        && !h.status.witness_held
                        && h.status.witness_votes == w.terms.votes
                })
        });
    }
}
