//! Watches what every ring hands out and says what must never happen: extended virtual synchrony (Moser, Amir,
//! Melliar-Smith, Agarwal 1994) and the vote. Knows nothing of how rings work inside.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_totem::time::{Instant, Span};
use holdfast_totem::{Guarantee, Incarnation, Message, NodeId, Output, RingId, View, ViewKind};

use crate::net::Host;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Host that sent it.
    pub host: u32,
    /// Run of its daemon.
    pub life: u32,
    /// Counts its messages from 1.
    pub number: u64,
    /// As it was sent.
    pub guarantee: Guarantee,
}

impl Tag {
    /// Bytes of the tag in a message.
    pub const SIZE: usize = 24;

    /// A message with this tag and so many bytes of filling that can be checked.
    pub fn message(&self, filling: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE + filling);
        out.extend_from_slice(&self.host.to_le_bytes());
        out.extend_from_slice(&self.life.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&u32::from(self.guarantee == Guarantee::Safe).to_le_bytes());
        out.extend_from_slice(&u32::try_from(filling).unwrap_or(0).to_le_bytes());
        let mark = (self.number as u8) ^ (self.host as u8);
        out.extend((0..filling).map(|n| mark.wrapping_add(n as u8)));
        out
    }

    /// The tag of a message that is whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |n: usize| Some(u32::from_le_bytes(*bytes.get(n..)?.first_chunk()?));
        let (host, life, safe, filling) = (word(0)?, word(4)?, word(16)?, word(20)?);
        let number = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
        let guarantee = if safe == 1 { Guarantee::Safe } else { Guarantee::Agreed };
        let tag = Self { host, life, number, guarantee };
        (tag.message(usize::try_from(filling).ok()?) == bytes).then_some(tag)
    }

    fn key(&self) -> (u32, u32, u64) {
        (self.host, self.life, self.number)
    }
}

/// What one run of a daemon has shown.
#[derive(Clone, Debug, Default)]
struct Life {
    incarnation: Incarnation,
    ended: bool,
    view: Option<View>,
    view_at: Instant,
    transitional: Option<View>,
    /// Digest of what was delivered since the regular view, before and in the transitional view.
    before: u64,
    after: u64,
    delivered: BTreeSet<(u32, u32, u64)>,
    last_seq: (RingId, u64, u64),
    heard: BTreeMap<(u32, u32), u64>,
    said: BTreeSet<u64>,
    paused_until: Instant,
}

type Passage = (RingId, RingId, Vec<NodeId>);

/// Watches everything and keeps what went wrong.
#[derive(Debug)]
pub struct Checker {
    lives: Vec<Vec<Life>>,
    token: Span,
    /// What went wrong, in words.
    pub violations: Vec<String>,
    /// Digest of everything that was seen, in order.
    pub trace: u64,
    /// Messages delivered.
    pub deliveries: u64,
    /// Regular views delivered.
    pub views: u64,
    orders: BTreeMap<(RingId, u64, u64), (u32, u32, u64)>,
    rings: BTreeMap<RingId, View>,
    passages: BTreeMap<Passage, (u64, u64, NodeId)>,
    /// Safe messages: who had to deliver them.
    safe: BTreeMap<(u32, u32, u64), BTreeSet<(NodeId, Incarnation)>>,
    quorate: Vec<View>,
}

fn mix(digest: u64, value: u64) -> u64 {
    let mut z = (digest ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z ^= z >> 32;
    z.wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ (z >> 29)
}

impl Checker {
    /// For so many hosts.
    pub fn new(hosts: usize, token: Span) -> Self {
        Self {
            lives: vec![Vec::new(); hosts],
            token,
            violations: Vec::new(),
            trace: 0,
            deliveries: 0,
            views: 0,
            orders: BTreeMap::new(),
            rings: BTreeMap::new(),
            passages: BTreeMap::new(),
            safe: BTreeMap::new(),
            quorate: Vec::new(),
        }
    }

    fn violation(&mut self, now: Instant, text: String) {
        if self.violations.len() < 20 {
            self.violations.push(format!("{:.6} s: {text}", now.0 as f64 / 1e6));
        }
    }

    fn note(&mut self, value: u64) {
        self.trace = mix(self.trace, value);
    }

    /// A daemon starts.
    pub fn started(&mut self, host: Host, life: u32, incarnation: Incarnation, now: Instant) {
        self.note(now.0 ^ u64::from(life));
        self.lives[host].push(Life { incarnation, ..Life::default() });
    }

    /// A daemon is gone.
    pub fn crashed(&mut self, host: Host, now: Instant) {
        self.note(now.0 ^ 0xdead);
        if let Some(life) = self.lives[host].last_mut() {
            life.ended = true;
        }
    }

    /// A daemon does not run until then.
    pub fn paused(&mut self, host: Host, until: Instant) {
        if let Some(life) = self.lives[host].last_mut() {
            life.paused_until = until;
        }
    }

    /// A message was handed to a ring.
    pub fn said(&mut self, tag: &Tag) {
        if let Some(life) = self.lives[tag.host as usize].last_mut() {
            life.said.insert(tag.number);
        }
    }

    /// The ring did not take it.
    pub fn refused(&mut self, tag: &Tag) {
        if let Some(life) = self.lives[tag.host as usize].last_mut() {
            life.said.remove(&tag.number);
        }
    }

    /// An output of a ring.
    pub fn observe(&mut self, host: Host, now: Instant, output: &Output) {
        match output {
            Output::Deliver(message) => self.delivered(host, now, message),
            Output::View(view) if view.kind == ViewKind::Transitional => self.transitional(host, now, view),
            Output::View(view) => self.regular(host, now, view),
            Output::Quorum(status) => {
                if let Some(view) = self.lives[host].last_mut().and_then(|l| l.view.as_mut()) {
                    view.quorum = status.clone();
                }
            }
            _ => {}
        }
    }

    fn delivered(&mut self, host: Host, now: Instant, message: &Message) {
        self.deliveries += 1;
        let Some(tag) = Tag::read(&message.payload) else {
            return self
                .violation(now, format!("integrity: host {host} delivered a message that nobody sent"));
        };
        let key = tag.key();
        self.note(mix(now.0, mix(host as u64, mix(u64::from(tag.host), tag.number))));
        let Some(life) = self.lives[host].last_mut() else { return };
        let mut wrong = Vec::new();
        if !life.delivered.insert(key) {
            wrong.push(format!("duplicate: host {host} delivered {key:?} twice"));
        }
        if life.view.as_ref().map(|v| v.ring) != Some(message.ring) {
            wrong.push(format!("view: host {host} delivered {key:?} of ring {} outside of it", message.ring));
        }
        // Place in the order: frame number, and how many came out of this frame before.
        let (ring, seq, nth) = life.last_seq;
        let place = if ring == message.ring && seq == message.seq { nth + 1 } else { 0 };
        if ring == message.ring && message.seq < seq {
            wrong.push(format!(
                "order: host {host} delivered {key:?} (frame {}) after frame {seq}",
                message.seq
            ));
        }
        life.last_seq = (message.ring, message.seq, place);
        let last = life.heard.insert((tag.host, tag.life), tag.number).unwrap_or(0);
        if tag.number <= last {
            wrong.push(format!("sender order: host {host} delivered {key:?} after number {last}"));
        } else if tag.number > last + 1 && last > 0 {
            wrong.push(format!("gap: host {host} delivered {key:?} right after number {last}"));
        }
        let digest = mix(mix(u64::from(tag.host), u64::from(tag.life)), tag.number);
        if life.transitional.is_some() {
            life.after = mix(life.after, digest);
        } else {
            life.before = mix(life.before, digest);
        }
        if tag.guarantee == Guarantee::Safe {
            let view = life.transitional.as_ref().or(life.view.as_ref());
            if let Some(view) = view {
                let members = view.members.iter().map(|m| (m.id, m.incarnation));
                self.safe.entry(key).or_default().extend(members);
            }
        }
        if let Some(other) = self.orders.insert((message.ring, message.seq, place), key)
            && other != key
        {
            wrong.push(format!(
                "total order: host {host} has {key:?} where another has {other:?} in ring {}",
                message.ring
            ));
        }
        for text in wrong {
            self.violation(now, text);
        }
    }

    fn transitional(&mut self, host: Host, now: Instant, view: &View) {
        self.note(mix(now.0, mix(host as u64, view.ring.seq)));
        let Some(life) = self.lives[host].last_mut() else { return };
        let regular = life.view.as_ref().map(|v| v.ring);
        let doubled = life.transitional.is_some();
        life.transitional = Some(view.clone());
        if regular != Some(view.ring) || doubled {
            self.violation(
                now,
                format!("view: host {host} has a transitional view of ring {} in vain", view.ring),
            );
        }
    }

    fn regular(&mut self, host: Host, now: Instant, view: &View) {
        self.views += 1;
        self.note(mix(now.0, mix(host as u64, mix(view.ring.seq, view.members.len() as u64))));
        let me = NodeId(u32::try_from(host + 1).unwrap_or(0));
        let Some(life) = self.lives[host].last_mut() else { return };
        let old = life.view.replace(view.clone());
        let passing = life.transitional.take();
        let (before, after) = (std::mem::take(&mut life.before), std::mem::take(&mut life.after));
        life.view_at = now;
        let mut wrong = Vec::new();
        if !view.members.iter().any(|m| m.id == me && m.incarnation == life.incarnation) {
            wrong.push(format!("view: host {host} is not in its own view {}", view.ring));
        }
        if let Some(old) = &old {
            if old.ring.seq >= view.ring.seq {
                wrong.push(format!("view: host {host} goes from ring {} back to {}", old.ring, view.ring));
            }
            // Whoever did not come along starts anew: its numbers may jump.
            let along: BTreeSet<NodeId> = passing.iter().flat_map(|p| &p.members).map(|m| m.id).collect();
            life.heard.retain(|(h, _), _| along.contains(&NodeId(h + 1)));
            let joined: Vec<NodeId> =
                view.members.iter().map(|m| m.id).filter(|id| !along.contains(id)).collect();
            if joined != view.joined {
                wrong.push(format!("view: host {host} has joined {:?}, expected {joined:?}", view.joined));
            }
            if let Some(passing) = &passing {
                let members: Vec<NodeId> = passing.members.iter().map(|m| m.id).collect();
                let entry = (old.ring, view.ring, members);
                let (b, a, first) = *self.passages.entry(entry).or_insert((before, after, me));
                if b != before || a != after {
                    let part = if b != before { "before" } else { "in" };
                    wrong.push(format!(
                        "virtual synchrony: nodes {first} and {me} went from ring {} to {} together but \
                         delivered differently {part} the transitional view",
                        old.ring, view.ring
                    ));
                }
            } else {
                wrong.push(format!("view: host {host} has no transitional view before {}", view.ring));
            }
        }
        let known = self.rings.entry(view.ring).or_insert_with(|| view.clone());
        if known.members != view.members || known.quorum != view.quorum {
            wrong.push(format!("view: ring {} has two contents", view.ring));
        }
        if view.quorum.quorate {
            // Two partitions that may act at a time have a member in common that has left the older one.
            let ids: BTreeSet<NodeId> = view.members.iter().map(|m| m.id).collect();
            if let Some(other) = self.quorate.iter().find(|v| !v.members.iter().any(|m| ids.contains(&m.id)))
            {
                wrong.push(format!("quorum: rings {} and {} are both quorate", other.ring, view.ring));
            }
            self.quorate.push(view.clone());
            if self.quorate.len() > 64 {
                self.quorate.remove(0);
            }
        }
        for text in wrong {
            self.violation(now, text);
        }
    }

    /// At most one partition acts, but for the time that a cut-off node needs to notice.
    pub fn check_partitions(&mut self, now: Instant) {
        let grace = self.token.times(3) + Span::secs(2);
        let mut rings: BTreeSet<RingId> = BTreeSet::new();
        for life in self.lives.iter().filter_map(|l| l.last()) {
            let awake = !life.ended && life.paused_until + grace < now && life.view_at + grace < now;
            if let Some(view) = life.view.as_ref().filter(|v| awake && v.quorum.quorate) {
                rings.insert(view.ring);
            }
        }
        if rings.len() > 1 {
            self.violation(now, format!("quorum: rings {rings:?} are quorate at a time"));
        }
    }

    /// After healing: all running hosts share one view, and everything said was delivered to whom it had to be.
    pub fn check_end(&mut self, now: Instant, expected: usize) {
        let views: BTreeSet<(RingId, usize)> = self
            .lives
            .iter()
            .filter_map(|l| l.last().filter(|l| !l.ended))
            .map(|l| l.view.as_ref().map_or((RingId::default(), 0), |v| (v.ring, v.members.len())))
            .collect();
        if views.len() != 1 || views.first().map(|(_, n)| *n) != Some(expected) {
            self.violation(
                now,
                format!("progress: {expected} healthy hosts are in (ring, members) {views:?}"),
            );
        }
        let mut wrong = Vec::new();
        for (host, lives) in self.lives.iter().enumerate() {
            let Some(life) = lives.last().filter(|l| !l.ended) else { continue };
            let number = u32::try_from(lives.len()).unwrap_or(0);
            let own = |n: &&u64| !life.delivered.contains(&(host as u32, number, **n));
            if let Some(lost) = life.said.iter().find(own) {
                wrong.push(format!("self delivery: host {host} never delivered its own number {lost}"));
            }
            let me = NodeId(u32::try_from(host + 1).unwrap_or(0));
            let bound = |who: &BTreeSet<(NodeId, Incarnation)>| who.contains(&(me, life.incarnation));
            let missing = self.safe.iter().find(|(key, who)| bound(who) && !life.delivered.contains(*key));
            if let Some((key, _)) = missing {
                wrong.push(format!("safe delivery: host {host} never delivered {key:?}, which others did"));
            }
        }
        for text in wrong {
            self.violation(now, text);
        }
    }

    /// Highest number that every running host delivered from every running host, at the end.
    pub fn delivered_by(&self, host: Host, tag: (u32, u32, u64)) -> bool {
        self.lives[host].last().is_some_and(|l| l.delivered.contains(&tag))
    }

    /// The current regular view of a host.
    pub fn view(&self, host: Host) -> Option<&View> {
        self.lives[host].last().filter(|l| !l.ended)?.view.as_ref()
    }
}
