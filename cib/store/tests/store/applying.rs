//! Every operation on a document, and the versions that it leaves.

use holdfast_store::Operation::*;
use holdfast_store::{Answer, Code, Operation, Origin, User};
use holdfast_xml::{Document, Version};

use super::{inside, request, store};

const A: &str = "<primitive id=\"a\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"/>";
const B: &str = "<primitive id=\"b\" class=\"lsb\" type=\"web\"/>";

fn check(operation: Operation, target: &str, input: &str, expected: &str, version: &str) {
    let mut store = store(&[("resources", A)]);
    let change = store.apply(&request(operation, target, input)).unwrap();
    assert_eq!(
        (inside(&store, "resources").as_str(), store.version().to_string().as_str()),
        (expected, version)
    );
    assert_eq!(change.after, store.version());
    let mut again = super::store(&[("resources", A)]).into_document();
    change.patch.apply(&mut again).unwrap();
    assert!(again.same_content(store.document()));
}

#[test]
fn operations() {
    let both = format!("{A}{B}");
    let changed = A.replace("Dummy", "Stateful");
    check(Create, "resources", B, &both, "0.2.0");
    check(Create, "resources", &format!("<resources>{B}</resources>"), &both, "0.2.0");
    check(Modify, "resources", "<primitive id=\"a\" type=\"Stateful\"/>", &changed, "0.2.0");
    check(Modify, "", "<primitive id=\"a\" type=\"Stateful\"/>", &changed, "0.2.0");
    check(Modify, "//primitive[@id='a']", "<primitive id=\"a\" type=\"Stateful\"/>", &changed, "0.2.0");
    check(Replace, "resources", &format!("<resources>{B}</resources>"), B, "0.2.0");
    check(Replace, "//primitive", B, B, "0.2.0");
    // Putting the same in its place counts as a change.
    check(Replace, "resources", A, A, "0.2.0");
    check(Delete, "resources", "<primitive id=\"a\"/>", "", "0.2.0");
    check(Delete, "", "<primitive id=\"nothing\"/>", A, "0.1.0");
    check(Delete, "//primitive[@class='ocf']", "", "", "0.2.0");
    check(Erase, "", "", "", "0.2.0");
    check(Bump, "", "", A, "0.2.1");
    check(Modify, "", "<cib admin_epoch=\"3\"/>", A, "3.1.1");
    check(Modify, "status", "<status><node_state id=\"1\"/></status>", A, "0.1.1");
}

#[test]
fn references_to_nothing_are_refused_unless_they_were_there() {
    let order = "<rsc_order id=\"o\" first=\"a\" then=\"b\"/>";
    let mut fresh = store(&[("resources", A)]);
    let refusal = fresh.apply(&request(Create, "constraints", order)).unwrap_err();
    assert!(refusal.to_string().contains("then=\"b\" names no resource"), "{refusal}");
    assert_eq!(fresh.version().to_string(), "0.1.0");
    // Taken over as it was, it can be mended in steps.
    let mut old = store(&[("resources", A), ("constraints", order)]);
    let ticket = "<rsc_ticket id=\"t\" ticket=\"T\" rsc=\"a\"/>";
    let change = old.apply(&request(Create, "constraints", ticket)).unwrap();
    assert_eq!(change.warnings.len(), 1);
    old.apply(&request(Delete, "constraints", order)).unwrap();
    old.apply(&request(Create, "constraints", order)).unwrap_err();
    // What others refer to cannot be taken away.
    old.apply(&request(Delete, "resources", A)).unwrap_err();
}

#[test]
fn sums() {
    let mut store = store(&[]);
    for expected in ["0.2.0", "0.3.0"] {
        let set = "<rsc_defaults><meta_attributes id=\"m\" score=\"score++\"/></rsc_defaults>";
        let mut request = request(Modify, "configuration", &format!("<configuration>{set}</configuration>"));
        request.options.score_update = true;
        let result = store.apply(&request);
        if expected == "0.2.0" {
            // Nothing to add to yet: the words are taken as they stand, which is no score.
            assert_eq!(result.unwrap_err().code(), Code::SchemaValidation);
            let plain = set.replace("score++", "5");
            store
                .apply(&super::request(Modify, "", &format!("<configuration>{plain}</configuration>")))
                .unwrap();
        } else {
            result.unwrap();
        }
        assert_eq!(store.version().to_string(), expected);
    }
    assert_eq!(inside(&store, "rsc_defaults"), "<meta_attributes id=\"m\" score=\"6\"/>");
}

fn check_refused(operation: Operation, target: &str, input: &str, code: Code, expected: &str) {
    let mut store = store(&[("resources", A)]);
    let before = store.document().to_string_pretty();
    let refusal = store.apply(&request(operation, target, input)).unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.code()), (expected, code));
    assert_eq!(store.document().to_string_pretty(), before);
}

#[test]
fn refusals_change_nothing() {
    check_refused(
        Create,
        "resources",
        A,
        Code::Exists,
        "<primitive id=\"a\"> exists already; use modify or replace to change it",
    );
    check_refused(Create, "resources", "", Code::InvalidArgument, "create needs XML to work with");
    check_refused(
        Create,
        "rubbish",
        B,
        Code::InvalidArgument,
        "there is no section \"rubbish\"; expected one of: configuration, status, crm_config, nodes, resources, \
constraints, op_defaults, rsc_defaults, acls, fencing-topology, tags, alerts",
    );
    check_refused(Modify, "resources", B, Code::NoSuch, "<primitive id=\"b\"> does not exist");
    check_refused(Replace, "//group", B, Code::NoSuch, "anything at //group does not exist");
    check_refused(
        Delete,
        "/cib",
        "",
        Code::InvalidArgument,
        "the whole document cannot be deleted; use erase to empty it",
    );
    check_refused(
        Replace,
        "",
        "<cib admin_epoch='0' epoch='0' num_updates='9' validate-with='pacemaker-4.0'/>",
        Code::OldData,
        "the new document has version 0.0.9, older than the present 0.1.0; query again and redo the change",
    );
    check_refused(Modify, "", "<cib epoch='0'/>", Code::OldData, "epoch must not go backwards: from 1 to 0");
    check_refused(
        Create,
        "resources",
        "<primitive id='b' type='x'/>",
        Code::SchemaValidation,
        "the document is not valid for pacemaker-4.0: line 1: <primitive id=\"b\">: class and type (or a template) are needed",
    );
    check_refused(
        Modify,
        "",
        "<cib validate-with='pacemaker-9.0'/>",
        Code::SchemaValidation,
        "the document has no attribute validate-with that names a known schema (it says \"pacemaker-9.0\")",
    );
    check_refused(
        Upgrade,
        "",
        "",
        Code::SchemaUnchanged,
        "the document is already at the newest schema pacemaker-4.0",
    );
    check_refused(
        Patch,
        "",
        "<diff format='2'><version><source admin_epoch='0' epoch='0' num_updates='0'/>\
<target admin_epoch='0' epoch='1' num_updates='0'/></version></diff>",
        Code::OldData,
        "the patch starts from version 0.0.0, the document is newer (0.1.0)",
    );
    check_refused(
        Modify,
        "",
        "<cib crm_feature_set='9.0.0'/>",
        Code::NotSupported,
        "the document needs feature set 9.0.0, this program has 3.20.5",
    );
}

#[test]
fn origin_comes_from_the_request() {
    let mut store = store(&[]);
    let mut request = request(Create, "resources", A);
    request.origin = Origin {
        node: Some("one".to_owned()),
        client: Some("cibadmin".to_owned()),
        user: Some(User { name: "root".to_owned(), groups: vec![], privileged: true }),
        written: Some("Sat Nov 21 12:00:00 2026".to_owned()),
    };
    store.apply(&request).unwrap();
    let root = store.document().root();
    let values = ["cib-last-written", "update-origin", "update-client", "update-user"]
        .map(|name| root.attr(name).unwrap());
    assert_eq!(values, ["Sat Nov 21 12:00:00 2026", "one", "cibadmin", "root"]);
}

#[test]
fn a_dry_run_and_a_query_change_nothing() {
    let mut store = store(&[("resources", A)]);
    let mut dry = request(Erase, "", "");
    dry.options.dry_run = true;
    let change = store.apply(&dry).unwrap();
    assert_eq!((change.after, store.version()), (Version::new(0, 2, 0), Version::new(0, 1, 0)));
    let answer = |target: &str, paths: bool| {
        let mut request = request(Query, target, "");
        request.options.paths = paths;
        match super::store(&[("resources", &format!("{A}{B}"))]).query(&request).unwrap() {
            Answer::Xml(document) => document.to_string_compact(),
            Answer::Paths(paths) => paths.join(" "),
        }
    };
    assert_eq!(answer("constraints", false), "<constraints/>");
    assert_eq!(answer("//primitive[@id='b']", false), B);
    assert_eq!(answer("//primitive", false), format!("<xpath-query>{A}{B}</xpath-query>"));
    assert_eq!(answer("//primitive[@id='a']/@type", false), "<xpath-query type=\"Dummy\"/>");
    assert_eq!(answer("//primitive[@id='a']", true), "/cib/configuration/resources/primitive[@id='a']");
}

#[test]
fn a_patch_made_from_two_documents_applies() {
    let old = store(&[("resources", A)]);
    let mut new = old.clone();
    new.apply(&request(Create, "resources", B)).unwrap();
    let mut patch =
        holdfast_xml::diff(old.document(), new.document(), holdfast_xml::patch::Compare::AttributeValues);
    patch.digest = Some(new.digest());
    let mut target = old.clone();
    target.apply(&request(Patch, "", &patch.to_xml().to_string_compact())).unwrap();
    assert_eq!(inside(&target, "resources"), format!("{A}{B}"));
    patch.digest = Some("0".repeat(32));
    let refusal = old.clone().apply(&request(Patch, "", &patch.to_xml().to_string_compact())).unwrap_err();
    assert_eq!(refusal.code(), Code::PatchFailed);
}

#[test]
fn digests_are_those_of_the_old_tools() {
    let document = Document::parse_default("<cib epoch=\"1\" update-user=\"x\"><a/></cib>").unwrap();
    // md5sum of ` <cib epoch="1" update-user="x"><a/></cib>\n` and of `<cib epoch="1"><a/></cib>`.
    assert_eq!(holdfast_store::digest::on_disk(document.root()), ON_DISK);
    assert_eq!(holdfast_store::digest::versioned(document.root()), VERSIONED);
}

const ON_DISK: &str = "5b291fc5ffb7ef707b7e7aecae11c6a0";
const VERSIONED: &str = "f8829ef6e350a82e029f70ddcd144e05";
