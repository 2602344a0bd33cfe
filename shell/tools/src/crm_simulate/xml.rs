//! `crm_simulate` as XML, in the shape of Pacemaker's result documents.
//! Does not decide what is shown.

use super::cli::Args;
use super::inject::Change;
use super::{Part, picture};
use holdfast_scheduler::schedule::SummaryLine;
use holdfast_scheduler::simulate::Step;
use holdfast_view::exit_text::exit_text;
use holdfast_view::status::{self, Builder, Section, Show};
use holdfast_xml::{Document, NodeIx};

/// Version of the result documents.
const API_VERSION: &str = "2.41";

/// A result document in the making.
pub(super) struct Xml {
    document: Document,
    root: NodeIx,
    errors: Vec<String>,
    sections: Vec<Section>,
}

type Attributes<'a> = &'a [(&'a str, Option<&'a str>)];

impl Xml {
    pub(super) fn new(args: &Args, request: &str) -> Xml {
        let mut document = Document::new("pacemaker-result");
        let root = document.root().ix();
        document.set_attr(root, "api-version", API_VERSION);
        document.set_attr(root, "request", request);
        Xml { document, root, errors: Vec::new(), sections: args.sections() }
    }

    pub(super) fn error(&mut self, message: String) {
        self.errors.push(message);
    }

    pub(super) fn finish(mut self, status: i32) -> String {
        let element = self.add(
            self.root,
            "status",
            &[("code", Some(&status.to_string())), ("message", Some(exit_text(status)))],
        );
        if !self.errors.is_empty() {
            let errors = self.add(element, "errors", &[]);
            for message in std::mem::take(&mut self.errors) {
                let error = self.add(errors, "error", &[]);
                self.document.set_text(error, &message);
            }
        }
        format!("{}\n", self.document.to_string_pretty().trim_end())
    }

    fn add(&mut self, parent: NodeIx, name: &str, attributes: Attributes<'_>) -> NodeIx {
        let element = self.document.append(parent, name);
        for (key, value) in attributes {
            if let Some(value) = value {
                self.document.set_attr(element, key, value);
            }
        }
        element
    }

    pub(super) fn show(&mut self, part: &Part<'_>) {
        match part {
            Part::Info(_) => {}
            Part::Cluster(title, facts) => {
                let name =
                    if title.starts_with("Current") { "cluster_status" } else { "revised_cluster_status" };
                let list = self.add(self.root, name, &[]);
                let show = Show { failed_detail: true, ..Show::full(title.starts_with("Current")) };
                let mut builder =
                    Builder { document: std::mem::replace(&mut self.document, Document::new("none")) };
                status::add_status(&mut builder, list, &picture(facts, &show, &self.sections));
                self.document = builder.document;
            }
            Part::Injections(changes) => self.injections(changes),
            Part::Scores(plan) => {
                let scores = plan.scores.iter().any(|line| line.contains(" score"));
                let capacity = plan.scores.iter().any(|line| !line.contains(" score"));
                let name = match (scores, capacity) {
                    (true, true) => "allocations_utilizations",
                    (false, true) => "utilizations",
                    (_, false) => "allocations",
                };
                let list = self.add(self.root, name, &[]);
                for line in &plan.scores {
                    self.score(list, line);
                }
            }
            Part::Summary(lines) => self.summary(lines),
            Part::Transition(steps, _) => self.transition(steps),
            Part::Timings(timings) => {
                let list = self.add(self.root, "timings", &[]);
                for (file, seconds) in *timings {
                    let duration = format!("{seconds:.2}");
                    self.add(list, "timing", &[("file", Some(file)), ("duration", Some(&duration))]);
                }
            }
        }
    }

    fn injections(&mut self, changes: &[Change]) {
        let list = self.add(self.root, "modifications", &[]);
        for change in changes {
            match change {
                Change::Quorum(quorum) => self.document.set_attr(list, "quorum", quorum),
                Change::Watchdog(watchdog) => self.document.set_attr(list, "watchdog", watchdog),
                Change::Node { action, node } => {
                    self.add(list, "modify_node", &[("action", Some(action)), ("node", Some(node))]);
                }
                Change::Ticket { action, ticket } => {
                    self.add(list, "modify_ticket", &[("action", Some(action)), ("ticket", Some(ticket))]);
                }
                Change::Operation(spec) => {
                    self.add(list, "inject_spec", &[("spec", Some(spec))]);
                }
                Change::Attribute { name, value, node } => {
                    self.add(
                        list,
                        "inject_attr",
                        &[
                            ("name", Some(name)),
                            ("value", Some(value)),
                            ("node_path", Some("/node_state")),
                            ("cib_node", Some(node)),
                        ],
                    );
                }
            }
        }
    }

    /// One score or capacity line, taken apart again.
    fn score(&mut self, list: NodeIx, line: &str) {
        if let Some((function, rest)) = line.split_once(": ")
            && let Some((id, rest)) = rest.split_once(" allocation score on ")
            && let Some((node, score)) = rest.rsplit_once(": ")
        {
            self.add(
                list,
                "node_weight",
                &[
                    ("function", Some(function)),
                    ("node", Some(node)),
                    ("score", Some(score)),
                    ("id", Some(id)),
                ],
            );
        } else if let Some((id, rest)) = line.split_once(" promotion score ")
            && let Some((place, score)) = rest.rsplit_once(": ")
        {
            let node = place.strip_prefix("on ");
            self.add(list, "promotion_score", &[("id", Some(id)), ("score", Some(score)), ("node", node)]);
        } else if let Some((comment, rest)) = line.split_once(": ")
            && let Some((node, values)) = rest.split_once(" capacity:")
        {
            let element = self.add(list, "capacity", &[("node", Some(node)), ("comment", Some(comment))]);
            self.amounts(element, values);
        } else if let Some((function, rest)) = line.split_once(": ")
            && let Some((resource, rest)) = rest.split_once(" utilization on ")
            && let Some((node, values)) = rest.split_once(':')
        {
            let element = self.add(
                list,
                "utilization",
                &[("resource", Some(resource)), ("node", Some(node)), ("function", Some(function))],
            );
            self.amounts(element, values);
        }
    }

    fn amounts(&mut self, element: NodeIx, values: &str) {
        for (name, value) in values.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            self.document.set_attr(element, name, value);
        }
    }

    fn summary(&mut self, lines: &[SummaryLine]) {
        let list = self.add(self.root, "actions", &[]);
        for line in lines {
            match line {
                SummaryLine::Node { reason: None, .. } => {}
                SummaryLine::Node { task, node, reason } => {
                    let reason = reason.as_deref();
                    self.add(
                        list,
                        "node_action",
                        &[("task", Some(task)), ("node", Some(node)), ("reason", reason)],
                    );
                }
                SummaryLine::Resource { verb, id, change, reason, blocked, .. } => {
                    let verb = verb.to_ascii_lowercase();
                    let element =
                        self.add(list, "rsc_action", &[("action", Some(&verb)), ("resource", Some(id))]);
                    let old = change.old_role.as_deref();
                    let new = change.new_role.as_deref();
                    let (from, to) = (change.from.as_deref(), change.to.as_deref());
                    let roles = change.shows_roles;
                    let same_role = old == new;
                    let attributes: Vec<(&str, Option<&str>)> = match (from, to) {
                        (None, to) if roles => vec![("role", old), ("next-role", new), ("dest", to)],
                        (None, to) => vec![("node", to)],
                        (from, None) if roles => vec![("role", old), ("node", from)],
                        (from, None) => vec![("node", from)],
                        (from, to) if same_role && from == to && roles => {
                            vec![("role", old), ("source", from)]
                        }
                        (from, to) if same_role && from == to => vec![("source", from)],
                        (from, to) if same_role && roles => {
                            vec![("source", from), ("dest", to), ("role", old)]
                        }
                        (from, to) if same_role => vec![("source", from), ("dest", to)],
                        (from, to) if from == to => vec![("role", old), ("next-role", new), ("source", from)],
                        (from, to) => vec![("role", old), ("source", from), ("next-role", new), ("dest", to)],
                    };
                    for (key, value) in attributes {
                        if let Some(value) = value {
                            self.document.set_attr(element, key, value);
                        }
                    }
                    if let Some(reason) = reason {
                        self.document.set_attr(element, "reason", reason);
                    }
                    if *blocked {
                        self.document.set_attr(element, "blocked", "true");
                    }
                }
            }
        }
    }

    fn transition(&mut self, steps: &[Step]) {
        let list = self.add(self.root, "transition", &[]);
        for step in steps {
            match step {
                Step::Pseudo { key, node } => {
                    self.add(list, "pseudo_action", &[("task", Some(key)), ("node", node.as_deref())]);
                }
                Step::Resource { resource, operation, interval_ms, node } => {
                    let interval = (*interval_ms > 0).then(|| interval_ms.to_string());
                    self.add(
                        list,
                        "rsc_action",
                        &[
                            ("resource", Some(resource)),
                            ("op", Some(operation)),
                            ("node", Some(node)),
                            ("interval", interval.as_deref()),
                        ],
                    );
                }
                Step::Cluster { task, resource, node } => {
                    let id = resource.as_deref();
                    self.add(
                        list,
                        "cluster_action",
                        &[("task", Some(task)), ("node", Some(node)), ("id", id)],
                    );
                }
                Step::Fencing { target, action } => {
                    self.add(list, "fencing_action", &[("target", Some(target)), ("op", Some(action))]);
                }
                Step::Attribute { name, value, node } => {
                    self.add(
                        list,
                        "inject_attr",
                        &[
                            ("name", Some(name)),
                            ("value", Some(value)),
                            ("node_path", Some("/node_state")),
                            ("cib_node", Some(node)),
                        ],
                    );
                }
                Step::Failed { .. } => {}
                Step::Error(message) => self.errors.push(message.clone()),
            }
        }
    }
}
