//! What exporters and scripts read with `corosync-cmapctl -m stats`: which keys there are, of which type, and that they
//! count what happens. The names and types were compared with corosync 3.1.7 on the same machine.

use super::{NAMES, Traffic, conf, started, wait_says};
use crate::common::PATIENCE;
use holdfast_e2e::{Cluster, Network, inside, wait};
use std::collections::BTreeMap;

/// Of each link of each node.
const LINK: &[(&str, &str)] = &[
    ("u8", "connected enabled"),
    ("u32", "mtu up_count down_count latency_ave latency_max latency_min latency_samples"),
    ("u32", "tx_data_errors tx_data_retries tx_ping_errors tx_ping_retries"),
    ("u32", "tx_pmtu_errors tx_pmtu_retries tx_pong_errors tx_pong_retries"),
    ("u64", "rx_data_bytes rx_data_packets rx_ping_bytes rx_ping_packets rx_pmtu_bytes rx_pmtu_packets"),
    ("u64", "rx_pong_bytes rx_pong_packets rx_total_bytes rx_total_packets rx_total_retries"),
    ("u64", "tx_data_bytes tx_data_packets tx_ping_bytes tx_ping_packets tx_pmtu_bytes tx_pmtu_packets"),
    ("u64", "tx_pong_bytes tx_pong_packets tx_total_bytes tx_total_packets tx_total_errors"),
];
const HANDLE: &[(&str, &str)] = &[
    ("u64", "rx_compress_time_ave rx_compress_time_max rx_compress_time_min rx_compressed_original_bytes"),
    ("u64", "rx_compressed_packets rx_compressed_size_bytes rx_crypt_packets rx_crypt_time_ave"),
    ("u64", "rx_crypt_time_max rx_crypt_time_min tx_compress_time_ave tx_compress_time_max"),
    ("u64", "tx_compress_time_min tx_compressed_original_bytes tx_compressed_packets"),
    ("u64", "tx_compressed_size_bytes tx_crypt_byte_overhead tx_crypt_packets tx_crypt_time_ave"),
    ("u64", "tx_crypt_time_max tx_crypt_time_min tx_uncompressed_packets"),
];
const SRP: &[(&str, &str)] = &[
    ("u8", "firewall_enabled_or_nic_failure"),
    ("u32", "avg_backlog_calc avg_token_workload continuous_gather continuous_sendmsg_failures mtt_rx_token"),
    ("u64", "commit_entered commit_token_lost consensus_timeouts gather_entered gather_token_lost"),
    ("u64", "mcast_retx mcast_rx mcast_tx memb_commit_token_rx memb_commit_token_tx memb_join_rx"),
    ("u64", "memb_join_tx memb_merge_detect_rx memb_merge_detect_tx operational_entered"),
    ("u64", "operational_token_lost orf_token_rx orf_token_tx recovery_entered recovery_token_lost"),
    ("u64", "rx_msg_dropped time_since_token_last_received token_hold_cancel_rx token_hold_cancel_tx"),
];
const PG: &[(&str, &str)] = &[("u32", "msg_queue_avail msg_reserved")];
const GLOBAL: &[(&str, &str)] = &[("u64", "active closed")];
const CONNECTION: &[(&str, &str)] = &[
    ("str", "procname"),
    ("i32", "queueing"),
    ("u32", "flow_control queued sent"),
    (
        "u64",
        "dispatched flow_control_count invalid_request overload recv_retries requests responses send_retries",
    ),
];
/// What is in force.
const CONFIG: &[(&str, &str)] = &[
    (
        "u32",
        "block_unlisted_ips cancel_token_hold_on_retransmit consensus fail_recv_const hold join knet_mtu",
    ),
    ("u32", "knet_compression_threshold knet_pmtud_interval max_messages merge miss_count_const send_join"),
    ("u32", "seqno_unchanged_const token token_retransmit token_warning window_size"),
    ("i32", "knet_compression_level"),
    ("str", "knet_compression_model"),
];
/// Numbers of what each service says to the others, from 0 on.
const SERVICES: [(&str, u32); 4] = [("cfg", 5), ("cmap", 1), ("cpg", 7), ("votequorum", 4)];

type Keys = BTreeMap<String, (String, String)>;

fn keys(cluster: &Cluster, words: &[&str]) -> Keys {
    let text = cluster.must(0, &[&["corosync-cmapctl"], words].concat());
    let line = |line: &str| {
        let (key, rest) = line.split_once(" (")?;
        let (kind, value) = rest.split_once(") = ")?;
        Some((key.to_owned(), (kind.to_owned(), value.to_owned())))
    };
    text.lines().map(|text| line(text).unwrap_or_else(|| panic!("no key: {text}"))).collect()
}

fn number(keys: &Keys, key: &str) -> f64 {
    let (_, value) = keys.get(key).unwrap_or_else(|| panic!("there is no {key}"));
    value.parse().unwrap_or_else(|_| panic!("{key} is {value}"))
}

/// All keys of a table are there with their types; which they are.
fn has_all(keys: &Keys, prefix: &str, table: &[(&str, &str)]) {
    for (kind, names) in table {
        for name in names.split(' ') {
            let key = format!("{prefix}.{name}");
            let found = keys.get(&key).map(|(kind, _)| kind.as_str());
            assert_eq!(found, Some(*kind), "{key}");
        }
    }
}

/// The first of these connections that belongs to a program of this name.
fn connection(keys: &Keys, prefix: &str, name: &str) -> String {
    let of = |key: &String| {
        key.strip_suffix(".procname").filter(|base| base.starts_with(prefix)).map(str::to_owned)
    };
    let own = keys.iter().filter(|(_, (_, value))| value.starts_with(name)).find_map(|(key, _)| of(key));
    own.unwrap_or_else(|| panic!("no connection of {name} below {prefix}: {keys:?}"))
}

#[test]
fn exporters_find_what_they_read() {
    inside("ring::counters::exporters_find_what_they_read", |scratch| {
        let mut cluster = Cluster::new(scratch, &NAMES[..2]);
        cluster.second_network();
        let addresses =
            |node| [Network::First, Network::Second].map(|network| network.v4(node).to_string()).into();
        let nodes: Vec<Vec<String>> = (0..2).map(addresses).collect();
        started(&mut cluster, &conf(" transport: knet\n token: 1000", " two_node: 1", &nodes));
        let both = ["LINK: 0 udp (10.98.0.1->10.98.0.2) enabled connected", "LINK: 1 udp"];
        wait_says(&cluster, 0, &["corosync-cfgtool", "-n"], &both);

        let traffic = Traffic::begin(&cluster, 200, 5, 5);
        let c = &cluster;
        let mut stats = Keys::new();
        wait("two programs on the first node", PATIENCE, || {
            stats = keys(c, &["-m", "stats"]);
            let programs =
                stats.keys().filter(|key| key.starts_with("stats.ipcs.service2.") && key.ends_with(".sent"));
            if programs.count() == 2 { Ok(()) } else { Err(format!("{stats:?}")) }
        });
        for link in ["node1.link0", "node2.link0", "node2.link1"] {
            has_all(&stats, &format!("stats.knet.{link}"), LINK);
        }
        has_all(&stats, "stats.knet.handle", HANDLE);
        has_all(&stats, "stats.srp", SRP);
        has_all(&stats, "stats.pg", PG);
        has_all(&stats, "stats.ipcs.global", GLOBAL);
        for (prefix, name) in [("stats.ipcs.service2.", "holdfast"), ("stats.ipcs.", "corosync-cmapct")] {
            let own = connection(&stats, prefix, name);
            has_all(&stats, &own, CONNECTION);
            assert!(number(&stats, &format!("{own}.requests")) > 0.0, "{own}");
        }
        assert!(number(&stats, "stats.ipcs.global.active") >= 3.0);
        let runtime = keys(c, &["runtime.config.totem."]);
        has_all(&runtime, "runtime.config.totem", CONFIG);
        for link in ["interface.0", "interface.1"] {
            let base = format!("runtime.config.totem.{link}");
            has_all(&runtime, &base, &[("u32", "knet_ping_interval knet_ping_timeout")]);
            let of = |key: &str| number(&runtime, &format!("{base}.{key}"));
            assert!(of("knet_ping_interval") < of("knet_ping_timeout"));
        }
        let services = keys(c, &["runtime.services."]);
        for (service, calls) in SERVICES {
            for call in 0..calls {
                for direction in ["rx", "tx"] {
                    let key = format!("runtime.services.{service}.{call}.{direction}");
                    assert_eq!(services.get(&key).map(|(kind, _)| kind.as_str()), Some("u64"), "{key}");
                }
            }
        }
        let sent = traffic.complete();

        let (stats, services) = (keys(c, &["-m", "stats"]), keys(c, &["runtime.services."]));
        // Every message of the programs came here, alone or with others, and each was a frame.
        let batches = number(&services, "runtime.services.cpg.3.rx");
        assert!(batches > 10.0 && batches < (sent + 1_000) as f64, "{batches} of {sent}");
        assert!(number(&services, "runtime.services.cpg.0.rx") >= 3.0, "three programs joined");
        assert!(number(&services, "runtime.services.cpg.0.tx") >= 2.0, "two of them here");
        assert!(number(&services, "runtime.services.cpg.1.rx") >= 3.0, "and went");
        assert_eq!(
            number(&services, "runtime.services.votequorum.0.rx") % 2.0,
            0.0,
            "all members bring their votes"
        );
        assert!(number(&stats, "stats.srp.mcast_tx") > 10.0);
        let used = |key: &str| number(&stats, &format!("stats.knet.node2.link0.{key}"));
        assert!(used("tx_data_packets") > 10.0 && used("tx_data_bytes") > 200.0 * sent as f64);
        for direction in ["rx", "tx"] {
            for what in ["packets", "bytes"] {
                let parts = ["data", "ping", "pmtu"].map(|part| used(&format!("{direction}_{part}_{what}")));
                assert!(parts.iter().all(|part| *part > 0.0), "{direction} {what}: {parts:?}");
                assert_eq!(parts.iter().sum::<f64>(), used(&format!("{direction}_total_{what}")));
            }
            assert!(used(&format!("{direction}_pong_packets")) > 2.0);
        }
        assert_eq!(used("up_count"), 1.0 + used("down_count"));
        assert!(used("latency_samples") > 2.0 && used("latency_min") <= used("latency_max"));
        assert!(number(&stats, "stats.knet.handle.tx_crypt_packets") > 10.0);

        // A link that goes down and comes back.
        cluster.cable(1, Network::Second, false);
        wait_says(
            &cluster,
            0,
            &["corosync-cmapctl", "-m", "stats"],
            &["stats.knet.node2.link1.down_count (u32) = 1\n"],
        );
        cluster.cable(1, Network::Second, true);
        let back =
            ["stats.knet.node2.link1.up_count (u32) = 2\n", "stats.knet.node2.link1.connected (u8) = 1\n"];
        wait_says(&cluster, 0, &["corosync-cmapctl", "-m", "stats"], &back);

        clearing_begins_anew(&cluster);
    });
}

fn clearing_begins_anew(c: &Cluster) {
    let of = |key: &str| number(&keys(c, &["-m", "stats"]), key);
    let formed = "stats.srp.operational_entered";
    let (link, closed) = ("stats.knet.node2.link1.up_count", "stats.ipcs.global.closed");
    assert!(of(formed) > 0.0 && of(link) > 0.0 && of(closed) > 5.0);
    c.must(0, &["corosync-cmapctl", "-C", "knet"]);
    assert_eq!((of(link), of("stats.knet.node2.link1.connected")), (0.0, 1.0));
    assert!(of(formed) > 0.0, "one group only");
    c.must(0, &["corosync-cmapctl", "-C", "totem"]);
    assert_eq!(of(formed), 0.0);
    assert!(of(closed) > 5.0);
    c.must(0, &["corosync-cmapctl", "-C", "ipc"]);
    assert!(of(closed) < 5.0);
    c.must(0, &["corosync-cmapctl", "-s", "stats.clear.all", "u32", "1"]);
    assert!(keys(c, &["-m", "stats", "stats.holdfast."]).contains_key("stats.holdfast.send_calls"));
    let refused = c.run(0, &["corosync-cmapctl", "-s", "stats.srp.mcast_tx", "u64", "1"]);
    assert!(refused.status == 1 && refused.text.contains("CS_ERR_ACCESS"), "{}", refused.text);
}
