//! The vote: every option of votequorum, on nodes that go and come.

use super::{BLOCKED, NAMES, QUORATE, conf, nodes, started, wait_says};
use holdfast_e2e::{Cluster, Network, inside};

const TOTEM: &str = " transport: knet\n token: 1000";
const STATUS: [&str; 2] = ["corosync-quorumtool", "-s"];

fn addresses(nodes: usize) -> Vec<Vec<String>> {
    (0..nodes).map(|node| vec![Network::First.v4(node).to_string()]).collect()
}

#[test]
fn expected_votes_and_votes_change_at_run_time() {
    inside("ring::votes::expected_votes_and_votes_change_at_run_time", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        started(&mut cluster, &conf(TOTEM, "", &addresses(3)));
        cluster.must(1, &["corosync-quorumtool", "-e", "5"]);
        for node in 0..3 {
            wait_says(&cluster, node, &STATUS, &["Expected votes:   5", "Quorum:           3  "]);
        }
        // What would stop this partition, or leave out votes that are here, is refused.
        for (votes, wanted) in
            [("6", "expect 3 to 5"), ("2", "expect 3 to 5"), ("0", "try a positive number")]
        {
            let said = cluster.run(1, &["corosync-quorumtool", "-e", votes]);
            assert_eq!(said.status, 1, "-e {votes}: {}", said.text);
            assert!(said.text.contains(wanted), "-e {votes}: {}", said.text);
        }
        cluster.must(2, &["corosync-quorumtool", "-e", "3"]);
        wait_says(&cluster, 0, &STATUS, &["Expected votes:   3", "Quorum:           2  "]);
        cluster.must(0, &["corosync-quorumtool", "-v", "3", "-n", "2"]);
        for node in 0..3 {
            wait_says(&cluster, node, &["corosync-quorumtool", "-l"], &["         2          3 n2"]);
            wait_says(&cluster, node, &STATUS, &["Expected votes:   5", "Total votes:      5"]);
        }
        let said = cluster.run(0, &["corosync-quorumtool", "-v", "1", "-n", "9"]);
        assert_eq!(said.status, 1, "{}", said.text);
        assert!(said.text.contains("Unable to set votes 1 for nodeid: 9: CS_ERR_NOT_EXIST"), "{}", said.text);
        // The heavy node alone goes on, the light ones do not.
        cluster.kill(0);
        cluster.kill(2);
        wait_says(&cluster, 1, &STATUS, &[&nodes(1), QUORATE, "Total votes:      3"]);
    });
}

#[test]
fn the_last_man_stands_after_its_window() {
    inside("ring::votes::the_last_man_stands_after_its_window", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES);
        let quorum =
            " last_man_standing: 1\n last_man_standing_window: 1000\n wait_for_all: 1\n auto_tie_breaker: 1";
        started(&mut cluster, &conf(TOTEM, quorum, &addresses(4)));
        wait_says(&cluster, 0, &STATUS, &["LastManStanding AutoTieBreaker"]);
        // Each waits for the window: half at once would be the tie-breaker's matter.
        for (victim, left) in [(3, 3), (2, 2), (1, 1)] {
            cluster.kill(victim);
            let expected = format!("Expected votes:   {left}");
            wait_says(&cluster, 0, &STATUS, &[&nodes(left), QUORATE, &expected]);
        }
    });
}

#[test]
fn ties_are_broken_by_the_list() {
    inside("ring::votes::ties_are_broken_by_the_list", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES);
        let quorum = " wait_for_all: 0\n auto_tie_breaker: 1\n auto_tie_breaker_node: 3 1";
        started(&mut cluster, &conf(TOTEM, quorum, &addresses(4)));
        let split = |plugged: bool| {
            // The switch loses the nodes 3 and 4, which see each other through nothing: each is alone.
            cluster.cable(3, Network::First, plugged);
            cluster.cable(0, Network::First, plugged);
        };
        split(false);
        // Nodes 2 and 3 stay together and have the first of the list; the others are one vote each.
        wait_says(&cluster, 2, &STATUS, &[&nodes(2), QUORATE]);
        wait_says(&cluster, 1, &STATUS, &[&nodes(2), QUORATE]);
        wait_says(&cluster, 0, &STATUS, &[&nodes(1), BLOCKED]);
        wait_says(&cluster, 3, &STATUS, &[&nodes(1), BLOCKED]);
        split(true);
        for node in 0..4 {
            wait_says(&cluster, node, &STATUS, &[&nodes(4), QUORATE]);
        }
        // Without the first of the list, the second decides only if the first was away before.
        cluster.cable(2, Network::First, false);
        cluster.cable(3, Network::First, false);
        wait_says(&cluster, 0, &STATUS, &[&nodes(2), BLOCKED]);
        cluster.cable(2, Network::First, true);
        cluster.cable(3, Network::First, true);
        for node in 0..4 {
            wait_says(&cluster, node, &STATUS, &[&nodes(4), QUORATE]);
        }
        cluster.kill(2);
        wait_says(&cluster, 0, &STATUS, &[&nodes(3), QUORATE]);
        cluster.kill(3);
        wait_says(&cluster, 0, &STATUS, &[&nodes(2), QUORATE]);
    });
}

#[test]
fn clean_leaves_lower_what_is_expected() {
    inside("ring::votes::clean_leaves_lower_what_is_expected", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES);
        let quorum = " expected_votes: 2\n allow_downscale: 1\n wait_for_all: 0";
        started(&mut cluster, &conf(TOTEM, quorum, &addresses(4)));
        wait_says(&cluster, 0, &STATUS, &["Expected votes:   4", "AllowDownscale"]);
        assert_eq!(cluster.stop(3), 0, "{}", cluster.console(3));
        wait_says(&cluster, 0, &STATUS, &["Expected votes:   3", QUORATE]);
        assert_eq!(cluster.stop(2), 0, "{}", cluster.console(2));
        wait_says(&cluster, 0, &STATUS, &["Expected votes:   2", QUORATE]);
        // A crash is no leave.
        cluster.kill(1);
        wait_says(&cluster, 0, &STATUS, &[&nodes(1), BLOCKED, "Expected votes:   2"]);
    });
}

#[test]
fn all_are_waited_for_unless_somebody_says_otherwise() {
    inside("ring::votes::all_are_waited_for_unless_somebody_says_otherwise", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        super::new_key(&cluster);
        super::write(&cluster, &conf(TOTEM, " wait_for_all: 1", &addresses(3)));
        cluster.start(0);
        cluster.start(1);
        wait_says(&cluster, 0, &STATUS, &[&nodes(2), BLOCKED, "WaitForAll"]);
        wait_says(
            &cluster,
            0,
            &["corosync-cmapctl", "-g", "runtime.votequorum.wait_for_all_status"],
            &["(u8) = 1"],
        );
        cluster.must(1, &["corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1"]);
        wait_says(&cluster, 0, &STATUS, &[&nodes(2), QUORATE]);
        cluster.start(2);
        for node in 0..3 {
            wait_says(&cluster, node, &STATUS, &[&nodes(3), QUORATE]);
        }
    });
}
