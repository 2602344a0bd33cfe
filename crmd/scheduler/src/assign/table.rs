//! Node tables: what a resource thinks of every node, as one dense row per resource.
//!
//! Knows scores, presence, discovery mode and instance counts. Does not know why a score is what it is.

use holdfast_model::Score;
use holdfast_model::config::ProbeMode;

use crate::facts::{NodeIx, RscIx};
use crate::index::Idx;

/// What one resource thinks of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    /// Whether the node is in the table at all. Absent nodes are neither allowed nor listed.
    pub present: bool,
    /// Marked as out of the question while scores of dependents are being merged.
    pub(super) unusable: bool,
    /// When the resource may be probed there.
    pub probe: ProbeMode,
    /// How much the node is wanted.
    pub score: Score,
    /// Instances given to the node so far (meaningful in the table of a clone or bundle).
    pub count: u32,
}

/// A table of all nodes for one resource.
pub type Row = Vec<Slot>;

/// The tables of all resources in one block of memory.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    nodes: usize,
    slots: Vec<Slot>,
    /// How often each table would have been copied by Pacemaker, where copying changes the order of its nodes.
    copies: Vec<u8>,
}

impl Tables {
    /// Makes empty tables for `resources` resources and `nodes` nodes.
    pub fn new(resources: usize, nodes: usize) -> Tables {
        Tables { nodes, slots: vec![Slot::default(); resources * nodes], copies: vec![0; resources] }
    }

    /// How often the table of `rsc` was copied.
    pub(super) fn copies(&self, rsc: RscIx) -> u8 {
        self.copies[rsc.index()]
    }

    /// Notes that the table of `rsc` now is the copy number `copies`.
    pub(super) fn set_copies(&mut self, rsc: RscIx, copies: u8) {
        self.copies[rsc.index()] = copies;
    }

    /// Notes that the table of `rsc` was copied so many times more.
    pub(super) fn count_copies(&mut self, rsc: RscIx, more: u8) {
        let copies = &mut self.copies[rsc.index()];
        *copies = copies.saturating_add(more);
    }

    /// The table of `rsc`, indexed by node.
    pub fn row(&self, rsc: RscIx) -> &[Slot] {
        let start = rsc.index() * self.nodes;
        &self.slots[start..start + self.nodes]
    }

    /// The table of `rsc` for changing it.
    pub fn row_mut(&mut self, rsc: RscIx) -> &mut [Slot] {
        let start = rsc.index() * self.nodes;
        &mut self.slots[start..start + self.nodes]
    }

    /// What `rsc` thinks of `node`, if the node is in its table.
    pub fn get(&self, rsc: RscIx, node: NodeIx) -> Option<&Slot> {
        let slot = &self.slots[rsc.index() * self.nodes + node.index()];
        slot.present.then_some(slot)
    }

    /// The place for `node` in the table of `rsc`, present or not.
    pub fn slot_mut(&mut self, rsc: RscIx, node: NodeIx) -> &mut Slot {
        &mut self.slots[rsc.index() * self.nodes + node.index()]
    }

    /// Nodes in the table of `rsc` in node order.
    pub fn present(&self, rsc: RscIx) -> impl Iterator<Item = (NodeIx, &Slot)> {
        self.row(rsc)
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.present)
            .map(|(index, slot)| (NodeIx::new(index), slot))
    }
}
