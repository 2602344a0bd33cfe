//! What a node keeps on disk: the document's journal and snapshots (durable), exports for old programs (when there is
//! time), and the journal of operations in flight (survives this process, not the machine).

pub mod document;
pub(crate) mod export;
pub mod in_flight;
pub(crate) mod inputs;
mod writer;

pub use writer::{Disk, Written};
