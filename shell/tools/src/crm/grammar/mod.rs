//! The language of `configure`: one line of words becomes one element of the CIB.
//!
//! Knows words and elements. Does not know whether what a line refers to exists.

mod attributes;
mod constraint;
mod fence;
mod resource;
mod rule;
mod set;

use holdfast_xml::{Document, NodeIx};

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("syntax in {command}: {complaint}")]
pub struct Syntax {
    /// The object kind.
    pub command: String,
    /// What is wrong, what was expected.
    pub complaint: String,
}

/// An element and the section that it belongs into.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// `resources`, `constraints`, `nodes`, `tags`, `fencing-topology`, `crm_config`, `rsc_defaults`, `op_defaults`.
    pub section: &'static str,
    /// The element as a document of its own.
    pub element: Document,
    /// Sets of options are merged with what is there instead of being added.
    pub merge: bool,
}

/// Kinds of objects, as typed.
pub const KINDS: &[&str] = &[
    "node",
    "primitive",
    "rsc_template",
    "group",
    "clone",
    "ms",
    "master",
    "location",
    "colocation",
    "collocation",
    "order",
    "rsc_ticket",
    "property",
    "rsc_defaults",
    "op_defaults",
    "fencing_topology",
    "tag",
    "xml",
];

/// The words of a line while they are read.
pub struct Words<'a> {
    command: &'a str,
    words: &'a [String],
    at: usize,
}

impl<'a> Words<'a> {
    fn new(command: &'a str, words: &'a [String]) -> Words<'a> {
        Words { command, words, at: 0 }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += usize::from(word.is_some());
        word
    }

    fn take_if(&mut self, condition: impl Fn(&str) -> bool) -> Option<&'a str> {
        self.peek().filter(|w| condition(w)).inspect(|_| self.at += 1)
    }

    fn need(&mut self, what: &str) -> Result<&'a str, Syntax> {
        self.next().ok_or_else(|| self.complain(format!("{what} expected, the line ends here")))
    }

    fn rest(&mut self) -> &'a [String] {
        let rest = &self.words[self.at..];
        self.at = self.words.len();
        rest
    }

    fn complain(&self, complaint: impl Into<String>) -> Syntax {
        Syntax { command: self.command.to_owned(), complaint: complaint.into() }
    }

    /// The complaint about the word just read.
    fn unexpected(&self, word: &str, expected: &str) -> Syntax {
        self.complain(format!("`{word}` is not expected here; expected {expected}"))
    }

    fn finished(&self) -> Result<(), Syntax> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(self.unexpected(word, "the end of the line")),
        }
    }
}

/// Reads the words behind an object kind.
///
/// # Errors
/// The word at fault and what was expected.
pub fn parse(kind: &str, words: &[String]) -> Result<Parsed, Syntax> {
    let mut words = Words::new(kind, words);
    let parsed = match kind {
        "primitive" => resource::primitive(&mut words, "primitive"),
        "rsc_template" => resource::primitive(&mut words, "template"),
        "group" => resource::group(&mut words),
        "clone" => resource::clone(&mut words, false),
        "ms" | "master" => resource::clone(&mut words, true),
        "location" => constraint::location(&mut words),
        "colocation" | "collocation" => constraint::colocation(&mut words),
        "order" => constraint::order(&mut words),
        "rsc_ticket" => constraint::ticket(&mut words),
        "node" => resource::node(&mut words),
        "property" => options(&mut words, "crm_config", "cluster_property_set", "cib-bootstrap-options"),
        "rsc_defaults" => options(&mut words, "rsc_defaults", "meta_attributes", "rsc-options"),
        "op_defaults" => options(&mut words, "op_defaults", "meta_attributes", "op-options"),
        "fencing_topology" => fence::topology(&mut words),
        "tag" => resource::tag(&mut words),
        "xml" => verbatim(&mut words),
        other => {
            Err(Syntax { command: other.to_owned(), complaint: format!("`{other}` is no kind of object") })
        }
    }?;
    words.finished()?;
    Ok(parsed)
}

/// An element under construction.
pub struct Element {
    pub doc: Document,
    pub root: NodeIx,
}

impl Element {
    fn new(name: &str, id: &str) -> Element {
        let mut doc = Document::new(name);
        let root = doc.root().ix();
        doc.set_attr(root, "id", id);
        Element { doc, root }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.doc.set_attr(self.root, name, value);
    }

    fn into(self, section: &'static str) -> Parsed {
        Parsed { section, element: self.doc, merge: false }
    }
}

/// `property`, `rsc_defaults`, `op_defaults`: an optional set id, then names and values.
fn options(
    words: &mut Words<'_>,
    section: &'static str,
    element: &str,
    usual: &str,
) -> Result<Parsed, Syntax> {
    let mut id = usual.to_owned();
    if let Some(word) = words.take_if(|w| w.starts_with("$id=") || (w.ends_with(':') && !w.contains('='))) {
        id = word.trim_start_matches("$id=").trim_end_matches(':').to_owned();
    }
    let mut built = Element::new(element, &id);
    let root = built.root;
    attributes::nvset(words, &mut built.doc, root, &id)?;
    Ok(Parsed { merge: true, ..built.into(section) })
}

/// `xml <element .../>`.
fn verbatim(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let text = words.rest().join(" ");
    let element = Document::parse_default(&text).map_err(|e| words.complain(e.to_string()))?;
    let section = section_of(element.root().name()).ok_or_else(|| {
        words.complain(format!("`{}` is not an element of the configuration", element.root().name()))
    })?;
    Ok(Parsed { section, element, merge: false })
}

/// The section of the CIB that an element belongs into.
pub fn section_of(element: &str) -> Option<&'static str> {
    Some(match element {
        "primitive" | "template" | "group" | "clone" | "master" | "bundle" => "resources",
        "rsc_location" | "rsc_colocation" | "rsc_order" | "rsc_ticket" => "constraints",
        "node" => "nodes",
        "cluster_property_set" => "crm_config",
        "fencing-topology" => "fencing-topology",
        "tag" => "tags",
        "acl_role" | "acl_target" | "acl_group" | "acl_user" => "acls",
        "alert" => "alerts",
        _ => return None,
    })
}

/// A score as typed, canonical.
fn score(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let (sign, body) = match lower.strip_prefix('-') {
        Some(body) => ("-", body),
        None => ("", lower.strip_prefix('+').unwrap_or(&lower)),
    };
    match body {
        "inf" | "infinity" | "mandatory" => Some(format!("{sign}INFINITY")),
        "advisory" => Some("0".to_owned()),
        digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{sign}{digits}"))
        }
        _ => None,
    }
}

/// A role as typed, canonical in case; the old names stay what was typed.
fn role(word: &str) -> Option<&'static str> {
    ["Started", "Stopped", "Promoted", "Unpromoted", "Master", "Slave"]
        .into_iter()
        .find(|r| r.eq_ignore_ascii_case(word))
        .map(|r| match r {
            "Master" => "Promoted",
            "Slave" => "Unpromoted",
            other => other,
        })
}

#[cfg(test)]
mod tests;
