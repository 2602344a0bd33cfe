//! From the value of `id` to the nodes that carry it. Built when first asked for, then kept up to date.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::document::{Document, Kind, NodeIx};

#[derive(Clone, Debug, Default)]
pub(crate) struct IdIndex {
    built: OnceLock<BTreeMap<Box<str>, Vec<u32>>>,
}

impl IdIndex {
    pub(crate) fn add(&mut self, id: &str, ix: u32) {
        if let Some(map) = self.built.get_mut() {
            map.entry(id.into()).or_default().push(ix);
        }
    }

    pub(crate) fn drop(&mut self, id: &str, ix: u32) {
        if let Some(map) = self.built.get_mut()
            && let Some(all) = map.get_mut(id)
        {
            all.retain(|one| *one != ix);
            if all.is_empty() {
                map.remove(id);
            }
        }
    }

    pub(crate) fn is_built(&self) -> bool {
        self.built.get().is_some()
    }
}

impl Document {
    /// The first element in document order whose attribute `id` has this value.
    ///
    /// References such as `<resource_ref id="…">` carry an `id` too; [`Document::all_by_id`] shows every bearer.
    pub fn by_id(&self, id: &str) -> Option<NodeIx> {
        self.all_by_id(id).first().copied()
    }

    /// All elements whose attribute `id` has this value, in document order.
    pub fn all_by_id(&self, id: &str) -> Vec<NodeIx> {
        let map = self.ids.built.get_or_init(|| self.build_ids());
        let mut found: Vec<NodeIx> =
            map.get(id).map(|all| all.iter().map(|ix| NodeIx(*ix)).collect()).unwrap_or_default();
        if found.len() > 1 {
            found.sort_by_cached_key(|ix| self.order_key(*ix));
        }
        found
    }

    fn build_ids(&self) -> BTreeMap<Box<str>, Vec<u32>> {
        let mut map: BTreeMap<Box<str>, Vec<u32>> = BTreeMap::new();
        let Some(symbol) = self.names.find("id") else { return map };
        let mut at = Some(0);
        while let Some(ix) = at {
            if self.node(ix).kind == Kind::Element
                && let Some(attr) = self.attr_slice(ix).iter().find(|attr| attr.name == symbol)
            {
                map.entry(self.str(attr.value).into()).or_default().push(ix);
            }
            at = self.following(ix, 0);
        }
        map
    }

    /// Positions from the root down: orders nodes as the document does.
    pub(crate) fn order_key(&self, ix: NodeIx) -> Vec<usize> {
        let mut key = Vec::new();
        let mut at = ix.0;
        while at != 0 && at != crate::document::NONE {
            let mut count = 0;
            let mut sibling = self.node(at).previous;
            while sibling != crate::document::NONE {
                count += 1;
                sibling = self.node(sibling).previous;
            }
            key.push(count);
            at = self.node(at).parent;
        }
        key.reverse();
        key
    }
}
