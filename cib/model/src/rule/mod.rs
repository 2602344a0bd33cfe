//! Rules: conditions on time, node attributes, resource agents and operations.

mod evaluate;

pub use evaluate::{Input, compare_versions};

use crate::role::Role;
use crate::score::Score;

/// How the conditions of a rule are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Combine {
    /// All must hold.
    #[default]
    And,
    /// One is enough.
    Or,
}

/// A `rule` element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// `id`
    pub id: String,
    /// `boolean-op`
    pub combine: Combine,
    /// `score` (in location constraints)
    pub score: Option<Score>,
    /// `score` as written (node health words keep their meaning)
    pub score_text: Option<String>,
    /// `score-attribute`: the node attribute that holds the score (in location constraints)
    pub score_attribute: Option<String>,
    /// `role` (in location constraints)
    pub role: Option<Role>,
    /// `role` as written, to tell a missing one from one that is no role
    pub role_text: Option<String>,
    /// Conditions in document order.
    pub conditions: Vec<Condition>,
}

/// One condition of a [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A nested rule.
    Rule(Rule),
    /// `expression`: compares a node attribute.
    Attribute(AttributeTest),
    /// `date_expression`
    Date(DateTest),
    /// `rsc_expression`: matches the agent of a resource.
    Agent {
        /// `class`, or any
        class: Option<String>,
        /// `provider`, or any
        provider: Option<String>,
        /// `type`, or any
        agent_type: Option<String>,
    },
    /// `op_expression`: matches an operation.
    Operation {
        /// `name`
        name: String,
        /// `interval` in milliseconds, or any
        interval_ms: Option<u32>,
    },
    /// Something that cannot be evaluated; it never holds.
    Invalid,
}

/// Comparison operators of an `expression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `lt`
    Less,
    /// `gt`
    Greater,
    /// `lte`
    LessOrEqual,
    /// `gte`
    GreaterOrEqual,
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `defined`
    Defined,
    /// `not_defined`
    NotDefined,
}

/// How both sides of a comparison are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// As text, letter case ignored.
    String,
    /// As 64-bit integers.
    Integer,
    /// As floating-point numbers.
    Number,
    /// As dotted version numbers.
    Version,
}

/// Where the right side of a comparison comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueSource {
    /// The text itself.
    #[default]
    Literal,
    /// A parameter of the resource, named by the text.
    Parameter,
    /// A meta attribute of the resource, named by the text.
    Meta,
}

/// An `expression`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeTest {
    /// Node attribute name.
    pub attribute: String,
    /// Operator.
    pub operation: Comparison,
    /// Type; `None` means "number if the operator orders and both look like numbers, else text".
    pub value_type: Option<ValueType>,
    /// What `value` is.
    pub source: ValueSource,
    /// Right side.
    pub value: Option<String>,
}

/// A `date_expression`; dates stay text until evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateTest {
    /// `gt`
    After(String),
    /// `lt`
    Before(String),
    /// `in_range`
    InRange {
        /// Start, or open.
        start: Option<String>,
        /// End, or open.
        end: Option<String>,
        /// Length instead of an end.
        duration: Option<Vec<(String, String)>>,
    },
    /// `date_spec`: name of the field and its ranges.
    Spec(Vec<(String, String)>),
}
