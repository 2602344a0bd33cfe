//! What the server of process groups counts, and the bytes of one program with their frames. For people only.

use super::wire;

/// Messages sent by this node and received by it, its own included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    pub sent: u64,
    pub received: u64,
}

/// Ordered messages of process groups by what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupMessages {
    pub joins: Pair,
    pub leaves: Pair,
    /// All members of one node, after a change of the ring.
    pub lists: Pair,
    /// Messages of programs; those that travel together count once.
    pub batches: Pair,
}

/// One connected program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Service of corosync whose work is done; `None` for all of them.
    pub service: Option<u16>,
    pub pid: u32,
    /// Of this connection.
    pub id: u64,
    /// Frames that it sent, and those that made no sense.
    pub requests: u64,
    pub invalid: u64,
    /// Frames that answered it, and those that it got unasked.
    pub responses: u64,
    pub dispatched: u64,
    /// Frames that wait for it.
    pub queued: u64,
    /// It does not take them.
    pub stuck: bool,
    /// Reads that found nothing, and writes that found no room.
    pub read_again: u64,
    pub write_again: u64,
    /// Programs are asked to hold now, and how often that was since it came.
    pub held: bool,
    pub holds: u64,
    /// What was not told or not answered because too much was waiting.
    pub overload: u64,
}

/// Bytes with a front that is taken away.
#[derive(Default)]
pub(super) struct Buffer {
    pub bytes: Vec<u8>,
    start: usize,
    /// Where a frame begins, at the front or before it.
    frame: usize,
}

impl Buffer {
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn took(&mut self, count: usize) {
        self.start += count;
        if self.start == self.bytes.len() {
            (self.start, self.frame) = (0, 0);
            // Memory of a burst is given back.
            if self.bytes.capacity() > 1 << 20 {
                self.bytes = Vec::new();
            } else {
                self.bytes.clear();
            }
        } else if self.start > 1 << 20 {
            // A frame that was begun stays whole, so that frames can be told apart.
            self.frame = self.front();
            self.bytes.drain(..self.frame);
            self.start -= self.frame;
            self.frame = 0;
        }
    }

    /// Ends of the frames from `from` on, as far as they are here.
    fn ends(&self, from: usize) -> impl Iterator<Item = usize> {
        let next = |at: usize| match wire::frame_length(self.bytes.get(at..)?) {
            Ok(Some(length)) => at.checked_add(length).filter(|end| *end <= self.bytes.len()),
            _ => None,
        };
        std::iter::successors(next(from), move |at| next(*at))
    }

    /// Where the frame at the front begins.
    fn front(&self) -> usize {
        self.ends(self.frame).take_while(|end| *end <= self.start).last().unwrap_or(self.frame)
    }

    /// Frames that were not taken whole.
    pub fn frames_waiting(&self) -> u64 {
        self.ends(self.front()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_were_begun_wait_until_they_are_whole() {
        let mut buffer = Buffer::default();
        for size in [10, 600_000, 700_000, 5] {
            let batch = vec![0; size];
            wire::ToProgram::Messages { handle: 1, node: 1, pid: 1, batch: &batch }.encode(&mut buffer.bytes);
        }
        let whole = buffer.bytes.clone();
        let mut waiting = Vec::new();
        let mut taken = 0;
        for step in [5, 100_000, 550_000, 500_000] {
            assert_eq!(buffer.waiting(), &whole[taken..]);
            buffer.took(step);
            taken += step;
            waiting.push(buffer.frames_waiting());
        }
        assert_eq!(waiting, [4, 3, 2, 2]);
        buffer.took(buffer.len());
        assert_eq!((buffer.len(), buffer.frames_waiting()), (0, 0));
    }
}
