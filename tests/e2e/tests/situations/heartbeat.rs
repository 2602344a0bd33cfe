//! Old heartbeat clusters, converted.

use crate::common::{NODES, SERVICE, wait_holder, wait_shows};
use holdfast_e2e::{Cluster, inside};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// `ha.cf` of the tutorial, with the ping node left out: there is none in the test's network.
const HA_CF: &str = "\
use_logd yes
hopfudge 1
bcast eth0
keepalive 2
warntime 10
deadtime 60
initdead 120
udpport 694
auto_failback on
node test7
node test8
";

/// Converts the files as the tutorial does and starts both nodes with what came out.
fn converted(scratch: PathBuf, haresources: &str) -> Cluster {
    let mut cluster = Cluster::new(scratch, &NODES);
    cluster.script("resource.d", "http", SERVICE);
    let tree = cluster.root().join("tree");
    let ha = tree.join("etc/ha.d");
    std::fs::create_dir_all(ha.join("resource.d")).unwrap();
    std::fs::copy(cluster.root().join("agents/resource.d/http"), ha.join("resource.d/http")).unwrap();
    std::fs::write(tree.join("etc/hosts"), "10.98.0.1 test7\n10.98.0.2 test8\n").unwrap();
    std::fs::write(ha.join("ha.cf"), HA_CF).unwrap();
    std::fs::write(ha.join("haresources"), haresources).unwrap();
    std::fs::write(ha.join("authkeys"), "auth 1\n1 crc\n").unwrap();
    std::fs::set_permissions(ha.join("authkeys"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let out = cluster.root().join("converted");
    let text = |path: &std::path::Path| path.display().to_string();
    let words = ["haresources2cib", "--root", &text(&tree), "-c", &text(&ha.join("ha.cf"))];
    let more = ["--output", &text(&out), &text(&ha.join("haresources"))];
    cluster.must(0, &[&words[..], &more[..]].concat());
    for node in 0..NODES.len() {
        for file in ["corosync.conf", "authkey"] {
            std::fs::copy(out.join(file), cluster.etc(node).join(file)).unwrap();
        }
        std::fs::copy(out.join("cib.xml"), cluster.cib(node).join("cib.xml")).unwrap();
        cluster.start(node);
    }
    wait_shows(&cluster, 0, &["Online: [ test7 test8 ]"]);
    cluster
}

#[test]
fn two_converted_heartbeat_nodes() {
    inside("heartbeat::two_converted_heartbeat_nodes", |scratch| {
        let mut cluster = converted(scratch, "test7 10.98.0.209 http\n");
        wait_holder(&cluster, "10.98.0.209", 0);
        wait_shows(&cluster, 0, &["http", "Started test7"]);
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        wait_holder(&cluster, "10.98.0.209", 1);
        wait_shows(&cluster, 1, &["Started test8", "OFFLINE: [ test7 ]"]);
        let ran = cluster.root().join("nodes/1-test8/run/service-http");
        holdfast_e2e::wait("http on test8", crate::common::PATIENCE, || {
            if ran.exists() { Ok(()) } else { Err(crate::common::status(&cluster, 1)) }
        });
        assert!(!cluster.root().join("nodes/0-test7/run/service-http").exists(), "http still runs on test7");
    });
}

#[test]
fn two_lines_with_different_nodes_are_active_active() {
    inside("heartbeat::two_lines_with_different_nodes_are_active_active", |scratch| {
        let mut cluster = converted(scratch, "test7 10.98.0.207\ntest8 10.98.0.208\n");
        wait_holder(&cluster, "10.98.0.207", 0);
        wait_holder(&cluster, "10.98.0.208", 1);
        assert_eq!(cluster.stop(1), 0, "{}", cluster.console(1));
        wait_holder(&cluster, "10.98.0.207", 0);
        wait_holder(&cluster, "10.98.0.208", 0);
        wait_shows(&cluster, 0, &["OFFLINE: [ test8 ]"]);
        cluster.start(1);
        wait_holder(&cluster, "10.98.0.208", 1);
        wait_holder(&cluster, "10.98.0.207", 0);
    });
}
