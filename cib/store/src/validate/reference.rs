//! References. One to an id that no element has is refused, as the schemas do; one to an element of another kind, or
//! to a node by name, is what the old programs ignore at run time, so it is a warning.

use std::collections::BTreeSet;

use holdfast_xml::{Document, Element};

use super::Report;

pub(super) fn check(document: &Document, report: &mut Report) {
    let Some(configuration) = document.root().child("configuration") else { return };
    let mut resources: BTreeSet<&str> = BTreeSet::new();
    let mut templates: BTreeSet<&str> = BTreeSet::new();
    let mut sets: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut tags: BTreeSet<&str> = BTreeSet::new();
    let mut roles: BTreeSet<&str> = BTreeSet::new();
    let mut nodes: BTreeSet<&str> = BTreeSet::new();
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for element in configuration.descendants() {
        let id = element.id().unwrap_or("");
        // An `id` that refers defines nothing.
        if !refers_by_id(element) {
            ids.insert(id);
        }
        match element.name() {
            "primitive" | "group" | "clone" | "master" | "bundle" => {
                resources.insert(id);
            }
            "template" => {
                templates.insert(id);
            }
            "tag" => {
                tags.insert(id);
            }
            "acl_role" => {
                roles.insert(id);
            }
            "node" => {
                nodes.extend(element.attr("uname"));
                nodes.insert(id);
            }
            _ => {}
        }
        if element.id().is_some() {
            sets.insert((element.name(), id));
        }
        // A guest node is a resource whose meta-attribute names the node.
        if element.name() == "nvpair" && element.attr("name") == Some("remote-node") {
            nodes.extend(element.attr("value"));
        }
        if element.name() == "primitive" && element.attr("type") == Some("remote") {
            nodes.insert(id);
        }
    }
    let known = |id: &str| resources.contains(id) || templates.contains(id) || tags.contains(id);
    for element in configuration.descendants() {
        let dangling = |report: &mut Report, attribute: &str, what: &str, known: &dyn Fn(&str) -> bool| {
            if let Some(id) = element.attr(attribute)
                && !known(id)
            {
                let problem = format!("{attribute}={id:?} names no {what}");
                // Nodes are named by their names, which are no ids; tags may name what is gone.
                if what == "node" || element.name() == "obj_ref" || ids.contains(id) {
                    report.warning(element, problem);
                } else {
                    report.invalid(element, problem);
                }
            }
        };
        match element.name() {
            "rsc_location" => {
                dangling(report, "rsc", "resource", &known);
                if !nodes.is_empty() {
                    dangling(report, "node", "node", &|id| {
                        nodes.contains(id) || nodes.iter().any(|node| node.eq_ignore_ascii_case(id))
                    });
                }
            }
            "rsc_order" => {
                dangling(report, "first", "resource", &known);
                dangling(report, "then", "resource", &known);
            }
            "rsc_colocation" => {
                dangling(report, "rsc", "resource", &known);
                dangling(report, "with-rsc", "resource", &known);
            }
            "rsc_ticket" => dangling(report, "rsc", "resource", &known),
            "resource_ref" => dangling(report, "id", "resource", &known),
            "obj_ref" => dangling(report, "id", "element", &|id| ids.contains(id)),
            "primitive" => dangling(report, "template", "template", &|id| templates.contains(id)),
            "role" if parent_is(element, &["acl_target", "acl_group"]) => {
                dangling(report, "id", "role", &|id| roles.contains(id));
            }
            _ => {}
        }
        if let Some(id) = element.attr("id-ref")
            && !sets.contains(&(element.name(), id))
        {
            let problem = format!("id-ref={id:?} names no <{}>", element.name());
            if ids.contains(id) {
                report.warning(element, problem);
            } else {
                report.invalid(element, problem);
            }
        }
    }
}

/// Whether the `id` of an element is that of another one.
fn refers_by_id(element: Element<'_>) -> bool {
    matches!(element.name(), "resource_ref" | "obj_ref")
        || (element.name() == "role" && parent_is(element, &["acl_target", "acl_group"]))
}

fn parent_is(element: Element<'_>, names: &[&str]) -> bool {
    element.parent().is_some_and(|parent| names.contains(&parent.name()))
}
