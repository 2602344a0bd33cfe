//! What happens when the token comes by: serve requests, ask for gaps, number new frames, adjust `aru`, count what
//! is in flight. Totem's rules (Amir et al. 1995, section 4), with the accelerated ring's rule for gaps (Babay and
//! Amir 2016): only frames that were numbered before the last visit are asked for, because later ones may still
//! be on their way behind the token.

use crate::order::Order;
use crate::order::store::{CAPACITY, Frame};
use crate::wire::frame::FrameKind;
use crate::wire::token::{MAX_RANGE, MAX_REQUESTS, Request, Token};

/// How much one visit may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Frames of this node on one visit.
    pub per_visit: u32,
    /// Frames of all nodes on one rotation.
    pub window: u32,
    /// Whether the frames go out before the token (then all gaps are real).
    pub patient: bool,
}

/// What one visit yields; the token is passed on afterwards.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// Frames to send again.
    pub again: Vec<u64>,
    /// Frames numbered now.
    pub fresh: Vec<u64>,
    /// The token may be parked here.
    pub park: bool,
    /// Frames are asked for again and again in vain: there is no hurry.
    pub slow: bool,
}

impl Order {
    /// Lets the token do its work. `source` yields the payloads of new frames.
    pub fn visit(
        &mut self,
        token: &mut Token,
        limits: Limits,
        backlog: u32,
        mut source: impl FnMut() -> Option<(FrameKind, Vec<u8>)>,
    ) -> Visit {
        let mut visit = Visit::default();
        let first = self.visits == 0;
        self.visits += 1;
        self.hurry = self.hurry.saturating_sub(1);
        self.last_hop = token.hop;
        if !first {
            self.safe = self.safe.max(self.sent_aru.min(token.aru)).min(self.store.aru());
        }
        self.store.release(self.safe.min(self.delivered));
        let quiet =
            !first && token.seq == self.sent_seq && token.aru == token.seq && self.sent_aru == token.seq;

        let same = self.seen == (token.seq, token.aru) && !token.requests.is_empty();
        self.seen = (token.seq, token.aru);
        self.stale = if same { self.stale.saturating_add(1) } else { 0 };
        visit.slow = self.stale >= 4 && self.ring.representative == self.me;

        token.sent = token.sent.saturating_sub(self.sent_frames);
        token.backlog = token.backlog.saturating_sub(self.sent_backlog).saturating_add(backlog);
        self.sent_backlog = backlog;
        self.serve(token, limits, &mut visit);
        self.ask(token, limits);
        self.adapt(&visit, limits, backlog);

        let again = u32::try_from(visit.again.len()).unwrap_or(u32::MAX);
        let allowed = self.personal.min(limits.window.saturating_sub(token.sent)).saturating_sub(again);
        visit.fresh = self.number(token, allowed, &mut source);
        let count = u32::try_from(visit.fresh.len() + visit.again.len()).unwrap_or(u32::MAX);
        token.sent = token.sent.saturating_add(count);
        self.sent_frames = count;
        self.last_sender = token.last_sender;

        let before = self.sent_aru;
        self.own_aru(token);
        let behind = token.aru_owner == Some(self.me) && token.aru == before;
        self.stuck = if behind { self.stuck.saturating_add(1) } else { 0 };
        (self.sent_seq, self.sent_aru) = (token.seq, token.aru);

        let idle = quiet && visit.fresh.is_empty() && visit.again.is_empty() && token.requests.is_empty();
        self.idle = if idle { self.idle.saturating_add(1) } else { 0 };
        let home = token.last_sender.unwrap_or(self.ring.representative);
        // One quiet rotation tells everybody that all is received, a second one that everybody knows it.
        visit.park = (self.idle >= 2 && home == self.me) || self.idle >= 4;
        token.hop += 1;
        visit
    }

    /// Numbers more frames while the token still rests here: the visit goes on, nothing that a rotation proves is
    /// taken as proven.
    pub fn go_on(
        &mut self,
        token: &mut Token,
        limits: Limits,
        mut source: impl FnMut() -> Option<(FrameKind, Vec<u8>)>,
    ) -> Vec<u64> {
        let allowed = self.personal.saturating_sub(self.sent_frames);
        let fresh = self.number(token, allowed.min(limits.window.saturating_sub(token.sent)), &mut source);
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        token.sent = token.sent.saturating_add(count);
        self.sent_frames = self.sent_frames.saturating_add(count);
        self.last_sender = token.last_sender;
        self.own_aru(token);
        (self.sent_seq, self.sent_aru) = (token.seq, token.aru);
        if !fresh.is_empty() {
            self.idle = 0;
        }
        fresh
    }

    /// Gives numbers to frames of this node, as far as allowed and as there is room to keep them.
    fn number(
        &mut self,
        token: &mut Token,
        allowed: u32,
        source: &mut impl FnMut() -> Option<(FrameKind, Vec<u8>)>,
    ) -> Vec<u64> {
        let held = token.seq.saturating_sub(self.safe);
        let room = u32::try_from((CAPACITY / 2).saturating_sub(held)).unwrap_or(0);
        let mut fresh = Vec::new();
        for _ in 0..allowed.min(room) {
            let Some((kind, payload)) = source() else { break };
            token.seq += 1;
            let origin = self.me;
            self.insert(token.seq, || Frame { kind, origin, payload: payload.into() });
            fresh.push(token.seq);
        }
        if !fresh.is_empty() {
            token.last_sender = Some(self.me);
        }
        fresh
    }

    /// Writes into the token what this node has received, where it is this node's turn to say so.
    fn own_aru(&self, token: &mut Token) {
        let aru = self.store.aru();
        if aru < token.aru || token.aru_owner.is_none() || token.aru_owner == Some(self.me) {
            token.aru = aru;
            token.aru_owner = if aru == token.seq { None } else { Some(self.me) };
        }
    }

    /// Takes from the request list what this node has.
    fn serve(&mut self, token: &mut Token, limits: Limits, visit: &mut Visit) {
        let most = usize::try_from(limits.per_visit).unwrap_or(usize::MAX).max(1);
        let mut left: Vec<Request> = Vec::new();
        for request in &token.requests {
            for seq in request.first..request.first + u64::from(request.count) {
                if seq < self.store.first() {
                    continue;
                }
                if visit.again.len() < most && self.store.get(seq).is_some() {
                    visit.again.push(seq);
                } else {
                    add(&mut left, seq, 1);
                }
            }
        }
        token.requests = left;
    }

    /// Adds what this node misses.
    fn ask(&mut self, token: &mut Token, limits: Limits) {
        let last = if limits.patient { self.sent_seq.min(token.seq) } else { token.seq };
        let requests = &mut token.requests;
        let asked = requests.clone();
        self.store.gaps(last, |first, count| {
            for seq in first..first + count {
                let known = asked.iter().any(|r| r.first <= seq && seq < r.first + u64::from(r.count));
                if !known && !add(requests, seq, 1) {
                    return false;
                }
            }
            true
        });
    }

    /// Sends less when frames of it had to be repeated, more when it has more to send.
    fn adapt(&mut self, visit: &Visit, limits: Limits, backlog: u32) {
        if visit.again.len() > 2 {
            self.personal = (self.personal / 2).max(16);
        } else if backlog > self.personal {
            self.personal = self.personal.saturating_add(8);
        }
        self.personal = self.personal.min(limits.per_visit.max(1));
    }
}

/// Adds a missing frame to a list; false when the list is full.
fn add(list: &mut Vec<Request>, seq: u64, count: u16) -> bool {
    if let Some(last) = list.last_mut()
        && last.first + u64::from(last.count) == seq
        && last.count < MAX_RANGE
    {
        last.count += count;
        return true;
    }
    if list.len() >= MAX_REQUESTS {
        return false;
    }
    list.push(Request { first: seq, count });
    true
}
