//! Elements and attributes against the table, and the few rules that a table cannot say.

use std::collections::BTreeMap;

use holdfast_xml::{Document, Element};

use super::Report;
use super::table::{Row, rows};
use super::value::Type;
use crate::schema::Schema;

pub(super) fn check(document: &Document, schema: Schema, report: &mut Report) {
    let root = document.root();
    if root.name() != "cib" {
        report.invalid(root, "expected <cib> as the root element");
        return;
    }
    for (name, value) in root.attrs() {
        let counter = matches!(name, "admin_epoch" | "epoch" | "num_updates");
        if counter && value.parse::<u32>().is_err() {
            report.invalid(root, format!("{name}={value:?}: expected a number"));
        }
    }
    for name in ["admin_epoch", "epoch", "num_updates"] {
        if !root.has_attr(name) {
            report.invalid(root, format!("the attribute {name} is missing"));
        }
    }
    for child in root.children() {
        match child.name() {
            "configuration" | "status" => {}
            other => report
                .invalid(root, format!("<{other}> is not allowed here, expected configuration or status")),
        }
    }
    let table = rows(schema);
    let Some(configuration) = root.child("configuration") else {
        report.invalid(root, "<configuration> is missing");
        return;
    };
    for required in ["crm_config", "nodes", "resources", "constraints"] {
        if configuration.child(required).is_none() {
            report.invalid(configuration, format!("<{required}> is missing"));
        }
    }
    let mut ids: BTreeMap<&str, Element<'_>> = BTreeMap::new();
    for element in configuration.self_and_descendants() {
        let Some(row) = table.get(element.name()) else { continue };
        if row.anything
            || element.ancestors().any(|above| table.get(above.name()).is_some_and(|row| row.anything))
        {
            continue;
        }
        attributes(element, row, schema, &mut ids, report);
        children(element, row, report);
        shape(element, schema, report);
    }
}

fn attributes<'a>(
    element: Element<'a>,
    row: &Row,
    schema: Schema,
    ids: &mut BTreeMap<&'a str, Element<'a>>,
    report: &mut Report,
) {
    for (name, value) in element.attrs() {
        let Some(attribute) = row.attributes.iter().find(|attribute| attribute.name == name) else {
            // Prefixed attributes are annotations of other programs.
            if !name.contains(':') {
                report.invalid(element, format!("the attribute {name} is not known in {schema}"));
            }
            continue;
        };
        if let Some(expected) = attribute.kind.complaint(value) {
            report.invalid(element, format!("{name}={value:?}: expected {expected}"));
        }
        if attribute.kind == Type::Id
            && let Some(earlier) = ids.insert(value, element)
        {
            let place = match earlier.line() {
                0 => String::new(),
                line => format!(" in line {line}"),
            };
            report
                .invalid(element, format!("the id {value:?} is already used by <{}>{place}", earlier.name()));
        }
    }
    for attribute in row.attributes.iter().filter(|attribute| attribute.required) {
        if !element.has_attr(attribute.name) {
            report.invalid(element, format!("the attribute {} is missing", attribute.name));
        }
    }
}

fn children(element: Element<'_>, row: &Row, report: &mut Report) {
    for child in element.children() {
        if !row.children.contains(&child.name()) {
            let expected = if row.children.is_empty() {
                format!("<{}> has no elements inside", element.name())
            } else {
                format!("expected {}", row.children.join(", "))
            };
            report.invalid(child, format!("not allowed inside <{}>; {expected}", element.name()));
        }
    }
    if element.text().is_some() {
        report.invalid(element, "text is not allowed here");
    }
}

/// What must come together, and what excludes each other.
// An arm for each element, its conditions inside: moved into guards, elements would fall through to later arms.
#[allow(clippy::collapsible_match)]
fn shape(element: Element<'_>, schema: Schema, report: &mut Report) {
    let has = |name: &str| element.has_attr(name);
    let count = |name: &str| element.children_named(name).count();
    let mut complain = |problem: &str| report.invalid(element, problem);
    match element.name() {
        "nvpair" if !has("id-ref") => {
            for name in ["id", "name"] {
                if !has(name) {
                    complain(&format!("the attribute {name} is missing"));
                }
            }
        }
        "instance_attributes"
        | "meta_attributes"
        | "utilization"
        | "cluster_property_set"
        | "rule"
        | "resource_set"
            if has("id") == has("id-ref") =>
        {
            complain("exactly one of id and id-ref is needed");
        }
        "primitive" if has("template") => {
            if has("class") || has("provider") || has("type") {
                complain("template excludes class, provider and type");
            }
        }
        "primitive" | "template" => {
            if !has("class") || !has("type") {
                complain("class and type (or a template) are needed");
            }
            let ocf = element.attr("class") == Some("ocf");
            if ocf && !has("provider") {
                complain("class ocf needs a provider");
            } else if !ocf && has("provider") {
                complain("only class ocf has providers");
            }
            let class = element.attr("class").unwrap_or("");
            if schema.major >= 4 && matches!(class, "upstart" | "nagios") {
                complain("this class no longer exists");
            }
        }
        "node" if schema.major >= 4 && element.attr("type") == Some("ping") => {
            complain("nodes of type ping no longer exist");
        }
        "group" if count("primitive") == 0 => complain("a group needs at least one primitive"),
        "clone" | "master" if count("primitive") + count("group") != 1 => {
            complain("exactly one primitive or group is needed inside");
        }
        "bundle" => {
            if count("docker") + count("podman") + count("rkt") != 1 {
                complain("exactly one of docker and podman is needed inside");
            }
            if count("primitive") > 1 {
                complain("at most one primitive is allowed inside");
            }
        }
        "rsc_location" => location(element, schema, report),
        "rsc_order" if count("resource_set") == 0 => {
            if !has("first") || !has("then") {
                complain("first and then (or resource sets) are needed");
            }
        }
        "rsc_colocation" if count("resource_set") == 0 => {
            if !has("rsc") || !has("with-rsc") {
                complain("rsc and with-rsc (or resource sets) are needed");
            }
        }
        "rsc_ticket" if count("resource_set") == 0 && !has("rsc") => {
            complain("rsc (or resource sets) is needed");
        }
        "resource_set" if has("id") && count("resource_ref") == 0 => {
            complain("at least one resource_ref is needed inside");
        }
        "rule" if has("id") => {
            if element.children().next().is_none() {
                complain("at least one expression is needed inside");
            }
            if has("score") && has("score-attribute") {
                complain("score and score-attribute exclude each other");
            }
        }
        "expression" => {
            let unary = matches!(element.attr("operation"), Some("defined" | "not_defined"));
            if !unary && !has("value") {
                complain("this operation needs a value");
            }
        }
        "date_expression" => match element.attr("operation") {
            Some("gt") if !has("start") => complain("operation gt needs start"),
            Some("lt") if !has("end") => complain("operation lt needs end"),
            Some("date_spec") | None if count("date_spec") == 0 && !has("start") && !has("end") => {
                complain("a date_spec is needed inside");
            }
            Some(_) | None => {}
        },
        "fencing-level" => {
            let targets =
                ["target", "target-pattern", "target-attribute"].iter().filter(|name| has(name)).count();
            if targets != 1 {
                complain("exactly one of target, target-pattern and target-attribute is needed");
            }
            if has("target-attribute") != has("target-value") {
                complain("target-attribute and target-value belong together");
            }
            let index = element.attr("index").and_then(|index| index.trim().parse::<u64>().ok());
            if schema.major >= 4 && index.is_some_and(|index| index > 9) {
                complain("index is at most 9");
            }
        }
        "acl_permission" if !has("xpath") && !has("reference") && !has("object-type") => {
            complain("one of xpath, reference and object-type is needed");
        }
        "tag" if count("obj_ref") == 0 => complain("at least one obj_ref is needed inside"),
        "op" => {
            if element.attr("on-fail") == Some("demote") && schema < (Schema { major: 3, minor: 4 }) {
                complain("on-fail=demote is known from pacemaker-3.4 on");
            }
        }
        _ => {}
    }
    let role = element.attr("role").or(element.attr("rsc-role")).unwrap_or("");
    if matches!(role, "Promoted" | "Unpromoted")
        && schema < (Schema { major: 3, minor: 7 })
        && matches!(element.name(), "op" | "rsc_location" | "rsc_colocation" | "rsc_ticket" | "resource_set")
    {
        report.invalid(
            element,
            format!("role {role} is known from pacemaker-3.7 on, before it was Master or Slave"),
        );
    }
}

fn location(element: Element<'_>, schema: Schema, report: &mut Report) {
    let has = |name: &str| element.has_attr(name);
    let sets = element.children_named("resource_set").count();
    let targets = usize::from(has("rsc")) + usize::from(has("rsc-pattern")) + usize::from(sets > 0);
    if targets != 1 {
        report.invalid(element, "exactly one of rsc, rsc-pattern and resource sets is needed");
    }
    let rules = element.children_named("rule").count();
    if rules == 0 {
        for name in ["score", "node"] {
            if !has(name) {
                report.invalid(element, format!("the attribute {name} (or a rule) is missing"));
            }
        }
    } else if has("node") || has("score") {
        report.invalid(element, "rules and the attributes node and score exclude each other");
    }
    if schema.major >= 4 && rules > 1 {
        report.invalid(element, "only one rule is allowed inside; combine them in one with boolean-op");
    }
}
