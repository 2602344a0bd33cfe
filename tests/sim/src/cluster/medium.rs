//! A ring that works as it should, without the cost of packets: total order, views, extended virtual synchrony.
//!
//! Knows who can hear whom and who is up. Members that move together deliver the same set of messages before the
//! next view; what only others received is lost to them. Detection takes the token time-out.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_core::random::Random;
use holdfast_totem::quorum::Status;
use holdfast_totem::time::{Instant, Span};
use holdfast_totem::{Incarnation, Member, NodeId, RingId, View, ViewKind};

/// A host by number, from 0.
pub type Host = usize;

/// What the medium hands to a host.
#[derive(Clone, Debug)]
pub enum Item {
    /// A membership.
    View(View),
    /// A message of the total order.
    Message {
        /// Sender.
        sender: NodeId,
        /// What was sent.
        payload: Vec<u8>,
    },
}

/// Something to be handed over at a time.
#[derive(Clone, Debug)]
pub struct Handover {
    /// When.
    pub at: Instant,
    /// To whom, and to which run of it.
    pub host: Host,
    /// Which run of the host.
    pub incarnation: u64,
    /// What.
    pub item: Item,
}

#[derive(Debug)]
struct Ring {
    id: RingId,
    members: BTreeSet<Host>,
    log: Vec<(Host, Vec<u8>)>,
    /// How much of the log each member was handed, and until when that takes.
    handed: BTreeMap<Host, (usize, Instant)>,
}

#[derive(Debug, Clone)]
struct Station {
    up: bool,
    /// Runs but does nothing (paused): out of the ring for the others.
    silent: bool,
    incarnation: u64,
    boot_id: [u8; 16],
    component: u32,
    ring: Option<usize>,
}

/// The medium.
#[derive(Debug)]
pub struct Medium {
    stations: Vec<Station>,
    rings: Vec<Ring>,
    sequence: u64,
    token: Span,
    random: Random,
    two_node: bool,
    /// When the next membership is formed, if one is due.
    pub reform: Option<Instant>,
    ready: Vec<Handover>,
    seen: BTreeMap<Host, View>,
}

/// Shortest and longest time of a delivery.
const DELIVERY: (u64, u64) = (100, 600);

impl Medium {
    /// Hosts that are all down.
    #[must_use]
    pub fn new(hosts: usize, token: Span, two_node: bool, seed: u64) -> Self {
        let station =
            Station { up: false, silent: false, incarnation: 0, boot_id: [0; 16], component: 0, ring: None };
        Self {
            stations: vec![station; hosts],
            rings: Vec::new(),
            sequence: 0,
            token,
            random: Random::new(seed),
            two_node,
            reform: None,
            ready: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    /// What is to be handed over.
    pub fn take(&mut self) -> Vec<Handover> {
        std::mem::take(&mut self.ready)
    }

    /// A host starts to take part.
    pub fn join(&mut self, host: Host, incarnation: u64, boot_id: [u8; 16], now: Instant) {
        let station = &mut self.stations[host];
        *station = Station {
            up: true,
            silent: false,
            incarnation,
            boot_id,
            component: station.component,
            ring: None,
        };
        self.reform_in(now, Span::millis(20));
    }

    /// A host is gone; `cleanly` when it said goodbye.
    pub fn leave(&mut self, host: Host, cleanly: bool, now: Instant) {
        if !self.stations[host].up {
            return;
        }
        self.stations[host].up = false;
        self.seen.remove(&host);
        let wait = if cleanly { Span::millis(5) } else { self.token };
        self.reform_in(now, wait);
    }

    /// A host stops or goes on without knowing.
    pub fn silence(&mut self, host: Host, silent: bool, now: Instant) {
        self.stations[host].silent = silent;
        let wait = if silent { self.token } else { Span::millis(20) };
        self.reform_in(now, wait);
    }

    /// Hosts hear only those of their own component.
    pub fn split(&mut self, components: &[u32], now: Instant) {
        for (station, component) in self.stations.iter_mut().zip(components) {
            station.component = *component;
        }
        self.reform_in(now, self.token);
    }

    fn reform_in(&mut self, now: Instant, wait: Span) {
        let at = now + wait;
        // Trouble while a membership is being formed makes it take longer.
        self.reform = Some(self.reform.map_or(at, |old| old.max(at)));
    }

    /// A member sends a message. Lost when it is in no ring.
    pub fn send(&mut self, host: Host, payload: Vec<u8>, now: Instant) {
        let Some(ring) = self.stations[host].ring else { return };
        self.rings[ring].log.push((host, payload));
        self.hand_over(ring, now);
    }

    /// Whether two hosts hear each other.
    fn linked(&self, a: Host, b: Host) -> bool {
        let (x, y) = (&self.stations[a], &self.stations[b]);
        a == b || (x.up && y.up && !x.silent && !y.silent && x.component == y.component)
    }

    /// Hands the log to all members that hear each other; nothing moves while some member is missing.
    fn hand_over(&mut self, ring: usize, now: Instant) {
        let members: Vec<Host> = self.rings[ring].members.iter().copied().collect();
        let whole = members
            .iter()
            .all(|a| self.stations[*a].ring == Some(ring) && members.iter().all(|b| self.linked(*a, *b)));
        if !whole || members.iter().any(|h| self.stations[*h].silent) {
            return;
        }
        for host in members {
            self.deliver_upto(ring, host, usize::MAX, now);
        }
    }

    fn deliver_upto(&mut self, ring: usize, host: Host, end: usize, now: Instant) {
        let (from, mut at) = self.rings[ring].handed.get(&host).copied().unwrap_or((0, now));
        let end = end.min(self.rings[ring].log.len());
        for place in from..end {
            let (sender, payload) = self.rings[ring].log[place].clone();
            let spread = self.random.below(DELIVERY.1 - DELIVERY.0);
            at = at.max(now + Span::micros(DELIVERY.0 + spread)) + Span::micros(1);
            self.push(at, host, Item::Message { sender: node_id(sender), payload });
        }
        if end > from {
            self.rings[ring].handed.insert(host, (end, at));
        }
    }

    fn push(&mut self, at: Instant, host: Host, item: Item) {
        let incarnation = self.stations[host].incarnation;
        self.ready.push(Handover { at, host, incarnation, item });
    }

    /// The time of [`Medium::reform`] has come: new rings are formed.
    pub fn form(&mut self, now: Instant) {
        self.reform = None;
        let mut groups: Vec<Vec<Host>> = Vec::new();
        for host in 0..self.stations.len() {
            if !self.stations[host].up || self.stations[host].silent {
                continue;
            }
            match groups.iter_mut().find(|g| self.linked(g[0], host)) {
                Some(group) => group.push(host),
                None => groups.push(vec![host]),
            }
        }
        for group in groups {
            let members: BTreeSet<Host> = group.iter().copied().collect();
            let rings: BTreeSet<Option<usize>> = group.iter().map(|h| self.stations[*h].ring).collect();
            let unchanged = rings.len() == 1
                && rings
                    .iter()
                    .flatten()
                    .all(|r| self.rings[*r].members == members && self.seen_by_all(&group, *r));
            if unchanged && rings.iter().flatten().count() == 1 {
                if let Some(ring) = rings.iter().flatten().next().copied() {
                    self.hand_over(ring, now);
                }
                continue;
            }
            for ring in rings.into_iter().flatten() {
                self.recover(ring, &group, now);
            }
            self.form_ring(&group, now);
        }
    }

    fn seen_by_all(&self, group: &[Host], ring: usize) -> bool {
        group.iter().all(|h| self.seen.get(h).is_some_and(|v| v.ring == self.rings[ring].id))
            && group.iter().all(|h| self.rings[ring].handed.contains_key(h) || self.seen.contains_key(h))
    }

    /// Those of an old ring that stay together deliver the same set of its messages.
    fn recover(&mut self, ring: usize, group: &[Host], now: Instant) {
        let together: Vec<Host> =
            group.iter().copied().filter(|h| self.stations[*h].ring == Some(ring)).collect();
        let known = together
            .iter()
            .map(|h| self.rings[ring].handed.get(h).map_or(0, |(end, _)| *end))
            .max()
            .unwrap_or(0);
        let tail: Vec<(Host, Vec<u8>)> = self.rings[ring].log[known..]
            .iter()
            .filter(|(sender, _)| together.contains(sender))
            .cloned()
            .collect();
        for host in &together {
            // Some of what is missing comes before the transitional view, the rest after it.
            let from = self.rings[ring].handed.get(host).map_or(0, |(end, _)| *end);
            let split = from + usize::try_from(self.random.below((known - from) as u64 + 1)).unwrap_or(0);
            self.deliver_upto(ring, *host, split, now);
            let at = self.last(ring, *host, now);
            if let Some(old) = self.seen.get(host).cloned() {
                let members: Vec<Member> =
                    old.members.iter().filter(|m| together.contains(&host_of(m.id))).cloned().collect();
                let view = View { kind: ViewKind::Transitional, members, joined: Vec::new(), ..old };
                self.push(at, *host, Item::View(view));
                self.rings[ring].handed.insert(*host, (split, at + Span::micros(1)));
            }
            self.deliver_upto(ring, *host, known, now);
            let mut at = self.last(ring, *host, now);
            for (sender, payload) in &tail {
                at += Span::micros(1);
                let item = Item::Message { sender: node_id(*sender), payload: payload.clone() };
                self.push(at, *host, item);
            }
            self.rings[ring].handed.insert(*host, (known, at));
        }
    }

    fn last(&self, ring: usize, host: Host, now: Instant) -> Instant {
        self.rings[ring].handed.get(&host).map_or(now, |(_, at)| *at).max(now) + Span::micros(1)
    }

    fn form_ring(&mut self, group: &[Host], now: Instant) {
        self.sequence += 4;
        let representative = node_id(group[0]);
        let id = RingId { seq: self.sequence, representative };
        let hosts = self.stations.len();
        let votes = group.len();
        let needed = if self.two_node { 1 } else { hosts / 2 + 1 };
        let quorum = Status {
            quorate: votes >= needed,
            expected_votes: u32::try_from(hosts).unwrap_or(0),
            quorum: u32::try_from(needed).unwrap_or(0),
            total_votes: u32::try_from(votes).unwrap_or(0),
            two_node: self.two_node,
            ..Status::default()
        };
        let members: Vec<Member> = group
            .iter()
            .map(|h| Member {
                id: node_id(*h),
                name: name(*h),
                boot_id: self.stations[*h].boot_id,
                incarnation: Incarnation(self.stations[*h].incarnation),
                votes: 1,
            })
            .collect();
        let place = self.rings.len();
        let mut handed = BTreeMap::new();
        for host in group {
            let old = self.stations[*host].ring.map_or(now, |r| self.last(r, *host, now));
            let at = old.max(now) + Span::micros(200 + self.random.below(800));
            let before = self.seen.get(host).map_or_else(Vec::new, |v| v.members.clone());
            let known = |list: &[Member], m: &Member| {
                list.iter().any(|o| o.id == m.id && o.incarnation == m.incarnation)
            };
            let view = View {
                kind: ViewKind::Regular,
                ring: id,
                joined: members.iter().filter(|m| !known(&before, m)).map(|m| m.id).collect(),
                left: before.iter().filter(|m| !known(&members, m)).map(|m| m.id).collect(),
                left_cleanly: Vec::new(),
                members: members.clone(),
                quorum: quorum.clone(),
            };
            self.seen.insert(*host, view.clone());
            self.push(at, *host, Item::View(view));
            handed.insert(*host, (0, at + Span::micros(1)));
            self.stations[*host].ring = Some(place);
        }
        let members = group.iter().copied().collect();
        self.rings.push(Ring { id, members, log: Vec::new(), handed });
    }
}

/// Number of a host's node.
#[must_use]
pub fn node_id(host: Host) -> NodeId {
    NodeId(u32::try_from(host + 1).unwrap_or(0))
}

/// Host of a node number.
#[must_use]
pub fn host_of(id: NodeId) -> Host {
    (id.0 as usize).saturating_sub(1)
}

/// Name of a host's node.
#[must_use]
pub fn name(host: Host) -> String {
    format!("node{}", host + 1)
}
