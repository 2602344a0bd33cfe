//! Paths as patch sets write them: `/name[@id='x']/…`, the last step possibly `comment`.

use crate::document::{Document, Kind, NONE, NodeIx};

/// One step: a name and, where the element has one, its id.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    name: &'a str,
    id: Option<&'a str>,
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('/')?;
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() {
            return None;
        }
        rest = &rest[end..];
        let mut id = None;
        if let Some(predicate) = rest.strip_prefix("[@id=") {
            let quote = predicate.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            let close = format!("{quote}]");
            let len = predicate[1..].find(&close)?;
            id = Some(&predicate[1..=len]);
            rest = &predicate[len + 3..];
        }
        steps.push(Step { name, id });
    }
    (!steps.is_empty()).then_some(steps)
}

/// The node a path names. `position` tells comments apart.
pub(super) fn find(document: &Document, path: &str, position: Option<usize>) -> Option<NodeIx> {
    let steps = steps(path)?;
    let mut here = document.document_node();
    for (at, step) in steps.iter().enumerate() {
        let last = at + 1 == steps.len();
        here = document.nodes_of(here).find(|child| match document.kind(*child) {
            Kind::Element => {
                let element = document.element(*child);
                element.name() == step.name && step.id.is_none_or(|id| element.id() == Some(id))
            }
            Kind::Comment => {
                at > 0
                    && last
                    && step.id.is_none()
                    && step.name == "comment"
                    && position.is_none_or(|position| document.position(*child) == position)
            }
            Kind::Document | Kind::Text | Kind::CData | Kind::Instruction | Kind::Removed => false,
        })?;
    }
    Some(here)
}

/// The path of a node.
pub(super) fn of(document: &Document, ix: NodeIx) -> String {
    if document.kind(ix) == Kind::Comment {
        let parent = NodeIx(document.node(ix.0).parent);
        debug_assert!(parent.0 != NONE);
        return format!("{}/comment", document.element(parent).xpath());
    }
    document.element(ix).xpath()
}
