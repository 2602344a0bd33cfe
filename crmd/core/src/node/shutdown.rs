//! The orderly end of a node (safety rule 14): it asks, the decision maker moves its resources away, then it leaves.
//! Bounded in time; what cannot be stopped is told.

use holdfast_totem::NodeId;

use super::Node;
use crate::io::{Exit, Output, Severity};
use crate::message::{ClusterMessage, ShutdownNote};
use crate::state::nodes::Expected;
use crate::time::{Instant, Span};

/// How this node's end stands.
#[derive(Debug, Default)]
pub struct Leaving {
    since: Option<i64>,
    deadline: Option<Instant>,
    over: bool,
}

impl Leaving {
    /// Since when this node wants to leave, in seconds.
    pub fn since(&self) -> Option<i64> {
        self.since
    }

    /// When waiting ends.
    pub fn deadline(&self) -> Option<Instant> {
        if self.over { None } else { self.deadline }
    }
}

impl Node {
    /// SIGTERM.
    pub(super) fn on_shutdown(&mut self) {
        self.begin_leaving(None);
    }

    /// Begins the orderly end.
    pub(super) fn begin_leaving(&mut self, limit: Option<Span>) {
        let limit =
            limit.unwrap_or_else(|| self.settings.shutdown_limit.min(self.cib.options().shutdown_escalation));
        if self.leaving.since.is_none() {
            self.log(Severity::Info, "leaving in order: resources are moved away first".to_owned());
            self.leaving.since = Some(self.now.wall.seconds().max(1));
            self.leaving.deadline = Some(self.now.mono + limit);
        }
        if self.membership.settled() {
            self.say_leaving();
        } else if self.membership.ring().is_none() {
            self.leave_now(Vec::new());
        }
    }

    fn say_leaving(&mut self) {
        if let Some(since) = self.leaving.since {
            self.say(ClusterMessage::Shutdown(ShutdownNote::Wanted(since)));
        }
    }

    pub(super) fn on_shutdown_note(&mut self, sender: NodeId, note: ShutdownNote) {
        match note {
            ShutdownNote::Wanted(since) => {
                let id = sender.to_string();
                let text = since.to_string();
                if self.shared.attributes.set("shutdown", &id, Some(&text))
                    != crate::state::attributes::Changed::Nothing
                {
                    self.status_changed();
                    self.relevant("a node wants to leave");
                }
            }
            ShutdownNote::Granted { node, action } => {
                if Some(sender) != self.membership.dc() {
                    return;
                }
                if let Some(entry) = self.shared.nodes.get_mut(&node) {
                    entry.expected = Expected::Down;
                }
                self.status_changed();
                if let Some(action) = action {
                    self.confirm_action(action, false);
                }
                if node == self.id {
                    let left = self.local.active();
                    self.leave_now(left);
                }
            }
        }
    }

    pub(super) fn leaving_timer(&mut self) {
        if self.leaving.deadline().is_some_and(|at| at <= self.now.mono) {
            let left = self.local.active();
            let text = if left.is_empty() {
                "leaving without the consent of the decision maker: it did not come in time".to_owned()
            } else {
                format!("leaving although these could not be moved away in time: {}", left.join(" "))
            };
            self.log(Severity::Error, text);
            self.leave_now(left);
        }
    }

    fn leave_now(&mut self, left_running: Vec<String>) {
        if self.leaving.over {
            return;
        }
        self.leaving.over = true;
        self.local.drop_waiting();
        self.export();
        self.outputs.push_back(Output::Exit(Exit::Clean { left_running }));
    }

    /// The ring thread is out of the ring for good.
    pub(super) fn on_ring_left(&mut self, why: String) {
        if !self.leaving.over {
            self.exit_for_restart(format!("out of the ring: {why}"));
        }
    }
}
