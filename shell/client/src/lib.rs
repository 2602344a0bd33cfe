//! Connects to the local socket, asks, watches.
//!
//! Knows where the socket lies, who may be behind it, and how requests, replies and events are matched. Does not know
//! what any request means.

mod blocking;
mod error;
mod socket;
mod watch;

pub use blocking::Connection;
pub use error::ClientError;
pub use socket::{RUN_DIR_VARIABLE, socket_path};
pub use watch::AsyncConnection;

use holdfast_api::{Reply, Request};

/// Connects, asks one question, and goes.
///
/// # Errors
/// As [`Connection::open`] and [`Connection::request`]; a refusal is an error too.
pub fn ask(program: &str, request: Request) -> Result<Reply, ClientError> {
    Connection::open(program)?.request(request)
}
