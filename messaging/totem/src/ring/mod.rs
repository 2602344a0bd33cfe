//! The ring as one state machine: takes inputs, hands out outputs, and keeps the timers. What happens on an input is
//! in the modules below; this file knows only who is asked.

mod counters;
mod duplicate;
mod form;
mod gather;
mod home;
mod keys;
mod leave;
mod presence;
mod recover;
mod send;
mod session;
mod turn;

use std::collections::{BTreeMap, VecDeque};

use crate::config::{Config, Identity, Key, MAX_MESSAGE, PersistedRing};
use crate::id::{Incarnation, NodeId, RingId, Ticket};
use crate::io::{Input, LeaveReason, Level, Output, Refusal, View};
use crate::log::{Event, GatherReason};
use crate::membership::{Decision, Person};
use crate::order::Order;
use crate::order::packing::Packer;
use crate::peer::Peer;
use crate::quorum::{self, Quorum};
use crate::seal::datagram::Sealer;
use crate::seal::keys::{Master, incarnation};
use crate::stats::{Pause, Statistics};
use crate::time::{Instant, Now, Span};
use crate::wire::control::Seat;
use crate::wire::presence::{Heard, Phase};
use crate::witness::RingState;
use crate::witness::planted::{self, Bug};

/// Bytes that may wait to be sent.
const QUEUE: usize = 4 << 20;
/// Ring sequences that are put on disk in advance, so that forming a ring rarely waits for the disk.
const RESERVE: u64 = 64;
/// A ring whose frame numbers pass this is formed anew; at ten million frames a second that is after 29,000 years.
const SEQUENCE_LIMIT: u64 = u64::MAX / 2;

/// One node's part of the ring.
#[derive(Debug)]
pub struct Ring {
    config: Config,
    identity: Identity,
    me: NodeId,
    incarnation: Incarnation,
    masters: Vec<Master>,
    retired: Option<Master>,
    sealer: Sealer,
    chance: u64,
    peers: Vec<Peer>,
    out: VecDeque<Output>,
    stats: Statistics,
    /// The last ones, the latest first.
    pauses: VecDeque<Pause>,
    now: Now,
    wake: Option<(Instant, &'static str)>,
    gone: bool,
    /// One of this node's addresses is, or was, on this machine.
    home: bool,

    phase: Phase,
    version: u64,
    heard: Vec<Heard>,
    gossip: BTreeMap<NodeId, (u64, u64, Person)>,
    decision: Decision,
    settle_at: Option<Instant>,
    evaluate_soon: bool,
    evaluated_at: Option<Instant>,
    gather_since: Instant,
    propose_at: Option<Instant>,
    deaf_until: Option<Instant>,
    promised: u64,
    durable: u64,
    persisting: Option<(Ticket, u64)>,
    next_ticket: u64,
    stored_votes: u32,
    form: Option<form::Forming>,
    recovery: Option<recover::Recovery>,
    order: Order,
    packer: Packer,
    level: Level,
    view: Option<View>,
    quorum: Quorum,
    /// Since when no ring is worked in, while the vote told last says quorate.
    idle_since: Option<Instant>,
    turn: turn::TokenCare,

    presence_at: Instant,
    presence_soon: bool,
    presence_sent: Instant,
    presences: u64,
    slow_at: Instant,
    parts_sent: u32,
    datagram_size: usize,
    unreadable: BTreeMap<std::net::SocketAddr, (u64, Instant)>,
    greetings_budget: (Instant, u32),
    leaving: Option<leave::Leaving>,
    progress_at: Instant,
    retire_at: Option<Instant>,
    sequence_limit: u64,
    sequence_start: u64,
}

impl Ring {
    /// A ring that begins to look for its peers at once. `persisted` is the last record written by
    /// [`Output::PersistRing`], `seed` feeds the owned generator of delays and challenges.
    pub fn new(
        config: Config,
        key: Key,
        identity: Identity,
        persisted: Option<PersistedRing>,
        seed: u64,
        now: Now,
    ) -> Self {
        let me = identity.node_id;
        let incarnation = incarnation(me, &identity.boot_salt);
        let master = Master::new(&key, &config.cluster_name);
        let stored = persisted.unwrap_or_default();
        let seat = Seat { node: me, incarnation };
        let mut ring = Self {
            sealer: Sealer::new(me, identity.boot_salt, incarnation, config.sealing, &master),
            masters: vec![master],
            retired: None,
            chance: seed ^ incarnation.0,
            peers: Vec::new(),
            out: VecDeque::new(),
            stats: Statistics::default(),
            pauses: VecDeque::new(),
            now,
            wake: None,
            gone: false,
            home: true,
            phase: Phase::Gather,
            version: 1,
            heard: Vec::new(),
            gossip: BTreeMap::new(),
            decision: Decision { members: vec![me], clean: true },
            settle_at: None,
            evaluate_soon: true,
            evaluated_at: None,
            gather_since: now.mono,
            propose_at: None,
            deaf_until: None,
            promised: stored.ring_seq,
            durable: stored.ring_seq,
            persisting: None,
            next_ticket: 1,
            stored_votes: stored.expected_votes,
            form: None,
            recovery: None,
            order: Order::new(RingId::default(), vec![seat], me, 0),
            packer: Packer::default(),
            level: Level::Low,
            view: None,
            quorum: Quorum::new(&config, me, stored.expected_votes),
            idle_since: None,
            turn: turn::TokenCare::new(now.mono),
            presence_at: now.mono,
            presence_soon: false,
            presence_sent: now.mono,
            presences: 0,
            slow_at: now.mono,
            parts_sent: 0,
            datagram_size: 1_452,
            unreadable: BTreeMap::new(),
            greetings_budget: (now.mono, 0),
            leaving: None,
            progress_at: now.mono,
            retire_at: None,
            sequence_limit: SEQUENCE_LIMIT,
            sequence_start: 0,
            config,
            identity,
            me,
            incarnation,
        };
        ring.take_members();
        ring.find_datagram_size();
        ring.propose_at = Some(now.mono + ring.start_wait());
        if ring.config.sealing == crate::config::Sealing::Clear {
            ring.log(Event::Unsealed);
        }
        for note in ring.quorum.take_notes() {
            ring.log(Event::Quorum(note));
        }
        ring.log(Event::Gathering(GatherReason::Start));
        ring.stats.gathers += 1;
        ring.reserve(ring.promised + RESERVE);
        ring.timers();
        ring
    }

    /// Lets the numbers of every ring start after `start` and a ring be formed anew beyond `limit`. For tests of
    /// what happens at the end of the number range.
    pub fn with_sequence(mut self, start: u64, limit: u64) -> Self {
        (self.sequence_start, self.sequence_limit) = (start, limit);
        self
    }

    /// Takes one input. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.gone {
            return;
        }
        match input {
            Input::Resumed { chance } => self.leap(chance),
            Input::Restored => return self.restored(),
            _ => {}
        }
        if self.gone {
            return;
        }
        self.notice_pause(now);
        match input {
            Input::Datagram { link, from, bytes } => self.datagram(link, from, bytes),
            Input::Timer | Input::Resumed { .. } | Input::Restored => {}
            Input::Multicast { guarantee, payload } => {
                let why = if self.leaving.is_some() {
                    Some(Refusal::Leaving)
                } else if payload.len() > MAX_MESSAGE {
                    Some(Refusal::TooLarge)
                } else if payload.len() > self.room() {
                    Some(Refusal::QueueFull)
                } else {
                    None
                };
                match why {
                    Some(why) => self.out.push_back(Output::Refused { payload, why }),
                    None => {
                        self.stats.messages_queued += 1;
                        self.packer.push(guarantee, payload);
                        self.work_waits();
                    }
                }
            }
            Input::Persisted(ticket) => self.persisted(ticket),
            Input::Reconfigure(config) => self.reconfigure(*config),
            Input::Rekey(key) => self.rekey(&key),
            Input::Quorum(change) => self.say_change(&change),
            Input::WitnessLapsed => self.witness_lapsed(),
            Input::Addresses(found) => self.addresses(&found),
            Input::Progress => self.progress_at = self.now.mono,
            Input::LinkState { link, up } => self.link_state(link, up),
            Input::Refused { link, to } => self.port_refused(link, to),
            Input::Leave => self.leave(),
        }
        self.timers();
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Timer`] is wanted next, and why.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.wake
    }

    /// Bytes that `Input::Multicast` still takes before it refuses.
    pub fn room(&self) -> usize {
        (QUEUE + MAX_MESSAGE).saturating_sub(self.packer.bytes() + 16 * self.packer.messages())
    }

    /// The last regular view delivered.
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// The vote as of now.
    pub fn quorum(&self) -> quorum::Status {
        self.quorum.status().clone()
    }

    /// The ring as the client of a witness must know it.
    pub fn witness_state(&self) -> RingState {
        let status = self.quorum.status();
        let (own, changes) = self.quorum.own_witness();
        RingState {
            ring: self.view.as_ref().map(|v| v.ring).unwrap_or_default(),
            members: self.view.iter().flat_map(|v| &v.members).map(|m| m.id).collect(),
            configured: self.config.members.iter().map(|m| m.id).collect(),
            working: self.phase == Phase::Operational && self.leaving.is_none(),
            quorate: status.quorate,
            waiting: status.waiting_for_all,
            votes: self.quorum.member_votes(),
            quorum: status.quorum,
            grant: self.quorum.grant(),
            changes,
            own,
        }
    }

    /// The state of the membership protocol.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Which run of the daemon this is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn log(&mut self, event: Event) {
        self.out.push_back(Output::Log(event));
    }

    /// A number from the owned generator (splitmix64).
    fn random(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn peer_place(&self, node: NodeId) -> Option<usize> {
        self.peers.binary_search_by_key(&node, |p| p.id).ok()
    }

    fn peer(&self, node: NodeId) -> Option<&Peer> {
        self.peer_place(node).map(|place| &self.peers[place])
    }

    fn master(&self, tag: u32) -> Option<&Master> {
        self.masters.iter().find(|m| m.tag == tag)
    }

    /// Between two signs of life.
    pub fn beat(&self) -> Span {
        let token = self.config.timing.token;
        let beat = token.over(5);
        let given = self.config.links.iter().filter_map(|l| l.ping_interval).min();
        let several = self.config.links.len() > 1;
        let most = if several { beat.min(Span::millis(40)) } else { beat };
        given.map_or(most, |g| g.min(most)).max(Span::millis(10))
    }

    /// A membership that leaves out nodes that somebody hears must last this long.
    fn settle(&self) -> Span {
        (self.beat().times(2)).max(Span::millis(200)).min(self.config.timing.token.max(Span::millis(100)))
    }

    fn start_wait(&self) -> Span {
        self.config.timing.token.over(4).min(Span::millis(150))
    }

    /// A process that did not run must not blame others for the silence: everything that was due is put off.
    fn notice_pause(&mut self, now: Now) {
        let before = self.now;
        self.now = if now.mono < before.mono { Now { mono: before.mono, ..now } } else { now };
        let Some((due, _)) = self.wake else { return };
        let late = self.now.mono.since(due);
        let token = self.config.timing.token;
        if late < token.over(4) {
            return;
        }
        self.stats.pauses += 1;
        self.stats.longest_pause = self.stats.longest_pause.max(late);
        if late >= token.over(2) {
            self.remember_pause(late);
            self.log(Event::Paused(late));
        }
        let now = self.now.mono;
        let shift = |at: &mut Instant| *at = (*at + late).min(now);
        for peer in &mut self.peers {
            for session in peer.session.iter_mut().chain(&mut peer.previous) {
                shift(&mut session.heard_at);
            }
            for path in &mut peer.paths {
                path.heard_at.iter_mut().for_each(shift);
            }
        }
        shift(&mut self.turn.evidence_at);
        shift(&mut self.progress_at);
        if late >= token && self.phase == Phase::Operational && self.order.seats.len() > 1 {
            self.gather(GatherReason::Pause);
            if self.relies_on_witness() {
                self.give_up_quorum();
            }
        }
    }

    /// Everything that is due, then the time of what is due next.
    fn timers(&mut self) {
        let now = self.now.mono;
        if !self.gone && self.slow_at <= now {
            self.slow_timers();
        }
        if !self.gone && self.evaluation().is_some_and(|at| at <= now) {
            self.evaluate_soon = false;
            self.evaluated_at = Some(now);
            self.evaluate();
        }
        if !self.gone {
            self.form_timers();
            self.token_timers();
            self.leave_timers();
            self.doubt_quorum();
            if let Some(change) = self.quorum.due(now) {
                self.say_change(&change);
            }
        }
        if !self.gone && self.next_presence().is_some_and(|at| at <= now) {
            self.tell_presence();
        }
        self.tell_level();
        self.wake = if self.gone { None } else { self.next_wake() };
    }

    /// When the membership is to be worked out anew. That takes time by the square of the nodes: in a large ring, where
    /// rows change by the hundred, changes are gathered for some milliseconds.
    fn evaluation(&self) -> Option<Instant> {
        let nodes = self.peers.len() as u64;
        let gap = if nodes < 32 { Span::ZERO } else { Span(nodes * nodes / 14) };
        self.evaluate_soon.then(|| self.evaluated_at.map_or(self.now.mono, |at| at + gap))
    }

    /// When a change is to be told to the peers: soon, but with every peer told about it not all the time.
    fn next_presence(&self) -> Option<Instant> {
        let gap = Span(self.peers.len() as u64 * 150).max(Span::millis(5));
        self.presence_soon.then(|| self.presence_sent + gap)
    }

    fn next_wake(&self) -> Option<(Instant, &'static str)> {
        let waits = self.config.require_progress && self.leaving.is_none();
        let progress = waits.then(|| (self.progress_at + self.progress_limit(), "progress"));
        [
            Some((self.slow_at, "peers")),
            self.next_presence().map(|at| (at, "presence")),
            self.evaluation().filter(|at| *at > self.now.mono).map(|at| (at, "membership")),
            self.gather_deadline(),
            self.form_deadline(),
            self.token_deadline(),
            self.leave_deadline(),
            self.quorum.deadline().map(|at| (at, "last man standing")),
            progress,
            self.doubt_deadline().map(|at| (at, "quorum")),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// A ring that acts by the witness's votes alone gives them up sooner: others wait for that.
    fn doubt_deadline(&self) -> Option<Instant> {
        let token = self.config.timing.token;
        let wait = if self.relies_on_witness() { token.over(2) } else { token.times(2) };
        self.idle_since.map(|at| at + wait)
    }

    /// Who works in no ring for long must not believe that it may still act.
    fn doubt_quorum(&mut self) {
        if self.doubt_deadline().is_some_and(|at| at <= self.now.mono) {
            self.give_up_quorum();
        }
    }

    fn relies_on_witness(&self) -> bool {
        let status = self.quorum.status();
        let relies = status.quorate && status.witness_held && self.quorum.member_votes() < status.quorum;
        relies && !planted::is(Bug::Stubborn)
    }

    fn give_up_quorum(&mut self) {
        self.idle_since = None;
        self.quorum.forfeit_witness();
        let status = quorum::Status { quorate: false, total_votes: self.own_votes(), ..self.quorum() };
        if let Some(view) = &mut self.view {
            view.quorum = status.clone();
        }
        self.out.push_back(Output::Quorum(status));
    }

    fn witness_lapsed(&mut self) {
        if self.phase == Phase::Operational {
            let gone = quorum::Change::Witness(quorum::WitnessChange::default());
            self.say_change(&gone);
        } else if self.relies_on_witness() {
            self.give_up_quorum();
        } else {
            self.quorum.forfeit_witness();
        }
    }

    fn tell_level(&mut self) {
        let percent = self.packer.bytes() * 100 / QUEUE;
        let level = match percent {
            75.. => Level::Critical,
            60.. => Level::High,
            30.. => Level::Good,
            _ => Level::Low,
        };
        if level != self.level {
            self.level = level;
            self.out.push_back(Output::FlowControl(level));
        }
    }

    fn leave_now(&mut self, why: LeaveReason) {
        self.gone = true;
        self.out.push_back(Output::Left(why));
    }

    /// Asks for the disk when sequences up to `seq` are not yet reserved there.
    fn reserve(&mut self, seq: u64) {
        let votes = self.quorum.to_store();
        let asked = self.persisting.map_or(self.durable, |(_, seq)| seq.max(self.durable));
        if seq <= asked && votes <= self.stored_votes {
            return;
        }
        self.stored_votes = self.stored_votes.max(votes);
        let seq = seq.max(asked);
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.persisting = Some((ticket, seq));
        let record = PersistedRing { ring_seq: seq, expected_votes: self.stored_votes };
        self.out.push_back(Output::PersistRing { ticket, record });
    }

    fn persisted(&mut self, ticket: Ticket) {
        if let Some((asked, seq)) = self.persisting
            && ticket >= asked
        {
            self.durable = self.durable.max(seq);
            self.persisting = None;
            self.form_persisted();
            self.evaluate_soon = true;
        }
    }
}
