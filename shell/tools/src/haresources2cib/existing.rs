//! The CIB of a cluster that ran with `crm on`: copied and brought to the newest schema.
//!
//! Knows where heartbeat and Pacemaker kept it. The steps between schemas are the store's.

use super::before_1_0;
use super::ha_cf::Set;
use super::machine::Machine;
use super::source::{Account, Verdict};
use super::{CONFIG, Failure, read};
use holdfast_store::schema;
use holdfast_xml::Document;

/// Where the file lay: heartbeat 2.x and 3.x, then Pacemaker 1.1 and later.
const PLACES: &[&str] = &["/var/lib/heartbeat/crm/cib.xml", "/var/lib/pacemaker/cib/cib.xml"];

/// Takes the machine's CIB over; `set` is the line of ha.cf that switched the manager on, `nodes` are the ring's
/// nodes in the order of their numbers.
///
/// # Errors
/// A file that is no CIB, or one that stays invalid in the newest schema.
pub fn cib<T>(
    machine: &Machine,
    set: Option<&Set<T>>,
    nodes: &[String],
    account: &mut Account,
) -> Result<Option<Document>, Failure> {
    let Some(set) = set else { return Ok(None) };
    let Some(file) = PLACES.iter().find(|f| machine.path(f).is_file()) else {
        let note = format!("crm is on and there is no CIB to take over: looked for {}", PLACES.join(" and "));
        let cure = "name a copy of the node's tree with --root, or switch crm off to convert haresources";
        account.advise(&set.place, &set.text, Verdict::Error, note, cure);
        return Ok(None);
    };
    let path = machine.path(file);
    let fault = |what: String| Failure::new(CONFIG, format!("{}: {what}", path.display()));
    let mut document = Document::parse_default(&read(&path)?).map_err(|e| fault(e.to_string()))?;
    if document.root().name() != "cib" {
        return Err(fault(format!("a <cib> was expected, <{}> was found", document.root().name())));
    }
    let before = schema_of(&document);
    prepare(&mut document);
    number(&mut document, nodes);
    schema::upgrade(&mut document, None).map_err(|refusal| {
        let cure = "correct it with the old cluster's tools (crm_verify, cibadmin), then convert again";
        fault(format!("{refusal}\n    -> {cure}"))
    })?;
    let after = schema_of(&document);
    let note = format!("the CIB {} is taken over", path.display());
    let (verdict, note) = if before == after {
        (Verdict::Kept, format!("{note} as it is (schema {after})"))
    } else {
        (Verdict::Changed, format!("{note}, upgraded from schema {before} to {after}"))
    };
    account.note(&set.place, &set.text, verdict, note);
    Ok(Some(document))
}

fn schema_of(document: &Document) -> String {
    document.root().attr("validate-with").unwrap_or("none").to_owned()
}

/// What belongs to the old cluster's run stays behind: its status, its coordinator, and who wrote the file when.
fn prepare(document: &mut Document) {
    let root = document.root().ix();
    if document.root().attr("validate-with").is_none() {
        before_1_0::rewrite(document);
        document.set_attr(root, "validate-with", "pacemaker-1.0");
    }
    for name in
        ["have-quorum", "dc-uuid", "cib-last-written", "update-origin", "update-client", "update-user"]
    {
        document.remove_attr(root, name);
    }
    let status = document.root().child("status");
    let old: Vec<_> = status.into_iter().flat_map(|s| s.children()).map(|e| e.ix()).collect();
    for ix in old {
        document.remove(ix);
    }
    if document.root().child("status").is_none() {
        document.append(root, "status");
    }
}

/// Heartbeat's nodes had UUIDs; the ring numbers them, and the cluster knows them by those numbers.
fn number(document: &mut Document, nodes: &[String]) {
    let section = document.root().child("configuration").and_then(|c| c.child("nodes"));
    let listed: Vec<_> = section.into_iter().flat_map(|s| s.children_named("node")).collect();
    let place = |name: &str| nodes.iter().position(|n| n.eq_ignore_ascii_case(name));
    let numbered: Vec<_> = listed
        .iter()
        .filter_map(|node| Some((node.ix(), (place(node.attr("uname")?)? + 1).to_string())))
        .collect();
    for (ix, id) in numbered {
        if document.by_id(&id).is_none() {
            document.set_attr(ix, "id", &id);
        }
    }
}
