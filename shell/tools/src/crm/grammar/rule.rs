//! Rules: `rule [SCORE:] EXPRESSION [and|or EXPRESSION]...`.

use super::{Syntax, Words, attributes, score};
use holdfast_xml::{Document, NodeIx};

/// Where a rule stands decides whether it has a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// In a location constraint: it has a score.
    Location,
    /// In a set of names and values: it only holds or not.
    Set,
}

const COMPARISONS: &[&str] = &["lt", "gt", "lte", "gte", "eq", "ne"];
const SPEC_FIELDS: &[&str] = &[
    "hours",
    "monthdays",
    "weekdays",
    "yeardays",
    "months",
    "weeks",
    "years",
    "weekyears",
    "moon",
    "minutes",
    "seconds",
];

/// Reads a rule behind the word `rule`.
pub fn rule(
    words: &mut Words<'_>,
    doc: &mut Document,
    owner: NodeIx,
    id: &str,
    usage: Use,
) -> Result<(), Syntax> {
    let rule = doc.append(owner, "rule");
    let mut id = id.to_owned();
    if let Some(word) = words.take_if(|w| w.starts_with("$id-ref=")) {
        doc.set_attr(rule, "id-ref", &word["$id-ref=".len()..]);
        return Ok(());
    }
    if let Some(word) = words.take_if(|w| w.starts_with("$id=")) {
        id = word["$id=".len()..].to_owned();
    }
    doc.set_attr(rule, "id", &id);
    if let Some(word) = words.take_if(|w| w.starts_with("$role=") || w.starts_with("role=")) {
        let value = word.split_once('=').map_or("", |(_, v)| v);
        doc.set_attr(rule, "role", super::role(value).unwrap_or(value));
    }
    if let Some(word) = words.take_if(|w| w.ends_with(':') && w.len() > 1) {
        let word = word.trim_end_matches(':');
        match score(word) {
            Some(score) => doc.set_attr(rule, "score", &score),
            None => doc.set_attr(rule, "score-attribute", word),
        }
    } else if usage == Use::Location {
        doc.set_attr(rule, "score", "INFINITY");
    }
    let mut joined: Option<&str> = None;
    let mut number = 0;
    loop {
        expression(words, doc, rule, &id, number)?;
        number += 1;
        let Some(word) = words.take_if(|w| matches!(w, "and" | "or" | "&&" | "||")) else { break };
        let boolean = if matches!(word, "and" | "&&") { "and" } else { "or" };
        if joined.is_some_and(|b| b != boolean) {
            return Err(words.complain(
                "one rule joins its expressions by `and` or by `or`, not by both; write two rules",
            ));
        }
        joined = Some(boolean);
    }
    if let Some(boolean) = joined {
        doc.set_attr(rule, "boolean-op", boolean);
    }
    Ok(())
}

fn expression(
    words: &mut Words<'_>,
    doc: &mut Document,
    rule: NodeIx,
    id: &str,
    number: usize,
) -> Result<(), Syntax> {
    let suffix = if number == 0 { String::new() } else { format!("-{}", number - 1) };
    let word = words.need("an expression: ATTRIBUTE eq VALUE, defined ATTRIBUTE, date ...")?;
    match word {
        "defined" | "not_defined" => {
            let attribute = words.need("the name of an attribute")?;
            let ix = doc.append(rule, "expression");
            doc.set_attr(ix, "id", &format!("{id}-expression{suffix}"));
            doc.set_attr(ix, "operation", word);
            doc.set_attr(ix, "attribute", attribute);
            Ok(())
        }
        "date" => date(words, doc, rule, &format!("{id}-expression{suffix}")),
        attribute => {
            let comparison = words.need("a comparison: lt, gt, lte, gte, eq or ne")?;
            let (kind, operation) = match comparison.split_once(':') {
                Some((kind, operation)) => (Some(kind), operation),
                None => (None, comparison),
            };
            if !COMPARISONS.contains(&operation) {
                return Err(words.unexpected(comparison, "lt, gt, lte, gte, eq or ne"));
            }
            let value = words.need("a value to compare with")?;
            let ix = doc.append(rule, "expression");
            doc.set_attr(ix, "id", &format!("{id}-expression{suffix}"));
            doc.set_attr(ix, "attribute", attribute);
            doc.set_attr(ix, "operation", operation);
            doc.set_attr(ix, "value", value);
            if let Some(kind) = kind {
                doc.set_attr(ix, "type", kind);
            }
            Ok(())
        }
    }
}

fn date(words: &mut Words<'_>, doc: &mut Document, rule: NodeIx, id: &str) -> Result<(), Syntax> {
    let operation = words.need("lt, gt, in or spec")?;
    let ix = doc.append(rule, "date_expression");
    doc.set_attr(ix, "id", id);
    let pairs = |words: &mut Words<'_>| {
        let mut found: Vec<(String, String)> = Vec::new();
        while let Some(word) = words.take_if(|w| w.contains('=') && !attributes::is_part(w)) {
            if let Some((name, value)) = word.split_once('=') {
                found.push((name.to_owned(), value.to_owned()));
            }
        }
        found
    };
    match operation {
        "lt" | "gt" => {
            let value = words.need("a date")?;
            doc.set_attr(ix, "operation", operation);
            doc.set_attr(ix, if operation == "lt" { "end" } else { "start" }, value);
        }
        "in" | "in_range" => {
            doc.set_attr(ix, "operation", "in_range");
            let mut duration = Vec::new();
            for (name, value) in pairs(words) {
                if matches!(name.as_str(), "start" | "end") {
                    doc.set_attr(ix, &name, &value);
                } else {
                    duration.push((name, value));
                }
            }
            child(doc, ix, "duration", &format!("{id}-duration"), &duration);
        }
        "spec" | "date_spec" => {
            doc.set_attr(ix, "operation", "date_spec");
            let fields = pairs(words);
            if let Some((name, _)) = fields.iter().find(|(n, _)| !SPEC_FIELDS.contains(&n.as_str())) {
                return Err(words.unexpected(name, &SPEC_FIELDS.join(", ")));
            }
            child(doc, ix, "date_spec", &format!("{id}-date_spec"), &fields);
        }
        other => return Err(words.unexpected(other, "lt, gt, in or spec")),
    }
    Ok(())
}

fn child(doc: &mut Document, owner: NodeIx, element: &str, id: &str, fields: &[(String, String)]) {
    if fields.is_empty() {
        return;
    }
    let ix = doc.append(owner, element);
    doc.set_attr(ix, "id", id);
    for (name, value) in fields {
        doc.set_attr(ix, name, value);
    }
}
