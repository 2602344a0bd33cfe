//! The part of XPath 1.0 that cluster users type: paths, predicates, attributes, unions and the common functions.
//!
//! Knows documents and expressions. Does not know namespaces, variables or arithmetic; it refuses them by name.

mod evaluate;
mod lex;
mod parse;

use thiserror::Error;

use crate::document::{Document, NodeIx};

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    source: String,
    tree: Node,
}

/// One selected place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hit {
    /// An element, or a text or comment if the expression asks for one.
    Node(NodeIx),
    /// An attribute of an element.
    Attribute(NodeIx, String),
}

impl Hit {
    /// The element itself or the element that carries the attribute.
    pub fn ix(&self) -> NodeIx {
        match self {
            Hit::Node(ix) | Hit::Attribute(ix, _) => *ix,
        }
    }
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XPathError {
    #[error("{message} at character {} of {expression:?}{}", .start + 1, found(.expression, *.start, *.end))]
    Syntax {
        message: String,
        expression: String,
        /// Byte range of the offending text.
        start: usize,
        end: usize,
    },
    #[error("{expression:?} selects a value, expected a path")]
    NotAPath { expression: String },
    #[error("{expression:?} needs more than {limit} steps on this document")]
    TooMuchWork { expression: String, limit: u64 },
}

fn found(expression: &str, start: usize, end: usize) -> String {
    match expression.get(start..end) {
        Some("") | None => " (the end)".to_owned(),
        Some(text) => format!(" (found {text:?})"),
    }
}

/// Steps one selection may take; a document of 80 MB has about a million nodes.
const WORK_LIMIT: u64 = 50_000_000;

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is not understood, with the place in the expression.
    pub fn parse(source: &str) -> Result<Expr, XPathError> {
        Ok(Expr { source: source.to_owned(), tree: parse::parse(source)? })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The places that the expression selects, in document order, each once.
    ///
    /// # Errors
    /// An expression that yields a value instead of places, or one that takes too much work.
    pub fn select(&self, document: &Document, context: NodeIx) -> Result<Vec<Hit>, XPathError> {
        evaluate::select(self, document, context, WORK_LIMIT)
    }

    /// The elements that the expression selects; for an attribute the element that carries it.
    ///
    /// # Errors
    /// As [`Expr::select`].
    pub fn select_elements(&self, document: &Document, context: NodeIx) -> Result<Vec<NodeIx>, XPathError> {
        let mut found: Vec<NodeIx> = self.select(document, context)?.iter().map(Hit::ix).collect();
        found.dedup();
        Ok(found)
    }
}

impl Document {
    /// The elements that `expression` selects from the root.
    ///
    /// # Errors
    /// As [`Expr::parse`] and [`Expr::select`].
    pub fn select(&self, expression: &str) -> Result<Vec<NodeIx>, XPathError> {
        Expr::parse(expression)?.select_elements(self, self.root().ix())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Parent,
    Ancestor,
    AncestorOrSelf,
    Itself,
    Attribute,
    FollowingSibling,
    PrecedingSibling,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Any,
    Name(String),
    /// `node()`
    Node,
    /// `text()`
    Text,
    /// `comment()`
    Comment,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) axis: Axis,
    pub(crate) test: Test,
    pub(crate) predicates: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Not,
    Contains,
    StartsWith,
    Name,
    LocalName,
    Position,
    Last,
    Count,
    String,
    StringLength,
    NormalizeSpace,
    Concat,
    Number,
    Boolean,
    True,
    False,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    Union(Box<Node>, Box<Node>),
    Path {
        /// Where the path begins when it is neither the context nor the document.
        from: Option<Box<Node>>,
        /// Predicates directly on `from`.
        predicates: Vec<Node>,
        absolute: bool,
        steps: Vec<Step>,
    },
    Text(String),
    Number(f64),
    Call(Function, Vec<Node>),
}
