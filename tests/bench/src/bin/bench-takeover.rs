//! How long a service is gone when its node dies: a converted pair, and heartbeat with the same files beside it where
//! Debian's heartbeat is installed.
//!
//! `bench-takeover [RUNS]`, as root, on a quiet machine, with a release build of `holdfast` beside it (`HOLDFAST_BIN` names
//! another). The node dies with all its processes and cables at once. Takeover: until the last resource of the line has
//! started on the other node, by the clock that both share. Exit status 1 when a run of ours is above its limit.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_e2e::heartbeat::{
    HEARTBEAT, PAIR, PAIR_HOSTS, configure, hand_over, pair_ha_cf, start_heartbeat,
};
use holdfast_e2e::{Site, unshare, wait};

const SCRATCH: &str = "HOLDFAST_BENCH_SCRATCH";
const PATIENCE: Duration = Duration::from_secs(90);
/// Deadtime of the files, and what the detection and the agents may add to it.
const DEADTIME_MS: u128 = 1000;
const ALLOWANCE_MS: u128 = 500;
const HARESOURCES: &str = "hba IPaddr2::10.77.0.100/24/eth0 noted::one\n";
/// Notes when it started, in nanoseconds.
const NOTED: &str = r#"#!/bin/sh
mark=/run/noted-$1
case "$2" in
start) date +%s%N >> /var/lib/started; touch "$mark" ;;
stop) rm -f "$mark" ;;
status) if [ -e "$mark" ]; then echo running; else echo stopped; exit 3; fi ;;
esac
exit 0
"#;

fn main() -> ExitCode {
    let runs = std::env::args().nth(1).map_or(Some(7), |word| word.parse::<usize>().ok());
    let Some(runs) = runs.filter(|n| *n > 0) else {
        eprintln!("usage: bench-takeover [RUNS]");
        return ExitCode::from(64);
    };
    if let Some(scratch) = std::env::var_os(SCRATCH) {
        return inside(&PathBuf::from(scratch), runs);
    }
    let scratch = std::env::temp_dir().join(format!("holdfast-bench-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir_all(&scratch) {
        eprintln!("cannot make {}: {error}", scratch.display());
        return ExitCode::FAILURE;
    }
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("bench-takeover"));
    let status =
        unshare().arg(own).arg(runs.to_string()).env(SCRATCH, &scratch).stdin(Stdio::null()).status();
    // What stays is small and in the folder for temporary files.
    let _ = std::fs::remove_dir_all(&scratch);
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot run unshare: {error}; it is part of util-linux");
            ExitCode::FAILURE
        }
    }
}

fn inside(scratch: &Path, runs: usize) -> ExitCode {
    let ours = measure("holdfast", scratch.join("ours"), runs, false);
    if Path::new(HEARTBEAT).exists() {
        measure("heartbeat", scratch.join("theirs"), runs, true);
    } else {
        eprintln!("SKIPPED: {HEARTBEAT} is not installed here, so that nothing is compared");
    }
    let limit = DEADTIME_MS + ALLOWANCE_MS;
    let within = ours.iter().all(|ms| *ms <= limit);
    println!("limit {limit} ms: {}", if within { "kept in every run" } else { "NOT KEPT" });
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes the first machine's power away again and again.
fn measure(name: &str, scratch: PathBuf, runs: usize, theirs: bool) -> Vec<u128> {
    let nets: [(&str, &[&str]); 2] = [("eth0", &[]), ("eth1", &[])];
    let mut site =
        if theirs { Site::as_it_is(scratch, &nets, &PAIR) } else { Site::new(scratch, &nets, &PAIR) };
    let ha_cf = pair_ha_cf("1", "500ms");
    for host in 0..2 {
        configure(&site, host, &ha_cf, HARESOURCES, "auth 1\n1 sha1 not-a-secret\n", PAIR_HOSTS);
        site.write(host, "/etc/ha.d/resource.d/noted", NOTED, 0o755);
        site.must(host, "rm -f /var/lib/started");
    }
    if !theirs {
        site.must(0, "haresources2cib --stout");
        hand_over(&site, 1);
    }
    for host in 0..2 {
        start(&site, host, theirs);
    }
    let mut all = Vec::new();
    for _ in 0..runs {
        at_home(&site);
        let before = starts(&site, 1).len();
        let died = now();
        site.power_off(0);
        wait("the other node to take over", PATIENCE, || match starts(&site, 1).len() {
            n if n > before => Ok(()),
            n => Err(format!("{n} starts")),
        });
        let took = starts(&site, 1)[before].saturating_sub(died) / 1_000_000;
        println!("{name}: takeover {took} ms");
        all.push(took);
        site.power_on(0);
        start(&site, 0, theirs);
    }
    let mut sorted = all.clone();
    sorted.sort_unstable();
    println!(
        "{name}: {runs} runs with deadtime {DEADTIME_MS} ms: {} to {} ms, median {} ms",
        sorted[0],
        sorted[sorted.len() - 1],
        sorted[sorted.len() / 2]
    );
    for host in 0..2 {
        site.power_off(host);
    }
    site.dismantle();
    all
}

/// Both nodes run, the service is on the first.
fn at_home(site: &Site) {
    wait("the service to be at home", PATIENCE, || {
        let home = site.holders("10.77.0.100") == [0] && site.path(0, "/run/noted-one").exists();
        let away = site.path(1, "/run/noted-one").exists();
        if home && !away { Ok(()) } else { Err(format!("{:?}", site.holders("10.77.0.100"))) }
    });
    // A node that has just come back settles first: both stacks still exchange their state.
    std::thread::sleep(Duration::from_secs(3));
}

fn start(site: &Site, host: usize, theirs: bool) {
    if theirs {
        start_heartbeat(site, host);
    } else {
        site.must(host, "service heartbeat start");
    }
}

/// When the last resource of the line started on a machine, each time.
fn starts(site: &Site, host: usize) -> Vec<u128> {
    site.read(host, "/var/lib/started").lines().filter_map(|line| line.parse().ok()).collect()
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}
