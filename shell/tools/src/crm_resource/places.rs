//! Where resources run.

use holdfast_model::Role;
use holdfast_scheduler::facts::{NodeIx, RscIx};

use super::Work;
use crate::exit;
use crate::output::{Failure, Output};

/// A place where a resource is active.
pub(super) struct Place {
    pub(super) node: NodeIx,
    pub(super) promoted: bool,
}

/// Every place of a resource and what is inside it, in the order of nodes found.
pub(super) fn of(work: &Work<'_>, rsc: RscIx) -> Vec<Place> {
    let facts = work.facts;
    let mut places: Vec<Place> = Vec::new();
    let mut stack = vec![rsc];
    while let Some(here) = stack.pop() {
        let it = &facts.rscs[here];
        if it.children.is_empty() {
            for node in &it.running_on {
                if !places.iter().any(|place| place.node == *node) {
                    places.push(Place { node: *node, promoted: it.role == Role::Promoted });
                }
            }
        }
        stack.extend(it.children.iter().rev().copied());
    }
    places
}

/// All instances that a name stands for.
fn instances(work: &Work<'_>, rsc: RscIx, name: &str) -> Vec<RscIx> {
    let it = &work.facts.rscs[rsc];
    if it.id == name {
        return vec![rsc];
    }
    work.facts
        .rscs
        .iter_enumerated()
        .filter(|(_, other)| other.config_id == it.config_id)
        .map(|(ix, _)| ix)
        .collect()
}

pub(super) fn locate(work: &Work<'_>, rsc: RscIx, name: &str, output: &mut Output) -> Result<i32, Failure> {
    output.open("nodes", &[("resource", name)]);
    let mut found = false;
    let mut places: Vec<Place> =
        instances(work, rsc, name).into_iter().flat_map(|instance| of(work, instance)).collect();
    places.sort_by_key(|place| place.node);
    for place in places {
        found = true;
        let node = &work.facts.nodes[place.node].name;
        let state = if place.promoted { " Promoted" } else { "" };
        if output.is_quiet() {
            output.text(format!("{node}\n"));
        } else {
            output.text(format!("resource {name} is running on: {node}{state}\n"));
        }
        let mut attributes = vec![];
        if place.promoted {
            attributes.push(("state", "promoted"));
        }
        output.text_element("node", &attributes, node);
    }
    output.close();
    if !found {
        output.error(format!("resource {name} is NOT running"));
    }
    Ok(exit::OK)
}
