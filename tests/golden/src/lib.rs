//! Data-driven cases: scheduler, tools, conversion.

pub mod heartbeat_root;
pub mod random_cib;
pub mod shared;
