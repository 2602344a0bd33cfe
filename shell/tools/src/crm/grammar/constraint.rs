//! Location, colocation, order and ticket constraints.

use super::{Element, Parsed, Syntax, Words, role, rule, score, set};

/// `location ID TARGET [k=v] (SCORE: NODE | rule ...)`.
pub fn location(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new("rsc_location", id);
    let target = words.need("a resource")?;
    if target.starts_with('{') {
        let mut members = vec![target.trim_start_matches('{').to_owned()];
        loop {
            let word = words.need("`}` behind the resources")?;
            members.push(word.trim_end_matches('}').to_owned());
            if word.ends_with('}') {
                break;
            }
        }
        let members: Vec<String> = members.into_iter().filter(|m| !m.is_empty()).collect();
        set::write(words, &mut built, &members, "role")?;
    } else if let Some(pattern) = target.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
        built.set("rsc-pattern", pattern);
    } else {
        built.set("rsc", target);
    }
    while let Some(word) = words.take_if(|w| w.contains('=') && !w.starts_with("rule")) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.trim_start_matches('$');
        built.set(name, if name == "role" { role(value).unwrap_or(value) } else { value });
    }
    if words.peek() == Some("rule") {
        let mut number = 0;
        while words.take_if(|w| w == "rule").is_some() {
            let suffix = if number == 0 { String::new() } else { format!("-{}", number - 1) };
            let root = built.root;
            rule::rule(words, &mut built.doc, root, &format!("{id}-rule{suffix}"), rule::Use::Location)?;
            number += 1;
        }
        return Ok(built.into("constraints"));
    }
    let word = words.need("SCORE: NODE, or rule ...")?;
    let (word, glued) =
        word.split_once(':').ok_or_else(|| words.unexpected(word, "a score with a colon behind it"))?;
    let value = score(word).ok_or_else(|| words.unexpected(word, "a score: a number or inf"))?;
    built.set("score", &value);
    let node = if glued.is_empty() { words.need("the name of a node")? } else { glued };
    built.set("node", node);
    if let Some(word) = words.take_if(|w| w.starts_with("role=")) {
        let value = &word["role=".len()..];
        built.set("role", role(value).unwrap_or(value));
    }
    Ok(built.into("constraints"))
}

/// `colocation ID SCORE: RSC[:ROLE] WITH[:ROLE] [node-attribute=A]`, or sets.
pub fn colocation(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new("rsc_colocation", id);
    let first = scored(words)?;
    match first.and_then(score) {
        Some(value) => built.set("score", &value),
        None => match first {
            Some(attribute) => built.set("score-attribute", attribute),
            None => built.set("score", "INFINITY"),
        },
    }
    let (members, options) = operands(words);
    for (name, value) in options {
        built.set(&name, &value);
    }
    match members.as_slice() {
        [a, b] if set::plain(a) && set::plain(b) => {
            for (name, role_name, word) in [("rsc", "rsc-role", a), ("with-rsc", "with-rsc-role", b)] {
                let (rsc, rsc_role) = split(word);
                built.set(name, rsc);
                if let Some(rsc_role) = rsc_role {
                    let known = role(rsc_role).ok_or_else(|| words.unexpected(rsc_role, "a role"))?;
                    built.set(role_name, known);
                }
            }
        }
        [] | [_] if members.iter().all(|m| set::plain(m)) => {
            return Err(
                words.complain("two resources expected: the one to place, and the one it is placed with")
            );
        }
        _ => set::write(words, &mut built, &members, "role")?,
    }
    Ok(built.into("constraints"))
}

/// `order ID [KIND|SCORE:] FIRST[:ACTION] THEN[:ACTION] [symmetrical=B]`, or sets.
pub fn order(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new("rsc_order", id);
    if let Some(word) = scored(words)? {
        let kind = ["Mandatory", "Optional", "Serialize"].into_iter().find(|k| k.eq_ignore_ascii_case(word));
        let kind = match (kind, score(word).as_deref()) {
            (Some(kind), _) => kind,
            (None, Some("0")) => "Optional",
            (None, Some(_)) => "Mandatory",
            (None, None) => return Err(words.unexpected(word, "Mandatory, Optional, Serialize or a score")),
        };
        built.set("kind", kind);
    }
    let (members, options) = operands(words);
    for (name, value) in options {
        built.set(&name, &value);
    }
    match members.as_slice() {
        [a, b] if set::plain(a) && set::plain(b) => {
            for (name, action_name, word) in [("first", "first-action", a), ("then", "then-action", b)] {
                let (rsc, action) = split(word);
                built.set(name, rsc);
                if let Some(action) = action {
                    if !matches!(action, "start" | "stop" | "promote" | "demote") {
                        return Err(words.unexpected(action, "start, stop, promote or demote"));
                    }
                    built.set(action_name, action);
                }
            }
        }
        [] | [_] if members.iter().all(|m| set::plain(m)) => {
            return Err(words.complain("two resources expected: the first, and the one that follows"));
        }
        _ => set::write(words, &mut built, &members, "action")?,
    }
    Ok(built.into("constraints"))
}

/// `rsc_ticket ID TICKET: RSC[:ROLE]... [loss-policy=P]`.
pub fn ticket(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new("rsc_ticket", id);
    let ticket = words.need("TICKET:")?;
    let ticket = ticket
        .strip_suffix(':')
        .ok_or_else(|| words.unexpected(ticket, "a ticket with a colon behind it"))?;
    built.set("ticket", ticket);
    let (members, options) = operands(words);
    for (name, value) in options {
        built.set(&name, &value);
    }
    match members.as_slice() {
        [one] if set::plain(one) => {
            let (rsc, rsc_role) = split(one);
            built.set("rsc", rsc);
            if let Some(rsc_role) = rsc_role {
                built.set("rsc-role", role(rsc_role).ok_or_else(|| words.unexpected(rsc_role, "a role"))?);
            }
        }
        [] => return Err(words.complain("at least one resource expected")),
        _ => set::write(words, &mut built, &members, "role")?,
    }
    Ok(built.into("constraints"))
}

/// The word before the colon, if the next word is one.
fn scored<'a>(words: &mut Words<'a>) -> Result<Option<&'a str>, Syntax> {
    let Some(word) = words.take_if(|w| w.ends_with(':')) else { return Ok(None) };
    let word = word.trim_end_matches(':');
    if word.is_empty() {
        return Err(words.unexpected(":", "a score before the colon"));
    }
    Ok(Some(word))
}

/// The members and the `name=value` words of a constraint. `sequential=` and `require-all=` inside a set stay members.
fn operands(words: &mut Words<'_>) -> (Vec<String>, Vec<(String, String)>) {
    let (mut members, mut options) = (Vec::new(), Vec::new());
    for word in words.rest() {
        match word.split_once('=') {
            Some((name, value)) if !matches!(name, "sequential" | "require-all") => {
                options.push((name.trim_start_matches('$').to_owned(), value.to_owned()));
            }
            _ => members.push(word.clone()),
        }
    }
    (members, options)
}

/// `RSC:QUALIFIER`.
fn split(word: &str) -> (&str, Option<&str>) {
    match word.rsplit_once(':') {
        Some((rsc, qualifier)) => (rsc, Some(qualifier)),
        None => (word, None),
    }
}
