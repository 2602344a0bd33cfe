//! Benchmarks beside the peers, and the inputs for them.

pub mod cib;
pub mod client;
pub mod failover;
pub mod ring;
pub mod run;
pub mod sys;
