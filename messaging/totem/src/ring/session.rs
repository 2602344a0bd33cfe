//! Who is who: greetings, sessions, restarts, duplicate identities, key rotation, and the way of a datagram to its
//! reader. Knows no membership rule.

use std::net::SocketAddr;

use crate::config::{Config, MAX_MEMBERS, MemberConfig};
use crate::id::NodeId;
use crate::io::{Duplicate, Host, LeaveReason};
use crate::log::{Event, GatherReason};
use crate::peer::{Candidate, Peer, PeerClock, Session};
use crate::ring::Ring;
use crate::seal::datagram::{Header, Kind, NotOpened, OVERHEAD, Opener, boot_half};
use crate::seal::greeting::{self, Challenge, Greeting, Reason, Refusal};
use crate::seal::keys::{self, Master};
use crate::stats::Purpose;
use crate::time::{Instant, Span};
use crate::wire::control::{self, Control, PART_HEADER, Part};
use crate::wire::frame::FrameView;
use crate::wire::token::Token;
use crate::wire::{FRAME, PART, TOKEN};

/// Greetings that are looked at in one second; each costs an HMAC before anything is known about its source.
const GREETINGS_PER_SECOND: u32 = 4_000;
/// Unreadable datagrams of one source are reported once in this time.
const REPORT: Span = Span::secs(60);

impl Ring {
    /// Makes a peer of every configured member but this node.
    pub(super) fn take_members(&mut self) {
        let (now, timeout) = (self.now.mono, self.link_timeout());
        for member in self.config.members.clone() {
            if member.id == self.me {
                continue;
            }
            match self.peers.binary_search_by_key(&member.id, |p| p.id) {
                Ok(place) => self.peers[place].reconfigure(&self.config, &member, timeout),
                Err(place) => {
                    self.peers.insert(place, Peer::new(&self.config, &member, true, now, timeout));
                }
            }
        }
    }

    /// After so long a silent link is down, where its own time is not configured.
    pub fn link_timeout(&self) -> Span {
        self.beat().times(3).max(Span::millis(60))
    }

    /// Takes a new configuration: members, links, time-outs and the vote.
    pub(super) fn reconfigure(&mut self, config: Config) {
        let gone: Vec<NodeId> = self
            .peers
            .iter()
            .filter(|p| {
                p.configured && !config.open_membership && !config.members.iter().any(|m| m.id == p.id)
            })
            .map(|p| p.id)
            .collect();
        self.quorum.reconfigure(&config);
        let other_token = config.timing.token != self.config.timing.token;
        self.config = config;
        self.peers.retain(|p| !gone.contains(&p.id));
        self.take_members();
        if other_token {
            // Whoever is here hears of it by a greeting, and answers with its own.
            for peer in &mut self.peers {
                peer.timeouts_reported = None;
                if peer.session.is_some() {
                    peer.challenge.get_or_insert([0; 16]);
                    peer.greet_at = self.now.mono;
                }
            }
        }
        for note in self.quorum.take_notes() {
            self.log(Event::Quorum(note));
        }
        self.slow_at = self.now.mono;
        self.evaluate_soon = true;
    }

    /// A datagram of any kind.
    pub(super) fn datagram(&mut self, link: u8, from: SocketAddr, bytes: &mut [u8]) {
        match Kind::of(bytes) {
            Ok(Kind::Greeting) => self.greeting_bytes(link, from, bytes),
            Ok(Kind::Refusal) => self.refusal_bytes(from, bytes),
            Ok(Kind::Sealed | Kind::Clear) => self.sealed_bytes(link, from, bytes),
            Err(_) => self.count_unreadable(from),
        }
    }

    fn count_unreadable(&mut self, from: SocketAddr) {
        self.stats.unreadable += 1;
        let now = self.now.mono;
        if self.unreadable.len() >= 256 && !self.unreadable.contains_key(&from) {
            return;
        }
        let entry = self.unreadable.entry(from).or_insert((0, now));
        entry.0 += 1;
        if entry.1 <= now && entry.0 >= 3 {
            let count = std::mem::take(&mut entry.0);
            entry.1 = now + REPORT;
            self.log(Event::Unreadable { from, count });
        }
    }

    fn sealed_bytes(&mut self, link: u8, from: SocketAddr, bytes: &mut [u8]) {
        let Ok(header) = Header::decode(bytes) else { return self.count_unreadable(from) };
        if header.sender == self.me {
            return;
        }
        let Some(place) = self.peer_place(header.sender) else { return self.count_unreadable(from) };
        let Some(master) = self.masters.iter().position(|m| m.tag == header.key_tag) else {
            return self.count_unreadable(from);
        };
        let size = bytes.len();
        let (now, peer) = (self.now.mono, &mut self.peers[place]);
        let is = |s: &&mut Session| boot_half(s.incarnation) == header.boot;
        if let Some(session) = peer.session.as_mut().filter(is) {
            let opened = session.opener.open(&header, bytes, &self.masters[master]);
            match opened {
                Err(NotOpened::Replayed) => {
                    self.stats.replayed += 1;
                    // The second copy of what came over another link; what it was for is not looked at.
                    if let Some(path) = peer.path_mut(link) {
                        path.counters.received.data.add(1, size);
                    }
                }
                Err(NotOpened::Forged) => self.count_unreadable(from),
                Ok(body) => {
                    session.heard_at = now;
                    self.stats.opened += 1;
                    if let Some(path) = peer.path_mut(link) {
                        path.heard_at = Some(now);
                        path.counters.received.add(control::purpose(body.first().copied()), 1, size);
                    }
                    let node = header.sender;
                    if self.message(link, node, body).is_none() {
                        self.stats.malformed += 1;
                    }
                }
            }
        } else if let Some(session) = peer.previous.as_mut().filter(is) {
            if let Ok(body) = session.opener.open(&header, bytes, &self.masters[master])
                && let Ok(Control::Presence(presence)) = Control::decode(body)
            {
                self.incumbent_spoke(place, &presence);
            }
        } else {
            // A boot that we do not know: greet it soon.
            peer.greet_at = peer.greet_at.min(now);
            if peer.session.is_some() {
                peer.challenge.get_or_insert([0; 16]);
            }
            self.slow_at = self.slow_at.min(now);
        }
    }

    /// An opened body. `None` = it made no sense.
    fn message(&mut self, link: u8, node: NodeId, body: &[u8]) -> Option<()> {
        match *body.first()? {
            FRAME => self.frame(FrameView::decode(body).ok()?),
            TOKEN => self.token(node, Token::decode(body).ok()?),
            PART => {
                let part = Part::decode(body).ok()?;
                let count = part.count;
                let place = self.peer_place(node)?;
                if let Some(whole) = self.peers[place].parts.take(part) {
                    if control::purpose(whole.first().copied()) == Purpose::Ping
                        && let Some(path) = self.peers[place].path_mut(link)
                    {
                        let size = whole.len() + usize::from(count) * (OVERHEAD + PART_HEADER);
                        path.counters.received.was_ping(count.into(), size);
                    }
                    match *whole.first()? {
                        FRAME => self.frame(FrameView::decode(&whole).ok()?),
                        _ => self.control(link, node, Control::decode(&whole).ok()?),
                    }
                }
            }
            _ => self.control(link, node, Control::decode(body).ok()?),
        }
        Some(())
    }

    fn control(&mut self, link: u8, node: NodeId, message: Control) {
        self.stats.hears(&message);
        match message {
            Control::Presence(presence) => self.presence(link, node, presence),
            Control::Propose { ring, seats } => self.proposed(node, ring, seats),
            Control::Accept { ring, slot } => self.accepted(node, ring, slot),
            Control::Decline { ring } => self.declined(node, ring),
            Control::Commit { ring, slots } => self.committed(node, ring, slots),
            Control::Committed { ring } => self.commit_seen(node, ring),
            Control::TokenSeen { ring, hop } => self.token_seen(node, ring, hop),
            Control::TokenWanted { ring, hop } => self.token_wanted(node, ring, hop),
            Control::Goodbye { clean } => self.goodbye(node, clean),
            Control::Farewell => self.farewell(node),
            Control::Probe { size } => self.probe_came(link, node, size, false),
            Control::Probed { size } => self.probe_came(link, node, size, true),
        }
    }

    fn challenge(&mut self) -> Challenge {
        let (a, b) = (self.random(), self.random());
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&a.to_le_bytes());
        secret[8..].copy_from_slice(&b.to_le_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&self.masters[0].mac(&secret)[..16]);
        out
    }

    fn say_hello(
        &mut self,
        link: u8,
        to: SocketAddr,
        node: Option<NodeId>,
        challenge: Option<Challenge>,
        echo: Option<Challenge>,
        master: &Master,
    ) {
        let greeting = Greeting {
            to: node,
            from: self.me,
            salt: self.identity.boot_salt,
            boot_id: self.identity.boot_id,
            machine_id: self.identity.machine_id,
            challenge,
            echo,
            token: self.config.timing.token.0,
            config_version: self.config.config_version,
            name: self.identity.name.clone(),
        };
        let bytes = greeting.encode(master);
        self.stats.greetings_sent += 1;
        let path = node.and_then(|node| self.peer_place(node));
        if let Some(path) = path.and_then(|place| self.peers[place].path_mut(link)) {
            path.counters.sent.data.add(1, bytes.len());
        }
        self.push_send(link, to, bytes.into(), Purpose::Data);
    }

    /// Greets every peer without a session, on all links; rarer with every greeting that stays without an answer. One
    /// that fell silent is greeted too: it may have taken another boot for us, and its answer tells.
    pub(super) fn greet_strangers(&mut self) -> Option<Instant> {
        let (now, token) = (self.now.mono, self.config.timing.token);
        let mut next: Option<Instant> = None;
        for place in 0..self.peers.len() {
            let peer = &self.peers[place];
            let silent = peer.session.as_ref().is_some_and(|s| !s.goodbye && now.since(s.heard_at) >= token);
            let wanting = peer.session.is_none() || peer.challenge.is_some() || silent;
            if !wanting || !self.home {
                continue;
            }
            if peer.greet_at <= now {
                let fresh = self.challenge();
                let peer = &mut self.peers[place];
                let challenge = *peer.challenge.get_or_insert(fresh);
                let challenge = if challenge == [0; 16] { *peer.challenge.insert(fresh) } else { challenge };
                peer.greetings = peer.greetings.saturating_add(1);
                let wait = match peer.greetings {
                    _ if silent => self.config.timing.merge.max(Span::millis(500)),
                    0..40 => Span::millis(50),
                    40..80 => self.config.timing.merge,
                    _ => self.config.timing.merge.max(Span::millis(500)),
                };
                let node = peer.id;
                let targets: Vec<_> =
                    peer.paths.iter().filter_map(|p| p.address.map(|to| (p.link, to))).collect();
                let jitter = Span(self.random() % 10_000);
                self.peers[place].greet_at = now + wait + jitter;
                for master in self.masters.clone() {
                    for (link, to) in &targets {
                        self.say_hello(*link, *to, Some(node), Some(challenge), None, &master);
                    }
                }
            }
            let at = self.peers[place].greet_at;
            next = Some(next.map_or(at, |n| n.min(at)));
        }
        if self.config.open_membership {
            next = Some(self.greet_group(next));
        }
        next
    }

    /// Without a node list whoever listens on the group address is greeted.
    fn greet_group(&mut self, next: Option<Instant>) -> Instant {
        let now = self.now.mono;
        let due = now + self.config.timing.merge;
        let groups: Vec<_> =
            self.config.links.iter().filter_map(|l| l.multicast.map(|to| (l.number, to))).collect();
        let master = self.masters[0].clone();
        for (link, to) in groups {
            self.say_hello(link, to, None, None, None, &master);
        }
        next.map_or(due, |n| n.min(due))
    }

    fn greeting_bytes(&mut self, link: u8, from: SocketAddr, bytes: &[u8]) {
        let now = self.now.mono;
        if self.greetings_budget.0 <= now {
            self.greetings_budget = (now + Span::secs(1), GREETINGS_PER_SECOND);
        }
        if self.greetings_budget.1 == 0 {
            return;
        }
        self.greetings_budget.1 -= 1;
        let Ok(tag) = greeting::key_tag(bytes) else { return self.count_unreadable(from) };
        let Some(master) = self.master(tag).cloned() else {
            if let Some(retired) = self.retired.clone().filter(|m| m.tag == tag) {
                self.refuse_retired(link, from, bytes, &retired);
            }
            return self.count_unreadable(from);
        };
        match Greeting::decode(bytes, &master) {
            Some(Ok(greeting)) => {
                self.stats.greetings_received += 1;
                let path = self.peer_place(greeting.from);
                if let Some(path) = path.and_then(|place| self.peers[place].path_mut(link)) {
                    path.counters.received.data.add(1, bytes.len());
                }
                self.greeted(link, from, greeting, &master);
            }
            _ => self.count_unreadable(from),
        }
    }

    fn refuse_retired(&mut self, link: u8, from: SocketAddr, bytes: &[u8], master: &Master) {
        if let Some(Ok(greeting)) = Greeting::decode(bytes, master)
            && let Some(echo) = greeting.challenge
        {
            let refusal = Refusal { from: self.me, salt: greeting.salt, echo, reason: Reason::KeyRetired };
            self.push_send(link, from, refusal.encode(master).into(), Purpose::Data);
        }
    }

    fn refusal_bytes(&mut self, from: SocketAddr, bytes: &[u8]) {
        let master = greeting::key_tag(bytes).ok().and_then(|tag| self.master(tag)).cloned();
        let refusal = master.and_then(|m| Refusal::decode(bytes, &m));
        let Some(Ok(refusal)) = refusal else { return self.count_unreadable(from) };
        let asked = self.peer(refusal.from).and_then(|p| p.challenge);
        if refusal.salt != self.identity.boot_salt
            || asked != Some(refusal.echo)
            || self.view.is_some() && self.order.seats.len() > 1
        {
            return;
        }
        match refusal.reason {
            Reason::KeyRetired => self.leave_now(LeaveReason::KeyRetired),
            Reason::Duplicate(incumbent) => {
                let newcomer = Host {
                    name: self.identity.name.clone(),
                    address: self.own_address(),
                    machine_id: self.identity.machine_id,
                    boot_id: self.identity.boot_id,
                };
                let duplicate = Duplicate { node: self.me, incumbent, newcomer, ours: true };
                self.report_duplicate(&duplicate);
                self.leave_now(LeaveReason::Duplicate(duplicate));
            }
        }
    }

    fn own_address(&self) -> Option<SocketAddr> {
        let me = self.config.members.iter().find(|m| m.id == self.me)?;
        me.addresses.first().map(|a| a.address)
    }

    fn greeted(&mut self, link: u8, from: SocketAddr, greeting: Greeting, master: &Master) {
        if greeting.from == self.me || greeting.to.is_some_and(|to| to != self.me) {
            return;
        }
        let now = self.now.mono;
        let place = match self.peer_place(greeting.from) {
            Some(place) => place,
            None if self.config.open_membership && self.peers.len() + 1 < MAX_MEMBERS => {
                let member = MemberConfig {
                    id: greeting.from,
                    name: greeting.name.clone(),
                    votes: self.config.quorum.default_votes,
                    addresses: Vec::new(),
                };
                let peer = Peer::new(&self.config, &member, false, now, self.link_timeout());
                let place = self.peers.partition_point(|p| p.id < member.id);
                self.peers.insert(place, peer);
                place
            }
            None => {
                let count = self.unreadable.entry(from).or_insert((0, now));
                if count.1 <= now {
                    count.1 = now + REPORT;
                    self.log(Event::UnknownNode { node: greeting.from, from });
                }
                return;
            }
        };
        let peer = &mut self.peers[place];
        if let Some(path) = peer.path_mut(link)
            && path.address.is_none()
        {
            path.address = Some(from);
        }
        let known = |s: &Session| s.salt == greeting.salt;
        let current = peer.session.as_ref().is_some_and(known);
        let token = self.config.timing.token;
        let gone = peer.session.as_ref().is_none_or(|s| s.goodbye || now.since(s.heard_at) >= token);
        if gone && peer.candidate.as_ref().is_some_and(|c| c.refused) {
            peer.candidate = None;
        }
        let refused = peer.candidate.as_mut().filter(|c| known(&c.session));
        if let Some(candidate) = refused {
            candidate.challenge = greeting.challenge.or(candidate.challenge);
            if candidate.refused {
                self.refuse_candidate(place);
            }
            return;
        }
        if greeting.echo.is_some() && greeting.echo == peer.challenge {
            peer.challenge = None;
            peer.greetings = 0;
            self.compare_timeouts(place, &greeting);
            if !current {
                self.proven(place, link, from, &greeting);
            }
        }
        self.answer(place, link, from, &greeting, master);
    }

    /// Answers a greeting that wants one, and asks back when we do not know this boot.
    fn answer(&mut self, place: usize, link: u8, from: SocketAddr, greeting: &Greeting, master: &Master) {
        let peer = &self.peers[place];
        let known = peer.session.as_ref().is_some_and(|s| s.salt == greeting.salt);
        let pending = peer.candidate.as_ref().is_some_and(|c| c.session.salt == greeting.salt);
        if pending || (known && greeting.challenge.is_none()) {
            return;
        }
        let fresh = self.challenge();
        let peer = &mut self.peers[place];
        let mut ask = None;
        // Somebody we know asks who we are: perhaps another boot with our id is what it knows, and it refuses us.
        let doubted = greeting.challenge.is_some() && greeting.echo.is_none();
        if !known || doubted {
            let challenge = peer.challenge.get_or_insert(fresh);
            if *challenge == [0; 16] {
                *challenge = fresh;
            }
            ask = Some(*challenge);
        }
        // While another boot counts as this node, a new one gets no answer that would let it in.
        let echo = greeting.challenge.filter(|_| known || peer.session.is_none());
        let node = peer.id;
        if ask.is_some() || echo.is_some() {
            self.say_hello(link, from, Some(node), ask, echo, master);
        }
    }

    /// Says once of each value that a peer has another token time-out.
    fn compare_timeouts(&mut self, place: usize, greeting: &Greeting) {
        let (theirs, ours) = (Span(greeting.token), self.config.timing.token);
        let peer = &mut self.peers[place];
        if theirs == ours {
            peer.timeouts_reported = None;
        } else if peer.timeouts_reported.replace(theirs) != Some(theirs) {
            self.log(Event::TimeoutsDiffer { node: greeting.from, theirs, ours });
        }
    }

    /// The speaker of a greeting is alive and not known yet.
    fn proven(&mut self, place: usize, link: u8, from: SocketAddr, greeting: &Greeting) {
        let now = self.now.mono;
        let node = greeting.from;
        let session = Session {
            salt: greeting.salt,
            incarnation: keys::incarnation(node, &greeting.salt),
            opener: Opener::new(node, greeting.salt, self.config.sealing),
            name: greeting.name.clone(),
            boot_id: greeting.boot_id,
            machine_id: greeting.machine_id,
            from,
            since: now,
            heard_at: now,
            clock: PeerClock::default(),
            told: None,
            goodbye: false,
            clean: false,
        };
        let own = |from: SocketAddr| {
            let configured = |m: &MemberConfig| m.addresses.iter().any(|a| a.address.ip() == from.ip());
            self.config.members.iter().any(|m| m.id == node && configured(m))
        };
        let same_host = |old: &Session| {
            old.machine_id == session.machine_id
                && old.boot_id == session.boot_id
                && (old.from.ip() == session.from.ip() || (own(old.from) && own(session.from)))
        };
        let (beat, token) = (self.beat(), self.config.timing.token);
        let at_once = match &self.peers[place].session {
            None => true,
            Some(old) => old.goodbye || same_host(old) || now.since(old.heard_at) >= token,
        };
        let peer = &mut self.peers[place];
        if at_once {
            self.adopt(place, link, session);
        } else {
            let due = now + beat.times(3).max(Span::millis(400)).min(token.max(Span::millis(400)));
            peer.candidate = Some(Candidate {
                session,
                link,
                challenge: greeting.challenge,
                incumbent_alive: false,
                refused: false,
                due,
            });
            // The incumbent has to answer this one.
            self.presence_soon = true;
            self.slow_at = now;
        }
    }

    /// From now on this boot is the node.
    pub(super) fn adopt(&mut self, place: usize, link: u8, session: Session) {
        let peer = &mut self.peers[place];
        let (node, from) = (peer.id, session.from);
        for path in &mut peer.paths {
            path.reset();
            if path.link == link {
                path.address = Some(from);
                path.heard_at = Some(session.since);
            }
        }
        let old = peer.session.replace(session);
        let restarted = old.is_some();
        peer.previous = old.filter(|s| !s.goodbye);
        peer.candidate = None;
        peer.challenge = None;
        peer.greetings = 0;
        peer.distrusted = None;
        peer.parts = crate::peer::Parts::default();
        self.gossip.remove(&node);
        self.presence_soon = true;
        self.evaluate_soon = true;
        self.slow_at = self.now.mono;
        if restarted && self.involved(node) {
            self.gather(GatherReason::Restarted(node));
        }
    }

    pub(super) fn link_state(&mut self, link: u8, up: bool) {
        for peer in &mut self.peers {
            if let Some(path) = peer.path_mut(link) {
                path.disabled = !up;
            }
        }
        self.presence_soon = true;
        self.slow_at = self.now.mono;
    }

    /// A refused port hastens the next sign of life that we ask for; silence alone decides.
    pub(super) fn port_refused(&mut self, link: u8, to: SocketAddr) {
        let refused = |p: &&Peer| p.paths.iter().any(|path| path.link == link && path.address == Some(to));
        if self.peers.iter().any(|p| refused(&p)) {
            self.presence_soon = true;
        }
    }
}
