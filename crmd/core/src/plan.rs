//! The meeting point with the scheduler: what it is given, what it gives back.
//!
//! Knows how to run [`holdfast_scheduler::schedule`] on a snapshot, so that the daemon and the simulation do the same.

use std::sync::Arc;

use crate::io::Severity;
use holdfast_api::cib::Version;
use holdfast_model::{Cib, Status};
use holdfast_scheduler::facts;
use holdfast_scheduler::graph::TransitionGraph;
use holdfast_scheduler::schedule::{Settings, SummaryLine, schedule_facts};
use holdfast_xml::Document;

/// Everything that a plan depends on.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of the request; goes back with the answer.
    pub number: u64,
    /// The configuration as a tree (for the saved scheduler input); its status section is empty.
    pub configuration: Arc<Document>,
    /// The configuration as values; its status is empty.
    pub typed: Arc<Cib>,
    /// The status.
    pub status: Arc<Status>,
    /// Version of the document.
    pub version: Version,
    /// Now, in seconds since the epoch.
    pub now: i64,
    /// Number that the transition will have.
    pub transition: u64,
    /// Whether this partition has quorum.
    pub quorate: bool,
    /// Node id of the decision maker.
    pub dc: u32,
}

impl Snapshot {
    /// Configuration and status together, as the scheduler reads them.
    #[must_use]
    pub fn cib(&self) -> Cib {
        let mut cib = Cib::clone(&self.typed);
        cib.status = Status::clone(&self.status);
        cib.header.have_quorum = self.quorate;
        cib.header.dc_uuid = Some(self.dc.to_string());
        cib.header.num_updates = self.version.num_updates;
        cib
    }

    /// Configuration and status together as a document: the scheduler input that is saved for people.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut document = Document::clone(&self.configuration);
        let root = document.root().ix();
        document.set_attr(root, "num_updates", &self.version.num_updates.to_string());
        document.set_attr(root, "have-quorum", if self.quorate { "1" } else { "0" });
        document.set_attr(root, "dc-uuid", &self.dc.to_string());
        document.set_attr(root, "execution-date", &self.now.to_string());
        if let Some(section) = document.root().child("status").map(|s| s.ix()) {
            self.status.to_xml(&mut document, section);
        }
        document
    }
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Number of the request it answers.
    pub number: u64,
    /// What to do, or why no plan could be made.
    pub result: Result<Plan, String>,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The graph.
    pub graph: TransitionGraph,
    /// In words.
    pub summary: Vec<SummaryLine>,
    /// What was wrong with the configuration, as it is logged.
    pub problems: Vec<(Severity, String)>,
}

/// Plans for a snapshot.
#[must_use]
pub fn make(snapshot: &Snapshot) -> Planned {
    let cib = snapshot.cib();
    let facts = facts::unpack(&cib, snapshot.now);
    let transition_id = u32::try_from(snapshot.transition).unwrap_or(u32::MAX);
    let schedule = schedule_facts(&facts, Settings { transition_id, ..Settings::default() });
    let problems = schedule.problems.iter().map(|problem| logged(&problem.to_string())).collect();
    let plan = Plan { graph: schedule.graph, summary: schedule.summary, problems };
    Planned { number: snapshot.number, result: Ok(plan) }
}

/// A problem as a line of the log. Guides have people search for `ERROR:` and leave out `unpack_resources`, by which
/// the old scheduler said that there is no fence device.
fn logged(problem: &str) -> (Severity, String) {
    match problem.strip_prefix("error: ") {
        Some(text) => (Severity::Error, format!("ERROR: unpack_resources: {text}")),
        None => (Severity::Warn, problem.strip_prefix("warning: ").unwrap_or(problem).to_owned()),
    }
}
