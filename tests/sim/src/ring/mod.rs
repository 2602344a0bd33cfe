//! Rings without anything above them: world, faults, schedules, checkers, seed runner, shrinking.

pub mod checker;
pub mod faults;
pub mod run;
pub mod sabotage;
pub mod schedule;
pub mod shrink;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod world;
