//! Digests that an operation of a resource would have now: what programs compare before and after they change a
//! parameter (`--digests`, with `NAME=VALUE` for parameters as they would be).

use holdfast_model::attributes::{AttributeSet, NameValue};
use holdfast_model::config::{ResourceConfig, ResourceKind};
use holdfast_model::{Cib, OperationRecord};
use holdfast_scheduler::facts::RscIx;
use holdfast_scheduler::facts::digests::DigestContext;

use super::{Work, not_found};
use crate::exit;
use crate::output::{Failure, Output};

/// Puts parameters over those of a resource.
pub(super) fn override_parameters(cib: &mut Cib, name: &str, words: &[String]) -> Result<(), Failure> {
    let mut pairs = Vec::new();
    for word in words {
        let Some((parameter, value)) = word.split_once('=').filter(|(parameter, _)| !parameter.is_empty())
        else {
            return Err(Failure::usage(format!("{word}: expected NAME=VALUE, a parameter as it would be")));
        };
        let id = format!("override-{parameter}");
        pairs.push(NameValue { id, name: parameter.to_owned(), value: value.to_owned() });
    }
    if let Some(resource) = find(&mut cib.resources, name) {
        resource
            .params
            .insert(0, AttributeSet { id: "override".to_owned(), pairs, ..AttributeSet::default() });
    }
    Ok(())
}

fn find<'a>(resources: &'a mut [ResourceConfig], name: &str) -> Option<&'a mut ResourceConfig> {
    for resource in resources {
        if resource.id == name {
            return Some(resource);
        }
        let children: &mut [ResourceConfig] = match &mut resource.kind {
            ResourceKind::Primitive(_) => &mut [],
            ResourceKind::Group(members) => members,
            ResourceKind::Clone { child, .. } => child.as_deref_mut().map_or(&mut [], std::slice::from_mut),
            ResourceKind::Bundle(bundle) => bundle.child.as_mut().map_or(&mut [], std::slice::from_mut),
        };
        if let Some(found) = find(children, name) {
            return Some(found);
        }
    }
    None
}

/// The operation whose digests say most: the last start, else what repeats, else whatever ran last.
fn best(operations: &[OperationRecord]) -> Option<&OperationRecord> {
    let ended = operations.iter().filter(|op| op.op_status != -1);
    ended.max_by_key(|op| (op.operation == "start", op.interval_ms > 0, op.call_id))
}

pub(super) fn show(work: &Work<'_>, rsc: RscIx, output: &mut Output) -> Result<i32, Failure> {
    let facts = work.facts;
    let it = &facts.rscs[rsc];
    if it.agent.is_none() {
        return Err(Failure::usage(format!(
            "{} is no primitive: only those have parameters of an agent",
            it.id
        )));
    }
    let Some(name) = work.parsed.value("node") else {
        return Err(Failure::usage("Must supply a node name with -N/--node: parameters may differ by node"));
    };
    let Some((node, _)) = facts.nodes.iter_enumerated().find(|(_, node)| node.name == name) else {
        return Err(not_found(output, "Node", name));
    };
    let id = facts.nodes[node].id.as_str();
    let state = facts.cib.status.nodes.iter().find(|state| state.id == id);
    let wanted = it.history_id.as_deref().unwrap_or(&it.id);
    let history = state.and_then(|state| state.resources.iter().find(|history| history.id == wanted));
    let record = history.and_then(|history| best(&history.operations));
    let (task, interval_ms) = record.map_or(("monitor", 0), |op| (op.operation.as_str(), op.interval_ms));
    let entry = record.map(|op| (op, op.op_restart_digest.is_some()));
    let context = DigestContext { secure: true, ..DigestContext::default() };
    let digests = facts.digests(rsc, node, task, interval_ms, entry, context);

    let title = match (interval_ms, task) {
        (0, "monitor") => "probe action".to_owned(),
        (0, task) => format!("{task} action"),
        (ms, task) => format!("{ms}ms-interval {task} action"),
    };
    output.text(format!("Digests for {} {title} on {name}:\n", it.id));
    let interval = format!("{interval_ms}ms");
    output.open("digests", &[("resource", &it.id), ("node", name), ("task", task), ("interval", &interval)]);
    let all = [
        ("all", "all parameters", Some(&digests.all)),
        ("nonprivate", "non-private parameters", digests.secure.as_ref()),
        ("nonreloadable", "non-reloadable parameters", digests.restart.as_ref()),
    ];
    for (kind, words, digest) in all {
        if let Some(digest) = digest {
            output.text(format!("  * {digest} ({words})\n"));
            output.element("digest", &[("type", kind), ("hash", digest)]);
        }
    }
    output.close();
    Ok(exit::OK)
}
