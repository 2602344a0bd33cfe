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
    let line = line.to_lowercase();
    // The first reason for fencing is given, and what is looked at first has changed.
    if let Some((task, _)) = line.split_once(" '").filter(|_| line.starts_with("* fence ")) {
        return task.to_owned();
    }
    if line.starts_with("* node") {
        return line;
    }
    // Resources in maintenance say so now; before, all that are not managed were "unmanaged".
    let Some(open) = line.rfind('(') else { return line };
    let Some(close) = line[open..].find(')').map(|at| open + at) else { return line };
    let mut flags: Vec<String> =
        line[open + 1..close].split(", ").map(|flag| flag.replace("maintenance", "unmanaged")).collect();
    flags.sort();
    format!("{}{}{}", &line[..=open], flags.join(", "), &line[close..])
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
    let (actions, edges): (Vec<String>, Vec<String>) =
        lines.into_iter().partition(|line| !line.contains("->"));
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

/// How two answers differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The first part that differs.
    pub part: &'static str,
    /// With the lines that only one of both has.
    pub what: String,
}

/// The first part that differs; orders are left out when the reference's run in circles, which ours never do.
pub fn difference(reference: (&str, &str), ours: (&str, &str)) -> Option<Difference> {
    let [(mut reference, theirs), (mut ours, own)] =
        [reference, ours].map(|(text, drawn)| (parts(text), drawing(drawn)));
    let in_circles = runs_in_circles(&theirs.1);
    // What may happen in which order was drawn; which of several possible actions comes first is nobody's business.
    reference.executed.sort();
    ours.executed.sort();
    let pairs = [
        ("before", &reference.before, &ours.before),
        ("summary", &reference.summary, &ours.summary),
        ("actions", &theirs.0, &own.0),
        ("orders", &theirs.1, &own.1),
        ("executed", &reference.executed, &ours.executed),
        ("after", &reference.after, &ours.after),
    ];
    for (part, theirs, ours) in pairs {
        if in_circles && ["orders", "executed", "after"].contains(&part) {
            continue;
        }
        if theirs != ours {
            let what = format!("reference {:#?}, ours {:#?}", only(theirs, ours), only(ours, theirs));
            return Some(Difference { part, what });
        }
    }
    None
}

fn runs_in_circles(orders: &[String]) -> bool {
    orders.iter().any(|order| order.split_once(" -> ").is_some_and(|(first, then)| first == then))
}

/// The first part of two answers that is not the same to the letter; what the grader of the cases leaves out is left
/// out here. Of a plan that runs in circles, which ours never do, only what comes before the graph is compared.
pub fn exact(reference: [&str; 3], ours: [&str; 3]) -> Option<Difference> {
    let in_circles = runs_in_circles(&drawing(reference[1]).1);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (theirs, own) = (all_lines(reference[0], in_circles), all_lines(ours[0], in_circles));
    let mut pairs = vec![("text", theirs.0, own.0), ("scores", theirs.1, own.1)];
    if !in_circles {
        pairs.push(("drawing", sorted(reference[1]), sorted(ours[1])));
        pairs.push(("graph", graph_lines(reference[2]), graph_lines(ours[2])));
    }
    pairs.into_iter().find(|(_, theirs, ours)| theirs != ours).map(|(part, theirs, ours)| {
        let what = format!("reference {:#?}, ours {:#?}", only(&theirs, &ours), only(&ours, &theirs));
        Difference { part, what }
    })
}

/// The lines of a text (up to where the plan is carried out), and apart from them the sorted lines about scores.
fn all_lines(text: &str, only_planned: bool) -> (Vec<String>, Vec<String>) {
    let planned = match text.split_once("Executing Cluster Transition:") {
        Some((planned, _)) if only_planned => planned,
        Some(_) | None => text,
    };
    let about_scores = |line: &String| line.contains(" score on ") || line.contains(" score (");
    // Said where the status is read in some cases and where the plan is made in others; ours says it with the plan.
    let about_unfencing =
        |line: &&str| line.contains(" for unfencing ") || line.starts_with("notice: Unfencing ");
    let (mut scores, rest): (Vec<String>, Vec<String>) =
        planned.lines().filter(|line| !about_unfencing(line)).map(str::to_owned).partition(about_scores);
    scores.sort();
    (rest, scores)
}

/// The lines of a graph without the version of who wrote it.
fn graph_lines(graph: &str) -> Vec<String> {
    let line = |line: &str| match line.split_once(" crm_feature_set=\"") {
        Some((before, after)) => format!("{before}{}", after.split_once('"').map_or("", |(_, rest)| rest)),
        None => line.to_owned(),
    };
    graph.lines().map(line).collect()
}
