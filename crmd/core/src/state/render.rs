//! The shared state as the typed status that the scheduler and the tools read.

use std::collections::BTreeMap;

use holdfast_api::attribute::AttributeKind;
use holdfast_model::AttributeSet;
use holdfast_model::attributes::NameValue;
use holdfast_model::status::{NodeState, Status, TransientAttributes};

use super::Shared;
use super::nodes::{Expected, Join, NodeEntry};

impl Shared {
    /// The status section as values.
    #[must_use]
    pub fn status(&self) -> Status {
        let nodes = self.nodes.values().map(|node| self.node_state(node)).collect();
        Status { nodes, tickets: self.tickets.clone() }
    }

    fn node_state(&self, node: &NodeEntry) -> NodeState {
        let has_history = !node.resources.is_empty() || node.is_online();
        NodeState {
            id: node.id.clone(),
            name: node.name.clone(),
            without_id: false,
            without_name: node.name.is_empty(),
            in_ccm: (!node.remote).then(|| node.member_since.to_string()),
            crmd: (!node.remote).then(|| node.online_since.to_string()),
            join: (!node.remote).then(|| {
                match node.join {
                    Join::Down => "down",
                    Join::Pending => "pending",
                    Join::Member => "member",
                }
                .to_owned()
            }),
            expected: match node.expected {
                Expected::Unknown => None,
                Expected::Member => Some("member".to_owned()),
                Expected::Down => Some("down".to_owned()),
            },
            remote_node: node.remote,
            node_fenced: node.fenced_at.map(|when| when.to_string()),
            node_in_maintenance: node.in_maintenance.map(|on| on.to_string()),
            origin: None,
            other: Vec::new(),
            transient: self.transient(&node.id),
            resources: node.resources.values().cloned().collect(),
            has_history,
        }
    }

    fn transient(&self, node: &str) -> TransientAttributes {
        let mut blocks: BTreeMap<(AttributeKind, String), Vec<NameValue>> = BTreeMap::new();
        for (name, attribute) in &self.attributes.names {
            if attribute.private {
                continue;
            }
            let Some(value) = attribute.values.get(node).and_then(|v| v.written.as_deref()) else { continue };
            let set = attribute.set.clone().unwrap_or_else(|| format!("status-{node}"));
            let id = identifier(&format!("{set}-{name}"));
            let pair = NameValue { id, name: name.clone(), value: value.to_owned() };
            blocks.entry((attribute.kind, set)).or_default().push(pair);
        }
        let mut found = TransientAttributes::default();
        for ((kind, id), pairs) in blocks {
            let set = AttributeSet { id, pairs, ..AttributeSet::default() };
            match kind {
                AttributeKind::Instance => found.sets.push(set),
                AttributeKind::Utilization => found.utilization.push(set),
            }
        }
        found
    }
}

/// Characters that an XML id cannot hold become dots.
fn identifier(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '.' })
        .collect()
}

impl Shared {
    /// Takes over a status section that a request wrote: histories, attributes, tickets and node states.
    pub fn replace_status(&mut self, status: &Status) {
        let known: Vec<String> = self.nodes.keys().cloned().collect();
        for id in known {
            if status.node(&id).is_none() {
                self.attributes.forget_node(&id);
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.resources.clear();
                }
            }
        }
        for state in &status.nodes {
            let node = self
                .nodes
                .entry(state.id.clone())
                .or_insert_with(|| NodeEntry::named(&state.id, &state.name));
            node.remote = state.remote_node;
            node.resources = state.resources.iter().map(|r| (r.id.clone(), r.clone())).collect();
            let mut told = self.attributes.tell(&state.id);
            told.retain(|one| one.private);
            for (kind, sets) in [
                (AttributeKind::Instance, &state.transient.sets),
                (AttributeKind::Utilization, &state.transient.utilization),
            ] {
                for set in sets {
                    told.extend(set.pairs.iter().map(|pair| super::attributes::Told {
                        name: pair.name.clone(),
                        set: (set.id != format!("status-{}", state.id)).then(|| set.id.clone()),
                        kind,
                        dampen_ms: self.attributes.names.get(&pair.name).map_or(0, |a| a.dampen_ms),
                        private: false,
                        value: pair.value.clone(),
                    }));
                }
            }
            self.attributes.retell(&state.id, &told);
        }
        self.tickets.clone_from(&status.tickets);
    }
}
