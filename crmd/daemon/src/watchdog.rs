//! The watchdog device of the kernel: a machine whose device is not fed in time is reset.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use tracing::warn;

use crate::sys::watchdog as device;

/// An open device. From its opening on it has to be fed.
#[derive(Debug)]
pub struct Watchdog {
    file: File,
    timeout: Duration,
    failed: bool,
}

impl Watchdog {
    /// Opens and arms the device with a time-out (whole seconds, at least one).
    ///
    /// # Errors
    /// There is no such device, or somebody else has it.
    pub fn open(path: &str, timeout: Duration) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        let wanted = i32::try_from(timeout.as_secs().max(1)).unwrap_or(i32::MAX);
        let chosen = match device::set_timeout(file.as_fd(), wanted) {
            Ok(chosen) => chosen,
            Err(error) => {
                warn!("{path} keeps its own time-out: {error}");
                wanted
            }
        };
        let mut watchdog =
            Self { file, timeout: Duration::from_secs(u64::try_from(chosen).unwrap_or(1)), failed: false };
        watchdog.feed();
        Ok(watchdog)
    }

    /// The time-out that the device chose.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// All is well.
    pub fn feed(&mut self) {
        // Devices know one of two ways; some know both.
        let fed = device::keep_alive(self.file.as_fd()).or_else(|_| self.file.write_all(b"\0"));
        if let Err(error) = fed
            && !std::mem::replace(&mut self.failed, true)
        {
            warn!("the watchdog cannot be fed: {error}");
        }
    }

    /// Switches it off: the letter tells the driver that its closing is meant.
    pub fn disarm(mut self) {
        if let Err(error) = self.file.write_all(b"V") {
            warn!("the watchdog cannot be switched off, the machine may be reset: {error}");
        }
    }

    /// Leaves it armed and unfed: the machine will be reset.
    pub fn abandon(self) {
        drop(self.file);
    }
}
