//! A planner of a few lines: primitives without constraints, probes, fencing, orderly ends. It lets faults of the
//! core be told from faults of the scheduler, and runs are much faster with it.

use std::collections::BTreeMap;

use holdfast_core::plan::{Plan, Snapshot};
use holdfast_model::status::{NodeState, ResourceHistory};
use holdfast_scheduler::graph::{
    Action, ActionId, ActionKind, NodeName, ResourceName, Synapse, TransitionGraph,
};

/// Interval of the monitors that are planned.
const MONITOR_MS: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Active,
    Inactive,
    Failed,
    Busy,
}

fn state(history: Option<&ResourceHistory>) -> State {
    let Some(history) = history else { return State::Unknown };
    let mut operations: Vec<_> = history.operations.iter().collect();
    operations.sort_by_key(|op| if op.call_id < 0 { i32::MAX } else { op.call_id });
    let mut state = State::Unknown;
    for op in operations {
        state = match (op.operation.as_str(), op.rc_code, op.op_status) {
            (_, _, -1) => State::Busy,
            ("start" | "monitor", 0, 0) => State::Active,
            ("stop", 0, 0) | ("monitor", 7, 0) if op.interval_ms == 0 => State::Inactive,
            ("monitor", _, _) if op.interval_ms > 0 && state != State::Active => state,
            _ => State::Failed,
        };
    }
    state
}

struct Draft {
    graph: TransitionGraph,
    next: u32,
}

impl Draft {
    fn add(
        &mut self,
        kind: ActionKind,
        operation: &str,
        node: &NodeState,
        rsc: Option<&str>,
        inputs: &[ActionId],
    ) -> ActionId {
        self.next += 1;
        let id = ActionId(self.next);
        let recurring = operation == "recurring";
        let operation = if recurring { "monitor" } else { operation };
        let interval_ms = if recurring { MONITOR_MS } else { 0 };
        let resource = rsc.map(|rsc| ResourceName {
            id: rsc.into(),
            long_id: None,
            class: "ocf".into(),
            provider: Some("sim".into()),
            agent: "Dummy".into(),
        });
        let action = Action {
            id,
            kind,
            operation: operation.into(),
            key: format!("{}_{operation}_{interval_ms}", rsc.unwrap_or(&node.name)).into(),
            internal_key: None,
            node: Some(NodeName { name: (&node.name).into(), id: (&node.id).into() }.into()),
            router: None,
            cib_only: false,
            shutdown_lock: None,
            resource_instance: rsc.map(Into::into),
            resource: resource.map(Into::into),
            attributes: if kind == ActionKind::Fence {
                [("CRM_meta_stonith_action", "reboot")].into_iter().collect()
            } else {
                [("CRM_meta_timeout", "20000")].into_iter().collect()
            },
            parameters: Default::default(),
            downed: Vec::new(),
            maintenance: Vec::new(),
            timeout_ms: 20_000,
            start_delay_ms: 0,
            interval_ms,
            expected_rc: if operation == "monitor" && interval_ms == 0 { 7 } else { 0 },
            reason: None,
        };
        self.graph.actions.insert(id, action);
        let synapse = u32::try_from(self.graph.synapses.len()).unwrap_or(u32::MAX);
        self.graph.synapses.push(Synapse { id: synapse, priority: 0, action: id, inputs: inputs.to_vec() });
        id
    }
}

/// Makes a plan.
#[must_use]
pub fn plan(snapshot: &Snapshot, fencing: bool) -> Plan {
    let cib = snapshot.cib();
    let mut draft = Draft { graph: TransitionGraph::default(), next: 0 };
    let online: Vec<&NodeState> =
        cib.status.nodes.iter().filter(|n| n.join.as_deref() == Some("member")).collect();
    let usable: Vec<&NodeState> =
        online.iter().copied().filter(|n| n.transient.get("shutdown").is_none()).collect();
    let lost: Vec<&NodeState> = cib
        .status
        .nodes
        .iter()
        .filter(|n| n.in_ccm.as_deref() == Some("0") && n.expected.as_deref() == Some("member"))
        .collect();
    let unseen: Vec<NodeState> = cib
        .nodes
        .iter()
        .filter(|n| cib.status.node(&n.id).is_none())
        .map(|n| NodeState { id: n.id.clone(), name: n.name.clone(), ..NodeState::default() })
        .collect();
    let lost: Vec<&NodeState> = lost.into_iter().chain(&unseen).collect();
    let may_fence = fencing && snapshot.quorate;
    let mut fences: BTreeMap<&str, ActionId> = BTreeMap::new();
    if may_fence {
        for node in &lost {
            fences.insert(&node.id, draft.add(ActionKind::Fence, "stonith", node, None, &[]));
        }
    }
    let mut last_stops: BTreeMap<&str, Vec<ActionId>> = BTreeMap::new();
    let resources: Vec<&str> = cib
        .resources
        .iter()
        .filter(|r| r.agent().is_some_and(|a| a.class != "stonith"))
        .map(|r| r.id.as_str())
        .collect();
    for (at, rsc) in resources.iter().enumerate() {
        let mut before: Vec<ActionId> = fences.values().copied().collect();
        let mut good: Vec<&NodeState> = Vec::new();
        let mut bad: Vec<&NodeState> = Vec::new();
        let mut banned: Vec<&str> = Vec::new();
        let mut busy = false;
        for node in &online {
            match state(node.resource(rsc)) {
                State::Unknown => {
                    before.push(draft.add(ActionKind::Resource, "monitor", node, Some(rsc), &[]))
                }
                State::Active => good.push(node),
                State::Failed => bad.push(node),
                State::Busy => busy = true,
                State::Inactive => {}
            }
            if node.transient.get(&format!("fail-count-{rsc}#start_0")) == Some("INFINITY") {
                banned.push(&node.id);
            }
        }
        if busy {
            continue;
        }
        let keep = good.first().copied().filter(|n| {
            good.len() == 1 && bad.is_empty() && snapshot.quorate && usable.iter().any(|u| u.id == n.id)
        });
        if keep.is_some() {
            continue;
        }
        // A stop that failed before is left to fencing: here it only blocks the resource.
        let stuck = bad.iter().any(|n| n.transient.get(&format!("fail-count-{rsc}#stop_0")).is_some());
        if stuck {
            continue;
        }
        for node in good.iter().chain(&bad) {
            let stop = draft.add(ActionKind::Resource, "stop", node, Some(rsc), &[]);
            last_stops.entry(&node.id).or_default().push(stop);
            before.push(stop);
        }
        let unfenced = fencing && !lost.is_empty() && !may_fence;
        let open: Vec<&&NodeState> = usable.iter().filter(|n| !banned.contains(&n.id.as_str())).collect();
        if !snapshot.quorate || unfenced || open.is_empty() {
            continue;
        }
        let node = open[at % open.len()];
        let start = draft.add(ActionKind::Resource, "start", node, Some(rsc), &before);
        draft.add(ActionKind::Resource, "recurring", node, Some(rsc), &[start]);
    }
    for node in online.iter().filter(|n| n.transient.get("shutdown").is_some()) {
        let stops = last_stops.remove(node.id.as_str()).unwrap_or_default();
        draft.add(ActionKind::Cluster, "do_shutdown", node, None, &stops);
    }
    Plan { graph: draft.graph, summary: Vec::new(), problems: Vec::new() }
}
