//! What the actions of groups, clones and bundles come to, remembered until something inside changes.
//!
//! Knows which outermost resource a change belongs to. Does not know how flags add up: `order` does.

use super::kinds::ActIx;
use crate::facts::{Facts, NodeIx, RscIx};
use crate::index::IndexVec;
use std::collections::BTreeMap;

/// Flags of collective actions with the version of their outermost resource at which they were summed up.
#[derive(Debug)]
pub(crate) struct Sums {
    /// Outermost resource of each, bundles included.
    outermost: IndexVec<RscIx, RscIx>,
    /// How often anything inside an outermost resource has changed.
    versions: IndexVec<RscIx, u64>,
    /// Sums of groups, and of instances that are groups, by node.
    single: BTreeMap<(ActIx, Option<NodeIx>), (u64, u32)>,
    /// Sums of instances that are primitives, for all nodes at once.
    whole: BTreeMap<ActIx, (u64, Summed)>,
    /// Actions whose instances were all looked at.
    visited: BTreeMap<(ActIx, Option<NodeIx>), u64>,
}

/// What the instances' actions come to.
#[derive(Debug, Clone)]
pub(crate) struct Summed {
    /// Wherever they are.
    pub anywhere: u32,
    /// On each node.
    pub on: IndexVec<NodeIx, u32>,
}

impl Summed {
    /// Flags on a node, or wherever.
    pub(crate) fn flags(&self, node: Option<NodeIx>) -> u32 {
        node.map_or(self.anywhere, |node| self.on[node])
    }
}

impl Sums {
    pub(crate) fn new(facts: &Facts<'_>) -> Sums {
        let mut outermost: IndexVec<RscIx, RscIx> = IndexVec::new();
        for (rsc, data) in facts.rscs.iter_enumerated() {
            // Parents come before their children.
            outermost.push(data.parent.map_or(rsc, |parent| outermost[parent]));
        }
        let versions = IndexVec::filled(0, facts.rscs.len());
        Sums {
            outermost,
            versions,
            single: BTreeMap::new(),
            whole: BTreeMap::new(),
            visited: BTreeMap::new(),
        }
    }

    /// The outermost resource around this one, bundles included.
    pub(crate) fn outermost(&self, rsc: RscIx) -> RscIx {
        self.outermost[rsc]
    }

    fn version(&self, rsc: RscIx) -> u64 {
        self.versions[self.outermost[rsc]]
    }

    /// An action, or the list of actions, of this resource is about to change.
    pub(crate) fn forget(&mut self, rsc: RscIx) {
        let outermost = self.outermost[rsc];
        self.versions[outermost] += 1;
    }

    /// The flags that were summed up for this action of that resource, if nothing has changed since.
    pub(crate) fn single(&self, rsc: RscIx, action: ActIx, node: Option<NodeIx>) -> Option<u32> {
        let (version, flags) = self.single.get(&(action, node))?;
        (*version == self.version(rsc)).then_some(*flags)
    }

    pub(crate) fn keep_single(&mut self, rsc: RscIx, action: ActIx, node: Option<NodeIx>, flags: u32) {
        self.single.insert((action, node), (self.version(rsc), flags));
    }

    /// As [`Sums::single`], for all nodes at once.
    pub(crate) fn whole(&self, rsc: RscIx, action: ActIx) -> Option<&Summed> {
        let (version, sums) = self.whole.get(&action)?;
        (*version == self.version(rsc)).then_some(sums)
    }

    pub(crate) fn keep_whole(&mut self, rsc: RscIx, action: ActIx, sums: Summed) {
        self.whole.insert(action, (self.version(rsc), sums));
    }

    /// All instances were looked at for this action, and nothing has changed since.
    pub(crate) fn visited(&self, rsc: RscIx, action: ActIx, node: Option<NodeIx>) -> bool {
        self.visited.get(&(action, node)) == Some(&self.version(rsc))
    }

    pub(crate) fn visit(&mut self, rsc: RscIx, action: ActIx, node: Option<NodeIx>) {
        self.visited.insert((action, node), self.version(rsc));
    }

    /// The change since the sums of this action were kept was that of the action itself.
    pub(crate) fn still_whole(&mut self, rsc: RscIx, action: ActIx) {
        let version = self.version(rsc);
        if let Some(kept) = self.whole.get_mut(&action) {
            kept.0 = version;
        }
    }
}
