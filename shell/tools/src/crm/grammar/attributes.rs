//! Sets of names and values: `params a=b c=d`, `meta ...`, `op start timeout=60`.

use super::{Syntax, Words, rule};
use holdfast_xml::{Document, NodeIx};

/// Words that begin a new part of a resource.
pub const PARTS: &[&str] =
    &["params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "attributes", "rule"];

/// Attributes of an `op` element; everything else is a parameter of the operation.
const OP_ATTRIBUTES: &[&str] = &[
    "id",
    "name",
    "interval",
    "timeout",
    "description",
    "start-delay",
    "interval-origin",
    "enabled",
    "record-pending",
    "role",
    "on-fail",
    "requires",
];

pub fn is_part(word: &str) -> bool {
    PARTS.contains(&word)
}

/// Splits `name=value`; a bare name has no value.
fn pair(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    }
}

/// Reads names and values into a set that exists: `$id=`, `$id-ref=`, a score, a rule, then pairs.
pub fn nvset(words: &mut Words<'_>, doc: &mut Document, set: NodeIx, id: &str) -> Result<(), Syntax> {
    let mut id = id.to_owned();
    if let Some(word) = words.take_if(|w| w.starts_with("$id=")) {
        id = word["$id=".len()..].to_owned();
        doc.set_attr(set, "id", &id);
    }
    if let Some(word) = words.take_if(|w| w.starts_with("$id-ref=")) {
        doc.remove_attr(set, "id");
        doc.set_attr(set, "id-ref", &word["$id-ref=".len()..]);
        return Ok(());
    }
    if let Some(word) = words.take_if(|w| w.ends_with(':') && super::score(w.trim_end_matches(':')).is_some())
    {
        doc.set_attr(set, "score", &super::score(word.trim_end_matches(':')).unwrap_or_default());
    }
    if words.take_if(|w| w == "rule").is_some() {
        rule::rule(words, doc, set, &format!("{id}-rule"), rule::Use::Set)?;
    }
    while let Some(word) = words.take_if(|w| !is_part(w)) {
        let (name, value) = pair(word);
        if name.is_empty() {
            return Err(words.unexpected(word, "NAME=VALUE"));
        }
        let known =
            doc.element(set).children_named("nvpair").find(|n| n.attr("name") == Some(name)).map(|n| n.ix());
        if let Some(ix) = known {
            doc.set_attr(ix, "value", value.unwrap_or_default());
            continue;
        }
        let nvpair = doc.append(set, "nvpair");
        // `$ID:name=value` names the pair itself.
        let (pair_id, name) = match name.strip_prefix('$').and_then(|n| n.split_once(':')) {
            Some((pair_id, name)) => (pair_id.to_owned(), name),
            None => (format!("{id}-{name}"), name),
        };
        doc.set_attr(nvpair, "id", &pair_id);
        doc.set_attr(nvpair, "name", name);
        if let Some(value) = value {
            doc.set_attr(nvpair, "value", value);
        }
    }
    Ok(())
}

/// Adds a set below an owner: `params`, `meta`, `utilization`, `attributes`.
pub fn set(words: &mut Words<'_>, doc: &mut Document, owner: NodeIx, part: &str) -> Result<(), Syntax> {
    let element = match part {
        "meta" | "op_meta" => "meta_attributes",
        "utilization" => "utilization",
        _ => "instance_attributes",
    };
    let owner_id = doc.element(owner).attr("id").unwrap_or_default().to_owned();
    let before = doc.element(owner).children_named(element).count();
    let suffix = if before == 0 { String::new() } else { format!("-{}", before - 1) };
    let id = format!("{owner_id}-{element}{suffix}");
    let set = doc.append(owner, element);
    doc.set_attr(set, "id", &id);
    nvset(words, doc, set, &id)?;
    if doc.element(set).children().next().is_none() && !doc.element(set).has_attr("id-ref") {
        doc.remove(set);
    }
    Ok(())
}

/// Adds an operation: `op NAME a=b ... [op_params ...] [op_meta ...]`.
pub fn op(words: &mut Words<'_>, doc: &mut Document, rsc: NodeIx) -> Result<(), Syntax> {
    let name = words.need("the name of an operation")?;
    let rsc_id = doc.element(rsc).attr("id").unwrap_or_default().to_owned();
    let operations = match doc.element(rsc).child("operations").map(|e| e.ix()) {
        Some(ix) => ix,
        None => doc.append(rsc, "operations"),
    };
    let op = doc.append(operations, "op");
    doc.set_attr(op, "name", name);
    let (mut interval, mut given_id, mut parameters) = (None, None, Vec::new());
    while let Some(word) = words.take_if(|w| !is_part(w)) {
        let (attribute, value) = pair(word);
        let value = value.ok_or_else(|| words.unexpected(word, "NAME=VALUE"))?;
        match attribute {
            "interval" => {
                doc.set_attr(op, "interval", value);
                interval = Some(value.to_owned());
            }
            "id" | "$id" => given_id = Some(value.to_owned()),
            "role" => doc.set_attr(op, "role", super::role(value).unwrap_or(value)),
            known if OP_ATTRIBUTES.contains(&known) => doc.set_attr(op, known, value),
            other => parameters.push((other.to_owned(), value.to_owned())),
        }
    }
    let interval = interval.unwrap_or_else(|| "0s".to_owned());
    let id = given_id.unwrap_or_else(|| format!("{rsc_id}-{name}-{interval}"));
    doc.set_attr(op, "interval", &interval);
    doc.set_attr(op, "id", &id);
    if !parameters.is_empty() {
        let set = doc.append(op, "instance_attributes");
        doc.set_attr(set, "id", &format!("{id}-instance_attributes"));
        for (name, value) in parameters {
            let nvpair = doc.append(set, "nvpair");
            doc.set_attr(nvpair, "id", &format!("{id}-instance_attributes-{name}"));
            doc.set_attr(nvpair, "name", &name);
            doc.set_attr(nvpair, "value", &value);
        }
    }
    while let Some(part) = words.take_if(|w| matches!(w, "op_params" | "op_meta")) {
        set(words, doc, op, part)?;
    }
    Ok(())
}
