//! From text to tree, in one pass without recursion.
//!
//! Accepts what a CIB needs of XML 1.0: elements, attributes, text, CDATA, comments, processing instructions, the five
//! named entities and character numbers, UTF-8. Refuses document types, other entities and encodings.

use crate::document::{Attr, Document, Kind, NONE, Node, Span};
use crate::error::{Limits, ParseError, ParseErrorKind as Why};

pub(crate) fn parse(input: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let fail = |offset, why| Err(ParseError::at(input, offset, why));
    if input.len() > limits.document_bytes.min(u32::MAX as usize / 2) {
        return fail(0, Why::TooLarge(limits.document_bytes));
    }
    if input.starts_with(&[0xfe, 0xff]) || input.starts_with(&[0xff, 0xfe]) {
        return fail(0, Why::Encoding("UTF-16".to_owned()));
    }
    let text = match std::str::from_utf8(input) {
        Ok(text) => text,
        Err(error) => return fail(error.valid_up_to(), Why::NotUtf8),
    };
    let mut parser = Parser {
        text,
        bytes: input,
        at: if input.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 },
        limits: *limits,
        document: Document::empty(),
        open: Vec::new(),
        counted_to: 0,
        line: 1,
        pending: String::new(),
    };
    parser.document.text.reserve(input.len() / 2);
    parser.document.nodes.reserve(input.len() / 120);
    parser.document.attrs.reserve(input.len() / 30);
    match parser.run() {
        Ok(()) => Ok(parser.document),
        Err(Failure { offset, why }) => fail(offset, why),
    }
}

struct Failure {
    offset: usize,
    why: Why,
}

type Step<T> = Result<T, Failure>;

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    document: Document,
    /// Elements not yet closed, outermost first.
    open: Vec<u32>,
    counted_to: usize,
    line: u32,
    pending: String,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Step<()> {
        if self.bytes[self.at..].starts_with(b"<?xml") && self.bytes.get(self.at + 5).is_some_and(is_space) {
            self.declaration()?;
        }
        while self.at < self.bytes.len() {
            if self.bytes[self.at] == b'<' {
                self.markup()?;
            } else {
                self.characters()?;
            }
        }
        if let Some(open) = self.open.last() {
            let node = self.document.node(*open);
            let (open, line) = (self.document.names.get(node.name).to_owned(), node.line);
            return Err(Failure { offset: self.at, why: Why::Unclosed { open, line } });
        }
        if self.document.root == NONE {
            return Err(Failure { offset: self.at, why: Why::Empty });
        }
        Ok(())
    }

    fn fail<T>(&self, offset: usize, why: Why) -> Step<T> {
        Err(Failure { offset, why })
    }

    /// The line of the current place; places only move forward.
    fn line_here(&mut self) -> u32 {
        let passed = &self.bytes[self.counted_to..self.at];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.counted_to = self.at;
        self.line
    }

    fn parent(&self) -> u32 {
        self.open.last().copied().unwrap_or(0)
    }

    fn markup(&mut self) -> Step<()> {
        let rest = &self.bytes[self.at..];
        match rest.get(1) {
            Some(b'/') => self.end_tag(),
            Some(b'?') => self.instruction(),
            Some(b'!') if rest.starts_with(b"<!--") => self.comment(),
            Some(b'!') if rest.starts_with(b"<![CDATA[") => self.cdata(),
            Some(b'!') if rest.starts_with(b"<!DOCTYPE") => self.fail(self.at, Why::Doctype),
            Some(b'!') => self.fail(self.at, Why::Expected("a comment, CDATA or an element")),
            Some(_) => self.start_tag(),
            None => self.fail(self.at, Why::UnexpectedEnd("an element name")),
        }
    }

    fn declaration(&mut self) -> Step<()> {
        let start = self.at;
        let end = self.find(self.at, b"?>", "?> at the end of the declaration")?;
        let declaration = &self.text[start..end];
        if let Some((_, rest)) = declaration.split_once("encoding") {
            let rest = rest.trim_start().strip_prefix('=').unwrap_or("").trim_start();
            let quote = rest.chars().next().unwrap_or('"');
            let name = rest.split(quote).nth(1).unwrap_or("");
            if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&name.to_ascii_lowercase().as_str()) {
                return self.fail(start, Why::Encoding(name.to_owned()));
            }
        }
        self.at = end + 2;
        Ok(())
    }

    fn find(&self, from: usize, end: &[u8], expected: &'static str) -> Step<usize> {
        match self.text[from..].find(std::str::from_utf8(end).unwrap_or_default()) {
            Some(found) => Ok(from + found),
            None => self.fail(self.bytes.len(), Why::UnexpectedEnd(expected)),
        }
    }

    fn add_node(&mut self, kind: Kind, name: &str, content: &str) -> Step<u32> {
        if self.document.nodes.len() > self.limits.nodes {
            return self.fail(self.at, Why::TooManyNodes(self.limits.nodes));
        }
        let line = self.line_here();
        let name = self.document.names.intern(name);
        let content = if content.is_empty() { Span::default() } else { self.document.store(content) };
        let attrs = Span { start: self.document.attrs.len() as u32, len: 0 };
        let new = self.document.push_node(Node {
            kind,
            name,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            attrs,
            content,
            line,
        });
        self.document.link_last(self.parent(), new);
        Ok(new)
    }

    fn start_tag(&mut self) -> Step<()> {
        let tag_at = self.at;
        let name = self.name(tag_at + 1, "an element name")?;
        if self.open.is_empty() && self.document.root != NONE {
            return self.fail(tag_at, Why::SecondRoot(name.to_owned()));
        }
        if self.open.len() >= self.limits.depth {
            return self.fail(tag_at, Why::TooDeep(self.limits.depth));
        }
        let element = self.add_node(Kind::Element, name, "")?;
        if self.document.root == NONE {
            self.document.root = element;
        }
        self.at = tag_at + 1 + name.len();
        loop {
            let spaced = self.skip_space();
            match self.bytes.get(self.at) {
                Some(b'>') => {
                    self.at += 1;
                    self.open.push(element);
                    return Ok(());
                }
                Some(b'/') => {
                    if self.bytes.get(self.at + 1) != Some(&b'>') {
                        return self.fail(self.at, Why::Expected("/>"));
                    }
                    self.at += 2;
                    return Ok(());
                }
                Some(_) if !spaced => return self.fail(self.at, Why::Expected("a blank, > or />")),
                Some(_) => self.attribute(element)?,
                None => return self.fail(self.at, Why::UnexpectedEnd("> at the end of the element")),
            }
        }
    }

    fn attribute(&mut self, element: u32) -> Step<()> {
        let name_at = self.at;
        let name = self.name(name_at, "an attribute name, > or />")?;
        self.at += name.len();
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b'=') {
            return self.fail(self.at, Why::Expected("= after the attribute name"));
        }
        self.at += 1;
        self.skip_space();
        let quote = match self.bytes.get(self.at) {
            Some(quote @ (b'"' | b'\'')) => *quote,
            _ => return self.fail(self.at, Why::Expected("a value in quotes")),
        };
        let value_at = self.at + 1;
        let start = self.document.text.len();
        let mut copied = value_at;
        let mut at = value_at;
        loop {
            let Some(byte) = self.bytes.get(at).copied() else {
                return self.fail(self.at, Why::UnexpectedEnd("the closing quote of this value"));
            };
            if byte == quote {
                break;
            }
            match byte {
                b'<' => return self.fail(at, Why::Expected("no < inside a value, write &lt;")),
                b'&' => {
                    self.document.text.push_str(&self.text[copied..at]);
                    let (decoded, next) = self.reference(at)?;
                    self.document.text.push(decoded);
                    at = next;
                    copied = at;
                    continue;
                }
                b'\t' | b'\n' | b'\r' => {
                    self.document.text.push_str(&self.text[copied..at]);
                    self.document.text.push(' ');
                    if byte == b'\r' && self.bytes.get(at + 1) == Some(&b'\n') {
                        at += 1;
                    }
                    copied = at + 1;
                }
                0..=31 => return self.fail(at, Why::Character(format!("{byte:#04x}"))),
                _ => {}
            }
            at += 1;
        }
        self.document.text.push_str(&self.text[copied..at]);
        let len = self.document.text.len() - start;
        if len > self.limits.attribute_bytes {
            return self.fail(value_at, Why::AttributeTooLarge(self.limits.attribute_bytes));
        }
        let symbol = self.document.names.intern(name);
        let earlier = self.document.attr_slice(element);
        if earlier.iter().any(|attr| attr.name == symbol) {
            return self.fail(name_at, Why::DuplicateAttribute(name.to_owned()));
        }
        if earlier.len() >= self.limits.attributes {
            return self.fail(name_at, Why::TooManyAttributes(self.limits.attributes));
        }
        let value = Span { start: start as u32, len: len as u32 };
        self.document.attrs.push(Attr { name: symbol, value });
        self.document.node_mut(element).attrs.len += 1;
        self.at = at + 1;
        Ok(())
    }

    fn end_tag(&mut self) -> Step<()> {
        let tag_at = self.at;
        let name = self.name(tag_at + 2, "an element name")?;
        let Some(open) = self.open.pop() else {
            return self.fail(tag_at, Why::StrayEnd(name.to_owned()));
        };
        let node = self.document.node(open);
        let expected = self.document.names.get(node.name);
        if expected != name {
            let (open, line) = (expected.to_owned(), node.line);
            return self.fail(tag_at, Why::Mismatch { open, found: name.to_owned(), line });
        }
        self.at = tag_at + 2 + name.len();
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b'>') {
            return self.fail(self.at, Why::Expected(">"));
        }
        self.at += 1;
        Ok(())
    }

    fn comment(&mut self) -> Step<()> {
        let end = self.find(self.at + 4, b"--", "--> at the end of the comment")?;
        if self.bytes.get(end + 2) != Some(&b'>') {
            return self.fail(end, Why::Expected("no -- inside a comment"));
        }
        let content = &self.text[self.at + 4..end];
        self.check_characters(self.at + 4, content)?;
        self.add_node(Kind::Comment, "", content)?;
        self.at = end + 3;
        Ok(())
    }

    fn cdata(&mut self) -> Step<()> {
        if self.open.is_empty() {
            return self.fail(self.at, Why::TextOutsideRoot);
        }
        let end = self.find(self.at + 9, b"]]>", "]]> at the end of CDATA")?;
        let content = &self.text[self.at + 9..end];
        self.check_characters(self.at + 9, content)?;
        self.add_node(Kind::CData, "", content)?;
        self.at = end + 3;
        Ok(())
    }

    fn instruction(&mut self) -> Step<()> {
        let target = self.name(self.at + 2, "the name of a processing instruction")?;
        if target.eq_ignore_ascii_case("xml") {
            return self.fail(self.at, Why::Expected("the XML declaration at the very beginning"));
        }
        let content_at = self.at + 2 + target.len();
        let end = self.find(content_at, b"?>", "?> at the end of the processing instruction")?;
        let content = &self.text[content_at..end];
        if !content.is_empty() && !content.starts_with([' ', '\t', '\r', '\n']) {
            return self.fail(content_at, Why::Expected("a blank or ?>"));
        }
        self.check_characters(content_at, content)?;
        self.add_node(Kind::Instruction, target, content.trim_start())?;
        self.at = end + 2;
        Ok(())
    }

    /// Text up to the next tag. Only white space: dropped.
    fn characters(&mut self) -> Step<()> {
        let start = self.at;
        let skipped = self.bytes[start..].iter().position(|byte| !is_space(byte));
        let first = skipped.map_or(self.bytes.len(), |skipped| start + skipped);
        if self.bytes.get(first).is_none_or(|byte| *byte == b'<') {
            self.at = first;
            return Ok(());
        }
        if self.open.is_empty() {
            return self.fail(first, Why::TextOutsideRoot);
        }
        let mut content = std::mem::take(&mut self.pending);
        content.clear();
        let mut copied = start;
        let mut at = start;
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'<' => break,
                b'&' => {
                    content.push_str(&self.text[copied..at]);
                    let (decoded, next) = self.reference(at)?;
                    content.push(decoded);
                    at = next;
                    copied = at;
                    continue;
                }
                b'\r' => {
                    content.push_str(&self.text[copied..at]);
                    if self.bytes.get(at + 1) != Some(&b'\n') {
                        content.push('\n');
                    }
                    copied = at + 1;
                }
                b']' if self.bytes[at..].starts_with(b"]]>") => {
                    return self.fail(at, Why::Expected("no ]]> in text, write ]]&gt;"));
                }
                b'\t' | b'\n' => {}
                0..=31 => return self.fail(at, Why::Character(format!("{byte:#04x}"))),
                _ => {}
            }
            at += 1;
        }
        content.push_str(&self.text[copied..at]);
        self.add_node(Kind::Text, "", &content)?;
        self.pending = content;
        self.at = at;
        Ok(())
    }

    /// Decodes `&…;` at a place; gives the character and the place behind it.
    fn reference(&self, at: usize) -> Step<(char, usize)> {
        let rest = &self.bytes[at + 1..self.bytes.len().min(at + 34)];
        let Some(end) = rest.iter().position(|byte| *byte == b';') else {
            return self.fail(at, Why::Expected("an entity such as &amp; (a lone & is written &amp;)"));
        };
        let name = &self.text[at + 1..at + 1 + end];
        let decoded = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        };
        if let Some(decoded) = decoded {
            return Ok((decoded, at + end + 2));
        }
        let Some(number) = name.strip_prefix('#') else {
            return self.fail(at, Why::Entity(name.to_owned()));
        };
        let code = match number.strip_prefix('x') {
            Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(hex, 16).ok()
            }
            None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok(),
            Some(_) | None => None,
        };
        match code.and_then(char::from_u32) {
            Some(decoded) if is_xml_character(decoded) => Ok((decoded, at + end + 2)),
            _ => self.fail(at, Why::Character(format!("&{name};"))),
        }
    }

    fn check_characters(&self, offset: usize, content: &str) -> Step<()> {
        match content.bytes().position(|byte| byte < 32 && !is_space(&byte)) {
            Some(found) => {
                let byte = content.as_bytes()[found];
                self.fail(offset + found, Why::Character(format!("{byte:#04x}")))
            }
            None => Ok(()),
        }
    }

    fn name(&self, at: usize, expected: &'static str) -> Step<&'a str> {
        let rest = &self.text[at.min(self.text.len())..];
        if rest.is_empty() {
            return self.fail(self.bytes.len(), Why::UnexpectedEnd(expected));
        }
        let plain = rest.bytes().take_while(|byte| is_plain_name_byte(*byte)).count();
        let end = match rest.as_bytes().get(plain) {
            Some(byte) if !byte.is_ascii() => {
                rest.find(|c: char| !is_name_character(c)).unwrap_or(rest.len())
            }
            Some(_) | None => plain,
        };
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(|c: char| !is_name_start(c)) {
            return self.fail(at, Why::Expected(expected));
        }
        Ok(name)
    }

    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(is_space) {
            self.at += 1;
        }
        self.at > start
    }
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// XML 1.0, production 2; surrogates cannot occur in a `char`.
fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a name may begin with this character (XML 1.0, production 4).
pub fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// Name characters that are one byte long; nearly all that occur.
fn is_plain_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')
}

/// Whether a name may contain this character (XML 1.0, production 4a).
pub fn is_name_character(c: char) -> bool {
    matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
        || is_name_start(c)
}
