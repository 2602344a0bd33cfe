//! What is known about one peer: its session, its links, when it was last heard and what it told. Decides about
//! links; not about membership.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::config::{Config, LinkConfig, LinkMode, MemberConfig};
use crate::id::{Incarnation, NodeId, RingId};
use crate::io::Host;
use crate::seal::datagram::{Opener, boot_half};
use crate::seal::greeting::Challenge;
use crate::stats::PathCounters;
use crate::time::{Instant, Span};
use crate::wire::control::{MAX_PARTS, Part};
use crate::wire::presence::{Heard, Phase};

/// A proven incarnation of a peer.
#[derive(Debug)]
pub struct Session {
    /// Its boot salt.
    pub salt: [u8; 32],
    /// Derived from the salt.
    pub incarnation: Incarnation,
    /// Opens its datagrams.
    pub opener: Opener,
    /// Node name, as it says.
    pub name: String,
    /// Kernel boot id.
    pub boot_id: [u8; 16],
    /// Machine id.
    pub machine_id: [u8; 16],
    /// Where its greeting came from.
    pub from: SocketAddr,
    /// When it was proven.
    pub since: Instant,
    /// Its last authentic datagram.
    pub heard_at: Instant,
    /// Its clock beside ours.
    pub clock: PeerClock,
    /// What it told last.
    pub told: Option<Told>,
    /// It said goodbye.
    pub goodbye: bool,
    /// It said that it ended everything in order.
    pub clean: bool,
}

/// When a peer said something at the earliest, on our clock: its presences are stamped by a clock that only goes
/// forward, and name the last of our stamps that it had heard by then. How long anything took on its way is not known
/// and plays no part: whoever is slow, here or there, hears late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerClock {
    /// Our clock minus its, the most of this window and of the one before that is certain; too small by the way to it.
    most: Option<i64>,
    before: Option<i64>,
    turned_at: Instant,
}

impl PeerClock {
    /// Clocks that run apart by 100 ppm part by a millisecond in this time.
    const WINDOW: Span = Span::secs(10);

    /// A presence with this stamp came, said on our clock at [`Presence::said_at_the_earliest`](crate::wire::presence::Presence::said_at_the_earliest).
    pub fn took(&mut self, now: Instant, said: Option<u64>, stamp: u64) {
        if now.since(self.turned_at) >= Self::WINDOW {
            self.before = self.most.take().or(self.before);
            self.turned_at = now;
        }
        if let Some(said) = said {
            let apart = said.wrapping_sub(stamp).cast_signed();
            self.most = Some(self.most.map_or(apart, |most| most.max(apart)));
        }
    }

    /// Whether what bears this stamp was certainly said after `since`, and not only arrived after it.
    pub fn is_after(&self, stamp: u64, since: Instant) -> bool {
        let Some(apart) = self.most.into_iter().chain(self.before).max() else { return false };
        stamp.saturating_add_signed(apart) > (since + Self::DOUBT).0
    }

    /// What clocks may part by meanwhile.
    const DOUBT: Span = Span::millis(20);
}

/// The last presence of a peer, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Version of its row.
    pub version: u64,
    /// Stamp of the presence; later ones replace earlier ones only.
    pub stamp: u64,
    /// Its votes.
    pub votes: u32,
    /// The ring it works in.
    pub ring: RingId,
    /// Its state.
    pub phase: Phase,
    /// Highest ring sequence it has promised or used.
    pub promised: u64,
    /// Whom it hears.
    pub heard: Vec<Heard>,
    /// Key files that it can read.
    pub key_tags: [u32; 2],
}

/// A second process with the id of a peer that is known: proven, but not yet let in.
#[derive(Debug)]
pub struct Candidate {
    /// What will be its session.
    pub session: Session,
    /// The link it came over.
    pub link: u8,
    /// Its last challenge, for the refusal.
    pub challenge: Option<Challenge>,
    /// The incumbent answered something that we said after the newcomer came.
    pub incumbent_alive: bool,
    /// Refused already.
    pub refused: bool,
    /// When the decision is due.
    pub due: Instant,
}

/// One link to a peer.
#[derive(Debug, Clone)]
pub struct Path {
    /// Link number.
    pub link: u8,
    /// Priority in passive mode.
    pub priority: u8,
    /// Largest datagram that gets through, as far as known.
    pub datagram: u16,
    /// Largest datagram that the configuration allows.
    pub allowed: u16,
    /// Probes without an answer.
    pub missed: u32,
    /// When to probe next, and when to try a larger size.
    pub probe_at: Option<Instant>,
    /// See `probe_at`.
    pub raise_at: Option<Instant>,
    /// Where to send.
    pub address: Option<SocketAddr>,
    /// Last authentic datagram on this link.
    pub heard_at: Option<Instant>,
    /// The peer hears us here.
    pub peer_hears: bool,
    /// Datagrams go both ways.
    pub up: bool,
    /// Presences in a row since it was down.
    pub good: u32,
    /// How many are needed to come up.
    pub needed: u32,
    /// When it went down last.
    pub down_at: Option<Instant>,
    /// The peer's last stamp here and when it came.
    pub stamp: Option<(u64, Instant)>,
    /// Smoothed round-trip time.
    pub round_trip: Option<Span>,
    /// The host says that the interface is down.
    pub disabled: bool,
    /// A link that is unheard this long is down.
    pub timeout: Span,
    /// For people.
    pub counters: PathCounters,
    /// The peer's stamp that we answered last, so that answers are counted once.
    pub answered: u64,
    /// Our stamp that the peer answered last.
    pub echoed: u64,
}

/// One peer.
#[derive(Debug)]
pub struct Peer {
    /// Its id.
    pub id: NodeId,
    /// Its name in the configuration.
    pub name: String,
    /// In the node list.
    pub configured: bool,
    /// Links, by ascending number.
    pub paths: Vec<Path>,
    /// The incarnation that counts.
    pub session: Option<Session>,
    /// The one before, while a duplicate could still show up.
    pub previous: Option<Session>,
    /// A newcomer with the same id.
    pub candidate: Option<Candidate>,
    /// What we want echoed.
    pub challenge: Option<Challenge>,
    /// When to greet next.
    pub greet_at: Instant,
    /// Greetings without an answer.
    pub greetings: u32,
    /// Not taken as heard until then: it could not follow although it was heard.
    pub distrusted: Option<Instant>,
    /// Times it was distrusted lately.
    pub distrust: u32,
    /// Round robin turn.
    pub turn: usize,
    /// A control message in pieces.
    pub parts: Parts,
    /// The other token time-out of it that was reported.
    pub timeouts_reported: Option<Span>,
}

/// Bytes of unfinished split messages that are kept of one peer.
const UNFINISHED: usize = 1 << 20;

/// Messages that come in pieces; the oldest unfinished one makes room for a new one.
#[derive(Debug, Default)]
pub struct Parts {
    messages: BTreeMap<u32, Vec<Option<Vec<u8>>>>,
    bytes: usize,
}

impl Parts {
    /// Takes a piece; the whole message when it was the last one missing.
    pub fn take(&mut self, part: Part<'_>) -> Option<Vec<u8>> {
        let count = usize::from(part.count.min(MAX_PARTS));
        if self.messages.get(&part.number).is_some_and(|pieces| pieces.len() != count) {
            self.forget(part.number);
        }
        let cost = part.bytes.len() + 64;
        while self.bytes + cost > UNFINISHED {
            let oldest = *self.messages.keys().next()?;
            self.forget(oldest);
        }
        let pieces = self.messages.entry(part.number).or_insert_with(|| vec![None; count]);
        let place = pieces.get_mut(usize::from(part.index))?;
        if place.is_none() {
            *place = Some(part.bytes.to_vec());
            self.bytes += cost;
        }
        if pieces.iter().any(Option::is_none) {
            return None;
        }
        Some(self.forget(part.number).into_iter().flatten().flatten().collect())
    }

    fn forget(&mut self, number: u32) -> Vec<Option<Vec<u8>>> {
        let pieces = self.messages.remove(&number).unwrap_or_default();
        let cost: usize = pieces.iter().flatten().map(|p| p.len() + 64).sum();
        self.bytes = self.bytes.saturating_sub(cost);
        pieces
    }
}

impl Session {
    /// The host, as it can be named to a person.
    pub fn host(&self) -> Host {
        Host {
            name: self.name.clone(),
            address: Some(self.from),
            machine_id: self.machine_id,
            boot_id: self.boot_id,
        }
    }

    /// As others name it in their rows.
    pub fn heard(&self, node: NodeId) -> Heard {
        Heard { node, boot: boot_half(self.incarnation) }
    }
}

/// Datagram sizes that are tried when the configured one does not get through.
const SIZES: [u16; 6] = [8_900, 1_452, 1_392, 1_232, 980, SMALLEST];
/// Every path is taken to let this through.
pub const SMALLEST: u16 = 548;

impl Path {
    /// What to probe now, if anything. Three probes without an answer mean that this size does not get through; a
    /// larger one is tried now and then.
    pub fn probe(&mut self, now: Instant, every: Span) -> Option<u16> {
        if !self.up || self.probe_at.is_some_and(|at| at > now) {
            return None;
        }
        if self.missed >= 3 {
            self.missed = 0;
            let lower = SIZES.into_iter().find(|s| *s < self.datagram);
            self.datagram = lower.unwrap_or(self.datagram);
            self.raise_at = Some(now + Span::secs(30));
        }
        self.missed += 1;
        // The next probe comes soon while there is no answer.
        self.probe_at = Some(now + every);
        if self.raise_at.is_some_and(|at| at <= now) && self.datagram < self.allowed {
            self.raise_at = Some(now + Span::secs(30));
            self.missed = self.missed.saturating_sub(1);
            let larger = SIZES.into_iter().rev().find(|s| *s > self.datagram);
            return Some(larger.unwrap_or(self.allowed).min(self.allowed));
        }
        Some(self.datagram)
    }

    /// A probe got through.
    pub fn probed(&mut self, now: Instant, size: u16) {
        if size >= self.datagram && size <= self.allowed {
            if size > self.datagram {
                self.raise_at = Some(now + Span::millis(500));
            }
            self.datagram = size;
            self.missed = 0;
            self.probe_at = Some(now + Span::secs(2));
        }
    }

    fn new(link: &LinkConfig, address: Option<SocketAddr>, timeout: Span) -> Self {
        Self {
            link: link.number,
            priority: link.priority,
            datagram: link.datagram,
            allowed: link.datagram,
            missed: 0,
            probe_at: None,
            raise_at: None,
            address,
            heard_at: None,
            peer_hears: false,
            up: false,
            good: 0,
            needed: 1,
            down_at: None,
            stamp: None,
            round_trip: None,
            disabled: false,
            timeout,
            counters: PathCounters::default(),
            answered: 0,
            echoed: 0,
        }
    }

    /// Forgets what belonged to an earlier incarnation.
    pub fn reset(&mut self) {
        self.heard_at = None;
        self.peer_hears = false;
        self.counters.down += u32::from(self.up);
        self.up = false;
        self.good = 0;
        self.needed = 1;
        self.stamp = None;
        self.round_trip = None;
        self.answered = 0;
        self.echoed = 0;
    }
}

impl Peer {
    /// A peer that was never heard.
    pub fn new(
        config: &Config,
        member: &MemberConfig,
        configured: bool,
        now: Instant,
        timeout: Span,
    ) -> Self {
        let address = |link: u8| member.addresses.iter().find(|a| a.link == link).map(|a| a.address);
        Self {
            id: member.id,
            name: member.name.clone(),
            configured,
            paths: config
                .links
                .iter()
                .filter(|l| !configured || address(l.number).is_some())
                .map(|l| Path::new(l, address(l.number), l.ping_timeout.unwrap_or(timeout)))
                .collect(),
            session: None,
            previous: None,
            candidate: None,
            challenge: None,
            greet_at: now,
            greetings: 0,
            distrusted: None,
            distrust: 0,
            turn: 0,
            parts: Parts::default(),
            timeouts_reported: None,
        }
    }

    /// Takes over what a new configuration says about its links, and keeps what is known about the old ones.
    pub fn reconfigure(&mut self, config: &Config, member: &MemberConfig, timeout: Span) {
        let fresh = Self::new(config, member, true, self.greet_at, timeout);
        self.name = fresh.name;
        self.configured = true;
        let old = std::mem::replace(&mut self.paths, fresh.paths);
        for path in &mut self.paths {
            if let Some(known) = old.iter().find(|p| p.link == path.link && p.address == path.address) {
                let (priority, allowed, timeout) = (path.priority, path.allowed, path.timeout);
                let datagram = known.datagram.min(allowed);
                *path = Path { priority, datagram, allowed, timeout, ..known.clone() };
            }
        }
    }

    /// The path of a link.
    pub fn path_mut(&mut self, link: u8) -> Option<&mut Path> {
        self.paths.iter_mut().find(|p| p.link == link)
    }

    /// Whether it counts as heard: an authentic datagram within `token`, no goodbye, not distrusted.
    pub fn is_heard(&self, now: Instant, token: Span) -> bool {
        self.session.as_ref().is_some_and(|s| {
            s.told.is_some() && !s.goodbye && now.since(s.heard_at) < token && self.distrusted.is_none()
        })
    }

    /// When silence would make it unheard.
    pub fn silent_at(&self, token: Span) -> Option<Instant> {
        self.session.as_ref().filter(|s| s.told.is_some() && !s.goodbye).map(|s| s.heard_at + token)
    }

    /// What it told last.
    pub fn told(&self) -> Option<&Told> {
        self.session.as_ref()?.told.as_ref()
    }

    /// Links on which it is heard, one bit each.
    pub fn heard_links(&self, now: Instant) -> u8 {
        let fresh = |p: &&Path| p.heard_at.is_some_and(|at| now.since(at) < p.timeout);
        self.paths
            .iter()
            .filter(fresh)
            .fold(0, |bits, p| bits | (1_u8.checked_shl(u32::from(p.link)).unwrap_or(0)))
    }

    /// The links to send on, as places in `paths`. Without a usable one all are tried.
    pub fn routes(&mut self, mode: LinkMode) -> Vec<usize> {
        let reachable = |p: &Path| p.address.is_some() && !p.disabled;
        let up: Vec<usize> =
            (0..self.paths.len()).filter(|n| self.paths[*n].up && reachable(&self.paths[*n])).collect();
        if up.len() <= 1 {
            return if up.is_empty() {
                (0..self.paths.len()).filter(|n| self.paths[*n].address.is_some()).collect()
            } else {
                up
            };
        }
        match mode {
            LinkMode::Active => up,
            LinkMode::RoundRobin => {
                self.turn = self.turn.wrapping_add(1);
                vec![up[self.turn % up.len()]]
            }
            LinkMode::Passive => {
                let mut best = up[0];
                for n in up {
                    if self.paths[n].priority > self.paths[best].priority {
                        best = n;
                    }
                }
                vec![best]
            }
        }
    }

    /// Marks links that were unheard for too long as down; the links that changed.
    pub fn judge_links(&mut self, now: Instant, pong_count: u32) -> Vec<u8> {
        let mut changed = Vec::new();
        for path in &mut self.paths {
            let fresh = path.heard_at.is_some_and(|at| now.since(at) < path.timeout) && path.peer_hears;
            if path.up && !fresh {
                path.up = false;
                path.counters.down += 1;
                path.good = 0;
                // A link that goes down again soon has to prove itself longer.
                let soon = path.down_at.is_some_and(|at| now.since(at) < path.timeout.times(20));
                path.needed = if soon { (path.needed * 2).min(64) } else { pong_count.max(1) };
                path.down_at = Some(now);
                changed.push(path.link);
            } else if !path.up && fresh && path.good >= path.needed {
                path.up = true;
                path.counters.up += 1;
                changed.push(path.link);
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_words_of_an_earlier_run_are_no_proof() {
        let ours = |ms: u64| Instant(1_000_000_000 + ms * 1_000);
        let theirs = |ms: u64| 5_000_000 + ms * 1_000;
        // Said at `at`, when it had heard what we said `way` ms before; it came `late` ms after.
        let said = |clock: &mut PeerClock, at: u64, way: u64, late: u64| {
            clock.took(ours(at + late), Some(ours(at - way).0), theirs(at));
        };
        let mut clock = PeerClock::default();
        // Nothing to compare with.
        assert!(!clock.is_after(theirs(900), ours(0)));
        for beat in 1..10 {
            said(&mut clock, beat * 200, 3, 3);
        }
        let since = ours(2_000);
        // Said before, however late it comes; said so shortly after that it may be before.
        assert!(!clock.is_after(theirs(1_990), since) && !clock.is_after(theirs(2_010), since));
        assert!(clock.is_after(theirs(2_100), since));
        // A way that takes long for a while makes nothing look later than it was.
        for beat in 1..200 {
            said(&mut clock, 2_000 + beat * 200, 3, 150);
        }
        assert!(!clock.is_after(theirs(50_000 - 200), ours(50_000)));
        assert!(clock.is_after(theirs(50_000), ours(49_900)));
        // Nor does one that was slow as long as we know it: what was said just before a new run began is no proof.
        let mut slow = PeerClock::default();
        for beat in 1..10 {
            said(&mut slow, beat * 200, 48, 530);
        }
        assert!(!slow.is_after(theirs(1_974), since) && !slow.is_after(theirs(2_020), since));
        assert!(slow.is_after(theirs(2_100), since));
    }
}
