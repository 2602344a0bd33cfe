//! One cluster as its witness sees it: what its nodes report, which grants may still be counted, and what each node
//! is answered. Knows neither seals nor addresses; a grant is answered only after it is on disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Incarnation, NodeId, RingId};
use crate::time::{Instant, Span};
use crate::witness::choose::{Candidate, choose};
use crate::witness::planted::{self, Bug};
use crate::witness::record::Record;
use crate::witness::wire::{Answer, Report};
use crate::witness::{Heuristics, Terms, Verdict};

/// Which process of a node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Its run.
    pub incarnation: Incarnation,
    /// The boot of its machine: a later run of the same boot knows that the earlier one is gone.
    pub boot_id: [u8; 16],
}

/// The last word of one node.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Who spoke.
    pub speaker: Speaker,
    /// When.
    pub heard_at: Instant,
    /// What.
    pub report: Report,
    /// What it was answered last.
    pub answered: Option<Verdict>,
}

/// A grant that may be counted.
#[derive(Clone, Debug)]
struct Claim {
    grant: u64,
    ring: RingId,
    terms: Terms,
    /// Everybody who may count it, with the boot of the machine where it is known.
    claimants: BTreeMap<NodeId, Option<[u8; 16]>>,
    /// Claimants who were told of the grant, with the number of that answer.
    holders: BTreeMap<NodeId, u64>,
    /// Claimants who have shown that they do not count it.
    confirmed: BTreeSet<NodeId>,
    /// A holder let go at this state of this ring: who has applied as much has let go, too.
    floor: Option<(RingId, u64)>,
    /// When the last lease began.
    renewed_at: Instant,
    /// No claimant counts it after this, whatever its lease: its ring is broken.
    fades_at: Option<Instant>,
    /// Nobody is told of it any more.
    withdrawn: bool,
    /// It is being written to disk.
    writing: bool,
    /// It is on disk.
    durable: bool,
}

/// One cluster.
#[derive(Clone, Debug)]
pub struct Ledger {
    tag: u32,
    voices: BTreeMap<NodeId, Voice>,
    claims: Vec<Claim>,
    /// Nodes disagree about where they are, since then.
    unsettled: Option<Instant>,
    /// Grants of an earlier run may be counted that no disk tells of: none is given before their leases are over.
    unknown_since: Option<Instant>,
    /// The ring that should have the votes, as decided last.
    winner: Option<RingId>,
    /// Answers so far.
    told: u64,
    dirty: bool,
}

/// An answer for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The node.
    pub node: NodeId,
    /// What it is told.
    pub answer: Answer,
}

/// The nodes that are heard and share a ring.
struct Part<'a> {
    ring: RingId,
    /// The lowest one's.
    report: &'a Report,
    voices: Vec<(NodeId, &'a Voice)>,
    /// The ring works at one of them at least.
    working: bool,
    /// One of its members is in a later ring: this one does not exist any more.
    behind: bool,
}

impl Claim {
    fn counts(&self, report: &Report) -> bool {
        report.grant == self.grant
    }

    fn ends_at(&self) -> Instant {
        let lease = self.renewed_at + self.terms.outliving();
        self.fades_at.map_or(lease, |at| at.min(lease))
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ends_at() <= now || self.claimants.keys().all(|node| self.confirmed.contains(node))
    }

    /// Its ring is broken or lets go: nobody is told of it again, and it ends soon.
    fn fade(&mut self, now: Instant) {
        let at = now + self.terms.fading();
        self.fades_at = Some(self.fades_at.map_or(at, |before| before.min(at)));
        self.withdrawn = true;
    }

    /// What a report says about this grant.
    fn heard(&mut self, now: Instant, node: NodeId, speaker: Speaker, report: &Report) {
        if self.counts(report) {
            // Whoever shares a ring with it may count it, too.
            for member in report.members.iter().chain([&node]) {
                self.claimants.entry(*member).or_insert(None);
            }
            self.claimants.insert(node, Some(speaker.boot_id));
            self.confirmed.remove(&node);
            self.ring = self.ring.max(report.ring);
            return;
        }
        let Some(boot) = self.claimants.get(&node) else { return };
        if boot.is_some_and(|boot| boot != speaker.boot_id) {
            // Another machine, or another boot of it: the lease decides about the one that was told.
            return;
        }
        let later = report.ring.seq > self.ring.seq;
        let told = self.holders.get(&node).is_none_or(|number| report.seen >= *number);
        if !told && !later && !planted::is(Bug::Hasty) {
            return;
        }
        if self.holders.contains_key(&node) && told && report.ring == self.ring {
            let floor = self.floor.get_or_insert((report.ring, report.changes));
            if floor.0 == report.ring {
                floor.1 = floor.1.max(report.changes);
            }
        }
        let behind = match self.floor {
            Some((ring, changes)) if ring == report.ring => report.changes < changes,
            Some(_) => false,
            // Nobody who holds it has let go: it may still arrive here, unless this node is in a later ring.
            None => !later && !self.holders.contains_key(&node),
        };
        if behind && !planted::is(Bug::Hasty) {
            return;
        }
        self.confirmed.insert(node);
        if later || self.holders.contains_key(&node) {
            self.fade(now);
        }
    }
}

impl Ledger {
    /// A cluster with the grants that the disk tells of. `lost` = the disk tells nothing and there may be some.
    pub fn new(tag: u32, records: &[Record], lost: bool, now: Instant) -> Self {
        let claim = |record: &Record| Claim {
            grant: record.grant,
            ring: record.ring,
            terms: record.terms(),
            claimants: record.members.iter().map(|m| (*m, None)).collect(),
            holders: record.members.iter().map(|m| (*m, u64::MAX)).collect(),
            confirmed: BTreeSet::new(),
            floor: None,
            renewed_at: now,
            fades_at: None,
            withdrawn: false,
            writing: false,
            durable: true,
        };
        Self {
            tag,
            voices: BTreeMap::new(),
            claims: records.iter().filter(|r| r.cluster == tag).map(claim).collect(),
            unsettled: None,
            unknown_since: lost.then_some(now),
            winner: None,
            told: 0,
            dirty: false,
        }
    }

    /// Takes a report. An older one than the last of the same run is ignored.
    pub fn report(&mut self, now: Instant, node: NodeId, speaker: Speaker, report: Report) {
        let known = self.voices.get(&node);
        let older = known.is_some_and(|v| {
            v.speaker.incarnation == speaker.incarnation && v.report.request >= report.request
        });
        if older {
            return;
        }
        if report.ring.seq == 0 {
            return self.is_nowhere(now, node, speaker);
        }
        let answered =
            known.filter(|v| v.speaker.incarnation == speaker.incarnation).and_then(|v| v.answered);
        for claim in &mut self.claims {
            // A later run of the same boot was never told: what an earlier one was told is gone with it.
            let restarted = known.is_some_and(|v| v.speaker.incarnation != speaker.incarnation);
            if restarted && claim.claimants.get(&node).is_some_and(|boot| *boot == Some(speaker.boot_id)) {
                claim.holders.remove(&node);
                if !claim.counts(&report) {
                    claim.confirmed.insert(node);
                    claim.fade(now);
                }
            }
            claim.heard(now, node, speaker, &report);
        }
        if report.grant != 0 && !self.claims.iter().any(|c| c.grant == report.grant) {
            self.adopt(now, &report, node, speaker);
        }
        self.voices.insert(node, Voice { speaker, heard_at: now, report, answered });
    }

    /// A node that is in no ring: it has just started, or it has left for good and says so.
    fn is_nowhere(&mut self, now: Instant, node: NodeId, speaker: Speaker) {
        self.voices.remove(&node);
        for claim in &mut self.claims {
            if claim.claimants.get(&node).is_some_and(|boot| boot.is_none_or(|b| b == speaker.boot_id)) {
                claim.holders.remove(&node);
                claim.confirmed.insert(node);
                claim.fade(now);
            }
        }
    }

    /// A node counts a grant that we know nothing of any more: it is in force all the same.
    fn adopt(&mut self, now: Instant, report: &Report, node: NodeId, speaker: Speaker) {
        let mut claimants: BTreeMap<NodeId, Option<[u8; 16]>> =
            report.members.iter().map(|m| (*m, None)).collect();
        claimants.insert(node, Some(speaker.boot_id));
        self.claims.push(Claim {
            grant: report.grant,
            ring: report.ring,
            terms: report.terms.clone(),
            holders: claimants.keys().map(|node| (*node, u64::MAX)).collect(),
            claimants,
            confirmed: BTreeSet::new(),
            floor: None,
            renewed_at: now,
            fades_at: None,
            withdrawn: false,
            writing: false,
            durable: false,
        });
        self.dirty = true;
    }

    /// Nodes that were heard lately.
    fn alive(&self, now: Instant) -> impl Iterator<Item = (NodeId, &Voice)> {
        self.voices
            .iter()
            .filter(move |(_, v)| now.since(v.heard_at) < v.report.terms.silence())
            .map(|(node, voice)| (*node, voice))
    }

    fn parts(&self, now: Instant) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        for (node, voice) in self.alive(now) {
            let (report, working) = (&voice.report, voice.report.working);
            match parts.iter_mut().find(|p| p.ring == report.ring) {
                Some(part) => {
                    part.voices.push((node, voice));
                    part.working |= working;
                }
                None => {
                    let (ring, voices) = (report.ring, vec![(node, voice)]);
                    parts.push(Part { ring, report, voices, working, behind: false });
                }
            }
        }
        let places: BTreeMap<NodeId, u64> = self.alive(now).map(|(n, v)| (n, v.report.ring.seq)).collect();
        for part in &mut parts {
            let later = |m: &NodeId| places.get(m).is_some_and(|seq| *seq > part.ring.seq);
            part.behind = part.report.members.iter().any(later);
        }
        parts
    }

    /// A node that is heard and does not know yet where it is, or believes to be with somebody who is elsewhere.
    fn is_unsettled(&self, parts: &[Part<'_>]) -> bool {
        let voices = || parts.iter().flat_map(|p| &p.voices);
        let pending = voices().any(|(_, v)| v.report.heuristics == Heuristics::Pending);
        (pending && parts.len() > 1)
            || parts.iter().any(|p| p.behind)
            || voices().any(|(_, v)| !v.report.working)
    }

    /// How long those who are unsettled are waited for.
    fn patience(&self, now: Instant) -> Span {
        let token = self.alive(now).map(|(_, v)| v.report.terms.token).max().unwrap_or(Span::ZERO);
        token + Span::millis(200)
    }

    /// Decides. `number` gives numbers for new grants.
    pub fn decide(&mut self, now: Instant, number: &mut dyn FnMut() -> u64) {
        let before = self.claims.len();
        self.claims.retain(|claim| !claim.is_over(now));
        self.dirty |= self.claims.len() != before;
        self.voices.retain(|_, v| now.since(v.heard_at) < v.report.terms.token.times(10).max(Span::secs(60)));
        let parts = self.parts(now);
        let unsettled = if self.is_unsettled(&parts) { self.unsettled.or(Some(now)) } else { None };
        let waiting = unsettled.is_some_and(|since| now.since(since) < self.patience(now));
        let winner = self.choose(now, &parts);
        let winner_ring = winner.as_ref().map(|(ring, _)| *ring);
        let mut continued = false;
        let mut withdrawn = Vec::new();
        for claim in &self.claims {
            let holds = |p: &&Part<'_>| p.voices.iter().any(|(_, v)| claim.counts(&v.report));
            // A part that may act without the votes lets them go; one that nobody hears keeps its lease.
            let Some(part) = parts.iter().find(holds) else { continue };
            if Some(part.ring) == winner_ring && !claim.withdrawn {
                continued = true;
            } else if !part.report.needs() || (winner_ring.is_some_and(|w| w != part.ring) && !waiting) {
                withdrawn.push(claim.grant);
            }
        }
        self.claims.iter_mut().for_each(|claim| claim.withdrawn |= withdrawn.contains(&claim.grant));
        (self.unsettled, self.winner) = (unsettled, winner_ring);
        if let Some((ring, members)) = winner
            && !continued
            && !waiting
            && (self.claims.is_empty() || self.may_be_second(ring))
            && !planted::is(Bug::Mean)
        {
            self.grant(now, ring, &members, number);
        }
    }

    /// Never, but for a planted bug.
    fn may_be_second(&self, ring: RingId) -> bool {
        planted::is(Bug::SecondGrant) && self.claims.iter().all(|claim| claim.ring != ring)
    }

    fn grant(&mut self, now: Instant, ring: RingId, members: &[NodeId], number: &mut dyn FnMut() -> u64) {
        let Some(terms) = self.terms(now) else { return };
        if let Some(since) = self.unknown_since {
            if now.since(since) < terms.outliving() && !planted::is(Bug::Forgetful) {
                return;
            }
            self.unknown_since = None;
        }
        let boot = |node: &NodeId| {
            let voice = self.voices.get(node).filter(|v| v.report.ring == ring);
            voice.map(|v| v.speaker.boot_id)
        };
        self.claims.push(Claim {
            grant: number(),
            ring,
            claimants: members.iter().map(|node| (*node, boot(node))).collect(),
            holders: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            floor: None,
            renewed_at: now,
            fades_at: None,
            withdrawn: false,
            writing: false,
            durable: false,
            terms,
        });
        self.dirty = true;
    }

    /// The part that should have the votes, with its members.
    fn choose(&self, now: Instant, parts: &[Part<'_>]) -> Option<(RingId, Vec<NodeId>)> {
        let standing: Vec<&Part<'_>> =
            parts.iter().filter(|p| p.working && !p.behind && p.ring.seq > 0).collect();
        // Where one part may act by itself there is nothing to decide.
        if standing.iter().any(|p| p.report.quorate && !p.report.needs()) {
            return None;
        }
        let wanting: Vec<&Part<'_>> = standing
            .into_iter()
            .filter(|p| p.report.needs() && p.report.viable() && !p.report.waiting)
            .collect();
        let candidates: Vec<Candidate> = wanting
            .iter()
            .map(|p| Candidate {
                members: p.report.members.clone(),
                heuristics: p.voices.iter().map(|(_, v)| v.report.heuristics).collect(),
                active: self.claims.iter().any(|c| c.counts(p.report)),
            })
            .collect();
        let place = choose(&self.terms(now)?, &candidates)?;
        Some((wanting[place].ring, candidates[place].members.clone()))
    }

    /// What the configuration says, as the lowest node that is heard has it.
    pub fn terms(&self, now: Instant) -> Option<Terms> {
        self.alive(now).next().map(|(_, v)| v.report.terms.clone())
    }

    /// What a node is told now.
    fn verdict(&self, report: &Report) -> Verdict {
        if !report.working || report.ring.seq == 0 {
            return Verdict::Wait;
        }
        let ours = self.winner == Some(report.ring);
        let named = |c: &&Claim| c.counts(report) || (c.ring == report.ring && report.grant == 0);
        if let Some(claim) = self.claims.iter().find(named).filter(|c| !c.withdrawn) {
            let durable = claim.durable || planted::is(Bug::BeforeDisk);
            let alone = self.claims.len() == 1 || planted::is(Bug::SecondGrant);
            let may = durable && alone && (ours || claim.counts(report));
            return match (report.needs(), may) {
                (true, true) => Verdict::Held(claim.grant),
                (true, false) => Verdict::Wait,
                (false, _) => Verdict::AtHand,
            };
        }
        if !report.needs() || report.waiting {
            return Verdict::AtHand;
        }
        match self.winner {
            Some(_) if ours => Verdict::Wait,
            None if report.viable() && self.unsettled.is_some() => Verdict::Wait,
            Some(_) | None => Verdict::Denied,
        }
    }

    /// What is to be told: to the node that asked, and to those whose answer has changed. Telling of a grant renews it.
    pub fn answers(&mut self, now: Instant, asked: Option<NodeId>) -> Vec<Told> {
        let nodes: Vec<NodeId> = self.alive(now).map(|(node, _)| node).collect();
        let mut answers = Vec::new();
        for node in nodes {
            let Some(verdict) = self.voices.get(&node).map(|v| self.verdict(&v.report)) else { continue };
            let Some(voice) = self.voices.get_mut(&node) else { continue };
            let changed = voice.answered != Some(verdict);
            if asked != Some(node) && !changed {
                continue;
            }
            voice.answered = Some(verdict);
            self.told += 1;
            let answer =
                Answer { number: self.told, request: voice.report.request, ring: voice.report.ring, verdict };
            if let Verdict::Held(grant) = verdict
                && let Some(claim) = self.claims.iter_mut().find(|c| c.grant == grant)
            {
                claim.renewed_at = now;
                claim.holders.insert(node, self.told);
                claim.confirmed.remove(&node);
                for member in &voice.report.members {
                    claim.claimants.entry(*member).or_insert(None);
                }
            }
            answers.push(Told { node, answer });
        }
        answers
    }

    /// The grants to write, when they have changed since the last call.
    pub fn take_changes(&mut self) -> Option<Vec<Record>> {
        self.claims.iter_mut().for_each(|claim| claim.writing = true);
        std::mem::take(&mut self.dirty).then(|| self.records())
    }

    /// The grants that may be counted.
    pub fn records(&self) -> Vec<Record> {
        let record = |claim: &Claim| Record {
            cluster: self.tag,
            grant: claim.grant,
            ring: claim.ring,
            members: claim.claimants.keys().copied().collect(),
            lease: claim.terms.lease,
            token: claim.terms.token,
        };
        self.claims.iter().map(record).collect()
    }

    /// What was handed out by [`Self::to_write`] is on disk.
    pub fn written(&mut self) {
        self.claims.iter_mut().for_each(|claim| claim.durable |= claim.writing);
    }

    /// When to decide again although nobody reports: a grant ends, a node falls silent, patience ends.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let claims = self.claims.iter().map(Claim::ends_at);
        let silent = self.voices.values().map(|v| v.heard_at + v.report.terms.silence());
        let patience = self.unsettled.map(|since| since + self.patience(now));
        let unknown = self.unknown_since.and_then(|since| Some(since + self.terms(now)?.outliving()));
        claims.chain(silent).chain(patience).chain(unknown).filter(|at| *at > now).min()
    }

    /// The last words of the nodes, for status displays.
    pub fn voices(&self) -> impl Iterator<Item = (NodeId, &Voice)> {
        self.voices.iter().map(|(node, voice)| (*node, voice))
    }
}
