//! From tree to text: two-space indentation, one element a line, attributes escaped as Pacemaker's tools print them.

use std::fmt::Write as _;

use crate::document::{Document, Kind, NONE, NodeIx};
use crate::element::Element;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// One element a line, two spaces a level; otherwise everything on one line.
    pub pretty: bool,
    /// Print text inside elements. Pacemaker leaves it out of a CIB, where it has no meaning.
    pub text: bool,
    /// Spaces before the first line count as if the element were this deep.
    pub depth: usize,
    /// Attributes that are left out.
    pub omit: &'static [&'static str],
}

impl WriteOptions {
    pub const PRETTY: WriteOptions = WriteOptions { pretty: true, text: true, depth: 0, omit: &[] };
    pub const COMPACT: WriteOptions = WriteOptions { pretty: false, text: true, depth: 0, omit: &[] };
}

impl Document {
    /// The whole document, indented, with comments before and after the root, ending in a line end.
    pub fn to_string_pretty(&self) -> String {
        self.all(WriteOptions::PRETTY)
    }

    /// The whole document on one line.
    pub fn to_string_compact(&self) -> String {
        self.all(WriteOptions::COMPACT)
    }

    fn all(&self, options: WriteOptions) -> String {
        let mut out = String::with_capacity(self.text.len() * 2);
        for ix in self.nodes_of(NodeIx(0)) {
            self.write(ix, options, &mut out);
        }
        out
    }

    /// Appends a node and everything below it.
    pub fn write(&self, top: NodeIx, options: WriteOptions, out: &mut String) {
        Writer { document: self, options, out, inline: None }.run(top.0);
    }
}

impl Element<'_> {
    /// The element, indented, ending in a line end.
    pub fn to_string_pretty(self) -> String {
        self.to_string_with(WriteOptions::PRETTY)
    }

    /// The element on one line.
    pub fn to_string_compact(self) -> String {
        self.to_string_with(WriteOptions::COMPACT)
    }

    pub fn to_string_with(self, options: WriteOptions) -> String {
        let mut out = String::new();
        self.document().write(self.ix(), options, &mut out);
        out
    }
}

struct Writer<'a> {
    document: &'a Document,
    options: WriteOptions,
    out: &'a mut String,
    /// The outermost element with text in it: inside, white space would change the meaning.
    inline: Option<u32>,
}

impl Writer<'_> {
    fn run(&mut self, top: u32) {
        let mut at = top;
        let mut depth = self.options.depth;
        loop {
            self.open(at, depth);
            let first = self.document.node(at).first_child;
            if first != NONE {
                at = first;
                depth += 1;
                continue;
            }
            loop {
                if at == top {
                    return;
                }
                let node = self.document.node(at);
                if node.next != NONE {
                    at = node.next;
                    break;
                }
                at = node.parent;
                depth -= 1;
                self.close(at, depth);
            }
        }
    }

    fn indent(&mut self, depth: usize) {
        if self.options.pretty && self.inline.is_none() {
            for _ in 0..depth {
                self.out.push_str("  ");
            }
        }
    }

    fn line_end(&mut self) {
        if self.options.pretty && self.inline.is_none() {
            self.out.push('\n');
        }
    }

    fn open(&mut self, ix: u32, depth: usize) {
        let node = self.document.node(ix);
        let content = self.document.str(node.content);
        let name = self.document.names.get(node.name);
        match node.kind {
            Kind::Element => {
                self.indent(depth);
                self.out.push('<');
                self.out.push_str(name);
                for attr in self.document.attr_slice(ix) {
                    let name = self.document.names.get(attr.name);
                    if self.options.omit.contains(&name) {
                        continue;
                    }
                    self.out.push(' ');
                    self.out.push_str(name);
                    self.out.push_str("=\"");
                    escape_attribute(self.document.str(attr.value), self.out);
                    self.out.push('"');
                }
                self.out.push_str(if node.first_child == NONE { "/>" } else { ">" });
                if self.inline.is_none() && self.options.text && self.has_text(ix) {
                    self.inline = Some(ix);
                }
                self.line_end();
            }
            Kind::Text => {
                if self.options.text {
                    escape_text(content, self.out);
                }
            }
            Kind::CData => {
                if self.options.text {
                    self.out.push_str("<![CDATA[");
                    self.out.push_str(content);
                    self.out.push_str("]]>");
                }
            }
            Kind::Comment => {
                self.indent(depth);
                self.out.push_str("<!--");
                self.out.push_str(content);
                self.out.push_str("-->");
                self.line_end();
            }
            Kind::Instruction => {
                self.indent(depth);
                self.out.push_str("<?");
                self.out.push_str(name);
                if !content.is_empty() {
                    self.out.push(' ');
                    self.out.push_str(content);
                }
                self.out.push_str("?>");
                self.line_end();
            }
            Kind::Document | Kind::Removed => {}
        }
    }

    fn close(&mut self, ix: u32, depth: usize) {
        let node = self.document.node(ix);
        if node.kind != Kind::Element {
            return;
        }
        self.indent(depth);
        self.out.push_str("</");
        self.out.push_str(self.document.names.get(node.name));
        self.out.push('>');
        if self.inline == Some(ix) {
            self.inline = None;
        }
        self.line_end();
    }

    fn has_text(&self, ix: u32) -> bool {
        self.document
            .nodes_of(NodeIx(ix))
            .any(|child| matches!(self.document.kind(child), Kind::Text | Kind::CData))
    }
}

/// Escapes a value for use between double quotes: control characters become `&#x0A;` and the like.
pub fn escape_attribute(value: &str, out: &mut String) {
    escape(value, out, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'"' => Some("&quot;"),
        0..=31 | 127 => Some(""),
        _ => None,
    });
}

/// Escapes text between tags.
pub fn escape_text(value: &str, out: &mut String) {
    escape(value, out, |byte| match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        b'\n' | b'\t' => None,
        0..=31 | 127 => Some(""),
        _ => None,
    });
}

fn escape(value: &str, out: &mut String, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = value.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let Some(text) = replacement(*byte) else { continue };
        out.push_str(&value[copied..at]);
        copied = at + 1;
        if text.is_empty() {
            write!(out, "&#x{byte:02X};").expect("a string takes all text");
        } else {
            out.push_str(text);
        }
    }
    out.push_str(&value[copied..]);
}
