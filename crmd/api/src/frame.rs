//! Frames on a byte stream: four bytes of length (little-endian), then one postcard value.
//!
//! Knows limits and versions; does not know sockets: bytes are pushed in and taken out.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Longest frame body, in bytes.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;
/// First bytes of every hello.
pub const MAGIC: [u8; 4] = *b"HFA1";
/// Major version: both sides must agree.
pub const MAJOR: u16 = 1;
/// Minor version: grows with every addition at the end of an enum.
pub const MINOR: u16 = 0;

/// First frame in each direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`MAJOR`] of the sender.
    pub major: u16,
    /// [`MINOR`] of the sender.
    pub minor: u16,
    /// Program that speaks, for logs and history records.
    pub program: String,
}

impl Hello {
    /// A hello of this version.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self { magic: MAGIC, major: MAJOR, minor: MINOR, program: program.to_owned() }
    }

    /// Whether the two sides can talk.
    ///
    /// # Errors
    /// [`FrameError::NotHoldfast`] or [`FrameError::Version`].
    pub fn check(&self) -> Result<(), FrameError> {
        if self.magic != MAGIC {
            Err(FrameError::NotHoldfast)
        } else if self.major != MAJOR {
            Err(FrameError::Version { theirs: self.major, ours: MAJOR })
        } else {
            Ok(())
        }
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length field or the value to be sent exceeds [`MAX_FRAME`].
    #[error("message of {0} bytes exceeds the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// The bytes do not decode as the expected value.
    #[error("message does not decode: {0}")]
    Malformed(String),
    /// The other side speaks another major version.
    #[error(
        "the other side speaks protocol version {theirs}, this program {ours}: use the tools of the running daemon"
    )]
    Version {
        /// Version of the peer.
        theirs: u16,
        /// Our version.
        ours: u16,
    },
    /// The other side is some other program.
    #[error("the other side of the socket is not holdfast")]
    NotHoldfast,
}

/// The bytes of one frame that carries `value`.
///
/// # Errors
/// [`FrameError::TooLong`] above the limit, [`FrameError::Malformed`] for a value that cannot be encoded.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes =
        postcard::to_extend(value, vec![0; 4]).map_err(|e| FrameError::Malformed(e.to_string()))?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?.to_le_bytes();
    bytes[..4].copy_from_slice(&prefix);
    Ok(bytes)
}

/// The value in a frame body; trailing bytes are refused.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    let (value, rest) = postcard::take_from_bytes(body).map_err(|e| FrameError::Malformed(e.to_string()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(FrameError::Malformed(format!("{} bytes follow the value", rest.len())))
    }
}

/// Cuts a byte stream into frames.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// An empty reader.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > 64 * 1024 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The body of the next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; the connection is then to be closed.
    pub fn next_body(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let waiting = &self.buffer[self.start..];
        let Some((prefix, rest)) = waiting.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let body = body.to_vec();
        self.start += 4 + length;
        Ok(Some(body))
    }

    /// The next value, or `None` until more bytes come.
    ///
    /// # Errors
    /// As [`FrameReader::next_body`] and [`decode`].
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.next_body()?.map(|body| decode(&body)).transpose()
    }

    /// Bytes that wait for the rest of their frame.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientFrame, Request, Topic};

    #[test]
    fn frames_survive_any_cut() {
        let frames: Vec<ClientFrame> = (0..4)
            .map(|id| ClientFrame { id, request: Request::Subscribe(vec![Topic::Cib, Topic::View]) })
            .collect();
        let bytes: Vec<u8> = frames.iter().flat_map(|f| encode(f).unwrap()).collect();
        for step in 1..bytes.len() {
            let mut reader = FrameReader::new();
            let mut seen = Vec::new();
            for piece in bytes.chunks(step) {
                reader.push(piece);
                while let Some(frame) = reader.next_value::<ClientFrame>().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames, "cut every {step} bytes");
            assert_eq!(reader.waiting(), 0);
        }
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let mut reader = FrameReader::new();
        reader.push(&u32::MAX.to_le_bytes());
        assert_eq!(reader.next_body(), Err(FrameError::TooLong(u32::MAX as usize)));
        assert!(matches!(decode::<ClientFrame>(&[1, 99, 99]), Err(FrameError::Malformed(_))));
        let mut bytes = encode(&ClientFrame { id: 1, request: Request::Subscribe(vec![]) }).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<ClientFrame>(&bytes[4..]), Err(FrameError::Malformed(_))));
    }

    #[test]
    fn hello_tells_versions_apart() {
        let mut hello = Hello::new("crm_mon");
        assert_eq!(hello.check(), Ok(()));
        hello.major = 9;
        assert_eq!(hello.check(), Err(FrameError::Version { theirs: 9, ours: MAJOR }));
        hello.magic = *b"HTTP";
        assert_eq!(hello.check(), Err(FrameError::NotHoldfast));
    }
}
