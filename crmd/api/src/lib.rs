//! Requests, replies, events of the local socket and their framing.
//!
//! Knows the shape of every question a tool may ask a node and of every answer; does not know sockets, clocks, or
//! how an answer comes about. Enum order is wire format: new variants go to the end.

pub mod agent;
pub mod attribute;
pub mod cib;
pub mod cluster;
pub mod error;
pub mod event;
pub mod fence;
pub mod frame;
pub mod node;
pub mod resource;
pub mod ring;
pub mod summary;

pub use agent::AgentRequest;
pub use attribute::AttributeRequest;
pub use cib::CibRequest;
pub use cluster::ClusterRequest;
pub use error::{Failure, FailureKind};
pub use event::{Event, Topic};
pub use fence::FenceRequest;
pub use frame::{FrameError, FrameReader, Hello};
pub use node::NodeRequest;
pub use resource::ResourceRequest;
pub use ring::RingRequest;

use serde::{Deserialize, Serialize};

/// One question of a client to its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Read or change the cluster information base.
    Cib(CibRequest),
    /// Read or change node attributes held in memory.
    Attribute(AttributeRequest),
    /// Act on resources and their history.
    Resource(ResourceRequest),
    /// Ask about nodes, or remove one from the cluster's memory.
    Node(NodeRequest),
    /// Fencing: devices, requests, history.
    Fence(FenceRequest),
    /// The cluster as a whole: decision maker, idle state, counters, shutdown.
    Cluster(ClusterRequest),
    /// Questions that an agent answers: metadata, a single operation.
    Agent(AgentRequest),
    /// Questions to the ring below: links, quorum, key-value map. Answered by the daemon.
    Ring(RingRequest),
    /// Be told of events from now on. Replaces an earlier subscription of this connection.
    Subscribe(Vec<Topic>),
}

/// Who asks. Filled in by the daemon from the socket, never by the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Effective user id of the peer.
    pub uid: u32,
    /// Effective group id of the peer.
    pub gid: u32,
    /// Process id of the peer, for logs and `crmd` attributes.
    pub pid: u32,
    /// Resolved user name.
    pub user: String,
    /// Names of all groups of the user.
    pub groups: Vec<String>,
    /// Name of the program that asks (from its hello), for history records.
    pub client: String,
}

impl Credentials {
    /// Whether access rules are skipped for this user (root and the cluster's own account).
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.uid == 0 || self.user == "root" || self.user == "hacluster"
    }
}

/// The answer to one [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done; nothing more to say.
    Done,
    /// Refused or failed.
    Failed(Failure),
    /// Done, with something the user should know (for example: the change is provisional).
    Warned(Vec<String>),
    /// A document or part of it.
    Cib(cib::CibReply),
    /// Values of attributes.
    Attributes(Vec<attribute::AttributeValue>),
    /// What an operation on resources led to.
    Resource(resource::ResourceReply),
    /// Nodes.
    Nodes(Vec<node::NodeInfo>),
    /// This node.
    Node(node::NodeInfo),
    /// Fencing answers.
    Fence(fence::FenceReply),
    /// State of the cluster.
    Cluster(cluster::ClusterReply),
    /// Everything a status view needs.
    Summary(Box<summary::Summary>),
    /// Answer of an agent.
    Agent(agent::AgentReply),
    /// Answer of the ring.
    Ring(ring::RingReply),
}

/// What a client sends after its [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFrame {
    /// Chosen by the client; the reply carries it back.
    pub id: u64,
    /// The question.
    pub request: Request,
}

/// What a node sends after its [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerFrame {
    /// Answer to the request of that id.
    Reply {
        /// The client's own number.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// Something a subscriber asked to be told.
    Event(Event),
}
