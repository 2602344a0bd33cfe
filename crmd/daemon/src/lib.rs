//! tokio around the core: agents, disk, local socket, watchdog, D-Bus, clock.
//! Takes no decision: whatever depends on the state of the cluster is decided in `holdfast_core`.

pub mod disk;
pub mod executor;
pub mod paths;
pub mod ring_requests;
pub mod sys;
pub mod users;
