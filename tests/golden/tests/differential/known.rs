//! What changed in Pacemaker between 2.1.5, which is asked, and the main branch, whose semantics are ours.
//!
//! Knows rules, each with the configuration that brings it about; names no single input. A rule explains a difference
//! only in the part of the answer that it can change.

use holdfast_xml::{Document, Element};

/// A change of the rules.
pub struct Change {
    /// What changed.
    pub rule: &'static str,
    parts: &'static [&'static str],
    applies: fn(&Document) -> bool,
}

/// Everything from placement on.
const PLACED: &[&str] = &["summary", "actions", "orders", "executed", "after"];

const CHANGES: [Change; 3] = [
    Change {
        rule: "the first member of a group takes over what is configured for the others, and the last what is colocated \
               with the others; a dependent that has only one node left pushes its anti-colocated primary away; \
               colocations of clones count when roles are chosen",
        parts: PLACED,
        applies: |cib| any(cib, |element| element.name() == "rsc_colocation"),
    },
    Change {
        rule: "orderings of kind Serialize no longer hide other orderings of the same actions",
        parts: PLACED,
        applies: |cib| {
            any(cib, |element| element.name() == "rsc_order" && element.attr("kind") == Some("Serialize"))
        },
    },
    Change {
        rule: "instances of ordered clones wait for every earlier one, not only the last before them",
        parts: &["orders", "executed"],
        applies: |cib| any(cib, |element| is_pair(element, "ordered", "true")),
    },
];

fn any(document: &Document, found: impl Fn(Element<'_>) -> bool) -> bool {
    document.root().descendants().any(found)
}

fn is_pair(element: Element<'_>, name: &str, value: &str) -> bool {
    element.attr("name") == Some(name) && element.attr("value") == Some(value)
}

/// The change that explains a difference in this part of the answers.
pub fn explain(cib: &Document, part: &str) -> Option<&'static Change> {
    CHANGES.iter().find(|change| change.parts.contains(&part) && (change.applies)(cib))
}
