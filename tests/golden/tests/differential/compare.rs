//! What two answers say differently, known differences of the versions left out by rule.

use std::collections::{BTreeMap, BTreeSet};

/// Lines of the parts of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    before: Vec<String>,
    summary: Vec<String>,
    executed: Vec<String>,
    after: Vec<String>,
}

fn parts(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut head = Vec::new();
    let mut part = &mut head;
    for line in text.lines() {
        let squeezed = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.trim() {
            "Current cluster status:" => part = &mut parts.before,
            "Transition Summary:" => part = &mut parts.summary,
            "Executing Cluster Transition:" => part = &mut parts.executed,
            "Revised Cluster Status:" => part = &mut parts.after,
            "" => {}
            text if text.starts_with("Using the original execution date") => {}
            _ => part.push(same_words(&squeezed)),
        }
    }
    parts
}

/// Words that newer versions use for the same.
fn same_words(line: &str) -> String {
    // Exit codes in brackets begin with a capital letter now.
    let line = line.to_lowercase().replace("termination was requested", "fencing was requested");
    let (line, colon) = line.strip_suffix(':').map_or((line.as_str(), ""), |line| (line, ":"));
    match line.strip_suffix(')').and_then(|line| line.rsplit_once('(')) {
        Some((before, flags)) if !before.starts_with("* node") => {
            // Resources in maintenance say so now; before, all that are not managed were "unmanaged".
            let mut flags: Vec<String> =
                flags.split(", ").map(|flag| flag.replace("maintenance", "unmanaged")).collect();
            flags.sort();
            format!("{before}({}){colon}", flags.join(", "))
        }
        _ => format!("{line}{colon}"),
    }
}

fn only<'a>(a: &'a [String], b: &[String]) -> Vec<&'a str> {
    let b: BTreeSet<&String> = b.iter().collect();
    a.iter().filter(|line| !b.contains(line)).map(String::as_str).collect()
}

/// Actions of the graph, and which come before which, directly or through others: versions differ in how many of the
/// orderings that follow from others they write down.
fn drawing(text: &str) -> (Vec<String>, Vec<String>) {
    let bold = |line: &&str| line.contains("style=bold") || line.contains("style = bold");
    let line = |line: &str| line.split(" [").next().unwrap_or(line).trim().to_owned();
    let lines: BTreeSet<String> = text.lines().filter(bold).map(line).collect();
    let (actions, edges): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| !line.contains("->"));
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (first, then) in edges.iter().filter_map(|edge| edge.split_once(" -> ")) {
        after.entry(first).or_default().push(then);
    }
    let mut orders = Vec::new();
    for first in after.keys() {
        let mut seen = BTreeSet::new();
        let mut open = vec![*first];
        while let Some(at) = open.pop() {
            for then in after.get(at).into_iter().flatten() {
                if seen.insert(*then) {
                    open.push(then);
                }
            }
        }
        orders.extend(seen.into_iter().map(|then| format!("{first} -> {then}")));
    }
    (actions, orders)
}

/// The first part that differs, with the lines that only one of both has.
pub fn difference(reference: (&str, &str), ours: (&str, &str)) -> Option<String> {
    let [(reference, theirs), (ours, own)] =
        [reference, ours].map(|(text, drawn)| (parts(text), drawing(drawn)));
    let pairs = [
        ("before", &reference.before, &ours.before),
        ("summary", &reference.summary, &ours.summary),
        ("actions", &theirs.0, &own.0),
        ("orders", &theirs.1, &own.1),
        ("executed", &reference.executed, &ours.executed),
        ("after", &reference.after, &ours.after),
    ];
    for (name, theirs, ours) in pairs {
        if theirs != ours {
            let (a, b) = (only(theirs, ours), only(ours, theirs));
            let what = if a.is_empty() && b.is_empty() { " (order or number of lines)" } else { "" };
            return Some(format!("{name}{what}: reference {a:#?}, ours {b:#?}"));
        }
    }
    None
}
