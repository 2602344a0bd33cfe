//! The resource list.

use holdfast_scheduler::facts::{Facts, Flags, RscIx, RscKind};

use super::activity::{is_active, runs_on_any};
use super::brief::brief;
use super::{Show, bundle, clone, group, primitive};
use crate::list::{Item, List};

/// Resources in scheduling order; with `say_none`, a line when there is nothing to list.
pub fn resource_list(facts: &Facts<'_>, show: &Show, say_none: bool) -> Option<List> {
    if show.by_node && !show.inactive {
        return None;
    }
    let (title, none) = match (show.by_node, show.inactive) {
        (true, _) => ("Inactive Resources", "No inactive resources"),
        (false, true) => ("Full List of Resources", "No resources"),
        (false, false) => ("Active Resources", "No active resources"),
    };
    let mut list = List::titled(title);
    let mut started = false;
    if show.brief && !show.by_node {
        list = brief(facts, &facts.top, show, list);
        started = true;
    }
    for &rsc in &facts.top {
        let it = &facts.rscs[rsc];
        let (whole, partly) = (is_active(facts, rsc, true), is_active(facts, rsc, false));
        let skipped = (it.is(Flags::REMOVED) && !whole)
            || match (show.by_node, show.brief && it.is_primitive()) {
                (true, _) => whole,
                (false, true) => true,
                (false, false) => (!partly && !show.inactive) || (partly && !runs_on_any(facts, rsc, show)),
            };
        if !skipped {
            started = true;
            list.items.extend(show_resource(facts, rsc, show));
        }
    }
    if list.is_empty() && say_none {
        list.line(none);
        started = true;
    }
    started.then_some(list)
}

/// One resource with everything that is shown of it.
pub fn show_resource(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> Option<Item> {
    match &facts.rscs[rsc].kind {
        RscKind::Primitive => primitive::show(facts, rsc, show).map(Item::Line),
        RscKind::Group(_) => group::show(facts, rsc, show).map(Item::List),
        RscKind::Clone(data) => clone::show(facts, rsc, data, show).map(Item::List),
        RscKind::Bundle(data) => bundle::show(facts, rsc, data, show).map(Item::List),
    }
}

/// The words in parentheses after the name of a collective that say what is out of the ordinary.
pub fn management(facts: &Facts<'_>, rsc: RscIx) -> Option<&'static str> {
    let it = &facts.rscs[rsc];
    if it.is(Flags::MAINTENANCE) {
        Some("maintenance")
    } else if !it.is(Flags::MANAGED) {
        Some("unmanaged")
    } else {
        None
    }
}

/// ` (description)`, if descriptions are shown.
pub fn description(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> String {
    if !show.description && !show.resource_only {
        return String::new();
    }
    facts.rscs[rsc].config.attribute("description").map(|text| format!(" ({text})")).unwrap_or_default()
}
