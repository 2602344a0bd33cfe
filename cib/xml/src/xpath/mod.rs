//! XPath 1.0 without variables and namespaces, of which a CIB has none.
//!
//! Knows documents and expressions. What it does not know it refuses by name, with what to write instead.

mod axes;
mod evaluate;
mod functions;
mod lex;
mod parse;
mod value;

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
    #[error(
        "{message} at character {} of {:?}{}", .start + 1, shown(.expression), found(.expression, *.start, *.end)
    )]
    Syntax {
        message: String,
        expression: String,
        /// Byte range of the offending text.
        start: usize,
        end: usize,
    },
    #[error("{:?} selects a value, expected a path", shown(.expression))]
    NotAPath { expression: String },
    #[error("{:?} needs more than {limit} steps on this document", shown(.expression))]
    TooMuchWork { expression: String, limit: u64 },
}

/// As much of an expression as a message bears.
fn shown(expression: &str) -> String {
    match expression.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &expression[..end]),
        None => expression.to_owned(),
    }
}

fn found(expression: &str, start: usize, end: usize) -> String {
    match expression.get(start..end) {
        Some("") | None => " (the end)".to_owned(),
        Some(text) => format!(" (found {:?})", shown(text)),
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
        self.select_within(document, context, WORK_LIMIT)
    }

    /// As [`Expr::select`], with at most this many steps.
    ///
    /// # Errors
    /// As [`Expr::select`].
    pub fn select_within(
        &self,
        document: &Document,
        context: NodeIx,
        steps: u64,
    ) -> Result<Vec<Hit>, XPathError> {
        evaluate::select(self, document, context, steps)
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
    Following,
    FollowingSibling,
    Preceding,
    PrecedingSibling,
}

/// The axes by name.
const AXES: &[(&str, Axis)] = &[
    ("ancestor", Axis::Ancestor),
    ("ancestor-or-self", Axis::AncestorOrSelf),
    ("attribute", Axis::Attribute),
    ("child", Axis::Child),
    ("descendant", Axis::Descendant),
    ("descendant-or-self", Axis::DescendantOrSelf),
    ("following", Axis::Following),
    ("following-sibling", Axis::FollowingSibling),
    ("parent", Axis::Parent),
    ("preceding", Axis::Preceding),
    ("preceding-sibling", Axis::PrecedingSibling),
    ("self", Axis::Itself),
];

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
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    False,
    Floor,
    Lang,
    Last,
    LocalName,
    Name,
    NormalizeSpace,
    Not,
    Number,
    Position,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    True,
}

/// The functions by name, with the least and the largest number of arguments.
const FUNCTIONS: &[(&str, Function, usize, usize)] = &[
    ("boolean", Function::Boolean, 1, 1),
    ("ceiling", Function::Ceiling, 1, 1),
    ("concat", Function::Concat, 2, 32),
    ("contains", Function::Contains, 2, 2),
    ("count", Function::Count, 1, 1),
    ("false", Function::False, 0, 0),
    ("floor", Function::Floor, 1, 1),
    ("lang", Function::Lang, 1, 1),
    ("last", Function::Last, 0, 0),
    ("local-name", Function::LocalName, 0, 1),
    ("name", Function::Name, 0, 1),
    ("normalize-space", Function::NormalizeSpace, 0, 1),
    ("not", Function::Not, 1, 1),
    ("number", Function::Number, 0, 1),
    ("position", Function::Position, 0, 0),
    ("round", Function::Round, 1, 1),
    ("starts-with", Function::StartsWith, 2, 2),
    ("string", Function::String, 0, 1),
    ("string-length", Function::StringLength, 0, 1),
    ("substring", Function::Substring, 2, 3),
    ("substring-after", Function::SubstringAfter, 2, 2),
    ("substring-before", Function::SubstringBefore, 2, 2),
    ("sum", Function::Sum, 1, 1),
    ("translate", Function::Translate, 3, 3),
    ("true", Function::True, 0, 0),
];

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Or(Vec<Node>),
    And(Vec<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Union(Vec<Node>),
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

impl Node {
    /// Yields places of the document, not a value.
    fn is_places(&self) -> bool {
        matches!(self, Node::Path { .. } | Node::Union(..))
    }
}
