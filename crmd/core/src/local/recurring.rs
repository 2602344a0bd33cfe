//! One operation that repeats at its interval and is told again only when its result changes.

use super::{Purpose, Wanted};
use crate::io::CallId;
use crate::state::history::Ended;
use crate::time::{Instant, Span};

/// A recurring operation after its first run.
#[derive(Debug)]
pub struct Recurring {
    wanted: Wanted,
    call_id: i32,
    told: (i32, i32),
    /// When the told result came about; a later one is never dated earlier, whatever the clock does.
    told_at: i64,
    next: Instant,
    interval: Span,
}

impl Recurring {
    /// After the first run ended.
    pub fn new(mut wanted: Wanted, _first: CallId, ended: &Ended, now: Instant) -> Self {
        wanted.purpose = Purpose::Repeated;
        wanted.delay = Span::ZERO;
        let interval = Span::millis(wanted.operation.interval_ms.into());
        Self {
            wanted,
            call_id: ended.call_id,
            told: (ended.rc, ended.status),
            told_at: ended.changed_at,
            next: now + interval,
            interval,
        }
    }

    /// Whether it is this one.
    pub fn is(&self, operation: &str, interval_ms: u32) -> bool {
        self.wanted.operation.interval_ms == interval_ms && self.wanted.operation.operation == operation
    }

    /// When it runs next.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// A repetition begins.
    pub fn begin(&mut self) -> Wanted {
        self.wanted.clone()
    }

    /// A repetition ended; the result is returned when it differs from what was told.
    pub fn again(&mut self, mut ended: Ended, now: Instant) -> Option<Ended> {
        self.next = now + self.interval;
        if self.told == (ended.rc, ended.status) {
            return None;
        }
        self.told = (ended.rc, ended.status);
        self.told_at = ended.changed_at.max(self.told_at + 1);
        ended.changed_at = self.told_at;
        ended.call_id = self.call_id;
        Some(ended)
    }
}
