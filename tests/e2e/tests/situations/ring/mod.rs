//! The ring on real links: modes, families, sizes, changes at run time, the vote, and what corosync's tools show of it.

mod counters;
mod links;
mod tools;
mod votes;

use crate::common::PATIENCE;
use holdfast_e2e::{Cluster, wait};
use std::process::Child;

/// `corosync.conf` of nodes `n1`, `n2` … with these addresses, in the order of their links.
fn conf(totem: &str, quorum: &str, nodes: &[Vec<String>]) -> String {
    let mut text = format!(
        "totem {{\n version: 2\n cluster_name: lab\n{totem}\n}}\nquorum {{\n provider: corosync_votequorum\n{quorum}\n}}\n\
         logging {{\n to_stderr: yes\n to_logfile: no\n to_syslog: no\n}}\nnodelist {{\n"
    );
    for (index, addresses) in nodes.iter().enumerate() {
        let id = index + 1;
        text += &format!(" node {{\n  nodeid: {id}\n  name: n{id}\n");
        for (link, address) in addresses.iter().enumerate() {
            text += &format!("  ring{link}_addr: {address}\n");
        }
        text += " }\n";
    }
    text + "}\n"
}

/// Gives every node this file, and the key of the first one.
fn write(cluster: &Cluster, text: &str) {
    for node in 0..cluster.size() {
        std::fs::write(cluster.etc(node).join("corosync.conf"), text).unwrap();
    }
}

/// A new key for all nodes.
fn new_key(cluster: &Cluster) {
    let key = cluster.etc(0).join("authkey");
    cluster.must(0, &["corosync-keygen", "--force", "-k", &key.display().to_string()]);
    for node in 1..cluster.size() {
        let copy = cluster.etc(node).join("authkey");
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(&key, copy).unwrap();
    }
}

/// Nodes `n1`, `n2` … that run with this file and are one ring.
fn started(cluster: &mut Cluster, text: &str) {
    new_key(cluster);
    write(cluster, text);
    for node in 0..cluster.size() {
        cluster.start(node);
    }
    for node in 0..cluster.size() {
        wait_says(cluster, node, &["corosync-quorumtool", "-s"], &[&nodes(cluster.size()), QUORATE]);
    }
}

const NAMES: [&str; 4] = ["n1", "n2", "n3", "n4"];
const QUORATE: &str = "Quorate:          Yes";
const BLOCKED: &str = "Quorate:          No";

/// The line of `corosync-quorumtool -s` about the members.
fn nodes(count: usize) -> String {
    format!("Nodes:            {count}")
}

/// Waits until a tool shows all of these.
fn wait_says(cluster: &Cluster, node: usize, words: &[&str], wanted: &[&str]) {
    wait(&format!("{wanted:?} in {words:?} on node {node}"), PATIENCE, || {
        let said = cluster.run(node, words);
        if wanted.iter().all(|word| said.text.contains(word)) { Ok(()) } else { Err(said.text) }
    });
}

/// Waits until a daemon said this.
fn wait_console(cluster: &Cluster, node: usize, wanted: &str) {
    wait(&format!("{wanted:?} of node {node}"), PATIENCE, || {
        let text = cluster.console(node);
        if text.contains(wanted) { Ok(()) } else { Err(text) }
    });
}

/// Programs that send from one node and count on all.
struct Traffic {
    sender: Child,
    receivers: Vec<Child>,
}

impl Traffic {
    /// Begins with messages of this size; ends by itself after so many seconds. `every_ms` 0 = as fast as it goes.
    fn begin(cluster: &Cluster, size: usize, seconds: u32, every_ms: u32) -> Traffic {
        let all = cluster.size();
        let program = |node: usize, kind: &str| {
            let socket = cluster.run_dir(node).join("groups").display().to_string();
            let numbers = [all + 1, 1, size, seconds as usize, every_ms as usize].map(|n| n.to_string());
            let mut words = vec!["holdfast", "bench", "ring-program", kind, &socket];
            words.extend(numbers.iter().map(String::as_str));
            cluster.begin(node, &words)
        };
        let receivers = (0..all).map(|node| program(node, "receive")).collect();
        Traffic { sender: program(0, "send"), receivers }
    }

    /// Waits for the end; every node must have got every message. How many those were.
    fn complete(mut self) -> u64 {
        let mut counts = Vec::new();
        for receiver in self.receivers {
            let output = receiver.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
            counts.push((field(&text, "messages"), field(&text, "missing")));
        }
        let _ = self.sender.wait();
        let (messages, missing) = counts[0];
        assert!(messages > 0 && missing == 0, "{counts:?}");
        assert!(counts.iter().all(|count| *count == (messages, 0)), "{counts:?}");
        messages
    }
}

/// A number of one line of JSON.
fn field(text: &str, name: &str) -> u64 {
    let rest = text.split(&format!("\"{name}\":")).nth(1).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split([',', '}']).next().and_then(|number| number.parse().ok()).unwrap()
}
