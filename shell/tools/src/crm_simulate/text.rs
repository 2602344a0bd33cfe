//! `crm_simulate` as text: bulleted lists under titles, or plain score lines.
//! Does not decide what is shown.

use super::cli::Args;
use super::inject::Change;
use super::{Part, picture};
use holdfast_scheduler::facts::Facts;
use holdfast_scheduler::graph::run::End;
use holdfast_scheduler::schedule::SummaryLine;
use holdfast_scheduler::simulate::Step;
use holdfast_view::list::sections_text;
use holdfast_view::status::{self, Section, Show};
use std::fmt::Write;

/// Text in the making.
pub(super) struct Text {
    out: String,
    quiet: bool,
    /// Scores without bullets.
    plain: bool,
    /// Something was shown that has to be set apart from what comes.
    spacer: bool,
    first_cluster: bool,
    sections: Vec<Section>,
}

impl Text {
    pub(super) fn new(args: &Args) -> Text {
        Text {
            out: String::new(),
            quiet: args.quiet,
            plain: args.quiet && args.show_scores,
            spacer: false,
            first_cluster: true,
            sections: args.sections(),
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn space(&mut self) {
        if self.spacer {
            self.out.push('\n');
        }
        self.spacer = true;
    }

    fn title(&mut self, title: &str) {
        self.out.push_str(title);
        self.out.push_str(":\n");
    }

    fn item(&mut self, text: &str) {
        self.out.push_str("  * ");
        self.out.push_str(text);
        self.out.push('\n');
    }

    pub(super) fn show(&mut self, part: &Part<'_>) {
        match part {
            Part::Info(text) => {
                self.out.push_str(text);
                self.out.push('\n');
            }
            Part::Cluster(title, facts) => self.cluster(title, facts),
            Part::Injections(changes) if !self.quiet => {
                self.space();
                self.title("Performing Requested Modifications");
                for change in *changes {
                    let text = injection(change);
                    self.item(&text);
                }
            }
            // Nothing is said, but what comes is set apart from it all the same.
            Part::Injections(_) => self.spacer = true,
            Part::Scores(plan) => {
                let capacity = plan
                    .scores
                    .iter()
                    .any(|line| line.contains("capacity:") || line.contains("utilization on"));
                let scores = plan.scores.iter().any(|line| line.contains(" score"));
                self.space();
                if self.plain {
                    self.out.push('\n');
                } else {
                    self.title(match (scores, capacity) {
                        (true, true) => "Assignment Scores and Utilization Information",
                        (false, true) => "Utilization Information",
                        (_, false) => "Assignment Scores",
                    });
                }
                if !self.quiet {
                    for notice in &plan.notices {
                        self.out.push_str(notice);
                        self.out.push('\n');
                    }
                }
                for line in &plan.scores {
                    if self.plain {
                        self.out.push_str(line);
                        self.out.push('\n');
                    } else {
                        self.item(line);
                    }
                }
            }
            Part::Summary(lines) => {
                self.space();
                self.title("Transition Summary");
                self.summary(lines);
            }
            Part::Transition(steps, end) => self.transition(steps, *end),
            Part::Timings(timings) => {
                self.title("Timings");
                for (name, seconds) in *timings {
                    let text = format!("Testing {name} ... {seconds:.2} secs");
                    self.item(&text);
                }
            }
        }
    }

    fn cluster(&mut self, title: &str, facts: &Facts<'_>) {
        if self.first_cluster {
            self.first_cluster = false;
            if let Some(notice) = status::maintenance_notice(facts) {
                self.out.push_str(notice);
                self.spacer = true;
            }
            if let Some(line) = status::counts_line(facts) {
                self.space();
                self.out.push_str(&line);
                self.out.push('\n');
            }
        }
        self.space();
        self.title(title);
        let pending = title.starts_with("Current");
        let show = Show { failed_detail: true, ..Show::full(pending) };
        let sections = status::all_sections(&picture(facts, &show, &self.sections));
        self.out.push_str(&sections_text(&sections, 1));
    }

    fn summary(&mut self, lines: &[SummaryLine]) {
        let mut id_width = 5;
        let mut details_width = 5;
        for line in lines {
            if let SummaryLine::Resource { id, details, .. } = line {
                // A name that does not fit makes room for two more.
                if id.len() > id_width {
                    id_width = id.len() + 2;
                }
                details_width = details_width.max(details.len());
            }
        }
        for line in lines {
            let text = match line {
                SummaryLine::Node { reason: None, .. } => continue,
                SummaryLine::Node { task, node, reason: Some(reason) } => format!("{task} {node} '{reason}'"),
                SummaryLine::Resource { verb, id, details, reason, blocked, .. } => {
                    let mut text = format!("{verb:<8}   {id:<id_width$}   ( {details:>details_width$} )");
                    // Writing to a string cannot fail.
                    let _ = match (reason, blocked) {
                        (Some(reason), true) => write!(text, "  due to {reason} (blocked)"),
                        (Some(reason), false) => write!(text, "  due to {reason}"),
                        (None, true) => write!(text, "  blocked"),
                        (None, false) => Ok(()),
                    };
                    text
                }
            };
            self.item(&text);
        }
    }

    fn transition(&mut self, steps: &[Step], end: End) {
        if !self.quiet {
            self.space();
            self.title("Executing Cluster Transition");
        }
        for step in steps {
            let text = match step {
                Step::Failed { action, rc } => {
                    if !self.quiet {
                        let _ = writeln!(self.out, "Pretending action {action} failed with rc={rc}");
                    }
                    continue;
                }
                Step::Error(message) => {
                    eprintln!("{message}");
                    continue;
                }
                Step::Pseudo { key, node: Some(node) } => format!("Pseudo action:   {key} on {node}"),
                Step::Pseudo { key, node: None } => format!("Pseudo action:   {key}"),
                Step::Resource { resource, operation, interval_ms: 0, node } => {
                    format!("Resource action: {resource:<15} {operation} on {node}")
                }
                Step::Resource { resource, operation, interval_ms, node } => {
                    format!("Resource action: {resource:<15} {operation}={interval_ms} on {node}")
                }
                Step::Cluster { task, resource: Some(resource), node } => {
                    format!("Cluster action:  {task} for {resource} on {node}")
                }
                Step::Cluster { task, resource: None, node } => format!("Cluster action:  {task} on {node}"),
                Step::Fencing { target, action } => format!("Fencing {target} ({action})"),
                Step::Attribute { name, value, node } => {
                    format!("Injecting attribute {name}={value} into /node_state '{node}'")
                }
            };
            if !self.quiet {
                self.item(&text);
            }
        }
        if end == End::Terminated {
            eprintln!("Transition failed: terminated");
            eprintln!("An invalid transition was produced");
        }
    }
}

fn injection(change: &Change) -> String {
    match change {
        Change::Quorum(quorum) => format!("Setting quorum: {quorum}"),
        Change::Watchdog(watchdog) => format!("Setting watchdog: {watchdog}"),
        Change::Node { action: "Online", node } => format!("Bringing node {node} online"),
        Change::Node { action: "Offline", node } => format!("Taking node {node} offline"),
        Change::Node { node, .. } => format!("Failing node {node}"),
        Change::Ticket { action: "Standby", ticket } => format!("Making ticket {ticket} standby"),
        Change::Ticket { action, ticket } => format!("{action} ticket {ticket}"),
        Change::Operation(spec) => format!("Injecting {spec} into the configuration"),
        Change::Attribute { name, value, node } => {
            format!("Injecting attribute {name}={value} into /node_state '{node}'")
        }
    }
}
