//! Walks a graph as the transition engine does: which synapse may fire when.
//!
//! Knows readiness and confirmation. Does not know how actions are carried out: the caller says
//! for each action what became of it.

use super::{ActionId, TransitionGraph};
use std::collections::BTreeMap;

/// What became of an action that was fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done as planned.
    Done,
    /// Done, but not with the planned result: everything that waits for it is dropped.
    Failed,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is left.
    Complete,
    /// Something failed and the rest was skipped.
    Stopped,
    /// Something is left that can never become ready: the graph is invalid.
    Terminated,
}

/// Carries out the whole graph at once: every fired action is confirmed before the next is looked
/// at. Passes go over the synapses in order of emission until nothing fires.
pub fn run_to_end(graph: &TransitionGraph, mut fire: impl FnMut(ActionId) -> Outcome) -> End {
    let count = graph.synapses.len();
    let mut waiting: Vec<usize> = graph.synapses.iter().map(|s| s.inputs.len()).collect();
    let mut users: BTreeMap<ActionId, Vec<usize>> = BTreeMap::new();
    for (at, synapse) in graph.synapses.iter().enumerate() {
        for input in &synapse.inputs {
            users.entry(*input).or_default().push(at);
        }
    }
    let mut blocked = vec![false; count];
    let mut abort_priority = 0;
    let mut left: Vec<usize> = (0..count).collect();
    loop {
        let mut fired_now = 0;
        let mut next = Vec::with_capacity(left.len());
        for at in left {
            let synapse = &graph.synapses[at];
            if waiting[at] > 0 || blocked[at] {
                next.push(at);
                continue;
            }
            let pseudo = graph
                .actions
                .get(&synapse.action)
                .is_some_and(|action| action.kind == super::ActionKind::Pseudo);
            if !pseudo && synapse.priority < abort_priority {
                next.push(at);
                continue;
            }
            fired_now += 1;
            let outcome = fire(synapse.action);
            if outcome == Outcome::Failed {
                abort_priority = 1_000_000;
            }
            for user in users.get(&synapse.action).into_iter().flatten() {
                if outcome == Outcome::Failed && graph.synapses[*user].priority != 1_000_000 {
                    blocked[*user] = true;
                } else {
                    waiting[*user] = waiting[*user].saturating_sub(1);
                }
            }
        }
        left = next;
        if fired_now == 0 {
            break;
        }
    }
    if left.is_empty() {
        End::Complete
    } else if abort_priority > 0 {
        End::Stopped
    } else {
        End::Terminated
    }
}
