//! Nodes of the configuration and their attributes.

use std::collections::BTreeMap;

use holdfast_model::config::ProbeMode;
use holdfast_model::rule::Input;
use holdfast_model::{AttributeSet, Level, Score};

use super::Unpack;
use crate::facts::lookup::compare_names;
use crate::facts::types::{Node, NodeIx, NodeKind};
use crate::index::Idx;

impl Unpack<'_> {
    pub(super) fn nodes(&mut self) {
        for config in &self.facts.cib.nodes {
            let score = config.score.as_deref().and_then(|text| self.facts.score(text)).unwrap_or_default();
            let kind = match config.node_type.to_ascii_lowercase().as_str() {
                "" | "member" => NodeKind::Cluster,
                "remote" => NodeKind::Remote,
                other => {
                    let message = format!(
                        "ignored, and all nodes after it: type \"{other}\" is neither member nor remote"
                    );
                    self.problem(Level::Error, "node", &config.id, message);
                    return;
                }
            };
            let name = if config.name.is_empty() { &config.id } else { &config.name };
            let node = self.create_node(&config.id, name, kind, score);
            self.presume_unclean(node);
            self.add_attributes(node, &config.attributes, &config.utilization, false);
        }
    }

    /// Makes a node.
    pub(super) fn create_node(&mut self, id: &str, name: &str, kind: NodeKind, score: Score) -> NodeIx {
        if self.facts.node_named(name).is_some() {
            self.problem(Level::Warning, "node", id, format!("there is another node called \"{name}\""));
        }
        let word = if kind == NodeKind::Cluster { "cluster" } else { "remote" };
        let mut attributes = BTreeMap::new();
        attributes.insert("#kind".to_owned(), word.to_owned());
        if kind != NodeKind::Cluster {
            self.facts.options.have_remote_nodes = true;
        }
        let node = self.facts.nodes.push(Node {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            created: u32::try_from(self.facts.nodes.next_index().index()).unwrap_or(u32::MAX),
            online: false,
            unclean: false,
            pending: false,
            shutdown: false,
            standby: false,
            fail_standby: false,
            maintenance: false,
            is_dc: false,
            seen: false,
            expected_up: false,
            probes_allowed: true,
            remote_reset: false,
            remote_fenced: false,
            remote_maintenance: false,
            unpacked: false,
            score,
            probe: ProbeMode::Always,
            attributes,
            utilization: BTreeMap::new(),
            health: Score::ZERO,
            health_state: 1,
            priority: 0,
            running: Vec::new(),
            connection: None,
            state: None,
        });
        self.insert_in_order(node);
        // Of several with one name or id, the first in the order of nodes is found.
        self.facts.node_by_name.insert(name.to_ascii_lowercase(), node);
        let nodes = &self.facts.nodes;
        let found = self.node_by_id.entry(id.to_ascii_lowercase()).or_insert(node);
        if compare_names(&nodes[*found].name, name).is_ge() {
            *found = node;
        }
        node
    }

    /// Until its state is seen, a node counts as lost, if that is wanted. Remote nodes without connection are leftovers.
    pub(super) fn presume_unclean(&mut self, node: NodeIx) {
        let startup_fencing = self.facts.options.startup_fencing;
        let this = &mut self.facts.nodes[node];
        if this.kind == NodeKind::Cluster || this.connection.is_some() {
            this.unclean = startup_fencing;
        }
    }

    /// Adds built-in and configured attributes; `overwrite` lets the new ones win.
    pub(super) fn add_attributes(
        &mut self,
        node: NodeIx,
        sets: &[AttributeSet],
        utilization: &[AttributeSet],
        overwrite: bool,
    ) {
        let input = Input { now: self.facts.now, ..Input::default() };
        let cluster_name = self.facts.options.cluster_name.clone();
        let dc_id = self.facts.cib.header.dc_uuid.as_deref();
        let is_dc_id = dc_id.is_some_and(|dc| dc.eq_ignore_ascii_case(&self.facts.nodes[node].id));
        if self.facts.options.dc.is_none() && is_dc_id {
            self.facts.options.dc = Some(node);
            self.facts.nodes[node].is_dc = true;
        }
        let mut attributes = std::mem::take(&mut self.facts.nodes[node].attributes);
        let mut put = |name: &str, value: &str| {
            attributes.insert(name.to_owned(), value.to_owned());
        };
        put("#uname", &self.facts.nodes[node].name);
        put("#id", &self.facts.nodes[node].id);
        put("#is_dc", if self.facts.nodes[node].is_dc { "true" } else { "false" });
        if let Some(name) = &cluster_name {
            put("#cluster-name", name);
        }
        if overwrite {
            let mut fresh = BTreeMap::new();
            self.facts.evaluate(sets, &input, &mut fresh);
            attributes.extend(fresh);
        } else {
            self.facts.evaluate(sets, &input, &mut attributes);
        }
        if !attributes.contains_key("#site-name")
            && let Some(site) = attributes.get("site-name").cloned().or(cluster_name)
        {
            attributes.insert("#site-name".to_owned(), site);
        }
        let mut capacities = std::mem::take(&mut self.facts.nodes[node].utilization);
        self.facts.evaluate(utilization, &input, &mut capacities);
        let this = &mut self.facts.nodes[node];
        this.attributes = attributes;
        this.utilization = capacities;
    }
}
