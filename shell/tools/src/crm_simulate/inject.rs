//! Changes to the input before anything is planned: nodes come and go, operations fail, tickets are granted.
//! Knows what such an event leaves in the cluster's status. Does not know its consequences.

use super::Stop;
use super::cli::Args;
use crate::exit;
use holdfast_model::Cib;
use holdfast_model::attributes::{AttributeSet, NameValue};
use holdfast_model::config::{Agent, NodeConfig};
use holdfast_model::status::{NodeState, ResourceHistory, TicketState};
use holdfast_scheduler::facts::{Facts, RscIx};
use holdfast_scheduler::simulate::{self, FailedTask, Failure, Outcomes, Step};
use holdfast_xml::Document;
use std::collections::BTreeMap;

/// One change, for the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Quorum(String),
    Watchdog(String),
    Node { action: &'static str, node: String },
    Ticket { action: &'static str, ticket: String },
    Operation(String),
    Attribute { name: String, value: String, node: String },
}

/// What has to be known of the cluster before it is changed.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    start_failure_is_fatal: bool,
    /// Ids of nodes of all kinds by their names in lower case.
    nodes: BTreeMap<String, String>,
    /// For each operation that shall have happened: the agent of its resource.
    agents: Vec<Option<Agent>>,
}

impl Known {
    pub(crate) fn new(args: &Args, facts: &Facts<'_>) -> Known {
        let agent = |spec: &String| {
            let failure = Failure::parse(spec).ok()?;
            let (name, ..) = failure.parts()?;
            let rsc = facts.top.iter().find_map(|top| named(facts, *top, name))?;
            facts.rscs[rsc].agent.clone()
        };
        Known {
            start_failure_is_fatal: facts.options.start_failure_fatal,
            nodes: facts.nodes.iter().map(|node| (node.name.to_lowercase(), node.id.clone())).collect(),
            agents: args.op_inject.iter().map(agent).collect(),
        }
    }
}

/// The first resource of that name, or whose history has it.
fn named(facts: &Facts<'_>, at: RscIx, name: &str) -> Option<RscIx> {
    let rsc = &facts.rscs[at];
    if rsc.id == name || rsc.history_id.as_deref() == Some(name) {
        return Some(at);
    }
    rsc.children.iter().find_map(|child| named(facts, *child, name))
}

/// All changes that the arguments ask for, and what of it could not be done.
pub(crate) fn apply(
    args: &Args,
    document: &mut Document,
    cib: &mut Cib,
    known: &Known,
    now: i64,
) -> Result<(Vec<Change>, Vec<String>), Stop> {
    let mut changes = Vec::new();
    let mut refused = Vec::new();
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
    let mut nodes =
        Nodes { ids: &known.nodes, document: Some(document).filter(|_| !args.node_up.is_empty()) };
    for node in &args.node_up {
        changes.push(Change::Node { action: "Online", node: node.clone() });
        let state = nodes.state(cib, node)?;
        simulate::set_node_state(state, true);
        simulate::settle(state);
    }
    for node in &args.node_down {
        changes.push(Change::Node { action: "Offline", node: node.clone() });
        let state = nodes.state(cib, node)?;
        simulate::set_node_state(state, false);
        simulate::clear_node(state);
    }
    for node in &args.node_fail {
        changes.push(Change::Node { action: "Failing", node: node.clone() });
        let state = nodes.state(cib, node)?;
        simulate::set_node_state(state, true);
        state.in_ccm = Some("false".to_owned());
        simulate::settle(state);
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
    for (spec, agent) in args.op_inject.iter().zip(&known.agents) {
        changes.push(Change::Operation(spec.clone()));
        let injection =
            Injection { spec, agent: agent.as_ref(), fatal_start: known.start_failure_is_fatal, now };
        if let Err(problem) = injection.apply(cib, &mut nodes, &mut changes)? {
            refused.push(problem);
        }
    }
    Ok((changes, refused))
}

/// Where states of nodes are looked for.
struct Nodes<'a> {
    ids: &'a BTreeMap<String, String>,
    /// Where nodes that are missing are configured; without it, nobody makes up a node.
    document: Option<&'a mut Document>,
}

impl Nodes<'_> {
    fn state<'c>(&mut self, cib: &'c mut Cib, name: &str) -> Result<&'c mut NodeState, Stop> {
        if let Some(document) = &mut self.document {
            configure(document, cib, name);
        }
        let configured = cib.nodes.iter().find(|node| node.name.eq_ignore_ascii_case(name));
        let id = configured.map(|node| &node.id).or_else(|| self.ids.get(&name.to_lowercase())).cloned();
        if id.is_none() && !cib.status.nodes.iter().any(|state| state.name == name) {
            let message = format!("no node '{name}' is configured: add it with `--node-up {name}`");
            return Err(Stop::new(exit::NO_SUCH, message));
        }
        Ok(simulate::node_state(&mut cib.status, name, id.as_deref()))
    }
}

/// Configures a node that is missing.
fn configure(document: &mut Document, cib: &mut Cib, node: &str) {
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

/// Configures the nodes, remote ones included, on which something happened: once a node was asked to come up, every
/// node that gets a result is made a member.
pub(crate) fn configure_touched(document: &mut Document, cib: &mut Cib, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Resource { operation, node, .. }
                if !matches!(operation.as_str(), "delete" | "meta-data") =>
            {
                configure(document, cib, node);
            }
            Step::Fencing { target, action } if !action.eq_ignore_ascii_case("on") => {
                configure(document, cib, target);
            }
            _ => {}
        }
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

/// An operation that shall have happened.
struct Injection<'a> {
    spec: &'a str,
    agent: Option<&'a Agent>,
    fatal_start: bool,
    now: i64,
}

impl Injection<'_> {
    /// Leaves its result in the history; what is not understood changes nothing and is said.
    fn apply(
        &self,
        cib: &mut Cib,
        nodes: &mut Nodes<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<Result<(), String>, Stop> {
        let failure = match Failure::parse(self.spec) {
            Ok(failure) => failure,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some((resource, task, interval_ms)) = failure.parts() else {
            return Ok(Err(format!("'{}' is not RESOURCE_TASK_INTERVAL", failure.key)));
        };
        let Some(agent) = self.agent else {
            return Ok(Err(format!(
                "no primitive is called '{resource}' (an instance of a clone that runs nowhere has a number, as in \
                 web:0)"
            )));
        };
        let now = self.now;
        let fatal = task == "stop" || (task == "start" && self.fatal_start);
        let state = nodes.state(cib, &failure.node)?;
        let what = FailedTask { resource, task, interval_ms };
        for step in simulate::count_failure(state, what, failure.rc, fatal, now) {
            if let Step::Attribute { name, value, node } = step {
                changes.push(Change::Attribute { name, value, node });
            }
        }
        let new = ResourceHistory {
            id: resource.to_owned(),
            class: agent.class.clone(),
            provider: agent.provider.clone(),
            agent_type: agent.agent_type.clone(),
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
        Ok(Ok(()))
    }
}
