//! tokio around the core: agents, disk, local socket, watchdog, D-Bus, clock.
//! Takes no decision: whatever depends on the state of the cluster is decided in `holdfast_core`.

mod alert;
mod clock;
pub mod command;
pub mod disk;
pub mod driver;
pub mod executor;
pub mod guard;
mod log;
mod notify;
pub mod paths;
mod planner;
pub mod ring_requests;
mod run;
pub mod server;
pub mod sys;
pub mod users;
mod watchdog;

pub use run::agent_machine as machine;
