//! What agents answer. The daemon serves these where the asking user may not run agents alone.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentRequest {
    /// Metadata of an agent, as XML.
    Metadata {
        /// `ocf`, `lsb`, `systemd`, `service`, `heartbeat`, `stonith`.
        class: String,
        /// Provider, for class `ocf`.
        provider: Option<String>,
        /// Type.
        agent: String,
    },
    /// Names of agents.
    List {
        /// Class; all when `None`.
        class: Option<String>,
        /// Provider, for class `ocf`.
        provider: Option<String>,
    },
    /// Run `validate-all` with parameters.
    Validate {
        /// Class.
        class: String,
        /// Provider.
        provider: Option<String>,
        /// Type.
        agent: String,
        /// Parameters.
        parameters: Vec<(String, String)>,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentReply {
    /// XML.
    Metadata(String),
    /// Names, `class:provider:type` or `class:type`.
    List(Vec<String>),
    /// How the agent ended.
    Ran(crate::resource::RunResult),
}
