//! Why a request was not done. Kinds map to the exit codes of the tools; the text is for people.

use serde::{Deserialize, Serialize};

/// A refusal: what is wrong, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Machine-readable kind.
    pub kind: FailureKind,
    /// What is wrong, with the value.
    pub message: String,
    /// What to type or try next, if anything helps.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Kinds of refusal. The comment names the classic exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureKind {
    /// Something went wrong that has no kind of its own (1).
    Other,
    /// The request itself makes no sense (64).
    Usage,
    /// The XML or a value in it cannot be read (65).
    BadData,
    /// The named node does not exist (68).
    NoSuchNode,
    /// The daemon or the cluster is not there (69).
    Unavailable,
    /// A bug inside (70).
    Internal,
    /// Disk trouble (74).
    Disk,
    /// Access rules deny it (4).
    Permission,
    /// The object does not exist (105).
    NotFound,
    /// The object exists already (108).
    Exists,
    /// The document's version does not fit (patch) (103).
    OldVersion,
    /// The document does not fit its schema (78).
    Schema,
    /// This partition has no quorum (106).
    NoQuorum,
    /// The same identity, name or section appears where it must be unique (76).
    NotUnique,
    /// Took too long (124).
    Timeout,
    /// Not done, because the state forbids it for now; try again (75).
    Again,
    /// Known, but not supported here (3).
    Unsupported,
    /// The local node is not connected to a cluster (102).
    NotConnected,
    /// A newer request replaced it, or the change was undone by a merge (112).
    Undone,
    /// Several objects match where one is needed (109).
    Multiple,
}

impl FailureKind {
    /// The exit status that the classic tools use for this kind.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Unsupported => 3,
            Self::Permission => 4,
            Self::Usage => 64,
            Self::BadData => 65,
            Self::NoSuchNode => 68,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Disk => 74,
            Self::Again => 75,
            Self::NotUnique => 76,
            Self::Schema => 78,
            Self::NotConnected => 102,
            Self::OldVersion => 103,
            Self::NoQuorum => 106,
            Self::NotFound => 105,
            Self::Exists => 108,
            Self::Multiple => 109,
            Self::Undone => 112,
            Self::Timeout => 124,
        }
    }
}
