//! A patch for people: a line or a few for each change.

use holdfast_xml::patch::{AttributeChange, Change, Patch};
use holdfast_xml::{Document, Kind, Version, escape_attribute};

/// The lines of a patch.
pub fn lines(patch: &Patch) -> Vec<String> {
    let mut lines = Vec::new();
    let source = patch.source.unwrap_or_default();
    let target = patch.target.unwrap_or_default();
    if source != target {
        lines.push(format!("Diff: --- {source} 2"));
        lines.push(format!("Diff: +++ {target} {}", patch.digest.as_deref().unwrap_or("(no digest)")));
    } else if target != Version::default() {
        lines.push(format!("Local-only Change: {target}"));
    }
    for change in &patch.changes {
        match change {
            Change::Create { path, content, .. } => created(path, content, &mut lines),
            Change::Move { path, position } => lines.push(format!("+~ {path} moved to offset {position}")),
            Change::Delete { path, position: Some(position) } => {
                lines.push(format!("-- {path} ({position})"))
            }
            Change::Delete { path, position: None } => lines.push(format!("-- {path}")),
            Change::Modify { path, attributes, .. } => modified(path, attributes, &mut lines),
        }
    }
    lines
}

fn modified(path: &str, attributes: &[AttributeChange], lines: &mut Vec<String>) {
    let mut set = Vec::new();
    let mut unset = Vec::new();
    for attribute in attributes {
        match attribute {
            AttributeChange::Set { name, value } => set.push(format!("@{name}={value}")),
            AttributeChange::Unset { name } => unset.push(format!("@{name}")),
        }
    }
    if !set.is_empty() {
        lines.push(format!("+  {path}:  {}", set.join(", ")));
    }
    if !unset.is_empty() {
        lines.push(format!("-- {path}:  {}", unset.join(", ")));
    }
}

/// The new part with its place before the first line and blanks of that width before the others.
fn created(path: &str, content: &Document, lines: &mut Vec<String>) {
    let first = format!("++ {path}: ");
    let other = format!("++{}", " ".repeat(first.chars().count() - 2));
    let Some(top) = content.nodes_of(content.root().ix()).next() else { return };
    if content.kind(top) == Kind::Comment {
        // Comments stand alone, without their place.
        lines.push(format!("<!--{}-->", content.content(top)));
        return;
    }
    let mut stack = vec![(top, 0usize, false)];
    let mut prefix = &first;
    while let Some((ix, depth, closing)) = stack.pop() {
        let indent = "  ".repeat(depth);
        if content.kind(ix) == Kind::Comment {
            lines.push(format!("{indent}<!--{}-->", content.content(ix)));
            continue;
        }
        if content.kind(ix) != Kind::Element {
            continue;
        }
        let element = content.element(ix);
        if closing {
            lines.push(format!("{prefix} {indent}</{}>", element.name()));
            continue;
        }
        let mut tag = format!("<{}", element.name());
        for (name, value) in element.attrs() {
            tag.push_str(&format!(" {name}=\""));
            escape_attribute(value, &mut tag);
            tag.push('"');
        }
        let children: Vec<_> = content.nodes_of(ix).collect();
        let end = if children.is_empty() { "/>" } else { ">" };
        lines.push(format!("{prefix} {indent}{tag}{end}"));
        prefix = &other;
        if !children.is_empty() {
            stack.push((ix, depth, true));
            stack.extend(children.into_iter().rev().map(|child| (child, depth + 1, false)));
        }
    }
}
