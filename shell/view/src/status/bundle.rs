//! A bundle and its replicas.

use holdfast_scheduler::facts::{BundleData, Facts, Flags, Replica, RscIx};

use super::activity::{current_node, filtered_by_node, is_filtered, printable_id};
use super::resources::{description, management, show_resource};
use super::{Show, primitive};
use crate::list::{Item, List};

/// The parts of a replica that are shown, in the order of the listings; `None` when it runs on none of the nodes asked for.
pub fn shown_parts(
    facts: &Facts<'_>,
    replica: &Replica,
    everything: bool,
    show: &Show,
) -> Option<Vec<RscIx>> {
    if filtered_by_node(facts, replica.container, show) {
        return None;
    }
    let parts = [replica.ip, replica.child, Some(replica.container), replica.remote].into_iter().flatten();
    Some(parts.filter(|&part| everything || !is_filtered(facts, part, &show.resources, false)).collect())
}

/// The bundle, unless it is left out.
pub fn show(facts: &Facts<'_>, rsc: RscIx, data: &BundleData, show: &Show) -> Option<List> {
    if is_filtered(facts, rsc, &show.resources, true) {
        return None;
    }
    let it = &facts.rscs[rsc];
    let everything = show.resources.has(&it.id);
    let set = if data.replicas_max > 1 { " set" } else { "" };
    let unique = if it.is(Flags::UNIQUE) { " (unique)" } else { "" };
    let management = management(facts, rsc).map(|word| format!(" ({word})")).unwrap_or_default();
    let mut list = List::titled(format!(
        "Container bundle{set}: {} [{}]{unique}{}{management}",
        it.id,
        data.image,
        description(facts, rsc, show)
    ));
    let mut any = false;
    for replica in &data.replicas {
        let Some(parts) = shown_parts(facts, replica, everything, show) else { continue };
        if show.implicit || (!everything && !parts.is_empty()) {
            any = true;
            show_parts(facts, data, replica, &parts, show, &mut list);
        } else if everything {
            any = true;
            list.items.extend(show_replica(facts, replica, show));
        }
    }
    any.then_some(list)
}

fn show_parts(
    facts: &Facts<'_>,
    data: &BundleData,
    replica: &Replica,
    parts: &[RscIx],
    show: &Show,
    list: &mut List,
) {
    if data.replicas.len() > 1 {
        list.line(format!("Replica[{}]", replica.offset));
    }
    let inside = Show { implicit: true, ..show.clone() };
    let mut shown = List::default();
    for &part in parts {
        shown.items.extend(show_resource(facts, part, &inside));
    }
    list.list(shown);
}

/// One line: the guest's name and address, and the state of what runs inside.
fn show_replica(facts: &Facts<'_>, replica: &Replica, show: &Show) -> Option<Item> {
    let inside = replica.child.unwrap_or(replica.container);
    let mut name = printable_id(facts, replica.remote.unwrap_or(replica.container)).to_string();
    if let Some(address) = &replica.ip_address {
        name.push_str(&format!(" ({address})"));
    }
    primitive::line(facts, inside, &name, current_node(facts, replica.container), show).map(Item::Line)
}
