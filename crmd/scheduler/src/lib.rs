//! Pure scheduler: snapshot and time in, transition graph and every reason for it out.
//!
//! Passes, each reading the earlier ones and never altering them: [`facts`] -> constraints -> assign -> actions ->
//! order -> [`graph`]. No XML, no clock, no reference counting between tables: typed indices and vectors.

mod actions;
pub mod assign;
pub mod constraints;
pub mod facts;
pub mod graph;
pub mod index;
mod order;
pub mod schedule;
pub mod simulate;
mod summary;
