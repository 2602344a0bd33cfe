//! Settings of resources: parameters, meta attributes, utilization, attributes of the element.

use std::collections::BTreeMap;

use holdfast_scheduler::facts::{RscIx, RscKind};
use holdfast_store::{Operation, Request, Target};
use holdfast_xml::{Document, Element};

use super::{Work, operation_failed};
use crate::cib_source::CibSource;
use crate::exit;
use crate::node_attribute::sanitized;
use crate::output::{Failure, Output};

/// Which settings are meant.
fn set_type(work: &Work<'_>) -> &'static str {
    match work.parsed.last_of(&["meta", "utilization", "element"]) {
        Some(("meta", _)) => "meta_attributes",
        Some(("utilization", _)) => "utilization",
        Some(("element", _)) => "element",
        Some(_) | None => "instance_attributes",
    }
}

/// Values of a name in the sets of one resource (of a kind, or of any).
fn pairs<'a>(work: &Work<'a>, id: &str, kind: Option<&str>, name: &str) -> Vec<Element<'a>> {
    let wanted_set = work.parsed.value("set-name");
    let wanted_pair = work.parsed.value("nvpair");
    let Some(element) = work.element(id) else { return Vec::new() };
    element
        .children()
        .filter(|set| match kind {
            Some(kind) => set.name() == kind,
            None => matches!(set.name(), "meta_attributes" | "instance_attributes" | "utilization"),
        })
        .filter(|set| wanted_set.is_none_or(|wanted| set.id() == Some(wanted)))
        .flat_map(|set| set.children_named("nvpair"))
        .filter(|pair| pair.attr("name") == Some(name))
        .filter(|pair| wanted_pair.is_none_or(|wanted| pair.id() == Some(wanted)))
        .collect()
}

fn has(work: &Work<'_>, rsc: RscIx, kind: &str, name: &str) -> bool {
    !pairs(work, work.config_id(rsc), Some(kind), name).is_empty()
}

/// Says which values of a name exist in a whole tree of resources, if there are several.
fn warn_of_several(work: &Work<'_>, rsc: RscIx, name: &str, output: &mut Output) {
    let top = work.facts.top_resource(rsc, false);
    let Some(element) = work.element(work.config_id(top)) else { return };
    let all: Vec<Element<'_>> = element
        .descendants()
        .filter(|pair| {
            let in_set = pair.parent().is_some_and(|set| {
                matches!(set.name(), "meta_attributes" | "instance_attributes" | "utilization")
            });
            pair.name() == "nvpair" && in_set && pair.attr("name") == Some(name)
        })
        .collect();
    if all.len() < 2 {
        return;
    }
    output.info(format!("Multiple attributes match name={name}"));
    for pair in all {
        output.info(format!(
            "  Value: {} \t(id={})",
            pair.attr("value").unwrap_or(""),
            pair.id().unwrap_or("")
        ));
    }
    output.info("");
}

/// Which resources a change is about: with a clone, the one of the two that has the value already; with a group, also
/// the members that have it.
fn concerned(
    work: &Work<'_>,
    rsc: RscIx,
    requested: &str,
    kind: &str,
    name: &str,
    verb: &str,
    output: &mut Output,
) -> Vec<RscIx> {
    let facts = work.facts;
    if work.parsed.has("force") {
        return vec![rsc];
    }
    let is_clone = |ix: RscIx| matches!(facts.rscs[ix].kind, RscKind::Clone(_));
    if let Some(parent) = facts.rscs[rsc].parent.filter(|parent| is_clone(*parent)) {
        if has(work, rsc, kind, name) {
            return vec![rsc];
        }
        let id = work.config_id(parent);
        output.info(format!("Performing {verb} of '{name}' on '{id}', the parent of '{requested}'"));
        return vec![parent];
    }
    if is_clone(rsc) {
        let child = facts.rscs[rsc].children.first().copied();
        let child = child.filter(|child| matches!(facts.rscs[*child].kind, RscKind::Primitive));
        if let Some(child) = child.filter(|child| has(work, *child, kind, name)) {
            let id = work.config_id(child);
            output.info(format!(
                "A value for '{name}' already exists in child '{id}', performing {verb} on that instead of '{requested}'"
            ));
            return vec![child];
        }
        return vec![rsc];
    }
    let mut all: Vec<RscIx> =
        facts.rscs[rsc].children.iter().copied().filter(|child| has(work, *child, kind, name)).collect();
    all.push(rsc);
    all
}

pub(super) fn get(
    work: &Work<'_>,
    rsc: RscIx,
    name: &str,
    parameter: &str,
    output: &mut Output,
) -> Result<i32, Failure> {
    let kind = set_type(work);
    let id = work.config_id(rsc);
    let value = match kind {
        "element" => work.element(id).and_then(|element| element.attr(parameter)).map(str::to_owned),
        "instance_attributes" => work.facts.params(rsc, None).remove(parameter),
        "meta_attributes" => work.facts.rscs[rsc].meta(parameter).map(str::to_owned),
        _ => pairs(work, id, Some(kind), parameter)
            .first()
            .and_then(|pair| pair.attr("value"))
            .map(str::to_owned),
    };
    match value {
        Some(value) => {
            output.text(format!("{value}\n"));
            output.open("item", &[("name", parameter)]);
            output.text_element("value", &[], &value);
            output.close();
            Ok(exit::OK)
        }
        None if kind == "element" || kind == "utilization" => {
            output.error(format!("Attribute '{parameter}' not found for '{name}'"));
            Ok(exit::OK)
        }
        None => {
            output.error(format!("Attribute '{parameter}' not found for '{name}'"));
            Ok(exit::NO_SUCH)
        }
    }
}

pub(super) fn set(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: RscIx,
    name: &str,
    parameter: &str,
    output: &mut Output,
) -> Result<i32, Failure> {
    let Some(value) = work.parsed.value("parameter-value") else {
        return Err(Failure::usage("You need to supply a value with the -v option"));
    };
    let kind = set_type(work);
    if kind == "element" {
        change_element(work, source, rsc, |document, root| document.set_attr(root, parameter, value))?;
        output.info(format!("Set attribute: name={parameter} value={value}"));
        return Ok(exit::OK);
    }
    if work.parsed.value("nvpair").is_none() && !work.parsed.has("force") {
        warn_of_several(work, rsc, parameter, output);
    }
    let mut targets = if kind == "meta_attributes" {
        concerned(work, rsc, name, kind, parameter, "update", output)
    } else {
        vec![rsc]
    };
    if work.parsed.has("recursive") && kind == "meta_attributes" {
        add_colocated(work, &mut targets);
    }
    output.open("resource-settings", &[]);
    for target in targets {
        set_one(work, source, target, kind, parameter, value, output)?;
    }
    output.close();
    Ok(exit::OK)
}

fn set_one(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: RscIx,
    kind: &str,
    parameter: &str,
    value: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    let id = work.config_id(rsc);
    let existing = pairs(work, id, Some(kind), parameter).first().copied();
    let given = work.parsed.value("set-name");
    let set = given.map_or_else(|| format!("{id}-{kind}"), str::to_owned);
    let pair_id = match existing.and_then(|pair| pair.id()) {
        Some(id) => id.to_owned(),
        None => work
            .parsed
            .value("nvpair")
            .map_or_else(|| sanitized(&format!("{set}-{parameter}")), str::to_owned),
    };
    let element = work.element(id).map_or("primitive", Element::name);
    let mut input = Document::new(if existing.is_some() { "nvpair" } else { element });
    let mut here = input.root().ix();
    if existing.is_none() {
        input.set_attr(here, "id", id);
        here = input.append(here, kind);
        input.set_attr(here, "id", &set);
        here = input.append(here, "nvpair");
    }
    for (attribute, text) in [("id", pair_id.as_str()), ("name", parameter), ("value", value)] {
        input.set_attr(here, attribute, text);
    }
    let mut request = Request::new(Operation::Modify, Target::Section("resources".to_owned()), Some(input));
    request.options.score_update = false;
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))?;
    let shown_set = if existing.is_none() || given.is_some() { format!(" set={set}") } else { String::new() };
    output.info(format!("Set '{id}' option: id={pair_id}{shown_set} name={parameter} value={value}"));
    let set_id = existing.and_then(|pair| pair.parent()).and_then(|set| set.id()).unwrap_or(&set).to_owned();
    output.open(element, &[("id", id)]);
    output.open(kind, &[("id", &set_id)]);
    output.element("nvpair", &[("id", &pair_id), ("value", value), ("name", parameter)]);
    output.close();
    output.close();
    Ok(())
}

/// Adds what must be where a resource is.
fn add_colocated(work: &Work<'_>, targets: &mut Vec<RscIx>) {
    let constraints = work.document.root().child("configuration").and_then(|all| all.child("constraints"));
    let mut with: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for constraint in constraints.into_iter().flat_map(|all| all.children_named("rsc_colocation")) {
        let positive = constraint
            .attr("score")
            .and_then(holdfast_model::Score::parse)
            .is_none_or(|score| score > holdfast_model::Score::ZERO);
        if let (true, Some(rsc), Some(other)) =
            (positive, constraint.attr("rsc"), constraint.attr("with-rsc"))
        {
            with.entry(other).or_default().push(rsc);
        }
    }
    with.values_mut().for_each(|dependents| dependents.sort_unstable());
    let mut at = 0;
    while at < targets.len() {
        let id = work.config_id(targets[at]);
        for dependent in with.get(id).into_iter().flatten() {
            if let Some(dependent) = work.find(dependent)
                && !targets.contains(&dependent)
            {
                targets.push(dependent);
            }
        }
        at += 1;
    }
}

pub(super) fn delete(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: RscIx,
    name: &str,
    parameter: &str,
    output: &mut Output,
) -> Result<i32, Failure> {
    let kind = set_type(work);
    if work.parsed.value("nvpair").is_none() && !work.parsed.has("force") {
        warn_of_several(work, rsc, parameter, output);
    }
    if kind == "element" {
        change_element(work, source, rsc, |document, root| {
            document.remove_attr(root, parameter);
        })?;
        output.info(format!("Deleted attribute: {parameter}"));
        return Ok(exit::OK);
    }
    let targets = if kind == "meta_attributes" {
        concerned(work, rsc, name, kind, parameter, "delete", output)
    } else {
        vec![rsc]
    };
    for target in targets {
        let id = work.config_id(target);
        let Some(pair) = pairs(work, id, Some(kind), parameter).first().copied() else { continue };
        let mut input = Document::new("nvpair");
        let root = input.root().ix();
        let pair_id = pair.id().unwrap_or("");
        input.set_attr(root, "id", pair_id);
        input.set_attr(root, "name", parameter);
        let request = Request::new(Operation::Delete, Target::Section("resources".to_owned()), Some(input));
        source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))?;
        let set = work.parsed.value("set-name").map(|set| format!(" set={set}")).unwrap_or_default();
        output.info(format!("Deleted '{id}' option: id={pair_id}{set} name={parameter}"));
    }
    Ok(exit::OK)
}

fn change_element(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: RscIx,
    change: impl FnOnce(&mut Document, holdfast_xml::NodeIx),
) -> Result<(), Failure> {
    let Some(element) = work.element(work.config_id(rsc)) else {
        return Err(Failure::new(exit::NO_SUCH, "Error performing operation: No such device or address"));
    };
    let mut input = Document::from_element(element);
    let root = input.root().ix();
    change(&mut input, root);
    let request = Request::new(Operation::Replace, Target::Section("resources".to_owned()), Some(input));
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))
}
