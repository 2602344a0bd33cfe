//! Bad input to a running cluster: it is refused with the place and the cure, and nothing of it stays.

use crate::common::{NODES, PATIENCE, commit, configured, online, wait_shows, wait_started};
use holdfast_e2e::{Cluster, Said, inside, wait};

fn started(scratch: std::path::PathBuf) -> Cluster {
    let cluster = online(scratch, &NODES);
    cluster.must(0, &["crm", "configure", "property", "stonith-enabled=false", "no-quorum-policy=ignore"]);
    cluster.must(0, &["crm", "configure", "primitive", "kept", "ocf:heartbeat:Dummy"]);
    wait_shows(&cluster, 1, &["kept"]);
    cluster
}

fn refused(said: &Said, what: &str, status: i32, wanted: &[&str]) {
    assert_eq!(said.status, status, "{what}: {}", said.text);
    for word in wanted {
        assert!(said.text.contains(word), "{what}: {word} not in:\n{}", said.text);
    }
    assert!(!said.text.contains("panicked"), "{what}: {}", said.text);
}

/// The configuration as both nodes have it.
fn configuration(cluster: &Cluster) -> String {
    let here = cluster.must(0, &["cibadmin", "--query", "--scope", "configuration"]);
    wait("the same configuration on both nodes", PATIENCE, || {
        let there = cluster.must(1, &["cibadmin", "--query", "--local", "--scope", "configuration"]);
        if here == there { Ok(()) } else { Err(format!("{here}\n{there}")) }
    });
    here
}

#[test]
fn bad_xml_changes_nothing() {
    inside("bad_input::bad_xml_changes_nothing", |scratch| {
        let cluster = started(scratch);
        let before = configuration(&cluster);
        let good = cluster.must(0, &["cibadmin", "--query"]);
        let replace = |xml: &str| cluster.run_typing(0, &["cibadmin", "--replace", "--xml-pipe"], xml);
        let deep = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
        let twice = format!("{good}{good}");
        let doctype = format!("<!DOCTYPE cib [<!ENTITY a \"b\">]>\n{good}");
        let unknown =
            good.replace("<constraints/>", "<constraints>\n<rsc_affinity id=\"x\"/>\n</constraints>");
        let dangling = good.replace(
            "<constraints/>",
            "<constraints>\n<rsc_location id=\"x\" rsc=\"nobody\" node=\"test7\" score=\"1\"/>\n</constraints>",
        );
        assert!(unknown != good && dangling != good, "the configuration has no constraints:\n{good}");
        let double = good.replace(
            "</resources>",
            "<primitive id=\"kept\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/></resources>",
        );
        let broken = good.replace("</resources>", "</resource>");
        for (what, xml, status, wanted) in [
            ("malformed", &broken, 65, &["line ", "</resource>"][..]),
            ("two roots", &twice, 65, &["line ", "one"]),
            ("DOCTYPE", &doctype, 65, &["line 1, column 1", "DOCTYPE is not allowed"]),
            ("10,000 levels", &deep, 65, &["line 1", "deep"]),
            ("an unknown element", &unknown, 78, &["rsc_affinity"]),
            ("a reference to nothing", &dangling, 78, &["nobody"]),
            ("one id twice", &double, 78, &["kept"]),
        ] {
            refused(&replace(xml), what, status, wanted);
            assert_eq!(configuration(&cluster), before, "{what}");
        }
        refused(&replace(""), "nothing", 65, &[]);
        assert_eq!(configuration(&cluster), before);
        cluster.must(0, &["crm", "configure", "property", "cluster-name=still-here"]);
        assert!(cluster.must(1, &["crm", "configure", "show"]).contains("cluster-name=still-here"));
    });
}

#[test]
fn the_shell_refuses_what_cannot_be() {
    inside("bad_input::the_shell_refuses_what_cannot_be", |scratch| {
        let cluster = started(scratch);
        let before = configuration(&cluster);
        for (line, wanted) in [
            (&["frobnicate"][..], &["frobnicate", "help"][..]),
            (&["configure", "frobnicate"], &["frobnicate", "help"]),
            (&["configure", "primitive", "p", "ocf:heartbeat:NoSuchAgent"], &["NoSuchAgent"]),
            (&["configure", "primitive", "p", "ocf:nobody:Dummy"], &["ocf:nobody:Dummy"]),
            (
                &["configure", "primitive", "p", "ocf:heartbeat:IPaddr2"],
                &["p: required parameter \"ip\" not defined", "force"],
            ),
            (
                &["configure", "primitive", "p", "ocf:heartbeat:Dummy", "params", "sate=x"],
                &["p: parameter \"sate\" is not known"],
            ),
            (&["configure", "primitive", "kept", "ocf:heartbeat:Dummy"], &["kept"]),
            (&["configure", "group", "g", "kept", "nobody"], &["nobody"]),
            (&["configure", "location", "l", "nobody", "10:", "test7"], &["nobody"]),
            (
                &["configure", "colocation", "c", "lots:", "kept", "kept"],
                &["rsc_colocation", "score-attribute"],
            ),
            (&["configure", "delete", "nobody"], &["nobody"]),
            (&["node", "standby", "nobody"], &["nobody", "node show"]),
            (&["resource", "stop", "nobody"], &["nobody"]),
            (&["ra", "meta", "ocf:heartbeat:NoSuchAgent"], &["NoSuchAgent"]),
        ] {
            let said = cluster.run(0, &[&["crm"][..], line].concat());
            refused(&said, &line.join(" "), 1, wanted);
            assert_eq!(configuration(&cluster), before, "{line:?}");
        }
        // In a file the line is named, and nothing of the file stays.
        let said = cluster.run_typing(
            0,
            &["crm", "-f", "-"],
            "configure\nprimitive fine ocf:heartbeat:Dummy\nprimitive p ocf:heartbeat:NoSuchAgent\ncommit\n",
        );
        refused(
            &said,
            "a file with one bad line",
            1,
            &["4: configure.commit", "p: ocf:heartbeat:NoSuchAgent"],
        );
    });
}

/// An agent each of whose instances behaves as its parameter says.
const AGENT: &str = r#"#!/bin/sh
state="$HA_RSCTMP/$OCF_RESOURCE_INSTANCE"
case "$1" in
    meta-data)
        cat <<'XML'
<?xml version="1.0"?>
<resource-agent name="odd" version="1.0">
<version>1.1</version><longdesc lang="en">Behaves badly.</longdesc><shortdesc lang="en">odd</shortdesc>
<parameters><parameter name="way" unique="0" required="0"><longdesc lang="en">How.</longdesc>
<shortdesc lang="en">how</shortdesc><content type="string" default="well"/></parameter></parameters>
<actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s" depth="0"/><action name="meta-data" timeout="5s"/></actions>
</resource-agent>
XML
        ;;
    start)
        case "$OCF_RESKEY_way" in
            hangs) sleep 1000 & wait ;;
            floods) yes "$(printf '%01000d' 7)" | head -c 50000000 ;;
            dies) kill -SEGV $$ ;;
        esac
        : > "$state" ;;
    stop) rm -f "$state" ;;
    monitor) [ -e "$state" ] || exit 7 ;;
    *) exit 3 ;;
esac
"#;

#[test]
fn agents_that_misbehave() {
    inside("bad_input::agents_that_misbehave", |scratch| {
        let cluster = started(scratch);
        let folder = cluster.root().join("ocf/resource.d/test");
        std::fs::create_dir_all(&folder).unwrap();
        cluster.script("init.d", "odd", AGENT);
        for name in ["odd", "vanishes"] {
            std::fs::copy(cluster.root().join("agents/init.d/odd"), folder.join(name)).unwrap();
        }
        commit(
            &cluster,
            "rsc_defaults migration-threshold=1\n\
             primitive hangs ocf:test:odd params way=hangs op start timeout=1s interval=0\n\
             primitive floods ocf:test:odd params way=floods\n\
             primitive dies ocf:test:odd params way=dies\n\
             primitive vanishes ocf:test:vanishes meta target-role=Stopped",
        );
        wait_started(&cluster, 0, &["kept"], "test7");
        wait("the flood to be over", PATIENCE, || {
            let seen = crate::common::status(&cluster, 0);
            let fine = seen.lines().any(|l| l.contains("floods") && l.contains("Started"));
            if fine { Ok(()) } else { Err(seen) }
        });
        for node in NODES {
            wait_shows(
                &cluster,
                0,
                &[
                    &format!(
                        "hangs start on {node} could not be executed (Timed out: the agent did not end within 1s"
                    ),
                    &format!(
                        "dies start on {node} could not be executed (Error: the agent was ended by signal 11"
                    ),
                ],
            );
        }
        // Nothing of the hanging agent is left.
        for node in 0..NODES.len() {
            let left = cluster.run(node, &["/bin/sh", "-c", "ps -e -o args | grep -c '[s]leep 1000'"]);
            assert_eq!(left.text.trim(), "0", "children of the agent on node {node}");
        }
        // The file of an agent goes while the cluster knows it.
        std::fs::remove_file(folder.join("vanishes")).unwrap();
        cluster.must(0, &["crm", "resource", "start", "vanishes"]);
        wait_shows(&cluster, 0, &["agent ocf:test:vanishes is not installed on this node"]);
        cluster.must(0, &["crm_resource", "--wait"]);
        wait_started(&cluster, 0, &["kept"], "test7");
        wait_shows(&cluster, 1, &["Online: [ test7 test8 ]"]);
    });
}

#[test]
fn folders_that_cannot_be_used() {
    inside("bad_input::folders_that_cannot_be_used", |scratch| {
        let mut cluster = configured(scratch, &NODES);
        let state = cluster.etc(0).parent().unwrap().join("state");
        let check = |cluster: &mut Cluster, what: &str, wanted: &[&str]| {
            let before = cluster.console(0).len();
            cluster.start(0);
            let status = cluster.ended(0);
            let said = cluster.console(0)[before..].to_owned();
            assert_eq!(status, 100, "{what}: {said}");
            assert!(!said.contains("panicked"), "{what}: {said}");
            for word in wanted {
                assert!(said.contains(word), "{what}: {word} not in: {said}");
            }
        };
        std::fs::remove_dir(&state).unwrap();
        std::fs::write(&state, "a file").unwrap();
        let name = state.display().to_string();
        check(&mut cluster, "a file in place of the state folder", &[&name]);
        std::fs::remove_file(&state).unwrap();
        std::fs::create_dir(&state).unwrap();
        cluster.shell(0, "mount -t tmpfs -o ro none \"$HOLDFAST_STATE_DIR\"");
        check(&mut cluster, "a disk that is mounted read-only", &[&name, "ead-only file system"]);
        cluster.shell(0, "umount \"$HOLDFAST_STATE_DIR\"");
        let conf = cluster.etc(0).join("corosync.conf");
        std::fs::rename(&conf, cluster.etc(0).join("elsewhere")).unwrap();
        let name = conf.display().to_string();
        check(&mut cluster, "no corosync.conf", &[&name]);
        std::fs::create_dir(&conf).unwrap();
        check(&mut cluster, "a folder in place of corosync.conf", &[&name]);
    });
}
