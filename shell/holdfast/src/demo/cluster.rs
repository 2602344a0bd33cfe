//! What the demonstration asks the nodes' daemons.
//!
//! Knows requests of the local socket.

use holdfast_api::cib::{CibOperation, Target};
use holdfast_api::cluster::{ClusterReply, ClusterRequest};
use holdfast_api::{CibRequest, NodeRequest, Reply, Request};
use holdfast_client::Connection;
use std::path::Path;
use std::time::Duration;

/// Program name in the daemons' logs.
const NAME: &str = "demo";

fn ask(socket: &Path, request: Request) -> Result<Reply, String> {
    let mut connection = Connection::open_at(socket, NAME).map_err(|e| e.to_string())?;
    connection.set_patience(Duration::from_secs(20));
    connection.request(request).map_err(|e| e.to_string())
}

/// How many nodes are members with their documents in step, as one node sees it; 0 when it does not answer.
pub fn members(socket: &Path) -> usize {
    match ask(socket, Request::Node(NodeRequest::List)) {
        Ok(Reply::Nodes(nodes)) => nodes.iter().filter(|n| n.member && n.ready).count(),
        _ => 0,
    }
}

/// Puts a configuration in place.
///
/// # Errors
/// The cluster's refusal.
pub fn load(socket: &Path, cib: &str) -> Result<(), String> {
    let document = holdfast_xml::Document::parse_default(cib).map_err(|e| e.to_string())?;
    let configuration = document.root().child("configuration").ok_or("the CIB has no configuration")?;
    let target = Target::Section("configuration".to_owned());
    let request = CibRequest::with_xml(CibOperation::Replace, target, configuration.to_string_compact());
    match ask(socket, Request::Cib(request))? {
        Reply::Failed(failure) => Err(format!("the configuration was refused: {failure:?}")),
        _ => Ok(()),
    }
}

/// Whether nothing is left to do within a moment.
pub fn idle(socket: &Path) -> bool {
    matches!(
        ask(socket, Request::Cluster(ClusterRequest::WaitIdle { timeout_ms: 2000 })),
        Ok(Reply::Cluster(ClusterReply::Idle))
    )
}
