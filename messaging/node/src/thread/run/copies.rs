//! When this process may have a copy that goes on from the same state: after a pause, and when the kernel says that the
//! machine was restored from a snapshot. Decides nothing about the ring.

use std::io;

use super::{DEVICES, Driver, clock};
use crate::sys;
use holdfast_totem::io::Input;
use holdfast_totem::time::Span;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::event::epoll;

/// Waking up later than this is a pause in which the process may have been copied with its memory.
const PAUSE: Span = Span::millis(100);

impl Driver {
    /// Before anything else that a wait brought: a restored machine ends its run; after a pause the counters of the
    /// seals are moved on by what the system draws now, so that no copy seals with them.
    pub(super) fn notice_copies(&mut self, ready: &[epoll::Event]) -> io::Result<()> {
        let now = clock();
        let told = ready.iter().any(|event| event.data.u64() == DEVICES);
        if told && self.devices.as_ref().is_some_and(sys::is_restored) {
            self.ring.handle(now, Input::Restored);
            self.drain_outputs(now);
        } else if self.ring.deadline().is_some_and(|(due, _)| now.mono.since(due) >= PAUSE) {
            let mut fresh = [0; 8];
            let drawn = SystemRandom::new().fill(&mut fresh);
            drawn.map_err(|_| io::Error::other("the system gives no random bytes"))?;
            let chance = u64::from_ne_bytes(fresh);
            if let Some(witness) = &mut self.witness {
                witness.resumed(chance);
            }
            self.ring.handle(now, Input::Resumed { chance });
        }
        Ok(())
    }
}
