//! Facts: the validated document as index tables.
//!
//! Knows how configuration and history become nodes, resources, roles and failures.
//! Does not know where anything should run.

mod lookup;
mod types;

pub use lookup::compare_names;
pub use types::*;
