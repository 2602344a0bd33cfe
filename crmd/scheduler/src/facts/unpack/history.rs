//! One node's history: which resource an entry belongs to, and what its results add up to.

use std::sync::Arc;

use holdfast_model::config::{Agent, ResourceConfig, ResourceKind};
use holdfast_model::duration::seconds_at_least_one;
use holdfast_model::status::TransitionKey;
use holdfast_model::{Level, NodeState, OperationRecord, ResourceHistory, Role, Score};
use std::cmp::Ordering;

use super::Unpack;
use super::remote::is_remote_agent;
use super::template::Template;
use crate::facts::names::{base_name, merge_sort};
use crate::facts::types::{EarlyAction, Flags, MultipleActive, NodeIx, NodeKind, OnFail, OpRef, RscIx};

impl Unpack<'_> {
    pub(super) fn node_history(&mut self, node: NodeIx, position: usize, state: &NodeState) {
        let mut found_launched = false;
        for (index, history) in state.resources.iter().enumerate() {
            let rsc = self.resource_history(node, (position, index), history);
            found_launched |= rsc.is_some_and(|rsc| self.facts.rscs[rsc].is(Flags::REMOVED_LAUNCHED));
        }
        if found_launched {
            self.map_removed_launched(state);
        }
    }

    /// Connects resources that were launched by something and are no longer configured with what launched them.
    fn map_removed_launched(&mut self, state: &NodeState) {
        for history in &state.resources {
            let Some(container) = &history.container else { continue };
            let Some(launcher) = self.find_resource(container) else { continue };
            let Some(rsc) = self.find_resource(&history.id) else { continue };
            let this = &self.facts.rscs[rsc];
            let wanted = this.launcher.is_none() && this.is(Flags::REMOVED_LAUNCHED);
            if wanted && !self.connect(rsc, launcher) {
                let id = self.facts.rscs[rsc].id.clone();
                let text =
                    format!("its history names the container \"{container}\", which it contains itself");
                self.problem(Level::Warning, "lrm_resource", &id, text);
            }
        }
    }

    fn resource_history(
        &mut self,
        node: NodeIx,
        (state, index): (usize, usize),
        history: &ResourceHistory,
    ) -> Option<RscIx> {
        if history.id.is_empty() || (history.operations.is_empty() && !self.facts.options.shutdown_lock) {
            return None;
        }
        let rsc = match self.resource_of(node, &history.id) {
            Some(rsc) => rsc,
            None if history.operations.is_empty() => return None,
            None => self.removed_resource(history)?,
        };
        if self.facts.options.shutdown_lock {
            self.shutdown_lock(rsc, node, history);
        }
        let saved_role = self.facts.rscs[rsc].role;
        self.facts.rscs[rsc].role = Role::Unknown;
        // Newest entries were always looked at first before sorting; ties keep that.
        let order: Vec<usize> = (0..history.operations.len()).rev().collect();
        let order = merge_sort(&order, &mut |&a, &b| newer(&history.operations[a], &history.operations[b]));
        let at = |op: usize| OpRef {
            node_state: u32::try_from(state).unwrap_or(u32::MAX),
            resource: u32::try_from(index).unwrap_or(u32::MAX),
            op: u32::try_from(op).unwrap_or(u32::MAX),
        };
        let mut last_failure = None;
        let mut on_fail = OnFail::Ignore;
        for &op in &order {
            self.result(rsc, node, at(op), &history.operations[op], &mut last_failure, &mut on_fail);
        }
        self.recurring(rsc, node, &order, history);
        self.resource_state(rsc, node, on_fail);
        if let Some(wanted) = self.target_role(rsc) {
            let this = &mut self.facts.rscs[rsc];
            if this.next_role == Role::Unknown || wanted < this.next_role {
                this.next_role = wanted;
            }
        }
        let this = &mut self.facts.rscs[rsc];
        this.role = this.role.max(saved_role);
        Some(rsc)
    }

    /// The resource that a name in a node's history means.
    fn resource_of(&mut self, node: NodeIx, id: &str) -> Option<RscIx> {
        let found = match self.find_resource(id) {
            Some(rsc) if !self.facts.rscs[rsc].is_primitive() => return None,
            Some(rsc) => Some(rsc),
            None => self
                .find_resource(&format!("{}:0", base_name(id)))
                .filter(|&rsc| !self.facts.rscs[rsc].is(Flags::UNIQUE)),
        };
        let parent = found.map(|rsc| self.facts.top_below_bundle(rsc));
        let rsc = match parent {
            Some(parent) if self.facts.is_anonymous_clone(parent) => match self.facts.rscs[parent].parent {
                Some(bundle) => self.facts.bundle_child_on(bundle, node),
                None => self.anonymous_instance(node, parent, base_name(id)),
            },
            Some(_) | None => found,
        }?;
        let this = &mut self.facts.rscs[rsc];
        if this.id != id && this.history_id.as_deref() != Some(id) {
            this.history_id = Some(id.to_owned());
            self.by_history.entry(id.to_owned()).or_insert(rsc);
        }
        Some(rsc)
    }

    /// The instance of an anonymous clone that a node's history of `id` belongs to: the one active there already, else
    /// an inactive one, else a new one that counts as removed.
    fn anonymous_instance(&mut self, node: NodeIx, clone: RscIx, id: &str) -> Option<RscIx> {
        let mut found = None;
        let mut inactive = None;
        let mut skip_inactive = false;
        for child in self.facts.rscs[clone].children.clone() {
            if found.is_some() {
                break;
            }
            match self.first_location(child) {
                Some(place) if place == node => {
                    found = self.member_called(child, id);
                    // A second history for the same node is left over from a time with unique instances.
                    if found.is_some_and(|rsc| !self.facts.rscs[rsc].running_on.is_empty()) {
                        skip_inactive = true;
                        found = None;
                    }
                }
                Some(_) => {}
                None if !skip_inactive
                    && inactive.is_none()
                    && !self.facts.rscs[child].is(Flags::BLOCKED) =>
                {
                    inactive = self.member_called(child, id).filter(|&rsc| {
                        self.facts.rscs[rsc].pending_node.is_none_or(|pending| pending == node)
                    });
                }
                None => {}
            }
        }
        if found.is_none() && !skip_inactive {
            found = inactive;
        }
        // A lost node must not use up an instance number if fencing does not matter and not every node gets one.
        if let Some(rsc) = found {
            let this = &self.facts.nodes[node];
            let universal =
                self.facts.rscs[clone].clone_data().map(|data| data.max) == Some(self.facts.nodes.len());
            if !self.facts.rscs[rsc].is(Flags::NEEDS_FENCING)
                && (!this.online || this.unclean)
                && !self.facts.is_guest(node)
                && !universal
            {
                found = None;
            }
        }
        match found {
            Some(rsc) => Some(rsc),
            None => {
                let instance = self.create_instance(clone)?;
                self.member_called(instance, id)
            }
        }
    }

    /// The first node where a resource or anything in it is active or pending.
    fn first_location(&self, rsc: RscIx) -> Option<NodeIx> {
        let this = &self.facts.rscs[rsc];
        if this.children.is_empty() {
            return this.running_on.first().copied().or(this.pending_node);
        }
        this.children.iter().find_map(|&child| self.first_location(child))
    }

    /// The resource in `rsc` (itself included) with this instance or configuration name.
    fn member_called(&self, rsc: RscIx, id: &str) -> Option<RscIx> {
        let this = &self.facts.rscs[rsc];
        if this.id == id || this.config_id == id {
            return Some(rsc);
        }
        this.children.iter().find_map(|&child| self.member_called(child, id))
    }

    /// A resource that histories know but the configuration does not.
    fn removed_resource(&mut self, history: &ResourceHistory) -> Option<RscIx> {
        let agent = Agent {
            class: history.class.clone(),
            provider: history.provider.clone(),
            agent_type: history.agent_type.clone(),
        };
        let is_remote = is_remote_agent(&agent);
        let mut attributes =
            vec![("id".to_owned(), history.id.clone()), ("class".to_owned(), history.class.clone())];
        attributes.extend(history.provider.iter().map(|provider| ("provider".to_owned(), provider.clone())));
        attributes.push(("type".to_owned(), history.agent_type.clone()));
        attributes
            .extend(history.container.iter().map(|container| ("container".to_owned(), container.clone())));
        attributes
            .extend(history.shutdown_lock.iter().map(|time| ("shutdown-lock".to_owned(), time.to_string())));
        attributes.extend(history.other.iter().cloned());
        let config = ResourceConfig {
            id: history.id.clone(),
            kind: ResourceKind::Primitive(agent),
            template: None,
            attributes,
            meta: Vec::new(),
            params: Vec::new(),
            utilization: Vec::new(),
            operations: Vec::new(),
            line: 0,
        };
        let rsc = self.unpack_resource(&Arc::new(Template::implied(config)), None, None)?;
        if is_remote {
            let node = match self.facts.node_named(&history.id) {
                Some(node) => node,
                None => self.create_node(&history.id, &history.id, NodeKind::Remote, Score::ZERO),
            };
            self.link_remote_node(rsc);
            self.facts.nodes[node].shutdown = true;
        }
        let this = &mut self.facts.rscs[rsc];
        this.flags.put(Flags::REMOVED_LAUNCHED, history.container.is_some());
        this.flags.set(Flags::REMOVED);
        self.facts.top.push(rsc);
        if self.facts.options.stop_removed_resources {
            self.prefer_everywhere(rsc, Score::MINUS_INFINITY);
        } else {
            self.facts.rscs[rsc].flags.clear(Flags::MANAGED);
        }
        Some(rsc)
    }

    fn shutdown_lock(&mut self, rsc: RscIx, node: NodeIx, history: &ResourceHistory) {
        let Some(since) = history.shutdown_lock else { return };
        let limit = self.facts.options.shutdown_lock_limit_ms;
        if limit > 0 && self.facts.now > since.saturating_add(seconds_at_least_one(limit)) {
            self.early_action(rsc, "lrm_delete", 0, node, false);
        } else {
            self.facts.rscs[rsc].lock_node = Some(node);
            self.facts.rscs[rsc].lock_time = since;
        }
    }

    /// Recurring operations that are still going on exist as optional actions.
    fn recurring(&mut self, rsc: RscIx, node: NodeIx, order: &[usize], history: &ResourceHistory) {
        if !self.facts.nodes[node].online {
            return;
        }
        let (start, stop) = active_range(order, history);
        for (position, &op) in order.iter().enumerate() {
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            if (start < stop && position <= stop) || position < start {
                continue;
            }
            let record = &history.operations[op];
            if record.interval_ms == 0 || record.op_status == -1 {
                continue;
            }
            self.early_action(rsc, &record.operation, record.interval_ms, node, true);
        }
    }

    /// What a resource's results on a node add up to.
    fn resource_state(&mut self, rsc: RscIx, node: NodeIx, on_fail: OnFail) {
        let known_active = self.facts.rscs[rsc].role.is_active();
        if self.facts.rscs[rsc].role != Role::Unknown {
            self.mark_known(rsc, node);
        }
        let this = &self.facts.nodes[node];
        if known_active && !this.online && !this.maintenance && self.facts.rscs[rsc].is(Flags::MANAGED) {
            self.active_on_lost_node(rsc, node);
        }
        // On a lost node nothing more needs to be done, and resources may start again once it is fenced.
        let effective = if self.facts.nodes[node].unclean { OnFail::Ignore } else { on_fail };
        self.react(rsc, node, effective, known_active);
        // A failed connection makes sure that an unclean remote node is fenced.
        if self.facts.rscs[rsc].is(Flags::FAILED | Flags::REMOTE_CONNECTION)
            && let Some(remote) = self.facts.node_named(&self.facts.rscs[rsc].id)
            && self.facts.nodes[remote].unclean
        {
            self.facts.nodes[remote].seen = true;
        }
        if known_active {
            self.add_running(rsc, node, on_fail != OnFail::Ignore);
            match effective {
                OnFail::Ignore => {}
                OnFail::Demote | OnFail::Block => self.facts.rscs[rsc].flags.set(Flags::FAILED),
                OnFail::Restart
                | OnFail::ResetRemote
                | OnFail::RestartContainer
                | OnFail::Ban
                | OnFail::Stop
                | OnFail::StandbyNode
                | OnFail::FenceNode => self.facts.rscs[rsc].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED),
            }
        } else if self.facts.rscs[rsc].history_id.as_deref().is_some_and(|id| id.contains(':')) {
            // Very old histories number instances; a stopped one keeps no such name.
            self.facts.rscs[rsc].history_id = None;
        } else if self.early_stops.contains(&(rsc, node)) {
            self.facts.early.push(EarlyAction::StopsOptional { rsc, node });
        }
        let this = &mut self.facts.rscs[rsc];
        if this.role == Role::Stopped
            && !this.running_on.is_empty()
            && this.migration_target.is_some()
            && this.migration_source == Some(node)
        {
            // Stopped on the source of a migration does not mean stopped on its target.
            this.role = Role::Started;
        }
    }

    fn mark_known(&mut self, rsc: RscIx, node: NodeIx) {
        let mut next = Some(rsc);
        while let Some(current) = next {
            let this = &mut self.facts.rscs[current];
            if !this.known_on.contains(&node) {
                this.known_on.push(node);
            }
            next = if this.is(Flags::UNIQUE) { None } else { this.parent };
        }
    }

    fn active_on_lost_node(&mut self, rsc: RscIx, node: NodeIx) {
        let id = self.facts.rscs[rsc].id.clone();
        if self.facts.is_guest(node) {
            self.facts.rscs[rsc].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
        } else if self.facts.options.fencing {
            let connection = self.facts.nodes[node].connection;
            if self.facts.is_remote(node)
                && connection.is_some_and(|rsc| !self.facts.rscs[rsc].is(Flags::FAILED))
            {
                // Not fenced if the connection can be brought up elsewhere.
                self.facts.nodes[node].seen = false;
                let reason = format!(
                    "{id} is active there (fencing will be revoked if remote connection can be re-established elsewhere)"
                );
                self.fence_node(node, &reason, false);
                return;
            }
        } else {
            return;
        }
        self.fence_node(node, &format!("{id} is thought to be active there"), false);
    }

    fn react(&mut self, rsc: RscIx, node: NodeIx, on_fail: OnFail, known_active: bool) {
        let failed = Flags::FAILED | Flags::STOP_IF_FAILED;
        match on_fail {
            OnFail::Ignore => {}
            OnFail::Demote => {
                self.facts.rscs[rsc].flags.set(Flags::FAILED);
                self.early_action(rsc, "demote", 0, node, false);
            }
            OnFail::FenceNode => {
                let reason = format!("{} failed there", self.facts.rscs[rsc].id);
                self.fence_node(node, &reason, false);
            }
            OnFail::StandbyNode => {
                self.facts.nodes[node].standby = true;
                self.facts.nodes[node].fail_standby = true;
            }
            OnFail::Block => {
                self.facts.rscs[rsc].flags.clear(Flags::MANAGED);
                self.facts.rscs[rsc].flags.set(Flags::BLOCKED);
            }
            OnFail::Ban => self.prefer(rsc, node, Score::MINUS_INFINITY),
            OnFail::Stop => self.facts.rscs[rsc].next_role = Role::Stopped,
            OnFail::Restart => {
                if known_active {
                    self.facts.rscs[rsc].flags.set(failed);
                    self.early_stop(rsc, node);
                }
            }
            OnFail::RestartContainer => {
                self.facts.rscs[rsc].flags.set(failed);
                match self.facts.rscs[rsc].launcher {
                    // Where a bundle's container runs may not be known yet.
                    Some(launcher) if self.facts.is_bundled(rsc) => {
                        self.facts.stop_needed.insert(0, launcher)
                    }
                    Some(launcher) => self.early_stop(launcher, node),
                    None if known_active => self.early_stop(rsc, node),
                    None => {}
                }
            }
            OnFail::ResetRemote => self.reset_remote(rsc, node, known_active),
        }
    }

    fn reset_remote(&mut self, rsc: RscIx, node: NodeIx, known_active: bool) {
        self.facts.rscs[rsc].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
        if self.facts.options.fencing
            && self.facts.rscs[rsc].is(Flags::REMOTE_CONNECTION)
            && let Some(remote) = self.facts.node_named(&self.facts.rscs[rsc].id)
            && self.facts.is_remote(remote)
            && !self.facts.nodes[remote].remote_fenced
        {
            self.fence_node(remote, "remote connection is unrecoverable", false);
        }
        if known_active {
            self.early_stop(rsc, node);
        }
        if self.facts.rscs[rsc].reconnect_ms > 0 {
            self.facts.rscs[rsc].next_role = Role::Stopped;
        }
    }

    /// Enters that a resource is active on a node.
    pub(super) fn add_running(&mut self, rsc: RscIx, node: NodeIx, failed: bool) {
        if self.facts.rscs[rsc].running_on.contains(&node) {
            return;
        }
        self.facts.rscs[rsc].running_on.push(node);
        if self.facts.rscs[rsc].is_primitive() {
            self.facts.nodes[node].running.push(rsc);
            self.add_priority(rsc, node, failed);
            if self.facts.nodes[node].maintenance {
                self.facts.rscs[rsc].flags.clear(Flags::MANAGED);
                self.facts.rscs[rsc].flags.set(Flags::MAINTENANCE);
            }
        }
        if !self.facts.rscs[rsc].is(Flags::MANAGED) {
            self.prefer(rsc, node, Score::INFINITY);
            let mut next = self.facts.rscs[rsc].parent;
            while let Some(parent) = next {
                self.facts.rscs[parent].running_on.push(node);
                next = self.facts.rscs[parent].parent;
            }
            return;
        }
        if self.facts.rscs[rsc].is_primitive() && self.facts.active_count(rsc) > 1 {
            self.multiply_active(rsc);
        }
        if let Some(parent) = self.facts.rscs[rsc].parent {
            self.add_running(parent, node, false);
        }
    }

    fn multiply_active(&mut self, rsc: RscIx) {
        match self.facts.rscs[rsc].multiple_active {
            MultipleActive::StopOnly => self.ban_everywhere(rsc),
            MultipleActive::Block => {
                let mut blocked = vec![rsc];
                if let Some(parent) = self.facts.rscs[rsc].parent {
                    let this = &self.facts.rscs[parent];
                    if (this.is_group() || this.is_bundle()) && this.multiple_active == MultipleActive::Block
                    {
                        blocked.extend(&this.children);
                    }
                }
                for rsc in blocked {
                    self.facts.rscs[rsc].flags.clear(Flags::MANAGED);
                    self.facts.rscs[rsc].flags.set(Flags::BLOCKED);
                }
            }
            MultipleActive::StopStart | MultipleActive::StopUnexpected => {}
        }
    }

    /// Adds the priority of an active resource to its node, and for guests to the host.
    fn add_priority(&mut self, rsc: RscIx, node: NodeIx, failed: bool) {
        let this = &self.facts.rscs[rsc];
        if this.priority == 0 || failed {
            return;
        }
        let priority = this.priority.saturating_add(i32::from(this.role == Role::Promoted));
        let hosts = self.facts.launcher_of(node).map(|launcher| self.facts.rscs[launcher].running_on.clone());
        for node in hosts.into_iter().flatten().chain([node]) {
            let this = &mut self.facts.nodes[node];
            this.priority = this.priority.saturating_add(priority);
        }
    }
}

/// First and last entry that say when the resource was started and stopped (positions, -1 for none).
fn active_range(order: &[usize], history: &ResourceHistory) -> (i64, i64) {
    let (mut start, mut stop, mut monitor, mut role_change) = (-1, -1, -1, -1);
    for (position, &op) in order.iter().enumerate() {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let record = &history.operations[op];
        match record.operation.as_str() {
            "stop" if record.op_status == 0 => stop = position,
            "start" | "migrate_from" => start = position,
            "monitor" if monitor <= stop => {
                if matches!(record.rc_code, 0 | 8) {
                    monitor = position;
                }
            }
            "promote" | "demote" => role_change = position,
            _ => {}
        }
    }
    if start == -1 {
        start = if role_change != -1 { role_change } else { monitor };
    }
    (start, stop)
}

/// Which of two history entries is newer (`Greater`: the first). Equal when that cannot be told.
pub fn newer(a: &OperationRecord, b: &OperationRecord) -> Ordering {
    let same_node = match (a.on_node.as_deref(), b.on_node.as_deref()) {
        (None, None) => true,
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    if same_node && a.id == b.id {
        return Ordering::Equal;
    }
    let (call_a, call_b) = (a.call_id, b.call_id);
    if call_a == -1 && call_b == -1 {
        return Ordering::Equal;
    }
    if same_node && call_a >= 0 && call_a < call_b {
        return Ordering::Less;
    }
    if same_node && call_b >= 0 && call_a > call_b {
        return Ordering::Greater;
    }
    if call_a >= 0 && call_b >= 0 && (!same_node || call_a == call_b) {
        let (a, b) = (a.last_rc_change.unwrap_or(-1), b.last_rc_change.unwrap_or(-1));
        return if a >= 0 && a < b {
            Ordering::Less
        } else if b >= 0 && a > b {
            Ordering::Greater
        } else {
            Ordering::Equal
        };
    }
    // One of them is pending: the transition numbers may tell.
    let key =
        |record: &OperationRecord| record.transition_magic.as_deref().and_then(TransitionKey::parse_magic);
    let (Some(key_a), Some(key_b)) = (key(a), key(b)) else { return Ordering::Equal };
    let (id_a, id_b) = (key_a.transition, key_b.transition);
    if !key_a.uuid.eq_ignore_ascii_case(&key_b.uuid) || id_a == id_b {
        if call_b == -1 {
            Ordering::Less
        } else if call_a == -1 {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    } else if (id_a >= 0 && id_a < id_b) || id_b == -1 {
        Ordering::Less
    } else if (id_b >= 0 && id_a > id_b) || id_a == -1 {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}
