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
        "<clone id='m'><meta_attributes id='m-meta_attributes'><nvpair id='m-meta_attributes-promotable' name='promotable' value='true'/></meta_attributes><primitive id='a' class='lsb' type='t'/></clone>",
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
