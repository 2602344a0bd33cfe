//! Transient attributes of the running cluster: they live in memory, the local node is asked by name.

use holdfast_api::attribute::{
    AttributeKind, AttributeName, AttributeNodes, AttributeRequest, AttributeUpdate, AttributeWait,
};
use holdfast_api::node::NodeRequest;
use holdfast_api::{Reply, Request};
use holdfast_client::{ClientError, ask};

use super::{Task, show};
use crate::arguments::Parsed;
use crate::cib_source::CibError;
use crate::exit;
use crate::output::{Failure, Output};

const PROGRAM: &str = "crm_attribute";

fn failed(error: ClientError) -> Failure {
    let error = CibError::from(error);
    error.explain(true);
    error.failure("Error performing operation")
}

/// The name of the node this runs on.
pub(super) fn local_node() -> Result<String, Failure> {
    match ask(PROGRAM, Request::Node(NodeRequest::Local)).map_err(failed)? {
        Reply::Node(node) => Ok(node.name),
        _ => Err(Failure::new(exit::PROTOCOL, "the cluster did not tell the name of this node")),
    }
}

pub(super) fn carry_out(
    task: &Task<'_>,
    node: &str,
    utilization: bool,
    parsed: &Parsed,
    output: &mut Output,
) -> Result<i32, Failure> {
    let name = task.name.clone().unwrap_or_default();
    match task.command {
        "update" => {
            let exact = AttributeName::Exact(name);
            let update = AttributeUpdate {
                name: task
                    .pattern
                    .as_ref()
                    .map_or(exact, |pattern| AttributeName::Pattern(pattern.as_str().to_owned())),
                node: Some(node.to_owned()),
                value: task.value.map(str::to_owned),
                dampen_ms: None,
                set: parsed.value("set-name").map(str::to_owned),
                kind: if utilization { AttributeKind::Utilization } else { AttributeKind::Instance },
                private: false,
                wait: wait(parsed.value("wait"))?,
            };
            ask(PROGRAM, Request::Attribute(AttributeRequest::Update(update))).map_err(failed)?;
        }
        "delete" => {
            let names = match &task.pattern {
                None => vec![name],
                Some(_) => values(task, node)?.into_iter().map(|(name, _)| name).collect(),
            };
            for name in names {
                let delete = AttributeRequest::Delete { name, node: Some(node.to_owned()) };
                ask(PROGRAM, Request::Attribute(delete)).map_err(failed)?;
            }
        }
        _ => {
            let found = values(task, node)?;
            if found.is_empty() {
                let Some(default) = task.default else {
                    return Err(Failure::new(
                        exit::NO_SUCH,
                        "Error performing operation: No such device or address",
                    ));
                };
                show(output, task, &name, Some(default));
            }
            for (name, value) in found {
                show(output, task, &name, Some(&value));
            }
        }
    }
    Ok(exit::OK)
}

fn wait(value: Option<&str>) -> Result<AttributeWait, Failure> {
    match value {
        None | Some("no") => Ok(AttributeWait::No),
        Some("local") => Ok(AttributeWait::Local),
        Some("cluster") => Ok(AttributeWait::Cluster),
        Some(_) => Err(Failure::usage("--wait= must be one of 'no', 'local', 'cluster'")),
    }
}

fn values(task: &Task<'_>, node: &str) -> Result<Vec<(String, String)>, Failure> {
    let name = if task.pattern.is_some() { None } else { task.name.clone() };
    let query = AttributeRequest::Query { name, nodes: AttributeNodes::Named(node.to_owned()) };
    let all = match ask(PROGRAM, Request::Attribute(query)) {
        Ok(Reply::Attributes(all)) => all,
        Ok(_) => Vec::new(),
        Err(error) if error.exit_status() == exit::NO_SUCH => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    Ok(all
        .into_iter()
        .filter(|value| task.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&value.name)))
        .filter_map(|value| value.value.map(|text| (value.name, text)))
        .collect())
}
