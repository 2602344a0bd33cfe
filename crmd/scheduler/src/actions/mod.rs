//! Actions: what has to be done so that resources get where they shall be.
//!
//! Knows which actions exist, which are required and which can run. Numbers follow creation, so the order of passes
//! here is fixed. Does not know placement (`assign`) nor how the graph is written (`graph`).

mod collective;
pub(crate) mod create;
pub(crate) mod digests;
mod fencing;
pub(crate) mod kinds;
mod migration;
mod notify;
pub(crate) mod plan;
mod primitive;
mod probes;
mod recurring;
mod remote;
mod stages;
pub(crate) mod sums;

pub use stages::early_notices;
pub(crate) use stages::make_plan;
