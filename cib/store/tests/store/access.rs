//! Access rules: who may read and change what.

use holdfast_store::acl::{Access, Permission};
use holdfast_store::{Answer, Code, Operation, Request, Store, User};
use proptest::prelude::*;

use super::{request, store};

const ON: &str =
    "<cluster_property_set id='o'><nvpair id='o-a' name='enable-acl' value='true'/></cluster_property_set>";
const RESOURCES: &str = "<primitive id='a' class='ocf' provider='p' type='t'><meta_attributes id='a-m'>\
<nvpair id='a-m-t' name='target-role' value='Stopped'/></meta_attributes></primitive><primitive id='b' class='lsb' type='t'/>";

fn with(permissions: &str) -> Store {
    let acls = format!(
        "<acl_target id='joe'><role id='r'/></acl_target><acl_group id='staff'><role id='r'/></acl_group>\
         <acl_role id='r'>{permissions}</acl_role>"
    );
    store(&[("crm_config", ON), ("resources", RESOURCES), ("acls", &acls)])
}

fn joe() -> User {
    User { name: "joe".to_owned(), groups: vec!["users".to_owned()], privileged: false }
}

fn by(user: User, mut request: Request) -> Request {
    request.origin.user = Some(user);
    request
}

fn check(permissions: &str, operation: Operation, target: &str, input: &str, expected: Option<&str>) {
    let result = with(permissions).apply(&by(joe(), request(operation, target, input)));
    match (&result, expected) {
        (Ok(_), None) => {}
        (Err(refusal), Some(text)) => {
            assert_eq!((refusal.to_string().as_str(), refusal.code()), (text, Code::PermissionDenied));
        }
        _ => panic!("{permissions}: {result:?} instead of {expected:?}"),
    }
}

const WRITE_META: &str = "<acl_permission id='p' kind='write' xpath='//meta_attributes'/>";
const READ_ALL: &str = "<acl_permission id='q' kind='read' xpath='/cib'/>";

#[test]
fn writing_needs_a_right() {
    use Operation::{Create, Delete, Erase, Modify, Replace};
    let set_role = "<primitive id='a'><meta_attributes id='a-m'><nvpair id='a-m-t' value='Started'/></meta_attributes></primitive>";
    let b = "<primitive id='c' class='lsb' type='t'/>";
    let path =
        "/cib/configuration/resources/primitive[@id='a']/meta_attributes[@id='a-m']/nvpair[@id='a-m-t']";
    check(WRITE_META, Modify, "resources", set_role, None);
    check("", Modify, "resources", set_role, Some(&format!("user joe may not modify {path}")));
    check(READ_ALL, Modify, "resources", set_role, Some(&format!("user joe may not modify {path}")));
    check(
        WRITE_META,
        Create,
        "resources",
        b,
        Some("user joe may not create /cib/configuration/resources/primitive[@id='c']"),
    );
    check(
        WRITE_META,
        Delete,
        "resources",
        "<primitive id='b'/>",
        Some("user joe may not delete /cib/configuration/resources/primitive[@id='b']"),
    );
    check(WRITE_META, Delete, "//meta_attributes", "", None);
    // A shell with only an id may be made by anyone.
    let shell = "<primitive id='b'><meta_attributes id='b-m'><nvpair id='n' name='x' value='y'/></meta_attributes></primitive>";
    check(WRITE_META, Modify, "resources", shell, None);
    let deny = "<acl_permission id='p' kind='write' xpath='/cib'/><acl_permission id='d' kind='deny' reference='b'/>";
    check(deny, Create, "resources", b, None);
    check(
        deny,
        Delete,
        "resources",
        "<primitive id='b'/>",
        Some("user joe may not delete /cib/configuration/resources/primitive[@id='b']"),
    );
    check(
        WRITE_META,
        Erase,
        "",
        "",
        Some("user joe may not delete /cib/configuration/crm_config/cluster_property_set[@id='o']"),
    );
    check(
        WRITE_META,
        Replace,
        "resources",
        "<resources/>",
        Some("user joe may not delete /cib/configuration/resources/primitive[@id='a']"),
    );
    let broken = "<acl_permission id='d' kind='deny' xpath='//x[$y]'/>";
    check(
        &format!("{WRITE_META}{broken}"),
        Modify,
        "resources",
        set_role,
        Some(
            "an access rule of user joe cannot be understood, so everything is denied: variables have no values here, write the value itself between quotes at character 5 of \"//x[$y]\" (found \"$\")",
        ),
    );
}

fn check_visible(permissions: &str, user: User, expected: Result<&str, Code>) {
    let answer = with(permissions).query(&by(user, request(Operation::Query, "resources", "")));
    let shown = match &answer {
        Ok(Answer::Xml(document)) => Ok(document.to_string_compact()),
        Ok(Answer::Paths(_)) => panic!("paths were not asked for"),
        Err(refusal) => Err(refusal.code()),
    };
    assert_eq!(shown.as_deref().map_err(|code| *code), expected);
}

#[test]
fn reading_shows_shells_around_what_may_be_read() {
    let m = "<meta_attributes id=\"a-m\"><nvpair id=\"a-m-t\" name=\"target-role\" value=\"Stopped\"/></meta_attributes>";
    check_visible(
        WRITE_META,
        joe(),
        Ok(&format!("<resources><primitive id=\"a\">{m}</primitive></resources>")),
    );
    let deny = format!(
        "{READ_ALL}<acl_permission id='d' kind='deny' object-type='primitive' attribute='provider'/>"
    );
    check_visible(&deny, joe(), Ok("<resources><primitive id=\"b\" class=\"lsb\" type=\"t\"/></resources>"));
    check_visible("", joe(), Err(Code::PermissionDenied));
    let ann = |groups: &[&str], privileged| User {
        name: "ann".to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        privileged,
    };
    check_visible(READ_ALL, ann(&[], false), Err(Code::PermissionDenied));
    check_visible(
        WRITE_META,
        ann(&["staff"], false),
        Ok(&format!("<resources><primitive id=\"a\">{m}</primitive></resources>")),
    );
    let all = format!(
        "<resources><primitive id=\"a\" class=\"ocf\" provider=\"p\" type=\"t\">{m}</primitive><primitive id=\"b\" class=\"lsb\" type=\"t\"/></resources>"
    );
    check_visible("", ann(&[], true), Ok(&all));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Against a naive reading of the rules: nearest named element decides, deny first.
    #[test]
    fn permissions_agree_with_a_naive_reading(
        rules in proptest::collection::vec((0..3u8, prop_oneof![
            Just("//primitive"), Just("//nvpair"), Just("/cib"), Just("//*[@id='a']"), Just("//@class"), Just("//resources"), Just("//meta_attributes/*"),
        ]), 0..5)
    ) {
        let permissions: String = rules.iter().enumerate().map(|(at, (kind, xpath))| {
            let kind = ["read", "write", "deny"][usize::from(*kind)];
            format!("<acl_permission id='p{at}' kind='{kind}' xpath=\"{xpath}\"/>")
        }).collect();
        let store = with(&permissions);
        let document = store.document();
        let access = Access::of(document, Some(&joe())).unwrap().unwrap();
        let permissions = access.permissions(document).unwrap();
        for element in document.root().self_and_descendants() {
            let decided = |wanted: &[u8]| {
                let mut here = Some(element);
                while let Some(at) = here {
                    let says: Vec<u8> = rules.iter().filter(|(_, xpath)| {
                        document.select(xpath).unwrap().contains(&at.ix())
                    }).map(|(kind, _)| *kind).collect();
                    if says.contains(&2) { return false; }
                    if says.iter().any(|kind| wanted.contains(kind)) { return true; }
                    here = at.parent();
                }
                false
            };
            let expected = if decided(&[1]) { Permission::Writable } else if decided(&[0, 1]) { Permission::Readable } else { Permission::Denied };
            prop_assert_eq!(permissions[&element.ix()], expected);
        }
    }
}
