//! Links: which one is used, what happens when one goes, families, sizes, and changes of all that at run time.

use super::{NAMES, Traffic, conf, new_key, started, wait_console, wait_says, write};
use Network::{First, Second};
use holdfast_e2e::{Cluster, Network, inside, wait};
use std::time::Duration;

const TOTEM: &str = " transport: knet\n token: 1000";
const QUORUM: &str = " wait_for_all: 0";

fn v4(nodes: usize, networks: &[Network]) -> Vec<Vec<String>> {
    (0..nodes).map(|node| networks.iter().map(|network| network.v4(node).to_string()).collect()).collect()
}

fn v6(nodes: usize, networks: &[Network]) -> Vec<Vec<String>> {
    (0..nodes).map(|node| networks.iter().map(|network| network.v6(node).to_string()).collect()).collect()
}

/// What the sender sent on both networks while a second of traffic went through.
fn used(cluster: &Cluster) -> (u64, u64) {
    let sent = || (cluster.bytes_sent(0, First), cluster.bytes_sent(0, Second));
    let before = sent();
    let messages = Traffic::begin(cluster, 1_000, 1, 2).complete();
    let after = sent();
    let (first, second) = (after.0 - before.0, after.1 - before.1);
    // Presences go over all links; what counts is where the messages went.
    let whole = messages * 1_000 * (cluster.size() as u64 - 1);
    assert!(first + second >= whole, "{first} + {second} bytes for {messages} messages");
    (first * 100 / whole, second * 100 / whole)
}

/// Both links are up at all nodes.
fn wait_links(cluster: &Cluster, links: usize) {
    for node in 0..cluster.size() {
        wait(&format!("{links} links at node {node}"), Duration::from_secs(25), || {
            let said = cluster.run(node, &["corosync-cfgtool", "-s"]);
            let connected =
                said.text.matches("connected").count() - said.text.matches("disconnected").count();
            let shown = said.text.matches("LINK ID").count();
            let wanted = links * (cluster.size() - 1);
            if connected == wanted && shown == links { Ok(()) } else { Err(said.text) }
        });
    }
}

/// One link goes and comes while messages are sent; nothing is lost and nobody leaves.
fn flapping(cluster: &Cluster) {
    let rings = |cluster: &Cluster| {
        let status = cluster.must(0, &["corosync-quorumtool", "-s"]);
        status.lines().find(|l| l.starts_with("Ring ID")).unwrap_or_default().to_owned()
    };
    let before = rings(cluster);
    let traffic = Traffic::begin(cluster, 500, 6, 1);
    for _ in 0..3 {
        cluster.cable(1, First, false);
        wait_says(cluster, 0, &["corosync-cfgtool", "-s"], &["disconnected"]);
        cluster.cable(1, First, true);
        wait_links(cluster, 2);
    }
    let messages = traffic.complete();
    assert!(messages > 500, "{messages}");
    assert_eq!(rings(cluster), before, "the membership changed");
}

#[test]
fn link_modes_choose_the_links_and_survive_one_that_flaps() {
    inside("ring::links::link_modes_choose_the_links_and_survive_one_that_flaps", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        cluster.second_network();
        let modes = |mode: &str, first: u8, second: u8| {
            let totem = format!(
                "{TOTEM}\n link_mode: {mode}\n interface {{\n linknumber: 0\n knet_link_priority: {first}\n }}\n \
                 interface {{\n linknumber: 1\n knet_link_priority: {second}\n }}"
            );
            conf(&totem, QUORUM, &v4(3, &[First, Second]))
        };
        started(&mut cluster, &modes("passive", 1, 5));
        wait_links(&cluster, 2);
        // The link with the higher priority; the other one carries signs of life only.
        let (first, second) = used(&cluster);
        assert!(second >= 90 && first < 40, "passive, 1 and 5: {first} % and {second} %");
        let change = |text: &str| {
            write(&cluster, text);
            cluster.must(0, &["corosync-cfgtool", "-R"]);
        };
        change(&modes("passive", 5, 1));
        wait_says(&cluster, 2, &["corosync-cmapctl"], &["totem.interface.0.knet_link_priority (u8) = 5"]);
        let (first, second) = used(&cluster);
        assert!(first >= 90 && second < 40, "passive, 5 and 1: {first} % and {second} %");
        flapping(&cluster);
        change(&modes("active", 1, 1));
        wait_says(&cluster, 2, &["corosync-cmapctl"], &["totem.link_mode (str) = active"]);
        wait_links(&cluster, 2);
        let (first, second) = used(&cluster);
        assert!(first >= 90 && second >= 90, "active: {first} % and {second} %");
        flapping(&cluster);
        change(&modes("rr", 1, 1));
        wait_says(&cluster, 2, &["corosync-cmapctl"], &["totem.link_mode (str) = rr"]);
        wait_links(&cluster, 2);
        let (first, second) = used(&cluster);
        assert!(first >= 30 && second >= 30, "rr: {first} % and {second} %");
        flapping(&cluster);
    });
}

#[test]
fn links_may_be_of_either_family() {
    inside("ring::links::links_may_be_of_either_family", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..2]);
        cluster.second_network();
        cluster.ipv6(First);
        cluster.ipv6(Second);
        let quorum = " two_node: 1\n wait_for_all: 0";
        started(&mut cluster, &conf(TOTEM, quorum, &v6(2, &[First, Second])));
        wait_links(&cluster, 2);
        assert!(cluster.must(1, &["corosync-cfgtool", "-s"]).contains("addr\t= fd98::2"));
        assert_eq!(cluster.must(0, &["corosync-cfgtool", "-a", "2"]).trim(), "fd98::2 fd99::2");
        Traffic::begin(&cluster, 70_000, 1, 5).complete();
        flapping(&cluster);
        for node in 0..2 {
            assert_eq!(cluster.stop(node), 0, "{}", cluster.console(node));
        }
        let mixed: Vec<Vec<String>> =
            (0..2).map(|node| vec![First.v4(node).to_string(), Second.v6(node).to_string()]).collect();
        started(&mut cluster, &conf(TOTEM, quorum, &mixed));
        wait_links(&cluster, 2);
        flapping(&cluster);
        Traffic::begin(&cluster, 70_000, 1, 5).complete();
    });
}

#[test]
fn the_old_transports_carry_the_ring() {
    inside("ring::links::the_old_transports_carry_the_ring", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        for totem in [
            " transport: udpu\n token: 1000\n interface {\n ringnumber: 0\n bindnetaddr: 10.98.0.0\n mcastport: 5405\n }",
            " transport: udp\n token: 1000\n interface {\n ringnumber: 0\n bindnetaddr: 10.98.0.0\n \
             mcastaddr: 239.255.1.1\n mcastport: 5405\n ttl: 1\n }",
            " transport: udp\n token: 1000\n interface {\n ringnumber: 0\n bindnetaddr: 10.98.0.0\n \
             broadcast: yes\n mcastport: 5405\n }",
        ] {
            started(&mut cluster, &conf(totem, QUORUM, &v4(3, &[First])));
            let shown = cluster.must(2, &["corosync-cfgtool", "-s"]);
            let name = if totem.contains("udpu") { "udpu" } else { "udp" };
            assert!(shown.starts_with(&format!("Local node ID 3, transport {name}\n")), "{shown}");
            Traffic::begin(&cluster, 5_000, 1, 2).complete();
            for node in 0..3 {
                assert_eq!(cluster.stop(node), 0, "{}", cluster.console(node));
            }
        }
    });
}

#[test]
fn large_messages_fit_through_narrow_paths() {
    inside("ring::links::large_messages_fit_through_narrow_paths", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        started(&mut cluster, &conf(TOTEM, QUORUM, &v4(3, &[First])));
        for size in [64 << 10, 1_000_000] {
            Traffic::begin(&cluster, size, 1, 50).complete();
        }
        // A path that swallows what is larger: at one node, while messages are sent.
        let traffic = Traffic::begin(&cluster, 64 << 10, 4, 20);
        cluster.largest_packet(1, First, 1_280);
        traffic.complete();
        for size in [64 << 10, 1_000_000] {
            Traffic::begin(&cluster, size, 1, 50).complete();
        }
        wait_says(&cluster, 0, &["corosync-cfgtool", "-n"], &["mtu: 1232"]);
        for node in 0..3 {
            assert_eq!(cluster.stop(node), 0, "{}", cluster.console(node));
        }
        // Asked for: small ones, and large ones where the network has them.
        for (netmtu, packet, shown) in [(1_000, 1_500, "mtu: 972"), (9_000, 9_000, "mtu: 8972")] {
            (0..3).for_each(|node| cluster.largest_packet(node, First, packet));
            let totem = format!("{TOTEM}\n netmtu: {netmtu}");
            started(&mut cluster, &conf(&totem, QUORUM, &v4(3, &[First])));
            Traffic::begin(&cluster, 1_000_000, 1, 50).complete();
            wait_says(&cluster, 0, &["corosync-cfgtool", "-n"], &[shown]);
            for node in 0..3 {
                assert_eq!(cluster.stop(node), 0, "{}", cluster.console(node));
            }
        }
    });
}

#[test]
fn a_link_is_added_and_removed_under_traffic() {
    inside("ring::links::a_link_is_added_and_removed_under_traffic", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        cluster.second_network();
        let (one, two) = (v4(3, &[First]), v4(3, &[First, Second]));
        started(&mut cluster, &conf(TOTEM, QUORUM, &one));
        wait_links(&cluster, 1);
        let traffic = Traffic::begin(&cluster, 500, 8, 1);
        write(&cluster, &conf(TOTEM, QUORUM, &two));
        cluster.must(1, &["corosync-cfgtool", "-R"]);
        wait_links(&cluster, 2);
        write(&cluster, &conf(TOTEM, QUORUM, &one));
        cluster.must(2, &["corosync-cfgtool", "-R"]);
        wait_links(&cluster, 1);
        traffic.complete();
        // The link that was added is one to rely on.
        write(&cluster, &conf(TOTEM, QUORUM, &two));
        cluster.must(0, &["corosync-cfgtool", "-R"]);
        wait_links(&cluster, 2);
        let traffic = Traffic::begin(&cluster, 500, 4, 1);
        cluster.cable(1, First, false);
        traffic.complete();
    });
}

#[test]
fn keys_rotate_under_traffic_without_a_loss() {
    inside("ring::links::keys_rotate_under_traffic_without_a_loss", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..3]);
        started(&mut cluster, &conf(TOTEM, QUORUM, &v4(3, &[First])));
        let traffic = Traffic::begin(&cluster, 256, 16, 0);
        let count = |node: usize, line: &str| cluster.console(node).matches(line).count();
        for turn in 1..=2 {
            new_key(&cluster);
            cluster.must(turn, &["corosync-cfgtool", "-R"]);
            for node in 0..3 {
                wait("the old key to be given up", Duration::from_secs(25), || {
                    let lines = ["sending with it", "the old key is no longer accepted"];
                    let seen = lines.map(|line| count(node, line));
                    if seen == [turn; 2] { Ok(()) } else { Err(format!("{seen:?}")) }
                });
            }
        }
        let messages = traffic.complete();
        assert!(messages > 1_000, "{messages}");
        // Who comes back with an old key is told so.
        assert_eq!(cluster.stop(2), 0, "{}", cluster.console(2));
        let old = cluster.etc(2).join("authkey");
        cluster.must(2, &["corosync-keygen", "--force", "-k", &old.display().to_string()]);
        cluster.start(2);
        wait_console(&cluster, 0, "could not be opened: another key");
        std::fs::remove_file(&old).unwrap();
        std::fs::copy(cluster.etc(0).join("authkey"), &old).unwrap();
        cluster.crash(2);
        wait_says(&cluster, 2, &["corosync-quorumtool", "-s"], &[&super::nodes(3)]);
    });
}

#[test]
fn time_outs_that_differ_are_named() {
    inside("ring::links::time_outs_that_differ_are_named", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..2]);
        let text = |token: u32| {
            let totem = format!(" transport: knet\n token: {token}");
            conf(&totem, " two_node: 1\n wait_for_all: 0", &v4(2, &[First]))
        };
        new_key(&cluster);
        for (node, token) in [(0, 1_000), (1, 1_500)] {
            std::fs::write(cluster.etc(node).join("corosync.conf"), text(token)).unwrap();
            cluster.start(node);
        }
        wait_console(&cluster, 0, "node 2 has a token time-out of 1500 ms, we have 1000 ms");
        wait_console(&cluster, 1, "node 1 has a token time-out of 1000 ms, we have 1500 ms");
        wait_says(&cluster, 0, &["corosync-quorumtool", "-s"], &[&super::nodes(2)]);
    });
}

#[test]
fn a_time_out_that_only_one_node_has_changed_is_named_by_both() {
    inside("ring::links::a_time_out_that_only_one_node_has_changed_is_named_by_both", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..2]);
        let text = |token: u32| {
            let totem = format!(" transport: knet\n token: {token}");
            conf(&totem, " two_node: 1\n wait_for_all: 0", &v4(2, &[First]))
        };
        started(&mut cluster, &text(1_000));
        // Each reads its own file again; only the second one's has changed.
        for (token, node_two_has, node_one_has) in [
            (1_500, "1500 ms, we have 1000 ms", "1000 ms, we have 1500 ms"),
            (2_000, "2000 ms, we have 1000 ms", "1000 ms, we have 2000 ms"),
        ] {
            std::fs::write(cluster.etc(1).join("corosync.conf"), text(token)).unwrap();
            cluster.must(0, &["corosync-cfgtool", "-R"]);
            wait_console(&cluster, 0, &format!("node 2 has a token time-out of {node_two_has}"));
            wait_console(&cluster, 1, &format!("node 1 has a token time-out of {node_one_has}"));
        }
        wait_says(&cluster, 0, &["corosync-quorumtool", "-s"], &[&super::nodes(2)]);
    });
}
