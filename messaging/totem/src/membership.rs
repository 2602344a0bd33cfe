//! Who should be in the ring: a pure function from "who hears whom" to one membership, the same at every node that
//! has the same rows. Knows no time and no message.
//!
//! Only nodes that hear each other can share a ring, so a membership is a clique of the mutual-hearing graph. With a
//! partial cut (A-B and B-C, not A-C) there are several; all nodes pick by the same order: most votes, then the nodes
//! that already share a ring, then the lowest ids. Nobody moves while the pick stays the same, so nothing oscillates.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::id::{NodeId, RingId};
use crate::wire::presence::Heard;

/// A node and whom it hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The node.
    pub node: NodeId,
    /// Low half of its incarnation.
    pub boot: u32,
    /// Its votes.
    pub votes: u32,
    /// The ring it works in.
    pub ring: RingId,
    /// Whom it hears, by ascending id.
    pub heard: Vec<Heard>,
}

/// The membership that a node should be in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// By ascending id; always contains the node itself.
    pub members: Vec<NodeId>,
    /// No member hears anybody who is left out: nothing is in flux, act at once.
    pub clean: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Set(Vec<u64>);

impl Set {
    fn new(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    fn add(&mut self, n: usize) {
        self.0[n / 64] |= 1 << (n % 64);
    }

    fn remove(&mut self, n: usize) {
        self.0[n / 64] &= !(1 << (n % 64));
    }

    fn has(&self, n: usize) -> bool {
        self.0[n / 64] & (1 << (n % 64)) != 0
    }

    fn common(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones()).sum()
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|a| a.count_ones()).sum()
    }

    fn but(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|a| *a == 0)
    }

    /// The places in it, ascending.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(word * 64 + bit)
            })
        })
    }
}

/// What each person's row says of the others, by their places.
struct Graph {
    /// Whom each one hears.
    hears: Vec<Set>,
    /// By whom each one is heard.
    heard_by: Vec<Set>,
    /// Whether a row names somebody who has no row, or another life of one.
    strangers: Vec<bool>,
}

impl Graph {
    fn new(people: &[Person]) -> Self {
        let nobody = vec![Set::new(people.len()); people.len()];
        let mut graph =
            Self { heard_by: nobody.clone(), hears: nobody, strangers: vec![false; people.len()] };
        for (n, person) in people.iter().enumerate() {
            // Both lists ascend by id.
            let mut place = 0;
            for heard in &person.heard {
                while people.get(place).is_some_and(|p| p.node < heard.node) {
                    place += 1;
                }
                match people.get(place) {
                    Some(other) if other.node == heard.node && other.boot == heard.boot => {
                        graph.hears[n].add(place);
                        graph.heard_by[place].add(n);
                    }
                    _ => graph.strangers[n] = true,
                }
            }
        }
        graph
    }

    /// Everybody whom a chain of hearing leads to from `mine`.
    fn reachable(&self, mine: usize) -> Set {
        let mut reached = Set::new(self.hears.len());
        reached.add(mine);
        let mut next = vec![mine];
        while let Some(place) = next.pop() {
            for other in self.hears[place].but(&reached).places() {
                reached.add(other);
                next.push(other);
            }
        }
        reached
    }

    /// Who hears whom both ways, each one itself included.
    fn mutual(&self, reached: &Set) -> Vec<Set> {
        let mutual = |n: usize| {
            let mut set = self.hears[n].and(&self.heard_by[n]).and(reached);
            set.add(n);
            set
        };
        (0..self.hears.len()).map(mutual).collect()
    }
}

/// The membership for `me`. `people` is sorted by id and contains `me`; unknown nodes are those without a row.
pub fn decide(me: NodeId, people: &[Person]) -> Decision {
    let Ok(mine) = people.binary_search_by_key(&me, |p| p.node) else {
        return Decision { members: vec![me], clean: true };
    };
    let graph = Graph::new(people);
    let reached = graph.reachable(mine);
    let mutual = graph.mutual(&reached);
    let mut left = Crowd::new(reached, &mutual, people);
    loop {
        let clique = left.clone().clique();
        if clique.has(mine) {
            let members = clique.places().map(|n| people[n].node).collect();
            let inside = |n: usize| !graph.strangers[n] && graph.hears[n].but(&clique).is_empty();
            let clean = clique.places().all(inside);
            return Decision { members, clean };
        }
        clique.places().for_each(|n| left.remove(n));
    }
}

/// Those of `people` who can count for `me`: it hears them, or somebody whom it hears does, and so on. The others are
/// dead, or nobody's hearing leads to them.
pub fn reachable(me: NodeId, people: Vec<Person>) -> Vec<Person> {
    let Ok(mine) = people.binary_search_by_key(&me, |p| p.node) else { return people };
    let reached = Graph::new(&people).reachable(mine);
    people.into_iter().enumerate().filter(|(n, _)| reached.has(*n)).map(|(_, person)| person).collect()
}

/// Some of the people, and for each of them what the choice among them looks at.
#[derive(Clone)]
struct Crowd<'a> {
    inside: Set,
    mutual: &'a [Set],
    people: &'a [Person],
    /// How many of those inside each one does not share its hearing with.
    missing: Vec<u32>,
    /// How many of those inside work in each one's ring.
    familiar: Vec<u32>,
}

impl<'a> Crowd<'a> {
    fn new(inside: Set, mutual: &'a [Set], people: &'a [Person]) -> Self {
        let total = inside.count();
        let missing = mutual.iter().map(|m| total.saturating_sub(m.common(&inside))).collect();
        let mut shared: BTreeMap<RingId, u32> = BTreeMap::new();
        inside.places().for_each(|n| *shared.entry(people[n].ring).or_default() += 1);
        let familiar = people.iter().map(|p| shared.get(&p.ring).copied().unwrap_or(0)).collect();
        Self { inside, mutual, people, missing, familiar }
    }

    fn remove(&mut self, gone: usize) {
        self.inside.remove(gone);
        for n in self.inside.places() {
            self.missing[n] -= u32::from(!self.mutual[gone].has(n));
            self.familiar[n] -= u32::from(self.people[n].ring == self.people[gone].ring);
        }
    }

    /// A large clique: the node with the most missing neighbours goes until none is missing.
    fn clique(mut self) -> Set {
        let mut removed = Vec::new();
        let unfit = |crowd: &Self, n: usize| {
            (crowd.missing[n], Reverse(crowd.people[n].votes), Reverse(crowd.familiar[n]), n)
        };
        loop {
            let candidates = self.inside.places().filter(|&n| self.missing[n] > 0);
            let Some(worst) = candidates.max_by_key(|&n| unfit(&self, n)) else { break };
            self.remove(worst);
            removed.push(worst);
        }
        let mut inside = self.inside;
        for n in removed.into_iter().rev() {
            if self.mutual[n].common(&inside) == inside.count() {
                inside.add(n);
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as text: "1:2,3 2:1,3 3:1,2"; `ring` says which nodes share a ring already.
    fn people(text: &str, ring: &[u32]) -> Vec<Person> {
        let person = |row: &str| {
            let (node, heard) = row.split_once(':').unwrap();
            let node: u32 = node.parse().unwrap();
            let heard = heard.split(',').filter(|h| !h.is_empty());
            let seq = if ring.contains(&node) { 1 } else { u64::from(100 + node) };
            Person {
                node: NodeId(node),
                boot: 7,
                votes: 1,
                ring: RingId { seq, representative: NodeId(1) },
                heard: heard.map(|h| Heard { node: NodeId(h.parse().unwrap()), boot: 7 }).collect(),
            }
        };
        text.split_whitespace().map(person).collect()
    }

    fn check(rows: &str, ring: &[u32], me: u32, members: &[u32], clean: bool) {
        let decision = decide(NodeId(me), &people(rows, ring));
        let got: Vec<u32> = decision.members.iter().map(|m| m.0).collect();
        assert_eq!((got.as_slice(), decision.clean), (members, clean), "{rows} seen by {me}");
    }

    #[test]
    fn all_who_hear_each_other() {
        check("1:2,3 2:1,3 3:1,2", &[], 2, &[1, 2, 3], true);
        check("1:", &[], 1, &[1], true);
    }

    #[test]
    fn a_silent_node_is_out_when_all_agree_and_in_doubt_before() {
        check("1:2 2:1 3:1,2", &[1, 2, 3], 1, &[1, 2], true);
        check("1:2 2:1,3 3:1,2", &[1, 2, 3], 1, &[1, 2], false);
    }

    #[test]
    fn a_partial_cut_has_one_outcome_at_all_nodes() {
        for (me, members) in [(1, [1, 2].as_slice()), (2, &[1, 2]), (3, &[3])] {
            check("1:2 2:1,3 3:2", &[], me, members, false);
        }
        for (me, members) in [(1, [1].as_slice()), (2, &[2, 3]), (3, &[2, 3])] {
            check("1:2 2:1,3 3:2", &[2, 3], me, members, false);
        }
    }

    #[test]
    fn one_way_hearing_is_no_hearing() {
        check("1:2 2:", &[], 1, &[1], false);
        check("1:2 2:", &[], 2, &[2], true);
    }

    #[test]
    fn the_larger_side_of_a_ragged_cut_wins() {
        let rows = "1:2,3 2:1,3,4 3:1,2,4,5 4:2,3,5 5:3,4";
        for (me, members) in [(1, [1, 2, 3].as_slice()), (2, &[1, 2, 3]), (4, &[4, 5])] {
            check(rows, &[], me, members, false);
        }
    }

    /// Nodes that hear each other with the given odds in a hundred, some of them in rings of three.
    fn random(seed: u64, size: u32, odds: u64) -> Vec<Person> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) % limit
        };
        let mut people: Vec<Person> = (1..=size)
            .map(|n| Person {
                node: NodeId(n * 3),
                boot: n,
                votes: 1 + u32::from(below(10) == 0),
                ring: RingId { seq: 1 + u64::from(n / 3) * below(2), representative: NodeId(1) },
                heard: Vec::new(),
            })
            .collect();
        for a in 0..people.len() {
            for b in a + 1..people.len() {
                if below(100) < odds {
                    let heard = |p: &Person| Heard { node: p.node, boot: p.boot };
                    let (one, other) = (heard(&people[a]), heard(&people[b]));
                    people[a].heard.push(other);
                    people[b].heard.push(one);
                }
            }
        }
        people.iter_mut().for_each(|p| p.heard.sort_by_key(|h| h.node));
        people
    }

    #[test]
    fn members_hear_each_other_and_all_of_them_decide_alike() {
        let (mut whole, mut cleans) = (0, 0);
        for seed in 0..40 {
            let size = 2 + u32::try_from(seed).unwrap() * 9 % 80;
            let people = random(seed, size, [30, 70, 95, 99, 100][seed as usize % 5]);
            for me in people.iter().step_by(7) {
                let decision = decide(me.node, &people);
                assert!(decision.members.contains(&me.node));
                let members: Vec<&Person> =
                    people.iter().filter(|p| decision.members.contains(&p.node)).collect();
                assert_eq!(members.len(), decision.members.len());
                for person in &members {
                    let heard: Vec<NodeId> = person.heard.iter().map(|h| h.node).collect();
                    let hears = |n: &NodeId| *n == person.node || heard.contains(n);
                    assert!(
                        decision.members.iter().all(hears),
                        "seed {seed}: {} is not heard by all",
                        person.node.0
                    );
                    assert_eq!(decide(person.node, &people), decision, "seed {seed}");
                }
                let leaves_out =
                    members.iter().any(|p| p.heard.iter().any(|h| !decision.members.contains(&h.node)));
                assert_eq!(decision.clean, !leaves_out, "seed {seed}");
                whole += u32::from(members.len() == people.len());
                cleans += u32::from(decision.clean);
            }
        }
        assert!(whole > 10 && cleans >= whole, "{whole} {cleans}");
    }

    #[test]
    fn a_restarted_node_is_another_one() {
        let mut rows = people("1:2 2:1", &[]);
        rows[1].boot = 8;
        assert_eq!(decide(NodeId(1), &rows).members, [NodeId(1)]);
    }
}
