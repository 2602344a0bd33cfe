//! Replays every kept input, and feeds random bytes: purely random ones and kept inputs with changes.

use std::path::{Path, PathBuf};

use holdfast_decoders::{TARGETS, feed};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name)
}

fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = folder(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a readable folder").path()).collect();
    files.sort();
    files.iter().map(|f| std::fs::read(f).unwrap_or_else(|e| panic!("{}: {e}", f.display()))).collect()
}

#[test]
fn kept_inputs_break_no_promise() {
    for target in TARGETS {
        let inputs = kept(target.name);
        assert!(!inputs.is_empty(), "{} has no kept input", target.name);
        inputs.iter().for_each(|input| feed(target.name, input));
    }
}

/// One way to change an input: place, what to do, byte.
type Edit = (prop::sample::Index, u8, u8);

fn changed(input: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = input.to_vec();
    for (place, what, byte) in edits {
        if out.is_empty() {
            out.push(*byte);
            continue;
        }
        let at = place.index(out.len());
        match what % 5 {
            0 => out[at] = *byte,
            1 => out.insert(at, *byte),
            2 => out.truncate(at),
            3 => {
                out.remove(at);
            }
            _ => out[at] ^= 1 << (byte % 8),
        }
    }
    out
}

#[test]
fn random_inputs_break_no_promise() {
    for target in TARGETS {
        let inputs = kept(target.name);
        // A run of the ring costs a thousand times what a decoder costs.
        let cases = if target.name == "ring" { 30 } else { 300 };
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let edits = proptest::collection::vec(any::<Edit>(), 1..6);
        let strategy = (any::<prop::sample::Index>(), edits, proptest::collection::vec(any::<u8>(), 0..300));
        let outcome = runner.run(&strategy, |(which, edits, bytes)| {
            feed(target.name, &bytes);
            feed(target.name, &changed(&inputs[which.index(inputs.len())], &edits));
            Ok(())
        });
        assert!(outcome.is_ok(), "{}: {outcome:?}", target.name);
    }
}

#[test]
fn every_target_is_one_of_cargo_fuzz_and_the_other_way_round() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let mut ours: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
    listed.sort_unstable();
    ours.sort_unstable();
    assert_eq!(listed, ours);
}
