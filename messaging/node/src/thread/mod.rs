//! The ring's own thread: start it, talk to it.
//!
//! [`RingThread::start`] binds sockets and reads the record on disk, so that what can fail fails there with a clear
//! error; afterwards the thread alone drives the ring and never waits for anything but the network and its timers.

mod channel;
pub mod record;
mod run;
mod socket;
mod status;
#[cfg(test)]
mod tests;
mod witness;

pub use channel::{COMMAND_BYTES, EVENT_BYTES, Event, RingEvents};
pub use record::RecordError;
pub use socket::{BindError, LinkBinding, LinkSocket};
pub use status::{Counters, RingStatus, Services, WitnessStatus};
pub(crate) use witness::hold as witness_hold;

use crate::config::{CorosyncConf, Scheduling, Seal, WitnessSettings};
use crate::groups::{Server, ServerSettings};
use crate::keys;
use channel::{Command, Commands};
use holdfast_totem::config::MAX_MESSAGE;
use holdfast_totem::{Config, Guarantee, Identity, Key, NodeId, quorum};
use ring::rand::SecureRandom;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The last byte of a ring message tells whom it is for.
pub(crate) mod recipient {
    /// The cluster manager.
    pub const MANAGER: u8 = 0;
    /// The daemons themselves: orders of people, see [`super::Order`].
    pub const DAEMON: u8 = 1;
    /// Process groups.
    pub const GROUPS: u8 = 2;
}

/// What a person orders all daemons to do; carried out where [`Event::Ordered`] is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read `corosync.conf` and the key again.
    Reload,
    /// This member leaves at once.
    Kill(NodeId),
}

impl Order {
    fn encode(self) -> Vec<u8> {
        match self {
            Order::Reload => vec![1],
            Order::Kill(node) => [&[2], node.0.to_le_bytes().as_slice()].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Order> {
        match bytes {
            [1] => Some(Order::Reload),
            [2, node @ ..] => Some(Order::Kill(NodeId(u32::from_le_bytes(node.try_into().ok()?)))),
            _ => None,
        }
    }
}

/// All that the thread needs to know.
#[derive(Debug)]
pub struct Settings {
    pub config: Config,
    pub key: Key,
    pub identity: Identity,
    /// One for each link that this node has.
    pub bindings: Vec<LinkBinding>,
    /// Where the ring's record lies.
    pub state_dir: PathBuf,
    pub scheduling: Scheduling,
    /// Keep all memory of the process resident.
    pub lock_memory: bool,
    /// Serve process groups on this socket.
    pub groups: Option<ServerSettings>,
    /// The witness of the cluster.
    pub witness: Option<WitnessSettings>,
}

/// Why the ring does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Key(#[from] keys::ReadError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("cannot use the state folder {path}: {source}")]
    StateDir { path: PathBuf, source: io::Error },
    #[error("cannot serve process groups on {path}: {source}")]
    Groups { path: PathBuf, source: io::Error },
    #[error("the kernel gives no random bytes")]
    Random,
    #[error(
        "a witness knows a cluster by its key, and 'holdfast_unsealed: yes' uses none; remove that line or the section 'device'"
    )]
    UnsealedWitness,
    #[error("cannot start the ring's thread: {0}")]
    Thread(io::Error),
    #[error(
        "the key in totem {{ key }} has {0} bytes, expected 128 to 4096; make a key file with: corosync-keygen"
    )]
    InlineKey(usize),
}

/// The sockets that a configuration asks for.
pub fn bindings(conf: &CorosyncConf) -> Vec<LinkBinding> {
    conf.links
        .iter()
        .map(|link| LinkBinding {
            number: link.number,
            bind: link.bind,
            multicast: link.multicast,
            ttl: link.ttl,
            dscp: conf.timings.ip_dscp,
        })
        .collect()
}

/// The key that a configuration asks for.
///
/// # Errors
/// When the key file is missing, exposed or of a bad size.
pub fn key(conf: &CorosyncConf) -> Result<Key, StartError> {
    match &conf.seal {
        Seal::KeyFile(path) => Ok(keys::read(Path::new(path))?),
        Seal::Inline(text) => Key::new(text.as_bytes()).map_err(|_| StartError::InlineKey(text.len())),
        // Nothing is sealed with it.
        Seal::Unsealed => Ok(Key::new(&[0; 128]).expect("128 bytes are a key")),
    }
}

/// The witness that a configuration names.
///
/// # Errors
/// When the ring has no key to know it by.
pub fn witness(conf: &CorosyncConf) -> Result<Option<WitnessSettings>, StartError> {
    match (conf.witness(), &conf.seal) {
        (Some(_), Seal::Unsealed) => Err(StartError::UnsealedWitness),
        (witness, _) => Ok(witness),
    }
}

impl Settings {
    /// Settings after a configuration file: reads the key, draws this run's identity.
    ///
    /// # Errors
    /// When the key cannot be used or the kernel gives no random bytes.
    pub fn from_conf(conf: &CorosyncConf, state_dir: &Path) -> Result<Settings, StartError> {
        let mut boot_salt = [0; 32];
        ring::rand::SystemRandom::new().fill(&mut boot_salt).map_err(|_| StartError::Random)?;
        let state_dir = conf.system.state_dir.as_ref().map_or_else(|| state_dir.to_owned(), PathBuf::from);
        Ok(Settings {
            config: conf.totem(),
            key: key(conf)?,
            identity: Identity {
                node_id: NodeId(conf.local_id),
                name: conf.local_name.clone(),
                boot_salt,
                boot_id: crate::machine::boot_id(),
                machine_id: crate::machine::machine_id(),
            },
            bindings: bindings(conf),
            state_dir,
            scheduling: conf.system.scheduling,
            lock_memory: true,
            groups: None,
            witness: witness(conf)?,
        })
    }

    /// Serves process groups on `RUN_DIR/groups` for root, the cluster's own group and those of `uidgid { }`.
    #[must_use]
    pub fn serving_groups(mut self, run_dir: &Path, conf: &CorosyncConf) -> Settings {
        let users = conf.allowed.iter().filter_map(|allowed| crate::machine::user_id(allowed.user.as_ref()?));
        let groups =
            conf.allowed.iter().filter_map(|allowed| crate::machine::group_id(allowed.group.as_ref()?));
        self.groups = Some(ServerSettings {
            path: run_dir.join("groups"),
            users: users.chain(crate::machine::user_id("hacluster")).collect(),
            groups: groups.chain(crate::machine::group_id("haclient")).collect(),
        });
        self
    }
}

/// The ring's thread.
#[derive(Debug)]
pub struct RingThread;

impl RingThread {
    /// Binds, reads the record, starts.
    ///
    /// # Errors
    /// When a port is taken, the state folder cannot be used, or the record is damaged.
    pub fn start(settings: Settings) -> Result<(RingHandle, RingEvents), StartError> {
        let sockets =
            settings.bindings.iter().map(LinkSocket::bind).collect::<Result<Vec<LinkSocket>, BindError>>()?;
        Self::start_with(settings, sockets)
    }

    /// As [`Self::start`], with sockets that are bound already.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub fn start_with(
        settings: Settings,
        sockets: Vec<LinkSocket>,
    ) -> Result<(RingHandle, RingEvents), StartError> {
        let folder = &settings.state_dir;
        std::fs::create_dir_all(folder)
            .map_err(|source| StartError::StateDir { path: folder.clone(), source })?;
        let node = settings.identity.node_id;
        let persisted = record::read(folder, node)?;
        let commands = Commands::new().map_err(StartError::Thread)?;
        let (sender, events) = channel::events();
        let answer = Arc::clone(&commands);
        let writer = record::writer(folder.clone(), node, move |result| {
            let command = match result {
                Ok(ticket) => Command::Persisted(ticket),
                Err(error) => Command::RecordFailed(error.to_string()),
            };
            // With the thread gone nobody waits for the record.
            let _ = answer.push(command);
        })
        .map_err(StartError::Thread)?;
        let mut seed = [0; 8];
        ring::rand::SystemRandom::new().fill(&mut seed).map_err(|_| StartError::Random)?;
        let groups = match &settings.groups {
            Some(wanted) => Some(
                Server::open(wanted.clone(), node.0)
                    .map_err(|source| StartError::Groups { path: wanted.path.clone(), source })?,
            ),
            None => None,
        };
        let parts = run::Parts {
            groups,
            settings,
            sockets,
            persisted,
            seed: u64::from_ne_bytes(seed),
            commands: Arc::clone(&commands),
            events: sender,
            writer,
        };
        let driver = run::Driver::new(parts).map_err(StartError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("ring".to_owned())
            .stack_size(1 << 20)
            .spawn(move || driver.run())
            .map_err(StartError::Thread)?;
        Ok((RingHandle { commands, node, thread: Some(Arc::new(thread)) }, events))
    }
}

/// Why a message was not handed to the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the message has {0} bytes, at most {max} are allowed", max = MAX_MESSAGE - 1)]
    TooLarge(usize),
    #[error("the ring's queue is full; try again")]
    Full,
    #[error("the ring has ended")]
    Ended,
}

/// A way to talk to the ring's thread; cheap to clone.
#[derive(Clone)]
pub struct RingHandle {
    commands: Arc<Commands>,
    node: NodeId,
    thread: Option<Arc<std::thread::JoinHandle<()>>>,
}

impl RingHandle {
    /// This node's id.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Sends a message to all members, waiting while the queue is full.
    ///
    /// # Errors
    /// When the message is too large or the thread has ended.
    pub async fn multicast(&self, payload: Vec<u8>) -> Result<(), SendError> {
        self.send(payload, recipient::MANAGER).await
    }

    /// Orders all daemons to do something, in order with the messages.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn order(&self, order: Order) -> Result<(), SendError> {
        self.send(order.encode(), recipient::DAEMON).await
    }

    async fn send(&self, payload: Vec<u8>, recipient: u8) -> Result<(), SendError> {
        let cost = check_size(&payload)?;
        let permit = self.commands.room.acquire_many(cost).await.map_err(|_| SendError::Ended)?;
        permit.forget();
        self.hand_over(payload, recipient)
    }

    /// Whether a message of this size would be taken without waiting.
    pub fn has_room(&self, payload: usize) -> bool {
        self.commands.room.available_permits() >= Commands::cost(payload) as usize
    }

    /// As [`Self::multicast`], without waiting.
    ///
    /// # Errors
    /// [`SendError::Full`] when the queue has no room.
    pub fn try_multicast(&self, payload: Vec<u8>) -> Result<(), SendError> {
        let cost = check_size(&payload)?;
        match self.commands.room.try_acquire_many(cost) {
            Ok(permit) => permit.forget(),
            Err(tokio::sync::TryAcquireError::NoPermits) => return Err(SendError::Full),
            Err(tokio::sync::TryAcquireError::Closed) => return Err(SendError::Ended),
        }
        self.hand_over(payload, recipient::MANAGER)
    }

    fn hand_over(&self, mut payload: Vec<u8>, recipient: u8) -> Result<(), SendError> {
        payload.push(recipient);
        let command = Command::Multicast { guarantee: Guarantee::Agreed, payload };
        self.commands.push(command).map_err(|_| SendError::Ended)
    }

    fn tell(&self, command: Command) -> Result<(), SendError> {
        self.commands.push(command).map_err(|_| SendError::Ended)
    }

    /// The core behind the ring is alive and working.
    ///
    /// # Errors
    /// When the thread has ended, as for all of the following.
    pub fn progress(&self) -> Result<(), SendError> {
        self.tell(Command::Progress)
    }

    /// Leave cleanly after all messages handed over so far; ends with [`Event::Left`].
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn leave(&self) -> Result<(), SendError> {
        self.tell(Command::Leave)
    }

    /// End at once without a word to the others, as a crash would.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn vanish(&self) -> Result<(), SendError> {
        self.tell(Command::Vanish)
    }

    /// A changed configuration. `current` are the bindings in force; sockets of new or changed links are bound here.
    ///
    /// # Errors
    /// When a new link cannot be bound (then nothing changes) or the thread has ended.
    pub fn reconfigure(&self, conf: &CorosyncConf, current: &[LinkBinding]) -> Result<(), ReloadError> {
        let wanted = bindings(conf);
        let new = wanted
            .iter()
            // A socket that is bound to this address already only changes its group.
            .filter(|binding| current.iter().all(|known| known.bind != binding.bind))
            .map(LinkSocket::bind)
            .collect::<Result<Vec<LinkSocket>, BindError>>()?;
        let command = Command::Reconfigure {
            config: Box::new(conf.totem()),
            bindings: wanted,
            new,
            witness: conf.witness().filter(|_| conf.seal != Seal::Unsealed).map(Box::new),
        };
        Ok(self.tell(command)?)
    }

    /// The key of the file: a new one is accepted beside the old one until all members can read it. While an earlier
    /// change is on its way a third key is refused with a warning.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn rekey(&self, key: Key) -> Result<(), SendError> {
        self.tell(Command::Rekey(key))
    }

    /// A change of the vote.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn quorum(&self, change: quorum::Change) -> Result<(), SendError> {
        self.tell(Command::Quorum(change))
    }

    /// Sets counters to zero.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn clear(&self, counters: Counters) -> Result<(), SendError> {
        self.tell(Command::Clear(counters))
    }

    /// A snapshot for status displays.
    ///
    /// # Errors
    /// When the thread has ended.
    pub async fn status(&self) -> Result<Box<RingStatus>, SendError> {
        let (sender, receiver) = oneshot::channel();
        self.tell(Command::Query(sender))?;
        receiver.await.map_err(|_| SendError::Ended)
    }

    /// As [`Self::status`], for a thread without a runtime.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn blocking_status(&self) -> Result<Box<RingStatus>, SendError> {
        let (sender, receiver) = oneshot::channel();
        self.tell(Command::Query(sender))?;
        receiver.blocking_recv().map_err(|_| SendError::Ended)
    }

    /// Waits for the thread to end, if this is the last handle.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take().and_then(Arc::into_inner) {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for RingHandle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "RingHandle(node {})", self.node)
    }
}

/// Why a changed configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Ended(#[from] SendError),
}

fn check_size(payload: &[u8]) -> Result<u32, SendError> {
    // One byte is ours.
    if payload.len() >= MAX_MESSAGE {
        Err(SendError::TooLarge(payload.len()))
    } else {
        Ok(Commands::cost(payload.len()))
    }
}
