//! Who should be in the ring: a pure function from "who hears whom" to one membership, the same at every node that
//! has the same rows. Knows no time and no message.
//!
//! Only nodes that hear each other can share a ring, so a membership is a clique of the mutual-hearing graph. With a
//! partial cut (A-B and B-C, not A-C) there are several; all nodes pick by the same order: most votes, then the nodes
//! that already share a ring, then the lowest ids. Nobody moves while the pick stays the same, so nothing oscillates.

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
}

fn hears(person: &Person, other: &Person) -> bool {
    let found = person.heard.binary_search_by_key(&other.node, |h| h.node);
    found.is_ok_and(|place| person.heard[place].boot == other.boot)
}

/// The membership for `me`. `people` is sorted by id and contains `me`; unknown nodes are those without a row.
pub fn decide(me: NodeId, people: &[Person]) -> Decision {
    let Ok(mine) = people.binary_search_by_key(&me, |p| p.node) else {
        return Decision { members: vec![me], clean: true };
    };
    let reached = reachable(mine, people);
    let size = people.len();
    let mut mutual = vec![Set::new(size); size];
    for &a in &reached {
        mutual[a].add(a);
        for &b in &reached {
            if a < b && hears(&people[a], &people[b]) && hears(&people[b], &people[a]) {
                mutual[a].add(b);
                mutual[b].add(a);
            }
        }
    }
    let mut left = Set::new(size);
    reached.iter().for_each(|n| left.add(*n));
    loop {
        let clique = clique(&left, &mutual, people);
        if clique.has(mine) {
            let members: Vec<NodeId> = (0..size).filter(|n| clique.has(*n)).map(|n| people[n].node).collect();
            let inside = |heard: &Heard| {
                members.binary_search(&heard.node).is_ok()
                    && people.iter().any(|p| p.node == heard.node && p.boot == heard.boot)
            };
            let clean = (0..size).filter(|n| clique.has(*n)).all(|n| people[n].heard.iter().all(inside));
            return Decision { members, clean };
        }
        for n in 0..size {
            if clique.has(n) {
                left.remove(n);
            }
        }
    }
}

fn reachable(mine: usize, people: &[Person]) -> Vec<usize> {
    let mut reached = vec![mine];
    let mut seen = vec![false; people.len()];
    seen[mine] = true;
    let mut next = 0;
    while next < reached.len() {
        for heard in &people[reached[next]].heard {
            if let Ok(place) = people.binary_search_by_key(&heard.node, |p| p.node)
                && people[place].boot == heard.boot
                && !seen[place]
            {
                seen[place] = true;
                reached.push(place);
            }
        }
        next += 1;
    }
    reached.sort_unstable();
    reached
}

/// A large clique within `left`: the node with the most missing neighbours goes until none is missing.
fn clique(left: &Set, mutual: &[Set], people: &[Person]) -> Set {
    let mut inside = left.clone();
    let mut removed = Vec::new();
    let familiar = |n: usize, inside: &Set| {
        (0..people.len()).filter(|k| inside.has(*k) && people[*k].ring == people[n].ring).count()
    };
    loop {
        let total = inside.count();
        let mut worst: Option<(u32, usize)> = None;
        for n in (0..people.len()).filter(|n| inside.has(*n)) {
            let missing = total - mutual[n].common(&inside);
            if missing == 0 {
                continue;
            }
            let replace = match worst {
                None => true,
                Some((most, _)) if missing != most => missing > most,
                Some((_, other)) if people[n].votes != people[other].votes => {
                    people[n].votes < people[other].votes
                }
                Some((_, other)) => match familiar(n, &inside).cmp(&familiar(other, &inside)) {
                    std::cmp::Ordering::Less => true,
                    std::cmp::Ordering::Greater => false,
                    std::cmp::Ordering::Equal => n > other,
                },
            };
            if replace {
                worst = Some((missing, n));
            }
        }
        let Some((_, n)) = worst else { break };
        inside.remove(n);
        removed.push(n);
    }
    for n in removed.into_iter().rev() {
        if mutual[n].common(&inside) == inside.count() {
            inside.add(n);
        }
    }
    inside
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

    #[test]
    fn a_restarted_node_is_another_one() {
        let mut rows = people("1:2 2:1", &[]);
        rows[1].boot = 8;
        assert_eq!(decide(NodeId(1), &rows).members, [NodeId(1)]);
    }
}
