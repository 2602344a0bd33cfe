//! What a document may not say, and where the message points.

use holdfast_store::validate;

use super::cib;

fn check(schema: &str, section: &str, inside: &str, expected: &[&str]) {
    let findings: Vec<String> = validate::document(&cib(schema, &[(section, inside)]))
        .iter()
        .map(|finding| finding.to_string())
        .collect();
    assert_eq!(findings, expected, "{inside}");
}

#[test]
fn findings_name_line_element_and_id() {
    let a = "<primitive id='a' class='lsb' type='t'/>";
    let now = "pacemaker-4.0";
    check(now, "resources", a, &[]);
    check(
        now,
        "resources",
        "<primitve id='a'/>",
        &[
            "line 1: <primitve id=\"a\">: not allowed inside <resources>; expected primitive, group, clone, bundle, template",
        ],
    );
    check(
        now,
        "resources",
        &format!("{a}\n{a}"),
        &["line 2: <primitive id=\"a\">: the id \"a\" is already used by <primitive> in line 1"],
    );
    check(
        now,
        "resources",
        "<primitive class='lsb' type='t'/>",
        &["line 1: <primitive>: the attribute id is missing"],
    );
    check(
        now,
        "resources",
        "<primitive id='1a' class='lsb' type='t'/>",
        &[
            "line 1: <primitive id=\"1a\">: id=\"1a\": expected an id: a letter or _, then letters, digits, - _ .",
        ],
    );
    check(
        now,
        "resources",
        "<primitive id='a' class='lbs' type='t' colour='red'/>",
        &[
            "line 1: <primitive id=\"a\">: class=\"lbs\": expected one of ocf, lsb, heartbeat, stonith, service, systemd, upstart, nagios",
            "line 1: <primitive id=\"a\">: the attribute colour is not known in pacemaker-4.0",
        ],
    );
    check(
        now,
        "resources",
        "<primitive id='a' class='ocf' type='t'/>",
        &["line 1: <primitive id=\"a\">: class ocf needs a provider"],
    );
    check(
        now,
        "resources",
        "<group id='g'/>",
        &["line 1: <group id=\"g\">: a group needs at least one primitive"],
    );
    check(
        now,
        "resources",
        "<master id='m'><primitive id='a' class='lsb' type='t'/></master>",
        &[
            "line 1: <master id=\"m\">: not allowed inside <resources>; expected primitive, group, clone, bundle, template",
        ],
    );
    check(
        "pacemaker-3.0",
        "resources",
        "<master id='m'><primitive id='a' class='lsb' type='t'/></master>",
        &[],
    );
    check(now, "resources", "text", &["line 1: <resources>: text is not allowed here"]);
    check(
        now,
        "constraints",
        "<rsc_order id='o' first='x' then='y' score='many'/>",
        &[
            "line 1: <rsc_order id=\"o\">: score=\"many\": expected an integer, INFINITY or -INFINITY",
            "line 1: <rsc_order id=\"o\">: first=\"x\" names no resource",
            "line 1: <rsc_order id=\"o\">: then=\"y\" names no resource",
        ],
    );
    check(
        now,
        "constraints",
        "<rsc_location id='l' rsc='x'/>",
        &[
            "line 1: <rsc_location id=\"l\">: the attribute score (or a rule) is missing",
            "line 1: <rsc_location id=\"l\">: the attribute node (or a rule) is missing",
            "line 1: <rsc_location id=\"l\">: rsc=\"x\" names no resource",
        ],
    );
    check(
        now,
        "nodes",
        "<node id='1' uname='one' type='ping'/>",
        &["line 1: <node id=\"1\">: nodes of type ping no longer exist"],
    );
    check(
        "pacemaker-3.2",
        "resources",
        "<primitive id='a' class='lsb' type='t'><operations><op id='o' name='monitor' interval='1' role='Promoted'/></operations></primitive>",
        &[
            "line 1: <op id=\"o\">: role Promoted is known from pacemaker-3.7 on, before it was Master or Slave",
        ],
    );
    check("none", "resources", "<anything/>", &[]);
    check(
        now,
        "rubbish",
        "",
        &[
            "line 1: <rubbish>: not allowed inside <configuration>; expected crm_config, nodes, resources, constraints, op_defaults, rsc_defaults, acls, fencing-topology, tags, alerts, domains",
        ],
    );
}
