//! The program's side of process groups: connect, join, send, hear. Blocking, without a runtime.
//!
//! Flow control is the socket's: when the ring has enough, a send waits (or says so, where waiting is not wanted).

use super::wire::{self, Messages, ToNode, ToProgram, WireError};
use super::{MAX_MESSAGE, Member, Reason};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes read at once.
const READ: usize = 256 << 10;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the ring is not running on this node: nobody listens on {path}; start it with: holdfast daemon")]
    NotRunning { path: PathBuf, source: io::Error },
    #[error("the connection to the ring broke: {0}")]
    Lost(#[from] io::Error),
    #[error("the ring closed the connection")]
    Closed,
    #[error("the ring refuses: {0}")]
    Refused(String),
    #[error("the message has {0} bytes, at most {MAX_MESSAGE} are allowed")]
    TooLarge(usize),
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// What a program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// A message to a group.
    Message { handle: u16, sender: Member, payload: Vec<u8> },
    /// The members of a group changed.
    Changed { handle: u16, members: Vec<Member>, joined: Vec<(Member, Reason)>, left: Vec<(Member, Reason)> },
    /// A call was refused.
    Refused { handle: u16, why: String },
}

/// A connection to the ring of this node.
#[derive(Debug)]
pub struct GroupClient {
    socket: UnixStream,
    node: u32,
    input: Vec<u8>,
    start: usize,
    end: usize,
    events: VecDeque<GroupEvent>,
    frame: Vec<u8>,
    next: u16,
}

impl GroupClient {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens or this user may not.
    pub fn connect(path: &Path) -> Result<GroupClient, ClientError> {
        let socket = UnixStream::connect(path)
            .map_err(|source| ClientError::NotRunning { path: path.to_owned(), source })?;
        socket.set_nonblocking(true)?;
        let mut client = GroupClient {
            socket,
            node: 0,
            input: Vec::new(),
            start: 0,
            end: 0,
            events: VecDeque::new(),
            frame: Vec::new(),
            next: 1,
        };
        client.say(&ToNode::Hello { version: wire::VERSION })?;
        while client.node == 0 {
            client.wait(PollFlags::IN, None)?;
            client.read()?;
            if let Some(GroupEvent::Refused { why, .. }) = client.events.pop_front() {
                return Err(ClientError::Refused(why));
            }
        }
        Ok(client)
    }

    /// The node's id.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Writes a frame. While the ring takes nothing, what it says is read: otherwise two full sockets would wait for
    /// each other for ever.
    fn say(&mut self, frame: &ToNode<'_>) -> Result<(), ClientError> {
        let mut bytes = std::mem::take(&mut self.frame);
        bytes.clear();
        frame.encode(&mut bytes);
        let result = self.write(&bytes);
        self.frame = bytes;
        result
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), ClientError> {
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wait(PollFlags::IN | PollFlags::OUT, None)?.contains(PollFlags::IN) {
                        self.read()?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for one of these; empty when the time is over.
    fn wait(&self, flags: PollFlags, patience: Option<Duration>) -> Result<PollFlags, ClientError> {
        let timeout = patience.map(|patience| Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        });
        let mut fds = [PollFd::new(&self.socket, flags)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => Ok(fds[0].revents()),
            Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
            Err(error) => Err(ClientError::Lost(error.into())),
        }
    }

    /// Joins a group; membership begins with the first [`GroupEvent::Changed`] of this handle.
    ///
    /// # Errors
    /// When the name cannot be one or the connection broke.
    pub fn join(&mut self, group: &str) -> Result<u16, ClientError> {
        wire::check_name(group)?;
        let handle = self.next;
        self.next = self.next.wrapping_add(1).max(1);
        self.say(&ToNode::Join { handle, group })?;
        Ok(handle)
    }

    /// Leaves a group; it ends with the [`GroupEvent::Changed`] that has us among those who left.
    ///
    /// # Errors
    /// When the connection broke.
    pub fn leave(&mut self, handle: u16) -> Result<(), ClientError> {
        self.say(&ToNode::Leave { handle })
    }

    /// Sends one message to all members of a group, this one included, in the one order of all.
    ///
    /// # Errors
    /// When it is too large or the connection broke.
    pub fn send(&mut self, handle: u16, payload: &[u8]) -> Result<(), ClientError> {
        self.send_with(handle, payload, false)
    }

    /// As [`Self::send`]; delivered only once every node has it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_safe(&mut self, handle: u16, payload: &[u8]) -> Result<(), ClientError> {
        self.send_with(handle, payload, true)
    }

    fn send_with(&mut self, handle: u16, payload: &[u8], safe: bool) -> Result<(), ClientError> {
        if payload.len() > MAX_MESSAGE {
            return Err(ClientError::TooLarge(payload.len()));
        }
        self.say(&ToNode::Send { handle, safe, payload })
    }

    /// The next event, waiting for it.
    ///
    /// # Errors
    /// When the connection broke or the ring ended.
    pub fn next_event(&mut self) -> Result<GroupEvent, ClientError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if !self.read()? {
                self.wait(PollFlags::IN, None)?;
            }
        }
    }

    /// The next event, if one came within this time.
    ///
    /// # Errors
    /// As [`Self::next_event`].
    pub fn next_event_within(&mut self, patience: Duration) -> Result<Option<GroupEvent>, ClientError> {
        if self.events.is_empty() && !self.read()? && !self.wait(PollFlags::IN, Some(patience))?.is_empty() {
            self.read()?;
        }
        Ok(self.events.pop_front())
    }

    /// Drops every message that waits, without waiting for more; changes of members stay. For senders that do not
    /// care for their own copies.
    ///
    /// # Errors
    /// As [`Self::next_event`].
    pub fn discard_waiting(&mut self) -> Result<(), ClientError> {
        loop {
            let more = self.read()?;
            self.events.retain(|event| !matches!(event, GroupEvent::Message { .. }));
            if !more {
                return Ok(());
            }
        }
    }

    /// Reads what is there; whether anything was.
    fn read(&mut self) -> Result<bool, ClientError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > READ {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // Grown rarely, so that reading costs no clearing of memory.
        if self.input.len() - self.end < READ / 2 {
            self.input.resize(self.end + READ, 0);
        }
        match self.socket.read(&mut self.input[self.end..]) {
            Ok(0) => return Err(ClientError::Closed),
            Ok(count) => self.end += count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        while let Some(length) = wire::frame_length(&self.input[self.start..self.end])? {
            let Some(frame) = self.input[..self.end].get(self.start..self.start + length) else { break };
            match ToProgram::decode(frame)? {
                ToProgram::Welcome { node, .. } => self.node = node,
                ToProgram::Messages { handle, node, pid, batch } => {
                    let sender = Member { node, pid };
                    self.events.extend(Messages(batch).map(|payload| GroupEvent::Message {
                        handle,
                        sender,
                        payload: payload.to_vec(),
                    }));
                }
                ToProgram::Changed { handle, members, joined, left } => {
                    let rows = |list: Vec<(u32, u32, u8)>| {
                        list.into_iter()
                            .map(|(node, pid, reason)| (Member { node, pid }, Reason::from_number(reason)))
                            .collect()
                    };
                    self.events.push_back(GroupEvent::Changed {
                        handle,
                        members: members.into_iter().map(|(node, pid)| Member { node, pid }).collect(),
                        joined: rows(joined),
                        left: rows(left),
                    });
                }
                ToProgram::Refused { handle, why } => {
                    self.events.push_back(GroupEvent::Refused { handle, why: why.to_owned() });
                }
            }
            self.start += length;
        }
        Ok(true)
    }
}

impl AsFd for GroupClient {
    /// For waiting with others; readable does not mean that a whole event is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
