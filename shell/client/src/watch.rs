//! The same connection inside a runtime, for programs that also watch a terminal or a clock.

use std::collections::VecDeque;
use std::path::Path;

use holdfast_api::frame::encode;
use holdfast_api::{ClientFrame, Event, FrameReader, Hello, Reply, Request, ServerFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::error::ClientError;
use crate::socket;

/// A connection to the local node inside a tokio runtime.
#[derive(Debug)]
pub struct AsyncConnection {
    stream: UnixStream,
    reader: FrameReader,
    events: VecDeque<Event>,
    next: u64,
}

impl AsyncConnection {
    /// Connects to the usual socket.
    ///
    /// # Errors
    /// As [`crate::Connection::open`].
    pub async fn open(program: &str) -> Result<Self, ClientError> {
        Self::open_at(&socket::socket_path(), program).await
    }

    /// Connects to a socket by path.
    ///
    /// # Errors
    /// As [`crate::Connection::open`].
    pub async fn open_at(path: &Path, program: &str) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).await.map_err(|error| socket::refused(path, error))?;
        socket::check_server(path, &stream)?;
        let mut connection = Self { stream, reader: FrameReader::new(), events: VecDeque::new(), next: 1 };
        connection.stream.write_all(&encode(&Hello::new(program))?).await?;
        loop {
            if let Some(hello) = connection.reader.next_value::<Hello>()? {
                hello.check()?;
                return Ok(connection);
            }
            connection.fill().await?;
        }
    }

    /// Asks and waits for the answer; bound it with `tokio::time::timeout`.
    ///
    /// # Errors
    /// A broken connection or a refusal.
    pub async fn request(&mut self, request: Request) -> Result<Reply, ClientError> {
        let id = self.next;
        self.next += 1;
        self.stream.write_all(&encode(&ClientFrame { id, request })?).await?;
        loop {
            while let Some(frame) = self.reader.next_value::<ServerFrame>()? {
                match frame {
                    ServerFrame::Reply { id: answered, reply } if answered == id => {
                        return match reply {
                            Reply::Failed(failure) => Err(failure.into()),
                            reply => Ok(reply),
                        };
                    }
                    ServerFrame::Reply { .. } => {}
                    ServerFrame::Event(event) => self.events.push_back(event),
                }
            }
            self.fill().await?;
        }
    }

    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next_event(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            while let Some(frame) = self.reader.next_value::<ServerFrame>()? {
                if let ServerFrame::Event(event) = frame {
                    self.events.push_back(event);
                }
            }
            if self.events.is_empty() {
                self.fill().await?;
            }
        }
    }

    async fn fill(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(ClientError::Closed);
        }
        self.reader.push(&buffer[..count]);
        Ok(())
    }
}
