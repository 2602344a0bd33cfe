//! Daemons that die and machines that were copied.

use crate::common::{
    ADDRESS, NODES, SERVICE, WEB, commit, configure, corosync_conf, join, wait_holder, wait_shows,
    wait_started, with_service,
};
use holdfast_e2e::{Cluster, inside, wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Ends the watch, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_crashed_daemon_comes_back_and_finds_its_resources() {
    inside("failures::a_crashed_daemon_comes_back_and_finds_its_resources", |scratch| {
        let cluster = with_service(scratch, &NODES, "http", SERVICE);
        commit(&cluster, WEB);
        wait_started(&cluster, 0, &["ip", "http"], "test7");
        wait_holder(&cluster, ADDRESS, 0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let cluster = &cluster;
            let done = &done;
            let _end = End(done);
            let watch = scope.spawn(move || {
                let mut wrong = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let holders = cluster.holders(ADDRESS);
                    if holders != [0] {
                        wrong.push(holders);
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                wrong
            });
            // One more than ten within half a minute, and the guard would give up.
            for _ in 0..9 {
                let before = cluster.crash(0);
                wait("another daemon proper", Duration::from_secs(5), || match cluster.daemon_proper(0) {
                    Some(pid) if pid != before => Ok(()),
                    other => Err(format!("{other:?}")),
                });
                wait_shows(cluster, 0, &["Online: [ test7 test8 ]"]);
                wait_shows(cluster, 1, &["Online: [ test7 test8 ]"]);
                wait_started(cluster, 1, &["ip", "http"], "test7");
            }
            done.store(true, Ordering::Relaxed);
            let wrong = watch.join().unwrap();
            assert!(wrong.is_empty(), "the address was elsewhere: {wrong:?}");
        });
    });
}

#[test]
fn a_copied_machine_is_refused() {
    inside("failures::a_copied_machine_is_refused", |scratch| {
        // The third machine is a copy of the first: its name and node id, behind an address of its own.
        let mut cluster = Cluster::new(scratch, &["test7", "test8", "test7"]);
        configure(&cluster, &NODES);
        std::fs::copy(cluster.etc(0).join("authkey"), cluster.etc(2).join("authkey")).unwrap();
        let copied = corosync_conf(&NODES).replace("ring0_addr: 10.98.0.1", "ring0_addr: 10.98.0.3");
        std::fs::write(cluster.etc(2).join("corosync.conf"), copied).unwrap();
        join(&mut cluster, &NODES);
        cluster.start(2);
        let status = cluster.ended(2);
        let said = cluster.console(2);
        assert_eq!(status, 100, "{said}");
        for wanted in
            ["test7 (10.98.0.1) was there first, test7 (10.98.0.3) is refused", "a new /etc/machine-id"]
        {
            for node in [2, 1] {
                wait(&format!("{wanted} from node {node}"), Duration::from_secs(5), || {
                    let said = cluster.console(node);
                    if said.contains(wanted) { Ok(()) } else { Err(said) }
                });
            }
        }
        assert!(cluster.daemon_proper(0).is_some(), "the first holder of the identity goes on");
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]"]);
    });
}
