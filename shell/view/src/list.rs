//! Bulleted lists, the shape of everything the status tools print as text.

use std::fmt::Write;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A line.
    Line(String),
    /// A list inside the list.
    List(List),
}

/// A list with an optional title.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// Title without the colon; a list without title only indents its entries.
    pub title: Option<String>,
    /// Entries.
    pub items: Vec<Item>,
}

impl List {
    /// An empty list with a title.
    pub fn titled(title: impl Into<String>) -> List {
        List { title: Some(title.into()), items: Vec::new() }
    }

    /// Appends a line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.items.push(Item::Line(text.into()));
    }

    /// Appends a list.
    pub fn list(&mut self, list: List) {
        self.items.push(Item::List(list));
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Writes the list as text, `level` lists deep.
    pub fn write_text(&self, level: usize, out: &mut String) {
        if let Some(title) = &self.title {
            write_bullet(level, out);
            out.push_str(title);
            out.push_str(":\n");
        }
        for item in &self.items {
            match item {
                Item::Line(text) => {
                    write_bullet(level + 1, out);
                    out.push_str(text);
                    out.push('\n');
                }
                Item::List(list) => list.write_text(level + 1, out),
            }
        }
    }

    /// Writes the list as an HTML heading and nested `ul` elements.
    pub fn write_html(&self, level: usize, out: &mut String) {
        if let Some(title) = &self.title {
            let size = (level + 2).min(4);
            let _ = writeln!(out, "<h{size}>{}</h{size}>", escape(title));
        }
        out.push_str("<ul>\n");
        for item in &self.items {
            out.push_str("<li>");
            match item {
                Item::Line(text) => out.push_str(&escape(text)),
                Item::List(list) => list.write_html(level + 1, out),
            }
            out.push_str("</li>\n");
        }
        out.push_str("</ul>\n");
    }
}

/// Sections as text with an empty line between two of them, `level` lists deep.
pub fn sections_text(sections: &[List], level: usize) -> String {
    let mut out = String::new();
    for (position, section) in sections.iter().enumerate() {
        if position > 0 {
            out.push('\n');
        }
        section.write_text(level, &mut out);
    }
    out
}

/// Replaces the characters that mean something in HTML and XML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn write_bullet(level: usize, out: &mut String) {
    for _ in 0..level {
        out.push_str("  ");
    }
    if level > 0 {
        out.push_str("* ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting() {
        let mut inner = List::titled("Clone Set: c [r]");
        inner.line("Started: [ a b ]");
        let mut hidden = List::default();
        hidden.line("deep");
        inner.list(hidden);
        let mut outer = List::titled("Resources");
        outer.list(inner);
        outer.line("x");
        let expected =
            "  * Resources:\n    * Clone Set: c [r]:\n      * Started: [ a b ]\n        * deep\n    * x\n";
        assert_eq!(sections_text(&[outer], 1), expected);
    }
}
