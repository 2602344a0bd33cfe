//! What goes into a node and what comes out: the vocabulary between the core and the daemon (or the simulation).
//!
//! Plain data. Knows nothing about how a node decides.

use holdfast_api::{Credentials, Event, Reply, Request};
use holdfast_model::status::ExecStatus;
use holdfast_totem::{NodeId, View};
use serde::{Deserialize, Serialize};

use crate::plan::{Planned, Snapshot};
use crate::record::Record;
use crate::time::{Span, Wall};

/// A connection of the local socket, numbered by the daemon. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

/// One run of an agent, numbered by the core. Unique on a node between two boots of the daemon's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// Ties an [`Output::Persist`] to the [`Input::Persisted`] that answers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// The ring delivered a view, transitional or regular.
    View(View),
    /// The ring delivered a message of the total order (also our own).
    Message {
        /// Who sent it.
        sender: NodeId,
        /// What was given to [`Output::Multicast`].
        payload: Vec<u8>,
    },
    /// The vote changed without a change of the members.
    Quorum {
        /// Whether this partition has quorum now.
        quorate: bool,
    },
    /// The time told by [`crate::Node::deadline`] has come. Too early or too often does no harm.
    Timer,
    /// The record of this ticket, and every earlier one, is on stable storage.
    Persisted(Ticket),
    /// The record of this ticket could not be written. The core refuses changes until a later record succeeds.
    PersistFailed {
        /// Which.
        ticket: Ticket,
        /// Why, for people.
        why: String,
    },
    /// An agent ended (or could not be started, or was killed at its time-out).
    OperationDone {
        /// Which run.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// A client asks. `id` is the client's own number and goes back with the reply.
    Request {
        /// Connection.
        client: ClientId,
        /// The client's number of the request.
        id: u64,
        /// What it asks.
        request: Request,
        /// Who it is, as the daemon found out.
        credentials: Credentials,
    },
    /// The connection is gone.
    ClientGone(ClientId),
    /// The plan that [`Output::Plan`] asked for.
    Planned(Box<Planned>),
    /// Leave in order: SIGTERM.
    Shutdown,
    /// The ring thread is out of the ring for good.
    RingLeft {
        /// Why, for people.
        why: String,
    },
}

/// Something to be done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send to all members in the total order (guarantee: agreed). At most 1 MiB.
    Multicast(Vec<u8>),
    /// Append to the journal; answer with [`Input::Persisted`] if the record says so.
    Persist {
        /// To be handed back.
        ticket: Ticket,
        /// What to write and how.
        record: Record,
    },
    /// Start an agent. Answered by exactly one [`Input::OperationDone`].
    Spawn(Box<Operation>),
    /// End an agent at once (its process group). Its [`Input::OperationDone`] still follows.
    Kill {
        /// Which run.
        call: CallId,
    },
    /// Answer a client.
    Reply {
        /// Connection.
        client: ClientId,
        /// The client's number.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// Tell a subscriber. The daemon drops it for a slow reader and sends [`Event::Lagged`] instead.
    Event {
        /// Connection.
        client: ClientId,
        /// What.
        event: Event,
    },
    /// Make a plan off the hot path and answer with [`Input::Planned`]. A newer one replaces it.
    Plan(Box<Snapshot>),
    /// Proof of progress for the ring thread.
    Progress,
    /// An alert or log line for people.
    Log(Severity, String),
    /// End the daemon.
    Exit(Exit),
    /// Call the configured alert programs.
    Alert(Box<Alert>),
}

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody must act.
    Error,
    /// A promise is at risk.
    Warn,
    /// One line per change of the cluster.
    Info,
    /// One line per decision.
    Debug,
}

/// How the daemon ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// In order: leave the ring, exit 0, do not restart.
    Clean {
        /// Resources that could not be stopped, if any.
        left_running: Vec<String>,
    },
    /// Something is wrong that a restart may cure.
    Restart {
        /// What.
        why: String,
    },
    /// This node was told that it has been fenced, or must not go on: stop everything at once, do not restart.
    Fenced {
        /// What.
        why: String,
    },
}

/// One run of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Number of the run.
    pub call: CallId,
    /// Resource (or fence device) by the name its history has; agents get it as `OCF_RESOURCE_INSTANCE`.
    pub rsc: String,
    /// `ocf`, `lsb`, `systemd`, `service`, `heartbeat`, `stonith`.
    pub class: String,
    /// Provider, for `ocf`.
    pub provider: Option<String>,
    /// Type of the agent.
    pub agent: String,
    /// `start`, `stop`, `monitor`, `notify`, `meta-data` ...; for fence agents `on`, `off`, `reboot`, `list`, `status`, `monitor`.
    pub operation: String,
    /// Between two runs, in ms; 0 = once. Each run of a recurring operation is its own `Spawn`.
    pub interval_ms: u32,
    /// The agent's process group is killed after this.
    pub timeout: Span,
    /// Parameters and meta parameters: `ip`, `CRM_meta_timeout`, `CRM_meta_notify_start_uname` ..., sorted by name.
    pub parameters: Vec<(String, String)>,
    /// For fencing: node name the action is about (`nodename`, `port`/`plug` are already in `parameters`).
    pub target: Option<String>,
    /// Keep what it prints (`list`, `meta-data`, forced runs); otherwise only reason and log lines are wanted.
    pub capture: bool,
}

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Exit code in OCF terms (agent-protocol translates LSB status, heartbeat output, systemd states).
    pub rc: i32,
    /// Whether the agent could be run at all.
    pub status: OutcomeStatus,
    /// `ocf_exit_reason` or the executor's own reason.
    pub reason: Option<String>,
    /// Standard output, if captured; bounded by the daemon.
    pub stdout: String,
    /// Standard error, if captured; bounded by the daemon.
    pub stderr: String,
    /// How long it ran.
    pub ran: Span,
    /// What the agent's metadata says about its parameters, when known: needed for restart and secret digests.
    pub facts: Option<AgentFacts>,
}

impl Outcome {
    /// An agent that ended by itself with this exit code.
    #[must_use]
    pub fn exited(rc: i32) -> Self {
        Self {
            rc,
            status: OutcomeStatus::Done,
            reason: None,
            stdout: String::new(),
            stderr: String::new(),
            ran: Span::ZERO,
            facts: None,
        }
    }
}

/// Whether the agent could be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutcomeStatus {
    /// It ended by itself.
    Done,
    /// It was killed at its time-out.
    Timeout,
    /// It was killed on request.
    Cancelled,
    /// It could not be started, or died by a signal.
    Error,
    /// There is no such agent.
    NotInstalled,
    /// The agent does not know the operation.
    NotSupported,
    /// A parameter marked secret has no value here.
    NoSecrets,
}

impl OutcomeStatus {
    /// As recorded in the history, given the exit code.
    #[must_use]
    pub fn recorded(self, rc: i32) -> ExecStatus {
        match self {
            // A finished agent is recorded as done whatever it answered; failure is told by the code.
            Self::Done => match rc {
                5 => ExecStatus::NotInstalled,
                3 => ExecStatus::NotSupported,
                _ => ExecStatus::Done,
            },
            Self::Timeout => ExecStatus::Timeout,
            Self::Cancelled => ExecStatus::Cancelled,
            Self::Error => ExecStatus::Error,
            Self::NotInstalled => ExecStatus::NotInstalled,
            Self::NotSupported => ExecStatus::NotSupported,
            Self::NoSecrets => ExecStatus::NoSecrets,
        }
    }
}

/// What an agent's metadata says about its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFacts {
    /// The agent has a `reload` or `reload-agent` action.
    pub reloads: bool,
    /// Names of all parameters.
    pub parameters: Vec<String>,
    /// Parameters whose change needs a restart: those not `reloadable` (or `unique` with old agents).
    pub restart_parameters: Vec<String>,
    /// Parameters that must not be told (`private`).
    pub private_parameters: Vec<String>,
    /// Version of the agent, if it tells one.
    pub version: Option<String>,
}

/// One call of an alert program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Name of the alert or of the recipient in the configuration, for the log.
    pub id: String,
    /// The program.
    pub path: String,
    /// It is ended after this.
    pub timeout: Span,
    /// When the event happened.
    pub at: Wall,
    /// How `CRM_alert_timestamp` is written (as for `date(1)`); empty = it is left out.
    pub timestamp_format: String,
    /// The environment apart from the time stamps.
    pub environment: Vec<(String, String)>,
}
