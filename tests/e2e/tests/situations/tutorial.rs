//! The corosync tutorial as it is printed: its `corosync.conf` without a node list, the service, the log lines that it
//! greps for, and its session typed into the shell at a terminal.

use crate::common::{PATIENCE, PRINTED_CONF, SERVICE, status, wait_holder, wait_shows, wait_started};
use holdfast_e2e::{Cluster, Terminal, inside, wait};
use std::os::unix::fs::PermissionsExt as _;

const NODES: [&str; 2] = ["node1.magedu.com", "node2.magedu.com"];
const ADDRESS: &str = "10.98.0.222";
const ALL: [&str; 3] = ["webip", "webstore", "httpd"];
const LOG: &str = "/var/log/cluster/corosync.log";

/// NFS is not in every kernel: a folder of the test stands for what the server exports.
const MOUNT: &str = r#"#!/bin/sh
# mount -t nfs SOURCE DIRECTORY; anything else is the real one's business.
if [ "$1 $2" = "-t nfs" ]; then
    exec /bin/mount --bind @EXPORT@ "$4"
fi
exec /bin/mount "$@"
"#;

/// Both machines with `/etc/corosync` and `/var/log` of their own, and the service under its old name.
fn machines(scratch: std::path::PathBuf) -> Cluster {
    let cluster = Cluster::new(scratch, &NODES);
    cluster.script("init.d", "httpd", SERVICE);
    let system = cluster.root().join("system").display().to_string();
    let bin = cluster.root().join("bin").display().to_string();
    cluster.must(0, &["holdfast", "install-links", &bin, "--system", "--root", &system]);
    for unit in ["holdfast.service", "corosync.service", "holdfast-witness.service"] {
        let path = cluster.root().join("system/etc/systemd/system").join(unit);
        assert!(path.symlink_metadata().is_ok(), "{} is missing", path.display());
    }
    let export = cluster.root().join("htdocs");
    std::fs::create_dir(&export).unwrap();
    std::fs::write(export.join("index.html"), "it works\n").unwrap();
    cluster.script("init.d", "mount", &MOUNT.replace("@EXPORT@", &export.display().to_string()));
    let mount = cluster.root().join("mount").display().to_string();
    std::fs::rename(cluster.root().join("agents/init.d/mount"), &mount).unwrap();
    for node in 0..NODES.len() {
        cluster.must(node, &["/bin/mount", "-t", "tmpfs", "none", "/var/log"]);
        std::fs::write(cluster.etc(node).join("corosync.conf"), PRINTED_CONF).unwrap();
        // Agents look there first.
        cluster.must(node, &["/bin/mount", "-t", "tmpfs", "none", "/usr/local/sbin"]);
        cluster.must(node, &["/bin/cp", &mount, "/usr/local/sbin/mount"]);
    }
    // `corosync-keygen` on the first, `scp -p` to the second.
    let said = cluster.must(0, &["corosync-keygen"]);
    assert!(said.contains("Writing corosync key to"), "{said}");
    let key = cluster.etc(0).join("authkey");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o400);
    assert!(std::fs::read(&key).unwrap().len() >= 128);
    std::fs::copy(&key, cluster.etc(1).join("authkey")).unwrap();
    cluster
}

/// Stands for `/var/www/html`.
fn document_root(cluster: &Cluster) -> String {
    cluster.root().join("html").display().to_string()
}

/// `service NAME ACTION`.
fn service(cluster: &Cluster, node: usize, name: &str, action: &str) -> String {
    let script = cluster.root().join("system/etc/init.d").join(name).display().to_string();
    cluster.must(node, &[&script, action])
}

/// Waits until `grep` finds something in the log of a node.
fn wait_logged(cluster: &Cluster, node: usize, words: &[&str]) {
    let words = [&["/bin/grep"], words, &[LOG]].concat();
    wait(&format!("{words:?}"), PATIENCE, || {
        let said = cluster.run(node, &words);
        if said.status == 0 {
            Ok(())
        } else {
            Err(said.text
                + &cluster.run(node, &["/bin/sh", "-c", &format!("ls -l /var/log; cat {LOG}")]).text)
        }
    });
}

/// Types a line at the prompt of a level and returns what the shell said.
fn typed(terminal: &mut Terminal, line: &str, level: &str) -> String {
    let said = terminal.line(line, &format!("crm(live){level}# "));
    assert!(!said.contains("ERROR"), "{line}: {said}");
    said
}

#[test]
fn the_corosync_tutorial_as_printed() {
    inside("tutorial::the_corosync_tutorial_as_printed", |scratch| {
        let cluster = machines(scratch);
        let said = service(&cluster, 0, "corosync", "start");
        assert!(
            said.contains("Starting Corosync Cluster Engine (corosync):") && said.contains("[  OK  ]"),
            "{said}"
        );
        service(&cluster, 1, "corosync", "start");
        wait_logged(&cluster, 0, &["-e", "Corosync Cluster Engine", "-e", "configuration file"]);
        wait_logged(&cluster, 0, &["TOTEM"]);
        wait_logged(&cluster, 0, &["ERROR:"]);
        wait_logged(&cluster, 0, &["pcmk_startup"]);
        wait_shows(&cluster, 0, &["Online: [ node1.magedu.com node2.magedu.com ]", "2 nodes configured"]);

        let classes = cluster.must(0, &["crm", "ra", "classes"]);
        for class in ["heartbeat", "lsb", "stonith"] {
            assert!(classes.lines().any(|line| line.trim() == class), "{class} not in:\n{classes}");
        }
        // One provider more than in the tutorial: our own agents.
        let ocf = classes.lines().find_map(|line| line.strip_prefix("ocf / ")).unwrap_or_default();
        assert_eq!(
            ocf.split_whitespace().filter(|p| *p != "holdfast").collect::<Vec<_>>(),
            ["heartbeat", "pacemaker"]
        );
        assert!(cluster.must(0, &["crm", "ra", "list", "lsb"]).lines().any(|l| l.trim() == "httpd"));
        let agents = cluster.must(0, &["crm", "ra", "list", "ocf"]);
        for agent in ["IPaddr", "Filesystem", "Dummy"] {
            assert!(agents.split_whitespace().any(|word| word == agent), "{agent} not in:\n{agents}");
        }
        for name in ["ocf:heartbeat:IPaddr", "IPaddr"] {
            let meta = cluster.must(0, &["crm", "ra", "meta", name]);
            assert!(meta.contains("(ocf:heartbeat:IPaddr)") && meta.contains("ip*"), "{meta}");
        }
        let meta = cluster.must(0, &["crm", "ra", "meta", "Filesystem"]);
        assert!(meta.contains("device*") && meta.contains("timeout=60"), "{meta}");
        for (agent, providers) in
            [("IPaddr", "heartbeat"), ("Filesystem", "heartbeat"), ("Dummy", "heartbeat pacemaker")]
        {
            assert_eq!(cluster.must(0, &["crm", "ra", "providers", agent]).trim(), providers);
        }

        // A batch takes effect at once.
        let said = cluster.must(0, &["crm", "configure", "property", "stonith-enabled=false"]);
        assert!(said.contains("warning: fencing is off: a node that hangs or is cut off"), "{said}");
        assert!(cluster.must(1, &["crm", "configure", "show"]).contains("stonith-enabled=false"));

        let mut crm = cluster.terminal(0, &["crm"]);
        crm.until("crm(live)# ");
        let help = typed(&mut crm, "help", "");
        for level in ["resource", "node", "ra", "configure"] {
            assert!(help.contains(level), "{help}");
        }
        typed(&mut crm, "configure", "configure");
        typed(&mut crm, "property no-quorum-policy=ignore", "configure");
        typed(&mut crm, "verify", "configure");
        let said = typed(&mut crm, "commit", "configure");
        assert!(said.contains("warning: no-quorum-policy is ignore: two parts"), "{said}");
        let shown = typed(&mut crm, "show", "configure");
        for wanted in [
            "node1.magedu.com",
            "node2.magedu.com",
            "cib-bootstrap-options",
            "cluster-infrastructure=",
            "stonith-enabled=false",
            "no-quorum-policy=ignore",
        ] {
            assert!(shown.contains(wanted), "{wanted} not in:\n{shown}");
        }
        assert!(typed(&mut crm, "show xml", "configure").contains("<crm_config>"));
        let help = typed(&mut crm, "help primitive", "configure");
        assert!(help.contains("primitive"), "{help}");
        typed(
            &mut crm,
            "primitive webip ocf:heartbeat:IPaddr params ip=10.98.0.222 nic=eth0 cidr_netmask=24 iflabel=eth0:0",
            "configure",
        );
        typed(
            &mut crm,
            &format!(
                "primitive webstore ocf:heartbeat:Filesystem params device=10.98.0.128:/web/htdocs \
                 directory={} fstype=nfs op start timeout=60 op stop timeout=60",
                document_root(&cluster)
            ),
            "configure",
        );
        typed(&mut crm, "primitive httpd lsb:httpd", "configure");
        typed(&mut crm, "group webservice webip webstore httpd", "configure");
        typed(&mut crm, "verify", "configure");
        typed(&mut crm, "commit", "configure");
        typed(&mut crm, "show", "configure");
        typed(&mut crm, "cd", "");
        crm.line("exit", "bye");
        assert_eq!(crm.ended().1, 0);
        wait_shows(&cluster, 0, &["Resource Group: webservice"]);
        wait_shows(&cluster, 0, &["Promises at Risk:", "* fencing is off:", "* no-quorum-policy is ignore:"]);
        wait_started(&cluster, 0, &ALL, NODES[0]);
        wait_holder(&cluster, ADDRESS, 0);
        let links = cluster.must(0, &["/sbin/ip", "addr", "show", "dev", "eth0"]);
        assert!(links.contains("eth0:0"), "the label: {links}");
        let page = format!("{}/index.html", document_root(&cluster));
        assert_eq!(cluster.must(0, &["/bin/cat", &page]), "it works\n");

        second_session(&cluster);
        without_the_group(&cluster);

        let said = service(&cluster, 0, "corosync", "stop");
        let wanted = [
            "Signaling Corosync Cluster Engine (corosync) to terminate: [  OK  ]",
            "Waiting for corosync services to unload:",
        ];
        for line in wanted {
            assert!(said.contains(line), "{line} not in:\n{said}");
        }
        wait_shows(&cluster, 1, &["Online: [ node2.magedu.com ]", "OFFLINE: [ node1.magedu.com ]"]);
        wait_started(&cluster, 1, &ALL, NODES[1]);
        wait_holder(&cluster, ADDRESS, 1);
    });
}

/// The session in the levels `node` and `resource`.
fn second_session(cluster: &Cluster) {
    let mut crm = cluster.terminal(0, &["crm"]);
    crm.until("crm(live)# ");
    typed(&mut crm, "node", "node");
    assert!(typed(&mut crm, "help", "node").contains("standby"));
    for command in ["show", "list"] {
        let said = typed(&mut crm, command, "node");
        assert!(NODES.iter().all(|node| said.contains(node)), "{said}");
    }
    typed(&mut crm, "standby", "node");
    wait_started(cluster, 0, &ALL, NODES[1]);
    wait_holder(cluster, ADDRESS, 1);
    typed(&mut crm, "online", "node");
    wait_shows(cluster, 0, &["Online: [ node1.magedu.com node2.magedu.com ]"]);
    typed(&mut crm, "cd", "");
    typed(&mut crm, "resource", "resource");
    assert!(typed(&mut crm, "help", "resource").contains("cleanup"));
    typed(&mut crm, "stop webservice", "resource");
    wait("the address to be gone", PATIENCE, || {
        if cluster.holders(ADDRESS).is_empty() { Ok(()) } else { Err(status(cluster, 0)) }
    });
    typed(&mut crm, "start webservice", "resource");
    wait("the address to be back", PATIENCE, || {
        if cluster.holders(ADDRESS).len() == 1 { Ok(()) } else { Err(status(cluster, 0)) }
    });
    typed(&mut crm, "restart webservice", "resource");
    for command in ["list", "status"] {
        let said = typed(&mut crm, command, "resource");
        assert!(said.contains("Resource Group: webservice"), "{said}");
        for (rsc, agent) in ALL.iter().zip(["ocf:heartbeat:IPaddr", "ocf:heartbeat:Filesystem", "lsb:httpd"])
        {
            let line = said.lines().find(|line| line.contains(agent)).unwrap_or_default();
            assert!(line.contains(rsc) && line.contains("Started"), "{rsc}: {said}");
        }
    }
    let said = typed(&mut crm, "cleanup webservice", "resource");
    for rsc in ALL {
        for node in NODES {
            assert!(said.contains(&format!("Cleaned up {rsc} on {node}")), "{rsc} on {node}: {said}");
        }
    }
    crm.line("exit", "bye");
    assert_eq!(crm.ended().1, 0);
}

/// The group is deleted; constraints bind the resources instead.
fn without_the_group(cluster: &Cluster) {
    let mut crm = cluster.terminal(0, &["crm"]);
    crm.until("crm(live)# ");
    typed(&mut crm, "resource", "resource");
    typed(&mut crm, "stop webservice", "resource");
    wait("the group to be stopped", PATIENCE, || {
        let seen = status(cluster, 0);
        if seen.contains("Started") { Err(seen) } else { Ok(()) }
    });
    typed(&mut crm, "cd", "");
    typed(&mut crm, "configure", "configure");
    typed(&mut crm, "delete webservice", "configure");
    assert!(!typed(&mut crm, "show", "configure").contains("group webservice"));
    typed(&mut crm, "commit", "configure");
    // Now they run where they like, all of them.
    wait("three resources apart from the group", PATIENCE, || {
        let seen = status(cluster, 0);
        if ALL.iter().all(|rsc| seen.lines().any(|l| l.contains(rsc) && l.contains("Started")))
            && !seen.contains("webservice")
        {
            Ok(())
        } else {
            Err(seen)
        }
    });
    assert!(typed(&mut crm, "help colocation", "configure").contains("colocation"));
    for line in [
        "colocation httpd_with_webstore inf: httpd webstore",
        "colocation webstore_with_webip inf: webstore webip",
        "order webstore_before_httpd mandatory: httpd webstore",
        "order webip_before_httpd mandatory: httpd webip",
        "verify",
        "commit",
        "show",
        "location webip_on_node1 webip rule 100: #uname eq node1.magedu.com",
        "rsc_defaults resource-stickiness=200",
        "verify",
        "commit",
    ] {
        typed(&mut crm, line, "configure");
    }
    crm.line("exit", "bye");
    assert_eq!(crm.ended().1, 0);
    cluster.must(0, &["crm", "node", "standby", NODES[1]]);
    wait_started(cluster, 0, &ALL, NODES[0]);
    cluster.must(0, &["crm", "node", "online", NODES[1]]);
    cluster.must(0, &["crm_resource", "--wait"]);
    wait_started(cluster, 0, &ALL, NODES[0]);
}
