//! Sockets and thread around the ring; corosync.conf, authkey and keygen.
//!
//! Knows the machine and the files. Does not decide who is a member or what order messages have: that is the ring's.

pub mod admin;
pub mod config;
pub mod connections;
pub mod groups;
pub mod heuristics;
pub mod keys;
pub mod lines;
pub mod load;
pub mod machine;
pub mod runtime_map;
mod sys;
pub mod thread;
pub mod witness;

pub use thread::{Event, RingEvents, RingHandle, RingThread, Settings, StartError};
