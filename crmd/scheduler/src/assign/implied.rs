//! Constraints that follow from what a resource is: members of groups, things in containers, connections.

use holdfast_model::{Role, Score};

use super::{Assigner, Why};
use crate::constraints::Origin;
use crate::constraints::colocation::{Colocation, SAME_NODE};
use crate::facts::{Flags, NodeIx, RscIx, RscKind};

/// How strongly the connection into a container stays with the container; it need not, so that containers can run on
/// remote nodes.
const NESTED_CONNECTION: Score = Score::new(10_000);

impl Assigner<'_> {
    /// Creates the implied constraints of all resources.
    pub(super) fn imply_constraints(&mut self) {
        for rsc in self.top.clone() {
            self.imply(rsc);
        }
        self.allowed_before = self.tables.clone();
    }

    fn imply(&mut self, rsc: RscIx) {
        match &self.facts.rscs[rsc].kind {
            RscKind::Primitive => self.imply_primitive(rsc),
            RscKind::Group(group) => {
                let mut previous = None;
                for member in self.work[rsc].children.clone() {
                    self.imply(member);
                    if let Some(previous) = previous.filter(|_| group.colocated) {
                        let influence = self.is(member, Flags::CRITICAL);
                        self.imply_colocation("#group-members", Score::INFINITY, member, previous, influence);
                    }
                    previous = Some(member);
                }
            }
            RscKind::Clone(clone) => {
                if clone.ordered {
                    self.sort_by_instance_number(rsc);
                }
                for instance in self.work[rsc].children.clone() {
                    self.imply(instance);
                }
            }
            RscKind::Bundle(bundle) => {
                for replica in &bundle.replicas {
                    self.imply(replica.container);
                    if let Some(ip) = replica.ip {
                        self.imply(ip);
                        let container = replica.container;
                        self.imply_colocation("#ip-with-container", Score::INFINITY, ip, container, true);
                    }
                    if let Some(remote) = replica.remote {
                        self.imply(remote);
                    }
                }
                if let Some(inner) = bundle.child {
                    self.imply(inner);
                }
            }
        }
    }

    fn imply_primitive(&mut self, rsc: RscIx) {
        if !self.managed(rsc) {
            return;
        }
        let is_connection = self.is(rsc, Flags::REMOTE_CONNECTION);
        if let Some(launcher) = self.facts.rscs[rsc].launcher {
            let forced_onto = if is_connection {
                // What makes a guest node does not itself run on a remote node, except containers.
                if !self.remote_nesting_allowed(rsc) {
                    self.avoid_remote_nodes(launcher);
                }
                None
            } else if self.is(launcher, Flags::REMOTE_CONNECTION) {
                Some(launcher)
            } else {
                self.facts.rscs[launcher]
                    .launched
                    .iter()
                    .copied()
                    .find(|&launched| self.is(launched, Flags::REMOTE_CONNECTION))
            };
            match forced_onto {
                Some(connection) => {
                    self.ban_where(rsc, Why::Launcher, |assigner, node| {
                        assigner.facts.nodes[node].connection != Some(connection)
                    });
                }
                None => {
                    let nested = self.remote_nesting_allowed(rsc);
                    let score = if nested { NESTED_CONNECTION } else { Score::INFINITY };
                    self.imply_colocation("#resource-with-container", score, rsc, launcher, true);
                }
            }
        }
        if is_connection || self.is(rsc, Flags::FENCE_DEVICE) {
            self.avoid_remote_nodes(rsc);
        }
    }

    fn avoid_remote_nodes(&mut self, rsc: RscIx) {
        self.ban_where(rsc, Why::NotOnRemote, |assigner, node| {
            assigner.facts.nodes[node].connection.is_some()
        });
    }

    /// Bans a resource (not what is in it) from the allowed nodes that `banned` names.
    pub(super) fn ban_where(&mut self, rsc: RscIx, why: Why, banned: impl Fn(&Self, NodeIx) -> bool) {
        let nodes: Vec<NodeIx> = self.tables.present(rsc).map(|(node, _)| node).collect();
        for node in nodes {
            if banned(self, node) {
                self.set_score(rsc, node, Score::MINUS_INFINITY, why);
            }
        }
    }

    /// Adds a colocation that nobody configured.
    pub(super) fn imply_colocation(
        &mut self,
        id: &str,
        score: Score,
        dependent: RscIx,
        primary: RscIx,
        influence: bool,
    ) {
        let colocation = self.colocations.push(Colocation {
            id: id.to_string(),
            dependent,
            primary,
            score,
            dependent_role: Role::Unknown,
            primary_role: Role::Unknown,
            node_attribute: SAME_NODE.to_string(),
            influence,
            explicit: false,
            origin: Origin::Implied(dependent),
        });
        self.enlist(colocation);
    }
}
