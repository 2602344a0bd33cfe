//! Carrying out a transition on the decision maker: which action may be ordered now, what its end means.
//!
//! Knows one graph and what became of its actions. Does not know how an action is carried out, nor when a new plan is
//! due (`due`).

pub mod due;

use std::collections::BTreeMap;

use holdfast_scheduler::graph::{Action, ActionId, ActionKind, TransitionGraph};

use crate::time::{Instant, Span};

/// Highest priority: nothing new is begun, except what must follow.
pub const INFINITY: i32 = 1_000_000;

/// What became of a step of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// An input failed: it will never be begun.
    Dropped,
    InFlight,
    Confirmed,
}

/// How far a transition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Actions are in flight or can be begun.
    Going,
    /// Everything was done.
    Complete,
    /// It was given up or an action failed, and nothing is in flight any more: plan anew.
    Stopped,
    /// Something is left that can never be begun: the graph was wrong.
    Terminated,
}

/// A transition that is being carried out.
#[derive(Debug)]
pub struct Transition {
    /// Number.
    pub number: u64,
    /// Version of the document (`admin_epoch`, `epoch`) that was planned from.
    pub version: (u64, u64),
    graph: TransitionGraph,
    states: Vec<State>,
    waiting: Vec<usize>,
    users: BTreeMap<ActionId, Vec<usize>>,
    place: BTreeMap<ActionId, usize>,
    deadlines: BTreeMap<ActionId, Instant>,
    abort_priority: i32,
    reason: Option<String>,
    batch_limit: usize,
    migration_limit: usize,
    done: usize,
}

impl Transition {
    /// Begins a graph.
    #[must_use]
    pub fn new(number: u64, version: (u64, u64), graph: TransitionGraph) -> Self {
        let mut users: BTreeMap<ActionId, Vec<usize>> = BTreeMap::new();
        let mut place = BTreeMap::new();
        for (at, synapse) in graph.synapses.iter().enumerate() {
            place.insert(synapse.action, at);
            for input in &synapse.inputs {
                users.entry(*input).or_default().push(at);
            }
        }
        let limit = |text: &str| text.trim().parse::<usize>().unwrap_or(0);
        let batch_limit = limit(&graph.batch_limit);
        let migration_limit = graph.migration_limit.as_deref().map_or(0, limit);
        Self {
            number,
            version,
            states: vec![State::Waiting; graph.synapses.len()],
            waiting: graph.synapses.iter().map(|s| s.inputs.len()).collect(),
            users,
            place,
            deadlines: BTreeMap::new(),
            abort_priority: 0,
            reason: None,
            batch_limit,
            migration_limit,
            done: 0,
            graph,
        }
    }

    /// An action of the graph.
    #[must_use]
    pub fn action(&self, id: ActionId) -> Option<&Action> {
        self.graph.actions.get(&id)
    }

    /// Why nothing new is begun, if so.
    #[must_use]
    pub fn aborted(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Actions that were ordered and have not ended.
    pub fn in_flight(&self) -> impl Iterator<Item = &Action> {
        self.graph
            .synapses
            .iter()
            .zip(&self.states)
            .filter(|(_, state)| **state == State::InFlight)
            .filter_map(|(synapse, _)| self.graph.actions.get(&synapse.action))
    }

    /// Actions that may be begun now; they count as in flight from here. Milestones are confirmed on the way.
    /// `timeout` tells how long one may take at most.
    pub fn begin_ready(&mut self, now: Instant, mut timeout: impl FnMut(&Action) -> Span) -> Vec<ActionId> {
        let mut begun = Vec::new();
        let mut pending = self.states.iter().filter(|s| **s == State::InFlight).count();
        loop {
            let mut fired = false;
            for at in 0..self.graph.synapses.len() {
                if self.batch_limit > 0 && pending >= self.batch_limit {
                    return begun;
                }
                if self.states[at] != State::Waiting || self.waiting[at] > 0 {
                    continue;
                }
                let synapse = &self.graph.synapses[at];
                let id = synapse.action;
                let Some(action) = self.graph.actions.get(&id) else {
                    self.states[at] = State::Dropped;
                    continue;
                };
                if action.kind == ActionKind::Pseudo {
                    fired = true;
                    self.states[at] = State::InFlight;
                    self.confirm(id, false);
                    continue;
                }
                if synapse.priority < self.abort_priority || !self.migration_allowed(action) {
                    continue;
                }
                fired = true;
                let deadline = now + timeout(action);
                self.states[at] = State::InFlight;
                self.deadlines.insert(id, deadline);
                pending += 1;
                begun.push(id);
            }
            if !fired {
                return begun;
            }
        }
    }

    /// At most so many live migrations from or to one node at one time.
    fn migration_allowed(&self, action: &Action) -> bool {
        let moves = |a: &Action| matches!(a.operation.as_str(), "migrate_to" | "migrate_from");
        if self.migration_limit == 0 || !moves(action) {
            return true;
        }
        let Some(node) = &action.node else { return true };
        let busy =
            self.in_flight().filter(|a| moves(a) && a.node.as_ref().is_some_and(|n| n.id == node.id)).count();
        busy < self.migration_limit
    }

    /// An action ended. A failed one drops what waits for it. False when it was not in flight.
    pub fn confirm(&mut self, id: ActionId, failed: bool) -> bool {
        let Some(at) = self.place.get(&id).copied() else { return false };
        if self.states[at] != State::InFlight {
            return false;
        }
        self.states[at] = State::Confirmed;
        if self.deadlines.remove(&id).is_some() && !failed {
            self.done += 1;
        }
        for user in self.users.get(&id).into_iter().flatten() {
            let follows = self.graph.synapses[*user].priority >= INFINITY;
            if failed && !follows {
                if self.states[*user] == State::Waiting {
                    self.states[*user] = State::Dropped;
                }
            } else {
                self.waiting[*user] = self.waiting[*user].saturating_sub(1);
            }
        }
        if failed {
            let priority = self.graph.synapses[at].priority.saturating_add(1);
            self.abort(priority, "an action failed");
        }
        true
    }

    /// An action turned out to be not begun after all (its order was not accepted).
    pub fn withdraw(&mut self, id: ActionId) {
        if let Some(at) = self.place.get(&id).copied()
            && self.states[at] == State::InFlight
        {
            self.states[at] = State::Dropped;
            self.deadlines.remove(&id);
            self.abort(INFINITY, "an action was not accepted");
        }
    }

    /// Begin nothing new below this priority; plan anew when nothing is in flight any more.
    pub fn abort(&mut self, priority: i32, reason: &str) {
        if priority > self.abort_priority {
            self.abort_priority = priority;
        }
        if self.reason.is_none() {
            self.reason = Some(reason.to_owned());
        }
    }

    /// A node is gone: what was in flight there will not be heard of again.
    pub fn node_lost(&mut self, node: &str) -> Vec<ActionId> {
        let lost: Vec<ActionId> = self
            .in_flight()
            .filter(|a| a.kind == ActionKind::Resource)
            .filter(|a| a.router.as_deref() == Some(node) || a.node.as_ref().is_some_and(|n| n.name == node))
            .map(|a| a.id)
            .collect();
        for id in &lost {
            self.confirm(*id, true);
        }
        lost
    }

    /// Actions that took longer than they may.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Vec<ActionId> {
        self.deadlines.iter().filter(|(_, deadline)| **deadline <= now).map(|(id, _)| *id).collect()
    }

    /// When the next action is overdue.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.values().min().copied()
    }

    /// Whether any action that is more than a milestone has ended well.
    #[must_use]
    pub fn got_something_done(&self) -> bool {
        self.done > 0
    }

    /// How far it is. Call [`Transition::begin_ready`] before.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.states.contains(&State::InFlight) {
            return Progress::Going;
        }
        let left = self.states.iter().any(|s| matches!(s, State::Waiting | State::Dropped));
        match (left, self.reason.is_some()) {
            (_, true) => Progress::Stopped,
            (true, false) => Progress::Terminated,
            (false, false) => Progress::Complete,
        }
    }
}

#[cfg(test)]
mod tests;
