//! One small cluster for each rule of the scheduler, with what has to come out: summary, scores, drawing, and where
//! parameters matter the graph.
//!
//! A case is a file in `data/scheduler`: lines that begin with `#` say the rule (and `# arguments:` what else the
//! simulator is given), then the cluster, then the expected texts. `UPDATE=1` writes the texts anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_tools::crm_simulate;

/// How many rules have a case; only ever raise it.
const FLOOR: usize = 351;

const SEPARATOR: &str = "==== ";

struct Case {
    name: String,
    path: PathBuf,
    rule: String,
    arguments: Vec<String>,
    with_graph: bool,
    /// Everything up to the expected texts.
    head: String,
    cluster: String,
    expected: String,
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).expect("cases can be read");
    let end = text.find(SEPARATOR).unwrap_or(text.len());
    let (head, expected) = text.split_at(end);
    let mut case = Case {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.to_owned(),
        rule: String::new(),
        arguments: Vec::new(),
        with_graph: false,
        head: head.to_owned(),
        cluster: String::new(),
        expected: expected.to_owned(),
    };
    for line in head.lines() {
        match line.strip_prefix("# ") {
            Some("graph") => case.with_graph = true,
            Some(comment) => match comment.strip_prefix("arguments: ") {
                Some(arguments) => case.arguments = arguments.split(' ').map(str::to_owned).collect(),
                None => case.rule.push_str(comment),
            },
            None => {
                case.cluster.push_str(line);
                case.cluster.push('\n');
            }
        }
    }
    case
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.iter().fold(String::new(), |all, line| all + line + "\n")
}

/// What depends on the moment of the test instead of the case.
fn timeless(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines() {
        match line.split_once("Injecting attribute last-failure-") {
            Some((before, rest)) => {
                let (name, after) = rest.split_once('=').unwrap_or((rest, ""));
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
                writeln!(lines, "{before}Injecting attribute last-failure-{name}=NOW{after}")
            }
            None => writeln!(lines, "{line}"),
        }
        .expect("writing to a string cannot fail");
    }
    lines
}

fn outcome(case: &Case, folder: &Path) -> String {
    let path = |kind: &str| folder.join(kind).display().to_string();
    let [input, summary, scores, drawing, graph] =
        ["input.xml", "summary", "scores", "drawing", "graph"].map(path);
    // A refused case writes nothing; what the one before wrote must not count as its outcome.
    for left in [&summary, &scores, &drawing, &graph] {
        let _ = fs::remove_file(left);
    }
    fs::write(&input, &case.cluster).expect("a temporary file can be written");
    let run = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).chain(case.arguments.iter().cloned());
        crm_simulate::run(std::iter::once("crm_simulate".to_owned()).chain(words).collect())
    };
    let first = run(&["-x", &input, "-S", "--output-to", &summary]);
    let second = run(&["-x", &input, "-D", &drawing, "-G", &graph, "-sSQ", "--output-to", &scores]);
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut text = format!(
        "{SEPARATOR}summary ({first})\n{}{SEPARATOR}scores ({second})\n{}{SEPARATOR}drawing\n{}",
        timeless(&file(&summary)),
        sorted(&file(&scores)),
        sorted(&file(&drawing)),
    );
    if case.with_graph {
        text = text + SEPARATOR + "graph\n" + &file(&graph);
    }
    text
}

#[test]
fn every_rule_has_its_outcome() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/scheduler"));
    let scratch = std::env::temp_dir().join(format!("holdfast-rules-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a folder for temporary files can be made");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases are there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    paths.sort();
    let update = std::env::var_os("UPDATE").is_some();
    let mut different = Vec::new();
    for path in &paths {
        let case = read(path);
        assert!(!case.rule.is_empty(), "{}: it has to say its rule", case.name);
        let found = outcome(&case, &scratch);
        if found == case.expected {
            continue;
        }
        if update {
            fs::write(&case.path, case.head + &found).expect("cases can be written");
        } else {
            let diff = similar::TextDiff::from_lines(&case.expected, &found).unified_diff().to_string();
            different.push(format!("{}: {}\n{diff}", case.name, case.rule));
        }
    }
    // What stays behind is small and in the folder for temporary files.
    let _ = fs::remove_dir_all(&scratch);
    eprintln!("{} of {} rules as expected", paths.len() - different.len(), paths.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(paths.len() >= FLOOR, "{} rules, {FLOOR} were there before", paths.len());
}
