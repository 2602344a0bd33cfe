//! Probes: asking nodes whether they run what nobody knows they run, and who has to wait for the answer.
//!
//! Knows where a probe is needed and what it precedes. Does not know results.

use super::create::{NOT_RUNNING, PROMOTED};
use super::kinds::{ActIx, Key, Task, flag};
use super::plan::{Ordering, Plan};
use crate::facts::{Flags, NodeIx, RscIx, RscKind};
use crate::order::{End, relation as ar};
use holdfast_model::Role;
use holdfast_model::config::ProbeMode;

const PROBE: Key = Key::Op(Task::Monitor, 0);

impl Plan<'_> {
    /// Creates the probes on every node that can be asked.
    pub(crate) fn schedule_probes(&mut self) {
        let facts = self.facts;
        for node in facts.nodes.indices() {
            if !self.nodes[node].online {
                if self.is_failed_remote(node) {
                    self.fence_node(node, "the connection is unrecoverable", false);
                }
                continue;
            }
            if self.nodes[node].unclean || !facts.nodes[node].probes_allowed {
                continue;
            }
            for rsc in &self.top.clone() {
                self.probe(*rsc, node);
            }
        }
    }

    fn probe(&mut self, rsc: RscIx, node: NodeIx) -> bool {
        match self.rsc(rsc).kind {
            RscKind::Primitive | RscKind::Group(_) => self.probe_simple(rsc, node),
            RscKind::Clone(_) => self.probe_clone(rsc, node),
            RscKind::Bundle(_) => self.probe_bundle(rsc, node),
        }
    }

    fn probe_all(&mut self, rscs: Vec<RscIx>, node: NodeIx) -> bool {
        let mut any = false;
        for rsc in rscs {
            any |= self.probe(rsc, node);
        }
        any
    }

    fn probe_simple(&mut self, rsc: RscIx, node: NodeIx) -> bool {
        let facts = self.facts;
        let top = self.top(rsc);
        let kind = &facts.nodes[node];
        if !facts.options.probe_resources {
            return false;
        }
        if kind.is_remote()
            && (self.is(rsc, Flags::FENCE_DEVICE)
                || (kind.is_guest() && self.launched_connection(rsc).is_some())
                || self.is(rsc, Flags::REMOTE_CONNECTION))
        {
            return false;
        }
        if !self.rscs[rsc].children.is_empty() {
            return self.probe_all(self.rscs[rsc].children.clone(), node);
        }
        let inside_container = self.rsc(rsc).launcher.is_some() && !self.is(rsc, Flags::REMOTE_CONNECTION);
        if inside_container || self.is(rsc, Flags::REMOVED) || self.rsc(rsc).known_on.contains(&node) {
            return false;
        }
        let mode = self.rscs[rsc].allowed.get(&node).map(|allowed| allowed.probe);
        let exclusive = self.is(rsc, Flags::EXCLUSIVE_PROBES) || self.is(top, Flags::EXCLUSIVE_PROBES);
        if exclusive && mode != Some(ProbeMode::Exclusive) {
            return false;
        }
        if mode.unwrap_or(kind.probe) == ProbeMode::Never {
            return false;
        }
        if kind.is_guest()
            && let Some(guest) = self.launcher_of_node(node)
        {
            if self.rscs[guest].role == Role::Stopped {
                self.order_probe_before_start(guest, top);
                return false;
            }
            if self.guest_will_stop(node, guest) {
                self.order_tasks(guest, Task::Stop, top, Task::Start, ar::ORDERED);
                return false;
            }
        }
        let probe = self.create_probe(rsc, node);
        let top = if self.rsc(top).is_clone() { top } else { rsc };
        let mut flags = ar::ORDERED;
        if !self.act(probe).is(flag::RUNNABLE) && self.rsc(top).running_on.is_empty() {
            flags |= ar::UNRUNNABLE_FIRST_BLOCKS;
        }
        self.order(End::Of(rsc, probe), End::task(top, Task::Start), flags);
        self.order(End::Of(rsc, probe), End::task(top, Task::ReloadAgent), ar::ORDERED);
        true
    }

    fn create_probe(&mut self, rsc: RscIx, node: NodeIx) -> ActIx {
        let probe = self.action(rsc, PROBE, Task::Monitor, Some(node), false);
        self.act_mut(probe).clear(flag::OPTIONAL);
        self.order_after_unfencing(rsc, node, probe, ar::ORDERED);
        if !self.rsc(rsc).running_on.contains(&node) {
            self.expect_rc(probe, NOT_RUNNING);
        } else if self.rscs[rsc].role == Role::Promoted {
            self.expect_rc(probe, PROMOTED);
        }
        probe
    }

    fn order_probe_before_start(&mut self, first: RscIx, then: RscIx) {
        if let Some(node) = self.rscs[first].assigned
            && !self.rsc(first).known_on.contains(&node)
        {
            self.order_tasks(first, Task::Monitor, then, Task::Start, ar::ORDERED);
        }
    }

    fn guest_will_stop(&self, node: NodeIx, guest: RscIx) -> bool {
        let state = &self.rscs[guest];
        self.nodes[node].remote_reset
            || self.nodes[node].unclean
            || self.is(guest, Flags::FAILED)
            || state.next_role == Role::Stopped
            || (state.role > Role::Stopped
                && state.assigned.is_some_and(|next| !self.rsc(guest).running_on.contains(&next)))
    }

    fn probe_clone(&mut self, clone: RscIx, node: NodeIx) -> bool {
        if self.is(clone, Flags::EXCLUSIVE_PROBES)
            && self.rscs[clone].allowed.get(&node).is_none_or(|allowed| allowed.probe != ProbeMode::Exclusive)
        {
            self.rscs[clone].allowed.remove(&node);
            return false;
        }
        self.sort_by_instance_number(clone);
        let instances = self.rscs[clone].children.clone();
        if self.is(clone, Flags::UNIQUE) {
            return self.probe_all(instances, node);
        }
        // One instance is enough: one known here, else the one that will be here, else any.
        let known = instances.iter().find(|instance| self.probed_on(**instance, node));
        let chosen = known
            .or_else(|| instances.iter().find(|instance| self.location(**instance, false) == Some(node)))
            .or(instances.first());
        match chosen.copied() {
            Some(instance) => self.probe(instance, node),
            None => false,
        }
    }

    fn probed_on(&self, rsc: RscIx, node: NodeIx) -> bool {
        let children = &self.rscs[rsc].children;
        if children.is_empty() {
            self.rsc(rsc).known_on.contains(&node)
        } else {
            children.iter().any(|child| self.probed_on(*child, node))
        }
    }

    fn probe_bundle(&mut self, bundle: RscIx, node: NodeIx) -> bool {
        let Some(data) = self.rsc(bundle).bundle_data() else {
            return false;
        };
        let mut any = false;
        for replica in &data.replicas {
            if let Some(ip) = replica.ip {
                any |= self.probe(ip, node);
            }
            if let Some(child) = replica.child.filter(|_| replica.node == Some(node)) {
                any |= self.probe(child, node);
            }
            if self.probe(replica.container, node) {
                any = true;
                if data.replicas_per_host == 1 {
                    for other in data.replicas.iter().filter(|other| other.offset != replica.offset) {
                        let flags = ar::ORDERED | ar::IF_ON_SAME_NODE;
                        self.order_tasks(
                            replica.container,
                            Task::Monitor,
                            other.container,
                            Task::Start,
                            flags,
                        );
                    }
                }
            }
            if let Some(remote) = replica.remote
                && self.probe(remote, node)
                && let Some(probe) = self.newest_key(remote, PROBE, Some(node))
            {
                any = true;
                self.order(
                    End::task(replica.container, Task::Start),
                    End::Of(remote, probe),
                    ar::NESTED_REMOTE_PROBE,
                );
            }
        }
        any
    }

    /// Orders probes before whatever might have to be undone because of their result.
    pub(crate) fn order_probes(&mut self) {
        let mut visited = Visited { stamp: 0, stamps: vec![0; self.actions.len()] };
        for rsc in &self.top.clone() {
            self.order_probes_of(*rsc, &mut visited);
        }
        self.order_probes_like_stops();
    }

    fn order_probes_of(&mut self, rsc: RscIx, visited: &mut Visited) {
        if !self.rsc(rsc).is_primitive() {
            for child in self.rscs[rsc].children.clone() {
                self.order_probes_of(child, visited);
            }
            return;
        }
        // All probes of a resource mostly come before the same, and what follows from that is found out once.
        let mut known: Vec<(ActIx, Vec<ActIx>)> = Vec::new();
        for probe in self.all_of_key(rsc, PROBE, None) {
            let mut at = self.act(probe).after.len();
            while at > 0 {
                at -= 1;
                let (after, flags) = self.act(probe).after[at];
                self.order_probe_before_instance_starts(rsc, probe, after, flags);
                if let Some((_, undone)) = known.iter().find(|(of, _)| *of == after) {
                    for then in undone {
                        self.link(probe, *then, ar::ORDERED);
                    }
                    continue;
                }
                visited.stamp += 1;
                let mut walk = Walk { visited, undone: Vec::new(), met_probe: false };
                self.find_restarts(rsc, after, &mut walk);
                let Walk { undone, met_probe, .. } = walk;
                for then in &undone {
                    self.link(probe, *then, ar::ORDERED);
                }
                if !met_probe {
                    known.push((after, undone));
                }
            }
        }
    }

    /// An unrunnable probe of an instance blocks the starts of inactive instances.
    fn order_probe_before_instance_starts(&mut self, rsc: RscIx, probe: ActIx, after: ActIx, flags: u32) {
        let Some(clone) = self.act(after).rsc else {
            return;
        };
        if !self.is_collective(clone)
            || self.act(probe).is(flag::RUNNABLE)
            || flags & ar::UNRUNNABLE_FIRST_BLOCKS != 0
            || self.top(rsc) != clone
            || self.act(after).task != Task::Start
        {
            return;
        }
        for at in (0..self.act(after).after.len()).rev() {
            let (then, _) = self.act(after).after[at];
            if let Some(then_rsc) = self.act(then).rsc
                && self.rsc(then_rsc).running_on.is_empty()
                && self.top(then_rsc) == clone
                && self.act(then).task == Task::Start
            {
                self.link(probe, then, ar::ORDERED | ar::UNRUNNABLE_FIRST_BLOCKS);
            }
        }
    }

    /// If what follows a probe has to restart because of it, the stop comes after the probe, too: finds such stops.
    fn find_restarts(&mut self, rsc: RscIx, after: ActIx, walk: &mut Walk<'_>) {
        if !walk.visited.first_time(after) {
            return;
        }
        let after_rsc = self.act(after).rsc;
        walk.met_probe |= after_rsc == Some(rsc) && self.act(after).key == PROBE;
        if let Some(after_rsc) = after_rsc
            && self.rsc(after_rsc).is_primitive()
            && after_rsc != rsc
        {
            let undo = match self.act(after).task {
                Task::Start => Some(Task::Stop),
                Task::Promote => Some(Task::Demote),
                _ => None,
            };
            if let Some(undo) = undo {
                for then in self.all_of_key(after_rsc, Key::Op(undo, 0), None) {
                    if !self.act(then).is(flag::PSEUDO) {
                        walk.undone.push(then);
                    }
                }
            }
        }
        let collective = after_rsc.filter(|rsc| self.is_collective(*rsc));
        let interleaved = collective.filter(|rsc| self.interleaves(*rsc));
        let compatible = interleaved.and_then(|clone| self.compatible_instance(rsc, clone, false));
        let mut at = self.act(after).after.len();
        while at > 0 {
            at -= 1;
            let (then, flags) = self.act(after).after[at];
            if flags & ar::FIRST_IMPLIES_THEN == 0 {
                let (Some(after_rsc), Some(chained)) = (after_rsc, self.act(then).rsc) else {
                    continue;
                };
                if self.rsc(after_rsc).is_primitive()
                    || self.rsc(rsc).parent == Some(after_rsc)
                    || self.is_collective(chained)
                    || self.rsc(chained).parent != Some(after_rsc)
                    || (interleaved.is_some() && compatible != Some(chained))
                {
                    continue;
                }
            }
            self.find_restarts(rsc, then, walk);
        }
    }

    /// What follows the stop of a resource also follows its probes.
    fn order_probes_like_stops(&mut self) {
        for at in 0..self.orderings.len() {
            let ordering = self.orderings[at].clone();
            self.order_probes_like_stop(&ordering);
        }
    }

    fn order_probes_like_stop(&mut self, ordering: &Ordering) {
        let Some(first_rsc) = ordering.first_rsc else {
            return;
        };
        if ordering.flags == ar::NONE || ordering.then_rsc == Some(first_rsc) {
            return;
        }
        let is_stop = |plan: &Self, action: Option<ActIx>, key: Option<Key>| match action {
            Some(action) => plan.act(action).task == Task::Stop,
            None => key == Some(Key::Op(Task::Stop, 0)),
        };
        if !is_stop(self, ordering.first, ordering.first_key) {
            return;
        }
        let launched = ordering.then_rsc.is_some() && self.rsc(first_rsc).launcher == ordering.then_rsc;
        if launched && is_stop(self, ordering.then, ordering.then_key) {
            return;
        }
        let flags = match ordering.flags {
            ar::IF_REQUIRED_ON_SAME_NODE | ar::IF_ON_SAME_NODE_OR_TARGET => ordering.flags,
            flags => ar::ORDERED | (flags & (ar::IF_FIRST_UNMIGRATABLE | ar::IF_ON_SAME_NODE)),
        };
        let probes = self.all_of_key(first_rsc, PROBE, None);
        if probes.is_empty() {
            return;
        }
        let thens = match (ordering.then, ordering.then_rsc, ordering.then_key) {
            (Some(then), _, _) => vec![then],
            (None, Some(rsc), Some(key)) => self.all_of_key(rsc, key, None),
            (None, _, _) => Vec::new(),
        };
        for probe in probes {
            for then in &thens {
                if self.probe_matters_before(probe, *then) {
                    self.link(probe, *then, flags);
                }
            }
        }
    }

    fn probe_matters_before(&self, probe: ActIx, then: ActIx) -> bool {
        let (node, act) = (self.act(probe).node, self.act(then));
        match act.task {
            Task::Stonith => node != act.node || act.own_meta("stonith_action") != Some("on"),
            Task::Shutdown => node.is_none() || act.node.is_none() || node == act.node,
            _ => true,
        }
    }
}

/// A walk along what follows a probe.
struct Walk<'v> {
    visited: &'v mut Visited,
    /// Stops and demotions on the way that undo something.
    undone: Vec<ActIx>,
    /// The walk came to a probe of the same resource, so that another probe's walk may end elsewhere.
    met_probe: bool,
}

/// Which actions a walk has been at; a new walk is a new stamp.
struct Visited {
    stamp: u32,
    stamps: Vec<u32>,
}

impl Visited {
    fn first_time(&mut self, action: ActIx) -> bool {
        let at = action.0 as usize;
        if at >= self.stamps.len() {
            self.stamps.resize(at + 1, 0);
        }
        std::mem::replace(&mut self.stamps[at], self.stamp) != self.stamp
    }
}
