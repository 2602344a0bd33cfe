//! The frames of one ring, kept by number until every member is known to have them. A window over a deque: all
//! operations are O(1) but for looking for gaps. Knows no token and no delivery rule.

use std::collections::VecDeque;

use crate::bytes::Bytes;
use crate::id::NodeId;
use crate::wire::frame::FrameKind;

/// Most frames kept at a time.
pub const CAPACITY: u64 = 16_384;

/// A frame as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it carries.
    pub kind: FrameKind,
    /// Who made it.
    pub origin: NodeId,
    /// The packed messages.
    pub payload: Bytes,
}

/// What became of a frame that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// Kept.
    New,
    /// It was there, or was released already.
    Known,
    /// Too far ahead to be kept; it will be asked for again.
    TooFar,
}

/// Frames by number. Numbers start at 1.
#[derive(Clone, Debug)]
pub struct Store {
    /// The number of `slots[0]`.
    first: u64,
    slots: VecDeque<Option<Frame>>,
    aru: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self::starting_after(0)
    }
}

impl Store {
    /// An empty store whose first frame will be `last + 1`.
    pub fn starting_after(last: u64) -> Self {
        Self { first: last + 1, slots: VecDeque::new(), aru: last }
    }

    /// All received up to this number.
    pub fn aru(&self) -> u64 {
        self.aru
    }

    /// The highest number received.
    pub fn high(&self) -> u64 {
        self.first + self.slots.len() as u64 - 1
    }

    /// The lowest number still kept (or the next one, when empty).
    pub fn first(&self) -> u64 {
        self.first
    }

    fn place(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first)?).ok()
    }

    /// The frame of this number.
    pub fn get(&self, seq: u64) -> Option<&Frame> {
        self.slots.get(self.place(seq)?)?.as_ref()
    }

    /// Keeps a frame; `make` is called only when it is new.
    pub fn insert_with(&mut self, seq: u64, make: impl FnOnce() -> Frame) -> Inserted {
        let Some(place) = self.place(seq) else { return Inserted::Known };
        if place as u64 >= CAPACITY {
            return Inserted::TooFar;
        }
        if place >= self.slots.len() {
            self.slots.resize(place + 1, None);
        }
        if self.slots[place].is_some() {
            return Inserted::Known;
        }
        self.slots[place] = Some(make());
        while self.get(self.aru + 1).is_some() {
            self.aru += 1;
        }
        Inserted::New
    }

    /// Forgets the frames up to this number, none beyond the first gap.
    pub fn release(&mut self, upto: u64) {
        while self.first <= upto.min(self.aru) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Calls `report` with each run of missing frames (first, length) up to `last`, until it returns false.
    pub fn gaps(&self, last: u64, mut report: impl FnMut(u64, u64) -> bool) {
        let mut seq = self.aru + 1;
        while seq <= last {
            if self.get(seq).is_some() {
                seq += 1;
                continue;
            }
            let start = seq;
            while seq <= last && self.get(seq).is_none() {
                seq += 1;
            }
            if !report(start, seq - start) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame { kind: FrameKind::Agreed, origin: NodeId(1), payload: Bytes::default() }
    }

    fn gaps(store: &Store, last: u64) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        store.gaps(last, |first, count| {
            found.push((first, count));
            true
        });
        found
    }

    fn check(last: u64) {
        let mut store = Store::starting_after(last);
        assert_eq!((store.aru(), store.high()), (last, last));
        for n in [1, 2, 5, 6, 9] {
            assert_eq!(store.insert_with(last + n, frame), Inserted::New);
        }
        assert_eq!(store.insert_with(last + 5, frame), Inserted::Known);
        assert_eq!((store.aru(), store.high()), (last + 2, last + 9));
        assert_eq!(gaps(&store, last + 10), [(last + 3, 2), (last + 7, 2), (last + 10, 1)]);
        store.release(last + 7);
        assert_eq!(store.first(), last + 3, "nothing beyond the gap is released");
        assert_eq!(store.insert_with(last + 1, frame), Inserted::Known);
        store.insert_with(last + 4, frame);
        store.insert_with(last + 3, frame);
        assert_eq!(store.aru(), last + 6);
        store.release(last + 6);
        assert!(store.get(last + 6).is_none());
        assert_eq!(store.insert_with(last + 7 + CAPACITY, frame), Inserted::TooFar);
    }

    #[test]
    fn keeps_a_window_over_the_numbers() {
        check(0);
    }

    #[test]
    fn numbers_beyond_32_bits_are_ordinary() {
        check(u64::from(u32::MAX) - 4);
    }
}
