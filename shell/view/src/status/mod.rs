//! The status of a cluster: its nodes and its resources.

mod activity;
mod brief;
mod bundle;
mod clone;
mod group;
mod nodes;
mod primitive;
mod resources;

use holdfast_scheduler::facts::Facts;

use crate::list::List;

pub use activity::is_active;
pub use nodes::{node_list, node_state, node_title};
pub use resources::resource_list;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Nodes to show.
    pub nodes: Only,
    /// Resources to show.
    pub resources: Only,
}

impl Show {
    /// Everything, as the simulator shows a cluster.
    pub fn full(pending: bool) -> Show {
        Show { inactive: true, pending, ..Show::default() }
    }
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

/// The notice that nothing is managed, if so; it begins with an empty line.
pub fn maintenance_notice(facts: &Facts<'_>) -> Option<&'static str> {
    if facts.options.maintenance {
        Some(
            "\n              *** Resource management is DISABLED ***\n  \
             The cluster will not attempt to start, stop or recover services\n",
        )
    } else if facts.options.stop_all {
        Some("\n    *** Resource management is DISABLED ***\n  The cluster will keep all resources stopped\n")
    } else {
        None
    }
}
