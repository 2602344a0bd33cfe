//! Data-driven cases: scheduler, tools, conversion.

pub mod heartbeat_root;
pub mod shared;
