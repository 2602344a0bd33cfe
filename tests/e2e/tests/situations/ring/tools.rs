//! What programs rely on in corosync's tools: exit statuses, the beginnings of complaints, shapes, types of keys. Each
//! line was compared with corosync 3.1.7 on the same machine.

use super::{NAMES, conf, nodes, started, wait_says};
use holdfast_e2e::{Cluster, Network, inside};

fn pair(scratch: std::path::PathBuf) -> Cluster {
    let mut cluster = Cluster::new(scratch, &NAMES[..2]);
    cluster.second_network();
    let addresses =
        |node| [Network::First, Network::Second].map(|network| network.v4(node).to_string()).into();
    let text = conf(
        " transport: knet\n token: 1000",
        " two_node: 1",
        &(0..2).map(addresses).collect::<Vec<Vec<String>>>(),
    );
    started(&mut cluster, &text);
    wait_says(&cluster, 0, &["corosync-cfgtool", "-sb"], &["LINK ID 0 udp\n", "LINK ID 1 udp\n"]);
    wait_says(
        &cluster,
        0,
        &["corosync-cfgtool", "-n"],
        &["LINK: 1 udp (10.99.0.1->10.99.0.2) enabled connected"],
    );
    cluster
}

/// Types a line of words without quotes.
fn check(cluster: &Cluster, line: &str, status: i32, wanted: &[&str]) {
    let words: Vec<&str> = line.split(' ').collect();
    let said = cluster.run(0, &words);
    assert_eq!(said.status, status, "{line}:\n{}", said.text);
    for one in wanted {
        assert!(said.text.contains(one), "{line}: {one:?} is not in:\n{}", said.text);
    }
}

#[test]
fn cfgtool_answers_as_programs_expect() {
    inside("ring::tools::cfgtool_answers_as_programs_expect", |scratch| {
        let mut cluster = pair(scratch);
        let c = &cluster;
        let whole = "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.98.0.1\n\tstatus:\n\
             \t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\nLINK ID 1 udp\n\
             \taddr\t= 10.99.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n";
        assert_eq!(c.must(0, &["corosync-cfgtool", "-s"]), whole);
        check(c, "corosync-cfgtool -s -b", 0, &["\tstatus\t= n3\n"]);
        check(c, "corosync-cfgtool -s -i 1", 0, &["LINK ID 1 udp\n\taddr\t= 10.99.0.1"]);
        check(c, "corosync-cfgtool -s -i 10.98.0.1", 0, &["LINK ID 0 udp"]);
        check(
            c,
            "corosync-cfgtool -n",
            0,
            &["nodeid: 2 reachable\n   LINK: 0 udp (10.98.0.1->10.98.0.2) enabled connected mtu: "],
        );
        check(c, "corosync-cfgtool -a 2", 0, &["10.98.0.2 10.99.0.2\n"]);
        check(c, "corosync-cfgtool -a 9", 1, &["Could not get node address for nodeid 9"]);
        for bad in ["-a x", "-a 0", "-k x"] {
            let line = format!("corosync-cfgtool {bad}");
            check(c, &line, 1, &["The nodeid was not valid, try a positive number"]);
        }
        check(
            c,
            "corosync-cfgtool -k 77",
            1,
            &["Killing node 77", "Could not kill node (error = CS_ERR_NOT_EXIST)"],
        );
        check(c, "corosync-cfgtool -k", 1, &["option requires an argument -- 'k'"]);
        check(c, "corosync-cfgtool -x", 1, &["invalid option -- 'x'"]);
        // Without anything to do the usage is printed, and that is no failure.
        for idle in
            ["corosync-cfgtool", "corosync-cfgtool -b", "corosync-cfgtool -h", "corosync-cfgtool -i 0"]
        {
            check(c, idle, 0, &["corosync-cfgtool [[-i <interface ip>] [-b] -s]"]);
        }
        check(c, "corosync-cfgtool -R", 0, &["Reloading corosync.conf...\nDone\n"]);
        check(c, "corosync-cfgtool -L", 0, &[]);
        // A link that is down is a failure for the brief form only.
        c.cable(1, Network::Second, false);
        wait_says(c, 0, &["corosync-cfgtool", "-sb"], &["\tstatus\t= n1"]);
        check(c, "corosync-cfgtool -sb", 1, &[]);
        check(c, "corosync-cfgtool -s", 0, &["nodeid:          2:\tdisconnected"]);
        c.cable(1, Network::Second, true);
        // Killed, the other node comes back by itself; told to shut down, this one ends.
        check(c, "corosync-cfgtool -k 2", 0, &["Killing node 2"]);
        wait_says(c, 0, &["corosync-quorumtool", "-s"], &[&nodes(1)]);
        check(c, "corosync-cfgtool -H", 0, &["Shutting down corosync"]);
        assert_eq!(cluster.ended(0), 0);
        check(&cluster, "corosync-cfgtool -s", 1, &[]);
    });
}

#[test]
fn quorumtool_and_cpgtool_answer_as_programs_expect() {
    inside("ring::tools::quorumtool_and_cpgtool_answer_as_programs_expect", |scratch| {
        let mut cluster = pair(scratch);
        let c = &cluster;
        let heads = [
            "Quorum information\n------------------\nDate:             ",
            "\nQuorum provider:  corosync_votequorum\nNodes:            2\nNode ID:          1\nRing ID:          1.",
            "\nQuorate:          Yes\n\nVotequorum information\n----------------------\nExpected votes:   2\n\
             Highest expected: 2\nTotal votes:      2\nQuorum:           1  \nFlags:            2Node Quorate WaitForAll \n",
            "\nMembership information\n----------------------\n    Nodeid      Votes Name\n         1          1 n1 (local)\n\
             \x20        2          1 n2\n",
        ];
        for line in ["corosync-quorumtool", "corosync-quorumtool -s", "corosync-quorumtool -n 2"] {
            check(c, line, 0, &heads);
        }
        check(
            c,
            "corosync-quorumtool -lp",
            0,
            &["    Nodeid      Votes    Qdevice Name\n         1          1         NR n1 (local)\n"],
        );
        check(c, "corosync-quorumtool -li", 0, &["         1          1 10.98.0.1 (local)\n"]);
        check(c, "corosync-quorumtool -lH", 0, &["0x00000002          1 n2\n"]);
        check(
            c,
            "corosync-quorumtool -l -o x",
            1,
            &["Invalid ordering option. valid orders are a(address), i(node ID) or n(name)"],
        );
        for bad in ["-e x", "-e 0"] {
            let line = format!("corosync-quorumtool {bad}");
            check(c, &line, 1, &["New expected votes value was not valid, try a positive number"]);
        }
        check(c, "corosync-quorumtool -e 1", 1, &["Unable to set expected votes: CS_ERR_INVALID_PARAM"]);
        check(
            c,
            "corosync-quorumtool -v x",
            1,
            &["New votes value was not valid, try a positive number or zero"],
        );
        check(c, "corosync-quorumtool -n 0", 1, &["The nodeid was not valid, try a positive number"]);
        check(c, "corosync-quorumtool -V", 0, &["corosync-quorumtool version: 3."]);
        check(c, "corosync-quorumtool -v", 1, &["option requires an argument -- 'v'"]);

        check(c, "corosync-cpgtool", 0, &["Group Name"]);
        check(c, "corosync-cpgtool -d ::", 0, &["GRP_NAME:PID:NODEID\n"]);
        check(c, "corosync-cpgtool -x", 1, &["invalid option -- 'x'"]);
        // Not quorate is the status 2, for -s alone.
        cluster.kill(1);
        wait_says(&cluster, 0, &["corosync-quorumtool", "-s"], &[&nodes(1)]);
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        cluster.start(0);
        wait_says(
            &cluster,
            0,
            &["corosync-quorumtool", "-s"],
            &[&nodes(1), super::BLOCKED, "Activity blocked"],
        );
        check(&cluster, "corosync-quorumtool -s", 2, &["Flags:            2Node WaitForAll \n"]);
        check(&cluster, "corosync-quorumtool -l", 0, &["n1 (local)"]);
    });
}

#[test]
fn cmapctl_answers_as_programs_expect() {
    inside("ring::tools::cmapctl_answers_as_programs_expect", |scratch| {
        let cluster = pair(scratch);
        let c = &cluster;
        for (key, shown) in [
            ("totem.token", "(u32) = 1000"),
            ("totem.version", "(u32) = 2"),
            ("runtime.config.totem.token", "(u32) = 1000"),
            ("runtime.config.totem.block_unlisted_ips", "(u32) = 1"),
            ("runtime.members.2.status", "(str) = joined"),
            ("runtime.members.2.ip", "(str) = r(0) ip(10.98.0.2) r(1) ip(10.99.0.2) "),
            ("runtime.services.quorum.service_id", "(u16) = 3"),
            ("runtime.votequorum.two_node", "(u8) = 1"),
            ("runtime.votequorum.this_node_id", "(u32) = 1"),
            ("nodelist.local_node_pos", "(u32) = 0"),
            ("nodelist.node.1.ring1_addr", "(str) = 10.99.0.2"),
            ("quorum.two_node", "(u8) = 1"),
        ] {
            let line = format!("corosync-cmapctl -g {key}");
            check(c, &line, 0, &[&format!("{key} {shown}\n")]);
        }
        check(
            c,
            "corosync-cmapctl totem.",
            0,
            &["totem.cluster_name (str) = lab\n", "totem.transport (str) = knet\n"],
        );
        check(
            c,
            "corosync-cmapctl -m stats",
            0,
            &["stats.knet.node2.link1.connected (u8) = 1\n", "stats.srp.mtt_rx_token (u32) = "],
        );
        check(c, "corosync-cmapctl -m nosuch", 1, &["invalid map name"]);
        check(c, "corosync-cmapctl -q -g totem.token", 0, &["1000\n"]);
        check(c, "corosync-cmapctl nosuch.", 1, &[]);
        check(c, "corosync-cmapctl -g nosuch.key", 1, &["Can't get key nosuch.key. Error CS_ERR_NOT_EXIST"]);
        check(
            c,
            "corosync-cmapctl -d nosuch.key",
            1,
            &["Can't delete key nosuch.key. Error CS_ERR_NOT_EXIST"],
        );
        check(
            c,
            "corosync-cmapctl -d totem.version",
            1,
            &["Can't delete key totem.version. Error CS_ERR_ACCESS"],
        );
        check(
            c,
            "corosync-cmapctl -s nodelist.node.0.name str x",
            1,
            &["Error CS_ERR_ACCESS", "corosync-cfgtool -R"],
        );
        check(c, "corosync-cmapctl -s a.b u32", 1, &["At least 3 parameters are expected for set"]);
        check(c, "corosync-cmapctl -s a.c u8 300", 1, &["Failed to set key a.c."]);
        for (kind, value, shown) in [
            ("u8", "255", "255"),
            ("u64", "18446744073709551615", "18446744073709551615"),
            ("flt", "1.5", "1.500000"),
            ("dbl", "2.25", "2.250000"),
            ("str", "word", "word"),
        ] {
            let set = format!("corosync-cmapctl -s a.key {kind} {value}");
            check(c, &set, 0, &[]);
            check(c, "corosync-cmapctl a.", 0, &[&format!("a.key ({kind}) = {shown}\n")]);
        }
        // Any bytes; shown only when asked for.
        std::fs::write(c.root().join("bytes"), b"a\x01b\xff").unwrap();
        check(c, &format!("corosync-cmapctl -s a.bytes bin {}", c.root().join("bytes").display()), 0, &[]);
        check(c, "corosync-cmapctl -g a.bytes", 0, &["a.bytes (bin)\n"]);
        check(c, "corosync-cmapctl -b -g a.bytes", 0, &["a.bytes (bin) = a\\x01b\\xFF\n"]);
        let settings = c.root().join("settings");
        let load = format!("corosync-cmapctl -p {}", settings.display());
        std::fs::write(&settings, "# why\n\nx.a u32 1\nx.b str two words\n^a.key\n^^a.by\n").unwrap();
        check(c, &load, 0, &[]);
        check(c, "corosync-cmapctl x.", 0, &["x.a (u32) = 1\nx.b (str) = two words\n"]);
        check(c, "corosync-cmapctl a.", 1, &[]);
        std::fs::write(&settings, "x.c u32\n").unwrap();
        check(c, &load, 1, &["Both type and value for key x.c are required"]);
        check(c, "corosync-cmapctl -D x.", 0, &[]);
        check(c, "corosync-cmapctl x.", 1, &[]);
        for what in ["knet", "totem", "ipc", "schedmiss", "all"] {
            check(c, &format!("corosync-cmapctl -C {what}"), 0, &[]);
        }
        check(c, "corosync-cmapctl -C nosuch", 1, &["knet"]);
        check(c, "corosync-cmapctl -x", 1, &["invalid option -- 'x'"]);
    });
}

#[test]
fn changes_of_keys_are_told_to_who_tracks_them() {
    inside("ring::tools::changes_of_keys_are_told_to_who_tracks_them", |scratch| {
        let cluster = pair(scratch);
        let mut tracker = cluster.terminal(0, &["corosync-cmapctl", "-T", "a."]);
        tracker.until("Type \"q\" to finish");
        cluster.must(0, &["corosync-cmapctl", "-s", "a.key", "u32", "1"]);
        tracker.until("create> a.key (u32) = 1");
        cluster.must(0, &["corosync-cmapctl", "-s", "a.key", "u32", "2"]);
        tracker.until("modify> a.key (u32) = 2");
        cluster.must(0, &["corosync-cmapctl", "-d", "a.key"]);
        tracker.until("delete> a.key (u32) = 2");
        tracker.keys("q\n");
        assert_eq!(tracker.ended().1, 0);
    });
}
