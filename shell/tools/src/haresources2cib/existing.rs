//! The CIB of a cluster that ran with `crm on`: copied and brought to the newest schema.
//!
//! Knows where heartbeat and Pacemaker kept it. The steps between schemas are the store's.

use super::before_1_0;
use super::ha_cf::Set;
use super::machine::Machine;
use super::plan::Plan;
use super::source::{Account, Verdict};
use super::value::written;
use super::{CONFIG, Failure, read};
use holdfast_store::schema;
use holdfast_xml::{Document, NodeIx};
use std::path::PathBuf;

/// Where the file lay: heartbeat 2.x and 3.x, then Pacemaker 1.1 and later.
const PLACES: &[&str] = &["/var/lib/heartbeat/crm/cib.xml", "/var/lib/pacemaker/cib/cib.xml"];

/// The machine's CIB, if it has one.
pub fn source(machine: &Machine) -> Option<PathBuf> {
    PLACES.iter().map(|f| machine.path(f)).find(|path| path.is_file())
}

/// Takes the machine's CIB over; `set` is the line of ha.cf that switched the manager on, `plan` holds the ring's
/// nodes in the order of their numbers, and what other lines of ha.cf add.
///
/// # Errors
/// A file that is no CIB, or one that stays invalid in the newest schema.
pub fn cib<T>(
    machine: &Machine,
    set: Option<&Set<T>>,
    plan: &Plan,
    account: &mut Account,
) -> Result<Option<Document>, Failure> {
    let Some(set) = set else { return Ok(None) };
    let Some(path) = source(machine) else {
        let note = format!("crm is on and there is no CIB to take over: looked for {}", PLACES.join(" and "));
        let cure = "name a copy of the node's tree with --root, or switch crm off to convert haresources";
        account.advise(&set.place, &set.text, Verdict::Error, note, cure);
        return Ok(None);
    };
    let fault = |what: String| Failure::new(CONFIG, format!("{}: {what}", path.display()));
    let mut document = Document::parse_default(&read(&path)?).map_err(|e| fault(e.to_string()))?;
    if document.root().name() != "cib" {
        return Err(fault(format!("a <cib> was expected, <{}> was found", document.root().name())));
    }
    let before = schema_of(&document);
    prepare(&mut document);
    number(&mut document, &plan.nodes);
    schema::upgrade(&mut document, None).map_err(|refusal| {
        let cure = "correct it with the old cluster's tools (crm_verify, cibadmin), then convert again";
        fault(format!("{refusal}\n    -> {cure}"))
    })?;
    successors(&mut document, plan, account, set);
    add(&mut document, plan);
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

/// `pingd` pinged what ha.cf named; the agent of today has to be told.
fn successors<T>(document: &mut Document, plan: &Plan, account: &mut Account, set: &Set<T>) {
    let old: Vec<NodeIx> = document
        .root()
        .descendants()
        .filter(|e| e.name() == "primitive" && e.attr("type") == Some("pingd"))
        .map(|e| e.ix())
        .collect();
    for ix in old {
        document.set_attr(ix, "provider", "pacemaker");
        document.set_attr(ix, "type", "ping");
        let element = document.element(ix);
        let id = element.id().unwrap_or_default().to_owned();
        let sets: Vec<_> = element.children_named("instance_attributes").collect();
        let told = sets
            .iter()
            .flat_map(|s| s.children_named("nvpair"))
            .any(|p| p.attr("name") == Some("host_list") && p.attr("value").is_some_and(|v| !v.is_empty()));
        let own = sets.first().map(|s| s.ix());
        let first = element.children().next().map(|e| e.ix());
        let mut note = format!("{id}: pingd is the ping agent today");
        if !told && !plan.ping_hosts.is_empty() {
            let set = match (own, first) {
                (Some(set), _) => set,
                (None, Some(first)) => document.insert_before(first, "instance_attributes"),
                (None, None) => document.append(ix, "instance_attributes"),
            };
            if own.is_none() {
                document.set_attr(set, "id", &format!("{id}_inst_attr"));
            }
            let pair = document.append(set, "nvpair");
            let hosts = plan.ping_hosts.join(" ");
            for (name, value) in [
                ("id", format!("{id}_host_list")),
                ("name", "host_list".to_owned()),
                ("value", hosts.clone()),
            ] {
                document.set_attr(pair, name, &value);
            }
            note.push_str(&format!(", with the ping nodes of ha.cf: {hosts}"));
        }
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
}

/// Adds what ha.cf ran beside the cluster manager, and the start-up wait where the CIB has none.
fn add(document: &mut Document, plan: &Plan) {
    let beside = super::cib::document(plan);
    let section = |document: &Document, name: &str| {
        document.root().child("configuration").and_then(|c| c.child(name)).map(|e| e.ix())
    };
    if let (Some(from), Some(into)) = (section(&beside, "resources"), section(document, "resources")) {
        for element in beside.element(from).children() {
            if element.id().is_none_or(|id| document.by_id(id).is_none()) {
                document.append_copy(into, &beside, element.ix());
            }
        }
    }
    let Some(config) = section(document, "crm_config") else { return };
    let sets: Vec<_> = document.element(config).children_named("cluster_property_set").collect();
    let pairs = sets.iter().flat_map(|s| s.children_named("nvpair"));
    let told = pairs.into_iter().any(|p| p.attr("name") == Some("dc-deadtime"));
    let own = sets.first().map(|s| s.ix());
    if told {
        return;
    }
    let set = own.unwrap_or_else(|| {
        let set = document.append(config, "cluster_property_set");
        document.set_attr(set, "id", "cib-bootstrap-options");
        set
    });
    let pair = document.append(set, "nvpair");
    for (name, value) in [
        ("id", "cib-bootstrap-options-dc-deadtime".to_owned()),
        ("name", "dc-deadtime".to_owned()),
        ("value", written(plan.initdead_ms)),
    ] {
        document.set_attr(pair, name, &value);
    }
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
