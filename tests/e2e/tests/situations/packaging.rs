//! What a package brings: the init script of the standard base, and the daemon under its own name.

use crate::common::corosync_conf;
use holdfast_e2e::{Cluster, Site, executable, inside, wait};
use std::time::Duration;

const SCRIPT: &str = include_str!("../../../../packaging/holdfast.init");

/// The codes of the Linux Standard Base, section "Init Script Actions".
#[test]
fn the_init_script_keeps_to_the_standard() {
    inside("packaging::the_init_script_keeps_to_the_standard", |scratch| {
        let site =
            Site::new(scratch, &[("eth0", &["10.98.0.254/24"])], &[("test7", &[("eth0", "10.98.0.1/24")])]);
        site.write(0, "/etc/init.d/holdfast", SCRIPT, 0o755);
        let action = |word: &str, expected: i32| {
            let said = site.sh(0, &format!("/etc/init.d/holdfast {word}"));
            assert_eq!(said.status, expected, "{word}: {}", said.text);
            said.text
        };
        action("status", 5);
        site.must(0, &format!("ln -s {} /usr/sbin/holdfast", executable().display()));
        action("status", 3);
        // Stopped already: nothing to do.
        action("stop", 0);
        // Nothing is configured yet: that is said, and with what to do.
        let said = site.sh(0, "/etc/init.d/holdfast start");
        assert_eq!(said.status, 6, "{}", said.text);
        site.must(0, "corosync-keygen");
        site.write(0, "/etc/corosync/corosync.conf", &corosync_conf(&["test7"]), 0o644);
        action("start", 0);
        wait("the node to be online", Duration::from_secs(25), || {
            let seen = site.sh(0, "crm_mon -1").text;
            if seen.contains("Online: [ test7 ]") { Ok(()) } else { Err(seen) }
        });
        action("start", 0);
        let said = action("status", 0);
        assert!(said.contains("running"), "{said}");
        action("restart", 0);
        action("force-reload", 0);
        action("status", 0);
        action("stop", 0);
        action("status", 3);
        action("frobnicate", 2);
        action("", 2);
    });
}

#[test]
fn the_daemon_runs_under_its_own_name_with_its_files_elsewhere() {
    inside("packaging::the_daemon_runs_under_its_own_name_with_its_files_elsewhere", |scratch| {
        let cluster = Cluster::new(scratch, &["test7"]);
        let folder = cluster.root().join("elsewhere");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("corosync.conf"), corosync_conf(&["test7"])).unwrap();
        let folder = folder.display().to_string();
        cluster.must(0, &["corosync-keygen", "-k", &format!("{folder}/authkey")]);
        let line = format!("echo $$ > {folder}/pid; exec holdfastd -f --config {folder}");
        let mut daemon = cluster.terminal(0, &["/bin/sh", "-c", &line]);
        daemon.until("started and ready to provide service");
        crate::common::wait_shows(&cluster, 0, &["Online: [ test7 ]"]);
        // In the foreground: what Ctrl-C sends is its orderly end.
        cluster.shell(0, &format!("kill -INT $(cat {folder}/pid)"));
        assert_eq!(daemon.ended().1, 0);
    });
}
