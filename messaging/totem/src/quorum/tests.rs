//! The options of votequorum, each with its edges, as stories: who is there, who goes, who comes.

use crate::config::{Config, MemberConfig};
use crate::id::{NodeId, RingId};
use crate::quorum::{Change, Options, Quorum, Status, TieBreaker, WitnessChange};
use crate::time::{Instant, Span};

/// Some nodes' votes, formed into rings as a story says.
struct Story {
    nodes: Vec<(NodeId, Quorum, RingId)>,
    now: Instant,
    rings: u64,
}

fn config(nodes: u32, options: impl FnOnce(&mut Options)) -> Config {
    let member = |id| MemberConfig { id: NodeId(id), name: String::new(), votes: 1, addresses: Vec::new() };
    let mut config = Config::new("q", Span::secs(1), (1..=nodes).map(member).collect());
    options(&mut config.quorum);
    config
}

impl Story {
    fn new(config: &Config) -> Self {
        let node = |m: &MemberConfig| (m.id, Quorum::new(config, m.id, 0), RingId::default());
        Self { nodes: config.members.iter().map(node).collect(), now: Instant(0), rings: 0 }
    }

    /// These nodes form a ring; all must count alike.
    fn ring(&mut self, ids: &[u32], goodbyes: &[u32]) -> Status {
        self.rings += 1;
        let ring = RingId { seq: self.rings, representative: NodeId(ids[0]) };
        let goodbyes: Vec<NodeId> = goodbyes.iter().map(|id| NodeId(*id)).collect();
        let chosen = |id: &NodeId| ids.contains(&id.0);
        let ballots: Vec<_> = self
            .nodes
            .iter()
            .filter(|(id, _, _)| chosen(id))
            .map(|(id, quorum, old)| (*id, *old, quorum.ballot()))
            .collect();
        let mut all = Vec::new();
        for (id, quorum, old) in &mut self.nodes {
            if chosen(id) {
                *old = ring;
                all.push(quorum.form(self.now, ring, &ballots, &goodbyes));
            }
        }
        assert!(all.windows(2).all(|w| w[0] == w[1]), "{all:?}");
        all.remove(0)
    }

    fn change(&mut self, ids: &[u32], sender: u32, change: &Change) -> Status {
        let mut last = None;
        for (id, quorum, _) in &mut self.nodes {
            if ids.contains(&id.0) {
                quorum.apply(NodeId(sender), change);
                last = Some(quorum.status().clone());
            }
        }
        last.expect("somebody is there")
    }

    fn restart(&mut self, config: &Config, id: u32) {
        let place = self.nodes.iter().position(|(n, _, _)| n.0 == id).unwrap();
        self.nodes[place] = (NodeId(id), Quorum::new(config, NodeId(id), 0), RingId::default());
    }
}

#[test]
fn a_majority_may_act_and_counts_beyond_eight_bits() {
    let mut story = Story::new(&config(5, |_| {}));
    assert!(story.ring(&[1, 2, 3], &[]).quorate);
    assert!(!story.ring(&[1, 2], &[]).quorate);
    let mut story = Story::new(&config(3, |o| o.expected_votes = 600));
    let status = story.ring(&[1, 2, 3], &[]);
    assert_eq!((status.quorate, status.quorum), (false, 301));
}

#[test]
fn two_nodes_need_one_vote_but_first_see_each_other() {
    let config = config(2, |o| o.two_node = true);
    let mut story = Story::new(&config);
    let alone = story.ring(&[1], &[]);
    assert_eq!((alone.quorate, alone.quorum, alone.waiting_for_all), (false, 1, true));
    assert!(story.ring(&[1, 2], &[]).quorate);
    assert!(story.ring(&[1], &[]).quorate, "the survivor goes on");
    assert!(story.ring(&[2], &[]).quorate, "and so does the other: only fencing helps");
    story.restart(&config, 2);
    assert!(!story.ring(&[2], &[]).quorate, "who restarts alone waits");
    assert!(story.ring(&[1, 2], &[]).quorate);
}

#[test]
fn waiting_ends_when_all_were_seen_or_in_a_partition_that_acts_or_on_request() {
    let config = config(3, |o| o.wait_for_all = Some(true));
    let mut story = Story::new(&config);
    assert!(!story.ring(&[1, 2], &[]).quorate);
    let status = story.change(&[1, 2], 1, &Change::CancelWaitForAll);
    assert!(status.quorate);
    let joined = story.ring(&[1, 2, 3], &[]);
    assert!(joined.quorate && !joined.waiting_for_all);
    story.restart(&config, 3);
    assert!(story.ring(&[1, 3, 2], &[]).quorate, "a joiner of an acting partition need not wait");
    let lost = story.ring(&[1], &[]);
    assert!(!lost.quorate && lost.waiting_for_all, "without quorum the wait is armed again");
}

#[test]
fn the_tie_breaker_decides_for_one_half_only() {
    let tie = |breaker: TieBreaker| config(4, |o| o.auto_tie_breaker = Some(breaker));
    for (breaker, winner) in
        [(TieBreaker::Lowest, 0), (TieBreaker::Highest, 1), (TieBreaker::List(vec![NodeId(3), NodeId(1)]), 1)]
    {
        let mut story = Story::new(&tie(breaker.clone()));
        assert!(story.ring(&[1, 2, 3, 4], &[]).quorate);
        let halves = [story.ring(&[1, 2], &[]).quorate, story.ring(&[3, 4], &[]).quorate];
        assert_eq!(halves.iter().position(|q| *q), Some(winner), "{breaker:?}");
        assert_ne!(halves[0], halves[1], "{breaker:?}");
    }
    let mut odd = Story::new(&config(5, |o| o.auto_tie_breaker = Some(TieBreaker::Lowest)));
    assert!(!odd.ring(&[1, 2], &[]).auto_tie_breaker, "an odd cluster without wait_for_all has none");
}

#[test]
fn a_tie_breaker_that_died_earlier_gives_way_to_the_next_of_its_list() {
    let breaker = Some(TieBreaker::List(vec![NodeId(1), NodeId(2)]));
    let mut story = Story::new(&config(4, |o| o.auto_tie_breaker = breaker));
    assert!(story.ring(&[1, 2, 3, 4], &[]).quorate);
    assert!(story.ring(&[2, 3, 4], &[]).quorate);
    assert!(story.ring(&[2, 3], &[]).quorate, "node 1 was away before the tie");
    assert!(!story.ring(&[4], &[]).quorate);
}

#[test]
fn the_last_man_stands_when_the_others_go_one_by_one() {
    let mut story = Story::new(&config(4, |o| o.last_man_standing = true));
    story.ring(&[1, 2, 3, 4], &[]);
    let mut left = vec![1, 2, 3];
    let mut expected = Vec::new();
    while left.len() > 1 {
        let quorate = story.ring(&left, &[]).quorate;
        story.now += Span::secs(10);
        let now = story.now;
        let due: Vec<Change> = story.nodes.iter_mut().filter_map(|(_, q, _)| q.due(now)).collect();
        for change in due {
            story.change(&left, left[0], &change);
        }
        expected.push((quorate, story.nodes[0].1.status().expected_votes));
        left.pop();
    }
    assert_eq!(expected, [(true, 3), (true, 2)]);
    assert!(!story.ring(&[1], &[]).quorate, "one of two needs a tie-breaker");
}

#[test]
fn a_clean_leave_lowers_the_expectation_to_what_is_configured() {
    let mut story = Story::new(&config(5, |o| {
        o.allow_downscale = true;
        o.expected_votes = 3;
    }));
    assert_eq!(story.ring(&[1, 2, 3, 4, 5], &[]).expected_votes, 5);
    assert_eq!(story.ring(&[1, 2, 3, 4], &[5]).expected_votes, 4);
    assert_eq!(story.ring(&[1, 2, 3], &[]).expected_votes, 4, "a crash lowers nothing");
    assert_eq!(story.ring(&[1, 2], &[3]).expected_votes, 3);
}

#[test]
fn votes_and_expectation_change_at_run_time() {
    let mut story = Story::new(&config(3, |_| {}));
    story.ring(&[1, 2, 3], &[]);
    let status = story.change(&[1, 2, 3], 1, &Change::ExpectedVotes(7));
    assert_eq!((status.expected_votes, status.quorum, status.quorate), (7, 4, false));
    let status = story.change(&[1, 2, 3], 1, &Change::Votes(NodeId(2), 3));
    assert_eq!((status.total_votes, status.quorate), (5, true));
    let status = story.change(&[1, 2, 3], 1, &Change::ExpectedVotes(1));
    assert_eq!(status.expected_votes, 5, "never below the votes present");
}

/// What the witness says to this member about the ring formed last.
fn witness(story: &Story, grant: u64, votes: u32) -> Change {
    let ring = story.nodes.iter().map(|(_, _, ring)| *ring).max_by_key(|ring| ring.seq).unwrap();
    Change::Witness(WitnessChange { ring, alive: true, grant, votes })
}

#[test]
fn a_witness_breaks_the_tie_and_its_grant_ends_with_the_partition() {
    let mut story = Story::new(&config(2, |o| {
        o.witness_votes = 1;
        o.expected_votes = 3;
    }));
    assert!(story.ring(&[1, 2], &[]).quorate, "two of three");
    assert!(!story.ring(&[1], &[]).quorate);
    let at_hand = witness(&story, 0, 1);
    let status = story.change(&[1], 1, &at_hand);
    assert_eq!(
        (status.quorate, status.total_votes),
        (false, 2),
        "votes at hand are shown and decide nothing"
    );
    let held = witness(&story, 7, 1);
    let status = story.change(&[1], 1, &held);
    assert_eq!((status.quorate, status.total_votes, status.witness_held), (true, 2, true));
    let grown = story.ring(&[1, 2], &[]);
    assert!(grown.quorate && grown.witness_held, "a grant comes along with all of its ring");
    assert_eq!(story.ring(&[2], &[]).witness_votes, 0, "a grant does not follow a part of the ring");
}

#[test]
fn a_grant_for_another_ring_is_none_and_the_last_contact_to_go_takes_it_away() {
    let mut story = Story::new(&config(4, |o| {
        o.witness_votes = 1;
        o.expected_votes = 5;
    }));
    story.ring(&[1, 2, 3, 4], &[]);
    let old = witness(&story, 7, 1);
    story.ring(&[1, 2], &[]);
    assert!(!story.change(&[1, 2], 1, &old).quorate, "it was said to a ring that is gone");
    let held = witness(&story, 8, 1);
    story.change(&[1, 2], 1, &held);
    assert!(story.change(&[1, 2], 2, &held).quorate);
    let gone = Change::Witness(WitnessChange::default());
    assert!(story.change(&[1, 2], 1, &gone).quorate, "node 2 still hears the witness");
    let status = story.change(&[1, 2], 2, &gone);
    assert_eq!((status.quorate, status.total_votes, status.witnesses.len()), (false, 2, 0));
}

#[test]
fn waiting_for_all_counts_the_witness_and_master_wins_needs_its_votes_only() {
    let mut story = Story::new(&config(2, |o| {
        (o.witness_votes, o.expected_votes, o.wait_for_all) = (1, 3, Some(true));
    }));
    assert!(!story.ring(&[1, 2], &[]).quorate, "the witness was not met yet");
    let at_hand = witness(&story, 0, 1);
    assert!(story.change(&[1, 2], 1, &at_hand).quorate);
    let mut story = Story::new(&config(4, |o| {
        (o.witness_votes, o.expected_votes, o.witness_wins) = (1, 5, true);
    }));
    assert!(!story.ring(&[4], &[]).quorate);
    let held = witness(&story, 3, 1);
    assert!(story.change(&[4], 4, &held).quorate);
}

#[test]
fn tracking_keeps_the_highest_expectation() {
    let config = config(3, |o| o.expected_votes_tracking = true);
    let quorum = Quorum::new(&config, NodeId(1), 7);
    assert_eq!((quorum.status().expected_votes, quorum.to_store()), (7, 7));
}

#[test]
fn options_that_contradict_each_other_are_named() {
    let mut quorum = Quorum::new(
        &config(2, |o| {
            o.two_node = true;
            o.auto_tie_breaker = Some(TieBreaker::Lowest);
        }),
        NodeId(1),
        0,
    );
    assert!(quorum.take_notes()[0].contains("two_node is off"));
    assert!(!quorum.status().two_node);
}
