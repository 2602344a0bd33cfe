//! Makes actions and finds existing ones.
//!
//! Knows when a new action may run and when asking again gives the old one. Numbers follow creation, so every pass
//! has to ask in its fixed order. Does not know why an action is wanted.

use super::kinds::{Act, ActIx, Key, Needs, Task, flag};
use super::plan::Plan;
use crate::facts::{Asked, Flags, NoQuorumPolicy, NodeIx, RscIx};
use holdfast_model::{Role, boolean, duration};
use std::collections::BTreeMap;

/// Exit code of a monitor that found the resource stopped.
pub(crate) const NOT_RUNNING: i32 = 7;
/// Exit code of a monitor that found the resource promoted.
pub(crate) const PROMOTED: i32 = 8;
const INFINITY: i32 = 1_000_000;

impl Plan<'_> {
    /// Position of the configuration of an operation among the resource's operations.
    pub(crate) fn operation(
        &self,
        rsc: RscIx,
        task: Task,
        interval_ms: u64,
        disabled_too: bool,
    ) -> Option<usize> {
        let exact = |name: &str, interval_ms: u64| {
            self.rsc(rsc).ops().iter().position(|op| {
                op.name == name
                    && (disabled_too || op.attribute("enabled").and_then(boolean::parse_bool) != Some(false))
                    && interval_of(op.attribute("interval")) == interval_ms
            })
        };
        exact(self.task_text(task), interval_ms).or_else(|| match task {
            Task::MigrateTo | Task::MigrateFrom => exact("migrate", 0),
            _ => None,
        })
    }

    /// The action of that key, made if it does not exist. `optional = false` makes an existing one required.
    pub(crate) fn action(
        &mut self,
        rsc: RscIx,
        key: Key,
        task: Task,
        node: Option<NodeIx>,
        optional: bool,
    ) -> ActIx {
        let action = match self.existing(rsc, key, node) {
            Some(action) => action,
            None => self.create(Some(rsc), key, task, node, optional),
        };
        self.update_optional(action, optional);
        self.update_runnable(action);
        action
    }

    /// [`Self::action`] as it was asked for while unpacking.
    pub(crate) fn early_action(
        &mut self,
        rsc: RscIx,
        key: Key,
        task: Task,
        node: NodeIx,
        asked: Asked,
    ) -> ActIx {
        let action = match self.existing(rsc, key, Some(node)) {
            Some(action) => action,
            None => self.create(Some(rsc), key, task, Some(node), asked.optional),
        };
        self.require_if_managed(action, asked.unmanaged, asked.optional);
        if self.act(action).needs == Needs::Nothing {
            let act = self.act_mut(action);
            act.reason = None;
            if asked.runnable {
                act.set(flag::RUNNABLE);
            } else {
                act.clear(flag::RUNNABLE);
            }
        } else {
            self.update_runnable(action);
        }
        action
    }

    /// [`Self::action`] for a one-time task.
    pub(crate) fn simple_action(
        &mut self,
        rsc: RscIx,
        task: Task,
        node: Option<NodeIx>,
        optional: bool,
    ) -> ActIx {
        self.action(rsc, Key::Op(task, 0), task, node, optional)
    }

    /// A milestone of a resource.
    pub(crate) fn pseudo_action(&mut self, rsc: RscIx, task: Task, optional: bool, runnable: bool) -> ActIx {
        let action = self.simple_action(rsc, task, None, optional);
        self.act_mut(action).set(flag::PSEUDO);
        if runnable {
            self.act_mut(action).set(flag::RUNNABLE);
        }
        action
    }

    /// An action without resource.
    pub(crate) fn named_action(
        &mut self,
        name: &str,
        task: Task,
        node: Option<NodeIx>,
        optional: bool,
    ) -> ActIx {
        let name = self.intern(name);
        let action = match self.singletons.get(&name) {
            Some(action) => *action,
            None => self.create(None, Key::Named(name), task, node, optional),
        };
        self.update_optional(action, optional);
        action
    }

    /// A milestone without resource.
    pub(crate) fn named_milestone(&mut self, name: &str) -> ActIx {
        let index = self.intern(name);
        if let Some(action) = self.singletons.get(&index) {
            return *action;
        }
        let action = self.named_action(name, Task::Other(index), None, true);
        self.act_mut(action).set(flag::PSEUDO | flag::RUNNABLE);
        action
    }

    /// The oldest action of that key; actions that had no node yet get the one asked for.
    fn existing(&mut self, rsc: RscIx, key: Key, node: Option<NodeIx>) -> Option<ActIx> {
        self.give_node(rsc, key, node);
        let known = self.rscs[rsc].of_key(key);
        known.iter().find(|(_, on)| node.is_none() || *on == node).map(|(action, _)| *action)
    }

    /// Actions of that key that have no node yet get this one.
    fn give_node(&mut self, rsc: RscIx, key: Key, node: Option<NodeIx>) {
        if node.is_none() {
            return;
        }
        let Some(known) = self.rscs[rsc].keys.iter_mut().find(|known| known.key == key) else {
            return;
        };
        for (action, on) in known.actions.iter_mut().filter(|(_, on)| on.is_none()) {
            *on = node;
            self.actions[action.0 as usize].node = node;
            self.sums.forget(rsc);
        }
    }

    fn create(
        &mut self,
        rsc: Option<RscIx>,
        key: Key,
        task: Task,
        node: Option<NodeIx>,
        optional: bool,
    ) -> ActIx {
        let action = ActIx(self.actions.len() as u32);
        let mut flags = flag::RUNNABLE;
        if task == Task::LrmDelete {
            flags |= flag::ON_DC;
        }
        if optional {
            flags |= flag::OPTIONAL;
        }
        let mut op = None;
        let mut needs = Needs::Nothing;
        if let Some(rsc) = rsc {
            op = match key {
                Key::Op(_, interval) => self.operation(rsc, task, interval, true),
                Key::Notify(..) => {
                    self.operation(rsc, task, 0, true).or_else(|| self.operation(rsc, Task::Notify, 0, true))
                }
                Key::Named(_) => None,
            };
            if matches!(task, Task::Start | Task::Promote) {
                if self.is(rsc, Flags::NEEDS_FENCING) {
                    needs = Needs::Fencing;
                } else if self.is(rsc, Flags::NEEDS_QUORUM) {
                    needs = Needs::Quorum;
                }
            }
        }
        if let Some(rsc) = rsc.filter(|_| self.dated_operations) {
            // Only for when its rules will give another answer.
            let op = op.map(|at| &self.rsc(rsc).ops()[at]);
            let interval = match key {
                Key::Op(_, interval) => u32::try_from(interval).unwrap_or(u32::MAX),
                Key::Notify(..) | Key::Named(_) => 0,
            };
            self.facts.op_meta(rsc, node, self.task_text(task), interval, op);
            if let (Some(op), Some(_)) = (op, node) {
                self.facts.op_params(op, node);
            }
        }
        self.actions.push(Act {
            priority: 0,
            rsc,
            node,
            created_on: node,
            task,
            created_as: task,
            key,
            cancelled: None,
            reason: None,
            flags,
            needs,
            op,
            meta: Vec::new(),
            runnable_before: 0,
            required_before: 0,
            before: Vec::new(),
            after: Vec::new(),
        });
        match (rsc, key) {
            (Some(rsc), _) => {
                self.rscs[rsc].add_action(action, key, node);
                self.sums.forget(rsc);
            }
            (None, Key::Named(name)) => {
                self.singletons.insert(name, action);
            }
            (None, Key::Op(..) | Key::Notify(..)) => {}
        }
        action
    }

    fn update_optional(&mut self, action: ActIx, optional: bool) {
        let unmanaged = self.act(action).rsc.is_some_and(|rsc| !self.is(rsc, Flags::MANAGED));
        self.require_if_managed(action, unmanaged, optional);
    }

    fn require_if_managed(&mut self, action: ActIx, unmanaged: bool, optional: bool) {
        let act = self.act(action);
        let leave_alone = unmanaged
            && act.node.is_some()
            && !act.is(flag::PSEUDO)
            && act.interval_ms() == 0
            && act.own_meta("interval").is_none();
        if leave_alone {
            self.act_mut(action).set(flag::OPTIONAL);
        } else if !optional {
            self.act_mut(action).clear(flag::OPTIONAL);
        }
    }

    fn update_runnable(&mut self, action: ActIx) {
        let act = self.act(action);
        let (Some(rsc), task, needs) = (act.rsc, act.task, act.needs) else {
            return;
        };
        if act.is(flag::PSEUDO) {
            return;
        }
        let on_dc = act.is(flag::ON_DC);
        let Some(node) = act.node else {
            self.act_mut(action).clear(flag::RUNNABLE);
            return;
        };
        let state = self.nodes[node];
        let guest = self.facts.nodes[node].is_guest();
        if !on_dc && !state.online && (!guest || state.remote_reset) {
            self.act_mut(action).clear(flag::RUNNABLE);
            if self.is(rsc, Flags::MANAGED) && task == Task::Stop && !state.unclean {
                self.fence_node(node, "stop is unrunnable", false);
            }
        } else if !on_dc && self.facts.nodes[node].pending {
            self.act_mut(action).clear(flag::RUNNABLE);
        } else if needs == Needs::Nothing {
            self.act_mut(action).reason = None;
            if guest && !self.can_fence(node) {
                self.act_mut(action).clear(flag::RUNNABLE);
            } else {
                self.act_mut(action).set(flag::RUNNABLE);
            }
        } else {
            self.apply_quorum(action, rsc);
        }
    }

    fn apply_quorum(&mut self, action: ActIx, rsc: RscIx) {
        let options = &self.facts.options;
        let mut policy = options.no_quorum;
        if options.quorate {
            policy = NoQuorumPolicy::Ignore;
        } else if policy == NoQuorumPolicy::Demote {
            policy = match self.rscs[rsc].role {
                Role::Promoted | Role::Unpromoted => {
                    if self.rscs[rsc].next_role > Role::Unpromoted {
                        self.rscs[rsc].next_role = Role::Unpromoted;
                    }
                    NoQuorumPolicy::Ignore
                }
                Role::Unknown | Role::Stopped | Role::Started => NoQuorumPolicy::Stop,
            };
        }
        match policy {
            NoQuorumPolicy::Stop => {
                let act = self.act_mut(action);
                act.clear(flag::RUNNABLE);
                act.reason = Some("no quorum".to_owned());
            }
            NoQuorumPolicy::Freeze => {
                if !self.is_active(rsc, true) || self.rscs[rsc].next_role > self.rscs[rsc].role {
                    let act = self.act_mut(action);
                    act.clear(flag::RUNNABLE);
                    act.reason = Some("quorum freeze".to_owned());
                }
            }
            NoQuorumPolicy::Ignore | NoQuorumPolicy::Fence | NoQuorumPolicy::Demote => {
                self.act_mut(action).set(flag::RUNNABLE);
            }
        }
    }

    /// Remembers why an action is wanted; the first reason stays unless `overwrite` is given.
    pub(crate) fn set_reason(&mut self, action: ActIx, reason: &str, overwrite: bool) {
        let act = self.act_mut(action);
        if overwrite || act.reason.is_none() {
            act.reason = Some(reason.to_owned());
        }
    }

    /// The newest action of a resource with that task, on that node if one is given.
    pub(crate) fn newest(&self, rsc: RscIx, task: Task, node: Option<NodeIx>) -> Option<ActIx> {
        self.rscs[rsc].actions.iter().rev().copied().find(|action| {
            let act = self.act(*action);
            act.task == task && (node.is_none() || act.node == node)
        })
    }

    /// The newest action of a resource with that key.
    pub(crate) fn newest_key(&self, rsc: RscIx, key: Key, node: Option<NodeIx>) -> Option<ActIx> {
        let mut known = self.rscs[rsc].of_key(key).iter().rev();
        known.find(|(_, on)| node.is_none() || *on == node).map(|(action, _)| *action)
    }

    /// All actions of that key, oldest first; on that node if one is given (which actions without node then get).
    pub(crate) fn all_of_key(&mut self, rsc: RscIx, key: Key, node: Option<NodeIx>) -> Vec<ActIx> {
        self.give_node(rsc, key, node);
        let known = self.rscs[rsc].of_key(key).iter();
        known.filter(|(_, on)| node.is_none() || *on == node).map(|(action, _)| *action).collect()
    }

    /// All actions of that key that already are on that node, oldest first.
    pub(crate) fn all_exactly_on(&self, rsc: RscIx, key: Key, node: Option<NodeIx>) -> Vec<ActIx> {
        if node.is_none() {
            return Vec::new();
        }
        let known = self.rscs[rsc].of_key(key).iter();
        known.filter(|(_, on)| *on == node).map(|(action, _)| *action).collect()
    }

    /// Whether somebody could fence this node now.
    pub(crate) fn can_fence(&self, node: NodeIx) -> bool {
        self.can_fence_knowing(node, &mut BTreeMap::new())
    }

    /// As `can_fence`; `guests` is what is known of guests so far. Those that a status shows as hosts of each other
    /// cannot be fenced.
    fn can_fence_knowing(&self, node: NodeIx, guests: &mut BTreeMap<NodeIx, bool>) -> bool {
        let facts = self.facts;
        let options = &facts.options;
        if facts.nodes[node].is_guest() {
            if let Some(known) = guests.get(&node) {
                return *known;
            }
            guests.insert(node, false);
            let sure = self.launcher_of_node(node).is_none_or(|launcher| {
                let hosts = &self.rsc(launcher).running_on;
                hosts.iter().all(|host| self.nodes[*host].online || self.can_fence_knowing(*host, guests))
            });
            guests.insert(node, sure);
            return sure;
        }
        if !options.fencing || !options.have_fencing {
            return false;
        }
        if options.quorate || options.no_quorum == NoQuorumPolicy::Ignore {
            return true;
        }
        if !self.nodes[node].online {
            return false;
        }
        if facts.nodes[node].is_remote() && !options.fence_remote_without_quorum {
            let connection = facts.nodes[node].connection;
            return connection.is_none_or(|connection| {
                self.rscs[connection].allowed.keys().all(|host| self.nodes[*host].online)
            });
        }
        true
    }

    /// Marks a node as one to be fenced, if it is not already.
    pub(crate) fn fence_node(&mut self, node: NodeIx, reason: &str, priority_delay: bool) {
        let facts = self.facts;
        let kind = &facts.nodes[node];
        let connection = kind.connection;
        if kind.is_guest() {
            let Some(launcher) = self.launcher_of_node(node) else {
                return;
            };
            if !self.is(launcher, Flags::FAILED) && self.is(launcher, Flags::MANAGED) {
                self.nodes[node].remote_reset = true;
                self.rscs[launcher].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
            }
        } else if let Some(connection) = connection
            && self.rsc(connection).launcher.is_none()
            && self.is(connection, Flags::REMOVED_LAUNCHED)
        {
            self.rscs[connection].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
        } else if kind.is_remote() {
            if connection.is_none_or(|connection| self.is(connection, Flags::MANAGED)) {
                self.nodes[node].remote_reset = true;
            }
            self.mark_unclean(node);
            self.fence_action(node, None, true, Some(reason), false);
        } else if !self.nodes[node].unclean {
            self.mark_unclean(node);
            self.fence_action(node, None, true, Some(reason), priority_delay);
        }
    }

    fn mark_unclean(&mut self, node: NodeIx) {
        self.nodes[node].unclean = true;
        if let Some(preference) = &mut self.preference {
            preference.lost(node);
        }
    }

    /// The fencing of a node with an action (default: as configured).
    pub(crate) fn fence_action(
        &mut self,
        node: NodeIx,
        action: Option<&str>,
        optional: bool,
        reason: Option<&str>,
        priority_delay: bool,
    ) -> ActIx {
        let facts = self.facts;
        let action = action.unwrap_or(facts.options.fence_action);
        let target = &facts.nodes[node];
        let name = format!("stonith-{}-{action}", target.name);
        let index = self.intern(&name);
        let mut optional = optional;
        let fencing = match self.singletons.get(&index) {
            Some(fencing) => *fencing,
            None => {
                let fencing = self.named_action(&name, Task::Stonith, Some(node), true);
                let act = self.act_mut(fencing);
                act.set_meta("on_node", target.name.as_str());
                act.set_meta("on_node_uuid", target.id.as_str());
                act.set_meta("stonith_action", action);
                if facts.options.unfencing {
                    let digests = self.unfencing_digests(node, action);
                    self.notices.extend(digests.notices);
                    optional &= !digests.changed;
                    let act = self.act_mut(fencing);
                    act.set_meta("digests-all", digests.all);
                    act.set_meta("digests-secure", digests.secure);
                }
                fencing
            }
        };
        if facts.options.priority_fencing_ms > 0
            && (priority_delay || self.act(fencing).own_meta("priority-fencing-delay").is_some())
        {
            let delay = self.fencing_delay_s(node);
            self.act_mut(fencing).set_meta("priority-fencing-delay", delay.to_string());
        }
        if !optional && self.can_fence(node) {
            self.act_mut(fencing).clear(flag::OPTIONAL);
        }
        if let Some(reason) = reason {
            self.set_reason(fencing, reason, false);
        }
        fencing
    }

    /// Seconds that fencing of a node with the most important resources is delayed, so that it wins a split.
    fn fencing_delay_s(&self, node: NodeIx) -> u64 {
        let facts = self.facts;
        if facts.nodes[node].is_remote() || self.nodes[node].online {
            return 0;
        }
        let members: Vec<NodeIx> =
            facts.nodes.indices().filter(|node| !facts.nodes[*node].is_remote()).collect();
        let online = members.iter().filter(|node| self.nodes[**node].online).count();
        let priority = |node: &NodeIx| facts.nodes[*node].priority;
        let top = members.iter().map(priority).max().unwrap_or(0);
        let lowest = members.iter().map(priority).min().unwrap_or(0);
        if online > members.len() / 2 || lowest == top || priority(&node) < top {
            return 0;
        }
        facts.options.priority_fencing_ms.div_ceil(1000)
    }

    /// Adds the expected exit code of a monitor.
    pub(crate) fn expect_rc(&mut self, action: ActIx, rc: i32) {
        let text = self.number_text(rc);
        self.act_mut(action).set_meta("op_target_rc", text);
    }

    /// Makes an action one whose completion is confirmed at any abort priority.
    pub(crate) fn set_top_priority(&mut self, action: ActIx) {
        self.act_mut(action).priority = INFINITY;
    }

    /// Forgets the failures of a resource on a node.
    pub(crate) fn clear_fail_count(&mut self, rsc: RscIx, node: NodeIx) -> ActIx {
        let clear = self.simple_action(rsc, Task::ClearFailcount, Some(node), false);
        self.act_mut(clear).set_meta("op_no_wait", "true");
        clear
    }

    /// Unfences a node because of a changed device (or for any other reason, when no device is given).
    pub(crate) fn trigger_unfencing(&mut self, rsc: Option<RscIx>, node: Option<NodeIx>, reason: &str) {
        if !self.facts.options.unfencing || rsc.is_some_and(|rsc| !self.is(rsc, Flags::FENCE_DEVICE)) {
            return;
        }
        let usable = |plan: &Self, node: NodeIx| {
            let node = &plan.nodes[node];
            node.online && !node.unclean && !node.shutdown
        };
        match (node, rsc) {
            (Some(node), _) if usable(self, node) => {
                self.fence_action(node, Some("on"), false, Some(reason), false);
            }
            (_, Some(rsc)) => {
                let nodes: Vec<NodeIx> = self.rscs[rsc].allowed.keys().copied().collect();
                for node in nodes {
                    if usable(self, node) {
                        self.fence_action(node, Some("on"), false, Some(reason), false);
                    }
                }
            }
            (_, None) => {}
        }
    }
}

/// Milliseconds of an `interval` as written; 0 if missing or malformed.
pub(crate) fn interval_of(text: Option<&str>) -> u64 {
    u64::from(duration::parse_interval_ms(text))
}
