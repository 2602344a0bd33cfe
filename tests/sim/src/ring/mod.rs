//! Rings without anything above them: world, faults, checkers, seed runner.

pub mod checker;
pub mod faults;
pub mod run;
#[cfg(test)]
mod tests;
pub mod world;
