//! Operations on this node: one at a time for a resource, recurring ones at their interval, results when they change.
//!
//! Knows queues, intervals and the journal of runs. Does not know why an operation is wanted, nor any other node.

mod digests;
mod recurring;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use holdfast_model::status::ExecStatus;

use crate::io::{CallId, Operation, Outcome, OutcomeStatus};
use crate::state::history::{Ended, ResourceRef, TransitionKey, active_after};
use crate::time::{Instant, Now, Span, Wall};

pub use digests::digests;
use recurring::Recurring;

/// Longest queue of one resource.
const QUEUE: usize = 1_000;
/// Exit code: safely stopped.
const NOT_RUNNING: i32 = 7;

/// One operation that is wanted here.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Resource.
    pub rsc: ResourceRef,
    /// What to run; `call` is filled in here.
    pub operation: Operation,
    /// Who planned it.
    pub key: TransitionKey,
    /// Not before this long from now.
    pub delay: Span,
    /// Failures are to be ignored.
    pub ignore_failure: bool,
    /// What for.
    pub purpose: Purpose,
}

/// What a run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The cluster's plan.
    Planned,
    /// A repetition of a recurring operation.
    Repeated,
    /// A client forced it.
    Forced {
        /// Number of the request.
        request: u64,
    },
    /// It was running when the daemon started.
    Recovered,
}

#[derive(Debug)]
struct Job {
    wanted: Wanted,
    since: Instant,
    not_before: Instant,
}

#[derive(Debug)]
struct Run {
    wanted: Wanted,
    started: Now,
    queued: Span,
    /// It is not to be repeated: cancelled, or the state of the resource is about to change.
    last: bool,
}

#[derive(Debug, Default)]
struct Lane {
    reference: ResourceRef,
    queue: VecDeque<Job>,
    busy: Option<CallId>,
    recurring: Vec<Recurring>,
}

/// What the caller has to do after a step.
#[derive(Debug)]
pub enum Effect {
    /// An agent of the daemon before this one ended, and nobody knows how: what is known of the resource here is void.
    Unknown(String),
    /// Start an agent. `journal`: note it as in flight first.
    Spawn {
        /// What.
        operation: Box<Operation>,
        /// Whether it is noted.
        journal: bool,
    },
    /// A noted run ended.
    Landed(CallId),
    /// Tell the cluster.
    Tell(Box<Ended>),
    /// A client's forced run ended.
    Forced {
        /// Number of the request.
        request: u64,
        /// How.
        outcome: Box<Outcome>,
    },
    /// A recurring operation is no more.
    Cancelled {
        /// Who planned the cancellation, if it was planned.
        key: Option<TransitionKey>,
        /// Resource.
        rsc: String,
        /// Operation.
        operation: String,
        /// Interval in ms.
        interval_ms: u32,
    },
    /// The resource is active here now; the operation would stop it.
    Active(Box<Operation>),
    /// The resource is no longer active here.
    Inactive(String),
}

/// All operations of this node.
#[derive(Debug)]
pub struct Local {
    lanes: BTreeMap<String, Lane>,
    runs: BTreeMap<CallId, Run>,
    next_call: u64,
    limit: usize,
    effects: VecDeque<Effect>,
    active: BTreeMap<String, Operation>,
    /// Fence devices that were started here: others are not to be asked when they are probed.
    devices: BTreeSet<String>,
    /// Runs that end without an agent.
    instant: Vec<(CallId, Outcome)>,
}

impl Local {
    /// Nothing runs; calls are numbered from `next_call`; at most `limit` agents at one time.
    #[must_use]
    pub fn new(next_call: u64, limit: u32) -> Self {
        Self {
            lanes: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_call: next_call.max(1),
            limit: limit.max(4) as usize,
            effects: VecDeque::new(),
            active: BTreeMap::new(),
            devices: BTreeSet::new(),
            instant: Vec::new(),
        }
    }

    /// Runs that were in flight when the daemon before this one ended: their resources stay busy until they end.
    pub fn recover(&mut self, operations: Vec<Operation>, now: Now) {
        for operation in operations {
            let call = operation.call;
            self.next_call = self.next_call.max(call.0 + 1);
            let rsc = ResourceRef {
                id: operation.rsc.clone(),
                class: operation.class.clone(),
                provider: operation.provider.clone(),
                agent: operation.agent.clone(),
                container: None,
            };
            let lane = self.lanes.entry(rsc.id.clone()).or_default();
            lane.reference = rsc.clone();
            lane.busy = Some(call);
            let key = TransitionKey::outside(call_id(call).into(), 0);
            let wanted = Wanted {
                rsc,
                operation,
                key,
                delay: Span::ZERO,
                ignore_failure: false,
                purpose: Purpose::Recovered,
            };
            self.runs.insert(call, Run { wanted, started: now, queued: Span::ZERO, last: true });
        }
    }

    /// A fresh call number, also for runs that are not in a lane (fence agents).
    pub fn next_call(&mut self) -> CallId {
        let call = CallId(self.next_call);
        self.next_call += 1;
        call
    }

    /// What the caller has to do next, until `None`.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether runs of the daemon before this one are still going on.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.runs.values().any(|run| run.wanted.purpose == Purpose::Recovered)
    }

    /// Names of resources that are active here as far as this daemon knows.
    #[must_use]
    pub fn active(&self) -> Vec<String> {
        self.active.keys().cloned().collect()
    }

    /// Queues an operation.
    pub fn want(&mut self, wanted: Wanted, now: Now) {
        let changes_state = changes_state(&wanted.operation.operation);
        let lane = self.lanes.entry(wanted.rsc.id.clone()).or_default();
        lane.reference = wanted.rsc.clone();
        if changes_state {
            // Results of monitors of the old state would be misread.
            lane.recurring.clear();
            lane.queue.retain(|job| job.wanted.operation.interval_ms == 0);
            if let Some(run) = lane.busy.and_then(|call| self.runs.get_mut(&call)) {
                run.last = true;
            }
        }
        if wanted.operation.interval_ms > 0 {
            let (name, interval) = (&wanted.operation.operation, wanted.operation.interval_ms);
            lane.recurring.retain(|r| !r.is(name, interval));
            lane.queue.retain(|job| !same_recurring(&job.wanted, name, interval));
        }
        if lane.queue.len() >= QUEUE {
            let ended = refused(&wanted, now, "too many operations wait for this resource");
            self.effects.push_back(Effect::Tell(Box::new(ended)));
            return;
        }
        let not_before = now.mono + wanted.delay;
        lane.queue.push_back(Job { wanted, since: now.mono, not_before });
        self.step(now);
    }

    /// Ends a recurring operation. An unknown one counts as ended.
    pub fn cancel(&mut self, rsc: &str, operation: &str, interval_ms: u32, key: TransitionKey) {
        if let Some(lane) = self.lanes.get_mut(rsc) {
            lane.recurring.retain(|r| !r.is(operation, interval_ms));
            lane.queue.retain(|job| !same_recurring(&job.wanted, operation, interval_ms));
            if let Some(run) = lane.busy.and_then(|call| self.runs.get_mut(&call))
                && same_recurring(&run.wanted, operation, interval_ms)
            {
                run.last = true;
            }
        }
        self.effects.push_back(Effect::Cancelled {
            key: Some(key),
            rsc: rsc.to_owned(),
            operation: operation.to_owned(),
            interval_ms,
        });
    }

    /// Whether a recurring operation is repeated here, or waits for its first run.
    #[must_use]
    pub fn repeats(&self, rsc: &str, operation: &str, interval_ms: u32) -> bool {
        self.lanes.get(rsc).is_some_and(|lane| {
            lane.recurring.iter().any(|r| r.is(operation, interval_ms))
                || lane.queue.iter().any(|job| same_recurring(&job.wanted, operation, interval_ms))
                || lane.busy.and_then(|call| self.runs.get(&call)).is_some_and(|run| {
                    run.wanted.purpose == Purpose::Planned
                        && !run.last
                        && same_recurring(&run.wanted, operation, interval_ms)
                })
        })
    }

    /// Forgets a resource: nothing of it is repeated any more. A run in flight still ends.
    pub fn forget(&mut self, rsc: &str) {
        if let Some(lane) = self.lanes.get_mut(rsc) {
            lane.recurring.clear();
            lane.queue.retain(|job| job.wanted.operation.interval_ms == 0);
            if lane.busy.is_none() && lane.queue.is_empty() {
                self.lanes.remove(rsc);
            }
        }
        if self.active.remove(rsc).is_some() {
            self.effects.push_back(Effect::Inactive(rsc.to_owned()));
        }
    }

    /// Drops everything that waits and repeats (this node was told to stop).
    pub fn drop_waiting(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.queue.clear();
            lane.recurring.clear();
        }
    }

    /// Drops planned operations that have not been started (the view in which they were ordered is over).
    pub fn drop_planned(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.queue
                .retain(|job| job.wanted.purpose != Purpose::Planned || job.wanted.operation.interval_ms > 0);
        }
    }

    /// Operations of the plan that run now.
    pub fn in_flight(&self) -> impl Iterator<Item = Ended> {
        self.runs
            .values()
            .filter(|run| matches!(run.wanted.purpose, Purpose::Planned | Purpose::Recovered))
            .map(|run| pending(&run.wanted, run.started.wall))
    }

    /// An agent ended. False when the run is not ours.
    pub fn done(&mut self, call: CallId, outcome: Outcome, now: Now) -> bool {
        let Some(run) = self.runs.remove(&call) else { return false };
        if run.wanted.purpose != Purpose::Repeated {
            self.effects.push_back(Effect::Landed(call));
        }
        let rsc = run.wanted.rsc.id.clone();
        let lane = self.lanes.entry(rsc.clone()).or_default();
        if lane.busy == Some(call) {
            lane.busy = None;
        }
        self.note_activity(&run.wanted, &outcome);
        self.report(call, run, outcome, now);
        if let Some(lane) = self.lanes.get(&rsc)
            && lane.busy.is_none()
            && lane.queue.is_empty()
            && lane.recurring.is_empty()
        {
            self.lanes.remove(&rsc);
        }
        self.step(now);
        true
    }

    fn report(&mut self, call: CallId, run: Run, outcome: Outcome, now: Now) {
        let ended = ended(&run, call, &outcome, now);
        match run.wanted.purpose {
            Purpose::Forced { request } => {
                self.effects.push_back(Effect::Forced { request, outcome: Box::new(outcome) });
            }
            // Its exit status went to a parent that is gone: what it did is for a probe to find out.
            Purpose::Recovered if outcome.status == OutcomeStatus::Error => {
                self.effects.push_back(Effect::Unknown(run.wanted.rsc.id));
            }
            Purpose::Planned if run.wanted.operation.interval_ms > 0 && !run.last => {
                let lane = self.lanes.entry(run.wanted.rsc.id.clone()).or_default();
                lane.reference = run.wanted.rsc.clone();
                lane.recurring.push(Recurring::new(run.wanted, call, &ended, now.mono));
                self.effects.push_back(Effect::Tell(Box::new(ended)));
            }
            Purpose::Planned | Purpose::Recovered => {
                let (rsc, operation) = (run.wanted.rsc.id, run.wanted.operation);
                self.effects.push_back(Effect::Tell(Box::new(ended)));
                let queue = self.lanes.get(&rsc).map(|lane| &lane.queue);
                let changes = queue.is_some_and(|queue| {
                    queue.iter().any(|job| changes_state(&job.wanted.operation.operation))
                });
                // It was cancelled during its first run, or the daemon that would repeat it is gone, and the result says
                // that it is repeated. Unless the state is about to change: that says it as well.
                if operation.interval_ms > 0 && !changes {
                    self.effects.push_back(Effect::Cancelled {
                        key: None,
                        rsc,
                        operation: operation.operation,
                        interval_ms: operation.interval_ms,
                    });
                }
            }
            Purpose::Repeated => {
                let Some(lane) = self.lanes.get_mut(&run.wanted.rsc.id) else { return };
                let (name, interval) = (&run.wanted.operation.operation, run.wanted.operation.interval_ms);
                if let Some(recurring) = lane.recurring.iter_mut().find(|r| r.is(name, interval))
                    && let Some(ended) = recurring.again(ended, now.mono)
                {
                    self.effects.push_back(Effect::Tell(Box::new(ended)));
                }
            }
        }
    }

    /// Keeps track of what is active here, for the guard.
    fn note_activity(&mut self, wanted: &Wanted, outcome: &Outcome) {
        if outcome.status != OutcomeStatus::Done {
            return;
        }
        let rsc = &wanted.rsc.id;
        if wanted.operation.class == "stonith" {
            match (wanted.operation.operation.as_str(), outcome.rc) {
                ("start", 0) => drop(self.devices.insert(rsc.clone())),
                ("stop", 0) => drop(self.devices.remove(rsc)),
                _ => {}
            }
            return;
        }
        let Some(runs) = active_after(&wanted.operation.operation, outcome.rc) else { return };
        if !runs {
            if self.active.remove(rsc).is_some() {
                self.effects.push_back(Effect::Inactive(rsc.clone()));
            }
        } else if !self.active.contains_key(rsc) {
            let mut stop = wanted.operation.clone();
            stop.operation = "stop".to_owned();
            stop.interval_ms = 0;
            stop.capture = false;
            self.active.insert(rsc.clone(), stop.clone());
            self.effects.push_back(Effect::Active(Box::new(stop)));
        }
    }

    /// Time passed.
    pub fn timer(&mut self, now: Now) {
        self.step(now);
    }

    /// When time matters next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.runs.len() >= self.limit {
            return None;
        }
        self.lanes.values().filter(|lane| lane.busy.is_none()).filter_map(Lane::due).min()
    }

    fn step(&mut self, now: Now) {
        self.begin_due(now);
        while let Some((call, outcome)) = self.instant.pop() {
            if let Some(run) = self.runs.remove(&call) {
                if let Some(lane) = self.lanes.get_mut(&run.wanted.rsc.id) {
                    lane.busy = None;
                }
                self.report(call, run, outcome, now);
            }
            self.begin_due(now);
        }
    }

    fn begin_due(&mut self, now: Now) {
        let mut free = self.limit.saturating_sub(self.runs.len());
        if free == 0 {
            return;
        }
        let ready: Vec<String> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.busy.is_none() && lane.due().is_some_and(|due| due <= now.mono))
            .map(|(name, _)| name.clone())
            .collect();
        for name in ready {
            if free == 0 {
                break;
            }
            let call = CallId(self.next_call);
            let Some(lane) = self.lanes.get_mut(&name) else { continue };
            let Some((mut wanted, since)) = lane.take(now.mono) else { continue };
            self.next_call += 1;
            free -= 1;
            lane.busy = Some(call);
            wanted.operation.call = call;
            let operation = Box::new(wanted.operation.clone());
            let journal = wanted.purpose != Purpose::Repeated;
            let idle_device = operation.class == "stonith"
                && operation.operation == "monitor"
                && operation.interval_ms == 0
                && matches!(wanted.purpose, Purpose::Planned)
                && !self.devices.contains(&name);
            if idle_device {
                // A device that nobody started is not in use: its agent would only tell that it could be.
                self.runs
                    .insert(call, Run { wanted, started: now, queued: now.mono.since(since), last: true });
                self.instant.push((call, Outcome::exited(NOT_RUNNING)));
                continue;
            }
            self.runs.insert(call, Run { wanted, started: now, queued: now.mono.since(since), last: false });
            self.effects.push_back(Effect::Spawn { operation, journal });
        }
    }
}

impl Lane {
    /// When the next job may start.
    fn due(&self) -> Option<Instant> {
        let first = self.queue.iter().map(|job| job.not_before).min();
        let again = self.recurring.iter().map(Recurring::due).min();
        [first, again].into_iter().flatten().min()
    }

    /// The next job: what is queued goes before repetitions.
    fn take(&mut self, now: Instant) -> Option<(Wanted, Instant)> {
        if let Some(at) = self.queue.iter().position(|job| job.not_before <= now) {
            return self.queue.remove(at).map(|job| (job.wanted, job.since.max(job.not_before)));
        }
        let next = self.recurring.iter_mut().filter(|r| r.due() <= now).min_by_key(|r| r.due())?;
        Some((next.begin(), next.due()))
    }
}

fn same_recurring(wanted: &Wanted, operation: &str, interval_ms: u32) -> bool {
    wanted.operation.interval_ms == interval_ms && wanted.operation.operation == operation
}

fn changes_state(operation: &str) -> bool {
    matches!(operation, "start" | "stop" | "promote" | "demote" | "migrate_to" | "migrate_from")
}

fn call_id(call: CallId) -> i32 {
    i32::try_from(call.0 & 0x7fff_ffff).unwrap_or(i32::MAX)
}

/// What is recorded while an operation is under way.
#[must_use]
pub fn pending(wanted: &Wanted, at: Wall) -> Ended {
    let mut ended = blank(wanted, at);
    ended.call_id = -1;
    ended.rc = crate::state::history::RC_PENDING;
    ended.status = ExecStatus::Pending.code();
    ended
}

fn blank(wanted: &Wanted, at: Wall) -> Ended {
    let meta = |name: &str| {
        let name = format!("CRM_meta_{name}");
        wanted.operation.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    };
    let migration = match wanted.operation.operation.as_str() {
        "migrate_to" | "migrate_from" => meta("migrate_source").zip(meta("migrate_target")),
        _ => None,
    };
    Ended {
        rsc: wanted.rsc.clone(),
        operation: wanted.operation.operation.clone(),
        interval_ms: wanted.operation.interval_ms,
        key: wanted.key.clone(),
        call_id: 0,
        rc: 0,
        status: ExecStatus::Done.code(),
        reason: None,
        changed_at: at.seconds(),
        exec_ms: 0,
        queue_ms: 0,
        digests: digests(&wanted.operation, None),
        migration,
        ignore_failure: wanted.ignore_failure,
    }
}

fn refused(wanted: &Wanted, now: Now, why: &str) -> Ended {
    let mut ended = blank(wanted, now.wall);
    ended.rc = 1;
    ended.status = ExecStatus::Error.code();
    ended.reason = Some(why.to_owned());
    ended
}

fn ended(run: &Run, call: CallId, outcome: &Outcome, now: Now) -> Ended {
    let at = if run.wanted.operation.interval_ms > 0 { now.wall } else { run.started.wall };
    let mut ended = blank(&run.wanted, at);
    ended.call_id = call_id(call);
    ended.rc = outcome.rc;
    ended.status = outcome.status.recorded(outcome.rc).code();
    ended.reason.clone_from(&outcome.reason);
    ended.exec_ms = outcome.ran.as_millis();
    ended.queue_ms = run.queued.as_millis();
    ended.digests = digests(&run.wanted.operation, outcome.facts.as_ref());
    if ended.operation == "notify" {
        // The result of a notification never counts.
        ended.rc = 0;
        ended.status = ExecStatus::Done.code();
    }
    ended
}
