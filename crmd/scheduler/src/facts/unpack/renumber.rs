//! Giving nodes their final indices: natural name order.

use std::collections::BTreeMap;

use super::Unpack;
use crate::facts::types::{EarlyAction, Facts, NodeIx, NodeKind, RscKind};
use crate::index::{Idx, IndexVec};

impl<'c> Unpack<'c> {
    /// The finished tables.
    pub(super) fn renumbered(self) -> Facts<'c> {
        let mut facts = self.facts;
        for node in facts.nodes.indices() {
            if facts.is_guest(node) {
                facts.nodes[node].kind = NodeKind::Guest;
            }
        }
        let mut new_of = IndexVec::filled(NodeIx(0), facts.nodes.len());
        for (position, &old) in self.order.iter().enumerate() {
            new_of[old] = NodeIx::new(position);
        }
        let map = |node: NodeIx| new_of[node];
        let nodes = self.order.iter().map(|&old| facts.nodes[old].clone()).collect();
        facts.nodes = IndexVec::from_vec(nodes);
        for rsc in facts.rscs.iter_mut() {
            for list in [&mut rsc.running_on, &mut rsc.known_on, &mut rsc.dangling_sources] {
                list.iter_mut().for_each(|node| *node = map(*node));
            }
            rsc.allowed = rsc.allowed.iter().map(|(&node, &allowed)| (map(node), allowed)).collect();
            for node in [
                &mut rsc.pending_node,
                &mut rsc.migration_source,
                &mut rsc.migration_target,
                &mut rsc.lock_node,
                &mut rsc.remote_node,
            ] {
                *node = node.map(map);
            }
            match &mut rsc.kind {
                RscKind::Bundle(data) => {
                    data.replicas.iter_mut().for_each(|replica| replica.node = replica.node.map(map));
                }
                RscKind::Primitive | RscKind::Group(_) | RscKind::Clone(_) => {}
            }
        }
        for step in &mut facts.early {
            match step {
                EarlyAction::Resource { node, .. }
                | EarlyAction::Fence { node, .. }
                | EarlyAction::StopsOptional { node, .. } => *node = map(*node),
                EarlyAction::FenceBeforeClear { fenced, node, .. } => {
                    *fenced = map(*fenced);
                    *node = map(*node);
                }
            }
        }
        facts.failed_ops.iter_mut().for_each(|failed| failed.node = map(failed.node));
        facts.param_checks.iter_mut().for_each(|check| check.node = map(check.node));
        facts.cleared = facts.cleared.iter().map(|&(rsc, node)| (rsc, map(node))).collect();
        facts.options.dc = facts.options.dc.map(map);
        facts.node_by_name.values_mut().for_each(|node| *node = map(*node));
        facts.fenced_early = std::mem::take(&mut facts.fenced_early)
            .into_iter()
            .map(|(node, digests)| (map(node), digests))
            .collect();
        facts.digests = std::mem::take(&mut facts.digests)
            .into_iter()
            .map(|((node, rsc, task, interval), digests)| ((map(node), rsc, task, interval), digests))
            .collect::<BTreeMap<_, _>>();
        facts
    }
}
