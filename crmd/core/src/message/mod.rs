//! What the members of a cluster say to each other, in the total order of the ring.
//!
//! Enum order and field order are wire format: new variants go to the end, with golden bytes in the test below.

use holdfast_api::CibRequest;
use holdfast_api::attribute::{AttributeKind, AttributeName};
use holdfast_api::cluster::DaemonState;
use holdfast_api::fence::{FenceAction, FenceRecord};
use holdfast_model::status::ResourceHistory;
use holdfast_totem::{NodeId, RingId};
use serde::{Deserialize, Serialize};

use crate::io::Operation;
use crate::state::Shared;
use crate::state::attributes::Told;
use crate::state::history::{Ended, ResourceRef, TransitionKey};

/// Largest piece of a document in one message, in bytes.
pub const CHUNK: usize = 256 * 1024;

/// A message as it travels: for which ring it was meant, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The ring that the sender was in. In another ring the message means nothing any more.
    pub ring: RingId,
    /// What it says.
    pub message: ClusterMessage,
}

/// What a member says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterMessage {
    /// First word in a view: who I am, what I have, what runs here.
    Announce(Box<Announce>),
    /// A piece of the document that wins the merge.
    Document(Piece),
    /// A piece of the shared state that wins the merge.
    Common(Piece),
    /// My copy is in step.
    Ready(Ready),
    /// A change of the document.
    Change(Box<Change>),
    /// Changes up to this one are on my disk.
    Durable {
        /// Number of the change, counted in this view.
        change: u64,
    },
    /// Start an operation on a node.
    Action(Box<ActionOrder>),
    /// An operation of mine ended.
    Result(Box<ResultNote>),
    /// A change of attributes.
    Attribute(Box<AttributeChange>),
    /// The delay of an attribute is over.
    AttributeWrite {
        /// Names.
        names: Vec<String>,
    },
    /// Forget parts of the history.
    Forget(Box<Forget>),
    /// The decision maker begins or ends a transition.
    Engine(EngineNote),
    /// A node begins its orderly end, or is told that it may go.
    Shutdown(ShutdownNote),
    /// Waiting for nodes never seen is over.
    Started,
    /// Fencing is wanted, runs, or ended.
    Fence(Box<FenceNote>),
    /// Pretend that a resource failed on a node.
    Fail {
        /// Node id.
        node: String,
        /// Resource.
        rsc: String,
        /// Number of the request at its origin.
        request: u64,
    },
    /// Forget a node.
    RemoveNode {
        /// Node id.
        node: String,
        /// Number of the request at its origin.
        request: u64,
    },
    /// The decision maker shall plan anew.
    Replan {
        /// Why.
        reason: String,
    },
    /// Nodes enter or leave maintenance mode.
    Maintenance {
        /// Node ids and the new value.
        nodes: Vec<(String, bool)>,
    },
    /// A request of this number at its origin is done, nothing else happened.
    Barrier {
        /// Number of the request at its origin.
        request: u64,
    },
    /// A member is asked for the state of its daemon.
    AskState {
        /// Who is asked.
        node: NodeId,
        /// Number of the request at its origin.
        request: u64,
    },
    /// The answer.
    TellState {
        /// Who asked.
        to: NodeId,
        /// Number of the request there.
        request: u64,
        /// The state.
        state: Box<DaemonState>,
    },
}

/// Who I am, what I have, what runs here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// Boot identity of the host.
    pub boot_id: [u8; 16],
    /// Feature set that this program has.
    pub features: FeatureSet,
    /// Sequence of the first ring that this daemon was in since it started.
    pub joined: u64,
    /// What document I have.
    pub document: DocumentClaim,
    /// What shared state I have.
    pub common: CommonClaim,
    /// What was done to resources here, including what is under way.
    pub resources: Vec<ResourceHistory>,
    /// My attributes.
    pub attributes: Vec<Told>,
    /// My orderly end has begun: since when, in seconds.
    pub shutting_down: Option<i64>,
    /// Since when this daemon takes part, by its own clock, in seconds.
    pub since: i64,
    /// The cluster put me into maintenance.
    pub in_maintenance: Option<bool>,
    /// Watchdog in use here.
    pub watchdog: bool,
}

/// Version of the rules between members. The lowest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeatureSet(pub u16, pub u16, pub u16);

impl FeatureSet {
    /// What this program has.
    pub const OURS: Self = Self(3, 20, 5);
}

impl std::fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What document a member has; compared in this order (safety rule 8).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentClaim {
    /// `admin_epoch`.
    pub admin_epoch: u64,
    /// Sequence of the last quorate ring in which it was changed or agreed on.
    pub quorate_ring: u64,
    /// `epoch`.
    pub epoch: u64,
    /// `num_updates`.
    pub num_updates: u64,
    /// Digest of the configuration.
    pub digest: [u8; 16],
}

/// What shared state a member has; compared in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommonClaim {
    /// Sequence of the last quorate ring in which it was agreed on.
    pub quorate_ring: u64,
    /// Sequence of the last ring in which it was agreed on.
    pub last_ring: u64,
    /// Digest over it, without what each node tells itself.
    pub digest: u64,
}

/// A piece of something that does not fit into one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Number of the piece, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// My copy is in step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Boot identity of the host.
    pub boot_id: [u8; 16],
    /// Feature set.
    pub features: FeatureSet,
    /// Sequence of the first ring that this daemon was in.
    pub joined: u64,
    /// Digest of the configuration.
    pub digest: [u8; 16],
}

/// A change of the document, with everything local resolved at its origin (safety rule 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Number of the request at its origin.
    pub request: u64,
    /// What is asked.
    pub cib: CibRequest,
    /// User on whose behalf, already resolved.
    pub user: String,
    /// Groups of that user.
    pub groups: Vec<String>,
    /// Access rules do not apply.
    pub privileged: bool,
    /// Program that asked.
    pub client: String,
    /// When it was asked, in seconds.
    pub at: i64,
    /// From which ids are made where the request brings none.
    pub id_seed: u64,
}

/// Start an operation (safety rule 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionOrder {
    /// Node id where it runs.
    pub node: String,
    /// Cluster node that carries it out (a remote node's connection), by number.
    pub executor: NodeId,
    /// Version of the document that was planned from.
    pub version: (u64, u64),
    /// Who planned it.
    pub key: TransitionKey,
    /// Resource.
    pub rsc: ResourceRef,
    /// What to run; its call number is given by the owner.
    pub operation: Operation,
    /// Wait before it, in ms.
    pub start_delay_ms: u32,
    /// Failures are to be ignored.
    pub ignore_failure: bool,
    /// When it was ordered, in seconds.
    pub at: i64,
}

/// An operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultNote {
    /// Node id.
    pub node: String,
    /// How.
    pub ended: Ended,
}

/// A change of attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Number of the request at its origin, 0 = nobody waits.
    pub request: u64,
    /// Node id.
    pub node: String,
    /// Which.
    pub name: AttributeName,
    /// `None` = leave the value.
    pub value: Option<AttributeOp>,
    /// New delay in ms.
    pub dampen_ms: Option<u32>,
    /// Id of the set.
    pub set: Option<String>,
    /// Kind of set.
    pub kind: AttributeKind,
    /// Never enters the status.
    pub private: bool,
}

/// What happens to a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeOp {
    /// Set or count.
    Set(String),
    /// Remove.
    Delete,
}

/// Forget parts of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget {
    /// Number of the request at its origin, 0 = nobody waits.
    pub request: u64,
    /// Transition and action that wait for it, if planned.
    pub action: Option<(u64, u32)>,
    /// `(node id, resource)` pairs.
    pub pairs: Vec<(String, String)>,
    /// What to forget about them.
    pub what: ForgetWhat,
}

/// What to forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForgetWhat {
    /// The whole history and the fail counts: it is probed again.
    All,
    /// The history only.
    History,
    /// Fail counts, of one operation if named, and the record of the last failure.
    Failures(Option<(String, Option<u32>)>),
    /// One recurring operation that was cancelled.
    Operation(String, u32),
}

/// The decision maker's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EngineNote {
    /// This transition begins.
    Begin(u64),
    /// This transition is over, and nothing was due when so many relevant changes had been seen.
    Idle {
        /// Number of the transition.
        transition: u64,
        /// Relevant changes seen.
        changes: u64,
    },
}

/// Steps of an orderly end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShutdownNote {
    /// I want to leave: since when, in seconds.
    Wanted(i64),
    /// Nothing runs there any more: leave.
    Granted {
        /// Node id.
        node: String,
        /// Transition and action that wait for it.
        action: Option<(u64, u32)>,
    },
}

/// Fencing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceNote {
    /// Wanted: by a plan or a client. Every member remembers it.
    Wanted(FenceOrder),
    /// One device is to be used by one member.
    Step(FenceStep),
    /// A device answered.
    StepDone(FenceStepDone),
    /// It ended, one way or the other.
    Ended(FenceRecord),
    /// Finished operations are forgotten.
    Cleanup {
        /// Node name; all when `None`.
        target: Option<String>,
        /// Number of the request at its origin.
        request: u64,
    },
}

/// A node is to be fenced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceOrder {
    /// Unique id.
    pub id: String,
    /// Node name.
    pub target: String,
    /// What to do.
    pub action: FenceAction,
    /// Node that asked.
    pub origin: NodeId,
    /// Program that asked.
    pub client: String,
    /// Number of the request at its origin, 0 = a plan.
    pub request: u64,
    /// Longest time for all of it, in ms; 0 = as configured.
    pub timeout_ms: u32,
    /// Wait before it, in ms; negative = no delay at all.
    pub delay_ms: i64,
    /// When it was asked, in µs.
    pub at: i64,
    /// An administrator vouches for it.
    pub manual: bool,
}

/// One run of a fence agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceStep {
    /// Operation it belongs to.
    pub id: String,
    /// Number of the step in the operation.
    pub step: u32,
    /// Member that runs the agent.
    pub executor: NodeId,
    /// What to run; its call number is given by the executor.
    pub operation: Operation,
    /// Wait before it, in ms.
    pub delay_ms: u32,
    /// A configured random part of the delay: at most so many ms more.
    pub random_delay_ms: u32,
}

/// A fence agent ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceStepDone {
    /// Operation it belongs to.
    pub id: String,
    /// Number of the step in the operation.
    pub step: u32,
    /// Whether it succeeded.
    pub ok: bool,
    /// What it printed (`list`), bounded.
    pub output: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Exit code in OCF terms.
    pub rc: i32,
}

/// The whole shared state as it travels.
pub type CommonState = Shared;

impl Envelope {
    /// The bytes that go over the ring.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Every field is plain data that postcard can encode.
        postcard::to_stdvec(self).expect("messages are plain data")
    }

    /// Reads bytes that came over the ring.
    ///
    /// # Errors
    /// A sentence when they are not a message of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match postcard::take_from_bytes(bytes) {
            Ok((envelope, [])) => Ok(envelope),
            Ok((_, rest)) => Err(format!("{} bytes follow a message", rest.len())),
            Err(error) => Err(format!("a message does not decode: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
