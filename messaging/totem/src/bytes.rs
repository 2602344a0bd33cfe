//! A shared, immutable piece of memory: received frames are kept once and every message in them is a window into it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A cheap-to-clone window into shared memory.
#[derive(Clone, Default)]
pub struct Bytes {
    memory: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Bytes {
    /// The window `start..end` of this window; `None` when it does not lie inside.
    pub fn slice(&self, start: usize, end: usize) -> Option<Self> {
        let (from, to) = (self.start.checked_add(start)?, self.start.checked_add(end)?);
        (from <= to && to <= self.end).then(|| Self {
            memory: Arc::clone(&self.memory),
            start: from,
            end: to,
        })
    }

    /// The bytes as a vector of their own; without a copy when nobody else looks at them.
    pub fn into_vec(self) -> Vec<u8> {
        if self.start == 0 && self.end == self.memory.len() {
            Arc::try_unwrap(self.memory).unwrap_or_else(|shared| shared.as_ref().clone())
        } else {
            self.to_vec()
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(memory: Vec<u8>) -> Self {
        let end = memory.len();
        Self { memory: Arc::new(memory), start: 0, end }
    }
}

impl From<&[u8]> for Bytes {
    fn from(memory: &[u8]) -> Self {
        memory.to_vec().into()
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn a_slice_is_a_window_and_never_reaches_outside() {
        let whole = Bytes::from(vec![1, 2, 3, 4, 5]);
        let part = whole.slice(1, 4).unwrap();
        assert_eq!(&part[..], &[2, 3, 4]);
        assert_eq!(&part.slice(1, 2).unwrap()[..], &[3]);
        assert!(part.slice(0, 4).is_none());
        assert!(part.slice(2, 1).is_none());
        assert!(part.slice(usize::MAX, usize::MAX).is_none());
        assert_eq!(part.into_vec(), vec![2, 3, 4]);
        assert_eq!(whole.into_vec(), vec![1, 2, 3, 4, 5]);
    }
}
