//! The two bounded channels between the ring's thread and the rest of the daemon.
//!
//! Commands wake the thread through an eventfd, at most once until it looks; events go through a tokio channel whose
//! bytes are counted. Neither side ever waits for the other while it holds something.

use holdfast_totem::quorum;
use holdfast_totem::{Config, Guarantee, Key, Message, Output, Ticket, View};
use rustix::event::{EventfdFlags, eventfd};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::socket::{LinkBinding, LinkSocket};
use super::status::{Counters, RingStatus};
use crate::config::WitnessSettings;
use std::net::SocketAddr;

/// Bytes of messages that may wait for the ring.
pub const COMMAND_BYTES: usize = 8 << 20;
/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;
/// Bytes of events that may wait for the daemon before it counts as stuck.
pub const EVENT_BYTES: usize = 64 << 20;

/// What the daemon asks of the ring's thread.
pub(super) enum Command {
    Multicast {
        guarantee: Guarantee,
        payload: Vec<u8>,
    },
    Progress,
    Leave,
    Reconfigure {
        config: Box<Config>,
        bindings: Vec<LinkBinding>,
        new: Vec<LinkSocket>,
        witness: Option<Box<WitnessSettings>>,
    },
    /// What the name of the witness resolves to.
    WitnessAddresses(Vec<SocketAddr>),
    /// The heuristics with this number have ended.
    Heuristics(u64, bool),
    Rekey(Key),
    Quorum(quorum::Change),
    Clear(Counters),
    Query(oneshot::Sender<Box<RingStatus>>),
    Persisted(Ticket),
    RecordFailed(String),
    /// End at once, without a goodbye: for tests of crashes, and when the process ends anyhow.
    Vanish,
}

/// What the ring's thread tells the daemon, in the ring's order.
#[derive(Debug)]
pub enum Event {
    /// The next message of the total order.
    Message(Message),
    /// The membership changed.
    View(View),
    /// The vote changed within a view.
    Quorum(quorum::Status),
    /// Two hosts use one node id.
    Duplicate(holdfast_totem::io::Duplicate),
    /// The ring's send queue fills or empties.
    FlowControl(holdfast_totem::io::Level),
    /// A message was not taken.
    Refused { payload: Vec<u8>, why: holdfast_totem::io::Refusal },
    /// This node is out of the ring for good.
    Left(holdfast_totem::io::LeaveReason),
    /// An order of a person to all members, see [`super::RingHandle::order`].
    Ordered { sender: holdfast_totem::NodeId, order: super::Order },
    /// Something for the log.
    Log(holdfast_totem::log::Event),
    /// A warning of the thread itself.
    Warning(String),
    /// Something of the thread itself that is worth a line.
    Notice(String),
    /// The thread cannot go on; nothing follows.
    Fatal(String),
}

impl Event {
    fn size(&self) -> usize {
        let payload = match self {
            Event::Message(message) => message.payload.len(),
            Event::Refused { payload, .. } => payload.len(),
            Event::View(view) => view.members.len() * 64,
            Event::Quorum(_)
            | Event::Duplicate(_)
            | Event::FlowControl(_)
            | Event::Left(_)
            | Event::Ordered { .. }
            | Event::Log(_)
            | Event::Warning(_)
            | Event::Notice(_)
            | Event::Fatal(_) => 0,
        };
        payload + OVERHEAD
    }

    /// The event of an output that concerns the daemon.
    pub(super) fn of(output: Output) -> Option<Event> {
        Some(match output {
            Output::Deliver(message) => Event::Message(message),
            Output::View(view) => Event::View(view),
            Output::Quorum(status) => Event::Quorum(status),
            Output::DuplicateIdentity(duplicate) => Event::Duplicate(duplicate),
            Output::FlowControl(level) => Event::FlowControl(level),
            Output::Refused { payload, why } => Event::Refused { payload: payload.into_vec(), why },
            Output::Left(reason) => Event::Left(reason),
            Output::Log(event) => Event::Log(event),
            Output::Send(_) | Output::PersistRing { .. } => return None,
        })
    }
}

/// The queue of commands, shared by all handles and the thread.
pub(super) struct Commands {
    queue: Mutex<VecDeque<Command>>,
    /// Set while a wake-up is under way.
    woken: AtomicBool,
    /// The thread has ended; nothing is taken any more.
    closed: AtomicBool,
    pub wake: OwnedFd,
    /// Bytes free for messages.
    pub room: Semaphore,
}

impl Commands {
    pub fn new() -> io::Result<Arc<Commands>> {
        Ok(Arc::new(Commands {
            queue: Mutex::new(VecDeque::new()),
            woken: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            room: Semaphore::new(COMMAND_BYTES),
        }))
    }

    /// Hands a command over; gives it back when the thread has ended.
    pub fn push(&self, command: Command) -> Result<(), Command> {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if self.closed.load(Ordering::Acquire) {
                return Err(command);
            }
            queue.push_back(command);
        }
        if !self.woken.swap(true, Ordering::AcqRel) {
            // The counter cannot overflow by single steps; a write that fails otherwise leaves the timer to wake us.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
        Ok(())
    }

    /// Takes everything that waits.
    pub fn take(&self, into: &mut VecDeque<Command>) {
        if self.woken.swap(false, Ordering::AcqRel) {
            let mut counter = [0; 8];
            let _ = rustix::io::read(&self.wake, &mut counter);
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut queue);
    }

    /// Refuses everything from now on and drops what waits, so that nobody waits for an answer.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.room.close();
    }

    /// What a message of this size takes of [`Self::room`].
    pub fn cost(payload: usize) -> u32 {
        u32::try_from((payload + OVERHEAD).min(COMMAND_BYTES)).unwrap_or(u32::MAX)
    }
}

/// The thread's end of the event channel.
pub(super) struct EventSender {
    sender: mpsc::UnboundedSender<Event>,
    waiting: Arc<AtomicUsize>,
}

/// The daemon's end of the event channel.
pub struct RingEvents {
    receiver: mpsc::UnboundedReceiver<Event>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn events() -> (EventSender, RingEvents) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (EventSender { sender, waiting: Arc::clone(&waiting) }, RingEvents { receiver, waiting })
}

impl EventSender {
    /// Hands an event over. Whether anybody still listens is seen by [`Self::waiting`] growing or not.
    pub fn send(&self, event: Event) {
        self.waiting.fetch_add(event.size(), Ordering::AcqRel);
        // With the receiver gone the daemon is ending; the ring leaves by the missing sign of progress.
        let _ = self.sender.send(event);
    }

    /// Bytes that the daemon has not taken yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl RingEvents {
    /// The next event; `None` when the thread has ended and all is read.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.receiver.recv().await?;
        self.took(&event);
        Some(event)
    }

    /// Appends up to `limit` events to `into`, waiting for the first; returns how many, 0 at the end.
    pub async fn recv_many(&mut self, into: &mut Vec<Event>, limit: usize) -> usize {
        let before = into.len();
        let count = self.receiver.recv_many(into, limit).await;
        into[before..].iter().for_each(|event| self.took(event));
        count
    }

    /// As [`Self::recv`], for a thread without a runtime.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        let event = self.receiver.blocking_recv()?;
        self.took(&event);
        Some(event)
    }

    /// The next event, if one waits.
    pub fn try_recv(&mut self) -> Option<Event> {
        let event = self.receiver.try_recv().ok()?;
        self.took(&event);
        Some(event)
    }

    fn took(&self, event: &Event) {
        self.waiting.fetch_sub(event.size(), Ordering::AcqRel);
    }
}
