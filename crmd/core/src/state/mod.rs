//! What all members of a view agree on beside the document: node states, histories, attributes, tickets, fencing.
//!
//! Changed by ordered messages only, the same way on every member. Knows no time of its own and no message queue.

pub mod attributes;
pub mod history;
pub mod nodes;
mod render;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::fence::FenceRecord;
use holdfast_model::status::TicketState;
use serde::{Deserialize, Serialize};

pub use attributes::Attributes;
pub use nodes::NodeEntry;

/// Most fencing operations remembered.
pub const FENCE_HISTORY: usize = 500;

/// The shared state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Nodes by their id in the document.
    pub nodes: BTreeMap<String, NodeEntry>,
    /// Attributes that live in memory.
    pub attributes: Attributes,
    /// Tickets, in order of first use.
    pub tickets: Vec<TicketState>,
    /// Fencing operations by id.
    pub fencing: BTreeMap<String, FenceRecord>,
    /// Nodes (by number) that were members at least once since the cluster started.
    pub seen: BTreeSet<u32>,
    /// Waiting for nodes never seen is over (safety rule 4).
    pub started: bool,
    /// Number of the last transition.
    pub transition: u64,
    /// Changes that could call for a new plan, counted.
    pub changes: u64,
    /// Up to which change nothing is left to do.
    pub idle_at: Option<u64>,
    /// Devices verified by unfencing: target, device, digest of its parameters.
    pub unfenced: BTreeMap<(String, String), String>,
    /// Sequence of the last ring in which this state was agreed on with quorum.
    pub quorate_ring: u64,
    /// Sequence of the last ring in which this state was agreed on.
    pub last_ring: u64,
}

impl Shared {
    /// The entry of a node by name.
    #[must_use]
    pub fn node_by_name(&self, name: &str) -> Option<&NodeEntry> {
        self.nodes.values().find(|node| node.name == name)
    }

    /// The id of a node given by name or id.
    #[must_use]
    pub fn resolve(&self, node: &str) -> Option<String> {
        self.node_by_name(node).or_else(|| self.nodes.get(node)).map(|entry| entry.id.clone())
    }

    /// Remembers a fencing operation, forgetting the oldest finished ones above the limit.
    pub fn remember_fencing(&mut self, record: FenceRecord) {
        self.fencing.insert(record.id.clone(), record);
        while self.fencing.len() > FENCE_HISTORY {
            let oldest = self
                .fencing
                .values()
                .filter(|r| r.completed_at != 0)
                .min_by(|a, b| (a.completed_at, &a.id).cmp(&(b.completed_at, &b.id)))
                .map(|r| r.id.clone());
            let Some(oldest) = oldest else { break };
            self.fencing.remove(&oldest);
        }
    }
}
