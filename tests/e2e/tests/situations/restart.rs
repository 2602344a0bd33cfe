//! What a daemon that was started again finds and leaves alone (safety rules 11, 12, 14), and a disk that is full.

use crate::common::{
    ADDRESS, NODES, PATIENCE, SERVICE, WEB, commit, configured, join, status, wait_holder, wait_shows,
    wait_started, with_service,
};
use holdfast_e2e::{Cluster, inside, wait};

/// Waits until a daemon proper runs that is not the one of before.
fn wait_another(cluster: &Cluster, node: usize, before: u32) {
    wait("another daemon proper", PATIENCE, || match cluster.daemon_proper(node) {
        Some(pid) if pid != before => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_daemon_that_cannot_come_back_leaves_nothing_running() {
    inside("restart::a_daemon_that_cannot_come_back_leaves_nothing_running", |scratch| {
        let mut cluster = with_service(scratch, &NODES, "http", SERVICE);
        commit(&cluster, WEB);
        wait_started(&cluster, 1, &["ip", "http"], "test7");
        wait_holder(&cluster, ADDRESS, 0);
        std::fs::write(cluster.etc(0).join("corosync.conf"), "totem {\n    version: 2\n").unwrap();
        cluster.crash(0);
        assert_eq!(cluster.ended(0), 100, "{}", cluster.console(0));
        // When the guard ends, what was recorded is stopped.
        assert!(!cluster.holders(ADDRESS).contains(&0), "{}", cluster.console(0));
        assert!(!cluster.run_dir(0).join("service-http").exists());
        wait_started(&cluster, 1, &["ip", "http"], "test8");
        wait_holder(&cluster, ADDRESS, 1);
    });
}

/// A service that takes its time to start, and writes down each attempt.
const SLOW: &str = r#"#!/bin/sh
state="$HOLDFAST_RUN_DIR/service-$(basename "$0")"
case "$1" in
    start)
        [ -e "$state" ] && exit 0
        echo begin >> "$state.log"
        while [ ! -e "$state.go" ]; do sleep 0.05; done
        : > "$state"
        echo end >> "$state.log" ;;
    stop) rm -f "$state" ;;
    status) if [ -e "$state" ]; then echo running; else echo stopped; exit 3; fi ;;
    *) exit 2 ;;
esac
"#;

#[test]
fn an_agent_at_work_is_awaited_after_a_crash() {
    inside("restart::an_agent_at_work_is_awaited_after_a_crash", |scratch| {
        let cluster = with_service(scratch, &NODES, "http", SLOW);
        commit(
            &cluster,
            "property stonith-enabled=false no-quorum-policy=ignore\n\
             primitive http lsb:http op start timeout=60\nlocation home http 50: test7",
        );
        let log = |node: usize| std::fs::read_to_string(cluster.run_dir(node).join("service-http.log"));
        wait("the start to begin", PATIENCE, || log(0).map(|_| ()).map_err(|_| status(&cluster, 0)));
        let before = cluster.crash(0);
        wait_another(&cluster, 0, before);
        wait("the crashed run to be remembered", PATIENCE, || {
            let said = cluster.console(0);
            if said.contains("waiting for http start") { Ok(()) } else { Err(said) }
        });
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]"]);
        assert_eq!(log(0).unwrap(), "begin\n", "no second start beside the first");
        std::fs::write(cluster.run_dir(0).join("service-http.go"), "").unwrap();
        wait_started(&cluster, 1, &["http"], "test7");
        assert_eq!(log(0).unwrap(), "begin\nend\n");
        assert!(log(1).is_err(), "it was never started on the other node");
    });
}

/// A service that writes down what the kernel thinks of its process.
const CURIOUS: &str = r#"#!/bin/sh
state="$HOLDFAST_RUN_DIR/service-$(basename "$0")"
case "$1" in
    start) cat /proc/self/stat /proc/self/status > "$state.proc"
           cat /proc/self/oom_score_adj > "$state.oom"; : > "$state" ;;
    stop) rm -f "$state" ;;
    status) [ -e "$state" ] || exit 3 ;;
    *) exit 2 ;;
esac
"#;

#[test]
fn agents_are_ordinary_processes() {
    inside("restart::agents_are_ordinary_processes", |scratch| {
        let cluster = with_service(scratch, &NODES, "http", CURIOUS);
        commit(
            &cluster,
            "property stonith-enabled=false no-quorum-policy=ignore\n\
             primitive http lsb:http\nlocation home http 50: test7",
        );
        wait_started(&cluster, 0, &["http"], "test7");
        let read = |kind: &str| {
            std::fs::read_to_string(cluster.run_dir(0).join(format!("service-http.{kind}"))).unwrap()
        };
        assert_eq!(read("oom").trim(), "0");
        let text = read("proc");
        let after_name = text.lines().next().unwrap().rsplit(") ").next().unwrap();
        let fields: Vec<&str> = after_name.split(' ').collect();
        // Fields 19 and 41 of proc_pid_stat(5): nice value and scheduling policy.
        assert_eq!((fields[16], fields[38]), ("0", "0"), "{text}");
        for line in ["VmLck:\t       0 kB", "SigBlk:\t0000000000000000"] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        assert_eq!(ignored & 0x7fff_ffff, 0, "of the signals with a name none is ignored:\n{text}");
    });
}

#[test]
fn a_full_disk_refuses_changes_and_loses_none() {
    inside("restart::a_full_disk_refuses_changes_and_loses_none", |scratch| {
        let mut cluster = configured(scratch, &NODES);
        cluster.shell(0, "mount -t tmpfs -o size=256k small \"$HOLDFAST_STATE_DIR\"");
        join(&mut cluster, &NODES);
        commit(
            &cluster,
            "property stonith-enabled=false no-quorum-policy=ignore\nprimitive kept ocf:heartbeat:Dummy",
        );
        wait_shows(&cluster, 0, &["kept (ocf:heartbeat:Dummy): Started"]);
        cluster.shell(0, "cat /dev/zero > \"$HOLDFAST_STATE_DIR/ballast\" 2>/dev/null; true");
        let set = |node: usize, value: &str| {
            cluster
                .run(node, &["crm_attribute", "-t", "rsc_defaults", "-n", "resource-stickiness", "-v", value])
        };
        // The first change finds it out; whatever is said about it, it is not that all is well.
        let first = set(0, "11");
        assert_ne!(first.status, 0, "{}", first.text);
        let second = set(0, "12");
        assert_ne!(second.status, 0);
        assert!(second.text.contains("cannot be written here"), "{}", second.text);
        assert!(second.text.contains("free space or repair the disk"), "{}", second.text);
        wait_shows(&cluster, 0, &["kept (ocf:heartbeat:Dummy): Started"]);
        cluster.shell(0, "rm \"$HOLDFAST_STATE_DIR/ballast\"");
        wait("the disk to be used again", PATIENCE, || {
            let said = set(0, "13");
            if said.status == 0 { Ok(()) } else { Err(said.text) }
        });
        // What was acknowledged survives the end of both daemons.
        for node in 0..2 {
            let before = cluster.crash(node);
            wait_another(&cluster, node, before);
        }
        wait_shows(&cluster, 0, &["Online: [ test7 test8 ]", "kept (ocf:heartbeat:Dummy): Started"]);
        let said = cluster
            .must(0, &["crm_attribute", "-t", "rsc_defaults", "-n", "resource-stickiness", "-G", "-q"]);
        assert_eq!(said.trim(), "13");
    });
}
