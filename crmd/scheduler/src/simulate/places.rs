//! Where the histories of nodes are, so that each result finds its own without a walk over all of them.
//!
//! Knows names and positions. Does not know what a history holds.

use std::collections::BTreeMap;

use holdfast_model::status::NodeState;

/// Where the history of a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    One(usize),
    Several,
    Nowhere,
}

/// Where the histories of all nodes are.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By position of the node state: places of the histories by resource. A resource that is there more than once has
    /// no place.
    nodes: Vec<Option<BTreeMap<String, Option<usize>>>>,
}

impl Places {
    /// Histories were taken away.
    pub(super) fn forget(&mut self) {
        self.nodes.clear();
    }

    /// The history under the first of the names that has exactly one.
    pub(super) fn find(&mut self, node: usize, state: &NodeState, names: [&str; 2]) -> Place {
        if node >= self.nodes.len() {
            self.nodes.resize(node + 1, None);
        }
        let known = self.nodes[node].get_or_insert_with(|| {
            let mut places = BTreeMap::new();
            for (at, history) in state.resources.iter().enumerate() {
                places.entry(history.id.clone()).and_modify(|place| *place = None).or_insert(Some(at));
            }
            places
        });
        let found = names.map(|name| known.get(name).copied());
        match found.into_iter().flatten().flatten().next() {
            Some(one) => Place::One(one),
            None if found.iter().all(Option::is_none) => Place::Nowhere,
            None => Place::Several,
        }
    }

    /// The first history of a resource was added at the end of a node's.
    pub(super) fn added(&mut self, node: usize, state: &NodeState) {
        let Some(known) = self.nodes.get_mut(node).and_then(Option::as_mut) else {
            return;
        };
        let Some(last) = state.resources.last() else {
            return;
        };
        known.insert(last.id.clone(), Some(state.resources.len() - 1));
    }
}
