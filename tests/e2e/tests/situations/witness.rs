//! A witness on a third machine decides for two nodes that split, crash and come back.

use crate::common::{PATIENCE, configure};
use holdfast_e2e::{Cluster, inside, wait};

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
