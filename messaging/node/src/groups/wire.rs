//! The bytes of process groups: between a program and its node, and between the nodes.
//!
//! Sans-io. Every length is checked against what is there before anything is taken.

use super::{MAX_MESSAGE, MAX_NAME};

/// Version of the local socket's frames.
pub const VERSION: u8 = 1;
/// Longest frame in either direction, its head included.
pub const MAX_FRAME: usize = holdfast_totem::config::MAX_MESSAGE + 1024;
/// Bytes before a frame's body: length of the body, kind, handle.
pub const HEAD: usize = 7;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    #[error("a frame ends too early")]
    Short,
    #[error("frame kind {0} is not known")]
    Kind(u8),
    #[error("a group name has 1 to {MAX_NAME} bytes of text")]
    Name,
    #[error("bytes follow the end")]
    Trailing,
}

/// What a program says. `handle` is its own short number for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToNode<'a> {
    Hello {
        version: u8,
    },
    Join {
        handle: u16,
        group: &'a str,
    },
    Leave {
        handle: u16,
    },
    /// One message; `safe` waits until all members have it.
    Send {
        handle: u16,
        safe: bool,
        payload: &'a [u8],
    },
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToProgram<'a> {
    Welcome {
        version: u8,
        node: u32,
    },
    /// Messages of one sender, each with four bytes of length before it; see [`Messages`].
    Messages {
        handle: u16,
        node: u32,
        pid: u32,
        batch: &'a [u8],
    },
    /// Members of a group after a change, with those that came and went.
    Changed {
        handle: u16,
        members: Vec<(u32, u32)>,
        joined: Vec<(u32, u32, u8)>,
        left: Vec<(u32, u32, u8)>,
    },
    /// Something was refused.
    Refused {
        handle: u16,
        why: &'a str,
    },
}

/// Takes bytes from the front of a slice.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(front)
    }

    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.bytes(1)?[0])
    }

    pub fn u16(&mut self) -> Result<u16, WireError> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    pub fn u32(&mut self) -> Result<u32, WireError> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub fn name(&mut self) -> Result<&'a str, WireError> {
        let length = usize::from(self.u8()?);
        let name = std::str::from_utf8(self.bytes(length)?).map_err(|_| WireError::Name)?;
        check_name(name)?;
        Ok(name)
    }

    pub fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }

    fn rows(&mut self, reason: bool) -> Result<Vec<(u32, u32, u8)>, WireError> {
        let count = self.u32()? as usize;
        let size = if reason { 9 } else { 8 };
        if count.checked_mul(size).is_none_or(|bytes| bytes > self.0.len()) {
            return Err(WireError::Short);
        }
        (0..count).map(|_| Ok((self.u32()?, self.u32()?, if reason { self.u8()? } else { 0 }))).collect()
    }
}

/// Whether a text can name a group.
///
/// # Errors
/// When it is empty or too long.
pub fn check_name(name: &str) -> Result<(), WireError> {
    if name.is_empty() || name.len() > MAX_NAME { Err(WireError::Name) } else { Ok(()) }
}

/// The length of the first frame in a buffer with its head, when its length is known.
///
/// # Errors
/// When it is longer than any frame.
pub fn frame_length(buffer: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = (u32::from_le_bytes(*head) as usize).saturating_add(HEAD);
    if length > MAX_FRAME { Err(WireError::TooLong(length)) } else { Ok(Some(length)) }
}

fn put_head(into: &mut Vec<u8>, kind: u8, handle: u16, body: usize) {
    into.extend_from_slice(&u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes());
    into.push(kind);
    into.extend_from_slice(&handle.to_le_bytes());
}

impl<'a> ToNode<'a> {
    /// Reads one whole frame.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(frame: &'a [u8]) -> Result<ToNode<'a>, WireError> {
        let mut reader = Reader(frame);
        reader.u32()?;
        let (kind, handle) = (reader.u8()?, reader.u16()?);
        let decoded = match kind {
            1 => ToNode::Hello { version: reader.u8()? },
            2 => ToNode::Join { handle, group: reader.name()? },
            3 => ToNode::Leave { handle },
            4 | 5 => {
                let payload = reader.bytes(reader.0.len())?;
                if payload.len() > MAX_MESSAGE {
                    return Err(WireError::TooLong(payload.len()));
                }
                ToNode::Send { handle, safe: kind == 5, payload }
            }
            other => return Err(WireError::Kind(other)),
        };
        reader.end()?;
        Ok(decoded)
    }

    /// Appends the frame.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            ToNode::Hello { version } => {
                put_head(into, 1, 0, 1);
                into.push(*version);
            }
            ToNode::Join { handle, group } => {
                put_head(into, 2, *handle, group.len() + 1);
                put_name(into, group);
            }
            ToNode::Leave { handle } => put_head(into, 3, *handle, 0),
            ToNode::Send { handle, safe, payload } => {
                put_head(into, if *safe { 5 } else { 4 }, *handle, payload.len());
                into.extend_from_slice(payload);
            }
        }
    }
}

fn put_name(into: &mut Vec<u8>, name: &str) {
    // Names are checked where they come in.
    into.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    into.extend_from_slice(name.as_bytes());
}

impl<'a> ToProgram<'a> {
    /// Reads one whole frame.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(frame: &'a [u8]) -> Result<ToProgram<'a>, WireError> {
        let mut reader = Reader(frame);
        reader.u32()?;
        let (kind, handle) = (reader.u8()?, reader.u16()?);
        let decoded = match kind {
            1 => ToProgram::Welcome { version: reader.u8()?, node: reader.u32()? },
            2 => ToProgram::Messages {
                handle,
                node: reader.u32()?,
                pid: reader.u32()?,
                batch: reader.bytes(reader.0.len())?,
            },
            3 => ToProgram::Changed {
                handle,
                members: reader.rows(false)?.into_iter().map(|(node, pid, _)| (node, pid)).collect(),
                joined: reader.rows(true)?,
                left: reader.rows(true)?,
            },
            4 => {
                let text = std::str::from_utf8(reader.bytes(reader.0.len())?).map_err(|_| WireError::Name)?;
                ToProgram::Refused { handle, why: text }
            }
            other => return Err(WireError::Kind(other)),
        };
        reader.end()?;
        Ok(decoded)
    }

    /// Appends the frame.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            ToProgram::Welcome { version, node } => {
                put_head(into, 1, 0, 5);
                into.push(*version);
                into.extend_from_slice(&node.to_le_bytes());
            }
            ToProgram::Messages { handle, node, pid, batch } => {
                put_head(into, 2, *handle, 8 + batch.len());
                into.extend_from_slice(&node.to_le_bytes());
                into.extend_from_slice(&pid.to_le_bytes());
                into.extend_from_slice(batch);
            }
            ToProgram::Changed { handle, members, joined, left } => {
                let body = 12 + members.len() * 8 + (joined.len() + left.len()) * 9;
                put_head(into, 3, *handle, body);
                put_count(into, members.len());
                for (node, pid) in members {
                    into.extend_from_slice(&node.to_le_bytes());
                    into.extend_from_slice(&pid.to_le_bytes());
                }
                for rows in [joined, left] {
                    put_count(into, rows.len());
                    for (node, pid, reason) in rows {
                        into.extend_from_slice(&node.to_le_bytes());
                        into.extend_from_slice(&pid.to_le_bytes());
                        into.push(*reason);
                    }
                }
            }
            ToProgram::Refused { handle, why } => {
                put_head(into, 4, *handle, why.len());
                into.extend_from_slice(why.as_bytes());
            }
        }
    }
}

fn put_count(into: &mut Vec<u8>, count: usize) {
    into.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// What nodes tell each other about groups, in the ring's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between<'a> {
    /// Messages of one program, each with four bytes of length before it.
    Batch {
        group: &'a str,
        pid: u32,
        batch: &'a [u8],
    },
    Join {
        group: &'a str,
        pid: u32,
    },
    /// `reason` as in [`super::Reason`].
    Leave {
        group: &'a str,
        pid: u32,
        reason: u8,
    },
    /// All members of the sending node, after a change of the ring.
    Announce(Vec<(&'a str, u32)>),
    /// A program of the sender does not keep up: hold (or go on with) taking messages from programs.
    Hold(bool),
}

impl<'a> Between<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(bytes: &'a [u8]) -> Result<Between<'a>, WireError> {
        let mut reader = Reader(bytes);
        let decoded = match reader.u8()? {
            1 => {
                let (group, pid) = (reader.name()?, reader.u32()?);
                let batch = reader.bytes(reader.0.len())?;
                Messages(batch).check()?;
                Between::Batch { group, pid, batch }
            }
            2 => Between::Join { group: reader.name()?, pid: reader.u32()? },
            3 => Between::Leave { group: reader.name()?, pid: reader.u32()?, reason: reader.u8()? },
            4 => {
                let mut rows = Vec::new();
                while !reader.0.is_empty() {
                    rows.push((reader.name()?, reader.u32()?));
                }
                Between::Announce(rows)
            }
            5 => Between::Hold(reader.u8()? != 0),
            other => return Err(WireError::Kind(other)),
        };
        reader.end()?;
        Ok(decoded)
    }

    /// Appends it.
    pub fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Between::Batch { group, pid, batch } => {
                put_batch_head(into, group, *pid);
                into.extend_from_slice(batch);
            }
            Between::Join { group, pid } => {
                into.push(2);
                put_name(into, group);
                into.extend_from_slice(&pid.to_le_bytes());
            }
            Between::Leave { group, pid, reason } => {
                into.push(3);
                put_name(into, group);
                into.extend_from_slice(&pid.to_le_bytes());
                into.push(*reason);
            }
            Between::Announce(rows) => {
                into.push(4);
                for (group, pid) in rows {
                    put_name(into, group);
                    into.extend_from_slice(&pid.to_le_bytes());
                }
            }
            Between::Hold(on) => into.extend_from_slice(&[5, u8::from(*on)]),
        }
    }
}

/// The front of a [`Between::Batch`]; messages are appended with [`put_message`].
pub fn put_batch_head(into: &mut Vec<u8>, group: &str, pid: u32) {
    into.push(1);
    put_name(into, group);
    into.extend_from_slice(&pid.to_le_bytes());
}

/// Appends one message to a batch.
pub fn put_message(into: &mut Vec<u8>, payload: &[u8]) {
    put_count(into, payload.len());
    into.extend_from_slice(payload);
}

/// The single messages of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Messages<'a> {
    /// Whether the lengths fit exactly.
    pub(crate) fn check(self) -> Result<(), WireError> {
        let mut rest = self;
        while rest.next().is_some() {}
        if rest.0.is_empty() { Ok(()) } else { Err(WireError::Short) }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    /// Ends early where a length does not fit.
    fn next(&mut self) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*head) as usize)?;
        self.0 = rest;
        Some(message)
    }
}
