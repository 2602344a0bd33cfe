//! Which counters of one sender were seen: a sliding bitmap. Knows nothing of keys; asked before opening, told after.

/// Width of the window in datagrams.
pub const WINDOW: u64 = 16_384;
const WORDS: usize = (WINDOW / 64) as usize;

/// Counters seen of one sender and boot.
#[derive(Clone)]
pub struct ReplayWindow {
    /// One more than the highest counter seen.
    next: u64,
    seen: Box<[u64; WORDS]>,
}

impl std::fmt::Debug for ReplayWindow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReplayWindow(next {})", self.next)
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { next: 0, seen: Box::new([0; WORDS]) }
    }
}

impl ReplayWindow {
    fn place(counter: u64) -> (usize, u64) {
        let bit = counter % WINDOW;
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }

    /// Whether this counter is neither seen nor too old.
    pub fn is_new(&self, counter: u64) -> bool {
        if counter >= self.next {
            return counter != u64::MAX;
        }
        if self.next - counter > WINDOW {
            return false;
        }
        let (word, bit) = Self::place(counter);
        self.seen[word] & bit == 0
    }

    /// Remembers a counter whose datagram was authentic.
    pub fn mark(&mut self, counter: u64) {
        if counter >= self.next {
            if counter - self.next >= WINDOW {
                self.seen.fill(0);
            } else {
                for skipped in self.next..counter {
                    let (word, bit) = Self::place(skipped);
                    self.seen[word] &= !bit;
                }
            }
            self.next = counter.saturating_add(1);
        }
        let (word, bit) = Self::place(counter);
        self.seen[word] |= bit;
    }
}

#[cfg(test)]
mod tests {
    use super::{ReplayWindow, WINDOW};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_counter_passes_once_and_old_ones_never() {
        let mut window = ReplayWindow::default();
        for counter in [0, 1, 5, 3, WINDOW, WINDOW + 7] {
            assert!(window.is_new(counter), "{counter}");
            window.mark(counter);
            assert!(!window.is_new(counter), "{counter} again");
        }
        assert!(!window.is_new(2), "older than the window");
        assert!(window.is_new(WINDOW + 6));
        window.mark(u64::MAX - 1);
        assert!(!window.is_new(WINDOW + 6));
        assert!(!window.is_new(u64::MAX), "the last counter is never used");
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in proptest::collection::vec(0_u64..40_000, 1..400)) {
            let (mut window, mut seen, mut highest) = (ReplayWindow::default(), BTreeSet::new(), 0);
            for counter in steps {
                let expected = !seen.contains(&counter) && counter + WINDOW > highest;
                prop_assert_eq!(window.is_new(counter), expected);
                if expected {
                    window.mark(counter);
                    seen.insert(counter);
                    highest = highest.max(counter);
                }
            }
        }
    }
}
