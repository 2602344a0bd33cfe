//! The line for a primitive.

use holdfast_model::Role;
use holdfast_scheduler::facts::{Facts, Flags, NodeIx, RscIx};
use holdfast_scheduler::simulate::split_key;

use super::Show;
use super::activity::{current_node, in_promotable, is_filtered, printable_id};
use crate::exit_text::exit_text;

/// The line, unless the resource is left out.
pub fn show(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> Option<String> {
    if is_filtered(facts, rsc, &show.resources, true) {
        return None;
    }
    let node = current_node(facts, rsc).or(facts.rscs[rsc].pending_node);
    line(facts, rsc, printable_id(facts, rsc), node, show)
}

/// The line for `rsc` under the name `name`, on `node`.
pub fn line(facts: &Facts<'_>, rsc: RscIx, name: &str, node: Option<NodeIx>, show: &Show) -> Option<String> {
    let it = &facts.rscs[rsc];
    if holdfast_model::boolean::is_true(it.meta("internal_rsc")) && !show.implicit {
        return None;
    }
    let many = it.running_on.len() > 1;
    let lock = it.lock_node;
    let node = node.or(lock).filter(|_| !show.resource_only && !many);
    let agent = it.agent.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{name}\t({agent}):\t");
    if it.is(Flags::REMOVED) {
        text.push_str(" ORPHANED");
    }
    let role = displayed_role(facts, rsc);
    if it.is(Flags::FAILED) {
        text.push_str(" FAILED");
        if role > Role::Unpromoted {
            text.push(' ');
            text.push_str(role.as_str());
        }
    } else {
        text.push(' ');
        text.push_str(show.pending.then(|| pending_state(facts, rsc)).flatten().unwrap_or(role.as_str()));
    }
    if let Some(node) = node {
        text.push(' ');
        text.push_str(&facts.nodes[node].name);
    }
    if role == Role::Stopped
        && let Some(code) = failed_probe(facts, rsc, node)
    {
        text.push_str(&format!(" ({}) ", exit_text(code)));
    }
    let flags = flags(facts, rsc, node, show);
    if !flags.is_empty() {
        text.push_str(&format!(" ({})", flags.join(", ")));
    }
    if (show.resource_only || show.description || many)
        && let Some(description) = it.config.attribute("description")
    {
        text.push_str(&format!(" ({description})"));
    }
    if many && !show.resource_only {
        let names: Vec<&str> = it.running_on.iter().map(|&node| facts.nodes[node].name.as_str()).collect();
        text.push_str(&format!(" [ {} ]", names.join(" ")));
    }
    Some(text)
}

/// The role as users know it.
pub fn displayed_role(facts: &Facts<'_>, rsc: RscIx) -> Role {
    match facts.rscs[rsc].role {
        Role::Started if in_promotable(facts, rsc) => Role::Unpromoted,
        role => role,
    }
}

/// The role being reached, while an operation changes it.
pub fn pending_state(facts: &Facts<'_>, rsc: RscIx) -> Option<&'static str> {
    match facts.rscs[rsc].pending_action.as_deref()? {
        "start" => Some("Starting"),
        "stop" => Some("Stopping"),
        "migrate_to" | "migrate_from" => Some("Migrating"),
        "promote" => Some("Promoting"),
        "demote" => Some("Demoting"),
        _ => None,
    }
}

/// An operation in progress that does not change the role.
pub fn pending_task(facts: &Facts<'_>, rsc: RscIx) -> Option<&'static str> {
    (facts.rscs[rsc].pending_action.as_deref() == Some("monitor")).then_some("Monitoring")
}

fn flags(facts: &Facts<'_>, rsc: RscIx, node: Option<NodeIx>, show: &Show) -> Vec<String> {
    let it = &facts.rscs[rsc];
    let mut flags: Vec<String> = Vec::new();
    if node.is_some_and(|node| !facts.nodes[node].online && facts.nodes[node].unclean) {
        flags.push("UNCLEAN".into());
    }
    if node.is_some() && node == it.lock_node {
        flags.push("LOCKED".into());
    }
    if show.pending
        && let Some(task) = pending_task(facts, rsc)
    {
        flags.push(task.into());
    }
    if let Some(target) = it.meta("target-role") {
        match Role::parse(target) {
            Some(Role::Stopped) => flags.push("disabled".into()),
            Some(Role::Unpromoted) if in_promotable(facts, rsc) => {
                flags.push(format!("target-role:{target}"))
            }
            Some(Role::Unknown | Role::Started | Role::Unpromoted | Role::Promoted) | None => {}
        }
    }
    if it.is(Flags::BLOCKED) {
        flags.push("blocked".into());
    } else if it.is(Flags::MAINTENANCE) {
        flags.push("maintenance".into());
    } else if !it.is(Flags::MANAGED) {
        flags.push("unmanaged".into());
    }
    if it.is(Flags::IGNORE_FAILURE) {
        flags.push("failure ignored".into());
    }
    flags
}

/// The exit code of a probe that found that the resource cannot run on `node` (or any node).
pub fn failed_probe(facts: &Facts<'_>, rsc: RscIx, node: Option<NodeIx>) -> Option<i32> {
    let top = facts.top_resource(rsc, false);
    let id = match facts.rscs[top].clone_data() {
        Some(clone) => clone.child_id.as_str(),
        None => facts.rscs[rsc].id.as_str(),
    };
    facts.failed_ops.iter().find_map(|failed| {
        let op = facts.operation(failed.op)?;
        // Entries that do not say where they were made count nowhere.
        let on = op.on_node.as_deref()?;
        let here = node.is_none_or(|node| facts.nodes[node].name.eq_ignore_ascii_case(on));
        let of = split_key(op.key()).is_some_and(|(of, ..)| of == id);
        (op.is_masked_probe_failure() && here && of).then_some(op.rc_code)
    })
}
