//! Seeds in the small: a few of every size, and the same seed twice. The environment widens a run:
//! `SIM_SEED`, `SIM_SEEDS`, `SIM_HOSTS`, `SIM_SECONDS`, `SIM_PERFECT` (a perfect ring), `SIM_PLAIN` (the plain planner),
//! `SIM_VERBOSE`, `SIM_DUMP` (a folder for scheduler inputs).

use std::collections::BTreeMap;

use holdfast_core::time::Span;

use super::run::{Plan, node_seconds, run};
use super::sabotage::{BUGS, Bug};
use super::world::Planner;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

fn plan(hosts: usize) -> Plan {
    Plan {
        hosts,
        length: Span::secs(number("SIM_SECONDS", 60)),
        fencing: None,
        planner: if is_set("SIM_PLAIN") { Planner::Plain } else { Planner::Scheduler },
        real_ring: !is_set("SIM_PERFECT"),
        verbose: is_set("SIM_VERBOSE"),
        bug: None,
    }
}

#[test]
fn a_calm_cluster_comes_up_and_runs() {
    let outcome = run(0, Plan { length: Span::ZERO, ..plan(3) });
    assert_eq!(outcome.violation, None);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1..4 {
        assert_eq!(run(seed, plan(3)).hash, run(seed, plan(3)).hash, "seed {seed}");
    }
}

#[test]
fn every_check_finds_the_bug_planted_for_it() {
    for (bug, words) in BUGS {
        let found = (1..200).find(|&seed| {
            // A host that stays away would be switched on again by fencing.
            let fencing = Some(bug != Bug::NeverBack);
            let plan = Plan { bug: Some(bug), fencing, length: Span::secs(40), ..plan(3) };
            run(seed, plan).violation.is_some_and(|why| why.contains(words))
        });
        eprintln!("{bug:?} found by seed {found:?}");
        assert!(found.is_some(), "{bug:?} is not found");
    }
}

/// What has to happen in some seed, or the runs test less than they seem to.
const COVERAGE: &[&str] =
    &["plan", "plan without quorum", "start", "orderly end", "power cut", "write acknowledged"];

#[test]
fn seeds_hold() {
    let (first, count) = (number("SIM_SEED", 1), number("SIM_SEEDS", 30));
    let fixed = usize::try_from(number("SIM_HOSTS", 0)).unwrap_or(0);
    let mut bad = Vec::new();
    let (mut sometimes, mut events, mut fenced, mut seconds) = (BTreeMap::new(), 0, 0, 0);
    for seed in first..first + count {
        let hosts = if fixed > 0 { fixed } else { 2 + usize::try_from(seed % 4).unwrap_or(0) };
        let plan = plan(hosts);
        let outcome = run(seed, plan);
        for (what, times) in &outcome.sometimes {
            *sometimes.entry(*what).or_insert(0_u64) += times;
        }
        events += outcome.events;
        fenced += outcome.fenced;
        seconds += node_seconds(plan);
        if let Some(why) = &outcome.violation {
            bad.push(format!("seed {seed} ({hosts} hosts): {why}"));
        }
    }
    eprintln!("{count} seeds, {seconds} node-seconds, {events} events, {fenced} fenced, {sometimes:?}");
    assert!(bad.is_empty(), "{} of {count} seeds:\n{}", bad.len(), bad.join("\n"));
    if count >= 30 {
        let missing: Vec<_> = COVERAGE.iter().filter(|what| !sometimes.contains_key(*what)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}
