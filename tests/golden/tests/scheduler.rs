//! The scheduler suite: every stage of every case against the stored texts of the reference.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use holdfast_golden::shared;
use holdfast_model::iso8601::DateTime;
use holdfast_scheduler::facts;
use holdfast_view::status::{Show, counts_line, maintenance_notice, sections};
use holdfast_xml::{Document, Limits};

/// Cases that are run with a time of their own.
const TIMES: [(&str, &str); 4] = [
    ("date-1", "2005-020"),
    ("date-2", "2005-020T12:30"),
    ("date-3", "2005-020T11:30"),
    ("origin", "2014-05-07 00:28:00"),
];

/// Stands for the time of the run in cases that name none.
const SOME_TIME: i64 = 1_790_000_000;

/// How many first status blocks have to be equal; only ever raise it.
const STATUS_FLOOR: usize = 639;

fn cases(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join("xml"))
        .expect("the suite has inputs")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".xml").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

/// The part of a summary up to the transition, without the line about the time.
fn expected_status(summary: &str) -> String {
    let end = summary.find("\nTransition Summary:").unwrap_or(summary.len());
    let mut text = String::new();
    for line in summary[..end].lines() {
        if !line.starts_with("Using the original execution date")
            && !line.starts_with("Setting effective cluster time")
        {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    squeeze(&text)
}

/// Without blank lines and with single spaces, as the grader compares.
fn squeeze(text: &str) -> String {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .fold(String::new(), |mut all, line| {
            all.push_str(&line);
            all.push('\n');
            all
        })
}

fn status_of(name: &str, xml: &str) -> Result<String, String> {
    let document = Document::parse(xml, &Limits::default()).map_err(|error| format!("{error:?}"))?;
    let (cib, _) = holdfast_model::read::cib(&document);
    let now = match TIMES.iter().find(|(case, _)| *case == name) {
        Some((_, text)) => DateTime::parse(text, SOME_TIME).ok_or("bad time")?.epoch_seconds,
        None => cib.header.execution_date.unwrap_or(SOME_TIME),
    };
    let facts = facts::unpack(&cib, now);
    let mut text = String::new();
    if facts.options.maintenance {
        text.push_str(maintenance_notice(&facts).unwrap_or_default());
    }
    if let Some(line) = counts_line(&facts) {
        writeln!(text, "{line}").expect("writing to a string cannot fail");
    }
    text.push_str("Current cluster status:\n");
    text.push_str(&holdfast_view::list::sections_text(&sections(&facts, &Show::full(true)), 1));
    Ok(squeeze(&text))
}

#[test]
fn first_status_blocks() {
    let Some(folder) = shared::folder("conformance/scheduler") else { return };
    let (mut equal, mut different) = (0, Vec::new());
    for name in cases(&folder) {
        let read = |kind: &str, ending: &str| {
            fs::read_to_string(folder.join(kind).join(format!("{name}.{ending}")))
                .expect("every case is complete")
        };
        let expected = expected_status(&read("summary", "summary"));
        match status_of(&name, &read("xml", "xml")) {
            Ok(found) if found == expected => equal += 1,
            Ok(found) => different
                .push((name, similar::TextDiff::from_lines(&expected, &found).unified_diff().to_string())),
            Err(error) => different.push((name, error)),
        }
    }
    eprintln!("first status block: {equal} equal, {} different", different.len());
    if std::env::var_os("SHOW").is_some() {
        for (name, diff) in &different {
            eprintln!("== {name}\n{diff}");
        }
    }
    assert!(equal >= STATUS_FLOOR, "{equal} equal, at least {STATUS_FLOOR} were before: {different:#?}");
}
