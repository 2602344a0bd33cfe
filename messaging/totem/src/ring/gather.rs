//! Gather: from "who hears whom" to "propose this ring". Knows no message but through the modules beside it.

use crate::id::RingId;
use crate::log::{Event, GatherReason};
use crate::membership::decide;
use crate::ring::Ring;
use crate::ring::form::Forming;
use crate::time::{Instant, Span};
use crate::wire::control::Seat;
use crate::wire::presence::Phase;

impl Ring {
    /// Gives up what we work in or form and looks for a membership.
    pub(super) fn gather(&mut self, why: GatherReason) {
        let now = self.now.mono;
        self.log(Event::Gathering(why));
        self.stats.gathers += 1;
        if why == GatherReason::TokenLost {
            match self.phase {
                Phase::Recovery => self.stats.recoveries_lost += 1,
                _ => self.stats.tokens_lost += 1,
            }
        }
        let failed = self.phase != Phase::Operational && self.phase != Phase::Gather;
        self.phase = Phase::Gather;
        self.gather_since = now;
        if self.view.as_ref().is_some_and(|v| v.quorum.quorate) {
            self.idle_since.get_or_insert(now);
        }
        self.form = None;
        // What recovery brought stays with the old ring's frames; only the unfinished ring goes.
        self.recovery = None;
        self.turn.clear(now);
        if failed {
            let pause = Span(self.random() % self.config.timing.join.0.max(1)).over(2);
            self.propose_at = Some(self.propose_at.map_or(now + pause, |at| at.max(now + pause)));
        }
        self.presence_soon = true;
        self.evaluate_soon = true;
    }

    /// Whether a membership may be acted on now.
    fn settled(&self) -> bool {
        self.decision.clean || self.settle_at.is_none()
    }

    fn all_here(&self) -> bool {
        self.peers.iter().filter(|p| p.configured).all(|p| p.told().is_some())
    }

    /// Works out the membership anew and does what follows.
    pub(super) fn evaluate(&mut self) {
        let now = self.now.mono;
        let decision = decide(self.me, &self.people());
        if decision != self.decision {
            self.settle_at = (!decision.clean).then(|| now + self.settle());
            self.decision = decision;
        }
        if self.leaving.as_ref().is_some_and(|l| l.is_saying_goodbye()) || !self.home {
            return;
        }
        match self.phase {
            Phase::Operational => {
                let same = self.seats_of_decision().as_deref() == Some(&self.order.seats);
                if !same && self.settled() {
                    self.gather(GatherReason::Connectivity);
                    self.try_propose();
                }
            }
            Phase::Gather => self.try_propose(),
            Phase::Commit | Phase::Recovery => {
                let token = self.config.timing.token;
                let seats = match (&self.form, &self.recovery) {
                    (Some(form), _) => &form.seats,
                    (None, Some(recovery)) => &recovery.order.seats,
                    (None, None) => return,
                };
                let gone = seats.iter().any(|s| s.node != self.me && !self.hears_seat(s, token));
                if gone {
                    self.gather(GatherReason::Connectivity);
                    self.try_propose();
                }
            }
        }
    }

    /// Whether we hear this very incarnation.
    pub(super) fn hears_seat(&self, seat: &Seat, token: Span) -> bool {
        self.peer(seat.node).is_some_and(|p| {
            p.is_heard(self.now.mono, token)
                && p.session.as_ref().is_some_and(|s| s.incarnation == seat.incarnation)
        })
    }

    /// The decision with incarnations; `None` while a member is known by hearsay only.
    fn seats_of_decision(&self) -> Option<Vec<Seat>> {
        self.decision
            .members
            .iter()
            .map(|&node| {
                let incarnation = if node == self.me {
                    self.incarnation
                } else {
                    self.peer(node)?.session.as_ref()?.incarnation
                };
                Some(Seat { node, incarnation })
            })
            .collect()
    }

    /// When gathering has to be looked at again.
    pub(super) fn gather_deadline(&self) -> Option<(Instant, &'static str)> {
        let at = match self.phase {
            Phase::Gather => self.settle_at.into_iter().chain(self.propose_at).min(),
            Phase::Operational => self.settle_at,
            Phase::Commit | Phase::Recovery => None,
        };
        at.map(|at| (at, "gather"))
    }

    /// Proposes a ring when it is on us to do so.
    fn try_propose(&mut self) {
        let now = self.now.mono;
        if self.phase != Phase::Gather || !self.home || self.decision.members.first() != Some(&self.me) {
            return;
        }
        let first = self.order.ring.seq == 0 && self.all_here() && self.decision.clean;
        if self.propose_at.is_some() && !first {
            return;
        }
        if !self.settled() {
            return;
        }
        let Some(seats) = self.seats_of_decision() else { return };
        let token = self.config.timing.token;
        if seats.iter().any(|s| s.node != self.me && !self.hears_seat(s, token)) {
            return;
        }
        let highest = seats
            .iter()
            .filter_map(|s| self.peer(s.node)?.told())
            .map(|t| t.promised.max(t.ring.seq))
            .fold(self.promised, u64::max);
        let seq = highest + 1;
        if seq > self.durable {
            self.reserve(seq + super::RESERVE);
            return;
        }
        if seq + super::RESERVE / 2 > self.durable {
            self.reserve(seq + super::RESERVE);
        }
        self.promised = seq;
        let ring = RingId { seq, representative: self.me };
        self.phase = Phase::Commit;
        self.stats.commits += 1;
        let slot = self.own_slot();
        self.form = Some(Forming::proposed(ring, seats, now, self.me, slot));
        self.propose();
    }
}
