//! The situations of the old tutorials, one test each.

// The helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod agent_calls;
mod alerts;
mod bad_input;
mod common;
mod corosync;
mod demo;
mod failures;
mod fencing;
mod heartbeat;
mod heartbeat_tutorials;
mod operations;
mod packaging;
mod refusals;
mod restart;
mod ring;
mod shell;
mod shutdown;
mod split;
mod systemd;
mod tools;
mod tutorial;
mod watchdog;
mod witness;
