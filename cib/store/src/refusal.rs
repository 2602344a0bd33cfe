//! Why a request changes nothing.

use holdfast_xml::xpath::XPathError;
use holdfast_xml::{PatchError, Version};
use thiserror::Error;

use crate::code::Code;
use crate::validate::Finding;

/// A request that was not carried out; the document is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("{operation} needs XML to work with")]
    NoInput { operation: &'static str },
    #[error("there is no section {section:?}; expected one of: {}", crate::section::names())]
    UnknownSection { section: String },
    #[error("{what} does not exist")]
    NotFound { what: String },
    #[error("{what} exists already; use modify or replace to change it")]
    Exists { what: String },
    #[error("the whole document cannot be deleted; use erase to empty it")]
    WholeDocument,
    #[error(transparent)]
    XPath(#[from] XPathError),
    #[error("user {user} may not {wanted} {path}")]
    Denied { user: String, wanted: &'static str, path: String },
    #[error("an access rule of user {user} cannot be understood, so everything is denied: {problem}")]
    UnreadableAccessRule { user: String, problem: String },
    #[error(
        "the new document has version {offered}, older than the present {current}; query again and redo the change"
    )]
    OldData { current: Version, offered: Version },
    #[error("{counter} must not go backwards: from {from} to {to}")]
    Backwards { counter: &'static str, from: u32, to: u32 },
    #[error(transparent)]
    Patch(#[from] PatchError),
    #[error("the document does not have the digest {expected} that was promised, it has {found}")]
    Digest { expected: String, found: String },
    #[error("the document is not valid for {schema}: {}", first(findings))]
    Invalid { schema: String, findings: Vec<Finding> },
    #[error("the document has no attribute validate-with that names a known schema (it says {0:?})")]
    UnknownSchema(String),
    #[error("the document is already at the newest schema {0}")]
    NothingToUpgrade(String),
    #[error("the document needs feature set {needed}, this program has {}", crate::FEATURE_SET)]
    FeatureSet { needed: String },
    #[error("a {expected} was expected, <{found}> was given")]
    WrongRoot { expected: &'static str, found: String },
}

fn first(findings: &[Finding]) -> String {
    let more = match findings.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    findings.first().map(|finding| format!("{finding}{more}")).unwrap_or_default()
}

impl Refusal {
    /// The result as the old tools count and word it.
    pub fn code(&self) -> Code {
        match self {
            Refusal::NoInput { .. } | Refusal::UnknownSection { .. } | Refusal::WholeDocument => {
                Code::InvalidArgument
            }
            Refusal::WrongRoot { .. } => Code::InvalidArgument,
            Refusal::NotFound { .. } | Refusal::XPath(_) => Code::NoSuch,
            Refusal::Exists { .. } => Code::Exists,
            Refusal::Denied { .. } | Refusal::UnreadableAccessRule { .. } => Code::PermissionDenied,
            Refusal::OldData { .. } | Refusal::Backwards { .. } => Code::OldData,
            Refusal::Digest { .. } => Code::DigestMismatch,
            Refusal::Invalid { .. } => Code::SchemaValidation,
            Refusal::UnknownSchema(_) => Code::SchemaValidation,
            Refusal::NothingToUpgrade(_) => Code::SchemaUnchanged,
            Refusal::FeatureSet { .. } => Code::NotSupported,
            Refusal::Patch(error) => match error {
                PatchError::TooOld { .. } | PatchError::NotNewer(..) => Code::OldData,
                PatchError::Format(_) => Code::InvalidArgument,
                PatchError::Malformed { .. } => Code::NoMessage,
                PatchError::TooNew { .. } | PatchError::NoMatch { .. } | PatchError::Digest { .. } => {
                    Code::PatchFailed
                }
            },
        }
    }
}
