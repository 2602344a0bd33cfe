//! Conversions as a whole: what each line becomes, and that any bytes are survived.

use super::*;
use proptest::prelude::*;

/// Converts texts without looking at a machine.
fn converted(ha_text: &str, haresources_text: &str) -> (Plan, RingPlan, Account) {
    let mut account = Account::default();
    let ha = ha_cf::parse("ha.cf", ha_text, &mut account);
    let resources = haresources::parse("haresources", haresources_text, &mut account);
    let machine = Machine::new("/nonexistent");
    let wishes = Wishes { allow_missing: true, ..Wishes::default() };
    let plan = plan::settle(&ha, &resources, &machine, wishes, &mut account);
    let source = Source { owner: None, ha: &ha, machine: &machine, own_tree: false };
    let ring = ring::settle(&[source], &mut account);
    (plan, ring, account)
}

const PAIR: &str = "keepalive 2\ndeadtime 30\nbcast eth0\nnode a b\n";

fn errors(ha: &str) -> Vec<(usize, String)> {
    let (_, _, account) = converted(ha, "a 10.0.0.1\n");
    account.errors().map(|r| (r.place.line, r.note.clone())).collect()
}

#[test]
fn every_directive_has_a_reader() {
    for row in directives::DIRECTIVES {
        for value in
            ["on", "1", "/dev/x", "word", "root /bin/x", "eth0 10.0.0.1 694 1 0", "x uid=root", "0", ""]
        {
            ha_cf::parse("ha.cf", &format!("{} {value}\n", row.name), &mut Account::default());
        }
    }
}

#[test]
fn faults_of_ha_cf_are_named_with_their_line() {
    for (text, line, part) in [
        ("node a b\nbcast eth0\nundport 694\n", 3, "Illegal directive [undport]"),
        ("node a b\nbcast eth0\nkeepalive 2s\n", 3, "not a time"),
        ("node a b\nbcast eth0\nkeepalive 20\ndeadtime 30\n", 4, "Dead time [30000] is too small"),
        ("node a b\nbcast eth0\ndeadtime 30\ninitdead 20\n", 4, "smaller than deadtime"),
        ("node a b\n", 1, "No heartbeat media defined"),
        ("bcast eth0\n", 1, "no nodes defined"),
        ("node a b\nbcast eth0\nlogfacility local10\n", 3, "Log facility(local10) not valid"),
        ("node a b\nucast eth0\n", 2, "missing target IP address"),
        ("node a b\nmcast eth0 239.0.0.1 694 9 0\n", 2, "time to live"),
        ("node a b\nbcast eth0\nautojoin any\n", 3, "R1 style"),
        ("node a b\nbcast eth0\nrespawn root ipfail\n", 3, "not full pathname"),
        ("node a b\nbcast eth0\nauto_failback maybe\n", 3, "no value of auto_failback"),
        ("node a b\nbcast eth0\nstonith_host a\n", 3, "No Stonith type given"),
        ("node a b\nbcast eth0\nwatchdog /dev/watchdog\nwatchdog /dev/watchdog\n", 4, "multiply specified"),
    ] {
        let got = errors(text);
        assert!(got.iter().any(|(l, n)| *l == line && n.contains(part)), "{text:?}: {got:?}");
    }
    assert_eq!(errors(PAIR), []);
}

#[test]
fn failback_and_connectivity_are_balanced() {
    let ha =
        format!("{PAIR}auto_failback off\nping 10.0.0.254\nrespawn hacluster /usr/lib/heartbeat/ipfail\n");
    let (plan, _, _) = converted(&ha, "a 10.0.0.1 x y z u v w\n");
    let stick = plan.stickiness.expect("services stay") * 7;
    assert!(
        plan.pings[0].multiplier > stick + plan::PREFERENCE,
        "a lost ping node must move a group of seven"
    );
    assert!(plan.stickiness > Some(plan::PREFERENCE), "services stay against their preference");
}

#[test]
fn secrets_of_fence_devices_stay_out_of_the_report() {
    let ha = format!("{PAIR}stonith_host * baytech 10.0.0.3 mylogin mysecretpassword\n");
    let (plan, ring, account) = converted(&ha, "a 10.0.0.1\n");
    assert!(plan.fencing_enabled);
    assert_eq!(plan.fencing[0].params[2], ("password".to_owned(), "mysecretpassword".to_owned()));
    let conversion = Conversion { plan, ring, account, cib: None, source: None };
    let text = report::render(&full_report(&conversion, Vec::new()), report::Form::Text);
    assert!(!text.contains("mysecret"), "{text}");
}

#[test]
fn unknown_fence_devices_never_switch_fencing_off() {
    let (plan, _, account) = converted(&format!("{PAIR}stonith_host a newdevice 1 2\n"), "a 10.0.0.1\n");
    assert!(plan.fencing_enabled && plan.fencing.is_empty());
    assert!(account.remarks().iter().any(|r| r.verdict == Verdict::NeedsYou && r.place.line == 5));
}

#[test]
fn bare_addresses_get_the_first_free_label() {
    let (plan, _, _) = converted(PAIR, "a 10.0.0.1 IPaddr::10.0.0.2/24/eth0:0 10.0.0.3\n");
    let plan::Shape::Group { members, .. } = &plan.services[0].shape else { panic!("a group") };
    let labels: Vec<&str> = members
        .iter()
        .map(|m| m.agent.params.iter().find(|(n, _)| n == "iflabel").map_or("", |(_, v)| v.as_str()))
        .collect();
    assert_eq!(labels, ["1", "0", "2"]);
}

#[test]
fn the_ring_says_what_heartbeat_said() {
    let (_, ring, _) =
        converted("node a b\nudpport 700\nbcast eth1\nwarntime 10\ndeadtime 40\n", "a 10.0.0.1\n");
    let conf = ring::corosync_conf(&ring);
    for part in ["token: 40000", "mcastport: 700", "two_node: 1", "wait_for_all: 0", "name: b"] {
        assert!(conf.contains(part), "{part} in {conf}");
    }
    let (_, ring, _) = converted("node a b c\nbcast eth1\n", "a 10.0.0.1\n");
    assert!(!ring::corosync_conf(&ring).contains("two_node"));
}

#[test]
fn every_line_is_accounted_for() {
    let ha = "debugfile /d\nlogfile /l\nkeepalive 2\ndeadtime 60\nwarntime 10\ninitdead 120\nbcast eth0\nauto_failback on\nping 10.0.0.9\nrespawn root /usr/lib/heartbeat/ipfail\napiauth ipfail gid=root uid=root\nhopfudge 1\nuse_logd yes\nserial /dev/ttyS0\nwatchdog /dev/watchdog\nbaud 19200\nnode test7\nnode test8\n";
    let (_, _, account) = converted(ha, "test7 172.18.3.209 http\n");
    for line in 1..=ha.lines().count() {
        assert!(account.speaks_of(&Place::new("ha.cf", line)), "line {line} of ha.cf");
    }
    assert!(account.speaks_of(&Place::new("haresources", 1)));
}

/// A folder with the three files as given; it goes away with the value.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, ha: &[u8], resources: &[u8], keys: &[u8]) -> Files {
        let folder = std::env::temp_dir().join(format!("holdfast-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, bytes) in [("ha.cf", ha), ("haresources", resources), ("authkeys", keys)] {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
        Files(folder)
    }

    fn put(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn words(&self) -> Vec<String> {
        let path = |name: &str| self.0.join(name).display().to_string();
        let words = ["--root", &path(""), "--allow-missing", "-c", &path("ha.cf"), &path("haresources")];
        words.map(str::to_owned).to_vec()
    }

    fn prepared(&self) -> Result<Conversion, Failure> {
        let Ok(Call::Convert(options)) = cli::parse(&self.words()) else { panic!("a good call") };
        prepare(&options)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Every fault that the files cause has a line of one of them.
fn faults_have_lines(files: &Files) {
    let conversion = match files.prepared() {
        Ok(conversion) => conversion,
        // `crm on` without any CIB is in the account; nothing else may end the conversion.
        Err(failure) => panic!("{}", failure.message),
    };
    for remark in conversion.account.errors() {
        let named = ["ha.cf", "haresources", "authkeys"].iter().any(|f| remark.place.file.ends_with(f));
        assert!(named && remark.place.line > 0 && !remark.note.is_empty(), "{remark:?}");
    }
    let text = report::render(&full_report(&conversion, Vec::new()), report::Form::Json);
    assert!(text.starts_with('{'));
}

/// A CIB as Pacemaker 1.0 on heartbeat 3 left it behind.
const OLD_CIB: &str = r##"<?xml version="1.0" ?>
<cib admin_epoch="0" crm_feature_set="3.0.1" dc-uuid="8e1a" epoch="42" have-quorum="1" num_updates="7" validate-with="pacemaker-1.0" cib-last-written="Fri Mar  5 10:11:12 2010">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-dc-version" name="dc-version" value="1.0.9"/>
        <nvpair id="cib-bootstrap-options-cluster-infrastructure" name="cluster-infrastructure" value="Heartbeat"/>
        <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/>
        <nvpair id="cib-bootstrap-options-no-quorum-policy" name="no-quorum-policy" value="ignore"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="8e1a" uname="alpha" type="normal"/>
      <node id="9f2b" uname="beta" type="normal"/>
    </nodes>
    <resources>
      <group id="web">
        <primitive class="ocf" id="address" provider="heartbeat" type="IPaddr2">
          <instance_attributes id="address-params">
            <nvpair id="address-ip" name="ip" value="192.0.2.10"/>
          </instance_attributes>
          <operations>
            <op id="address-monitor" interval="10s" name="monitor"/>
          </operations>
        </primitive>
        <primitive class="lsb" id="server" type="httpd"/>
      </group>
      <master id="storage">
        <meta_attributes id="storage-meta">
          <nvpair id="storage-meta-notify" name="notify" value="true"/>
        </meta_attributes>
        <primitive class="ocf" id="disk" provider="linbit" type="drbd"/>
      </master>
    </resources>
    <constraints>
      <rsc_location id="home" node="alpha" rsc="web" score="100"/>
      <rsc_colocation id="together" rsc="web" score="INFINITY" with-rsc="storage" with-rsc-role="Master"/>
      <rsc_order first="storage" first-action="promote" id="first-disk" score="INFINITY" then="web" then-action="start"/>
    </constraints>
    <rsc_defaults/>
    <op_defaults/>
  </configuration>
  <status>
    <node_state crmd="online" ha="active" id="8e1a" uname="alpha"/>
  </status>
</cib>
"##;

#[test]
fn an_existing_cib_is_taken_over_and_upgraded() {
    let ha = format!("{}crm on\n", PAIR.replace("a b", "alpha beta"));
    let files = Files::new("old-cib", ha.as_bytes(), b"", b"auth 1\n1 crc\n");
    files.put("var/lib/heartbeat/crm/cib.xml", OLD_CIB);
    let mut words = files.words();
    words.push("--stdout".to_owned());
    let (text, remarks) = super::converted(&words).unwrap();
    let cib = holdfast_xml::Document::parse_default(&text).unwrap();
    let schema = holdfast_store::schema::NEWEST;
    assert_eq!(cib.root().attr("validate-with"), Some(schema));
    assert_eq!(cib.root().attr("epoch"), Some("42"), "the version of the configuration stays");
    assert_eq!(cib.root().attr("dc-uuid"), None);
    let findings = holdfast_store::validate::document(&cib);
    assert!(findings.is_empty(), "{findings:#?}\n{text}");
    assert_eq!(cib.root().child("status").unwrap().children().count(), 0);
    let (model, problems) = holdfast_model::read::cib(&cib);
    assert!(problems.is_empty(), "{problems:#?}");
    let ids: Vec<&str> = model.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"], "the ring's numbers take the place of heartbeat's identities");
    assert_eq!(model.resources.len(), 2);
    let storage = cib.by_id("storage").map(|ix| cib.element(ix).name().to_owned());
    assert_eq!(storage.as_deref(), Some("clone"), "promotable clones have one form now: {text}");
    let line = PAIR.lines().count() + 1;
    let said = remarks.iter().find(|r| r.place.line == line && r.place.file.ends_with("ha.cf")).unwrap();
    assert_eq!(said.verdict, Verdict::Changed);
    assert!(said.note.contains("from schema pacemaker-1.0 to"), "{}", said.note);
}

/// A CIB as heartbeat 2.1 left it behind: no schema name, pairs inside `attributes`, options among parameters.
const OLDER_CIB: &str = r##"<cib generated="true" admin_epoch="0" epoch="3" num_updates="9" have_quorum="true" ignore_dtd="false" num_peers="2" ccm_transition="2" cib_feature_revision="2.0" dc_uuid="8e1a">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options"><attributes>
        <nvpair id="p1" name="no_quorum_policy" value="ignore"/>
        <nvpair id="p2" name="stonith-enabled" value="false"/>
      </attributes></cluster_property_set>
    </crm_config>
    <nodes>
      <node id="8e1a" uname="alpha" type="normal"/>
      <node id="9f2b" uname="beta" type="normal"/>
    </nodes>
    <resources>
      <group id="web" ordered="true">
        <primitive class="ocf" id="address" provider="heartbeat" type="IPaddr" is_managed="true">
          <operations><op id="address-mon" name="monitor" interval="5s" timeout="5s" on_fail="restart" prereq="nothing"/></operations>
          <instance_attributes id="address-params"><attributes>
            <nvpair id="address-ip" name="ip" value="192.0.2.10"/>
            <nvpair id="address-role" name="target_role" value="started"/>
          </attributes></instance_attributes>
        </primitive>
        <primitive class="heartbeat" id="server" type="httpd"/>
      </group>
      <clone id="dogs" notify="true">
        <instance_attributes id="dogs-params"><attributes>
          <nvpair id="dogs-max" name="clone_max" value="2"/>
        </attributes></instance_attributes>
        <primitive class="lsb" id="dog" type="named"/>
      </clone>
    </resources>
    <constraints>
      <rsc_location id="home" rsc="web">
        <rule id="home-rule" score="100" boolean_op="and">
          <expression id="home-expr" attribute="#uname" operation="eq" value="alpha"/>
        </rule>
      </rsc_location>
      <rsc_order id="dogs-first" from="web" type="after" to="dogs"/>
      <rsc_colocation id="beside" from="web" to="dogs" score="INFINITY"/>
    </constraints>
  </configuration>
  <status/>
</cib>
"##;

#[test]
fn a_cib_from_before_the_schemas_is_taken_over() {
    let ha = format!("{PAIR}crm yes\n");
    let files = Files::new("older-cib", ha.as_bytes(), b"", b"auth 1\n1 crc\n");
    files.put("var/lib/heartbeat/crm/cib.xml", OLDER_CIB);
    let conversion = files.prepared().unwrap_or_else(|failure| panic!("{}", failure.message));
    let cib = conversion.cib.unwrap();
    let text = cib.to_string_pretty();
    let findings = holdfast_store::validate::document(&cib);
    assert!(findings.is_empty(), "{findings:#?}\n{text}");
    let (_, problems) = holdfast_model::read::cib(&cib);
    assert!(problems.is_empty(), "{problems:#?}\n{text}");
    for part in [
        "name=\"no-quorum-policy\"",
        "name=\"clone-max\"",
        "name=\"notify\"",
        "name=\"target-role\"",
        "on-fail=\"restart\"",
        "first=\"dogs\" then=\"web\"",
        "rsc=\"web\" with-rsc=\"dogs\"",
        "boolean-op=\"and\"",
        "name=\"ip\" value=\"192.0.2.10\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("<attributes>") && !text.contains("have_quorum"), "{text}");
}

#[test]
fn a_broken_cib_is_refused() {
    let ha = format!("{PAIR}crm on\n");
    for (cib, part) in [
        ("<cib", "cib.xml"),
        ("<html/>", "<cib> was expected"),
        ("<cib validate-with=\"pacemaker-9.9\"/>", "pacemaker-9.9"),
    ] {
        let files = Files::new("broken-cib", ha.as_bytes(), b"", b"auth 1\n1 crc\n");
        files.put("var/lib/heartbeat/crm/cib.xml", cib);
        let Err(failure) = files.prepared() else { panic!("{cib} was taken") };
        assert!(failure.status == CONFIG && failure.message.contains(part), "{}", failure.message);
    }
}

#[test]
fn an_unknown_plug_in_names_its_parameters_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let ha = format!("{PAIR}stonith_host * external/own 192.0.2.1 login a secret\n");
    let files = Files::new("own-plug-in", ha.as_bytes(), b"a 10.0.0.1\n", b"auth 1\n1 crc\n");
    let plugin = "usr/lib/stonith/plugins/external/own";
    files.put(plugin, "#!/bin/sh\n[ \"$1\" = getconfignames ] && echo hostaddr && echo user pass\n");
    std::fs::set_permissions(files.0.join(plugin), std::fs::Permissions::from_mode(0o755)).unwrap();
    let Ok(conversion) = files.prepared() else { panic!("it converts") };
    let params: Vec<(&str, &str)> =
        conversion.plan.fencing[0].params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(params, [("hostaddr", "192.0.2.1"), ("user", "login"), ("pass", "a secret")]);
}

/// Bytes that text files are not supposed to hold, between words that they do.
fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(&b"\r\n"[..]),
        Just(&b"\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\0"[..]),
        Just(&b"\xff\xfe"[..]),
        Just(&b"\xc3"[..]),
        Just(&b"\\\n"[..]),
        Just(&b" "[..]),
        Just(&b"::"[..]),
        Just(&b"#clone:"[..]),
        Just(&b"#rsc_order a start after b"[..]),
        Just(&b"node a b\n"[..]),
        Just(&b"bcast eth0\n"[..]),
        Just(&b"a 10.0.0.1/24/eth0:0/10.0.0.255 Filesystem::/dev/x::/d"[..]),
        Just(&b"a OCF::x::y IPv6addr::1:2 portblock::"[..]),
        Just(&b"crm on\n"[..]),
        Just(&b"stonith_host * external/x 1 2\n"[..]),
        Just(&b"stonith baytech /etc/x\n"[..]),
        Just(&b"respawn root /usr/lib/heartbeat/ipfail\n"[..]),
        Just(&b"respawn root /usr/lib/heartbeat/pingd -m -d -a -h\n"[..]),
        Just(&b"ping_group g 1.2.3.4\nping 1.2.3.4\n"[..]),
        Just(&b"keepalive 99999999999999999999\n"[..]),
        Just(&b"deadtime 18446744073709551615ms\n"[..]),
        Just(&b"mcast eth0 239.0.0.1 694 1 0\nucast eth0 10.0.0.2\n"[..]),
        Just(&b"auth 1\n1 sha1 x\n"[..]),
    ];
    let piece = prop_oneof![
        3 => word.prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_on_disk_are_survived(ha in odd_bytes(), resources in odd_bytes(), keys in odd_bytes()) {
        faults_have_lines(&Files::new("odd-bytes", &ha, &resources, &keys));
    }

    #[test]
    fn any_text_is_survived_and_errors_have_places(ha in "(?s).{0,300}", resources in "(?s).{0,300}", keys in "(?s).{0,200}") {
        let (_, _, mut account) = converted(&ha, &resources);
        authkeys::parse("authkeys", &keys, Some(0o600), &mut account);
        for remark in account.errors() {
            prop_assert!(!remark.place.file.is_empty() && remark.place.line > 0 && !remark.note.is_empty());
        }
    }

    #[test]
    fn likely_text_is_survived(lines in proptest::collection::vec((0usize..70, "[ -~]{0,40}"), 0..30)) {
        let ha: String = lines.iter().map(|(i, rest)| {
            let name = directives::DIRECTIVES.get(*i).map_or("node", |d| d.name);
            format!("{name} {rest}\n")
        }).collect();
        let (plan, _, _) = converted(&ha, "a 10.0.0.1::2 Filesystem::x #id\n");
        let text = cib::document(&plan).to_string_pretty();
        prop_assert!(holdfast_xml::Document::parse_default(&text).is_ok());
    }
}
