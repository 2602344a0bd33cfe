//! What was found out when parts of the cluster met again: documents that lost, resources that were active twice.
//!
//! Only tells: which copies win is decided in `view`, what is stopped is decided by the plan.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_model::config::{ResourceConfig, ResourceKind};
use holdfast_model::status::ResourceHistory;
use holdfast_totem::NodeId;
use holdfast_xml::patch::{Change, Compare};
use holdfast_xml::{Document, diff};

use super::Node;
use crate::io::Severity;
use crate::message::Announce;
use crate::record::Record;
use crate::state::history::{active_after, effective_rc};

/// Most differences of a lost document that are logged one by one.
const MAX_DIFFERENCES: usize = 20;

/// What is shown until somebody has looked.
#[derive(Debug, Default)]
pub struct Merged {
    /// Members that have, or had, this document: it is an ancestor of theirs. Empty after a start: nobody knows.
    holders: BTreeSet<NodeId>,
    /// Documents of this node that lost, and with them changes that others never had.
    lost: u64,
    /// Resources that were active on more than one node, and where. A clean-up of the resource ends it.
    overlaps: BTreeMap<String, String>,
}

impl Node {
    /// The document changed, or all members agreed on it: they have it.
    pub(super) fn document_is_shared(&mut self, changed: bool) {
        let members = self.membership.members();
        if changed {
            self.merged.holders.clear();
        }
        self.merged.holders.extend(members);
    }

    /// A document of this node lost against another member's. One that the other had before is only older; anything
    /// else may hold what nobody else has, and is kept.
    pub(super) fn keep_lost(&mut self, old: String, winner: NodeId) {
        let mine = self.membership.announces.get(&self.identity.id).map(|a| a.document.clone());
        let holders = std::mem::take(&mut self.merged.holders);
        if mine.is_none_or(|claim| claim.epoch == 0) || holders.contains(&winner) {
            return;
        }
        let winner = self.name_of(winner);
        let differences = differences(&old, self.cib.document());
        // After a start an older copy on disk is usual; it is kept all the same.
        let apart = !holders.is_empty() && !differences.is_empty();
        let why = if apart { "has precedence" } else { "is the one of the cluster that this node joined" };
        self.persist(Record::Lost { xml: old, why: format!("the copy of {winner} {why}") });
        if !apart {
            return;
        }
        self.count("documents lost in a merge");
        self.merged.lost += 1;
        for line in &differences {
            self.log(
                Severity::Warn,
                format!("not in the configuration any more, {winner}'s has precedence: {line}"),
            );
        }
    }

    /// Resources that may run once and are active on several members: named, counted, shown. The plan ends it.
    pub(super) fn note_overlaps(&mut self, announces: &BTreeMap<NodeId, Announce>) {
        let mut single = BTreeSet::new();
        for rsc in &self.cib.typed().resources {
            collect(rsc, &mut single);
        }
        let mut places: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        for (id, announce) in announces {
            for history in announce.resources.iter().filter(|h| single.contains(&h.id) && is_active(h)) {
                places.entry(&history.id).or_default().push(*id);
            }
        }
        let found: Vec<(String, String)> = places
            .into_iter()
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(rsc, ids)| {
                let names: Vec<String> = ids.into_iter().map(|id| self.name_of(id)).collect();
                (rsc.to_owned(), names.join(" and "))
            })
            .collect();
        for (rsc, names) in found {
            self.count("resources active on several nodes");
            self.log(
                Severity::Error,
                format!("{rsc} is active on {names} at once; all but one copy are stopped now"),
            );
            self.merged.overlaps.insert(rsc, names);
        }
    }

    /// Somebody cleaned a resource up: what was wrong with it was seen.
    pub(super) fn overlap_seen(&mut self, rsc: &str) {
        self.merged.overlaps.remove(rsc);
    }

    /// Whether a resource was active on several nodes, and nobody said yet that it was seen.
    pub(super) fn was_overlapping(&self, rsc: &str) -> bool {
        self.merged.overlaps.contains_key(rsc)
    }

    /// One sentence each, for the status.
    pub(super) fn merge_risks(&self) -> Vec<String> {
        let mut risks = Vec::new();
        if self.merged.lost > 0 {
            risks.push(format!(
                "{} configuration(s) of {} lost against another part of the cluster and are kept as lost-*.xml beside \
                 the exported cib.xml; the log says what is missing",
                self.merged.lost, self.identity.name
            ));
        }
        let mut by_place: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (rsc, places) in &self.merged.overlaps {
            by_place.entry(places).or_default().push(rsc);
        }
        for (places, resources) in by_place {
            risks.push(format!(
                "active on {places} at once until the parts of the cluster met: {}; check their data, then \
                 `crm resource cleanup`",
                resources.join(" ")
            ));
        }
        risks
    }
}

/// Primitives of which there may be one active instance.
fn collect(rsc: &ResourceConfig, into: &mut BTreeSet<String>) {
    match &rsc.kind {
        ResourceKind::Primitive(_) => {
            into.insert(rsc.id.clone());
        }
        ResourceKind::Group(members) => members.iter().for_each(|member| collect(member, into)),
        ResourceKind::Clone { .. } | ResourceKind::Bundle(_) => {}
    }
}

/// Whether a resource is active on a node, by the operations that ended there.
fn is_active(history: &ResourceHistory) -> bool {
    let last = format!("{}_last_0", history.id);
    let ended = |op: &&holdfast_model::status::OperationRecord| op.op_status >= 0;
    let known = history.operations.iter().filter(ended).find(|op| op.id == last);
    known.is_some_and(|op| active_after(&op.operation, effective_rc(op.rc_code)).unwrap_or(false))
        && !matches!(history.class.as_str(), "stonith")
}

/// What is in one document and not so in another, a line each.
fn differences(lost: &str, now: &Document) -> Vec<String> {
    let Ok(lost) = Document::parse_default(lost.as_bytes()) else { return Vec::new() };
    let patch = diff(now, &lost, Compare::AttributeValues);
    let below = patch.changes.iter().filter(|change| change.path().starts_with("/cib/configuration"));
    let mut lines: Vec<String> = below
        .map(|change| match change {
            Change::Create { path, content, .. } => {
                format!(
                    "+ {path}: {}",
                    content.root().children().map(|e| e.to_string_compact()).collect::<String>()
                )
            }
            Change::Modify { path, result, .. } => {
                let pairs: Vec<String> =
                    result.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                format!("  {path}: {}", pairs.join(" "))
            }
            Change::Delete { path, .. } => format!("- {path}"),
            Change::Move { path, position } => format!("  {path}: moved to place {position}"),
        })
        .collect();
    if lines.len() > MAX_DIFFERENCES {
        let more = lines.len() - MAX_DIFFERENCES;
        lines.truncate(MAX_DIFFERENCES);
        lines.push(format!("and {more} more"));
    }
    lines
}
