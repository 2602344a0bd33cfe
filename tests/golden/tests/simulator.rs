//! `crm_simulate` on the scheduler suite: summary, scores, drawing and graph, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_golden::shared;
use holdfast_tools::crm_simulate;

/// Cases that are run with a time of their own.
const TIMES: [(&str, &str); 4] = [
    ("date-1", "2005-020"),
    ("date-2", "2005-020T12:30"),
    ("date-3", "2005-020T11:30"),
    ("origin", "2014-05-07 00:28:00"),
];

/// Says on standard error, as its summary begins, that its schema is not checked.
const UNCHECKED: &str = "order-wrong-kind";

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let folder = std::env::temp_dir().join(format!("holdfast-simulator-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files can be made");
        Scratch(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is small and in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(words: &[&str]) -> i32 {
    crm_simulate::run(words.iter().map(|word| (*word).to_owned()).collect())
}

/// First and last line stay, the rest is sorted and made unique, as the suite stores drawings.
fn sorted_drawing(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let [first, middle @ .., last] = lines.as_slice() else { return text.to_owned() };
    let middle: BTreeSet<&str> = middle.iter().copied().collect();
    std::iter::once(*first)
        .chain(middle)
        .chain(std::iter::once(*last))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn sorted_lines(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Without the attributes that the suite leaves out.
fn plain_graph(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let mut line = line.to_owned();
        for (name, digits_only) in [("crm_feature_set=\"", false), ("batch-limit=\"", true)] {
            if let Some(start) = line.find(name) {
                let value = &line[start + name.len()..];
                let end = value.find('"').unwrap_or(value.len());
                if !digits_only || value[..end].bytes().all(|byte| byte.is_ascii_digit()) {
                    line.replace_range(start..(start + name.len() + end + 1).min(line.len()), "");
                }
            }
        }
        plain.push_str(&line);
        plain.push('\n');
    }
    plain
}

fn differences(folder: &Path, scratch: &Scratch, name: &str) -> Vec<&'static str> {
    let input = folder.join("xml").join(format!("{name}.xml")).display().to_string();
    let time = TIMES.iter().find(|(case, _)| *case == name).map(|(_, time)| *time);
    let time: Vec<&str> = time.map(|time| ["-t", time]).into_iter().flatten().collect();
    let [summary, scores, dot, graph] = ["summary", "scores", "dot", "exp"].map(|kind| scratch.path(kind));
    let status =
        run(&[&["crm_simulate", "-x", &input, "-S", "--output-to", &summary], time.as_slice()].concat());
    let second = ["crm_simulate", "-x", &input, "-D", &dot, "-G", &graph, "-sSQ", "--output-to", &scores];
    let status = status.max(run(&[&second, time.as_slice()].concat()));
    let expected = |kind: &str| {
        fs::read_to_string(folder.join(kind).join(format!("{name}.{kind}"))).expect("every case is complete")
    };
    let mut expected_summary = expected("summary");
    if name == UNCHECKED {
        expected_summary =
            expected_summary.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned());
    }
    let checks = [
        ("exit status", status == 0),
        ("summary", scratch.read("summary") == expected_summary),
        ("scores", sorted_lines(&scratch.read("scores")) == sorted_lines(&expected("scores"))),
        ("drawing", sorted_drawing(&scratch.read("dot")) == expected("dot")),
        ("graph", plain_graph(&scratch.read("exp")) == expected("exp")),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

#[test]
fn suite() {
    let Some(folder) = shared::folder("conformance/scheduler") else { return };
    let scratch = Scratch::new();
    let mut names: Vec<String> = fs::read_dir(folder.join("xml"))
        .expect("the suite has inputs")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".xml").map(str::to_owned)
        })
        .filter(|name| folder.join("exp").join(format!("{name}.exp")).is_file())
        .collect();
    names.sort();
    let different: Vec<(String, Vec<&str>)> = names
        .iter()
        .map(|name| (name.clone(), differences(&folder, &scratch, name)))
        .filter(|(_, what)| !what.is_empty())
        .collect();
    eprintln!("crm_simulate: {} of {} cases equal", names.len() - different.len(), names.len());
    assert!(different.is_empty(), "{different:#?}");
}
