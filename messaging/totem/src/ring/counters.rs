//! What was counted, for people: read, cleared, and added to by the host. Nothing in the ring decides by it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::quorum::Change;
use crate::ring::Ring;
use crate::stats::{Group, PathCounters, Pause, PeerLink, Purpose, Statistics, VoteMessages};
use crate::time::Span;
use crate::wire::control::Control;
use crate::wire::presence::Phase;

/// So many pauses are kept.
const PAUSES: usize = 10;

impl VoteMessages {
    pub(super) fn count(&mut self, change: &Change) {
        match change {
            Change::Witness(_) => self.witness += 1,
            Change::ExpectedVotes(_)
            | Change::Votes(..)
            | Change::CancelWaitForAll
            | Change::LastManStanding => self.changes += 1,
        }
    }
}

impl Statistics {
    /// A control message goes out; signs of life are counted where they are made.
    pub(super) fn says(&mut self, message: &Control) {
        match message {
            Control::Propose { .. }
            | Control::Accept { .. }
            | Control::Decline { .. }
            | Control::Commit { .. }
            | Control::Committed { .. } => self.commit_messages_sent += 1,
            Control::TokenWanted { .. } => self.token_wanted_sent += 1,
            _ => {}
        }
    }

    /// A control message came in.
    pub(super) fn hears(&mut self, message: &Control) {
        match message {
            Control::Presence(presence) => {
                self.joins_received += u64::from(presence.phase == Phase::Gather);
            }
            Control::Propose { .. }
            | Control::Accept { .. }
            | Control::Decline { .. }
            | Control::Commit { .. }
            | Control::Committed { .. } => self.commit_messages_received += 1,
            Control::TokenWanted { .. } => self.token_wanted_received += 1,
            _ => {}
        }
    }
}

impl Ring {
    /// Counters since start, or since they were cleared.
    pub fn statistics(&self) -> Statistics {
        let room = self.frame_room();
        Statistics {
            queued_bytes: self.packer.bytes() as u64,
            queued_messages: self.packer.messages() as u64,
            free_frames: (self.room() / room.max(1)) as u64,
            rotation: self.turn.rotation,
            holding: self.turn.holding,
            backlog: self.turn.backlog,
            token_age: self.turn.visited_at.map(|at| self.now.mono.since(at)),
            ..self.stats
        }
    }

    /// Every link to every peer, for status displays.
    pub fn peer_links(&self) -> Vec<PeerLink> {
        let token = self.config.timing.token;
        let mut links = Vec::new();
        for peer in &self.peers {
            let session = peer.is_heard(self.now.mono, token);
            for path in &peer.paths {
                let Some(address) = path.address else { continue };
                links.push(PeerLink {
                    node: peer.id,
                    link: path.link,
                    address,
                    up: session && path.up,
                    session: peer.session.is_some(),
                    datagram: path.datagram,
                    round_trip: path.round_trip,
                    enabled: !path.disabled,
                    counters: path.counters,
                });
            }
        }
        links
    }

    /// The last times that this process did not run for half a token time-out or longer, the latest first; at most ten.
    pub fn pauses(&self) -> &VecDeque<Pause> {
        &self.pauses
    }

    pub(super) fn remember_pause(&mut self, late: Span) {
        self.pauses.truncate(PAUSES - 1);
        self.pauses.push_front(Pause { at: self.now.wall, late });
    }

    /// Sets a group of counters to zero. Smoothed values, and what is so now, stay.
    pub fn clear_statistics(&mut self, group: Group) {
        let Statistics { sealed, opened, pauses, longest_pause, .. } = self.stats;
        match group {
            Group::Paths => {
                (self.stats.sealed, self.stats.opened) = (0, 0);
                let paths = self.peers.iter_mut().flat_map(|peer| &mut peer.paths);
                paths.for_each(|path| path.counters = PathCounters::default());
            }
            Group::Ring => {
                self.stats = Statistics { sealed, opened, pauses, longest_pause, ..Statistics::default() };
            }
            Group::Pauses => {
                self.pauses.clear();
                (self.stats.pauses, self.stats.longest_pause) = (0, Span::ZERO);
            }
        }
    }

    /// The host could not send datagrams of [`crate::Output::Send`], or only when it tried again.
    pub fn not_sent(&mut self, link: u8, to: SocketAddr, purpose: Purpose, errors: u32, retries: u32) {
        let group = self.config.links.iter().any(|l| l.number == link && l.multicast == Some(to));
        let paths = self.peers.iter_mut().flat_map(|peer| &mut peer.paths);
        for path in paths.filter(|path| path.link == link && (group || path.address == Some(to))) {
            let trouble = &mut path.counters.trouble;
            let place = purpose as usize;
            trouble.errors[place] = trouble.errors[place].saturating_add(errors);
            trouble.retries[place] = trouble.retries[place].saturating_add(retries);
        }
    }

    /// Orders a change of the vote.
    pub(super) fn say_change(&mut self, change: &Change) {
        self.stats.votes_sent.count(change);
        self.packer.push_control(change.encode());
        self.work_waits();
    }
}
