//! `crmadmin`: the decision maker, the state of a node's daemon, the nodes.

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::ask::other_kind;
use crate::exit;
use crate::output::{Failure, Output, run_tool};
use holdfast_api::cluster::{ClusterReply, ClusterRequest};
use holdfast_api::node::NodeKind;
use holdfast_api::{NodeRequest, Reply, Request};

const SYNTAX: Syntax = Syntax {
    name: "crmadmin",
    summary: "query and manage the Pacemaker controller",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                valued("status", Some('S'), "NODE", "Show the state of a node's daemon"),
                flag("dc_lookup", Some('D'), "Show the name of the decision maker"),
                valued("nodes", Some('N'), "TYPE", "Show the names of all nodes").optional(),
                flag("pacemakerd", Some('P'), "Show whether the daemon of this node runs"),
            ],
        },
        Group {
            heading: "Options:",
            options: &[
                valued("timeout", Some('t'), "MS", "Accepted; answers come at once"),
                flag("quiet", Some('q'), "Show the essential only"),
                flag("bash-export", Some('B'), "Show lines for a shell's export (with --nodes)"),
            ],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crmadmin)
}

fn ask(request: Request) -> Result<Reply, Failure> {
    crate::ask::cluster("crmadmin", request)
}

fn crmadmin(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let quiet = parsed.has("quiet");
    match parsed.last_of(&["status", "dc_lookup", "nodes", "pacemakerd"]) {
        Some(("dc_lookup", _)) => {
            let Reply::Cluster(ClusterReply::Dc(dc)) = ask(Request::Cluster(ClusterRequest::Dc))? else {
                return Err(other_kind());
            };
            let Some(dc) = dc else {
                return Err(Failure::new(
                    exit::NO_HOST,
                    "No Designated Controller: the cluster has not settled yet",
                ));
            };
            output.text(if quiet { format!("{dc}\n") } else { format!("Designated Controller is: {dc}\n") });
            output.element("dc", &[("node_name", &dc)]);
        }
        Some(("nodes", wanted)) => {
            let Reply::Nodes(nodes) = ask(Request::Node(NodeRequest::List))? else {
                return Err(other_kind());
            };
            output.open("nodes", &[]);
            for node in nodes {
                let kind = match node.kind {
                    NodeKind::Cluster => "cluster",
                    NodeKind::Remote => "remote",
                    NodeKind::Guest => "guest",
                };
                if wanted.is_some_and(|w| w != "all" && !w.split(',').any(|w| w == kind)) {
                    continue;
                }
                let id = node.id.to_string();
                output.text(if parsed.has("bash-export") {
                    format!("export {}={id}\n", node.name)
                } else if quiet {
                    format!("{}\n", node.name)
                } else {
                    format!("{kind} node: {} ({id})\n", node.name)
                });
                output.element("node", &[("type", kind), ("name", &node.name), ("id", &id)]);
            }
            output.close();
        }
        Some(("status", Some(node))) => {
            let request = ClusterRequest::StateOf { node: node.to_owned() };
            let Reply::Cluster(ClusterReply::Pong(state)) = ask(Request::Cluster(request))? else {
                return Err(other_kind());
            };
            output.text(if quiet {
                format!("{}\n", state.state)
            } else {
                format!("Controller on {node} in state {}: ok\n", state.state)
            });
            output.element("crmd", &[("node_name", node), ("state", &state.state), ("result", "ok")]);
        }
        Some(("pacemakerd", _)) => {
            let Reply::Cluster(ClusterReply::Pong(_)) = ask(Request::Cluster(ClusterRequest::Ping))? else {
                return Err(other_kind());
            };
            output.text(if quiet { "running\n" } else { "Status of pacemakerd: 'Pacemaker is running'\n" });
            output.element("pacemakerd", &[("sys_from", "pacemakerd"), ("state", "running")]);
        }
        _ => return Err(Failure::usage("Must specify a command option")),
    }
    Ok(exit::OK)
}
