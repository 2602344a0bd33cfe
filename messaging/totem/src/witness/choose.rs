//! Which part of a split cluster gets the witness's votes: a pure order on what is known about each part.

use crate::id::NodeId;
use crate::witness::planted::{self, Bug};
use crate::witness::{Algorithm, Heuristics, Terms, TieBreaker};

/// A part of the cluster that needs the votes and could act with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its members, as its ring has them.
    pub members: Vec<NodeId>,
    /// The heuristics of those that the witness hears.
    pub heuristics: Vec<Heuristics>,
    /// It counts the votes now.
    pub active: bool,
}

impl Candidate {
    fn connected(&self) -> usize {
        self.heuristics.len()
    }

    /// Heuristics that passed minus those that failed.
    fn health(&self) -> i64 {
        let count = |what: Heuristics| {
            i64::try_from(self.heuristics.iter().filter(|h| **h == what).count()).unwrap_or(i64::MAX)
        };
        if planted::is(Bug::NoHeuristics) {
            return 0;
        }
        count(Heuristics::Passed) - count(Heuristics::Failed)
    }

    fn score(&self) -> i64 {
        i64::try_from(self.connected()).unwrap_or(i64::MAX).saturating_add(self.health())
    }
}

/// The node whose part wins a tie, of those that are in any part.
fn favourite(tie: &TieBreaker, candidates: &[Candidate]) -> Option<NodeId> {
    let all = || candidates.iter().flat_map(|c| c.members.iter().copied());
    match tie {
        _ if planted::is(Bug::NoTieBreaker) => None,
        TieBreaker::Lowest => all().min(),
        TieBreaker::Highest => all().max(),
        TieBreaker::Nodes(list) => {
            list.iter().copied().find(|node| all().any(|m| m == *node)).or_else(|| all().min())
        }
    }
}

/// The place of the winner; `None` when nobody stands.
pub fn choose(terms: &Terms, candidates: &[Candidate]) -> Option<usize> {
    let favourite = favourite(&terms.tie_breaker, candidates);
    let tie = |c: &Candidate| {
        let favoured = favourite.is_some_and(|node| c.members.contains(&node));
        (terms.keep_active && c.active, favoured)
    };
    let rank = |c: &Candidate| {
        let size = i64::try_from(c.members.len()).unwrap_or(i64::MAX);
        match terms.algorithm {
            Algorithm::HalfSplit => (size, c.score(), c.connected(), tie(c)),
            Algorithm::LastManStanding => (c.health(), size, c.connected(), tie(c)),
        }
    };
    (0..candidates.len()).max_by_key(|place| (rank(&candidates[*place]), std::cmp::Reverse(*place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use Heuristics::{Failed, Off, Passed};

    fn terms(algorithm: Algorithm) -> Terms {
        Terms {
            votes: 1,
            algorithm,
            tie_breaker: TieBreaker::Lowest,
            keep_active: false,
            master_wins: false,
            lease: Span::secs(10),
            token: Span::secs(1),
        }
    }

    fn part(members: &[u32], heuristics: &[Heuristics]) -> Candidate {
        let members = members.iter().copied().map(NodeId).collect();
        Candidate { members, heuristics: heuristics.to_vec(), active: false }
    }

    fn check(terms: &Terms, candidates: &[Candidate], winner: Option<usize>) {
        assert_eq!(choose(terms, candidates), winner, "{terms:?} {candidates:?}");
    }

    #[test]
    fn a_half_split_goes_by_size_then_contact_and_heuristics_then_the_tie_breaker() {
        let ff = terms(Algorithm::HalfSplit);
        check(&ff, &[], None);
        check(&ff, &[part(&[1], &[Off]), part(&[2, 3], &[Off])], Some(1));
        check(&ff, &[part(&[1, 2], &[Off]), part(&[3, 4], &[Off, Off])], Some(1));
        check(&ff, &[part(&[1], &[Failed]), part(&[2], &[Passed])], Some(1));
        check(&ff, &[part(&[2], &[Off]), part(&[1], &[Off])], Some(1));
        let highest = Terms { tie_breaker: TieBreaker::Highest, ..ff.clone() };
        check(&highest, &[part(&[2], &[Off]), part(&[1], &[Off])], Some(0));
        let listed = Terms { tie_breaker: TieBreaker::Nodes(vec![NodeId(9), NodeId(2)]), ..ff.clone() };
        check(&listed, &[part(&[1], &[Off]), part(&[2], &[Off])], Some(1));
        let absent = Terms { tie_breaker: TieBreaker::Nodes(vec![NodeId(9)]), ..ff };
        check(&absent, &[part(&[2], &[Off]), part(&[1], &[Off])], Some(1));
    }

    #[test]
    fn the_last_man_goes_by_heuristics_before_size() {
        let lms = terms(Algorithm::LastManStanding);
        check(&lms, &[part(&[1, 2, 3], &[Failed; 3]), part(&[4], &[Passed])], Some(1));
        check(&lms, &[part(&[1], &[Off]), part(&[2, 3, 4], &[Off])], Some(1));
    }

    #[test]
    fn who_has_the_votes_keeps_them_only_when_told_so() {
        let holder = Candidate { active: true, ..part(&[2], &[Off]) };
        let parts = [holder, part(&[1], &[Off])];
        check(&terms(Algorithm::HalfSplit), &parts, Some(1));
        check(&Terms { keep_active: true, ..terms(Algorithm::HalfSplit) }, &parts, Some(0));
    }
}
