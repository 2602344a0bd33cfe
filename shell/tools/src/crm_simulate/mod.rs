//! `crm_simulate`: what would the cluster do, and how would it look afterwards?
//!
//! Order of work: read the input (`input`), change it as asked (`inject`), plan and pretend (`holdfast_scheduler`),
//! say it (`text`, `xml`). Nothing of a living cluster is touched.

mod cli;
mod inject;
mod input;
mod profile;
mod text;
mod xml;

#[cfg(test)]
mod tests;

use cli::{Args, Format};
use holdfast_model::Cib;
use holdfast_model::iso8601::DateTime;
use holdfast_scheduler::facts::Facts;
use holdfast_scheduler::graph::run::End;
use holdfast_scheduler::graph::{dot, xml as graph_xml};
use holdfast_scheduler::schedule::{Schedule, Settings, SummaryLine, early_notices, schedule_facts};
use holdfast_scheduler::simulate::{self, Failure, Step};
use holdfast_view::status::{Head, Picture, Section, Show};
use holdfast_xml::Document;
use input::Input;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

const OK: i32 = 0;
const ERROR: i32 = 1;
const USAGE: i32 = 64;
const CANNOT_CREATE: i32 = 73;

/// Why the tool ends early: the exit status, and what to say.
#[derive(Debug)]
pub(crate) struct Stop {
    status: i32,
    message: String,
}

impl Stop {
    pub(crate) fn new(status: i32, message: impl Into<String>) -> Stop {
        Stop { status, message: message.into() }
    }
}

/// Runs the command; the first word is its name. Returns the exit status.
pub fn run(words: Vec<String>) -> i32 {
    let request = words.join(" ");
    let args = match cli::parse(words) {
        Ok(args) => args,
        Err(status) => return status,
    };
    // Requirements travel along chains of orderings; a deep stack holds the longest chains of large clusters.
    let worker = std::thread::Builder::new().stack_size(512 << 20).spawn(move || work(&args, &request));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(status)) => status,
        Ok(Err(_)) => ERROR,
        Err(error) => {
            eprintln!("crm_simulate: cannot start: {error}");
            ERROR
        }
    }
}

fn work(args: &Args, request: &str) -> i32 {
    let mut output = Output::new(args, request);
    let status = match simulate(args, &mut output) {
        Ok(status) => status,
        Err(stop) => {
            output.error(format!("crm_simulate: {}", stop.message));
            stop.status
        }
    };
    output.finish(args, status)
}

/// Everything that is shown, in order.
pub(crate) enum Part<'a> {
    /// A line that stands alone.
    Info(String),
    /// The cluster, with a title.
    Cluster(&'a str, &'a Facts<'a>),
    /// Changes made to the input.
    Injections(&'a [inject::Change]),
    /// Scores and capacities.
    Scores(&'a Schedule),
    /// The plan in words.
    Summary(&'a [SummaryLine]),
    /// What was carried out.
    Transition(&'a [Step], End),
    /// Timings of files: name and seconds.
    Timings(&'a [(String, f64)]),
}

enum Output {
    Nothing,
    Text(text::Text),
    Xml(Box<xml::Xml>),
}

impl Output {
    fn new(args: &Args, request: &str) -> Output {
        match args.output_as {
            Format::Text => Output::Text(text::Text::new(args)),
            Format::Xml => Output::Xml(Box::new(xml::Xml::new(args, request))),
            Format::None => Output::Nothing,
        }
    }

    fn show(&mut self, part: &Part<'_>) {
        match self {
            Output::Nothing => {}
            Output::Text(text) => text.show(part),
            Output::Xml(xml) => xml.show(part),
        }
    }

    fn error(&mut self, message: String) {
        match self {
            Output::Nothing | Output::Text(_) => eprintln!("{message}"),
            Output::Xml(xml) => xml.error(message),
        }
    }

    fn finish(self, args: &Args, status: i32) -> i32 {
        let text = match self {
            Output::Nothing => return status,
            Output::Text(text) => text.finish(),
            Output::Xml(xml) => xml.finish(status),
        };
        let written = match &args.output_to {
            Some(path) if path != "-" => std::fs::write(path, text),
            _ => {
                use std::io::Write;
                std::io::stdout().lock().write_all(text.as_bytes())
            }
        };
        match written {
            Ok(()) => status,
            Err(error) => {
                eprintln!("crm_simulate: cannot write the output: {error}");
                CANNOT_CREATE
            }
        }
    }
}

/// What is shown of a cluster.
pub(crate) fn picture<'a>(facts: &'a Facts<'a>, show: &'a Show, wanted: &'a [Section]) -> Picture<'a> {
    static HEAD: LazyLock<Head> = LazyLock::new(Head::default);
    Picture {
        facts,
        head: &HEAD,
        locations: &[],
        fencing: None,
        full_fencing: false,
        risks: &[],
        ban_prefix: "",
        wanted,
        show,
    }
}

/// Seconds since the epoch.
fn clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The time that rules and expiry go by, with what to say about it.
pub(crate) struct Clock {
    pub now: i64,
    note: Option<String>,
}

impl Clock {
    pub(crate) fn new(date: Option<&str>, cib: &Cib) -> Result<Clock, Stop> {
        if let Some(text) = date {
            let time = DateTime::parse(text, clock()).ok_or_else(|| {
                Stop::new(
                    USAGE,
                    format!("'{text}' is not a date and time: write one as in 2026-07-01T12:30:00Z"),
                )
            })?;
            return Ok(Clock {
                now: time.epoch_seconds,
                note: Some(format!("Setting effective cluster time: {text}")),
            });
        }
        let Some(original) = cib.header.execution_date else {
            return Ok(Clock { now: clock(), note: None });
        };
        let fields = DateTime::from_epoch(original).fields();
        let when = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
            fields.year, fields.month, fields.month_day, fields.hour, fields.minute, fields.second
        );
        Ok(Clock { now: original, note: Some(format!("Using the original execution date of: {when}")) })
    }
}

/// Facts about a cluster, with secrets taken as masked when the input is a file.
pub(crate) fn facts<'c>(cib: &'c Cib, now: i64, sanitized: bool) -> Facts<'c> {
    let mut facts = holdfast_scheduler::facts::unpack(cib, now);
    facts.options.sanitized = sanitized;
    facts
}

/// What unpacking a cluster has to say, beside how it looks.
fn notices(output: &mut Output, facts: &Facts<'_>) {
    for notice in early_notices(facts) {
        output.show(&Part::Info(notice));
    }
}

fn simulate(args: &Args, output: &mut Output) -> Result<i32, Stop> {
    if let Some(folder) = &args.profile {
        return profile::run(args, Path::new(folder), output);
    }
    let failures = args
        .op_fail
        .iter()
        .map(|text| Failure::parse(text).map_err(|message| Stop::new(USAGE, message)))
        .collect::<Result<Vec<Failure>, Stop>>()?;
    let Input { document, mut cib, warnings, problems } = input::read(args)?;
    // Only what is changed, written again or named by its line is needed as a text tree, too; for a large cluster it is
    // half the memory.
    let mut document = args.needs_document().then_some(document);
    for warning in warnings {
        output.error(warning);
    }
    if args.verbose > 0 {
        for problem in problems {
            output.error(problem.to_string());
        }
    }
    let sanitized = !args.live_check;
    let time = Clock::new(args.set_datetime.as_deref(), &cib)?;
    let note = |output: &mut Output| {
        if let Some(note) = &time.note
            && !args.quiet
        {
            output.show(&Part::Info(note.clone()));
        }
    };
    note(output);
    if !args.quiet {
        let before = facts(&cib, time.now, sanitized);
        notices(output, &before);
        output.show(&Part::Cluster("Current cluster status", &before));
    }
    let mut edits = Edits::default();
    if let Some(document) = document.as_mut().filter(|_| args.injects()) {
        edits.nodes(args, document);
        let known = inject::Known::new(args, &facts(&cib, time.now, sanitized));
        let (changes, refused) = inject::apply(args, document, &mut cib, &known, clock())?;
        output.show(&Part::Injections(&changes));
        for problem in refused {
            output.error(format!("crm_simulate: {problem}"));
        }
        note(output);
        if !args.quiet {
            notices(output, &facts(&cib, time.now, sanitized));
        }
    }
    if let (Some(path), Some(document)) = (&args.save_input, document.as_mut()) {
        input::save(path, document, &cib)?;
    }
    let mut status = OK;
    if args.processes() {
        let now = facts(&cib, time.now, sanitized);
        let settings = Settings {
            transition_id: 1,
            scores: args.show_scores,
            utilization: args.show_utilization,
            considered: args.save_dotfile.is_some(),
        };
        let plan = schedule_facts(&now, settings);
        for problem in &plan.problems {
            // A circle of orderings changes what is done; all else the listing shows, or nobody asked.
            if args.verbose > 0 || problem.element == "constraints" {
                let problem = problem.clone();
                // A circle has no one line.
                let problem = match &document {
                    Some(document) => problem.located(document),
                    None => problem,
                };
                output.error(problem.to_string());
            }
        }
        if args.show_scores || args.show_utilization {
            output.show(&Part::Scores(&plan));
        }
        save_drawings(args, &plan)?;
        if !args.quiet {
            output.show(&Part::Summary(&plan.summary));
        }
        if args.simulates() {
            let names = simulate::Names::new(&now);
            drop(now);
            let (steps, end) =
                simulate::execute_named(&plan.graph, &names, &mut cib.status, &failures, clock());
            output.show(&Part::Transition(&steps, end));
            edits.operations(&steps);
            if let Some(document) = document.as_mut().filter(|_| !args.node_up.is_empty()) {
                inject::configure_touched(document, &mut cib, &steps);
            }
            if !matches!(end, End::Complete | End::Stopped) {
                status = ERROR;
            }
            if !args.quiet {
                note(output);
                let after = facts(&cib, time.now, sanitized);
                notices(output, &after);
                output.show(&Part::Cluster("Revised Cluster Status", &after));
            }
        }
    }
    // In place of a live check is the file or shadow copy that stands for the cluster; the cluster itself never.
    let stand_in = match crate::cib_source::Place::from_environment() {
        crate::cib_source::Place::File(path) | crate::cib_source::Place::Shadow { path, .. } => {
            Some(path.display().to_string())
        }
        crate::cib_source::Place::Live => None,
    };
    let save_to = match (args.in_place, args.live_check) {
        (true, true) => stand_in.as_ref(),
        (true, false) => args.xml_file.as_ref(),
        (false, _) => args.save_output.as_ref(),
    };
    if let Some(document) = &mut document {
        if args.in_place && args.live_check {
            edits.raise_version(document);
        }
        if let Some(path) = save_to.filter(|path| path.as_str() != "-") {
            input::save(path, document, &cib)?;
        }
    }
    // The process ends with its answer: the memory of a large cluster goes back as a whole then, not piece by piece.
    std::mem::forget((cib, document));
    Ok(status)
}

/// What a simulation writes into a configuration in place, counted as the cluster would have written it.
#[derive(Default)]
struct Edits {
    /// Changes of the configuration.
    configuration: u32,
    /// Changes of the status since the last of the configuration.
    status: u32,
}

impl Edits {
    /// A node that comes up is made if it is new, and its state is written twice.
    fn nodes(&mut self, args: &Args, document: &Document) {
        let nodes = document.root().child("configuration").and_then(|all| all.child("nodes"));
        for name in &args.node_up {
            let known = nodes.is_some_and(|all| all.children().any(|node| node.attr("uname") == Some(name)));
            if known {
                self.status += 2;
            } else {
                self.configuration += 1;
                self.status = 2;
            }
        }
    }

    fn operations(&mut self, steps: &[simulate::Step]) {
        let calls = steps.iter().filter(|step| matches!(step, simulate::Step::Resource { .. })).count();
        self.status += u32::try_from(calls).unwrap_or(u32::MAX);
    }

    fn raise_version(&self, document: &mut Document) {
        let mut version = holdfast_xml::Version::of(document.root());
        if self.configuration > 0 {
            version.epoch += self.configuration;
            version.num_updates = 0;
        }
        version.num_updates += self.status;
        let root = document.root().ix();
        version.store(document, root);
    }
}

fn save_drawings(args: &Args, plan: &Schedule) -> Result<(), Stop> {
    if let Some(path) = &args.save_graph {
        write(path, &graph_xml::write(&plan.graph))?;
    }
    if let Some(path) = &args.save_dotfile {
        let options = dot::Options { all_actions: args.all_actions, numbers: args.verbose > 0 };
        write(path, &dot::write(&plan.considered, options))?;
    }
    Ok(())
}

fn write(path: &str, text: &str) -> Result<(), Stop> {
    std::fs::write(path, text)
        .map_err(|error| Stop::new(CANNOT_CREATE, format!("cannot write '{path}': {error}")))
}

/// The document with a new status section.
pub(crate) fn put_status(document: &mut Document, cib: &Cib) {
    let root = document.root();
    let old = root.child("status").map(|status| status.ix());
    let top = root.ix();
    let section = match old {
        Some(section) => {
            document.clear(section);
            section
        }
        None => document.append(top, "status"),
    };
    cib.status.to_xml(document, section);
    // The simulator of old writes its mark last.
    let states: Vec<holdfast_xml::NodeIx> = document
        .root()
        .child("status")
        .into_iter()
        .flat_map(|status| status.children_named("node_state"))
        .filter(|state| state.attr("crm-debug-origin") == Some("crm_simulate"))
        .map(|state| state.ix())
        .collect();
    for state in states {
        document.remove_attr(state, "crm-debug-origin");
        document.set_attr(state, "crm-debug-origin", "crm_simulate");
    }
}
