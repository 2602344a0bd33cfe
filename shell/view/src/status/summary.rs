//! The head of the status: DC, times, counts, options.

use holdfast_scheduler::facts::{Facts, NoQuorumPolicy};

use super::nodes::{feature_set, node_title};
use super::{Section, Show};
use crate::list::List;

/// What the document itself does not say, and who changed it last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Cluster layer.
    pub stack: String,
    /// What state the daemon is in, in words, when there is one.
    pub daemon: Option<String>,
    /// Version of the DC's software.
    pub dc_version: Option<String>,
    /// When this was asked, in words.
    pub now: String,
    /// The node that was asked.
    pub here: Option<String>,
    /// When the configuration was written last.
    pub last_written: Option<String>,
    /// Who did that.
    pub user: Option<String>,
    /// With which program.
    pub client: Option<String>,
    /// On which node.
    pub origin: Option<String>,
}

/// Whether members run different versions.
pub fn mixed_version(facts: &Facts<'_>) -> bool {
    let mut versions = facts.nodes.indices().filter_map(|node| feature_set(facts, node));
    let first = versions.next();
    versions.any(|version| Some(version) != first)
}

/// The summary, as far as its sections are wanted.
pub fn summary(facts: &Facts<'_>, head: &Head, wanted: &[Section], show: &Show) -> Option<List> {
    let mut list = List::titled("Cluster Summary");
    let wants = |section: Section| wanted.contains(&section);
    if wants(Section::Stack) {
        match &head.daemon {
            Some(state) => list.line(format!("Stack: {} ({state})", head.stack)),
            None => list.line(format!("Stack: {}", head.stack)),
        }
    }
    if wants(Section::Dc) {
        list.line(match facts.options.dc {
            None => "Current DC: NONE".to_string(),
            Some(dc) => format!(
                "Current DC: {} (version {}) - {}partition {} quorum",
                node_title(facts, dc, show.node_id),
                head.dc_version.as_deref().unwrap_or("unknown"),
                if mixed_version(facts) { "MIXED-VERSION " } else { "" },
                if facts.cib.header.have_quorum { "with" } else { "WITHOUT" }
            ),
        });
    }
    if wants(Section::Times) {
        let here = head.here.as_ref().map(|here| format!(" on {here}")).unwrap_or_default();
        list.line(format!("Last updated: {}{here}", head.now));
        let part = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {word} {value}")).unwrap_or_default()
        };
        list.line(format!(
            "Last change:  {}{}{}{}",
            head.last_written.as_deref().unwrap_or(""),
            part("by", &head.user),
            part("via", &head.client),
            part("on", &head.origin)
        ));
    }
    if wants(Section::Counts) {
        let nodes = facts.nodes.len();
        list.line(format!("{nodes} node{} configured", plural(nodes)));
        let counts = facts.counts;
        let detail = match (counts.disabled, counts.blocked) {
            (0, 0) => String::new(),
            (disabled, 0) => format!(" ({disabled} DISABLED)"),
            (0, blocked) => format!(" ({blocked} BLOCKED from further action due to failure)"),
            (disabled, blocked) => {
                format!(" ({disabled} DISABLED, {blocked} BLOCKED from further action due to failure)")
            }
        };
        let instances = counts.instances;
        list.line(format!("{instances} resource instance{} configured{detail}", plural(instances)));
    }
    if wants(Section::Options) {
        let options = &facts.options;
        list.line(match options.fencing {
            true => "Fencing of failed nodes enabled",
            false => "Fencing of failed nodes disabled",
        });
        list.line(if options.symmetric { "Cluster is symmetric" } else { "Cluster is asymmetric" });
        list.line(match options.no_quorum {
            NoQuorumPolicy::Freeze => "No quorum policy: Freeze resources",
            NoQuorumPolicy::Stop => "No quorum policy: Stop ALL resources",
            NoQuorumPolicy::Demote => {
                "No quorum policy: Demote promotable resources and stop all other resources"
            }
            NoQuorumPolicy::Ignore => "No quorum policy: Ignore",
            NoQuorumPolicy::Fence => "No quorum policy: Fence nodes in partition",
        });
    }
    (!list.is_empty()).then_some(list)
}

/// The `s` of a plural.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
