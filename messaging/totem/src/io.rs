//! What goes into a ring and what comes out: the vocabulary between the state machine and its driver.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::config::{Config, Key, PersistedRing};
use crate::id::{Incarnation, NodeId, RingId, Ticket};
use crate::log::Event;
use crate::quorum;
use crate::stats::Purpose;

/// Something that happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram arrived. It is opened in place; the memory holds garbage afterwards.
    Datagram {
        /// The link whose socket received it.
        link: u8,
        /// Where it came from.
        from: SocketAddr,
        /// Its bytes.
        bytes: &'a mut [u8],
    },
    /// The time told by [`Ring::deadline`](crate::Ring::deadline) has come (too early or too often does no harm).
    Timer,
    /// A message for all members. Check [`Ring::room`](crate::Ring::room) first: what does not fit comes back as
    /// [`Output::Refused`].
    Multicast {
        /// When it may be delivered.
        guarantee: Guarantee,
        /// At most [`MAX_MESSAGE`](crate::config::MAX_MESSAGE) bytes.
        payload: Bytes,
    },
    /// The record of this ticket, and of every earlier one, is on stable storage.
    Persisted(Ticket),
    /// The configuration file was read again.
    Reconfigure(Box<Config>),
    /// The key file was read again: accept both keys, change over when all members can read the new one.
    Rekey(Key),
    /// A change of the vote, to be applied by all members.
    Quorum(quorum::Change),
    /// The lease of the witness's votes has ended: they are given up, at once where no ordered message can say so.
    WitnessLapsed,
    /// The core behind the ring is alive and working (proof of progress).
    Progress,
    /// An interface went up or down, as far as this host can tell. A hint that hastens probing, never a verdict.
    LinkState {
        /// Which link.
        link: u8,
        /// Whether the interface can be used.
        up: bool,
    },
    /// All addresses of this machine, told at start and whenever they change. A ring that has formed nothing yet waits
    /// until one of its own is among them: an identity without its address is that of another machine.
    Addresses(Vec<IpAddr>),
    /// A peer's port refused a datagram (ICMP). A hint that hastens probing, never a verdict.
    Refused {
        /// Which link.
        link: u8,
        /// The address that refused.
        to: SocketAddr,
    },
    /// This process did not run for a while, and may have been copied in the meantime together with its memory. Hand
    /// it in before anything else that happened during or after the pause.
    Resumed {
        /// Fresh from the system's random generator, not from what was in memory.
        chance: u64,
    },
    /// The system knows that this machine goes on from a saved state (a restored snapshot, a clone of a running
    /// machine): everything here is of the past. Nothing is said any more; ends with [`Output::Left`].
    Restored,
    /// Leave the ring cleanly; ends with [`Output::Left`].
    Leave,
}

/// When a message may be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Guarantee {
    /// In the total order, as soon as nothing before it is missing.
    #[default]
    Agreed,
    /// In the total order, once every member of the ring is known to have it.
    Safe,
}

/// Something the driver has to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send one or more datagrams to one address.
    Send(Send),
    /// Put the record on stable storage, then answer `Persisted(ticket)`. Later records replace earlier ones.
    PersistRing {
        /// To be handed back.
        ticket: Ticket,
        /// What to write.
        record: PersistedRing,
    },
    /// The next message of the total order.
    Deliver(Message),
    /// The membership changed.
    View(View),
    /// The vote changed without a change of the membership.
    Quorum(quorum::Status),
    /// Two hosts use one node id. The newcomer is refused; when that is us, [`Output::Left`] follows.
    DuplicateIdentity(Duplicate),
    /// How full the send queue is; told when the level changes.
    FlowControl(Level),
    /// This message was not taken; nobody will get it.
    Refused {
        /// The message as it was given.
        payload: Bytes,
        /// Why not.
        why: Refusal,
    },
    /// This node is out of the ring for good; nothing follows.
    Left(LeaveReason),
    /// Something a person may want to know.
    Log(Event),
}

/// Datagrams for one address.
#[derive(Clone, Debug)]
pub struct Send {
    /// The link whose socket sends.
    pub link: u8,
    /// Where to.
    pub to: SocketAddr,
    /// One datagram, or several back to back.
    pub bytes: Bytes,
    /// Size of each datagram in `bytes`; the last one may be shorter (made for UDP segmentation offload).
    pub segment: u16,
    /// What they are for; a host that cannot send them names it to [`crate::Ring::not_sent`].
    pub purpose: Purpose,
}

impl Send {
    /// The single datagrams.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(usize::from(self.segment).max(1))
    }
}

/// A message in the total order of its ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The ring in which it was ordered.
    pub ring: RingId,
    /// Place of its last frame in the order of that ring; several small messages share one.
    pub seq: u64,
    /// Who sent it.
    pub sender: NodeId,
    /// What was promised about its delivery.
    pub guarantee: Guarantee,
    /// What was sent.
    pub payload: Bytes,
}

/// Which of the two views of a membership change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewKind {
    /// The members that come along from the old ring; what follows was sent in the old ring.
    Transitional,
    /// The members of the new ring.
    Regular,
}

/// A membership, delivered in order with the messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Transitional or regular.
    pub kind: ViewKind,
    /// The ring; for a transitional view the old one.
    pub ring: RingId,
    /// By ascending node id.
    pub members: Vec<Member>,
    /// Members that were not in the view before. A restarted node is in `joined` and in `left`.
    pub joined: Vec<NodeId>,
    /// Members of the view before that are no longer there (or came back as another incarnation).
    pub left: Vec<NodeId>,
    /// Of `left`: those that said goodbye.
    pub left_cleanly: Vec<NodeId>,
    /// The vote in this view.
    pub quorum: quorum::Status,
}

/// One member of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub id: NodeId,
    /// Its name, as it told it itself.
    pub name: String,
    /// Kernel boot id of its host.
    pub boot_id: [u8; 16],
    /// Which run of its daemon this is.
    pub incarnation: Incarnation,
    /// Its votes.
    pub votes: u32,
}

/// Two hosts with one node id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The node id both use.
    pub node: NodeId,
    /// The one that was there first and stays.
    pub incumbent: Host,
    /// The one that is refused.
    pub newcomer: Host,
    /// We are the newcomer.
    pub ours: bool,
}

/// A host, as it can be named to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Node name.
    pub name: String,
    /// Where its packets come from, when known.
    pub address: Option<SocketAddr>,
    /// `/etc/machine-id`; equal on a copy of a machine.
    pub machine_id: [u8; 16],
    /// Kernel boot id; tells a copy from its original, which may share everything else.
    pub boot_id: [u8; 16],
}

/// Level of the send queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below 30 %.
    #[default]
    Low,
    /// 30 to 60 %.
    Good,
    /// 60 to 75 %.
    High,
    /// Above 75 %: stop sending.
    Critical,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than 1 MiB.
    #[error("the message is larger than 1 MiB")]
    TooLarge,
    /// The queue has no room.
    #[error("the send queue is full; try again when flow control allows it")]
    QueueFull,
    /// The ring is leaving or gone.
    #[error("this node is leaving the ring")]
    Leaving,
}

/// Why this node is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// `Input::Leave`.
    Asked,
    /// `Input::Progress` stayed out: the core hangs.
    NoProgress,
    /// Another host uses our node id.
    Duplicate(Duplicate),
    /// A member refuses us because our key was rotated away.
    KeyRetired,
    /// The machine goes on from a saved state: its peers know things of this run that it does not.
    Restored,
    /// Our configuration cannot work with the cluster's.
    Configuration(String),
}
