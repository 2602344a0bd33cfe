//! Resources counted by agent.

use std::collections::BTreeMap;

use holdfast_scheduler::facts::{Facts, Flags, NodeIx, RscIx};

use super::Show;
use super::activity::printable_id;
use crate::list::List;

/// Adds one line for each agent and node (or for the agent alone if nothing is active).
pub fn brief(facts: &Facts<'_>, rscs: &[RscIx], show: &Show, mut list: List) -> List {
    let shown = |rsc: RscIx| {
        let parent = facts.rscs[rsc].parent;
        show.resources.has(printable_id(facts, rsc))
            || parent.is_some_and(|parent| show.resources.has(printable_id(facts, parent)))
    };
    let mut by_agent: BTreeMap<String, (usize, BTreeMap<NodeIx, usize>)> = BTreeMap::new();
    for &rsc in rscs.iter().filter(|&&rsc| shown(rsc)) {
        let it = &facts.rscs[rsc];
        let Some(agent) = &it.agent else { continue };
        let (count, active) = by_agent.entry(agent.to_string()).or_default();
        *count += 1;
        for &node in &it.running_on {
            let on = &facts.nodes[node];
            if on.unclean || on.online || !it.is(Flags::MANAGED) {
                *active.entry(node).or_default() += 1;
            }
        }
    }
    for (agent, (count, active)) in by_agent {
        for (&node, number) in &active {
            let node = if show.resource_only { "" } else { &facts.nodes[node].name };
            match show.inactive {
                true => list.line(format!("{number}/{count}\t({agent}):\tActive {node}")),
                false => list.line(format!("{number}\t({agent}):\tActive {node}")),
            }
        }
        if active.is_empty() && show.inactive {
            list.line(format!("0/{count}\t({agent}):\tActive"));
        }
    }
    list
}
