//! Reading attribute blocks.

use holdfast_xml::Element;

use super::Reader;
use crate::attributes::{AttributeSet, NameValue};
use crate::problem::Level;
use crate::score::Score;

/// The blocks called `name` directly below `parent`, in order of evaluation: highest score first, the later one of
/// equal ones first. References (`id-ref`) of blocks and pairs are followed.
pub fn sets<'d>(reader: &mut Reader<'d>, parent: Element<'d>, name: &str) -> Vec<AttributeSet> {
    sets_first(reader, parent, name, "")
}

/// As [`sets`], but the block with the id `first` comes before all others.
pub(super) fn sets_first<'d>(
    reader: &mut Reader<'d>,
    parent: Element<'d>,
    name: &str,
    first: &str,
) -> Vec<AttributeSet> {
    let mut found = Vec::new();
    for block in parent.children_named(name) {
        if let Some(block) = reader.resolve(block) {
            found.push(set(reader, block));
        }
    }
    // Of blocks with the same score the later one comes first: that is how templates are overridden.
    found.reverse();
    found.sort_by(|a, b| {
        let is_first = |set: &AttributeSet| !first.is_empty() && set.id == first;
        is_first(b).cmp(&is_first(a)).then(b.score.cmp(&a.score))
    });
    found
}

fn set<'d>(reader: &mut Reader<'d>, block: Element<'d>) -> AttributeSet {
    let score = match block.attr("score") {
        None => Score::ZERO,
        Some(text) => Score::parse(text).unwrap_or_else(|| {
            let message = format!("score \"{text}\" is not a score (a number or INFINITY); 0 is used");
            reader.problem(Level::Warning, block, message);
            Score::ZERO
        }),
    };
    let rule = block.child("rule").map(|rule| super::rule::rule(reader, rule));
    // Very old documents wrap the pairs in an <attributes> element.
    let holder = block.children().next().filter(|child| child.name() == "attributes").unwrap_or(block);
    let mut pairs = Vec::new();
    for pair in holder.children_named("nvpair") {
        let Some(pair) = reader.resolve(pair) else { continue };
        if let (Some(name), Some(value)) = (pair.attr("name"), pair.attr("value")) {
            pairs.push(NameValue {
                id: pair.attr("id").unwrap_or_default().to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    AttributeSet { id: block.attr("id").unwrap_or_default().to_owned(), score, rule, pairs }
}
