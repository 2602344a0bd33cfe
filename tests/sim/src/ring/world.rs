//! Hosts with a ring each, on virtual time: carries datagrams, disk completions and wake-ups, and shows every output
//! to the checker. Decides nothing about faults.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use holdfast_totem::config::{LinkAddress, LinkMode, MemberConfig, Sealing};
use holdfast_totem::io::{LeaveReason, Refusal};
use holdfast_totem::quorum::TieBreaker;
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{
    Bytes, Config, Guarantee, Identity, Input, Key, NodeId, Output, PersistedRing, Ring, Ticket,
};

use crate::chance::Chance;
use crate::net::{Host, Net, address, locate};
use crate::ring::checker::Checker;
use crate::ring::sabotage::Sabotage;
use crate::ring::tag::Tag;

/// Who may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vote {
    /// More than half.
    #[default]
    Majority,
    /// `wait_for_all`.
    WaitForAll,
    /// `last_man_standing` with a window of 2 s, and `wait_for_all`, without which it is not safe.
    LastManStanding,
    /// `auto_tie_breaker` with the lowest node, and `wait_for_all`, which an odd number of nodes needs.
    TieBreaker,
}

/// What a world is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Number of hosts.
    pub hosts: usize,
    /// Links between them.
    pub links: u8,
    /// Token time-out.
    pub token: Span,
    /// Encrypted or not.
    pub sealing: Sealing,
    /// Numbers of each ring start here, and a ring ends there.
    pub sequence: Option<(u64, u64)>,
    /// How several links are used.
    pub mode: LinkMode,
    /// Who may act.
    pub vote: Vote,
    /// `window_size`, with a third of it as `max_messages`; 0 = the defaults.
    pub window: u32,
    /// The ring wants to hear from the program above it.
    pub progress: bool,
}

impl Settings {
    /// So many hosts on one sealed link, with a token of a second and defaults for the rest.
    pub fn plain(hosts: usize) -> Self {
        Self {
            hosts,
            links: 1,
            token: Span::millis(1_000),
            sealing: Sealing::Sealed,
            sequence: None,
            mode: LinkMode::default(),
            vote: Vote::default(),
            window: 0,
            progress: false,
        }
    }
}

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Packet {
        to: Host,
        link: u8,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    /// A packet that waited in the buffer of a slow host, read in this run of its daemon.
    Read {
        to: Host,
        life: u32,
        link: u8,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Wake {
        host: Host,
    },
    Persisted {
        host: Host,
        life: u32,
        ticket: u64,
        ring_seq: u64,
        votes: u32,
    },
}

/// One host.
#[derive(Debug)]
pub struct Machine {
    /// The running daemon.
    pub ring: Option<Ring>,
    /// Counts the runs of the daemon.
    pub life: u32,
    /// What is on disk.
    pub disk: Option<PersistedRing>,
    /// How long the disk takes.
    pub disk_delay: Span,
    /// When the disk is done with what it was given: it writes one record after the other.
    pub disk_busy: Instant,
    /// The process does not run until then.
    pub paused: Option<Instant>,
    /// Told to leave; stays down until restarted.
    pub leaving: bool,
    /// Offset of the wall clock.
    pub wall: i64,
    /// A clone: uses the node id of this host, and nobody checks what it sees.
    pub claims: Option<Host>,
    /// Needs so long for each datagram, until then.
    pub busy: Option<(Span, Instant)>,
    /// The program above shows no sign of progress until then.
    pub hangs_until: Instant,
    /// Dies after so many more datagrams, and may be started again after a while.
    pub torn: Option<(u32, Span)>,
    /// A new key file that a paused daemon has not been told of.
    rekey: bool,
    /// The key file.
    pub key: Key,
    reads_until: Instant,
    inbox: Vec<(u8, SocketAddr, Vec<u8>)>,
    woken_at: Option<Instant>,
    said: u64,
}

/// What a socket buffer holds.
const BUFFER: usize = 500;

/// All hosts, the network and the clock.
#[derive(Debug)]
pub struct World {
    /// What it is made of.
    pub settings: Settings,
    /// The clock.
    pub now: Instant,
    /// The network.
    pub net: Net,
    /// The hosts.
    pub machines: Vec<Machine>,
    /// Watches everything.
    pub checker: Checker,
    /// Its own chance.
    pub chance: Chance,
    /// Datagrams carried.
    pub datagrams: u64,
    /// Prints what the rings log.
    pub verbose: bool,
    /// A bug that is planted between the rings and the checker.
    pub sabotage: Option<Sabotage>,
    /// Everything but deliveries that rings have put out, when it is kept.
    pub seen: Option<Vec<(Instant, Host, Output)>>,
    /// Daemons that ended by themselves, and how long they stay away.
    pub died: Vec<(Host, Span)>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    order: u64,
    config: Config,
}

/// The node id of a host.
pub fn node(host: Host) -> NodeId {
    NodeId(u32::try_from(host + 1).unwrap_or(0))
}

/// The configuration that all hosts share.
pub fn config(settings: &Settings) -> Config {
    let member = |host: Host| MemberConfig {
        id: node(host),
        name: format!("node{}", host + 1),
        votes: 1,
        addresses: (0..settings.links)
            .map(|link| LinkAddress { link, address: address(host, link) })
            .collect(),
    };
    let members = (0..settings.hosts).map(member).collect();
    let mut config = Config::new("sim", settings.token, members);
    config.sealing = settings.sealing;
    config.link_mode = settings.mode;
    config.require_progress = settings.progress;
    if settings.window > 0 {
        config.timing.window_size = settings.window;
        config.timing.max_messages = settings.window.div_ceil(3);
    }
    config.quorum.wait_for_all = (settings.vote != Vote::Majority).then_some(true);
    match settings.vote {
        Vote::Majority | Vote::WaitForAll => {}
        Vote::LastManStanding => {
            config.quorum.last_man_standing = true;
            config.quorum.last_man_standing_window = Span::secs(2);
        }
        Vote::TieBreaker => config.quorum.auto_tie_breaker = Some(TieBreaker::Lowest),
    }
    config
}

/// The first key of every host, or the second.
pub fn key(second: bool) -> Key {
    Key::new(&[if second { 7 } else { 42 }; 256]).expect("256 bytes are a key")
}

impl World {
    /// A world at time zero with all daemons down.
    pub fn new(seed: u64, settings: Settings) -> Self {
        let machine = |_| Machine {
            ring: None,
            life: 0,
            disk: None,
            disk_delay: Span::millis(1),
            disk_busy: Instant::default(),
            paused: None,
            leaving: false,
            wall: 0,
            claims: None,
            busy: None,
            hangs_until: Instant(0),
            torn: None,
            rekey: false,
            key: key(false),
            reads_until: Instant(0),
            inbox: Vec::new(),
            woken_at: None,
            said: 0,
        };
        let mut checker = Checker::new(settings.hosts, settings.token);
        checker.overlapping = settings.vote != Vote::LastManStanding;
        Self {
            now: Instant(1_000_000),
            net: Net::new(seed ^ 0x6e65_7477, Span::micros(80), Span::micros(120)),
            machines: (0..settings.hosts).map(machine).collect(),
            checker,
            chance: Chance::new(seed),
            datagrams: 0,
            verbose: false,
            sabotage: None,
            seen: None,
            died: Vec::new(),
            events: BinaryHeap::new(),
            order: 0,
            config: config(&settings),
            settings,
        }
    }

    /// The configuration in use.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes the configuration of daemons that start from now on.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    fn clock(&self, host: Host) -> Now {
        let wall = i64::try_from(self.now.0).unwrap_or(0) + self.machines[host].wall;
        // Every host's monotonic clock has its own origin.
        Now::new(Instant(self.now.0 + 1_000_000_000 * (host as u64 + 1)), Wall(wall))
    }

    fn global(&self, host: Host, at: Instant) -> Instant {
        Instant(at.0.saturating_sub(1_000_000_000 * (host as u64 + 1)))
    }

    fn push(&mut self, at: Instant, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    /// Starts the daemon of a host that is down.
    pub fn start(&mut self, host: Host) {
        if self.machines[host].ring.is_some() {
            return;
        }
        let mut salt = [0; 32];
        for chunk in salt.chunks_mut(8) {
            chunk.copy_from_slice(&self.chance.draw().to_le_bytes());
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(host as u64 + 1).to_le_bytes());
        let claimed = self.machines[host].claims.unwrap_or(host);
        let identity = Identity {
            node_id: node(claimed),
            name: format!("node{}", claimed + 1),
            boot_salt: salt,
            boot_id: id,
            machine_id: id,
        };
        let key = self.machines[host].key.clone();
        let now = self.clock(host);
        let seed = self.chance.draw();
        let machine = &mut self.machines[host];
        let mut ring = Ring::new(self.config.clone(), key, identity, machine.disk, seed, now);
        if let Some((start, limit)) = self.settings.sequence {
            ring = ring.with_sequence(start, limit);
        }
        machine.life += 1;
        machine.leaving = false;
        machine.paused = None;
        machine.torn = None;
        machine.rekey = false;
        machine.inbox.clear();
        machine.said = 0;
        machine.woken_at = None;
        self.checker.started(host, machine.life, ring.incarnation(), self.now);
        machine.ring = Some(ring);
        self.drain(host);
    }

    /// Ends the daemon of a host without a word.
    pub fn crash(&mut self, host: Host) {
        if self.machines[host].ring.take().is_some() {
            self.checker.crashed(host, self.now);
        }
        self.machines[host].paused = None;
        self.machines[host].inbox.clear();
    }

    /// Lets a host do nothing for a while.
    pub fn pause(&mut self, host: Host, span: Span) {
        if self.machines[host].ring.is_some() {
            let until = self.now + span;
            self.machines[host].paused = Some(until);
            self.checker.paused(host, until);
            self.push(until, Event::Wake { host });
        }
    }

    /// Lets a daemon die after so many more datagrams, and come back after a while.
    pub fn tear(&mut self, host: Host, sends: u32, back: Span) {
        if self.machines[host].ring.is_some() {
            self.machines[host].torn = Some((sends, back));
        }
    }

    /// Replaces the key file of a host; its daemon is told when it runs.
    pub fn rekey(&mut self, host: Host) {
        let key = key(true);
        let machine = &mut self.machines[host];
        machine.key = key.clone();
        if machine.paused.is_some() {
            machine.rekey = true;
        } else {
            self.input(host, Input::Rekey(key));
        }
    }

    /// Asks a daemon to leave.
    pub fn leave(&mut self, host: Host) {
        if self.machines[host].paused.is_none() && self.machines[host].ring.is_some() {
            self.machines[host].leaving = true;
            self.checker.leaving(host);
            self.input(host, Input::Leave);
        }
    }

    /// Lets a host multicast a message of a size; false when it is down or full.
    pub fn say(&mut self, host: Host, guarantee: Guarantee, size: usize) -> bool {
        let machine = &mut self.machines[host];
        let Some(ring) = &machine.ring else { return false };
        if machine.paused.is_some() || machine.leaving || ring.room() < size + Tag::SIZE {
            return false;
        }
        machine.said += 1;
        let tag = Tag { host: host as u32, life: machine.life, number: machine.said, guarantee };
        let payload = Bytes::from(tag.message(size));
        self.checker.said(&tag);
        self.input(host, Input::Multicast { guarantee, payload });
        true
    }

    /// Gives an input to a running ring.
    pub fn input(&mut self, host: Host, input: Input<'_>) {
        let now = self.clock(host);
        if let Some(ring) = &mut self.machines[host].ring {
            ring.handle(now, input);
            self.drain(host);
        }
    }

    fn drain(&mut self, host: Host) {
        let life = self.machines[host].life;
        let mut left = None;
        loop {
            let Some(ring) = &mut self.machines[host].ring else { return };
            let Some(output) = ring.poll() else { break };
            match output {
                Output::Send(send) => {
                    let Some((to, link)) = locate(send.to) else { continue };
                    if to >= self.machines.len() {
                        continue;
                    }
                    let from = address(host, link);
                    for bytes in send.datagrams() {
                        self.datagrams += 1;
                        if let Some((left, back)) = &mut self.machines[host].torn {
                            if *left == 0 {
                                let back = *back;
                                self.crash(host);
                                return self.died.push((host, back));
                            }
                            *left -= 1;
                        }
                        for (at, bytes) in self.net.carry(self.now, host, to, link, bytes) {
                            self.push(at, Event::Packet { to, link, from, bytes });
                        }
                    }
                }
                Output::PersistRing { ticket, record } => {
                    let machine = &mut self.machines[host];
                    machine.disk_busy = machine.disk_busy.max(self.now + machine.disk_delay);
                    let done = machine.disk_busy;
                    let (ring_seq, votes) = (record.ring_seq, record.expected_votes);
                    let event = Event::Persisted { host, life, ticket: ticket.0, ring_seq, votes };
                    self.push(done, event);
                }
                Output::Refused {
                    why: Refusal::Leaving | Refusal::QueueFull | Refusal::TooLarge,
                    payload,
                } => {
                    if let Some(tag) = Tag::read(&payload) {
                        self.checker.refused(&tag);
                    }
                }
                output => {
                    if self.verbose {
                        self.print(host, &output);
                    }
                    if let Output::Left(why) = &output {
                        left = Some(*why == LeaveReason::Asked);
                    }
                    let clone = self.machines[host].claims.is_some();
                    match self.sabotage.take() {
                        _ if clone => {}
                        None => self.checker.observe(host, self.now, &output),
                        Some(mut sabotage) => {
                            for output in sabotage.twist(host, self.now, &output) {
                                self.checker.observe(host, self.now, &output);
                            }
                            self.sabotage = Some(sabotage);
                        }
                    }
                    if let Some(seen) = &mut self.seen
                        && !matches!(output, Output::Deliver(_))
                    {
                        seen.push((self.now, host, output));
                    }
                }
            }
        }
        if let Some(asked) = left {
            self.machines[host].ring = None;
            self.checker.crashed(host, self.now);
            if !asked {
                self.died.push((host, Span::millis(500)));
            }
            return;
        }
        self.arm(host);
    }

    fn print(&self, host: Host, output: &Output) {
        let at = self.now.0 as f64 / 1e6;
        match output {
            Output::Log(event) => println!("{at:.6} node {}: {event}", host + 1),
            Output::View(view) => {
                let members: Vec<u32> = view.members.iter().map(|m| m.id.0).collect();
                let (kind, quorate) = (view.kind, view.quorum.quorate);
                println!(
                    "{at:.6} node {}: {kind:?} view {} {members:?} quorate {quorate}",
                    host + 1,
                    view.ring
                );
            }
            Output::Deliver(m) => {
                let tag = Tag::read(&m.payload);
                let (ring, seq, size) = (m.ring, m.seq, m.payload.len());
                println!("{at:.6} node {}: delivers {tag:?} of {size} bytes, {ring} frame {seq}", host + 1);
            }
            Output::Left(why) => println!("{at:.6} node {}: left {why:?}", host + 1),
            _ => {}
        }
    }

    fn arm(&mut self, host: Host) {
        let Some(at) = self.machines[host].ring.as_ref().and_then(Ring::deadline).map(|(at, _)| at) else {
            return;
        };
        let at = self.global(host, at).max(self.now);
        if self.machines[host].woken_at.is_none_or(|woken| woken > at || woken < self.now) {
            self.machines[host].woken_at = Some(at);
            self.push(at, Event::Wake { host });
        }
    }

    fn wake(&mut self, host: Host) {
        if self.machines[host].woken_at.is_some_and(|at| at <= self.now) {
            self.machines[host].woken_at = None;
        }
        if let Some(until) = self.machines[host].paused {
            if until > self.now {
                return;
            }
            self.machines[host].paused = None;
            for (link, from, mut bytes) in std::mem::take(&mut self.machines[host].inbox) {
                self.input(host, Input::Datagram { link, from, bytes: &mut bytes });
            }
            if std::mem::take(&mut self.machines[host].rekey) {
                let key = self.machines[host].key.clone();
                self.input(host, Input::Rekey(key));
            }
        }
        let now = self.clock(host).mono;
        let due = self.machines[host].ring.as_ref().and_then(Ring::deadline);
        match due {
            Some((at, why)) if at <= now => {
                if self.verbose {
                    println!("{:.6} node {}: wakes for {why}", self.now.0 as f64 / 1e6, host + 1);
                }
                self.input(host, Input::Timer);
            }
            Some(_) => self.arm(host),
            None => {}
        }
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(Reverse((at, _, _))) = self.events.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse((at, _, event))) = self.events.pop() else { break };
            self.now = self.now.max(at);
            match event {
                Event::Packet { to, link, from, mut bytes } => {
                    let machine = &mut self.machines[to];
                    if machine.ring.is_none() {
                        continue;
                    }
                    if machine.paused.is_some() {
                        if machine.inbox.len() < BUFFER {
                            machine.inbox.push((link, from, bytes));
                        }
                        continue;
                    }
                    let busy = machine.busy.filter(|(_, until)| *until > self.now);
                    if let Some((each, _)) = busy {
                        let at = machine.reads_until.max(self.now) + each;
                        if at.since(self.now) <= each.times(BUFFER as u64) {
                            machine.reads_until = at;
                            let life = machine.life;
                            self.push(at, Event::Read { to, life, link, from, bytes });
                        }
                        continue;
                    }
                    self.input(to, Input::Datagram { link, from, bytes: &mut bytes });
                }
                Event::Read { to, life, link, from, mut bytes } => {
                    let machine = &mut self.machines[to];
                    if machine.life != life || machine.ring.is_none() {
                        continue;
                    }
                    if machine.paused.is_some() {
                        machine.inbox.push((link, from, bytes));
                        continue;
                    }
                    self.input(to, Input::Datagram { link, from, bytes: &mut bytes });
                }
                Event::Wake { host } => self.wake(host),
                Event::Persisted { host, life, ticket, ring_seq, votes } => {
                    let machine = &mut self.machines[host];
                    if machine.life != life || machine.ring.is_none() {
                        continue;
                    }
                    machine.disk = Some(PersistedRing { ring_seq, expected_votes: votes });
                    if machine.paused.is_some() {
                        let at = machine.paused.unwrap_or(self.now) + Span::micros(1);
                        self.push(at, Event::Persisted { host, life, ticket, ring_seq, votes });
                        continue;
                    }
                    self.input(host, Input::Persisted(Ticket(ticket)));
                }
            }
        }
        self.now = self.now.max(end);
    }
}
