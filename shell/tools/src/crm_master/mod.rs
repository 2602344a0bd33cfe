//! `crm_master`: the promotion score of a resource on a node, called by agents. A short form of `crm_attribute`.

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::variable;
use crate::crm_attribute;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_master",
    summary: "Query, update, or delete a resource's promotion score

Deprecated: use crm_attribute with --promotion.",
    operands: "",
    output: false,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("query", Some('G'), "Query the score"),
                valued("update", Some('v'), "VALUE", "Set the score"),
                flag("delete", Some('D'), "Delete the score"),
                flag("get-value", None, "").meaning("query"),
                valued("attr-value", None, "", "").meaning("update"),
                flag("delete-attr", None, "").meaning("delete"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                valued("resource", Some('r'), "VALUE", "The resource (default: the one whose agent calls)"),
                valued("node", Some('N'), "NODE", "This node instead of the local one"),
                valued("lifetime", Some('l'), "VALUE", "How long it lasts: reboot, forever"),
                valued("id", Some('i'), "VALUE", "The attribute with this id"),
                flag("quiet", Some('q'), "Print only the value"),
                flag("quiet-short", Some('Q'), "").meaning("quiet"),
                valued("uname", Some('U'), "", "").meaning("node"),
                valued("attr-id", None, "", "").meaning("id"),
            ],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, |parsed, _: &mut Output| crm_master(parsed))
}

fn crm_master(parsed: &Parsed) -> Result<i32, Failure> {
    let resource = parsed.value("resource").map(str::to_owned).or_else(|| variable("OCF_RESOURCE_INSTANCE"));
    let Some(resource) = resource else {
        return Err(Failure::new(1, "error: No resource specified (with -r, or by an agent's environment)"));
    };
    let mut call = vec!["crm_attribute".to_owned(), "-n".to_owned(), format!("master-{resource}")];
    for key in ["query", "delete", "quiet"] {
        if parsed.has(key) {
            call.push(format!("--{key}"));
        }
    }
    for key in ["update", "node", "lifetime", "id"] {
        if let Some(value) = parsed.value(key) {
            call.extend([format!("--{key}"), value.to_owned()]);
        }
    }
    // An agent means its own node, never a cluster option.
    if !parsed.has("node") && !parsed.has("lifetime") {
        call.extend(["--node".to_owned(), "localhost".to_owned()]);
    }
    Ok(crm_attribute::run(call))
}
