//! Going: on request with everything delivered first, or at once when the core behind the ring hangs. And what it
//! means when a peer goes.

use crate::id::NodeId;
use crate::io::LeaveReason;
use crate::log::{Event, GatherReason};
use crate::ring::Ring;
use crate::time::{Instant, Span};
use crate::wire::control::Control;
use crate::wire::presence::Phase;

/// Longest wait for our messages to be delivered everywhere.
const DRAIN: Span = Span::millis(50);
/// Between two goodbyes.
const AGAIN: Span = Span::millis(15);
/// Most goodbyes.
const GOODBYES: u32 = 4;

/// How far we are with leaving.
#[derive(Debug)]
pub(super) struct Leaving {
    since: Instant,
    goodbyes: u32,
    again_at: Instant,
    waiting: Vec<NodeId>,
    reason: LeaveReason,
}

impl Leaving {
    /// Peers are being told; we take part in nothing any more.
    pub(super) fn is_saying_goodbye(&self) -> bool {
        self.goodbyes > 0
    }
}

impl Ring {
    /// Begins to leave.
    pub(super) fn leave(&mut self) {
        if self.leaving.is_none() {
            let now = self.now.mono;
            let reason = LeaveReason::Asked;
            self.leaving =
                Some(Leaving { since: now, goodbyes: 0, again_at: now, waiting: Vec::new(), reason });
        }
    }

    pub(super) fn progress_limit(&self) -> Span {
        self.config.timing.token.times(2).max(Span::secs(5))
    }

    pub(super) fn leave_timers(&mut self) {
        let now = self.now.mono;
        let silent = now.since(self.progress_at);
        if self.config.require_progress && self.leaving.is_none() && silent >= self.progress_limit() {
            self.log(Event::NoProgress(silent));
            let (since, reason) = (now, LeaveReason::NoProgress);
            self.leaving = Some(Leaving { since, goodbyes: 0, again_at: now, waiting: Vec::new(), reason });
        }
        let Some(leaving) = &self.leaving else { return };
        if leaving.goodbyes == 0 {
            let working = self.phase == Phase::Operational;
            let drained = !working || (self.packer.is_empty() && self.order.safe >= self.order.top());
            let asked = leaving.reason == LeaveReason::Asked;
            if asked && !drained && leaving.since + DRAIN > now {
                return;
            }
            let token = self.config.timing.token;
            let waiting = self.peers.iter().filter(|p| p.is_heard(now, token)).map(|p| p.id).collect();
            if let Some(leaving) = &mut self.leaving {
                leaving.waiting = waiting;
                leaving.goodbyes = 1;
            }
            self.say_goodbye();
            return;
        }
        if leaving.waiting.is_empty() || (leaving.again_at <= now && leaving.goodbyes >= GOODBYES) {
            let reason = leaving.reason.clone();
            self.leave_now(reason);
        } else if leaving.again_at <= now {
            if let Some(leaving) = &mut self.leaving {
                leaving.goodbyes += 1;
            }
            self.say_goodbye();
        }
    }

    fn say_goodbye(&mut self) {
        let now = self.now.mono;
        let Some(leaving) = &mut self.leaving else { return };
        leaving.again_at = now + AGAIN;
        let (waiting, clean) = (leaving.waiting.clone(), leaving.reason == LeaveReason::Asked);
        for node in &waiting {
            self.send_control(*node, &Control::Goodbye { clean }, true);
        }
        if waiting.is_empty() {
            self.leave_timers();
        }
    }

    pub(super) fn leave_deadline(&self) -> Option<(Instant, &'static str)> {
        let leaving = self.leaving.as_ref()?;
        if leaving.goodbyes == 0 {
            Some((leaving.since + DRAIN, "drain"))
        } else {
            Some((leaving.again_at, "goodbye"))
        }
    }

    /// A peer leaves.
    pub(super) fn goodbye(&mut self, node: NodeId, clean: bool) {
        self.send_control(node, &Control::Farewell, true);
        let Some(place) = self.peer_place(node) else { return };
        let Some(session) = &mut self.peers[place].session else { return };
        if session.goodbye {
            return;
        }
        session.goodbye = true;
        session.clean = clean;
        self.log(Event::SaidGoodbye(node));
        let involved = self.involved(node);
        self.update_heard();
        self.evaluate_soon = true;
        if involved {
            self.gather(GatherReason::Goodbye(node));
        }
    }

    /// A peer knows that we leave.
    pub(super) fn farewell(&mut self, node: NodeId) {
        if let Some(leaving) = &mut self.leaving {
            leaving.waiting.retain(|n| *n != node);
        }
    }
}
