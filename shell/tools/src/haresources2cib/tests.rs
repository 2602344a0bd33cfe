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
    let source = Source { owner: None, ha: &ha, machine: &machine };
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
        ("node a b\n", 0, "No heartbeat media defined"),
        ("bcast eth0\n", 0, "no nodes defined"),
        ("node a b\nbcast eth0\nlogfacility local10\n", 3, "Log facility(local10) not valid"),
        ("node a b\nucast eth0\n", 2, "missing target IP address"),
        ("node a b\nmcast eth0 239.0.0.1 694 9 0\n", 2, "time to live"),
        ("node a b\nbcast eth0\nautojoin any\n", 3, "R1 style"),
        ("node a b\nbcast eth0\nrespawn root ipfail\n", 3, "not full pathname"),
        ("node a b\nbcast eth0\nauto_failback maybe\n", 3, "no value of auto_failback"),
        ("node a <==first\nbcast eth0\n", 1, "cannot be a node name"),
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
    let conversion = Conversion { plan, ring, account, cib: None };
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
    for part in
        ["token: 40000", "token_warning: 25", "mcastport: 700", "two_node: 1", "wait_for_all: 0", "name: b"]
    {
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

proptest! {
    #[test]
    fn any_text_is_survived_and_errors_have_places(ha in "(?s).{0,300}", resources in "(?s).{0,300}", keys in "(?s).{0,200}") {
        let (_, _, mut account) = converted(&ha, &resources);
        authkeys::parse("authkeys", &keys, Some(0o600), &mut account);
        for remark in account.errors() {
            prop_assert!(!remark.place.file.is_empty() && !remark.note.is_empty());
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
