//! Whole nodes (ring and cluster core) in one process on virtual time: world, faults, checkers, seeds.
//!
//! `rings` is the real ring on a simulated network, `medium` a perfect one without packets (for finding faults of the
//! core fast), `agents` the physical truth that checkers look at, `plain` a planner of a few lines beside the real
//! scheduler.

pub mod agents;
pub mod checks;
pub mod disk;
pub mod faults;
pub mod medium;
pub mod plain;
pub mod rings;
pub mod run;
pub mod sabotage;
pub mod scenario;
pub mod world;

#[cfg(test)]
mod tests;
