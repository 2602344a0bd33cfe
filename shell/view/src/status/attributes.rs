//! Node attributes.

use holdfast_model::score::parse_leading_integer;
use holdfast_scheduler::facts::{Facts, NodeIx, RscIx};

use super::Show;
use super::nodes::node_title;
use crate::list::List;

/// Attributes that the cluster keeps for itself.
const HIDDEN: [&str; 6] = ["fail-count", "last-failure", "shutdown", "terminate", "standby", "#"];

/// Attributes worth showing, in the order of their names.
pub fn shown_attributes<'a>(facts: &'a Facts<'_>, node: NodeIx) -> impl Iterator<Item = (&'a str, &'a str)> {
    facts.nodes[node]
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !HIDDEN.iter().any(|prefix| name.starts_with(prefix)))
}

/// The attributes of online nodes.
pub fn attribute_list(facts: &Facts<'_>, show: &Show) -> Option<List> {
    let mut list = List::titled("Node Attributes");
    for (node, it) in facts.nodes.iter_enumerated() {
        if !it.online || !show.nodes.has_node(&it.name) || shown_attributes(facts, node).next().is_none() {
            continue;
        }
        let mut inside = List::titled(format!("Node: {}", node_title(facts, node, show.node_id)));
        for (name, value) in shown_attributes(facts, node) {
            let remark = match expected_ping(facts, node, &it.running, name) {
                None => String::new(),
                Some(expected) => match parse_leading_integer(value).unwrap_or(0) {
                    ..=0 => "\t: Connectivity is lost".into(),
                    value if value < expected => {
                        format!("\t: Connectivity is degraded (Expected={expected})")
                    }
                    _ => String::new(),
                },
            };
            inside.line(format!("{name:<32}\t: {value:<10}{remark}"));
        }
        list.list(inside);
    }
    (!list.is_empty()).then_some(list)
}

/// What the attribute should be if all hosts answer, when a ping resource on the node maintains it.
pub fn expected_ping(facts: &Facts<'_>, node: NodeIx, running: &[RscIx], name: &str) -> Option<i64> {
    running.iter().find_map(|&rsc| {
        let agent = facts.rscs[rsc].agent.as_ref()?;
        if !agent.agent_type.eq_ignore_ascii_case("ping") && !agent.agent_type.eq_ignore_ascii_case("pingd") {
            return None;
        }
        let parameters = facts.params(rsc, Some(node));
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        if !parameter("name").unwrap_or("pingd").eq_ignore_ascii_case(name) {
            return None;
        }
        let hosts = parameter("host_list").map_or(0, |hosts| hosts.split(' ').count());
        let multiplier = parameter("multiplier").and_then(parse_leading_integer).unwrap_or(1);
        Some(i64::try_from(hosts).unwrap_or(i64::MAX).saturating_mul(multiplier))
    })
}
