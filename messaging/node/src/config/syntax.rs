//! The outer form of `corosync.conf`: sections, keys, comments, each with its place.
//!
//! Knows no key by name. A broken line is reported and skipped, so that one run names all of them.

use super::diagnostic::{Diagnostic, Span};

/// Largest file accepted, in bytes.
pub const MAX_FILE: usize = 1 << 20;
/// Longest line accepted, in bytes (corosync's own limit is 511).
pub const MAX_LINE: usize = 4096;
/// Deepest nesting of sections.
pub const MAX_DEPTH: usize = 16;
/// Most findings collected from one file.
const MAX_FINDINGS: usize = 200;

/// A `name { … }` block; the root has an empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    /// Place of the name.
    pub span: Span,
    pub keys: Vec<Entry>,
    pub sections: Vec<Section>,
}

/// A `key: value` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: String,
    pub value_span: Span,
}

impl Section {
    /// The last line with this key: a later line overrides an earlier one.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.keys.iter().rev().find(|entry| entry.key == key)
    }

    /// The value of the last line with this key, if it is not empty.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str()).filter(|value| !value.is_empty())
    }

    /// All direct sections of this name, in order of the file.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> + 'a {
        self.sections.iter().filter(move |section| section.name == name)
    }
}

/// Reads the outer form. The tree holds everything that could be read; the list says what could not.
pub fn parse(text: &str) -> (Section, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    if text.len() > MAX_FILE {
        findings.push(
            Diagnostic::error(None, "the file is too large")
                .value(format!("{} bytes", text.len()))
                .expected(format!("at most {MAX_FILE} bytes")),
        );
        return (Section::default(), findings);
    }
    let mut open: Vec<Section> = vec![Section::default()];
    // Sections nested deeper than the limit are skipped, brace by brace.
    let mut too_deep = 0usize;
    let mut offset = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let line = Line { text: raw.strip_suffix('\n').unwrap_or(raw), offset, number: index as u32 + 1 };
        offset += raw.len();
        if findings.len() >= MAX_FINDINGS {
            findings
                .push(Diagnostic::error(line.whole(), "too many errors, the rest of the file is not read"));
            break;
        }
        match line.read() {
            Ok(Form::Nothing) => {}
            Ok(Form::Key(entry)) if too_deep == 0 => {
                open.last_mut().expect("the root is never closed").keys.push(entry);
            }
            Ok(Form::Key(_)) => {}
            Ok(Form::Open(name, span)) => {
                if too_deep > 0 || open.len() > MAX_DEPTH {
                    if too_deep == 0 {
                        findings.push(
                            Diagnostic::error(span, "sections are nested too deep")
                                .value(name)
                                .expected(format!("at most {MAX_DEPTH} levels")),
                        );
                    }
                    too_deep += 1;
                } else {
                    open.push(Section { name, span, ..Section::default() });
                }
            }
            Ok(Form::Close) if too_deep > 0 => too_deep -= 1,
            Ok(Form::Close) => {
                if open.len() > 1 {
                    let section = open.pop().expect("more than the root is open");
                    open.last_mut().expect("the root is never closed").sections.push(section);
                } else {
                    findings.push(
                        Diagnostic::error(line.whole(), "closing brace without an open section")
                            .value("}")
                            .next_step("remove this brace, or look above for one too many"),
                    );
                }
            }
            Err(finding) => findings.push(*finding),
        }
    }
    while open.len() > 1 {
        let section = open.pop().expect("more than the root is open");
        findings.push(
            Diagnostic::error(section.span, format!("section '{}' is not closed", section.name))
                .expected("a line with '}' before the end of the file"),
        );
        open.last_mut().expect("the root is never closed").sections.push(section);
    }
    (open.pop().expect("the root is never closed"), findings)
}

enum Form {
    Nothing,
    Open(String, Span),
    Close,
    Key(Entry),
}

struct Line<'a> {
    text: &'a str,
    offset: usize,
    number: u32,
}

/// Blanks as editors and web pages produce them, among them the no-break space.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{a0}' | '\u{feff}')
}

impl<'a> Line<'a> {
    fn whole(&self) -> Span {
        self.span(self.text.trim_matches(is_blank))
    }

    /// The place of a part of this line.
    fn span(&self, part: &'a str) -> Span {
        let start = part.as_ptr() as usize - self.text.as_ptr() as usize;
        Span {
            offset: self.offset + start,
            length: part.len(),
            line: self.number,
            column: self.text[..start].chars().count() as u32 + 1,
        }
    }

    fn read(&self) -> Result<Form, Box<Diagnostic>> {
        let text = self.text.trim_matches(is_blank);
        if text.is_empty() || text.starts_with('#') {
            return Ok(Form::Nothing);
        }
        if self.text.len() > MAX_LINE {
            return Err(Box::new(
                Diagnostic::error(self.whole(), "the line is too long")
                    .value(format!("{} bytes", self.text.len()))
                    .expected(format!("at most {MAX_LINE} bytes")),
            ));
        }
        if let Some(control) = text.char_indices().find(|(_, c)| c.is_control() && *c != '\t') {
            let part = &text[control.0..control.0 + control.1.len_utf8()];
            return Err(Box::new(
                Diagnostic::error(self.span(part), "a control character")
                    .value(format!("{:?}", control.1))
                    .expected("plain text"),
            ));
        }
        let brace = text.find('{');
        let colon = text.find(':');
        // `name: va{lue` is a key in intent, but corosync reads any '{' as a section: so do we, and say it.
        if let Some(at) = brace {
            return self.open(text, at, colon);
        }
        if let Some(at) = colon {
            let (key, value) = (text[..at].trim_matches(is_blank), text[at + 1..].trim_matches(is_blank));
            if key.is_empty() {
                return Err(Box::new(
                    Diagnostic::error(self.span(text), "a value without a key").expected("key: value"),
                ));
            }
            return Ok(Form::Key(Entry {
                key: key.to_owned(),
                key_span: self.span(key),
                value: value.to_owned(),
                value_span: self.span(value),
            }));
        }
        if text == "}" {
            return Ok(Form::Close);
        }
        let finding = if text.contains('}') {
            Diagnostic::error(self.span(text), "text beside a closing brace")
                .expected("'}' alone on its line")
        } else {
            Diagnostic::error(
                self.span(text),
                "neither a section, nor a key with a value, nor a closing brace",
            )
            .expected("'name {', 'key: value' or '}'")
        };
        Err(Box::new(finding.value(text)))
    }

    fn open(&self, text: &'a str, brace: usize, colon: Option<usize>) -> Result<Form, Box<Diagnostic>> {
        let (name, rest) = (text[..brace].trim_matches(is_blank), text[brace + 1..].trim_matches(is_blank));
        if name.is_empty() {
            return Err(Box::new(
                Diagnostic::error(self.span(text), "an opening brace without a name")
                    .value(text)
                    .expected("'name {' on one line"),
            ));
        }
        if !rest.is_empty() {
            let mut finding = Diagnostic::error(self.span(rest), "text after an opening brace")
                .value(rest)
                .expected("nothing after '{'");
            if rest.contains(':') {
                finding = finding.next_step("put each 'key: value' and the '}' on a line of its own");
            }
            return Err(Box::new(finding));
        }
        if colon.is_some_and(|at| at < brace) {
            return Err(Box::new(
                Diagnostic::error(self.span(text), "a brace inside a value")
                    .value(text)
                    .expected("'name {' or 'key: value' without braces"),
            ));
        }
        Ok(Form::Open(name.to_owned(), self.span(name)))
    }
}
