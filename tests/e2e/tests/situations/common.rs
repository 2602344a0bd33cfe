//! What several situations share: configuration files, scripts, looks at the status.

use holdfast_e2e::{Cluster, wait};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(25);

/// An LSB script that keeps its state in the node's own folder.
pub const SERVICE: &str = r#"#!/bin/sh
### BEGIN INIT INFO
# Provides: stand-in
# Short-Description: a service that only remembers whether it runs
### END INIT INFO
state="$HOLDFAST_RUN_DIR/service-$(basename "$0")"
case "$1" in
    start) : > "$state" ;;
    stop) rm -f "$state" ;;
    status) if [ -e "$state" ]; then echo running; else echo stopped; exit 3; fi ;;
    restart) "$0" stop; "$0" start ;;
    *) exit 2 ;;
esac
"#;

/// `corosync.conf` of the corosync tutorial with the nodes of the test.
pub fn corosync_conf(names: &[&str]) -> String {
    let mut text = "\
totem {
    version: 2
    secauth: on
    threads: 2
    token: 1000
    interface {
        ringnumber: 0
        bindnetaddr: 10.98.0.0
        mcastaddr: 226.94.1.1
        mcastport: 5405
    }
}
logging {
    fileline: off
    to_stderr: yes
    to_logfile: no
    to_syslog: no
    debug: off
    timestamp: on
    logger_subsys {
        subsys: AMF
        debug: off
    }
}
amf {
    mode: disabled
}
service {
    ver: 0
    name: pacemaker
}
aisexec {
    user: root
    group: root
}
quorum {
    provider: corosync_votequorum
    two_node: 1
    wait_for_all: 0
}
nodelist {
"
    .to_owned();
    for (index, name) in names.iter().enumerate() {
        let id = index + 1;
        text += &format!(
            "    node {{\n        nodeid: {id}\n        name: {name}\n        ring0_addr: 10.98.0.{id}\n    }}\n"
        );
    }
    text + "}\n"
}

/// Makes a key on the first node and copies it and the configuration to all.
pub fn configure(cluster: &Cluster, names: &[&str]) {
    let key = cluster.etc(0).join("authkey");
    cluster.must(0, &["corosync-keygen", "-k", &key.display().to_string()]);
    for node in 0..names.len() {
        std::fs::write(cluster.etc(node).join("corosync.conf"), corosync_conf(names)).unwrap();
        if node > 0 {
            std::fs::copy(&key, cluster.etc(node).join("authkey")).unwrap();
        }
    }
}

/// Lines of `crm_mon -1`, with blanks as one.
pub fn status(cluster: &Cluster, node: usize) -> String {
    let said = cluster.run(node, &["crm_mon", "-1"]);
    said.text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// Waits until `crm_mon -1` on a node shows all of these; blanks do not count.
pub fn wait_shows(cluster: &Cluster, node: usize, wanted: &[&str]) {
    wait(&format!("{wanted:?} in crm_mon"), PATIENCE, || {
        let seen = status(cluster, node);
        if wanted.iter().all(|w| seen.contains(w)) { Ok(()) } else { Err(seen) }
    });
}

/// Waits until a resource is shown as started on a node of that name.
pub fn wait_started(cluster: &Cluster, node: usize, resources: &[&str], on: &str) {
    wait(&format!("{resources:?} started on {on}"), PATIENCE, || {
        let seen = status(cluster, node);
        let started = |rsc: &&str| {
            seen.lines().any(|line| {
                let line = line.trim_start_matches(['*', ' ']);
                line.split_whitespace().next() == Some(rsc)
                    && line.split("Started ").nth(1).and_then(|l| l.split_whitespace().next()) == Some(on)
            })
        };
        if resources.iter().all(started) { Ok(()) } else { Err(seen) }
    });
}

/// Waits until exactly this node holds an address.
pub fn wait_holder(cluster: &Cluster, address: &str, node: usize) {
    wait(&format!("{address} on node {node}"), PATIENCE, || {
        let seen = cluster.holders(address);
        if seen == [node] { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}
