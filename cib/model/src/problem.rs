//! What is wrong with a document, and where.

use std::fmt;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Works, but something deserves a look.
    Warning,
    /// The value was refused and a default used, or the element ignored.
    Error,
}

/// One finding while reading a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// Name of the element concerned, such as `primitive`.
    pub element: String,
    /// Its `id` (empty when it has none).
    pub id: String,
    /// Line in the document, from 1; 0 when unknown (made in memory).
    pub line: u32,
    /// What is wrong and what happens instead, as one sentence without the position.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, "{level}: ")?;
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "<{}", self.element)?;
        if !self.id.is_empty() {
            write!(f, " id=\"{}\"", self.id)?;
        }
        write!(f, ">: {}", self.message)
    }
}
