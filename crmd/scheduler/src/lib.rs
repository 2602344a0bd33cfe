//! Pure scheduler: snapshot and time in, transition graph and reasons out.

pub mod graph;
pub mod schedule;
