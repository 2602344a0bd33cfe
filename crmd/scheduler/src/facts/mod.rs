//! Facts: the validated document as index tables.
//!
//! Knows how configuration and history become nodes, resources, roles and failures.
//! Does not know where anything should run.

pub mod digests;
pub mod failcount;
mod lookup;
pub mod names;
pub mod operations;
mod options;
mod query;
mod types;
mod unfencing;
mod unpack;

pub use lookup::compare_names;
pub use types::*;
pub use unpack::{compare_records, unpack};
