//! Tools that talk to a running cluster: what they say and what they do.

use crate::common::{NODES, commit, status, wait_shows, wait_started, with_service};
use holdfast_e2e::{Cluster, Switch, inside, wait};
use std::time::Duration;

/// A service that remembers each start.
const COUNTED: &str = r#"#!/bin/sh
state="$HOLDFAST_RUN_DIR/service-$(basename "$0")"
case "$1" in
    start) : > "$state"; echo start >> "$state.log" ;;
    stop) rm -f "$state" ;;
    status) if [ -e "$state" ]; then echo running; else echo stopped; exit 3; fi ;;
    *) exit 2 ;;
esac
"#;

fn started(scratch: std::path::PathBuf) -> Cluster {
    with_service(scratch, &NODES, "http", COUNTED)
}

fn shows(text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{one} is not in:\n{text}");
    }
}

#[test]
fn crm_resource_waits_restarts_explains_and_lists() {
    inside("tools::crm_resource_waits_restarts_explains_and_lists", |scratch| {
        let cluster = started(scratch);
        commit(
            &cluster,
            "property stonith-enabled=false no-quorum-policy=ignore\n\
             primitive ip ocf:heartbeat:IPaddr2 params ip=10.98.0.209 nic=eth0 cidr_netmask=24 op monitor interval=10s\n\
             primitive http lsb:http op monitor interval=10s\n\
             group web ip http\nlocation home web 50: test7",
        );
        cluster.must(1, &["crm_resource", "--wait", "--timeout", "20s"]);
        let seen = status(&cluster, 1);
        shows(&seen, &["ip (ocf:heartbeat:IPaddr2): Started test7", "http (lsb:http): Started test7"]);

        shows(&cluster.must(1, &["crm_resource", "--why", "-r", "http"]), &["Resource http is running"]);
        let active = cluster.must(0, &["crm_resource", "-o"]);
        shows(&active, &["http_start_0", "http_monitor_10000", "ip_monitor_10000"]);
        shows(&cluster.must(0, &["crm_resource", "-O"]), &["http_start_0"]);
        let digests =
            cluster.must(0, &["crm_resource", "--digests", "-r", "ip", "-N", "test7", "--output-as=xml"]);
        shows(
            &digests,
            &["<digests resource=\"ip\" node=\"test7\" task=\"start\"", "<digest type=\"all\" hash=\""],
        );

        let starts = || cluster.shell(0, "wc -l < $HOLDFAST_RUN_DIR/service-http.log").trim().to_owned();
        assert_eq!(starts(), "1");
        cluster.must(0, &["crm_resource", "--restart", "-r", "web", "--timeout", "30s"]);
        assert_eq!(starts(), "2");
        wait_started(&cluster, 0, &["ip", "http"], "test7");
    });
}

#[test]
fn crmadmin_asks_any_member() {
    inside("tools::crmadmin_asks_any_member", |scratch| {
        let cluster = started(scratch);
        commit(&cluster, "property stonith-enabled=false no-quorum-policy=ignore");
        let said = cluster.must(1, &["crmadmin", "-D"]);
        let dc = said.rsplit(": ").next().unwrap().trim().to_owned();
        for node in 0..2 {
            wait("the decision maker to be idle", Duration::from_secs(10), || {
                let said = cluster.run(node, &["crmadmin", "-S", &dc]);
                let wanted = format!("Controller on {dc} in state S_IDLE: ok");
                if said.text.contains(&wanted) { Ok(()) } else { Err(said.text) }
            });
            let other = NODES.iter().find(|name| **name != dc).unwrap();
            let said = cluster.must(node, &["crmadmin", "-S", other]);
            shows(&said, &[&format!("Controller on {other} in state S_NOT_DC: ok")]);
        }
        let said = cluster.run(0, &["crmadmin", "-S", "nobody"]);
        assert_ne!(said.status, 0);
        shows(&said.text, &["there is no node nobody"]);
    });
}

#[test]
fn an_older_configuration_is_refused_with_the_way_to_force_it() {
    inside("tools::an_older_configuration_is_refused_with_the_way_to_force_it", |scratch| {
        let cluster = started(scratch);
        commit(&cluster, "property stonith-enabled=false no-quorum-policy=ignore");
        let file = cluster.root().join("converted.xml");
        std::fs::write(
            &file,
            "<cib admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\" validate-with=\"pacemaker-3.9\"><configuration>\
             <crm_config><cluster_property_set id=\"p\"><nvpair id=\"p1\" name=\"stonith-enabled\" value=\"false\"/>\
             </cluster_property_set></crm_config><nodes/><resources><primitive id=\"d\" class=\"ocf\" \
             provider=\"heartbeat\" type=\"Dummy\"/></resources><constraints/></configuration><status/></cib>",
        )
        .unwrap();
        let file = file.display().to_string();
        let said = cluster.run(0, &["cibadmin", "--replace", "--xml-file", &file]);
        assert_eq!(said.status, 103, "{}", said.text);
        shows(&said.text, &["older", "cibadmin --replace --scope configuration --xml-file FILE"]);
        cluster.must(0, &["cibadmin", "--replace", "--scope", "configuration", "--xml-file", &file]);
        wait_shows(&cluster, 1, &["d (ocf:heartbeat:Dummy): Started", "Online: [ test7 test8 ]"]);
    });
}

#[test]
fn stonith_admin_fences_lists_and_remembers() {
    inside("tools::stonith_admin_fences_lists_and_remembers", |scratch| {
        let mut cluster = started(scratch);
        let switch = Switch::new(&cluster, &NODES);
        commit(
            &cluster,
            "property stonith-enabled=true no-quorum-policy=ignore\n\
             primitive plug stonith:fence_switch params pcmk_host_list=\"test7 test8\"\n\
             primitive http lsb:http\nlocation home http 50: test8",
        );
        wait_started(&cluster, 0, &["http"], "test8");
        shows(&cluster.must(0, &["stonith_admin", "--list-registered"]), &["plug"]);
        shows(&cluster.must(0, &["stonith_admin", "--list", "test8"]), &["plug"]);
        shows(&cluster.must(0, &["stonith_admin", "--list-targets", "plug"]), &["test7", "test8"]);
        cluster.must(0, &["stonith_admin", "--query", "plug"]);
        let unknown = cluster.run(0, &["stonith_admin", "--fence", "nobody"]);
        assert_ne!(unknown.status, 0);
        shows(&unknown.text, &["nobody"]);

        cluster.must(0, &["stonith_admin", "--fence", "test8"]);
        assert_eq!(switch.cut(), ["test8"]);
        assert!(!cluster.is_on(1));
        wait_started(&cluster, 0, &["http"], "test7");
        wait_shows(&cluster, 0, &["OFFLINE: [ test8 ]"]);
        shows(&cluster.must(0, &["stonith_admin", "--history", "test8"]), &["test7", "test8"]);
        shows(&cluster.must(0, &["stonith_admin", "--last", "test8"]), &["test8"]);
        cluster.must(0, &["stonith_admin", "--cleanup", "--history", "test8"]);
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
    });
}
