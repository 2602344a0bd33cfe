//! What is refused names element, id and line.

use holdfast_model::Level;
use holdfast_xml::Document;

/// A configuration with resources on line 4 and constraints on line 5.
fn findings(resources: &str, constraints: &str) -> Vec<(Level, String)> {
    let text = format!(
        "<cib validate-with='pacemaker-4.0' admin_epoch='0' epoch='1' num_updates='0'><configuration>\n\
         <crm_config><cluster_property_set id='o'><nvpair id='o1' name='fencing-enabled' value='false'/></cluster_property_set></crm_config>\n\
         <nodes><node id='1' uname='one'/></nodes>\n\
         <resources>{resources}</resources>\n\
         <constraints>{constraints}</constraints>\n\
         </configuration><status/></cib>"
    );
    super::check(&Document::parse_default(&text).unwrap()).lines
}

const A: &str = "<primitive id='a' class='ocf' provider='p' type='t'/>";

#[test]
fn a_sound_configuration_is_silent() {
    assert_eq!(findings(A, "<rsc_location id='l' rsc='a' node='one' score='1'/>"), []);
}

#[test]
fn what_the_schema_forbids() {
    let found = findings("<primitive id='a' class='ocf' type='t'/>", "");
    assert!(found[0].1.starts_with("line 4: <primitive id=\"a\">: "), "{found:?}");
    let found = findings(A, "<rsc_location id='l' rsc='a' node='one' score='lots'/>");
    assert!(found[0].1.starts_with("line 5: <rsc_location id=\"l\">: "), "{found:?}");
}

#[test]
fn what_the_scheduler_cannot_use() {
    let check = |resources: &str, constraints: &str, expected: (Level, &str)| {
        let found = findings(resources, constraints);
        let same = |line: &(Level, String)| line.0 == expected.0 && line.1.starts_with(expected.1);
        assert!(found.iter().any(same), "{expected:?} in {found:?}");
    };
    let unit = "<clone id='c'><meta_attributes id='m'><nvpair id='m1' name='promotable' value='true'/></meta_attributes><primitive id='a' class='systemd' type='t'/></clone>";
    check(unit, "", (Level::Error, "line 4: <primitive id=\"a\">: agents of class systemd"));
    let role = "<primitive id='a' class='ocf' provider='p' type='t'><meta_attributes id='m'><nvpair id='m1' name='target-role' value='Promoted'/></meta_attributes></primitive>";
    check(role, "", (Level::Error, "line 4: <primitive id=\"a\">: target-role \"Promoted\" is ignored"));
    let tags = "<rsc_location id='l' rsc-pattern='(' node='one' score='1'/>";
    check(A, tags, (Level::Error, "line 5: <rsc_location id=\"l\">: ignored: rsc-pattern \"(\""));
    let bundle =
        "<bundle id='b'><podman image='i'/><primitive id='a' class='ocf' provider='p' type='t'/></bundle>";
    check(bundle, "", (Level::Error, "line 4: <bundle id=\"b\">: ignored: a inside can only be controlled"));
}
