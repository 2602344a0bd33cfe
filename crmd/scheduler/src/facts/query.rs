//! Questions about facts that several passes ask.

use std::collections::BTreeMap;

use holdfast_model::AttributeSet;
use holdfast_model::attributes::evaluate;
use holdfast_model::rule::Input;

use super::names::merge_sort;
use super::types::{Facts, Flags, NoQuorumPolicy, NodeIx, NodeKind, OpRef, RscIx, RscKind};
use super::unpack::compare_records;
use holdfast_model::OperationRecord;

impl Facts<'_> {
    /// The node with this name (letter case does not matter).
    pub fn node_named(&self, name: &str) -> Option<NodeIx> {
        self.node_by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The resource with this name; instances of clones are called `NAME:N`.
    pub fn rsc_named(&self, id: &str) -> Option<RscIx> {
        self.rsc_by_id.get(id).copied()
    }

    /// Positions of a resource's operations in order of age, oldest first.
    pub fn sorted_history(&self, node_state: usize, resource: usize) -> Vec<usize> {
        let operations = &self.cib.status.nodes[node_state].resources[resource].operations;
        let order: Vec<usize> = (0..operations.len()).rev().collect();
        merge_sort(&order, &mut |&a, &b| compare_records(&operations[a], &operations[b]))
    }

    /// The history entry behind a reference.
    pub fn op(&self, at: OpRef) -> &OperationRecord {
        let state = &self.cib.status.nodes[at.node_state as usize];
        &state.resources[at.resource as usize].operations[at.op as usize]
    }

    /// Remembers that something will be different at `second`.
    pub fn note_recheck(&self, second: i64) {
        if second > self.now && self.recheck_by.get().is_none_or(|earlier| second < earlier) {
            self.recheck_by.set(Some(second));
        }
    }

    /// Evaluates blocks into `table` (existing names stay) and notes when that will change.
    pub fn evaluate(&self, sets: &[AttributeSet], input: &Input<'_>, table: &mut BTreeMap<String, String>) {
        let mut next_change = None;
        evaluate(sets, input, table, &mut next_change);
        if let Some(second) = next_change {
            self.note_recheck(second);
        }
    }

    /// Parameters of a resource, its surrounding resources included, evaluated for a node.
    pub fn params(&self, rsc: RscIx, node: Option<NodeIx>) -> BTreeMap<String, String> {
        let input = Input {
            now: self.now,
            node_attributes: node.map(|node| &self.nodes[node].attributes),
            ..Input::default()
        };
        let mut table = BTreeMap::new();
        let mut next = Some(rsc);
        while let Some(current) = next {
            self.evaluate(&self.rscs[current].config.params, &input, &mut table);
            next = self.rscs[current].parent;
        }
        table
    }

    /// An attribute of a node. With `target` = `host`, that of the node that runs the guest's launcher now.
    pub fn node_attribute(&self, node: NodeIx, name: &str, target: Option<&str>) -> Option<&str> {
        let wants_host = target.is_some_and(|target| target.eq_ignore_ascii_case("host"));
        let node = match self.launcher_of(node) {
            Some(launcher) if wants_host => *self.rscs[launcher].running_on.first()?,
            Some(_) | None => node,
        };
        self.nodes[node].attributes.get(name).map(String::as_str)
    }

    /// What launches a guest node; `None` for all other nodes.
    pub fn launcher_of(&self, node: NodeIx) -> Option<RscIx> {
        let node = &self.nodes[node];
        match node.kind {
            NodeKind::Cluster => None,
            NodeKind::Remote | NodeKind::Guest => self.rscs[node.connection?].launcher,
        }
    }

    /// A guest node: its connection has a launcher.
    pub fn is_guest(&self, node: NodeIx) -> bool {
        self.launcher_of(node).is_some()
    }

    /// A remote node that is no guest.
    pub fn is_remote(&self, node: NodeIx) -> bool {
        self.nodes[node].kind != NodeKind::Cluster && !self.is_guest(node)
    }

    /// The outermost resource around `rsc`, but inside of a bundle at most the implied clone.
    pub fn top_below_bundle(&self, rsc: RscIx) -> RscIx {
        let mut current = rsc;
        while let Some(parent) = self.rscs[current].parent {
            if self.rscs[parent].is_bundle() {
                break;
            }
            current = parent;
        }
        current
    }

    /// The outermost resource around `rsc`.
    pub fn top_of(&self, rsc: RscIx) -> RscIx {
        let mut current = rsc;
        while let Some(parent) = self.rscs[current].parent {
            current = parent;
        }
        current
    }

    /// Inside of (or itself) a bundle.
    pub fn is_bundled(&self, rsc: RscIx) -> bool {
        self.rscs[self.top_of(rsc)].is_bundle()
    }

    /// A clone whose instances do not differ.
    pub fn is_anonymous_clone(&self, rsc: RscIx) -> bool {
        let rsc = &self.rscs[rsc];
        rsc.is_clone() && !rsc.is(Flags::UNIQUE)
    }

    /// Whether fencing of a node is possible now.
    pub fn can_fence(&self, node: NodeIx) -> bool {
        self.can_fence_knowing(node, &mut BTreeMap::new())
    }

    /// As `can_fence`; `guests` is what is known of guests so far. Those that a status shows as hosts of each other
    /// cannot be fenced.
    fn can_fence_knowing(&self, node: NodeIx, guests: &mut BTreeMap<NodeIx, bool>) -> bool {
        if let Some(launcher) = self.launcher_of(node) {
            if let Some(known) = guests.get(&node) {
                return *known;
            }
            guests.insert(node, false);
            // A guest is fenced by stopping its launcher, which needs the host alive or fenceable.
            let hosts = &self.rscs[launcher].running_on;
            let sure =
                hosts.iter().all(|&host| self.nodes[host].online || self.can_fence_knowing(host, guests));
            guests.insert(node, sure);
            return sure;
        }
        if !self.options.fencing || !self.options.have_fencing {
            return false;
        }
        if self.options.quorate || self.options.no_quorum == NoQuorumPolicy::Ignore {
            return true;
        }
        if !self.nodes[node].online {
            return false;
        }
        if self.nodes[node].kind != NodeKind::Cluster && !self.options.fence_remote_without_quorum {
            // The majority may have taken the connection over, if it could run there.
            let Some(connection) = self.nodes[node].connection else { return true };
            return self.rscs[connection].allowed.keys().all(|&other| self.nodes[other].online);
        }
        true
    }

    /// A node the resource is active on: the source of a migration in progress, or without need of fencing the first
    /// clean online one, else the first. Bundles prefer the node of a container.
    pub fn current_node(&self, rsc: RscIx) -> Option<NodeIx> {
        let this = &self.rscs[rsc];
        if let RscKind::Bundle(_) = this.kind {
            return self.current_node_of_bundle(rsc);
        }
        self.active_node(rsc, &this.running_on)
    }

    fn active_node(&self, rsc: RscIx, nodes: &[NodeIx]) -> Option<NodeIx> {
        let this = &self.rscs[rsc];
        let happy = |node: NodeIx| self.nodes[node].online && !self.nodes[node].unclean;
        let first = nodes.first().copied();
        if let Some(source) = this.migration_source {
            nodes.iter().copied().find(|&node| node == source).or(first)
        } else if !this.is(Flags::NEEDS_FENCING) {
            nodes.iter().copied().find(|&node| happy(node)).or(first)
        } else {
            first
        }
    }

    fn current_node_of_bundle(&self, rsc: RscIx) -> Option<NodeIx> {
        let data = self.rscs[rsc].bundle_data()?;
        let mut active = data
            .replicas
            .iter()
            .map(|replica| replica.container)
            .filter(|&container| !self.rscs[container].running_on.is_empty());
        let first = active.next()?;
        let Some(second) = active.next() else { return self.current_node(first) };
        let mut nodes = Vec::new();
        for container in [first, second].into_iter().chain(active) {
            for &node in &self.rscs[container].running_on {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        self.active_node(rsc, &nodes)
    }

    /// How many nodes the resource is active on; without need of fencing only clean online ones count.
    pub fn active_count(&self, rsc: RscIx) -> usize {
        let this = &self.rscs[rsc];
        if this.is(Flags::NEEDS_FENCING) {
            return this.running_on.len();
        }
        this.running_on.iter().filter(|&&node| self.nodes[node].online && !self.nodes[node].unclean).count()
    }

    /// Stopped on purpose by `target-role`.
    pub fn is_disabled(&self, rsc: RscIx) -> bool {
        use holdfast_model::Role;
        match self.rscs[rsc].meta("target-role").and_then(Role::parse) {
            Some(Role::Stopped) => true,
            Some(Role::Unpromoted) => self.rscs[self.top_below_bundle(rsc)].is(Flags::PROMOTABLE),
            Some(Role::Unknown | Role::Started | Role::Promoted) | None => false,
        }
    }

    /// The replica's inner instance whose container makes this node.
    pub fn bundle_child_on(&self, bundle: RscIx, node: NodeIx) -> Option<RscIx> {
        let data = self.rscs[bundle].bundle_data()?;
        data.replicas.iter().find(|replica| replica.node == Some(node)).and_then(|replica| replica.child)
    }

    /// Whether a resource is a connection to a bundle node whose address is only known once its container is placed.
    pub fn needs_host_as_address(&self, rsc: RscIx) -> bool {
        let connection = self.rscs[rsc].is(Flags::REMOTE_CONNECTION);
        // Whatever it is, its parameters are asked for without a node, and what is asked for has its dates noted.
        if !connection && !self.has_rules(rsc) {
            return false;
        }
        let by_name =
            self.params(rsc, None).get("addr").is_some_and(|address| address.eq_ignore_ascii_case("#uname"));
        by_name && connection
    }

    /// Some parameters of the resource depend on rules.
    fn has_rules(&self, rsc: RscIx) -> bool {
        let it = &self.rscs[rsc];
        it.config.params.iter().any(|block| block.rule.is_some())
            || it.parent.is_some_and(|parent| self.has_rules(parent))
    }
}
