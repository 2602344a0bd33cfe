//! Changes of the document: ordered, applied everywhere, acknowledged when they are on enough disks (rule 7).

use std::collections::BTreeMap;

use holdfast_api::cib::CibReply;
use holdfast_api::{CibRequest, Credentials, Event, Failure, FailureKind, Reply};
use holdfast_totem::NodeId;

use super::Node;
use super::requests::Waiting;
use crate::io::{ClientId, Severity, Ticket};
use crate::message::{Change, ClusterMessage};
use crate::options::NoQuorumPolicy;
use crate::record::Record;
use crate::time::Span;

/// How long an acknowledgement may take when the client does not say.
const DEFAULT_WAIT: Span = Span::secs(30);
/// Between two attempts to write after a failure.
const DISK_PAUSE: Span = Span::secs(1);
/// How long a change that this disk refused waits for the disks of others.
const DISK_PATIENCE: Span = Span::secs(3);

/// What is on whose disk. Changes are counted from the beginning of a view; 0 is what all had when it began.
#[derive(Debug, Default)]
pub struct Writes {
    number: u64,
    durable: BTreeMap<NodeId, u64>,
    /// Tickets under way, with the change that is on disk when they are.
    tickets: BTreeMap<Ticket, u64>,
    /// Our own disk is up to this change.
    own: Option<u64>,
    /// Told to the others.
    told: Option<u64>,
    /// Answers held back until enough members have it: change number, request, answer.
    held: Vec<(u64, u64, Reply)>,
    /// Our document as of the last view is on our disk.
    clean: bool,
}

impl Node {
    /// A client wants a change: it becomes an ordered message with everything local resolved (rule 6).
    pub(super) fn request_change(&mut self, client: ClientId, id: u64, cib: CibRequest, who: &Credentials) {
        let user = match (&cib.options.user, who.is_privileged()) {
            (Some(user), true) => user.clone(),
            _ => who.user.clone(),
        };
        let privileged = who.is_privileged() && cib.options.user.is_none();
        let wait = match cib.options.timeout_ms {
            0 => DEFAULT_WAIT,
            ms => Span::millis(ms.into()),
        };
        if let Some(why) = &self.disk_trouble {
            let failure =
                Failure::new(FailureKind::Disk, format!("the configuration cannot be written here: {why}"))
                    .hint("free space or repair the disk, then try again");
            self.reply(client, id, Reply::Failed(failure));
            return;
        }
        let change = Change {
            request: 0,
            cib,
            user,
            groups: who.groups.clone(),
            privileged,
            client: who.client.clone(),
            at: self.now.wall.seconds(),
            id_seed: self.random.bits(),
        };
        self.submit(Waiting::client(client, id), Some(wait), |request| {
            ClusterMessage::Change(Box::new(Change { request, ..change.clone() }))
        });
    }

    /// A change made by the cluster itself.
    pub(super) fn change_ourselves(&mut self, cib: CibRequest) {
        let change = Change {
            request: 0,
            cib,
            user: "root".to_owned(),
            groups: Vec::new(),
            privileged: true,
            client: "holdfast".to_owned(),
            at: self.now.wall.seconds(),
            id_seed: self.random.bits(),
        };
        self.submit(Waiting::nobody(), None, |request| {
            ClusterMessage::Change(Box::new(Change { request, ..change.clone() }))
        });
    }

    pub(super) fn on_change(&mut self, sender: NodeId, change: Change) {
        self.writes.number += 1;
        let number = self.writes.number;
        let ours = sender == self.identity.id;
        let before = self.cib.version();
        let node = self.name_of(sender);
        let risks = if ours { self.risks() } else { Vec::new() };
        let shared = &mut self.shared;
        if ours {
            self.clients.delivered(change.request);
        }
        let applied = match self.cib.apply(&change, shared, &node) {
            Ok(applied) => applied,
            Err(failure) => {
                if ours {
                    self.finished(change.request, Reply::Failed(failure));
                }
                return;
            }
        };
        let version = self.cib.version();
        if applied.configuration {
            self.document_is_shared(true);
        }
        if applied.configuration && self.membership.quorate() {
            self.cib.quorate_ring = self.membership.ring().map_or(0, |r| r.seq);
        }
        // While the disk refuses, the next attempt writes the whole document as it is then.
        if let Some(record) = applied.record
            && self.disk_trouble.is_none()
        {
            let ticket = self.persist(record);
            self.writes.tickets.insert(ticket, number);
        }
        if version != before || applied.status {
            self.tell(&Event::Cib { version, configuration: applied.configuration });
            let text = format!("configuration {version}: {:?} by {}", change.cib.operation, change.client);
            self.log(Severity::Debug, text);
            self.relevant("the configuration changed");
        }
        if applied.configuration && self.is_dc() {
            // A document that came from elsewhere may know neither our nodes nor our name.
            self.complete_configuration();
        }
        if applied.status {
            self.status_replaced();
        }
        if !ours {
            return;
        }
        // What a change puts at risk is said when it is made.
        let mut warnings = applied.warnings;
        if applied.configuration {
            warnings.extend(self.risks().into_iter().filter(|risk| !risks.contains(risk)));
        }
        let reply = Reply::Cib(CibReply { version, xml: applied.answer, provisional: false, warnings });
        if applied.configuration {
            self.writes.held.push((number, change.request, reply));
            self.acknowledge();
        } else {
            self.finished(change.request, reply);
        }
    }

    /// A record is on disk.
    pub(super) fn on_persisted(&mut self, ticket: Ticket) {
        self.disk_trouble = None;
        let mut upto = None;
        let later = self.writes.tickets.split_off(&Ticket(ticket.0 + 1));
        for number in std::mem::replace(&mut self.writes.tickets, later).into_values() {
            upto = upto.max(Some(number));
        }
        if let Some(number) = upto {
            self.writes.own = self.writes.own.max(Some(number));
            if self.writes.tickets.is_empty() {
                self.writes.clean = true;
            }
            self.tell_durable();
        }
    }

    pub(super) fn on_persist_failed(&mut self, ticket: Ticket, why: String) {
        self.writes.tickets.remove(&ticket);
        self.count("disk failures");
        self.disk_trouble = Some(why);
        // A whole snapshot, later, replaces what was lost.
        self.disk_retry.get_or_insert(self.now.mono + DISK_PAUSE);
        // Those who wait for our disk hear soon, unless the others' disks are enough.
        let waiting: Vec<u64> = self.writes.held.iter().map(|(_, request, _)| *request).collect();
        self.clients.hurry(&waiting, self.now.mono + DISK_PATIENCE);
    }

    /// Tries again what could not be written.
    pub(super) fn retry_disk(&mut self) {
        if self.disk_retry.is_none_or(|at| at > self.now.mono) {
            return;
        }
        self.disk_retry = None;
        let number = self.writes.number;
        let record = self.cib.snapshot();
        let ticket = self.persist(record);
        self.writes.tickets.insert(ticket, number);
    }

    fn tell_durable(&mut self) {
        if !self.membership.settled() || self.writes.told >= self.writes.own {
            return;
        }
        self.writes.told = self.writes.own;
        if let Some(change) = self.writes.own {
            self.say(ClusterMessage::Durable { change });
        }
    }

    pub(super) fn on_durable(&mut self, sender: NodeId, change: u64) {
        let known = self.writes.durable.entry(sender).or_insert(0);
        *known = (*known).max(change);
        self.acknowledge();
    }

    /// Answers every change that is on enough disks.
    fn acknowledge(&mut self) {
        if self.writes.held.is_empty() || !self.membership.settled() {
            return;
        }
        let held = std::mem::take(&mut self.writes.held);
        for (number, request, reply) in held {
            if self.is_on_enough_disks(number) {
                let reply = self.qualified(reply);
                self.finished(request, reply);
            } else {
                self.writes.held.push((number, request, reply));
            }
        }
    }

    /// An acknowledgement says what it is worth at the moment it is given, not when the change was made.
    fn qualified(&self, reply: Reply) -> Reply {
        let Reply::Cib(mut cib) = reply else { return reply };
        cib.provisional = self.is_provisional();
        if !self.membership.quorate() {
            cib.warnings.push(
                "this part of the cluster has no quorum: the change is provisional and can be lost when the other \
                 part has precedence"
                    .to_owned(),
            );
        }
        Reply::Cib(cib)
    }

    /// Whether fewer members than a majority decide here.
    pub(super) fn is_provisional(&self) -> bool {
        let Some(view) = self.membership.view() else { return true };
        let ignore = self.cib.options().no_quorum == NoQuorumPolicy::Ignore;
        let votes: u32 = view.members.iter().map(|m| m.votes).sum();
        let weak = !view.quorum.quorate || view.quorum.two_node || ignore;
        weak && votes < view.quorum.expected_votes
    }

    fn is_on_enough_disks(&self, number: u64) -> bool {
        let Some(view) = self.membership.view() else { return false };
        let has = |id: NodeId| self.writes.durable.get(&id).is_some_and(|known| *known >= number);
        let all = view.members.iter().all(|m| has(m.id));
        let ignore = self.cib.options().no_quorum == NoQuorumPolicy::Ignore;
        if !view.quorum.quorate || view.quorum.two_node || ignore {
            return all;
        }
        let votes: u32 = view.members.iter().filter(|m| has(m.id)).map(|m| m.votes).sum();
        all || votes > view.quorum.expected_votes / 2
    }

    /// A view begins: what all agree on is change 0; answers held back are about it, or were undone.
    pub(super) fn writes_settled(&mut self) {
        let undone = self.membership.document_replaced();
        let held = std::mem::take(&mut self.writes.held);
        let clean = self.writes.clean && self.writes.tickets.is_empty() && !undone;
        self.writes.number = 0;
        self.writes.durable.clear();
        self.writes.told = None;
        self.writes.own = None;
        for number in self.writes.tickets.values_mut() {
            *number = 0;
        }
        if clean {
            self.writes.own = Some(0);
        } else if self.writes.tickets.is_empty() || undone {
            let record = self.cib.snapshot();
            let ticket = self.persist(record);
            self.writes.tickets.clear();
            self.writes.tickets.insert(ticket, 0);
        }
        for (_, request, reply) in held {
            if undone {
                let failure = Failure::new(
                    FailureKind::Undone,
                    "the change was undone: another part of the cluster has precedence",
                )
                .hint("the document that lost is kept; see `crm_mon` and the log for where");
                self.finished(request, Reply::Failed(failure));
            } else {
                self.writes.held.push((0, request, reply));
            }
        }
        self.tell_durable();
    }

    /// The document as a file for old tools.
    pub(super) fn export(&mut self) {
        let xml = self.cib.full(&self.shared.status(), &self.header()).to_string_pretty();
        self.persist(Record::Export { xml });
    }
}
