//! Merging, replacing and removing parts of a tree by example.
//!
//! An example matches by name and id; for removal, by name and every attribute it has.

use holdfast_model::Score;
use holdfast_xml::{Document, Element, Kind, NodeIx};

/// The first element of a subtree (itself included) that a predicate accepts, in document order.
fn first(top: Element<'_>, accepts: impl Fn(Element<'_>) -> bool) -> Option<NodeIx> {
    top.self_and_descendants().find(|element| accepts(*element)).map(Element::ix)
}

/// Merges `update` into the first element of its name and id at or below `top`; tells whether there was one.
pub(crate) fn modify(document: &mut Document, top: NodeIx, update: Element<'_>, scores: bool) -> bool {
    let found = first(document.element(top), |element| {
        element.name() == update.name() && element.id() == update.id()
    });
    if let Some(target) = found {
        merge(document, target, update, scores);
    }
    found.is_some()
}

/// Replaces the first element below `top` of the same name (and id, if the new one has an id).
pub(crate) fn replace(document: &mut Document, top: NodeIx, new: Element<'_>) -> bool {
    let found = document
        .element(top)
        .descendants()
        .find(|element| element.name() == new.name() && new.id().is_none_or(|id| element.id() == Some(id)))
        .map(Element::ix);
    if let Some(target) = found {
        document.replace_with_copy(target, new.document(), new.ix());
    }
    found.is_some()
}

/// Removes the first element below `top` of the same name that has all attributes of the example.
pub(crate) fn delete(document: &mut Document, top: NodeIx, example: Element<'_>) -> bool {
    let found = document
        .element(top)
        .descendants()
        .find(|element| {
            element.name() == example.name()
                && example.attrs().all(|(name, value)| element.attr(name) == Some(value))
        })
        .map(Element::ix);
    if let Some(target) = found {
        document.remove(target);
    }
    found.is_some()
}

/// Copies attributes and merges children; without recursion, as the input comes from outside.
fn merge(document: &mut Document, target: NodeIx, update: Element<'_>, scores: bool) {
    let source = update.document();
    let mut work = vec![(target, update.ix())];
    while let Some((target, update)) = work.pop() {
        let element = source.element(update);
        for (name, value) in element.attrs() {
            let old = document.element(target).attr(name);
            let value = match old.filter(|_| scores).and_then(|old| sum(name, old, value)) {
                Some(sum) => sum,
                None => value.to_owned(),
            };
            document.set_attr(target, name, &value);
        }
        // Children must be found or made in order; their own children may wait.
        let mut later = Vec::new();
        for child in source.nodes_of(update) {
            match source.kind(child) {
                Kind::Element => later.push((child_for(document, target, source.element(child)), child)),
                Kind::Comment => merge_comment(document, target, source.content(child)),
                Kind::Document | Kind::Text | Kind::CData | Kind::Instruction | Kind::Removed => {}
            }
        }
        work.extend(later.into_iter().rev());
    }
}

fn child_for(document: &mut Document, parent: NodeIx, update: Element<'_>) -> NodeIx {
    let key = ["id", "id-ref"].into_iter().find_map(|name| update.attr(name).map(|value| (name, value)));
    let found = document
        .element(parent)
        .children()
        .find(|child| {
            child.name() == update.name() && key.is_none_or(|(name, value)| child.attr(name) == Some(value))
        })
        .map(Element::ix);
    match found {
        Some(found) => found,
        None => document.append(parent, update.name()),
    }
}

fn merge_comment(document: &mut Document, parent: NodeIx, text: &str) {
    let exists = document
        .nodes_of(parent)
        .any(|ix| document.kind(ix) == Kind::Comment && document.content(ix) == text);
    if !exists {
        document.append_comment(parent, text);
    }
}

/// `score="score++"` adds one, `score="score+=5"` adds five; anything else is not a sum.
fn sum(name: &str, old: &str, value: &str) -> Option<String> {
    let rest = value.strip_prefix(name)?;
    let add = match rest.strip_prefix("+=") {
        Some(number) => Score::parse(number).unwrap_or(Score::new(1)),
        None if rest.starts_with("++") => Score::new(1),
        None => return None,
    };
    let old = Score::parse(old).unwrap_or(Score::ZERO);
    Some((old + add).get().to_string())
}
