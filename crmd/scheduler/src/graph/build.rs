//! Chooses the actions that are executed, and writes them into the graph in the order of emission.
//!
//! Knows which actions and which of their inputs belong into the graph. Does not change the plan otherwise.

use super::cycles::break_cycles;
use super::shared::Shared;
use super::{ActionId, Actions, Synapse, TransitionGraph};
use crate::actions::kinds::{ActIx, Input, Key, Task, flag};
use crate::actions::plan::Plan;
use crate::facts::{Flags, RscIx, RscKind};
use crate::order::relation::{self as ar, has};
use crate::schedule::{Considered, ConsideredInput};
use holdfast_model::{Level, Problem};

/// Builds the graph of a finished plan.
pub(crate) fn build(plan: &mut Plan<'_>, id: u32) -> TransitionGraph {
    let facts = plan.facts;
    let option = |name: &str, old: &str, default: &str| {
        let raw = &facts.options.raw;
        raw.get(name).or_else(|| raw.get(old)).map_or_else(|| default.to_owned(), Clone::clone)
    };
    let migration_limit = option("migration-limit", "migration-limit", "-1");
    let mut graph = TransitionGraph {
        id,
        cluster_delay: option("cluster-delay", "cluster-delay", "60s"),
        fencing_timeout: option("fencing-timeout", "stonith-timeout", "60s"),
        start_failure_is_fatal: facts.options.start_failure_fatal,
        batch_limit: option("batch-limit", "batch-limit", "0"),
        migration_limit: migration_limit
            .trim()
            .parse::<i64>()
            .is_ok_and(|limit| limit > 0)
            .then_some(migration_limit),
        // What is only looked at for the actions of the graph is looked at again before it matters.
        recheck_by: plan.facts.recheck_by.get().filter(|time| *time > 0),
        ..TransitionGraph::default()
    };
    let mut emission = Emission::default();
    for rsc in plan.top.clone() {
        emit_rsc(plan, rsc, &mut emission);
    }
    if !plan.maintenance_changes().is_empty() {
        let update = plan.named_milestone("maintenance_nodes");
        plan.act_mut(update).set(flag::ALWAYS_IN_GRAPH);
    }
    for action in (0..plan.actions.len() as u32).rev().map(ActIx) {
        emit(plan, action, &mut emission);
    }
    graph.actions = describe_all(plan, &emission);
    graph.synapses = emission.synapses;
    drop_circles(plan, &mut graph);
    graph
}

/// Gives up waits that would hold up the whole transition: those that only say "one after the other" go first.
fn drop_circles(plan: &mut Plan<'_>, graph: &mut TransitionGraph) {
    let soft = ar::ORDERED | ar::SERIALIZE | ar::THEN_IMPLIES_FIRST_GRAPHED | ar::FIRST_IMPLIES_THEN_GRAPHED;
    let index = |id: ActionId| ActIx(id.0 - 1);
    let broken = break_cycles(graph, |first, then| {
        let inputs = &plan.act(index(then)).before;
        let flags = inputs.iter().find(|input| input.first == index(first)).map_or(0, |input| input.flags);
        u32::from(flags & !soft != 0)
    });
    for wait in broken {
        for input in plan.before_mut(index(wait.then)) {
            if input.first == index(wait.first) {
                input.graphed = false;
                input.flags = ar::NONE;
            }
        }
        let (first, then) = (plan.full_key(index(wait.first)), plan.full_key(index(wait.then)));
        plan.problems.push(Problem::new(
            Level::Error,
            "constraints",
            "",
            format!(
                "orderings form a circle: {then} does not wait for {first}; remove one of the orderings between them"
            ),
        ));
    }
}

fn emit_rsc(plan: &mut Plan<'_>, rsc: RscIx, emission: &mut Emission) {
    match &plan.rsc(rsc).kind {
        RscKind::Primitive | RscKind::Group(_) => emit_own_first(plan, rsc, emission),
        RscKind::Clone(_) => {
            for action in plan.rscs[rsc].actions.clone().into_iter().rev() {
                plan.action_flags(action, None);
            }
            plan.create_notifications(rsc);
            for child in plan.rscs[rsc].children.clone() {
                emit_rsc(plan, child, emission);
            }
            emit_own_first(plan, rsc, emission);
        }
        RscKind::Bundle(bundle) => {
            if let Some(inner) = bundle.child {
                emit_rsc(plan, inner, emission);
            }
            for replica in &bundle.replicas {
                for part in [replica.ip, Some(replica.container), replica.remote].into_iter().flatten() {
                    emit_rsc(plan, part, emission);
                }
            }
        }
    }
}

fn emit_own_first(plan: &mut Plan<'_>, rsc: RscIx, emission: &mut Emission) {
    for action in plan.rscs[rsc].actions.clone().into_iter().rev() {
        emit(plan, action, emission);
    }
    for child in plan.rscs[rsc].children.clone() {
        emit_rsc(plan, child, emission);
    }
}

/// The steps so far, and which actions only come up as inputs.
#[derive(Default)]
struct Emission {
    synapses: Vec<Synapse>,
    inputs: Vec<ActIx>,
}

fn emit(plan: &mut Plan<'_>, action: ActIx, emission: &mut Emission) {
    if !plan.act(action).is(flag::DEDUPLICATED) {
        deduplicate(plan, action);
    }
    if plan.act(action).is(flag::GRAPHED) || !plan.action_counts(action) {
        return;
    }
    plan.act_mut(action).set(flag::GRAPHED);
    let act = plan.act(action);
    let own = act.rsc.map_or(0, |rsc| plan.rscs[rsc].priority);
    let mut synapse = Synapse {
        id: emission.synapses.len() as u32,
        priority: own.max(act.priority).max(0),
        action: ActionId(action.number()),
        inputs: Vec::new(),
    };
    for at in 0..plan.act(action).before.len() {
        if !plan.input_counts(action, at) {
            continue;
        }
        plan.before_mut(action)[at].graphed = true;
        let first = plan.act(action).before[at].first;
        synapse.inputs.push(ActionId(first.number()));
        if !plan.act(first).is(flag::GRAPHED) {
            emission.inputs.push(first);
        }
    }
    emission.synapses.push(synapse);
}

/// What is known about every action of the graph; of those that are only waited for, no more than who they are.
fn describe_all(plan: &Plan<'_>, emission: &Emission) -> Actions {
    let mut shared = Shared::new(plan.facts);
    let mut actions = Actions::with_capacity(plan.actions.len(), emission.synapses.len());
    for synapse in &emission.synapses {
        let described = plan.describe(ActIx(synapse.action.0 - 1), true, &mut shared);
        actions.insert(described.id, described);
    }
    for input in &emission.inputs {
        if !plan.act(*input).is(flag::GRAPHED) && actions.get(&ActionId(input.number())).is_none() {
            let described = plan.describe(*input, false, &mut shared);
            actions.insert(described.id, described);
        }
    }
    actions
}

/// One input per action, by ascending number, with all that was said about it.
fn deduplicate(plan: &mut Plan<'_>, action: ActIx) {
    let act = plan.act_mut(action);
    act.set(flag::DEDUPLICATED);
    let mut inputs = std::mem::take(&mut act.before);
    inputs.reverse();
    inputs.sort_by_key(|input| input.first);
    let mut merged: Vec<Input> = Vec::with_capacity(inputs.len());
    for input in inputs {
        match merged.last_mut() {
            Some(last) if last.first == input.first => last.flags |= input.flags,
            _ => merged.push(Input { graphed: false, ..input }),
        }
    }
    act.before = merged;
}

impl Plan<'_> {
    /// Whether an action is executed.
    pub(crate) fn action_counts(&self, action: ActIx) -> bool {
        let act = self.act(action);
        if !act.is(flag::RUNNABLE) || (act.is(flag::OPTIONAL) && !act.is(flag::ALWAYS_IN_GRAPH)) {
            return false;
        }
        if let Some(rsc) = act.rsc
            && !self.is(rsc, Flags::MANAGED)
            && act.task != Task::Monitor
            && !self.is_recurring(action)
        {
            return false;
        }
        if act.is(flag::PSEUDO) || matches!(act.task, Task::Stonith | Task::Shutdown) {
            return true;
        }
        let Some(node) = act.node else {
            return false;
        };
        let state = &self.nodes[node];
        act.is(flag::ON_DC)
            || (self.facts.nodes[node].is_guest() && !state.remote_reset)
            || (state.online && !state.unclean)
    }

    /// Whether the graph waits for an input.
    pub(crate) fn input_counts(&mut self, action: ActIx, at: usize) -> bool {
        let input = self.act(action).before[at];
        if input.graphed {
            return true;
        }
        let soft = ar::THEN_IMPLIES_FIRST_GRAPHED | ar::FIRST_IMPLIES_THEN_GRAPHED | ar::ORDERED;
        let first = self.act(input.first);
        let runnable = first.is(flag::RUNNABLE);
        let is_stop = first.key == Key::Op(Task::Stop, 0);
        let optional = first.is(flag::OPTIONAL);
        let flags = input.flags;
        if flags == ar::NONE
            || (!runnable && flags & !soft == 0)
            || (!runnable && has(flags, ar::MIN_RUNNABLE))
            || (!runnable && has(flags, ar::UNMIGRATABLE_THEN_BLOCKS))
            || (first.is(flag::MIGRATABLE) && has(flags, ar::IF_FIRST_UNMIGRATABLE))
            || (first.is(flag::MIGRATABLE) && flags == ar::ORDERED && is_stop)
        {
            return false;
        }
        let act = self.act(action);
        if flags == ar::IF_ON_SAME_NODE_OR_TARGET {
            let target = act.rsc.filter(|_| act.task == Task::MigrateTo);
            let dropped = match target {
                Some(rsc) => first.node != self.rscs[rsc].assigned,
                None => first.node != act.node || optional,
            };
            if dropped {
                self.before_mut(action)[at].flags = ar::NONE;
            }
            return !dropped;
        }
        if flags == ar::IF_REQUIRED_ON_SAME_NODE {
            let apart = first.node.is_some() && act.node.is_some() && first.node != act.node;
            if apart || optional {
                self.before_mut(action)[at].flags = ar::NONE;
                return false;
            }
            return true;
        }
        if let (Some(first_rsc), Some(rsc)) = (first.rsc, act.rsc)
            && first_rsc != rsc
            && self.is(first_rsc, Flags::FAILED)
            && !self.is(first_rsc, Flags::MANAGED)
            && is_stop
            && self.rsc(rsc).is_clone()
        {
            return false;
        }
        !optional || first.any(flag::ALWAYS_IN_GRAPH | flag::GRAPHED) || self.action_counts(input.first)
    }
}

/// Everything that was considered, newest first.
pub(crate) fn considered(plan: &Plan<'_>) -> Vec<Considered> {
    let count = plan.actions.len();
    (0..count as u32)
        .rev()
        .map(ActIx)
        .map(|action| {
            let act = plan.act(action);
            Considered {
                id: action.number(),
                name: plan.label(action),
                pseudo: act.is(flag::PSEUDO),
                graphed: act.is(flag::GRAPHED),
                unmanaged: act.rsc.is_some_and(|rsc| !plan.is(rsc, Flags::MANAGED)),
                optional: act.is(flag::OPTIONAL),
                reason: act.reason.clone(),
                inputs: act
                    .before
                    .iter()
                    .map(|input| ConsideredInput {
                        first: count - 1 - input.first.0 as usize,
                        graphed: input.graphed,
                        dropped: input.flags == ar::NONE,
                        load: input.flags == ar::IF_ON_SAME_NODE_OR_TARGET,
                    })
                    .collect(),
            }
        })
        .collect()
}
