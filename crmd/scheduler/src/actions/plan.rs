//! The plan in the making: every action considered so far, with the changing state of resources and nodes.
//!
//! Knows the tables that the passes of `actions` and `order` share, and the questions they all ask.
//! Does not know which actions are needed.

use super::kinds::{Act, ActIx, Input, Key, NameIx, Task};
use super::notify::NotifyData;
use super::sums::Sums;
use crate::assign::Preference;
use crate::facts::{AllowedNodes, DigestCache, Facts, Flags, NodeIx, Rsc, RscIx, RscKind};
use crate::index::IndexVec;
use holdfast_model::{AttributeSet, Problem, Role, Text};
use std::collections::BTreeMap;

/// Changing part of a resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct RscState {
    pub flags: Flags,
    pub role: Role,
    pub next_role: Role,
    pub assigned: Option<NodeIx>,
    pub priority: i32,
    pub children: Vec<RscIx>,
    pub allowed: AllowedNodes,
    pub migration_source: Option<NodeIx>,
    pub migration_target: Option<NodeIx>,
    pub lock_node: Option<NodeIx>,
    pub lock_time: i64,
    /// Its actions, oldest first.
    pub actions: Vec<ActIx>,
    /// The same by key.
    pub keys: Vec<KeyActions>,
    /// Notifications around start, stop, promote and demote.
    pub notify: [Option<NotifyData>; 4],
}

/// Actions of one resource that have the same key, oldest first, with their nodes.
#[derive(Debug, Clone)]
pub(crate) struct KeyActions {
    pub key: Key,
    pub actions: Vec<(ActIx, Option<NodeIx>)>,
}

impl RscState {
    /// Its actions of that key.
    pub(crate) fn of_key(&self, key: Key) -> &[(ActIx, Option<NodeIx>)] {
        self.keys.iter().find(|known| known.key == key).map_or(&[], |known| known.actions.as_slice())
    }

    /// Adds an action.
    pub(crate) fn add_action(&mut self, action: ActIx, key: Key, node: Option<NodeIx>) {
        self.actions.push(action);
        match self.keys.iter_mut().find(|known| known.key == key) {
            Some(known) => known.actions.push((action, node)),
            None => self.keys.push(KeyActions { key, actions: vec![(action, node)] }),
        }
    }
}

/// Changing part of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NodeFlags {
    pub online: bool,
    pub unclean: bool,
    pub shutdown: bool,
    pub remote_reset: bool,
}

/// An ordering between kinds of actions, applied to the actions that exist at the end.
#[derive(Debug, Clone)]
pub(crate) struct Ordering {
    pub first_rsc: Option<RscIx>,
    pub first_key: Option<Key>,
    pub first: Option<ActIx>,
    pub then_rsc: Option<RscIx>,
    pub then_key: Option<Key>,
    pub then: Option<ActIx>,
    pub flags: u32,
}

/// Everything while the plan is made.
pub(crate) struct Plan<'f> {
    pub facts: &'f Facts<'f>,
    /// Top-level resources in the order in which they were placed.
    pub top: Vec<RscIx>,
    pub rscs: IndexVec<RscIx, RscState>,
    pub nodes: IndexVec<NodeIx, NodeFlags>,
    /// All actions, oldest first.
    pub actions: Vec<Act>,
    /// Actions without resource, by name.
    pub singletons: BTreeMap<NameIx, ActIx>,
    names: Vec<String>,
    name_index: BTreeMap<String, NameIx>,
    /// Exit codes as text.
    numbers: Vec<(i32, Text)>,
    pub orderings: Vec<Ordering>,
    /// Mandatory colocations by primary: what an unrunnable start or promotion blocks.
    pub blockers: Vec<Vec<Blocker>>,
    /// Where resources that have no place would go; there once everything was placed.
    pub preference: Option<Preference<'f>>,
    /// Resources by the names that constraints may use.
    pub by_name: BTreeMap<&'f str, RscIx>,
    /// Rules decide about settings of operations.
    pub dated_operations: bool,
    /// What a person should be told.
    pub notices: Vec<String>,
    /// What is wrong with the configuration.
    pub problems: Vec<Problem>,
    pub digest_cache: DigestCache,
    /// Flags of collective actions, summed up.
    pub sums: Sums,
}

/// A mandatory colocation as seen from its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocker {
    pub dependent: RscIx,
    pub dependent_promoted: bool,
    pub primary_promoted: bool,
}

/// Whether any rule is looked at when an action comes to life: of operations, or of the parameters of fence devices,
/// which may say how long a start takes.
fn dated_operations(facts: &Facts<'_>) -> bool {
    let ruled = |sets: &[AttributeSet]| sets.iter().any(|set| set.rule.is_some());
    ruled(&facts.cib.op_defaults)
        || facts.rscs.iter().any(|rsc| {
            (rsc.is(Flags::FENCE_DEVICE) && ruled(&rsc.config.params))
                || rsc.ops().iter().any(|op| ruled(&op.meta) || ruled(&op.params))
        })
}

impl<'f> Plan<'f> {
    /// A plan without actions; state as unpacked.
    pub(crate) fn new(facts: &'f Facts<'f>) -> Plan<'f> {
        let rscs = facts
            .rscs
            .iter()
            .map(|rsc| RscState {
                flags: rsc.flags,
                role: rsc.role,
                next_role: rsc.next_role,
                assigned: None,
                priority: rsc.priority,
                children: rsc.children.clone(),
                allowed: rsc.allowed.clone(),
                migration_source: rsc.migration_source,
                migration_target: rsc.migration_target,
                lock_node: rsc.lock_node,
                lock_time: rsc.lock_time,
                actions: Vec::new(),
                keys: Vec::new(),
                notify: [None, None, None, None],
            })
            .collect();
        let nodes = facts
            .nodes
            .iter()
            .map(|node| NodeFlags {
                online: node.online,
                unclean: node.unclean,
                shutdown: node.shutdown,
                remote_reset: node.remote_reset,
            })
            .collect();
        Plan {
            facts,
            top: facts.top.clone(),
            rscs: IndexVec::from_vec(rscs),
            nodes: IndexVec::from_vec(nodes),
            actions: Vec::new(),
            singletons: BTreeMap::new(),
            names: Vec::new(),
            name_index: BTreeMap::new(),
            numbers: Vec::new(),
            orderings: Vec::new(),
            blockers: vec![Vec::new(); facts.rscs.len()],
            preference: None,
            by_name: crate::order::index_names(facts),
            dated_operations: dated_operations(facts),
            notices: Vec::new(),
            problems: Vec::new(),
            digest_cache: facts.digests.clone(),
            sums: Sums::new(facts),
        }
    }

    /// The immutable part of a resource.
    pub(crate) fn rsc(&self, rsc: RscIx) -> &'f Rsc {
        let facts: &'f Facts<'f> = self.facts;
        &facts.rscs[rsc]
    }

    pub(crate) fn act(&self, action: ActIx) -> &Act {
        &self.actions[action.0 as usize]
    }

    /// An action that is about to change. What is only looked at, or would stay as it is, is not asked for here:
    /// every call makes flags of collectives be summed up again.
    pub(crate) fn act_mut(&mut self, action: ActIx) -> &mut Act {
        let act = &mut self.actions[action.0 as usize];
        if let Some(rsc) = act.rsc {
            self.sums.forget(rsc);
        }
        act
    }

    /// What an action waits for. Flags do not depend on it until orderings are applied.
    pub(crate) fn before_mut(&mut self, action: ActIx) -> &mut Vec<Input> {
        &mut self.actions[action.0 as usize].before
    }

    /// What waits for an action.
    pub(crate) fn after_mut(&mut self, action: ActIx) -> &mut Vec<(ActIx, u32)> {
        &mut self.actions[action.0 as usize].after
    }

    /// Sets flags of an action that are not set yet.
    pub(crate) fn set(&mut self, action: ActIx, bits: u32) {
        if !self.act(action).is(bits) {
            self.act_mut(action).set(bits);
        }
    }

    /// Clears flags of an action that are set.
    pub(crate) fn clear(&mut self, action: ActIx, bits: u32) {
        if self.act(action).any(bits) {
            self.act_mut(action).clear(bits);
        }
    }

    /// Whether all the flags are set on the resource now.
    pub(crate) fn is(&self, rsc: RscIx, flags: Flags) -> bool {
        self.rscs[rsc].flags.has(flags)
    }

    /// Gives a name an index.
    pub(crate) fn intern(&mut self, name: &str) -> NameIx {
        if let Some(found) = self.name_index.get(name) {
            return *found;
        }
        let index = NameIx(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.name_index.insert(name.to_owned(), index);
        index
    }

    pub(crate) fn name(&self, name: NameIx) -> &str {
        &self.names[name.0 as usize]
    }

    /// A number as text; there are few different ones.
    pub(crate) fn number_text(&mut self, number: i32) -> Text {
        if let Some((_, text)) = self.numbers.iter().find(|(known, _)| *known == number) {
            return text.clone();
        }
        let text = Text::from(number.to_string());
        self.numbers.push((number, text.clone()));
        text
    }

    /// The task of that name.
    pub(crate) fn task(&mut self, name: &str) -> Task {
        match Task::built_in(name) {
            Some(task) => task,
            None => Task::Other(self.intern(name)),
        }
    }

    pub(crate) fn task_text(&self, task: Task) -> &str {
        match task {
            Task::Other(name) => self.name(name),
            built_in => built_in.text().unwrap_or(""),
        }
    }

    /// A key as text, for a resource of that name.
    pub(crate) fn key_text(&self, id: &str, key: Key) -> String {
        match key {
            Key::Op(task, interval) => format!("{id}_{}_{interval}", self.task_text(task)),
            Key::Notify(phase, task) => {
                format!("{id}_{}_notify_{}_0", phase.text(), self.task_text(task))
            }
            Key::Named(name) => self.name(name).to_owned(),
        }
    }

    /// The key of an action as text, with the instance name.
    pub(crate) fn full_key(&self, action: ActIx) -> String {
        let act = self.act(action);
        let id = act.rsc.map_or("", |rsc| self.rsc(rsc).id.as_str());
        self.key_text(id, act.key)
    }

    /// The outermost resource, not looking beyond the clone inside a bundle.
    pub(crate) fn top(&self, rsc: RscIx) -> RscIx {
        let mut at = rsc;
        while let Some(parent) = self.rsc(at).parent {
            if self.rsc(parent).is_bundle() {
                break;
            }
            at = parent;
        }
        at
    }

    /// The outermost resource, bundles included.
    pub(crate) fn top_with_bundle(&self, rsc: RscIx) -> RscIx {
        self.sums.outermost(rsc)
    }

    /// Whether `outer` surrounds `inner`.
    pub(crate) fn is_inside(&self, inner: RscIx, outer: RscIx) -> bool {
        let mut at = self.rsc(inner).parent;
        while let Some(parent) = at {
            if parent == outer {
                return true;
            }
            at = self.rsc(parent).parent;
        }
        false
    }

    /// A bundle or part of one.
    pub(crate) fn is_bundled(&self, rsc: RscIx) -> bool {
        self.rsc(self.top_with_bundle(rsc)).is_bundle()
    }

    /// An instance of a clone that does not tell its instances apart.
    pub(crate) fn is_anonymous_clone(&self, rsc: RscIx) -> bool {
        self.rsc(rsc).is_clone() && !self.is(rsc, Flags::UNIQUE)
    }

    /// Clone or bundle.
    pub(crate) fn is_collective(&self, rsc: RscIx) -> bool {
        match self.rsc(rsc).kind {
            RscKind::Primitive | RscKind::Group(_) => false,
            RscKind::Clone(_) | RscKind::Bundle(_) => true,
        }
    }

    /// Instances of a clone, containers of a bundle.
    pub(crate) fn instances(&self, rsc: RscIx) -> Vec<RscIx> {
        match &self.rsc(rsc).kind {
            RscKind::Bundle(bundle) => bundle.replicas.iter().map(|replica| replica.container).collect(),
            RscKind::Primitive | RscKind::Group(_) | RscKind::Clone(_) => self.rscs[rsc].children.clone(),
        }
    }

    /// Role of a resource; for collectives the highest inside.
    pub(crate) fn role(&self, rsc: RscIx, current: bool) -> Role {
        match self.rsc(rsc).kind {
            RscKind::Primitive => {
                if current {
                    self.rscs[rsc].role
                } else {
                    self.rscs[rsc].next_role
                }
            }
            RscKind::Group(_) | RscKind::Clone(_) => self.rscs[rsc]
                .children
                .iter()
                .map(|child| self.role(*child, current))
                .max()
                .unwrap_or(Role::Unknown),
            RscKind::Bundle(_) => Role::Unknown,
        }
    }

    /// Whether something of the resource is active on a node that counts.
    pub(crate) fn is_active(&self, rsc: RscIx, all: bool) -> bool {
        match &self.rsc(rsc).kind {
            RscKind::Primitive => self.rsc(rsc).running_on.iter().any(|node| {
                let node = &self.nodes[*node];
                node.unclean || node.online || !self.is(rsc, Flags::MANAGED)
            }),
            RscKind::Group(_) => {
                let mut active = self.rscs[rsc].children.iter().map(|child| self.is_active(*child, all));
                if all {
                    let states: Vec<bool> = active.collect();
                    !states.is_empty() && states.iter().all(|state| *state)
                } else {
                    active.any(|state| state)
                }
            }
            RscKind::Clone(_) => {
                let mut active = self.rscs[rsc].children.iter().map(|child| self.is_active(*child, all));
                if all { active.all(|state| state) } else { active.any(|state| state) }
            }
            RscKind::Bundle(bundle) => {
                let mut parts = bundle
                    .replicas
                    .iter()
                    .flat_map(|replica| [replica.ip, replica.child, Some(replica.container), replica.remote]);
                let decided = parts.find_map(|part| {
                    let active = self.is_active(part?, all);
                    (active != all).then_some(active)
                });
                decided.unwrap_or(all)
            }
        }
    }

    /// Where a resource is: the one node, if all of it is on one.
    pub(crate) fn location(&self, rsc: RscIx, current: bool) -> Option<NodeIx> {
        let mut found = Vec::new();
        self.collect_locations(rsc, current, &mut found);
        match found[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    fn collect_locations(&self, rsc: RscIx, current: bool, found: &mut Vec<NodeIx>) {
        let state = &self.rscs[rsc];
        if !state.children.is_empty() {
            for child in &state.children {
                let mut inner = Vec::new();
                self.collect_locations(*child, current, &mut inner);
                for node in inner {
                    if !found.contains(&node) {
                        found.push(node);
                    }
                }
            }
        } else if current {
            found.extend(self.rsc(rsc).running_on.iter().copied());
        } else {
            found.extend(state.assigned);
        }
    }

    /// The node that counts as the current one, with the number of nodes where it is active and of those that
    /// are online and clean.
    pub(crate) fn active_node(&self, rsc: RscIx) -> (Option<NodeIx>, usize, usize) {
        let running = self.active_list(rsc);
        let mut active: Option<NodeIx> = None;
        let mut clean = 0;
        for node in &running {
            let flags = &self.nodes[*node];
            let happy = flags.online && !flags.unclean;
            clean += usize::from(happy);
            if self.rscs[rsc].migration_source.is_some() {
                if self.rscs[rsc].migration_source == Some(*node) {
                    active = Some(*node);
                }
            } else if !self.is(rsc, Flags::NEEDS_FENCING) {
                let better = active.is_none_or(|old| !self.nodes[old].online || self.nodes[old].unclean);
                if happy && better {
                    active = Some(*node);
                }
            }
            if active.is_none() {
                active = Some(*node);
            }
        }
        (active, running.len(), clean)
    }

    fn active_list(&self, rsc: RscIx) -> Vec<NodeIx> {
        self.rsc(rsc).running_on.clone()
    }

    /// The node that counts as the current one.
    pub(crate) fn current_node(&self, rsc: RscIx) -> Option<NodeIx> {
        self.active_node(rsc).0
    }

    /// The connection's launcher of a guest node.
    pub(crate) fn launcher_of_node(&self, node: NodeIx) -> Option<RscIx> {
        self.facts.nodes[node].connection.and_then(|connection| self.rsc(connection).launcher)
    }

    /// The connection resource of a guest that this resource launches.
    pub(crate) fn launched_connection(&self, rsc: RscIx) -> Option<RscIx> {
        self.rsc(rsc).launched.iter().copied().find(|launched| self.is(*launched, Flags::REMOTE_CONNECTION))
    }

    /// The bundled resource behind a container.
    pub(crate) fn inside_container(&self, container: RscIx) -> Option<RscIx> {
        let bundle = self.top_with_bundle(container);
        self.rsc(bundle).bundle_data()?.replicas.iter().find(|replica| replica.container == container)?.child
    }
}
