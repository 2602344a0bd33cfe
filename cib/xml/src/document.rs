//! The arena: every node of one document in one vector, every character in one string.
//!
//! Knows storage and links. Reading goes through [`crate::Element`]; changing is in `edit`.

use crate::ids::IdIndex;
use crate::names::{Names, Symbol};
use crate::{Element, Limits, ParseError};

/// A node of one document. Stays valid until the node is removed or [`Document::compacted`] makes a new document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub(crate) u32);

pub(crate) const NONE: u32 = u32::MAX;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The document itself: the parent of the root element and of comments around it.
    Document,
    Element,
    Text,
    CData,
    Comment,
    /// A processing instruction; its name is the target.
    Instruction,
    /// Taken out of the document; no link leads here.
    Removed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Attr {
    pub(crate) name: Symbol,
    pub(crate) value: Span,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) name: Symbol,
    pub(crate) parent: u32,
    pub(crate) first_child: u32,
    pub(crate) last_child: u32,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    /// Range in `Document::attrs` for elements.
    pub(crate) attrs: Span,
    /// Range in `Document::text` for everything that is not an element.
    pub(crate) content: Span,
    pub(crate) line: u32,
}

/// An XML document: one root element, optionally with comments and processing instructions around it.
///
/// Cloning copies a handful of vectors, whatever the number of nodes.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) nodes: Vec<Node>,
    pub(crate) attrs: Vec<Attr>,
    pub(crate) text: String,
    pub(crate) names: Names,
    pub(crate) ids: IdIndex,
    pub(crate) root: u32,
    /// Bytes and attribute slots that nothing refers to any more.
    pub(crate) garbage: usize,
}

impl Document {
    /// A document with one empty root element.
    pub fn new(root_name: &str) -> Document {
        let mut document = Document::empty();
        let root = document.new_element(root_name, 0);
        document.link_last(0, root);
        document.root = root;
        document
    }

    pub(crate) fn empty() -> Document {
        let mut names = Names::default();
        let nothing = names.intern("");
        let document_node = Node {
            kind: Kind::Document,
            name: nothing,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            attrs: Span::default(),
            content: Span::default(),
            line: 0,
        };
        Document {
            nodes: vec![document_node],
            attrs: Vec::new(),
            text: String::new(),
            names,
            ids: IdIndex::default(),
            root: NONE,
            garbage: 0,
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Anything that is not one well-formed element within `limits`, with its line and column. Text that consists of
    /// white space only is dropped, everything else survives in order.
    pub fn parse(input: impl AsRef<[u8]>, limits: &Limits) -> Result<Document, ParseError> {
        crate::parse::parse(input.as_ref(), limits)
    }

    /// Reads a document that a program wrote, with the default limits.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_default(input: impl AsRef<[u8]>) -> Result<Document, ParseError> {
        Document::parse(input, &Limits::default())
    }

    pub fn root(&self) -> Element<'_> {
        self.element(NodeIx(self.root))
    }

    /// A cursor at a node, normally an element.
    pub fn element(&self, ix: NodeIx) -> Element<'_> {
        Element::new(self, ix)
    }

    /// The node's kind; [`Kind::Removed`] if it is no longer part of the document.
    pub fn kind(&self, ix: NodeIx) -> Kind {
        self.node(ix.0).kind
    }

    /// The text of a comment, text, CDATA section or processing instruction; empty for elements.
    pub fn content(&self, ix: NodeIx) -> &str {
        self.str(self.node(ix.0).content)
    }

    /// All children of a node in order, whatever their kind.
    pub fn nodes_of(&self, parent: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let mut at = self.node(parent.0).first_child;
        std::iter::from_fn(move || {
            let here = at;
            (here != NONE).then(|| {
                at = self.node(here).next;
                NodeIx(here)
            })
        })
    }

    /// The node that stands for the document itself; its children are the root element and comments around it.
    pub fn document_node(&self) -> NodeIx {
        NodeIx(0)
    }

    /// Number of node slots, used and abandoned: a measure of memory.
    pub fn node_slots(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, ix: u32) -> &Node {
        &self.nodes[ix as usize]
    }

    pub(crate) fn node_mut(&mut self, ix: u32) -> &mut Node {
        &mut self.nodes[ix as usize]
    }

    pub(crate) fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..(span.start + span.len) as usize]
    }

    pub(crate) fn attr_slice(&self, ix: u32) -> &[Attr] {
        let span = self.node(ix).attrs;
        &self.attrs[span.start as usize..(span.start + span.len) as usize]
    }
}
