//! Resources as XML.

use holdfast_scheduler::facts::{BundleData, CloneData, Facts, Flags, RscIx, RscKind};
use holdfast_xml::NodeIx as ElementIx;

use super::activity::{filtered_by_node, is_active, is_disabled, is_filtered, is_named, printable_id};
use super::bundle::shown_parts;
use super::clone::configured_role_text;
use super::primitive::{displayed_role, pending_state, pending_task};
use super::xml::{Builder, yes_no};
use super::{Only, Show};

/// Adds a resource and what is in it, unless it is left out.
pub fn add_resource(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, rsc: RscIx, show: &Show) {
    if is_filtered(facts, rsc, &show.resources, true) {
        return;
    }
    match &facts.rscs[rsc].kind {
        RscKind::Primitive => add_primitive(builder, parent, facts, rsc, show),
        RscKind::Group(_) => add_group(builder, parent, facts, rsc, show),
        RscKind::Clone(data) => add_clone(builder, parent, facts, rsc, data, show),
        RscKind::Bundle(data) => add_bundle(builder, parent, facts, rsc, data, show),
    }
}

fn description<'a>(facts: &'a Facts<'_>, rsc: RscIx, show: &Show) -> Option<&'a str> {
    facts.rscs[rsc].config.attribute("description").filter(|_| show.description || show.resource_only)
}

fn add_primitive(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, rsc: RscIx, show: &Show) {
    let it = &facts.rscs[rsc];
    let agent = it.agent.as_ref().map(ToString::to_string).unwrap_or_default();
    let role = show.pending.then(|| pending_state(facts, rsc)).flatten();
    let role = role.unwrap_or(displayed_role(facts, rsc).as_str());
    let removed = yes_no(it.is(Flags::REMOVED));
    let element = builder.add(
        parent,
        "resource",
        &[
            ("id", Some(printable_id(facts, rsc))),
            ("resource_agent", Some(&agent)),
            ("role", Some(role)),
            ("target_role", it.meta("target-role")),
            ("active", yes_no(is_active(facts, rsc, true))),
            ("orphaned", removed),
            ("removed", removed),
            ("blocked", yes_no(it.is(Flags::BLOCKED))),
            ("maintenance", yes_no(it.is(Flags::MAINTENANCE))),
            ("managed", yes_no(it.is(Flags::MANAGED))),
            ("failed", yes_no(it.is(Flags::FAILED))),
            ("failure_ignored", yes_no(it.is(Flags::IGNORE_FAILURE))),
            ("nodes_running_on", Some(&it.running_on.len().to_string())),
            ("pending", show.pending.then(|| pending_task(facts, rsc)).flatten()),
            ("locked_to", it.lock_node.map(|node| facts.nodes[node].name.as_str())),
            ("description", description(facts, rsc, show)),
        ],
    );
    for &node in &it.running_on {
        let node = &facts.nodes[node];
        builder.add(
            element,
            "node",
            &[("name", Some(&node.name)), ("id", Some(&node.id)), ("cached", yes_no(node.online))],
        );
    }
}

fn add_group(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, rsc: RscIx, show: &Show) {
    let it = &facts.rscs[rsc];
    let named = is_named(facts, rsc, &show.resources);
    let shown = |member: RscIx| {
        let filtered = is_filtered(facts, member, &show.resources, false);
        let visible = show.inactive || is_active(facts, member, false);
        (!show.resources.is_everything() && !filtered) || (visible && (named || !filtered))
    };
    let Some(first) = it.children.iter().position(|&member| shown(member)) else { return };
    let count = it.children.len() - first;
    let element = builder.add(
        parent,
        "group",
        &[
            ("id", Some(&it.id)),
            ("number_resources", Some(&count.to_string())),
            ("maintenance", yes_no(it.is(Flags::MAINTENANCE))),
            ("managed", yes_no(it.is(Flags::MANAGED))),
            ("disabled", yes_no(is_disabled(facts, rsc))),
            ("description", description(facts, rsc, show)),
        ],
    );
    for &member in it.children.iter().filter(|&&member| shown(member)) {
        add_resource(builder, element, facts, member, show);
    }
}

fn add_clone(
    builder: &mut Builder,
    parent: ElementIx,
    facts: &Facts<'_>,
    rsc: RscIx,
    _data: &CloneData,
    show: &Show,
) {
    let it = &facts.rscs[rsc];
    let everything = is_named(facts, rsc, &show.resources);
    let inside = Show { resources: Only::default(), ..show.clone() };
    let mut element = None;
    for &instance in &it.children {
        if filtered_by_node(facts, instance, show)
            || (!everything && is_filtered(facts, instance, &show.resources, false))
        {
            continue;
        }
        let element = *element.get_or_insert_with(|| {
            builder.add(
                parent,
                "clone",
                &[
                    ("id", Some(&it.id)),
                    ("multi_state", yes_no(it.is(Flags::PROMOTABLE))),
                    ("unique", yes_no(it.is(Flags::UNIQUE))),
                    ("maintenance", yes_no(it.is(Flags::MAINTENANCE))),
                    ("managed", yes_no(it.is(Flags::MANAGED))),
                    ("disabled", yes_no(is_disabled(facts, rsc))),
                    ("failed", yes_no(it.is(Flags::FAILED))),
                    ("failure_ignored", yes_no(it.is(Flags::IGNORE_FAILURE))),
                    ("target_role", configured_role_text(facts, rsc)),
                    ("description", description(facts, rsc, show)),
                ],
            )
        });
        add_resource(builder, element, facts, instance, &inside);
    }
}

fn add_bundle(
    builder: &mut Builder,
    parent: ElementIx,
    facts: &Facts<'_>,
    rsc: RscIx,
    data: &BundleData,
    show: &Show,
) {
    let it = &facts.rscs[rsc];
    let everything = show.resources.has(&it.id);
    let mut element = None;
    for replica in &data.replicas {
        let Some(parts) = shown_parts(facts, replica, everything, show) else { continue };
        if parts.is_empty() {
            continue;
        }
        let element = *element.get_or_insert_with(|| {
            builder.add(
                parent,
                "bundle",
                &[
                    ("id", Some(&it.id)),
                    ("type", Some(data.engine)),
                    ("image", Some(&data.image)),
                    ("unique", yes_no(it.is(Flags::UNIQUE))),
                    ("maintenance", yes_no(it.is(Flags::MAINTENANCE))),
                    ("managed", yes_no(it.is(Flags::MANAGED))),
                    ("failed", yes_no(it.is(Flags::FAILED))),
                    ("description", description(facts, rsc, show)),
                ],
            )
        });
        let inside = builder.add(element, "replica", &[("id", Some(&replica.offset.to_string()))]);
        for part in parts {
            add_resource(builder, inside, facts, part, show);
        }
    }
}
