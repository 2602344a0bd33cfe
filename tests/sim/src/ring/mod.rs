//! Rings without anything above them: world, faults, checkers, seed runner.

pub mod checker;
pub mod faults;
pub mod run;
pub mod sabotage;
#[cfg(test)]
mod tests;
pub mod world;
