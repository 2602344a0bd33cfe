//! Changes to the input before anything is planned: nodes come and go, operations fail, tickets are granted.
//! Knows what such an event leaves in the cluster's status. Does not know its consequences.

use super::cli::Args;
use super::{Stop, USAGE};
use holdfast_model::Cib;
use holdfast_model::attributes::{AttributeSet, NameValue};
use holdfast_model::config::{Agent, NodeConfig, ResourceConfig, ResourceKind};
use holdfast_model::status::{ResourceHistory, TicketState};
use holdfast_scheduler::simulate::{self, FailedTask, Failure, Outcomes, Step};
use holdfast_xml::Document;

/// One change, for the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Quorum(String),
    Watchdog(String),
    Node { action: &'static str, node: String },
    Ticket { action: &'static str, ticket: String },
    Operation(String),
    Attribute { name: String, value: String, node: String },
    Error(String),
}

/// Makes all changes that the arguments ask for.
pub(crate) fn apply(
    args: &Args,
    document: &mut Document,
    cib: &mut Cib,
    start_failure_is_fatal: bool,
    now: i64,
) -> Result<Vec<Change>, Stop> {
    let mut changes = Vec::new();
    if let Some(quorum) = &args.quorum {
        changes.push(Change::Quorum(quorum.clone()));
        cib.header.have_quorum = holdfast_model::boolean::is_true(Some(quorum));
        let root = document.root().ix();
        document.set_attr(root, "have-quorum", quorum);
    }
    if let Some(watchdog) = &args.watchdog {
        changes.push(Change::Watchdog(watchdog.clone()));
        set_option(document, cib, "have-watchdog", watchdog);
    }
    for node in &args.node_up {
        changes.push(Change::Node { action: "Online", node: node.clone() });
        ensure_configured(document, cib, node);
        simulate::set_node_state(node_state(cib, node), true);
    }
    for node in &args.node_down {
        changes.push(Change::Node { action: "Offline", node: node.clone() });
        let state = node_state(cib, node);
        simulate::set_node_state(state, false);
        simulate::clear_node(state);
    }
    for node in &args.node_fail {
        changes.push(Change::Node { action: "Failing", node: node.clone() });
        let state = node_state(cib, node);
        simulate::set_node_state(state, true);
        state.in_ccm = Some("false".to_owned());
    }
    let tickets = [
        ("Granting", &args.ticket_grant),
        ("Revoking", &args.ticket_revoke),
        ("Standby", &args.ticket_standby),
        ("Activating", &args.ticket_activate),
    ];
    for (action, names) in tickets {
        for ticket in names {
            changes.push(Change::Ticket { action, ticket: ticket.clone() });
            let state = ticket_state(cib, ticket);
            match action {
                "Granting" => state.granted = true,
                "Revoking" => state.granted = false,
                "Standby" => state.standby = true,
                _ => state.standby = false,
            }
        }
    }
    for spec in &args.op_inject {
        changes.push(Change::Operation(spec.clone()));
        operation(cib, spec, start_failure_is_fatal, now, &mut changes)?;
    }
    Ok(changes)
}

fn node_state<'c>(cib: &'c mut Cib, node: &str) -> &'c mut holdfast_model::NodeState {
    let id = cib.nodes.iter().find(|config| config.name == node).map(|config| config.id.clone());
    simulate::node_state(&mut cib.status, node, id.as_deref())
}

fn ensure_configured(document: &mut Document, cib: &mut Cib, node: &str) {
    if cib.nodes.iter().any(|config| config.name == node) {
        return;
    }
    cib.nodes.push(NodeConfig { id: node.to_owned(), name: node.to_owned(), ..NodeConfig::default() });
    let section = document
        .root()
        .child("configuration")
        .and_then(|configuration| configuration.child("nodes"))
        .map(|nodes| nodes.ix());
    if let Some(section) = section {
        let element = document.append(section, "node");
        document.set_attr(element, "id", node);
        document.set_attr(element, "uname", node);
    }
}

fn set_option(document: &mut Document, cib: &mut Cib, name: &str, value: &str) {
    const BLOCK: &str = "cib-bootstrap-options";
    if !cib.options.iter().any(|block| block.id == BLOCK) {
        cib.options.insert(0, AttributeSet { id: BLOCK.to_owned(), ..AttributeSet::default() });
    }
    let id = format!("{BLOCK}-{name}");
    for block in cib.options.iter_mut().filter(|block| block.id == BLOCK) {
        block.pairs.retain(|pair| pair.name != name);
        let pair = NameValue { id: id.clone(), name: name.to_owned(), value: value.to_owned() };
        block.pairs.push(pair);
    }
    let Some(options) = document
        .root()
        .child("configuration")
        .and_then(|configuration| configuration.child("crm_config"))
        .map(|options| options.ix())
    else {
        return;
    };
    let block =
        document.element(options).child_with_id("cluster_property_set", BLOCK).map(|block| block.ix());
    let block = block.unwrap_or_else(|| {
        let block = document.append(options, "cluster_property_set");
        document.set_attr(block, "id", BLOCK);
        block
    });
    let old =
        document.element(block).children().find(|pair| pair.attr("name") == Some(name)).map(|pair| pair.ix());
    let pair = old.unwrap_or_else(|| document.append(block, "nvpair"));
    document.set_attr(pair, "id", &id);
    document.set_attr(pair, "name", name);
    document.set_attr(pair, "value", value);
}

fn ticket_state<'c>(cib: &'c mut Cib, ticket: &str) -> &'c mut TicketState {
    let tickets = &mut cib.status.tickets;
    let at = tickets.iter().position(|state| state.id == ticket).unwrap_or_else(|| {
        tickets.push(TicketState { id: ticket.to_owned(), ..TicketState::default() });
        tickets.len() - 1
    });
    &mut tickets[at]
}

fn operation(
    cib: &mut Cib,
    spec: &str,
    start_failure_is_fatal: bool,
    now: i64,
    changes: &mut Vec<Change>,
) -> Result<(), Stop> {
    let failure = Failure::parse(spec).map_err(|message| Stop::new(USAGE, message))?;
    let Some((resource, task, interval_ms)) = failure.parts() else {
        return Err(Stop::new(USAGE, format!("'{}' is not RESOURCE_TASK_INTERVAL", failure.key)));
    };
    let Some(agent) = agent_of(cib, resource) else {
        changes.push(Change::Error(format!("Invalid resource name: {resource}")));
        return Ok(());
    };
    let fatal = task == "stop" || (task == "start" && start_failure_is_fatal);
    let state = node_state(cib, &failure.node);
    let what = FailedTask { resource, task, interval_ms };
    for step in simulate::count_failure(state, what, failure.rc, fatal, now) {
        if let Step::Attribute { name, value, node } = step {
            changes.push(Change::Attribute { name, value, node });
        }
    }
    let new = ResourceHistory {
        id: resource.to_owned(),
        class: agent.class,
        provider: agent.provider,
        agent_type: agent.agent_type,
        ..ResourceHistory::default()
    };
    simulate::with_history(state, [resource, resource], new, |history| {
        let name = history.id.clone();
        let result = Outcomes {
            resource: &name,
            task,
            interval_ms,
            node: &failure.node,
            rc: failure.rc,
            expected_rc: 0,
            exit_reason: "Simulated action result",
            ran: None,
            now,
        };
        simulate::record(history, &result);
    });
    Ok(())
}

/// The agent of a primitive by its name, with or without an instance number.
fn agent_of(cib: &Cib, name: &str) -> Option<Agent> {
    let plain = match name.rsplit_once(':') {
        Some((plain, number)) if number.bytes().all(|digit| digit.is_ascii_digit()) => plain,
        _ => name,
    };
    fn find(cib: &Cib, resources: &[ResourceConfig], name: &str) -> Option<Agent> {
        resources.iter().find_map(|resource| match &resource.kind {
            ResourceKind::Primitive(agent) if resource.id == name => {
                let template = resource.template.as_deref();
                let from = cib
                    .templates
                    .iter()
                    .find(|template_config| Some(template_config.id.as_str()) == template);
                Some(from.and_then(|template| template.agent()).unwrap_or(agent).clone())
            }
            _ => find(cib, resource.children(), name),
        })
    }
    find(cib, &cib.resources, plain)
}
