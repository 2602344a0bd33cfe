//! The ring beside Debian's corosync: both in network namespaces of one machine, in the same minutes, with programs of
//! the same pattern.
//!
//! Knows how to build a small network, start either stack in it and count what programs see. Knows nothing of how
//! either stack works inside.

pub mod cluster;
pub mod lab;
pub mod measure;
pub mod membership;
pub mod report;
pub mod soak;
pub mod stack;
