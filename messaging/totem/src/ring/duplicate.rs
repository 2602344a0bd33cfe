//! One node id, two hosts: which one stays, and telling everybody. The incumbent is right as long as it answers
//! something that was said after the newcomer came, or says something itself after that: with one address at both
//! hosts only one of them may hear us.

use crate::io::{Duplicate, Host, Output};
use crate::log::{Event, GatherReason};
use crate::peer::{Candidate, Session};
use crate::ring::Ring;
use crate::seal::greeting::{Reason, Refusal};
use crate::stats::Purpose;
use crate::time::{Instant, Span};
use crate::wire::presence::Presence;

impl Ring {
    /// Names both hosts to people and to the driver.
    pub(super) fn report_duplicate(&mut self, duplicate: &Duplicate) {
        let host = |h: &Host| {
            let hex = |id: &[u8; 16]| id.iter().map(|b| format!("{b:02x}")).collect::<String>();
            let address = h.address.map_or_else(|| "unknown address".to_owned(), |a| a.ip().to_string());
            format!(
                "{} at {address} (machine-id {}, boot id {})",
                h.name,
                hex(&h.machine_id),
                hex(&h.boot_id)
            )
        };
        let cure = "give one of them another nodeid, name and address, and after cloning a machine a new \
                    /etc/machine-id; 'cat /proc/sys/kernel/random/boot_id' tells which machine is which";
        let text = format!(
            "node id {} is used by two hosts: {} and, refused, {}; {cure}",
            duplicate.node,
            host(&duplicate.incumbent),
            host(&duplicate.newcomer),
        );
        self.log(Event::Duplicate(text));
        self.out.push_back(Output::DuplicateIdentity(duplicate.clone()));
    }

    /// The boot that we took for gone spoke. When it does so after it was replaced, there are two.
    pub(super) fn incumbent_spoke(&mut self, place: usize, presence: &Presence) {
        let now = self.now.mono;
        let peer = &mut self.peers[place];
        let Some(newcomer) = &peer.session else { return };
        let since = newcomer.since;
        let spoke_after = |s: &mut Session| {
            let after = presence.echo > since.0 || s.clock.is_after(presence.stamp, since);
            s.clock.took(now, presence.said_at_the_earliest(), presence.stamp);
            after
        };
        let Some(mut incumbent) = peer.previous.take_if(spoke_after) else { return };
        incumbent.heard_at = now;
        let newcomer = peer.session.replace(incumbent);
        if let Some(session) = newcomer {
            peer.candidate = Some(Candidate {
                session,
                link: 0,
                challenge: None,
                incumbent_alive: true,
                refused: true,
                due: now + Span::secs(60),
            });
        }
        self.name_duplicate(place);
        let node = self.peers[place].id;
        if self.involved(node) {
            self.gather(GatherReason::Restarted(node));
        }
        self.evaluate_soon = true;
    }

    fn name_duplicate(&mut self, place: usize) {
        let peer = &self.peers[place];
        if let (Some(incumbent), Some(candidate)) = (&peer.session, &peer.candidate) {
            let (incumbent, newcomer) = (incumbent.host(), candidate.session.host());
            let duplicate = Duplicate { node: peer.id, incumbent, newcomer, ours: false };
            self.report_duplicate(&duplicate);
        }
    }

    pub(super) fn refuse_candidate(&mut self, place: usize) {
        let peer = &self.peers[place];
        let (Some(incumbent), Some(candidate)) = (&peer.session, &peer.candidate) else { return };
        let Some(echo) = candidate.challenge else { return };
        let reason = Reason::Duplicate(incumbent.host());
        let refusal = Refusal { from: self.me, salt: candidate.session.salt, echo, reason };
        let (link, to) = (candidate.link, candidate.session.from);
        let bytes = refusal.encode(&self.masters[0]);
        self.push_send(link, to, bytes.into(), Purpose::Data);
    }

    /// Decides about newcomers whose time has come: refused when the incumbent answered, let in when it did not.
    pub(super) fn judge_candidates(&mut self) -> Option<Instant> {
        let now = self.now.mono;
        let mut next: Option<Instant> = None;
        for place in 0..self.peers.len() {
            let peer = &mut self.peers[place];
            let Some(candidate) = &peer.candidate else { continue };
            if candidate.due > now {
                let due = candidate.due;
                next = Some(next.map_or(due, |n| n.min(due)));
                continue;
            }
            let alive = candidate.incumbent_alive && peer.session.as_ref().is_some_and(|s| !s.goodbye);
            let Some(mut candidate) = peer.candidate.take() else { continue };
            if candidate.refused {
                continue;
            }
            if alive {
                candidate.refused = true;
                candidate.due = now + Span::secs(60);
                next = Some(next.map_or(candidate.due, |n| n.min(candidate.due)));
                peer.candidate = Some(candidate);
                self.name_duplicate(place);
                self.refuse_candidate(place);
            } else {
                let link = candidate.link;
                let mut session = candidate.session;
                session.since = now;
                session.heard_at = now;
                self.adopt(place, link, session);
            }
        }
        next
    }
}
