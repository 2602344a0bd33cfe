//! The cluster as a whole: `crmadmin`, `crm_resource --wait`, shutdown, counters, `crm_mon`.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterRequest {
    /// Is the daemon there, and in which state.
    Ping,
    /// Who decides.
    Dc,
    /// Everything for a status view, in one consistent piece.
    Summary,
    /// Answer when nothing is left to do (no transition, no plan due, no operation in flight).
    WaitIdle {
        /// Give up after so many ms; 0 = never.
        timeout_ms: u32,
    },
    /// Forget the present transition and plan anew.
    Abort {
        /// Why, for the log.
        reason: String,
    },
    /// Leave the cluster in order: move resources away, then end the daemon.
    Shutdown {
        /// Give up moving after so many ms and say what is left; 0 = as configured.
        timeout_ms: u32,
    },
    /// The last scheduler input, as XML: what `plan` and `explain` start from.
    SchedulerInput,
    /// Counters of the daemon, by name.
    Counters,
    /// In which state the daemon of a member is; answered by [`ClusterReply::Pong`].
    StateOf {
        /// Name or number of the node.
        node: String,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterReply {
    /// State of the daemon.
    Pong(DaemonState),
    /// Name of the decision maker, if there is one.
    Dc(Option<String>),
    /// Nothing is left to do.
    Idle,
    /// XML of the scheduler input.
    SchedulerInput(String),
    /// Counters.
    Counters(Vec<(String, u64)>),
}

/// State of one daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonState {
    /// Name of the node.
    pub node: String,
    /// State as the old tools print it: `S_IDLE`, `S_NOT_DC`, `S_TRANSITION_ENGINE`, `S_POLICY_ENGINE`, `S_PENDING`,
    /// `S_STOPPING`, `S_INTEGRATION`.
    pub state: String,
    /// Feature set of the daemon.
    pub feature_set: String,
    /// Version of the program.
    pub version: String,
    /// Present decision maker.
    pub dc: Option<String>,
    /// Whether this partition has quorum.
    pub quorate: bool,
}
