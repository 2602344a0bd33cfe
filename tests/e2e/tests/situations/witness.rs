//! A witness on a third machine decides for two nodes that split, crash and come back.

use crate::common::{ADDRESS, PATIENCE, commit, configure, status, wait_holder, wait_shows};
use holdfast_e2e::{Cluster, Network, inside, wait};
use std::os::unix::fs::PermissionsExt as _;

const NODES: [&str; 3] = ["test7", "test8", "judge"];

fn with_witness(text: &str) -> String {
    let device = "device {\n model: net\n timeout: 5000\n net {\n host: 10.98.0.3\n algorithm: ffsplit\n }\n \
                  heuristics {\n mode: sync\n exec_true: /bin/true\n }\n }\n";
    text.replace("    two_node: 1\n    wait_for_all: 0\n", device)
        .replace("version: 2", "version: 2\n cluster_name: pair")
}

fn wait_tool(cluster: &Cluster, node: usize, words: &[&str], status: i32, wanted: &[&str]) {
    wait(&format!("{words:?} to show {wanted:?}"), PATIENCE, || {
        let said = cluster.run(node, words);
        let shown = wanted.iter().all(|word| said.text.contains(word));
        if said.status == status && shown { Ok(()) } else { Err(format!("{}: {}", said.status, said.text)) }
    });
}

#[test]
fn the_survivor_of_two_acts_by_the_vote_of_the_witness() {
    inside("witness::the_survivor_of_two_acts_by_the_vote_of_the_witness", |scratch| {
        let mut cluster = Cluster::new(scratch, &NODES);
        configure(&cluster, &NODES[..2]);
        for node in 0..2 {
            let file = cluster.etc(node).join("corosync.conf");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, with_witness(&text)).unwrap();
        }
        let keys = cluster.etc(2).join("witness.d");
        std::fs::create_dir_all(&keys).unwrap();
        let said = cluster.run(2, &["holdfast", "witness", "--keys", &keys.display().to_string()]);
        assert_eq!(said.status, 1);
        assert!(said.text.contains("holdfast witness --export"), "{}", said.text);
        let key = keys.join("pair.key");
        cluster.must(0, &["holdfast", "witness", "--export", &key.display().to_string()]);
        cluster.serve(2, &["witness", "--keys", &keys.display().to_string()]);
        cluster.start(0);
        cluster.start(1);
        let status = ["corosync-quorumtool", "-s"];
        let both = ["Quorate:          Yes", "Total votes:      3", "Qdevice", "A,V,NMW test7"];
        wait_tool(&cluster, 0, &status, 0, &both);
        wait_tool(
            &cluster,
            1,
            &["corosync-qdevice-tool", "-sv"],
            0,
            &["Connected", "Heuristics:\t\tPass", "ACK"],
        );
        wait_tool(
            &cluster,
            2,
            &["corosync-qnetd-tool", "-l"],
            0,
            &["Cluster \"pair\"", "Node ID 1:", "Node ID 2:"],
        );
        wait_tool(&cluster, 2, &["holdfast", "witness", "--status"], 0, &["Fifty-Fifty split"]);

        // The lower node goes without a word; the other holds the vote and acts.
        cluster.kill(0);
        let alone = ["Quorate:          Yes", "Nodes:            1", "Total votes:      2", "A,V,NMW test8"];
        wait_tool(&cluster, 1, &status, 0, &alone);
        wait_tool(&cluster, 2, &["corosync-qnetd-tool", "-l"], 0, &["Votes held by:\t2"]);

        // Without the witness the vote ends with its lease, and comes back with it.
        cluster.kill(2);
        wait_tool(&cluster, 1, &status, 2, &["Quorate:          No", "NA,NV,NMW test8"]);
        cluster.serve(2, &["witness", "--keys", &keys.display().to_string()]);
        wait_tool(&cluster, 1, &status, 0, &alone);
        cluster.start(0);
        wait_tool(&cluster, 0, &status, 0, &both);
    });
}

/// A daemon's file: the ring on the second network, so that it can be cut while everybody still hears the witness.
fn on_two_networks(cluster_name: &str, device: &str, nodes: &[usize]) -> String {
    let mut text = format!(
        "totem {{\n version: 2\n cluster_name: {cluster_name}\n transport: knet\n token: 1000\n}}\n\
         quorum {{\n provider: corosync_votequorum\n{device}\n}}\n\
         logging {{\n to_stderr: yes\n to_logfile: no\n to_syslog: no\n}}\nnodelist {{\n"
    );
    for (place, node) in nodes.iter().enumerate() {
        let (id, address) = (place + 1, Network::Second.v4(*node));
        text += &format!(" node {{\n  nodeid: {id}\n  name: {}\n  ring0_addr: {address}\n }}\n", FIVE[*node]);
    }
    text + "}\n"
}

const FIVE: [&str; 5] = ["a1", "a2", "b1", "b2", "judge"];
const STATUS: [&str; 2] = ["corosync-quorumtool", "-s"];
const ACTS: &str = "Quorate:          Yes";

/// A key of their own for these nodes, and the witness's part of it as `NAME.key`.
fn keys(cluster: &Cluster, name: &str, nodes: &[usize], judge: usize) {
    let key = cluster.etc(nodes[0]).join("authkey");
    cluster.must(nodes[0], &["corosync-keygen", "-k", &key.display().to_string()]);
    for node in &nodes[1..] {
        std::fs::copy(&key, cluster.etc(*node).join("authkey")).unwrap();
    }
    let folder = cluster.etc(judge).join("witness.d");
    std::fs::create_dir_all(&folder).unwrap();
    let exported = folder.join(format!("{name}.key")).display().to_string();
    cluster.must(nodes[0], &["holdfast", "witness", "--export", &exported]);
}

fn judge(cluster: &mut Cluster, node: usize) {
    let folder = cluster.etc(node).join("witness.d").display().to_string();
    cluster.serve(node, &["witness", "--keys", &folder]);
}

fn write(cluster: &Cluster, nodes: &[usize], text: &str) {
    for node in nodes {
        std::fs::write(cluster.etc(*node).join("corosync.conf"), text).unwrap();
    }
}

#[test]
fn heuristics_decide_between_halves_that_hear_a_witness_over_ipv6() {
    inside("witness::heuristics_decide_between_halves_that_hear_a_witness_over_ipv6", |scratch| {
        let mut cluster = Cluster::new(scratch, &[FIVE[0], FIVE[1], FIVE[4]]);
        cluster.second_network();
        cluster.ipv6(Network::First);
        // The check of each node: a file of its own.
        let check = cluster.root().join("check");
        std::fs::write(&check, "#!/bin/sh\nexec test -e \"$HOLDFAST_RUN_DIR/uplink\"\n").unwrap();
        std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755)).unwrap();
        let device = format!(
            " device {{\n model: net\n timeout: 5000\n net {{\n host: fd98::3\n algorithm: ffsplit\n \
             tie_breaker: lowest\n }}\n heuristics {{\n mode: on\n interval: 1000\n timeout: 900\n exec_uplink: {}\n }}\n }}",
            check.display()
        );
        let nodes = [0, 1];
        write(&cluster, &nodes, &on_two_networks("pair", &device, &nodes));
        keys(&cluster, "pair", &nodes, 2);
        judge(&mut cluster, 2);
        let uplink = |cluster: &Cluster, node: usize| cluster.run_dir(node).join("uplink");
        std::fs::write(uplink(&cluster, 1), "").unwrap();
        cluster.start(0);
        cluster.start(1);
        let device_status = ["corosync-qdevice-tool", "-sv"];
        wait_tool(&cluster, 0, &device_status, 0, &["Heuristics:\t\tFail", "Connected", "[fd98::3]:5403"]);
        wait_tool(&cluster, 1, &device_status, 0, &["Heuristics:\t\tPass", "ACK"]);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Total votes:      3"]);
        // The tie-breaker is for the first node, the check for the second: the check comes first.
        cluster.cable(1, Network::Second, false);
        wait_tool(&cluster, 1, &STATUS, 0, &[ACTS, "Nodes:            1", "Total votes:      2"]);
        wait_tool(&cluster, 0, &STATUS, 2, &["Quorate:          No"]);
        wait_tool(&cluster, 0, &device_status, 0, &["NACK"]);
        cluster.cable(1, Network::Second, true);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Nodes:            2"]);
        // Checks run on while nothing changes.
        std::fs::rename(uplink(&cluster, 1), uplink(&cluster, 0)).unwrap();
        wait_tool(&cluster, 0, &device_status, 0, &["Heuristics:\t\tPass"]);
        wait_tool(&cluster, 1, &device_status, 0, &["Heuristics:\t\tFail"]);
        cluster.cable(0, Network::Second, false);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Nodes:            1"]);
        wait_tool(&cluster, 1, &STATUS, 2, &["Quorate:          No"]);
    });
}

#[test]
fn a_witness_is_added_and_removed_at_run_time() {
    inside("witness::a_witness_is_added_and_removed_at_run_time", |scratch| {
        let mut cluster = Cluster::new(scratch, &[FIVE[0], FIVE[1], FIVE[4]]);
        cluster.second_network();
        let nodes = [0, 1];
        let without = on_two_networks("pair", " two_node: 1\n wait_for_all: 0", &nodes);
        let device =
            " device {\n model: net\n timeout: 5000\n net {\n host: 10.98.0.3\n algorithm: ffsplit\n }\n }";
        let with = on_two_networks("pair", device, &nodes);
        write(&cluster, &nodes, &without);
        keys(&cluster, "pair", &nodes, 2);
        judge(&mut cluster, 2);
        cluster.start(0);
        cluster.start(1);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Nodes:            2", "Flags:            2Node Quorate"]);
        write(&cluster, &nodes, &with);
        cluster.must(0, &["corosync-cfgtool", "-R"]);
        for node in nodes {
            wait_tool(&cluster, node, &STATUS, 0, &["Total votes:      3", "Quorum:           2", "Qdevice"]);
        }
        // It has a say at once.
        cluster.cable(1, Network::Second, false);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Nodes:            1", "Total votes:      2"]);
        wait_tool(&cluster, 1, &STATUS, 2, &["Quorate:          No"]);
        cluster.cable(1, Network::Second, true);
        for node in nodes {
            wait_tool(&cluster, node, &STATUS, 0, &[ACTS, "Nodes:            2", "Total votes:      3"]);
        }
        write(&cluster, &nodes, &without);
        cluster.must(1, &["corosync-cfgtool", "-R"]);
        for node in nodes {
            wait_tool(
                &cluster,
                node,
                &STATUS,
                0,
                &["Total votes:      2", "Flags:            2Node Quorate"],
            );
            let said = cluster.must(node, &STATUS);
            assert!(!said.contains("Qdevice"), "{said}");
        }
        assert_ne!(cluster.run(0, &["corosync-qdevice-tool", "-s"]).status, 0);
        // Two nodes of their own again.
        cluster.kill(1);
        wait_tool(&cluster, 0, &STATUS, 0, &[ACTS, "Nodes:            1"]);
    });
}

/// With `lms` the witness has a vote for each other node: of three nodes each one alone is quorate by it.
#[test]
fn the_last_of_three_acts_by_the_votes_of_the_witness() {
    inside("witness::the_last_of_three_acts_by_the_votes_of_the_witness", |scratch| {
        let mut cluster = Cluster::new(scratch, &[FIVE[0], FIVE[1], FIVE[2], FIVE[4]]);
        cluster.second_network();
        let nodes = [0, 1, 2];
        let device =
            " device {\n model: net\n timeout: 3000\n net {\n host: 10.98.0.4\n algorithm: lms\n }\n }";
        write(&cluster, &nodes, &on_two_networks("trio", device, &nodes));
        keys(&cluster, "trio", &nodes, 3);
        judge(&mut cluster, 3);
        nodes.iter().for_each(|node| cluster.start(*node));
        let counted = |cluster: &Cluster, node: usize, members: usize| {
            let votes = format!("Total votes:      {}", members + 2);
            let members = format!("Nodes:            {members}");
            let wanted = [ACTS, &members, &votes, "Expected votes:   5", "Quorum:           3"];
            wait_tool(cluster, node, &STATUS, 0, &wanted);
        };
        nodes.iter().for_each(|node| counted(&cluster, *node, 3));
        wait_shows(&cluster, 0, &["Online: [ a1 a2 b1 ]"]);
        commit(
            &cluster,
            &format!(
                "property stonith-enabled=false no-quorum-policy=freeze\n\
                 primitive ip ocf:heartbeat:IPaddr2 params ip={ADDRESS} nic=eth0 cidr_netmask=24\n\
                 location first ip 100: a1\nlocation second ip 50: a2"
            ),
        );
        wait_holder(&cluster, ADDRESS, 0);

        // Two of three have no majority of five votes by themselves, and one has it still less.
        cluster.power_off(0);
        counted(&cluster, 1, 2);
        counted(&cluster, 2, 2);
        wait_holder(&cluster, ADDRESS, 1);
        cluster.power_off(1);
        counted(&cluster, 2, 1);
        wait_holder(&cluster, ADDRESS, 2);

        // Without the witness the last one goes by the policy once the votes' lease is over: first it keeps what it runs.
        let abandoned = |cluster: &mut Cluster| {
            cluster.kill(3);
            wait_tool(cluster, 2, &STATUS, 2, &["Quorate:          No", "Total votes:      1"]);
            wait_shows(cluster, 2, &["partition WITHOUT quorum"]);
        };
        abandoned(&mut cluster);
        cluster.must(2, &["crm_resource", "--wait"]);
        assert_eq!(cluster.holders(ADDRESS), [2], "{}", status(&cluster, 2));
        judge(&mut cluster, 3);
        counted(&cluster, 2, 1);
        // Then it stops it, until the witness is there again.
        cluster.must(2, &["crm", "configure", "property", "no-quorum-policy=stop"]);
        abandoned(&mut cluster);
        wait("the address to be given up", PATIENCE, || {
            if cluster.holders(ADDRESS).is_empty() { Ok(()) } else { Err(status(&cluster, 2)) }
        });
        judge(&mut cluster, 3);
        counted(&cluster, 2, 1);
        wait_holder(&cluster, ADDRESS, 2);
    });
}

#[test]
fn one_witness_decides_for_many_clusters() {
    inside("witness::one_witness_decides_for_many_clusters", |scratch| {
        let mut cluster = Cluster::new(scratch, &FIVE);
        cluster.second_network();
        for (name, nodes, algorithm, tie) in
            [("one", [0, 1], "ffsplit", "highest"), ("two", [2, 3], "lms", "lowest")]
        {
            let device = format!(
                " device {{\n model: net\n timeout: 5000\n net {{\n host: 10.98.0.5\n algorithm: {algorithm}\n \
                 tie_breaker: {tie}\n }}\n }}"
            );
            write(&cluster, &nodes, &on_two_networks(name, &device, &nodes));
            keys(&cluster, name, &nodes, 4);
        }
        judge(&mut cluster, 4);
        (0..4).for_each(|node| cluster.start(node));
        for node in 0..4 {
            wait_tool(&cluster, node, &STATUS, 0, &[ACTS, "Nodes:            2", "Total votes:      3"]);
        }
        let clusters = ["Cluster \"one\"", "Cluster \"two\"", "Fifty-Fifty split", "Last man standing"];
        wait_tool(&cluster, 4, &["corosync-qnetd-tool", "-l"], 0, &clusters);
        wait_tool(
            &cluster,
            4,
            &["corosync-qnetd-tool", "-s"],
            0,
            &["Connected clients:\t\t4", "Connected clusters:\t\t2"],
        );
        // Both split at the same time; each goes by its own tie-breaker.
        cluster.cable(1, Network::Second, false);
        cluster.cable(2, Network::Second, false);
        for (acts, node) in [(false, 0), (true, 1), (true, 2), (false, 3)] {
            let line = if acts { ACTS } else { "Quorate:          No" };
            wait_tool(&cluster, node, &STATUS, if acts { 0 } else { 2 }, &[line, "Nodes:            1"]);
        }
        cluster.cable(1, Network::Second, true);
        cluster.cable(2, Network::Second, true);
        for node in 0..4 {
            wait_tool(&cluster, node, &STATUS, 0, &[ACTS, "Nodes:            2", "Total votes:      3"]);
        }
    });
}
