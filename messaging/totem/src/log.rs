//! What the ring tells people, as data: a level and an event. Wording lives here, so that every driver says the same.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::id::{NodeId, RingId};
use crate::time::Span;

/// How urgent an event is.
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

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new membership is being agreed on.
    Gathering(GatherReason),
    /// A ring was formed.
    Formed {
        /// Its name.
        ring: RingId,
        /// Its members.
        members: Vec<NodeId>,
    },
    /// A link to a peer came up.
    LinkUp {
        /// The peer.
        node: NodeId,
        /// The link.
        link: u8,
    },
    /// A link to a peer went down.
    LinkDown {
        /// The peer.
        node: NodeId,
        /// The link.
        link: u8,
    },
    /// This process did not run for a while.
    Paused(Span),
    /// The machine goes on from a saved state.
    Restored,
    /// A peer runs with another token time-out.
    TimeoutsDiffer {
        /// The peer.
        node: NodeId,
        /// Its token time-out.
        theirs: Span,
        /// Ours.
        ours: Span,
    },
    /// Datagrams that no key opens.
    Unreadable {
        /// Their source.
        from: SocketAddr,
        /// How many since the last such line.
        count: u64,
    },
    /// A node id that the configuration does not have.
    UnknownNode {
        /// The id.
        node: NodeId,
        /// Its source.
        from: SocketAddr,
    },
    /// Datagrams are not encrypted.
    Unsealed,
    /// A new key is accepted beside the old one.
    KeyStaged,
    /// From now on we send with the new key.
    KeyActive,
    /// The old key is forgotten.
    KeyRetired,
    /// This node hears no more frames although the token comes round.
    FailedToReceive,
    /// No proof of progress from the core.
    NoProgress(Span),
    /// A peer left cleanly.
    SaidGoodbye(NodeId),
    /// A node id is used twice.
    Duplicate(String),
    /// None of this node's addresses is on this machine; nothing is done until one is.
    AddressMissing {
        /// The node that this machine says it is.
        node: NodeId,
        /// Its name.
        name: String,
        /// Its addresses.
        own: Vec<IpAddr>,
        /// The addresses of this machine.
        found: Vec<IpAddr>,
    },
    /// An address of this node has come.
    AddressFound,
    /// An option was changed because others contradict it.
    Quorum(String),
}

/// Why a ring was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatherReason {
    /// The daemon starts.
    Start,
    /// The set of nodes that hear each other changed.
    Connectivity,
    /// The token did not come back.
    TokenLost,
    /// Somebody proposes a new ring.
    Proposal,
    /// Forming a ring took too long.
    Stalled,
    /// A member restarted.
    Restarted(NodeId),
    /// A member left.
    Goodbye(NodeId),
    /// This process was paused.
    Pause,
    /// We received nothing for too long.
    FailedToReceive,
    /// The sequence numbers of the ring are used up.
    SequenceUsedUp,
}

impl Event {
    /// How urgent it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Duplicate(_)
            | Self::AddressMissing { .. }
            | Self::NoProgress(_)
            | Self::Restored
            | Self::FailedToReceive => Severity::Error,
            Self::LinkDown { .. }
            | Self::Paused(_)
            | Self::TimeoutsDiffer { .. }
            | Self::Unreadable { .. }
            | Self::UnknownNode { .. }
            | Self::Unsealed
            | Self::Quorum(_) => Severity::Warn,
            Self::Formed { .. }
            | Self::LinkUp { .. }
            | Self::KeyStaged
            | Self::KeyActive
            | Self::KeyRetired
            | Self::AddressFound
            | Self::SaidGoodbye(_) => Severity::Info,
            Self::Gathering(_) => Severity::Debug,
        }
    }
}

/// Addresses, one after the other; a machine with very many shows the first.
fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(16).map(ToString::to_string).collect();
    shown.join(", ")
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gathering(why) => write!(f, "agreeing on a new membership: {why}"),
            Self::Formed { ring, members } => {
                write!(f, "A new membership ({ring}) was formed. Members:")?;
                members.iter().try_for_each(|m| write!(f, " {m}"))
            }
            Self::LinkUp { node, link } => write!(f, "link {link} to node {node} is up"),
            Self::LinkDown { node, link } => write!(f, "link {link} to node {node} is down"),
            Self::Paused(span) => write!(
                f,
                "this process did not run for {span}; give it a higher priority or raise the token time-out"
            ),
            Self::Restored => write!(
                f,
                "this machine goes on from a snapshot of itself: what this run knows is of the past, it ends without a \
                 word and a new one joins"
            ),
            Self::TimeoutsDiffer { node, theirs, ours } => write!(
                f,
                "node {node} has a token time-out of {theirs}, we have {ours}; make corosync.conf equal on all nodes"
            ),
            Self::Unreadable { from, count } => write!(
                f,
                "{count} datagrams from {from} could not be opened: another key, another cluster, or an attack; \
                 compare the authkey files"
            ),
            Self::UnknownNode { node, from } => {
                write!(f, "node {node} at {from} is not in the node list and is ignored")
            }
            Self::Unsealed => write!(
                f,
                "holdfast_unsealed is set: messages are not encrypted, anybody on the network can take part"
            ),
            Self::KeyStaged => write!(f, "new key read, accepted beside the old one"),
            Self::KeyActive => write!(f, "all members can read the new key, sending with it"),
            Self::KeyRetired => write!(f, "the old key is no longer accepted"),
            Self::FailedToReceive => write!(
                f,
                "the token comes round but frames do not arrive; check the path MTU and the firewall"
            ),
            Self::NoProgress(span) => {
                write!(f, "no sign of life from the cluster manager for {span}, leaving the ring")
            }
            Self::SaidGoodbye(node) => write!(f, "node {node} left"),
            Self::AddressMissing { node, name, own, found } => {
                let local = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
                let shown = |ip: &IpAddr| !ip.is_loopback() && !local(ip);
                let found: Vec<IpAddr> = found.iter().copied().filter(shown).collect();
                write!(
                    f,
                    "node {node} ({name}) has the address {} in corosync.conf, and this machine has {}: nothing is \
                     started here until the address is there. If this machine is a copy of {name}, give it a name, \
                     nodeid and address of its own in corosync.conf on all nodes and a new /etc/machine-id; if not, \
                     set the address up and compare with 'ip address'",
                    list(own),
                    if found.is_empty() { "none".to_owned() } else { list(&found) }
                )
            }
            Self::AddressFound => f.write_str("this node's address is there now, looking for the others"),
            Self::Duplicate(text) | Self::Quorum(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for GatherReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("starting"),
            Self::Connectivity => f.write_str("the set of reachable nodes changed"),
            Self::TokenLost => f.write_str("the token was lost"),
            Self::Proposal => f.write_str("a new ring is proposed"),
            Self::Stalled => f.write_str("forming the ring took too long"),
            Self::Restarted(node) => write!(f, "node {node} restarted"),
            Self::Goodbye(node) => write!(f, "node {node} left"),
            Self::Pause => f.write_str("this process was paused"),
            Self::FailedToReceive => f.write_str("frames do not arrive"),
            Self::SequenceUsedUp => f.write_str("the sequence numbers are used up"),
        }
    }
}
