//! Fencing and shutdown of nodes, and what happens before and after.
//!
//! Knows which nodes are fenced or shut down and in which order. Does not know fence devices.

use super::kinds::{ActIx, Key, Needs, Task, flag};
use super::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::order::{End, relation as ar};

impl Plan<'_> {
    /// Creates fencing of unclean nodes and shutdown of leaving ones; the DC comes last.
    pub(crate) fn schedule_fencing_and_shutdowns(&mut self) {
        let facts = self.facts;
        let managed = facts.top.iter().any(|rsc| self.any_managed(*rsc));
        let mut fencings: Vec<ActIx> = Vec::new();
        let mut shutdowns: Vec<ActIx> = Vec::new();
        let mut dc_last = None;
        for node in facts.nodes.indices() {
            let is_dc = facts.options.dc == Some(node);
            if facts.nodes[node].is_guest() {
                if self.nodes[node].remote_reset && managed && self.can_fence(node) {
                    self.fence_guest(node);
                }
                continue;
            }
            if managed && self.nodes[node].unclean && self.can_fence(node) {
                let fencing = self.fence_action(node, None, false, Some("node is unclean"), false);
                self.order_around_fencing(fencing);
                if is_dc {
                    dc_last = Some(fencing);
                } else {
                    if let (false, Some(last)) = (facts.options.concurrent_fencing, fencings.last()) {
                        self.link(*last, fencing, ar::ORDERED);
                    }
                    fencings.push(fencing);
                }
            } else if !facts.nodes[node].is_remote() && self.nodes[node].online && self.nodes[node].shutdown {
                let shutdown = self.create_shutdown(node);
                if is_dc {
                    dc_last = Some(shutdown);
                } else {
                    shutdowns.push(shutdown);
                }
            }
        }
        let Some(dc_last) = dc_last else {
            return;
        };
        if self.act(dc_last).task == Task::Shutdown {
            for shutdown in shutdowns.into_iter().rev() {
                self.link(shutdown, dc_last, ar::ORDERED);
            }
        }
        if facts.options.concurrent_fencing {
            for fencing in fencings.into_iter().rev() {
                self.link(fencing, dc_last, ar::ORDERED);
            }
        } else if let Some(last) = fencings.last() {
            self.link(*last, dc_last, ar::ORDERED);
        }
    }

    fn any_managed(&self, rsc: RscIx) -> bool {
        self.is(rsc, Flags::MANAGED) || self.rscs[rsc].children.iter().any(|child| self.any_managed(*child))
    }

    fn create_shutdown(&mut self, node: NodeIx) -> ActIx {
        let facts = self.facts;
        let name = format!("do_shutdown-{}", facts.nodes[node].name);
        let shutdown = self.named_action(&name, Task::Shutdown, Some(node), false);
        for action in (0..self.actions.len() as u32).rev().map(ActIx) {
            let act = self.act(action);
            let (Some(rsc), true, true) = (act.rsc, act.node == Some(node), act.task == Task::Stop) else {
                continue;
            };
            if self.is(rsc, Flags::MAINTENANCE)
                || facts.nodes[node].maintenance
                || !self.rscs[rsc].flags.any(Flags::MANAGED | Flags::BLOCKED)
            {
                continue;
            }
            self.act_mut(action).clear(flag::OPTIONAL);
            let flags = ar::ORDERED | ar::UNRUNNABLE_FIRST_BLOCKS;
            self.order(End::Of(rsc, action), End::Action(shutdown), flags);
        }
        self.act_mut(shutdown).set_meta("op_no_wait", "true");
        shutdown
    }

    /// Orders everything that depends on the fate of a node around its fencing.
    fn order_around_fencing(&mut self, fencing: ActIx) {
        let Some(node) = self.act(fencing).node else {
            return;
        };
        for rsc in &self.top.clone() {
            self.order_rsc_around_fencing(*rsc, fencing, node);
        }
    }

    fn order_rsc_around_fencing(&mut self, rsc: RscIx, fencing: ActIx, node: NodeIx) {
        let children = self.rscs[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.order_rsc_around_fencing(child, fencing, node);
            }
        } else if self.is(rsc, Flags::MANAGED) {
            self.order_starts_after_fencing(rsc, fencing, node);
            self.order_stops_after_fencing(rsc, fencing, node);
        }
    }

    fn order_starts_after_fencing(&mut self, rsc: RscIx, fencing: ActIx, node: NodeIx) {
        let known = self.rsc(rsc).known_on.contains(&node)
            || self.rsc(rsc).parent.is_some_and(|parent| {
                self.rsc(rsc).is_primitive()
                    && self.is_anonymous_clone(parent)
                    && self.rsc(parent).known_on.contains(&node)
            });
        let allowed = self.rscs[rsc].allowed.contains_key(&node);
        for at in (0..self.rscs[rsc].actions.len()).rev() {
            let action = self.rscs[rsc].actions[at];
            match self.act(action).needs {
                Needs::Nothing => {}
                Needs::Fencing => {
                    self.link(fencing, action, ar::ORDERED);
                }
                Needs::Quorum => {
                    if self.act(action).task == Task::Start && allowed && !known {
                        self.link(fencing, action, ar::ORDERED | ar::UNRUNNABLE_FIRST_BLOCKS);
                    }
                }
            }
        }
    }

    /// Stops and demotes on a fenced node happen by themselves.
    fn order_stops_after_fencing(&mut self, rsc: RscIx, fencing: ActIx, node: NodeIx) {
        let top = self.top(rsc);
        let bundled = self.is_bundled(rsc);
        let implied = self.is(rsc, Flags::NEEDS_FENCING) || self.facts.nodes[node].is_guest();
        let stops = self.all_of_key(rsc, Key::Op(Task::Stop, 0), Some(node));
        let parent_stop = if stops.is_empty() { None } else { self.newest(top, Task::Stop, None) };
        for stop in stops {
            self.act_mut(stop).set(flag::PSEUDO | flag::RUNNABLE);
            if implied {
                if !bundled {
                    self.link(fencing, stop, ar::GUEST_ALLOWED);
                }
                if let Some(parent_stop) = parent_stop {
                    self.link(fencing, parent_stop, ar::GUEST_ALLOWED);
                }
            }
            if self.is(rsc, Flags::NOTIFY) {
                self.notify_after_fencing(stop, rsc, fencing);
            }
        }
        for demote in self.all_of_key(rsc, Key::Op(Task::Demote, 0), Some(node)) {
            let lost = !self.nodes[node].online || self.nodes[node].unclean || self.is(rsc, Flags::FAILED);
            if lost {
                self.act_mut(demote).set(flag::PSEUDO | flag::RUNNABLE);
                if !bundled && implied {
                    self.link(fencing, demote, ar::GUEST_ALLOWED | ar::ORDERED);
                }
            }
        }
    }

    /// Orders an action after the unfencing of its node, if it needs that.
    pub(crate) fn order_after_unfencing(&mut self, rsc: RscIx, node: NodeIx, action: ActIx, flags: u32) {
        let device = self.is(rsc, Flags::FENCE_DEVICE) && self.facts.options.unfencing;
        if !device && !self.is(rsc, Flags::NEEDS_UNFENCING) {
            return;
        }
        let unfence = self.fence_action(node, Some("on"), true, None, false);
        self.link(unfence, action, flags);
        if !self.is_unfenced(node) {
            let task = self.task_text(self.act(action).task);
            let reason = format!("required by {} {task}", self.rsc(rsc).id);
            self.trigger_unfencing(None, Some(node), &reason);
        }
    }

    fn is_unfenced(&self, node: NodeIx) -> bool {
        let value = self.facts.nodes[node].attributes.get("#node-unfenced");
        value.is_some_and(|value| value != "0")
    }

    /// A guest is fenced by stopping what launches it.
    fn fence_guest(&mut self, node: NodeIx) {
        let launcher = self.launcher_of_node(node);
        let stop = launcher.and_then(|launcher| self.newest(launcher, Task::Stop, None));
        let restarts = launcher.is_some_and(|launcher| self.newest(launcher, Task::Start, None).is_some());
        let action = if restarts { "reboot" } else { "off" };
        let fencing = self.fence_action(node, Some(action), false, Some("guest is unclean"), false);
        self.act_mut(fencing).set(flag::PSEUDO | flag::RUNNABLE);
        let flags = ar::UNRUNNABLE_FIRST_BLOCKS | ar::FIRST_IMPLIES_THEN;
        match stop {
            Some(stop) if self.act(stop).is(flag::PSEUDO) => {
                if let Some(host) = self.act(stop).node {
                    let host_fencing = self.fence_action(host, None, false, None, false);
                    self.link(host_fencing, fencing, flags);
                }
            }
            Some(stop) => {
                self.link(stop, fencing, flags);
            }
            None => {
                let connection = self.facts.nodes[node].connection;
                if let Some(stop) =
                    connection.and_then(|connection| self.newest(connection, Task::Stop, None))
                {
                    self.link(stop, fencing, ar::ORDERED);
                }
            }
        }
        self.order_around_fencing(fencing);
    }
}
