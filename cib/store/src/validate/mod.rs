//! Whether a document may stand: known elements and attributes, required ones, types, unique ids, references.
//!
//! Checks against the schema a document names. What the cluster would ignore but not break on is a warning.

mod reference;
mod structure;
mod table;
mod value;

use std::fmt;

use holdfast_xml::{Document, Element};

use crate::schema::Schema;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document is accepted.
    Warning,
    /// The document is refused.
    Invalid,
}

/// Something wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Line in the text that was read; 0 for elements made by a program.
    pub line: u32,
    pub element: String,
    pub id: Option<String>,
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        match &self.id {
            Some(id) => write!(f, "<{} id=\"{id}\">: {}", self.element, self.problem),
            None => write!(f, "<{}>: {}", self.element, self.problem),
        }
    }
}

/// Collects findings up to a limit: a document of nonsense must not produce a report of gigabytes.
struct Report {
    findings: Vec<Finding>,
}

const MOST_FINDINGS: usize = 200;

impl Report {
    fn add(&mut self, severity: Severity, element: Element<'_>, problem: impl Into<String>) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding {
                severity,
                line: element.line(),
                element: element.name().to_owned(),
                id: element.id().map(str::to_owned),
                problem: problem.into(),
            });
        }
    }

    fn invalid(&mut self, element: Element<'_>, problem: impl Into<String>) {
        self.add(Severity::Invalid, element, problem);
    }

    fn warning(&mut self, element: Element<'_>, problem: impl Into<String>) {
        self.add(Severity::Warning, element, problem);
    }
}

/// Checks a document against the schema it names; an unknown name counts as the newest.
pub fn document(document: &Document) -> Vec<Finding> {
    let name = document.root().attr("validate-with").unwrap_or("");
    if name == "none" {
        return Vec::new();
    }
    let findings = form(document, Schema::named(name).unwrap_or(Schema::NEWEST));
    let mut report = Report { findings };
    reference::check(document, &mut report);
    report.findings
}

/// Checks references alone; elements and attributes are taken to be right.
pub fn references(document: &Document) -> Vec<Finding> {
    let mut report = Report { findings: Vec::new() };
    reference::check(document, &mut report);
    report.findings
}

/// Checks elements and attributes against a schema, and leaves out references: they are the same in all schemas.
pub fn form(document: &Document, schema: Schema) -> Vec<Finding> {
    let mut report = Report { findings: Vec::new() };
    structure::check(document, schema, &mut report);
    report.findings
}
