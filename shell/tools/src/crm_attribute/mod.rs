//! `crm_attribute`: node attributes, cluster options, defaults.

mod live;
mod options;

use holdfast_store::{Options, Target};
use holdfast_xml::Document;
use regex_lite::Regex;

use crate::arguments::Parsed;
use crate::cib_source::{CibError, CibSource, variable};
use crate::exit;
use crate::node_attribute::{AttributeError, Scope, Value, node_id};
use crate::output::{Failure, Output, run_tool};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&options::SYNTAX, &args, crm_attribute)
}

/// What is asked, settled.
struct Task<'a> {
    command: &'a str,
    value: Option<&'a str>,
    /// The section, as it is shown again.
    section: String,
    id: Option<&'a str>,
    name: Option<String>,
    pattern: Option<Regex>,
    default: Option<&'a str>,
}

fn crm_attribute(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    output.set_quiet(parsed.has("quiet"));
    let (command, value) =
        parsed.last_of(&["list-options", "delete", "query", "update"]).unwrap_or(("query", None));
    if command == "list-options" {
        return options::list(output, value.unwrap_or(""), parsed.has("all"));
    }
    let promotion = parsed.last_of(&["name", "promotion"]).filter(|(key, _)| *key == "promotion");
    let name = match (&promotion, parsed.value("name")) {
        (Some((_, resource)), _) => {
            let resource = resource.map(str::to_owned).filter(|name| !name.is_empty());
            let Some(resource) = resource.or_else(|| variable("OCF_RESOURCE_INSTANCE")) else {
                return Err(Failure::usage(
                    "-p/--promotion must be called from an OCF resource agent or with a resource ID specified",
                ));
            };
            Some(format!("master-{resource}"))
        }
        (None, name) => name.map(str::to_owned),
    };
    let mut source = CibSource::open("crm_attribute").map_err(|error| connect_failed(&error, parsed))?;
    let (section, utilization) = section(parsed, promotion.is_some());
    let mut scope = Scope::new(&section, None);
    if utilization {
        scope.set_type = Some("utilization".to_owned());
    }
    scope.set_name = parsed.value("set-name").map(str::to_owned);
    let mut node_name = None;
    if !matches!(section.as_str(), "crm_config" | "tickets") {
        let node = target_node(parsed.value("node"), &source)?;
        // Transient attributes of a running cluster are asked for by name.
        if !(source.is_live() && section == "status") {
            let document = whole(&mut source)?;
            let Some(found) = node_id(&document, &node) else {
                return Err(Failure::new(exit::NO_SUCH, format!("Could not map name={node} to a UUID")));
            };
            scope.node = Some(found.id);
            scope.remote = found.remote;
        }
        node_name = Some(node);
    }
    let pattern = parsed.value("pattern");
    let selected = name.is_some() || pattern.is_some();
    if matches!(command, "delete" | "update") && !selected && parsed.value("id").is_none() {
        return Err(Failure::usage(format!("Error: must specify attribute name or pattern to {command}")));
    }
    if pattern.is_some() && name.is_some() {
        return Err(Failure::usage("Error: --name and --pattern cannot be used at the same time"));
    }
    let pattern = match pattern {
        None => None,
        Some(text) => {
            Some(Regex::new(text).map_err(|error| Failure::usage(format!("--pattern {text}: {error}")))?)
        }
    };
    let task = Task {
        command,
        value,
        section,
        id: parsed.value("id"),
        name,
        pattern,
        default: parsed.value("default"),
    };
    if let (true, "status", Some(node)) = (source.is_live(), task.section.as_str(), &node_name) {
        return live::carry_out(&task, node, utilization, parsed, output);
    }
    let result = match task.command {
        "delete" => delete(&task, &scope, &mut source, output),
        "update" => update(&task, &scope, &mut source),
        _ => query(&task, &scope, &mut source, output),
    };
    match result {
        Ok(()) => Ok(exit::OK),
        Err(error) => Err(failure(&error, task.name.as_deref().unwrap_or(""), output, parsed)),
    }
}

fn connect_failed(error: &CibError, parsed: &Parsed) -> Failure {
    error.explain(parsed.has("verbose"));
    error.failure("Could not connect to the CIB")
}

fn whole(source: &mut CibSource) -> Result<Document, Failure> {
    match source.query(Target::Whole, Options::default(), None) {
        Ok(holdfast_store::Answer::Xml(document)) => Ok(document),
        Ok(holdfast_store::Answer::Paths(_)) => Err(Failure::new(exit::SOFTWARE, "a document was expected")),
        Err(error) => Err(error.failure("Error performing operation")),
    }
}

/// The section, and whether it is about utilization.
fn section(parsed: &Parsed, promotion: bool) -> (String, bool) {
    // `--utilization` means permanent attributes unless a later option says otherwise.
    let last = parsed.last_of(&["type", "lifetime", "utilization"]);
    let utilization = parsed.has("utilization");
    let section = match last {
        Some(("utilization", _)) => "nodes",
        Some((_, Some(kind))) if kind.eq_ignore_ascii_case("reboot") => "status",
        Some((_, Some(kind))) if kind.eq_ignore_ascii_case("forever") => "nodes",
        Some((_, Some(kind))) => kind,
        Some((_, None)) | None if promotion => "status",
        Some((_, None)) | None if parsed.has("node") => "nodes",
        Some((_, None)) | None => "crm_config",
    };
    (section.to_owned(), utilization)
}

/// The node that a tool is about when none is named.
///
/// # Errors
/// The running cluster does not answer.
pub fn local_node(source: &CibSource) -> Result<String, Failure> {
    target_node(None, source)
}

/// The node meant: the one named, the one an agent runs for, or the local one.
fn target_node(named: Option<&str>, source: &CibSource) -> Result<String, Failure> {
    let unnamed =
        named.is_none_or(|name| name.eq_ignore_ascii_case("auto") || name.eq_ignore_ascii_case("localhost"));
    if !unnamed {
        return Ok(named.unwrap_or("").to_owned());
    }
    let meta = |name: &str| variable(&format!("OCF_RESKEY_CRM_meta_{name}"));
    if let Some(host) = meta("physical_host")
        && meta("container_attribute_target").is_some_and(|target| target.eq_ignore_ascii_case("host"))
    {
        return Ok(host);
    }
    if let Some(node) = meta("on_node") {
        return Ok(node);
    }
    if source.is_live() {
        return live::local_node();
    }
    Ok(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

fn failure(error: &AttributeError, name: &str, output: &mut Output, parsed: &Parsed) -> Failure {
    match error {
        AttributeError::Several(all) => {
            output.info(format!("Multiple attributes match name={name}"));
            for value in all {
                output.info(format!("  Value: {} \t(id={})", value.value.as_deref().unwrap_or(""), value.id));
            }
            Failure::new(
                exit::MULTIPLE,
                "Please choose from one of the matches below and supply the 'id' with --attr-id",
            )
        }
        AttributeError::Cib(error) => {
            error.explain(parsed.has("verbose"));
            error.failure("Error performing operation")
        }
    }
}

fn matching(task: &Task<'_>, scope: &Scope, source: &mut CibSource) -> Result<Vec<Value>, CibError> {
    match &task.pattern {
        None => scope.find(source, task.id, task.name.as_deref()),
        Some(pattern) => {
            let mut all = scope.find(source, None, None)?;
            all.retain(|value| pattern.is_match(&value.name));
            if all.is_empty() && task.command == "query" {
                return Err(no_such());
            }
            Ok(all)
        }
    }
}

fn no_such() -> CibError {
    CibError::new(exit::NO_SUCH, "No such device or address")
}

fn query(
    task: &Task<'_>,
    scope: &Scope,
    source: &mut CibSource,
    output: &mut Output,
) -> Result<(), AttributeError> {
    match (matching(task, scope, source), task.default) {
        (Ok(all), _) => {
            for value in all {
                show(output, task, &value.name, value.value.as_deref());
            }
            Ok(())
        }
        (Err(error), Some(default)) if error.status == exit::NO_SUCH => {
            show(output, task, task.name.as_deref().unwrap_or(""), Some(default));
            Ok(())
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// One value: agents cut these lines at blanks and at `value=`.
fn show(output: &mut Output, task: &Task<'_>, name: &str, value: Option<&str>) {
    let mut attributes = vec![("name", name), ("value", value.unwrap_or(""))];
    let mut line = format!("scope={}  ", task.section);
    attributes.push(("scope", &task.section));
    if let Some(id) = task.id {
        line.push_str(&format!("id={id} "));
        attributes.push(("id", id));
    }
    let escaped = value.map(|value| {
        value.replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
    });
    line.push_str(&format!("name={name} value={}\n", escaped.as_deref().unwrap_or("(null)")));
    if output.is_quiet() {
        if let Some(value) = value {
            output.text(format!("{value}\n"));
        }
    } else {
        output.text(line);
    }
    output.element("attribute", &attributes);
}

fn update(task: &Task<'_>, scope: &Scope, source: &mut CibSource) -> Result<(), AttributeError> {
    let value = task.value.unwrap_or("");
    if task.pattern.is_none() {
        return scope.update(source, task.id, task.name.as_deref(), value);
    }
    for found in matching(task, scope, source)? {
        scope.update(source, None, Some(&found.name), value)?;
    }
    Ok(())
}

fn delete(
    task: &Task<'_>,
    scope: &Scope,
    source: &mut CibSource,
    output: &mut Output,
) -> Result<(), AttributeError> {
    let names: Vec<Option<String>> = match &task.pattern {
        None => vec![task.name.clone()],
        Some(_) => match matching(task, scope, source) {
            Ok(all) => all.into_iter().map(|value| Some(value.name)).collect(),
            Err(error) if error.status == exit::NO_SUCH => Vec::new(),
            Err(error) => return Err(error.into()),
        },
    };
    for name in names {
        match scope.delete(source, task.id, name.as_deref()) {
            Ok(Some(id)) => {
                let what = if scope.node.is_some() { "attribute" } else { "option" };
                let set = scope.set_name.as_ref().map(|set| format!(" set={set}")).unwrap_or_default();
                let shown = name.map(|name| format!(" name={name}")).unwrap_or_default();
                // With an id given the old tool has none of its own to show.
                let id = if task.id.is_some() { "(null)".to_owned() } else { id };
                output.info(format!("Deleted {} {what}: id={id}{set}{shown}", task.section));
            }
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
