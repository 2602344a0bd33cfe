//! The daemon's end of the pipe to its guard. Writing never waits: a guard that does not read is no reason to stop.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// Tells the guard how the daemon is. Without a guard it tells nobody.
#[derive(Debug)]
pub struct Lifeline {
    guarded: bool,
}

impl Lifeline {
    /// `guarded`: standard output is the pipe to the guard.
    #[must_use]
    pub fn new(guarded: bool) -> Self {
        if guarded {
            // A full pipe drops words instead of stopping the daemon.
            let _ = rustix::io::ioctl_fionbio(std::io::stdout(), true);
        }
        Self { guarded }
    }

    /// The node takes part in the cluster now.
    pub fn ready(&self) {
        self.say("ready");
    }

    /// The core works.
    pub fn alive(&self) {
        self.say("alive");
    }

    /// How long a silence means nothing.
    pub fn patience(&self, time: Duration) {
        self.say(&format!("patience {}", time.as_millis()));
    }

    /// The watchdog device to be used.
    pub fn watchdog(&self, device: &Path, time: Duration) {
        self.say(&format!("watchdog {} {}", device.display(), time.as_millis()));
    }

    fn say(&self, word: &str) {
        if self.guarded {
            let _ = std::io::stdout().lock().write_all(format!("{word}\n").as_bytes());
        }
    }
}
