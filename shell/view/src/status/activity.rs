//! Whether resources are active, filtered out, disabled.

use holdfast_model::Role;
use holdfast_scheduler::facts::{Facts, Flags, RscIx, RscKind};

use super::{Only, Show};

/// Whether a resource is active: all of it, or (`all` false) any part of it.
pub fn is_active(facts: &Facts<'_>, rsc: RscIx, all: bool) -> bool {
    let it = &facts.rscs[rsc];
    match &it.kind {
        RscKind::Primitive => it.running_on.iter().any(|&node| {
            let node = &facts.nodes[node];
            node.unclean || node.online || !it.is(Flags::MANAGED)
        }),
        RscKind::Group(_) => {
            let mut members = it.children.iter().map(|&member| is_active(facts, member, all));
            if all {
                !it.children.is_empty() && members.all(|active| active)
            } else {
                members.any(|active| active)
            }
        }
        RscKind::Clone(_) => {
            let mut instances = it.children.iter().map(|&instance| is_active(facts, instance, all));
            if all { instances.all(|active| active) } else { instances.any(|active| active) }
        }
        RscKind::Bundle(bundle) => {
            let mut parts = bundle
                .replicas
                .iter()
                .flat_map(|replica| [replica.ip, replica.child, Some(replica.container), replica.remote])
                .flatten()
                .map(|part| is_active(facts, part, all));
            if all { parts.all(|active| active) } else { parts.any(|active| active) }
        }
    }
}

/// The name a resource is listed by: anonymous instances go by the name in the configuration.
pub fn printable_id<'a>(facts: &'a Facts<'_>, rsc: RscIx) -> &'a str {
    let it = &facts.rscs[rsc];
    if it.is(Flags::UNIQUE) { &it.id } else { &it.config_id }
}

/// Whether `only` names the resource, by either name.
pub fn is_named(facts: &Facts<'_>, rsc: RscIx, only: &Only) -> bool {
    only.has(printable_id(facts, rsc)) || (facts.rscs[rsc].id.contains(':') && only.has(&facts.rscs[rsc].id))
}

/// Whether a resource is left out because others were asked for.
pub fn is_filtered(facts: &Facts<'_>, rsc: RscIx, only: &Only, check_parent: bool) -> bool {
    if only.is_everything() {
        return false;
    }
    let it = &facts.rscs[rsc];
    let inside = |part: RscIx| !is_filtered(facts, part, only, false);
    match &it.kind {
        RscKind::Primitive => {
            if only.has(printable_id(facts, rsc)) || only.has(&it.id) {
                return false;
            }
            !(check_parent && it.parent.is_some())
                || is_filtered(facts, facts.top_resource(rsc, true), only, false)
        }
        RscKind::Group(_) => {
            if check_parent && only.has(printable_id(facts, facts.top_resource(rsc, false))) {
                return false;
            }
            !(is_named(facts, rsc, only) || it.children.iter().any(|&member| inside(member)))
        }
        RscKind::Clone(clone) => {
            !(only.has(printable_id(facts, rsc))
                || only.has(&clone.child_id)
                || it.children.iter().any(|&instance| inside(instance)))
        }
        RscKind::Bundle(bundle) => {
            !(only.has(printable_id(facts, rsc))
                || bundle.replicas.iter().any(|replica| {
                    [replica.ip, replica.child, Some(replica.container), replica.remote]
                        .into_iter()
                        .flatten()
                        .any(inside)
                }))
        }
    }
}

/// Whether an active resource is left out because it runs on none of the nodes asked for.
pub fn filtered_by_node(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> bool {
    is_active(facts, rsc, false) && !runs_on_any(facts, rsc, show)
}

/// Whether the resource runs on any of the nodes asked for.
pub fn runs_on_any(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> bool {
    facts.rscs[rsc].running_on.iter().any(|&node| show.nodes.has_node(&facts.nodes[node].name))
}

/// Whether the target role keeps the resource from doing what it could.
pub fn is_disabled(facts: &Facts<'_>, rsc: RscIx) -> bool {
    match facts.rscs[rsc].meta("target-role").and_then(Role::parse) {
        Some(Role::Stopped) => true,
        Some(Role::Unpromoted) => in_promotable(facts, rsc),
        Some(Role::Unknown | Role::Started | Role::Promoted) | None => false,
    }
}

/// Whether the resource has the roles Promoted and Unpromoted.
pub fn in_promotable(facts: &Facts<'_>, rsc: RscIx) -> bool {
    facts.rscs[facts.top_resource(rsc, false)].is(Flags::PROMOTABLE)
}

/// Whether the resource or anything in it has the flag.
pub fn any_flag(facts: &Facts<'_>, rsc: RscIx, flag: Flags) -> bool {
    let it = &facts.rscs[rsc];
    it.is(flag) || it.children.iter().any(|&child| any_flag(facts, child, flag))
}

/// Whether the resource and everything in it have the flag.
pub fn all_flag(facts: &Facts<'_>, rsc: RscIx, flag: Flags) -> bool {
    let it = &facts.rscs[rsc];
    it.is(flag) && it.children.iter().all(|&child| all_flag(facts, child, flag))
}

/// The node where the resource is now, if it is exactly one.
pub fn only_node(facts: &Facts<'_>, rsc: RscIx) -> Option<holdfast_scheduler::facts::NodeIx> {
    let mut nodes = Vec::new();
    collect_nodes(facts, rsc, &mut nodes);
    match nodes[..] {
        [node] => Some(node),
        _ => None,
    }
}

fn collect_nodes(facts: &Facts<'_>, rsc: RscIx, nodes: &mut Vec<holdfast_scheduler::facts::NodeIx>) {
    let it = &facts.rscs[rsc];
    if it.children.is_empty() {
        nodes.extend(it.running_on.iter().copied());
    }
    for &child in &it.children {
        let mut inside = Vec::new();
        collect_nodes(facts, child, &mut inside);
        for node in inside {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }
}

/// The node that counts as where the resource is now.
pub fn current_node(facts: &Facts<'_>, rsc: RscIx) -> Option<holdfast_scheduler::facts::NodeIx> {
    facts.active_node_among(rsc, |node| facts.nodes[node].online && !facts.nodes[node].unclean).0
}
