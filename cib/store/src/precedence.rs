//! Which of two documents wins when parts of a cluster meet again, and what becomes of the other.
//!
//! A pure order: every member that sees the same two documents chooses the same one.

use std::cmp::Ordering;

use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, Patch, Version, diff};

use crate::digest;

/// What decides about a document in a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub version: Version,
    /// Number of the last view with quorum in which the document was changed or confirmed; 0 = never.
    ///
    /// Without it a cut-off part could erase acknowledged changes by making many small ones.
    pub quorate_lineage: u64,
    /// Checksum of the document: decides between equals, so that the choice is the same everywhere.
    pub digest: String,
}

impl Standing {
    pub fn of(document: &Document, quorate_lineage: u64) -> Standing {
        Standing {
            version: Version::of(document.root()),
            quorate_lineage,
            digest: digest::versioned(document.root()),
        }
    }
}

/// `Greater` if `a` wins: `admin_epoch`, last quorate lineage, `epoch`, `num_updates`, digest.
pub fn compare(a: &Standing, b: &Standing) -> Ordering {
    let key = |standing: &Standing| {
        let Version { admin_epoch, epoch, num_updates } = standing.version;
        (admin_epoch, standing.quorate_lineage, epoch, num_updates)
    };
    key(a).cmp(&key(b)).then_with(|| a.digest.cmp(&b.digest))
}

/// A document that lost a merge.
#[derive(Clone, Debug)]
pub struct Lost {
    pub document: Document,
    pub standing: Standing,
    /// What the loser has and the winner has not: the way from the winner back to the loser.
    pub difference: Patch,
    /// Why it lost, one sentence.
    pub why: String,
}

/// The outcome of a merge.
#[derive(Clone, Debug)]
pub struct Merged {
    pub winner: Document,
    pub standing: Standing,
    /// Every document whose content differs from the winner's; to be saved and shown until someone looks.
    pub lost: Vec<Lost>,
}

/// Chooses among documents; `None` without any.
pub fn merge(documents: Vec<(Document, u64)>) -> Option<Merged> {
    let mut all: Vec<(Document, Standing)> = documents
        .into_iter()
        .map(|(document, lineage)| {
            let standing = Standing::of(&document, lineage);
            (document, standing)
        })
        .collect();
    all.sort_by(|(_, a), (_, b)| compare(b, a));
    let mut rest = all.into_iter();
    let (winner, standing) = rest.next()?;
    let mut lost: Vec<Lost> = Vec::new();
    for (document, loser) in rest {
        let seen = lost.iter().any(|other| other.standing.digest == loser.digest);
        if loser.digest == standing.digest || seen {
            continue;
        }
        let difference = diff(&winner, &document, Compare::AttributeValues);
        let why = reason(&standing, &loser);
        lost.push(Lost { document, standing: loser, difference, why });
    }
    Some(Merged { winner, standing, lost })
}

fn reason(winner: &Standing, loser: &Standing) -> String {
    let (w, l) = (winner.version, loser.version);
    let (what, ours, theirs) = if w.admin_epoch != l.admin_epoch {
        ("admin_epoch", u64::from(w.admin_epoch), u64::from(l.admin_epoch))
    } else if winner.quorate_lineage != loser.quorate_lineage {
        ("last view with quorum", winner.quorate_lineage, loser.quorate_lineage)
    } else if w.epoch != l.epoch {
        ("epoch", u64::from(w.epoch), u64::from(l.epoch))
    } else if w.num_updates != l.num_updates {
        ("num_updates", u64::from(w.num_updates), u64::from(l.num_updates))
    } else {
        return format!("version {l} is the same, the checksum decides");
    };
    format!("version {l} lost against {w}: its {what} is {theirs}, the winner's is {ours}")
}
