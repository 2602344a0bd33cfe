//! What can be said about a line of `corosync.conf`: severity, exact place, value, expectation, next step.
//!
//! Knows nothing of terminals: the tools draw the line and underline it.

use std::fmt;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing changes.
    Note,
    /// The daemon starts, but something the file asks for does not happen as written.
    Warning,
    /// The daemon does not start with this file (or keeps the old one at a reload).
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A place in the file: for people (line, column) and for programs (byte range).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte, from the start of the file.
    pub offset: usize,
    /// Length in bytes; 0 for a place between two bytes.
    pub length: usize,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The file as the user named it.
    pub file: String,
    /// Where; `None` when the file as a whole is meant.
    pub span: Option<Span>,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// The text found there.
    pub value: Option<String>,
    /// What was expected instead.
    pub expected: Option<String>,
    /// What to do or type next.
    pub next_step: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, span: Option<Span>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            file: String::new(),
            span,
            message: message.into(),
            value: None,
            expected: None,
            next_step: None,
        }
    }

    pub(crate) fn error(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span.into(), message)
    }

    pub(crate) fn warning(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span.into(), message)
    }

    pub(crate) fn note(span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, span.into(), message)
    }

    pub(crate) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// The same line without its first word, for a log that tells the severity itself.
    pub fn without_severity(&self) -> impl fmt::Display {
        WithoutSeverity(self)
    }

    /// Whether this stops the daemon from starting.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    /// One line for a log: `error: FILE:LINE:COLUMN: what (expected …; next step)`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.severity, self.without_severity())
    }
}

struct WithoutSeverity<'a>(&'a Diagnostic);

impl fmt::Display for WithoutSeverity<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WithoutSeverity(finding) = self;
        write!(out, "{}", finding.file)?;
        if let Some(span) = finding.span {
            write!(out, ":{}:{}", span.line, span.column)?;
        }
        write!(out, ": {}", finding.message)?;
        if let Some(expected) = &finding.expected {
            write!(out, "; expected {expected}")?;
        }
        if let Some(next_step) = &finding.next_step {
            write!(out, "; {next_step}")?;
        }
        Ok(())
    }
}
