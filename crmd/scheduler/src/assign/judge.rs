//! Which of two nodes is better, when a resource may use both.

use std::cmp::Ordering;

use holdfast_model::Score;

use super::hash_order::bucket_order;
use super::utilization::Capacity;
use super::{Assignment, Outlook, Tables, merge_sort};
use crate::facts::{Facts, NodeIx, PlacementStrategy, RscIx};
use crate::index::IndexVec;

/// What nodes are judged by.
pub(super) struct Judge<'a> {
    pub facts: &'a Facts<'a>,
    pub nodes: &'a IndexVec<NodeIx, Outlook>,
    pub capacity: &'a Capacity,
}

impl Judge<'_> {
    /// Whether the node can run resources at all.
    pub(super) fn available(&self, node: NodeIx) -> bool {
        let (outlook, it) = (&self.nodes[node], &self.facts.nodes[node]);
        outlook.online && !outlook.shutdown && !outlook.unclean && !it.standby && !it.maintenance
    }

    /// Score, capacity, load, where it is now, name.
    pub(super) fn compare(
        &self,
        a: NodeIx,
        b: NodeIx,
        score: &impl Fn(NodeIx) -> Score,
        active: Option<NodeIx>,
    ) -> Ordering {
        let effective = |node: NodeIx| match self.available(node) {
            true => score(node),
            false => Score::MINUS_INFINITY,
        };
        let by_name = || self.facts.nodes[a].name.cmp(&self.facts.nodes[b].name);
        let by_score = effective(b).cmp(&effective(a));
        let by_capacity = match self.facts.options.placement {
            PlacementStrategy::Minimal => return by_score.then_with(by_name),
            PlacementStrategy::Balanced if by_score == Ordering::Equal => self.capacity.compare(a, b),
            PlacementStrategy::Balanced | PlacementStrategy::Default | PlacementStrategy::Utilization => {
                Ordering::Equal
            }
        };
        by_score
            .then(by_capacity)
            .then_with(|| self.nodes[a].resources.cmp(&self.nodes[b].resources))
            .then_with(|| (active == Some(b)).cmp(&(active == Some(a))))
            .then_with(by_name)
    }
}

/// The nodes in the table of `rsc`, in the order in which sorting begins; it matters only where the comparison is not
/// transitive.
pub(super) fn nodes_to_sort(facts: &Facts<'_>, tables: &Tables, rsc: RscIx) -> Vec<NodeIx> {
    let nodes: Vec<NodeIx> = tables.present(rsc).map(|(node, _)| node).collect();
    if facts.options.placement != PlacementStrategy::Balanced {
        return nodes;
    }
    let mut nodes = bucket_order(facts, &nodes, tables.copies(rsc));
    nodes.reverse();
    nodes
}

/// Which nodes a resource without a place would take, as things stand after everything was placed and some places
/// were taken away again.
pub struct Preference<'f> {
    facts: &'f Facts<'f>,
    tables: &'f Tables,
    nodes: IndexVec<NodeIx, Outlook>,
    capacity: Capacity,
}

impl<'f> Preference<'f> {
    pub fn new(facts: &'f Facts<'f>, assignment: &'f Assignment) -> Preference<'f> {
        Preference {
            facts,
            tables: &assignment.tables,
            nodes: assignment.nodes.clone(),
            capacity: assignment.capacity.clone(),
        }
    }

    /// The resource loses its place on the node.
    pub fn release(&mut self, rsc: RscIx, node: NodeIx) {
        self.nodes[node].resources -= 1;
        self.capacity.release(self.facts, node, rsc);
    }

    /// The node is going to be fenced.
    pub fn lost(&mut self, node: NodeIx) {
        self.nodes[node].unclean = true;
    }

    /// Nodes in the table of `rsc`, the best first.
    pub fn sorted_nodes(&self, rsc: RscIx) -> Vec<NodeIx> {
        let judge = Judge { facts: self.facts, nodes: &self.nodes, capacity: &self.capacity };
        let nodes = nodes_to_sort(self.facts, self.tables, rsc);
        let score =
            |node: NodeIx| self.tables.get(rsc, node).map_or(Score::MINUS_INFINITY, |slot| slot.score);
        merge_sort(&nodes, &mut |a, b| judge.compare(a, b, &score, None))
    }
}

impl Assignment {
    /// Whether the node will be able to run resources.
    pub fn node_available(&self, facts: &Facts<'_>, node: NodeIx) -> bool {
        Judge { facts, nodes: &self.nodes, capacity: &self.capacity }.available(node)
    }
}
