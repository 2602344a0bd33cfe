//! Old schemas become new ones.

use holdfast_store::{Operation, Rules, Store};

use super::{cib, inside, request};

fn check(schema: &str, section: &str, before: &str, after: &str) {
    let resource = ("resources", "<primitive id='a' class='lsb' type='t'/>");
    let parts =
        if section == "constraints" { vec![resource, (section, before)] } else { vec![(section, before)] };
    let mut store = Store::new(cib(schema, &parts), Rules::CLUSTER).unwrap();
    store.apply(&request(Operation::Upgrade, "", "")).unwrap();
    assert_eq!(inside(&store, section), after.replace('\'', "\""));
    assert_eq!(store.document().root().attr("validate-with"), Some("pacemaker-4.0"));
    // Raised by the upgrade to 1.1.1, then as every change of the configuration, or of the root alone.
    let expected = if before == after { "1.1.2" } else { "1.2.0" };
    assert_eq!(store.version().to_string(), expected);
}

#[test]
fn old_documents_keep_their_meaning() {
    let plain = "<primitive id='a' class='lsb' type='t'/>";
    check("pacemaker-1.0", "resources", plain, plain);
    check("pacemaker-3.9", "resources", plain, plain);
    check(
        "pacemaker-3.0",
        "resources",
        "<master id='m'><primitive id='a' class='lsb' type='t'/></master>",
        "<clone id='m'><meta_attributes id='m-promotable' score='INFINITY'><nvpair id='m-promotable-promotable' name='promotable' value='true'/></meta_attributes><primitive id='a' class='lsb' type='t'/></clone>",
    );
    check(
        "pacemaker-1.2",
        "acls",
        "<acl_user id='joe'><role_ref id='r'/></acl_user><acl_role id='r'><read id='p' tag='nvpair'/></acl_role>",
        "<acl_target id='joe'><role id='r'/></acl_target><acl_role id='r'><acl_permission id='p' kind='read' object-type='nvpair'/></acl_role>",
    );
    check(
        "pacemaker-1.3",
        "resources",
        "<primitive id='a' class='lsb' type='t'><operations><op id='o' name='start' interval='0' requires='nothing'/></operations></primitive>",
        "<primitive id='a' class='lsb' type='t'><meta_attributes id='a-meta_attributes'><nvpair id='a-meta_attributes-requires' name='requires' value='nothing'/></meta_attributes><operations><op id='o' name='start' interval='0'/></operations></primitive>",
    );
    check(
        "pacemaker-3.10",
        "constraints",
        "<rsc_location id='l' rsc='a'><rule id='r1' score='1'><expression id='e1' attribute='x' operation='defined'/></rule><rule id='r2' score='2'><expression id='e2' attribute='y' operation='defined'/></rule></rsc_location>",
        "<rsc_location id='l' rsc='a'><rule id='r1' score='1'><expression id='e1' attribute='x' operation='defined'/></rule></rsc_location><rsc_location id='l-r2' rsc='a'><rule id='r2' score='2'><expression id='e2' attribute='y' operation='defined'/></rule></rsc_location>",
    );
    check(
        "pacemaker-3.10",
        "nodes",
        "<node id='1' uname='one' type='ping'/>",
        "<node id='1' uname='one' type='member'/>",
    );
}

fn section(schema: &str, sections: &[(&str, &str)], wanted: &str) -> String {
    let mut store = Store::new(cib(schema, sections), Rules::CLUSTER).unwrap();
    store.apply(&request(Operation::Upgrade, "", "")).unwrap();
    inside(&store, wanted)
}

#[test]
fn a_ping_node_is_banned_and_not_probed() {
    let constraints =
        section("pacemaker-3.10", &[("nodes", "<node id='1' uname='one' type='ping'/>")], "constraints");
    for part in ["rsc-pattern=\".*\"", "node=\"one\"", "score=\"-INFINITY\"", "resource-discovery=\"never\""]
    {
        assert!(constraints.contains(part), "{constraints}");
    }
}

#[test]
fn defaults_leave_the_cluster_options() {
    let options = "<cluster_property_set id='o'><nvpair id='o1' name='default_resource_stickiness' value='100'/><nvpair id='o2' name='is-managed-default' value='false'/><nvpair id='o3' name='default-action-timeout' value='30s'/><nvpair id='o4' name='no_quorum_policy' value='freeze'/></cluster_property_set>";
    let of = |wanted: &str| section("pacemaker-2.10", &[("crm_config", options)], wanted);
    let defaults = of("rsc_defaults");
    assert!(defaults.contains("name=\"resource-stickiness\" value=\"100\""), "{defaults}");
    assert!(defaults.contains("name=\"is-managed\" value=\"false\""), "{defaults}");
    assert!(of("op_defaults").contains("name=\"timeout\" value=\"30s\""));
    assert!(of("crm_config").contains("name=\"no-quorum-policy\" value=\"freeze\""));
}

#[test]
fn lost_resources_take_along_what_is_only_about_them() {
    let resources = "<clone id='c'><group id='g'><primitive id='a' class='upstart' type='t'/></group></clone><primitive id='b' class='lsb' type='t'/>";
    let constraints = "<rsc_order id='o'><resource_set id='s'><resource_ref id='a'/></resource_set></rsc_order><rsc_location id='l' rsc='b' node='n' score='1'/>";
    let sections = [("resources", resources), ("constraints", constraints)];
    let of = |wanted: &str| section("pacemaker-3.9", &sections, wanted);
    assert_eq!(of("resources"), "<primitive id=\"b\" class=\"lsb\" type=\"t\"/>");
    assert_eq!(of("constraints"), "<rsc_location id=\"l\" rsc=\"b\" node=\"n\" score=\"1\"/>");
}

#[test]
fn a_value_can_be_taken_back() {
    let set =
        "<meta_attributes id='m'><nvpair id='1a' name='x' value='1'/></meta_attributes>".replace("1a", "a1");
    let pairs = "<nvpair id='p1' name='x' value='1'/><nvpair id='p2' name='x' value='#default'/><nvpair id='p3' name='x' value='2'/><nvpair id='p4' name='x' value='3'/>";
    let resource = format!(
        "<master id='k'>{set}<primitive id='a' class='ocf' provider='p' type='t'><meta_attributes id='n'>{pairs}</meta_attributes></primitive></master>"
    );
    let upgraded = section("pacemaker-3.9", &[("resources", &resource)], "resources");
    assert!(upgraded.contains("value=\"2\""), "{upgraded}");
    assert!(!upgraded.contains("value=\"3\"") && !upgraded.contains("#default"), "{upgraded}");
}
