//! The count: from the ballots of a ring to who may act. All members feed it the same ballots and changes in the
//! same order and therefore agree. Knows no network; time only for the window of `last_man_standing`.

use crate::config::{Config, MemberConfig};
use crate::id::{NodeId, RingId};
use crate::quorum::{Ballot, Change, Options, Status, TieBreaker, WitnessChange, Witnessed};
use crate::time::Instant;
use crate::witness::planted::{self, Bug};

/// The vote as one node keeps it.
#[derive(Clone, Debug)]
pub struct Quorum {
    options: Options,
    /// The node list, for tie-breaking and for `two_node`.
    configured: Vec<MemberConfig>,
    me: NodeId,
    votes: u32,
    expected: u32,
    waiting: bool,
    quorate: bool,
    /// The ring whose ballots were counted last.
    ring: RingId,
    /// Changes of what the witness says, applied since that ring was formed.
    witness_changes: u64,
    /// What the witness says to each member.
    witness: Vec<(NodeId, WitnessChange)>,
    members: Vec<(NodeId, u32)>,
    last_man_standing: Option<Instant>,
    status: Status,
    notes: Vec<String>,
}

/// Half of the expected votes and one more.
fn majority(expected: u32) -> u32 {
    expected / 2 + 1
}

impl Quorum {
    /// The vote before the first ring. `stored` is the highest number of expected votes on disk.
    pub fn new(config: &Config, me: NodeId, stored: u32) -> Self {
        let votes =
            config.members.iter().find(|m| m.id == me).map_or(config.quorum.default_votes, |m| m.votes);
        let mut quorum = Self {
            options: config.quorum.clone(),
            configured: config.members.clone(),
            me,
            votes,
            expected: config.quorum.expected_votes.max(1),
            waiting: false,
            quorate: false,
            ring: RingId::default(),
            witness_changes: 0,
            witness: Vec::new(),
            members: Vec::new(),
            last_man_standing: None,
            status: Status::default(),
            notes: Vec::new(),
        };
        quorum.settle_options();
        if quorum.tracking() {
            quorum.expected = quorum.expected.max(stored);
        }
        quorum.waiting = quorum.wait_for_all();
        quorum.status = quorum.describe(0, quorum.needed(quorum.expected, 0));
        quorum
    }

    /// Takes the options that may change at run time: `two_node`, `expected_votes`, votes, the witness.
    pub fn reconfigure(&mut self, config: &Config) {
        self.configured.clone_from(&config.members);
        self.options.two_node = config.quorum.two_node;
        self.options.witness_votes = config.quorum.witness_votes;
        self.options.witness_wins = config.quorum.witness_wins;
        self.options.expected_votes = config.quorum.expected_votes;
        self.settle_options();
    }

    /// Options that contradict each other are switched off and named, by the rules of votequorum(5).
    fn settle_options(&mut self) {
        let options = &mut self.options;
        let even = options.expected_votes.is_multiple_of(2);
        let waits = options.wait_for_all.unwrap_or(options.two_node);
        if options.two_node && options.auto_tie_breaker.is_some() {
            options.two_node = false;
            self.notes.push("quorum: two_node is off, because auto_tie_breaker is on".to_owned());
        }
        if options.two_node && options.witness_votes > 0 {
            options.two_node = false;
            self.notes.push("quorum: two_node is off, because there is a witness".to_owned());
        }
        if options.auto_tie_breaker.is_some() && options.witness_votes > 0 {
            options.auto_tie_breaker = None;
            self.notes.push("quorum: auto_tie_breaker is off, because there is a witness".to_owned());
        }
        if options.auto_tie_breaker.is_some() && !even && !waits {
            options.auto_tie_breaker = None;
            let text = "quorum: auto_tie_breaker is off, because an odd number of votes needs wait_for_all";
            self.notes.push(text.to_owned());
        }
        if options.last_man_standing && options.witness_votes > 0 {
            options.last_man_standing = false;
            self.notes.push("quorum: last_man_standing is off, because there is a witness".to_owned());
        }
        if options.last_man_standing && self.configured.iter().any(|m| m.votes != 1) {
            options.last_man_standing = false;
            let text = "quorum: last_man_standing is off, because it needs exactly one vote a node";
            self.notes.push(text.to_owned());
        }
    }

    fn wait_for_all(&self) -> bool {
        self.options.wait_for_all.unwrap_or(self.options.two_node)
    }

    fn tracking(&self) -> bool {
        self.options.expected_votes_tracking || self.options.allow_downscale
    }

    /// What a person should be told about the options; each once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What this node brings to the vote of the next ring.
    pub fn ballot(&self) -> Ballot {
        let list = matches!(self.options.auto_tie_breaker, Some(TieBreaker::List(_)));
        let own = self.witness.iter().find(|(id, _)| *id == self.me).map(|(_, w)| *w).unwrap_or_default();
        let held = own.grant != 0;
        Ballot {
            votes: self.votes,
            expected: self.expected,
            quorate: self.quorate,
            waiting: self.waiting,
            witness: if held { own.votes } else { 0 },
            grant: own.grant,
            hears_witness: own.alive,
            ring_size: u16::try_from(self.members.len()).unwrap_or(u16::MAX),
            previous: if list { self.members.iter().map(|(id, _)| *id).collect() } else { Vec::new() },
        }
    }

    /// The vote as of now.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The highest expected votes, when they are to be kept on disk.
    pub fn to_store(&self) -> u32 {
        if self.tracking() { self.expected } else { 0 }
    }

    /// Counts the ballots of a new ring, each with the ring that its member comes from. `goodbyes` are old members
    /// that left cleanly.
    pub fn form(
        &mut self,
        now: Instant,
        ring: RingId,
        ballots: &[(NodeId, RingId, Ballot)],
        goodbyes: &[NodeId],
    ) -> Status {
        let total = ballots.iter().map(|(_, _, b)| b.votes).fold(0_u32, u32::saturating_add);
        let any_quorate = ballots.iter().any(|(_, _, b)| b.quorate);
        let lost = self.members.iter().filter(|(id, _)| !ballots.iter().any(|(b, _, _)| b == id)).count();
        // A node without quorum goes by the number of a quorate one.
        let announced =
            ballots.iter().filter(|(_, _, b)| b.quorate || !any_quorate).map(|(_, _, b)| b.expected);
        let mut expected = announced.max().unwrap_or(self.expected).max(1);
        let clean = !goodbyes.is_empty();
        if clean && self.options.allow_downscale && any_quorate {
            expected = expected.min(self.options.expected_votes.max(total));
        }
        // A grant of the witness holds as long as nobody of the ring that got it is missing.
        let kept = |old: &RingId, b: &Ballot| {
            let came = ballots.iter().filter(|(_, r, _)| r == old).count();
            let whole = came == usize::from(b.ring_size) || planted::is(Bug::Inherited);
            let whole = whole && b.grant != 0;
            let (grant, votes) = if whole { (b.grant, b.witness) } else { (0, 0) };
            WitnessChange { ring, alive: b.hears_witness, grant, votes }
        };
        (self.ring, self.witness_changes) = (ring, 0);
        self.witness = ballots
            .iter()
            .map(|(id, old, b)| (*id, kept(old, b)))
            .filter(|(_, change)| change.alive || change.grant != 0)
            .collect();
        self.expected = expected.max(total);
        let quorum = self.needed(self.expected, ballots.len());
        let present = total.saturating_add(self.held());
        let settled = ballots.iter().any(|(_, _, b)| b.quorate && !b.waiting);
        let waiting = ballots.iter().any(|(_, _, b)| b.waiting) && !settled && present < self.expected;
        let ids: Vec<NodeId> = ballots.iter().map(|(id, _, _)| *id).collect();
        let previous: Vec<NodeId> = ballots
            .iter()
            .filter(|(_, _, b)| b.quorate)
            .flat_map(|(_, _, b)| b.previous.iter().copied())
            .collect();
        let tie = self.wins_tie(&ids, total, quorum, any_quorate, &previous);
        self.quorate = !waiting && (present >= quorum || tie || self.wins_by_witness());
        // Without quorum the wait is armed again.
        self.waiting = waiting || (any_quorate && !self.quorate && self.wait_for_all());
        self.members = ballots.iter().map(|(id, _, b)| (*id, b.votes)).collect();
        self.last_man_standing = (self.options.last_man_standing
            && self.quorate
            && lost > 0
            && self.lowest_expected(total) < self.expected)
            .then(|| now + self.options.last_man_standing_window);
        self.status = self.describe(total, quorum);
        self.status.clone()
    }

    /// Applies a change that was ordered with the messages; the new status when it differs.
    pub fn apply(&mut self, sender: NodeId, change: &Change) -> Option<Status> {
        let mut total = self.total();
        match change {
            Change::ExpectedVotes(votes) => self.expected = (*votes).max(total).max(1),
            Change::Votes(node, votes) => {
                if let Some(member) = self.members.iter_mut().find(|(id, _)| id == node) {
                    member.1 = *votes;
                }
                if *node == self.me {
                    self.votes = *votes;
                }
                total = self.total();
                self.expected = self.expected.max(total);
            }
            Change::CancelWaitForAll => self.waiting = false,
            Change::Witness(change) => self.witness_says(sender, *change),
            Change::LastManStanding => {
                if self.quorate && self.options.last_man_standing {
                    self.expected = self.expected.min(self.lowest_expected(total));
                }
                self.last_man_standing = None;
            }
        }
        let present = total.saturating_add(self.held());
        let quorum = self.needed(self.expected, self.members.len());
        if self.waiting && total.saturating_add(self.shown()) >= self.expected {
            self.waiting = false;
        }
        let ids: Vec<NodeId> = self.members.iter().map(|(id, _)| *id).collect();
        let tie = self.quorate && self.wins_tie(&ids, total, quorum, true, &ids);
        let was = self.quorate;
        self.quorate = !self.waiting && (present >= quorum || tie || self.wins_by_witness());
        // Without quorum the wait is armed again.
        self.waiting |= was && !self.quorate && self.wait_for_all();
        let status = self.describe(total, quorum);
        (status != self.status).then(|| {
            self.status = status;
            self.status.clone()
        })
    }

    /// Takes what the witness says to one member. Votes said to another ring are no votes of this one.
    fn witness_says(&mut self, sender: NodeId, said: WitnessChange) {
        self.witness_changes += 1;
        if !self.members.iter().any(|(id, _)| *id == sender) {
            return;
        }
        let held = self.witness.iter().find(|(id, _)| *id == sender).map_or(0, |(_, w)| w.grant);
        let ours = said.ring == self.ring || (said.grant != 0 && said.grant == held);
        let said = if ours { said } else { WitnessChange { grant: 0, votes: 0, ..said } };
        self.witness.retain(|(id, _)| *id != sender);
        if said.alive || said.grant != 0 {
            let place = self.witness.partition_point(|(id, _)| *id < sender);
            self.witness.insert(place, (sender, said));
        }
    }

    /// Gives up what this node holds of the witness, where no ordered message can say so in time.
    pub fn forfeit_witness(&mut self) {
        self.witness.retain(|(id, _)| *id != self.me);
        self.status.witness_held &= self.held() > 0;
    }

    /// What this node's own witness says, as all members have it, and how many such changes they have applied.
    pub fn own_witness(&self) -> (WitnessChange, u64) {
        let own = self.witness.iter().find(|(id, _)| *id == self.me).map(|(_, said)| *said);
        (own.unwrap_or_default(), self.witness_changes)
    }

    /// The grant that the votes of this ring are held under, if they are.
    pub fn grant(&self) -> Option<u64> {
        self.witness.iter().map(|(_, said)| said.grant).find(|grant| *grant != 0)
    }

    /// Votes of the members alone.
    pub fn member_votes(&self) -> u32 {
        self.total()
    }

    /// Votes of the witness that are held.
    fn held(&self) -> u32 {
        self.witness.iter().filter(|(_, said)| said.grant != 0).map(|(_, said)| said.votes).max().unwrap_or(0)
    }

    /// Votes of the witness that are held or at hand.
    fn shown(&self) -> u32 {
        self.witness.iter().map(|(_, said)| said.votes).max().unwrap_or(0)
    }

    fn wins_by_witness(&self) -> bool {
        self.options.witness_wins && self.held() > 0
    }

    /// When the window of `last_man_standing` ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.last_man_standing
    }

    /// The change to multicast when a window has ended.
    pub fn due(&mut self, now: Instant) -> Option<Change> {
        let ended = self.last_man_standing.is_some_and(|at| at <= now);
        if ended {
            self.last_man_standing = None;
        }
        (ended && self.quorate).then_some(Change::LastManStanding)
    }

    fn total(&self) -> u32 {
        self.members.iter().map(|(_, votes)| *votes).fold(0, u32::saturating_add)
    }

    /// `last_man_standing` goes down to two votes, to one only with a tie-breaker.
    fn lowest_expected(&self, total: u32) -> u32 {
        total.max(if self.options.auto_tie_breaker.is_some() { 1 } else { 2 })
    }

    fn two_node(&self, members: usize) -> bool {
        let voters = self.configured.iter().filter(|m| m.votes > 0).count();
        self.options.two_node && voters <= 2 && members <= 2 && self.expected <= 2
    }

    fn needed(&self, expected: u32, members: usize) -> u32 {
        if self.two_node(members) { 1 } else { majority(expected) }
    }

    /// Exactly half of the votes, the node that breaks ties among them, and no quorum possible among the others.
    fn wins_tie(
        &self,
        members: &[NodeId],
        total: u32,
        quorum: u32,
        any_quorate: bool,
        previous: &[NodeId],
    ) -> bool {
        let Some(breaker) = &self.options.auto_tie_breaker else { return false };
        let missing = self.expected.saturating_sub(total);
        if total == 0 || total != self.expected / 2 || missing >= quorum {
            return false;
        }
        let voters = self.configured.iter().filter(|m| m.votes > 0).map(|m| m.id);
        let known = voters.chain(members.iter().copied());
        match breaker {
            TieBreaker::Lowest => known.min().is_some_and(|id| members.contains(&id)),
            TieBreaker::Highest => known.max().is_some_and(|id| members.contains(&id)),
            TieBreaker::List(list) => match list.iter().position(|id| members.contains(id)) {
                Some(0) => true,
                // The nodes listed before are away; that is only safe when they were away before, too.
                Some(first) => any_quorate && list[..first].iter().all(|id| !previous.contains(id)),
                None => false,
            },
        }
    }

    fn describe(&self, members: u32, quorum: u32) -> Status {
        let witnessed = |(node, said): &(NodeId, WitnessChange)| Witnessed {
            node: *node,
            alive: said.alive,
            votes: said.votes,
        };
        Status {
            quorate: self.quorate,
            expected_votes: self.expected,
            quorum,
            total_votes: members.saturating_add(self.shown()),
            two_node: self.options.two_node,
            wait_for_all: self.wait_for_all(),
            waiting_for_all: self.waiting,
            last_man_standing: self.options.last_man_standing,
            auto_tie_breaker: self.options.auto_tie_breaker.is_some(),
            allow_downscale: self.options.allow_downscale,
            witness_votes: self.shown(),
            witness_held: self.held() > 0,
            witnesses: self.witness.iter().map(witnessed).collect(),
        }
    }
}
