//! The node list.

use holdfast_scheduler::facts::{Facts, NodeIx, NodeKind};

use super::Show;
use super::activity::current_node;
use super::brief::brief;
use super::resources::show_resource;
use crate::list::{Item, List};

/// The state of a node in words.
pub fn node_state(facts: &Facts<'_>, node: NodeIx) -> &'static str {
    let it = &facts.nodes[node];
    if it.unclean {
        match (it.online, it.pending) {
            (true, _) => "UNCLEAN (online)",
            (false, true) => "UNCLEAN (pending)",
            (false, false) => "UNCLEAN (offline)",
        }
    } else if it.pending {
        "pending"
    } else if it.fail_standby && it.online {
        "standby (on-fail)"
    } else if it.standby {
        match (it.online, it.running.is_empty()) {
            (false, _) => "OFFLINE (standby)",
            (true, true) => "standby",
            (true, false) => "standby (with active resources)",
        }
    } else if it.maintenance {
        if it.online { "maintenance" } else { "OFFLINE (maintenance)" }
    } else if it.online {
        "online"
    } else {
        "OFFLINE"
    }
}

/// The name of a node; with details, a guest's host and an id that differs from the name.
pub fn node_title(facts: &Facts<'_>, node: NodeIx, details: bool) -> String {
    let it = &facts.nodes[node];
    let mut title = it.name.clone();
    if details && it.is_guest() {
        let launcher = it.connection.and_then(|connection| facts.rscs[connection].launcher);
        let host = launcher.and_then(|launcher| current_node(facts, launcher));
        title.push('@');
        title.push_str(host.map_or("", |host| &facts.nodes[host].name));
    }
    if details && !it.name.eq_ignore_ascii_case(&it.id) {
        title.push_str(&format!(" ({})", it.id));
    }
    title
}

/// The version of the software on a node, as far as that matters to others.
pub fn feature_set<'a>(facts: &'a Facts<'_>, node: NodeIx) -> Option<&'a str> {
    let it = &facts.nodes[node];
    (it.online && it.expected_up && !it.is_remote())
        .then(|| it.attributes.get("#feature-set").map_or("<3.15.1", String::as_str))
}

/// Nodes: one by one if there is something to say about them, the others in lists.
pub fn node_list(facts: &Facts<'_>, show: &Show) -> Option<List> {
    let mut list = List::titled("Node List");
    let groups: [(&str, bool, NodeKind); 5] = [
        ("Online", true, NodeKind::Cluster),
        ("OFFLINE", false, NodeKind::Cluster),
        ("RemoteOnline", true, NodeKind::Remote),
        ("RemoteOFFLINE", false, NodeKind::Remote),
        ("GuestOnline", true, NodeKind::Guest),
    ];
    let mut grouped: [Vec<String>; 5] = Default::default();
    let mut any = false;
    for (node, it) in facts.nodes.iter_enumerated() {
        if !show.nodes.has_node(&it.name) {
            continue;
        }
        any = true;
        let alone = it.unclean
            || it.pending
            || (it.fail_standby && it.online)
            || it.standby
            || it.maintenance
            || show.by_node
            || show.feature_set
            || it.health_state <= 0;
        if alone {
            list.items.extend(one_node(facts, node, show));
        } else if let Some(place) =
            groups.iter().position(|&(_, online, kind)| online == it.online && kind == it.kind)
        {
            grouped[place].push(node_title(facts, node, show.node_id));
        }
    }
    for ((title, ..), names) in groups.iter().zip(grouped) {
        if !names.is_empty() {
            list.line(format!("{title}: [ {} ]", names.join(" ")));
        }
    }
    any.then_some(list)
}

fn one_node(facts: &Facts<'_>, node: NodeIx, show: &Show) -> Option<Item> {
    let it = &facts.nodes[node];
    let kind = match it.kind {
        NodeKind::Guest => "GuestNode",
        NodeKind::Remote => "RemoteNode",
        NodeKind::Cluster => "Node",
    };
    let mut line = format!("{kind} {}: {}", node_title(facts, node, show.node_id), node_state(facts, node));
    match it.health_state {
        ..0 => line.push_str(" (health is RED)"),
        0 => line.push_str(" (health is YELLOW)"),
        1.. => {}
    }
    if show.feature_set
        && let Some(feature_set) = feature_set(facts, node)
    {
        line.push_str(&format!(", feature set {feature_set}"));
    }
    if !show.by_node {
        return Some(Item::Line(line));
    }
    let inside = Show { resource_only: true, inactive: show.inactive && !show.brief, ..show.clone() };
    let mut resources = List::titled("Resources");
    if show.brief {
        resources = brief(facts, &it.running, &inside, resources);
        if resources.is_empty() {
            return None;
        }
    } else {
        for &rsc in &it.running {
            resources.items.extend(show_resource(facts, rsc, &inside));
        }
    }
    let mut list = List::titled(line);
    list.list(resources);
    Some(Item::List(list))
}
