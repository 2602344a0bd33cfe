//! `crm_node`: names, ids and quorum of nodes, as agents and scripts ask for them.

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::exit;
use crate::output::{Failure, Output, run_tool};
use holdfast_api::node::NodeInfo;
use holdfast_api::{NodeRequest, Reply, Request};

const SYNTAX: Syntax = Syntax {
    name: "crm_node",
    summary: "display low-level node information",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("cluster-id", Some('i'), "Show this node's id"),
                flag("list", Some('l'), "Show all known nodes"),
                flag("name", Some('n'), "Show the name of this node"),
                flag("partition", Some('p'), "Show the members of this partition"),
                flag("quorum", Some('q'), "Show 1 if this partition has quorum, 0 if not"),
                valued("name-for-id", Some('N'), "ID", "Show the name of the node with an id"),
                valued("remove", Some('R'), "NODE", "Forget a node that is stopped"),
            ],
        },
        Group {
            heading: "Options:",
            options: &[flag("force", Some('f'), "Do it even if the node is configured")],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_node)
}

fn ask(request: NodeRequest) -> Result<Reply, Failure> {
    crate::ask::cluster("crm_node", Request::Node(request))
}

fn local() -> Result<NodeInfo, Failure> {
    match ask(NodeRequest::Local)? {
        Reply::Node(node) => Ok(node),
        _ => Err(crate::ask::other_kind()),
    }
}

fn all() -> Result<Vec<NodeInfo>, Failure> {
    match ask(NodeRequest::List)? {
        Reply::Nodes(nodes) => Ok(nodes),
        _ => Err(crate::ask::other_kind()),
    }
}

fn state(node: &NodeInfo) -> &'static str {
    if node.member { "member" } else { "lost" }
}

fn crm_node(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    const COMMANDS: &[&str] = &["cluster-id", "list", "name", "partition", "quorum", "name-for-id", "remove"];
    match parsed.last_of(COMMANDS) {
        Some(("name", _)) => {
            // An agent's environment knows the name without asking.
            let name = match std::env::var("OCF_RESKEY_CRM_meta_on_node") {
                Ok(name) if !name.is_empty() => name,
                _ => local()?.name,
            };
            output.text(format!("{name}\n"));
            output.element("node-info", &[("uname", &name)]);
        }
        Some(("cluster-id", _)) => {
            let id = local()?.id.to_string();
            output.text(format!("{id}\n"));
            output.element("node-info", &[("nodeid", &id)]);
        }
        Some(("list", _)) => {
            output.open("nodes", &[]);
            for node in all()? {
                let id = node.id.to_string();
                output.text(format!("{id} {} {}\n", node.name, state(&node)));
                output.element("node", &[("id", &id), ("name", &node.name), ("state", state(&node))]);
            }
            output.close();
        }
        Some(("partition", _)) => {
            let names: Vec<String> = all()?.into_iter().filter(|n| n.member).map(|n| n.name).collect();
            output.text(format!("{}\n", names.join(" ")));
            output.open("nodes", &[]);
            for name in &names {
                output.element("node", &[("name", name), ("state", "member")]);
            }
            output.close();
        }
        Some(("quorum", _)) => {
            let quorate = local()?.quorate;
            output.text(if quorate { "1\n" } else { "0\n" });
            output.element("cluster-info", &[("quorum", if quorate { "true" } else { "false" })]);
        }
        Some(("name-for-id", Some(id))) => {
            let wanted: u32 =
                id.parse().map_err(|_| Failure::usage(format!("--name-for-id={id}: expected a number")))?;
            let node = all()?.into_iter().find(|n| n.id == wanted);
            let node = node
                .ok_or_else(|| Failure::new(exit::NO_SUCH, format!("Node {id} is not known to cluster")))?;
            output.text(format!("{}\n", node.name));
            output.element("node-info", &[("nodeid", id), ("uname", &node.name)]);
        }
        Some(("remove", Some(node))) => {
            if !parsed.has("force") {
                return Err(Failure::usage(
                    "The remove command requires --force: the node must be stopped and taken out of corosync.conf first",
                ));
            }
            ask(NodeRequest::Remove { node: node.to_owned(), force: true })?;
        }
        _ => {
            return Err(Failure::usage(
                "Must specify a command: --name, --list, --partition, --quorum, --cluster-id, --name-for-id or --remove",
            ));
        }
    }
    Ok(exit::OK)
}
