//! The CIB of heartbeat 2.x, which had no schema name: rewritten as the first named schema, Pacemaker 1.0, has it.
//!
//! Knows what changed its name or its place between 2.1.3 and 1.0. Later steps are the store's.

use holdfast_xml::{Document, NodeIx};

/// Options of resources that were parameters or attributes of the element, and became meta attributes.
const META: &[&str] = &[
    "clone_max",
    "clone_node_max",
    "collocated",
    "globally_unique",
    "interleave",
    "is_managed",
    "master_max",
    "master_node_max",
    "multiple_active",
    "notify",
    "ordered",
    "priority",
    "resource_stickiness",
    "restart_type",
    "target_role",
];
const RESOURCES: &[&str] = &["primitive", "group", "clone", "master"];
/// Attributes that only changed their names: of which element, before, after.
const RENAMED: &[(&str, &str, &str)] = &[
    ("rule", "boolean_op", "boolean-op"),
    ("rule", "score_attribute", "score-attribute"),
    ("op", "on_fail", "on-fail"),
    ("op", "start_delay", "start-delay"),
    ("op", "interval_origin", "interval-origin"),
    ("op", "prereq", "requires"),
    ("rsc_colocation", "from", "rsc"),
    ("rsc_colocation", "to", "with-rsc"),
    ("rsc_colocation", "from_role", "rsc-role"),
    ("rsc_colocation", "to_role", "with-rsc-role"),
];

/// Rewrites the document.
pub fn rewrite(document: &mut Document) {
    for ix in named(document, &["master_slave"]) {
        document.rename(ix, "master");
    }
    unwrap_attributes(document);
    for (element, old, new) in RENAMED {
        for ix in named(document, &[element]) {
            rename_attr(document, ix, old, new);
        }
    }
    for ix in named(document, &["rsc_colocation"]) {
        document.remove_attr(ix, "symmetrical");
    }
    orders(document);
    for ix in named(document, RESOURCES) {
        meta(document, ix);
    }
    for ix in named(document, &["nvpair"]) {
        let element = document.element(ix);
        let option = element.ancestors().any(|e| matches!(e.name(), "crm_config" | "meta_attributes"));
        let name = element.attr("name").filter(|n| option && n.contains('_')).map(|n| n.replace('_', "-"));
        if let Some(name) = name {
            document.set_attr(ix, "name", &name);
        }
    }
    let root = document.root().ix();
    let old: Vec<String> =
        document.root().attrs().map(|(n, _)| n.to_owned()).filter(|n| n.contains('_')).collect();
    for name in
        old.iter().filter(|n| !matches!(n.as_str(), "admin_epoch" | "num_updates" | "crm_feature_set"))
    {
        document.remove_attr(root, name);
    }
    document.remove_attr(root, "generated");
    document.remove_attr(root, "ignore_dtd");
}

fn named(document: &Document, names: &[&str]) -> Vec<NodeIx> {
    let configuration = document.root().child("configuration");
    let all = configuration.into_iter().flat_map(|c| c.self_and_descendants());
    all.filter(|e| names.contains(&e.name())).map(|e| e.ix()).collect()
}

fn rename_attr(document: &mut Document, ix: NodeIx, old: &str, new: &str) {
    let Some(value) = document.element(ix).attr(old).map(str::to_owned) else { return };
    document.remove_attr(ix, old);
    document.set_attr(ix, new, &value);
}

/// Pairs stood in an element `attributes` inside their set.
fn unwrap_attributes(document: &mut Document) {
    let before = document.clone();
    for ix in named(&before, &["attributes"]) {
        let wrapper = before.element(ix);
        let Some(set) = wrapper.parent() else { continue };
        document.remove(ix);
        for pair in wrapper.children() {
            document.append_copy(set.ix(), &before, pair.ix());
        }
    }
}

/// `from` acted before or after `to`; after, unless the line said otherwise.
fn orders(document: &mut Document) {
    for ix in named(document, &["rsc_order"]) {
        let element = document.element(ix);
        let value = |name: &str| element.attr(name).map(str::to_owned);
        let (from, to) = (value("from"), value("to"));
        let (action, to_action) = (value("action"), value("to_action"));
        let before = value("type").as_deref() == Some("before");
        for name in ["from", "to", "type", "action", "to_action"] {
            document.remove_attr(ix, name);
        }
        let sides = if before {
            [("first", from), ("first-action", action), ("then", to), ("then-action", to_action)]
        } else {
            [("first", to), ("first-action", to_action), ("then", from), ("then-action", action)]
        };
        for (name, value) in sides {
            if let Some(value) = value {
                document.set_attr(ix, name, &value);
            }
        }
    }
}

/// Gathers the options of a resource from its attributes and parameters in a set of their own.
fn meta(document: &mut Document, resource: NodeIx) {
    let element = document.element(resource);
    let mut pairs: Vec<(String, String)> = element
        .attrs()
        .filter(|(name, _)| META.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let sets: Vec<_> = element.children_named("instance_attributes").collect();
    let mut gone = Vec::new();
    for set in &sets {
        let options: Vec<_> = set
            .children_named("nvpair")
            .filter(|p| p.attr("name").is_some_and(|n| META.contains(&n)))
            .collect();
        for pair in &options {
            let text = |name: &str| pair.attr(name).unwrap_or_default().to_owned();
            pairs.push((text("name"), text("value")));
        }
        if !options.is_empty() && options.len() == set.children().count() {
            gone.push(set.ix());
        } else {
            gone.extend(options.iter().map(|p| p.ix()));
        }
    }
    let own = element.child("meta_attributes").map(|e| e.ix());
    let id = element.id().unwrap_or_default().to_owned();
    let first = element.children().next().map(|e| e.ix());
    for ix in gone.iter().filter(|ix| Some(**ix) != first) {
        document.remove(*ix);
    }
    for name in META {
        document.remove_attr(resource, name);
    }
    if !pairs.is_empty() {
        let set = match (own, first) {
            (Some(set), _) => set,
            (None, Some(first)) => document.insert_before(first, "meta_attributes"),
            (None, None) => document.append(resource, "meta_attributes"),
        };
        if own.is_none() {
            document.set_attr(set, "id", &format!("{id}-options"));
        }
        for (name, value) in pairs {
            let pair = document.append(set, "nvpair");
            for (key, value) in
                [("id", format!("{id}-options-{name}")), ("name", name.clone()), ("value", value.clone())]
            {
                document.set_attr(pair, key, &value);
            }
        }
    }
    if let Some(first) = first.filter(|first| gone.contains(first)) {
        document.remove(first);
    }
}
