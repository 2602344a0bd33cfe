//! Why a configuration cannot be read or changed, in the words that callers of the old tools know, with details.

use std::io::IsTerminal;

use holdfast_client::ClientError;
use holdfast_store::{Code, Refusal};

use crate::exit;
use crate::output::Failure;

/// A failure of a [`super::CibSource`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CibError {
    /// Exit status of a tool that fails with it.
    pub status: i32,
    /// The short words of the old tools.
    pub text: String,
    /// What exactly is wrong, where, and what to do; may be empty.
    pub details: Vec<String>,
    /// The result code, if the store refused.
    pub code: Option<Code>,
}

impl CibError {
    pub fn new(status: i32, text: impl Into<String>) -> CibError {
        CibError { status, text: text.into(), details: Vec::new(), code: None }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> CibError {
        self.details.push(detail.into());
        self
    }

    /// Says on standard error what exactly is wrong: always where there is a next step, else to people (on a
    /// terminal, or when they ask for more). Programs compare the short words.
    pub fn explain(&self, verbose: bool) {
        let always = matches!(self.status, exit::CONFIGURATION | exit::DISCONNECTED | exit::OLD | exit::IO);
        if always || verbose || std::io::stderr().is_terminal() {
            for detail in &self.details {
                eprintln!("error: {detail}");
            }
        }
    }

    /// The failure of a tool: what it tried, then why not.
    pub fn failure(&self, what: &str) -> Failure {
        Failure::new(self.status, format!("{what}: {}", self.text))
    }
}

impl From<Refusal> for CibError {
    fn from(refusal: Refusal) -> CibError {
        let code = refusal.code();
        let details = match &refusal {
            Refusal::Invalid { findings, .. } => findings.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        };
        CibError { status: code.exit_status(), text: code.text().to_owned(), details, code: Some(code) }
    }
}

impl From<ClientError> for CibError {
    fn from(error: ClientError) -> CibError {
        let status = error.exit_status();
        let text = match status {
            exit::NO_SUCH => "No such device or address".to_owned(),
            exit::DISCONNECTED => "Transport endpoint is not connected".to_owned(),
            exit::INSUFFICIENT_PRIVILEGES => "Permission denied".to_owned(),
            exit::EXISTS => "File exists".to_owned(),
            exit::CONFIGURATION => "Update does not conform to the configured schema".to_owned(),
            _ => exit::words(status).to_owned(),
        };
        let mut details = vec![error.to_string()];
        details.extend(error.hints());
        CibError { status, text, details, code: None }
    }
}
