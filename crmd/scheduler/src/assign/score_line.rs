//! Lines that show scores and capacities while resources are being placed.
//!
//! Their texts are read by programs and compared by tests; the names of the steps are part of that.

use std::fmt;

use holdfast_model::Score;

use super::Assigner;
use crate::facts::{Facts, Flags, NodeIx, RscIx};
use crate::index::Idx;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScoreLine {
    /// What a resource thinks of a node at some step.
    Allocation {
        /// Name of the step.
        step: &'static str,
        /// Resource.
        rsc: RscIx,
        /// Node.
        node: NodeIx,
        /// Score.
        score: Score,
    },
    /// How much an instance wants to be promoted.
    Promotion {
        /// Instance.
        rsc: RscIx,
        /// Its node, if it will be active.
        node: Option<NodeIx>,
        /// Score.
        score: Score,
    },
    /// Free capacity of a node.
    Capacity {
        /// `Original` or `Remaining`.
        when: &'static str,
        /// Node.
        node: NodeIx,
        /// Names and values.
        values: Vec<(String, i32)>,
    },
    /// What a resource takes from a node.
    Utilization {
        /// Resource.
        rsc: RscIx,
        /// Node.
        node: NodeIx,
        /// Names and values.
        values: Vec<(String, String)>,
    },
}

impl ScoreLine {
    /// The line as text, with names from `facts`.
    pub fn show<'a>(&'a self, facts: &'a Facts<'_>) -> impl fmt::Display + 'a {
        Shown { line: self, facts }
    }

    /// Whether the line is about capacities (they are asked for separately).
    pub fn is_capacity(&self) -> bool {
        match self {
            ScoreLine::Capacity { .. } | ScoreLine::Utilization { .. } => true,
            ScoreLine::Allocation { .. } | ScoreLine::Promotion { .. } => false,
        }
    }
}

struct Shown<'a, 'f> {
    line: &'a ScoreLine,
    facts: &'a Facts<'f>,
}

impl fmt::Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |rsc: RscIx| self.facts.rscs[rsc].id.as_str();
        let name = |node: NodeIx| self.facts.nodes[node].name.as_str();
        match self.line {
            ScoreLine::Allocation { step, rsc, node, score } => {
                write!(f, "{step}: {} allocation score on {}: {score}", id(*rsc), name(*node))
            }
            ScoreLine::Promotion { rsc, node: Some(node), score } => {
                write!(f, "{} promotion score on {}: {score}", id(*rsc), name(*node))
            }
            ScoreLine::Promotion { rsc, node: None, score } => {
                write!(f, "{} promotion score (inactive): {score}", id(*rsc))
            }
            ScoreLine::Capacity { when, node, values } => {
                write!(f, "{when}: {} capacity:", name(*node))?;
                values.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
            ScoreLine::Utilization { rsc, node, values } => {
                write!(f, "pcmk__assign_resource: {} utilization on {}:", id(*rsc), name(*node))?;
                values.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
        }
    }
}

impl Assigner<'_> {
    /// Writes the table of `rsc` and of everything in it; removed resources stay out.
    pub(super) fn show_scores(&mut self, rsc: RscIx, step: &'static str) {
        if !self.wanted.scores || self.is(rsc, Flags::REMOVED) {
            return;
        }
        for (index, slot) in self.tables.row(rsc).iter().enumerate().filter(|(_, slot)| slot.present) {
            let node = NodeIx::new(index);
            self.lines.push(ScoreLine::Allocation { step, rsc, node, score: slot.score });
        }
        for child in self.work[rsc].children.clone() {
            self.show_scores(child, step);
        }
    }

    /// Writes the promotion score of an instance.
    pub(super) fn show_promotion(&mut self, rsc: RscIx) {
        if self.wanted.scores {
            let node = self.given(rsc).map(|given| given.node);
            let score = self.work[rsc].promotion;
            self.lines.push(ScoreLine::Promotion { rsc, node, score });
        }
    }
}
