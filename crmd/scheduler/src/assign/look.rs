//! Looking things up: short names for the questions that every part of assignment asks.

use std::cmp::Ordering;

use holdfast_model::{Role, Score};

use super::judge::Judge;
use super::{Assigner, Given, Slot};
use crate::facts::{BundleData, CloneData, Flags, NodeIx, Replica, RscIx, RscKind};
use crate::index::Idx;

impl Assigner<'_> {
    pub(super) fn id(&self, rsc: RscIx) -> &str {
        &self.facts.rscs[rsc].id
    }

    pub(super) fn is(&self, rsc: RscIx, flags: Flags) -> bool {
        self.facts.rscs[rsc].is(flags)
    }

    pub(super) fn is_primitive(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc].is_primitive()
    }

    pub(super) fn is_group(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc].is_group()
    }

    pub(super) fn is_clone(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc].is_clone()
    }

    pub(super) fn is_bundle(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc].is_bundle()
    }

    /// Collectives count for more than what they are made of.
    pub(super) fn variant(&self, rsc: RscIx) -> u8 {
        match self.facts.rscs[rsc].kind {
            RscKind::Primitive => 0,
            RscKind::Group(_) => 1,
            RscKind::Clone(_) => 2,
            RscKind::Bundle(_) => 3,
        }
    }

    pub(super) fn parent(&self, rsc: RscIx) -> Option<RscIx> {
        self.facts.rscs[rsc].parent
    }

    /// Members or instances in their present order.
    pub(super) fn children(&self, rsc: RscIx) -> &[RscIx] {
        &self.work[rsc].children
    }

    /// The outermost resource around `rsc` that is not a bundle.
    pub(super) fn top(&self, rsc: RscIx) -> RscIx {
        self.facts.top_resource(rsc, false)
    }

    pub(super) fn clone_data(&self, rsc: RscIx) -> Option<&CloneData> {
        self.facts.rscs[self.top(rsc)].clone_data()
    }

    pub(super) fn bundle_data(&self, rsc: RscIx) -> Option<&BundleData> {
        self.facts.rscs[self.facts.top_resource(rsc, true)].bundle_data()
    }

    /// The clone inside a bundle.
    pub(super) fn bundled(&self, rsc: RscIx) -> Option<RscIx> {
        self.bundle_data(rsc).and_then(|data| data.child)
    }

    pub(super) fn replicas(&self, bundle: RscIx) -> &[Replica] {
        self.bundle_data(bundle).map_or(&[], |data| &data.replicas)
    }

    pub(super) fn group_colocated(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc].group_data().is_some_and(|data| data.colocated)
    }

    pub(super) fn promotable(&self, rsc: RscIx) -> bool {
        self.is(rsc, Flags::PROMOTABLE)
    }

    pub(super) fn is_container(&self, rsc: RscIx) -> bool {
        self.is(rsc, Flags::REPLICA_CONTAINER)
    }

    pub(super) fn remote_nesting_allowed(&self, rsc: RscIx) -> bool {
        self.is(rsc, Flags::REMOTE_NESTING_ALLOWED)
    }

    pub(super) fn failed(&self, rsc: RscIx) -> bool {
        self.work[rsc].failed
    }

    pub(super) fn managed(&self, rsc: RscIx) -> bool {
        self.work[rsc].managed
    }

    pub(super) fn stickiness(&self, rsc: RscIx) -> Score {
        Score::new(self.facts.rscs[rsc].stickiness)
    }

    /// Nodes where `rsc` is active now.
    pub(super) fn active(&self, rsc: RscIx) -> &[NodeIx] {
        &self.facts.rscs[rsc].running_on
    }

    /// Whether the node can run resources at all.
    pub(super) fn node_available(&self, node: NodeIx) -> bool {
        Judge { facts: self.facts, nodes: &self.nodes, capacity: &self.capacity }.available(node)
    }

    /// Whether the node can run resources and its own base score is not against it.
    pub(super) fn node_open(&self, node: NodeIx) -> bool {
        self.node_available(node) && self.facts.nodes[node].score >= Score::ZERO
    }

    /// Whether any node of the table can run resources and is wanted.
    pub(super) fn any_available(&self, row: &[Slot]) -> bool {
        row.iter().enumerate().any(|(index, slot)| {
            slot.present
                && !slot.unusable
                && slot.score >= Score::ZERO
                && self.node_available(NodeIx::new(index))
        })
    }

    /// The slot for `node` in the table of the parent, or of the resource itself if it has none.
    pub(super) fn parent_slot(&self, rsc: RscIx, node: NodeIx) -> Option<&Slot> {
        self.tables.get(self.parent(rsc).unwrap_or(rsc), node)
    }

    /// The node where the resource counts as being now, and on how many nodes it is.
    pub(super) fn active_node(&self, rsc: RscIx) -> (Option<NodeIx>, usize) {
        self.facts.active_node_among(rsc, |node| {
            let outlook = &self.nodes[node];
            outlook.online && !outlook.unclean
        })
    }

    /// The node where the resource counts as being now.
    pub(super) fn current_node(&self, rsc: RscIx) -> Option<NodeIx> {
        self.active_node(rsc).0
    }

    /// All nodes given to the resource or what is in it, without repetition.
    pub(super) fn given_nodes(&self, rsc: RscIx) -> Vec<Given> {
        let children = self.children(rsc);
        if children.is_empty() {
            return self.work[rsc].given.into_iter().collect();
        }
        let mut all: Vec<Given> = Vec::new();
        for &child in children {
            for given in self.given_nodes(child) {
                if all.iter().all(|known| known.node != given.node) {
                    all.push(given);
                }
            }
        }
        all
    }

    /// The node given to the resource, if it is exactly one.
    pub(super) fn given(&self, rsc: RscIx) -> Option<Given> {
        match self.given_nodes(rsc)[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The highest role of the resource or what is in it, now.
    pub(super) fn role_now(&self, rsc: RscIx) -> Role {
        self.role_by(rsc, &|rsc| self.work[rsc].role)
    }

    /// The highest role of the resource or what is in it, as planned.
    pub(super) fn role_next(&self, rsc: RscIx) -> Role {
        self.role_by(rsc, &|rsc| self.work[rsc].next_role)
    }

    fn role_by(&self, rsc: RscIx, role: &impl Fn(RscIx) -> Role) -> Role {
        match self.facts.rscs[rsc].kind {
            RscKind::Primitive => role(rsc),
            RscKind::Group(_) | RscKind::Clone(_) => {
                self.children(rsc).iter().map(|&child| self.role_by(child, role)).max().unwrap_or_default()
            }
            RscKind::Bundle(_) => Role::Unknown,
        }
    }

    /// Whether the resource or anything in it is blocked.
    pub(super) fn blocked_anywhere(&self, rsc: RscIx) -> bool {
        self.work[rsc].blocked || self.children(rsc).iter().any(|&child| self.blocked_anywhere(child))
    }

    /// Whether the resource or anything in it failed.
    pub(super) fn failed_anywhere(&self, rsc: RscIx) -> bool {
        self.failed(rsc) || self.children(rsc).iter().any(|&child| self.failed_anywhere(child))
    }

    /// Instances or containers that may share a node.
    pub(super) fn max_per_node(&self, rsc: RscIx) -> usize {
        match &self.facts.rscs[rsc].kind {
            RscKind::Primitive | RscKind::Group(_) => 1,
            RscKind::Clone(data) => data.node_max,
            RscKind::Bundle(data) => data.replicas_per_host,
        }
    }

    /// The number behind the colon of an instance or the dash of a container.
    pub(super) fn instance_number(&self, rsc: RscIx) -> i64 {
        let id = self.id(rsc);
        let digits = id.rfind(':').or_else(|| id.rfind('-')).map_or("", |place| &id[place + 1..]);
        let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
        digits.parse().unwrap_or(0)
    }

    pub(super) fn by_instance_number(&self, a: RscIx, b: RscIx) -> Ordering {
        self.instance_number(a).cmp(&self.instance_number(b))
    }

    /// An attribute of the node itself.
    pub(super) fn node_attribute(&self, node: NodeIx, name: &str) -> Option<&str> {
        self.facts.nodes[node].attributes.get(name).map(String::as_str)
    }

    /// Whether attributes of guest nodes are looked up on their hosts for this resource.
    pub(super) fn attribute_on_host(&self, rsc: RscIx) -> bool {
        self.facts.rscs[self.facts.top_resource(rsc, true)].is_bundle() || self.targets_host(rsc)
    }

    fn targets_host(&self, rsc: RscIx) -> bool {
        self.facts.rscs[rsc]
            .meta("container-attribute-target")
            .is_some_and(|target| target.eq_ignore_ascii_case("host"))
    }

    /// The value by which a colocation compares places, for `rsc`.
    ///
    /// Something colocated with a bundle cannot be on the bundle's node itself, so the container's host counts.
    pub(super) fn colocation_value(&self, node: NodeIx, name: &str, rsc: Option<RscIx>) -> Option<&str> {
        let on_host = rsc.is_some_and(|rsc| self.in_this_bundle(node, rsc) || self.targets_host(rsc));
        self.attribute_at(node, name, on_host, true)
    }

    /// Whether the node is a bundle's and the resource is what the bundle runs.
    fn in_this_bundle(&self, node: NodeIx, rsc: RscIx) -> bool {
        let bundle_node = self.facts.nodes[node]
            .connection
            .is_some_and(|connection| self.facts.rscs[self.facts.top_resource(connection, true)].is_bundle());
        bundle_node
            && self.facts.rscs[self.facts.top_resource(rsc, true)].is_bundle()
            && self.bundled(rsc) == Some(self.top(rsc))
    }

    /// An attribute of the node, or of the host of a guest node: where its launcher will be or (`assigned` false) is.
    pub(super) fn attribute_at(
        &self,
        node: NodeIx,
        name: &str,
        on_host: bool,
        assigned: bool,
    ) -> Option<&str> {
        let it = &self.facts.nodes[node];
        if !on_host || !it.is_guest() {
            return self.node_attribute(node, name);
        }
        let launcher = it.connection.and_then(|connection| self.facts.rscs[connection].launcher)?;
        let host = match assigned {
            true => self.work[launcher].given.map(|given| given.node),
            false => self.active(launcher).first().copied(),
        };
        self.node_attribute(host?, name)
    }

    /// An attribute that an agent set for `rsc` on `node` (or on the node's host).
    pub(super) fn agent_attribute(&self, rsc: RscIx, node: NodeIx, name: &str) -> Option<&str> {
        self.attribute_at(node, name, self.targets_host(rsc), !self.work[rsc].unassigned)
    }
}
