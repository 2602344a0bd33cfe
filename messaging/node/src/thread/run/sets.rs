//! What the thread waits for: everything, or everything but the programs.
//!
//! Knows two sets of the kernel and who is in which; whether programs may speak is decided by the loop. Choosing a set
//! costs nothing, where taking programs out of one and into it again costs two calls and a second look a message.

use rustix::event::{Timespec, epoll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Numbers below this are the thread's own, others belong to programs.
pub const PROGRAMS: u64 = crate::groups::FIRST_NUMBER;

pub(super) struct Sets {
    ring: OwnedFd,
    /// With the programs, which the server of process groups adds and removes itself.
    all: Option<OwnedFd>,
}

impl Sets {
    /// `all` is the set in which programs are.
    ///
    /// # Errors
    /// When the kernel gives no set.
    pub fn new(all: Option<OwnedFd>) -> io::Result<Sets> {
        Ok(Sets { ring: epoll::create(epoll::CreateFlags::CLOEXEC)?, all })
    }

    fn both(&self) -> impl Iterator<Item = &OwnedFd> {
        std::iter::once(&self.ring).chain(&self.all)
    }

    /// Watches something of the ring for input.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch(&self, fd: impl AsFd, number: u64) -> io::Result<()> {
        for set in self.both() {
            epoll::add(set, fd.as_fd(), epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
        }
        Ok(())
    }

    /// Watches it no longer.
    pub fn forget(&self, fd: impl AsFd) {
        for set in self.both() {
            // Closing takes it out of the set as well; this only says so early.
            let _ = epoll::delete(set, fd.as_fd());
        }
    }

    /// Waits until something is there or the time is over.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub fn wait(
        &self,
        programs: bool,
        ready: &mut Vec<epoll::Event>,
        patience: Option<&Timespec>,
    ) -> io::Result<()> {
        ready.clear();
        let set = self.all.as_ref().filter(|_| programs).unwrap_or(&self.ring);
        match epoll::wait(set, rustix::buffer::spare_capacity(ready), patience) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
