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

impl Problem {
    /// A problem whose line is not known; [`Problem::located`] finds it.
    pub fn new(level: Level, element: &str, id: &str, message: impl Into<String>) -> Problem {
        Problem { level, element: element.to_owned(), id: id.to_owned(), line: 0, message: message.into() }
    }

    /// The same with the line of the element in the document, if it has such an element.
    pub fn located(mut self, document: &holdfast_xml::Document) -> Problem {
        if self.line == 0 && !self.id.is_empty() {
            let found = document.all_by_id(&self.id).into_iter().map(|ix| document.element(ix));
            let exact = found.clone().find(|element| element.name() == self.element);
            if let Some(element) = exact.or_else(|| found.into_iter().next()) {
                element.name().clone_into(&mut self.element);
                self.line = element.line();
            }
        }
        self
    }
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
