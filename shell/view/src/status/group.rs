//! A group and its members.

use holdfast_scheduler::facts::{Facts, RscIx};

use super::Show;
use super::activity::{is_active, is_disabled, is_filtered, is_named};
use super::brief::brief;
use super::resources::{description, management, show_resource};
use crate::list::List;

/// The group, unless it is left out or nothing of it is shown.
pub fn show(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> Option<List> {
    if is_filtered(facts, rsc, &show.resources, true) {
        return None;
    }
    let it = &facts.rscs[rsc];
    let mut list = List::titled(title(facts, rsc, show));
    if show.brief {
        let inside = Show { inactive: true, ..show.clone() };
        list = brief(facts, &it.children, &inside, list);
        return (!list.is_empty()).then_some(list);
    }
    let named = is_named(facts, rsc, &show.resources);
    let mut any = false;
    for &member in &it.children {
        let filtered = is_filtered(facts, member, &show.resources, false);
        let visible = show.inactive || is_active(facts, member, false);
        let asked_for = !show.resources.is_everything() && !filtered;
        if asked_for || (visible && (named || !filtered)) {
            any = true;
            list.items.extend(show_resource(facts, member, show));
        }
    }
    any.then_some(list)
}

fn title(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> String {
    let it = &facts.rscs[rsc];
    let mut remarks: Vec<String> = Vec::new();
    let partly = !is_active(facts, rsc, true) && is_active(facts, rsc, false);
    let inactive = it.children.iter().filter(|&&member| !is_active(facts, member, true)).count();
    if partly && inactive > 0 && !show.inactive {
        remarks.push(format!("{inactive} member{} inactive", if inactive == 1 { "" } else { "s" }));
    }
    if is_disabled(facts, rsc) {
        remarks.push("disabled".into());
    }
    remarks.extend(management(facts, rsc).map(String::from));
    let remarks = match remarks.is_empty() {
        true => String::new(),
        false => format!(" ({})", remarks.join(", ")),
    };
    format!("Resource Group: {}{remarks}{}", it.id, description(facts, rsc, show))
}
