//! Transforming documents of old schemas.
//!
//! Each step keeps the meaning: what a newer schema dropped and the cluster ignored anyway goes, what was renamed gets
//! its new name, what was expressed differently is rewritten.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_model::Score;
use holdfast_xml::{Document, Element, NodeIx};

/// Applies the steps that lead from one major version to the next.
pub(super) fn from_major(document: &mut Document, major: u8) {
    match major {
        1 => from_1(document),
        2 => super::upgrade_2::from_2(document),
        _ => from_3(document),
    }
}

pub(super) fn all(document: &Document, accepts: impl Fn(Element<'_>) -> bool) -> Vec<NodeIx> {
    let configuration = document.root().child("configuration");
    configuration
        .into_iter()
        .flat_map(Element::self_and_descendants)
        .filter(|element| accepts(*element))
        .map(Element::ix)
        .collect()
}

pub(super) fn named(document: &Document, name: &str) -> Vec<NodeIx> {
    all(document, |element| element.name() == name)
}

pub(super) fn rename_attr(document: &mut Document, ix: NodeIx, old: &str, new: &str) {
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

/// Adds a meta-attribute unless there is one of that name.
pub(super) fn add_meta(document: &mut Document, resource: NodeIx, name: &str, value: &str) {
    let element = document.element(resource);
    let owner = element.id().unwrap_or(element.name()).to_owned();
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

pub(super) fn free_id(document: &Document, wanted: &str) -> String {
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
        "primitive" | "template" => element
            .attr("class")
            .is_some_and(|class| ["nagios", "upstart"].iter().any(|lost| class.eq_ignore_ascii_case(lost))),
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
        remove_with_holders(document, ix, &mut gone);
    }
    if gone.is_empty() {
        return;
    }
    let of_template = all(document, |element| {
        element.name() == "primitive" && element.attr("template").is_some_and(|t| gone.contains(t))
    });
    for ix in of_template {
        remove_with_holders(document, ix, &mut gone);
    }
    for name in ["resource_ref", "obj_ref"] {
        for ix in all(document, |element| {
            element.name() == name && element.id().is_some_and(|id| gone.contains(id))
        }) {
            remove_emptied(document, ix);
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

/// Removes a resource, and the groups and clones that would be left without members.
fn remove_with_holders(document: &mut Document, ix: NodeIx, gone: &mut BTreeSet<String>) {
    let mut victim = ix;
    while let Some(parent) = document.element(victim).parent() {
        let members = parent.children().filter(|child| matches!(child.name(), "primitive" | "group"));
        if !matches!(parent.name(), "group" | "clone" | "master") || members.count() != 1 {
            break;
        }
        gone.extend(document.element(victim).id().map(str::to_owned));
        victim = parent.ix();
    }
    gone.extend(document.element(victim).id().map(str::to_owned));
    document.remove(victim);
}

/// Removes a reference, and the sets, constraints and tags that would be left without any.
fn remove_emptied(document: &mut Document, ix: NodeIx) {
    let mut victim = ix;
    while let Some(parent) = document.element(victim).parent() {
        let name = document.element(victim).name();
        let holds = parent.name() == "resource_set" || parent.name() == "tag" || name == "resource_set";
        if !holds || parent.children_named(name).count() != 1 {
            break;
        }
        victim = parent.ix();
    }
    document.remove(victim);
}

/// Whatever else their meta-attributes say, they are promotable.
fn masters_become_clones(document: &mut Document) {
    for ix in named(document, "master") {
        document.rename(ix, "clone");
        let owner = document.element(ix).id().unwrap_or("master").to_owned();
        let first = document.element(ix).children().next().map(Element::ix);
        let set = match first {
            Some(first) => document.insert_before(first, "meta_attributes"),
            None => document.append(ix, "meta_attributes"),
        };
        let id = free_id(document, &format!("{owner}-promotable"));
        document.set_attr(set, "id", &id);
        document.set_attr(set, "score", "INFINITY");
        let pair = document.append(set, "nvpair");
        let pair_id = free_id(document, &format!("{id}-promotable"));
        for (name, value) in [("id", pair_id.as_str()), ("name", "promotable"), ("value", "true")] {
            document.set_attr(pair, name, value);
        }
    }
}

/// Nodes of type `ping` run nothing: they become members with a ban on every resource, where nothing is probed.
fn ping_nodes_become_members(document: &mut Document) {
    for ix in all(document, |element| element.name() == "node" && element.attr("type") == Some("ping")) {
        document.set_attr(ix, "type", "member");
        let uname = document.element(ix).attr("uname").unwrap_or("").to_owned();
        let Some(constraints) = crate::section::ensure(document, "constraints") else { continue };
        let id = free_id(document, &format!("pcmk__ban_{uname}"));
        let ban = document.append(constraints, "rsc_location");
        for (name, value) in [
            ("id", id.as_str()),
            ("rsc-pattern", ".*"),
            ("node", &uname),
            ("score", "-INFINITY"),
            ("resource-discovery", "never"),
        ] {
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
        let mut kept: BTreeMap<String, (NodeIx, bool)> = BTreeMap::new();
        let pairs: Vec<NodeIx> = document.element(ix).children_named("nvpair").map(Element::ix).collect();
        for pair in pairs {
            let element = document.element(pair);
            let name = element.attr("name").unwrap_or("").to_owned();
            let Some(value) = element.attr("value") else {
                document.remove(pair);
                continue;
            };
            // "#default" takes back what was said before it; otherwise the first value counts.
            let unsets = value == "#default";
            match kept.get(&name).copied() {
                Some((_, false)) if !unsets => document.remove(pair),
                Some((earlier, _)) => {
                    document.remove(earlier);
                    kept.insert(name, (pair, unsets));
                }
                None => {
                    kept.insert(name, (pair, unsets));
                }
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
