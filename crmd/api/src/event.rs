//! What a subscriber is told.

use crate::cib::Version;
use crate::fence::FenceRecord;
use serde::{Deserialize, Serialize};

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Topic {
    /// The document changed.
    Cib,
    /// Members came or went, quorum or decision maker changed.
    View,
    /// Operations ended.
    Operation,
    /// Fencing started or ended.
    Fencing,
    /// Attributes changed.
    Attribute,
    /// Planning and transitions.
    Transition,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The document changed.
    Cib {
        /// Version now.
        version: Version,
        /// Whether the configuration changed, not only the status.
        configuration: bool,
    },
    /// Members, quorum or decision maker changed.
    View {
        /// Names of the members.
        members: Vec<String>,
        /// Quorum.
        quorate: bool,
        /// Decision maker.
        dc: Option<String>,
    },
    /// An operation ended.
    Operation(OperationEvent),
    /// A fencing operation started or ended.
    Fencing(FenceRecord),
    /// An attribute changed.
    Attribute {
        /// Name.
        name: String,
        /// Node.
        node: String,
        /// Value; `None` = removed.
        value: Option<String>,
    },
    /// The transition engine.
    Transition {
        /// Number.
        number: u64,
        /// What happened.
        state: TransitionState,
    },
    /// Events were lost since this client did not read: ask for a summary.
    Lagged,
}

impl Event {
    /// The topic it belongs to; `None` = told to everybody.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::Cib { .. } => Some(Topic::Cib),
            Self::View { .. } => Some(Topic::View),
            Self::Operation(_) => Some(Topic::Operation),
            Self::Fencing(_) => Some(Topic::Fencing),
            Self::Attribute { .. } => Some(Topic::Attribute),
            Self::Transition { .. } => Some(Topic::Transition),
            Self::Lagged => None,
        }
    }
}

/// An operation that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationEvent {
    /// Node.
    pub node: String,
    /// Resource.
    pub rsc: String,
    /// `start`, `stop`, `monitor`, ...
    pub operation: String,
    /// Interval in ms.
    pub interval_ms: u32,
    /// Exit code in OCF terms.
    pub rc: i32,
    /// Exit code that was expected.
    pub expected_rc: i32,
    /// Execution status in words.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
}

/// Steps of planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitionState {
    /// A plan is being made.
    Planning,
    /// Its actions run.
    Running,
    /// All done.
    Complete,
    /// Given up for a newer plan.
    Aborted,
}
