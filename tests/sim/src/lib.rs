//! N nodes in one process on virtual time, from one seed. `chance` and `net` are shared; `ring` runs rings alone,
//! `cluster` whole nodes.

pub mod chance;
pub mod cluster;
pub mod net;
pub mod ring;
