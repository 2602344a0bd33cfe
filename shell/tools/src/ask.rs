//! One question to the running cluster, for tools that need nothing else of it.

use crate::exit;
use crate::output::Failure;
use holdfast_api::{Reply, Request};

/// Asks this node's daemon.
///
/// # Errors
/// No daemon, or its refusal; the status is the tool's exit status.
pub fn cluster(program: &'static str, request: Request) -> Result<Reply, Failure> {
    match holdfast_client::ask(program, request) {
        Ok(Reply::Failed(failure)) => Err(Failure::new(exit::ERROR, failure.to_string())),
        Ok(reply) => Ok(reply),
        Err(error) => Err(Failure::new(error.exit_status(), error.to_string())),
    }
}

/// The failure of a reply that does not belong to the question.
pub fn other_kind() -> Failure {
    Failure::new(exit::PROTOCOL, "the cluster gave an answer of another kind")
}
