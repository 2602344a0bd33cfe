//! Rare features of a configuration, added to a random one afterwards: what older references read otherwise than newer
//! ones, or do not know.
//!
//! Knows where the schema of version 4.0 wants things. Does not know what they do.

use super::{Maker, NOW};
use holdfast_model::iso8601::DateTime;
use holdfast_xml::{Document, Element, NodeIx};

/// One feature; adds nothing where there is no place for it.
type Feature = fn(&mut Document, &mut Maker);

const FEATURES: [Feature; 22] = [
    group_without_order,
    ticket_for_sets,
    sets_with_scores,
    sets_with_actions,
    dated_meta,
    operations_with_details,
    cloned_device,
    constraint_of_template,
    detailed_bundle,
    remote_node_entry,
    cluster_options,
    health_options,
    resource_defaults,
    unusual_expressions,
    unfencing,
    loose_orders,
    scarce_capacity,
    numbers_of_instances,
    devices_of_members,
    roles_in_locations,
    node_attributes,
    colocated_by_attribute,
];

/// Adds some rare features.
pub fn widen(document: &mut Document, maker: &mut Maker) {
    let chance = [0, 8, 15, 25][maker.random.below(4)];
    if maker.names.top.is_empty() {
        return;
    }
    for feature in FEATURES {
        if maker.random.chance(chance) {
            feature(document, maker);
        }
    }
}

/// All elements of a name.
pub(super) fn named(document: &Document, name: &str) -> Vec<NodeIx> {
    document.root().descendants().filter(|element| element.name() == name).map(Element::ix).collect()
}

/// One of the elements of a name.
pub(super) fn one_named(document: &Document, maker: &mut Maker, name: &str) -> Option<NodeIx> {
    let found = named(document, name);
    (!found.is_empty()).then(|| found[maker.random.below(found.len())])
}

/// Adds an element with attributes.
pub(super) fn add(
    document: &mut Document,
    parent: NodeIx,
    name: &str,
    attributes: &[(&str, &str)],
) -> NodeIx {
    let new = document.append(parent, name);
    for (name, value) in attributes {
        document.set_attr(new, name, value);
    }
    new
}

/// Adds a block with one pair, before whatever has to come after it.
fn add_block(
    document: &mut Document,
    parent: NodeIx,
    kind: &str,
    id: &str,
    pairs: &[(&str, &str)],
) -> NodeIx {
    let first = document.element(parent).children().next().map(Element::ix);
    let block = match first {
        Some(first) => document.insert_before(first, kind),
        None => document.append(parent, kind),
    };
    document.set_attr(block, "id", id);
    for (at, (name, value)) in pairs.iter().enumerate() {
        add(document, block, "nvpair", &[("id", &format!("{id}-{at}")), ("name", name), ("value", value)]);
    }
    block
}

fn meta(document: &mut Document, parent: NodeIx, pairs: &[(&str, &str)], maker: &mut Maker) {
    let id = format!("more{}", maker.next());
    add_block(document, parent, "meta_attributes", &id, pairs);
}

fn option(document: &mut Document, maker: &mut Maker, name: &str, value: &str) {
    let Some(set) = one_named(document, maker, "cluster_property_set") else { return };
    let known = document.element(set).children().any(|pair| pair.attr("name") == Some(name));
    if !known {
        let id = format!("more{}", maker.next());
        add(document, set, "nvpair", &[("id", &id), ("name", name), ("value", value)]);
    }
}

fn group_without_order(document: &mut Document, maker: &mut Maker) {
    let Some(group) = one_named(document, maker, "group") else { return };
    let name = maker.random.pick(&["ordered", "colocated"]);
    meta(document, group, &[(name, "false")], maker);
}

/// Names of some top-level resources.
fn some_top(maker: &mut Maker) -> Vec<String> {
    let mut all: Vec<String> = maker.names.top.iter().map(|(id, _)| id.clone()).collect();
    maker.random.shuffle(&mut all);
    all.truncate(1 + maker.random.below(3));
    all
}

fn ticket_for_sets(document: &mut Document, maker: &mut Maker) {
    let Some(section) = one_named(document, maker, "constraints") else { return };
    let policy = maker.random.pick(&["stop", "demote", "freeze"]);
    let id = format!("more{}", maker.next());
    let name = maker.random.pick(&["ticketA", "ticketC"]);
    let ticket =
        add(document, section, "rsc_ticket", &[("id", &id), ("ticket", name), ("loss-policy", policy)]);
    let set = add(document, ticket, "resource_set", &[("id", &format!("{id}-set"))]);
    if maker.random.chance(40) {
        document.set_attr(set, "role", maker.random.pick(&["Promoted", "Started", "Unpromoted"]));
    }
    for id in some_top(maker) {
        add(document, set, "resource_ref", &[("id", &id)]);
    }
}

/// The sets of one kind of constraint.
fn sets_of(document: &Document, constraint: &str) -> Vec<NodeIx> {
    named(document, "resource_set")
        .into_iter()
        .filter(|set| document.element(*set).parent().is_some_and(|parent| parent.name() == constraint))
        .collect()
}

fn sets_with_scores(document: &mut Document, maker: &mut Maker) {
    for set in sets_of(document, "rsc_colocation") {
        if maker.random.chance(50) {
            let score = maker.score();
            document.set_attr(set, "score", score);
        }
        if maker.random.chance(20) {
            document.set_attr(set, "ordering", maker.random.pick(&["listed", "group"]));
        }
    }
}

fn sets_with_actions(document: &mut Document, maker: &mut Maker) {
    for set in sets_of(document, "rsc_order") {
        if maker.random.chance(40) {
            document.set_attr(set, "action", maker.random.pick(&["start", "stop", "promote", "demote"]));
        }
        if maker.random.chance(15) {
            document.set_attr(set, "role", maker.random.pick(&["Promoted", "Started"]));
        }
    }
}

fn time(seconds: i64) -> String {
    let fields = DateTime::from_epoch(seconds).fields();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
        fields.year, fields.month, fields.month_day, fields.hour, fields.minute, fields.second
    )
}

/// A date expression below a rule.
fn date(document: &mut Document, rule: NodeIx, id: &str, maker: &mut Maker) {
    let expression = add(document, rule, "date_expression", &[("id", id)]);
    let (start, end) = [(-7_200, -3_600), (-3_600, 3_600), (3_600, 7_200), (0, 60)][maker.random.below(4)];
    let set = |document: &mut Document, pairs: &[(&str, &str)]| {
        for (name, value) in pairs {
            document.set_attr(expression, name, value);
        }
    };
    match maker.random.below(4) {
        0 => set(
            document,
            &[("operation", "in_range"), ("start", &time(NOW + start)), ("end", &time(NOW + end))],
        ),
        1 => {
            set(document, &[("operation", "in_range"), ("start", &time(NOW + start))]);
            let hours = maker.random.pick(&["1", "3"]);
            add(document, expression, "duration", &[("id", &format!("{id}-d")), ("hours", hours)]);
        }
        2 => set(document, &[("operation", "gt"), ("start", &time(NOW + start))]),
        _ => {
            set(document, &[("operation", "date_spec")]);
            let (name, value) = [
                ("years", "2026"),
                ("months", "9"),
                ("monthdays", "1-21"),
                ("weeks", "39"),
                ("yeardays", "200-300"),
            ][maker.random.below(5)];
            add(document, expression, "date_spec", &[("id", &format!("{id}-s")), (name, value)]);
        }
    }
}

/// Meta attributes or parameters for some time only.
fn dated_meta(document: &mut Document, maker: &mut Maker) {
    let kind = maker.random.pick(&["primitive", "primitive", "group", "clone"]);
    let Some(rsc) = one_named(document, maker, kind) else { return };
    let id = format!("more{}", maker.next());
    let pair = [
        ("meta_attributes", "resource-stickiness", "500"),
        ("meta_attributes", "target-role", "Stopped"),
        ("meta_attributes", "is-managed", "false"),
        ("meta_attributes", "priority", "7"),
        ("instance_attributes", "fake", "dated"),
    ][maker.random.below(if kind == "primitive" { 5 } else { 4 })];
    let block = add_block(document, rsc, pair.0, &id, &[(pair.1, pair.2)]);
    document.set_attr(block, "score", maker.random.pick(&["10", "-1", "INFINITY"]));
    dated(document, block, &id, maker);
}

/// Lets a block count for some time only.
fn dated(document: &mut Document, block: NodeIx, id: &str, maker: &mut Maker) {
    let first = document.element(block).children().next().map(Element::ix);
    let Some(first) = first else { return };
    let rule = document.insert_before(first, "rule");
    document.set_attr(rule, "id", &format!("{id}-rule"));
    date(document, rule, &format!("{id}-date"), maker);
}

fn operations_with_details(document: &mut Document, maker: &mut Maker) {
    for op in named(document, "op") {
        if !maker.random.chance(40) {
            continue;
        }
        let id = format!("more{}", maker.next());
        match maker.random.below(6) {
            0 => document.set_attr(op, "interval-origin", "2026-09-21 00:00:00Z"),
            1 => document.set_attr(op, "start-delay", maker.random.pick(&["5s", "1min"])),
            2 => document.set_attr(op, "record-pending", maker.random.pick(&["true", "false"])),
            3 => {
                add_block(document, op, "instance_attributes", &id, &[("OCF_CHECK_LEVEL", "10")]);
            }
            4 => {
                let block = add_block(document, op, "meta_attributes", &id, &[("timeout", "33s")]);
                if maker.random.chance(50) {
                    dated(document, block, &id, maker);
                }
            }
            _ => document.set_attr(op, "timeout", "1h"),
        }
    }
}

fn cloned_device(document: &mut Document, maker: &mut Maker) {
    let Some(section) = one_named(document, maker, "resources") else { return };
    let id = format!("r{}", maker.next());
    let clone = add(document, section, "clone", &[("id", &id)]);
    let inner = format!("{id}p");
    let class = maker.random.pick(&["stonith", "systemd", "lsb"]);
    let agent = if class == "stonith" { "fence_xvm" } else { "sshd" };
    add(document, clone, "primitive", &[("id", &inner), ("class", class), ("type", agent)]);
    if maker.random.chance(50) {
        meta(document, clone, &[("interleave", "true")], maker);
    }
}

fn constraint_of_template(document: &mut Document, maker: &mut Maker) {
    let Some(section) = one_named(document, maker, "constraints") else { return };
    let used = named(document, "primitive")
        .iter()
        .any(|primitive| document.element(*primitive).attr("template") == Some("tmpl"));
    if !used {
        return;
    }
    let id = format!("more{}", maker.next());
    let other = maker.names.top[maker.random.below(maker.names.top.len())].0.clone();
    let (node, score) = (maker.node_name(), maker.score());
    match maker.random.below(4) {
        0 => add(
            document,
            section,
            "rsc_location",
            &[("id", &id), ("rsc", "tmpl"), ("node", &node), ("score", score)],
        ),
        1 => add(
            document,
            section,
            "rsc_colocation",
            &[("id", &id), ("rsc", "tmpl"), ("with-rsc", &other), ("score", score)],
        ),
        2 => add(
            document,
            section,
            "rsc_colocation",
            &[("id", &id), ("rsc", &other), ("with-rsc", "tmpl"), ("score", score)],
        ),
        _ => add(document, section, "rsc_ticket", &[("id", &id), ("rsc", "tmpl"), ("ticket", "ticketA")]),
    };
}

fn detailed_bundle(document: &mut Document, maker: &mut Maker) {
    let Some(bundle) = one_named(document, maker, "bundle") else { return };
    let id = format!("more{}", maker.next());
    let network = document.element(bundle).child("network").map(Element::ix);
    if let Some(network) = network {
        if maker.random.chance(50) {
            document.set_attr(network, "control-port", "9999");
        }
        if maker.random.chance(40) {
            document.set_attr(network, "host-netmask", "24");
        }
        if maker.random.chance(40) {
            document.set_attr(network, "add-host", "false");
        }
        if maker.random.chance(40) {
            let port =
                add(document, network, "port-mapping", &[("id", &format!("{id}-port")), ("port", "80")]);
            if maker.random.chance(50) {
                document.set_attr(port, "internal-port", "8080");
            }
        }
        let (mapping, root) = (format!("{id}-map"), maker.random.chance(40));
        let source = if root { "source-dir-root" } else { "source-dir" };
        let pairs = [("id", mapping.as_str()), (source, "/srv/www"), ("target-dir", "/var/www")];
        let next = document.element(bundle).child("primitive").map(Element::ix);
        let storage = match next {
            Some(next) => document.insert_before(next, "storage"),
            None => document.append(bundle, "storage"),
        };
        add(document, storage, "storage-mapping", &pairs);
    }
    let inner = document.element(bundle).child("primitive").map(Element::ix);
    if let Some(inner) = inner.filter(|_| maker.random.chance(30)) {
        meta(document, inner, &[("container-attribute-target", "host")], maker);
    }
}

fn remote_node_entry(document: &mut Document, maker: &mut Maker) {
    let Some(section) = one_named(document, maker, "nodes") else { return };
    for name in maker.names.remotes.clone() {
        // No two elements have one id.
        let configured =
            named(document, "node").into_iter().any(|node| document.element(node).attr("id") == Some(&name));
        if !maker.random.chance(60) || configured {
            continue;
        }
        let node = add(document, section, "node", &[("id", &name), ("uname", &name), ("type", "remote")]);
        let pairs: [(&str, &[&str]); 5] = [
            ("standby", &["on", "off"]),
            ("maintenance", &["true", "false"]),
            ("site", &["a", "b"]),
            ("resource-discovery-enabled", &["false", "true"]),
            ("#health-remote", &["red", "yellow"]),
        ];
        let (name, values) = pairs[maker.random.below(pairs.len())];
        let value = maker.random.pick(values);
        let id = format!("more{}", maker.next());
        add_block(document, node, "instance_attributes", &id, &[(name, value)]);
        if maker.taste.utilization {
            let id = format!("more{}", maker.next());
            let block = add(document, node, "utilization", &[("id", &id)]);
            add(document, block, "nvpair", &[("id", &format!("{id}-0")), ("name", "cpu"), ("value", "3")]);
        }
    }
}

fn cluster_options(document: &mut Document, maker: &mut Maker) {
    let choices: [(&str, &[&str]); 7] = [
        ("cluster-name", &["prod", "test"]),
        ("node-pending-timeout", &["0", "2h", "10s"]),
        ("stonith-watchdog-timeout", &["0", "10s"]),
        ("fence-reaction", &["stop", "panic"]),
        ("no-quorum-policy", &["fence", "stop"]),
        ("cluster-recheck-interval", &["5min"]),
        ("node-action-limit", &["1"]),
    ];
    for (name, values) in choices {
        if maker.random.chance(25) {
            let value = maker.random.pick(values);
            option(document, maker, name, value);
        }
    }
}

fn health_options(document: &mut Document, maker: &mut Maker) {
    let strategy = maker.random.pick(&["custom", "progressive", "only-green", "migrate-on-red"]);
    option(document, maker, "node-health-strategy", strategy);
    for (name, values) in [
        ("node-health-green", ["7", "INFINITY"]),
        ("node-health-red", ["-3", "0"]),
        ("node-health-base", ["20", "-20"]),
    ] {
        if maker.random.chance(50) {
            let value = maker.random.pick(&values);
            option(document, maker, name, value);
        }
    }
    let Some(node) = one_named(document, maker, "node") else { return };
    let id = format!("more{}", maker.next());
    let value = maker.random.pick(&["red", "yellow", "green", "-7", "12"]);
    add_block(document, node, "instance_attributes", &id, &[("#health-more", value)]);
}

fn resource_defaults(document: &mut Document, maker: &mut Maker) {
    let Some(configuration) = one_named(document, maker, "configuration") else { return };
    let pair = [
        ("target-role", "Stopped"),
        ("target-role", "Unpromoted"),
        ("is-managed", "false"),
        ("allow-migrate", "true"),
        ("multiple-active", "stop_only"),
        ("migration-threshold", "1"),
        ("critical", "false"),
        ("requires", "quorum"),
    ][maker.random.below(8)];
    let section = match document.element(configuration).child("rsc_defaults").map(Element::ix) {
        Some(section) => section,
        None => {
            let Some(constraints) = one_named(document, maker, "constraints") else { return };
            let after = document.element(constraints).next_sibling().map(Element::ix);
            let after = match after {
                Some(next) if document.element(next).name() == "fencing-topology" => {
                    document.element(next).next_sibling().map(Element::ix)
                }
                other => other,
            };
            match after {
                Some(next) => document.insert_before(next, "rsc_defaults"),
                None => document.append(configuration, "rsc_defaults"),
            }
        }
    };
    meta(document, section, &[pair], maker);
}

fn unusual_expressions(document: &mut Document, maker: &mut Maker) {
    for expression in named(document, "expression") {
        if !maker.random.chance(40) {
            continue;
        }
        let (attribute, operation, value) = [
            ("#cluster-name", "eq", "prod"),
            ("#site-name", "ne", "west"),
            ("#is_dc", "eq", "true"),
            ("#id", "eq", "1"),
            ("rack", "gte", "10"),
            ("rack", "lte", "2"),
            ("#ra-version", "gt", "1.0"),
            ("site", "lt", "B"),
        ][maker.random.below(8)];
        for (name, value) in [("attribute", attribute), ("operation", operation), ("value", value)] {
            document.set_attr(expression, name, value);
        }
        document.remove_attr(expression, "type");
        if attribute == "rack" || attribute == "#ra-version" {
            document.set_attr(expression, "type", maker.random.pick(&["version", "string", "number"]));
        }
        // A rule of a location may look at the resource.
        if attribute == "site" && maker.random.chance(50) {
            document.set_attr(expression, "value-source", maker.random.pick(&["param", "meta", "literal"]));
            document.set_attr(expression, "value", maker.random.pick(&["state", "priority", "a"]));
        }
    }
}

fn unfencing(document: &mut Document, maker: &mut Maker) {
    let devices: Vec<NodeIx> = named(document, "primitive")
        .into_iter()
        .filter(|primitive| document.element(*primitive).attr("class") == Some("stonith"))
        .collect();
    let Some(device) = devices.first().copied() else { return };
    meta(document, device, &[("provides", "unfencing")], maker);
    if let Some(rsc) = one_named(document, maker, "primitive") {
        meta(document, rsc, &[("requires", "unfencing")], maker);
    }
}

fn loose_orders(document: &mut Document, maker: &mut Maker) {
    for order in named(document, "rsc_order") {
        match maker.random.below(5) {
            0 => document.set_attr(order, "symmetrical", "false"),
            1 => {
                document.remove_attr(order, "kind");
                document.set_attr(order, "score", maker.random.pick(&["0", "INFINITY"]));
            }
            2 if !document.element(order).children().any(|_| true) => {
                document.set_attr(order, "require-all", "false");
            }
            _ => {}
        }
    }
}

fn scarce_capacity(document: &mut Document, maker: &mut Maker) {
    let strategy = maker.random.pick(&["utilization", "balanced", "minimal"]);
    option(document, maker, "placement-strategy", strategy);
    for node in named(document, "node") {
        let id = format!("more{}", maker.next());
        let block = add(document, node, "utilization", &[("id", &id)]);
        let size = (1 + maker.random.below(4)).to_string();
        add(document, block, "nvpair", &[("id", &format!("{id}-0")), ("name", "disk"), ("value", &size)]);
    }
    for primitive in named(document, "primitive") {
        if maker.random.chance(60) {
            let id = format!("more{}", maker.next());
            let block = add(document, primitive, "utilization", &[("id", &id)]);
            let size = (1 + maker.random.below(2)).to_string();
            add(document, block, "nvpair", &[("id", &format!("{id}-0")), ("name", "disk"), ("value", &size)]);
        }
    }
}

fn numbers_of_instances(document: &mut Document, maker: &mut Maker) {
    let Some(clone) = one_named(document, maker, "clone") else { return };
    let pair = [
        ("clone-max", "0"),
        ("clone-max", "7"),
        ("clone-min", "2"),
        ("clone-node-max", "2"),
        ("promoted-max", "0"),
        ("promoted-node-max", "3"),
        ("notify", "true"),
        ("ordered", "true"),
        ("interleave", "true"),
    ][maker.random.below(9)];
    meta(document, clone, &[pair], maker);
}

/// Guest nodes inside of groups.
fn devices_of_members(document: &mut Document, maker: &mut Maker) {
    let Some(group) = one_named(document, maker, "group") else { return };
    let in_clone = document.element(group).parent().is_some_and(|parent| parent.name() == "clone");
    let member = document.element(group).children_named("primitive").next().map(Element::ix);
    if let Some(member) = member.filter(|_| !in_clone) {
        let guest = format!("inner{}", maker.next());
        meta(document, member, &[("remote-node", &guest)], maker);
        maker.names.remotes.push(guest);
    }
}

fn roles_in_locations(document: &mut Document, maker: &mut Maker) {
    for location in named(document, "rsc_location") {
        let element = document.element(location);
        if element.attr("rsc").is_some() && element.child("rule").is_none() && maker.random.chance(50) {
            document.set_attr(location, "role", maker.random.pick(&["Promoted", "Unpromoted", "Started"]));
        }
    }
}

fn node_attributes(document: &mut Document, maker: &mut Maker) {
    for node in named(document, "node") {
        if maker.random.chance(50) {
            let id = format!("more{}", maker.next());
            let pair = [("site-name", "west"), ("site", "B"), ("rack", "1.9"), ("standby", "true")]
                [maker.random.below(4)];
            let block = add_block(document, node, "instance_attributes", &id, &[pair]);
            document.set_attr(block, "score", maker.random.pick(&["1", "-1"]));
        }
    }
}

fn colocated_by_attribute(document: &mut Document, maker: &mut Maker) {
    for colocation in named(document, "rsc_colocation") {
        let simple = document.element(colocation).attr("rsc").is_some();
        if simple && maker.random.chance(50) {
            document.set_attr(colocation, "node-attribute", maker.random.pick(&["site", "rack", "#id"]));
        }
        if simple && maker.random.chance(20) {
            document.set_attr(colocation, "influence", "false");
        }
    }
}
