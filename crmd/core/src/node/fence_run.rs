//! Driving fencing operations on the decision maker, and running their agents where they are ordered.

use holdfast_api::fence::{FenceAction, FenceRecord, FenceReply, FenceState};
use holdfast_api::{Failure, FailureKind, Reply};
use holdfast_totem::NodeId;

use super::Node;
use super::operations::run_result;
use super::requests::Waiting;
use crate::fencing::run::Step;
use crate::fencing::{AgentRun, FenceRun, Next, Registry};
use crate::io::{CallId, ClientId, Operation, Outcome, OutcomeStatus, Output, Severity};
use crate::message::{ClusterMessage, FenceNote, FenceOrder, FenceStep, FenceStepDone};
use crate::time::Span;

/// Most output of an agent that is told to the others, in bytes.
const OUTPUT: usize = 64 * 1024;

impl Node {
    /// Devices of the present configuration.
    pub(super) fn registry(&mut self) -> &Registry {
        let version = self.cib.configuration_version();
        let fresh = self.fencing.registry.as_ref().is_some_and(|(at, _)| *at == version);
        if !fresh {
            let registry = Registry::read(self.cib.typed(), self.now.wall.seconds());
            self.fencing.registry = Some((version, registry));
        }
        let (_, registry) = self.fencing.registry.get_or_insert_with(|| (version, Registry::default()));
        registry
    }

    /// This node decides: it drives the operation.
    pub(super) fn begin_fencing(&mut self, order: FenceOrder) {
        let target = order.target.clone();
        let id = self.shared.resolve(&target).or_else(|| self.configured_node(&target)).unwrap_or_default();
        let version = self.cib.configuration_version();
        let registry = match self.fencing.registry.take() {
            Some((at, registry)) if at == version => registry,
            _ => Registry::read(self.cib.typed(), self.now.wall.seconds()),
        };
        let mut levels = registry.levels(&target, |name| self.node_attribute(&id, name));
        if order.action == FenceAction::On {
            // Before a node may take part, every device that keeps others out has to let it in.
            let wanted = registry.unfencing(&target);
            match &mut levels {
                Some(levels) => {
                    for level in levels {
                        let missing: Vec<String> =
                            wanted.iter().filter(|one| !level.contains(one)).cloned().collect();
                        level.extend(missing);
                    }
                }
                None if !wanted.is_empty() => levels = Some(vec![wanted]),
                None => {}
            }
        }
        let candidates = registry.candidates(&target);
        self.fencing.registry = Some((version, registry));
        let watchdog = self.watchdog_wait(&id).map(|wait| self.now.mono + wait);
        let record = order.id.clone();
        // Twelve bits are for the steps of one run, the rest for the ring that it began in.
        let ring = self.membership.ring().map_or(0, |ring| ring.seq);
        let base = u32::try_from(ring & 0xf_ffff).unwrap_or(0) << 12;
        let run = FenceRun::new(order, levels, candidates, watchdog, self.now.mono).numbered_from(base);
        self.fencing.runs.insert(record.clone(), run);
        self.drive(&record);
    }

    /// How long until the target's own watchdog has surely fired: only if it is out of the ring.
    fn watchdog_wait(&self, target: &str) -> Option<Span> {
        let timeout = self.cib.options().watchdog_timeout_ms;
        let member = target.parse().ok().is_some_and(|id| self.membership.is_member(NodeId(id)));
        if timeout == 0 || !self.settings.watchdog || member {
            return None;
        }
        // A negative value means twice the watchdog's own time-out, 5 s unless told otherwise.
        Some(u64::try_from(timeout).map_or(Span::secs(10), Span::millis))
    }

    /// Operations that another decision maker left unfinished are begun afresh.
    pub(super) fn resume_fencing(&mut self) {
        let pending: Vec<FenceRecord> =
            self.shared.fencing.values().filter(|r| r.state == FenceState::Pending).cloned().collect();
        for record in pending {
            if let Some(ended) = self.fencing.ended.get(&record.id).cloned() {
                self.say(ClusterMessage::Fence(Box::new(FenceNote::Ended(ended))));
                continue;
            }
            let executor = self.fencing.executors.get(&record.id);
            if executor.is_some_and(|executor| self.membership.is_member(*executor))
                && self.fencing.runs.get(&record.id).is_some_and(FenceRun::is_at_work)
            {
                continue;
            }
            let order = FenceOrder {
                id: record.id.clone(),
                target: record.target,
                action: record.action,
                origin: self.identity.id,
                client: record.client,
                request: 0,
                timeout_ms: 0,
                delay_ms: 0,
                at: record.requested_at,
                manual: false,
            };
            // A plan's wish is wished again by the next plan if it still holds.
            if order.client == "holdfast" {
                let reason = "the decision maker changed; fencing is planned anew if it is still needed";
                self.end_fencing(&record.id, FenceState::Failed, Vec::new(), Some(reason.to_owned()));
            } else {
                self.begin_fencing(order);
            }
        }
    }

    fn drive(&mut self, id: &str) {
        let default = self.cib.options().fencing_timeout;
        let now = self.now.mono;
        self.registry();
        let Some((_, registry)) = &self.fencing.registry else { return };
        let Some(run) = self.fencing.runs.get_mut(id) else { return };
        match run.next(registry, default, now) {
            Next::Wait => {}
            Next::Step(step) => {
                let target = run.order.target.clone();
                self.order_step(id, &target, &step);
            }
            Next::Done(devices) => self.end_fencing(id, FenceState::Done, devices, None),
            Next::Failed(reason) => self.end_fencing(id, FenceState::Failed, Vec::new(), Some(reason)),
        }
    }

    fn end_fencing(&mut self, id: &str, state: FenceState, devices: Vec<String>, reason: Option<String>) {
        self.fencing.runs.remove(id);
        self.fencing.executors.remove(id);
        let Some(record) = self.shared.fencing.get(id) else { return };
        let record = FenceRecord {
            state,
            delegate: record.delegate.clone().or_else(|| Some(self.identity.name.clone())),
            devices,
            completed_at: self.now.wall.0.max(1),
            reason,
            ..record.clone()
        };
        self.fencing.ended.insert(id.to_owned(), record.clone());
        self.say(ClusterMessage::Fence(Box::new(FenceNote::Ended(record))));
    }

    fn order_step(&mut self, id: &str, target: &str, step: &Step) {
        let executor = self.executor_for(&step.device, target, step.action);
        self.fencing.executors.insert(id.to_owned(), executor);
        let Some((_, registry)) = &self.fencing.registry else { return };
        let Some(device) = registry.devices.get(&step.device) else { return };
        let on_target = step.action != "list" && step.action != "monitor";
        let operation = Operation {
            call: CallId(0),
            rsc: step.device.clone(),
            class: "stonith".to_owned(),
            provider: None,
            agent: device.agent.clone(),
            operation: step.action.to_owned(),
            interval_ms: 0,
            timeout: step.timeout,
            parameters: device.agent_parameters(step.action, on_target.then_some(target)),
            target: Some(target.to_owned()),
            capture: true,
        };
        let note = FenceNote::Step(FenceStep {
            id: id.to_owned(),
            step: step.number,
            executor,
            operation,
            delay_ms: u32::try_from(step.delay.as_millis()).unwrap_or(u32::MAX),
            random_delay_ms: u32::try_from(step.random_delay.as_millis()).unwrap_or(u32::MAX),
        });
        self.say(ClusterMessage::Fence(Box::new(note)));
    }

    /// Who runs a device: where it is active, else the decision maker, else any member; the target itself last.
    /// A node lets itself in: what it registers (a key with a disk) may be its own alone.
    fn executor_for(&self, device: &str, target: &str, action: &str) -> NodeId {
        let registry = self.fencing.registry.as_ref().map(|(_, registry)| registry);
        let unfences = registry.and_then(|r| r.devices.get(device)).is_some_and(|d| d.unfences);
        let number = self.shared.resolve(target).and_then(|id| id.parse().ok()).map(NodeId);
        if action == "on"
            && unfences
            && let Some(number) = number.filter(|number| self.membership.is_member(*number))
        {
            return number;
        }
        let banned = |name: &str| {
            let registry = self.fencing.registry.as_ref().map(|(_, r)| r);
            registry.and_then(|r| r.devices.get(device)).is_some_and(|d| d.banned.contains(name))
        };
        let active = |id: &NodeId| {
            let history = self.shared.nodes.get(&id.to_string()).and_then(|n| n.resources.get(device));
            history.is_some_and(|h| {
                let last =
                    h.operations.iter().filter(|op| op.operation != "monitor").max_by_key(|op| op.call_id);
                last.is_some_and(|op| op.operation == "start" && op.rc_code == 0)
            })
        };
        let mut members = self.membership.members();
        members.sort_by_key(|id| {
            let name = self.name_of(*id);
            (name == target, banned(&name), !active(id), *id != self.identity.id, *id)
        });
        members.first().copied().unwrap_or(self.identity.id)
    }

    pub(super) fn on_fence_step(&mut self, sender: NodeId, step: FenceStep) {
        if Some(sender) != self.membership.dc() {
            return;
        }
        let executor = self.name_of(step.executor);
        if let Some(record) = self.shared.fencing.get_mut(&step.id) {
            record.delegate = Some(executor);
        }
        if step.executor != self.identity.id {
            return;
        }
        let random = self.random.below(u64::from(step.random_delay_ms) + 1);
        let delay = Span::millis(u64::from(step.delay_ms) + random);
        if delay == Span::ZERO {
            self.run_fence_agent(step);
        } else {
            self.fencing.delayed.push((self.now.mono + delay, step));
        }
    }

    fn run_fence_agent(&mut self, step: FenceStep) {
        let call = self.local.next_call();
        let mut operation = step.operation;
        operation.call = call;
        self.fencing.agents.insert(call, AgentRun { id: step.id, step: step.step });
        self.count("fence agents");
        self.outputs.push_back(Output::Spawn(Box::new(operation)));
    }

    /// An agent ended; true if it was a fence agent.
    pub(super) fn fence_agent_done(&mut self, call: CallId, outcome: &Outcome) -> bool {
        let ok = outcome.status == OutcomeStatus::Done && outcome.rc == 0;
        if let Some(request) = self.fencing.questions.remove(&call) {
            let reply = if ok {
                Reply::Resource(holdfast_api::resource::ResourceReply::Ran(run_result(outcome)))
            } else {
                let why = outcome.reason.clone().unwrap_or_else(|| format!("exit code {}", outcome.rc));
                Reply::Failed(Failure::new(
                    FailureKind::Other,
                    format!("the device answers with an error: {why}"),
                ))
            };
            self.finished(request, reply);
            return true;
        }
        let Some(run) = self.fencing.agents.remove(&call) else { return false };
        let mut output = outcome.stdout.clone();
        let mut end = OUTPUT.min(output.len());
        while !output.is_char_boundary(end) {
            end -= 1;
        }
        output.truncate(end);
        let why = match outcome.status {
            OutcomeStatus::Done => {
                outcome.reason.clone().unwrap_or_else(|| format!("exit code {}", outcome.rc))
            }
            OutcomeStatus::Timeout => "timed out".to_owned(),
            other => outcome.reason.clone().unwrap_or_else(|| format!("{other:?}")),
        };
        let note =
            FenceStepDone { id: run.id, step: run.step, ok, output, reason: Some(why), rc: outcome.rc };
        if self.membership.settled() {
            self.say(ClusterMessage::Fence(Box::new(FenceNote::StepDone(note.clone()))));
        }
        self.fencing.unheard.push(note);
        true
    }

    /// All members are in step: ends of agents that a view change swallowed are said again.
    pub(super) fn tell_fence_agents(&mut self) {
        for note in self.fencing.unheard.clone() {
            self.say(ClusterMessage::Fence(Box::new(FenceNote::StepDone(note))));
        }
    }

    pub(super) fn on_fence_step_done(&mut self, sender: NodeId, done: &FenceStepDone) {
        if sender == self.identity.id {
            self.fencing.unheard.retain(|one| (&one.id, one.step) != (&done.id, done.step));
        }
        self.registry();
        let Some((_, registry)) = &self.fencing.registry else { return };
        let Some(run) = self.fencing.runs.get_mut(&done.id) else { return };
        let why = done.reason.as_deref().unwrap_or_default();
        if run.answered(registry, done.step, done.ok, done.rc, &done.output, why) {
            self.drive(&done.id);
        }
    }

    pub(super) fn fencing_timer(&mut self) {
        for step in self.fencing.due(self.now) {
            self.run_fence_agent(step);
        }
        let now = self.now.mono;
        let due: Vec<String> = self
            .fencing
            .runs
            .iter()
            .filter(|(_, run)| run.deadline().is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.drive(&id);
        }
    }

    /// Targets that are known without asking the device; false when it has to be asked.
    pub(super) fn answer_targets(&mut self, client: ClientId, id: u64, device: &str) -> bool {
        let Some(found) = self.registry().devices.get(device) else {
            let failure = Failure::new(FailureKind::NotFound, format!("there is no fence device {device}"));
            self.reply(client, id, Reply::Failed(failure));
            return true;
        };
        if found.check != crate::fencing::device::HostCheck::Static {
            return false;
        }
        let targets = found.list.iter().chain(found.map.keys()).cloned().collect();
        self.reply(client, id, Reply::Fence(FenceReply::Targets(targets)));
        true
    }

    /// Runs a question to a device on this node.
    pub(super) fn ask_device(&mut self, client: ClientId, id: u64, device: &str, action: &'static str) {
        let default = self.cib.options().fencing_timeout;
        let Some(found) = self.registry().devices.get(device).cloned() else {
            let failure = Failure::new(FailureKind::NotFound, format!("there is no fence device {device}"));
            self.reply(client, id, Reply::Failed(failure));
            return;
        };
        let call = self.local.next_call();
        let operation = Operation {
            call,
            rsc: found.id.clone(),
            class: "stonith".to_owned(),
            provider: None,
            agent: found.agent.clone(),
            operation: action.to_owned(),
            interval_ms: 0,
            timeout: found.timeout(action, default),
            parameters: found.agent_parameters(action, None),
            target: None,
            capture: true,
        };
        let request = self.wait_locally(Waiting::client(client, id));
        self.fencing.questions.insert(call, request);
        self.log(Severity::Debug, format!("{action} of device {device} for a client"));
        self.outputs.push_back(Output::Spawn(Box::new(operation)));
    }
}
