//! Orderings that follow from what resources are: members of groups, instances of clones, replicas of bundles.
//!
//! Knows the implied orderings of every kind of resource. Does not know configured constraints.

use super::relation as ar;
use super::tables::End;
use crate::actions::kinds::{ActIx, Task, flag};
use crate::actions::plan::Plan;
use crate::facts::{Flags, NodeIx, PlacementStrategy, RscIx, RscKind};
use holdfast_model::Role;

/// What the members before this one leave behind.
struct Members {
    ordered: bool,
    promotable: bool,
    last_active: Option<RscIx>,
    previous: Option<RscIx>,
}

impl Plan<'_> {
    /// Adds the implied orderings of all resources.
    pub(crate) fn internal_orderings(&mut self) {
        for rsc in &self.top.clone() {
            self.internal(*rsc);
        }
    }

    fn internal(&mut self, rsc: RscIx) {
        match self.rsc(rsc).kind {
            RscKind::Primitive => self.internal_primitive(rsc),
            RscKind::Group(_) => self.internal_group(rsc),
            RscKind::Clone(_) => self.internal_clone(rsc),
            RscKind::Bundle(_) => self.internal_bundle(rsc),
        }
    }

    fn internal_primitive(&mut self, rsc: RscIx) {
        if !self.is(rsc, Flags::MANAGED) {
            return;
        }
        self.order_tasks(
            rsc,
            Task::Stop,
            rsc,
            Task::Start,
            ar::ORDERED | ar::FIRST_IMPLIES_THEN | ar::INTERMEDIATE_STOP,
        );
        if self.is(self.top(rsc), Flags::PROMOTABLE) || self.rscs[rsc].role > Role::Unpromoted {
            self.order_tasks(rsc, Task::Demote, rsc, Task::Stop, ar::PROMOTED_THEN_IMPLIES_FIRST);
            self.order_tasks(rsc, Task::Start, rsc, Task::Promote, ar::UNRUNNABLE_FIRST_BLOCKS);
        }
        self.order_tasks(
            rsc,
            Task::LrmDelete,
            rsc,
            Task::Monitor,
            ar::IF_ON_SAME_NODE | ar::THEN_CANCELS_FIRST,
        );
        let facts = self.facts;
        let allowed: Vec<NodeIx> = self.rscs[rsc].allowed.keys().copied().collect();
        if facts.options.unfencing
            && !self.is(rsc, Flags::FENCE_DEVICE)
            && self.is(rsc, Flags::NEEDS_UNFENCING)
        {
            for node in &allowed {
                self.order_restart_around_unfencing(rsc, *node);
            }
        }
        if !self.rsc(rsc).utilization.is_empty() && facts.options.placement != PlacementStrategy::Default {
            self.order_loads(rsc, &allowed);
        }
        if let Some(launcher) = self.rsc(rsc).launcher {
            self.internal_launched(rsc, launcher);
        }
    }

    fn internal_launched(&mut self, rsc: RscIx, launcher: RscIx) {
        if self.is(rsc, Flags::REMOTE_CONNECTION) {
            self.order_tasks(launcher, Task::Monitor, rsc, Task::Stop, ar::ORDERED);
        } else if self.is(launcher, Flags::REMOTE_CONNECTION) || self.launched_connection(launcher).is_some()
        {
            return;
        }
        self.order_tasks(
            launcher,
            Task::Start,
            rsc,
            Task::Start,
            ar::FIRST_IMPLIES_THEN | ar::UNRUNNABLE_FIRST_BLOCKS,
        );
        self.order_tasks(rsc, Task::Stop, launcher, Task::Stop, ar::THEN_IMPLIES_FIRST);
    }

    fn order_restart_around_unfencing(&mut self, rsc: RscIx, node: NodeIx) {
        let unfence = self.fence_action(node, Some("on"), true, None, false);
        self.order(End::task(rsc, Task::Stop), End::Action(unfence), ar::ORDERED | ar::IF_ON_SAME_NODE);
        self.order(
            End::Action(unfence),
            End::task(rsc, Task::Start),
            ar::FIRST_IMPLIES_SAME_NODE_THEN | ar::IF_ON_SAME_NODE,
        );
    }

    /// Loads go before others come.
    fn order_loads(&mut self, rsc: RscIx, allowed: &[NodeIx]) {
        for node in &self.rsc(rsc).running_on {
            let stopped = self.load_stopped(*node);
            self.order(End::task(rsc, Task::Stop), End::Action(stopped), ar::IF_ON_SAME_NODE_OR_TARGET);
        }
        for node in allowed {
            let stopped = self.load_stopped(*node);
            self.order(End::Action(stopped), End::task(rsc, Task::Start), ar::IF_ON_SAME_NODE_OR_TARGET);
            self.order(End::Action(stopped), End::task(rsc, Task::MigrateTo), ar::IF_ON_SAME_NODE_OR_TARGET);
        }
    }

    fn load_stopped(&mut self, node: NodeIx) -> ActIx {
        let facts = self.facts;
        let action = self.named_milestone(&format!("load_stopped_{}", facts.nodes[node].name));
        let act = self.act_mut(action);
        if act.node.is_none() {
            act.node = Some(node);
            act.clear(flag::OPTIONAL);
        }
        action
    }

    fn internal_group(&mut self, group: RscIx) {
        self.order_tasks(group, Task::Stop, group, Task::Stopped, ar::UNRUNNABLE_FIRST_BLOCKS);
        self.order_tasks(group, Task::Stopped, group, Task::Start, ar::ORDERED);
        self.order_tasks(group, Task::Start, group, Task::Running, ar::UNRUNNABLE_FIRST_BLOCKS);
        let mut members = Members {
            ordered: self.rsc(group).group_data().is_some_and(|data| data.ordered),
            promotable: self.is(self.top(group), Flags::PROMOTABLE),
            last_active: None,
            previous: None,
        };
        for member in self.rscs[group].children.clone() {
            self.internal_member(group, member, &mut members);
        }
    }

    fn internal_member(&mut self, group: RscIx, member: RscIx, members: &mut Members) {
        let up = ar::UNRUNNABLE_FIRST_BLOCKS | ar::FIRST_IMPLIES_THEN;
        let mut down = ar::THEN_IMPLIES_FIRST_GRAPHED;
        let mut after_down = ar::FIRST_IMPLIES_THEN_GRAPHED;
        self.internal(member);
        if members.previous.is_none() && members.ordered {
            down |= ar::ORDERED;
            after_down = ar::FIRST_IMPLIES_THEN;
        }
        if members.promotable {
            self.order_tasks(group, Task::Demote, member, Task::Demote, down);
            self.order_tasks(member, Task::Demote, group, Task::Demoted, after_down);
            self.order_tasks(
                member,
                Task::Promote,
                group,
                Task::Promoted,
                up | ar::FIRST_IMPLIES_THEN_GRAPHED,
            );
            self.order_tasks(group, Task::Promote, member, Task::Promote, ar::THEN_IMPLIES_FIRST_GRAPHED);
        }
        self.order_tasks(group, Task::Stop, member, Task::Stop, down);
        self.order_tasks(member, Task::Stop, group, Task::Stopped, after_down);
        self.order_tasks(group, Task::Start, member, Task::Start, ar::THEN_IMPLIES_FIRST_GRAPHED);
        self.order_tasks(member, Task::Start, group, Task::Running, up | ar::FIRST_IMPLIES_THEN_GRAPHED);
        let running = |plan: &Self, rsc: RscIx| !plan.rsc(rsc).running_on.is_empty();
        match members.previous {
            _ if !members.ordered => {
                self.order_tasks(
                    group,
                    Task::Start,
                    member,
                    Task::Start,
                    up | ar::THEN_IMPLIES_FIRST_GRAPHED,
                );
                if members.promotable {
                    let flags = up | ar::THEN_IMPLIES_FIRST_GRAPHED;
                    self.order_tasks(group, Task::Promote, member, Task::Promote, flags);
                }
            }
            None => {}
            Some(previous) => {
                self.order_tasks(previous, Task::Start, member, Task::Start, up);
                self.order_tasks(
                    member,
                    Task::Stop,
                    previous,
                    Task::Stop,
                    ar::ORDERED | ar::INTERMEDIATE_STOP,
                );
                if running(self, member) && !running(self, previous) {
                    let flags = ar::THEN_IMPLIES_FIRST | ar::UNRUNNABLE_FIRST_BLOCKS;
                    self.order_tasks(member, Task::Stop, previous, Task::Start, flags);
                }
                if members.promotable {
                    self.order_tasks(previous, Task::Promote, member, Task::Promote, up);
                    self.order_tasks(member, Task::Demote, previous, Task::Demote, ar::ORDERED);
                }
            }
        }
        if running(self, member) {
            if members.ordered
                && let (Some(previous), Some(last)) = (members.previous, members.last_active)
                && !running(self, previous)
                && running(self, last)
            {
                self.order_tasks(member, Task::Stop, last, Task::Stop, ar::ORDERED);
            }
            members.last_active = Some(member);
        }
        members.previous = Some(member);
    }

    fn internal_clone(&mut self, clone: RscIx) {
        let promotable = self.is(clone, Flags::PROMOTABLE);
        self.order_tasks(clone, Task::Stopped, clone, Task::Start, ar::ORDERED);
        self.order_tasks(clone, Task::Start, clone, Task::Running, ar::UNRUNNABLE_FIRST_BLOCKS);
        self.order_tasks(clone, Task::Stop, clone, Task::Stopped, ar::UNRUNNABLE_FIRST_BLOCKS);
        if promotable {
            self.order_tasks(clone, Task::Demoted, clone, Task::Stop, ar::ORDERED);
            self.order_tasks(clone, Task::Running, clone, Task::Promote, ar::UNRUNNABLE_FIRST_BLOCKS);
        }
        let ordered = self.clone_is_ordered(clone);
        if ordered {
            self.sort_by_instance_number(clone);
        }
        let instances = self.rscs[clone].children.clone();
        for (at, instance) in instances.iter().enumerate() {
            self.internal(*instance);
            let start = ar::UNRUNNABLE_FIRST_BLOCKS | ar::THEN_IMPLIES_FIRST_GRAPHED;
            self.order_tasks(clone, Task::Start, *instance, Task::Start, start);
            self.order_tasks(*instance, Task::Start, clone, Task::Running, ar::FIRST_IMPLIES_THEN_GRAPHED);
            self.order_tasks(clone, Task::Stop, *instance, Task::Stop, ar::THEN_IMPLIES_FIRST_GRAPHED);
            self.order_tasks(*instance, Task::Stop, clone, Task::Stopped, ar::FIRST_IMPLIES_THEN_GRAPHED);
            if ordered {
                for later in &instances[at + 1..] {
                    self.order_tasks(*instance, Task::Start, *later, Task::Start, ar::ORDERED);
                    self.order_tasks(*later, Task::Stop, *instance, Task::Stop, ar::ORDERED);
                }
            }
        }
        if promotable {
            self.internal_promotable(clone);
        }
    }

    pub(crate) fn clone_is_ordered(&self, clone: RscIx) -> bool {
        self.rsc(clone).clone_data().is_some_and(|data| data.ordered)
    }

    /// Sorts instances by number; equal ones stay as they are.
    pub(crate) fn sort_by_instance_number(&mut self, clone: RscIx) {
        let mut children = std::mem::take(&mut self.rscs[clone].children);
        children.sort_by_key(|child| instance_number(&self.rsc(*child).id));
        self.rscs[clone].children = children;
    }

    fn internal_promotable(&mut self, clone: RscIx) {
        self.order_promotable_restart(clone);
        let ordered = self.clone_is_ordered(clone);
        let mut previous = None;
        for instance in self.rscs[clone].children.clone() {
            self.order_tasks(instance, Task::Demote, instance, Task::Promote, ar::ORDERED);
            self.order_tasks(clone, Task::Promote, instance, Task::Promote, ar::ORDERED);
            self.order_tasks(instance, Task::Promote, clone, Task::Promoted, ar::ORDERED);
            if let (true, Some(previous)) = (ordered, previous) {
                self.order_tasks(previous, Task::Promote, instance, Task::Promote, ar::ORDERED);
            }
            self.order_tasks(clone, Task::Demote, instance, Task::Demote, ar::THEN_IMPLIES_FIRST_GRAPHED);
            self.order_tasks(instance, Task::Demote, clone, Task::Demoted, ar::FIRST_IMPLIES_THEN_GRAPHED);
            if let (true, Some(previous)) = (ordered, previous) {
                self.order_tasks(instance, Task::Demote, previous, Task::Demote, ar::ORDERED);
            }
            previous = Some(instance);
        }
    }

    fn order_promotable_restart(&mut self, rsc: RscIx) {
        for (first, then) in [
            (Task::Stopped, Task::Start),
            (Task::Stopped, Task::Promote),
            (Task::Demoted, Task::Stop),
            (Task::Demoted, Task::Start),
            (Task::Demoted, Task::Promote),
            (Task::Running, Task::Promote),
            (Task::Demote, Task::Demoted),
        ] {
            self.order_tasks(rsc, first, rsc, then, ar::ORDERED);
        }
    }

    fn internal_bundle(&mut self, bundle: RscIx) {
        let Some(data) = self.rsc(bundle).bundle_data() else {
            return;
        };
        let to_graph = ar::THEN_IMPLIES_FIRST_GRAPHED;
        let from_graph = ar::FIRST_IMPLIES_THEN_GRAPHED;
        for replica in &data.replicas {
            let container = replica.container;
            self.internal(container);
            let start = ar::UNRUNNABLE_FIRST_BLOCKS | to_graph;
            self.order_tasks(bundle, Task::Start, container, Task::Start, start);
            if let Some(child) = replica.child {
                self.order_tasks(bundle, Task::Stop, child, Task::Stop, to_graph);
            }
            self.order_tasks(bundle, Task::Stop, container, Task::Stop, to_graph);
            self.order_tasks(container, Task::Start, bundle, Task::Running, from_graph);
            self.order_tasks(container, Task::Stop, bundle, Task::Stopped, from_graph);
            if let Some(ip) = replica.ip {
                self.internal(ip);
                let start = ar::UNRUNNABLE_FIRST_BLOCKS | ar::GUEST_ALLOWED;
                self.order_tasks(ip, Task::Start, container, Task::Start, start);
                let stop = ar::THEN_IMPLIES_FIRST | ar::GUEST_ALLOWED;
                self.order_tasks(container, Task::Stop, ip, Task::Stop, stop);
            }
            if let Some(remote) = replica.remote {
                self.internal(remote);
            }
        }
        let Some(inner) = data.child else {
            return;
        };
        self.order_tasks(bundle, Task::Start, inner, Task::Start, to_graph);
        self.order_tasks(inner, Task::Running, bundle, Task::Running, from_graph);
        self.order_tasks(bundle, Task::Stop, inner, Task::Stop, to_graph);
        self.order_tasks(inner, Task::Stopped, bundle, Task::Stopped, from_graph);
        self.internal(inner);
        if !self.is(inner, Flags::PROMOTABLE) {
            return;
        }
        self.order_promotable_restart(bundle);
        self.order_tasks(bundle, Task::Demote, inner, Task::Demote, to_graph);
        self.order_tasks(inner, Task::Demoted, bundle, Task::Demoted, from_graph);
        self.order_tasks(bundle, Task::Promote, inner, Task::Promote, to_graph);
        self.order_tasks(inner, Task::Promoted, bundle, Task::Promoted, from_graph);
    }
}

/// The number behind the last colon of an instance name.
fn instance_number(id: &str) -> u32 {
    id.rsplit_once(':').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}
