//! Inputs of the scheduler suite with random edits: whatever they become, planning ends, and without a panic.
//!
//! `EDITS=N` runs N edited documents instead of the usual few; `SEED=S` starts elsewhere.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use holdfast_golden::shared;
use holdfast_scheduler::{facts, schedule};
use holdfast_xml::{Document, Limits, NodeIx};

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % limit.max(1)
    }
}

const VALUES: [&str; 24] = [
    "",
    "0",
    "-1",
    "1",
    "true",
    "false",
    "INFINITY",
    "-INFINITY",
    "99999999999999999999",
    "Stopped",
    "Started",
    "Promoted",
    "Master",
    "nothing",
    "10s",
    "PT5M",
    "P",
    ":",
    "#uname",
    "node1",
    "rsc1:0",
    "%1",
    "(",
    "1.5",
];

fn elements(document: &Document) -> Vec<NodeIx> {
    document.root().descendants().map(|element| element.ix()).collect()
}

/// One random change: a value taken from elsewhere or nonsense, an attribute removed, an element removed, doubled, or
/// copied to another place.
fn edit(document: &mut Document, random: &mut Random) {
    let all = elements(document);
    if all.is_empty() {
        return;
    }
    let target = all[random.below(all.len())];
    let other = all[random.below(all.len())];
    let pick = |document: &Document, ix: NodeIx, random: &mut Random| -> Option<(String, String)> {
        let attrs: Vec<(String, String)> =
            document.element(ix).attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if attrs.is_empty() { None } else { Some(attrs[random.below(attrs.len())].clone()) }
    };
    match random.below(10) {
        0..=3 => {
            let value = match (random.below(3), pick(document, other, random)) {
                (0, Some((_, value))) => value,
                _ => VALUES[random.below(VALUES.len())].to_owned(),
            };
            if let Some((name, _)) = pick(document, target, random) {
                document.set_attr(target, &name, &value);
            }
        }
        4 => {
            if let Some((name, value)) = pick(document, other, random) {
                document.set_attr(target, &name, &value);
            }
        }
        5 => {
            if let Some((name, _)) = pick(document, target, random) {
                document.remove_attr(target, &name);
            }
        }
        6..=7 => document.remove(target),
        8 => {
            let copy = Document::from_element(document.element(target));
            if let Some(parent) = document.element(target).parent() {
                let parent = parent.ix();
                document.append_copy(parent, &copy, copy.root().ix());
            }
        }
        _ => {
            let copy = Document::from_element(document.element(target));
            document.append_copy(other, &copy, copy.root().ix());
        }
    }
}

fn plan(document: &Document) {
    let (cib, _) = holdfast_model::read::cib(document);
    let now = cib.header.execution_date.unwrap_or(1_790_000_000);
    let facts = facts::unpack(&cib, now);
    schedule::schedule_facts(&facts, schedule::Settings { scores: true, ..schedule::Settings::default() });
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn edited_inputs_are_planned() {
    let Some(folder) = shared::folder("conformance/scheduler/xml") else { return };
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    inputs.sort();
    let edits = number("EDITS", 400);
    let first = number("SEED", 1);
    let (sender, receiver) = mpsc::channel();
    // Chains of orderings are walked recursively.
    let worker = std::thread::Builder::new().stack_size(512 << 20).spawn(move || {
        for seed in first..first + edits {
            let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
            for _ in 0..4 {
                random.below(1);
            }
            let input = &inputs[random.below(inputs.len())];
            let text = fs::read(input).expect("inputs can be read");
            let mut document = Document::parse(&text, &Limits::default()).expect("inputs are well-formed");
            for _ in 0..1 + random.below(6) {
                edit(&mut document, &mut random);
            }
            if catch_unwind(AssertUnwindSafe(|| plan(&document))).is_err() {
                let name = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                sender.send((seed, name)).expect("the test listens");
            }
        }
    });
    worker.expect("a thread can be made").join().expect("panics are caught");
    let panics: Vec<(u64, String)> = receiver.into_iter().collect();
    eprintln!("{edits} edited inputs planned, {} panics", panics.len());
    assert!(panics.is_empty(), "{panics:?}");
}
