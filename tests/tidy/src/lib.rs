//! House rules checked by a test: dependency arrows, file lengths, banned words.
//!
//! Knows the table of `ARCHITECTURE.md` ("Who may know whom") and reads `cargo metadata` and the tracked files.
//! Does not know what any crate does.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod files;
