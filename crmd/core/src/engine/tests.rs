//! Transitions on small graphs.

use super::*;
use holdfast_scheduler::graph::Synapse;

fn action(id: u32, kind: ActionKind) -> Action {
    Action {
        id: ActionId(id),
        kind,
        operation: "start".into(),
        key: format!("r{id}_start_0").into(),
        internal_key: None,
        node: None,
        router: None,
        cib_only: false,
        shutdown_lock: None,
        resource: None,
        resource_instance: None,
        attributes: Default::default(),
        parameters: Default::default(),
        downed: Vec::new(),
        maintenance: Vec::new(),
        timeout_ms: 0,
        start_delay_ms: 0,
        interval_ms: 0,
        expected_rc: 0,
        reason: None,
    }
}

/// Synapses as `(action, kind, priority, inputs)`.
fn graph(batch: &str, steps: &[(u32, ActionKind, i32, &[u32])]) -> Transition {
    let mut graph = TransitionGraph { batch_limit: batch.into(), ..TransitionGraph::default() };
    for (at, (id, kind, priority, inputs)) in steps.iter().enumerate() {
        graph.actions.insert(ActionId(*id), action(*id, *kind));
        graph.synapses.push(Synapse {
            id: at as u32,
            priority: *priority,
            action: ActionId(*id),
            inputs: inputs.iter().map(|i| ActionId(*i)).collect(),
        });
    }
    Transition::new(1, (0, 1), graph)
}

fn begin(transition: &mut Transition) -> Vec<u32> {
    transition.begin_ready(Instant(0), |_| Span::secs(1)).into_iter().map(|id| id.0).collect()
}

use ActionKind::{Pseudo, Resource};

#[test]
fn actions_wait_for_their_inputs_and_milestones_confirm_themselves() {
    let mut t = graph("0", &[(3, Resource, 0, &[2]), (2, Pseudo, 0, &[1]), (1, Resource, 0, &[])]);
    assert_eq!(begin(&mut t), [1]);
    assert_eq!(t.progress(), Progress::Going);
    assert!(t.confirm(ActionId(1), false));
    assert!(!t.confirm(ActionId(1), false));
    assert_eq!(begin(&mut t), [3]);
    t.confirm(ActionId(3), false);
    assert_eq!(t.progress(), Progress::Complete);
}

#[test]
fn a_failure_drops_what_waits_and_stops_the_rest() {
    let mut t = graph("0", &[(1, Resource, 0, &[]), (2, Resource, 0, &[1]), (3, Resource, INFINITY, &[1])]);
    assert_eq!(begin(&mut t), [1]);
    t.confirm(ActionId(1), true);
    assert_eq!(begin(&mut t), [3], "what must follow is done all the same");
    t.confirm(ActionId(3), false);
    assert_eq!(begin(&mut t), Vec::<u32>::new());
    assert_eq!(t.progress(), Progress::Stopped);
}

#[test]
fn an_aborted_transition_ends_when_nothing_is_in_flight() {
    let mut t = graph("0", &[(1, Resource, 0, &[]), (2, Resource, 0, &[1])]);
    begin(&mut t);
    t.abort(INFINITY, "the configuration changed");
    assert_eq!(t.progress(), Progress::Going);
    t.confirm(ActionId(1), false);
    assert!(begin(&mut t).is_empty());
    assert_eq!(t.progress(), Progress::Stopped);
    assert_eq!(t.aborted(), Some("the configuration changed"));
}

#[test]
fn the_batch_limit_holds_and_a_loop_is_noticed() {
    let mut t = graph("1", &[(1, Resource, 0, &[]), (2, Resource, 0, &[])]);
    assert_eq!(begin(&mut t), [1]);
    t.confirm(ActionId(1), false);
    assert_eq!(begin(&mut t), [2]);
    let mut t = graph("0", &[(1, Resource, 0, &[2]), (2, Resource, 0, &[1])]);
    assert!(begin(&mut t).is_empty());
    assert_eq!(t.progress(), Progress::Terminated);
}

#[test]
fn an_action_that_never_ends_is_overdue() {
    let mut t = graph("0", &[(1, Resource, 0, &[])]);
    begin(&mut t);
    assert_eq!(t.deadline(), Some(Instant(1_000_000)));
    assert!(t.overdue(Instant(999_999)).is_empty());
    assert_eq!(t.overdue(Instant(1_000_000)), [ActionId(1)]);
}
