//! What the witness keeps on disk: the grants that may be counted. A grant is written before it is told. Text, one
//! grant a line, so that a person can read it.

use crate::id::{NodeId, RingId};
use crate::time::Span;
use crate::witness::{Algorithm, Terms, TieBreaker};

const TITLE: &str = "holdfast witness 1";
/// Most grants of a file.
const MOST: usize = 4_096;

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Key tag of the cluster.
    pub cluster: u32,
    /// Its number.
    pub grant: u64,
    /// The ring that got it.
    pub ring: RingId,
    /// Everybody who may count it.
    pub members: Vec<NodeId>,
    /// How long it lasts.
    pub lease: Span,
    /// The cluster's token time-out.
    pub token: Span,
}

/// As the contents of the file.
pub fn encode(records: &[Record]) -> String {
    let mut text = format!("{TITLE}\n");
    for record in records {
        let members: Vec<String> = record.members.iter().map(|m| m.0.to_string()).collect();
        text.push_str(&format!(
            "{:08x} {:016x} {}.{} {} {} {}\n",
            record.cluster,
            record.grant,
            record.ring.representative.0,
            record.ring.seq,
            record.lease.0,
            record.token.0,
            members.join(","),
        ));
    }
    text.push_str("end\n");
    text
}

/// From the contents of the file; `None` when it is damaged in any way.
pub fn decode(text: &str) -> Option<Vec<Record>> {
    let body = text.strip_prefix(TITLE)?.strip_prefix('\n')?.strip_suffix("end\n")?;
    let records: Option<Vec<Record>> = body.lines().map(line).collect();
    records.filter(|records| records.len() <= MOST)
}

fn line(line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [cluster, grant, ring, lease, token, members] = fields.as_slice() else { return None };
    let (representative, seq) = ring.split_once('.')?;
    let members: Option<Vec<NodeId>> = members.split(',').map(|m| m.parse().ok().map(NodeId)).collect();
    Some(Record {
        cluster: u32::from_str_radix(cluster, 16).ok()?,
        grant: u64::from_str_radix(grant, 16).ok().filter(|grant| *grant != 0)?,
        ring: RingId { seq: seq.parse().ok()?, representative: NodeId(representative.parse().ok()?) },
        members: members?,
        lease: Span(lease.parse().ok()?),
        token: Span(token.parse().ok().filter(|token| *token > 0)?),
    })
}

impl Record {
    /// The time-outs, for working out when the grant ends.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            votes: 0,
            algorithm: Algorithm::default(),
            tie_breaker: TieBreaker::default(),
            keep_active: false,
            master_wins: false,
            lease: self.lease,
            token: self.token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_disk_and_damage_is_noticed() {
        let record = Record {
            cluster: 0xab,
            grant: 77,
            ring: RingId { seq: 12, representative: NodeId(1) },
            members: vec![NodeId(1), NodeId(2)],
            lease: Span::secs(10),
            token: Span::secs(1),
        };
        let text = encode(std::slice::from_ref(&record));
        assert_eq!(text, "holdfast witness 1\n000000ab 000000000000004d 1.12 10000000 1000000 1,2\nend\n");
        assert_eq!(decode(&text), Some(vec![record]));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
        for end in 0..text.len() {
            assert_eq!(decode(&text[..end]), None, "cut at {end}");
        }
        assert_eq!(decode(&text.replace("1,2", "1,x")), None);
    }
}
