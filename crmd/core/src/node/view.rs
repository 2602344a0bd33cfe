//! Who is there, whose copy is in step, who decides (safety rules 1, 2, 8).
//!
//! A view begins with a word of every member (`Announce`): its document, its shared state, what runs there. When all
//! have spoken, every member knows the same: which copies win. Those that differ take the winner's, then all say
//! `Ready`. When all are ready, the decision maker follows from what was said, and work goes on.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::Event;
use holdfast_totem::{NodeId, RingId, View, ViewKind};

use super::Node;
use crate::io::Severity;
use crate::message::{Announce, CHUNK, ClusterMessage, CommonClaim, FeatureSet, Piece, Ready};
use crate::random::digest64;
use crate::state::nodes::{Expected, Join};
use crate::state::{NodeEntry, Shared};
use crate::time::Instant;

/// What is known about the present view.
#[derive(Debug, Default)]
pub struct Membership {
    view: Option<View>,
    /// Between a transitional view and the next regular one.
    transitional: bool,
    pub(super) announces: BTreeMap<NodeId, Announce>,
    ready: BTreeMap<NodeId, Ready>,
    needs_document: bool,
    needs_common: bool,
    said_ready: bool,
    document_replaced: bool,
    sources: Option<(NodeId, NodeId)>,
    pieces: BTreeMap<u32, Vec<u8>>,
    common_pieces: BTreeMap<u32, Vec<u8>>,
    settled: bool,
    dc: Option<NodeId>,
    quorate: bool,
    /// Sequence of the first ring that this daemon was in.
    joined: u64,
    /// When this view began, for counting how long it took.
    since: Instant,
}

impl Membership {
    /// The present ring.
    pub fn ring(&self) -> Option<RingId> {
        self.view.as_ref().map(|v| v.ring)
    }

    /// The present view.
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// When this view began, if a member was lost with it that had not said goodbye.
    pub fn lost_since(&self) -> Option<Instant> {
        let view = self.view.as_ref()?;
        view.left.iter().any(|id| !view.left_cleanly.contains(id)).then_some(self.since)
    }

    /// Who decides; nobody until all members are in step.
    pub fn dc(&self) -> Option<NodeId> {
        if self.settled { self.dc } else { None }
    }

    /// Whether all members are in step.
    pub fn settled(&self) -> bool {
        self.settled
    }

    /// Whether this view is about to be replaced: what is ordered now may be unknown to others.
    pub fn is_ending(&self) -> bool {
        self.transitional
    }

    /// Whether our document lost against another one when this view began.
    pub fn document_replaced(&self) -> bool {
        self.document_replaced
    }

    /// Whether this partition has quorum.
    pub fn quorate(&self) -> bool {
        self.quorate
    }

    /// Whether a node is a member.
    pub fn is_member(&self, id: NodeId) -> bool {
        self.view.as_ref().is_some_and(|v| v.members.iter().any(|m| m.id == id))
    }

    /// Numbers of the members, ascending.
    pub fn members(&self) -> Vec<NodeId> {
        self.view.as_ref().map_or_else(Vec::new, |v| v.members.iter().map(|m| m.id).collect())
    }

    /// Name of a member.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        self.view.as_ref()?.members.iter().find(|m| m.id == id).map(|m| m.name.as_str())
    }

    /// Who is ready.
    pub fn is_ready(&self, id: NodeId) -> bool {
        self.ready.contains_key(&id)
    }
}

impl Node {
    /// The ring delivered a view.
    pub(super) fn on_view(&mut self, view: View) {
        if view.kind == ViewKind::Transitional {
            self.membership.transitional = true;
            return;
        }
        self.count("views");
        let joined = if self.membership.joined == 0 { view.ring.seq } else { self.membership.joined };
        let names: Vec<&str> = view.members.iter().map(|m| m.name.as_str()).collect();
        let text = format!(
            "view {}: {} ({})",
            view.ring,
            names.join(" "),
            if view.quorum.quorate { "quorate" } else { "no quorum" }
        );
        self.membership = Membership {
            quorate: view.quorum.quorate,
            view: Some(view),
            joined,
            since: self.now.mono,
            ..Membership::default()
        };
        self.log(Severity::Info, text);
        self.transition = None;
        self.due.reset();
        self.dampening.clear();
        self.start_deadline = None;
        self.local.drop_planned();
        self.fencing.view_changed();
        self.announce();
    }

    /// The vote changed without a change of the members.
    pub(super) fn on_quorum(&mut self, quorate: bool) {
        if self.membership.quorate == quorate {
            return;
        }
        self.membership.quorate = quorate;
        if let Some(view) = &mut self.membership.view {
            view.quorum.quorate = quorate;
        }
        if self.membership.settled() {
            self.status_changed();
            self.relevant("quorum changed");
            self.tell_view();
        }
    }

    fn announce(&mut self) {
        self.forget_unrepeated();
        let mut resources = self.mine.clone();
        for ended in self.local.in_flight().collect::<Vec<_>>() {
            crate::state::history::record_into(&mut resources, &ended, &self.identity.name);
        }
        let announce = Announce {
            boot_id: self.identity.boot_id,
            features: FeatureSet::OURS,
            joined: self.membership.joined,
            document: self.cib.claim(),
            common: self.common_claim(),
            resources: resources.into_values().collect(),
            attributes: self.shared.attributes.tell(&self.id),
            shutting_down: self.leaving.since(),
            since: self.born.wall.seconds().max(1),
            in_maintenance: self.shared.nodes.get(&self.id).and_then(|n| n.in_maintenance),
            watchdog: self.settings.watchdog,
        };
        self.say(ClusterMessage::Announce(Box::new(announce)));
    }

    /// What this node claims about the shared state: without what members tell themselves.
    fn common_claim(&self) -> CommonClaim {
        let common = self.stripped();
        let bytes = postcard::to_stdvec(&common).unwrap_or_default();
        CommonClaim {
            quorate_ring: common.quorate_ring,
            last_ring: common.last_ring,
            digest: digest64(&bytes),
        }
    }

    fn stripped(&self) -> Shared {
        let mut common = self.shared.clone();
        for member in self.membership.members() {
            let id = member.to_string();
            common.nodes.remove(&id);
            common.attributes.forget_node(&id);
        }
        common.attributes.names.retain(|_, a| !a.values.is_empty());
        common
    }

    pub(super) fn on_announce(&mut self, sender: NodeId, announce: Announce) {
        if self.membership.sources.is_some() || !self.membership.is_member(sender) {
            return;
        }
        self.membership.announces.insert(sender, announce);
        if self.membership.announces.len() < self.membership.members().len() {
            return;
        }
        self.compare_copies();
    }

    /// All have spoken: whose copies win, and who has to take them.
    fn compare_copies(&mut self) {
        let all = &self.membership.announces;
        let winner = |better: &dyn Fn(&Announce, &Announce) -> bool| {
            let mut best: Option<(NodeId, &Announce)> = None;
            for (id, one) in all {
                if best.is_none_or(|(_, old)| better(one, old)) {
                    best = Some((*id, one));
                }
            }
            best.map(|(id, _)| id)
        };
        let document = winner(&|a, b| a.document > b.document);
        let common = winner(&|a, b| a.common > b.common);
        let (Some(document), Some(common)) = (document, common) else { return };
        let same_document = |a: &Announce, b: &Announce| {
            let key = |x: &Announce| (x.document.admin_epoch, x.document.epoch, x.document.digest);
            key(a) == key(b)
        };
        let (best_document, best_common) = (&all[&document], &all[&common]);
        let documents_differ = all.values().any(|a| !same_document(a, best_document));
        let commons_differ = all.values().any(|a| a.common.digest != best_common.common.digest);
        let mine = all.get(&self.identity.id);
        self.membership.needs_document = mine.is_none_or(|a| !same_document(a, best_document));
        self.membership.needs_common = mine.is_none_or(|a| a.common.digest != best_common.common.digest);
        self.membership.sources = Some((document, common));
        let me = self.identity.id;
        if documents_differ && document == me {
            let bytes = self.cib.dump();
            self.say_pieces(&bytes, ClusterMessage::Document);
        }
        if commons_differ && common == me {
            let bytes = postcard::to_stdvec(&self.stripped()).unwrap_or_default();
            self.say_pieces(&bytes, ClusterMessage::Common);
        }
        self.ready_if_in_step();
    }

    fn say_pieces(&mut self, bytes: &[u8], wrap: fn(Piece) -> ClusterMessage) {
        let pieces: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
        let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        for (index, bytes) in (0..).zip(pieces) {
            self.say(wrap(Piece { index, count, bytes: bytes.to_vec() }));
        }
    }

    pub(super) fn on_document(&mut self, sender: NodeId, piece: Piece) {
        if self.membership.sources.is_none_or(|(source, _)| source != sender)
            || !self.membership.needs_document
        {
            return;
        }
        let Some(bytes) = collect(&mut self.membership.pieces, piece) else { return };
        let claim = self.membership.announces.get(&sender).map(|a| a.document.clone()).unwrap_or_default();
        match self.cib.load(&bytes, self.now.wall.seconds()) {
            Ok(old) => {
                self.membership.needs_document = false;
                self.membership.document_replaced = true;
                self.cib.quorate_ring = claim.quorate_ring;
                self.keep_lost(old, sender);
                self.ready_if_in_step();
            }
            Err(why) => {
                let text =
                    format!("the configuration sent by {} cannot be read: {why}", self.name_of(sender));
                self.exit_for_restart(text);
            }
        }
    }

    pub(super) fn on_common(&mut self, sender: NodeId, piece: Piece) {
        if self.membership.sources.is_none_or(|(_, source)| source != sender) || !self.membership.needs_common
        {
            return;
        }
        let Some(bytes) = collect(&mut self.membership.common_pieces, piece) else { return };
        match postcard::from_bytes::<Shared>(&bytes) {
            Ok(common) => {
                self.shared = common;
                self.membership.needs_common = false;
                self.ready_if_in_step();
            }
            Err(why) => {
                let text = format!("the state sent by {} cannot be read: {why}", self.name_of(sender));
                self.exit_for_restart(text);
            }
        }
    }

    fn ready_if_in_step(&mut self) {
        let membership = &mut self.membership;
        if membership.needs_document || membership.needs_common || membership.said_ready {
            return;
        }
        membership.said_ready = true;
        let ready = Ready {
            boot_id: self.identity.boot_id,
            features: FeatureSet::OURS,
            joined: membership.joined,
            digest: self.cib.digest(),
        };
        self.say(ClusterMessage::Ready(ready));
    }

    pub(super) fn on_ready(&mut self, sender: NodeId, ready: Ready) {
        if self.membership.sources.is_none() || !self.membership.is_member(sender) {
            return;
        }
        self.membership.ready.insert(sender, ready);
        if self.membership.ready.len() == self.membership.members().len() && !self.membership.settled {
            self.settle();
        }
    }

    /// All members are in step: the state is equal everywhere, the decision maker follows (rule 1).
    fn settle(&mut self) {
        let dc = self
            .membership
            .ready
            .iter()
            .min_by_key(|(id, ready)| (ready.features, ready.joined, **id))
            .map(|(id, _)| *id);
        self.membership.dc = dc;
        self.membership.settled = true;
        let announces = std::mem::take(&mut self.membership.announces);
        let updates = announces.values().map(|a| a.document.num_updates).max().unwrap_or(0);
        self.cib.set_updates(updates + 1);
        let ring = self.membership.ring().map_or(0, |r| r.seq);
        self.shared.last_ring = ring;
        if self.membership.quorate {
            self.shared.quorate_ring = ring;
            self.cib.quorate_ring = ring;
        }
        self.document_is_shared(false);
        self.note_overlaps(&announces);
        self.take_over_members(&announces);
        self.mark_absent();
        self.alert_members(&announces);
        // Definitions without any value are not told: they must not survive on some members only.
        self.shared.attributes.names.retain(|_, a| !a.values.is_empty());
        self.shared.idle_at = None;
        self.writes_settled();
        self.relevant("the membership changed");
        if self.is_dc() {
            self.begin_deciding();
        } else {
            self.fencing.not_deciding();
        }
        self.tell_fence_agents();
        self.tell_again();
        self.resubmit();
        self.tell_view();
        let names = dc.map(|id| self.name_of(id)).unwrap_or_default();
        let took = self.now.mono.since(self.membership.since);
        self.log(Severity::Info, format!("all members are in step after {took}; {names} decides"));
    }

    /// What each member told about itself replaces what was believed.
    fn take_over_members(&mut self, announces: &BTreeMap<NodeId, Announce>) {
        for (id, announce) in announces {
            let key = id.to_string();
            let name = self.name_of(*id);
            let entry = NodeEntry {
                id: key.clone(),
                name,
                member_since: announce.since,
                online_since: announce.since,
                join: Join::Member,
                expected: Expected::Member,
                boot_id: Some(announce.boot_id),
                left_cleanly: false,
                remote: false,
                fenced_at: None,
                in_maintenance: announce.in_maintenance,
                resources: announce.resources.iter().map(|r| (r.id.clone(), r.clone())).collect(),
            };
            self.shared.nodes.insert(key.clone(), entry);
            self.shared.attributes.retell(&key, &announce.attributes);
            self.shared.seen.insert(id.0);
            if let Some(since) = announce.shutting_down {
                self.shared.attributes.set("shutdown", &key, Some(&since.to_string()));
            }
        }
    }

    /// Nodes that took part and are not here: what they do is unknown unless they were shut down or fenced.
    fn mark_absent(&mut self) {
        let members: BTreeSet<String> = self.membership.members().iter().map(ToString::to_string).collect();
        let absent: Vec<String> = self
            .shared
            .nodes
            .values()
            .filter(|n| !n.remote && !members.contains(&n.id))
            .map(|n| n.id.clone())
            .collect();
        for id in absent {
            self.shared.attributes.forget_node(&id);
            if let Some(node) = self.shared.nodes.get_mut(&id) {
                node.member_since = 0;
                node.online_since = 0;
                node.join = Join::Down;
                if node.expected == Expected::Down {
                    node.resources.clear();
                }
            }
        }
    }

    pub(super) fn tell_view(&mut self) {
        let members = self
            .membership
            .view
            .as_ref()
            .map_or_else(Vec::new, |v| v.members.iter().map(|m| m.name.clone()).collect());
        let dc = self.membership.dc().map(|id| self.name_of(id));
        let quorate = self.membership.quorate;
        self.tell(&Event::View { members, quorate, dc });
    }

    pub(super) fn exit_for_restart(&mut self, why: String) {
        self.log(Severity::Error, why.clone());
        self.outputs.push_back(crate::io::Output::Exit(crate::io::Exit::Restart { why }));
    }
}

/// Adds a piece; the whole when it was the last one.
fn collect(pieces: &mut BTreeMap<u32, Vec<u8>>, piece: Piece) -> Option<Vec<u8>> {
    let count = piece.count as usize;
    pieces.insert(piece.index, piece.bytes);
    if pieces.len() < count {
        return None;
    }
    Some(std::mem::take(pieces).into_values().flatten().collect())
}
