//! What each ordered message does: the same on every member.

use holdfast_api::Event;
use holdfast_api::attribute::AttributeName;
use holdfast_api::event::OperationEvent;
use holdfast_model::status::ExecStatus;
use holdfast_totem::NodeId;

use super::Node;
use crate::io::Severity;
use crate::local::{Purpose, Wanted, pending};
use crate::message::{
    ActionOrder, AttributeChange, AttributeOp, ClusterMessage, EngineNote, Envelope, Forget, ForgetWhat,
    ResultNote,
};
use crate::state::attributes::Changed;
use crate::state::history::effective_rc;
use crate::time::{Span, Wall};

impl Node {
    /// The ring delivered a message.
    pub(super) fn on_message(&mut self, sender: NodeId, payload: &[u8]) {
        let envelope = match Envelope::decode(payload) {
            Ok(envelope) => envelope,
            Err(why) => {
                let name = self.name_of(sender);
                self.count("messages not understood");
                self.log(
                    Severity::Warn,
                    format!("{name} said something that this version does not know: {why}"),
                );
                return;
            }
        };
        if self.membership.ring() != Some(envelope.ring) {
            self.count("messages of an older view");
            return;
        }
        match envelope.message {
            ClusterMessage::Announce(announce) => self.on_announce(sender, *announce),
            ClusterMessage::Document(piece) => self.on_document(sender, piece),
            ClusterMessage::Common(piece) => self.on_common(sender, piece),
            ClusterMessage::Ready(ready) => self.on_ready(sender, ready),
            message if self.membership.settled() || !needs_settled(&message) => self.on_work(sender, message),
            _ => self.count("messages before all were in step"),
        }
    }

    fn on_work(&mut self, sender: NodeId, message: ClusterMessage) {
        let ours = sender == self.identity.id;
        match message {
            ClusterMessage::Change(change) => self.on_change(sender, *change),
            ClusterMessage::Durable { change } => self.on_durable(sender, change),
            ClusterMessage::Action(order) => self.on_action(sender, *order),
            ClusterMessage::Result(note) => {
                if ours {
                    self.result_heard(&note);
                }
                self.on_result(*note);
            }
            ClusterMessage::Attribute(change) => {
                let request = change.request;
                self.on_attribute(&change);
                if ours {
                    self.finished(request, holdfast_api::Reply::Done);
                }
            }
            ClusterMessage::AttributeWrite { names } => self.on_attribute_write(&names),
            ClusterMessage::Forget(forget) => {
                if ours {
                    self.forget_heard(&forget);
                }
                self.on_forget(sender, &forget);
            }
            ClusterMessage::Engine(note) => self.on_engine(sender, note),
            ClusterMessage::Shutdown(note) => self.on_shutdown_note(sender, note),
            ClusterMessage::Started => self.on_started(),
            ClusterMessage::Fence(note) => self.on_fence(sender, *note),
            ClusterMessage::Fail { node, rsc, request } => self.on_fail(ours, &node, &rsc, request),
            ClusterMessage::RemoveNode { node, request } => self.on_remove_node(ours, &node, request),
            ClusterMessage::Replan { reason } => self.relevant(&reason),
            ClusterMessage::Maintenance { nodes } => self.on_maintenance(&nodes),
            ClusterMessage::Barrier { request } => {
                if ours {
                    self.finished(request, holdfast_api::Reply::Done);
                }
            }
            ClusterMessage::AskState { node, request } if node == self.identity.id => {
                let state = Box::new(self.daemon_state());
                self.say(ClusterMessage::TellState { to: sender, request, state });
            }
            ClusterMessage::AskState { .. } => {}
            ClusterMessage::TellState { to, request, state } => {
                if to == self.identity.id {
                    let pong = holdfast_api::cluster::ClusterReply::Pong(*state);
                    self.finished(request, holdfast_api::Reply::Cluster(pong));
                }
            }
            ClusterMessage::Announce(_)
            | ClusterMessage::Document(_)
            | ClusterMessage::Common(_)
            | ClusterMessage::Ready(_) => {}
        }
    }

    /// An operation is ordered: it is marked as pending everywhere, then its owner starts it (rule 3).
    fn on_action(&mut self, sender: NodeId, order: ActionOrder) {
        let accepted = Some(sender) == self.membership.dc()
            && order.key.transition == i64::try_from(self.shared.transition).unwrap_or(-1)
            && order.version == self.cib.configuration_version()
            && self.membership.is_member(order.executor);
        if !accepted {
            self.count("actions refused");
            if sender == self.identity.id {
                self.action_refused(&order.key);
            }
            return;
        }
        let wanted = Wanted {
            rsc: order.rsc.clone(),
            operation: order.operation.clone(),
            key: order.key.clone(),
            delay: Span::millis(order.start_delay_ms.into()),
            ignore_failure: order.ignore_failure,
            purpose: Purpose::Planned,
        };
        let mark = pending(&wanted, Wall(order.at.saturating_mul(1_000_000)));
        if order.operation.operation != "cancel" && self.shared.record(&order.node, &mark) {
            self.status_changed();
        }
        if order.executor == self.identity.id && !self.membership.is_ending() {
            self.carry_out(wanted);
        }
    }

    /// An operation ended somewhere.
    fn on_result(&mut self, note: ResultNote) {
        let ResultNote { node, ended } = note;
        // A node that was recorded as fenced and speaks all the same is not believed until it joins afresh.
        if !self.shared.nodes.get(&node).is_some_and(|entry| entry.remote || entry.is_online()) {
            self.count("results of nodes that are down");
            return;
        }
        let fatal = self.cib.options().start_failure_is_fatal;
        let mut changed = self.shared.record(&node, &ended);
        let failed = self.shared.count_failure(&node, &ended, fatal);
        changed |= failed;
        if ended.rsc.class != "stonith"
            && ended.operation == "stop"
            && ended.rc == 0
            && let Some(entry) = self.shared.nodes.get_mut(&node)
            && let Some(history) = entry.resources.get_mut(&ended.rsc.id)
        {
            history.operations.retain(|op| op.interval_ms == 0 || op.op_status != ExecStatus::Pending.code());
        }
        if changed {
            self.status_changed();
        }
        let name = self.shared.nodes.get(&node).map_or_else(|| node.clone(), |n| n.name.clone());
        let as_expected = effective_rc(ended.rc) == ended.key.expected_rc;
        let severity = if as_expected || ended.operation == "monitor" && ended.interval_ms == 0 {
            Severity::Info
        } else {
            Severity::Warn
        };
        self.log(
            severity,
            format!(
                "{} of {} on {name}: {} (rc {}){}",
                ended.operation,
                ended.rsc.id,
                if as_expected { "ok" } else { "not as expected" },
                ended.rc,
                ended.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default()
            ),
        );
        self.tell(&Event::Operation(OperationEvent {
            node: name.clone(),
            rsc: ended.rsc.id.clone(),
            operation: ended.operation.clone(),
            interval_ms: ended.interval_ms,
            rc: ended.rc,
            expected_rc: ended.key.expected_rc,
            status: status_words(ended.status).to_owned(),
            reason: ended.reason.clone(),
        }));
        if node == self.id {
            self.alert_resource(&name, &ended);
        }
        if self.result_calls_for_plan(&ended) {
            self.relevant(&format!("{} of {} on {name} ended", ended.operation, ended.rsc.id));
        }
    }

    /// Changes of attributes.
    fn on_attribute(&mut self, change: &AttributeChange) {
        let names: Vec<String> = match &change.name {
            AttributeName::Exact(name) => vec![name.clone()],
            AttributeName::Pattern(pattern) => super::attributes::matching(&self.shared.attributes, pattern),
        };
        let mut status = false;
        for name in names {
            let attribute = self.shared.attributes.names.entry(name.clone()).or_default();
            if let Some(dampen_ms) = change.dampen_ms {
                attribute.dampen_ms = dampen_ms;
            }
            if change.set.is_some() {
                attribute.set.clone_from(&change.set);
            }
            if attribute.values.is_empty() {
                attribute.kind = change.kind;
                attribute.private = change.private;
            }
            let value = match &change.value {
                None => continue,
                Some(AttributeOp::Set(value)) => Some(value.as_str()),
                Some(AttributeOp::Delete) => None,
            };
            let changed = self.shared.attributes.set(&name, &change.node, value);
            if changed == Changed::Nothing {
                continue;
            }
            status |= changed == Changed::Status;
            let now = self.shared.attributes.get(&name, &change.node).map(str::to_owned);
            let node =
                self.shared.nodes.get(&change.node).map_or_else(|| change.node.clone(), |n| n.name.clone());
            self.tell(&Event::Attribute { name, node, value: now });
        }
        if status {
            self.status_changed();
            self.relevant("an attribute changed");
        }
        self.start_dampening();
    }

    fn on_attribute_write(&mut self, names: &[String]) {
        let mut changed = false;
        for name in names {
            changed |= self.shared.attributes.write(name);
        }
        if changed {
            self.status_changed();
            self.relevant("attributes changed");
        }
    }

    /// Parts of the history are forgotten.
    fn on_forget(&mut self, sender: NodeId, forget: &Forget) {
        let mut changed = false;
        for (node, rsc) in &forget.pairs {
            let here = *node == self.id;
            match &forget.what {
                ForgetWhat::All | ForgetWhat::History => {
                    changed |= self.shared.forget_resource(node, rsc);
                    if forget.what == ForgetWhat::All {
                        self.overlap_seen(rsc);
                        changed |= self.shared.clear_failures(node, Some(rsc), None);
                    }
                    if here {
                        self.mine.remove(rsc);
                        self.local.forget(rsc);
                    }
                }
                ForgetWhat::Failures(operation) => {
                    let operation = operation.as_ref().map(|(name, interval)| (name.as_str(), *interval));
                    changed |= self.shared.clear_failures(node, Some(rsc), operation);
                    changed |= self.shared.forget_last_failure(node, rsc, operation);
                    if here && let Some(history) = self.mine.get_mut(rsc) {
                        crate::state::history::drop_last_failure(history, operation);
                    }
                }
                ForgetWhat::Operation(operation, interval_ms) => {
                    changed |= self.shared.forget_operation(node, rsc, operation, *interval_ms);
                    if here && let Some(history) = self.mine.get_mut(rsc) {
                        crate::state::history::drop_operation(history, operation, *interval_ms);
                    }
                }
            }
        }
        if changed {
            self.status_changed();
        }
        // What the present transition asked for is no news. All members count news alike: they know the number of the
        // transition, its actions only the decision maker does.
        let planned = forget.action.is_some_and(|(number, _)| number == self.shared.transition);
        if let Some(action) = forget.action {
            self.confirm_action(action, false);
        }
        if changed && !planned {
            self.relevant("parts of the history were forgotten");
        }
        if sender == self.identity.id {
            self.finished_forget(forget);
        }
    }

    fn on_engine(&mut self, sender: NodeId, note: EngineNote) {
        if Some(sender) != self.membership.dc() {
            return;
        }
        match note {
            EngineNote::Begin(number) => {
                self.shared.transition = self.shared.transition.max(number);
                self.shared.idle_at = None;
            }
            EngineNote::Idle { transition, changes } => {
                self.shared.transition = self.shared.transition.max(transition);
                if changes == self.shared.changes {
                    self.shared.idle_at = Some(changes);
                    self.idle_reached();
                }
            }
        }
    }

    fn on_started(&mut self) {
        if !self.shared.started {
            self.shared.started = true;
            self.start_deadline = None;
            self.relevant("waiting for nodes never seen is over");
        }
    }

    fn on_maintenance(&mut self, nodes: &[(String, bool)]) {
        let mut changed = false;
        for (node, on) in nodes {
            if let Some(entry) = self.shared.nodes.get_mut(node) {
                changed |= entry.in_maintenance != Some(*on);
                entry.in_maintenance = Some(*on);
            }
        }
        if changed {
            self.status_changed();
        }
    }
}

/// Messages that mean nothing before all members are in step.
fn needs_settled(message: &ClusterMessage) -> bool {
    !matches!(message, ClusterMessage::Barrier { .. })
}

/// The words of an execution status.
pub(super) fn status_words(status: i32) -> &'static str {
    match ExecStatus::from_code(status) {
        ExecStatus::Unknown | ExecStatus::Other(_) => "unknown",
        ExecStatus::Pending => "pending",
        ExecStatus::Done => "complete",
        ExecStatus::Cancelled => "Cancelled",
        ExecStatus::Timeout => "Timed Out",
        ExecStatus::NotSupported => "NOT SUPPORTED",
        ExecStatus::Error => "Error",
        ExecStatus::HardError | ExecStatus::FatalError => "Hard error",
        ExecStatus::NotInstalled => "Not installed",
        ExecStatus::NotConnected => "No executor connection",
        ExecStatus::Invalid => "Cannot execute now",
        ExecStatus::NoFenceDevice => "No fence device",
        ExecStatus::NoSecrets => "CIB secrets unavailable",
    }
}
