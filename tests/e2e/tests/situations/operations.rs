//! Every operation that the cluster asks an agent for, as the agent sees it: its name, its arguments, what it is told.

use crate::common::{NODES, PATIENCE, commit, configure, join, status, wait_shows, wait_started};
use holdfast_e2e::{Cluster, Switch, inside, wait};

/// An OCF agent that writes down each call.
const RECORDER: &str = r#"#!/bin/sh
state="$HA_RSCTMP/rec-$OCF_RESOURCE_INSTANCE"
log="$HOLDFAST_RUN_DIR/calls-${OCF_RESOURCE_INSTANCE%%:*}"
said="$1"
case "$1" in
    monitor) said="monitor ${OCF_RESKEY_CRM_meta_interval:-0}" ;;
    migrate_to) said="migrate_to $OCF_RESKEY_CRM_meta_migrate_target" ;;
    migrate_from) said="migrate_from $OCF_RESKEY_CRM_meta_migrate_source" ;;
    notify) said="notify $OCF_RESKEY_CRM_meta_notify_type $OCF_RESKEY_CRM_meta_notify_operation" ;;
    reload-agent) said="reload-agent $OCF_RESKEY_colour" ;;
esac
[ "$1" = meta-data ] || echo "$said" >> "$log"
case "$1" in
    meta-data)
        cat <<'XML'
<?xml version="1.0"?>
<resource-agent name="recorder" version="1.0">
<version>1.1</version><longdesc lang="en">Writes down its calls.</longdesc><shortdesc lang="en">recorder</shortdesc>
<parameters>
<parameter name="colour" unique="0" required="0" reloadable="1"><longdesc lang="en">May change.</longdesc>
<shortdesc lang="en">colour</shortdesc><content type="string" default="red"/></parameter>
<parameter name="place" unique="0" required="0" reloadable="0"><longdesc lang="en">Needs a restart.</longdesc>
<shortdesc lang="en">place</shortdesc><content type="string" default="here"/></parameter>
</parameters>
<actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/><action name="promote" timeout="20s"/>
<action name="demote" timeout="20s"/><action name="notify" timeout="20s"/><action name="reload-agent" timeout="20s"/>
<action name="migrate_to" timeout="20s"/><action name="migrate_from" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s"/><action name="meta-data" timeout="5s"/></actions>
</resource-agent>
XML
        ;;
    start|migrate_from|demote) echo started > "$state" ;;
    promote) echo promoted > "$state" ;;
    stop|migrate_to) rm -f "$state" ;;
    monitor)
        [ -e "$state" ] || exit 7
        [ "$(cat "$state")" = started ] || exit 8 ;;
    notify|reload-agent) ;;
    *) exit 3 ;;
esac
"#;

fn started(scratch: std::path::PathBuf, lines: &str) -> Cluster {
    let mut cluster = Cluster::new(scratch, &NODES);
    let folder = cluster.root().join("ocf/resource.d/test");
    std::fs::create_dir_all(&folder).unwrap();
    cluster.script("init.d", "recorder", RECORDER);
    std::fs::rename(cluster.root().join("agents/init.d/recorder"), folder.join("recorder")).unwrap();
    configure(&cluster, &NODES);
    join(&mut cluster, &NODES);
    settle(&cluster, &format!("property stonith-enabled=false no-quorum-policy=ignore\n{lines}"));
    cluster
}

/// Commits lines and waits until what they ask for is done.
fn settle(cluster: &Cluster, lines: &str) {
    commit(cluster, lines);
    cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
}

/// What an agent was called for on a node, without probes.
fn calls(cluster: &Cluster, node: usize, rsc: &str) -> Vec<String> {
    let path = cluster.run_dir(node).join(format!("calls-{rsc}"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).filter(|line| line != "monitor 0").collect()
}

#[test]
fn a_resource_moves_without_a_stop() {
    inside("operations::a_resource_moves_without_a_stop", |scratch| {
        let cluster = started(
            scratch,
            "primitive vm ocf:test:recorder op monitor interval=10s meta allow-migrate=true\nlocation home vm 50: test7",
        );
        wait_started(&cluster, 0, &["vm"], "test7");
        cluster.must(0, &["crm", "resource", "move", "vm", "test8"]);
        cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
        wait_started(&cluster, 0, &["vm"], "test8");
        // The source is stopped once the target has it.
        assert_eq!(calls(&cluster, 0, "vm"), ["start", "monitor 10000", "migrate_to test8", "stop"]);
        assert_eq!(calls(&cluster, 1, "vm"), ["migrate_from test7", "monitor 10000"]);
    });
}

#[test]
fn a_changed_parameter_is_handed_over_or_restarts() {
    inside("operations::a_changed_parameter_is_handed_over_or_restarts", |scratch| {
        let cluster = started(scratch, "primitive rsc ocf:test:recorder\nlocation home rsc 50: test7");
        wait_started(&cluster, 0, &["rsc"], "test7");
        cluster.must(1, &["crm", "resource", "param", "rsc", "set", "colour", "blue"]);
        cluster.must(1, &["crm_resource", "--wait", "--timeout", "20s"]);
        assert_eq!(calls(&cluster, 0, "rsc"), ["start", "reload-agent blue"]);
        cluster.must(1, &["crm", "resource", "param", "rsc", "set", "place", "there"]);
        cluster.must(1, &["crm_resource", "--wait", "--timeout", "20s"]);
        assert_eq!(calls(&cluster, 0, "rsc"), ["start", "reload-agent blue", "stop", "start"]);
    });
}

#[test]
fn a_monitor_with_another_interval_takes_the_place_of_the_old_one() {
    inside("operations::a_monitor_with_another_interval_takes_the_place_of_the_old_one", |scratch| {
        let cluster = started(
            scratch,
            "primitive rsc ocf:test:recorder op monitor interval=300ms id=often\nlocation home rsc 50: test7",
        );
        let times = |interval: &str| {
            let wanted = format!("monitor {interval}");
            calls(&cluster, 0, "rsc").iter().filter(|call| **call == wanted).count()
        };
        let seen = |interval: &str, more: usize| {
            let wanted = times(interval) + more;
            wait(&format!("{more} more monitors every {interval} ms"), PATIENCE, || {
                if times(interval) >= wanted {
                    Ok(())
                } else {
                    Err(format!("{:?}", calls(&cluster, 0, "rsc")))
                }
            });
        };
        seen("300", 2);
        // Asked of either member: what was planned is no news to any of them, so both know when it is done.
        for (node, interval) in [(0, "200ms"), (1, "400ms")] {
            let op = format!("<op id=\"often\" interval=\"{interval}\"/>");
            cluster.must(node, &["cibadmin", "--modify", "--scope", "resources", "--xml-text", &op]);
            for member in 0..2 {
                cluster.must(member, &["crm_resource", "--wait", "--timeout", "20s"]);
            }
        }
        let old = (times("300"), times("200"));
        seen("400", 3);
        assert_eq!((times("300"), times("200")), old, "the old ones go on");
    });
}

#[test]
fn clones_hear_of_each_other_and_roles_change() {
    inside("operations::clones_hear_of_each_other_and_roles_change", |scratch| {
        let cluster = started(
            scratch,
            "primitive db ocf:test:recorder op monitor interval=10s role=Promoted op monitor interval=11s role=Unpromoted\n\
             ms dbs db meta notify=true",
        );
        wait_shows(&cluster, 0, &["Unpromoted: [ test7 test8 ]"]);
        for (node, score) in [("test7", "10"), ("test8", "5")] {
            cluster.must(0, &["crm_attribute", "-N", node, "-l", "reboot", "-n", "master-db", "-v", score]);
        }
        wait_shows(&cluster, 0, &["Promoted: [ test7 ]", "Unpromoted: [ test8 ]"]);
        cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
        cluster.must(0, &["crm_attribute", "-N", "test8", "-l", "reboot", "-n", "master-db", "-v", "20"]);
        wait_shows(&cluster, 0, &["Promoted: [ test8 ]", "Unpromoted: [ test7 ]"]);
        cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
        let here = calls(&cluster, 0, "db");
        let order = |wanted: &[&str]| {
            let mut rest = here.iter();
            for one in wanted {
                assert!(
                    rest.any(|call| call == one),
                    "{one} of {wanted:?} is not in its place in:\n{here:#?}"
                );
            }
        };
        order(&[
            "start",
            "notify post start",
            "notify pre promote",
            "promote",
            "notify post promote",
            "notify pre demote",
            "demote",
            "notify post demote",
            "notify pre promote",
            "notify post promote",
        ]);
        assert!(calls(&cluster, 1, "db").contains(&"promote".to_owned()));
    });
}

/// A script of heartbeat: arguments first, status by its output.
const SCRIPT: &str = r#"#!/bin/sh
state="$HOLDFAST_RUN_DIR/old-$1-$2"
echo "$*" >> "$HOLDFAST_RUN_DIR/calls-old"
case "$3" in
    start) : > "$state" ;;
    stop) rm -f "$state" ;;
    status) if [ -e "$state" ]; then echo running; else echo stopped; fi ;;
esac
"#;

#[test]
fn scripts_of_heartbeat_get_their_arguments_in_order() {
    inside("operations::scripts_of_heartbeat_get_their_arguments_in_order", |scratch| {
        let cluster = started(scratch, "");
        cluster.script("resource.d", "old", SCRIPT);
        settle(
            &cluster,
            "primitive rsc heartbeat:old params 2=second 1=first op monitor interval=10s\nlocation home rsc 50: test7",
        );
        wait_started(&cluster, 0, &["rsc"], "test7");
        cluster.must(0, &["crm", "resource", "stop", "rsc"]);
        cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
        let said = calls(&cluster, 0, "old");
        assert!(said.iter().all(|line| line.starts_with("first second ")), "{said:?}");
        for action in ["start", "status", "stop"] {
            assert!(said.contains(&format!("first second {action}")), "{action}: {said:?}");
        }
    });
}

/// A plugin of cluster-glue: parameters in the environment, action and host as arguments.
const PLUGIN: &str = r#"#!/bin/sh
power="$(dirname "$0")/../../../../power"
echo "$* by $hostlist" >> "$power/plugin"
case "$1" in
    gethosts) echo "$hostlist" ;;
    reset|off) : > "$power/cut-$2"; while [ -e "$power/cut-$2" ]; do sleep 0.02; done ;;
    status|on) ;;
    getconfignames) echo hostlist ;;
    getinfo-devid|getinfo-devname) echo "a switch" ;;
    getinfo-devdescr) echo "Cuts the power of a machine." ;;
    getinfo-xml)
        cat <<'XML'
<parameters><parameter name="hostlist" unique="1" required="1"><content type="string"/>
<shortdesc lang="en">hosts</shortdesc><longdesc lang="en">What hangs on the switch.</longdesc></parameter></parameters>
XML
        ;;
    *) exit 1 ;;
esac
"#;

#[test]
fn a_plugin_of_cluster_glue_fences() {
    inside("operations::a_plugin_of_cluster_glue_fences", |scratch| {
        let cluster = started(scratch, "");
        let switch = Switch::new(&cluster, &NODES);
        let folder = cluster.root().join("agents/stonith/plugins/external");
        std::fs::create_dir_all(&folder).unwrap();
        cluster.script("sbin", "plugin", PLUGIN);
        std::fs::rename(cluster.root().join("agents/sbin/plugin"), folder.join("switch")).unwrap();
        let listed = cluster.must(0, &["crm", "ra", "list", "stonith"]);
        assert!(listed.lines().any(|line| line == "external/switch"), "{listed}");
        let meta = cluster.must(0, &["crm", "ra", "meta", "stonith:external/switch"]);
        assert!(meta.contains("hostlist*"), "{meta}");
        settle(
            &cluster,
            "property stonith-enabled=true\n\
             primitive plug stonith:external/switch params hostlist=\"test7 test8\"\n\
             primitive web ocf:heartbeat:Dummy\nlocation home web 50: test8",
        );
        wait_started(&cluster, 0, &["web"], "test8");
        cluster.power_off(1);
        wait_started(&cluster, 0, &["web"], "test7");
        assert_eq!(switch.cut(), ["test8"]);
        let said = std::fs::read_to_string(cluster.root().join("power/plugin")).unwrap();
        for call in ["status by test7 test8", "reset test8 by test7 test8"] {
            assert!(said.lines().any(|line| line == call), "{call} in:\n{said}");
        }
        let seen = status(&cluster, 0);
        assert!(seen.contains("OFFLINE: [ test8 ]"), "{seen}");
    });
}
