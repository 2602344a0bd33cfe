//! The status of a cluster: its nodes and its resources.

mod activity;
mod attributes;
mod brief;
mod bundle;
mod clone;
mod failures;
mod fencing;
mod group;
mod history;
mod nodes;
mod primitive;
mod resources;
mod restrictions;
mod summary;
mod when;
mod xml;
mod xml_resource;

use holdfast_api::fence::FenceRecord;
use holdfast_scheduler::constraints::location::Location;
use holdfast_scheduler::facts::Facts;

use crate::list::List;

pub use activity::{current_node, is_active, printable_id};
pub use attributes::attribute_list;
pub use failures::{failure_list, parse_key, status_text};
pub use history::history_list;
pub use nodes::{node_list, node_state, node_title};
pub use resources::{resource_list, show_resource};
pub use restrictions::{ban_list, ticket_list};
pub use summary::{Head, plural, summary};
pub use when::{Clock, duration_ms, universal, universal_iso};
pub use xml::{Builder, add_nodes, add_resources, add_status, sections_xml, yes_no};

/// Parts of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Cluster layer.
    Stack,
    /// Designated controller.
    Dc,
    /// Last update and change.
    Times,
    /// Numbers of nodes and resources.
    Counts,
    /// Cluster options.
    Options,
    /// The notice that nothing is managed.
    MaintenanceMode,
    /// Nodes.
    Nodes,
    /// Resources.
    Resources,
    /// Node attributes.
    Attributes,
    /// Fail counts.
    FailCounts,
    /// Operation history.
    Operations,
    /// Failed operations.
    Failures,
    /// Failed fencing.
    FencingFailed,
    /// Fencing in progress.
    FencingPending,
    /// Successful fencing.
    FencingSucceeded,
    /// Tickets.
    Tickets,
    /// Negative locations.
    Bans,
}

/// Names to show; everything when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only(Vec<String>);

impl Only {
    /// These names only.
    pub fn these(names: Vec<String>) -> Only {
        Only(names)
    }

    /// Whether everything is shown.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is shown.
    pub fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|only| only == name)
    }

    /// Whether the node `name` is shown (letter case is not significant).
    pub fn has_node(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|only| only.eq_ignore_ascii_case(name))
    }
}

/// What to show and how.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// Resources that are not active, too.
    pub inactive: bool,
    /// Operations in progress.
    pub pending: bool,
    /// Every instance of every clone.
    pub clone_detail: bool,
    /// What bundles are made of.
    pub implicit: bool,
    /// Resources counted by agent instead of listed.
    pub brief: bool,
    /// Resources grouped by node.
    pub by_node: bool,
    /// Resources without the nodes they are on (used inside a node).
    pub resource_only: bool,
    /// Descriptions of resources.
    pub description: bool,
    /// Ids of nodes.
    pub node_id: bool,
    /// Feature sets of nodes.
    pub feature_set: bool,
    /// Raw details of failed operations.
    pub failed_detail: bool,
    /// Timing of operations.
    pub timing: bool,
    /// How to write times; universal time when nothing is said.
    pub clock: Option<Clock>,
    /// Nodes to show.
    pub nodes: Only,
    /// Resources to show.
    pub resources: Only,
}

impl Show {
    /// A time as text.
    pub fn time(&self, epoch: i64) -> String {
        self.clock.unwrap_or(universal)(epoch)
    }

    /// Everything, as the simulator shows a cluster.
    pub fn full(pending: bool) -> Show {
        Show { inactive: true, pending, ..Show::default() }
    }
}

/// Everything a status view is made from.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// The cluster.
    pub facts: &'a Facts<'a>,
    /// What the document does not say.
    pub head: &'a Head,
    /// Location constraints, for bans.
    pub locations: &'a [Location],
    /// Fencing operations, newest first; `None` when they are not known.
    pub fencing: Option<&'a [FenceRecord]>,
    /// Every fencing operation instead of the last of each kind.
    pub full_fencing: bool,
    /// Promises at risk, one sentence each; as text only, the layout of the XML is that of the old programs.
    pub risks: &'a [String],
    /// How ids of bans have to begin.
    pub ban_prefix: &'a str,
    /// Sections wanted.
    pub wanted: &'a [Section],
    /// What to show and how.
    pub show: &'a Show,
}

/// The wanted sections as text lists, in the order in which they are shown.
pub fn all_sections(picture: &Picture<'_>) -> Vec<List> {
    let Picture { facts, show, .. } = *picture;
    let wants = |section: Section| picture.wanted.contains(&section);
    let when = |wanted: bool, list: &dyn Fn() -> Option<List>| if wanted { list() } else { None };
    let history = wants(Section::Operations) || wants(Section::FailCounts);
    [
        summary(facts, picture.head, picture.wanted, show),
        when(wants(Section::Nodes), &|| node_list(facts, show)),
        when(wants(Section::Resources), &|| resource_list(facts, show, true)),
        when(wants(Section::Attributes), &|| attribute_list(facts, show)),
        when(history, &|| history_list(facts, show, wants(Section::Operations))),
        when(wants(Section::Failures), &|| failure_list(facts, show)),
        fencing::failed_fencing_list(picture),
        when(wants(Section::Tickets), &|| ticket_list(facts, show)),
        when(wants(Section::Bans), &|| ban_list(facts, picture.locations, picture.ban_prefix, show)),
        fencing::fencing_list(picture),
        when(wants(Section::Counts), &|| risk_list(picture.risks)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn risk_list(risks: &[String]) -> Option<List> {
    let mut list = List::titled("Promises at Risk");
    for risk in risks {
        list.line(risk);
    }
    (!list.is_empty()).then_some(list)
}

/// The node list and the resource list.
pub fn sections(facts: &Facts<'_>, show: &Show) -> Vec<List> {
    node_list(facts, show).into_iter().chain(resource_list(facts, show, true)).collect()
}

/// The line that counts disabled and blocked resources, if there are any.
pub fn counts_line(facts: &Facts<'_>) -> Option<String> {
    let counts = facts.counts;
    (counts.disabled > 0 || counts.blocked > 0).then(|| {
        format!(
            "{} of {} resource instances DISABLED and {} BLOCKED from further action due to failure",
            counts.disabled, counts.instances, counts.blocked
        )
    })
}

/// The notice that nothing is managed, if the cluster is in maintenance; it begins with an empty line.
pub fn maintenance_notice(facts: &Facts<'_>) -> Option<&'static str> {
    facts.options.maintenance.then_some(
        "\n              *** Resource management is DISABLED ***\n  \
         The cluster will not attempt to start, stop or recover services\n",
    )
}

/// The notice that all resources are kept stopped, if so; it begins with an empty line.
pub fn stop_all_notice(facts: &Facts<'_>) -> Option<&'static str> {
    facts.options.stop_all.then_some(
        "\n    *** Resource management is DISABLED ***\n  The cluster will keep all resources stopped\n",
    )
}
