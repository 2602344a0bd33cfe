//! Fencing among members (safety rule 5): wanted, carried out, recorded; the record is bound to the target's boot.

use holdfast_api::attribute::{AttributeKind, AttributeName};
use holdfast_api::fence::{DeviceInfo, FenceAction, FenceRecord, FenceReply, FenceRequest, FenceState};
use holdfast_api::{Credentials, Event, Failure, FailureKind, Reply};
use holdfast_scheduler::graph::{Action, ActionId};
use holdfast_totem::NodeId;

use super::Node;
use super::requests::Waiting;
use crate::io::{ClientId, Exit, Output, Severity};
use crate::message::{AttributeChange, AttributeOp, ClusterMessage, FenceNote, FenceOrder};

impl Node {
    /// The plan wants a node fenced.
    pub(super) fn order_fencing(&mut self, number: u64, action: &Action) {
        let here = (number, action.id.0);
        let Some(node) = &action.node else {
            self.confirm_action(here, true);
            return;
        };
        let word = action.meta("stonith_action").unwrap_or_default();
        let kind = FenceAction::from_word(word).unwrap_or(self.cib.options().fencing_action);
        let delay_s: i64 = action.meta("priority-fencing-delay").and_then(|t| t.parse().ok()).unwrap_or(0);
        let id = self.random.uuid();
        self.fencing.actions.push((id.clone(), here));
        let order = FenceOrder {
            id,
            target: node.name.to_string(),
            action: kind,
            origin: self.identity.id,
            client: "holdfast".to_owned(),
            request: 0,
            timeout_ms: 0,
            delay_ms: delay_s.saturating_mul(1000),
            at: self.now.wall.0,
            manual: false,
        };
        self.say(ClusterMessage::Fence(Box::new(FenceNote::Wanted(order))));
    }

    /// A client asks about fencing.
    pub(super) fn request_fence(
        &mut self,
        client: ClientId,
        id: u64,
        request: FenceRequest,
        who: &Credentials,
    ) {
        if self.refuse_unprivileged(client, id, who) {
            return;
        }
        match request {
            FenceRequest::Act { target, target_is_id, action, timeout_ms, delay_ms, tolerance_ms } => {
                let known =
                    if target_is_id { self.shared.nodes.get(&target).map(|n| n.name.clone()) } else { None };
                let target = known.unwrap_or(target);
                let name = self.shared.resolve(&target).or_else(|| self.configured_node(&target));
                if name.is_none() {
                    return self.no_such_node(client, id, &target);
                }
                if let Some(record) = self.recent_success(&target, action, tolerance_ms) {
                    self.reply(client, id, Reply::Fence(FenceReply::Fenced(record)));
                    return;
                }
                self.want_fencing(client, id, target, action, (timeout_ms, delay_ms), false, who);
            }
            FenceRequest::Confirm { target } => {
                if self.shared.resolve(&target).or_else(|| self.configured_node(&target)).is_none() {
                    return self.no_such_node(client, id, &target);
                }
                self.want_fencing(client, id, target, FenceAction::Off, (0, 0), true, who);
            }
            FenceRequest::History { target } => {
                let records = self.fence_history(target.as_deref());
                self.reply(client, id, Reply::Fence(FenceReply::History(records)));
            }
            FenceRequest::HistoryCleanup { target } => {
                self.submit(Waiting::client(client, id), None, |request| {
                    ClusterMessage::Fence(Box::new(FenceNote::Cleanup { target, request }))
                });
            }
            FenceRequest::Devices { target } => {
                let devices = self.device_infos(target.as_deref());
                self.reply(client, id, Reply::Fence(FenceReply::Devices(devices)));
            }
            FenceRequest::Targets { device } => {
                if !self.answer_targets(client, id, &device) {
                    self.ask_device(client, id, &device, "list");
                }
            }
            FenceRequest::Monitor { device } => self.ask_device(client, id, &device, "monitor"),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    fn want_fencing(
        &mut self,
        client: ClientId,
        id: u64,
        target: String,
        action: FenceAction,
        (timeout_ms, delay_ms): (u32, i64),
        manual: bool,
        who: &Credentials,
    ) {
        let order = FenceOrder {
            id: self.random.uuid(),
            target,
            action,
            origin: self.identity.id,
            client: who.client.clone(),
            request: 0,
            timeout_ms,
            delay_ms,
            at: self.now.wall.0,
            manual,
        };
        self.submit(Waiting::client(client, id), None, |request| {
            ClusterMessage::Fence(Box::new(FenceNote::Wanted(FenceOrder { request, ..order })))
        });
    }

    pub(super) fn on_fence(&mut self, sender: NodeId, note: FenceNote) {
        match note {
            FenceNote::Wanted(order) => self.on_fence_wanted(sender, order),
            FenceNote::Step(step) => self.on_fence_step(sender, step),
            FenceNote::StepDone(done) => self.on_fence_step_done(sender, &done),
            FenceNote::Ended(record) => {
                if Some(sender) == self.membership.dc() {
                    self.fence_ended(record);
                }
            }
            FenceNote::Cleanup { target, request } => {
                self.shared.fencing.retain(|_, r| {
                    r.state == FenceState::Pending || target.as_ref().is_some_and(|t| *t != r.target)
                });
                if sender == self.identity.id {
                    self.finished(request, Reply::Done);
                }
            }
        }
    }

    fn on_fence_wanted(&mut self, sender: NodeId, order: FenceOrder) {
        let ours = sender == self.identity.id;
        let running = self
            .shared
            .fencing
            .values()
            .find(|r| r.state == FenceState::Pending && r.target == order.target && serves(r.action, &order))
            .map(|r| r.id.clone());
        if ours {
            self.clients.delivered(order.request);
        }
        // An equal operation that runs already serves both.
        let id =
            if order.manual { order.id.clone() } else { running.clone().unwrap_or_else(|| order.id.clone()) };
        if ours && order.request != 0 {
            self.fencing.waiters.push((id.clone(), order.request));
        }
        for (waiting, _) in &mut self.fencing.actions {
            if *waiting == order.id {
                waiting.clone_from(&id);
            }
        }
        if running.is_some() && !order.manual {
            return;
        }
        let target = self.shared.node_by_name(&order.target);
        let record = FenceRecord {
            id: order.id.clone(),
            target: order.target.clone(),
            action: order.action,
            state: FenceState::Pending,
            origin: self.name_of(order.origin),
            client: order.client.clone(),
            delegate: None,
            devices: Vec::new(),
            boot_id: target.and_then(|n| n.boot_id).map(|boot| hex(&boot)),
            requested_at: order.at,
            completed_at: 0,
            reason: None,
        };
        self.log(
            Severity::Warn,
            format!("fencing ({}) of {} is wanted", record.action.word(), record.target),
        );
        self.shared.remember_fencing(record.clone());
        self.tell(&Event::Fencing(record.clone()));
        self.shared.idle_at = None;
        if order.manual {
            self.fence_ended(FenceRecord {
                state: FenceState::Done,
                delegate: Some("a human".to_owned()),
                completed_at: order.at,
                ..record
            });
        } else if self.is_dc() {
            self.begin_fencing(order);
        }
    }

    /// A fencing operation ended, on the word of the decision maker or of an administrator.
    fn fence_ended(&mut self, record: FenceRecord) {
        self.shared.remember_fencing(record.clone());
        self.tell(&Event::Fencing(record.clone()));
        self.alert_fencing(&record);
        let ok = record.state == FenceState::Done;
        let text = format!(
            "fencing ({}) of {} {}{}",
            record.action.word(),
            record.target,
            if ok { "succeeded" } else { "failed" },
            record.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default()
        );
        self.log(if ok { Severity::Info } else { Severity::Error }, text);
        if ok && record.action != FenceAction::On {
            self.target_is_down(&record);
        }
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.fencing.actions).into_iter().partition(|(id, _)| *id == record.id);
        self.fencing.actions = others;
        let planned = !mine.is_empty();
        for (_, action) in mine {
            if ok && record.action == FenceAction::On {
                self.note_unfencing(action, &record);
            }
            self.confirm_action(action, !ok);
        }
        let (waiting, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.fencing.waiters).into_iter().partition(|(id, _)| *id == record.id);
        self.fencing.waiters = others;
        for (_, request) in waiting {
            let reply = if ok {
                Reply::Fence(FenceReply::Fenced(record.clone()))
            } else {
                let why = record.reason.clone().unwrap_or_default();
                Reply::Failed(
                    Failure::new(FailureKind::Other, format!("fencing of {} failed: {why}", record.target))
                        .hint("if you are certain that the node is down: `stonith_admin --confirm NODE`"),
                )
            };
            self.finished(request, reply);
        }
        self.fencing.runs.remove(&record.id);
        self.fencing.ended.remove(&record.id);
        if record.client != "holdfast" || !ok {
            self.relevant("fencing ended");
        } else if !planned {
            self.shared.changes += 1;
        } else {
            // The plan goes on from here.
            self.shared.changes += 1;
        }
    }

    /// The success of fencing holds for the boot that it is bound to; a daemon that came back does not matter.
    fn target_is_down(&mut self, record: &FenceRecord) {
        if self.shared.node_by_name(&record.target).is_none() {
            // Never seen: its entry in the configuration tells its id.
            let Some(id) =
                self.cib.typed().nodes.iter().find(|n| n.name == record.target).map(|n| n.id.clone())
            else {
                return;
            };
            self.shared.nodes.insert(id.clone(), crate::state::NodeEntry::named(&id, &record.target));
        }
        let Some(node) = self.shared.node_by_name(&record.target) else { return };
        let boot = node.boot_id.map(|boot| hex(&boot));
        let id = node.id.clone();
        if boot.is_some() && record.boot_id.is_some() && boot != record.boot_id {
            self.log(Severity::Info, format!("{} has booted since it was fenced", record.target));
            return;
        }
        if id == self.id {
            let why =
                format!("this node was fenced by {}", record.delegate.as_deref().unwrap_or("another node"));
            self.log(Severity::Error, why.clone());
            self.local.drop_waiting();
            self.outputs.push_back(Output::Exit(Exit::Fenced { why }));
            return;
        }
        if let Some(node) = self.shared.nodes.get_mut(&id) {
            node.set_down();
        }
        self.shared.attributes.forget_node(&id);
        self.shared.seen.insert(id.parse().unwrap_or(0));
        self.status_changed();
        if let Some(transition) = &mut self.transition {
            transition.node_lost(&record.target);
        }
    }

    /// A node was let in as planned: from now on, and as long as these devices stay as they are, it may run what
    /// needs that. The next plan looks at these attributes.
    fn note_unfencing(&mut self, (number, action): (u64, u32), record: &FenceRecord) {
        let Some(node) = self.shared.resolve(&record.target) else { return };
        let found = self.transition.as_ref().filter(|transition| transition.number == number);
        let found = found.and_then(|transition| transition.action(ActionId(action)));
        let meta = |name: &str| found.and_then(|action| action.meta(name)).unwrap_or_default().to_owned();
        let values = [
            ("#digests-all", meta("digests-all")),
            ("#digests-secure", meta("digests-secure")),
            ("#node-unfenced", self.now.wall.seconds().max(1).to_string()),
        ];
        for (name, value) in values {
            let change = AttributeChange {
                request: 0,
                node: node.clone(),
                name: AttributeName::Exact(name.to_owned()),
                value: Some(AttributeOp::Set(value)),
                dampen_ms: None,
                set: None,
                kind: AttributeKind::Instance,
                private: false,
            };
            self.submit_attribute(Waiting::nobody(), change);
        }
    }

    fn recent_success(&self, target: &str, action: FenceAction, tolerance_ms: u32) -> Option<FenceRecord> {
        let since = self.now.wall.0.saturating_sub(i64::from(tolerance_ms) * 1000);
        self.shared
            .fencing
            .values()
            .filter(|r| r.target == target && r.action == action && r.state == FenceState::Done)
            .find(|r| tolerance_ms > 0 && r.completed_at >= since)
            .cloned()
    }

    /// Operations, newest first.
    pub(super) fn fence_history(&self, target: Option<&str>) -> Vec<FenceRecord> {
        let mut records: Vec<FenceRecord> =
            self.shared.fencing.values().filter(|r| target.is_none_or(|t| t == r.target)).cloned().collect();
        records.sort_by(|a, b| {
            let key = |r: &FenceRecord| (r.completed_at == 0, r.completed_at.max(r.requested_at));
            key(b).cmp(&key(a)).then_with(|| a.id.cmp(&b.id))
        });
        records
    }

    fn device_infos(&mut self, target: Option<&str>) -> Vec<DeviceInfo> {
        let members: Vec<String> = self.membership.members().iter().map(|id| self.name_of(*id)).collect();
        let registry = self.registry();
        registry
            .devices
            .values()
            .filter(|d| d.enabled && target.is_none_or(|t| d.may_fence(t) != Some(false)))
            .map(|d| DeviceInfo {
                id: d.id.clone(),
                agent: d.agent.clone(),
                targets: (d.check == crate::fencing::device::HostCheck::Static)
                    .then(|| d.list.iter().chain(d.map.keys()).cloned().collect()),
                usable_on: members.iter().filter(|m| !d.banned.contains(*m)).cloned().collect(),
            })
            .collect()
    }
}

/// Whether an operation under way does what is wanted. A node that somebody switches off is as good as rebooted for a
/// plan, which must not switch it on again.
fn serves(action: FenceAction, wanted: &FenceOrder) -> bool {
    action == wanted.action
        || (wanted.client == "holdfast" && wanted.action == FenceAction::Reboot && action == FenceAction::Off)
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
