//! Texts and tables that many actions of a graph share, made when the first of them needs one.
//!
//! Knows what two actions must have in common for a table to serve both: the resource, the operation and that no rule
//! looks at the node. Does not know what is in the tables.

use super::attributes::Pair;
use super::{NodeName, ResourceName};
use crate::actions::kinds::{Act, Key, Task};
use crate::facts::{Facts, NodeIx, RscIx};
use crate::index::IndexVec;
use holdfast_model::Text;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the attributes of an action depend on, beside what the planner set for this one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub rsc: RscIx,
    pub created_as: Task,
    pub interval_ms: u64,
    pub op: Option<usize>,
    pub on_node: bool,
}

/// Attributes that do not depend on the single action, with the numbers the executor needs from them.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub attributes: Arc<[Pair]>,
    pub parameters: Arc<[Pair]>,
    pub timeout_ms: u64,
    pub start_delay_ms: u64,
    pub expected_rc: i32,
}

/// What the planner set for an action on a node, and the attributes that made.
type Own = (Vec<(&'static str, Text)>, Arc<[Pair]>);

/// What is shared while one graph is described.
#[derive(Debug)]
pub(super) struct Shared {
    tasks: BTreeMap<Task, Text>,
    names: IndexVec<RscIx, Option<Text>>,
    resources: IndexVec<RscIx, Option<Arc<ResourceName>>>,
    nodes: IndexVec<NodeIx, Option<Arc<NodeName>>>,
    /// The key that was asked for last; actions are described resource by resource.
    key: Option<(RscIx, Key, Text)>,
    settled: Option<(Origin, Settled)>,
    /// What the last action on each node had of its own.
    own: IndexVec<NodeIx, Option<Own>>,
    /// Operation defaults have rules.
    dated_defaults: bool,
    /// Whether the parameters or operations of a resource have rules, once known.
    ruled: IndexVec<RscIx, Option<bool>>,
}

impl Shared {
    pub(super) fn new(facts: &Facts<'_>) -> Shared {
        let (rscs, nodes) = (facts.rscs.len(), facts.nodes.len());
        Shared {
            tasks: BTreeMap::new(),
            names: IndexVec::filled(None, rscs),
            resources: IndexVec::filled(None, rscs),
            nodes: IndexVec::filled(None, nodes),
            key: None,
            settled: None,
            own: IndexVec::filled(None, nodes),
            dated_defaults: facts.cib.op_defaults.iter().any(|set| set.rule.is_some()),
            ruled: IndexVec::filled(None, rscs),
        }
    }

    pub(super) fn task(&mut self, task: Task, text: &str) -> Text {
        self.tasks.entry(task).or_insert_with(|| Text::from(text)).clone()
    }

    pub(super) fn key(&mut self, rsc: RscIx, key: Key, make: impl FnOnce() -> String) -> Text {
        match &self.key {
            Some((of, known, text)) if *of == rsc && *known == key => text.clone(),
            _ => {
                let text = Text::from(make());
                self.key = Some((rsc, key, text.clone()));
                text
            }
        }
    }

    pub(super) fn name(&mut self, facts: &Facts<'_>, rsc: RscIx) -> Text {
        self.names[rsc].get_or_insert_with(|| Text::from(&facts.rscs[rsc].id)).clone()
    }

    pub(super) fn resource(&mut self, rsc: RscIx, make: impl FnOnce() -> ResourceName) -> Arc<ResourceName> {
        Arc::clone(self.resources[rsc].get_or_insert_with(|| Arc::new(make())))
    }

    pub(super) fn node(&mut self, facts: &Facts<'_>, node: NodeIx) -> Arc<NodeName> {
        let it = &facts.nodes[node];
        let name = || Arc::new(NodeName { name: Text::from(&it.name), id: Text::from(&it.id) });
        Arc::clone(self.nodes[node].get_or_insert_with(name))
    }

    /// Attributes of operations like this one.
    pub(super) fn settled(&mut self, origin: Origin, make: impl FnOnce() -> Settled) -> Settled {
        match &self.settled {
            Some((known, settled)) if *known == origin => settled.clone(),
            _ => {
                let settled = make();
                self.settled = Some((origin, settled.clone()));
                settled
            }
        }
    }

    /// What the planner set for an action, as attributes. `named` is where it happens, if that is one of them.
    pub(super) fn own(&mut self, act: &Act, named: Option<(NodeIx, &NodeName)>) -> Arc<[Pair]> {
        let Some((node, name)) = named else {
            return own_pairs(act, None);
        };
        match &self.own[node] {
            Some((meta, pairs)) if *meta == act.meta => Arc::clone(pairs),
            _ => {
                let pairs = own_pairs(act, Some(name));
                self.own[node] = Some((act.meta.clone(), Arc::clone(&pairs)));
                pairs
            }
        }
    }

    /// Whether the attributes of a resource's operations are the same wherever and whenever they are looked at.
    pub(super) fn is_plain(&mut self, facts: &Facts<'_>, rsc: RscIx) -> bool {
        !self.dated_defaults && !*self.ruled[rsc].get_or_insert_with(|| is_ruled(facts, rsc))
    }
}

/// Whether a rule decides about parameters or operations of a resource, or a parameter is named like what the
/// planner sets.
fn is_ruled(facts: &Facts<'_>, rsc: RscIx) -> bool {
    let deciding = |set: &holdfast_model::AttributeSet| {
        set.rule.is_some() || set.pairs.iter().any(|pair| pair.name.starts_with("CRM_meta_"))
    };
    let mut at = Some(rsc);
    while let Some(outer) = at {
        if facts.rscs[outer].config.params.iter().any(deciding) {
            return true;
        }
        at = facts.rscs[outer].parent;
    }
    facts.rscs[rsc].ops().iter().any(|op| op.params.iter().any(deciding) || op.meta.iter().any(deciding))
}

fn own_pairs(act: &Act, named: Option<&NodeName>) -> Arc<[Pair]> {
    if act.meta.is_empty() && named.is_none() {
        return Arc::default();
    }
    let mut pairs: BTreeMap<String, Text> = BTreeMap::new();
    for (name, value) in act.meta.iter().filter(|(name, _)| !name.contains(['#', ':'])) {
        pairs.insert(holdfast_model::digest::meta_name(name), value.clone());
    }
    if let Some(node) = named {
        pairs.insert(holdfast_model::digest::meta_name("on_node"), node.name.clone());
        pairs.insert(holdfast_model::digest::meta_name("on_node_uuid"), node.id.clone());
    }
    pairs.into_iter().map(|(name, value)| (Text::from(name), value)).collect()
}
