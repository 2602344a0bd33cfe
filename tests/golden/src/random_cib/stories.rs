//! What happens to a random cluster: later changes of its CIB, failures, nodes that come and go.
//!
//! Knows the places in a CIB where such things are seen. Does not carry out plans.

use super::{Maker, NOW};
use holdfast_xml::{Document, Element, NodeIx};

/// Options for the simulator with which the next plan is carried out: some of its operations fail.
pub fn failing_operations(maker: &mut Maker) -> Vec<String> {
    let mut words = Vec::new();
    if !maker.taste.failures || maker.names.agents.is_empty() {
        return words;
    }
    for _ in 0..maker.random.below(3) {
        let at = maker.random.below(maker.names.agents.len());
        let agent = maker.names.agents[at].clone();
        let task =
            maker.random.pick(&["start_0", "start_0", "stop_0", "promote_0", "monitor_10000", "demote_0"]);
        let rc = maker.random.pick(&["1", "1", "5", "6", "7", "2"]);
        let node = maker.node_name();
        words.push("-F".to_owned());
        words.push(format!("{agent}_{task}@{node}={rc}"));
    }
    words
}

/// Changes a CIB as administrators and misfortune do.
pub fn disturb(document: &mut Document, maker: &mut Maker) {
    if maker.taste.node_states || maker.random.chance(25) {
        node_states(document, maker);
    }
    if maker.taste.failures {
        failures(document, maker);
    }
    if maker.taste.changes || maker.random.chance(25) {
        for _ in 0..1 + maker.random.below(3) {
            change(document, maker);
        }
    }
}

fn all(document: &Document, wanted: impl Fn(Element<'_>) -> bool) -> Vec<NodeIx> {
    document.root().descendants().filter(|element| wanted(*element)).map(Element::ix).collect()
}

fn some(document: &Document, maker: &mut Maker, wanted: impl Fn(Element<'_>) -> bool) -> Option<NodeIx> {
    let found = all(document, wanted);
    (!found.is_empty()).then(|| found[maker.random.below(found.len())])
}

fn node_states(document: &mut Document, maker: &mut Maker) {
    for state in all(document, |element| element.name() == "node_state" && element.attr("crmd").is_some()) {
        let mut set = |pairs: [(&str, &str); 4]| {
            for (name, value) in pairs {
                document.set_attr(state, name, value);
            }
        };
        let names = ["in_ccm", "crmd", "join", "expected"];
        let with = |values: [&'static str; 4]| [0, 1, 2, 3].map(|at| (names[at], values[at]));
        match maker.random.below(18) {
            // Lost: nobody knows what it still does.
            0 => set(with(["false", "offline", "down", "member"])),
            1 => set(with(["false", "offline", "member", "member"])),
            // Its controller is gone.
            2 => set(with(["true", "offline", "member", "member"])),
            // Left in good order.
            3 => {
                set(with(["false", "offline", "down", "down"]));
                forget(document, state);
            }
            4 => set(with(["true", "online", "pending", "member"])),
            5 => set(with(["true", "online", "member", "member"])),
            6 => transient(document, state, "shutdown", &(NOW - 30).to_string()),
            7 if maker.random.chance(40) => transient(document, state, "terminate", "true"),
            8 if maker.random.chance(40) => transient(document, state, "standby", "on"),
            _ => {}
        }
    }
}

fn forget(document: &mut Document, state: NodeIx) {
    let children: Vec<NodeIx> = document.element(state).children().map(Element::ix).collect();
    for child in children {
        document.remove(child);
    }
}

pub(super) fn transient(document: &mut Document, state: NodeIx, name: &str, value: &str) {
    let id = document.element(state).id().unwrap_or_default().to_owned();
    let find = |document: &Document, parent: NodeIx, name: &str| {
        document.element(parent).child(name).map(Element::ix)
    };
    let outer = find(document, state, "transient_attributes").unwrap_or_else(|| {
        let outer = document.append(state, "transient_attributes");
        document.set_attr(outer, "id", &id);
        outer
    });
    let block = find(document, outer, "instance_attributes").unwrap_or_else(|| {
        let block = document.append(outer, "instance_attributes");
        document.set_attr(block, "id", &format!("status-{id}"));
        block
    });
    let plain: String =
        name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
    let pair_id = format!("status-{id}-{plain}");
    let old =
        document.element(block).children().find(|pair| pair.attr("name") == Some(name)).map(Element::ix);
    let pair = old.unwrap_or_else(|| document.append(block, "nvpair"));
    for (name, value) in [("id", pair_id.as_str()), ("name", name), ("value", value)] {
        document.set_attr(pair, name, value);
    }
}

/// Operations turn into failures, hang, or are forgotten; counts of failures appear.
fn failures(document: &mut Document, maker: &mut Maker) {
    for _ in 0..maker.random.below(4) {
        let Some(record) = some(document, maker, |element| {
            // Cancellations are kept by simulators only.
            element.name() == "lrm_rsc_op" && element.attr("operation") != Some("cancel")
        }) else {
            return;
        };
        let element = document.element(record);
        let old_rc = element.attr("rc-code").unwrap_or("0").to_owned();
        let operation = element.attr("operation").unwrap_or_default().to_owned();
        let key = element.attr("operation_key").unwrap_or_default().to_owned();
        let magic = element.attr("transition-key").unwrap_or_default().to_owned();
        let resource = element.parent().and_then(Element::id).unwrap_or_default().to_owned();
        let state = element.ancestors().find(|up| up.name() == "node_state").map(Element::ix);
        match maker.random.below(6) {
            0 | 1 => {
                // Roles and degraded states are answers of monitors only.
                let answers: &[&str] = match operation.as_str() {
                    "monitor" => &["1", "2", "5", "6", "7", "8", "9", "3", "190"],
                    _ => &["1", "2", "5", "6", "7", "3"],
                };
                let rc = maker.random.pick(answers);
                let changed = (NOW - [10, 700, 90_000][maker.random.below(3)]).to_string();
                let expected = if magic.is_empty() { old_rc } else { magic.clone() };
                document.set_attr(record, "rc-code", rc);
                document.set_attr(record, "op-status", maker.random.pick(&["0", "4"]));
                document.set_attr(record, "transition-magic", &format!("4:{rc};{expected}"));
                document.set_attr(record, "last-rc-change", &changed);
                if let (Some(state), true) = (state, maker.random.chance(70)) {
                    let interval = key.rsplit('_').next().unwrap_or("0");
                    let name = format!("{}#{operation}_{interval}", plain_name(&resource));
                    let count = maker.random.pick(&["1", "2", "3", "INFINITY"]);
                    transient(document, state, &format!("fail-count-{name}"), count);
                    transient(document, state, &format!("last-failure-{name}"), &changed);
                }
            }
            // Timed out.
            2 => {
                document.set_attr(record, "rc-code", "1");
                document.set_attr(record, "op-status", "2");
                document.set_attr(record, "transition-magic", &format!("2:1;{magic}"));
            }
            // Still going on.
            3 => {
                document.set_attr(record, "rc-code", "193");
                document.set_attr(record, "op-status", "-1");
                document.set_attr(record, "call-id", "-1");
                document.set_attr(record, "transition-magic", &format!("-1:193;{magic}"));
            }
            4 => document.remove(record),
            // Made with other parameters.
            _ => document.set_attr(record, "op-digest", "0123456789abcdef0123456789abcdef"),
        }
    }
}

/// Fail counts of anonymous instances do not have their number.
fn plain_name(id: &str) -> &str {
    id.split(':').next().unwrap_or(id)
}

/// An administrator at work.
fn change(document: &mut Document, maker: &mut Maker) {
    match maker.random.below(9) {
        0 | 1 => {
            // A constraint less.
            if let Some(constraint) = some(document, maker, |element| {
                element.parent().is_some_and(|parent| parent.name() == "constraints")
            }) {
                document.remove(constraint);
            }
        }
        2 => {
            // A resource less, which may leave constraints behind.
            let has = |element: Element<'_>| {
                matches!(element.name(), "primitive" | "group" | "clone")
                    && element.parent().is_some_and(|parent| parent.name() == "resources")
            };
            if maker.random.chance(40)
                && let Some(resource) = some(document, maker, has)
            {
                remove_with_references(document, resource);
            }
        }
        3 | 4 => set_meta(document, maker),
        5 => {
            let node = some(document, maker, |element| element.name() == "node");
            if let Some(node) = node {
                let name = maker.random.pick(&["standby", "standby", "maintenance"]);
                set_pair(document, node, "instance_attributes", name, maker.random.pick(&["true", "false"]));
            }
        }
        6 => {
            // Another agent or parameter.
            if let Some(primitive) = some(document, maker, |element| {
                element.name() == "primitive" && element.attr("type") == Some("Dummy")
            }) {
                if maker.random.chance(25) {
                    document.set_attr(primitive, "provider", "heartbeat");
                } else {
                    set_pair(document, primitive, "instance_attributes", "fake", "changed");
                }
            }
        }
        7 => {
            // A recurring operation less, or another interval.
            if let Some(op) = some(document, maker, |element| {
                element.name() == "op" && element.attr("name") == Some("monitor")
            }) {
                document.set_attr(op, "interval", maker.random.pick(&["11s", "13s"]));
            }
        }
        _ => {
            if let Some(score) = some(document, maker, |element| {
                element.has_attr("score") && matches!(element.name(), "rsc_location" | "rsc_colocation")
            }) {
                let new = maker.score();
                document.set_attr(score, "score", new);
            }
        }
    }
}

fn set_meta(document: &mut Document, maker: &mut Maker) {
    let has = |element: Element<'_>| matches!(element.name(), "primitive" | "group" | "clone" | "bundle");
    let Some(resource) = some(document, maker, has) else { return };
    let (name, value) = [
        ("target-role", "Stopped"),
        ("target-role", "Started"),
        ("is-managed", "false"),
        ("maintenance", "true"),
        ("resource-stickiness", "100"),
        ("resource-stickiness", "0"),
        ("migration-threshold", "1"),
        ("priority", "4"),
    ][maker.random.below(8)];
    set_pair(document, resource, "meta_attributes", name, value);
}

/// Sets a pair in the first block of this kind that has no rule, or in a new one where the schema wants it.
fn set_pair(document: &mut Document, parent: NodeIx, kind: &str, name: &str, value: &str) {
    let id = document.element(parent).id().unwrap_or_default().to_owned();
    let block = document
        .element(parent)
        .children_named(kind)
        .find(|block| block.child("rule").is_none())
        .map(Element::ix);
    let block = block.unwrap_or_else(|| {
        let first = document.element(parent).children().next().map(Element::ix);
        let block = match first {
            Some(first) => document.insert_before(first, kind),
            None => document.append(parent, kind),
        };
        document.set_attr(block, "id", &format!("later-{id}-{kind}"));
        block
    });
    let old =
        document.element(block).children().find(|pair| pair.attr("name") == Some(name)).map(Element::ix);
    if let Some(old) = old {
        document.set_attr(old, "value", value);
        return;
    }
    let pair = document.append(block, "nvpair");
    document.set_attr(pair, "id", &format!("later-{id}-{name}"));
    document.set_attr(pair, "name", name);
    document.set_attr(pair, "value", value);
}

fn remove_with_references(document: &mut Document, resource: NodeIx) {
    let gone: Vec<String> = document
        .element(resource)
        .self_and_descendants()
        .filter(|element| matches!(element.name(), "primitive" | "group" | "clone"))
        .filter_map(|element| element.id().map(str::to_owned))
        .collect();
    let names = |value: Option<&str>| value.is_some_and(|value| gone.iter().any(|id| id == value));
    let mut left = all(document, |element| {
        ["rsc", "with-rsc", "first", "then"].iter().any(|name| names(element.attr(name)))
            || (matches!(element.name(), "resource_ref" | "obj_ref") && names(element.id()))
            || (element.name() == "fencing-level"
                && element.attr("devices").is_some_and(|all| all.split(',').any(|id| names(Some(id)))))
    });
    left.push(resource);
    for element in left {
        let parent = document
            .element(element)
            .parent()
            .map(|parent| (parent.ix(), parent.name() == "tag" || parent.name() == "resource_set"));
        document.remove(element);
        // An empty set or tag is not allowed; a constraint without its last set neither.
        if let Some((parent, true)) = parent
            && document.element(parent).children().next().is_none()
        {
            let outer = document.element(parent).parent().map(Element::ix);
            document.remove(parent);
            if let Some(outer) = outer.filter(|outer| {
                let outer = document.element(*outer);
                outer.name().starts_with("rsc_") && outer.children().next().is_none()
            }) {
                document.remove(outer);
            }
        }
    }
}
