//! The order in which resources choose nodes when capacity matters.

use std::cmp::Ordering;

use holdfast_model::Score;

use super::{Assigner, Row, merge_sort};
use crate::facts::{NodeIx, RscIx};
use crate::index::Idx;

impl Assigner<'_> {
    /// Sorts top-level resources: priority, then how well they are where they are, then how much they want the best
    /// nodes.
    pub(super) fn sort_by_standing(&mut self) {
        let nodes: Vec<NodeIx> = self.facts.nodes.indices().collect();
        let base = |node: NodeIx| self.facts.nodes[node].score;
        let nodes = merge_sort(&nodes, &mut |a, b| self.compare_nodes(a, b, &base, None));
        // Tables do not change while sorting, so each is made only once.
        let top = self.top.clone();
        let rows: Vec<Option<Row>> = top.iter().map(|&rsc| self.standing(rsc)).collect();
        let positions: Vec<usize> = (0..top.len()).collect();
        let sorted = merge_sort(&positions, &mut |a, b| {
            self.compare_standing((top[a], &rows[a]), (top[b], &rows[b]), &nodes)
        });
        self.top = sorted.into_iter().map(|position| top[position]).collect();
    }

    fn compare_standing(
        &self,
        (a, row_a): (RscIx, &Option<Row>),
        (b, row_b): (RscIx, &Option<Row>),
        nodes: &[NodeIx],
    ) -> Ordering {
        let score = |row: &Option<Row>, node: NodeIx| {
            let slot = row.as_ref().map(|row| row[node.index()]);
            slot.filter(|slot| slot.present).map_or(Score::MINUS_INFINITY, |slot| slot.score)
        };
        let here = |rsc: RscIx, row: &Option<Row>| {
            self.current_node(rsc).map_or(Score::MINUS_INFINITY, |node| score(row, node))
        };
        self.work[b]
            .priority
            .cmp(&self.work[a].priority)
            .then_with(|| here(b, row_b).cmp(&here(a, row_a)))
            .then_with(|| {
                nodes
                    .iter()
                    .map(|&node| score(row_b, node).cmp(&score(row_a, node)))
                    .find(|order| *order != Ordering::Equal)
                    .unwrap_or(Ordering::Equal)
            })
    }
}
