//! Random clusters planned by Debian's `crm_simulate` and by us: same placement, same actions, same result.
//!
//! `REFERENCE=PROGRAM` asks a `crm_simulate` of the main branch instead (built from its sources, with its schemas and
//! libraries where it finds them): then texts, scores, drawings and graphs must be the same to the letter. With
//! `CASES=FOLDER` the clusters are those of the folder, changed at random.
//! `SEEDS=N` compares N clusters instead of the usual few, `SEED=S` starts elsewhere; `DIFFERENCES=FOLDER` keeps the
//! CIBs that are answered differently, made as small as they get with `SHRINK=N` questions.

mod differential;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use differential::compare::Difference;
use differential::oracle::{Answer, Reference, Scratch};
use differential::{compare, known, oracle, shrink};
use holdfast_golden::random_cib::{self, events, more, stories};
use holdfast_xml::Document;

/// How many the ordinary test compares: each asks the other program, which takes a tenth of a second.
const USUAL: u64 = 40;

/// One of so many clusters is large.
const LARGE: u64 = 3;

/// One of so many clusters has a schema.
const CHECKED: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A cluster of the folder `CASES`, after misfortune and changes.
fn changed_case(files: &[PathBuf], seed: u64, scratch: &Scratch) -> String {
    let index = usize::try_from(seed).expect("a small seed") % files.len();
    let text = fs::read_to_string(&files[index]).expect("cases can be read");
    let Ok(mut document) = Document::parse_default(&text) else { return text };
    // Both must mean the same moment.
    let root = document.root().ix();
    if document.root().attr("execution-date").is_none() {
        document.set_attr(root, "execution-date", &random_cib::NOW.to_string());
    }
    let mut maker = random_cib::Maker::of(&document, seed);
    if maker.random.chance(50) {
        more::widen(&mut document, &mut maker);
    }
    for _ in 0..[0, 0, 1, 1, 2][maker.random.below(5)] {
        stories::disturb(&mut document, &mut maker);
        events::happen(&mut document, &mut maker);
        let input = scratch.path("story.xml");
        fs::write(&input, document.compacted().to_string_pretty()).expect("a temporary file can be written");
        let failing = stories::failing_operations(&mut maker);
        let after = oracle::carry_out(&input, &failing, scratch);
        match after.map(|after| Document::parse_default(&after)) {
            Some(Ok(after)) => document = after,
            Some(Err(_)) | None => break,
        }
    }
    stories::disturb(&mut document, &mut maker);
    events::happen(&mut document, &mut maker);
    document.compacted().to_string_pretty()
}

/// The files of the folder `CASES`, if it is named.
fn cases() -> Vec<PathBuf> {
    let Some(folder) = env::var_os("CASES") else { return Vec::new() };
    let entries = fs::read_dir(folder).expect("the folder of cases can be read");
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    files.sort();
    files
}

/// The cluster of a seed, after some of its story.
fn cluster(seed: u64, reference: &Reference, scratch: &Scratch) -> String {
    // What the old reference reads otherwise is not asked of it.
    let wide = matches!(reference, Reference::Main(_));
    let (mut text, mut maker) = random_cib::cib_of_size(seed, wide && seed.is_multiple_of(LARGE));
    let input = scratch.path("story.xml");
    if let (true, Ok(mut document)) = (wide, Document::parse_default(&text)) {
        more::widen(&mut document, &mut maker);
        text = document.compacted().to_string_pretty();
    }
    for _ in 0..[0, 1, 1, 1, 2, 2, 3][maker.random.below(7)] {
        fs::write(&input, &text).expect("a temporary file can be written");
        let failing = stories::failing_operations(&mut maker);
        let Some(after) = oracle::carry_out(&input, &failing, scratch) else { break };
        let Ok(mut document) = Document::parse_default(&after) else { break };
        stories::disturb(&mut document, &mut maker);
        if wide {
            events::happen(&mut document, &mut maker);
        }
        text = document.compacted().to_string_pretty();
    }
    let Ok(mut document) = Document::parse_default(&text) else { return text };
    let root = document.root().ix();
    // Newer ones than its own the reference does not touch. Compiling the schemas costs the old one twenty times what
    // planning does, and is not what is compared.
    let (features, schema) = match reference {
        Reference::Old(_) => ("3.16.1", "none"),
        Reference::Main(_) => ("3.20.5", "pacemaker-4.0"),
    };
    document.set_attr(root, "crm_feature_set", features);
    let checked = seed.is_multiple_of(CHECKED);
    document.set_attr(root, "validate-with", if checked { "pacemaker-3.9" } else { schema });
    document.to_string_pretty()
}

/// How both answer.
enum Verdict {
    Same,
    Different(Difference),
    /// The reference does not survive it, or refuses it.
    NoAnswer(String),
}

fn judge(reference: &Reference, text: &str, scratch: &Scratch) -> Verdict {
    let input = scratch.path("input.xml");
    fs::write(&input, text).expect("a temporary file can be written");
    let theirs = match oracle::reference(reference, &input, scratch) {
        Answer::Plan { text, drawn, graph } => [text, drawn, graph],
        Answer::Failed(why) => return Verdict::NoAnswer(why),
    };
    let ours = match oracle::ours(reference, &input, scratch) {
        Answer::Plan { text, drawn, graph } => [text, drawn, graph],
        Answer::Failed(what) => return Verdict::Different(Difference { part: "run", what }),
    };
    let difference = match reference {
        Reference::Old(_) => compare::difference((&theirs[0], &theirs[1]), (&ours[0], &ours[1])),
        Reference::Main(_) => {
            compare::exact(theirs.each_ref().map(String::as_str), ours.each_ref().map(String::as_str))
        }
    };
    difference.map_or(Verdict::Same, Verdict::Different)
}

/// The CIB without what the difference does not need; asks at most `questions` times.
fn smallest(
    reference: &Reference,
    text: &str,
    known: &Difference,
    questions: usize,
    scratch: &Scratch,
) -> (String, Difference) {
    let mut last = known.clone();
    let small = shrink::shrink(text, questions, |candidate| match judge(reference, candidate, scratch) {
        // Still the same difference, as far as one can tell from a line of it.
        Verdict::Different(found)
            if found.part == known.part
                && found
                    .what
                    .lines()
                    .any(|line| line.len() > 4 && known.what.lines().any(|old| old == line)) =>
        {
            last = found;
            true
        }
        Verdict::Different(_) | Verdict::Same | Verdict::NoAnswer(_) => false,
    });
    (small, last)
}

fn keep(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("the folder for differences can be written");
}

#[test]
fn same_as_the_reference() {
    let Some(reference) = oracle::find() else { return };
    let scratch = Scratch::new();
    let seeds = number("SEEDS", USUAL);
    let first = number("SEED", 1);
    let questions = usize::try_from(number("SHRINK", 0)).expect("a number of questions");
    let folder = env::var_os("DIFFERENCES").map(PathBuf::from);
    let (mut same, mut unanswered, mut different) = (0_u64, 0_u64, Vec::new());
    let mut explained: BTreeMap<&str, u64> = BTreeMap::new();
    let files = cases();
    for seed in first..first + seeds {
        let text = match files.is_empty() {
            true => cluster(seed, &reference, &scratch),
            false => changed_case(&files, seed, &scratch),
        };
        match judge(&reference, &text, &scratch) {
            Verdict::Same => same += 1,
            Verdict::NoAnswer(why) => {
                unanswered += 1;
                if let Some(folder) = &folder {
                    keep(folder, &format!("{seed}.refused.xml"), &text);
                    keep(folder, &format!("{seed}.refused.txt"), &why);
                }
            }
            Verdict::Different(found) => {
                let document = Document::parse_default(&text).expect("written by us");
                let change = match reference {
                    Reference::Old(_) => known::explain(&document, found.part),
                    Reference::Main(_) => None,
                };
                if let Some(change) = change {
                    *explained.entry(change.rule).or_default() += 1;
                    if let Some(folder) = &folder {
                        keep(folder, &format!("{seed}.explained.xml"), &text);
                        keep(
                            folder,
                            &format!("{seed}.explained.txt"),
                            &format!("{}: {}", found.part, found.what),
                        );
                    }
                    continue;
                }
                let (small, last) = smallest(&reference, &text, &found, questions, &scratch);
                let line = format!("{}: {}", last.part, last.what);
                if let Some(folder) = &folder {
                    keep(folder, &format!("{seed}.xml"), &small);
                    keep(folder, &format!("{seed}.full.xml"), &text);
                    keep(folder, &format!("{seed}.txt"), &line);
                }
                different.push(format!("seed {seed}: {line}"));
            }
        }
    }
    eprintln!("{seeds} clusters: {same} same, {} different, {unanswered} without an answer", different.len());
    for (rule, count) in &explained {
        eprintln!("{count} explained: {rule}");
    }
    // What changed explains few plans; if it explains many, it hides something.
    let all: u64 = explained.values().sum();
    assert!(
        all * 20 <= seeds.max(40),
        "{all} of {seeds} plans differ in ways that changes of the rules should explain"
    );
    assert!(
        !files.is_empty() || unanswered * 20 <= seeds.max(40),
        "the reference answers too few: {unanswered} of {seeds} are missing"
    );
    assert!(different.is_empty(), "{}", different.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
}
