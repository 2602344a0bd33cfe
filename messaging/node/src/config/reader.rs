//! Takes typed values out of sections and collects what is wrong with them.

use super::diagnostic::{Diagnostic, Span};
use super::syntax::{Entry, Section};
use super::table::{self, Fate, Kind, Row};

/// Collects findings while values are taken out of the tree.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub list: Vec<Diagnostic>,
}

impl Findings {
    pub fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding);
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}

/// `yes`, `on`, `1`, … as a truth value.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "yes" | "on" | "1" | "true" => Some(true),
        "no" | "off" | "0" | "false" => Some(false),
        _ => None,
    }
}

/// The number of a key of this section, `None` when it is absent or unreadable (told by [`check`] already).
pub(super) fn number(section: &Section, key: &str) -> Option<u32> {
    section.value(key)?.parse().ok()
}

/// As [`number`], for 64 bits.
pub(super) fn number64(section: &Section, key: &str) -> Option<u64> {
    section.value(key)?.parse().ok()
}

/// As [`number`], where 0 stands for the default.
pub(super) fn positive(section: &Section, key: &str) -> Option<u32> {
    number(section, key).filter(|value| *value > 0)
}

/// The truth value of a key of this section.
pub(super) fn flag(section: &Section, key: &str) -> Option<bool> {
    section.value(key).and_then(switch)
}

/// The place of a value, for a finding about it.
pub(super) fn place(section: &Section, key: &str) -> Option<Span> {
    section.entry(key).map(|entry| entry.value_span)
}

/// What a kind expects, in words.
fn expectation(kind: Kind) -> String {
    match kind {
        Kind::Number(low, high) => format!("a number from {low} to {high}"),
        Kind::Signed(low, high) => format!("a number from {low} to {high}"),
        Kind::Switch => "yes or no".to_owned(),
        Kind::Word(words) => {
            let (last, rest) = words.split_last().expect("a word list is never empty");
            if rest.is_empty() { (*last).to_owned() } else { format!("{} or {last}", rest.join(", ")) }
        }
        Kind::Text => "a text".to_owned(),
    }
}

fn fits(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Number(low, high) => value.parse::<u64>().is_ok_and(|n| (low..=high).contains(&n)),
        Kind::Signed(low, high) => value.parse::<i64>().is_ok_and(|n| (low..=high).contains(&n)),
        Kind::Switch => switch(value).is_some(),
        Kind::Word(words) => words.contains(&value),
        Kind::Text => true,
    }
}

/// Compares the whole tree with the table: unknown names, bad values, options without effect.
pub(super) fn check(root: &Section, findings: &mut Findings) {
    check_section(root, "", findings);
}

fn check_section(section: &Section, path: &str, findings: &mut Findings) {
    for entry in &section.keys {
        match table::find(path, &entry.key) {
            Some(row) => check_entry(row, entry, findings),
            None => findings.push(unknown_key(path, entry)),
        }
        let earlier = section.keys.iter().take_while(|other| !std::ptr::eq(*other, entry));
        if let Some(first) = earlier.filter(|other| other.key == entry.key).last() {
            findings.push(
                Diagnostic::warning(entry.key_span, format!("'{}' is written twice", entry.key))
                    .value(&entry.value)
                    .next_step(format!("line {} has no effect, remove one of the two", first.key_span.line)),
            );
        }
    }
    for inner in &section.sections {
        let inner_path = if path.is_empty() { inner.name.clone() } else { format!("{path}.{}", inner.name) };
        if table::knows_section(&inner_path) {
            check_section(inner, &inner_path, findings);
        } else {
            let mut finding = Diagnostic::warning(
                inner.span,
                format!("section '{}' is not known and has no effect", inner.name),
            )
            .value(&inner.name);
            if let Some(near) = table::nearest_section(&inner_path) {
                let name = near.rsplit('.').next().unwrap_or(near);
                finding = finding.next_step(format!("did you mean '{name}'?"));
            }
            findings.push(finding);
        }
    }
}

fn unknown_key(path: &str, entry: &Entry) -> Diagnostic {
    let place = if path.is_empty() {
        "outside of all sections".to_owned()
    } else {
        format!("in section {}", path.replace('.', " / "))
    };
    let mut finding = Diagnostic::warning(
        entry.key_span,
        format!("option '{}' is not known {place} and has no effect", entry.key),
    )
    .value(&entry.key);
    if let Some(near) = table::nearest(path, &entry.key) {
        finding = finding.next_step(format!("did you mean {near}?"));
    }
    finding
}

fn check_entry(row: &Row, entry: &Entry, findings: &mut Findings) {
    let fine = fits(row.kind, &entry.value);
    if !fine {
        let span = if entry.value.is_empty() { entry.key_span } else { entry.value_span };
        let message = format!("bad value of '{}'", entry.key);
        // A bad value where every value is without effect stops nobody.
        let finding = match row.fate {
            Fate::NoEffect(_) => Diagnostic::warning(span, message),
            Fate::Read | Fate::Translated(_) => Diagnostic::error(span, message),
        };
        findings.push(finding.value(&entry.value).expected(expectation(row.kind)));
    }
    if let Fate::NoEffect(why) = row.fate {
        let crypto = entry.key.starts_with("crypto_");
        // That stronger sealing is used than asked for is no reason to worry; `none` is told by the seal's rule.
        if crypto && entry.value == "none" {
            return;
        }
        let message = format!("'{}' has no effect: {why}", entry.key);
        let finding = if crypto {
            Diagnostic::note(entry.key_span, message)
        } else {
            Diagnostic::warning(entry.key_span, message)
        };
        findings.push(finding.value(&entry.value));
    }
}
