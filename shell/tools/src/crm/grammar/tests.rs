//! Lines and the elements that they become.

use super::*;

fn check(line: &str, expected: &str) {
    let words = crate::crm::lexer::words(line).unwrap();
    let parsed = parse(&words[0], &words[1..]).unwrap_or_else(|e| panic!("{line}: {e}"));
    assert_eq!(parsed.element.to_string_compact().trim(), expected, "{line}");
}

fn refused(line: &str, part: &str) {
    let words = crate::crm::lexer::words(line).unwrap();
    let error = parse(&words[0], &words[1..]).expect_err(line).to_string();
    assert!(error.contains(part), "{line}: {error}");
}

#[test]
fn resources() {
    check(
        "primitive webip ocf:heartbeat:IPaddr params ip=192.168.41.222 nic=eth0",
        r#"<primitive id="webip" class="ocf" provider="heartbeat" type="IPaddr"><instance_attributes id="webip-instance_attributes"><nvpair id="webip-instance_attributes-ip" name="ip" value="192.168.41.222"/><nvpair id="webip-instance_attributes-nic" name="nic" value="eth0"/></instance_attributes></primitive>"#,
    );
    check(
        "primitive s Filesystem op start timeout=60 op monitor interval=10s OCF_CHECK_LEVEL=10",
        r#"<primitive id="s" class="ocf" provider="heartbeat" type="Filesystem"><operations><op name="start" timeout="60" interval="0s" id="s-start-0s"/><op name="monitor" interval="10s" id="s-monitor-10s"><instance_attributes id="s-monitor-10s-instance_attributes"><nvpair id="s-monitor-10s-instance_attributes-OCF_CHECK_LEVEL" name="OCF_CHECK_LEVEL" value="10"/></instance_attributes></op></operations></primitive>"#,
    );
    check("primitive httpd lsb:httpd", r#"<primitive id="httpd" class="lsb" type="httpd"/>"#);
    check(
        "node node1 attributes a=b",
        r#"<node id="node1" uname="node1"><instance_attributes id="nodes-node1"><nvpair id="nodes-node1-a" name="a" value="b"/></instance_attributes></node>"#,
    );
    refused("primitive p", "agent");
    refused("group g", "at least one member");
    refused("group g a a", "named twice");
}

#[test]
fn constraints() {
    check("colocation c inf: a b", r#"<rsc_colocation id="c" score="INFINITY" rsc="a" with-rsc="b"/>"#);
    check(
        "colocation c -inf: a:Master b",
        r#"<rsc_colocation id="c" score="-INFINITY" rsc="a" rsc-role="Promoted" with-rsc="b"/>"#,
    );
    check("order o mandatory: a b", r#"<rsc_order id="o" kind="Mandatory" first="a" then="b"/>"#);
    check(
        "order o 0: a:promote b:start symmetrical=false",
        r#"<rsc_order id="o" kind="Optional" symmetrical="false" first="a" first-action="promote" then="b" then-action="start"/>"#,
    );
    check("location l r 100: n1", r#"<rsc_location id="l" rsc="r" score="100" node="n1"/>"#);
    check(
        "location l webip rule 100: #uname eq node1.example.com",
        r##"<rsc_location id="l" rsc="webip"><rule id="l-rule" score="100"><expression id="l-rule-expression" attribute="#uname" operation="eq" value="node1.example.com"/></rule></rsc_location>"##,
    );
    check(
        "order o (a b) c",
        r#"<rsc_order id="o"><resource_set sequential="false" id="o-0"><resource_ref id="a"/><resource_ref id="b"/></resource_set><resource_set id="o-1"><resource_ref id="c"/></resource_set></rsc_order>"#,
    );
    refused("colocation c inf: a", "two resources expected");
    refused("order o sometimes: a b", "Mandatory");
    refused("location l r 100 n1", "colon");
    refused("location l r rule 100: #uname eq a and x eq b or y eq c", "two rules");
    refused("order o (a b c", "not closed");
}

#[test]
fn option_sets() {
    check(
        "property stonith-enabled=false no-quorum-policy=ignore",
        r#"<cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/><nvpair id="cib-bootstrap-options-no-quorum-policy" name="no-quorum-policy" value="ignore"/></cluster_property_set>"#,
    );
    check(
        "rsc_defaults resource-stickiness=200",
        r#"<meta_attributes id="rsc-options"><nvpair id="rsc-options-resource-stickiness" name="resource-stickiness" value="200"/></meta_attributes>"#,
    );
    check(
        r#"rsc_defaults $id="rsc-options" resource-stickiness="200""#,
        r#"<meta_attributes id="rsc-options"><nvpair id="rsc-options-resource-stickiness" name="resource-stickiness" value="200"/></meta_attributes>"#,
    );
}
