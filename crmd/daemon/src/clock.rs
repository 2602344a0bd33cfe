//! The clocks of the machine as the cores count them.

use holdfast_totem::time::{Instant, Now, Wall};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Both clocks, now. The monotonic one goes on while the machine sleeps, like the ring's.
#[must_use]
pub fn now() -> Now {
    let wall = micros(clock_gettime(ClockId::Realtime));
    Now::new(Instant(micros(clock_gettime(ClockId::Boottime))), Wall(i64::try_from(wall).unwrap_or(i64::MAX)))
}

fn micros(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default() / 1000
}
