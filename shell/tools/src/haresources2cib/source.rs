//! Where something was read and what became of it: the accounting of every input line.
//!
//! Knows files, lines and verdicts. Does not know any grammar.

use serde::Serialize;

/// A place in an input file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Line number from 1; 0 stands for the file as a whole.
    pub line: usize,
}

impl Place {
    /// The place `line` of `file`.
    pub fn new(file: &str, line: usize) -> Place {
        Place { file: file.to_owned(), line }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.file)
        } else {
            write!(f, "{}: line {}", self.file, self.line)
        }
    }
}

/// What became of one input line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The new configuration says the same with the same words.
    Kept,
    /// The new configuration says the same with other words.
    Changed,
    /// Nothing takes its place, for the reason given.
    Dropped,
    /// A person has to do something before the new cluster is what the old one was.
    NeedsYou,
    /// The line is wrong; nothing is converted.
    Error,
}

impl Verdict {
    /// The word in the report.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Kept => "kept",
            Verdict::Changed => "changed",
            Verdict::Dropped => "dropped",
            Verdict::NeedsYou => "needs you",
            Verdict::Error => "error",
        }
    }
}

/// One remark about one input line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Where the line stands.
    pub place: Place,
    /// The line as written, without its comment and surrounding blanks.
    pub text: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What it was kept as or changed into, or why it was dropped or is wrong.
    pub note: String,
    /// The next thing to type or to do, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

/// Collects the remarks of one conversion.
#[derive(Debug, Default)]
pub struct Account {
    remarks: Vec<Remark>,
}

impl Account {
    /// Adds a remark without a next step.
    pub fn note(&mut self, place: &Place, text: &str, verdict: Verdict, note: impl Into<String>) {
        self.remarks.push(Remark {
            place: place.clone(),
            text: text.to_owned(),
            verdict,
            note: note.into(),
            cure: None,
        });
    }

    /// Adds a remark with the next thing to type or to do.
    pub fn advise(
        &mut self,
        place: &Place,
        text: &str,
        verdict: Verdict,
        note: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.remarks.push(Remark {
            place: place.clone(),
            text: text.to_owned(),
            verdict,
            note: note.into(),
            cure: Some(cure.into()),
        });
    }

    /// All remarks, by file as first met, then by line.
    pub fn remarks(&self) -> Vec<&Remark> {
        let mut files: Vec<&str> = Vec::new();
        for remark in &self.remarks {
            if !files.contains(&remark.place.file.as_str()) {
                files.push(&remark.place.file);
            }
        }
        let mut sorted: Vec<&Remark> = self.remarks.iter().collect();
        sorted.sort_by_key(|r| (files.iter().position(|f| *f == r.place.file), r.place.line));
        sorted
    }

    /// The remarks that keep the conversion from happening.
    pub fn errors(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(|r| r.verdict == Verdict::Error)
    }

    /// Whether a line of `file` has a remark already.
    pub fn speaks_of(&self, place: &Place) -> bool {
        self.remarks.iter().any(|r| r.place == *place)
    }
}
