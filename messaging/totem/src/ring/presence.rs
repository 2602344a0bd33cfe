//! Signs of life: telling ours, reading those of peers, and keeping the row of whom we hear. Knows liveness and
//! links; what follows from a changed row is decided in `gather`.

use crate::id::NodeId;
use crate::log::{Event, GatherReason};
use crate::membership::{Person, reachable};
use crate::peer::Told;
use crate::ring::Ring;
use crate::seal::datagram::boot_half;
use crate::stats::Purpose;
use crate::time::{Instant, Span};
use crate::wire::control::{Control, Seat};
use crate::wire::presence::{Heard, HeardSet, Phase, Presence, Row};

/// Most rows of others in one presence, and most of their bytes.
const GOSSIP_ROWS: usize = 64;
const GOSSIP_BYTES: usize = 16_000;
/// How far the rows move on from one presence to the next; not more than fit in one, so that all get their turn.
const GOSSIP_STEP: usize = 5;

impl Ring {
    /// Whether a node is in the ring that we work in or form.
    pub(super) fn involved(&self, node: NodeId) -> bool {
        match (&self.form, &self.recovery) {
            (Some(form), _) => form.seats.iter().any(|s| s.node == node),
            (None, Some(recovery)) => recovery.order.has(node),
            (None, None) => self.phase == Phase::Operational && self.order.has(node),
        }
    }

    /// Everything about peers that need not happen at once.
    pub(super) fn slow_timers(&mut self) {
        let now = self.now.mono;
        let mut next = [self.greet_strangers(), self.judge_candidates()].into_iter().flatten().min();
        self.judge_links();
        self.update_heard();
        if self.presence_at <= now {
            self.tell_presence();
            self.probe_paths();
        }
        self.check_keys();
        let token = self.config.timing.token;
        let mut soonest = |at: Instant| next = Some(next.map_or(at, |n| n.min(at)));
        soonest(self.presence_at);
        for peer in &self.peers {
            if peer.is_heard(now, token)
                && let Some(at) = peer.silent_at(token)
            {
                soonest(at);
            }
            if let Some(at) = peer.distrusted {
                soonest(at);
            }
            for path in peer.paths.iter().filter(|p| p.up) {
                if let Some(at) = path.heard_at {
                    soonest(at + path.timeout);
                }
            }
        }
        if let Some(at) = self.deaf_until {
            soonest(at);
        }
        if let Some(at) = self.retire_at {
            soonest(at);
        }
        self.slow_at = next.unwrap_or(now + Span::secs(1)).max(now + Span::millis(1));
    }

    fn judge_links(&mut self) {
        let now = self.now.mono;
        let token = self.config.timing.token;
        for place in 0..self.peers.len() {
            let links = &self.config.links;
            let pongs = links.iter().map(|l| l.pong_count).max().unwrap_or(2);
            let heard = self.peers[place].is_heard(now, token);
            let node = self.peers[place].id;
            for link in self.peers[place].judge_links(now, pongs) {
                let up = self.peers[place].paths.iter().any(|p| p.link == link && p.up);
                if up {
                    self.log(Event::LinkUp { node, link });
                } else {
                    self.log(Event::LinkDown { node, link });
                }
                // The peer should know at once which link we hear it on.
                self.presence_soon |= heard;
            }
        }
    }

    /// Works out whom we hear; a changed row is told at once.
    pub(super) fn update_heard(&mut self) {
        let (now, token) = (self.now.mono, self.config.timing.token);
        for peer in &mut self.peers {
            if peer.distrusted.is_some_and(|until| until <= now) {
                peer.distrusted = None;
            }
        }
        if self.deaf_until.is_some_and(|until| until <= now) {
            self.deaf_until = None;
        }
        let deaf = self.deaf_until.is_some() || self.leaving.as_ref().is_some_and(|l| l.is_saying_goodbye());
        let heard: Vec<Heard> = self
            .peers
            .iter()
            .filter(|p| !deaf && p.is_heard(now, token))
            .filter_map(|p| Some(p.session.as_ref()?.heard(p.id)))
            .collect();
        if heard != self.heard {
            self.heard = heard;
            self.version += 1;
            self.presence_soon = true;
            self.evaluate_soon = true;
        }
    }

    /// The ring whose name we tell, and whether it is the one we work in.
    fn own_row(&self, heard: HeardSet) -> Row {
        Row {
            node: self.me,
            incarnation: self.incarnation,
            version: self.version,
            votes: self.own_votes(),
            ring: self.order.ring,
            heard,
        }
    }

    pub(super) fn own_votes(&self) -> u32 {
        let me = self.config.members.iter().find(|m| m.id == self.me);
        me.map_or(self.config.quorum.default_votes, |m| m.votes)
    }

    /// Tells every peer with a session, on every link.
    pub(super) fn tell_presence(&mut self) {
        let now = self.now.mono;
        self.presence_soon = false;
        self.presence_sent = now;
        let beat = match self.phase {
            Phase::Operational => self.beat(),
            Phase::Gather | Phase::Commit | Phase::Recovery => self.beat().min(self.config.timing.join),
        };
        self.presence_at = now + beat;
        let ring_heard: Vec<Heard> = self
            .order
            .seats
            .iter()
            .filter(|s| s.node != self.me)
            .map(|s| Heard { node: s.node, boot: boot_half(s.incarnation) })
            .collect();
        let compact = self.phase == Phase::Operational && ring_heard == self.heard;
        let holding = self.turn.holds();
        let active = self.sealer.key_tag();
        let staged = self.masters.iter().map(|m| m.tag).find(|t| *t != active).unwrap_or(0);
        self.presences += 1;
        let people = reachable(self.me, self.people());
        for place in 0..self.peers.len() {
            let Some(session) = &self.peers[place].session else { continue };
            let ours = session.told.as_ref().is_some_and(|t| t.ring == self.order.ring);
            let heard = if compact && ours { HeardSet::Ring } else { HeardSet::List(self.heard.clone()) };
            let gossip = self.gossip_for(place, &people);
            let heard_links = self.peers[place].heard_links(now);
            let mut presence = Presence {
                stamp: now.0.max(1),
                echo: 0,
                echo_age: 0,
                heard_links,
                phase: self.phase,
                holding,
                hop: self.order.last_hop,
                promised: self.promised,
                key_tags: [active, staged],
                row: self.own_row(heard),
                gossip,
            };
            for n in 0..self.peers[place].paths.len() {
                let path = &mut self.peers[place].paths[n];
                if path.address.is_none() {
                    continue;
                }
                (presence.echo, presence.echo_age) = match path.stamp {
                    Some((stamp, at)) => (stamp, u32::try_from(now.since(at).0).unwrap_or(u32::MAX)),
                    None => (0, 0),
                };
                path.counters.sent.answers += u64::from(presence.echo > path.answered);
                path.answered = presence.echo;
                self.stats.joins_sent += u64::from(self.phase == Phase::Gather);
                self.send_control_on(place, n, &Control::Presence(presence.clone()), Purpose::Ping);
            }
        }
    }

    /// Rows of nodes that this peer does not hear, as far as we know better: `people` are those who count, not the dead
    /// whom nobody hears any more. When they are too many for one presence they take turns.
    fn gossip_for(&self, place: usize, people: &[Person]) -> Vec<Row> {
        let peer = &self.peers[place];
        let Some(told) = peer.told() else { return Vec::new() };
        let heard_by_peer = |node: NodeId| told.heard.binary_search_by_key(&node, |h| h.node).is_ok();
        let news: Vec<&Person> = people
            .iter()
            .filter(|p| p.node != self.me && p.node != peer.id && !heard_by_peer(p.node))
            .collect();
        let turn = usize::try_from(self.presences).unwrap_or(0) * GOSSIP_STEP % news.len().max(1);
        let mut rows = Vec::new();
        let mut bytes = 0;
        for person in news[turn..].iter().chain(&news[..turn]) {
            let cost = 40 + 8 * person.heard.len();
            if rows.len() >= GOSSIP_ROWS || (bytes + cost > GOSSIP_BYTES && !rows.is_empty()) {
                break;
            }
            let Some((incarnation, version)) = self.row_version(person.node) else { continue };
            bytes += cost;
            rows.push(Row {
                node: person.node,
                incarnation,
                version,
                votes: person.votes,
                ring: person.ring,
                heard: HeardSet::List(person.heard.clone()),
            });
        }
        rows
    }

    fn row_version(&self, node: NodeId) -> Option<(crate::id::Incarnation, u64)> {
        let direct = self.peer(node).and_then(|p| {
            let session = p.session.as_ref()?;
            Some((session.incarnation, session.told.as_ref()?.version))
        });
        let other = self.gossip.get(&node).map(|(i, v, _)| (crate::id::Incarnation(*i), *v));
        match (direct, other) {
            (Some(a), Some(b)) if a.0 == b.0 => Some(if a.1 >= b.1 { a } else { b }),
            (Some(a), _) => Some(a),
            (None, b) => b,
        }
    }

    /// Everybody whose row is known, this node included, by ascending id.
    pub(super) fn people(&self) -> Vec<Person> {
        let mut people = vec![Person {
            node: self.me,
            boot: boot_half(self.incarnation),
            votes: self.own_votes(),
            ring: self.order.ring,
            heard: self.heard.clone(),
        }];
        for peer in &self.peers {
            let Some(session) = &peer.session else { continue };
            let Some(told) = &session.told else { continue };
            let newer = self
                .gossip
                .get(&peer.id)
                .filter(|(i, v, _)| *i == session.incarnation.0 && *v > told.version)
                .map(|(_, _, person)| person.clone());
            people.push(newer.unwrap_or_else(|| Person {
                node: peer.id,
                boot: boot_half(session.incarnation),
                votes: told.votes,
                ring: told.ring,
                heard: told.heard.clone(),
            }));
        }
        for (node, (_, _, person)) in &self.gossip {
            if self.peer(*node).is_none_or(|p| p.told().is_none()) {
                people.push(person.clone());
            }
        }
        people.sort_by_key(|p| p.node);
        people
    }

    fn members_as_heard(seats: &[Seat], but: NodeId) -> Vec<Heard> {
        seats
            .iter()
            .filter(|s| s.node != but)
            .map(|s| Heard { node: s.node, boot: boot_half(s.incarnation) })
            .collect()
    }

    /// A sign of life came in.
    pub(super) fn presence(&mut self, link: u8, node: NodeId, presence: Presence) {
        let now = self.now.mono;
        let Some(place) = self.peer_place(node) else { return };
        let said = presence.said_at_the_earliest();
        let Presence { row, gossip, .. } = presence;
        let heard = match row.heard {
            HeardSet::List(list) => Some(list),
            HeardSet::Ring if row.ring == self.order.ring => {
                Some(Self::members_as_heard(&self.order.seats, node))
            }
            HeardSet::Ring => None,
        };
        let mut changed = false;
        let peer = &mut self.peers[place];
        if let Some(path) = peer.path_mut(link) {
            let bit = 1_u8.checked_shl(u32::from(link)).unwrap_or(0);
            if path.stamp.is_none_or(|(stamp, _)| stamp < presence.stamp) {
                path.stamp = Some((presence.stamp, now));
                path.peer_hears = presence.heard_links & bit != 0;
                path.good = path.good.saturating_add(u32::from(path.peer_hears));
            }
            if presence.echo != 0 {
                let gone = now.0.saturating_sub(presence.echo).saturating_sub(u64::from(presence.echo_age));
                let old = path.round_trip.map_or(gone, |r| r.0);
                path.round_trip = Some(Span((old * 7 + gone) / 8));
                path.counters.measured(Span(gone));
                path.counters.received.answers += u64::from(presence.echo > path.echoed);
                path.echoed = path.echoed.max(presence.echo);
            }
            let came_up = !path.up && path.peer_hears && path.good >= path.needed;
            let unknown = !path.peer_hears && path.good == 0;
            if came_up {
                self.slow_at = now;
            }
            // It does not know yet that we hear it: tell it soon.
            self.presence_soon |= unknown;
        }
        let Some(session) = &mut peer.session else { return };
        if let Some(candidate) = &mut peer.candidate
            && !candidate.incumbent_alive
        {
            let since = candidate.session.since;
            candidate.incumbent_alive =
                presence.echo > since.0 || session.clock.is_after(presence.stamp, since);
            if candidate.incumbent_alive {
                // Two processes with one id: nothing else can come of waiting.
                candidate.due = candidate.due.min(now);
                self.slow_at = now;
            }
        }
        session.clock.took(now, said, presence.stamp);
        let newest = session.told.as_ref().is_none_or(|t| t.stamp < presence.stamp);
        if newest {
            let known = session.told.take();
            let first = known.is_none();
            let known_ring = known.as_ref().map(|k| k.ring);
            let (known_version, known_heard) = known.map(|k| (k.version, k.heard)).unwrap_or_default();
            // Whom it hears is not known of this version when it is told as "all of a ring" that we are not in: the
            // same version will say it again in full, and is news then.
            let (version, heard) = heard.map_or((known_version, known_heard), |heard| (row.version, heard));
            changed |= known_version < version || known_ring != Some(row.ring);
            session.told = Some(Told {
                version,
                stamp: presence.stamp,
                votes: row.votes,
                ring: row.ring,
                phase: presence.phase,
                promised: presence.promised,
                heard,
                key_tags: presence.key_tags,
            });
            if first {
                self.update_heard();
                self.slow_at = self.slow_at.min(now);
            }
        }
        for row in gossip {
            changed |= self.gossiped(row);
        }
        self.evaluate_soon |= changed;
        if newest {
            self.follow(node, presence.phase, row.ring, presence.promised, presence.holding, presence.hop);
        }
    }

    fn gossiped(&mut self, row: Row) -> bool {
        if row.node == self.me
            || self.gossip.len() >= crate::config::MAX_MEMBERS && !self.gossip.contains_key(&row.node)
        {
            return false;
        }
        let HeardSet::List(heard) = row.heard else { return false };
        if let Some((incarnation, version, _)) = self.gossip.get(&row.node)
            && *incarnation == row.incarnation.0
            && *version >= row.version
        {
            return false;
        }
        let person = Person {
            node: row.node,
            boot: boot_half(row.incarnation),
            votes: row.votes,
            ring: row.ring,
            heard,
        };
        self.gossip.insert(row.node, (row.incarnation.0, row.version, person));
        true
    }

    /// What the state of a peer means for our own.
    fn follow(
        &mut self,
        node: NodeId,
        phase: Phase,
        ring: crate::RingId,
        promised: u64,
        holding: bool,
        hop: u64,
    ) {
        let working = self.phase == Phase::Operational && self.order.has(node);
        if working && ring == self.order.ring && (holding || hop > self.order.last_hop) {
            self.turn.evidence(self.now.mono, hop);
        }
        let ours = match (self.phase, &self.form, &self.recovery) {
            (Phase::Operational, _, _) => working.then_some(self.order.ring),
            (_, Some(form), _) if form.has_promised(node) => Some(form.ring),
            (_, _, Some(recovery)) if recovery.order.has(node) => Some(recovery.order.ring),
            _ => None,
        };
        // It had promised our ring, or was in it, and looks for another one now.
        if phase == Phase::Gather && ours.is_some_and(|r| promised >= r.seq) {
            self.gather(GatherReason::Connectivity);
        }
    }
}
