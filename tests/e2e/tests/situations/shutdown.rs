//! The orderly end (safety rule 14): resources first, bounded in time, and a word about what is left.

use crate::common::{ADDRESS, NODES, SERVICE, commit, wait_holder, wait_shows, wait_started, with_service};
use holdfast_e2e::{Cluster, inside, wait};
use std::time::Duration;

/// A service whose stop does not end before it is allowed to.
const STUBBORN: &str = r#"#!/bin/sh
state="$HOLDFAST_RUN_DIR/service-$(basename "$0")"
case "$1" in
    start) : > "$state" ;;
    stop) while [ ! -e "$state.may-stop" ]; do sleep 0.05; done; rm -f "$state" ;;
    status) [ -e "$state" ] || exit 3 ;;
    *) exit 2 ;;
esac
"#;

fn started(scratch: std::path::PathBuf, script: &str, more: &str) -> Cluster {
    let cluster = with_service(scratch, &NODES, "http", script);
    commit(
        &cluster,
        &format!(
            "property stonith-enabled=false no-quorum-policy=ignore {more}\n\
             primitive ip ocf:heartbeat:IPaddr2 params ip={ADDRESS} nic=eth0 cidr_netmask=24\n\
             primitive http lsb:http op stop timeout=600\ngroup web ip http\nlocation home web 50: test7"
        ),
    );
    wait_started(&cluster, 0, &["ip", "http"], "test7");
    cluster
}

#[test]
fn resources_are_moved_before_the_daemon_ends() {
    inside("shutdown::resources_are_moved_before_the_daemon_ends", |scratch| {
        let mut cluster = started(scratch, SERVICE, "");
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        assert!(!cluster.holders(ADDRESS).contains(&0));
        assert!(!cluster.run_dir(0).join("service-http").exists());
        wait_started(&cluster, 1, &["ip", "http"], "test8");
        wait_holder(&cluster, ADDRESS, 1);
        wait_shows(&cluster, 1, &["OFFLINE: [ test7 ]"]);
    });
}

#[test]
fn the_end_is_bounded_and_tells_what_is_left() {
    inside("shutdown::the_end_is_bounded_and_tells_what_is_left", |scratch| {
        let mut cluster = started(scratch, STUBBORN, "shutdown-escalation=2s");
        // `stop` waits for the end; a daemon that waited for its service would never end.
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        let said = cluster.console(0);
        assert!(said.contains("leaving although these could not be moved away in time: "), "{said}");
        assert!(said.contains("could not be stopped and still runs here: "), "{said}");
        assert!(said.contains("http"), "{said}");
        std::fs::write(cluster.run_dir(0).join("service-http.may-stop"), "").unwrap();
    });
}

#[test]
fn without_another_node_resources_are_stopped() {
    inside("shutdown::without_another_node_resources_are_stopped", |scratch| {
        let mut cluster = started(scratch, SERVICE, "");
        assert_eq!(cluster.stop(1), 0, "{}", cluster.console(1));
        wait("the other node to be gone", Duration::from_secs(10), || {
            let seen = crate::common::status(&cluster, 0);
            if seen.contains("OFFLINE: [ test8 ]") { Ok(()) } else { Err(seen) }
        });
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        assert!(cluster.holders(ADDRESS).is_empty());
        assert!(!cluster.run_dir(0).join("service-http").exists());
    });
}
