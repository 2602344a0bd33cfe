//! Walks a graph as the transition engine does: which synapse may fire when.
//!
//! Knows readiness and confirmation. Does not know how actions are carried out: the caller says
//! for each action what became of it.

use super::{ActionId, TransitionGraph};

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
    let users = Users::new(graph);
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
            for user in users.of(synapse.action) {
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

/// Which synapses wait for an action: one list for all actions, in which each has a range.
struct Users {
    /// By number of the action: where its range begins; the next one's begin is its end.
    begins: Vec<usize>,
    synapses: Vec<usize>,
}

impl Users {
    fn new(graph: &TransitionGraph) -> Users {
        // An action that no synapse has is never confirmed.
        let numbers = graph.synapses.iter().map(|synapse| synapse.action.0 as usize + 1).max().unwrap_or(0);
        let mut begins = vec![0; numbers + 1];
        let waits = || {
            let all = graph.synapses.iter().enumerate();
            all.flat_map(|(at, synapse)| synapse.inputs.iter().map(move |input| (input.0 as usize, at)))
                .filter(|(number, _)| *number < numbers)
        };
        for (number, _) in waits() {
            begins[number + 1] += 1;
        }
        for number in 0..numbers {
            begins[number + 1] += begins[number];
        }
        let mut ends = begins.clone();
        let mut synapses = vec![0; begins[numbers]];
        for (number, at) in waits() {
            synapses[ends[number]] = at;
            ends[number] += 1;
        }
        Users { begins, synapses }
    }

    fn of(&self, action: ActionId) -> &[usize] {
        let number = action.0 as usize;
        &self.synapses[self.begins[number]..self.begins[number + 1]]
    }
}
