//! The level `resource`.

use super::configure::{now, remove_value, set_value};
use super::session::{Failed, Session, say};
use super::working;
use holdfast_api::cluster::ClusterRequest;
use holdfast_api::resource::{ResourceReply, ResourceRequest, Selection};
use holdfast_api::{Reply, Request};
use holdfast_scheduler::facts;
use holdfast_store::{Operation, Target};
use holdfast_view::status::{self, Show};
use holdfast_xml::{Document, NodeIx};

/// Longest wait for the cluster to settle, in ms.
const PATIENCE_MS: u32 = 600_000;
const RESOURCES: &[&str] = &["primitive", "group", "clone", "master", "bundle"];

/// Carries out a command of the level.
pub fn carry_out(session: &mut Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let first = arguments.first();
    match command {
        "status" => show(session, first.map(String::as_str)),
        "start" => roles(session, arguments, Some("Started")),
        "stop" => roles(session, arguments, Some("Stopped")),
        "promote" => roles(session, arguments, Some("Promoted")),
        "demote" => roles(session, arguments, Some("Unpromoted")),
        "restart" => {
            roles(session, arguments, Some("Stopped"))?;
            wait_idle(session)?;
            roles(session, arguments, Some("Started"))?;
            wait_idle(session)
        }
        "manage" => metas(session, arguments, "is-managed", Some("true")),
        "unmanage" => metas(session, arguments, "is-managed", Some("false")),
        "maintenance" => {
            let on = !matches!(arguments.get(1).map(String::as_str), Some("off" | "false" | "no"));
            metas(
                session,
                &arguments[..arguments.len().min(1)],
                "maintenance",
                Some(if on { "true" } else { "false" }),
            )
        }
        "move" | "ban" => placed(session, command, arguments),
        "clear" => clear(session, arguments),
        "cleanup" | "refresh" => history(session, command, arguments),
        "locate" => locate(session, first),
        "constraints" => constraints(session, first),
        "param" => values(session, "instance_attributes", arguments),
        "meta" => values(session, "meta_attributes", arguments),
        "utilization" => values(session, "utilization", arguments),
        "failcount" => failcount(session, arguments),
        other => Err(format!("`{other}` is no command of this level")),
    }
}

/// Waits until nothing is left to do.
pub fn wait_idle(session: &Session) -> Result<(), Failed> {
    session.ask(Request::Cluster(ClusterRequest::WaitIdle { timeout_ms: PATIENCE_MS })).map(|_| ())
}

/// Whether a resource, or a member of it, is active according to the document's status.
pub fn is_running(document: &Document, id: &str) -> bool {
    let (cib, _) = holdfast_model::read::cib(document);
    let facts = facts::unpack(&cib, now());
    facts.rscs.iter().any(|rsc| rsc.id == id && !rsc.running_on.is_empty())
}

fn show(session: &Session, only: Option<&str>) -> Result<(), Failed> {
    let document = session.document()?;
    if let Some(id) = only {
        return locate_in(&document, id);
    }
    let (cib, _) = holdfast_model::read::cib(&document);
    let facts = facts::unpack(&cib, now());
    let mut text = String::new();
    // The second section is the list of resources; its title is left out.
    for section in status::sections(&facts, &Show::full(false)).iter().skip(1) {
        section.write_text(0, &mut text);
    }
    let lines: Vec<&str> = text.lines().skip(1).collect();
    if lines.iter().all(|l| l.trim().is_empty()) {
        println!("NO resources configured");
    }
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

fn locate(session: &Session, id: Option<&String>) -> Result<(), Failed> {
    locate_in(&session.document()?, id.ok_or("name the resource")?)
}

fn locate_in(document: &Document, id: &str) -> Result<(), Failed> {
    resource(document, id)?;
    let (cib, _) = holdfast_model::read::cib(document);
    let facts = facts::unpack(&cib, now());
    let mut found = false;
    for rsc in facts.rscs.iter().filter(|r| r.id == id || (r.children.is_empty() && r.config_id == id)) {
        for node in &rsc.running_on {
            found = true;
            println!("resource {id} is running on: {}", facts.nodes[*node].name);
        }
    }
    if !found {
        println!("resource {id} is NOT running");
    }
    Ok(())
}

fn resource(document: &Document, id: &str) -> Result<NodeIx, Failed> {
    working::find(document, id)
        .filter(|e| RESOURCES.contains(&e.name()))
        .map(|e| e.ix())
        .ok_or_else(|| format!("there is no resource {id}; `resource status` lists them"))
}

/// Changes the configuration of resources by a function, and puts the section back.
fn change(
    session: &Session,
    section: &str,
    edit: impl FnOnce(&mut Document) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut source = session.source()?;
    let mut document = source.document().map_err(|e| say(&e))?;
    edit(&mut document)?;
    let part = document
        .root()
        .child("configuration")
        .and_then(|c| c.child(section))
        .ok_or_else(|| format!("the document has no {section}"))?;
    let input = Document::from_element(part);
    let request =
        holdfast_store::Request::new(Operation::Replace, Target::Section(section.to_owned()), Some(input));
    source.apply(request, None).map_err(|e| say(&e))?;
    if session.wait {
        wait_idle(session)?;
    }
    Ok(())
}

fn metas(session: &Session, ids: &[String], name: &str, value: Option<&str>) -> Result<(), Failed> {
    if ids.is_empty() {
        return Err("name the resources".to_owned());
    }
    change(session, "resources", |document| {
        for id in ids {
            let ix = resource(document, id)?;
            match value {
                Some(value) => set_value(document, ix, "meta_attributes", name, value),
                None => {
                    remove_value(document, ix, "meta_attributes", name);
                }
            }
            // A child's own value would win over the container's.
            let children: Vec<NodeIx> = document
                .element(ix)
                .descendants()
                .filter(|e| matches!(e.name(), "primitive" | "group"))
                .map(|e| e.ix())
                .collect();
            for child in children {
                remove_value(document, child, "meta_attributes", name);
            }
        }
        Ok(())
    })
}

fn roles(session: &Session, ids: &[String], role: Option<&str>) -> Result<(), Failed> {
    metas(session, ids, "target-role", role)
}

/// `move RSC [NODE] [force]`, `ban RSC [NODE] [force]`.
fn placed(session: &Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&String> = arguments.iter().filter(|a| *a != "force").collect();
    let rsc = words.first().ok_or("name the resource")?.as_str();
    let node = words.get(1).map(|w| w.as_str());
    let document = session.document()?;
    resource(&document, rsc)?;
    let here = {
        let (cib, _) = holdfast_model::read::cib(&document);
        let facts = facts::unpack(&cib, now());
        let active: Vec<String> = facts
            .rscs
            .iter()
            .filter(|r| r.id == rsc)
            .flat_map(|r| r.running_on.iter().map(|n| facts.nodes[*n].name.clone()))
            .collect();
        active
    };
    if let Some(node) = node
        && !working::objects(&document).iter().any(|e| e.name() == "node" && e.attr("uname") == Some(node))
    {
        return Err(format!("there is no node {node}; `node show` lists them"));
    }
    let (id, target, score) = match (command, node) {
        ("move", Some(node)) => {
            if here.iter().any(|h| h == node) {
                return Err(format!("{rsc} is on {node} already"));
            }
            (format!("cli-prefer-{rsc}"), node.to_owned(), "INFINITY")
        }
        (_, node) => {
            let node = match node {
                Some(node) => node.to_owned(),
                None => match here.as_slice() {
                    [one] => one.clone(),
                    _ => return Err(format!("{rsc} is not active on exactly one node; name the node")),
                },
            };
            (format!("cli-ban-{rsc}-on-{node}"), node, "-INFINITY")
        }
    };
    change(session, "constraints", |document| {
        if let Some(old) = document.by_id(&id) {
            document.remove(old);
        }
        let constraints = document
            .root()
            .child("configuration")
            .and_then(|c| c.child("constraints"))
            .map(|e| e.ix())
            .ok_or("the document has no constraints")?;
        let ix = document.append(constraints, "rsc_location");
        for (name, value) in
            [("id", &*id), ("rsc", rsc), ("role", "Started"), ("node", &*target), ("score", score)]
        {
            document.set_attr(ix, name, value);
        }
        Ok(())
    })?;
    let done = if score == "INFINITY" { "prefers" } else { "keeps away from" };
    println!("INFO: {rsc} now {done} {target}; `resource clear {rsc}` undoes it");
    Ok(())
}

fn clear(session: &Session, arguments: &[String]) -> Result<(), Failed> {
    let rsc = arguments.first().ok_or("name the resource")?;
    let node = arguments.get(1);
    change(session, "constraints", |document| {
        resource(document, rsc)?;
        let ours: Vec<NodeIx> = working::objects(document)
            .into_iter()
            .filter(|e| e.name() == "rsc_location" && e.attr("rsc") == Some(rsc))
            .filter(|e| {
                e.attr("id").is_some_and(|id| id.starts_with("cli-prefer-") || id.starts_with("cli-ban-"))
            })
            .filter(|e| node.is_none_or(|n| e.attr("node") == Some(n)))
            .map(|e| e.ix())
            .collect();
        for ix in ours {
            document.remove(ix);
        }
        Ok(())
    })?;
    println!("INFO: Removed migration constraints for {rsc}");
    Ok(())
}

/// `cleanup` and `refresh`.
fn history(session: &Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&String> = arguments.iter().filter(|a| *a != "force").collect();
    let selection = Selection {
        rsc: words.first().map(|w| (*w).clone()),
        node: words.get(1).map(|w| (*w).clone()),
        force: session.force || arguments.iter().any(|a| a == "force"),
        ..Selection::default()
    };
    if let Some(id) = &selection.rsc {
        resource(&session.document()?, id)?;
    }
    let request = if command == "refresh" {
        ResourceRequest::Refresh(selection.clone())
    } else {
        ResourceRequest::Cleanup(selection.clone())
    };
    let mut pairs = match session.ask(Request::Resource(request))? {
        Reply::Resource(ResourceReply::Cleaned(pairs)) => pairs,
        _ => return Err("the cluster gave an answer of another kind".to_owned()),
    };
    if let Some(id) = &selection.rsc {
        let node = selection.node.as_deref();
        pairs = crate::cleaned::covered(&session.document()?, now(), id, node, &pairs);
    }
    for (rsc, node) in &pairs {
        println!("Cleaned up {rsc} on {node}");
    }
    if pairs.is_empty() {
        println!("Cleaned up all resources on all nodes");
    }
    Ok(())
}

fn constraints(session: &Session, id: Option<&String>) -> Result<(), Failed> {
    let id = id.ok_or("name the resource")?;
    let document = session.document()?;
    resource(&document, id)?;
    for element in working::objects(&document) {
        let names = ["rsc", "with-rsc", "first", "then"].iter().any(|a| element.attr(a) == Some(id));
        let in_set = element.descendants().any(|e| e.name() == "resource_ref" && e.attr("id") == Some(id));
        if names || (in_set && element.name().starts_with("rsc_")) {
            println!("{}", super::show::object(element));
        }
    }
    Ok(())
}

fn values(session: &Session, set: &str, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [rsc, "set", name, value] => change(session, "resources", |document| {
            let ix = resource(document, rsc)?;
            set_value(document, ix, set, name, value);
            Ok(())
        }),
        [rsc, "delete", name] => change(session, "resources", |document| {
            let ix = resource(document, rsc)?;
            if remove_value(document, ix, set, name) { Ok(()) } else { Err(format!("{rsc} has no {name}")) }
        }),
        [rsc, "show", name] => {
            let document = session.document()?;
            let ix = resource(&document, rsc)?;
            let element = document.element(ix);
            let value = element
                .children_named(set)
                .flat_map(|s| s.children())
                .find(|n| n.attr("name") == Some(name))
                .and_then(|n| n.attr("value"))
                .ok_or_else(|| format!("{rsc} has no {name}"))?;
            println!("{value}");
            Ok(())
        }
        _ => Err("expected: RSC set NAME VALUE | delete NAME | show NAME".to_owned()),
    }
}

fn failcount(session: &Session, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [rsc, "show", node] => {
            let document = session.document()?;
            resource(&document, rsc)?;
            let (cib, _) = holdfast_model::read::cib(&document);
            let facts = facts::unpack(&cib, now());
            let node_ix = facts.node_named(node).ok_or_else(|| format!("there is no node {node}"))?;
            let rsc_ix = facts.rsc_named(rsc).ok_or_else(|| format!("there is no resource {rsc}"))?;
            println!(
                "scope=status  name=fail-count-{rsc} value={}",
                facts.fail_count(node_ix, rsc_ix, false)
            );
            Ok(())
        }
        [rsc, "delete", node] => history(session, "cleanup", &[(*rsc).to_owned(), (*node).to_owned()]),
        _ => Err("expected: failcount RSC show NODE | delete NODE".to_owned()),
    }
}
