//! What several situations share: configuration files, scripts, looks at the status.

use holdfast_e2e::{Cluster, wait};
use std::path::PathBuf;
use std::time::Duration;

/// Longer than any time-out here.
pub const PATIENCE: Duration = Duration::from_secs(25);
/// The nodes of most situations.
pub const NODES: [&str; 2] = ["test7", "test8"];
/// An address that no machine has by itself.
pub const ADDRESS: &str = "10.98.0.209";
/// The address and the service `http` in a group that prefers the first node.
pub const WEB: &str = "property stonith-enabled=false no-quorum-policy=ignore\n\
     primitive ip ocf:heartbeat:IPaddr2 params ip=10.98.0.209 nic=eth0 cidr_netmask=24 op monitor interval=1s\n\
     primitive http lsb:http\ngroup web ip http\nlocation home web 50: test7";

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

/// `corosync.conf` as the tutorial prints it, with the network of the test in `bindnetaddr`.
pub const PRINTED_CONF: &str = "\
totem {
       version: 2
       secauth: on
       threads: 2
       interface {
                ringnumber: 0
               bindnetaddr: 10.98.0.0
                mcastaddr: 226.94.1.1
                mcastport: 5405
        }
}

logging {
       fileline: off
       to_stderr: no
       to_logfile: yes
       to_syslog: no
       logfile: /var/log/cluster/corosync.log
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
       #use_mgmtd: yes
}

aisexec {
       user: root
       group: root
}
";

/// `corosync.conf` of the corosync tutorial with the nodes of the test, which says all on standard error.
pub fn corosync_conf(names: &[&str]) -> String {
    let mut text = PRINTED_CONF.to_owned();
    for (printed, ours) in [
        ("version: 2\n", "version: 2\n       token: 1000\n"),
        ("to_stderr: no", "to_stderr: yes"),
        ("to_logfile: yes", "to_logfile: no"),
    ] {
        assert_eq!(text.matches(printed).count(), 1, "{printed} in:\n{text}");
        text = text.replace(printed, ours);
    }
    text +=
        "quorum {\n    provider: corosync_votequorum\n    two_node: 1\n    wait_for_all: 0\n}\nnodelist {\n";
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

/// Machines with a configuration and a key; no daemon runs yet.
pub fn configured(scratch: PathBuf, names: &[&str]) -> Cluster {
    let cluster = Cluster::new(scratch, names);
    configure(&cluster, names);
    cluster
}

/// Starts the daemons of these nodes, which are the first ones, and waits until all are online.
pub fn join(cluster: &mut Cluster, names: &[&str]) {
    for node in 0..names.len() {
        cluster.start(node);
    }
    wait_shows(cluster, 0, &[&format!("Online: [ {} ]", names.join(" "))]);
}

/// A cluster of these nodes with all of them online and nothing configured.
pub fn online(scratch: PathBuf, names: &[&str]) -> Cluster {
    let mut cluster = configured(scratch, names);
    join(&mut cluster, names);
    cluster
}

/// As [`online`], on machines that have an init script of this name.
pub fn with_service(scratch: PathBuf, names: &[&str], name: &str, script: &str) -> Cluster {
    let mut cluster = configured(scratch, names);
    cluster.script("init.d", name, script);
    join(&mut cluster, names);
    cluster
}

/// Types lines into `crm configure` on the first node and commits them, which has to succeed; what the shell said.
pub fn commit(cluster: &Cluster, lines: &str) -> String {
    let said = cluster.run_typing(0, &["crm", "configure"], &format!("{lines}\ncommit\n"));
    assert_eq!(said.status, 0, "{}", said.text);
    said.text
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
