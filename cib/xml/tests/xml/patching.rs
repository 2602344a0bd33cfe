//! Differences between documents, and applying them.

use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, Patch, PatchError, Version, diff};
use proptest::prelude::*;

fn parse(text: &str) -> Document {
    Document::parse_default(text).unwrap()
}

fn check(old: &str, new: &str, expected: &str) {
    let (old, new) = (parse(old), parse(new));
    let patch = diff(&old, &new, Compare::AttributeOrder);
    let printed = patch.to_xml();
    let lines: Vec<String> = printed.root().children_named("change").map(|c| c.to_string_compact()).collect();
    assert_eq!(lines.join("\n"), expected);
    let read = Patch::from_xml(printed.root()).unwrap();
    let mut applied = old.clone();
    read.apply(&mut applied).unwrap();
    assert_eq!(applied.to_string_pretty(), new.to_string_pretty());
}

#[test]
fn describes_each_kind_of_change() {
    check("<a/>", "<a/>", "");
    check(
        "<a x='1' y='2' z='3'/>",
        "<a x='1' z='4' w='5'/>",
        "<change operation=\"modify\" path=\"/a\"><change-list><change-attr name=\"z\" operation=\"set\" value=\"4\"/>\
<change-attr name=\"w\" operation=\"set\" value=\"5\"/><change-attr name=\"y\" operation=\"unset\"/></change-list>\
<change-result><a x=\"1\" z=\"4\" w=\"5\"/></change-result></change>",
    );
    check(
        "<a><b id='1'/><b id='2'/><b id='3'/></a>",
        "<a><b id='3'/><b id='1'/><b id='4'/></a>",
        "<change operation=\"delete\" path=\"/a/b[@id='2']\"/>\n\
<change operation=\"move\" path=\"/a/b[@id='3']\" position=\"0\"/>\n\
<change operation=\"move\" path=\"/a/b[@id='1']\" position=\"1\"/>\n\
<change operation=\"create\" path=\"/a\" position=\"2\"><b id=\"4\"/></change>",
    );
    check(
        "<a><!--one--><b/><!--two--></a>",
        "<a><!--two--><b/></a>",
        "<change operation=\"delete\" path=\"/a/comment\" position=\"0\"/>\n\
<change operation=\"delete\" path=\"/a/comment\" position=\"1\"/>\n\
<change operation=\"create\" path=\"/a\" position=\"0\"><!--two--></change>",
    );
    check(
        "<a x='1' y='2'/>",
        "<a y='2' x='1'/>",
        "<change operation=\"modify\" path=\"/a\"><change-list><change-attr name=\"y\" operation=\"set\" value=\"2\"/>\
<change-attr name=\"x\" operation=\"set\" value=\"1\"/></change-list><change-result><a y=\"2\" x=\"1\"/></change-result></change>",
    );
}

#[test]
fn ambiguous_siblings_still_lead_to_the_new_document() {
    let old = parse("<a><b><c x='1'/></b><b><c x='2'/></b></a>");
    let new = parse("<a><b><c x='1'/></b><b><c x='3'/></b></a>");
    let mut applied = old.clone();
    diff(&old, &new, Compare::AttributeOrder).apply(&mut applied).unwrap();
    assert!(applied.same_content(&new));
}

#[test]
fn attribute_order_can_be_ignored() {
    let (old, new) = (parse("<a x='1' y='2'/>"), parse("<a y='2' x='1'/>"));
    assert!(diff(&old, &new, Compare::AttributeValues).is_empty());
}

#[test]
fn versions_decide_whether_a_patch_fits() {
    let check = |current: &str, source: Version, target: Version, expected: Result<(), PatchError>| {
        let patch = Patch { source: Some(source), target: Some(target), ..Patch::default() };
        assert_eq!(patch.check_versions(&parse(current)), expected);
    };
    let at = Version::new;
    let current = "<cib admin_epoch='1' epoch='5' num_updates='7'/>";
    check(current, at(1, 5, 7), at(1, 6, 0), Ok(()));
    check(current, at(1, 5, 7), at(1, 5, 7), Err(PatchError::NotNewer(at(1, 5, 7), at(1, 5, 7))));
    check(
        current,
        at(1, 4, 9),
        at(1, 6, 0),
        Err(PatchError::TooOld { source_version: at(1, 4, 9), current: at(1, 5, 7) }),
    );
    check(
        current,
        at(1, 5, 8),
        at(1, 6, 0),
        Err(PatchError::TooNew { source_version: at(1, 5, 8), current: at(1, 5, 7) }),
    );
    assert!(Patch::default().check_versions(&parse(current)).is_ok());
}

#[test]
fn unreadable_patches_are_refused() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Patch::from_xml(parse(text).root()).unwrap_err().to_string(), expected);
    };
    check("<diff/>", "patch format 1 is not supported, expected format 2 (make a new patch with crm_diff)");
    check("<cib/>", "<cib> in the patch: expected <diff>");
    check(
        "<diff format='2'><change operation='fly' path='/a'/></diff>",
        "<change> in the patch: unknown operation \"fly\"",
    );
    check(
        "<diff format='2'><change operation='modify' path='/a'/></diff>",
        "<change> in the patch: a modification without change-result",
    );
    check(
        "<diff format='2'><version><source epoch='1'/></version></diff>",
        "<source> in the patch: admin_epoch is missing",
    );
    let patch = Patch::from_xml(
        parse("<diff format='2'><change operation='move' path='/a/b' position='1'/></diff>").root(),
    )
    .unwrap();
    assert_eq!(
        patch.apply(&mut parse("<a/>")).unwrap_err().to_string(),
        "the patch wants to move /a/b, which does not exist"
    );
}

fn tree() -> impl Strategy<Value = String> {
    let attributes = proptest::collection::btree_map("[x-z]", "[a-b'\"/\\]]{0,2}", 0..3);
    let id = proptest::option::of("[1-3'\"/\\[\\]]{1,2}");
    let head = (id, attributes, any::<bool>()).prop_map(|(id, attributes, first)| {
        let mut out = String::new();
        let mut put = |name: &str, value: &str| {
            let mut escaped = String::new();
            holdfast_xml::escape_attribute(value, &mut escaped);
            out.push_str(&format!(" {name}=\"{escaped}\""));
        };
        if let (Some(id), true) = (&id, first) {
            put("id", id);
        }
        for (name, value) in &attributes {
            put(name, value);
        }
        if let (Some(id), false) = (&id, first) {
            put("id", id);
        }
        out
    });
    let leaf = ("[ab]|comment", head.clone()).prop_map(|(name, head)| format!("<{name}{head}/>"));
    let inner = leaf.prop_recursive(4, 40, 6, move |inner| {
        (
            "[ab]",
            head.clone(),
            proptest::collection::vec(
                prop_oneof![4 => inner, 1 => Just("<!--c-->".to_owned()), 1 => Just("<!--d-->".to_owned())],
                0..6,
            ),
        )
            .prop_map(|(name, head, children)| format!("<{name}{head}>{}</{name}>", children.concat()))
    });
    proptest::collection::vec(inner, 0..5)
        .prop_map(|children| format!("<cib epoch=\"{}\">{}</cib>", children.len(), children.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn a_patch_leads_from_any_document_to_any_other(old in tree(), new in tree()) {
        let (old, new) = (parse(&old), parse(&new));
        for compare in [Compare::AttributeOrder, Compare::AttributeValues] {
            let printed = diff(&old, &new, compare).to_xml().to_string_pretty();
            let patch = Patch::from_xml(parse(&printed).root()).unwrap();
            let mut applied = old.clone();
            patch.apply(&mut applied).unwrap();
            if compare == Compare::AttributeOrder {
                prop_assert_eq!(applied.to_string_pretty(), new.to_string_pretty());
            }
            prop_assert!(diff(&applied, &new, Compare::AttributeValues).is_empty());
        }
    }
}
