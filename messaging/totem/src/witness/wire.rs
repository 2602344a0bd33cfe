//! Reports and answers as bytes. Decides nothing.

use crate::config::MAX_MEMBERS;
use crate::id::{NodeId, RingId};
use crate::time::Span;
use crate::wire::codec::{Malformed, Reader, Write};
use crate::witness::{Algorithm, Heuristics, Terms, TieBreaker, Verdict};

const REPORT: u8 = 1;
const ANSWER: u8 = 2;

/// Where a node is and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Grows with every report of this run of the node.
    pub request: u64,
    /// Number of the latest answer that the node has taken in; 0 = none of this run of the witness.
    pub seen: u64,
    /// Its last ring.
    pub ring: RingId,
    /// Members of that ring, by ascending id.
    pub members: Vec<NodeId>,
    /// The node list.
    pub configured: Vec<NodeId>,
    /// The ring works (it is not about to be replaced).
    pub working: bool,
    /// The ring may act now.
    pub quorate: bool,
    /// Some of its members wait until all nodes were seen.
    pub waiting: bool,
    /// Votes of the members.
    pub votes: u32,
    /// Votes needed.
    pub quorum: u32,
    /// The grant that the node counts, or is about to; 0 = none.
    pub grant: u64,
    /// Changes of the witness's votes that were applied in this ring: equal numbers are equal states.
    pub changes: u64,
    /// Its heuristics.
    pub heuristics: Heuristics,
    /// What its configuration says.
    pub terms: Terms,
}

/// What the witness says to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Grows with every answer of this run of the witness.
    pub number: u64,
    /// The request that it answers; a lease is counted from when that was sent.
    pub request: u64,
    /// The ring that it is about.
    pub ring: RingId,
    /// What was decided.
    pub verdict: Verdict,
}

impl Report {
    /// The votes of the members are not enough.
    pub fn needs(&self) -> bool {
        self.votes < self.quorum
    }

    /// The witness's votes would be enough.
    pub fn viable(&self) -> bool {
        self.terms.master_wins || self.votes.saturating_add(self.terms.votes) >= self.quorum
    }

    /// As the body of a datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![REPORT];
        out.put_u64(self.request);
        out.put_u64(self.seen);
        out.put_ring(self.ring);
        put_nodes(&mut out, &self.members);
        put_nodes(&mut out, &self.configured);
        out.put_u8(
            u8::from(self.working)
                | u8::from(self.quorate) << 1
                | u8::from(self.waiting) << 2
                | u8::from(self.terms.keep_active) << 3
                | u8::from(self.terms.master_wins) << 4,
        );
        out.put_u32(self.votes);
        out.put_u32(self.quorum);
        out.put_u64(self.grant);
        out.put_u64(self.changes);
        out.put_u8(match self.heuristics {
            Heuristics::Off => 0,
            Heuristics::Pending => 1,
            Heuristics::Passed => 2,
            Heuristics::Failed => 3,
        });
        out.put_u32(self.terms.votes);
        out.put_u8(match self.terms.algorithm {
            Algorithm::HalfSplit => 0,
            Algorithm::LastManStanding => 1,
        });
        match &self.terms.tie_breaker {
            TieBreaker::Lowest => out.put_u8(0),
            TieBreaker::Highest => out.put_u8(1),
            TieBreaker::Nodes(nodes) => {
                out.put_u8(2);
                put_nodes(&mut out, nodes);
            }
        }
        out.put_u64(self.terms.lease.0);
        out.put_u64(self.terms.token.0);
        out
    }

    /// From the body of a datagram.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != REPORT {
            return Err(Malformed::Value);
        }
        let (request, seen, ring) = (reader.u64()?, reader.u64()?, reader.ring()?);
        let (members, configured) = (nodes(&mut reader)?, nodes(&mut reader)?);
        let flags = reader.u8()?;
        if flags & !0x1f != 0 {
            return Err(Malformed::Value);
        }
        let (votes, quorum, grant, changes) = (reader.u32()?, reader.u32()?, reader.u64()?, reader.u64()?);
        let heuristics = match reader.u8()? {
            0 => Heuristics::Off,
            1 => Heuristics::Pending,
            2 => Heuristics::Passed,
            3 => Heuristics::Failed,
            _ => return Err(Malformed::Value),
        };
        let device = reader.u32()?;
        let algorithm = match reader.u8()? {
            0 => Algorithm::HalfSplit,
            1 => Algorithm::LastManStanding,
            _ => return Err(Malformed::Value),
        };
        let tie_breaker = match reader.u8()? {
            0 => TieBreaker::Lowest,
            1 => TieBreaker::Highest,
            2 => TieBreaker::Nodes(nodes(&mut reader)?),
            _ => return Err(Malformed::Value),
        };
        let (lease, token) = (Span(reader.u64()?), Span(reader.u64()?));
        reader.end()?;
        if token == Span::ZERO || token > LONGEST || lease > LONGEST {
            return Err(Malformed::Limit);
        }
        Ok(Self {
            request,
            seen,
            ring,
            members,
            configured,
            working: flags & 1 != 0,
            quorate: flags & 2 != 0,
            waiting: flags & 4 != 0,
            votes,
            quorum,
            grant,
            changes,
            heuristics,
            terms: Terms {
                votes: device,
                algorithm,
                tie_breaker,
                keep_active: flags & 8 != 0,
                master_wins: flags & 16 != 0,
                lease,
                token,
            },
        })
    }
}

/// No time-out of this protocol is longer than an hour.
const LONGEST: Span = Span::secs(3_600);

fn put_nodes(out: &mut Vec<u8>, nodes: &[NodeId]) {
    out.put_count(nodes.len().min(MAX_MEMBERS));
    nodes.iter().take(MAX_MEMBERS).for_each(|node| out.put_node(*node));
}

fn nodes(reader: &mut Reader<'_>) -> Result<Vec<NodeId>, Malformed> {
    let count = reader.count(MAX_MEMBERS)?;
    (0..count).map(|_| reader.node()).collect()
}

impl Answer {
    /// As the body of a datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![ANSWER];
        out.put_u64(self.number);
        out.put_u64(self.request);
        out.put_ring(self.ring);
        let (kind, grant) = match self.verdict {
            Verdict::Wait => (0, 0),
            Verdict::AtHand => (1, 0),
            Verdict::Held(grant) => (2, grant),
            Verdict::Denied => (3, 0),
        };
        out.put_u8(kind);
        out.put_u64(grant);
        out
    }

    /// From the body of a datagram.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != ANSWER {
            return Err(Malformed::Value);
        }
        let (number, request, ring) = (reader.u64()?, reader.u64()?, reader.ring()?);
        let (kind, grant) = (reader.u8()?, reader.u64()?);
        reader.end()?;
        let verdict = match (kind, grant) {
            (0, 0) => Verdict::Wait,
            (1, 0) => Verdict::AtHand,
            (2, 1..) => Verdict::Held(grant),
            (3, 0) => Verdict::Denied,
            _ => return Err(Malformed::Value),
        };
        Ok(Self { number, request, ring, verdict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report() -> Report {
        Report {
            request: 5,
            seen: 4,
            ring: RingId { seq: 12, representative: NodeId(1) },
            members: vec![NodeId(1), NodeId(2)],
            configured: vec![NodeId(1), NodeId(2), NodeId(3), NodeId(4)],
            working: true,
            quorate: false,
            waiting: true,
            votes: 2,
            quorum: 3,
            grant: 9,
            changes: 7,
            heuristics: Heuristics::Failed,
            terms: Terms {
                votes: 1,
                algorithm: Algorithm::LastManStanding,
                tie_breaker: TieBreaker::Nodes(vec![NodeId(3)]),
                keep_active: true,
                master_wins: false,
                lease: Span::secs(10),
                token: Span::secs(1),
            },
        }
    }

    #[test]
    fn reports_and_answers_have_golden_bytes_and_survive_the_wire() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let bytes = report().encode();
        let golden = "01 0500000000000000 0400000000000000 0c00000000000000 01000000 0200 01000000 02000000 \
                      0400 01000000 02000000 03000000 04000000 0d 02000000 03000000 0900000000000000 \
                      0700000000000000 03 01000000 01 02 0100 03000000 8096980000000000 40420f0000000000";
        assert_eq!(hex(&bytes), golden.replace(' ', ""));
        assert_eq!(Report::decode(&bytes), Ok(report()));
        let ring = RingId { seq: 3, representative: NodeId(2) };
        for verdict in [Verdict::Wait, Verdict::AtHand, Verdict::Held(77), Verdict::Denied] {
            let answer = Answer { number: 6, request: 1, ring, verdict };
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
        let held = Answer { number: 6, request: 1, ring, verdict: Verdict::Held(77) };
        assert_eq!(
            hex(&held.encode()),
            "0206000000000000000100000000000000030000000000000002000000024d00000000000000"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Report::decode(&bytes), Answer::decode(&bytes));
        }

        #[test]
        fn damaged_reports_never_panic(at in 0_usize..100, byte in any::<u8>(), end in 0_usize..120) {
            let mut bytes = report().encode();
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(end);
            let _ = Report::decode(&bytes);
        }
    }
}
