//! A node's way to its witness: reports where the node is, takes answers, keeps the lease, and says which change of the
//! vote is to be multicast. Knows neither sockets nor the ring; it is told the ring's state and tells what to do.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::config::Key;
use crate::id::{NodeId, RingId};
use crate::quorum::WitnessChange;
use crate::seal::datagram::{Header, Kind, Sealer};
use crate::seal::greeting::{self, Challenge, Greeting};
use crate::seal::keys::Master;
use crate::time::{Instant, Span};
use crate::witness::channel::{self, End, Proven};
use crate::witness::planted::{self, Bug};
use crate::witness::wire::{Answer, Report};
use crate::witness::{DATAGRAM, Heuristics, Terms, Verdict, WITNESS};
use crate::{Identity, witness};

/// Between two greetings without an answer.
const GREET: Span = Span::millis(250);
/// Requests whose time of sending is remembered.
const REMEMBERED: usize = 64;

/// The ring as the witness's client must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingState {
    /// The last ring.
    pub ring: RingId,
    /// Its members.
    pub members: Vec<NodeId>,
    /// The node list.
    pub configured: Vec<NodeId>,
    /// It works.
    pub working: bool,
    /// It may act.
    pub quorate: bool,
    /// Some members wait until all nodes were seen.
    pub waiting: bool,
    /// Votes of the members.
    pub votes: u32,
    /// Votes needed.
    pub quorum: u32,
    /// The grant that the ring counts.
    pub grant: Option<u64>,
    /// Changes of the witness's votes applied in this ring.
    pub changes: u64,
    /// What the ring has for this node.
    pub own: WitnessChange,
}

/// Something for the driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram to the witness.
    Send {
        /// Where to.
        to: SocketAddr,
        /// One datagram.
        bytes: Vec<u8>,
    },
    /// Multicast this change of the vote.
    Change(WitnessChange),
    /// The lease has ended without a word from the witness: hand `Input::WitnessLapsed` to the ring.
    Lapsed,
    /// Run the heuristics and hand the result to [`Client::heuristics`] with this number.
    Heuristics(u64),
    /// A line for the log, and whether it is a warning.
    Log(String, bool),
}

/// How the contact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The name of the witness has no address yet.
    #[default]
    Unresolved,
    /// It does not answer.
    Connecting,
    /// It answers.
    Connected,
}

/// For status displays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How the contact is.
    pub state: State,
    /// The address in use.
    pub address: Option<SocketAddr>,
    /// What the witness calls itself.
    pub name: String,
    /// Its last answer about the ring that works now.
    pub verdict: Verdict,
    /// How much longer the votes count without another word; `None` when they are not held.
    pub lease: Option<Span>,
    /// The last word of the heuristics.
    pub heuristics: Heuristics,
    /// Time since its last answer; `None` when there was none.
    pub silent: Option<Span>,
}

/// When heuristics run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// Never.
    #[default]
    Off,
    /// When the ring changes.
    Sync,
    /// Then, and at this interval.
    Regular(Span),
}

/// The client.
#[derive(Debug)]
pub struct Client {
    end: End,
    terms: Terms,
    checks: Checks,
    connect_timeout: Span,
    /// The key in use, and after a rotation the one before.
    keys: Vec<(Master, Sealer)>,
    /// Which of them is tried.
    key: usize,
    addresses: Vec<SocketAddr>,
    address: usize,
    address_since: Instant,
    proven: Option<Proven>,
    server: String,
    challenge: Option<Challenge>,
    greet_at: Instant,
    chance: u64,
    request: u64,
    seen: u64,
    sent: VecDeque<(u64, Instant)>,
    report_at: Instant,
    heard_at: Option<Instant>,
    contact: bool,
    ring: RingState,
    verdict: Verdict,
    lease: Option<(u64, Instant)>,
    /// The change multicast last, and when.
    told: Option<(WitnessChange, Instant)>,
    heuristics: Heuristics,
    check: u64,
    check_at: Option<Instant>,
    out: VecDeque<Output>,
}

/// Whether two changes come to the same; the ring that they were said to does not matter once they are applied.
fn same(a: &WitnessChange, b: &WitnessChange) -> bool {
    (a.alive, a.grant, a.votes) == (b.alive, b.grant, b.votes)
}

impl Client {
    /// A client that looks for its witness as soon as it has an address. `salt` must be fresh: the ring's own will do,
    /// the keys differ.
    pub fn new(
        identity: &Identity,
        ring_key: &Key,
        cluster_name: &str,
        terms: Terms,
        checks: Checks,
        seed: u64,
        now: Instant,
    ) -> Self {
        let end = End {
            node: identity.node_id,
            name: identity.name.clone(),
            salt: identity.boot_salt,
            boot_id: identity.boot_id,
            machine_id: identity.machine_id,
        };
        let mut client = Self {
            end,
            terms,
            checks,
            connect_timeout: Span::secs(1),
            keys: Vec::new(),
            key: 0,
            addresses: Vec::new(),
            address: 0,
            address_since: now,
            proven: None,
            server: String::new(),
            challenge: None,
            greet_at: now,
            chance: seed,
            request: 0,
            seen: 0,
            sent: VecDeque::new(),
            report_at: now,
            heard_at: None,
            contact: false,
            ring: RingState::default(),
            verdict: Verdict::Wait,
            lease: None,
            told: None,
            heuristics: Heuristics::Off,
            check: 0,
            check_at: None,
            out: VecDeque::new(),
        };
        client.rekey(ring_key, cluster_name);
        client
    }

    /// This process did not run for a while and may have been copied; `chance` is fresh from the system.
    pub fn resumed(&mut self, chance: u64) {
        self.keys.iter_mut().for_each(|(_, sealer)| sealer.leap(chance));
        self.chance ^= chance.rotate_left(17);
        self.challenge = None;
    }

    /// A rotated key: it is tried first, the one before in turn.
    pub fn rekey(&mut self, ring_key: &Key, cluster_name: &str) {
        let master = Master::new(&witness::key(ring_key, cluster_name), "");
        if self.keys.first().is_some_and(|(known, _)| known.tag == master.tag) {
            return;
        }
        // The counter of a key that comes back must not begin anew.
        let sealer = match self.keys.iter().position(|(known, _)| known.tag == master.tag) {
            Some(place) => self.keys.remove(place).1,
            None => self.end.sealer(&master),
        };
        self.keys.insert(0, (master, sealer));
        self.keys.truncate(2);
        self.key = 0;
        (self.proven, self.challenge) = (None, None);
    }

    /// Addresses of the witness, in the order in which they are tried; each gets `connect_timeout`.
    pub fn set_addresses(&mut self, now: Instant, addresses: Vec<SocketAddr>, connect_timeout: Span) {
        self.connect_timeout = connect_timeout.max(GREET.times(2));
        if self.addresses != addresses {
            self.addresses = addresses;
            (self.address, self.address_since) = (0, now);
            (self.proven, self.challenge) = (None, None);
            self.greet_at = now;
        }
        self.work(now);
    }

    /// A changed configuration.
    pub fn set_terms(&mut self, now: Instant, terms: Terms, checks: Checks) {
        (self.terms, self.checks) = (terms, checks);
        self.report_at = now;
        self.work(now);
    }

    /// The ring as it is now; call it after every step of the ring.
    pub fn ring(&mut self, now: Instant, ring: RingState) {
        if ring == self.ring {
            return;
        }
        let moved = ring.ring != self.ring.ring;
        let urgent = moved || ring.working != self.ring.working || ring.grant != self.ring.grant;
        self.ring = ring;
        if moved {
            // A grant comes along with a ring, a lease without one is over.
            self.lease = self.lease.filter(|(grant, _)| Some(*grant) == self.ring.grant);
            (self.verdict, self.told) = (Verdict::Wait, None);
            self.run_checks(now);
        }
        if urgent {
            self.report_at = now;
        }
        self.work(now);
    }

    fn run_checks(&mut self, now: Instant) {
        let next = match self.checks {
            Checks::Off => {
                self.heuristics = Heuristics::Off;
                return;
            }
            Checks::Sync => None,
            Checks::Regular(interval) => Some(now + interval),
        };
        self.check_at = next;
        self.check += 1;
        self.heuristics = Heuristics::Pending;
        self.out.push_back(Output::Heuristics(self.check));
    }

    /// The heuristics have ended.
    pub fn heuristics(&mut self, now: Instant, number: u64, passed: bool) {
        if number == self.check && self.checks != Checks::Off {
            self.heuristics = if passed { Heuristics::Passed } else { Heuristics::Failed };
            self.report_at = now;
            self.work(now);
        }
    }

    /// This node has left the ring for good: the witness need not wait for it.
    pub fn leave(&mut self, now: Instant) {
        self.ring = RingState::default();
        (self.lease, self.verdict, self.check_at) = (None, Verdict::Wait, None);
        if self.proven.is_some() {
            self.report(now);
        }
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::timer`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        let lease = self.lease.map(|(_, until)| until);
        let check = self.check_at;
        let (greet, report, silent) = if self.addresses.is_empty() {
            (None, None, None)
        } else if self.proven.is_some() {
            (None, Some(self.report_at), self.heard_at.map(|at| at + self.patience()))
        } else {
            (Some(self.greet_at), None, None)
        };
        let told = self.told.map(|(_, at)| at + self.terms.token);
        let told = told.filter(|_| self.ring.working && !same(&self.wanted(), &self.ring.own));
        [lease, check, greet, report, silent.filter(|_| self.contact), told].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn timer(&mut self, now: Instant) {
        self.work(now);
    }

    /// Without an answer for so long the contact is lost.
    fn patience(&self) -> Span {
        self.terms.beat().times(3).max(self.terms.token)
    }

    /// For status displays.
    pub fn standing(&self, now: Instant) -> Standing {
        let state = match (self.addresses.is_empty(), self.contact) {
            (true, _) => State::Unresolved,
            (_, false) => State::Connecting,
            (_, true) => State::Connected,
        };
        Standing {
            state,
            address: self.addresses.get(self.address).copied(),
            name: self.server.clone(),
            verdict: self.verdict,
            lease: self.lease.map(|(_, until)| until.since(now)),
            heuristics: self.heuristics,
            silent: self.heard_at.map(|at| now.since(at)),
        }
    }

    /// A view that lost its quorum for want of the witness's votes may be told a little later, when they are likely to
    /// come: the witness answered lately and the votes would help.
    pub fn may_help(&self, now: Instant) -> bool {
        let fresh =
            self.heard_at.is_some_and(|at| now.since(at) < self.terms.beat().times(2) + Span::millis(50));
        let enough =
            self.terms.master_wins || self.ring.votes.saturating_add(self.terms.votes) >= self.ring.quorum;
        self.contact && fresh && enough && !self.ring.waiting && self.verdict == Verdict::Wait
    }

    /// A datagram from the witness; it is opened in place.
    pub fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        // The seal says who speaks; a witness with several addresses may answer from another one.
        if bytes.len() > DATAGRAM {
            return;
        }
        match Kind::of(bytes) {
            Ok(Kind::Greeting) => self.greeted(now, from, bytes),
            Ok(Kind::Sealed) => self.answered(now, bytes),
            Ok(Kind::Clear | Kind::Refusal) | Err(_) => {}
        }
        self.work(now);
    }

    fn greeted(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Ok(tag) = greeting::key_tag(bytes) else { return };
        let Some(place) = self.keys.iter().position(|(master, _)| master.tag == tag) else { return };
        let master = &self.keys[place].0;
        let Some(Ok(hello)) = Greeting::decode(bytes, master) else { return };
        if hello.from != WITNESS || hello.to != Some(self.end.node) {
            return;
        }
        if hello.echo.is_some() && hello.echo == self.challenge {
            self.challenge = None;
            if self.proven.as_ref().is_none_or(|p| p.salt != hello.salt) {
                self.proven = Some(Proven::new(WITNESS, hello.salt));
                self.seen = 0;
            }
            self.server = hello.name;
            self.key = place;
            if let Some(challenge) = hello.challenge {
                let bytes = self.end.greeting(Some(WITNESS), None, Some(challenge), master);
                self.out.push_back(Output::Send { to: from, bytes });
            }
            self.report_at = now;
        } else if hello.echo.is_none() && self.greet_at <= now {
            // It does not know us: it was started again, or our greeting was lost.
            self.greet(now);
        }
    }

    fn greet(&mut self, now: Instant) {
        self.greet_at = now + GREET;
        if self.challenge.is_some() && self.proven.is_none() {
            // The last one was not answered: try the other key, and after a while the next address.
            self.key = (self.key + 1) % self.keys.len();
            if now.since(self.address_since) >= self.connect_timeout && !self.addresses.is_empty() {
                self.address = (self.address + 1) % self.addresses.len();
                self.address_since = now;
            }
        }
        let Some(to) = self.addresses.get(self.address).copied() else { return };
        let master = &self.keys[self.key].0;
        let challenge = channel::challenge(master, &mut self.chance, &self.end.salt);
        self.challenge = Some(challenge);
        let bytes = self.end.greeting(Some(WITNESS), Some(challenge), None, master);
        self.out.push_back(Output::Send { to, bytes });
    }

    fn answered(&mut self, now: Instant, bytes: &mut [u8]) {
        let Ok(header) = Header::decode(bytes) else { return };
        let Some((master, _)) = self.keys.iter().find(|(m, _)| m.tag == header.key_tag) else { return };
        if header.sender != WITNESS {
            return;
        }
        let Some(proven) = &mut self.proven else { return };
        let Some(body) = proven.open(&header, bytes, master) else { return };
        let Ok(answer) = Answer::decode(body) else { return };
        self.heard_at = Some(now);
        if !self.contact {
            self.contact = true;
            let to = self.addresses.get(self.address).map(ToString::to_string).unwrap_or_default();
            self.out.push_back(Output::Log(format!("the witness {} at {to} answers", self.server), false));
        }
        // Answers that overtook each other: the newest counts.
        if answer.number <= self.seen {
            return;
        }
        self.seen = answer.number;
        let Some((_, sent)) = self.sent.iter().find(|(request, _)| *request == answer.request) else {
            return;
        };
        let sent = *sent;
        if answer.ring != self.ring.ring {
            return;
        }
        self.verdict = answer.verdict;
        match answer.verdict {
            Verdict::Held(grant) => {
                let lease = self.terms.lease();
                let lease = if planted::is(Bug::Endless) { lease.times(1_000) } else { lease };
                let since = if planted::is(Bug::FromAnswer) { now } else { sent };
                let until = since + lease;
                if until > now {
                    let until = match self.lease {
                        Some((held, before)) if held == grant => until.max(before),
                        _ => until,
                    };
                    self.lease = Some((grant, until));
                }
            }
            Verdict::AtHand | Verdict::Denied => self.lease = None,
            Verdict::Wait => {}
        }
    }

    /// What the ring should have for this node.
    fn wanted(&self) -> WitnessChange {
        let ring = self.ring.ring;
        match (self.lease, self.verdict) {
            (Some((grant, _)), _) => {
                WitnessChange { ring, alive: self.contact, grant, votes: self.terms.votes }
            }
            (None, Verdict::AtHand) if self.contact => {
                WitnessChange { ring, alive: true, grant: 0, votes: self.terms.votes }
            }
            (None, _) => WitnessChange { ring, alive: self.contact, grant: 0, votes: 0 },
        }
    }

    fn work(&mut self, now: Instant) {
        if self.lease.is_some_and(|(_, until)| until <= now) {
            self.lease = None;
            self.verdict = Verdict::Wait;
            self.told = None;
            self.out.push_back(Output::Lapsed);
            let text =
                "the witness was not heard for the time of its lease, its votes are given up".to_owned();
            self.out.push_back(Output::Log(text, true));
        }
        if self.contact && self.heard_at.is_none_or(|at| now.since(at) >= self.patience()) {
            self.contact = false;
            (self.proven, self.challenge) = (None, None);
            (self.greet_at, self.address_since) = (now, now);
            let text = format!("the witness {} does not answer any more", self.server);
            self.out.push_back(Output::Log(text, true));
        }
        if self.check_at.is_some_and(|at| at <= now) {
            self.run_checks(now);
        }
        self.tell(now);
        if self.addresses.is_empty() {
            return;
        }
        if self.proven.is_none() {
            if self.greet_at <= now {
                self.greet(now);
            }
        } else if self.report_at <= now {
            self.report(now);
        }
    }

    /// Has the ring's state for this node changed where it differs from what it should be.
    fn tell(&mut self, now: Instant) {
        let wanted = self.wanted();
        if !self.ring.working || same(&wanted, &self.ring.own) {
            return;
        }
        let again = self.told.is_none_or(|(told, at)| told != wanted || now.since(at) >= self.terms.token);
        if again {
            self.told = Some((wanted, now));
            self.out.push_back(Output::Change(wanted));
        }
    }

    fn report(&mut self, now: Instant) {
        let Some(to) = self.addresses.get(self.address).copied() else { return };
        let undecided =
            self.ring.working && self.ring.votes < self.ring.quorum && self.verdict == Verdict::Wait;
        let pause = if undecided {
            self.terms.token.over(20).max(Span::millis(20)).min(self.terms.beat())
        } else {
            self.terms.beat()
        };
        self.report_at = now + pause;
        self.request += 1;
        self.sent.push_back((self.request, now));
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
        let report = Report {
            request: self.request,
            seen: self.seen,
            ring: self.ring.ring,
            members: self.ring.members.clone(),
            configured: self.ring.configured.clone(),
            working: self.ring.working,
            quorate: self.ring.quorate,
            waiting: self.ring.waiting,
            votes: self.ring.votes,
            quorum: self.ring.quorum,
            grant: self.lease.map(|(grant, _)| grant).or(self.ring.grant).unwrap_or(0),
            changes: self.ring.changes,
            heuristics: self.heuristics,
            terms: self.terms.clone(),
        };
        let (master, sealer) = &mut self.keys[self.key];
        let bytes = channel::seal(sealer, master, &report.encode());
        self.out.push_back(Output::Send { to, bytes });
    }
}
