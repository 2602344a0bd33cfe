//! Facts: the validated document as index tables.
//!
//! Knows how configuration and history become nodes, resources, roles and failures.
//! Does not know where anything should run.

mod types;

pub use types::*;
