//! One node of the cluster: takes inputs, hands out outputs. The rooms behind it each know one thing:
//! `view` who is there and who decides, `merge` what was found when parts met again, `deliver` what ordered messages do, `changes` the document, `planning` and
//! `actions` transitions, `operations` agents on this node, `fence` fencing, `requests` clients.

mod actions;
mod alerts;
mod attributes;
mod changes;
mod deliver;
mod fence;
mod fence_run;
mod housekeeping;
mod inspect;
mod merge;
mod operations;
mod planning;
mod queries;
mod requests;
mod shutdown;
mod view;

use std::collections::{BTreeMap, VecDeque};

use holdfast_api::{Event, Reply};
use holdfast_model::status::ResourceHistory;
use holdfast_totem::NodeId;

pub use inspect::Inspection;

use crate::cib::Replica;
use crate::engine::Transition;
use crate::engine::due::Due;
use crate::fencing::Fencing;
use crate::io::{Input, Output, Severity, Ticket};
use crate::local::Local;
use crate::message::{ClusterMessage, Envelope};
use crate::random::Random;
use crate::record::{Record, Recovered};
use crate::settings::{Identity, Settings};
use crate::state::Shared;
use crate::time::{Instant, Now};

use changes::Writes;
use requests::Clients;
use shutdown::Leaving;
use view::Membership;

/// One node.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    identity: Identity,
    /// Our id in the document.
    id: String,
    random: Random,
    now: Now,
    /// When this daemon started.
    born: Now,
    outputs: VecDeque<Output>,
    membership: Membership,
    cib: Replica,
    shared: Shared,
    /// What was done to resources here, as this node knows it at first hand.
    mine: BTreeMap<String, ResourceHistory>,
    /// What happened to operations here and was not delivered yet, in its order.
    untold: Vec<operations::Untold>,
    local: Local,
    writes: Writes,
    transition: Option<Transition>,
    due: Due,
    fencing: Fencing,
    clients: Clients,
    leaving: Leaving,
    next_ticket: u64,
    next_progress: Instant,
    /// Names this node's plans.
    uuid: String,
    /// Attributes whose delay runs (on the decision maker): when it is over.
    dampening: BTreeMap<String, Instant>,
    /// When waiting for nodes never seen ends (on the decision maker).
    start_deadline: Option<Instant>,
    /// Number of the last transition that this node began.
    last_transition: u64,
    /// Transitions in a row that were stopped without getting anything done.
    fruitless: u32,
    /// Members that alert programs were told of: number, birth of the daemon.
    alerted: BTreeMap<NodeId, i64>,
    /// Calls of alert programs so far.
    alert_calls: u64,
    /// The record that could not be written, if the last one failed.
    disk_trouble: Option<String>,
    /// When it is tried again.
    disk_retry: Option<Instant>,
    merged: merge::Merged,
    counters: BTreeMap<&'static str, u64>,
}

impl Node {
    /// A node as it starts. `seed` feeds the owned random generator and must differ between runs.
    ///
    /// # Errors
    /// A sentence, when what was found on disk cannot be used and starting empty would lose it.
    pub fn new(
        settings: Settings,
        identity: Identity,
        recovered: Recovered,
        seed: u64,
        now: Now,
    ) -> Result<Self, String> {
        let cib = Replica::recover(&recovered, now.wall.seconds())?;
        let mut local = Local::new(recovered.next_call, settings.operations_limit);
        local.recover(recovered.in_flight, now);
        let mut random = Random::new(seed);
        let uuid = random.uuid();
        let mut node = Self {
            id: identity.id.to_string(),
            settings,
            identity,
            random,
            now,
            born: now,
            outputs: VecDeque::new(),
            membership: Membership::default(),
            cib,
            shared: Shared::default(),
            mine: BTreeMap::new(),
            untold: Vec::new(),
            local,
            writes: Writes::default(),
            transition: None,
            due: Due::default(),
            fencing: Fencing::default(),
            clients: Clients::default(),
            leaving: Leaving::default(),
            next_ticket: 0,
            next_progress: now.mono,
            uuid,
            dampening: BTreeMap::new(),
            start_deadline: None,
            last_transition: 0,
            fruitless: 0,
            alerted: BTreeMap::new(),
            alert_calls: 0,
            disk_trouble: None,
            disk_retry: None,
            merged: merge::Merged::default(),
            counters: BTreeMap::new(),
        };
        if let Some(why) = node.cib.trouble.take() {
            node.log(Severity::Warn, why);
        }
        if let Some(why) = recovered.damaged {
            node.log(Severity::Error, format!("the newest copy of the configuration is damaged: {why}"));
        }
        Ok(node)
    }

    /// Takes one input. Drain [`Node::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::View(view) => self.on_view(view),
            Input::Message { sender, payload } => self.on_message(sender, &payload),
            Input::Quorum { quorate } => self.on_quorum(quorate),
            Input::Timer => {}
            Input::Persisted(ticket) => self.on_persisted(ticket),
            Input::PersistFailed { ticket, why } => self.on_persist_failed(ticket, why),
            Input::OperationDone { call, outcome } => self.on_operation_done(call, outcome),
            Input::Request { client, id, request, credentials } => {
                self.on_request(client, id, request, credentials);
            }
            Input::ClientGone(client) => self.clients.gone(client),
            Input::Planned(planned) => self.on_planned(*planned),
            Input::Shutdown => self.on_shutdown(),
            Input::RingLeft { why } => self.on_ring_left(why),
        }
        self.on_time();
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is wanted next, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        let mut found: Option<(Instant, &'static str)> = Some((self.next_progress, "proof of progress"));
        let mut consider = |at: Option<Instant>, why: &'static str| {
            if let Some(at) = at
                && found.is_none_or(|(best, _)| at < best)
            {
                found = Some((at, why));
            }
        };
        consider(self.local.deadline(), "operation due");
        consider(self.due.deadline(self.may_plan()), "plan due");
        consider(self.transition.as_ref().and_then(Transition::deadline), "action overdue");
        consider(self.dampening.values().min().copied(), "attribute delay over");
        consider(self.start_deadline, "waiting for nodes over");
        consider(self.fencing.deadline(), "fencing");
        consider(self.clients.deadline(), "request timeout");
        consider(self.leaving.deadline(), "orderly end takes too long");
        consider(self.disk_retry, "disk tried again");
        found
    }

    /// Everything that the passing of time makes due.
    fn on_time(&mut self) {
        if self.next_progress <= self.now.mono {
            self.next_progress = self.now.mono + self.settings.progress;
            self.outputs.push_back(Output::Progress);
        }
        self.local.timer(self.now);
        self.drain_local();
        self.alert_attributes();
        self.dampening_over();
        self.startup_over();
        self.fencing_timer();
        self.expire_requests();
        self.leaving_timer();
        self.retry_disk();
        self.overdue_actions();
        self.plan_if_due();
        self.advance_transition();
    }

    /// Whether this node decides.
    fn is_dc(&self) -> bool {
        self.membership.dc() == Some(self.identity.id)
    }

    /// Name of a member or known node by number.
    fn name_of(&self, id: NodeId) -> String {
        self.membership
            .name(id)
            .map(str::to_owned)
            .or_else(|| self.shared.nodes.get(&id.to_string()).map(|n| n.name.clone()))
            .unwrap_or_else(|| id.to_string())
    }

    fn say(&mut self, message: ClusterMessage) {
        let Some(ring) = self.membership.ring() else { return };
        let payload = Envelope { ring, message }.encode();
        self.outputs.push_back(Output::Multicast(payload));
    }

    fn persist(&mut self, record: Record) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        self.outputs.push_back(Output::Persist { ticket, record });
        ticket
    }

    fn log(&mut self, severity: Severity, text: String) {
        self.outputs.push_back(Output::Log(severity, text));
    }

    fn count(&mut self, counter: &'static str) {
        *self.counters.entry(counter).or_insert(0) += 1;
    }

    /// The shared status changed: the version counts on, watchers are told.
    fn status_changed(&mut self) {
        self.cib.count_update();
        let version = self.cib.version();
        self.tell(&Event::Cib { version, configuration: false });
    }

    /// Something changed that may call for a new plan. Called on every member at the same point of the order.
    fn relevant(&mut self, reason: &str) {
        self.shared.changes += 1;
        if self.is_dc() {
            if let Some(transition) = &mut self.transition {
                transition.abort(crate::engine::INFINITY, reason);
            }
            let settle = self.settle_time();
            self.due.mark(self.now, settle);
            self.log(Severity::Debug, format!("a plan is due: {reason}"));
        }
    }

    fn tell(&mut self, event: &Event) {
        for client in self.clients.subscribers(event) {
            self.outputs.push_back(Output::Event { client, event: event.clone() });
        }
    }

    fn reply(&mut self, client: crate::io::ClientId, id: u64, reply: Reply) {
        self.outputs.push_back(Output::Reply { client, id, reply });
    }
}
