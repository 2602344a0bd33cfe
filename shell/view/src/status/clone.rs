//! A clone and its instances.

use std::collections::BTreeMap;

use holdfast_model::Role;
use holdfast_scheduler::facts::{CloneData, Facts, Flags, NodeIx, RscIx};

use super::activity::{
    all_flag, any_flag, filtered_by_node, is_active, is_disabled, is_filtered, is_named, only_node,
};
use super::primitive::failed_probe;
use super::resources::{description, management, show_resource};
use super::{Only, Show};
use crate::exit_text::exit_text;
use crate::list::List;

/// How one instance is shown.
enum Shown {
    /// With a line of its own.
    Alone,
    /// In the list of promoted instances, by node.
    Promoted(NodeIx),
    /// In the list of other active instances, by node.
    Started(NodeIx),
    /// In the list of stopped instances.
    Stopped,
    /// Not at all.
    Hidden,
}

/// The clone, unless it is left out.
pub fn show(facts: &Facts<'_>, rsc: RscIx, data: &CloneData, show: &Show) -> Option<List> {
    if is_filtered(facts, rsc, &show.resources, true) {
        return None;
    }
    let it = &facts.rscs[rsc];
    let everything = is_named(facts, rsc, &show.resources);
    let mut list = List::titled(title(facts, rsc, data, show));
    let (mut promoted, mut started, mut stopped) = (Vec::new(), Vec::new(), BTreeMap::new());
    let inside = Show { resources: Only::default(), ..show.clone() };
    for &instance in &it.children {
        if filtered_by_node(facts, instance, show)
            || (!everything && is_filtered(facts, instance, &show.resources, false))
        {
            continue;
        }
        if show.clone_detail {
            list.items.extend(show_resource(facts, instance, &inside));
            continue;
        }
        match how(facts, rsc, instance, show) {
            Shown::Alone => list.items.extend(show_resource(facts, instance, &inside)),
            Shown::Promoted(node) => promoted.push(node),
            Shown::Started(node) => started.push(node),
            Shown::Stopped => {
                stopped.insert(facts.rscs[instance].id.clone(), "Stopped".to_string());
            }
            Shown::Hidden => {}
        }
    }
    if show.clone_detail {
        return (!list.is_empty()).then_some(list);
    }
    let active = add_nodes(facts, &mut list, "Promoted", promoted, show)
        + add_nodes(facts, &mut list, started_word(facts, rsc), started, show);
    if show.inactive {
        if !it.is(Flags::UNIQUE) && data.max > active {
            stopped = stopped_nodes(facts, rsc, show);
        }
        for (state, names) in by_state(stopped) {
            list.line(format!("{state}: [ {} ]", names.join(" ")));
        }
        return (!list.is_empty() || active == 0).then_some(list);
    }
    (!list.is_empty()).then_some(list)
}

fn how(facts: &Facts<'_>, clone: RscIx, instance: RscIx, show: &Show) -> Shown {
    let it = &facts.rscs[instance];
    let partly = is_active(facts, instance, false);
    if facts.rscs[clone].is(Flags::UNIQUE) {
        return match partly || !facts.rscs[clone].is(Flags::REMOVED) {
            true => Shown::Alone,
            false => Shown::Hidden,
        };
    }
    if show.pending && it.pending_action.as_deref().is_some_and(|action| action != "probe") {
        return Shown::Alone;
    }
    if !partly {
        return match !it.is(Flags::REMOVED) && show.inactive {
            true => Shown::Stopped,
            false => Shown::Hidden,
        };
    }
    if any_flag(facts, instance, Flags::REMOVED)
        || !all_flag(facts, instance, Flags::MANAGED)
        || any_flag(facts, instance, Flags::FAILED)
        || !is_active(facts, instance, true)
    {
        return Shown::Alone;
    }
    match only_node(facts, instance) {
        Some(node) if !facts.nodes[node].online && facts.nodes[node].unclean => Shown::Alone,
        Some(node) if role(facts, instance) > Role::Unpromoted => Shown::Promoted(node),
        Some(node) => Shown::Started(node),
        None => Shown::Alone,
    }
}

fn role(facts: &Facts<'_>, rsc: RscIx) -> Role {
    let it = &facts.rscs[rsc];
    match it.children.is_empty() {
        true => it.role,
        false => it.children.iter().map(|&child| role(facts, child)).max().unwrap_or_default(),
    }
}

fn add_nodes(facts: &Facts<'_>, list: &mut List, word: &str, mut nodes: Vec<NodeIx>, show: &Show) -> usize {
    nodes.sort();
    nodes.retain(|&node| show.nodes.has_node(&facts.nodes[node].name));
    if !nodes.is_empty() {
        let names: Vec<&str> = nodes.iter().map(|&node| facts.nodes[node].name.as_str()).collect();
        list.line(format!("{word}: [ {} ]", names.join(" ")));
    }
    nodes.len()
}

fn started_word(facts: &Facts<'_>, rsc: RscIx) -> &'static str {
    match (facts.rscs[rsc].is(Flags::PROMOTABLE), configured_role(facts, rsc)) {
        (false, _) => "Started",
        (true, Some(Role::Unpromoted)) => "Unpromoted (target-role)",
        (true, _) => "Unpromoted",
    }
}

/// The target role of the clone or else of its first instance.
pub fn configured_role(facts: &Facts<'_>, rsc: RscIx) -> Option<Role> {
    configured_role_text(facts, rsc).and_then(Role::parse)
}

/// The same as written.
pub fn configured_role_text<'a>(facts: &'a Facts<'_>, rsc: RscIx) -> Option<&'a str> {
    let it = &facts.rscs[rsc];
    let instance = || facts.rscs[*it.children.first()?].meta("target-role");
    it.meta("target-role").or_else(instance)
}

/// Nodes that could have an instance and have none.
fn stopped_nodes(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> BTreeMap<String, String> {
    let it = &facts.rscs[rsc];
    let nodes: Vec<NodeIx> = match it.allowed.is_empty() {
        false => it.allowed.keys().copied().collect(),
        true => it.known_on.clone(),
    };
    let disabled = configured_role(facts, rsc) == Some(Role::Stopped);
    // Two entries may name the same node.
    let name = |node: NodeIx| facts.nodes[node].name.as_str();
    let active = |node: NodeIx| it.running_on.iter().any(|&on| name(on).eq_ignore_ascii_case(name(node)));
    nodes
        .into_iter()
        .filter(|&node| !active(node) && show.nodes.has_node(name(node)))
        .map(|node| {
            let state = match failed_probe(facts, rsc, Some(node)) {
                Some(code) => format!("Stopped ({})", exit_text(code)),
                None if disabled => "Stopped (disabled)".into(),
                None => "Stopped".into(),
            };
            (facts.nodes[node].name.clone(), state)
        })
        .collect()
}

/// Names by state, names in natural order.
fn by_state(states: BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, state) in states {
        groups.entry(state).or_default().push(name);
    }
    for names in groups.values_mut() {
        names.sort_by(|a, b| holdfast_scheduler::facts::compare_names(a, b));
    }
    groups
}

fn title(facts: &Facts<'_>, rsc: RscIx, data: &CloneData, show: &Show) -> String {
    let it = &facts.rscs[rsc];
    let words: Vec<&str> = [
        it.is(Flags::PROMOTABLE).then_some("promotable"),
        it.is(Flags::UNIQUE).then_some("unique"),
        is_disabled(facts, rsc).then_some("disabled"),
        management(facts, rsc),
    ]
    .into_iter()
    .flatten()
    .collect();
    let words = match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join(", ")),
    };
    format!("Clone Set: {} [{}]{words}{}", it.id, data.child_id, description(facts, rsc, show))
}
