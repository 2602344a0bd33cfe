//! The situations of the old tutorials, one test each.

// The helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod common;
mod corosync;
mod failures;
mod heartbeat;
mod refusals;
mod tutorial;
