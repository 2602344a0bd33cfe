//! Seeds in the small: a few each of every size, and the same seed twice.

use holdfast_core::time::Span;

use super::run::{Plan, run};
use super::world::Planner;

fn planner() -> Planner {
    if std::env::var_os("SIM_PLAIN").is_some() { Planner::Plain } else { Planner::Scheduler }
}

fn plan(hosts: usize) -> Plan {
    Plan {
        hosts,
        length: Span::secs(60),
        fencing: None,
        planner: planner(),
        real_ring: std::env::var_os("SIM_PERFECT").is_none(),
        verbose: std::env::var_os("SIM_VERBOSE").is_some(),
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
fn seeds_hold() {
    let first: u64 = std::env::var("SIM_SEED").ok().and_then(|t| t.parse().ok()).unwrap_or(1);
    let count: u64 = std::env::var("SIM_SEEDS").ok().and_then(|t| t.parse().ok()).unwrap_or(30);
    let hosts: usize = std::env::var("SIM_HOSTS").ok().and_then(|t| t.parse().ok()).unwrap_or(0);
    let mut bad = Vec::new();
    for seed in first..first + count {
        let hosts = if hosts > 0 { hosts } else { 2 + usize::try_from(seed % 4).unwrap_or(0) };
        let outcome = run(seed, plan(hosts));
        if let Some(why) = &outcome.violation {
            bad.push(format!("seed {seed} ({hosts} hosts): {why}"));
        }
    }
    assert!(bad.is_empty(), "{} of {count} seeds:\n{}", bad.len(), bad.join("\n"));
}
