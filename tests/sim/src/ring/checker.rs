//! Watches what every ring hands out and says what must never happen: extended virtual synchrony (Moser, Amir,
//! Melliar-Smith, Agarwal 1994) and the vote. Knows nothing of how rings work inside.
//!
//! | word in a violation | promise |
//! |---|---|
//! | integrity | what is delivered was sent by a member of that ring, whole, with the guarantee that was asked for |
//! | order, total order | one order for all, also across the transitional views of one ring |
//! | duplicate, gap, sender order | each message once, those of a sender in its order without a hole |
//! | causal | who delivers a message has delivered what its sender had delivered before sending it |
//! | self delivery | who sends and stays alive delivers its own |
//! | virtual synchrony | who moves together from ring to ring delivers the same, before and in the transitional view |
//! | same end | members of the last ring delivered the same in it |
//! | safe delivery | what one delivered as safe in a regular view, all members deliver unless they die |
//! | view | contents of views: one per ring, own seat, joined, left, companions |
//! | clean leave | only who was told to leave counts as having left cleanly |
//! | quorum | at most one partition may act |
//! | progress | after healing there is one quorate ring of all |

use std::collections::{BTreeMap, BTreeSet};

use holdfast_totem::time::{Instant, Span};
use holdfast_totem::{Guarantee, Incarnation, Message, NodeId, Output, RingId, View, ViewKind};

use crate::net::Host;
use crate::ring::tag::{Key, Tag};

/// What one run of a daemon has shown.
#[derive(Clone, Debug, Default)]
struct Life {
    incarnation: Incarnation,
    ended: bool,
    leaving: bool,
    view: Option<View>,
    view_at: Instant,
    transitional: Option<View>,
    /// Digest of what was delivered since the regular view, before and in the transitional view.
    before: u64,
    after: u64,
    /// Digests after each delivery in the current ring.
    prefix: Vec<u64>,
    delivered: BTreeSet<Key>,
    last_seq: (RingId, u64, u64),
    heard: BTreeMap<(u32, u32), u64>,
    /// Own messages: what had been delivered when they were handed over.
    said: BTreeMap<u64, Said>,
    paused_until: Instant,
}

/// Where a life stood when it sent something: its ring, how much of it, and the digest of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    ring: RingId,
    count: usize,
    digest: u64,
}

/// What is known about one ring.
#[derive(Clone, Debug, Default)]
struct Book {
    view: Option<View>,
    /// Safe messages that some member delivered in the regular view.
    safe: BTreeSet<Key>,
    /// Lives that went on to another ring.
    past: Vec<(Host, usize)>,
}

/// Digests of those who moved together: members of the transitional view, before it, in it, and who was first.
type Passage = (Vec<NodeId>, u64, u64, NodeId);

/// Watches everything and keeps what went wrong.
#[derive(Debug)]
pub struct Checker {
    lives: Vec<Vec<Life>>,
    token: Span,
    /// Two quorate views have a member in common (not so with `last_man_standing`).
    pub overlapping: bool,
    /// What went wrong, in words.
    pub violations: Vec<String>,
    /// Digest of everything that was seen, in order.
    pub trace: u64,
    /// Messages delivered.
    pub deliveries: u64,
    /// Regular views delivered.
    pub views: u64,
    orders: BTreeMap<(RingId, u64, u64), Key>,
    books: BTreeMap<RingId, Book>,
    passages: BTreeMap<(RingId, RingId), Passage>,
    /// Safe messages: who had to deliver them.
    safe: BTreeMap<Key, BTreeSet<(NodeId, Incarnation)>>,
    quorate: Vec<View>,
}

fn mix(digest: u64, value: u64) -> u64 {
    let mut z = (digest ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
    z ^= z >> 32;
    z.wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ (z >> 29)
}

fn node(host: Host) -> NodeId {
    NodeId(u32::try_from(host + 1).unwrap_or(0))
}

impl Checker {
    /// For so many hosts.
    pub fn new(hosts: usize, token: Span) -> Self {
        Self {
            lives: vec![Vec::new(); hosts],
            token,
            overlapping: true,
            violations: Vec::new(),
            trace: 0,
            deliveries: 0,
            views: 0,
            orders: BTreeMap::new(),
            books: BTreeMap::new(),
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

    /// A daemon is told to leave.
    pub fn leaving(&mut self, host: Host) {
        if let Some(life) = self.lives[host].last_mut() {
            life.leaving = true;
        }
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
            let ring = life.view.as_ref().map(|v| v.ring).unwrap_or_default();
            let digest = life.prefix.last().copied().unwrap_or(0);
            life.said.insert(tag.number, Said { ring, count: life.prefix.len(), digest });
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

    /// Where the sender stood, when it is a message that a member of the view sent.
    fn origin(&self, tag: &Tag, message: &Message, view: &View) -> Option<Said> {
        let life = self.lives.get(tag.host as usize)?.get(usize::try_from(tag.life).ok()?.checked_sub(1)?)?;
        let id = node(tag.host as usize);
        let member = view.members.iter().any(|m| m.id == id && m.incarnation == life.incarnation);
        let same = message.sender == id && message.guarantee == tag.guarantee;
        life.said.get(&tag.number).copied().filter(|_| member && same)
    }

    fn delivered(&mut self, host: Host, now: Instant, message: &Message) {
        self.deliveries += 1;
        let Some(tag) = Tag::read(&message.payload) else {
            return self
                .violation(now, format!("integrity: host {host} delivered a message that nobody sent"));
        };
        let key = tag.key();
        self.note(mix(now.0, mix(host as u64, mix(u64::from(tag.host), tag.number))));
        let mut wrong = Vec::new();
        let view = self.lives[host].last().and_then(|l| l.view.as_ref()).filter(|v| v.ring == message.ring);
        let said = match view {
            Some(view) => {
                let said = self.origin(&tag, message, view);
                if said.is_none() {
                    let ring = message.ring;
                    wrong.push(format!(
                        "integrity: host {host} delivered {key:?} as {:?} from {}, which no member of ring \
                         {ring} sent so",
                        message.guarantee, message.sender
                    ));
                }
                said
            }
            None => {
                wrong.push(format!(
                    "view: host {host} delivered {key:?} of ring {} outside of it",
                    message.ring
                ));
                None
            }
        };
        let index = self.lives[host].len().saturating_sub(1);
        let Some(life) = self.lives[host].last_mut() else { return };
        if !life.delivered.insert(key) {
            wrong.push(format!("duplicate: host {host} delivered {key:?} twice"));
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
        if let Some(said) = said.filter(|s| s.ring == message.ring && s.count > 0)
            && life.prefix.get(said.count - 1) != Some(&said.digest)
        {
            wrong.push(format!(
                "causal: host {host} delivered {key:?} without all {} that its sender had delivered before",
                said.count
            ));
        }
        let digest = mix(mix(u64::from(tag.host), u64::from(tag.life)), tag.number);
        life.prefix.push(mix(life.prefix.last().copied().unwrap_or(0), digest));
        let regular = life.transitional.is_none();
        if regular {
            life.before = mix(life.before, digest);
        } else {
            life.after = mix(life.after, digest);
        }
        if tag.guarantee == Guarantee::Safe {
            let view = life.transitional.as_ref().or(life.view.as_ref());
            if let Some(view) = view {
                let members = view.members.iter().map(|m| (m.id, m.incarnation));
                self.safe.entry(key).or_default().extend(members);
            }
            if regular {
                let book = self.books.entry(message.ring).or_default();
                book.safe.insert(key);
                let gone = |(h, n): &&(Host, usize)| {
                    (*h, *n) != (host, index)
                        && self.lives[*h].get(*n).is_some_and(|l| !l.delivered.contains(&key))
                };
                if let Some((other, _)) = book.past.iter().find(gone) {
                    wrong.push(format!(
                        "safe delivery: host {host} delivered {key:?}, but host {other} left ring {} without it",
                        message.ring
                    ));
                }
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
        let me = node(host);
        let Some(life) = self.lives[host].last_mut() else { return };
        let doubled = life.transitional.replace(view.clone()).is_some();
        let old = life.view.as_ref().filter(|v| v.ring == view.ring);
        let inside = old.is_some_and(|old| view.members.iter().all(|m| old.members.contains(m)));
        let own = view.members.iter().any(|m| m.id == me && m.incarnation == life.incarnation);
        if !inside || !own || doubled {
            self.violation(
                now,
                format!("view: host {host} has a transitional view of ring {} that does not fit", view.ring),
            );
        }
    }

    fn regular(&mut self, host: Host, now: Instant, view: &View) {
        self.views += 1;
        self.note(mix(now.0, mix(host as u64, mix(view.ring.seq, view.members.len() as u64))));
        let me = node(host);
        let index = self.lives[host].len().saturating_sub(1);
        let Some(life) = self.lives[host].last_mut() else { return };
        let old = life.view.replace(view.clone());
        let passing = life.transitional.take();
        let (before, after) = (std::mem::take(&mut life.before), std::mem::take(&mut life.after));
        life.prefix.clear();
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
            let along: Vec<NodeId> = passing.iter().flat_map(|p| &p.members).map(|m| m.id).collect();
            life.heard.retain(|(h, _), _| along.contains(&NodeId(h + 1)));
            let but = |v: &View| -> Vec<NodeId> {
                v.members.iter().map(|m| m.id).filter(|id| !along.contains(id)).collect()
            };
            let (joined, left) = (but(view), but(old));
            if joined != view.joined || left != view.left {
                wrong.push(format!(
                    "view: host {host} has joined {:?} and left {:?}, expected {joined:?} and {left:?}",
                    view.joined, view.left
                ));
            }
            if let Some(passing) = &passing {
                if passing.members.iter().any(|m| !view.members.contains(m)) {
                    wrong.push(format!("view: host {host} lost a companion on the way to {}", view.ring));
                }
                let entry = (old.ring, view.ring);
                let (members, b, a, first) =
                    self.passages.entry(entry).or_insert_with(|| (along.clone(), before, after, me));
                if *members != along {
                    wrong.push(format!(
                        "view: nodes {first} and {me} went from ring {} to {} with other companions",
                        old.ring, view.ring
                    ));
                } else if *b != before || *a != after {
                    let part = if *b != before { "before" } else { "in" };
                    wrong.push(format!(
                        "virtual synchrony: nodes {first} and {me} went from ring {} to {} together but \
                         delivered differently {part} the transitional view",
                        old.ring, view.ring
                    ));
                }
            } else {
                wrong.push(format!("view: host {host} has no transitional view before {}", view.ring));
            }
            let book = self.books.entry(old.ring).or_default();
            book.past.push((host, index));
            if let Some(key) = book.safe.iter().find(|key| !life.delivered.contains(*key)) {
                wrong.push(format!(
                    "safe delivery: host {host} left ring {} without {key:?}, which another delivered",
                    old.ring
                ));
            }
            for id in &view.left_cleanly {
                let told = |m: &holdfast_totem::Member| {
                    m.id == *id
                        && self.lives.get(id.0 as usize - 1).is_some_and(|lives| {
                            lives.iter().any(|l| l.leaving && l.incarnation == m.incarnation)
                        })
                };
                if !old.members.iter().any(told) {
                    wrong.push(format!(
                        "clean leave: host {host} believes that node {id} left on purpose before {}",
                        view.ring
                    ));
                }
            }
        }
        let book = self.books.entry(view.ring).or_default();
        let known = book.view.get_or_insert_with(|| view.clone());
        if known.members != view.members || known.quorum != view.quorum {
            wrong.push(format!("view: ring {} has two contents", view.ring));
        }
        if view.quorum.quorate && self.overlapping {
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
        let running: Vec<(Host, &Life)> = self
            .lives
            .iter()
            .enumerate()
            .filter_map(|(h, l)| Some((h, l.last().filter(|l| !l.ended)?)))
            .collect();
        let mut wrong = Vec::new();
        let views: BTreeSet<(RingId, usize, bool)> = running
            .iter()
            .map(|(_, l)| {
                l.view.as_ref().map_or_else(Default::default, |v| (v.ring, v.members.len(), v.quorum.quorate))
            })
            .collect();
        if views.len() != 1 || views.first().map(|(_, n, _)| *n) != Some(expected) {
            wrong.push(format!(
                "progress: {expected} healthy hosts are in (ring, members, quorate) {views:?}"
            ));
        } else if expected == self.lives.len() && views.iter().any(|(_, _, quorate)| !quorate) {
            wrong.push("progress: the ring of all hosts is not quorate".to_owned());
        } else if let Some((first, life)) = running.first() {
            let state = |l: &Life| (l.before, l.after, l.prefix.len(), l.transitional.is_some());
            if let Some((other, _)) = running.iter().find(|(_, l)| state(l) != state(life)) {
                wrong
                    .push(format!("same end: hosts {first} and {other} delivered differently in their ring"));
            }
        }
        for (host, life) in &running {
            let number = u32::try_from(self.lives[*host].len()).unwrap_or(0);
            let own = |n: &&u64| !life.delivered.contains(&(*host as u32, number, **n));
            if let Some(lost) = life.said.keys().find(own) {
                wrong.push(format!("self delivery: host {host} never delivered its own number {lost}"));
            }
            let me = node(*host);
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

    /// The current regular view of a host.
    pub fn view(&self, host: Host) -> Option<&View> {
        self.lives[host].last().filter(|l| !l.ended)?.view.as_ref()
    }
}
