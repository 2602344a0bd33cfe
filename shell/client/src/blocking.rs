//! The plain connection of a command: no runtime, no thread.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use holdfast_api::frame::encode;
use holdfast_api::{ClientFrame, Event, FrameReader, Hello, Reply, Request, ServerFrame, Topic};

use crate::error::ClientError;
use crate::socket;

/// Longest wait for a reply unless told otherwise. Longer than the longest that the daemon itself lets a request wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// Events kept while a reply is awaited; older ones give way to [`Event::Lagged`].
const MAX_EVENTS: usize = 4096;

/// A connection to the local node.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    reader: FrameReader,
    events: VecDeque<Event>,
    next: u64,
    patience: Duration,
}

impl Connection {
    /// Connects to the usual socket. `program` names the tool in logs and history records.
    ///
    /// # Errors
    /// Nobody listens, the user may not, somebody else listens, or another version.
    pub fn open(program: &str) -> Result<Self, ClientError> {
        Self::open_at(&socket::socket_path(), program)
    }

    /// Connects to a socket by path.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open_at(path: &Path, program: &str) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).map_err(|error| socket::refused(path, error))?;
        socket::check_server(path, &stream)?;
        let mut connection =
            Self { stream, reader: FrameReader::new(), events: VecDeque::new(), next: 1, patience: PATIENCE };
        connection.send(&Hello::new(program))?;
        let deadline = Instant::now() + connection.patience;
        loop {
            if let Some(hello) = connection.reader.next_value::<Hello>()? {
                hello.check()?;
                return Ok(connection);
            }
            connection.fill(deadline)?;
        }
    }

    /// Sets how long a reply may take.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Asks and waits for the answer. Events that come meanwhile are kept for [`Connection::next_event`].
    ///
    /// # Errors
    /// A broken connection, no answer in time, or a refusal ([`ClientError::Refused`]).
    pub fn request(&mut self, request: Request) -> Result<Reply, ClientError> {
        let id = self.next;
        self.next += 1;
        self.send(&ClientFrame { id, request })?;
        let deadline = Instant::now() + self.patience;
        loop {
            while let Some(frame) = self.reader.next_value::<ServerFrame>()? {
                match frame {
                    ServerFrame::Reply { id: answered, reply } if answered == id => {
                        return match reply {
                            Reply::Failed(failure) => Err(failure.into()),
                            reply => Ok(reply),
                        };
                    }
                    // The answer to a request that was given up.
                    ServerFrame::Reply { .. } => {}
                    ServerFrame::Event(event) => self.keep(event),
                }
            }
            self.fill(deadline)?;
        }
    }

    /// Asks to be told of events from now on.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn subscribe(&mut self, topics: Vec<Topic>) -> Result<(), ClientError> {
        self.request(Request::Subscribe(topics)).map(|_| ())
    }

    /// The next event; `None` when none came in this time.
    ///
    /// # Errors
    /// A broken connection.
    pub fn next_event(&mut self, wait: Duration) -> Result<Option<Event>, ClientError> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            while let Some(frame) = self.reader.next_value::<ServerFrame>()? {
                if let ServerFrame::Event(event) = frame {
                    self.keep(event);
                }
            }
            if !self.events.is_empty() {
                continue;
            }
            match self.fill(deadline) {
                Ok(()) => {}
                Err(ClientError::Timeout { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.clear();
            self.events.push_back(Event::Lagged);
        }
        self.events.push_back(event);
    }

    fn send<T: serde::Serialize>(&mut self, value: &T) -> Result<(), ClientError> {
        let bytes = encode(value)?;
        self.stream.write_all(&bytes).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => ClientError::Closed,
            _ => ClientError::Lost(error),
        })
    }

    /// Reads once, at the latest until the deadline.
    fn fill(&mut self, deadline: Instant) -> Result<(), ClientError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = || ClientError::Timeout { seconds: self.patience.as_secs() };
        if left.is_zero() {
            return Err(timeout());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ClientError::Closed),
            Ok(count) => {
                self.reader.push(&buffer[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(timeout()),
                io::ErrorKind::ConnectionReset => Err(ClientError::Closed),
                _ => Err(ClientError::Lost(error)),
            },
        }
    }
}
