//! Why a resource is where it is: every node with its score, and every score with its parts.
//!
//! Knows the words for what assignment recorded. Does not compute any score.

use holdfast_model::{Role, Score};
use holdfast_scheduler::assign::{Assignment, Contribution, Why};
use holdfast_scheduler::constraints::Placement;
use holdfast_scheduler::facts::{Facts, Flags, NodeIx, RscIx};
use holdfast_scheduler::index::Idx;

use crate::list::List;
use crate::status::{node_state, printable_id};

/// What was decided, and for whom.
pub struct Decided<'a> {
    /// The cluster.
    pub facts: &'a Facts<'a>,
    /// Its constraints.
    pub placement: &'a Placement,
    /// Where everything shall be; made with contributions.
    pub assignment: &'a Assignment,
}

impl Decided<'_> {
    /// The resource, or what is in it, node by node; only `node` if one is given.
    pub fn explain(&self, rsc: RscIx, node: Option<NodeIx>) -> Vec<List> {
        let children = &self.facts.rscs[rsc].children;
        if children.is_empty() {
            return vec![self.primitive(rsc, node)];
        }
        children.iter().flat_map(|&child| self.explain(child, node)).collect()
    }

    fn primitive(&self, rsc: RscIx, only: Option<NodeIx>) -> List {
        let mut list = List::titled(format!("{} {}", self.facts.rscs[rsc].id, self.verdict(rsc)));
        for reason in self.reasons(rsc) {
            list.line(reason);
        }
        let given = self.assignment.decisions[rsc].given.map(|given| given.node);
        for node in self.facts.nodes.indices().filter(|node| only.is_none_or(|only| only == *node)) {
            let name = &self.facts.nodes[node].name;
            let Some(slot) = self.assignment.tables.get(rsc, node) else {
                list.line(format!("{name}: not allowed by anything"));
                continue;
            };
            let chosen = if given == Some(node) { ", chosen" } else { "" };
            let state = match self.assignment.node_available(self.facts, node) {
                true => String::new(),
                false => format!(", cannot run resources ({})", node_state(self.facts, node)),
            };
            let mut parts = List::titled(format!("{name}: {}{chosen}{state}", slot.score));
            let initial = self.facts.rscs[rsc].allowed.get(&node).map(|allowed| allowed.score);
            if let Some(initial) = initial.filter(|initial| *initial != Score::ZERO) {
                parts.line(format!("{initial}: known from its state there"));
            }
            for change in self.assignment.contributions.of(rsc, node) {
                parts.line(self.part(change));
            }
            list.list(parts);
        }
        list
    }

    fn verdict(&self, rsc: RscIx) -> String {
        let decision = &self.assignment.decisions[rsc];
        let name = |node: NodeIx| self.facts.nodes[node].name.as_str();
        let now = match self.facts.rscs[rsc].running_on[..] {
            [] => "is stopped".to_string(),
            [node] => format!("is {} on {}", word(decision.role), name(node)),
            ref many => {
                let names: Vec<&str> = many.iter().map(|&node| name(node)).collect();
                format!("is active on {}", names.join(", "))
            }
        };
        let next = match (decision.given, decision.next_role) {
            (None, _) | (_, Role::Stopped) => "shall be stopped".to_string(),
            (Some(given), role) => format!("shall be {} on {}", word(role), name(given.node)),
        };
        format!("{now} and {next}")
    }

    /// What stands above all scores.
    fn reasons(&self, rsc: RscIx) -> Vec<String> {
        let it = &self.facts.rscs[rsc];
        let options = &self.facts.options;
        let decision = &self.assignment.decisions[rsc];
        let mut reasons = Vec::new();
        if options.fencing && !options.have_fencing {
            reasons
                .push("fencing is enabled but no fence device is configured: nothing is started".to_string());
        }
        if !options.quorate {
            reasons.push("this partition has no quorum".to_string());
        }
        if options.stop_all {
            reasons.push("stop-all-resources is set".to_string());
        }
        if let Some(role) = it.meta("target-role").filter(|role| Role::parse(role) == Some(Role::Stopped)) {
            reasons.push(format!("target-role is {role}"));
        }
        if decision.blocked || it.is(Flags::BLOCKED) {
            reasons.push("it is blocked by a failure: clean it up with crm_resource --cleanup".to_string());
        } else if it.is(Flags::MAINTENANCE) {
            reasons.push("it is in maintenance".to_string());
        } else if !it.is(Flags::MANAGED) {
            reasons.push("it is not managed (is-managed=false)".to_string());
        }
        reasons
    }

    fn part(&self, change: &Contribution) -> String {
        let amount = match change.before {
            None => change.after.to_string(),
            Some(_) if change.after.is_infinite() || change.after.is_minus_infinite() => {
                format!("to {}", change.after)
            }
            Some(before) => format!("{:+}", change.after.get() - before.get()),
        };
        format!("{amount}: {}", self.cause(change.why))
    }

    fn cause(&self, why: Why) -> String {
        let id = |rsc: RscIx| printable_id(self.facts, rsc);
        match why {
            Why::Initial => "known from its state there".into(),
            Why::Location(location) => match self.placement.locations.get(location.index()) {
                Some(location) => format!("location {}", location.id),
                None => "a location".into(),
            },
            Why::Stickiness => "stickiness, it runs there".into(),
            Why::FailureBan => "it failed there as often as migration-threshold allows".into(),
            Why::ExclusiveDiscovery => "discovery is exclusive and does not name the node".into(),
            Why::ShutdownLock => "locked to a node that is shutting down".into(),
            Why::Ticket => "a ticket it needs is not granted here".into(),
            Why::Colocation(colocation) => {
                let it = &self.assignment.colocations[colocation];
                format!("colocation {} with {}", it.id, id(it.primary))
            }
            Why::Dependents(colocation) => {
                let it = &self.assignment.colocations[colocation];
                format!("wishes of {}, colocated with it by {}", id(it.dependent), it.id)
            }
            Why::PromotionScore => "promotion score set by the agent".into(),
            Why::TargetRole => "it shall be stopped".into(),
            Why::InstanceLimit => "all instances wanted are placed already".into(),
            Why::NodeFull => "the node cannot take another instance".into(),
            Why::Utilization => "the node has not enough capacity".into(),
            Why::NotOnRemote => "connections and fence devices do not run on remote nodes".into(),
            Why::Launcher => "it has to run where its container or launcher is".into(),
        }
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Promoted => "promoted",
        Role::Unpromoted => "unpromoted",
        Role::Stopped => "stopped",
        Role::Started | Role::Unknown => "started",
    }
}
