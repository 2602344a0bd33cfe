//! The corosync tutorial: a key, `corosync.conf`, a `crm configure` session, standby, stickiness, a stopped node.

use crate::common::{PATIENCE, SERVICE, status, wait_holder, wait_shows, wait_started, with_service};
use holdfast_e2e::{Cluster, inside, wait};

const NODES: [&str; 2] = ["node1.magedu.com", "node2.magedu.com"];
const ADDRESS: &str = "10.98.0.222";
const ALL: [&str; 3] = ["webip", "webstore", "httpd"];

/// Types lines into `crm`, which has to succeed.
fn crm(cluster: &Cluster, lines: &str) -> String {
    let said = cluster.run_typing(0, &["crm"], lines);
    assert_eq!(said.status, 0, "{}", said.text);
    said.text
}

fn started(scratch: std::path::PathBuf) -> Cluster {
    with_service(scratch, &NODES, "httpd", SERVICE)
}

const PRIMITIVES: &str = "\
configure
property stonith-enabled=false
property no-quorum-policy=ignore
verify
commit
primitive webip ocf:heartbeat:IPaddr params ip=10.98.0.222 nic=eth0 cidr_netmask=24 iflabel=eth0:0
primitive webstore ocf:heartbeat:Dummy op start timeout=60 op stop timeout=60
primitive httpd lsb:httpd
";

#[test]
fn the_corosync_tutorial_with_a_group() {
    inside("corosync::the_corosync_tutorial_with_a_group", |scratch| {
        let mut cluster = started(scratch);
        let said = crm(
            &cluster,
            &format!("{PRIMITIVES}group webservice webip webstore httpd\nverify\ncommit\nshow\ncd\nexit\n"),
        );
        for line in
            ["group webservice webip webstore httpd", "stonith-enabled=false", "no-quorum-policy=ignore"]
        {
            assert!(said.contains(line), "{line} not in:\n{said}");
        }
        wait_shows(&cluster, 0, &["Resource Group: webservice"]);
        cluster.must(0, &["crm", "resource", "stop", "webservice"]);
        wait("the address to be gone", PATIENCE, || {
            if cluster.holders(ADDRESS).is_empty() { Ok(()) } else { Err(status(&cluster, 0)) }
        });
        cluster.must(0, &["crm", "resource", "start", "webservice"]);
        cluster.must(0, &["crm", "node", "standby", NODES[1]]);
        wait_started(&cluster, 0, &ALL, NODES[0]);
        wait_holder(&cluster, ADDRESS, 0);
        cluster.must(0, &["crm", "node", "online", NODES[1]]);
        wait_shows(&cluster, 0, &["Online: [ node1.magedu.com node2.magedu.com ]"]);
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
        wait_started(&cluster, 1, &ALL, NODES[1]);
        wait_shows(&cluster, 1, &["Online: [ node2.magedu.com ]", "OFFLINE: [ node1.magedu.com ]"]);
        wait_holder(&cluster, ADDRESS, 1);
    });
}

#[test]
fn the_corosync_tutorial_with_constraints_standby_and_stickiness() {
    inside("corosync::the_corosync_tutorial_with_constraints_standby_and_stickiness", |scratch| {
        let mut cluster = started(scratch);
        crm(
            &cluster,
            &format!(
                "{PRIMITIVES}\
                 colocation httpd_with_webstore inf: httpd webstore\n\
                 colocation webstore_with_webip inf: webstore webip\n\
                 order webstore_before_httpd mandatory: httpd webstore\n\
                 order webip_before_httpd mandatory: httpd webip\n\
                 location webip_on_node1 webip rule 100: #uname eq node1.magedu.com\n\
                 verify\ncommit\nshow\nexit\n"
            ),
        );
        wait_started(&cluster, 0, &ALL, NODES[0]);
        wait_holder(&cluster, ADDRESS, 0);

        // The location alone: they come back.
        cluster.must(0, &["crm", "node", "standby"]);
        wait_started(&cluster, 0, &ALL, NODES[1]);
        wait_holder(&cluster, ADDRESS, 1);
        cluster.must(0, &["crm", "node", "online"]);
        wait_started(&cluster, 0, &ALL, NODES[0]);
        wait_holder(&cluster, ADDRESS, 0);

        // With the stickiness they stay.
        cluster.must(0, &["crm", "configure", "rsc_defaults", "resource-stickiness=200"]);
        cluster.must(0, &["crm", "node", "standby"]);
        wait_started(&cluster, 0, &ALL, NODES[1]);
        cluster.must(0, &["crm", "node", "online"]);
        wait_shows(&cluster, 0, &["Online: [ node1.magedu.com node2.magedu.com ]"]);
        wait_started(&cluster, 0, &ALL, NODES[1]);
        wait_holder(&cluster, ADDRESS, 1);

        assert_eq!(cluster.stop(1), 0, "{}", cluster.console(1));
        wait_started(&cluster, 0, &ALL, NODES[0]);
        wait_holder(&cluster, ADDRESS, 0);
        wait_shows(&cluster, 0, &["Online: [ node1.magedu.com ]", "OFFLINE: [ node2.magedu.com ]"]);
    });
}
