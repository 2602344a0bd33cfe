//! Nodes that fall silent and are switched off before anything starts elsewhere.

use crate::common::{ADDRESS, NODES, PATIENCE, SERVICE, commit, configured, join, status, wait_started};
use holdfast_e2e::{Cluster, Freezer, Switch, inside, wait};

/// Two nodes on a switch; the address runs on the second.
fn started(scratch: std::path::PathBuf, more: &str) -> (Cluster, Switch) {
    let mut cluster = configured(scratch, &NODES);
    cluster.script("init.d", "http", SERVICE);
    let switch = Switch::new(&cluster, &NODES);
    join(&mut cluster, &NODES);
    commit(
        &cluster,
        &format!(
            "property stonith-enabled=true no-quorum-policy=ignore\n\
             primitive ip ocf:heartbeat:IPaddr2 params ip={ADDRESS} nic=eth0 cidr_netmask=24 op monitor interval=1s\n\
             primitive http lsb:http\ngroup web ip http\nlocation home web 50: test8\n{more}"
        ),
    );
    wait_started(&cluster, 0, &["ip", "http"], "test8");
    assert_eq!(cluster.holders(ADDRESS), [1]);
    (cluster, switch)
}

const PLUG: &str = "primitive plug stonith:fence_switch params pcmk_host_list=\"test7 test8\"";

/// The first node takes over, and not before the second is off.
fn taken_over(cluster: &Cluster, switch: &Switch) {
    wait("the first node to take over", PATIENCE, || {
        let holders = cluster.holders(ADDRESS);
        assert!(holders.len() < 2, "the address is on both nodes");
        if holders == [0] {
            assert_eq!(switch.cut(), ["test8"], "it was started before the other was off");
            return Ok(());
        }
        Err(status(cluster, 0))
    });
    wait_started(cluster, 0, &["ip", "http"], "test7");
    assert!(!cluster.is_on(1));
}

#[test]
fn a_node_without_daemon_and_guard_is_fenced_then_taken_over() {
    inside("fencing::a_node_without_daemon_and_guard_is_fenced_then_taken_over", |scratch| {
        let (cluster, switch) = started(scratch, PLUG);
        cluster.crash_all(1);
        taken_over(&cluster, &switch);
    });
}

#[test]
fn a_node_whose_core_hangs_is_out_and_fenced() {
    inside("fencing::a_node_whose_core_hangs_is_out_and_fenced", |scratch| {
        let name = "fencing::a_node_whose_core_hangs_is_out_and_fenced";
        let (cluster, switch) = started(scratch, PLUG);
        let Some(freezer) = Freezer::new() else {
            eprintln!("SKIPPED: {name}: no freezer of control groups (version 1) that this user may write");
            return;
        };
        let daemon = cluster.daemon_proper(1).unwrap();
        freezer.freeze(daemon, |thread| thread != "ring");
        wait("the hanging node to be out of the ring", PATIENCE, || {
            let seen = status(&cluster, 0);
            if seen.contains("Online: [ test7 test8 ]") { Err(seen) } else { Ok(()) }
        });
        // A frozen process cannot even be killed: the power goes with the thaw.
        freezer.thaw();
        taken_over(&cluster, &switch);
    });
}

#[test]
fn a_node_is_let_in_before_anything_runs_there() {
    inside("fencing::a_node_is_let_in_before_anything_runs_there", |scratch| {
        let plug = format!("{PLUG} meta provides=unfencing");
        let (cluster, switch) = started(scratch, &plug);
        // Each node asked for itself, before what needs it was started.
        let mut on = switch.on();
        on.sort();
        on.dedup();
        assert_eq!(on, ["test7 test7", "test8 test8"]);
        let said = cluster
            .must(0, &["crm_attribute", "-t", "status", "-N", "test8", "-n", "#node-unfenced", "-G", "-q"]);
        assert!(said.trim().parse::<u64>().is_ok_and(|at| at > 0), "{said}");
        let before = switch.on().len();
        cluster.must(0, &["crm_resource", "-r", "plug", "-p", "colour", "-v", "blue"]);
        wait("both to be let in again by the changed device", PATIENCE, || {
            let on = switch.on();
            let again = |line: &str| on[before..].iter().any(|one| one == line);
            if again("test7 test7") && again("test8 test8") { Ok(()) } else { Err(on.join("\n")) }
        });
    });
}
