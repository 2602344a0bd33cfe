//! Alert programs: which events they hear of, where, and what they are told.

use crate::common::{NODES, commit, configured, join, wait_started};
use holdfast_e2e::{Switch, inside, wait};
use std::path::Path;
use std::time::Duration;

/// Writes its variables on one line into a file named after the node and the recipient.
const PROGRAM: &str = r#"#!/bin/sh
env | grep -E '^(CRM_alert_|colour=)' | sort | tr '\n' '|' >> "$CRM_alert_recipient"
echo >> "$CRM_alert_recipient"
"#;

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits for a line that holds all of these.
fn wait_line(path: &Path, wanted: &[&str]) {
    wait(&format!("{wanted:?} in {}", path.display()), Duration::from_secs(15), || {
        let seen = lines(path);
        let found =
            seen.iter().any(|line| wanted.iter().all(|w| format!("|{line}").contains(&format!("|{w}"))));
        if found { Ok(()) } else { Err(seen.join("\n")) }
    });
}

#[test]
fn alert_programs_hear_of_what_they_selected() {
    inside("alerts::alert_programs_hear_of_what_they_selected", |scratch| {
        let mut cluster = configured(scratch, &NODES);
        let switch = Switch::new(&cluster, &NODES);
        cluster.script("sbin", "tell", PROGRAM);
        cluster.script("sbin", "hang", "#!/bin/sh\nexec sleep 1000\n");
        join(&mut cluster, &NODES);
        let root = cluster.root().to_owned();
        let (all, few) = (root.join("all"), root.join("few"));
        for file in [&all, &few] {
            std::fs::write(file, "").unwrap();
            std::os::unix::fs::chown(file, None, None).unwrap();
        }
        // The programs may run as the cluster's account.
        cluster.shell(
            0,
            &format!("chmod 666 {0}/all {0}/few; chmod 755 {0} {0}/agents {0}/agents/sbin", root.display()),
        );
        let alerts = format!(
            "<alerts><alert id=\"everything\" path=\"{0}/agents/sbin/tell\">\
             <recipient id=\"everything-1\" value=\"{0}/all\"/></alert>\
             <alert id=\"chosen\" path=\"{0}/agents/sbin/tell\"><select><select_attributes>\
             <attribute id=\"a1\" name=\"weather\"/></select_attributes></select>\
             <instance_attributes id=\"v\"><nvpair id=\"v1\" name=\"colour\" value=\"blue\"/></instance_attributes>\
             <recipient id=\"chosen-1\" value=\"{0}/few\"/></alert>\
             <alert id=\"slow\" path=\"{0}/agents/sbin/hang\"><meta_attributes id=\"m\">\
             <nvpair id=\"m1\" name=\"timeout\" value=\"100ms\"/></meta_attributes></alert></alerts>",
            root.display()
        );
        cluster.must(0, &["cibadmin", "--create", "--scope", "configuration", "--xml-text", &alerts]);
        commit(
            &cluster,
            "property stonith-enabled=true no-quorum-policy=ignore\n\
             primitive plug stonith:fence_switch params pcmk_host_list=\"test7 test8\"\n\
             primitive d ocf:heartbeat:Dummy\nlocation home d 50: test8",
        );
        wait_started(&cluster, 0, &["d"], "test8");
        wait_line(
            &all,
            &[
                "CRM_alert_kind=resource",
                "CRM_alert_node=test8",
                "CRM_alert_rsc=d",
                "CRM_alert_task=start",
                "CRM_alert_rc=0",
                "CRM_alert_target_rc=0",
                "CRM_alert_status=0",
                "CRM_alert_desc=ok",
                "CRM_alert_timestamp_epoch=",
                "CRM_alert_version=",
            ],
        );
        let probes =
            lines(&all).iter().filter(|l| l.contains("task=monitor") && l.contains("rsc=d|")).count();
        assert_eq!(probes, 0, "a probe that finds what is expected is no news");

        cluster.must(1, &["attrd_updater", "-n", "weather", "-U", "fine"]);
        cluster.must(1, &["attrd_updater", "-n", "else", "-U", "1"]);
        let told = [
            "CRM_alert_kind=attribute",
            "CRM_alert_attribute_name=weather",
            "CRM_alert_attribute_value=fine",
            "CRM_alert_node=test8",
            "CRM_alert_nodeid=2",
            "colour=blue",
        ];
        wait_line(&few, &told);

        wait("the hanging program to be ended", Duration::from_secs(15), || {
            let said = cluster.console(1);
            if said.contains("alert slow") && said.contains("TimedOut") { Ok(()) } else { Err(said) }
        });

        cluster.must(0, &["stonith_admin", "--fence", "test8"]);
        assert_eq!(switch.cut(), ["test8"]);
        let told = [
            "CRM_alert_kind=fencing",
            "CRM_alert_node=test8",
            "CRM_alert_rc=0",
            "CRM_alert_desc=Operation off of test8 by",
        ];
        wait_line(&all, &told);
        wait_line(
            &all,
            &["CRM_alert_desc=lost", "CRM_alert_kind=node", "CRM_alert_node=test8", "CRM_alert_nodeid=2"],
        );
        let few = lines(&few);
        assert_eq!(few.len(), 1, "only what was selected, once: {few:#?}");
        assert_eq!(cluster.stop(0), 0, "{}", cluster.console(0));
    });
}
