//! `crm_verify`: is a configuration well-formed, valid, and free of common mistakes?

mod mistakes;
#[cfg(test)]
mod tests;

use std::path::Path;

use holdfast_model::config::Cib;
use holdfast_model::status::Status;
use holdfast_model::{Level, Problem, read};
use holdfast_scheduler::facts;
use holdfast_scheduler::schedule::{Settings, schedule_facts};
use holdfast_store::schema;
use holdfast_store::validate::{self, Severity};
use holdfast_xml::Document;

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::{CibSource, read_document, write_document};
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_verify",
    summary: "Check a Pacemaker configuration for errors

Checks that a configuration is well-formed XML, valid for its schema, and free
of common mistakes. Errors must be fixed before the cluster works properly;
whether to fix warnings is left to the administrator.",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Data sources:",
            options: &[
                flag("live-check", Some('L'), "Check the configuration of the running cluster"),
                valued("xml-file", Some('x'), "FILE", "Check the configuration in this file"),
                flag("xml-pipe", Some('p'), "Check the configuration on standard input"),
                valued("xml-text", Some('X'), "XML", "Check this configuration"),
            ],
        },
        Group {
            heading: "Additional options:",
            options: &[
                valued("save-xml", Some('S'), "FILE", "Save the configuration that was checked"),
                flag("quiet", Some('q'), "Say nothing, only exit"),
            ],
        },
    ],
    epilogue: "Examples:

Check the running cluster:
    # crm_verify --live-check
Check a file and say everything:
    # crm_verify --xml-file file.xml --verbose
",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_verify)
}

/// What a check found, in the order found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub lines: Vec<(Level, String)>,
}

impl Findings {
    pub fn error(&mut self, text: impl Into<String>) {
        self.lines.push((Level::Error, text.into()));
    }

    pub fn warning(&mut self, text: impl Into<String>) {
        self.lines.push((Level::Warning, text.into()));
    }

    pub fn has_errors(&self) -> bool {
        self.lines.iter().any(|(level, _)| *level == Level::Error)
    }
}

/// Checks a document as the cluster would read it.
pub fn check(document: &Document) -> Findings {
    let mut findings = Findings::default();
    for finding in validate::document(document) {
        match finding.severity {
            Severity::Invalid => findings.error(finding.to_string()),
            // The reader below says the same in the words of the scheduler.
            Severity::Warning => {}
        }
    }
    if findings.has_errors() {
        return findings;
    }
    let mut upgraded = document.clone();
    if let Err(refusal) = schema::upgrade(&mut upgraded, None) {
        findings.error(format!("The cluster will NOT be able to use this configuration: {refusal}"));
        return findings;
    }
    let (mut cib, problems) = read::cib(&upgraded);
    // Only the configuration is judged: what happened to nodes is no mistake.
    cib.status = Status::default();
    let used = scheduled(&cib);
    for problem in problems.into_iter().chain(used) {
        let problem = problem.located(&upgraded);
        let place = match (problem.id.is_empty(), problem.line) {
            (false, 0) => format!("<{} id=\"{}\">: ", problem.element, problem.id),
            (false, line) => format!("line {line}: <{} id=\"{}\">: ", problem.element, problem.id),
            (true, _) => format!("<{}>: ", problem.element),
        };
        let line = (problem.level, format!("{place}{}", problem.message));
        if !findings.lines.contains(&line) {
            findings.lines.push(line);
        }
    }
    mistakes::find(&upgraded, &mut findings);
    findings
}

/// What the scheduler cannot use. It is run, because some parts are looked at only when they are needed.
fn scheduled(cib: &Cib) -> Vec<Problem> {
    let now = crate::crm_mon::local_time::now();
    let plan = || {
        let facts = facts::unpack(cib, cib.header.execution_date.unwrap_or(now));
        schedule_facts(&facts, Settings::default()).problems
    };
    // Requirements travel along chains of orderings, as in the simulator.
    let problems = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(512 << 20).spawn_scoped(scope, plan);
        worker.map(std::thread::ScopedJoinHandle::join)
    });
    match problems {
        Ok(Ok(mut problems)) => {
            // Said below in the words that other tools look for.
            problems.retain(|problem| problem.id != "fencing-enabled");
            problems
        }
        Ok(Err(_)) => vec![Problem::new(Level::Error, "configuration", "", "the scheduler failed on it")],
        Err(error) => {
            let message = format!("it could not be tried out: {error}");
            vec![Problem::new(Level::Error, "configuration", "", message)]
        }
    }
}

fn crm_verify(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let quiet = parsed.count("quiet");
    let verbose = output.is_xml() || parsed.count("verbose") > quiet;
    let mut document = input(parsed, output)?;
    if let Some(path) = parsed.value("save-xml") {
        write_document(Path::new(path), &document)
            .map_err(|error| Failure::new(exit::IO, format!("Could not save {path}: {error}")))?;
    }
    let findings = if document.root().name() == "cib" {
        if document.root().child("status").is_none() {
            let root = document.root().ix();
            document.append(root, "status");
        }
        check(&document)
    } else {
        output.error(format!("Input is not a CIB (outermost element is {} not cib)", document.root().name()));
        let mut findings = Findings::default();
        findings.error("CIB did not pass schema validation");
        findings
    };
    if findings.lines.is_empty() {
        return Ok(exit::OK);
    }
    let errors = findings.has_errors();
    if verbose {
        for (level, text) in &findings.lines {
            let level = if *level == Level::Error { "error" } else { "warning" };
            output.error(format!("{level}: {text}"));
        }
        if errors && document.root().name() == "cib" {
            output.error("error: CIB did not pass schema validation");
        }
    }
    if quiet == 0 {
        let what = if errors { "invalid" } else { "may need attention" };
        let hint = if verbose { "" } else { " (-V may provide more detail)" };
        output.error(format!("Configuration {what}{hint}"));
    }
    Ok(exit::CONFIGURATION)
}

fn input(parsed: &Parsed, output: &mut Output) -> Result<Document, Failure> {
    let result = if let Some(path) = parsed.value("xml-file") {
        read_document(Path::new(path)).map_err(|error| error.to_string())
    } else if let Some(text) = parsed.value("xml-text") {
        if text.trim_start().starts_with('<') {
            Document::parse_default(text).map_err(|error| error.to_string())
        } else {
            read_document(Path::new(text)).map_err(|error| error.to_string())
        }
    } else if parsed.has("xml-pipe") {
        read_document(Path::new("-")).map_err(|error| error.to_string())
    } else if parsed.has("live-check") {
        let document = CibSource::open("crm_verify").and_then(|mut source| source.document());
        return document.map_err(|error| {
            error.explain(true);
            error.failure("Verification failed")
        });
    } else {
        return Err(Failure::new(exit::ERROR, "No input specified"));
    };
    result.map_err(|problem| {
        output.error(problem);
        Failure::new(exit::CONFIGURATION, "Verification failed: Unable to parse CIB XML")
    })
}
