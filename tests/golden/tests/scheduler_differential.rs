//! Random clusters planned by Debian's `crm_simulate` and by us: same placement, same actions, same result.
//!
//! `SEEDS=N` compares N clusters instead of the usual few, `SEED=S` starts elsewhere; `DIFFERENCES=FOLDER` keeps the
//! CIBs that are answered differently, made as small as they get with `SHRINK=N` questions.

mod differential;

use std::path::PathBuf;
use std::{env, fs};

use differential::oracle::{Answer, Scratch};
use differential::{compare, oracle, shrink};
use holdfast_golden::random_cib::{self, stories};
use holdfast_xml::Document;

/// How many the ordinary test compares: each asks the other program, which takes a tenth of a second.
const USUAL: u64 = 40;

/// One of so many clusters has a schema.
const CHECKED: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The cluster of a seed, after some of its story.
fn cluster(seed: u64, scratch: &Scratch) -> String {
    let (mut text, mut maker) = random_cib::cib(seed);
    let input = scratch.path("story.xml");
    for _ in 0..[0, 1, 1, 1, 2, 2, 3][maker.random.below(7)] {
        fs::write(&input, &text).expect("a temporary file can be written");
        let failing = stories::failing_operations(&mut maker);
        let Some(after) = oracle::carry_out(&input, &failing, scratch) else { break };
        let Ok(mut document) = Document::parse_default(&after) else { break };
        stories::disturb(&mut document, &mut maker);
        text = document.compacted().to_string_pretty();
    }
    let Ok(mut document) = Document::parse_default(&text) else { return text };
    let root = document.root().ix();
    // Newer ones than its own the reference does not touch.
    document.set_attr(root, "crm_feature_set", "3.16.1");
    // Compiling the schemas costs the reference twenty times what planning does, and is not what is compared.
    document.set_attr(root, "validate-with", if seed % CHECKED == 0 { "pacemaker-3.9" } else { "none" });
    document.to_string_pretty()
}

/// How both answer.
enum Verdict {
    Same,
    Different(String),
    /// The reference does not survive it, or refuses it.
    NoAnswer(String),
}

fn judge(program: &std::path::Path, text: &str, scratch: &Scratch) -> Verdict {
    let input = scratch.path("input.xml");
    fs::write(&input, text).expect("a temporary file can be written");
    let (theirs, their_drawing) = match oracle::reference(program, &input, scratch) {
        Answer::Plan { text, drawn } => (text, drawn),
        Answer::Failed(why) => return Verdict::NoAnswer(why),
    };
    match oracle::ours(&input, scratch) {
        Answer::Plan { text, drawn } => {
            compare::difference((&theirs, &their_drawing), (&text, &drawn)).map_or(Verdict::Same, Verdict::Different)
        }
        Answer::Failed(why) => Verdict::Different(format!("ours failed: {why}")),
    }
}

#[test]
fn same_as_the_reference() {
    let Some(program) = oracle::find() else { return };
    let scratch = Scratch::new();
    let seeds = number("SEEDS", USUAL);
    let first = number("SEED", 1);
    let questions = usize::try_from(number("SHRINK", 0)).expect("a number of questions");
    let keep = env::var_os("DIFFERENCES").map(PathBuf::from);
    let (mut same, mut unanswered, mut different) = (0, 0, Vec::new());
    for seed in first..first + seeds {
        let text = cluster(seed, &scratch);
        match judge(&program, &text, &scratch) {
            Verdict::Same => same += 1,
            Verdict::NoAnswer(why) => {
                unanswered += 1;
                if let Some(folder) = &keep {
                    let _ = fs::write(folder.join(format!("{seed}.refused.xml")), &text);
                    let _ = fs::write(folder.join(format!("{seed}.refused.txt")), &why);
                }
            }
            Verdict::Different(what) => {
                let small = shrink::shrink(&text, questions, |candidate| {
                    // Still the same difference, as far as one can tell from a line of it.
                    matches!(judge(&program, candidate, &scratch), Verdict::Different(other)
                        if other.lines().any(|line| line.len() > 4 && what.lines().any(|known| known == line)))
                });
                let last = match judge(&program, &small, &scratch) {
                    Verdict::Different(what) => what,
                    Verdict::Same | Verdict::NoAnswer(_) => what,
                };
                if let Some(folder) = &keep {
                    fs::write(folder.join(format!("{seed}.xml")), &small).expect("the folder can be written");
                    fs::write(folder.join(format!("{seed}.full.xml")), &text).expect("the folder can be written");
                    fs::write(folder.join(format!("{seed}.txt")), &last).expect("the folder can be written");
                }
                different.push(format!("seed {seed}: {last}"));
            }
        }
    }
    eprintln!("{seeds} clusters: {same} same, {} different, {unanswered} without an answer", different.len());
    assert!(different.is_empty(), "{}", different.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
}
