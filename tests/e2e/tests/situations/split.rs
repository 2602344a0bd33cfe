//! Two nodes without fencing lose sight of each other and meet again (safety rules 8 and 10).

use crate::common::{
    ADDRESS, NODES, PATIENCE, SERVICE, commit, online, status, wait_holder, wait_shows, wait_started,
    with_service,
};
use holdfast_e2e::{Cluster, inside, wait};

fn crm(cluster: &Cluster, node: usize, line: &str) -> String {
    let words: Vec<&str> = ["crm"].into_iter().chain(line.split_whitespace()).collect();
    cluster.must(node, &words)
}

/// Whether the service runs on a node.
fn serves(cluster: &Cluster, node: usize) -> bool {
    cluster.run_dir(node).join("service-http").exists()
}

#[test]
fn both_sides_run_and_one_copy_is_left_when_they_meet() {
    inside("split::both_sides_run_and_one_copy_is_left_when_they_meet", |scratch| {
        let cluster = with_service(scratch, &NODES, "http", SERVICE);
        let said = commit(
            &cluster,
            "property stonith-enabled=false no-quorum-policy=ignore\n\
             primitive ip ocf:heartbeat:IPaddr2 params ip=10.98.0.209 nic=eth0 cidr_netmask=24 op monitor interval=10s\n\
             primitive http lsb:http\ngroup web ip http\nlocation home web 50: test7",
        );
        // What may happen is said when it is asked for, and stays in the status.
        assert!(said.contains("two parts of the cluster may both run everything"), "{said}");
        wait_started(&cluster, 1, &["ip", "http"], "test7");
        wait_holder(&cluster, ADDRESS, 0);

        cluster.unplug(1);
        wait_shows(&cluster, 0, &["Online: [ test7 ]", "OFFLINE: [ test8 ]"]);
        wait_shows(&cluster, 1, &["Online: [ test8 ]", "OFFLINE: [ test7 ]"]);
        wait_started(&cluster, 0, &["ip", "http"], "test7");
        wait_started(&cluster, 1, &["ip", "http"], "test8");
        assert_eq!(cluster.holders(ADDRESS), [0, 1]);
        assert!(serves(&cluster, 0) && serves(&cluster, 1));

        // Both sides are worked on, the second more.
        crm(&cluster, 0, "configure primitive here ocf:heartbeat:Dummy");
        crm(&cluster, 1, "configure primitive there ocf:heartbeat:Dummy");
        crm(&cluster, 1, "configure rsc_defaults resource-stickiness=7");
        // Between two quorate parts the later ring has precedence, in rings of one number the later document.
        let loser = if ring(&cluster, 0) > ring(&cluster, 1) { 1 } else { 0 };
        let (kept, lost) = if loser == 0 { ("there", "here") } else { ("here", "there") };

        cluster.plug(1);
        wait_shows(&cluster, 0, &["Online: [ test7 test8 ]"]);
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]"]);
        for node in 0..2 {
            cluster.must(node, &["crm_resource", "--wait", "--timeout", "20s"]);
        }
        wait_holder(&cluster, ADDRESS, 0);
        assert!(serves(&cluster, 0) && !serves(&cluster, 1));
        wait_started(&cluster, 1, &["ip", "http"], "test7");
        let shown = crm(&cluster, 0, "configure show");
        assert_eq!(shown, crm(&cluster, 1, "configure show"));
        assert!(shown.contains(&format!("primitive {kept} ")), "{shown}");
        assert!(!shown.contains(&format!("primitive {lost} ")), "{shown}");

        // What happened is shown and in the log, with what was lost; and that is kept.
        for node in 0..2 {
            let overlap = "active on test7 and test8 at once until the parts of the cluster met: http ip";
            wait_shows(&cluster, node, &[overlap]);
            let console = cluster.console(node);
            assert!(console.contains("ip is active on test7 and test8 at once"), "{console}");
        }
        let told = format!("1 configuration(s) of {} lost against another part of the cluster", NODES[loser]);
        wait_shows(&cluster, loser, &[&told]);
        let console = cluster.console(loser);
        let line = console.lines().find(|line| line.contains("has precedence: +")).unwrap_or_default();
        assert!(line.contains(&format!("<primitive id=\"{lost}\"")), "{console}");
        let file = std::fs::read_to_string(cluster.cib(loser).join("lost-0.xml")).unwrap();
        assert!(file.contains(&format!("<primitive id=\"{lost}\"")), "{file}");

        // Until somebody has looked.
        crm(&cluster, 0, "resource cleanup");
        wait("the overlap to be seen", PATIENCE, || {
            let seen = status(&cluster, 1);
            if seen.contains("at once until") { Err(seen) } else { Ok(()) }
        });
        wait_started(&cluster, 1, &["ip", "http"], "test7");
    });
}

/// Number of the ring that a node is in.
fn ring(cluster: &Cluster, node: usize) -> u64 {
    let said = cluster.run(node, &["corosync-quorumtool", "-s"]).text;
    let id = said.lines().find_map(|line| line.strip_prefix("Ring ID:")).unwrap_or_default();
    u64::from_str_radix(id.trim().split('.').nth(1).unwrap_or_default(), 16)
        .unwrap_or_else(|_| panic!("no ring id in:\n{said}"))
}

/// A node that was away has an older configuration: nothing of it is lost, and nobody is told that something was.
#[test]
fn a_node_that_returns_takes_the_newer_configuration_in_silence() {
    inside("split::a_node_that_returns_takes_the_newer_configuration_in_silence", |scratch| {
        let mut cluster = online(scratch, &NODES);
        crm(&cluster, 0, "configure property stonith-enabled=false");
        cluster.unplug(1);
        wait_shows(&cluster, 0, &["OFFLINE: [ test8 ]"]);
        wait_shows(&cluster, 1, &["OFFLINE: [ test7 ]"]);
        crm(&cluster, 0, "configure primitive later ocf:heartbeat:Dummy");
        cluster.plug(1);
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]", "later"]);
        assert_eq!(cluster.stop(1), 0);
        crm(&cluster, 0, "configure primitive latest ocf:heartbeat:Dummy");
        cluster.start(1);
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]", "latest"]);
        for node in 0..2 {
            let seen = status(&cluster, node);
            assert!(!seen.contains("lost"), "{seen}");
            assert!(!cluster.console(node).contains("has precedence"), "{}", cluster.console(node));
        }
    });
}
