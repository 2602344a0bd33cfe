//! The token in normal operation: receiving, passing on, parking, asking for it, resending it, noticing its loss.
//! What a visit does to the order is in `order::visit`.

use crate::id::{NodeId, RingId};
use crate::log::GatherReason;
use crate::order::store::Frame;
use crate::order::{Limits, Visit};
use crate::ring::Ring;
use crate::time::{Instant, Span};
use crate::wire::control::Control;
use crate::wire::presence::Phase;
use crate::wire::token::Token;

/// Shortest wait before an unanswered token is sent again.
const SHORTEST: Span = Span::millis(10);
/// Up to so many frames go out before the token: a quiet ring then needs no extra rotation to notice them.
const BEFORE_TOKEN: usize = 2;

/// A rotation with little to do takes at least this long: the token rests where there is nothing more to send. Each
/// hop wakes a process; without rest a hundred hops would carry the messages of one.
const REST: Span = Span::micros(200);
/// A token that had its parking place here stays so long after the first message: nobody else had anything to say for
/// two rotations, and who has now asks for it here. Rotations would take the processors from the programs that the
/// message has just woken up.
const STAY: Span = Span::millis(2);
/// Rotations and stays of the token that last longer count as this long, in microseconds: it rested meanwhile.
const LONGEST: u64 = 100_000;
/// So many frames are much: the token does not rest.
const MUCH: usize = 16;

/// What a node knows about the whereabouts of the token.
#[derive(Debug)]
pub(super) struct TokenCare {
    parked: Option<Token>,
    sent: Option<SentToken>,
    /// When the token was last known to live.
    pub evidence_at: Instant,
    /// Smoothed time of a rotation.
    pub rotation: Span,
    /// Smoothed time from the token's arrival to its leaving.
    pub holding: Span,
    /// Smoothed number of frames that waited when the token came, in thousandths.
    pub backlog: u64,
    /// When the token came last.
    pub visited_at: Option<Instant>,
    /// It came and has not left since; for the time that it is held.
    held: bool,
    /// The token waits here for a moment, because its last rotations were in vain.
    slowed: Option<(Instant, NodeId)>,
    /// The token rests here until then; what comes up meanwhile belongs to this visit.
    rest: Option<Rest>,
    /// When the token was passed on, or left its parking place.
    passed_at: Option<Instant>,
    /// When the parked token is asked for again.
    want_at: Option<(Instant, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    /// Something is to be done then: the token moves on, or what waits is sent.
    until: Instant,
    /// The token moves on then.
    over: Instant,
    /// Something was sent shortly before; until then more waits so that it travels together.
    calm: Instant,
}

impl Rest {
    fn is_over(self, now: Instant) -> bool {
        self.over <= now
    }
}

#[derive(Debug)]
struct SentToken {
    token: Token,
    to: NodeId,
    again_at: Instant,
    tries: u32,
}

impl TokenCare {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            parked: None,
            sent: None,
            evidence_at: now,
            rotation: Span::millis(1),
            holding: Span::ZERO,
            backlog: 0,
            visited_at: None,
            held: false,
            slowed: None,
            rest: None,
            passed_at: None,
            want_at: None,
        }
    }

    /// The token of the ring that was given up is of no use any more.
    pub(super) fn clear(&mut self, now: Instant) {
        let Self { rotation, holding, backlog, .. } = *self;
        *self = Self { rotation, holding, backlog, ..Self::new(now) };
    }

    /// The token rests here.
    pub(super) fn park(&mut self, token: Token) {
        self.parked = Some(token);
    }

    /// Whether the token rests here.
    pub(super) fn holds(&self) -> bool {
        self.parked.is_some()
    }

    /// The token was at this hop somewhere.
    pub(super) fn evidence(&mut self, now: Instant, hop: u64) {
        self.evidence_at = now;
        if self.sent.as_ref().is_some_and(|s| s.token.hop <= hop) {
            self.sent = None;
        }
    }

    /// Somebody numbered this frame: the token was there.
    pub(super) fn frame_seen(&mut self, now: Instant, seq: u64) {
        self.evidence_at = now;
        if self.sent.as_ref().is_some_and(|s| s.token.seq < seq) {
            self.sent = None;
        }
    }
}

impl Ring {
    pub(super) fn limits(&self) -> Limits {
        let timing = &self.config.timing;
        Limits { per_visit: timing.max_messages, window: timing.window_size, patient: true }
    }

    /// A token came in.
    pub(super) fn token(&mut self, from: NodeId, token: Token) {
        match (self.phase, &self.recovery) {
            (Phase::Recovery, Some(recovery)) if recovery.order.ring == token.ring => {
                self.token_here(token.hop, recovery.order.last_hop);
                self.recovery_token(from, token);
            }
            (Phase::Operational, _) if self.order.ring == token.ring => {
                self.token_here(token.hop, self.order.last_hop);
                self.working_token(from, token);
            }
            _ => self.stats.unexpected += 1,
        }
    }

    fn token_here(&mut self, hop: u64, last: u64) {
        let now = self.now.mono;
        if hop <= last {
            return;
        }
        self.turn.evidence(now, hop);
        self.turn.parked = None;
        self.turn.slowed = None;
        self.turn.rest = None;
        self.turn.sent = None;
        self.turn.want_at = None;
        if let Some(before) = self.turn.visited_at {
            let took = now.since(before).0.min(LONGEST);
            self.turn.rotation = Span((self.turn.rotation.0 * 7 + took) / 8);
        }
        self.turn.visited_at = Some(now);
        self.turn.held = true;
        self.stats.tokens += 1;
    }

    /// Tells the sender of an old token that it got through.
    pub(super) fn answer_token(&mut self, to: NodeId, ring: RingId, hop: u64) {
        self.send_control(to, &Control::TokenSeen { ring, hop }, false);
    }

    pub(super) fn token_seen(&mut self, _from: NodeId, ring: RingId, hop: u64) {
        let ours = match &self.recovery {
            Some(recovery) => recovery.order.ring,
            None => self.order.ring,
        };
        if ring == ours {
            self.turn.evidence(self.now.mono, hop);
        }
    }

    /// The token of the ring that we work in.
    pub(super) fn working_token(&mut self, from: NodeId, token: Token) {
        if token.hop <= self.order.last_hop {
            let hop = self.order.last_hop;
            return self.answer_token(from, token.ring, hop);
        }
        if token.seq > self.sequence_limit {
            return self.gather(GatherReason::SequenceUsedUp);
        }
        self.visit(from, token);
    }

    fn visit(&mut self, from: NodeId, mut token: Token) {
        let room = self.frame_room();
        let backlog = self.packer.frames(room);
        self.turn.backlog = (self.turn.backlog * 7 + u64::from(backlog) * 1_000) / 8;
        let limits = self.limits();
        let Self { order, packer, .. } = self;
        let alone = order.seats.len() == 1;
        let visit = order.visit(&mut token, limits, backlog, || packer.next_frame(room));
        self.stats.frames_sent += visit.fresh.len() as u64;
        self.stats.frames_retransmitted += visit.again.len() as u64;
        if alone {
            self.order.safe = self.order.store.aru();
            self.turn.park(token);
            self.deliver();
            return;
        }
        if self.order.stuck() >= self.config.timing.fail_recv_const && self.deaf() {
            return;
        }
        let rest = self.rest_after(&visit, &token, from == self.me);
        let first = rest.is_some() || visit.fresh.len() + visit.again.len() <= BEFORE_TOKEN;
        if first {
            self.send_visit(&visit, false);
        }
        if visit.park && self.packer.is_empty() {
            let (ring, hop) = (token.ring, token.hop - 1);
            self.turn.park(token);
            if from != self.me {
                self.answer_token(from, ring, hop);
            }
        } else if visit.slow {
            let next = self.order.next();
            self.slow_down(next, token);
        } else if rest.is_some() {
            self.turn.rest = rest;
            self.turn.park(token);
        } else {
            let next = self.order.next();
            self.pass(next, token);
        }
        if !first {
            self.send_visit(&visit, false);
        }
        self.deliver();
    }

    /// How long the token rests here after this visit; `None` when somebody may wait for it.
    fn rest_after(&self, visit: &Visit, token: &Token, parked: bool) -> Option<Rest> {
        let now = self.now.mono;
        let nothing_waits = self.packer.is_empty()
            && visit.again.is_empty()
            && visit.fresh.len() < MUCH
            && token.requests.is_empty()
            && !self.order.is_hurried();
        let calm = self.turn.passed_at? + REST;
        // Who leaves waits for the rotations that prove its messages.
        let over = if parked && self.leaving.is_none() { now + STAY } else { calm };
        (nothing_waits && over > now).then_some(Rest {
            until: over,
            over,
            calm: if visit.fresh.is_empty() { now } else { calm },
        })
    }

    /// Sends what came up while the token rests here, and passes it on when its time is over or there is much.
    fn go_on(&mut self, over: bool) {
        let Some(mut token) = self.turn.parked.take() else {
            self.turn.rest = None;
            return;
        };
        let (room, limits) = (self.frame_room(), self.limits());
        let Self { order, packer, .. } = self;
        let fresh = order.go_on(&mut token, limits, || packer.next_frame(room));
        self.stats.frames_sent += fresh.len() as u64;
        let much = fresh.len() >= MUCH || !self.packer.is_empty() || self.order.is_hurried();
        self.send_visit(&Visit { fresh, ..Visit::default() }, false);
        if over || much {
            self.turn.rest = None;
            self.turn.evidence_at = self.now.mono;
            let next = self.order.next();
            self.pass(next, token);
        } else {
            self.turn.park(token);
            let now = self.now.mono;
            if let Some(rest) = &mut self.turn.rest {
                rest.until = rest.over;
                rest.calm = (now + REST).min(rest.over);
            }
        }
        self.deliver();
    }

    /// Sends what a visit yielded.
    pub(super) fn send_visit(&mut self, visit: &Visit, recovering: bool) {
        let order = match &self.recovery {
            Some(recovery) if recovering => &recovery.order,
            _ => &self.order,
        };
        let numbers = visit.again.iter().chain(&visit.fresh);
        let frames: Vec<(u64, Frame)> =
            numbers.filter_map(|seq| Some((*seq, order.store.get(*seq)?.clone()))).collect();
        if frames.is_empty() {
            return;
        }
        let ring = order.ring;
        let members: Vec<NodeId> = order.ids().filter(|id| *id != self.me).collect();
        self.send_frames(ring, &members, &frames);
    }

    /// Hands the token on and remembers it until somebody seems to have it.
    pub(super) fn pass(&mut self, to: NodeId, token: Token) {
        self.send_token(to, &token, false);
        let wait = self.patience(0);
        if let (true, Some(came)) = (std::mem::take(&mut self.turn.held), self.turn.visited_at) {
            let held = self.now.mono.since(came).0.min(LONGEST);
            self.turn.holding = Span((self.turn.holding.0 * 7 + held) / 8);
        }
        self.turn.parked = None;
        self.turn.passed_at = Some(self.now.mono);
        self.turn.sent = Some(SentToken { token, to, again_at: self.now.mono + wait, tries: 0 });
    }

    /// Keeps the token for a moment.
    pub(super) fn slow_down(&mut self, to: NodeId, token: Token) {
        self.turn.slowed = Some((self.now.mono + SHORTEST, to));
        self.turn.park(token);
    }

    fn patience(&self, tries: u32) -> Span {
        let longest = self.config.timing.token_retransmit.max(SHORTEST);
        let first = self.turn.rotation.times(4).max(SHORTEST);
        first.times(1 << tries.min(6)).min(longest)
    }

    /// A token that comes round although nothing else gets here: this node stays alone for a while.
    fn deaf(&mut self) -> bool {
        let token = self.config.timing.token;
        self.log(crate::log::Event::FailedToReceive);
        self.deaf_until = Some(self.now.mono + token.times(4));
        self.slow_at = self.now.mono;
        self.gather(GatherReason::FailedToReceive);
        self.update_heard();
        true
    }

    /// There is something to send: use the token if it rests here, else ask for it.
    pub(super) fn work_waits(&mut self) {
        if self.phase != Phase::Operational || self.packer.is_empty() {
            return;
        }
        if self.turn.slowed.is_some() {
            return;
        }
        if let Some(rest) = self.turn.rest {
            let room = self.frame_room();
            if rest.calm <= self.now.mono || self.packer.frames(room) as usize >= MUCH {
                self.go_on(false);
            } else if let Some(rest) = &mut self.turn.rest {
                rest.until = rest.until.min(rest.calm);
            }
            return;
        }
        if let Some(token) = self.turn.parked.take() {
            let me = self.me;
            self.turn.evidence_at = self.now.mono;
            self.turn.passed_at = Some(self.now.mono);
            self.visit(me, token);
            while self.order.seats.len() == 1 && !self.packer.is_empty() {
                let Some(token) = self.turn.parked.take() else { break };
                self.visit(me, token);
            }
        } else if self.turn.want_at.is_none() {
            // While the token goes round it is here soon anyway.
            let quiet = self.order.is_quiet();
            if quiet {
                self.want_token(0);
            } else {
                self.turn.want_at = Some((self.now.mono + self.patience(0), 0));
            }
        }
    }

    fn want_token(&mut self, tries: u32) {
        let (ring, hop) = (self.order.ring, self.order.last_hop);
        let message = Control::TokenWanted { ring, hop };
        let home = self.order.last_sender.unwrap_or(ring.representative);
        if tries == 0 && home != self.me {
            self.send_control(home, &message, false);
        } else {
            let others: Vec<NodeId> = self.order.ids().filter(|id| *id != self.me).collect();
            for node in others {
                self.send_control(node, &message, tries > 1);
            }
        }
        let wait = self.patience(tries);
        self.turn.want_at = Some((self.now.mono + wait, tries + 1));
    }

    /// A member has something to send: if the token rests here it goes straight there.
    pub(super) fn token_wanted(&mut self, from: NodeId, ring: RingId, _hop: u64) {
        if self.phase != Phase::Operational || ring != self.order.ring || !self.order.has(from) {
            return;
        }
        if self.turn.slowed.is_some() {
            return;
        }
        if self.turn.rest.is_some() {
            // What was sent on this visit is proven by a whole rotation only: nobody may be left out.
            return self.go_on(true);
        }
        if let Some(token) = self.turn.parked.take() {
            self.turn.evidence_at = self.now.mono;
            self.pass(from, token);
        }
    }

    fn circulates(&self) -> bool {
        let (members, started) = match (self.phase, &self.recovery) {
            (Phase::Operational, _) => (self.order.seats.len(), true),
            (Phase::Recovery, Some(recovery)) => (recovery.order.seats.len(), true),
            _ => return false,
        };
        members > 1 && started && self.turn.parked.is_none()
    }

    pub(super) fn token_timers(&mut self) {
        let now = self.now.mono;
        if self.circulates() && self.turn.evidence_at + self.config.timing.token <= now {
            self.gather(GatherReason::TokenLost);
            self.evaluate();
            return;
        }
        if let Some((at, to)) = self.turn.slowed
            && at <= now
        {
            self.turn.slowed = None;
            if let Some(token) = self.turn.parked.take() {
                self.turn.evidence_at = now;
                self.pass(to, token);
            }
        }
        if let Some(rest) = self.turn.rest
            && rest.until <= now
        {
            self.go_on(rest.is_over(now));
        }
        if let Some(sent) = &mut self.turn.sent
            && sent.again_at <= now
        {
            sent.tries += 1;
            let (token, to, tries) = (sent.token.clone(), sent.to, sent.tries);
            self.stats.tokens_retransmitted += 1;
            self.send_token(to, &token, true);
            let wait = self.patience(tries);
            if let Some(sent) = &mut self.turn.sent {
                sent.again_at = now + wait;
            }
        }
        if let Some((at, tries)) = self.turn.want_at
            && at <= now
        {
            if self.phase == Phase::Operational && !self.packer.is_empty() {
                self.want_token(tries);
            } else {
                self.turn.want_at = None;
            }
        }
    }

    pub(super) fn token_deadline(&self) -> Option<(Instant, &'static str)> {
        let lost = self.circulates().then(|| self.turn.evidence_at + self.config.timing.token);
        let again = self.turn.sent.as_ref().map(|s| s.again_at);
        let want = self.turn.want_at.map(|(at, _)| at);
        let slowed = self.turn.slowed.map(|(at, _)| at);
        let rest = self.turn.rest.map(|rest| rest.until);
        [
            (rest, "token's rest"),
            (lost, "token loss"),
            (slowed, "slow token"),
            (again, "token again"),
            (want, "token wanted"),
        ]
        .into_iter()
        .filter_map(|(at, why)| at.map(|at| (at, why)))
        .min_by_key(|(at, _)| *at)
    }
}
