//! Clean-up, forced runs, removal of nodes, entries that the cluster itself keeps in the document.

use std::collections::BTreeMap;

use holdfast_api::cib::{CibOperation, CibRequest, Target};
use holdfast_api::resource::{ResourceReply, ResourceRequest, Selection};
use holdfast_api::{Credentials, Failure, FailureKind, Reply};
use holdfast_model::attributes::evaluate;
use holdfast_model::config::ResourceConfig;
use holdfast_model::rule::Input;

use super::Node;
use super::requests::Waiting;
use crate::io::{CallId, ClientId, Operation};
use crate::local::{Purpose, Wanted};
use crate::message::{ClusterMessage, Forget, ForgetWhat};
use crate::state::history::{ResourceRef, TransitionKey};
use crate::time::Span;

/// How long a clean-up may take to be ordered.
const ORDERED: Span = Span::secs(30);

impl Node {
    /// Id of a node of the ring's configuration by name or id.
    pub(super) fn configured_node(&self, node: &str) -> Option<String> {
        let found = self.settings.nodes.iter().find(|n| n.name == node || n.id.to_string() == node);
        found.map(|n| n.id.to_string())
    }

    /// A node attribute as the configuration and the status have it.
    pub(super) fn node_attribute(&self, id: &str, name: &str) -> Option<String> {
        if let Some(value) = self.shared.attributes.get(name, id) {
            return Some(value.to_owned());
        }
        let node = self.cib.typed().nodes.iter().find(|n| n.id == id)?;
        node.attributes.iter().find_map(|set| set.get(name)).map(str::to_owned)
    }

    /// The decision maker keeps the entries that belong to the cluster itself: nodes, name, version.
    pub(super) fn complete_configuration(&mut self) {
        let typed = self.cib.typed();
        let missing: Vec<String> = self
            .settings
            .nodes
            .iter()
            .map(|n| (n.id.to_string(), n.name.clone()))
            .chain(self.shared.nodes.values().filter(|n| !n.remote).map(|n| (n.id.clone(), n.name.clone())))
            .filter(|(id, name)| {
                !typed.nodes.iter().any(|n| n.id == *id && n.name == *name) && !name.is_empty()
            })
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(id, name)| format!("<node id=\"{}\" uname=\"{}\"/>", escaped(&id), escaped(&name)))
            .collect();
        if !missing.is_empty() {
            let xml = format!("<nodes>{}</nodes>", missing.join(""));
            self.modify_section("nodes", xml);
        }
        let mut table = BTreeMap::new();
        evaluate(&self.cib.typed().options, &Input::default(), &mut table, &mut None);
        let watchdog = self.settings.watchdog.to_string();
        let wanted = [
            ("have-watchdog", watchdog.as_str()),
            ("dc-version", self.settings.program_version.as_str()),
            ("cluster-infrastructure", "corosync"),
            ("cluster-name", self.settings.cluster_name.as_str()),
        ];
        let pairs: String = wanted
            .iter()
            .filter(|(name, value)| table.get(*name).map(String::as_str) != Some(*value) && !value.is_empty())
            .map(|(name, value)| {
                format!(
                    "<nvpair id=\"cib-bootstrap-options-{name}\" name=\"{name}\" value=\"{}\"/>",
                    escaped(value)
                )
            })
            .collect();
        if !pairs.is_empty() {
            let xml = format!(
                "<crm_config><cluster_property_set id=\"cib-bootstrap-options\">{pairs}</cluster_property_set></crm_config>"
            );
            self.modify_section("crm_config", xml);
        }
    }

    fn modify_section(&mut self, section: &str, xml: String) {
        let mut request =
            CibRequest::with_xml(CibOperation::Modify, Target::Section(section.to_owned()), xml);
        request.options.can_create = true;
        self.change_ourselves(request);
    }

    /// A request wrote the status: what this node knows at first hand follows.
    pub(super) fn status_replaced(&mut self) {
        if let Some(node) = self.shared.nodes.get(&self.id) {
            self.mine.clone_from(&node.resources);
        }
    }

    pub(super) fn request_resource(
        &mut self,
        client: ClientId,
        id: u64,
        request: ResourceRequest,
        who: &Credentials,
    ) {
        match request {
            ResourceRequest::Cleanup(selection) => self.forget(client, id, &selection, true),
            ResourceRequest::Refresh(selection) => self.forget(client, id, &selection, false),
            ResourceRequest::Fail { rsc, node } => {
                let name = node.unwrap_or_else(|| self.identity.name.clone());
                let Some(node) = self.shared.resolve(&name) else {
                    return self.no_such_node(client, id, &name);
                };
                if self.configured_reference(&rsc).is_none() {
                    let failure = Self::not_configured(&rsc);
                    return self.reply(client, id, Reply::Failed(failure));
                }
                self.submit(Waiting::client(client, id), Some(ORDERED), |request| ClusterMessage::Fail {
                    node,
                    rsc,
                    request,
                });
            }
            ResourceRequest::Force { rsc, operation, timeout_ms, overrides } => {
                if !self.refuse_unprivileged(client, id, who) {
                    self.force(client, id, &rsc, operation, timeout_ms, overrides);
                }
            }
        }
    }

    /// Which histories a clean-up is about.
    fn forget(&mut self, client: ClientId, id: u64, selection: &Selection, failures_only: bool) {
        let node = match &selection.node {
            None => None,
            Some(name) => match self.shared.resolve(name) {
                Some(node) => Some(node),
                None => return self.no_such_node(client, id, name),
            },
        };
        let wanted = selection.rsc.as_deref().map(|rsc| self.primitives_of(rsc));
        if let (Some(rsc), Some(primitives)) = (&selection.rsc, &wanted)
            && primitives.is_empty()
            && !selection.force
            && !self.shared.nodes.values().any(|n| n.resources.contains_key(rsc))
        {
            let failure = Self::not_configured(rsc);
            return self.reply(client, id, Reply::Failed(failure));
        }
        let is_meant = |history: &str| {
            wanted.as_ref().is_none_or(|names| {
                let base = history.split(':').next().unwrap_or(history);
                names.iter().any(|n| n == history || n == base) || selection.rsc.as_deref() == Some(history)
            })
        };
        let mut pairs = Vec::new();
        for entry in self.shared.nodes.values().filter(|n| node.as_ref().is_none_or(|w| *w == n.id)) {
            for (rsc, history) in entry.resources.iter().filter(|(rsc, _)| is_meant(rsc)) {
                let failed = history.operations.iter().any(|op| {
                    op.id.ends_with("_last_failure_0")
                        && selection.operation.as_deref().is_none_or(|wanted| wanted == op.operation)
                        && selection.interval_ms.is_none_or(|wanted| wanted == op.interval_ms)
                });
                let noted = failed || self.has_fail_count(&entry.id, rsc) || self.was_overlapping(rsc);
                if !failures_only || noted {
                    pairs.push((entry.id.clone(), rsc.clone()));
                }
            }
        }
        if pairs.is_empty() {
            self.reply(client, id, Reply::Resource(ResourceReply::Cleaned(Vec::new())));
            return;
        }
        // A cleaned resource is probed again, so that what is known about it is fresh.
        let what = match &selection.operation {
            Some(operation) if failures_only => {
                ForgetWhat::Failures(Some((operation.clone(), selection.interval_ms)))
            }
            _ => ForgetWhat::All,
        };
        let forget = Forget { request: 0, action: None, pairs, what };
        self.submit(Waiting::client(client, id), Some(ORDERED), |request| {
            ClusterMessage::Forget(Box::new(Forget { request, ..forget }))
        });
    }

    fn has_fail_count(&self, node: &str, rsc: &str) -> bool {
        let base = rsc.split(':').next().unwrap_or(rsc);
        let prefix = format!("fail-count-{base}#");
        self.shared.attributes.names.iter().any(|(name, a)| {
            name.starts_with(&prefix) && a.values.get(node).is_some_and(|v| v.current.is_some())
        })
    }

    pub(super) fn finished_forget(&mut self, forget: &Forget) {
        if forget.request == 0 {
            return;
        }
        let name = |id: &String| self.shared.nodes.get(id).map_or_else(|| id.clone(), |n| n.name.clone());
        let cleaned = forget.pairs.iter().map(|(node, rsc)| (rsc.clone(), name(node))).collect();
        self.finished(forget.request, Reply::Resource(ResourceReply::Cleaned(cleaned)));
    }

    fn find_resource(&self, rsc: &str) -> Option<&ResourceConfig> {
        fn search<'a>(list: &'a [ResourceConfig], rsc: &str) -> Option<&'a ResourceConfig> {
            list.iter().find_map(|r| if r.id == rsc { Some(r) } else { search(r.children(), rsc) })
        }
        search(&self.cib.typed().resources, rsc)
    }

    /// Ids of the primitives that a resource consists of.
    fn primitives_of(&self, rsc: &str) -> Vec<String> {
        fn collect(resource: &ResourceConfig, into: &mut Vec<String>) {
            if resource.children().is_empty() {
                into.push(resource.id.clone());
            }
            for child in resource.children() {
                collect(child, into);
            }
        }
        let base = rsc.split(':').next().unwrap_or(rsc);
        let mut found = Vec::new();
        if let Some(resource) = self.find_resource(rsc).or_else(|| self.find_resource(base)) {
            collect(resource, &mut found);
        }
        found
    }

    /// The agent of a configured primitive.
    pub(super) fn configured_reference(&self, rsc: &str) -> Option<ResourceRef> {
        let base = rsc.split(':').next().unwrap_or(rsc);
        let resource = self.find_resource(rsc).or_else(|| self.find_resource(base))?;
        let template = resource.template.as_ref();
        let template = template.and_then(|id| self.cib.typed().templates.iter().find(|t| t.id == *id));
        let agent = resource.agent().filter(|a| !a.agent_type.is_empty()).or_else(|| template?.agent())?;
        Some(ResourceRef {
            id: rsc.to_owned(),
            class: agent.class.clone(),
            provider: agent.provider.clone(),
            agent: agent.agent_type.clone(),
            container: None,
        })
    }

    /// Runs an agent here on a client's word, outside every plan.
    fn force(
        &mut self,
        client: ClientId,
        id: u64,
        rsc: &str,
        operation: String,
        timeout_ms: u32,
        overrides: Vec<(String, String)>,
    ) {
        let (Some(reference), Some(resource)) = (self.configured_reference(rsc), self.find_resource(rsc))
        else {
            let failure = Self::not_configured(rsc);
            return self.reply(client, id, Reply::Failed(failure));
        };
        let mut parameters = BTreeMap::new();
        let now = self.now.wall.seconds();
        let input = Input { now, ..Input::default() };
        evaluate(&resource.params, &input, &mut parameters, &mut None);
        let configured = resource.operations.iter().find(|op| op.name == operation);
        let configured = configured.and_then(|op| op.attribute("timeout"));
        let configured = configured.and_then(holdfast_model::duration::checked_interval_ms);
        let timeout = if timeout_ms > 0 { timeout_ms } else { configured.unwrap_or(20_000) };
        parameters.insert("CRM_meta_timeout".to_owned(), timeout.to_string());
        parameters.extend(overrides);
        let run = Operation {
            call: CallId(0),
            rsc: reference.id.clone(),
            class: reference.class.clone(),
            provider: reference.provider.clone(),
            agent: reference.agent.clone(),
            operation,
            interval_ms: 0,
            timeout: Span::millis(timeout.into()),
            parameters: parameters.into_iter().collect(),
            target: None,
            capture: true,
        };
        let request = self.wait_locally(Waiting::client(client, id));
        let wanted = Wanted {
            rsc: reference,
            operation: run,
            key: TransitionKey::outside(0, 0),
            delay: Span::ZERO,
            ignore_failure: true,
            purpose: Purpose::Forced { request },
        };
        self.local.want(wanted, self.now);
        self.drain_local();
    }

    pub(super) fn request_removal(
        &mut self,
        client: ClientId,
        id: u64,
        node: &str,
        force: bool,
        who: &Credentials,
    ) {
        if self.refuse_unprivileged(client, id, who) {
            return;
        }
        let found = self.shared.resolve(node).or_else(|| {
            self.cib.typed().nodes.iter().find(|n| n.name == node || n.id == node).map(|n| n.id.clone())
        });
        let Some(found) = found else { return self.no_such_node(client, id, node) };
        let member = found.parse().ok().is_some_and(|n| self.membership.is_member(holdfast_totem::NodeId(n)));
        let configured = self.configured_node(node).is_some();
        if member || (configured && !force) {
            let why = if member { "is a member of the cluster" } else { "is in corosync.conf" };
            let failure = Failure::new(FailureKind::Again, format!("{node} {why}"))
                .hint("stop holdfast there and take it out of corosync.conf on all nodes first");
            return self.reply(client, id, Reply::Failed(failure));
        }
        self.submit(Waiting::client(client, id), Some(ORDERED), |request| ClusterMessage::RemoveNode {
            node: found,
            request,
        });
    }

    pub(super) fn on_remove_node(&mut self, ours: bool, node: &str, request: u64) {
        let member = node.parse().ok().is_some_and(|n| self.membership.is_member(holdfast_totem::NodeId(n)));
        if !member {
            self.shared.nodes.remove(node);
            self.shared.attributes.forget_node(node);
            self.status_changed();
            self.relevant("a node was removed");
            if ours {
                let entry = format!("//nodes/node[@id='{}']", escaped(node));
                let mut delete = CibRequest::query();
                delete.operation = CibOperation::Delete;
                delete.target = Target::XPath(entry);
                self.change_ourselves(delete);
            }
        }
        if ours {
            self.finished(request, Reply::Done);
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    holdfast_xml::escape_attribute(text, &mut out);
    out
}
