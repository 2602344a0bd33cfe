//! The local socket of process groups, served by the ring's thread: programs in, batches out, and back.
//!
//! Knows the frames and the groups; what comes and goes on the sockets is in `sockets`. Never waits. What a program does not take is kept for it up to a limit; before that, all nodes are asked to hold.

mod sockets;

use super::counters::{Buffer, GroupMessages, Program};
use super::table::{Change, Table};
use super::wire::{self, Between, ToNode, ToProgram};
use super::{MAX_JOINED, Reason};
use holdfast_totem::Guarantee;
use holdfast_totem::time::Instant;
use rustix::event::epoll;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// A batch is closed when it has this many bytes.
const BATCH: usize = 60 << 10;
/// Bytes that may wait for the ring before programs are not read any more.
const QUEUE: usize = 256 << 10;
/// Numbers of the programs' sockets begin here; the set is shared with the one who waits, whose numbers are below.
pub const FIRST_NUMBER: u64 = 1 << 32;
const LISTENER: u64 = FIRST_NUMBER;

/// Where programs come in, and who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The socket.
    pub path: PathBuf,
    /// Users beside root and the daemon's own.
    pub users: Vec<u32>,
    /// Groups whose members may.
    pub groups: Vec<u32>,
}

struct Client {
    socket: UnixStream,
    pid: u32,
    greeted: bool,
    input: Buffer,
    output: Buffer,
    /// Groups by the program's own number; true once the join was delivered.
    joined: BTreeMap<u16, (String, bool)>,
    /// Registered for writing as well.
    wants_write: bool,
    /// When it last took something while much was waiting; `None` while little is.
    taken: Option<Instant>,
    /// It took something since the last look.
    progress: bool,
    gone: bool,
    /// What is counted, for people, and how often all were asked to hold before.
    counts: Program,
    holds_before: u64,
}

impl Client {
    /// Answers what it asked.
    fn answer(&mut self, frame: &ToProgram<'_>) {
        self.counts.responses += 1;
        frame.encode(&mut self.output.bytes);
    }

    /// Tells it something unasked.
    fn dispatch(&mut self, frame: &ToProgram<'_>) {
        self.counts.dispatched += 1;
        frame.encode(&mut self.output.bytes);
    }
}

/// The server.
pub(crate) struct Server {
    settings: ServerSettings,
    listener: UnixListener,
    /// Programs that may be read.
    epoll: OwnedFd,
    /// Programs that do not take what is theirs. A set of its own: they must go on while nobody is read.
    writers: OwnedFd,
    clients: BTreeMap<u64, Client>,
    next: u64,
    table: Table,
    node: u32,
    /// For the ring, in order.
    outgoing: VecDeque<(Guarantee, Vec<u8>)>,
    outgoing_bytes: usize,
    /// We asked the others to hold.
    holding: bool,
    scratch: Vec<u8>,
    /// Ordered messages, programs that went, and how often all were asked to hold; for people.
    messages: GroupMessages,
    buried: u64,
    holds: u64,
}

impl Server {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the folder cannot be written or another daemon serves this socket.
    pub fn open(settings: ServerSettings, node: u32) -> io::Result<Server> {
        let listener = sockets::listen(&settings.path)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        Ok(Server {
            settings,
            listener,
            epoll,
            writers: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: BTreeMap::new(),
            next: LISTENER + 1,
            table: Table::new(node),
            node,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            holding: false,
            scratch: vec![0; sockets::READ],
            messages: GroupMessages::default(),
            buried: 0,
            holds: 0,
        })
    }

    /// The set of programs that may be read, for one who waits for other things as well. What it yields from
    /// [`FIRST_NUMBER`] on is for [`Self::came`].
    ///
    /// # Errors
    /// When there is no file descriptor left.
    pub fn set(&self) -> io::Result<OwnedFd> {
        self.epoll.try_clone()
    }

    /// Becomes readable when [`Self::write_ready`] has something to do.
    pub fn write_fd(&self) -> &OwnedFd {
        &self.writers
    }

    /// Whether programs are to be left alone for now: the ring has enough, or somebody does not keep up.
    pub fn full(&self) -> bool {
        self.outgoing_bytes > QUEUE || self.table.held()
    }

    /// The next message for the ring.
    pub fn take(&mut self) -> Option<(Guarantee, Vec<u8>)> {
        let (guarantee, bytes) = self.outgoing.pop_front()?;
        self.outgoing_bytes -= bytes.len();
        Some((guarantee, bytes))
    }

    /// Size of the next message for the ring.
    pub fn next_size(&self) -> Option<usize> {
        self.outgoing.front().map(|(_, bytes)| bytes.len())
    }

    fn queue(&mut self, guarantee: Guarantee, bytes: Vec<u8>) {
        self.outgoing_bytes += bytes.len();
        self.outgoing.push_back((guarantee, bytes));
    }

    fn tell(&mut self, message: &Between<'_>) {
        match message {
            Between::Join { .. } => self.messages.joins.sent += 1,
            Between::Leave { .. } => self.messages.leaves.sent += 1,
            _ => {}
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.queue(Guarantee::Agreed, bytes);
    }

    /// Works through whole frames; messages of one group in a row become one batch.
    fn frames(&mut self, id: u64) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let mut input = std::mem::take(&mut client.input);
        let result = self.frames_of(id, &mut input);
        if let Some(client) = self.clients.get_mut(&id) {
            client.input = input;
        }
        result
    }

    fn frames_of(&mut self, id: u64, input: &mut Buffer) -> Result<(), String> {
        let mut batch: Option<(u16, bool, Vec<u8>)> = None;
        let mut used = 0;
        loop {
            let rest = &input.waiting()[used..];
            let length = match wire::frame_length(rest) {
                Ok(Some(length)) if length <= rest.len() => length,
                Ok(_) => break,
                Err(error) => return Err(error.to_string()),
            };
            let frame = ToNode::decode(&rest[..length]).map_err(|error| error.to_string())?;
            used += length;
            let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
            client.counts.requests += 1;
            match frame {
                ToNode::Hello { version } if version != wire::VERSION => {
                    return Err(format!("version {version} is not spoken, only {}", wire::VERSION));
                }
                ToNode::Hello { .. } => {
                    client.greeted = true;
                    client.answer(&ToProgram::Welcome { version: wire::VERSION, node: self.node });
                }
                _ if !client.greeted => return Err("a program says hello first".to_owned()),
                ToNode::Send { handle, safe, payload } => {
                    let Some((group, true)) = client.joined.get(&handle) else {
                        let why = "only members of a group send to it";
                        client.answer(&ToProgram::Refused { handle, why });
                        continue;
                    };
                    let same = batch.as_ref().is_some_and(|(h, s, bytes)| {
                        *h == handle && *s == safe && bytes.len() + payload.len() <= BATCH
                    });
                    if !same {
                        let mut bytes = Vec::with_capacity(payload.len().max(1024) + 256);
                        wire::put_batch_head(&mut bytes, group, client.pid);
                        if let Some(done) = batch.replace((handle, safe, bytes)) {
                            self.queue_batch(done);
                        }
                    }
                    if let Some((_, _, bytes)) = &mut batch {
                        wire::put_message(bytes, payload);
                    }
                }
                ToNode::Join { handle, group } => {
                    if let Some(done) = batch.take() {
                        self.queue_batch(done);
                    }
                    self.join(id, handle, group);
                }
                ToNode::Leave { handle } => {
                    if let Some(done) = batch.take() {
                        self.queue_batch(done);
                    }
                    self.leave(id, handle);
                }
            }
        }
        input.took(used);
        if let Some(done) = batch.take() {
            self.queue_batch(done);
        }
        self.write(id);
        Ok(())
    }

    fn queue_batch(&mut self, (_, safe, bytes): (u16, bool, Vec<u8>)) {
        self.messages.batches.sent += 1;
        self.queue(if safe { Guarantee::Safe } else { Guarantee::Agreed }, bytes);
    }

    fn join(&mut self, id: u64, handle: u16, group: &str) {
        let Some(client) = self.clients.get(&id) else { return };
        let pid = client.pid;
        let twice = self
            .clients
            .values()
            .filter(|other| other.pid == pid)
            .any(|other| other.joined.values().any(|(joined, _)| joined == group));
        let why = if twice {
            Some("this process is in the group already")
        } else if client.joined.contains_key(&handle) {
            Some("this handle is in use")
        } else if client.joined.len() >= MAX_JOINED {
            Some("too many groups")
        } else {
            None
        };
        match why {
            Some(why) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.answer(&ToProgram::Refused { handle, why });
                }
            }
            None => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.joined.insert(handle, (group.to_owned(), false));
                }
                self.tell(&Between::Join { group, pid });
            }
        }
    }

    fn leave(&mut self, id: u64, handle: u16) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let pid = client.pid;
        match client.joined.get(&handle).map(|(group, _)| group.clone()) {
            Some(group) => self.tell(&Between::Leave { group: &group, pid, reason: Reason::Leave as u8 }),
            None => {
                client.answer(&ToProgram::Refused { handle, why: "not a member" });
            }
        }
    }

    /// An ordered message about groups.
    pub fn delivered(&mut self, sender: u32, payload: &[u8]) {
        // What another version says beyond our words is not for our programs.
        let Ok(message) = Between::decode(payload) else { return };
        if let Between::Batch { group, pid, batch } = message {
            self.messages.batches.received += 1;
            for client in self.clients.values_mut() {
                for (handle, (joined, member)) in &client.joined {
                    if *member && joined == group {
                        let frame = ToProgram::Messages { handle: *handle, node: sender, pid, batch };
                        client.counts.dispatched += 1;
                        frame.encode(&mut client.output.bytes);
                    }
                }
            }
            return;
        }
        match message {
            Between::Join { .. } => self.messages.joins.received += 1,
            Between::Leave { .. } => self.messages.leaves.received += 1,
            Between::Announce(_) => self.messages.lists.received += 1,
            Between::Hold(hold) => self.holds += u64::from(hold && !self.table.held()),
            Between::Batch { .. } => {}
        }
        for change in self.table.apply(sender, &message) {
            self.changed(&change);
        }
    }

    /// A regular view of the ring.
    pub fn view(&mut self, present: &[u32], joined: &[u32], left: &[u32]) {
        for change in self.table.view(present, left) {
            self.changed(&change);
        }
        if !joined.is_empty() {
            for bytes in self.table.announcements() {
                self.messages.lists.sent += 1;
                self.queue(Guarantee::Agreed, bytes);
            }
            if self.holding {
                self.tell(&Between::Hold(true));
            }
        }
    }

    /// Tells local members; a program that came is told of all members, one that went hears it last.
    fn changed(&mut self, change: &Change) {
        let rows = |list: &[(super::Member, Reason)]| {
            list.iter().map(|(member, reason)| (member.node, member.pid, *reason as u8)).collect::<Vec<_>>()
        };
        let members: Vec<(u32, u32)> =
            change.members.iter().map(|member| (member.node, member.pid)).collect();
        for client in self.clients.values_mut() {
            let (node, pid) = (self.node, client.pid);
            let own = |list: &[(super::Member, Reason)]| {
                list.iter().any(|(member, _)| member.node == node && member.pid == pid)
            };
            let Some(handle) = client
                .joined
                .iter()
                .find(|(_, (group, _))| *group == change.group)
                .map(|(handle, _)| *handle)
            else {
                continue;
            };
            if own(&change.joined) {
                client.joined.insert(handle, (change.group.clone(), true));
            }
            if client.joined.get(&handle).is_some_and(|(_, member)| *member) {
                client.dispatch(&ToProgram::Changed {
                    handle,
                    members: members.clone(),
                    joined: rows(&change.joined),
                    left: rows(&change.left),
                });
            }
            if own(&change.left) {
                client.joined.remove(&handle);
            }
        }
    }

    /// Every member of every group: group, node, process.
    pub fn members(&self) -> Vec<(String, u32, u32)> {
        self.table.members().map(|(group, member)| (group.to_owned(), member.node, member.pid)).collect()
    }

    /// Ordered messages sent and received.
    pub fn messages(&self) -> GroupMessages {
        self.messages
    }

    /// Programs that went.
    pub fn gone(&self) -> u64 {
        self.buried
    }

    /// Connected programs with what was counted of each.
    pub fn programs(&self) -> Vec<Program> {
        let program = |(id, client): (&u64, &Client)| Program {
            service: Some(super::SERVICE),
            pid: client.pid,
            id: id - LISTENER,
            queued: client.output.frames_waiting(),
            stuck: client.wants_write,
            held: self.table.held(),
            holds: self.holds - client.holds_before,
            ..client.counts
        };
        self.clients.iter().map(program).collect()
    }

    /// Sets to zero what was counted of programs' connections.
    pub fn clear_counters(&mut self) {
        self.buried = 0;
        for client in self.clients.values_mut() {
            client.counts = Program::default();
            client.holds_before = self.holds;
        }
    }

    /// Bytes that wait for programs.
    pub fn waiting(&self) -> usize {
        self.clients.values().map(|client| client.output.len()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The next daemon replaces it anyhow.
        let _ = std::fs::remove_file(&self.settings.path);
    }
}
