//! The tools as the agents of the distributions call them: each form that is found in `resource-agents` and Pacemaker's
//! own agents, with its options in their order.

use crate::common::{NODES, PATIENCE, commit, online};
use holdfast_e2e::{Cluster, inside, wait};

/// A cluster with a promotable resource and one with a utilization; `db` is the instance that calls.
fn started(scratch: std::path::PathBuf) -> Cluster {
    let cluster = online(scratch, &NODES);
    commit(
        &cluster,
        "property stonith-enabled=false no-quorum-policy=ignore\n\
         primitive vm ocf:heartbeat:Dummy op monitor interval=10s\n\
         primitive db ocf:pacemaker:Stateful op monitor interval=10s role=Promoted op monitor interval=11s role=Unpromoted\n\
         clone dbs db meta promotable=true",
    );
    cluster.must(0, &["crm_resource", "--wait"]);
    cluster
}

/// A line in an agent's shell on the first node.
fn agent(cluster: &Cluster, line: &str) -> (String, i32) {
    let script = format!(
        "export OCF_RESOURCE_INSTANCE=db HA_SBIN_DIR=\"$(dirname \"$(command -v crm_node)\")\"; {line}"
    );
    let said = cluster.run(0, &["/bin/sh", "-c", &script]);
    (said.text, said.status)
}

/// What a line prints, without the line break; its status is 0.
fn says(cluster: &Cluster, line: &str, expected: &str) {
    let (text, status) = agent(cluster, line);
    assert_eq!((text.trim_end(), status), (expected, 0), "{line}");
}

/// A line that prints nothing and works.
fn does(cluster: &Cluster, line: &str) {
    says(cluster, line, "");
}

fn ends(cluster: &Cluster, line: &str, expected: i32) -> String {
    let (text, status) = agent(cluster, line);
    assert_eq!(status, expected, "{line}: {text}");
    text
}

#[test]
fn nodes_and_quorum() {
    inside("agent_calls::nodes_and_quorum", |scratch| {
        let cluster = started(scratch);
        says(&cluster, "crm_node -n", "test7");
        says(&cluster, "${HA_SBIN_DIR}/crm_node -i", "1");
        says(&cluster, "${HA_SBIN_DIR}/crm_node -q", "1");
        says(&cluster, "${HA_SBIN_DIR}/crm_node -p | xargs -n1 | sort | xargs", "test7 test8");
        says(&cluster, "crm_node -l | sort", "1 test7 member\n2 test8 member");
        says(&cluster, "crm_node -l -p | xargs -n1 | grep -c test", "2");
        says(&cluster, "crm_node --name-for-id=2", "test8");
    });
}

#[test]
fn attributes_that_last_and_that_do_not() {
    inside("agent_calls::attributes_that_last_and_that_do_not", |scratch| {
        let cluster = started(scratch);
        let set = "${HA_SBIN_DIR}/crm_attribute -N test7 -l reboot --name \"db-last-committed\"";
        does(&cluster, &format!("{set} -v 42"));
        says(&cluster, &format!("{set} --quiet 2>/dev/null"), "42");
        says(&cluster, &format!("{set} --query"), "scope=status  name=db-last-committed value=42");
        does(&cluster, &format!("{set} --update 'true'"));
        says(&cluster, &format!("{set} --query --quiet"), "true");
        agent(&cluster, &format!("{set} -D"));
        assert_eq!(ends(&cluster, &format!("{set} --quiet 2>/dev/null"), 105), "");

        let lasting = "${HA_SBIN_DIR}/crm_attribute -l forever";
        does(&cluster, &format!("{lasting} --node=test8 -n mysql_conn -v \"10.0.0.1|file|4\""));
        says(&cluster, &format!("{lasting} -N test8 -n mysql_conn -G -q"), "10.0.0.1|file|4");
        says(&cluster, "crm_attribute --type nodes --node test8 -n mysql_conn -G -q", "10.0.0.1|file|4");
        does(&cluster, &format!("{lasting} -n site -v here"));
        says(&cluster, &format!("{lasting} -n site -G --quiet 2>&1"), "here");

        // Utilization of a node (NodeUtilization).
        does(&cluster, "crm_attribute -t nodes --node \"test7\" -z -n cpu -v 4");
        says(&cluster, "crm_attribute --quiet -t nodes --node \"test7\" -z -n cpu 2>/dev/null", "4");

        // Cluster options.
        says(
            &cluster,
            "crm_attribute --type=crm_config --name=stonith-enabled --query --quiet --default=true",
            "false",
        );
        says(
            &cluster,
            "crm_attribute --type=crm_config --name=no-quorum-policy --query",
            "scope=crm_config  name=no-quorum-policy value=ignore",
        );
        let info = "${HA_SBIN_DIR}/crm_attribute --type crm_config --name db_REPL_INFO -s redis_replication";
        does(&cluster, &format!("{info} -v \"test7\""));
        says(&cluster, &format!("{info} --query -q"), "test7");
        assert!(
            cluster.must(1, &["cibadmin", "-Q"]).contains("<cluster_property_set id=\"redis_replication\">")
        );
    });
}

#[test]
fn promotion_scores() {
    inside("agent_calls::promotion_scores", |scratch| {
        let cluster = started(scratch);
        // One that nobody runs: its monitors set the score of `db` meanwhile.
        let score = "crm_attribute -N test7 -l reboot -n master-pg -G -q";
        does(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_master -Q -l reboot -v 33");
        says(&cluster, score, "33");
        does(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_master -Q -v 100 -l reboot");
        says(&cluster, score, "100");
        does(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_master -v INFINITY -l reboot");
        says(&cluster, score, "INFINITY");
        says(&cluster, "OCF_RESOURCE_INSTANCE=pg crm_master -G -q -l reboot", "INFINITY");
        does(&cluster, "OCF_RESOURCE_INSTANCE=pg crm_master -N test8 -l reboot -v 7");
        says(&cluster, "crm_attribute -N test8 -l reboot -n master-pg -G -q", "7");
        // `ocf_promotion_score` of newer agents.
        does(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_attribute -p -v 12");
        says(&cluster, score, "12");
        says(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_attribute -p -G -q", "12");
        agent(&cluster, "OCF_RESOURCE_INSTANCE=pg ${HA_SBIN_DIR}/crm_master -l reboot -D");
        ends(&cluster, score, 105);
    });
}

#[test]
fn the_attribute_daemon() {
    inside("agent_calls::the_attribute_daemon", |scratch| {
        let cluster = started(scratch);
        let value = |name: &str, wanted: &str| {
            let (line, wanted) =
                (format!("crm_attribute -N test7 -l reboot -n '{name}' -G -q"), wanted.to_owned());
            wait(&format!("{name}={wanted}"), PATIENCE, || {
                let (text, _) = agent(&cluster, &line);
                if text.trim() == wanted { Ok(()) } else { Err(text) }
            });
        };
        does(&cluster, "attrd_updater -n \"pingd\" -v \"1000\" -d \"0\"");
        value("pingd", "1000");
        does(&cluster, "attrd_updater -n \"pingd\" -B \"3000\" -d \"50ms\"");
        value("pingd", "3000");
        does(&cluster, "attrd_updater -n \"#health-cpu\" -U \"green\" -d \"1s\"");
        value("#health-cpu", "green");
        does(&cluster, "attrd_updater -n \"db-status\" -U \"normal (master)\" 2>/dev/null");
        says(
            &cluster,
            "attrd_updater -n \"db-status\" -Q 2>/dev/null",
            "name=\"db-status\" host=\"test7\" value=\"normal (master)\"",
        );
        does(&cluster, "attrd_updater -D -n \"pingd\" -d \"0\"");
        wait("pingd to be gone", PATIENCE, || {
            let (text, status) = agent(&cluster, "crm_attribute -N test7 -l reboot -n pingd -G -q");
            if status == 105 { Ok(()) } else { Err(text) }
        });
        // Private ones are in nobody's status.
        does(&cluster, "attrd_updater -p --name \"secret\" --node \"test8\" --update \"1\"");
        says(
            &cluster,
            "attrd_updater -p --name \"secret\" --node \"test8\" --query",
            "name=\"secret\" host=\"test8\" value=\"1\"",
        );
        assert!(!cluster.must(0, &["cibadmin", "-Q"]).contains("secret"));
        does(&cluster, "attrd_updater -n openstack_id -U 7");
        says(
            &cluster,
            "${HA_SBIN_DIR}/attrd_updater --query -n openstack_id -N $(crm_node -n) | tr ' ' '\\n' | grep value",
            "value=\"7\"",
        );
    });
}

#[test]
fn resources_status_and_configuration() {
    inside("agent_calls::resources_status_and_configuration", |scratch| {
        let cluster = started(scratch);
        // VirtualDomain and Xen.
        ends(&cluster, "crm_resource -r vm -z -p cpu -v 2 2>&1", 0);
        says(&cluster, "crm_resource -Q -r vm -z -g cpu 2>/dev/null", "2");
        ends(&cluster, "crm_resource --resource=vm --utilization --delete-parameter=cpu", 0);
        does(&cluster, "crm_resource -Q -r vm -z -g cpu 2>/dev/null");
        // azure-events.
        let listed = ends(&cluster, "crm_resource --list-operations -N test7", 0);
        assert!(listed.contains("vm_start_0") && listed.contains("db_"), "{listed}");
        let scores = ends(&cluster, "crm_simulate -Ls", 0);
        assert!(scores.contains("db:0 promotion score on"), "{scores}");
        // redis and galera.
        for form in ["crm_mon -1 --output-as=xml", "crm_mon -1 --as-xml", "crm_mon -1X"] {
            let status = ends(&cluster, form, 0);
            assert!(status.contains("<node name=\"test7\" id=\"1\" online=\"true\""), "{form}: {status}");
        }
        let members = "CIB_file= crm_mon -1X | grep -c 'type=\"member\"'";
        says(&cluster, members, "2");
        // rabbitmq-cluster.
        does(&cluster, "crm_attribute -N test7 -l reboot --name rmq-node-attr -v rabbit@test7");
        let found = "cibadmin -Q --xpath \"//node_state[@crmd='online']//nvpair[@name='rmq-node-attr']\" 2>/dev/null \
                     | grep -c \"value=\\\"rabbit@test7\\\"\"";
        let (text, status) = agent(&cluster, found);
        // The state of a member is a time since feature set 3.19; the agent looks for both forms.
        let newer = found.replace("[@crmd='online']", "");
        assert!((text.trim(), status) == ("1", 0) || agent(&cluster, &newer).0.trim() == "1", "{text}");
        let topology = ends(&cluster, "stonith_admin -H '*' --output-as xml", 0);
        assert!(topology.contains("<pacemaker-result"), "{topology}");
    });
}

/// ClusterMon: `crm_mon` as a daemon that writes a page.
#[test]
fn the_status_as_a_page_kept_up_to_date() {
    inside("agent_calls::the_status_as_a_page_kept_up_to_date", |scratch| {
        let cluster = started(scratch);
        let folder = cluster.run_dir(0).display().to_string();
        let (pid, page) = (format!("{folder}/mon.pid"), format!("{folder}/mon.html"));
        for form in [
            format!("${{HA_SBIN_DIR}}/crm_mon -p {pid} -d -i 1 -n -r -h {page}"),
            format!("${{HA_SBIN_DIR}}/crm_mon -p {pid} -d -i 1 --output-as=html --output-to={page}"),
        ] {
            let _ = std::fs::remove_file(&page);
            does(&cluster, &form);
            wait("the page", PATIENCE, || {
                let text = std::fs::read_to_string(&page).unwrap_or_default();
                if text.contains("test7") { Ok(()) } else { Err(text) }
            });
            // As the agent watches and stops it.
            ends(&cluster, &format!("kill -s 0 `cat {pid}`"), 0);
            ends(&cluster, &format!("kill `cat {pid}`"), 0);
            wait("its end", PATIENCE, || {
                let (text, status) = agent(&cluster, &format!("kill -s 0 `cat {pid}`"));
                if status == 0 { Err(text) } else { Ok(()) }
            });
        }
    });
}
