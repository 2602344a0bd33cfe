//! Tickets, and locations that keep resources away from nodes.

use holdfast_model::{Role, Score};
use holdfast_scheduler::constraints::location::Location;
use holdfast_scheduler::facts::{Facts, NodeIx};

use super::Show;
use super::activity::printable_id;
use super::nodes::node_title;
use crate::list::List;

/// The tickets.
pub fn ticket_list(facts: &Facts<'_>, show: &Show) -> Option<List> {
    let mut list = List::titled("Tickets");
    for (id, ticket) in &facts.tickets {
        let state = if ticket.granted { "granted" } else { "revoked" };
        let standby = if ticket.standby { " [standby]" } else { "" };
        let last = ticket
            .last_granted
            .map(|last| format!(" last-granted=\"{}\"", show.time(last)))
            .unwrap_or_default();
        list.line(format!("{id}\t{state}{standby}{last}"));
    }
    (!list.is_empty()).then_some(list)
}

/// Locations with a negative score for a node, newest first; `prefix` limits them by id.
pub fn bans<'a>(
    facts: &'a Facts<'_>,
    locations: &'a [Location],
    prefix: &'a str,
    show: &'a Show,
) -> impl Iterator<Item = (&'a Location, NodeIx, Score)> {
    locations
        .iter()
        .rev()
        .filter(move |location| {
            let top = facts.top_resource(location.rsc, false);
            location.id.starts_with(prefix)
                && (show.resources.has(printable_id(facts, location.rsc))
                    || show.resources.has(printable_id(facts, top)))
        })
        .flat_map(|location| location.nodes.iter().rev().map(move |&(node, score)| (location, node, score)))
        .filter(|(_, _, score)| *score < Score::ZERO)
}

/// The list of such locations.
pub fn ban_list(facts: &Facts<'_>, locations: &[Location], prefix: &str, show: &Show) -> Option<List> {
    let mut list = List::titled("Negative Location Constraints");
    for (location, node, _) in bans(facts, locations, prefix, show) {
        let role = if location.role == Role::Promoted { "in Promoted role " } else { "" };
        list.line(format!(
            "{}\tprevents {} from running {role}on {}",
            location.id,
            facts.rscs[location.rsc].id,
            node_title(facts, node, show.node_id)
        ));
    }
    (!list.is_empty()).then_some(list)
}
