//! Remote and guest nodes as configured: their nodes, and the connections that guests imply.

use std::sync::Arc;

use holdfast_model::attributes::NameValue;
use holdfast_model::config::{Agent, OperationConfig, ResourceConfig, ResourceKind};
use holdfast_model::{AttributeSet, Score};

use super::Unpack;
use super::template::Template;
use crate::facts::types::{Flags, NodeKind, RscIx};

/// Whether an agent is the connection to a remote node.
pub(super) fn is_remote_agent(agent: &Agent) -> bool {
    agent.agent_type.eq_ignore_ascii_case("remote")
        && agent.class.eq_ignore_ascii_case("ocf")
        && agent.provider.as_deref().is_some_and(|provider| provider.eq_ignore_ascii_case("pacemaker"))
}

/// What an implied connection is made from.
pub(super) struct Connection<'a> {
    /// Name of the connection and the node.
    pub name: &'a str,
    /// What launches the guest.
    pub container: &'a str,
    /// `allow-migrate`
    pub allow_migrate: Option<&'a str>,
    /// `is-managed`
    pub is_managed: Option<&'a str>,
    /// Timeout of the start.
    pub start_timeout: Option<&'a str>,
    /// Address.
    pub address: Option<&'a str>,
    /// Port.
    pub port: Option<&'a str>,
}

/// A block of pairs as the cluster makes it.
pub(super) fn implied_set(id: String, pairs: &[(&str, Option<&str>)]) -> AttributeSet {
    let pairs = pairs.iter().filter_map(|(name, value)| {
        Some(NameValue { id: format!("{id}-{name}"), name: (*name).to_owned(), value: (*value)?.to_owned() })
    });
    AttributeSet { pairs: pairs.collect(), score: Score::ZERO, rule: None, id }
}

/// An operation as the cluster makes it.
pub(super) fn implied_op(rsc: &str, name: &str, interval: &str, timeout: Option<&str>) -> OperationConfig {
    let mut attributes =
        vec![("interval".to_owned(), interval.to_owned()), ("name".to_owned(), name.to_owned())];
    attributes.extend(timeout.map(|timeout| ("timeout".to_owned(), timeout.to_owned())));
    OperationConfig {
        id: format!("{rsc}-{name}-{interval}"),
        name: name.to_owned(),
        attributes,
        meta: Vec::new(),
        params: Vec::new(),
    }
}

/// A primitive as the cluster makes it.
pub(super) fn implied_primitive(id: &str, provider: &str, agent_type: &str) -> ResourceConfig {
    let attributes = [("id", id), ("class", "ocf"), ("provider", provider), ("type", agent_type)];
    ResourceConfig {
        id: id.to_owned(),
        kind: ResourceKind::Primitive(Agent {
            class: "ocf".to_owned(),
            provider: Some(provider.to_owned()),
            agent_type: agent_type.to_owned(),
        }),
        template: None,
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        meta: Vec::new(),
        params: Vec::new(),
        utilization: Vec::new(),
        operations: Vec::new(),
        line: 0,
    }
}

impl Connection<'_> {
    /// The configuration of the connection resource.
    pub(super) fn config(&self) -> ResourceConfig {
        let mut config = implied_primitive(self.name, "pacemaker", "remote");
        config.meta.push(implied_set(
            format!("{}-meta_attributes", self.name),
            &[
                ("internal_rsc", Some("true")),
                ("container", Some(self.container)),
                ("allow-migrate", self.allow_migrate),
                ("is-managed", self.is_managed),
            ],
        ));
        if self.address.is_some() || self.port.is_some() {
            config.params.push(implied_set(
                format!("{}-instance_attributes", self.name),
                &[("addr", self.address), ("port", self.port)],
            ));
        }
        config.operations.push(implied_op(self.name, "monitor", "30s", Some("30s")));
        if let Some(timeout) = self.start_timeout {
            config.operations.push(implied_op(self.name, "start", "0", Some(timeout)));
        }
        config
    }
}

impl Unpack<'_> {
    /// Makes the nodes of remote connections and guests, and returns the connections that guests imply.
    pub(super) fn remote_nodes(&mut self) -> Vec<Arc<Template>> {
        let mut implied = Vec::new();
        for config in &self.facts.cib.resources {
            match &config.kind {
                ResourceKind::Primitive(agent) if is_remote_agent(agent) => {
                    self.create_remote_node(&config.id)
                }
                ResourceKind::Primitive(_) => implied.extend(self.guest_of(config)),
                ResourceKind::Group(members) => {
                    for member in members {
                        implied.extend(self.guest_of(member));
                    }
                }
                ResourceKind::Clone { .. } | ResourceKind::Bundle(_) => {}
            }
        }
        implied
    }

    fn create_remote_node(&mut self, name: &str) {
        if self.facts.node_named(name).is_none() {
            self.create_node(name, name, NodeKind::Remote, Score::ZERO);
        }
    }

    /// The connection of a guest node, if the resource makes one. Rules and references in its meta attributes do not
    /// count here.
    fn guest_of(&mut self, config: &ResourceConfig) -> Option<Arc<Template>> {
        // Blocks are kept in order of evaluation, so the first one found has the last word.
        let value = |name: &str| {
            config
                .meta
                .iter()
                .find_map(|set| set.pairs.iter().rev().find(|pair| pair.name == name))
                .map(|pair| &*pair.value)
        };
        let name = value("remote-node")?;
        let connection = Connection {
            name,
            container: &config.id,
            allow_migrate: value("remote-allow-migrate"),
            is_managed: value("is-managed"),
            start_timeout: Some(value("remote-connect-timeout").unwrap_or("60s")),
            address: value("remote-addr"),
            port: value("remote-port"),
        };
        self.create_remote_node(name);
        Some(Arc::new(Template::implied(connection.config())))
    }

    /// Connects a remote connection resource with the node it makes.
    pub(super) fn link_remote_node(&mut self, rsc: RscIx) {
        let this = &self.facts.rscs[rsc];
        if !this.is(Flags::REMOTE_CONNECTION) {
            return;
        }
        let Some(node) = self.facts.node_named(&this.id) else { return };
        let launched = this.launcher.is_some();
        self.facts.nodes[node].connection = Some(rsc);
        self.facts.rscs[rsc].remote_node = Some(node);
        if launched {
            self.facts.nodes[node].attributes.insert("#kind".to_owned(), "container".to_owned());
        } else {
            self.presume_unclean(node);
        }
    }
}
