//! Recovery: the members of an old ring exchange what some of them miss, as ordered frames of the new ring, and then
//! install it: rest of the old ring, transitional view, what may still be delivered of the old ring, regular view.
//! Failed recoveries leave the old ring's frames better filled than before and nothing else.

use std::collections::VecDeque;

use crate::id::{NodeId, RingId};
use crate::io::{Member, Message, Output, View, ViewKind};
use crate::log::Event;
use crate::order::store::{CAPACITY, Frame, Inserted};
use crate::order::{Delivery, Order};
use crate::quorum::{self, Change};
use crate::ring::Ring;
use crate::ring::form::Announcing;
use crate::time::Instant;
use crate::wire::control::{Seat, Slot};
use crate::wire::frame::{FrameKind, FrameView};
use crate::wire::presence::Phase;
use crate::wire::token::Token;

/// A ring that is not installed yet.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Its order; the frames of the exchange are its first frames.
    pub order: Order,
    /// What each member brought.
    slots: Vec<Slot>,
    /// Members that come from our old ring, this node included.
    pub companions: Vec<NodeId>,
    /// Numbers of old frames that we still have to send.
    queue: VecDeque<u64>,
    /// Old numbers that somebody has sent already, from `low` on.
    sent: Vec<bool>,
    low: u64,
    /// At the last visit of the token there was nothing left to send or to receive.
    finished: bool,
    /// Slots that have not reached everybody yet.
    pub announcing: Option<Announcing>,
    /// When it began.
    pub since: Instant,
}

impl Recovery {
    fn was_sent(&self, seq: u64) -> bool {
        let place = usize::try_from(seq.saturating_sub(self.low)).unwrap_or(usize::MAX);
        self.sent.get(place).copied().unwrap_or(false)
    }

    fn mark_sent(&mut self, seq: u64) {
        let place = usize::try_from(seq.saturating_sub(self.low)).unwrap_or(usize::MAX);
        if let Some(sent) = self.sent.get_mut(place) {
            *sent = true;
        }
    }
}

impl Ring {
    /// Begins recovery on a ring that all its members have promised.
    pub(super) fn recover(
        &mut self,
        ring: RingId,
        seats: Vec<Seat>,
        slots: Vec<Slot>,
        announcing: Option<Announcing>,
    ) {
        let now = self.now.mono;
        self.phase = Phase::Recovery;
        self.stats.recoveries += 1;
        self.turn.clear(now);
        let same = |s: &&Slot| {
            s.seat.node == self.me
                || (s.old_ring.seq != 0
                    && s.old_ring == self.order.ring
                    && self.order.seats.contains(&s.seat))
        };
        let old: Vec<&Slot> = slots.iter().filter(same).collect();
        let companions: Vec<NodeId> = old.iter().map(|s| s.seat.node).collect();
        let low = old.iter().map(|s| s.aru).min().unwrap_or(0);
        // No honest member is further ahead than the frames that are kept.
        let high = old.iter().map(|s| s.high).max().unwrap_or(0).clamp(low, low.saturating_add(2 * CAPACITY));
        // The lowest companion that certainly has a frame sends it; above everybody's aru all who have it try.
        let mine = |seq: &u64| {
            self.order.store.get(*seq).is_some()
                && !old.iter().any(|s| s.seat.node < self.me && s.aru >= *seq)
        };
        let queue: VecDeque<u64> = (low + 1..=high).filter(mine).collect();
        let sent = vec![false; usize::try_from(high - low).unwrap_or(0) + 1];
        let order = Order::new(ring, seats, self.me, self.sequence_start);
        let alone = order.seats.len() == 1;
        self.recovery = Some(Recovery {
            order,
            slots,
            companions,
            queue,
            sent,
            low,
            finished: false,
            announcing,
            since: now,
        });
        self.presence_soon = true;
        if alone {
            self.install();
            self.turn.park(Token {
                ring,
                seq: self.sequence_start,
                aru: self.sequence_start,
                ..Token::default()
            });
            self.work_waits();
        }
    }

    /// The representative makes the first token when all members have the slots.
    pub(super) fn start_token(&mut self) {
        let Some(recovery) = &self.recovery else { return };
        let start = self.sequence_start;
        let token = Token { ring: recovery.order.ring, hop: 1, seq: start, aru: start, ..Token::default() };
        self.turn.evidence_at = self.now.mono;
        self.token(self.me, token);
    }

    /// A frame came in.
    pub(super) fn frame(&mut self, frame: FrameView<'_>) {
        if let Some(recovery) = &mut self.recovery
            && recovery.order.ring == frame.ring
        {
            return self.new_ring_frame(frame);
        }
        let open = matches!(self.phase, Phase::Operational | Phase::Gather);
        if frame.ring != self.order.ring || !open || !self.order.has(frame.origin) {
            self.stats.unexpected += 1;
            return;
        }
        let known_top = self.order.top();
        match self.order.insert(frame.seq, || keep(&frame)) {
            Inserted::New => self.stats.frames_received += 1,
            Inserted::Known => self.stats.frames_duplicate += 1,
            Inserted::TooFar => self.stats.unexpected += 1,
        }
        if frame.seq > known_top && self.phase == Phase::Operational {
            self.turn.frame_seen(self.now.mono, frame.seq);
            // The token was there, and rests there when all is quiet.
            self.order.last_sender = Some(frame.origin);
        }
        self.deliver();
    }

    fn new_ring_frame(&mut self, frame: FrameView<'_>) {
        let Some(recovery) = &mut self.recovery else { return };
        if !recovery.order.has(frame.origin) {
            self.stats.unexpected += 1;
            return;
        }
        match recovery.order.insert(frame.seq, || keep(&frame)) {
            Inserted::New => self.stats.frames_received += 1,
            Inserted::Known => {
                self.stats.frames_duplicate += 1;
                return;
            }
            Inserted::TooFar => {
                self.stats.unexpected += 1;
                return;
            }
        }
        self.turn.frame_seen(self.now.mono, frame.seq);
        if frame.kind != FrameKind::Recovered {
            return;
        }
        let Ok(old) = FrameView::unwrap_payload(frame.payload) else {
            self.stats.malformed += 1;
            return;
        };
        if old.ring == self.order.ring && self.order.has(old.origin) && old.ring.seq != 0 {
            recovery.mark_sent(old.seq);
            self.order.insert(old.seq, || keep(&old));
        }
    }

    /// The token of the ring that is being recovered.
    pub(super) fn recovery_token(&mut self, from: NodeId, mut token: Token) {
        let limits = self.limits();
        let Some(recovery) = &mut self.recovery else { return };
        if token.hop <= recovery.order.last_hop {
            let hop = recovery.order.last_hop;
            return self.answer_token(from, token.ring, hop);
        }
        recovery.announcing = None;
        let members = u16::try_from(recovery.order.seats.len()).unwrap_or(u16::MAX);
        // After one full count everybody has everything and knows nothing of it; on the next rotation each takes the
        // obligation to deliver what its companions may deliver; only then may the first one install the ring.
        if token.recovered >= members.saturating_mul(2) {
            if !recovery.finished {
                // We were not among those who counted: start over rather than install a ring with holes.
                return self.gather(crate::log::GatherReason::Stalled);
            }
            self.install();
            return self.working_token(from, token);
        }
        let mut queue = std::mem::take(&mut recovery.queue);
        queue.retain(|seq| !recovery.was_sent(*seq));
        let backlog = u32::try_from(queue.len()).unwrap_or(u32::MAX);
        let old = &self.order;
        let mut done = Vec::new();
        let source = || {
            let seq = queue.pop_front()?;
            let frame = old.store.get(seq)?;
            let view = FrameView {
                kind: frame.kind,
                ring: old.ring,
                seq,
                origin: frame.origin,
                payload: &frame.payload,
            };
            done.push(seq);
            Some((FrameKind::Recovered, view.wrap()))
        };
        let visit = recovery.order.visit(&mut token, limits, backlog, source);
        done.iter().for_each(|seq| recovery.mark_sent(*seq));
        recovery.queue = queue;
        // Who sends now starts the count afresh: those who were counted have not seen these frames.
        let received = recovery.order.store.aru() == token.seq;
        let finished = received && recovery.queue.is_empty() && visit.fresh.is_empty();
        recovery.finished = finished;
        token.recovered = if finished { token.recovered.saturating_add(1) } else { 0 };
        if finished && token.recovered > members {
            for node in &recovery.companions {
                if !self.order.obligations.contains(node) {
                    self.order.obligations.push(*node);
                }
            }
        }
        self.stats.frames_retransmitted += visit.again.len() as u64;
        let next = recovery.order.next();
        self.send_visit(&visit, true);
        if visit.slow {
            self.slow_down(next, token);
        } else {
            self.pass(next, token);
        }
    }

    /// Installs the ring: views and deliveries in the order that extended virtual synchrony asks for.
    fn install(&mut self) {
        let Some(recovery) = self.recovery.take() else { return };
        let Recovery { order: new, slots, companions, .. } = recovery;
        let companion = |s: &&Slot| companions.contains(&s.seat.node);
        let safe = slots.iter().filter(companion).map(|s| s.safe).max().unwrap_or(0);
        for node in slots.iter().filter(companion).flat_map(|s| &s.obligations).chain(&companions) {
            if !self.order.obligations.contains(node) {
                self.order.obligations.push(*node);
            }
        }
        // Members of other rings may speak of other incarnations.
        let told: Vec<NodeId> = slots.iter().filter(companion).flat_map(|s| s.goodbyes.clone()).collect();
        let left_cleanly: Vec<NodeId> =
            self.order.ids().filter(|id| told.contains(id) && !companions.contains(id)).collect();
        let before = self.view.take();
        if self.order.ring.seq != 0 {
            let mut out = Vec::new();
            self.order.deliver_until_unsafe(safe, &mut |d| out.push(d));
            self.hand_out(out);
            let members: Vec<Member> = before
                .iter()
                .flat_map(|v| &v.members)
                .filter(|m| companions.contains(&m.id))
                .cloned()
                .collect();
            let left = self.order.ids().filter(|id| !companions.contains(id)).collect();
            self.out.push_back(Output::View(View {
                kind: ViewKind::Transitional,
                ring: self.order.ring,
                members,
                joined: Vec::new(),
                left,
                left_cleanly: left_cleanly.clone(),
                quorum: self.quorum.status().clone(),
            }));
            let mut out = Vec::new();
            self.order.deliver_rest(&mut |d| out.push(d));
            self.hand_out(out);
        }
        let old_ids: Vec<NodeId> =
            if self.order.ring.seq == 0 { Vec::new() } else { self.order.ids().collect() };
        self.order = new;
        self.order.begin_work();
        self.phase = Phase::Operational;
        self.idle_since = None;
        self.packer.restart();
        self.stats.rings_formed += 1;
        self.stats.consensus_lost_now = 0;
        self.stats.votes_sent.ballots += 1;
        self.stats.votes_received.ballots += slots.len() as u64;
        self.version += 1;
        let ballots: Vec<(NodeId, RingId, quorum::Ballot)> =
            slots.iter().map(|s| (s.seat.node, s.old_ring, s.ballot.clone())).collect();
        let goodbyes: Vec<NodeId> = slots.iter().flat_map(|s| s.goodbyes.iter().copied()).collect();
        let status = self.quorum.form(self.now.mono, self.order.ring, &ballots, &goodbyes);
        let stayed = |id: &NodeId| companions.contains(id) && old_ids.contains(id);
        let members = slots.iter().map(|s| Member {
            id: s.seat.node,
            name: s.name.clone(),
            boot_id: s.boot_id,
            incarnation: s.seat.incarnation,
            votes: s.ballot.votes,
        });
        let view = View {
            kind: ViewKind::Regular,
            ring: self.order.ring,
            members: members.collect(),
            joined: self.order.ids().filter(|id| !stayed(id)).collect(),
            left: old_ids.iter().copied().filter(|id| !companions.contains(id)).collect(),
            left_cleanly: if old_ids.is_empty() { Vec::new() } else { left_cleanly },
            quorum: status,
        };
        self.log(Event::Formed { ring: self.order.ring, members: self.order.ids().collect() });
        self.view = Some(view.clone());
        self.out.push_back(Output::View(view));
        for seat in self.order.seats.clone() {
            if let Some(place) = self.peer_place(seat.node) {
                self.peers[place].distrust = 0;
            }
        }
        self.reserve(self.durable);
        self.presence_soon = true;
        self.evaluate_soon = true;
        self.deliver();
    }

    /// Delivers what is ready in the ring that we work in.
    pub(super) fn deliver(&mut self) {
        let (ring, start) = (self.order.ring, self.order.delivered);
        let mut controls = Vec::new();
        let Self { order, out, stats, .. } = self;
        order.deliver(&mut |delivery| match delivery {
            Delivery::Message { seq, sender, guarantee, payload } => {
                stats.messages_delivered += 1;
                stats.bytes_delivered += payload.len() as u64;
                out.push_back(Output::Deliver(Message { ring, seq, sender, guarantee, payload }));
            }
            Delivery::Control { sender, payload } => controls.push((out.len(), sender, payload)),
        });
        if self.order.delivered != start && !controls.is_empty() {
            for (_, sender, payload) in controls {
                self.control_delivered(sender, &payload);
            }
        }
    }

    fn hand_out(&mut self, deliveries: Vec<Delivery>) {
        let ring = self.order.ring;
        for delivery in deliveries {
            match delivery {
                Delivery::Message { seq, sender, guarantee, payload } => {
                    self.stats.messages_delivered += 1;
                    self.stats.bytes_delivered += payload.len() as u64;
                    self.out.push_back(Output::Deliver(Message { ring, seq, sender, guarantee, payload }));
                }
                Delivery::Control { sender, payload } => self.control_delivered(sender, &payload),
            }
        }
    }

    fn control_delivered(&mut self, sender: NodeId, payload: &[u8]) {
        let Ok(change) = Change::decode(payload) else {
            self.stats.malformed += 1;
            return;
        };
        self.stats.votes_received.count(&change);
        if let Change::Votes(node, votes) = &change
            && let Some(view) = &mut self.view
            && let Some(member) = view.members.iter_mut().find(|member| member.id == *node)
        {
            member.votes = *votes;
        }
        if let Some(status) = self.quorum.apply(sender, &change) {
            if let Some(view) = &mut self.view {
                view.quorum = status.clone();
            }
            self.out.push_back(Output::Quorum(status));
            self.reserve(self.durable);
        }
    }
}

fn keep(frame: &FrameView<'_>) -> Frame {
    Frame { kind: frame.kind, origin: frame.origin, payload: frame.payload.into() }
}
