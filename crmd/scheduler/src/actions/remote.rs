//! Actions on remote and guest nodes: they need the connection, and the connection needs them to be done.
//!
//! Knows the states of a connection and which cluster node carries an action. Does not know placement.

use super::kinds::{ActIx, Task, flag};
use super::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx};
use crate::order::{End, relation as ar};
use holdfast_model::Role;

/// What can be expected of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Unknown,
    Alive,
    Resting,
    Failed,
    Stopped,
}

impl Plan<'_> {
    /// Orders actions on remote and guest nodes around their connections.
    pub(crate) fn order_remote_actions(&mut self) {
        let facts = self.facts;
        if !facts.options.have_remote_nodes {
            return;
        }
        for action in (0..self.actions.len() as u32).rev().map(ActIx) {
            let Some(rsc) = self.act(action).rsc else {
                continue;
            };
            if self.is(rsc, Flags::REMOTE_CONNECTION) && self.act(action).task == Task::ClearFailcount {
                self.order(End::Of(rsc, action), End::task(rsc, Task::Start), ar::ORDERED);
                continue;
            }
            let Some(node) = self.act(action).node.filter(|node| facts.nodes[*node].is_remote()) else {
                continue;
            };
            if self.act(action).is(flag::PSEUDO) {
                continue;
            }
            let Some(connection) = facts.nodes[node].connection else {
                continue;
            };
            if self.act(action).task == Task::Start {
                for at in (0..self.rscs[rsc].actions.len()).rev() {
                    let other = self.rscs[rsc].actions[at];
                    if self.act(other).node != Some(node) && self.act(other).task == Task::Stop {
                        self.order(End::task(connection, Task::Start), End::Of(rsc, other), ar::ORDERED);
                    }
                }
            }
            match self.rsc(connection).launcher {
                Some(launcher) => self.order_on_guest(action, rsc, node, connection, launcher),
                None => self.order_on_remote(action, rsc, node, connection),
            }
        }
    }

    fn after_connection(&mut self, first: RscIx, rsc: RscIx, then: ActIx, extra: u32) {
        let flags = ar::GUEST_ALLOWED | ar::UNRUNNABLE_FIRST_BLOCKS | extra;
        self.order(End::task(first, Task::Start), End::Of(rsc, then), flags);
    }

    fn before_disconnection(&mut self, rsc: RscIx, first: ActIx, then: RscIx, extra: u32) {
        self.order(End::Of(rsc, first), End::task(then, Task::Stop), ar::GUEST_ALLOWED | extra);
    }

    fn connection_state(&self, node: NodeIx, connection: RscIx) -> Connection {
        let state = &self.rscs[connection];
        let host = self.current_node(connection);
        let host_unclean = host.is_some_and(|host| self.nodes[host].unclean);
        if state.next_role == Role::Stopped || state.assigned.is_none() {
            if host_unclean {
                return Connection::Failed;
            }
            if !self.is(connection, Flags::FAILED) {
                return Connection::Stopped;
            }
            let shutdown = self.facts.nodes[node].attributes.get("shutdown");
            if state.next_role == Role::Stopped
                && self.rsc(connection).reconnect_ms > 0
                && self.facts.nodes[node].remote_fenced
                && shutdown.is_none_or(|value| value == "0")
            {
                return Connection::Unknown;
            }
            return Connection::Failed;
        }
        match host {
            None => Connection::Unknown,
            Some(host) if host_unclean || !self.nodes[host].online => Connection::Resting,
            Some(_)
                if self.rsc(connection).running_on.len() > 1
                    && state.migration_source.is_some()
                    && state.migration_target.is_some() =>
            {
                Connection::Resting
            }
            Some(_) => Connection::Alive,
        }
    }

    /// A remote node whose connection cannot be brought back.
    pub(super) fn is_failed_remote(&self, node: NodeIx) -> bool {
        let data = &self.facts.nodes[node];
        data.is_remote()
            && !data.is_guest()
            && data
                .connection
                .is_some_and(|connection| self.connection_state(node, connection) == Connection::Failed)
    }

    fn order_on_remote(&mut self, action: ActIx, rsc: RscIx, node: NodeIx, connection: RscIx) {
        let state = self.connection_state(node, connection);
        match self.act(action).task {
            Task::Start | Task::Promote => {
                let extra = if state == Connection::Failed { ar::FIRST_IMPLIES_THEN } else { 0 };
                self.after_connection(connection, rsc, action, extra);
            }
            Task::Stop | Task::MigrateTo | Task::MigrateFrom => {
                let goes = self.rscs[connection].next_role == Role::Stopped;
                match state {
                    Connection::Alive => {
                        self.before_disconnection(rsc, action, connection, ar::THEN_IMPLIES_FIRST);
                    }
                    Connection::Failed => {
                        let reason = "resources are active but connection is unrecoverable";
                        self.fence_node(node, reason, false);
                    }
                    _ if goes => self.before_disconnection(rsc, action, connection, ar::THEN_IMPLIES_FIRST),
                    _ => self.after_connection(connection, rsc, action, 0),
                }
            }
            Task::Demote => {
                if matches!(state, Connection::Resting | Connection::Unknown) {
                    self.after_connection(connection, rsc, action, 0);
                }
            }
            task => {
                if self.is_recurring(action) {
                    self.after_connection(connection, rsc, action, ar::FIRST_IMPLIES_THEN);
                    return;
                }
                if task == Task::Monitor && state == Connection::Failed {
                    let reason = "resources are in unknown state and connection is unrecoverable";
                    self.fence_node(node, reason, false);
                }
                if self.current_node(connection).is_some() && state == Connection::Stopped {
                    self.before_disconnection(rsc, action, connection, ar::UNRUNNABLE_FIRST_BLOCKS);
                } else {
                    self.after_connection(connection, rsc, action, 0);
                }
            }
        }
    }

    fn order_on_guest(
        &mut self,
        action: ActIx,
        rsc: RscIx,
        node: NodeIx,
        connection: RscIx,
        launcher: RscIx,
    ) {
        let failed = self.is(launcher, Flags::FAILED);
        if failed {
            self.fence_node(node, "container failed", false);
        }
        match self.act(action).task {
            Task::Start | Task::Promote => {
                self.after_connection(launcher, rsc, action, ar::FIRST_IMPLIES_THEN);
                self.after_connection(connection, rsc, action, 0);
            }
            Task::Stop | Task::Demote | Task::MigrateTo | Task::MigrateFrom => {
                if !failed {
                    self.before_disconnection(rsc, action, connection, 0);
                }
            }
            task => {
                if !self.is_recurring(action) {
                    self.after_connection(connection, rsc, action, 0);
                } else if matches!(
                    task,
                    Task::Monitor | Task::Notify | Task::Notified | Task::Running | Task::Stopped
                ) {
                    self.after_connection(connection, rsc, action, ar::FIRST_IMPLIES_THEN);
                }
            }
        }
    }

    /// The cluster node that carries an action on a remote or guest node.
    pub(crate) fn router(&self, action: ActIx) -> Option<NodeIx> {
        let act = self.act(action);
        let node = act.node.filter(|node| self.facts.nodes[*node].is_remote())?;
        if act.task == Task::Stonith {
            return None;
        }
        let connection = self.facts.nodes[node].connection?;
        let began = self.current_node(connection);
        let ended = self.rscs[connection].assigned;
        if began.is_none() {
            return ended;
        }
        if ended.is_none() || began == ended {
            return began;
        }
        let partial =
            self.rsc(connection).launcher.is_none() && self.rscs[connection].migration_target.is_some();
        let task = match act.task {
            Task::Notify => act.own_meta("notify_operation").and_then(Task::built_in),
            task => Some(task),
        };
        let by_old = matches!(
            task,
            Some(Task::Cancel | Task::Stop | Task::Demote | Task::MigrateFrom | Task::MigrateTo)
        );
        if by_old && !partial { began } else { ended }
    }
}
