//! `attrd_updater`: node attributes that live in memory, as agents set and read them.

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::exit;
use crate::output::{Failure, Output, run_tool};
use holdfast_api::attribute::{
    AttributeKind, AttributeName, AttributeNodes, AttributeUpdate, AttributeValue, AttributeWait,
};
use holdfast_api::{AttributeRequest, Reply, Request};

const SYNTAX: Syntax = Syntax {
    name: "attrd_updater",
    summary: "query and update Pacemaker node attributes",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                valued("update", Some('U'), "VALUE", "Set the attribute; ++ and += count up"),
                valued("update-both", Some('B'), "VALUE", "Set the attribute and its delay"),
                flag("update-delay", Some('Y'), "Set the delay only"),
                flag("query", Some('Q'), "Show the value"),
                flag("delete", Some('D'), "Remove the value"),
                flag("refresh", Some('R'), "Write what is held back now"),
            ],
        },
        Group {
            heading: "Options:",
            options: &[
                valued("name", Some('n'), "NAME", "The attribute"),
                valued("pattern", Some('P'), "PATTERN", "All attributes whose names match"),
                valued("value", Some('v'), "VALUE", "Another form of --update"),
                valued(
                    "delay",
                    Some('d'),
                    "SECONDS",
                    "Wait this long after a change and write all changes together",
                ),
                valued("set", Some('s'), "SET", "The set to write to"),
                valued("node", Some('N'), "NODE", "The node; this one by default"),
                flag("all", Some('A'), "Every node (with --query)"),
                valued(
                    "lifetime",
                    Some('l'),
                    "LIFETIME",
                    "Accepted; these attributes last until the next start",
                ),
                flag("private", Some('p'), "Keep the attribute out of the configuration document"),
                flag("utilization", Some('z'), "A capacity of the node"),
                valued("wait", Some('W'), "no|local|cluster", "When to answer"),
                flag("quiet", Some('q'), "Show the value only"),
            ],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, updater)
}

fn ask(request: AttributeRequest) -> Result<Reply, Failure> {
    crate::ask::cluster("attrd_updater", Request::Attribute(request))
}

fn updater(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    // The node that a container's agent means is told in its environment.
    let node = parsed.value("node").map(str::to_owned);
    let kind = if parsed.has("utilization") { AttributeKind::Utilization } else { AttributeKind::Instance };
    if parsed.has("refresh") {
        return ask(AttributeRequest::Refresh).map(|_| exit::OK);
    }
    let name = match (parsed.value("name"), parsed.value("pattern")) {
        (Some(name), _) => AttributeName::Exact(name.to_owned()),
        (None, Some(pattern)) => AttributeName::Pattern(pattern.to_owned()),
        (None, None) => return Err(Failure::usage("Command requires --name or --pattern argument")),
    };
    if parsed.has("query") {
        return query(parsed, output, name, node);
    }
    if parsed.has("delete") {
        return match name {
            AttributeName::Exact(name) => ask(AttributeRequest::Delete { name, node }).map(|_| exit::OK),
            AttributeName::Pattern(_) => {
                Err(Failure::usage("--delete needs --name; a pattern may only be updated"))
            }
        };
    }
    let value = [parsed.value("update"), parsed.value("update-both"), parsed.value("value")]
        .into_iter()
        .flatten()
        .next();
    let dampen_ms = match parsed.value("delay") {
        Some(text) => Some(delay(text)?),
        None => None,
    };
    if value.is_none() && dampen_ms.is_none() {
        return Err(Failure::usage("Command requires --update, --query, --delete or --delay argument"));
    }
    let wait = match parsed.value("wait") {
        None | Some("no") => AttributeWait::No,
        Some("local") => AttributeWait::Local,
        Some("cluster") => AttributeWait::Cluster,
        Some(other) => return Err(Failure::usage(format!("--wait={other}: expected no, local or cluster"))),
    };
    ask(AttributeRequest::Update(AttributeUpdate {
        name,
        node,
        value: value.map(str::to_owned),
        // A plain update keeps the delay that is set; it only counts where the attribute is new.
        dampen_ms,
        set: parsed.value("set").map(str::to_owned),
        kind,
        private: parsed.has("private"),
        wait,
    }))
    .map(|_| exit::OK)
}

fn delay(text: &str) -> Result<u32, Failure> {
    holdfast_model::duration::checked_interval_ms(text)
        .ok_or_else(|| Failure::usage(format!("--delay={text}: expected a duration such as 5s")))
}

fn query(
    parsed: &Parsed,
    output: &mut Output,
    name: AttributeName,
    node: Option<String>,
) -> Result<i32, Failure> {
    let name = match name {
        AttributeName::Exact(name) => name,
        AttributeName::Pattern(_) => return Err(Failure::usage("--query needs --name")),
    };
    let nodes = match (parsed.has("all"), node) {
        (true, _) => AttributeNodes::All,
        (false, Some(node)) => AttributeNodes::Named(node),
        (false, None) => AttributeNodes::Local,
    };
    let found = match ask(AttributeRequest::Query { name: Some(name.clone()), nodes })? {
        Reply::Attributes(found) => found,
        _ => return Err(crate::ask::other_kind()),
    };
    let set: Vec<&AttributeValue> = found.iter().filter(|v| v.value.is_some()).collect();
    if set.is_empty() {
        return Err(Failure::new(
            exit::NO_SUCH,
            format!("Could not query value of {name}: attribute does not exist"),
        ));
    }
    for entry in set {
        let shown = entry.value.as_deref().unwrap_or_default();
        if parsed.has("quiet") {
            output.text(format!("{shown}\n"));
        } else {
            output.text(format!("name=\"{}\" host=\"{}\" value=\"{shown}\"\n", entry.name, entry.node));
        }
        output.element("attribute", &[("name", &entry.name), ("value", shown), ("host", &entry.node)]);
    }
    Ok(exit::OK)
}
