//! Assignment: score lines against the suite, and that every score is the sum of what is named for it.

use std::fs;

use holdfast_golden::shared;
use holdfast_model::iso8601::DateTime;
use holdfast_scheduler::assign::{Wanted, Why, assign};
use holdfast_scheduler::{constraints, facts};
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

const ALL: Wanted = Wanted { scores: true, utilization: false, contributions: true };

/// Name and input of every case; nothing when the suite is absent.
fn cases() -> Vec<(String, String)> {
    let Some(folder) = shared::folder("conformance/scheduler") else { return Vec::new() };
    let mut cases: Vec<(String, String)> = fs::read_dir(folder.join("xml"))
        .expect("the suite has inputs")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            Some((name, fs::read_to_string(path).ok()?))
        })
        .collect();
    cases.sort();
    cases
}

/// Runs `look` on the facts and assignment of a document.
fn with<T>(
    name: &str,
    xml: &str,
    look: impl FnOnce(&facts::Facts<'_>, &holdfast_scheduler::assign::Assignment) -> T,
) -> T {
    let document = Document::parse(xml, &Limits::default()).expect("suite inputs are well-formed");
    let (cib, _) = holdfast_model::read::cib(&document);
    let now = match TIMES.iter().find(|(case, _)| *case == name) {
        Some((_, text)) => DateTime::parse(text, SOME_TIME).expect("a date").epoch_seconds,
        None => cib.header.execution_date.unwrap_or(SOME_TIME),
    };
    let facts = facts::unpack(&cib, now);
    let placement = constraints::placement(&facts);
    look(&facts, &assign(&facts, &placement, ALL))
}

#[test]
fn score_lines() {
    let Some(folder) = shared::folder("conformance/scheduler") else { return };
    let mut different = Vec::new();
    for (name, xml) in cases() {
        let expected = fs::read_to_string(folder.join("scores").join(format!("{name}.scores")))
            .expect("every case is complete");
        let mut expected: Vec<&str> = expected.lines().filter(|line| !line.is_empty()).collect();
        expected.sort_unstable();
        let mut found: Vec<String> = with(&name, &xml, |facts, assignment| {
            assignment.lines.iter().map(|line| line.show(facts).to_string()).collect()
        });
        found.sort_unstable();
        if expected != found {
            different.push(name);
        }
    }
    assert!(different.is_empty(), "{} cases with other scores: {different:?}", different.len());
}

#[test]
fn every_score_is_explained() {
    let mut unexplained = Vec::new();
    for (name, xml) in cases() {
        with(&name, &xml, |facts, assignment| {
            for rsc in facts.rscs.indices() {
                for (node, slot) in assignment.tables.present(rsc) {
                    let initial = facts.rscs[rsc].allowed.get(&node).map(|allowed| allowed.score);
                    let mut score = initial;
                    for change in assignment.contributions.of(rsc, node) {
                        if change.before != score || change.why == Why::Initial {
                            unexplained.push(format!(
                                "{name}: {} on {}: {:?} after {score:?}",
                                facts.rscs[rsc].id, facts.nodes[node].name, change
                            ));
                        }
                        score = Some(change.after);
                    }
                    if score != Some(slot.score) {
                        unexplained.push(format!(
                            "{name}: {} on {}: ends at {} but the parts give {score:?}",
                            facts.rscs[rsc].id, facts.nodes[node].name, slot.score
                        ));
                    }
                }
            }
        });
    }
    assert!(
        unexplained.is_empty(),
        "{} gaps, for example {:#?}",
        unexplained.len(),
        unexplained.first_chunk::<5>()
    );
}
