//! The status section: node states, and reading histories in the order that lets nothing be read too early.

use holdfast_model::boolean::{is_true, parse_bool};
use holdfast_model::duration::seconds_at_least_one;
use holdfast_model::score::parse_leading_integer;
use holdfast_model::{NodeState, Role};

use super::Unpack;
use crate::facts::types::{Flags, NoQuorumPolicy, NodeIx, NodeKind, Ticket};
use holdfast_model::Score;

impl Unpack<'_> {
    pub(super) fn status(&mut self) {
        for ticket in &self.facts.cib.status.tickets {
            let mut state = vec![("granted".to_owned(), ticket.granted.to_string())];
            if let Some(time) = ticket.last_granted {
                state.push(("last-granted".to_owned(), time.to_string()));
            }
            if ticket.standby {
                state.push(("standby".to_owned(), "true".to_owned()));
            }
            state.extend(ticket.other.iter().cloned());
            let entry = Ticket {
                granted: ticket.granted,
                standby: ticket.standby,
                last_granted: ticket.last_granted,
                state,
            };
            self.facts.tickets.insert(ticket.id.clone(), entry);
        }
        let states = &self.facts.cib.status.nodes;
        for (position, state) in states.iter().enumerate() {
            self.node_state(position, state);
        }
        while self.histories(false) {}
        if self.facts.options.fencing {
            self.histories(true);
        }
        for container in std::mem::take(&mut self.facts.stop_needed) {
            if let Some(node) = self.facts.current_node(container) {
                self.early_stop(container, node);
            }
        }
        for node in self.order.clone() {
            let this = &self.facts.nodes[node];
            if this.kind == NodeKind::Cluster {
                continue;
            }
            if this.shutdown
                && let Some(connection) = this.connection
            {
                self.facts.rscs[connection].next_role = Role::Stopped;
            }
            if !self.facts.nodes[node].unpacked {
                self.remote_online(node);
            }
        }
    }

    fn flag_attribute(&self, node: NodeIx, name: &str) -> bool {
        is_true(self.facts.nodes[node].attributes.get(name).map(String::as_str))
    }

    fn shutdown_requested(&self, node: NodeIx) -> bool {
        self.facts.nodes[node].attributes.get("shutdown").is_some_and(|value| value != "0")
    }

    /// First look at a node state: attributes and, for cluster nodes, whether they are online.
    fn node_state(&mut self, position: usize, state: &NodeState) {
        if state.without_id {
            return;
        }
        let Some(node) = self.find_node_any(&state.id, &state.name) else { return };
        self.facts.nodes[node].state.get_or_insert(position);
        if self.facts.nodes[node].kind != NodeKind::Cluster {
            self.facts.nodes[node].remote_fenced = is_nonzero(state.node_fenced.as_deref());
            return;
        }
        self.add_attributes(node, &state.transient.sets, &state.transient.utilization, true);
        if self.flag_attribute(node, "standby") {
            self.facts.nodes[node].standby = true;
        }
        if self.flag_attribute(node, "maintenance") {
            self.facts.nodes[node].maintenance = true;
        }
        self.facts.nodes[node].unclean = false;
        self.facts.nodes[node].seen = true;
        self.cluster_node_online(node, state);
        if !self.facts.options.quorate
            && self.facts.nodes[node].online
            && self.facts.options.no_quorum == NoQuorumPolicy::Fence
        {
            self.fence_node(node, "cluster does not have quorum", false);
        }
    }

    fn cluster_node_online(&mut self, node: NodeIx, state: &NodeState) {
        let expected_member =
            state.expected.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("member"));
        let shutdown = self.shutdown_requested(node);
        let this = &mut self.facts.nodes[node];
        this.shutdown = shutdown;
        this.expected_up |= !shutdown && expected_member;
        let online = if self.facts.options.fencing {
            self.online_with_fencing(node, state)
        } else {
            self.online_without_fencing(node, state)
        };
        let this = &mut self.facts.nodes[node];
        this.online |= online;
        if !online || this.shutdown {
            this.score = Score::MINUS_INFINITY;
        }
    }

    fn online_without_fencing(&mut self, node: NodeIx, state: &NodeState) -> bool {
        let member = member_since(state, self.facts.now);
        if member <= 0 {
            return false;
        }
        if online_since(state) > 0 {
            return state.join.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("member"));
        }
        if self.facts.nodes[node].expected_up {
            self.fence_node(node, "peer is unexpectedly down", false);
        }
        false
    }

    fn online_with_fencing(&mut self, node: NodeIx, state: &NodeState) -> bool {
        let member = member_since(state, self.facts.now);
        let online = online_since(state);
        let join = state.join.as_deref();
        if self.facts.nodes[node].shutdown {
            return online > 0;
        }
        if member < 0 {
            self.fence_node(node, "peer has not been seen by the cluster", false);
            return false;
        }
        if join == Some("banned") {
            self.fence_node(node, "peer failed Pacemaker membership criteria", false);
        } else if self.termination_requested(node) {
            if member <= 0 && online <= 0 && join == Some("down") {
                return false;
            }
            self.fence_node(node, "fencing was requested", false);
        } else if state.expected.as_deref().is_none_or(|word| word == "down") {
            if self.pending_too_long(member, online) {
                self.fence_node(node, "peer pending timed out on joining the process group", false);
            } else if member > 0 || online > 0 {
                self.mark_pending(node);
            }
        } else if member <= 0 {
            self.fence_node(node, "peer is no longer part of the cluster", true);
        } else if online <= 0 {
            self.fence_node(node, "peer process is no longer available", false);
        } else if join == Some("member") {
            // All is well.
        } else if matches!(join, Some("pending" | "down")) {
            self.mark_pending(node);
        } else {
            self.fence_node(node, "peer was in an unknown state", false);
        }
        member > 0
    }

    fn mark_pending(&mut self, node: NodeIx) {
        self.facts.nodes[node].standby = true;
        self.facts.nodes[node].pending = true;
    }

    fn termination_requested(&self, node: NodeIx) -> bool {
        let Some(value) = self.facts.nodes[node].attributes.get("terminate") else { return false };
        parse_bool(value).unwrap_or_else(|| parse_leading_integer(value).is_some_and(|time| time > 0))
    }

    fn pending_too_long(&self, member: i64, online: i64) -> bool {
        let limit = self.facts.options.node_pending_ms;
        if limit == 0 || member <= 0 || online > 0 {
            return false;
        }
        let deadline = member.saturating_add(seconds_at_least_one(limit));
        if self.facts.now >= deadline {
            return true;
        }
        self.facts.note_recheck(deadline);
        false
    }

    /// One pass over the histories; true when something was read, because other histories may depend on it.
    ///
    /// Histories of guest and remote nodes wait until their connection is known to be up; those of offline nodes wait
    /// for the others unless fencing or shutdown locks are in use, so that active clone instances get low numbers.
    fn histories(&mut self, all: bool) -> bool {
        let mut progress = false;
        let states = &self.facts.cib.status.nodes;
        for (position, state) in states.iter().enumerate() {
            if state.without_id || state.without_name {
                continue;
            }
            let Some(node) = self.find_node_any(&state.id, &state.name) else { continue };
            if self.facts.nodes[node].unpacked || (!all && !self.may_read_history(node)) {
                continue;
            }
            if self.facts.nodes[node].kind != NodeKind::Cluster {
                self.remote_online(node);
                self.remote_attributes(node, state);
            }
            self.facts.nodes[node].unpacked = true;
            self.node_history(node, position, state);
            progress = true;
        }
        progress
    }

    fn may_read_history(&self, node: NodeIx) -> bool {
        let options = &self.facts.options;
        let started = |rsc| self.facts.rscs[rsc].role == Role::Started;
        let this = &self.facts.nodes[node];
        match (this.kind, this.connection) {
            (NodeKind::Cluster, _) => options.fencing || options.shutdown_lock || this.online,
            (NodeKind::Remote | NodeKind::Guest, None) => false,
            (NodeKind::Remote | NodeKind::Guest, Some(connection)) => {
                match self.facts.rscs[connection].launcher {
                    Some(launcher) => started(connection) && started(launcher),
                    None => options.shutdown_lock || started(connection),
                }
            }
        }
    }

    /// Whether a remote or guest node is online follows from its connection and launcher.
    pub(super) fn remote_online(&mut self, node: NodeIx) {
        let Some(connection) = self.facts.nodes[node].connection else {
            self.facts.nodes[node].online = false;
            return;
        };
        let rsc = &self.facts.rscs[connection];
        let launcher = rsc.launcher.map(|launcher| &self.facts.rscs[launcher]);
        let host = match (launcher, rsc.running_on.as_slice()) {
            (Some(_), [host]) => Some(*host),
            _ => None,
        };
        let host_lost =
            host.is_some_and(|host| !self.facts.nodes[host].online && self.facts.nodes[host].unclean);
        let started = rsc.role == Role::Started;
        let stopping = rsc.next_role == Role::Stopped;
        let failed = rsc.is(Flags::FAILED);
        let launcher_failed = launcher.is_some_and(|launcher| launcher.is(Flags::FAILED));
        let stopped =
            rsc.role == Role::Stopped || launcher.is_some_and(|launcher| launcher.role == Role::Stopped);
        let this = &mut self.facts.nodes[node];
        this.online |= started;
        this.shutdown |= started && stopping;
        if launcher_failed {
            this.online = false;
            this.remote_reset = true;
        } else if failed {
            this.online = false;
        } else if stopped {
            this.online = false;
            this.remote_reset = false;
        } else if host_lost {
            this.online = false;
            this.remote_reset = true;
        }
    }

    fn remote_attributes(&mut self, node: NodeIx, state: &NodeState) {
        let this = &mut self.facts.nodes[node];
        this.remote_maintenance = is_nonzero(state.node_in_maintenance.as_deref());
        if !this.remote_reset {
            this.unclean = false;
            this.seen = true;
        }
        let connection = this.connection;
        self.add_attributes(node, &state.transient.sets, &state.transient.utilization, true);
        let shutdown = self.shutdown_requested(node);
        let standby = self.flag_attribute(node, "standby");
        let unmanaged = connection.is_some_and(|rsc| !self.facts.rscs[rsc].is(Flags::MANAGED));
        let maintenance = self.flag_attribute(node, "maintenance") || unmanaged;
        let discovery = self.facts.nodes[node].attributes.get("resource-discovery-enabled");
        let undiscovered = discovery.is_some_and(|value| !is_true(Some(value)));
        let may_skip_probes = !self.facts.is_remote(node) || self.facts.options.fencing;
        let this = &mut self.facts.nodes[node];
        this.shutdown |= shutdown;
        this.standby |= standby;
        this.maintenance |= maintenance;
        if undiscovered && may_skip_probes {
            this.probes_allowed = false;
        }
    }
}

fn is_nonzero(text: Option<&str>) -> bool {
    text.and_then(parse_leading_integer).is_some_and(|number| number > 0)
}

/// When the node became a member of the ring: 0 = it is none, -1 = not known; a plain "true" counts as now.
fn member_since(state: &NodeState, now: i64) -> i64 {
    let Some(text) = state.in_ccm.as_deref() else { return -1 };
    match parse_bool(text) {
        Some(true) => now,
        Some(false) => 0,
        None => parse_leading_integer(text).filter(|&time| time >= 0).unwrap_or(-1),
    }
}

/// When the node's daemon joined: 0 = it did not, 1 = long ago.
fn online_since(state: &NodeState) -> i64 {
    match state.crmd.as_deref() {
        None => 0,
        Some(word) if word.eq_ignore_ascii_case("offline") => 0,
        Some(word) if word.eq_ignore_ascii_case("online") => 1,
        Some(text) => parse_leading_integer(text).filter(|&time| time >= 0).unwrap_or(0),
    }
}
