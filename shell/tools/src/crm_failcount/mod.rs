//! `crm_failcount`: how often a resource failed on a node.

use holdfast_model::Score;
use holdfast_model::duration::checked_interval_ms;
use holdfast_xml::Document;

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::CibSource;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_failcount",
    summary: "Query or delete resource fail counts",
    operands: "<command>",
    output: false,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("query", Some('G'), "Query the present fail count"),
                flag("delete", Some('D'), "Delete the recorded failures"),
                flag("get-value", None, "").meaning("query"),
                flag("delete-attr", None, "").meaning("delete"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                valued("resource", Some('r'), "value", "The resource (required)"),
                valued("operation", Some('n'), "value", "Only failures of this operation"),
                valued("interval", Some('I'), "value", "With an operation, its interval"),
                valued("node", Some('N'), "value", "This node instead of the local one"),
                flag("quiet", Some('q'), "Print only the value"),
                flag("quiet-short", Some('Q'), "").meaning("quiet"),
                valued("resource-id", None, "", "").meaning("resource"),
                valued("uname", Some('U'), "", "").meaning("node"),
                valued("attr-value", Some('v'), "", ""),
                valued("lifetime", Some('l'), "", ""),
                valued("attr-id", Some('i'), "", ""),
            ],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_failcount)
}

fn crm_failcount(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let zero = parsed.value("attr-value") == Some("0");
    let command = parsed.last_of(&["query", "delete"]).map(|(name, _)| name);
    let command = if zero { Some("delete") } else { command };
    let Some(command) = command else {
        return Err(Failure::usage("must specify a command: --query or --delete"));
    };
    let Some(resource) = parsed.value("resource") else {
        return Err(Failure::usage("resource name required: --resource NAME"));
    };
    let mut source = CibSource::open("crm_failcount").map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Could not connect to the CIB")
    })?;
    let node = match parsed.value("node") {
        Some(node) => node.to_owned(),
        None => crate::crm_attribute::local_node(&source)?,
    };
    let interval = checked_interval_ms(parsed.value("interval").unwrap_or("0")).unwrap_or(0);
    if command == "delete" {
        let mut call = vec!["crm_resource".to_owned(), "--cleanup".to_owned()];
        call.extend(["-r", resource, "-N", &node].map(str::to_owned));
        if let Some(operation) = parsed.value("operation") {
            call.extend(["-n".to_owned(), operation.to_owned(), "-I".to_owned(), format!("{interval}ms")]);
        }
        return Ok(crate::crm_resource::run(call));
    }
    let document = source.document().map_err(|error| error.failure("Error performing operation"))?;
    let prefix = format!("fail-count-{resource}");
    let (name, count) = match parsed.value("operation") {
        Some(operation) => {
            let name = format!("{prefix}#{operation}_{interval}");
            let count = sum(&document, &node, |attribute| attribute == name);
            (name, count)
        }
        None => {
            let each = format!("{prefix}#");
            (prefix, sum(&document, &node, |attribute| attribute.starts_with(&each)))
        }
    };
    // Counts of programs before 1.1.17 had no operation.
    let legacy = format!("fail-count-{resource}");
    let count =
        if count == Score::ZERO { sum(&document, &node, |attribute| attribute == legacy) } else { count };
    let shown = if count.is_infinite() { "INFINITY".to_owned() } else { count.get().to_string() };
    if parsed.has("quiet") {
        output.text(format!("{shown}\n"));
    } else {
        output.text(format!("scope=status  name={name} value={shown}\n"));
    }
    Ok(exit::OK)
}

fn sum(document: &Document, node: &str, wanted: impl Fn(&str) -> bool) -> Score {
    let states =
        document.root().child("status").into_iter().flat_map(|status| status.children_named("node_state"));
    let mut sum = Score::ZERO;
    for state in states.filter(|state| state.attr("uname").or(state.id()) == Some(node)) {
        let Some(attributes) = state.child("transient_attributes") else { continue };
        for pair in attributes.descendants().filter(|element| element.name() == "nvpair") {
            if pair.attr("name").is_some_and(&wanted) {
                sum += pair.attr("value").and_then(Score::parse).unwrap_or(Score::ZERO);
            }
        }
    }
    sum
}
