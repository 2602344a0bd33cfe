//! Machines made of namespaces, on which the real executable runs.
//!
//! Knows processes, links, folders and how to wait for a condition. Does not know what a test wants to see.

mod cluster;
mod freezer;
pub mod heartbeat;
mod inside;
mod site;
mod spaces;
mod switch;
mod terminal;
mod wires;

pub use cluster::{Cluster, Said, executable};
pub use freezer::Freezer;
pub use inside::{beside, inside};
pub use site::Site;
pub use spaces::unshare;
pub use switch::Switch;
pub use terminal::Terminal;
pub use wires::Network;

use std::time::{Duration, Instant};

/// Waits in small steps until a look shows what is wanted, and returns it.
///
/// # Panics
/// When the time is over; the message holds what was last seen.
pub fn wait(what: &str, patience: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + patience;
    loop {
        let Err(seen) = look() else { return };
        assert!(Instant::now() < end, "waited {patience:?} for {what}; last seen:\n{seen}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
