//! `crm_ticket`: which site of a cluster of clusters may run what.

use holdfast_model::iso8601::DateTime;
use holdfast_store::{Operation, Request, Target};
use holdfast_xml::{Document, Element};

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::CibSource;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_ticket",
    summary: "Perform tasks related to Pacemaker cluster tickets",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Queries:",
            options: &[
                flag("info", Some('l'), "Show tickets"),
                flag("details", Some('L'), "Show tickets with all their attributes"),
                flag("raw", Some('w'), "Show the names of tickets"),
                flag("query-xml", Some('q'), "Show the state of tickets as XML"),
                flag("constraints", Some('c'), "Show the constraints that name tickets"),
            ],
        },
        Group {
            heading: "Commands:",
            options: &[
                flag("grant", Some('g'), "Grant a ticket to this site"),
                flag("revoke", Some('r'), "Revoke a ticket from this site"),
                flag("standby", Some('s'), "Put a ticket on standby here"),
                flag("activate", Some('a'), "Make a ticket active here"),
            ],
        },
        Group {
            heading: "Advanced Options:",
            options: &[
                valued("get-attr", Some('G'), "ATTRIBUTE", "Show an attribute of a ticket"),
                valued("set-attr", Some('S'), "ATTRIBUTE", "Set an attribute of a ticket (with -v)"),
                valued("delete-attr", Some('D'), "ATTRIBUTE", "Delete an attribute of a ticket"),
                flag("cleanup", Some('C'), "Forget everything about a ticket here"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                valued("ticket", Some('t'), "ID", "The ticket"),
                valued("attr-value", Some('v'), "VALUE", "The value for -S"),
                valued("default", Some('d'), "VALUE", "With -G, show this if there is no value"),
                flag("force", Some('f'), "Do it although it may start or stop resources twice"),
                valued("set-name", Some('n'), "ID", ""),
                valued("nvpair", Some('i'), "ID", ""),
                flag("quiet", Some('Q'), "Print only the value"),
            ],
        },
    ],
    epilogue: "",
};

const COMMANDS: &[&str] = &["info", "details", "raw", "query-xml", "constraints", "get-attr", "cleanup"];

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_ticket)
}

fn crm_ticket(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    output.set_quiet(parsed.has("quiet"));
    let mut source = CibSource::open("crm_ticket").map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Could not connect to the CIB")
    })?;
    let document = source.document().map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Could not query the CIB")
    })?;
    let name = parsed.value("ticket");
    let (command, value) = parsed.last_of(COMMANDS).unwrap_or(("", None));
    let changes = changes(parsed)?;
    if !changes.is_empty() {
        return change(parsed, &mut source, &document, name, &changes);
    }
    match command {
        "get-attr" => attribute(parsed, &document, name, value.unwrap_or(""), output),
        "query-xml" => state_xml(&document, name, output),
        "constraints" => constraints(&document, name, output),
        "cleanup" => cleanup(parsed, &mut source, &document, name, output),
        "" if parsed.options.is_empty() => list(&document, name, "info", output),
        "" => Err(Failure::usage("No supported command given")),
        listing => list(&document, name, listing, output),
    }
}

fn no_such() -> Failure {
    Failure::new(exit::NO_SUCH, "Error performing operation: No such device or address")
}

fn needed() -> Failure {
    Failure::usage("Must supply ticket ID with -t")
}

fn states(document: &Document) -> Vec<Element<'_>> {
    let tickets = document.root().child("status").and_then(|status| status.child("tickets"));
    tickets.into_iter().flat_map(|tickets| tickets.children_named("ticket_state")).collect()
}

fn constraints_of<'a>(document: &'a Document, name: Option<&str>) -> Vec<Element<'a>> {
    let all = document.root().child("configuration").and_then(|all| all.child("constraints"));
    all.into_iter()
        .flat_map(|all| all.children_named("rsc_ticket"))
        .filter(|one| name.is_none_or(|name| one.attr("ticket") == Some(name)))
        .collect()
}

fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| {
        ["true", "on", "yes", "y", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
    })
}

/// What the options want to change: name and new value, `None` to delete.
fn changes(parsed: &Parsed) -> Result<Vec<(String, Option<String>)>, Failure> {
    let mut all = Vec::new();
    for (key, value) in &parsed.options {
        let change = match (*key, value) {
            ("grant", _) => ("granted", Some("true")),
            ("revoke", _) => ("granted", Some("false")),
            ("standby", _) => ("standby", Some("true")),
            ("activate", _) => ("standby", Some("false")),
            ("set-attr", Some(name)) => match parsed.value("attr-value") {
                Some(value) => (name.as_str(), Some(value)),
                None => return Err(Failure::usage("Must supply attribute value with -v for -S")),
            },
            ("delete-attr", Some(name)) => (name.as_str(), None),
            _ => continue,
        };
        all.push((change.0.to_owned(), change.1.map(str::to_owned)));
    }
    Ok(all)
}

fn change(
    parsed: &Parsed,
    source: &mut CibSource,
    document: &Document,
    name: Option<&str>,
    changes: &[(String, Option<String>)],
) -> Result<i32, Failure> {
    let Some(name) = name else { return Err(needed()) };
    if changes.iter().any(|(attribute, _)| attribute == "granted") && !parsed.has("force") {
        return Err(Failure::new(
            exit::INSUFFICIENT_PRIVILEGES,
            format!(
                "granting or revoking ticket '{name}' by hand can run resources on two sites at once, or on none.\nMake \
                 sure that the other sites agree, then repeat with --force"
            ),
        ));
    }
    let mut state = match states(document).into_iter().find(|state| state.id() == Some(name)) {
        Some(state) => Document::from_element(state),
        None => Document::new("ticket_state"),
    };
    let root = state.root().ix();
    state.set_attr(root, "id", name);
    for (attribute, value) in changes {
        match value {
            Some(value) => state.set_attr(root, attribute, value),
            None => {
                state.remove_attr(root, attribute);
            }
        }
        if attribute == "granted" && is_true(value.as_deref()) {
            state.set_attr(root, "last-granted", &now().to_string());
        }
    }
    let deletes = changes.iter().any(|(_, value)| value.is_none());
    let exists = states(document).iter().any(|state| state.id() == Some(name));
    let target = Target::Section("status".to_owned());
    let request = if deletes && exists {
        Request::new(Operation::Replace, target, Some(state))
    } else {
        let mut input = Document::new("status");
        let top = input.root().ix();
        let tickets = input.append(top, "tickets");
        input.append_copy(tickets, &state, state.root().ix());
        let mut request = Request::new(Operation::Modify, target, Some(input));
        request.options.can_create = true;
        request
    };
    source.apply(request, None).map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Error performing operation")
    })?;
    Ok(exit::OK)
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn attribute(
    parsed: &Parsed,
    document: &Document,
    name: Option<&str>,
    attribute: &str,
    output: &mut Output,
) -> Result<i32, Failure> {
    let Some(name) = name else { return Err(needed()) };
    let states = states(document);
    let state = states.iter().find(|state| state.id() == Some(name));
    let value = state.and_then(|state| state.attr(attribute)).or(parsed.value("default"));
    let Some(value) = value else { return Err(no_such()) };
    output.text(format!("{value}\n"));
    output.open("tickets", &[]);
    output.open("ticket", &[("id", name)]);
    output.element("attribute", &[("name", attribute), ("value", value)]);
    output.close();
    output.close();
    Ok(exit::OK)
}

fn state_xml(document: &Document, name: Option<&str>, output: &mut Output) -> Result<i32, Failure> {
    let found: Vec<Element<'_>> = states(document)
        .into_iter()
        .filter(|state| name.is_none_or(|name| state.id() == Some(name)))
        .collect();
    if found.is_empty() {
        return Err(no_such());
    }
    output.info("State XML:\n");
    output.open("tickets", &[]);
    for state in found {
        output.text(state.to_string_pretty());
        let attributes: Vec<(&str, &str)> = state.attrs().collect();
        output.element("ticket", &attributes);
    }
    output.close();
    Ok(exit::OK)
}

fn constraints(document: &Document, name: Option<&str>, output: &mut Output) -> Result<i32, Failure> {
    let found = constraints_of(document, name);
    if found.is_empty() {
        return Err(no_such());
    }
    output.info("Constraints XML:\n");
    let mut tickets: Vec<&str> = found.iter().filter_map(|one| one.attr("ticket")).collect();
    tickets.sort_unstable();
    tickets.dedup();
    for one in &found {
        output.text(one.to_string_pretty());
    }
    output.open("tickets", &[]);
    for ticket in tickets {
        output.open("ticket", &[("id", ticket)]);
        output.open("constraints", &[]);
        for one in found.iter().filter(|one| one.attr("ticket") == Some(ticket)) {
            output.tree(&Document::from_element(*one));
        }
        output.close();
        output.close();
    }
    output.close();
    let mut resources: Vec<&str> = found.iter().filter_map(|one| one.attr("rsc")).collect();
    resources.sort_unstable();
    resources.dedup();
    if !resources.is_empty() {
        output.open("resources", &[]);
        for resource in resources {
            output.element("resource", &[("id", resource)]);
        }
        output.close();
    }
    Ok(exit::OK)
}

fn list(document: &Document, name: Option<&str>, how: &str, output: &mut Output) -> Result<i32, Failure> {
    let states = states(document);
    let mut names: Vec<&str> = states.iter().filter_map(|state| state.id()).collect();
    names.extend(constraints_of(document, None).iter().filter_map(|one| one.attr("ticket")));
    names.sort_unstable();
    names.dedup();
    names.retain(|one| name.is_none_or(|name| *one == name));
    if names.is_empty() && name.is_some() {
        return Err(no_such());
    }
    output.open("tickets", &[]);
    for ticket in names {
        let state = states.iter().find(|state| state.id() == Some(ticket));
        let get = |attribute: &str| state.and_then(|state| state.attr(attribute));
        let status = if is_true(get("granted")) { "granted" } else { "revoked" };
        let standby = if is_true(get("standby")) { "true" } else { "false" };
        let rest: Vec<(&str, &str)> =
            state.into_iter().flat_map(|state| state.attrs()).filter(|(key, _)| *key != "id").collect();
        if how == "raw" {
            output.text(format!("{ticket}\n"));
        } else {
            let mut line = format!("{ticket}\t{status}");
            if standby == "true" {
                line.push_str(" [standby]");
            }
            if let Some(time) = get("last-granted").and_then(|time| time.parse().ok()) {
                line.push_str(&format!(" last-granted=\"{}\"", DateTime::from_epoch(time)));
            }
            let shown: Vec<String> = rest
                .iter()
                .filter(|(key, _)| !matches!(*key, "granted" | "last-granted"))
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            if how == "details" && !shown.is_empty() {
                line.push_str(&format!("\t({})", shown.join(", ")));
            }
            output.text(format!("{line}\n"));
        }
        let mut attributes = vec![("id", ticket), ("status", status), ("standby", standby)];
        attributes.extend(rest.iter().filter(|(key, _)| *key != "standby"));
        output.element("ticket", &attributes);
    }
    output.close();
    Ok(exit::OK)
}

fn cleanup(
    parsed: &Parsed,
    source: &mut CibSource,
    document: &Document,
    name: Option<&str>,
    output: &mut Output,
) -> Result<i32, Failure> {
    let Some(name) = name else { return Err(needed()) };
    let states = states(document);
    let state = states.iter().find(|state| state.id() == Some(name));
    if is_true(state.and_then(|state| state.attr("granted"))) && !parsed.has("force") {
        return Err(Failure::new(
            exit::INSUFFICIENT_PRIVILEGES,
            format!("ticket '{name}' is granted: revoke it first, or repeat with --force"),
        ));
    }
    let Some(state) = state else {
        return if parsed.has("force") { Ok(exit::OK) } else { Err(no_such()) };
    };
    let mut input = Document::new("ticket_state");
    let root = input.root().ix();
    input.set_attr(root, "id", state.id().unwrap_or(""));
    let request = Request::new(Operation::Delete, Target::Section("status".to_owned()), Some(input));
    source.apply(request, None).map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Error performing operation")
    })?;
    output.info(format!("Cleaned up {name}"));
    Ok(exit::OK)
}
