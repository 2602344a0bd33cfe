//! Reading: a borrowed cursor that allocates nothing.

use crate::document::{Document, Kind, NONE, NodeIx};

/// A place in a document, normally an element.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    document: &'a Document,
    ix: u32,
}

impl<'a> Element<'a> {
    pub(crate) fn new(document: &'a Document, ix: NodeIx) -> Element<'a> {
        Element { document, ix: ix.0 }
    }

    pub fn document(self) -> &'a Document {
        self.document
    }

    pub fn ix(self) -> NodeIx {
        NodeIx(self.ix)
    }

    /// The element's name (or the target of a processing instruction).
    pub fn name(self) -> &'a str {
        self.document.names.get(self.document.node(self.ix).name)
    }

    /// The value of an attribute.
    pub fn attr(self, name: &str) -> Option<&'a str> {
        self.document
            .attr_slice(self.ix)
            .iter()
            .find(|attr| self.document.names.get(attr.name) == name)
            .map(|attr| self.document.str(attr.value))
    }

    /// The attribute `id`.
    pub fn id(self) -> Option<&'a str> {
        self.attr("id")
    }

    pub fn has_attr(self, name: &str) -> bool {
        self.attr(name).is_some()
    }

    /// Attributes in their order.
    pub fn attrs(self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + 'a {
        let document = self.document;
        document
            .attr_slice(self.ix)
            .iter()
            .map(move |attr| (document.names.get(attr.name), document.str(attr.value)))
    }

    /// Line of the start tag in the text that was read, from 1; 0 for elements made by a program.
    pub fn line(self) -> u32 {
        self.document.node(self.ix).line
    }

    /// Child elements in order.
    pub fn children(self) -> Children<'a> {
        Children { document: self.document, next: self.document.node(self.ix).first_child }
    }

    /// Child elements of one name.
    pub fn children_named<'n>(self, name: &'n str) -> impl Iterator<Item = Element<'a>> + use<'a, 'n> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first child element of that name.
    pub fn child(self, name: &str) -> Option<Element<'a>> {
        self.children().find(|child| child.name() == name)
    }

    /// The first child element of that name whose `id` is `id`.
    pub fn child_with_id(self, name: &str, id: &str) -> Option<Element<'a>> {
        self.children().find(|child| child.name() == name && child.id() == Some(id))
    }

    /// The parent element; `None` at the root.
    pub fn parent(self) -> Option<Element<'a>> {
        let parent = self.document.node(self.ix).parent;
        (parent != NONE && self.document.node(parent).kind == Kind::Element)
            .then_some(Element { document: self.document, ix: parent })
    }

    /// Parents from the nearest up to the root.
    pub fn ancestors(self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        std::iter::successors(self.parent(), |element| element.parent())
    }

    /// All elements below this one in document order, without itself.
    pub fn descendants(self) -> Descendants<'a> {
        Descendants { document: self.document, top: self.ix, at: self.ix }
    }

    /// This element and all below it in document order.
    pub fn self_and_descendants(self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        std::iter::once(self).chain(self.descendants())
    }

    /// The next element with the same parent.
    pub fn next_sibling(self) -> Option<Element<'a>> {
        Children { document: self.document, next: self.document.node(self.ix).next }.next()
    }

    /// The text directly inside, joined; `None` if there is none.
    pub fn text(self) -> Option<String> {
        let mut text: Option<String> = None;
        for ix in self.document.nodes_of(self.ix()) {
            match self.document.kind(ix) {
                Kind::Text | Kind::CData => {
                    text.get_or_insert_with(String::new).push_str(self.document.content(ix));
                }
                Kind::Document | Kind::Element | Kind::Comment | Kind::Instruction | Kind::Removed => {}
            }
        }
        text
    }

    /// Position among all siblings of any kind but text, from 0: what Pacemaker's patch sets count.
    pub fn position(self) -> usize {
        self.document.position(self.ix())
    }

    /// Absolute path that selects this element, each step with its id where it has one.
    pub fn xpath(self) -> String {
        let mut steps: Vec<Element<'a>> = self.ancestors().collect();
        steps.reverse();
        steps.push(self);
        let mut path = String::new();
        for step in steps {
            path.push('/');
            path.push_str(step.name());
            if let Some(id) = step.id() {
                let quote = if id.contains('\'') { '"' } else { '\'' };
                path.push_str(&format!("[@id={quote}{id}{quote}]"));
            }
        }
        path
    }
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.xpath())
    }
}

/// Child elements in order.
#[derive(Clone)]
pub struct Children<'a> {
    document: &'a Document,
    next: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        while self.next != NONE {
            let here = self.next;
            let node = self.document.node(here);
            self.next = node.next;
            if node.kind == Kind::Element {
                return Some(Element { document: self.document, ix: here });
            }
        }
        None
    }
}

/// Elements below one element in document order.
#[derive(Clone)]
pub struct Descendants<'a> {
    document: &'a Document,
    top: u32,
    at: u32,
}

impl<'a> Iterator for Descendants<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            self.at = self.document.following(self.at, self.top)?;
            if self.document.node(self.at).kind == Kind::Element {
                return Some(Element { document: self.document, ix: self.at });
            }
        }
    }
}

impl Document {
    /// The node after `at` in document order within `top`.
    pub(crate) fn following(&self, at: u32, top: u32) -> Option<u32> {
        let first = self.node(at).first_child;
        if first != NONE {
            return Some(first);
        }
        self.following_skip(at, top)
    }

    /// The node after the whole subtree of `at` within `top`.
    pub(crate) fn following_skip(&self, at: u32, top: u32) -> Option<u32> {
        let mut here = at;
        while here != top {
            let node = self.node(here);
            if node.next != NONE {
                return Some(node.next);
            }
            here = node.parent;
        }
        None
    }

    /// See [`Element::position`].
    pub fn position(&self, ix: NodeIx) -> usize {
        let mut count = 0;
        let mut at = self.node(ix.0).previous;
        while at != NONE {
            let node = self.node(at);
            if !matches!(node.kind, Kind::Text | Kind::CData) {
                count += 1;
            }
            at = node.previous;
        }
        count
    }
}
