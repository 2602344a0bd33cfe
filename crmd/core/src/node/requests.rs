//! Clients: their questions, who waits for what, who wants to be told.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::attribute::{AttributeNodes, AttributeRequest, AttributeUpdate, AttributeWait};
use holdfast_api::cib::CibOperation;
use holdfast_api::cluster::{ClusterReply, ClusterRequest};
use holdfast_api::node::NodeRequest;
use holdfast_api::{Credentials, Event, Failure, FailureKind, Reply, Request, Topic};

use super::Node;
use crate::io::ClientId;
use crate::message::{AttributeChange, AttributeOp, ClusterMessage};
use crate::time::{Instant, Span};

/// Most requests that wait at one time.
const MOST_WAITING: usize = 10_000;
/// How long ordinary ordered requests may take.
const ORDINARY: Span = Span::secs(30);
/// How long a member may take to tell its state.
const ANSWER: Span = Span::secs(5);

/// A request that was sent to the cluster and is not answered.
#[derive(Debug)]
pub struct Waiting {
    to: Option<(ClientId, u64)>,
    deadline: Option<Instant>,
    message: Option<ClusterMessage>,
    delivered: bool,
}

impl Waiting {
    /// A client waits.
    pub fn client(client: ClientId, id: u64) -> Self {
        Self { to: Some((client, id)), deadline: None, message: None, delivered: false }
    }

    /// Nobody waits, but it has to be sent again if a view change swallows it.
    pub fn nobody() -> Self {
        Self { to: None, deadline: None, message: None, delivered: false }
    }
}

/// Clients of this node.
#[derive(Debug, Default)]
pub struct Clients {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    subscriptions: BTreeMap<ClientId, BTreeSet<Topic>>,
    /// Barriers of clients that wait for idleness.
    idle_barriers: BTreeSet<u64>,
    idle: Vec<(ClientId, u64, Option<Instant>)>,
}

impl Clients {
    /// The connection is gone. What it asked for goes on, nobody is told.
    pub fn gone(&mut self, client: ClientId) {
        self.subscriptions.remove(&client);
        self.idle.retain(|(c, _, _)| *c != client);
        for waiting in self.waiting.values_mut() {
            if waiting.to.is_some_and(|(c, _)| c == client) {
                waiting.to = None;
            }
        }
    }

    /// Who wants this event.
    pub fn subscribers(&self, event: &Event) -> Vec<ClientId> {
        let topic = event.topic();
        let wants = |topics: &BTreeSet<Topic>| topic.is_none_or(|t| topics.contains(&t));
        self.subscriptions.iter().filter(|(_, topics)| wants(topics)).map(|(c, _)| *c).collect()
    }

    /// Our own request came back in the order: it is not sent again.
    pub fn delivered(&mut self, request: u64) {
        if let Some(waiting) = self.waiting.get_mut(&request) {
            waiting.delivered = true;
            waiting.message = None;
        }
    }

    /// These requests are given up at this time at the latest.
    pub fn hurry(&mut self, requests: &[u64], at: Instant) {
        for request in requests {
            if let Some(waiting) = self.waiting.get_mut(request) {
                waiting.deadline = Some(waiting.deadline.map_or(at, |deadline| deadline.min(at)));
            }
        }
    }

    /// When the next request times out.
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.values().filter_map(|w| w.deadline);
        waiting.chain(self.idle.iter().filter_map(|(_, _, d)| *d)).min()
    }
}

impl Node {
    /// A client asks.
    pub(super) fn on_request(&mut self, client: ClientId, id: u64, request: Request, who: Credentials) {
        self.count("requests");
        match request {
            Request::Cib(cib) if cib.operation == CibOperation::Query => {
                let reply = self.query_cib(&cib, &who);
                self.reply(client, id, reply);
            }
            Request::Cib(cib) => self.request_change(client, id, cib, &who),
            Request::Attribute(request) => self.request_attribute(client, id, request),
            Request::Resource(request) => self.request_resource(client, id, request, &who),
            Request::Node(request) => self.request_node(client, id, request, &who),
            Request::Fence(request) => self.request_fence(client, id, request, &who),
            Request::Cluster(request) => self.request_cluster(client, id, request, &who),
            Request::Subscribe(topics) => {
                self.clients.subscriptions.insert(client, topics.into_iter().collect());
                self.reply(client, id, Reply::Done);
            }
            Request::Agent(_) | Request::Ring(_) => {
                let failure =
                    Failure::new(FailureKind::Internal, "this question is not for the cluster core");
                self.reply(client, id, Reply::Failed(failure));
            }
        }
    }

    /// Sends a request to all members. It is sent again after a view change until it comes back in the order.
    pub(super) fn submit(
        &mut self,
        mut waiting: Waiting,
        wait: Option<Span>,
        build: impl FnOnce(u64) -> ClusterMessage,
    ) -> u64 {
        if self.clients.waiting.len() >= MOST_WAITING {
            if let Some((client, id)) = waiting.to {
                let failure = Failure::new(FailureKind::Again, "too many requests wait on this node");
                self.reply(client, id, Reply::Failed(failure));
            }
            return 0;
        }
        self.clients.next += 1;
        let number = self.clients.next;
        let message = build(number);
        waiting.deadline = wait.map(|w| self.now.mono + w);
        if self.membership.settled() && !self.membership.is_ending() {
            self.say(message.clone());
        }
        waiting.message = Some(message);
        self.clients.waiting.insert(number, waiting);
        number
    }

    /// All members are in step again: what a view change swallowed is sent again.
    pub(super) fn resubmit(&mut self) {
        let again: Vec<ClusterMessage> = self
            .clients
            .waiting
            .values()
            .filter(|w| !w.delivered)
            .filter_map(|w| w.message.clone())
            .collect();
        for message in again {
            self.say(message);
        }
    }

    /// A request that only this node works on.
    pub(super) fn wait_locally(&mut self, mut waiting: Waiting) -> u64 {
        self.clients.next += 1;
        waiting.delivered = true;
        self.clients.waiting.insert(self.clients.next, waiting);
        self.clients.next
    }

    /// A request of ours is done.
    pub(super) fn finished(&mut self, request: u64, reply: Reply) {
        let Some(waiting) = self.clients.waiting.remove(&request) else { return };
        if self.clients.idle_barriers.remove(&request) {
            if let Some((client, id)) = waiting.to {
                self.clients.idle.push((client, id, waiting.deadline));
                self.idle_reached();
            }
        } else if let Some((client, id)) = waiting.to {
            self.reply(client, id, reply);
        }
    }

    /// Answers those who wait for idleness, if it is reached.
    pub(super) fn idle_reached(&mut self) {
        if !self.is_idle() {
            return;
        }
        for (client, id, _) in std::mem::take(&mut self.clients.idle) {
            self.reply(client, id, Reply::Cluster(ClusterReply::Idle));
        }
    }

    /// Whether nothing is left to do in the cluster, as far as was ordered.
    pub(super) fn is_idle(&self) -> bool {
        self.membership.settled() && self.shared.idle_at == Some(self.shared.changes)
    }

    pub(super) fn expire_requests(&mut self) {
        let now = self.now.mono;
        if self.clients.deadline().is_none_or(|at| at > now) {
            return;
        }
        let late: Vec<u64> = self
            .clients
            .waiting
            .iter()
            .filter(|(_, w)| w.deadline.is_some_and(|d| d <= now))
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            let Some(waiting) = self.clients.waiting.remove(&number) else { continue };
            self.clients.idle_barriers.remove(&number);
            let (text, hint) = if waiting.delivered {
                (
                    "the change was made, but not enough members confirmed in time that it is on their disks",
                    "look at the members with `crm_mon -1`; the change may or may not survive",
                )
            } else if self.membership.settled() {
                ("the cluster did not answer in time", "look at the members with `crm_mon -1`")
            } else {
                (
                    "the members have not agreed on a common state in time",
                    "look at the ring with `corosync-cfgtool -s`",
                )
            };
            let failure = match (&self.disk_trouble, waiting.delivered) {
                (Some(why), true) => Failure::new(
                    FailureKind::Disk,
                    format!("the change was made, but cannot be written here: {why}"),
                )
                .hint("free space or repair the disk: it is written as soon as that works"),
                _ => Failure::new(FailureKind::Timeout, text).hint(hint),
            };
            if let Some((client, id)) = waiting.to {
                self.reply(client, id, Reply::Failed(failure));
            }
        }
        let mut kept = Vec::new();
        for (client, id, deadline) in std::mem::take(&mut self.clients.idle) {
            if deadline.is_some_and(|d| d <= now) {
                let failure = Failure::new(FailureKind::Timeout, "the cluster is still busy");
                self.reply(client, id, Reply::Failed(failure));
            } else {
                kept.push((client, id, deadline));
            }
        }
        self.clients.idle = kept;
    }

    fn request_attribute(&mut self, client: ClientId, id: u64, request: AttributeRequest) {
        match request {
            AttributeRequest::Query { name, nodes } => {
                let node = match &nodes {
                    AttributeNodes::Local => Some(self.id.clone()),
                    AttributeNodes::Named(node) => match self.shared.resolve(node) {
                        Some(id) => Some(id),
                        None => return self.no_such_node(client, id, node),
                    },
                    AttributeNodes::All => None,
                };
                let names =
                    |id: &str| self.shared.nodes.get(id).map_or_else(|| id.to_owned(), |n| n.name.clone());
                let values = self.shared.attributes.query(name.as_deref(), node.as_deref(), names);
                let known = name.as_ref().is_none_or(|n| self.shared.attributes.names.contains_key(n));
                let reply = if values.is_empty() && !known {
                    let name = name.unwrap_or_default();
                    Reply::Failed(Failure::new(
                        FailureKind::NotFound,
                        format!("no node has an attribute {name}"),
                    ))
                } else {
                    Reply::Attributes(values)
                };
                self.reply(client, id, reply);
            }
            AttributeRequest::Update(update) => self.update_attribute(client, id, update),
            AttributeRequest::Delete { name, node } => {
                let Some(node) = self.node_or_local(client, id, node.as_deref()) else { return };
                let change = AttributeChange {
                    request: 0,
                    node,
                    name: holdfast_api::attribute::AttributeName::Exact(name),
                    value: Some(AttributeOp::Delete),
                    dampen_ms: None,
                    set: None,
                    kind: holdfast_api::attribute::AttributeKind::Instance,
                    private: false,
                };
                self.submit_attribute(Waiting::client(client, id), change);
            }
            AttributeRequest::Refresh => {
                let names: Vec<String> =
                    self.shared.attributes.held().map(|(name, _)| name.to_owned()).collect();
                self.say(ClusterMessage::AttributeWrite { names });
                self.submit(Waiting::client(client, id), Some(ORDINARY), |request| ClusterMessage::Barrier {
                    request,
                });
            }
        }
    }

    fn update_attribute(&mut self, client: ClientId, id: u64, update: AttributeUpdate) {
        let Some(node) = self.node_or_local(client, id, update.node.as_deref()) else { return };
        let change = AttributeChange {
            request: 0,
            node,
            name: update.name,
            value: update.value.map(AttributeOp::Set),
            dampen_ms: update.dampen_ms,
            set: update.set,
            kind: update.kind,
            private: update.private,
        };
        let waiting = match update.wait {
            AttributeWait::No => {
                self.reply(client, id, Reply::Done);
                Waiting::nobody()
            }
            // Delivery in the order here means delivery in the order everywhere.
            AttributeWait::Local | AttributeWait::Cluster => Waiting::client(client, id),
        };
        self.submit_attribute(waiting, change);
    }

    pub(super) fn submit_attribute(&mut self, waiting: Waiting, change: AttributeChange) {
        self.submit(waiting, Some(ORDINARY), |request| {
            ClusterMessage::Attribute(Box::new(AttributeChange { request, ..change }))
        });
    }

    fn node_or_local(&mut self, client: ClientId, id: u64, node: Option<&str>) -> Option<String> {
        let Some(node) = node else { return Some(self.id.clone()) };
        let found = self.shared.resolve(node).or_else(|| self.configured_node(node));
        if found.is_none() {
            self.no_such_node(client, id, node);
        }
        found
    }

    pub(super) fn no_such_node(&mut self, client: ClientId, id: u64, node: &str) {
        let known: Vec<String> = self.shared.nodes.values().map(|n| n.name.clone()).collect();
        let failure = Failure::new(FailureKind::NoSuchNode, format!("there is no node {node}"))
            .hint(format!("known nodes: {}", known.join(" ")));
        self.reply(client, id, Reply::Failed(failure));
    }

    fn request_node(&mut self, client: ClientId, id: u64, request: NodeRequest, who: &Credentials) {
        match request {
            NodeRequest::List => {
                let nodes = self.node_infos();
                self.reply(client, id, Reply::Nodes(nodes));
            }
            NodeRequest::Local => {
                let local = self.node_infos().into_iter().find(|n| n.id == self.identity.id.0);
                let reply = local.map_or_else(
                    || Reply::Failed(Failure::new(FailureKind::NotConnected, "this node has no view yet")),
                    Reply::Node,
                );
                self.reply(client, id, reply);
            }
            NodeRequest::Remove { node, force } => self.request_removal(client, id, &node, force, who),
        }
    }

    fn request_cluster(&mut self, client: ClientId, id: u64, request: ClusterRequest, who: &Credentials) {
        match request {
            ClusterRequest::WaitIdle { timeout_ms } => {
                let wait = (timeout_ms > 0).then(|| Span::millis(timeout_ms.into()));
                let number = self
                    .submit(Waiting::client(client, id), wait, |request| ClusterMessage::Barrier { request });
                self.clients.idle_barriers.insert(number);
            }
            ClusterRequest::Abort { reason } => {
                self.say(ClusterMessage::Replan { reason });
                self.submit(Waiting::client(client, id), Some(ORDINARY), |request| ClusterMessage::Barrier {
                    request,
                });
            }
            ClusterRequest::Shutdown { timeout_ms } => {
                if self.refuse_unprivileged(client, id, who) {
                    return;
                }
                self.begin_leaving((timeout_ms > 0).then(|| Span::millis(timeout_ms.into())));
                self.reply(client, id, Reply::Done);
            }
            ClusterRequest::StateOf { node } => self.request_state(client, id, &node),
            ClusterRequest::Ping
            | ClusterRequest::Dc
            | ClusterRequest::Summary
            | ClusterRequest::SchedulerInput
            | ClusterRequest::Counters => {
                let reply = self.answer_cluster(&request, who);
                self.reply(client, id, reply);
            }
        }
    }

    /// Asks a member what its daemon is doing.
    fn request_state(&mut self, client: ClientId, id: u64, node: &str) {
        let Some(found) = self.shared.resolve(node).or_else(|| self.configured_node(node)) else {
            return self.no_such_node(client, id, node);
        };
        let number = found.parse().ok().map(holdfast_totem::NodeId);
        match number.filter(|number| self.membership.is_member(*number)) {
            Some(number) if number == self.identity.id => {
                let pong = ClusterReply::Pong(self.daemon_state());
                self.reply(client, id, Reply::Cluster(pong));
            }
            Some(node) => {
                self.submit(Waiting::client(client, id), Some(ANSWER), |request| ClusterMessage::AskState {
                    node,
                    request,
                });
            }
            None => {
                let text = format!("{node} does not take part in this partition of the cluster");
                let failure = Failure::new(FailureKind::NotConnected, text)
                    .hint("see who does with `crm_mon -1`; ask on the node itself for its own view");
                self.reply(client, id, Reply::Failed(failure));
            }
        }
    }

    /// Refuses what only root and the cluster's own account may do. True if refused.
    pub(super) fn refuse_unprivileged(&mut self, client: ClientId, id: u64, who: &Credentials) -> bool {
        if who.is_privileged() {
            return false;
        }
        let text = format!("user {} may not do this; root and hacluster may", who.user);
        self.reply(client, id, Reply::Failed(Failure::new(FailureKind::Permission, text)));
        true
    }
}
