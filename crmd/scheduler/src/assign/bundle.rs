//! Placing a bundle: containers like instances, then what belongs to each, then what runs inside.

use holdfast_model::{Role, Score};

use super::instances::Limits;
use super::{Assigner, Given, Why};
use crate::constraints::colocation::ColocationIx;
use crate::facts::{NodeIx, Replica, RscIx};

impl Assigner<'_> {
    pub(super) fn place_bundle(&mut self, rsc: RscIx, prefer: Option<NodeIx>, stop_if_fail: bool) {
        let Some(data) = self.facts.rscs[rsc].bundle_data() else { return };
        self.work[rsc].assigning = true;
        self.show_scores(rsc, "pcmk__bundle_assign");
        let containers: Vec<RscIx> = data.replicas.iter().map(|replica| replica.container).collect();
        let containers = self.sort_instances(&containers);
        let limits = Limits { total: data.replicas_max, per_node: data.replicas_per_host };
        self.place_instances(rsc, &containers, limits);
        for replica in &data.replicas {
            self.place_replica(replica, prefer, stop_if_fail);
        }
        if let Some(inner) = data.child {
            let bundle_node = |node: NodeIx| data.replicas.iter().any(|replica| replica.node == Some(node));
            let nodes: Vec<NodeIx> = self.tables.present(inner).map(|(node, _)| node).collect();
            for node in nodes {
                let score = if bundle_node(node) { Score::ZERO } else { Score::MINUS_INFINITY };
                self.set_score(inner, node, score, Why::Launcher);
            }
            self.place(inner, prefer, stop_if_fail);
        }
        self.work[rsc].assigning = false;
        self.work[rsc].unassigned = false;
    }

    fn place_replica(&mut self, replica: &Replica, prefer: Option<NodeIx>, stop_if_fail: bool) {
        if let Some(ip) = replica.ip {
            self.place(ip, prefer, stop_if_fail);
        }
        if let Some(remote) = replica.remote {
            let host = self.work[replica.container].given.map(|given| &self.facts.nodes[given.node]);
            // A connection inside a remote node has to go through the connection of that node.
            if let Some(connection) = host.filter(|host| host.is_remote()).and_then(|host| host.connection) {
                self.imply_colocation(
                    "#replica-remote-with-host-remote",
                    Score::INFINITY,
                    remote,
                    connection,
                    true,
                );
            }
            self.place(remote, prefer, stop_if_fail);
        }
        let Some(child) = replica.child else { return };
        let nodes: Vec<NodeIx> = self.tables.present(child).map(|(node, _)| node).collect();
        for node in nodes {
            if replica.node != Some(node) {
                self.set_score(child, node, Score::MINUS_INFINITY, Why::Launcher);
            } else if !self.threshold_reached(child, node) {
                self.set_score(child, node, Score::INFINITY, Why::Launcher);
            }
        }
        let clone = self.parent(child).unwrap_or(child);
        self.work[clone].assigning = true;
        self.place(child, replica.node, stop_if_fail);
        self.work[clone].assigning = false;
    }

    /// Colocates something with a bundle.
    pub(super) fn colocate_with_bundle(
        &mut self,
        dependent: RscIx,
        bundle: RscIx,
        colocation: ColocationIx,
    ) -> Score {
        if self.work[bundle].unassigned {
            return Score::ZERO;
        }
        let it = self.colocations[colocation].clone();
        if self.variant(it.dependent) > 1 {
            if let Some(container) = self.compatible_container(dependent, bundle) {
                return self.apply_as_dependent(dependent, container, colocation);
            }
            if it.score.is_infinite() {
                self.give(dependent, None, true, true);
            }
            return Score::ZERO;
        }
        let replicas = self.replicas(bundle).to_vec();
        if !it.score.is_infinite() {
            return replicas
                .iter()
                .map(|replica| self.apply_as_primary(dependent, replica.container, colocation))
                .sum();
        }
        let promoted_inside = |replica: &Replica| {
            replica.child.is_some_and(|child| self.work[child].next_role >= Role::Promoted)
        };
        let hosts: Vec<Given> = replicas
            .iter()
            .filter(|replica| !self.blocked_anywhere(replica.container))
            .filter(|replica| it.primary_role < Role::Promoted || promoted_inside(replica))
            .filter_map(|replica| self.given(replica.container))
            .collect();
        self.keep_to_nodes(dependent, colocation, &hosts, false);
        Score::ZERO
    }

    /// The container of `bundle` on the host where `partner` will be, or on one of the hosts it may use.
    fn compatible_container(&self, partner: RscIx, bundle: RscIx) -> Option<RscIx> {
        let replicas = self.replicas(bundle);
        let on = |host: NodeIx| {
            replicas
                .iter()
                .map(|replica| replica.container)
                .find(|&container| self.instance_matches(container, host, Role::Unknown, None))
        };
        match self.given(partner).and_then(|given| self.host_of(given.node)) {
            Some(host) => on(host),
            None => {
                let nodes = self.sorted_nodes(partner, None);
                nodes.into_iter().filter_map(|node| self.host_of(node)).find_map(on)
            }
        }
    }

    /// The node itself, or where the container will be that makes it a node.
    fn host_of(&self, node: NodeIx) -> Option<NodeIx> {
        let connection = self.facts.nodes[node].connection;
        let in_bundle = connection
            .filter(|&connection| self.facts.rscs[self.facts.top_resource(connection, true)].is_bundle());
        match in_bundle {
            None => Some(node),
            Some(connection) => {
                let container = self.facts.rscs[connection].launcher?;
                self.given(container).map(|given| given.node)
            }
        }
    }
}
