//! The decision maker's plans: when to ask for one, what to do with it.

use std::sync::Arc;

use holdfast_api::Event;
use holdfast_api::event::TransitionState;
use holdfast_model::status::ExecStatus;
use holdfast_scheduler::graph::ActionId;

use super::Node;
use crate::engine::due::Answer;
use crate::engine::{Progress, Transition};
use crate::io::{Output, Severity};
use crate::message::{ClusterMessage, EngineNote};
use crate::plan::{Plan, Planned, Snapshot};
use crate::state::history::{Ended, effective_rc};
use crate::time::Span;

/// After so many transitions in a row that got nothing done the pace slows down.
const PATIENCE: u32 = 3;
/// Slowest pace of fruitless planning.
const SLOWEST: Span = Span::secs(5);
/// A daemon that crashed is back in the ring within this: its guard restarts it within 100 ms.
const RETURN: Span = Span::millis(250);
/// Look again after a graph that could not be carried out, or a plan that could not be made.
const AFTER_TROUBLE: Span = Span::secs(60);

impl Node {
    /// How long changes are collected before a plan is made.
    pub(super) fn settle_time(&self) -> Span {
        let configured = self.settings.settle.max(self.cib.options().transition_delay);
        let slow = self.fruitless.saturating_sub(PATIENCE).min(12);
        let pace = if slow == 0 { Span::ZERO } else { Span::millis(5 << slow).min(SLOWEST) };
        configured.max(pace).max(self.return_time())
    }

    /// How long a lost member may still be back by itself. A daemon that its guard starts again is told as lost and
    /// joins right after; without fencing nothing but patience keeps its resources from being started twice (rule 12).
    fn return_time(&self) -> Span {
        match self.membership.lost_since() {
            Some(since) if !self.cib.options().fencing_enabled => {
                Span(RETURN.0.saturating_sub(self.now.mono.0.saturating_sub(since.0)))
            }
            Some(_) | None => Span::ZERO,
        }
    }

    /// This node became the decision maker.
    pub(super) fn begin_deciding(&mut self) {
        self.fruitless = 0;
        if !self.shared.started {
            self.start_deadline = Some(self.now.mono + self.cib.options().dc_deadtime);
        }
        self.look_for_stragglers();
        self.complete_configuration();
        self.start_dampening();
        self.resume_fencing();
        self.arm_recheck(None);
    }

    /// Once every configured node was seen, nobody is waited for any more (rule 4).
    pub(super) fn look_for_stragglers(&mut self) {
        if self.shared.started || !self.is_dc() {
            return;
        }
        let ring = self.settings.nodes.iter().all(|n| self.shared.seen.contains(&n.id.0));
        let document = self
            .cib
            .typed()
            .nodes
            .iter()
            .filter(|n| matches!(n.node_type.as_str(), "" | "member" | "normal"))
            .filter_map(|n| n.id.parse::<u32>().ok())
            .all(|id| self.shared.seen.contains(&id));
        if ring && document {
            self.start_deadline = None;
            self.say(ClusterMessage::Started);
        }
    }

    pub(super) fn startup_over(&mut self) {
        if self.start_deadline.is_some_and(|at| at <= self.now.mono) {
            self.start_deadline = None;
            if self.is_dc() && !self.shared.started {
                self.log(
                    Severity::Warn,
                    "not every configured node came up in time; going on without".to_owned(),
                );
                self.say(ClusterMessage::Started);
            }
        }
    }

    /// When to look again although nothing changed.
    fn arm_recheck(&mut self, recheck_by: Option<i64>) {
        let interval = self.cib.options().recheck_interval;
        self.due.clear_recheck();
        if interval > Span::ZERO {
            self.due.recheck_at(self.now.mono + interval);
        }
        if let Some(by) = recheck_by {
            let wait = by.saturating_sub(self.now.wall.seconds()).max(0);
            let wait = u64::try_from(wait).unwrap_or(0).saturating_add(1);
            self.due.recheck_at(self.now.mono + Span::secs(wait));
        }
    }

    /// Whether nothing stands in the way of a plan.
    pub(super) fn may_plan(&self) -> bool {
        self.is_dc()
            && !self.membership.is_ending()
            && self.transition.is_none()
            && self.shared.started
            && !self.local.is_recovering()
    }

    /// Asks for a plan when one is due and nothing is in flight.
    pub(super) fn plan_if_due(&mut self) {
        if !self.is_dc() {
            return;
        }
        if self.due.check_clock(self.now) {
            self.shared.idle_at = None;
        }
        if !self.may_plan() {
            return;
        }
        let Some(number) = self.due.take(self.now.mono) else { return };
        self.count("plans");
        let snapshot = Snapshot {
            number,
            configuration: Arc::clone(self.cib.document()),
            typed: Arc::clone(self.cib.typed()),
            status: Arc::new(self.shared.status()),
            version: self.cib.version(),
            now: self.now.wall.seconds(),
            transition: self.next_transition(),
            quorate: self.membership.quorate(),
            dc: self.identity.id.0,
        };
        let state = TransitionState::Planning;
        self.tell(&Event::Transition { number: snapshot.transition, state });
        self.outputs.push_back(Output::Plan(Box::new(snapshot)));
    }

    /// A plan came.
    pub(super) fn on_planned(&mut self, planned: Planned) {
        match self.due.answered(planned.number) {
            Answer::Foreign => return,
            Answer::Stale => {
                let settle = self.settle_time();
                self.due.mark(self.now, settle);
                return;
            }
            Answer::Fresh => {}
        }
        if !self.is_dc() {
            return;
        }
        match planned.result {
            Ok(plan) => self.begin_transition(plan),
            Err(why) => {
                self.count("plans that failed");
                self.log(Severity::Error, format!("no plan can be made: {why}; run `crm_verify -L -V`"));
                self.due.recheck_at(self.now.mono + AFTER_TROUBLE);
            }
        }
    }

    /// Our own transitions may not have come back in the order yet.
    fn next_transition(&self) -> u64 {
        self.shared.transition.max(self.last_transition) + 1
    }

    fn begin_transition(&mut self, plan: Plan) {
        for (severity, problem) in &plan.problems {
            self.log(*severity, problem.clone());
        }
        let number = self.next_transition();
        self.last_transition = number;
        let recheck_by = plan.graph.recheck_by;
        self.arm_recheck(recheck_by);
        let nothing = plan.graph.synapses.is_empty();
        self.count("transitions");
        self.log(
            if nothing { Severity::Debug } else { Severity::Info },
            format!("transition {number}: {} actions", plan.graph.synapses.len()),
        );
        self.say(ClusterMessage::Engine(EngineNote::Begin(number)));
        self.tell(&Event::Transition { number, state: TransitionState::Running });
        let version = self.cib.configuration_version();
        self.transition = Some(Transition::new(number, version, plan.graph));
    }

    /// Orders what may be begun; ends the transition when nothing is left.
    pub(super) fn advance_transition(&mut self) {
        loop {
            let cluster_delay = self.cib.options().cluster_delay;
            let Some(transition) = &mut self.transition else { return };
            let ready: Vec<ActionId> = transition.begin_ready(self.now.mono, |action| {
                Span::millis(action.timeout_ms + action.start_delay_ms) + cluster_delay
            });
            if ready.is_empty() {
                break;
            }
            for id in ready {
                self.order(id);
            }
        }
        let Some(transition) = &self.transition else { return };
        let number = transition.number;
        let state = match transition.progress() {
            Progress::Going => return,
            Progress::Complete => {
                self.fruitless = 0;
                TransitionState::Complete
            }
            Progress::Stopped => {
                let why = transition.aborted().unwrap_or("an action failed").to_owned();
                if transition.got_something_done() {
                    self.fruitless = 0;
                } else {
                    self.fruitless = self.fruitless.saturating_add(1);
                }
                self.log(Severity::Info, format!("transition {number} given up: {why}"));
                let settle = self.settle_time();
                self.due.mark(self.now, settle);
                TransitionState::Aborted
            }
            Progress::Terminated => {
                self.count("graphs that could not be carried out");
                self.log(
                    Severity::Error,
                    format!("transition {number}: actions are left that can never begin"),
                );
                self.due.recheck_at(self.now.mono + AFTER_TROUBLE);
                TransitionState::Aborted
            }
        };
        self.transition = None;
        self.tell(&Event::Transition { number, state });
        if !self.due.is_due() {
            self.log(Severity::Debug, format!("transition {number} complete"));
            let changes = self.shared.changes;
            self.say(ClusterMessage::Engine(EngineNote::Idle { transition: number, changes }));
        }
        self.plan_if_due();
    }

    /// Actions that did not end in time: whoever had to tell will not.
    pub(super) fn overdue_actions(&mut self) {
        let Some(transition) = &mut self.transition else { return };
        let overdue = transition.overdue(self.now.mono);
        if overdue.is_empty() {
            return;
        }
        let mut lines = Vec::new();
        for id in overdue {
            if let Some(action) = transition.action(id) {
                lines.push(format!("{} was never heard of again", action.key));
            }
            transition.confirm(id, true);
        }
        self.count("actions overdue");
        for line in lines {
            self.log(Severity::Error, line);
        }
    }

    /// An action of the present transition ended. True when it was one.
    pub(super) fn confirm_action(&mut self, (number, action): (u64, u32), failed: bool) -> bool {
        match &mut self.transition {
            Some(transition) if transition.number == number => transition.confirm(ActionId(action), failed),
            _ => false,
        }
    }

    /// Our own order was not accepted by the members.
    pub(super) fn action_refused(&mut self, key: &crate::state::history::TransitionKey) {
        if key.uuid != self.uuid {
            return;
        }
        if let (Some(transition), Ok(action)) = (&mut self.transition, u32::try_from(key.action))
            && i64::try_from(transition.number).ok() == Some(key.transition)
        {
            transition.withdraw(ActionId(action));
        }
    }

    /// Whether the end of an operation calls for a new plan; on the decision maker it also confirms the action.
    /// The answer is the same on all members.
    pub(super) fn result_calls_for_plan(&mut self, ended: &Ended) -> bool {
        let as_expected = effective_rc(ended.rc) == ended.key.expected_rc && !ended.failed();
        let present = i64::try_from(self.shared.transition).ok() == Some(ended.key.transition);
        if self.is_dc() && present && ended.key.uuid == self.uuid {
            let number = self.shared.transition;
            let known = u32::try_from(ended.key.action)
                .is_ok_and(|id| self.confirm_action((number, id), !as_expected && !ended.ignore_failure));
            if !known && ended.interval_ms == 0 {
                self.count("results that came late");
            }
        }
        if ended.status == ExecStatus::Pending.code() {
            return false;
        }
        // A one-time operation of the present transition that went well is what was planned; so is the first result
        // of a recurring one. Everything else is news.
        !(present && as_expected)
    }
}
