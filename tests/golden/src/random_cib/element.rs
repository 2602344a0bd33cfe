//! XML elements under construction. Knows XML, nothing of clusters.

use std::fmt::Write as _;

/// An element with attributes and children.
#[derive(Debug, Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
}

/// An element without attributes.
#[must_use]
pub fn element(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), children: Vec::new() }
}

impl Element {
    /// With this attribute, too.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Element {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With this child, too.
    #[must_use]
    pub fn child(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// With these children, too.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children);
        self
    }

    /// With this child unless it has neither children nor attributes but its id.
    #[must_use]
    pub fn child_unless_empty(self, child: Element) -> Element {
        if child.children.is_empty() { self } else { self.child(child) }
    }

    /// How many children it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// It has no children.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Adds a child.
    pub fn push(&mut self, child: Element) {
        self.children.push(child);
    }

    /// As text, indented.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    fn write(&self, depth: usize, text: &mut String) {
        let indent = depth * 2;
        // Writing to a string cannot fail.
        let _ = write!(text, "{:indent$}<{}", "", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(text, " {name}=\"");
            holdfast_xml::escape_attribute(value, text);
            text.push('"');
        }
        if self.children.is_empty() {
            text.push_str("/>\n");
            return;
        }
        text.push_str(">\n");
        for child in &self.children {
            child.write(depth + 1, text);
        }
        let _ = writeln!(text, "{:indent$}</{}>", "", self.name);
    }
}

/// A block of name-value pairs that is filled one by one.
#[derive(Debug)]
pub struct Pairs {
    id: String,
    block: Element,
}

impl Pairs {
    /// An empty block.
    #[must_use]
    pub fn new(name: &'static str, id: &str) -> Pairs {
        Pairs { id: id.to_owned(), block: element(name).with("id", id) }
    }

    /// Adds a pair.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        let plain: String =
            name.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
        let pair = element("nvpair")
            .with("id", format!("{}-{plain}", self.id))
            .with("name", name)
            .with("value", value.to_string());
        self.block.push(pair);
    }

    /// Adds a rule (before the pairs, as the schema wants it).
    pub fn rule(&mut self, rule: Element) {
        self.block.children.insert(0, rule);
    }

    /// The block.
    #[must_use]
    pub fn finish(self) -> Element {
        self.block
    }
}
