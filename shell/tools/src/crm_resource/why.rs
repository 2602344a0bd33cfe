//! Whether resources run, and what in the configuration keeps them from it.

use holdfast_model::boolean::is_true;
use holdfast_scheduler::facts::{Flags, NodeIx, RscIx};

use super::{Work, not_found, places};
use crate::exit;
use crate::output::{Failure, Output};

/// What the configuration says against a resource: a sentence, and an attribute of the XML form.
struct Check {
    sentence: String,
    attribute: (&'static str, String),
}

fn checks(work: &Work<'_>, rsc: RscIx) -> Vec<Check> {
    let facts = work.facts;
    let it = &facts.rscs[rsc];
    let top = &facts.rscs[facts.top_resource(rsc, false)];
    let id = &top.id;
    let mut found = Vec::new();
    let mut add = |sentence: String, name: &'static str, value: &str| {
        found.push(Check { sentence, attribute: (name, value.to_owned()) });
    };
    let role = it.meta.get("target-role").map(String::as_str).unwrap_or("");
    if role.eq_ignore_ascii_case("stopped") {
        add(format!("Configuration specifies '{id}' should remain stopped"), "remain_stopped", "true");
    } else if top.is(Flags::PROMOTABLE)
        && (role.eq_ignore_ascii_case("unpromoted") || role.eq_ignore_ascii_case("slave"))
    {
        add(format!("Configuration specifies '{id}' should not be promoted"), "promotable", "false");
    }
    if top.meta.get("is-managed").is_some_and(|value| !is_true(Some(value))) || !it.is(Flags::MANAGED) {
        let text = format!("Configuration prevents cluster from stopping or starting unmanaged '{id}'");
        add(text, "unmanaged", "true");
    }
    if let Some(node) = it.lock_node {
        let node = &facts.nodes[node].name;
        add(format!("'{id}' is locked to node {node} due to shutdown"), "locked-to", node);
    }
    found
}

fn show_checks(work: &Work<'_>, rsc: RscIx, output: &mut Output) {
    let checks = checks(work, rsc);
    if checks.is_empty() {
        return;
    }
    let top = &work.facts.rscs[work.facts.top_resource(rsc, false)].id;
    let mut attributes = vec![("id", top.as_str())];
    for check in &checks {
        output.text(format!("{}\n", check.sentence));
        attributes.push((check.attribute.0, &check.attribute.1));
    }
    output.element("check", &attributes);
}

fn runs_on(work: &Work<'_>, rsc: RscIx, node: NodeIx) -> bool {
    places::of(work, rsc).iter().any(|place| place.node == node)
}

pub(super) fn show(work: &Work<'_>, output: &mut Output) -> Result<i32, Failure> {
    let facts = work.facts;
    let rsc = match work.parsed.value("resource") {
        Some(name) => Some(work.find(name).ok_or_else(|| not_found(output, "Resource", name))?),
        None => None,
    };
    let node = match work.parsed.value("node") {
        Some(name) => Some(facts.node_named(name).ok_or_else(|| {
            Failure::new(exit::NO_SUCH, format!("Node '{name}' not found; see crm_node -l"))
        })?),
        None => None,
    };
    output.open("reason", &[]);
    match (rsc, node) {
        (Some(rsc), node) => one(work, rsc, node, output),
        (None, None) => {
            output.open("resources", &[]);
            for &rsc in &facts.top {
                let running = !places::of(work, rsc).is_empty();
                let id = &facts.rscs[rsc].id;
                output.text(format!("Resource {id} is {}running\n", if running { "" } else { "not " }));
                let running = if running { "true" } else { "false" };
                output.open("resource", &[("id", id), ("running", running)]);
                show_checks(work, rsc, output);
                output.close();
            }
            output.close();
        }
        (None, Some(node)) => {
            let host = &facts.nodes[node].name;
            output.open("resources", &[]);
            for (rsc, it) in facts.rscs.iter_enumerated().filter(|(_, it)| it.running_on.contains(&node)) {
                output.text(format!("Resource {} is running on host {host}\n", it.id));
                output.open("resource", &[("id", &it.id), ("running", "true"), ("host", host)]);
                show_checks(work, rsc, output);
                output.close();
            }
            output.close();
        }
    }
    output.close();
    Ok(exit::OK)
}

fn one(work: &Work<'_>, rsc: RscIx, node: Option<NodeIx>, output: &mut Output) {
    let id = &work.facts.rscs[rsc].id;
    match node {
        Some(node) => {
            let host = &work.facts.nodes[node].name;
            let running = runs_on(work, rsc, node);
            let word = if running { "running" } else { "not running" };
            output.text(format!("Resource {id} is {word} on host {host}\n"));
            if running {
                output.set_on_open("running_on", host);
            }
        }
        None => {
            let running = !places::of(work, rsc).is_empty();
            output.text(format!("Resource {id} is {}running\n", if running { "" } else { "not " }));
            output.set_on_open("running", if running { "true" } else { "false" });
        }
    }
    show_checks(work, rsc, output);
}
