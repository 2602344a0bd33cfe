//! The watchdog (safety rules 11 and 13): fed while the core works, switched off by an orderly end only. A plain file
//! stands in for the device: each feeding is a byte, the letter V switches it off.

use crate::common::{NODES, PATIENCE, configured, join};
use holdfast_e2e::{Cluster, Freezer, inside, wait};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Two nodes; the first has the stand-in.
fn started(scratch: PathBuf) -> (Cluster, PathBuf) {
    let mut cluster = configured(scratch, &NODES);
    let device = cluster.root().join("watchdog");
    std::fs::write(&device, "").unwrap();
    let conf = cluster.etc(0).join("corosync.conf");
    let mut text = std::fs::read_to_string(&conf).unwrap();
    text += &format!("resources {{\n    watchdog_device: {}\n}}\n", device.display());
    std::fs::write(&conf, text).unwrap();
    join(&mut cluster, &NODES);
    (cluster, device)
}

fn fed(device: &PathBuf) -> usize {
    std::fs::read(device).unwrap().len()
}

/// Waits until the device was fed so often more.
fn wait_fed(device: &PathBuf, more: usize) {
    let before = fed(device);
    wait("the watchdog to be fed", PATIENCE, || {
        let now = fed(device);
        if now >= before + more { Ok(()) } else { Err(format!("{before} -> {now}")) }
    });
}

#[test]
fn it_is_fed_through_a_crash_and_switched_off_by_an_orderly_end() {
    inside("watchdog::it_is_fed_through_a_crash_and_switched_off_by_an_orderly_end", |scratch| {
        let (mut cluster, device) = started(scratch);
        wait_fed(&device, 2);
        let before = cluster.crash(0);
        wait("another daemon proper", PATIENCE, || match cluster.daemon_proper(0) {
            Some(pid) if pid != before => Ok(()),
            other => Err(format!("{other:?}")),
        });
        wait_fed(&device, 2);
        assert!(!std::fs::read(&device).unwrap().contains(&b'V'), "a crash is no reason to switch it off");
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        assert_eq!(std::fs::read(&device).unwrap().last(), Some(&b'V'));
    });
}

#[test]
fn it_is_not_fed_while_the_core_hangs_nor_switched_off_by_a_killed_guard() {
    inside("watchdog::it_is_not_fed_while_the_core_hangs_nor_switched_off_by_a_killed_guard", |scratch| {
        let (cluster, device) = started(scratch);
        let Some(freezer) = Freezer::new() else {
            eprintln!(
                "SKIPPED: watchdog::it_is_not_fed_while_the_core_hangs_nor_switched_off_by_a_killed_guard: no freezer \
                 of control groups (version 1) that this user may write"
            );
            return;
        };
        wait_fed(&device, 2);
        freezer.freeze(cluster.daemon_proper(0).unwrap(), |thread| thread != "ring");
        let mut last = (fed(&device), Instant::now());
        wait("the feeding to end", PATIENCE, || {
            let now = fed(&device);
            if now != last.0 {
                last = (now, Instant::now());
            }
            // Four times as long as from one feeding to the next.
            if last.1.elapsed() > Duration::from_secs(2) { Ok(()) } else { Err(format!("{now} bytes")) }
        });
        cluster.crash_all(0);
        freezer.thaw();
        wait("the guard to be gone", PATIENCE, || {
            if cluster.run(0, &["crmadmin", "-D"]).status == 0 { Err("it answers".into()) } else { Ok(()) }
        });
        assert!(!std::fs::read(&device).unwrap().contains(&b'V'), "it stays armed: the machine is reset");
    });
}
