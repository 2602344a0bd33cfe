//! From messages to frame payloads and back: many small messages share a frame, a large one spans several.
//! Knows neither numbers nor the wire around a payload.
//!
//! A payload is a list of chunks. Each has a u16 (little end first): 14 bits of length, then `MORE` (goes on in the
//! sender's next frame) and `REST` (goes on from its last frame). The first chunk of a message that goes on is
//! preceded by its whole length as u32. `REST` with length 0 ends the payload: what follows, or a single last byte,
//! is padding. Frames are filled to the last byte, so that a batch of them has equal sizes.

use std::collections::VecDeque;

use crate::bytes::Bytes;
use crate::config::MAX_MESSAGE;
use crate::io::Guarantee;
use crate::wire::codec::{Malformed, Reader, Write};
use crate::wire::frame::FrameKind;

const LENGTH: u16 = 0x3fff;
const MORE: u16 = 0x4000;
const REST: u16 = 0x8000;

#[derive(Clone, Debug)]
struct Pending {
    kind: FrameKind,
    payload: Bytes,
}

/// The send queue of a node.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    queue: VecDeque<Pending>,
    /// How much of the first message has gone out.
    offset: usize,
    bytes: usize,
}

impl Packer {
    /// Bytes waiting.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages waiting.
    pub fn messages(&self) -> usize {
        self.queue.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// About how many frames of this size wait.
    pub fn frames(&self, room: usize) -> u32 {
        let bytes = self.bytes + 2 * self.queue.len();
        u32::try_from(bytes.div_ceil(room.max(1))).unwrap_or(u32::MAX)
    }

    /// Adds an application message.
    pub fn push(&mut self, guarantee: Guarantee, payload: Bytes) {
        let kind = match guarantee {
            Guarantee::Agreed => FrameKind::Agreed,
            Guarantee::Safe => FrameKind::Safe,
        };
        self.bytes += payload.len();
        self.queue.push_back(Pending { kind, payload });
    }

    /// Adds a message of the ring to itself. It has to fit into one frame.
    pub fn push_control(&mut self, payload: Vec<u8>) {
        self.bytes += payload.len();
        let place = usize::from(self.offset > 0);
        self.queue.insert(place, Pending { kind: FrameKind::Control, payload: payload.into() });
    }

    /// A message that went out in part is sent from its start: the ring that had its first part is gone.
    pub fn restart(&mut self) {
        self.bytes += self.offset;
        self.offset = 0;
    }

    /// The next payload of at most `room` bytes.
    pub fn next_frame(&mut self, room: usize) -> Option<(FrameKind, Vec<u8>)> {
        let kind = self.queue.front()?.kind;
        let mut out = Vec::with_capacity(room);
        while let Some(first) = self.queue.front() {
            if first.kind != kind {
                break;
            }
            if kind == FrameKind::Control {
                if out.is_empty() {
                    out.put(&first.payload);
                    self.bytes -= first.payload.len();
                    self.queue.pop_front();
                }
                break;
            }
            let left = first.payload.len() - self.offset;
            let space = room - out.len();
            let rest = if self.offset > 0 { REST } else { 0 };
            if left + 2 <= space && left <= usize::from(LENGTH) {
                out.put_u16(u16::try_from(left).unwrap_or(LENGTH) | rest);
                out.put(&first.payload[self.offset..]);
                self.bytes -= left;
                self.offset = 0;
                self.queue.pop_front();
                continue;
            }
            let head = if rest == 0 { 6 } else { 2 };
            // A piece of a few bytes is not worth its head.
            let Some(piece) = space.checked_sub(head).filter(|p| *p >= 16) else {
                pad(&mut out, room);
                break;
            };
            let piece = piece.min(left - 1).min(usize::from(LENGTH));
            out.put_u16(u16::try_from(piece).unwrap_or(LENGTH) | MORE | rest);
            if rest == 0 {
                out.put_u32(u32::try_from(first.payload.len()).unwrap_or(u32::MAX));
            }
            out.put(&first.payload[self.offset..self.offset + piece]);
            self.offset += piece;
            self.bytes -= piece;
        }
        Some((kind, out))
    }
}

fn pad(out: &mut Vec<u8>, room: usize) {
    if out.len() + 2 <= room {
        out.put_u16(REST);
    }
    out.resize(room, 0);
}

/// Puts the messages of one sender together again.
#[derive(Clone, Debug, Default)]
pub struct Assembly {
    partial: Option<(usize, Vec<u8>)>,
}

impl Assembly {
    /// Forgets a message that will not be finished.
    pub fn clear(&mut self) {
        self.partial = None;
    }

    /// Takes a payload and hands out the messages that it completes, in order.
    pub fn unpack(&mut self, payload: &Bytes, mut message: impl FnMut(Bytes)) -> Result<(), Malformed> {
        let mut reader = Reader::new(payload);
        let mut at = 0;
        while at + 1 < payload.len() {
            let head = reader.u16()?;
            if head == REST {
                break;
            }
            at += 2;
            let length = usize::from(head & LENGTH);
            let (more, rest) = (head & MORE != 0, head & REST != 0);
            let mut whole = 0;
            if more && !rest {
                whole = usize::try_from(reader.u32()?).map_err(|_| Malformed::Limit)?;
                at += 4;
                if whole > MAX_MESSAGE {
                    return Err(Malformed::Limit);
                }
            }
            let piece = reader.take(length)?;
            match (more, rest, &mut self.partial) {
                (false, false, _) => {
                    self.partial = None;
                    message(payload.slice(at, at + length).ok_or(Malformed::Short)?);
                }
                (true, false, partial) => {
                    let mut bytes = Vec::with_capacity(whole);
                    bytes.put(piece);
                    *partial = Some((whole, bytes));
                }
                (more, true, Some((whole, bytes))) => {
                    bytes.put(piece);
                    if bytes.len() > *whole || (!more && bytes.len() != *whole) {
                        self.partial = None;
                        return Err(Malformed::Limit);
                    }
                    if !more {
                        let bytes = std::mem::take(bytes);
                        self.partial = None;
                        message(bytes.into());
                    }
                }
                // Its start was sent in a ring that we were not in.
                (_, true, None) => {}
            }
            at += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through(sizes: &[usize], room: usize) -> Vec<usize> {
        let (mut packer, mut assembly, mut got) = (Packer::default(), Assembly::default(), Vec::new());
        for (n, size) in sizes.iter().enumerate() {
            packer.push(Guarantee::Agreed, vec![n as u8; *size].into());
        }
        let mut expected = 0;
        while let Some((_, payload)) = packer.next_frame(room) {
            assert!(payload.len() <= room && !payload.is_empty());
            let take = |m: Bytes| {
                assert!(m.iter().all(|b| usize::from(*b) == expected % 256));
                expected += 1;
                got.push(m.len());
            };
            assembly.unpack(&payload.into(), take).unwrap();
        }
        assert_eq!(packer.bytes(), 0);
        got
    }

    #[test]
    fn messages_of_all_sizes_come_out_as_they_went_in() {
        let sizes = [0, 1, 64, 64, 1386, 1384, 1385, 5000, MAX_MESSAGE, 0, 7];
        assert_eq!(through(&sizes, 1386), sizes);
    }

    #[test]
    fn frames_are_filled() {
        let mut packer = Packer::default();
        for _ in 0..1_000 {
            packer.push(Guarantee::Agreed, vec![0; 64].into());
        }
        let mut lengths = Vec::new();
        while let Some((_, payload)) = packer.next_frame(1_386) {
            lengths.push(payload.len());
        }
        assert!(lengths.iter().rev().skip(1).all(|l| *l == 1_386), "{lengths:?}");
    }

    #[test]
    fn a_message_half_sent_is_sent_whole_in_the_next_ring() {
        let mut packer = Packer::default();
        packer.push(Guarantee::Safe, vec![5; 3_000].into());
        let (kind, first) = packer.next_frame(1_000).unwrap();
        assert_eq!(kind, FrameKind::Safe);
        packer.restart();
        assert_eq!(packer.bytes(), 3_000);
        let mut assembly = Assembly::default();
        assembly.unpack(&first.into(), |_| panic!("not whole yet")).unwrap();
        assembly.clear();
        let mut got = Vec::new();
        while let Some((_, payload)) = packer.next_frame(1_000) {
            assembly.unpack(&payload.into(), |m| got.push(m.len())).unwrap();
        }
        assert_eq!(got, [3_000]);
    }

    proptest! {
        #[test]
        fn any_sizes_fit(sizes in proptest::collection::vec(0_usize..4_000, 1..40), room in 64_usize..9_000) {
            prop_assert_eq!(through(&sizes, room), sizes);
        }

        #[test]
        fn arbitrary_payloads_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut assembly = Assembly::default();
            let bytes: Bytes = bytes.into();
            for _ in 0..3 {
                let _ = assembly.unpack(&bytes, |m| assert!(m.len() <= MAX_MESSAGE));
            }
        }
    }
}
