//! Resource sets: `a b` in order, `( a b )` together, `[ a b ]` any one of them.

use super::{Element, Syntax, Words, role};

/// Whether a word is a plain operand and no bracket.
pub fn plain(word: &str) -> bool {
    !word.contains(['(', ')', '[', ']']) && !word.contains('=') && word != "_rsc_set_"
}

/// One set while it is gathered.
#[derive(Default)]
struct Gathered {
    sequential: Option<bool>,
    require_all: Option<bool>,
    qualifier: Option<String>,
    members: Vec<String>,
}

/// Writes the sets of a constraint. `qualifier` is `role` or `action`.
pub fn write(
    words: &Words<'_>,
    built: &mut Element,
    operands: &[String],
    qualifier: &str,
) -> Result<(), Syntax> {
    let mut sets: Vec<Gathered> = Vec::new();
    let mut open: Option<char> = None;
    let mut fresh = true;
    for token in tokens(operands) {
        match token.as_str() {
            "_rsc_set_" => {}
            "(" | "[" => {
                if open.is_some() {
                    return Err(words.complain("sets cannot stand inside each other"));
                }
                open = token.chars().next();
                let together = token == "(";
                sets.push(Gathered {
                    sequential: Some(false),
                    require_all: (!together).then_some(false),
                    ..Gathered::default()
                });
                fresh = false;
            }
            ")" | "]" => {
                let wanted = if token == ")" { '(' } else { '[' };
                if open != Some(wanted) {
                    return Err(words.complain(format!("`{token}` closes nothing")));
                }
                open = None;
                fresh = true;
            }
            option if option.contains('=') => {
                let (name, value) = option.split_once('=').unwrap_or((option, ""));
                let yes = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1");
                if fresh || sets.is_empty() {
                    sets.push(Gathered::default());
                    fresh = false;
                }
                if let Some(set) = sets.last_mut() {
                    match name {
                        "sequential" => set.sequential = Some(yes),
                        _ => set.require_all = Some(yes),
                    }
                }
            }
            member => {
                let (rsc, quality) = match member.rsplit_once(':') {
                    Some((rsc, word)) if qualifier == "role" => {
                        (rsc, Some(role(word).ok_or_else(|| words.unexpected(word, "a role"))?.to_owned()))
                    }
                    Some((rsc, word)) => (rsc, Some(word.to_owned())),
                    None => (member, None),
                };
                let changed = sets.last().is_some_and(|s| !s.members.is_empty() && s.qualifier != quality);
                if fresh || changed || sets.is_empty() {
                    let (sequential, require_all) = match (open, sets.last()) {
                        (Some(_), Some(set)) => (set.sequential, set.require_all),
                        _ => (None, None),
                    };
                    sets.push(Gathered { sequential, require_all, ..Gathered::default() });
                    fresh = false;
                }
                if let Some(set) = sets.last_mut() {
                    set.qualifier = quality;
                    set.members.push(rsc.to_owned());
                }
            }
        }
    }
    if let Some(open) = open {
        return Err(words.complain(format!("`{open}` is not closed")));
    }
    let owner = built.doc.element(built.root).attr("id").unwrap_or_default().to_owned();
    for (number, set) in sets.iter().filter(|s| !s.members.is_empty()).enumerate() {
        let ix = built.doc.append(built.root, "resource_set");
        if let Some(sequential) = set.sequential {
            built.doc.set_attr(ix, "sequential", if sequential { "true" } else { "false" });
        }
        if let Some(require_all) = set.require_all {
            built.doc.set_attr(ix, "require-all", if require_all { "true" } else { "false" });
        }
        if let Some(quality) = &set.qualifier {
            built.doc.set_attr(ix, qualifier, quality);
        }
        built.doc.set_attr(ix, "id", &format!("{owner}-{number}"));
        for member in &set.members {
            let reference = built.doc.append(ix, "resource_ref");
            built.doc.set_attr(reference, "id", member);
        }
    }
    Ok(())
}

/// Brackets may touch the words.
fn tokens(operands: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for operand in operands {
        let mut word = String::new();
        for c in operand.chars() {
            if matches!(c, '(' | ')' | '[' | ']') {
                if !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                out.push(c.to_string());
            } else {
                word.push(c);
            }
        }
        if !word.is_empty() {
            out.push(word);
        }
    }
    out
}
