//! One node, sans-io: view and DC, CIB replica, transition engine, operations, attributes, fencing policy.
//!
//! Everything that a node decides is decided here, as a function of inputs in order. Knows no clock, socket, disk,
//! process or random source: [`Node::handle`] takes what happened, [`Node::poll`] gives what is to be done,
//! [`Node::deadline`] says when to be woken.

mod alerts;
mod cib;
mod engine;
mod fencing;
pub mod io;
mod local;
pub mod message;
mod node;
mod options;
mod pattern;
pub mod plan;
pub mod random;
pub mod record;
pub mod settings;
pub mod state;

/// Time as the ring counts it.
pub use holdfast_totem::time;

pub use io::{
    AgentFacts, Alert, CallId, ClientId, Exit, Input, Operation, Outcome, OutcomeStatus, Output, Severity,
    Ticket,
};
pub use node::{Inspection, Node};
pub use plan::{Plan, Planned, Snapshot};
pub use record::{Record, Recovered};
pub use settings::{ConfiguredNode, Identity, Settings};
