//! The report: what became of each input line, and what the new cluster will do.
//!
//! Knows text, JSON and HTML. Decides nothing.

use super::plan::Plan;
use super::ring::RingPlan;
use super::source::{Remark, Verdict};
use super::value::spoken;
use serde::Serialize;
use std::fmt::Write as _;

/// The form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    Html,
}

/// What the new cluster does when something happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    pub event: &'static str,
    pub effect: String,
}

/// Everything that the report says.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    pub lines: Vec<&'a Remark>,
    pub files: Vec<String>,
    pub outlook: Vec<Outlook>,
    pub needs_you: usize,
}

/// What the new cluster will do on crash, pulled cable, failure of a service and return of a node.
pub fn outlook(plan: &Plan, ring: &RingPlan) -> Vec<Outlook> {
    let two = plan.nodes.len() == 2;
    let token = spoken(ring.token_ms);
    let crash = if plan.fencing_enabled {
        format!(
            "after {token} the silent node is fenced; when the device confirms it, its services start elsewhere"
        )
    } else if plan.nodes.len() == 1 {
        "there is no other node to take over".to_owned()
    } else {
        format!(
            "after {token} its services start on the surviving node, as with heartbeat without a fence device"
        )
    };
    let cable = match (ring.links.len(), plan.fencing_enabled) {
        (2.., _) => "one link of the ring is lost, the others carry on; nothing moves".to_owned(),
        (_, true) if two => "both nodes try to fence each other; the survivor runs everything".to_owned(),
        (_, false) if two => "the pair splits and both nodes run the services until the cable is back: without a second link or a fence device no program can prevent it; heartbeat did the same".to_owned(),
        _ => "the part with the majority carries on, the other stops its services".to_owned(),
    };
    let network = if plan.pings.iter().any(|p| p.moves_services) {
        " A node that reaches fewer ping nodes than the other gives its services to it."
    } else {
        ""
    };
    let stop = if plan.fencing_enabled {
        "the node is fenced"
    } else {
        "the service is blocked until a person helps (heartbeat rebooted the machine)"
    };
    let back = match plan.stickiness {
        Some(_) => "services stay where they are; `crm resource move` brings them back",
        None => "services that prefer it go home",
    };
    let start = format!(
        "a node that starts alone waits {} for its peers and then starts everything",
        spoken(plan.initdead_ms)
    );
    vec![
        Outlook { event: "a node crashes", effect: crash },
        Outlook { event: "a cable is pulled", effect: format!("{cable}.{network}") },
        Outlook {
            event: "a service fails",
            effect: format!(
                "the monitor notices it, it is restarted in place; if it cannot start, the group moves; if it cannot stop, {stop}"
            ),
        },
        Outlook { event: "a node returns", effect: back.to_owned() },
        Outlook { event: "start", effect: start },
    ]
}

/// Prints the report in a form.
pub fn render(report: &Report<'_>, form: Form) -> String {
    match form {
        Form::Text => text(report),
        Form::Json => {
            let mut out = serde_json::to_string_pretty(report).expect("a report has string keys only");
            out.push('\n');
            out
        }
        Form::Html => html(report),
    }
}

fn text(report: &Report<'_>) -> String {
    let mut out = String::new();
    let mut file = "";
    // Writing into a String cannot fail.
    for remark in &report.lines {
        if remark.place.file != file {
            file = &remark.place.file;
            let _ = writeln!(out, "{}{file}", if out.is_empty() { "" } else { "\n" });
        }
        let line =
            if remark.place.line == 0 { "    -".to_owned() } else { format!("{:>5}", remark.place.line) };
        let _ = writeln!(out, "{line}  {:<9}  {}", remark.verdict.word(), remark.text);
        let _ = writeln!(out, "{:18}{}", "", remark.note);
        if let Some(cure) = &remark.cure {
            let _ = writeln!(out, "{:18}-> {cure}", "");
        }
    }
    if !report.files.is_empty() {
        out.push_str("\nFiles\n");
        for file in &report.files {
            let _ = writeln!(out, "       {file}");
        }
    }
    out.push_str("\nWhat the new cluster will do\n");
    for Outlook { event, effect } in &report.outlook {
        let _ = writeln!(out, "       {event}: {effect}");
    }
    if report.needs_you > 0 {
        let _ = writeln!(
            out,
            "\n{} line(s) above need you before the new cluster is complete.",
            report.needs_you
        );
    }
    out
}

fn html(report: &Report<'_>) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Conversion report</title>\n<style>\nbody { font-family: sans-serif; margin: 2em; }\ntable { border-collapse: collapse; }\ntd, th { border: 1px solid #999; padding: 0.3em 0.6em; text-align: left; vertical-align: top; }\n.needs-you { background: #fff0c0; }\n.error { background: #ffd0d0; }\n.dropped { color: #666; }\ncode { white-space: pre-wrap; }\n</style>\n</head>\n<body>\n<h1>Conversion report</h1>\n<table>\n<tr><th>Place</th><th>Line</th><th>Verdict</th><th>What became of it</th></tr>\n",
    );
    for remark in &report.lines {
        let class = match remark.verdict {
            Verdict::Kept => "kept",
            Verdict::Changed => "changed",
            Verdict::Dropped => "dropped",
            Verdict::NeedsYou => "needs-you",
            Verdict::Error => "error",
        };
        let cure =
            remark.cure.as_ref().map(|c| format!("<br><code>{}</code>", escaped(c))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr class=\"{class}\"><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}{cure}</td></tr>",
            escaped(&remark.place.to_string()),
            escaped(&remark.text),
            remark.verdict.word(),
            escaped(&remark.note)
        );
    }
    out.push_str("</table>\n<h2>Files</h2>\n<ul>\n");
    for file in &report.files {
        let _ = writeln!(out, "<li><code>{}</code></li>", escaped(file));
    }
    out.push_str("</ul>\n<h2>What the new cluster will do</h2>\n<dl>\n");
    for Outlook { event, effect } in &report.outlook {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(event), escaped(effect));
    }
    out.push_str("</dl>\n</body>\n</html>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
