//! `crm_standby`: whether a node may run resources. Writes the node attribute `standby` as `crm_attribute` does.

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::crm_attribute;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_standby",
    summary: "Query, enable, or disable standby mode for a node

Nodes in standby mode may not host cluster resources.",
    operands: "",
    output: false,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("query", Some('G'), "Query standby mode (on/off)"),
                valued("update", Some('v'), "VALUE", "Set standby mode (on/off)"),
                flag("delete", Some('D'), "Let standby mode have its default value"),
                flag("get-value", None, "").meaning("query"),
                valued("attr-value", None, "", "").meaning("update"),
                flag("delete-attr", None, "").meaning("delete"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
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
    run_tool(&SYNTAX, &args, |parsed, _: &mut Output| Ok::<i32, Failure>(crm_standby(parsed)))
}

fn crm_standby(parsed: &Parsed) -> i32 {
    let mut call: Vec<String> = ["crm_attribute", "-n", "standby"].map(str::to_owned).to_vec();
    let mut add = |words: &[&str]| call.extend(words.iter().map(|word| (*word).to_owned()));
    if let Some(node) = parsed.value("node") {
        add(&["-N", node]);
    } else {
        add(&["-N", "localhost"]);
    }
    if let Some(id) = parsed.value("id") {
        add(&["--id", id]);
    }
    if parsed.has("quiet") {
        add(&["--quiet"]);
    }
    let (command, value) = parsed.last_of(&["query", "update", "delete"]).unwrap_or(("query", None));
    let command = match command {
        "update" => vec!["--update", value.unwrap_or("")],
        "delete" => vec!["--delete"],
        _ => vec!["--query"],
    };
    add(&command);
    if let Some(lifetime) = parsed.value("lifetime") {
        add(&["-l", lifetime]);
        return crm_attribute::run(call);
    }
    let with = |extra: &[&str]| {
        let mut words = call.clone();
        words.extend(extra.iter().map(|word| (*word).to_owned()));
        crm_attribute::run(words)
    };
    match command[0] {
        "--update" => with(&["-l", "forever"]),
        "--delete" => {
            let first = with(&["-l", "forever"]);
            let second = with(&["-l", "reboot"]);
            if first == exit::OK { second } else { first }
        }
        // The permanent value if there is one, else the one until restart, else off.
        _ if with(&["-l", "forever", "--output-as=none"]) == exit::OK => with(&["-l", "forever"]),
        _ => with(&["-l", "reboot", "-d", "off"]),
    }
}
