//! `crm_resource`: settings, places and constraints of resources.

pub(crate) mod agents;
mod digests;
mod live;
mod operations;
mod options;
mod parameters;
mod places;
mod restrictions;
mod settle;
mod why;

use holdfast_model::options::RESOURCE;
use holdfast_model::{Cib, read};
use holdfast_scheduler::facts::{self, Facts, Flags, RscIx, RscKind};
use holdfast_store::{Operation, Request, Target};
use holdfast_view::list::List;
use holdfast_view::status::{Builder, Show, add_resources, resource_list, show_resource};
use holdfast_xml::{Document, Element, WriteOptions};

use crate::arguments::Parsed;
use crate::cib_source::{CibError, CibSource};
use crate::exit;
use crate::option_list::{self, About};
use crate::output::{Failure, Output, run_tool};

const PROGRAM: &str = "crm_resource";

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&options::SYNTAX, &args, crm_resource)
}

fn crm_resource(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let (command, value) = parsed.last_of(options::COMMANDS).unwrap_or(("list", None));
    if !parsed.operands.is_empty() && command != "digests" {
        let count = parsed.operands.len();
        let lines: Vec<String> = parsed
            .operands
            .iter()
            .enumerate()
            .map(|(at, word)| format!("[{} of {count}] {word}", at + 1))
            .collect();
        return Err(Failure::usage(format!("non-option ARGV-elements:\n{}", lines.join("\n"))));
    }
    output.set_quiet(parsed.has("quiet"));
    let by_agent = ["class", "agent", "provider"].iter().any(|key| parsed.has(key));
    if by_agent && parsed.has("resource") {
        return Err(Failure::usage("--class, --agent, and --provider cannot be used with -r/--resource"));
    }
    if by_agent && command != "validate" && !command.starts_with("force-") {
        return Err(Failure::usage(
            "--class, --agent, and --provider can only be used with --validate and --force-*",
        ));
    }
    match command {
        "list-standards"
        | "list-agents"
        | "list-ocf-providers"
        | "list-ocf-alternatives"
        | "show-metadata" => {
            return agents::run(command, value, output);
        }
        "cleanup" | "refresh" | "fail" | "force-start" | "force-stop" | "force-check" | "force-promote"
        | "force-demote" | "validate" => return live::run(command, parsed, output),
        "list-options" => {
            if value != Some("primitive") {
                return Err(Failure::usage(format!(
                    "Error parsing option --list-options: invalid value '{}', allowed values: primitive",
                    value.unwrap_or("")
                )));
            }
            let about = About {
                name: "primitive-meta",
                title: "Primitive meta-attributes",
                description: "Meta-attributes applicable to primitive resources",
            };
            option_list::print(output, &about, RESOURCE, parsed.has("all"));
            return Ok(exit::OK);
        }
        "wait" => return settle::wait(parsed),
        "list-cts" => {
            return Err(Failure::new(
                exit::UNIMPLEMENTED,
                "--list-cts is not offered; crm_resource --list-raw and crm_mon -o show what it showed",
            ));
        }
        _ => {}
    }
    let mut source = CibSource::open(PROGRAM).map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Could not obtain the current CIB")
    })?;
    let document = source.document().map_err(|error| {
        error.explain(parsed.has("verbose"));
        output.error(format!("Could not obtain the current CIB: {}", error.text));
        Failure::new(error.status, "")
    })?;
    let upgraded = upgraded(&document);
    let (mut cib, _) = read::cib(&upgraded);
    if command == "digests" {
        digests::override_parameters(
            &mut cib,
            parsed.value("resource").unwrap_or_default(),
            &parsed.operands,
        )?;
    }
    let facts = facts::unpack(&cib, now(&cib));
    if facts.options.fencing && !facts.options.have_fencing {
        // In the shape of a log line, as filters of old scripts expect it.
        eprintln!(
            "unpack_resources \terror: Resource start-up disabled since no fencing resources have been defined. Either configure some or \
             disable fencing with the fencing-enabled option. NOTE: Clusters with shared data need fencing to ensure \
             data integrity."
        );
    }
    let work = Work { parsed, document: &document, facts: &facts };
    match command {
        "list" => list(&work, output),
        "list-raw" => {
            list_raw(&facts, output);
            Ok(exit::OK)
        }
        "clear" => restrictions::clear(&work, &mut source, output),
        "list-operations" => operations::show(&work, true, output),
        "list-all-operations" => operations::show(&work, false, output),
        "why" => why::show(&work, output),
        "restart" => settle::restart(&work, &mut source, output),
        _ => {
            let Some(name) = parsed.value("resource") else {
                return Err(Failure::usage("Must supply a resource ID with -r/--resource"));
            };
            if command == "delete" {
                return delete(&work, &mut source, name);
            }
            let Some(rsc) = work.find(name) else { return Err(not_found(output, "Resource", name)) };
            match command {
                "query-xml" | "query-xml-raw" => query_xml(&work, rsc, command, output),
                "digests" => digests::show(&work, rsc, output),
                "locate" => places::locate(&work, rsc, name, output),
                "constraints" | "stack" => restrictions::show(&work, rsc, output),
                "move" | "ban" => restrictions::make(&work, &mut source, rsc, name, command, output),
                "get-parameter" => parameters::get(&work, rsc, name, value.unwrap_or(""), output),
                "set-parameter" => {
                    parameters::set(&work, &mut source, rsc, name, value.unwrap_or(""), output)
                }
                _ => parameters::delete(&work, &mut source, rsc, name, value.unwrap_or(""), output),
            }
        }
    }
}

/// A failure that names what does not exist, in the two lines of the old tool.
fn not_found(output: &mut Output, what: &str, name: &str) -> Failure {
    output.fatal(format!("{what} '{name}' not found"));
    if output.is_xml() {
        return Failure::new(exit::NO_SUCH, "");
    }
    output.error("Error performing operation: No such object");
    Failure::new(exit::NO_SUCH, "")
}

fn operation_failed(error: &CibError, parsed: &Parsed) -> Failure {
    error.explain(parsed.has("verbose"));
    error.failure("Error performing operation")
}

fn now(cib: &Cib) -> i64 {
    cib.header.execution_date.unwrap_or_else(crate::crm_mon::local_time::now)
}

/// The document as the scheduler reads it; one that cannot be upgraded is read as it is.
fn upgraded(document: &Document) -> Document {
    let mut copy = document.clone();
    // What does not fit the newest schema is still worth a look at.
    let _ = holdfast_store::schema::upgrade(&mut copy, None);
    copy
}

/// What every command needs.
struct Work<'a> {
    parsed: &'a Parsed,
    document: &'a Document,
    facts: &'a Facts<'a>,
}

impl<'a> Work<'a> {
    /// A resource by its name, or the first instance of one that is cloned.
    fn find(&self, name: &str) -> Option<RscIx> {
        let rscs = &self.facts.rscs;
        rscs.iter_enumerated()
            .find(|(_, rsc)| rsc.id == name)
            .or_else(|| rscs.iter_enumerated().find(|(_, rsc)| rsc.config_id == name))
            .map(|(ix, _)| ix)
    }

    /// The element that configures a resource.
    fn element(&self, id: &str) -> Option<Element<'a>> {
        let resources = self.document.root().child("configuration")?.child("resources")?;
        resources.descendants().find(|element| {
            element.id() == Some(id)
                && matches!(
                    element.name(),
                    "primitive" | "group" | "clone" | "master" | "bundle" | "template"
                )
        })
    }

    fn config_id(&self, rsc: RscIx) -> &'a str {
        &self.facts.rscs[rsc].config_id
    }
}

fn show_all() -> Show {
    Show { inactive: true, ..Show::full(true) }
}

fn list(work: &Work<'_>, output: &mut Output) -> Result<i32, Failure> {
    let list = resource_list(work.facts, &show_all(), true);
    if let Some(list) = list {
        let mut text = String::new();
        list.write_text(0, &mut text);
        output.text(text);
    }
    if output.is_xml() {
        let mut builder = Builder { document: Document::new("status") };
        let root = builder.document.root().ix();
        add_resources(&mut builder, root, work.facts, &show_all());
        for part in builder.document.root().children() {
            output.tree(&Document::from_element(part));
        }
    }
    Ok(exit::OK)
}

/// Names of everything that runs an agent, in the order of the configuration.
fn list_raw(facts: &Facts<'_>, output: &mut Output) {
    let mut stack: Vec<RscIx> = facts.top.iter().rev().copied().collect();
    let mut found = false;
    while let Some(rsc) = stack.pop() {
        let it = &facts.rscs[rsc];
        match it.kind {
            RscKind::Primitive if !it.is(Flags::REMOVED) => {
                output.text(format!("{}\n", it.id));
                output.element("resource", &[("id", &it.id)]);
                found = true;
            }
            RscKind::Primitive => {}
            RscKind::Group(_) | RscKind::Clone(_) | RscKind::Bundle(_) => {
                stack.extend(it.children.iter().rev().copied());
            }
        }
    }
    if !found {
        output.error("NO resources configured");
    }
}

fn query_xml(work: &Work<'_>, rsc: RscIx, command: &str, output: &mut Output) -> Result<i32, Failure> {
    let Some(element) = work.element(work.config_id(rsc)) else {
        return Err(not_found(output, "Resource", work.config_id(rsc)));
    };
    if let Some(item) = show_resource(work.facts, rsc, &show_all()) {
        let mut text = String::new();
        let mut list = List::default();
        list.items.push(item);
        list.write_text(0, &mut text);
        // One resource stands alone, without the bullet of a list.
        output.text(text.trim_start().trim_start_matches("* "));
    }
    output.open("resource_config", &[]);
    if output.is_xml() {
        let mut builder = Builder { document: Document::new("status") };
        let root = builder.document.root().ix();
        add_resources(&mut builder, root, work.facts, &show_all());
        let id = work.config_id(rsc);
        let shown = builder.document.root().descendants().find(|element| element.id() == Some(id));
        if let Some(shown) = shown {
            output.tree(&Document::from_element(shown));
        }
    }
    let options = WriteOptions { text: false, ..WriteOptions::PRETTY };
    let mut shown = Document::from_element(element);
    if command == "query-xml" {
        merge_template(work, &mut shown);
    }
    if !output.is_quiet() {
        output.info("Resource XML:");
    }
    let text = shown.root().to_string_with(options);
    if output.is_xml() {
        output.document("xml", &text);
    } else {
        output.text(text);
    }
    output.close();
    Ok(exit::OK)
}

/// Puts what a template says into a resource that is made from it.
fn merge_template(work: &Work<'_>, shown: &mut Document) {
    let Some(template) = shown.root().attr("template").map(str::to_owned) else { return };
    let Some(template) = work.element(&template) else { return };
    let root = shown.root().ix();
    shown.remove_attr(root, "template");
    for (name, value) in template.attrs() {
        if shown.root().attr(name).is_none() {
            shown.set_attr(root, name, value);
        }
    }
    for child in template.children() {
        shown.append_copy(root, template.document(), child.ix());
    }
}

fn delete(work: &Work<'_>, source: &mut CibSource, name: &str) -> Result<i32, Failure> {
    let Some(kind) = work.parsed.value("resource-type") else {
        return Err(Failure::usage("You need to specify a resource type with -t"));
    };
    let mut input = Document::new(kind);
    let root = input.root().ix();
    input.set_attr(root, "id", name);
    let request = Request::new(Operation::Delete, Target::Section("resources".to_owned()), Some(input));
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))?;
    Ok(exit::OK)
}
