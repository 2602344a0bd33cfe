//! N nodes in one process on virtual time, from one seed. `chance` and `net` are shared; `ring` runs rings alone.

pub mod chance;
pub mod net;
pub mod ring;
