//! Breaks circles: actions that wait for each other would never run.
//!
//! Knows only who waits for whom. A graph without circles stays as it is.

use super::{ActionId, TransitionGraph};

/// One wait that was given up: `then` no longer waits for `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    pub first: ActionId,
    pub then: ActionId,
}

/// Takes waits out of the graph until there is no circle. In every circle the wait that `strength` finds weakest goes.
pub(crate) fn break_cycles(
    graph: &mut TransitionGraph,
    strength: impl Fn(ActionId, ActionId) -> u32,
) -> Vec<Broken> {
    let highest = graph.synapses.iter().map(|synapse| synapse.action.0).max().unwrap_or(0);
    let mut place: Vec<Option<usize>> = vec![None; highest as usize + 1];
    for (at, synapse) in graph.synapses.iter().enumerate() {
        place[synapse.action.0 as usize] = Some(at);
    }
    let place_of = |input: &ActionId| place.get(input.0 as usize).copied().flatten();
    let mut inputs: Vec<Vec<usize>> =
        graph.synapses.iter().map(|synapse| synapse.inputs.iter().filter_map(place_of).collect()).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); inputs.len()];
    for (then, firsts) in inputs.iter().enumerate() {
        for first in firsts {
            users[*first].push(then);
        }
    }
    let mut waiting: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..inputs.len()).filter(|at| waiting[*at] == 0).collect();
    let mut done = vec![false; inputs.len()];
    let mut left = inputs.len();
    let mut lowest = 0;
    let mut broken = Vec::new();
    loop {
        while let Some(at) = ready.pop() {
            done[at] = true;
            left -= 1;
            for user in &users[at] {
                waiting[*user] -= 1;
                if waiting[*user] == 0 {
                    ready.push(*user);
                }
            }
        }
        if left == 0 {
            return broken;
        }
        while done[lowest] {
            lowest += 1;
        }
        let circle = circle_from(lowest, &inputs, &done);
        let action = |at: usize| graph.synapses[at].action;
        let weakest =
            circle.iter().copied().min_by_key(|(first, then)| strength(action(*first), action(*then)));
        let Some((first, then)) = weakest else {
            return broken;
        };
        broken.push(Broken { first: action(first), then: action(then) });
        let dropped = action(first);
        graph.synapses[then].inputs.retain(|input| *input != dropped);
        inputs[then].retain(|input| *input != first);
        users[first].retain(|user| *user != then);
        waiting[then] -= 1;
        if waiting[then] == 0 {
            ready.push(then);
        }
    }
}

/// Follows waits backwards until an action comes up again: the waits of that circle, as (first, then).
fn circle_from(start: usize, inputs: &[Vec<usize>], done: &[bool]) -> Vec<(usize, usize)> {
    let mut position = vec![usize::MAX; inputs.len()];
    let mut path = Vec::new();
    let mut at = start;
    while position[at] == usize::MAX {
        position[at] = path.len();
        path.push(at);
        match inputs[at].iter().find(|input| !done[**input]) {
            Some(input) => at = *input,
            None => return Vec::new(),
        }
    }
    let circle = &path[position[at]..];
    let firsts = circle.iter().skip(1).chain(circle.first());
    firsts.copied().zip(circle.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Synapse;

    fn check(waits: &[(u32, &[u32])], strong: &[(u32, u32)], expected: &[(u32, u32)]) {
        let mut graph = TransitionGraph {
            synapses: waits
                .iter()
                .enumerate()
                .map(|(at, (action, inputs))| Synapse {
                    id: at as u32,
                    priority: 0,
                    action: ActionId(*action),
                    inputs: inputs.iter().copied().map(ActionId).collect(),
                })
                .collect(),
            ..TransitionGraph::default()
        };
        let broken = break_cycles(&mut graph, |first, then| u32::from(strong.contains(&(first.0, then.0))));
        let broken: Vec<(u32, u32)> = broken.iter().map(|wait| (wait.first.0, wait.then.0)).collect();
        assert_eq!(broken, expected);
        assert!(break_cycles(&mut graph, |_, _| 0).is_empty(), "a circle is left");
    }

    #[test]
    fn circles() {
        check(&[(1, &[]), (2, &[1]), (3, &[1, 2])], &[], &[]);
        check(&[(1, &[2]), (2, &[1])], &[(2, 1)], &[(1, 2)]);
        check(&[(1, &[3]), (2, &[1]), (3, &[2]), (4, &[3])], &[(3, 1), (1, 2)], &[(2, 3)]);
        check(&[(1, &[2]), (2, &[1]), (3, &[4]), (4, &[3])], &[(2, 1), (4, 3)], &[(1, 2), (3, 4)]);
    }
}
