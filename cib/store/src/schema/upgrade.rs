//! Transforming documents of old schemas.
//!
//! Each step keeps the meaning: what a newer schema dropped and the cluster ignored anyway goes, what was renamed gets
//! its new name, what was expressed differently is rewritten.

use std::collections::BTreeSet;

use holdfast_model::Score;
use holdfast_xml::{Document, Element, NodeIx};

/// Applies the steps that lead from one major version to the next.
pub(super) fn from_major(document: &mut Document, major: u8) {
    match major {
        1 => from_1(document),
        2 => from_2(document),
        _ => from_3(document),
    }
}

fn all(document: &Document, accepts: impl Fn(Element<'_>) -> bool) -> Vec<NodeIx> {
    let configuration = document.root().child("configuration");
    configuration
        .into_iter()
        .flat_map(Element::self_and_descendants)
        .filter(|element| accepts(*element))
        .map(Element::ix)
        .collect()
}

fn named(document: &Document, name: &str) -> Vec<NodeIx> {
    all(document, |element| element.name() == name)
}

fn rename_attr(document: &mut Document, ix: NodeIx, old: &str, new: &str) {
    let Some(value) = document.element(ix).attr(old).map(str::to_owned) else { return };
    if document.element(ix).attr(new).is_none() {
        document.set_attr(ix, new, &value);
    }
    document.remove_attr(ix, old);
}

/// 1.x to 2.0: access rules in the shape of targets and permissions, nodes without the type `normal`.
fn from_1(document: &mut Document) {
    for ix in named(document, "acl_user") {
        document.rename(ix, "acl_target");
        for child in document.element(ix).children().map(Element::ix).collect::<Vec<_>>() {
            if document.element(child).name() == "role_ref" {
                document.rename(child, "role");
            }
        }
    }
    for old in ["read", "write", "deny"] {
        for ix in all(document, |element| {
            element.name() == old && element.ancestors().any(|parent| parent.name() == "acls")
        }) {
            document.rename(ix, "acl_permission");
            document.set_attr(ix, "kind", old);
            rename_attr(document, ix, "tag", "object-type");
            rename_attr(document, ix, "ref", "reference");
        }
    }
    for ix in all(document, |element| element.name() == "node" && element.attr("type") == Some("normal")) {
        document.set_attr(ix, "type", "member");
    }
}

/// Cluster options whose names changed between 1.0 and 3.0, also with underscores.
const OPTIONS_3: &[(&str, &str)] = &[
    ("cluster_recheck_interval", "cluster-recheck-interval"),
    ("dc_deadtime", "dc-deadtime"),
    ("default-action-timeout", ""),
    ("default_action_timeout", ""),
    ("default-resource-failure-stickiness", "default-resource-failure-stickiness"),
    ("default_resource_failure_stickiness", "default-resource-failure-stickiness"),
    ("default_resource_stickiness", "default-resource-stickiness"),
    ("election_timeout", "election-timeout"),
    ("expected-quorum-votes", ""),
    ("is_managed_default", "is-managed-default"),
    ("no_quorum_policy", "no-quorum-policy"),
    ("notification-agent", "notification-agent"),
    ("remove_after_stop", "remove-after-stop"),
    ("shutdown_escalation", "shutdown-escalation"),
    ("startup_fencing", "startup-fencing"),
    ("stonith_action", "stonith-action"),
    ("stonith_enabled", "stonith-enabled"),
    ("stop_orphan_actions", "stop-orphan-actions"),
    ("stop_orphan_resources", "stop-orphan-resources"),
    ("symmetric_cluster", "symmetric-cluster"),
    ("transition_idle_timeout", "cluster-delay"),
];

/// Meta-attributes and operation attributes whose names changed.
const META_3: &[(&str, &str)] = &[
    ("isolation", ""),
    ("isolation-host", ""),
    ("isolation-instance", ""),
    ("isolation-wrapper", ""),
    ("resource_stickiness", "resource-stickiness"),
    ("resource-failure-stickiness", "migration-threshold"),
    ("resource_failure_stickiness", "migration-threshold"),
    ("target_role", "target-role"),
    ("is_managed", "is-managed"),
    ("multiple_active", "multiple-active"),
    ("clone_max", "clone-max"),
    ("clone_node_max", "clone-node-max"),
    ("master_max", "master-max"),
    ("master_node_max", "master-node-max"),
    ("globally_unique", "globally-unique"),
];

/// 2.x to 3.0: spellings of the years before 1.0, `requires` as a meta-attribute, one instance of each name.
fn from_2(document: &mut Document) {
    for ix in named(document, "nvpair") {
        let element = document.element(ix);
        let Some(name) = element.attr("name") else { continue };
        let table = match element.parent().map(|set| set.name()) {
            Some("cluster_property_set") => OPTIONS_3,
            Some("meta_attributes") => META_3,
            _ => continue,
        };
        match table.iter().find(|(old, _)| *old == name) {
            Some((_, "")) => document.remove(ix),
            Some((_, new)) => document.set_attr(ix, "name", new),
            None => {}
        }
    }
    for ix in all(document, |element| element.name() == "op" && element.attr("requires").is_some()) {
        let value = document.element(ix).attr("requires").unwrap_or("").to_owned();
        document.remove_attr(ix, "requires");
        let element = document.element(ix);
        let starts = element.attr("name") == Some("start");
        let resource = element.ancestors().find(|parent| matches!(parent.name(), "primitive" | "template"));
        if let (true, Some(resource)) = (starts, resource.map(Element::ix)) {
            add_meta(document, resource, "requires", &value);
        }
    }
}

/// Adds a meta-attribute unless there is one of that name.
fn add_meta(document: &mut Document, resource: NodeIx, name: &str, value: &str) {
    let element = document.element(resource);
    let owner = element.id().unwrap_or("").to_owned();
    let sets: Vec<Element<'_>> = element.children_named("meta_attributes").collect();
    if sets.iter().flat_map(|set| set.children_named("nvpair")).any(|pair| pair.attr("name") == Some(name)) {
        return;
    }
    let existing = sets.first().filter(|set| set.id().is_some()).map(|set| set.ix());
    let set = match existing {
        Some(set) => set,
        None => {
            let id = free_id(document, &format!("{owner}-meta_attributes"));
            let first = document.element(resource).children().next().map(Element::ix);
            let set = match first {
                Some(first) => document.insert_before(first, "meta_attributes"),
                None => document.append(resource, "meta_attributes"),
            };
            document.set_attr(set, "id", &id);
            set
        }
    };
    let id = format!("{}-{name}", document.element(set).id().unwrap_or(&owner));
    let id = free_id(document, &id);
    let pair = document.append(set, "nvpair");
    document.set_attr(pair, "id", &id);
    document.set_attr(pair, "name", name);
    document.set_attr(pair, "value", value);
}

fn free_id(document: &Document, wanted: &str) -> String {
    if document.by_id(wanted).is_none() {
        return wanted.to_owned();
    }
    let mut number = 1u32;
    loop {
        let candidate = format!("{wanted}-{number}");
        if document.by_id(&candidate).is_none() {
            return candidate;
        }
        number += 1;
    }
}

const SETS: &[&str] = &["cluster_property_set", "instance_attributes", "meta_attributes", "utilization"];

/// 3.x to 4.0.
fn from_3(document: &mut Document) {
    resolve_references(document);
    drop_lost_resources(document);
    masters_become_clones(document);
    ping_nodes_become_members(document);
    split_location_rules(document);
    lifetimes_become_rules(document);
    sort_and_thin_sets(document);
    rename_and_drop_values(document);
}

/// `id-ref` is resolved into copies with ids of their own.
fn resolve_references(document: &mut Document) {
    for ix in all(document, |element| element.attr("id-ref").is_some()) {
        let element = document.element(ix);
        let reference = element.attr("id-ref").unwrap_or("").to_owned();
        let name = element.name().to_owned();
        let owner = element.parent().and_then(|parent| parent.id()).unwrap_or(&name).to_owned();
        let target = document
            .all_by_id(&reference)
            .into_iter()
            .find(|target| document.element(*target).name() == name && *target != ix);
        let Some(target) = target else {
            document.remove(ix);
            continue;
        };
        let source = Document::from_element(document.element(target));
        let override_name = document.element(ix).attr("name").map(str::to_owned);
        let copy = document.replace_with_copy(ix, &source, source.root().ix());
        let copies: Vec<NodeIx> = document.element(copy).self_and_descendants().map(Element::ix).collect();
        for one in copies {
            if let Some(id) = document.element(one).id().map(str::to_owned) {
                let id = free_id(document, &format!("{owner}-{id}"));
                document.set_attr(one, "id", &id);
            }
        }
        if let Some(name) = override_name {
            document.set_attr(copy, "name", &name);
        }
    }
}

/// Resources of classes that no longer exist go, with everything that refers to them.
fn drop_lost_resources(document: &mut Document) {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let lost = all(document, |element| match element.name() {
        "primitive" | "template" => matches!(element.attr("class"), Some("nagios" | "upstart")),
        "bundle" => element.child("rkt").is_some(),
        _ => false,
    });
    for ix in lost {
        if document.kind(ix) == holdfast_xml::Kind::Removed {
            continue;
        }
        let mut ids = vec![];
        for element in document.element(ix).self_and_descendants() {
            if matches!(element.name(), "primitive" | "bundle" | "template") {
                ids.extend(element.id().map(str::to_owned));
            }
        }
        gone.extend(ids);
        let parent = document.element(ix).parent();
        // A group or clone without members has no meaning either.
        let empty = parent.filter(|parent| {
            matches!(parent.name(), "group" | "clone" | "master")
                && parent.children().filter(|child| matches!(child.name(), "primitive" | "group")).count()
                    == 1
        });
        let victim = empty.map_or(ix, |parent| parent.ix());
        gone.extend(document.element(victim).id().map(str::to_owned));
        document.remove(victim);
    }
    if gone.is_empty() {
        return;
    }
    let of_template = all(document, |element| {
        element.name() == "primitive" && element.attr("template").is_some_and(|t| gone.contains(t))
    });
    for ix in of_template {
        gone.extend(document.element(ix).id().map(str::to_owned));
        document.remove(ix);
    }
    for name in ["resource_ref", "obj_ref"] {
        for ix in all(document, |element| {
            element.name() == name && element.id().is_some_and(|id| gone.contains(id))
        }) {
            document.remove(ix);
        }
    }
    for ix in all(document, |element| {
        element.name().starts_with("rsc_")
            && ["rsc", "with-rsc", "first", "then"]
                .iter()
                .any(|a| element.attr(a).is_some_and(|id| gone.contains(id)))
    }) {
        document.remove(ix);
    }
}

fn masters_become_clones(document: &mut Document) {
    for ix in named(document, "master") {
        document.rename(ix, "clone");
        add_meta(document, ix, "promotable", "true");
    }
}

/// Nodes of type `ping` run nothing: they become members with a ban on every resource.
fn ping_nodes_become_members(document: &mut Document) {
    for ix in all(document, |element| element.name() == "node" && element.attr("type") == Some("ping")) {
        document.set_attr(ix, "type", "member");
        let uname = document.element(ix).attr("uname").unwrap_or("").to_owned();
        let Some(constraints) = crate::section::ensure(document, "constraints") else { continue };
        let id = free_id(document, &format!("pcmk__ban_{uname}"));
        let ban = document.append(constraints, "rsc_location");
        for (name, value) in
            [("id", id.as_str()), ("rsc-pattern", ".*"), ("node", &uname), ("score", "-INFINITY")]
        {
            document.set_attr(ban, name, value);
        }
    }
}

/// Several top-level rules in one location constraint become one constraint each.
fn split_location_rules(document: &mut Document) {
    for ix in named(document, "rsc_location") {
        let rules: Vec<NodeIx> = document.element(ix).children_named("rule").map(Element::ix).collect();
        if rules.len() < 2 {
            continue;
        }
        let mut last = ix;
        for rule in rules.into_iter().skip(1) {
            let id = document.element(ix).id().unwrap_or("location").to_owned();
            let own = document.element(rule).id().unwrap_or("rule").to_owned();
            let id = free_id(document, &format!("{id}-{own}"));
            let attributes: Vec<(String, String)> =
                document.element(ix).attrs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            let sets: Vec<Document> =
                document.element(ix).children_named("resource_set").map(Document::from_element).collect();
            let parent = document.element(ix).parent().map_or(ix, |parent| parent.ix());
            let position = document.position(last) + 1;
            let fresh = Document::new("rsc_location");
            let new = document.insert_copy_at(parent, position, &fresh, fresh.root().ix());
            for (name, value) in attributes {
                document.set_attr(new, &name, if name == "id" { &id } else { &value });
            }
            for set in sets {
                let copy = document.append_copy(new, &set, set.root().ix());
                let inside: Vec<NodeIx> = vec![copy];
                for one in inside {
                    let own = document.element(one).id().unwrap_or("set").to_owned();
                    let free = free_id(document, &format!("{id}-{own}"));
                    document.set_attr(one, "id", &free);
                }
            }
            document.move_to(rule, new, usize::MAX);
            last = new;
        }
    }
}

/// A `lifetime` becomes a rule that must hold as well; other constraints than locations lose it.
fn lifetimes_become_rules(document: &mut Document) {
    for ix in named(document, "lifetime") {
        let Some(constraint) = document.element(ix).parent().map(Element::ix) else { continue };
        let element = document.element(constraint);
        if element.name() == "rsc_location" {
            let rules: Vec<NodeIx> = document.element(ix).children_named("rule").map(Element::ix).collect();
            let id = document.element(constraint).id().unwrap_or("location").to_owned();
            let existing = document.element(constraint).child("rule").map(Element::ix);
            let node = document.element(constraint).attr("node").map(str::to_owned);
            let score = document.element(constraint).attr("score").map(str::to_owned);
            let outer = document.append(constraint, "rule");
            let outer_id = free_id(document, &format!("{id}-lifetime"));
            document.set_attr(outer, "id", &outer_id);
            document.set_attr(outer, "boolean-op", "and");
            if let Some(existing) = existing {
                for name in ["score", "score-attribute", "role"] {
                    if let Some(value) = document.element(existing).attr(name).map(str::to_owned) {
                        document.set_attr(outer, name, &value);
                        document.remove_attr(existing, name);
                    }
                }
                document.move_to(existing, outer, usize::MAX);
            }
            if let (Some(node), Some(score)) = (node, score) {
                document.remove_attr(constraint, "node");
                document.remove_attr(constraint, "score");
                document.set_attr(outer, "score", &score);
                let expression = document.append(outer, "expression");
                let expression_id = free_id(document, &format!("{outer_id}-node"));
                for (name, value) in [
                    ("id", expression_id.as_str()),
                    ("attribute", "#uname"),
                    ("operation", "eq"),
                    ("value", &node),
                ] {
                    document.set_attr(expression, name, value);
                }
            }
            let either = document.append(outer, "rule");
            let either_id = free_id(document, &format!("{outer_id}-rules"));
            document.set_attr(either, "id", &either_id);
            document.set_attr(either, "boolean-op", "or");
            for rule in rules {
                for name in ["score", "score-attribute", "role"] {
                    document.remove_attr(rule, name);
                }
                document.move_to(rule, either, usize::MAX);
            }
        }
        document.remove(ix);
    }
}

/// Blocks by falling score with `cib-bootstrap-options` first; pairs without value and repeated names go.
fn sort_and_thin_sets(document: &mut Document) {
    for ix in all(document, |element| SETS.contains(&element.name())) {
        let mut seen = BTreeSet::new();
        let pairs: Vec<NodeIx> = document.element(ix).children_named("nvpair").map(Element::ix).collect();
        for pair in pairs {
            let element = document.element(pair);
            let name = element.attr("name").unwrap_or("").to_owned();
            if element.attr("value").is_none() || !seen.insert(name) {
                document.remove(pair);
            }
        }
    }
    let parents =
        all(document, |element| SETS.iter().any(|name| element.children_named(name).nth(1).is_some()));
    for parent in parents {
        for name in SETS {
            let blocks: Vec<NodeIx> =
                document.element(parent).children_named(name).map(Element::ix).collect();
            let mut sorted = blocks.clone();
            sorted.sort_by_key(|ix| {
                let element = document.element(*ix);
                let score = element.attr("score").and_then(Score::parse).unwrap_or(Score::ZERO);
                (element.id() != Some("cib-bootstrap-options"), std::cmp::Reverse(score))
            });
            if sorted == blocks {
                continue;
            }
            let first = blocks.iter().map(|ix| document.position(*ix)).min().unwrap_or(0);
            for (at, ix) in sorted.into_iter().enumerate() {
                document.move_to(ix, parent, first + at);
            }
        }
    }
}

fn rename_and_drop_values(document: &mut Document) {
    const OPTIONS: &[(&str, &str)] = &[
        ("crmd-finalization-timeout", "join-finalization-timeout"),
        ("crmd-integration-timeout", "join-integration-timeout"),
        ("crmd-transition-delay", "transition-delay"),
    ];
    for ix in named(document, "nvpair") {
        let element = document.element(ix);
        let set = element.parent().map_or("", |set| set.name()).to_owned();
        let (Some(name), value) = (element.attr("name"), element.attr("value")) else { continue };
        if set == "cluster_property_set" {
            if let Some((_, new)) = OPTIONS.iter().find(|(old, _)| *old == name) {
                document.set_attr(ix, "name", new);
            } else if name == "stonith-action" && value == Some("poweroff") {
                document.set_attr(ix, "value", "off");
            }
        } else if set == "meta_attributes"
            && matches!(name, "restart-type" | "can_fail" | "role_after_failure")
        {
            document.remove(ix);
        }
    }
    for ix in all(document, |element| matches!(element.name(), "date_spec" | "duration")) {
        if document.element(ix).name() == "date_spec" {
            document.remove_attr(ix, "moon");
        }
    }
    for ix in all(document, |element| {
        element.name() == "fencing-level"
            && element
                .attr("index")
                .and_then(|index| index.parse::<u64>().ok())
                .is_some_and(|index| index > 9)
    }) {
        document.remove(ix);
    }
    for ix in all(document, |element| element.name() == "op") {
        for name in ["can_fail", "role_after_failure"] {
            document.remove_attr(ix, name);
        }
    }
    for ix in all(document, |element| matches!(element.name(), "docker" | "podman")) {
        rename_attr(document, ix, "masters", "promoted-max");
    }
}
