//! Agents on this node: what the local queues want done, what their results are told as.

use holdfast_api::resource::{ResourceReply, RunResult};
use holdfast_api::{Failure, FailureKind, Reply};

use super::Node;
use super::requests::Waiting;
use crate::io::{CallId, Outcome, Output};
use crate::local::{Effect, Wanted};
use crate::message::{ClusterMessage, Forget, ForgetWhat, ResultNote};
use crate::record::Record;
use crate::state::history::{Ended, TransitionKey, drop_operation, record_into};

/// What this node said and did not hear itself yet: a view change may have swallowed it.
#[derive(Clone, Debug)]
pub(super) enum Untold {
    /// An operation ended.
    Result(Box<ResultNote>),
    /// A recurring operation is no more.
    Cancelled(Forget),
}

impl Untold {
    fn message(&self) -> ClusterMessage {
        match self {
            Untold::Result(note) => ClusterMessage::Result(note.clone()),
            Untold::Cancelled(forget) => ClusterMessage::Forget(Box::new(forget.clone())),
        }
    }
}

impl Node {
    /// An ordered operation is ours to carry out.
    pub(super) fn carry_out(&mut self, wanted: Wanted) {
        if wanted.operation.operation == "cancel" {
            let meta = |name: &str| {
                wanted
                    .operation
                    .parameters
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.as_str())
            };
            let operation = meta("CRM_meta_operation").unwrap_or("monitor").to_owned();
            let interval_ms = meta("CRM_meta_interval").and_then(|t| t.parse().ok()).unwrap_or(0);
            self.local.cancel(&wanted.rsc.id, &operation, interval_ms, wanted.key);
        } else {
            self.local.want(wanted, self.now);
        }
        self.drain_local();
    }

    /// An agent ended.
    pub(super) fn on_operation_done(&mut self, call: CallId, outcome: Outcome) {
        if self.fence_agent_done(call, &outcome) {
            return;
        }
        if !self.local.done(call, outcome, self.now) {
            self.count("ends of unknown agents");
        }
        self.drain_local();
    }

    pub(super) fn drain_local(&mut self) {
        while let Some(effect) = self.local.poll() {
            match effect {
                Effect::Spawn { operation, journal } => {
                    if journal {
                        self.persist(Record::InFlight(operation.clone()));
                    }
                    self.count("operations");
                    self.outputs.push_back(Output::Spawn(operation));
                }
                Effect::Landed(call) => {
                    self.persist(Record::Landed(call));
                }
                Effect::Tell(ended) => {
                    self.tell_result(*ended);
                }
                Effect::Forced { request, outcome } => {
                    self.finished(request, Reply::Resource(ResourceReply::Ran(run_result(&outcome))));
                }
                Effect::Cancelled { key, rsc, operation, interval_ms } => {
                    self.tell_cancelled(key.as_ref(), rsc, operation, interval_ms);
                }
                Effect::Unknown(rsc) => {
                    self.mine.remove(&rsc);
                    let forget = Forget {
                        request: 0,
                        action: None,
                        pairs: vec![(self.id.clone(), rsc)],
                        what: ForgetWhat::History,
                    };
                    self.submit(Waiting::nobody(), None, |request| {
                        ClusterMessage::Forget(Box::new(Forget { request, ..forget }))
                    });
                }
                Effect::Active(stop) => {
                    self.persist(Record::Active(stop));
                }
                Effect::Inactive(rsc) => {
                    self.persist(Record::Inactive { rsc });
                }
            }
        }
    }

    /// An operation on this node ended: everybody has to hear it. One that ends while the members are getting in step
    /// is too late for what this node announced and too early for an ordered message, so it is kept until it is heard.
    fn tell_result(&mut self, ended: Ended) {
        record_into(&mut self.mine, &ended, &self.identity.name);
        self.tell_in_order(Untold::Result(Box::new(ResultNote { node: self.id.clone(), ended })));
    }

    /// A recurring operation is no more: told like a result, and after the results that came before it.
    fn tell_cancelled(
        &mut self,
        key: Option<&TransitionKey>,
        rsc: String,
        operation: String,
        interval_ms: u32,
    ) {
        if let Some(history) = self.mine.get_mut(&rsc) {
            drop_operation(history, &operation, interval_ms);
        }
        let number =
            |key: &TransitionKey| Some((key.transition.try_into().ok()?, key.action.try_into().ok()?));
        self.tell_in_order(Untold::Cancelled(Forget {
            request: 0,
            action: key.and_then(number),
            pairs: vec![(self.id.clone(), rsc)],
            what: ForgetWhat::Operation(operation, interval_ms),
        }));
    }

    fn tell_in_order(&mut self, what: Untold) {
        if self.membership.settled() {
            self.say(what.message());
        }
        self.untold.push(what);
    }

    /// All members are in step: what a view change swallowed is said again, in its order.
    pub(super) fn tell_again(&mut self) {
        for what in self.untold.clone() {
            self.say(what.message());
        }
    }

    /// A result of this node was delivered: all members that go on with us have it.
    pub(super) fn result_heard(&mut self, note: &ResultNote) {
        self.heard(|what| matches!(what, Untold::Result(one) if **one == *note));
    }

    /// That something is forgotten was delivered.
    pub(super) fn forget_heard(&mut self, forget: &Forget) {
        self.heard(|what| matches!(what, Untold::Cancelled(one) if one == forget));
    }

    fn heard(&mut self, is: impl Fn(&Untold) -> bool) {
        if let Some(place) = self.untold.iter().position(is) {
            self.untold.remove(place);
        }
    }

    /// Before this node tells what it knows at first hand: a recurring operation that a change of the state ended here
    /// is not repeated although that change was dropped with its view, so it has to be planned again.
    pub(super) fn forget_unrepeated(&mut self) {
        for (rsc, history) in &mut self.mine {
            history.operations.retain(|op| {
                op.interval_ms == 0
                    || op.id != format!("{rsc}_{}_{}", op.operation, op.interval_ms)
                    || self.local.repeats(rsc, &op.operation, op.interval_ms)
            });
        }
    }

    /// A client wants a resource to count as failed.
    pub(super) fn on_fail(&mut self, ours: bool, node: &str, rsc: &str, request: u64) {
        if node == self.id {
            let reference = self
                .mine
                .get(rsc)
                .map(|h| crate::state::history::ResourceRef {
                    id: h.id.clone(),
                    class: h.class.clone(),
                    provider: h.provider.clone(),
                    agent: h.agent_type.clone(),
                    container: h.container.clone(),
                })
                .or_else(|| self.configured_reference(rsc));
            if let Some(reference) = reference {
                let call = self.local.next_call();
                let ended = self.asynchronous_failure(reference, call);
                self.tell_result(ended);
            }
        }
        if ours {
            self.finished(request, Reply::Done);
        }
    }

    fn asynchronous_failure(
        &self,
        rsc: crate::state::history::ResourceRef,
        call: CallId,
    ) -> crate::state::history::Ended {
        let call_id = i32::try_from(call.0 & 0x7fff_ffff).unwrap_or(i32::MAX);
        crate::state::history::Ended {
            rsc,
            operation: "asyncmon".to_owned(),
            interval_ms: 0,
            key: crate::state::history::TransitionKey::outside(call_id.into(), 0),
            call_id,
            rc: 1,
            status: 0,
            reason: Some("Simulated failure".to_owned()),
            changed_at: self.now.wall.seconds(),
            exec_ms: 0,
            queue_ms: 0,
            digests: crate::state::history::Digests::default(),
            migration: None,
            ignore_failure: false,
        }
    }

    pub(super) fn not_configured(rsc: &str) -> Failure {
        Failure::new(FailureKind::NotFound, format!("there is no resource {rsc}"))
            .hint("list them with `crm_resource --list`")
    }
}

/// How an agent ended, for a client.
pub(super) fn run_result(outcome: &Outcome) -> RunResult {
    RunResult {
        rc: outcome.rc,
        status: super::deliver::status_words(outcome.status.recorded(outcome.rc).code()).to_owned(),
        reason: outcome.reason.clone(),
        stdout: outcome.stdout.clone(),
        stderr: outcome.stderr.clone(),
        exec_ms: outcome.ran.as_millis(),
    }
}
