//! `cibadmin`: query and change the configuration as XML.

mod access;
mod options;

use std::path::Path;

use holdfast_store::{Answer, Operation, Options, Request, Target, digest, schema, section};
use holdfast_xml::{Document, WriteOptions};

use crate::arguments::Parsed;
use crate::cib_source::{CibError, CibSource, current_user, read_document, variable};
use crate::exit;
use crate::output::{Failure, Output, run_tool};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&options::SYNTAX, &args, cibadmin)
}

fn cibadmin(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    if !parsed.operands.is_empty() {
        return Err(Failure::usage(format!("non-option ARGV-elements: {}", parsed.operands.join(" "))));
    }
    let command = parsed.last_of(options::COMMANDS).map_or("query", |(name, _)| name);
    let access =
        parsed.last_of(&["show-access"]).map(|(_, value)| access::Rendering::named(value)).transpose()?;
    if options::UNSAFE.contains(&command) && !parsed.has("force") {
        return Err(Failure::new(
            exit::UNSAFE,
            "The supplied command is considered dangerous. To prevent accidental destruction of the cluster, the \
             --force flag is required in order to proceed.",
        ));
    }
    let target = match parsed.last_of(&["scope", "xpath"]) {
        Some(("scope", Some(name))) => Target::Section(name.to_owned()),
        Some((_, Some(expression))) => Target::XPath(expression.to_owned()),
        Some((_, None)) | None => Target::Whole,
    };
    let by_xpath = matches!(target, Target::XPath(_)) && matches!(command, "delete" | "delete-all");
    let input = if options::NEEDS_INPUT.contains(&command) && !by_xpath {
        Some(read_input(parsed, matches!(command, "delete" | "delete-all"), output)?)
    } else {
        None
    };
    match command {
        "empty" => {
            let schema = parsed.value("empty").unwrap_or(schema::NEWEST).to_owned();
            show(output, &section::empty_document(1, &schema));
            return Ok(exit::OK);
        }
        "md5-sum" | "md5-sum-versioned" => {
            let document =
                input.as_ref().map(Document::root).ok_or_else(|| Failure::usage("input is needed"))?;
            let sum =
                if command == "md5-sum" { digest::on_disk(document) } else { digest::versioned(document) };
            output.info(&sum);
            output.element("md5-sum", &[("digest", &sum)]);
            return Ok(exit::OK);
        }
        _ => {}
    }
    if let Target::Section(name) = &target
        && (!section::is_known(name) || matches!(name.as_str(), "cib" | "all"))
    {
        output.error(format!("Invalid value '{name}' for '--scope'. Operation will apply to the entire CIB"));
    }
    let mut source = CibSource::open("cibadmin").map_err(|error| {
        error.explain(parsed.has("verbose"));
        error.failure("Could not connect to the CIB API")
    })?;
    if command == "query" {
        return query(parsed, output, &mut source, target, access);
    }
    change(parsed, output, &mut source, command, target, input)
}

fn read_input(parsed: &Parsed, or_xpath: bool, output: &mut Output) -> Result<Document, Failure> {
    let (result, place) = if let Some(path) = parsed.value("xml-file") {
        (read_document(Path::new(path)).map_err(|error| error.to_string()), path.to_owned())
    } else if let Some(text) = parsed.value("xml-text") {
        (Document::parse_default(text).map_err(|error| error.to_string()), "input string".to_owned())
    } else if parsed.has("xml-pipe") {
        (read_document(Path::new("-")).map_err(|error| error.to_string()), "stdin".to_owned())
    } else {
        let xpath = if or_xpath { "either --xpath or " } else { "" };
        return Err(Failure::usage(format!(
            "The supplied command requires {xpath}input via --xml-file, --xml-text, or --xml-pipe"
        )));
    };
    result.map_err(|problem| {
        output.error(problem);
        Failure::new(exit::BAD_DATA, format!("Couldn't parse input from {place}"))
    })
}

/// A document as the result, without the text that has no meaning in a configuration.
fn show(output: &mut Output, document: &Document) {
    let options = WriteOptions { text: false, ..WriteOptions::PRETTY };
    output.document("output", &document.root().to_string_with(options));
}

fn call_failed(parsed: &Parsed, error: &CibError) -> Failure {
    error.explain(parsed.has("verbose"));
    error.failure("CIB API call failed")
}

fn query(
    parsed: &Parsed,
    output: &mut Output,
    source: &mut CibSource,
    target: Target,
    access: Option<access::Rendering>,
) -> Result<i32, Failure> {
    let named = parsed.value("user").map(str::to_owned).or_else(|| variable("CIB_user"));
    if access.is_some() && parsed.value("user").is_none() {
        return Err(Failure::usage("-U/--user is required with -S/--show-access"));
    }
    if access.is_some() && !current_user().privileged {
        output.error(format!(
            "Warning: cibadmin is being run as user {}, which is subject to ACLs. As a result, ACLs for user {} may be \
             incorrect or incomplete in the output.",
            current_user().name,
            named.as_deref().unwrap_or("")
        ));
    }
    let options = Options {
        no_children: parsed.has("no-children"),
        paths: parsed.has("node-path") && matches!(target, Target::XPath(_)),
        ..Options::default()
    };
    let user = if access.is_some() { None } else { parsed.value("user") };
    let answer = source.query(target, options, user).map_err(|error| call_failed(parsed, &error))?;
    match (answer, access) {
        (Answer::Xml(document), Some(rendering)) if document.root().name() == "cib" => {
            let text = access::render(&document, named.as_deref().unwrap_or(""), rendering)?;
            if output.is_xml() {
                output.document("output", &text);
            } else {
                output.info(text);
            }
        }
        (Answer::Xml(document), _) => show(output, &document),
        (Answer::Paths(paths), _) => {
            let mut wrapper = Document::new("xpath-query");
            let root = wrapper.root().ix();
            for path in &paths {
                output.info(path);
                let ix = wrapper.append(root, "xpath-query-path");
                wrapper.set_attr(ix, "id", path);
            }
            if output.is_xml() {
                show(output, &wrapper);
            }
        }
    }
    Ok(exit::OK)
}

fn change(
    parsed: &Parsed,
    output: &mut Output,
    source: &mut CibSource,
    command: &str,
    target: Target,
    input: Option<Document>,
) -> Result<i32, Failure> {
    let operation = match command {
        "create" => Operation::Create,
        "modify" => Operation::Modify,
        "replace" => Operation::Replace,
        "delete" | "delete-all" => Operation::Delete,
        "patch" => Operation::Patch,
        "bump" => Operation::Bump,
        "erase" => Operation::Erase,
        _ => Operation::Upgrade,
    };
    let mut request = Request::new(operation, target, input);
    request.options.all_matches = command == "delete-all";
    request.options.can_create = parsed.has("allow-create");
    request.options.score_update = operation == Operation::Modify;
    if let (Operation::Replace, Some(document)) = (operation, &mut request.input)
        && document.root().name() == "cib"
        && document.root().child("status").is_none()
    {
        let root = document.root().ix();
        document.append(root, "status");
    }
    let refused = request.input.clone().filter(|input| input.root().name() != "cib");
    match source.apply(request, parsed.value("user")) {
        Ok(()) => Ok(exit::OK),
        Err(error) if error.code == Some(holdfast_store::Code::SchemaUnchanged) => {
            output.info(format!("Upgrade unnecessary: {}", error.text));
            Ok(exit::OK)
        }
        Err(error) => {
            let failure = call_failed(parsed, &error);
            if let (Operation::Create, Some(input)) = (operation, refused) {
                output.fatal(&failure.message);
                show(output, &failed_update(&input, &error.text));
                return Err(Failure::new(failure.status, ""));
            }
            Err(failure)
        }
    }
}

/// The object that could not be created, as programs expect it on standard output.
fn failed_update(input: &Document, reason: &str) -> Document {
    let mut document = Document::new("failed");
    let root = document.root().ix();
    let update = document.append(root, "failed_update");
    let object = input.root();
    for (name, value) in [
        ("id", object.id().unwrap_or("")),
        ("object-type", object.name()),
        ("operation", "cib_create"),
        ("reason", reason),
    ] {
        document.set_attr(update, name, value);
    }
    document.append_copy(update, input, object.ix());
    document
}
