//! The shell at a terminal: what the Tab key offers, what the arrow keys bring back, how one leaves.

use crate::common::{NODES, commit, online, wait_shows, wait_started};
use holdfast_e2e::{Cluster, Terminal, inside};
use std::os::unix::fs::PermissionsExt as _;

const TOP: &str = "crm(live)# ";
const CONFIGURE: &str = "crm(live)configure# ";
const UP: &str = "\u{1b}[A";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const CTRL_R: &str = "\u{12}";
const CTRL_U: &str = "\u{15}";

fn started(scratch: std::path::PathBuf) -> Cluster {
    let cluster = online(scratch, &NODES);
    commit(
        &cluster,
        "property stonith-enabled=false no-quorum-policy=ignore\n\
         primitive ip ocf:heartbeat:IPaddr2 params ip=10.98.0.209 nic=eth0 cidr_netmask=24\n\
         primitive web ocf:heartbeat:Dummy\nprimitive store ocf:heartbeat:Dummy",
    );
    cluster
}

fn shell(cluster: &Cluster) -> Terminal {
    let mut crm = cluster.terminal(0, &["crm"]);
    crm.until(TOP);
    crm
}

/// Types, presses Tab and waits for what the line becomes; then empties the line.
fn completes(crm: &mut Terminal, typed: &str, becomes: &str) {
    crm.keys(typed);
    crm.until(typed);
    crm.keys("\t");
    crm.until(becomes);
    crm.keys(CTRL_U);
}

/// Types, presses Tab twice and waits for all that is offered; then empties the line.
fn offers(crm: &mut Terminal, typed: &str, wanted: &[&str], not: &[&str], prompt: &str) {
    crm.keys(typed);
    crm.until(typed.trim_end());
    // At the second key the list is shown, and below it the line again.
    crm.keys("\t\t");
    let said = crm.until(&format!("\n{prompt}"));
    for word in wanted {
        assert!(said.split_whitespace().any(|w| w == *word), "{typed}: {word} is not offered:\n{said}");
    }
    for word in not {
        assert!(!said.split_whitespace().any(|w| w == *word), "{typed}: {word} is offered:\n{said}");
    }
    crm.keys(CTRL_U);
}

#[test]
fn tab_completes_levels_commands_names_and_values() {
    inside("shell::tab_completes_levels_commands_names_and_values", |scratch| {
        let cluster = started(scratch);
        let mut crm = shell(&cluster);
        completes(&mut crm, "conf", "configure ");
        completes(&mut crm, "node stand", "node standby ");
        offers(&mut crm, "node standby ", &NODES, &["ip"], TOP);
        offers(&mut crm, "resource start ", &["ip", "web", "store"], &NODES, TOP);
        completes(&mut crm, "resource move web test8", "test8 ");
        completes(&mut crm, "ra info ocf:heartbeat:Filesy", "ra info ocf:heartbeat:Filesystem ");

        crm.line("configure", CONFIGURE);
        let mut offers = |typed: &str, wanted: &[&str], not: &[&str]| {
            offers(&mut crm, typed, wanted, not, CONFIGURE);
        };
        offers("primitive p ", &["ocf:", "lsb:", "stonith:", "systemd:"], &["heartbeat"]);
        offers(
            "primitive p ocf:heartbeat:",
            &["ocf:heartbeat:Dummy", "ocf:heartbeat:IPaddr2"],
            &["ocf:pacemaker:ping"],
        );
        offers("primitive p ocf:heartbeat:IPaddr2 ", &["params", "meta", "op"], &[]);
        offers("primitive p ocf:heartbeat:IPaddr2 params ", &["ip=", "nic=", "cidr_netmask="], &["sate="]);
        offers("primitive p ocf:heartbeat:IPaddr2 op ", &["start", "stop", "monitor"], &["meta-data"]);
        offers("group g ip ", &["web", "store"], &["ip"]);
        offers("location l web 100: ", &NODES, &["ip"]);
        offers("property stonith-enabled=", &["stonith-enabled=true", "stonith-enabled=false"], &[]);
        completes(&mut crm, "primitive p ocf:heartbeat:IPaddr2 params nic=eth0 cidr", "cidr_netmask=");
        completes(&mut crm, "primitive p ocf:heartbeat:Dummy op monitor inter", "interval");
        completes(&mut crm, "rsc_defaults resource-stick", "resource-stickiness=");
        // What is edited and not committed yet is known, too.
        crm.line("primitive brandnew ocf:heartbeat:Dummy", CONFIGURE);
        completes(&mut crm, "show brand", "show brandnew ");
        // A line that goes on below is one line.
        crm.line("primitive p ocf:heartbeat:IPaddr2 \\", "   > ");
        completes(&mut crm, "params cidr", "params cidr_netmask=");
        crm.keys(CTRL_C);
        crm.until(CONFIGURE);
        crm.line("refresh", CONFIGURE);
        crm.line("quit", "bye");
        assert_eq!(crm.ended().1, 0);
    });
}

#[test]
fn history_is_kept_over_sessions() {
    inside("shell::history_is_kept_over_sessions", |scratch| {
        let cluster = started(scratch);
        let home = cluster.etc(0).parent().unwrap().to_path_buf();
        // Where older shells kept it: it is carried over.
        std::fs::write(home.join(".crm_history"), "resource locate store\n").unwrap();
        let mut crm = shell(&cluster);
        crm.line("node show test7", TOP);
        crm.line("ra providers Dummy", TOP);
        crm.keys(&format!("{UP}{UP}"));
        crm.until("node show test7");
        crm.keys("\r");
        crm.until("test7(1): member");
        crm.until(TOP);
        crm.keys(CTRL_D);
        crm.until("bye");
        assert_eq!(crm.ended().1, 0);

        let file = home.join(".cache/crm/history");
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "resource locate store\nnode show test7\nra providers Dummy\nnode show test7\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!home.join(".crm_history").exists());

        let mut crm = shell(&cluster);
        crm.keys(UP);
        crm.until("node show test7");
        crm.keys(UP);
        crm.until("ra providers Dummy");
        crm.keys(CTRL_U);
        // Ctrl-R looks for it.
        crm.keys(CTRL_R);
        crm.until("reverse-i-search");
        crm.keys("loc");
        crm.until("resource locate store");
        crm.keys("\r");
        crm.until("resource store is running on: ");
        crm.until(TOP);
        crm.line("exit", "bye");
        assert_eq!(crm.ended().1, 0);
    });
}

#[test]
fn one_moves_between_levels_and_leaves() {
    inside("shell::one_moves_between_levels_and_leaves", |scratch| {
        let cluster = started(scratch);
        let mut crm = shell(&cluster);
        let help = crm.line("help", TOP);
        for level in ["cib", "configure", "node", "ra", "resource"] {
            assert!(help.contains(level), "{level}: {help}");
        }
        crm.line("resource", "crm(live)resource# ");
        let said = crm.line("cd ../node", "crm(live)node# ");
        assert!(!said.contains("ERROR"), "{said}");
        assert!(crm.line("help standby", "crm(live)node# ").contains("standby [NODE]"));
        assert!(crm.line("ls", "crm(live)node# ").contains("clearstate"));
        crm.line("up", TOP);
        crm.line("cd configure", CONFIGURE);
        crm.line("cd", TOP);
        let said = crm.line("cd nowhere", TOP);
        assert!(said.contains("there is no level `nowhere`; `ls` lists them"), "{said}");

        // Ctrl-C drops a line that was begun, and leaves at an empty one; what was changed is asked about.
        crm.line("configure", CONFIGURE);
        crm.keys("delete web");
        crm.until("delete web");
        crm.keys(CTRL_C);
        crm.until(CONFIGURE);
        crm.line("property cluster-name=asked", CONFIGURE);
        crm.keys(CTRL_C);
        crm.until("Ctrl-C, leaving");
        crm.until("There are changes pending. Do you want to commit them (y/n)? ");
        crm.keys("n\r");
        crm.until("bye");
        assert_eq!(crm.ended().1, 1);
        let shown = cluster.must(0, &["crm", "configure", "show"]);
        assert!(shown.contains("primitive web") && !shown.contains("asked"), "{shown}");

        // Ctrl-D is the end of the input.
        let mut crm = shell(&cluster);
        crm.line("configure", CONFIGURE);
        crm.line("property cluster-name=asked", CONFIGURE);
        crm.keys(CTRL_D);
        crm.until("(y/n)? ");
        // Only an answer is one.
        crm.keys("perhaps\r");
        crm.until("(y/n)? ");
        crm.keys("y\r");
        crm.until("bye");
        assert_eq!(crm.ended().1, 0);
        assert!(cluster.must(0, &["crm", "configure", "show"]).contains("cluster-name=asked"));
    });
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    inside("shell::what_cannot_be_undone_is_asked_about", |scratch| {
        let cluster = started(scratch);
        let mut crm = cluster.terminal(0, &["crm", "node", "clearstate", "test8"]);
        crm.until("Do you really want to drop state for node test8 (y/n)? ");
        crm.keys("n\r");
        assert_eq!(crm.ended().1, 0);
        wait_shows(&cluster, 0, &["Online: [ test7 test8 ]"]);
        // A script is not asked, and does not do it by accident.
        let said = cluster.run(0, &["crm", "node", "fence", "test8"]);
        assert_eq!(said.status, 1, "{}", said.text);
        assert!(said.text.contains("crm --force"), "{}", said.text);
        wait_shows(&cluster, 0, &["Online: [ test7 test8 ]"]);
    });
}

#[test]
fn objects_are_edited_in_the_editor() {
    inside("shell::objects_are_edited_in_the_editor", |scratch| {
        let mut cluster = started(scratch);
        let editor = cluster.root().join("editor");
        // The first time it makes a mistake.
        let script = "#!/bin/sh\n\
             if [ -e \"$0.again\" ]; then sed -i s/10.98.0.209/10.98.0.210/ \"$1\"\n\
             else : > \"$0.again\"; sed -i 's/^primitive ip .*/primitive ip ocf:heartbeat:IPaddr2 parms ip=1/' \"$1\"; fi\n";
        cluster.script("init.d", "editor", script);
        std::fs::rename(cluster.root().join("agents/init.d/editor"), &editor).unwrap();
        cluster.environment(0, "EDITOR", &editor.display().to_string());
        let mut crm = shell(&cluster);
        crm.line("configure", CONFIGURE);
        crm.keys("edit ip\r");
        crm.until("ERROR: ");
        crm.until("Do you want to edit again (y/n)? ");
        crm.keys("n\r");
        crm.until("nothing was changed");
        crm.until(CONFIGURE);
        let said = crm.line("edit ip", CONFIGURE);
        assert!(!said.contains("ERROR"), "{said}");
        assert!(crm.line("show ip", CONFIGURE).contains("ip=10.98.0.210"));
        crm.line("commit", CONFIGURE);
        crm.line("quit", "bye");
        assert_eq!(crm.ended().1, 0);
        assert!(cluster.must(1, &["crm", "configure", "show", "ip"]).contains("ip=10.98.0.210"));
    });
}

/// Nothing fences, and nothing starts elsewhere until a person says that the machine is down.
#[test]
fn a_node_is_said_to_be_down() {
    inside("shell::a_node_is_said_to_be_down", |scratch| {
        let mut cluster = started(scratch);
        cluster.script("sbin", "fence_broken", "#!/bin/sh\ncat > /dev/null; exit 1\n");
        let said = cluster.run_typing(
            0,
            &["crm", "configure"],
            "property stonith-enabled=true\nlocation home web 100: test8\n\
             primitive plug stonith:fence_broken params pcmk_host_list=\"test7 test8\"\ncommit force\n",
        );
        assert_eq!(said.status, 0, "{}", said.text);
        wait_started(&cluster, 0, &["web"], "test8");
        cluster.kill(1);
        wait_shows(&cluster, 0, &["Node test8: UNCLEAN (offline)"]);
        let mut crm = cluster.terminal(0, &["crm", "node", "clearstate", "test8"]);
        crm.until("(y/n)? ");
        crm.keys("y\r");
        assert_eq!(crm.ended().1, 0);
        wait_shows(&cluster, 0, &["OFFLINE: [ test8 ]"]);
        wait_started(&cluster, 0, &["web"], "test7");
    });
}
