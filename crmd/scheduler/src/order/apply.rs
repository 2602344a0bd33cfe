//! Applies the collected orderings to the actions that exist, and drops those that cannot be.
//!
//! Knows which actions an ordering means, and that a missing first action is made as an optional one.
//! Does not know how requirements travel.

use super::relation::{self as ar, has};
use crate::actions::kinds::{ActIx, Key, Task, flag};
use crate::actions::plan::{Ordering, Plan};
use crate::facts::RscIx;
use holdfast_model::Role;

impl Plan<'_> {
    /// Applies all orderings and brings every action in line with them.
    pub(crate) fn apply_orderings(&mut self) {
        for at in 0..self.orderings.len() {
            let ordering = self.orderings[at].clone();
            match (ordering.first_rsc, ordering.then_rsc) {
                (Some(rsc), _) => self.apply_from(rsc, &ordering),
                (None, Some(rsc)) => self.apply_towards(ordering.first, rsc, &ordering),
                (None, None) => {
                    if let (Some(first), Some(then)) = (ordering.first, ordering.then) {
                        self.link(first, then, ordering.flags);
                    }
                }
            }
        }
        for action in (0..self.actions.len() as u32).rev().map(ActIx) {
            self.block_colocation_dependents(action);
        }
        self.order_probes();
        for action in (0..self.actions.len() as u32).rev().map(ActIx) {
            self.update_action(action);
        }
        self.drop_impossible_orderings();
    }

    fn apply_from(&mut self, rsc: RscIx, ordering: &Ordering) {
        let mut firsts = match (ordering.first, ordering.first_key) {
            (Some(action), _) => vec![action],
            (None, Some(key)) => self.all_of_key(rsc, key, None),
            (None, None) => Vec::new(),
        };
        // What is ordered after forgetting a lock is ordered after forgetting the resource, if that is what is planned:
        // a probe tells what is there, so there is no need to forget it before.
        if firsts.is_empty() && ordering.first_key == Some(Key::Op(Task::LrmDelete, 0)) {
            firsts = self.all_of_key(rsc, Key::Op(Task::Delete, 0), None);
        }
        if firsts.is_empty()
            && ordering.then_rsc != Some(rsc)
            && let Some(Key::Op(task, interval)) = ordering.first_key
        {
            let role = self.role(rsc, true);
            let pointless = (role == Role::Stopped && task == Task::Stop)
                || (role == Role::Unpromoted && task == Task::Demote);
            if !pointless {
                firsts.push(self.action(rsc, Key::Op(task, interval), task, None, true));
            }
        }
        let then_rsc = match (ordering.then_rsc, ordering.then) {
            (Some(rsc), _) => Some(rsc),
            (None, Some(action)) => self.act(action).rsc,
            (None, None) => return,
        };
        for first in firsts {
            match (then_rsc, ordering.then) {
                (Some(rsc), _) => self.apply_towards(Some(first), rsc, ordering),
                (None, Some(then)) => {
                    self.link(first, then, ordering.flags);
                }
                (None, None) => {}
            }
        }
    }

    fn apply_towards(&mut self, first: Option<ActIx>, rsc: RscIx, ordering: &Ordering) {
        let thens = match (ordering.then, ordering.then_key) {
            (Some(action), _) => vec![action],
            (None, Some(key)) => self.all_of_key(rsc, key, None),
            (None, None) => Vec::new(),
        };
        let mut flags = ordering.flags;
        if let Some(first) = first
            && self.act(first).rsc == Some(rsc)
            && self.act(first).is(flag::MIGRATION_ABORT)
        {
            flags &= !ar::FIRST_IMPLIES_THEN;
        }
        for then in thens {
            match first {
                Some(first) => {
                    self.link(first, then, flags);
                }
                None if has(flags, ar::FIRST_IMPLIES_THEN) => self.act_mut(then).clear(flag::RUNNABLE),
                None => {}
            }
        }
    }

    fn drop_impossible_orderings(&mut self) {
        for action in (0..self.actions.len() as u32).rev().map(ActIx) {
            for at in (0..self.act(action).before.len()).rev() {
                if self.is_impossible(action, at) {
                    self.before_mut(action)[at].flags = ar::NONE;
                }
            }
        }
    }

    /// What runs on a guest cannot come before the guest; a migration cannot wait for itself.
    fn is_impossible(&mut self, action: ActIx, at: usize) -> bool {
        let input = self.act(action).before[at];
        let first = self.act(input.first);
        if !has(input.flags, ar::GUEST_ALLOWED)
            && first.rsc.is_some()
            && let (Some(node), Some(rsc)) = (first.node, self.act(action).rsc)
            && !self.rsc(rsc).launched.is_empty()
            && self.launcher_of_node(node) == Some(rsc)
        {
            return true;
        }
        input.flags == ar::IF_ON_SAME_NODE_OR_TARGET
            && self.act(action).rsc.is_some()
            && self.act(action).task == Task::MigrateTo
            && self.has_loop(action, action, at)
    }

    /// Whether following an input leads back to `origin`.
    fn has_loop(&mut self, origin: ActIx, action: ActIx, at: usize) -> bool {
        let first = self.act(action).before[at].first;
        if self.act(first).is(flag::LOOP) || !self.input_counts(action, at) {
            return false;
        }
        if first == origin {
            return true;
        }
        self.act_mut(first).set(flag::LOOP);
        let mut found = false;
        for at in (0..self.act(first).before.len()).rev() {
            if self.has_loop(origin, first, at) {
                found = true;
                break;
            }
        }
        self.act_mut(first).clear(flag::LOOP);
        found
    }
}
