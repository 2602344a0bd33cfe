//! What must hold for every plan of a random cluster.
//!
//! Knows plans and what was configured. Does not know how clusters are made or plans carried out.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_model::{Cib, Role};
use holdfast_scheduler::assign::{Assignment, Wanted, Why, assign};
use holdfast_scheduler::constraints;
use holdfast_scheduler::facts::{Facts, Flags, RscIx, unpack};
use holdfast_scheduler::graph::{Action, ActionId, ActionKind, TransitionGraph};
use holdfast_scheduler::schedule::Schedule;

use crate::clusters::{Cluster, Constraint, Kind};

/// Adds every broken law to `wrong`.
pub fn check(cluster: &Cluster, cib: &Cib, schedule: &Schedule, wrong: &mut Vec<String>) {
    let facts = unpack(cib, crate::NOW);
    let placement = constraints::placement(&facts);
    let wanted = Wanted { contributions: true, ..Wanted::default() };
    let assignment = assign(&facts, &placement, wanted);
    let plan = Plan::new(&schedule.graph);
    explained(&facts, &assignment, wrong);
    instances(&facts, &assignment, wrong);
    fenced_first(&facts, &plan, wrong);
    bans(cluster, &plan, wrong);
    groups_in_order(&facts, &plan, wrong);
    orders(cluster, &facts, &plan, wrong);
}

/// A graph with everything that each action waits for.
struct Plan<'g> {
    done: Vec<&'g Action>,
    before: BTreeMap<ActionId, BTreeSet<ActionId>>,
}

impl<'g> Plan<'g> {
    fn new(graph: &'g TransitionGraph) -> Plan<'g> {
        let direct: BTreeMap<ActionId, &Vec<ActionId>> =
            graph.synapses.iter().map(|synapse| (synapse.action, &synapse.inputs)).collect();
        let mut before = BTreeMap::new();
        for synapse in &graph.synapses {
            let mut seen = BTreeSet::new();
            let mut open = synapse.inputs.clone();
            while let Some(id) = open.pop() {
                if seen.insert(id) {
                    open.extend(direct.get(&id).into_iter().flat_map(|inputs| inputs.iter().copied()));
                }
            }
            before.insert(synapse.action, seen);
        }
        let done = graph.synapses.iter().filter_map(|synapse| graph.actions.get(&synapse.action)).collect();
        Plan { done, before }
    }

    fn agents(&self) -> impl Iterator<Item = &'g Action> {
        self.done.iter().copied().filter(|action| action.kind == ActionKind::Resource)
    }

    fn of(&self, facts: &Facts<'_>, rsc: RscIx, task: &str) -> Vec<&'g Action> {
        let id = facts.rscs[rsc].id.as_str();
        self.agents()
            .filter(|action| action.operation == task && action.resource_instance.as_deref() == Some(id))
            .collect()
    }

    fn waits(&self, later: &Action, earlier: &Action) -> bool {
        self.before.get(&later.id).is_some_and(|before| before.contains(&earlier.id))
    }
}

fn node(action: &Action) -> &str {
    action.node.as_ref().map_or("", |node| node.name.as_str())
}

/// Every score is what its parts make it.
fn explained(facts: &Facts<'_>, assignment: &Assignment, wrong: &mut Vec<String>) {
    for rsc in facts.rscs.indices() {
        for (node, slot) in assignment.tables.present(rsc) {
            let mut score = facts.rscs[rsc].allowed.get(&node).map(|allowed| allowed.score);
            let mut sound = true;
            for change in assignment.contributions.of(rsc, node) {
                sound &= change.before == score && change.why != Why::Initial;
                score = Some(change.after);
            }
            if !sound || score != Some(slot.score) {
                wrong.push(format!(
                    "{} on {}: {} but its parts give {score:?}",
                    facts.rscs[rsc].id, facts.nodes[node].name, slot.score
                ));
            }
        }
    }
}

fn leaves(facts: &Facts<'_>, rsc: RscIx, into: &mut Vec<RscIx>) {
    if facts.rscs[rsc].is_primitive() {
        into.push(rsc);
    }
    for child in &facts.rscs[rsc].children {
        leaves(facts, *child, into);
    }
}

/// Never more instances than allowed, on a node and together; what may not be touched does not count.
fn instances(facts: &Facts<'_>, assignment: &Assignment, wrong: &mut Vec<String>) {
    for (rsc, data) in facts.rscs.iter_enumerated() {
        let Some(clone) = data.clone_data() else { continue };
        let mut per_node: BTreeMap<_, usize> = BTreeMap::new();
        let (mut active, mut promoted) = (0, 0);
        for instance in &data.children {
            let mut parts = Vec::new();
            leaves(facts, *instance, &mut parts);
            let touchable = |part: &&RscIx| {
                let decision = &assignment.decisions[**part];
                decision.managed && !decision.blocked
            };
            if !parts.iter().all(|part| touchable(&part)) {
                continue;
            }
            let nodes: BTreeSet<_> = parts
                .iter()
                .filter_map(|part| assignment.decisions[*part].given)
                .map(|given| given.node)
                .collect();
            if nodes.len() > 1 {
                wrong.push(format!("{} is spread over nodes", facts.rscs[*instance].id));
            }
            active += usize::from(!nodes.is_empty());
            promoted += usize::from(
                !nodes.is_empty()
                    && parts.iter().any(|part| assignment.decisions[*part].next_role == Role::Promoted),
            );
            for node in nodes {
                *per_node.entry(node).or_default() += 1;
            }
        }
        let most = per_node.values().copied().max().unwrap_or(0);
        if active > clone.max || most > clone.node_max || promoted > clone.promoted_max {
            wrong.push(format!(
                "{}: {active} of {} instances, {most} of {} on a node, {promoted} of {} promoted",
                facts.rscs[rsc].id, clone.max, clone.node_max, clone.promoted_max
            ));
        }
    }
}

/// Agents are called on an unclean node, and what ran there started elsewhere, only after its fencing.
fn fenced_first(facts: &Facts<'_>, plan: &Plan<'_>, wrong: &mut Vec<String>) {
    let fencing =
        |name: &str| plan.done.iter().find(|action| action.kind == ActionKind::Fence && node(action) == name);
    for (ix, lost) in facts.nodes.iter_enumerated().filter(|(_, node)| node.unclean) {
        let fence = fencing(&lost.name);
        let after = |action: &Action| fence.is_some_and(|fence| plan.waits(action, fence));
        for action in plan.agents().filter(|action| node(action) == lost.name) {
            if !after(action) {
                wrong.push(format!("{} on {} before its fencing", action.key, lost.name));
            }
        }
        for (rsc, data) in facts.rscs.iter_enumerated() {
            if !data.is_primitive() || data.is(Flags::FENCE_DEVICE) || !data.running_on.contains(&ix) {
                continue;
            }
            for start in plan.of(facts, rsc, "start") {
                if !after(start) {
                    wrong.push(format!(
                        "{} on {} while it may be active on {}",
                        start.key,
                        node(start),
                        lost.name
                    ));
                }
            }
        }
    }
}

/// Banned means never there.
fn bans(cluster: &Cluster, plan: &Plan<'_>, wrong: &mut Vec<String>) {
    for (_, constraint) in &cluster.constraints {
        let Constraint::Location { rsc, node: banned, score: "-INFINITY" } = constraint else { continue };
        let names = cluster.primitives(*rsc);
        let banned = &cluster.nodes[*banned].name;
        for action in plan.agents() {
            let starts = ["start", "promote"].contains(&action.operation.as_str());
            let id = action.resource.as_ref().map_or("", |resource| resource.id.as_str());
            let id = id.split(':').next().unwrap_or(id);
            if starts && node(action) == banned && names.iter().any(|name| name == id) {
                wrong.push(format!("{} on {banned}, where it is banned", action.key));
            }
        }
    }
}

/// A member starts when the one before it is active.
fn groups_in_order(facts: &Facts<'_>, plan: &Plan<'_>, wrong: &mut Vec<String>) {
    for data in facts.rscs.iter().filter(|data| data.is_group()) {
        for pair in data.children.windows(2) {
            after_first(facts, plan, &[pair[0]], pair[1], wrong);
        }
    }
}

/// `then` starts only when every one of `first` that starts has started, and only if one of them is active.
fn after_first(facts: &Facts<'_>, plan: &Plan<'_>, first: &[RscIx], then: RscIx, wrong: &mut Vec<String>) {
    for start in plan.of(facts, then, "start") {
        let mut active = false;
        for earlier in first {
            let starts = plan.of(facts, *earlier, "start");
            let stops = plan.of(facts, *earlier, "stop");
            active |= !starts.is_empty() || (!facts.rscs[*earlier].running_on.is_empty() && stops.is_empty());
            for early in starts {
                if !plan.waits(start, early) {
                    wrong.push(format!("{} does not wait for {}", start.key, early.key));
                }
            }
        }
        if !active {
            let names: Vec<&str> = first.iter().map(|rsc| facts.rscs[*rsc].id.as_str()).collect();
            wrong.push(format!("{} although {names:?} will not be active", start.key));
        }
    }
}

/// Nothing starts before what it is ordered after.
fn orders(cluster: &Cluster, facts: &Facts<'_>, plan: &Plan<'_>, wrong: &mut Vec<String>) {
    for (_, constraint) in &cluster.constraints {
        let Constraint::Order { first, then, mandatory: true } = constraint else { continue };
        let [first, then] = [*first, *then].map(|at| &cluster.resources[at]);
        let cloned = |kind: Kind| matches!(kind, Kind::Clone | Kind::Promotable);
        if cloned(first.kind) && cloned(then.kind) && then.interleave {
            // Instances are paired up by node; the pairs are the business of the suite.
            continue;
        }
        let (Some(first), Some(then)) = (facts.rsc_named(&first.id), facts.rsc_named(&then.id)) else {
            continue;
        };
        let (mut earlier, mut later) = (Vec::new(), Vec::new());
        leaves(facts, first, &mut earlier);
        leaves(facts, then, &mut later);
        for then in later {
            after_first(facts, plan, &earlier, then, wrong);
        }
    }
}
