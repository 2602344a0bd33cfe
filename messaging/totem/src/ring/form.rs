//! Commit: the representative proposes a ring, every member promises it and says what it brings, the representative
//! tells all slots to all. Two exchanges with everybody at once, where Totem's commit token goes round twice.

use std::collections::BTreeMap;

use crate::id::{NodeId, RingId};
use crate::log::GatherReason;
use crate::ring::Ring;
use crate::time::{Instant, Span};
use crate::wire::control::{Control, Seat, Slot};
use crate::wire::presence::Phase;

/// Between two tries to reach a member.
const AGAIN: Span = Span::millis(20);

/// A ring between proposal and recovery.
#[derive(Debug)]
pub(super) struct Forming {
    /// Its name.
    pub ring: RingId,
    /// Its members.
    pub seats: Vec<Seat>,
    /// Slots that came in (at the representative), or our own.
    slots: BTreeMap<NodeId, Slot>,
    representative: bool,
    since: Instant,
    again_at: Instant,
    /// Our promise waits for the disk.
    unstored: bool,
}

/// At the representative: who has the slots.
#[derive(Debug)]
pub(super) struct Announcing {
    slots: Vec<Slot>,
    missing: Vec<NodeId>,
    again_at: Instant,
}

impl Announcing {
    pub(super) fn is_done(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Forming {
    pub(super) fn proposed(ring: RingId, seats: Vec<Seat>, now: Instant, me: NodeId, slot: Slot) -> Self {
        let slots = BTreeMap::from([(me, slot)]);
        Self { ring, seats, slots, representative: true, since: now, again_at: now, unstored: false }
    }

    /// Whether this member has promised the ring, as far as we know.
    pub(super) fn has_promised(&self, node: NodeId) -> bool {
        self.slots.contains_key(&node) || node == self.ring.representative
    }
}

/// The members of one old ring have the same obligations: only the first of their slots names them, or the slots of
/// a large ring would be too much for one message.
fn share_obligations(slots: &mut [Slot]) {
    for place in 0..slots.len() {
        let taken = std::mem::take(&mut slots[place].obligations);
        let old_ring = slots[place].old_ring;
        let first = slots.iter().position(|s| s.old_ring == old_ring).unwrap_or(place);
        for node in taken {
            if !slots[first].obligations.contains(&node) {
                slots[first].obligations.push(node);
            }
        }
    }
}

/// What has to come back as it was sent.
fn bare(slot: &Slot) -> Slot {
    Slot { obligations: Vec::new(), ..slot.clone() }
}

impl Ring {
    /// What this node brings into a new ring. From now on its old ring is frozen.
    pub(super) fn own_slot(&self) -> Slot {
        let order = &self.order;
        // Only the incarnation that was a member: a later one may go without having looked after what ran before.
        let said_goodbye = |p: &&crate::peer::Peer| {
            p.session.as_ref().is_some_and(|s| {
                let seat = Seat { node: p.id, incarnation: s.incarnation };
                s.goodbye && s.clean && order.seats.contains(&seat)
            })
        };
        let goodbyes = self.peers.iter().filter(said_goodbye);
        Slot {
            seat: Seat { node: self.me, incarnation: self.incarnation },
            old_ring: order.ring,
            aru: order.store.aru(),
            high: order.store.high(),
            safe: order.safe,
            obligations: order.obligations.clone(),
            goodbyes: goodbyes.map(|p| p.id).collect(),
            ballot: self.quorum.ballot(),
            boot_id: self.identity.boot_id,
            name: self.identity.name.clone(),
        }
    }

    /// Asks those who have not promised yet.
    pub(super) fn propose(&mut self) {
        let Some(form) = &mut self.form else { return };
        form.again_at = self.now.mono + AGAIN;
        let late = self.now.mono.since(form.since) > AGAIN.times(2);
        let message = Control::Propose { ring: form.ring, seats: form.seats.clone() };
        let missing: Vec<NodeId> =
            form.seats.iter().map(|s| s.node).filter(|n| !form.slots.contains_key(n)).collect();
        if missing.is_empty() {
            return self.announce();
        }
        for node in missing {
            self.send_control(node, &message, late);
        }
    }

    /// Somebody proposes a ring.
    pub(super) fn proposed(&mut self, from: NodeId, ring: RingId, seats: Vec<Seat>) {
        let mine = Seat { node: self.me, incarnation: self.incarnation };
        if ring.representative != from
            || seats.first().map(|s| s.node) != Some(from)
            || !seats.contains(&mine)
        {
            return;
        }
        if self.leaving.as_ref().is_some_and(|l| l.is_saying_goodbye())
            || self.deaf_until.is_some()
            || !self.home
        {
            return;
        }
        if let Some(form) = &self.form
            && form.ring == ring
        {
            if !form.unstored {
                self.promise(from);
            }
            return;
        }
        if ring.seq <= self.promised {
            // Too low to be used: the proposer learns from our presence what is high enough.
            if self.phase == Phase::Gather {
                self.send_control(from, &Control::Decline { ring }, false);
                self.presence_soon = true;
            }
            return;
        }
        let token = self.config.timing.token;
        self.update_heard();
        if seats.iter().any(|s| s.node != self.me && !self.hears_seat(s, token)) {
            self.send_control(from, &Control::Decline { ring }, false);
            self.presence_soon = true;
            return;
        }
        if self.phase != Phase::Gather {
            self.gather(GatherReason::Proposal);
        }
        self.promised = ring.seq;
        self.phase = Phase::Commit;
        self.stats.commits += 1;
        let now = self.now.mono;
        let unstored = ring.seq > self.durable;
        let slots = BTreeMap::from([(self.me, self.own_slot())]);
        self.form =
            Some(Forming { ring, seats, slots, representative: false, since: now, again_at: now, unstored });
        if ring.seq + super::RESERVE / 2 > self.durable {
            self.reserve(ring.seq + super::RESERVE);
        }
        if !unstored {
            self.promise(from);
        }
    }

    fn promise(&mut self, to: NodeId) {
        let Some(form) = &self.form else { return };
        let Some(slot) = form.slots.get(&self.me).cloned() else { return };
        let message = Control::Accept { ring: form.ring, slot };
        self.send_control(to, &message, false);
    }

    /// The disk has the sequence that a promise waited for.
    pub(super) fn form_persisted(&mut self) {
        if let Some(form) = &mut self.form
            && form.unstored
            && form.ring.seq <= self.durable
        {
            form.unstored = false;
            let to = form.ring.representative;
            self.promise(to);
        }
    }

    /// A member promises the ring that we proposed.
    pub(super) fn accepted(&mut self, from: NodeId, ring: RingId, slot: Slot) {
        let Some(form) = &mut self.form else { return };
        if form.ring != ring
            || !form.representative
            || slot.seat.node != from
            || !form.seats.contains(&slot.seat)
        {
            return;
        }
        form.slots.entry(from).or_insert(slot);
        if form.slots.len() == form.seats.len() {
            self.announce();
        }
    }

    /// A member cannot join the ring that we proposed.
    pub(super) fn declined(&mut self, from: NodeId, ring: RingId) {
        if self.form.as_ref().is_some_and(|f| f.ring == ring && f.representative && !f.has_promised(from)) {
            self.gather(GatherReason::Stalled);
            self.propose_at = Some(self.now.mono + self.config.timing.join.over(2));
        }
    }

    /// Everybody has promised: the slots go to all, and recovery begins here.
    fn announce(&mut self) {
        let Some(form) = self.form.take() else { return };
        let mut slots: Vec<Slot> = form.slots.into_values().collect();
        share_obligations(&mut slots);
        let missing = form.seats.iter().map(|s| s.node).filter(|n| *n != self.me).collect();
        let announcing = Announcing { slots: slots.clone(), missing, again_at: self.now.mono };
        self.recover(form.ring, form.seats, slots, Some(announcing));
        self.announce_again();
    }

    fn announce_again(&mut self) {
        let now = self.now.mono;
        let Some(recovery) = &mut self.recovery else { return };
        let ring = recovery.order.ring;
        let Some(announcing) = &mut recovery.announcing else { return };
        announcing.again_at = now + AGAIN;
        let message = Control::Commit { ring, slots: announcing.slots.clone() };
        for node in announcing.missing.clone() {
            self.send_control(node, &message, true);
        }
    }

    /// The representative tells all slots.
    pub(super) fn committed(&mut self, from: NodeId, ring: RingId, slots: Vec<Slot>) {
        let again = self.recovery.as_ref().is_some_and(|r| r.order.ring == ring)
            || (self.phase == Phase::Operational && self.order.ring == ring);
        if again {
            return self.send_control(from, &Control::Committed { ring }, false);
        }
        let Some(form) = &self.form else { return };
        let fits = form.ring == ring
            && !form.representative
            && !form.unstored
            && ring.representative == from
            && slots.iter().map(|s| s.seat).eq(form.seats.iter().copied())
            && slots.iter().find(|s| s.seat.node == self.me).map(bare) == form.slots.get(&self.me).map(bare);
        if !fits {
            return;
        }
        let seats = form.seats.clone();
        self.form = None;
        self.recover(ring, seats, slots, None);
        self.send_control(from, &Control::Committed { ring }, false);
    }

    /// A member has the slots; when all have them the token starts.
    pub(super) fn commit_seen(&mut self, from: NodeId, ring: RingId) {
        let Some(recovery) = self.recovery.as_mut().filter(|r| r.order.ring == ring) else { return };
        let Some(announcing) = &mut recovery.announcing else { return };
        announcing.missing.retain(|n| *n != from);
        if announcing.is_done() {
            recovery.announcing = None;
            self.start_token();
        }
    }

    pub(super) fn form_timers(&mut self) {
        let now = self.now.mono;
        let limit = self.form_limit();
        if let Some(form) = &self.form {
            if form.since + limit <= now {
                self.stats.commits_lost += 1;
                let missing: Vec<NodeId> =
                    form.seats.iter().map(|s| s.node).filter(|n| !form.slots.contains_key(n)).collect();
                if form.representative {
                    self.distrust(&missing);
                }
                self.gather(GatherReason::Stalled);
                self.evaluate();
            } else if form.representative && form.again_at <= now {
                self.propose();
            }
        }
        if let Some(recovery) = &self.recovery
            && let Some(announcing) = &recovery.announcing
        {
            if recovery.since + limit <= now {
                self.stats.recoveries_lost += 1;
                let missing = announcing.missing.clone();
                self.distrust(&missing);
                self.gather(GatherReason::Stalled);
                self.evaluate();
            } else if announcing.again_at <= now {
                self.announce_again();
            }
        }
        let due = |at: &Option<Instant>| at.is_some_and(|at| at <= now);
        let mut look = due(&self.settle_at) || due(&self.propose_at);
        self.settle_at = self.settle_at.filter(|at| *at > now);
        self.propose_at = self.propose_at.filter(|at| *at > now);
        if self.phase == Phase::Gather && self.gather_since + self.config.timing.consensus <= now {
            self.stats.consensus_lost += 1;
            self.stats.consensus_lost_now = self.stats.consensus_lost_now.saturating_add(1);
            // Others have to act; tell them again where we stand.
            self.gather_since = now;
            self.presence_soon = true;
            look = true;
        }
        if look {
            self.evaluate();
        }
    }

    fn form_limit(&self) -> Span {
        self.config.timing.token.max(Span::millis(300))
    }

    /// Members that are heard but do not follow are left out for a while, longer each time.
    fn distrust(&mut self, nodes: &[NodeId]) {
        let until = self.now.mono + self.config.timing.token.times(4);
        for node in nodes {
            let Some(place) = self.peer_place(*node) else { continue };
            let peer = &mut self.peers[place];
            peer.distrust = (peer.distrust + 1).min(4);
            if peer.distrust >= 2 {
                let longer = self.config.timing.token.times(1 << peer.distrust);
                peer.distrusted = Some(until + longer);
            }
        }
        self.update_heard();
    }

    pub(super) fn form_deadline(&self) -> Option<(Instant, &'static str)> {
        let limit = self.form_limit();
        let mut next: Option<Instant> = None;
        let mut soonest = |at: Instant| next = Some(next.map_or(at, |n| n.min(at)));
        if let Some(form) = &self.form {
            soonest(form.since + limit);
            if form.representative {
                soonest(form.again_at);
            }
        }
        if let Some(recovery) = &self.recovery
            && let Some(announcing) = &recovery.announcing
        {
            soonest(recovery.since + limit);
            soonest(announcing.again_at);
        }
        if self.phase == Phase::Gather {
            soonest(self.gather_since + self.config.timing.consensus);
        }
        next.map(|at| (at, "form"))
    }
}
