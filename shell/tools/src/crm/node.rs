//! The level `node`.

use super::configure::{remove_value, set_value};
use super::session::{Failed, Session, say};
use super::working;
use holdfast_api::attribute::{AttributeKind, AttributeName, AttributeNodes, AttributeUpdate, AttributeWait};
use holdfast_api::{AttributeRequest, FenceRequest, NodeRequest, Reply, Request};
use holdfast_store::{Operation, Target};
use holdfast_xml::Document;

/// Carries out a command of the level.
pub fn carry_out(session: &mut Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let mut arguments = arguments.to_vec();
    let lifetime_word = |w: &String| matches!(w.as_str(), "reboot" | "forever");
    match command {
        "show" | "server" => show(session, arguments.first().map(String::as_str), command == "server"),
        "standby" => {
            let reboot = arguments.iter().any(|a| a == "reboot");
            arguments.retain(|a| !lifetime_word(a));
            let node = node_name(session, arguments.first())?;
            if reboot {
                transient(session, &node, "standby", Some("on"))
            } else {
                lasting(session, &node, "standby", Some("on"))
            }
        }
        "online" => {
            arguments.retain(|a| !lifetime_word(a));
            let node = node_name(session, arguments.first())?;
            if session.shadow.is_none() && is_live() {
                transient(session, &node, "standby", None)?;
            }
            lasting(session, &node, "standby", Some("off"))
        }
        "maintenance" => {
            let node = node_name(session, arguments.first())?;
            lasting(session, &node, "maintenance", Some("true"))
        }
        "ready" => {
            let node = node_name(session, arguments.first())?;
            lasting(session, &node, "maintenance", Some("false"))
        }
        "fence" => {
            let node = required(&arguments)?;
            if !super::confirm(
                session,
                &format!(
                    "Fencing {node} will shut down the node and migrate any resources that are running on it! Do you want to fence it"
                ),
            )? {
                return Ok(());
            }
            transient(session, &node, "terminate", Some("true"))
        }
        "clearstate" => {
            let node = required(&arguments)?;
            if !super::confirm(session, &format!("Do you really want to drop state for node {node}"))? {
                return Ok(());
            }
            clear_state(session, &node)
        }
        "delete" => {
            let node = required(&arguments)?;
            session.ask(Request::Node(NodeRequest::Remove { node: node.clone(), force: session.force }))?;
            println!("INFO: node {node} deleted");
            Ok(())
        }
        "attribute" | "utilization" | "status-attr" => values(session, command, &arguments),
        other => Err(format!("`{other}` is no command of this level")),
    }
}

fn is_live() -> bool {
    crate::cib_source::Place::from_environment() == crate::cib_source::Place::Live
}

fn required(arguments: &[String]) -> Result<String, Failed> {
    arguments.first().cloned().ok_or_else(|| "name the node".to_owned())
}

/// The node named, or this one.
fn node_name(session: &Session, given: Option<&String>) -> Result<String, Failed> {
    let name = match given {
        Some(name) => name.clone(),
        None => match session.ask(Request::Node(NodeRequest::Local))? {
            Reply::Node(node) => node.name,
            _ => return Err("the cluster does not say which node this is; name the node".to_owned()),
        },
    };
    let document = session.document()?;
    let known =
        working::objects(&document).into_iter().any(|e| e.name() == "node" && e.attr("uname") == Some(&name));
    if known { Ok(name) } else { Err(format!("there is no node {name}; `node show` lists them")) }
}

fn show(session: &Session, only: Option<&str>, names: bool) -> Result<(), Failed> {
    let document = session.document()?;
    let mut found = false;
    for element in working::objects(&document).into_iter().filter(|e| e.name() == "node") {
        let (id, uname) = (element.attr("id").unwrap_or_default(), element.attr("uname").unwrap_or_default());
        if only.is_some_and(|o| o != uname) {
            continue;
        }
        found = true;
        if names {
            println!("{uname}");
            continue;
        }
        let kind = element.attr("type").unwrap_or("member");
        println!("{uname}({id}): {}", if kind == "normal" { "member" } else { kind });
        for set in element.children() {
            for pair in set.children_named("nvpair") {
                println!(
                    "\t{}={}",
                    pair.attr("name").unwrap_or_default(),
                    pair.attr("value").unwrap_or_default()
                );
            }
        }
    }
    match only {
        Some(name) if !found => Err(format!("there is no node {name}; `node show` lists them")),
        _ => Ok(()),
    }
}

/// Changes an attribute in the configuration.
fn lasting(session: &Session, node: &str, name: &str, value: Option<&str>) -> Result<(), Failed> {
    change_set(session, node, "instance_attributes", name, value)
}

fn change_set(
    session: &Session,
    node: &str,
    set: &str,
    name: &str,
    value: Option<&str>,
) -> Result<(), Failed> {
    let mut source = session.source()?;
    let mut document = source.document().map_err(|e| say(&e))?;
    let ix = working::find(&document, node)
        .filter(|e| e.name() == "node")
        .map(|e| e.ix())
        .ok_or_else(|| format!("there is no node {node}; `node show` lists them"))?;
    match value {
        Some(value) => {
            // A node's sets are called after the node, not after its element.
            if document.element(ix).child(set).is_none() {
                let id = document.element(ix).attr("id").unwrap_or_default().to_owned();
                let made = document.append(ix, set);
                let set_id = if set == "utilization" {
                    format!("nodes-{id}-utilization")
                } else {
                    format!("nodes-{id}")
                };
                document.set_attr(made, "id", &set_id);
            }
            set_value(&mut document, ix, set, name, value);
        }
        None => {
            if !remove_value(&mut document, ix, set, name) {
                return Ok(());
            }
        }
    }
    let nodes = document
        .root()
        .child("configuration")
        .and_then(|c| c.child("nodes"))
        .ok_or("the document has no nodes")?;
    let input = Document::from_element(nodes);
    let request =
        holdfast_store::Request::new(Operation::Replace, Target::Section("nodes".to_owned()), Some(input));
    source.apply(request, None).map_err(|e| say(&e))?;
    if session.wait {
        super::resource::wait_idle(session)?;
    }
    Ok(())
}

/// Changes an attribute that lasts until the node's next start.
fn transient(session: &Session, node: &str, name: &str, value: Option<&str>) -> Result<(), Failed> {
    let request = match value {
        Some(value) => AttributeRequest::Update(AttributeUpdate {
            name: AttributeName::Exact(name.to_owned()),
            node: Some(node.to_owned()),
            value: Some(value.to_owned()),
            dampen_ms: None,
            set: None,
            kind: AttributeKind::Instance,
            private: false,
            wait: AttributeWait::Cluster,
        }),
        None => AttributeRequest::Delete { name: name.to_owned(), node: Some(node.to_owned()) },
    };
    session.ask(Request::Attribute(request)).map(|_| ())
}

/// Says that a node is down for certain.
fn clear_state(session: &Session, node: &str) -> Result<(), Failed> {
    session.ask(Request::Fence(FenceRequest::Confirm { target: node.to_owned() })).map(|_| ())
}

fn values(session: &Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let set = if command == "utilization" { "utilization" } else { "instance_attributes" };
    match (command, words.as_slice()) {
        ("status-attr", [node, "set", name, value]) => transient(session, node, name, Some(value)),
        ("status-attr", [node, "delete", name]) => transient(session, node, name, None),
        ("status-attr", [node, "show", name]) => {
            let query = AttributeRequest::Query {
                name: Some((*name).to_owned()),
                nodes: AttributeNodes::Named((*node).to_owned()),
            };
            match session.ask(Request::Attribute(query))? {
                Reply::Attributes(found) => {
                    for value in found {
                        println!(
                            "scope=status  name={} value={}",
                            value.name,
                            value.value.unwrap_or_default()
                        );
                    }
                    Ok(())
                }
                _ => Err("the cluster gave an answer of another kind".to_owned()),
            }
        }
        (_, [node, "set", name, value]) => change_set(session, node, set, name, Some(value)),
        (_, [node, "delete", name]) => change_set(session, node, set, name, None),
        (_, [node, "show", name]) => {
            let document = session.document()?;
            let element = working::find(&document, node).ok_or_else(|| format!("there is no node {node}"))?;
            let value =
                element.children_named(set).flat_map(|s| s.children()).find(|n| n.attr("name") == Some(name));
            match value {
                Some(pair) => {
                    println!("scope=nodes  name={name} value={}", pair.attr("value").unwrap_or_default());
                    Ok(())
                }
                None => Err(format!("{node} has no attribute {name}")),
            }
        }
        _ => Err(format!("expected: {command} NODE set NAME VALUE | delete NAME | show NAME")),
    }
}
