//! Answers from what this node knows: the document, nodes, counters, the summary for status views.

use holdfast_api::cib::{CibReply, CibRequest};
use holdfast_api::cluster::{ClusterReply, ClusterRequest, DaemonState};
use holdfast_api::node::{NodeInfo, NodeKind};
use holdfast_api::summary::Summary;
use holdfast_api::{Credentials, Failure, FailureKind, Reply};
use holdfast_totem::NodeId;

use super::Node;
use crate::cib::Header;
use crate::message::FeatureSet;
use crate::state::nodes::{Expected, Join};

impl Node {
    pub(super) fn header(&self) -> Header {
        Header { quorate: self.membership.quorate(), dc: self.membership.dc().map(|id| id.to_string()) }
    }

    pub(super) fn query_cib(&mut self, request: &CibRequest, who: &Credentials) -> Reply {
        let user = store_user(request.options.user.as_deref(), who);
        match self.cib.query(request, user, &self.shared.status(), &self.header()) {
            Ok(xml) => Reply::Cib(CibReply {
                version: self.cib.version(),
                xml: Some(xml),
                provisional: false,
                warnings: Vec::new(),
            }),
            Err(failure) => Reply::Failed(failure),
        }
    }

    /// Every node that the cluster knows.
    pub(super) fn node_infos(&self) -> Vec<NodeInfo> {
        let mut found: Vec<NodeInfo> = self
            .shared
            .nodes
            .values()
            .map(|n| {
                let id = n.id.parse().unwrap_or(0);
                NodeInfo {
                    id,
                    name: n.name.clone(),
                    kind: if n.remote { NodeKind::Remote } else { NodeKind::Cluster },
                    member: self.membership.is_member(NodeId(id)),
                    ready: self.membership.is_ready(NodeId(id)),
                    dc: self.membership.dc() == Some(NodeId(id)),
                    unclean: n.is_unclean(),
                    shutting_down: self.shared.attributes.get("shutdown", &n.id).is_some()
                        || (n.expected == Expected::Down && n.join != Join::Down),
                    quorate: self.membership.quorate(),
                }
            })
            .collect();
        for node in self.settings.nodes.iter().filter(|n| !self.shared.nodes.contains_key(&n.id.to_string()))
        {
            found.push(NodeInfo {
                id: node.id.0,
                name: node.name.clone(),
                member: self.membership.is_member(node.id),
                quorate: self.membership.quorate(),
                ..NodeInfo::default()
            });
        }
        found.sort_by_key(|n| n.id);
        found
    }

    /// The state in the words of the old controller.
    fn state_word(&self) -> &'static str {
        if self.leaving.since().is_some() {
            "S_STOPPING"
        } else if !self.membership.settled() {
            if self.membership.ring().is_some() { "S_INTEGRATION" } else { "S_PENDING" }
        } else if !self.is_dc() {
            "S_NOT_DC"
        } else if self.transition.is_some() {
            "S_TRANSITION_ENGINE"
        } else if self.due.is_due() {
            "S_POLICY_ENGINE"
        } else {
            "S_IDLE"
        }
    }

    /// What this daemon is doing.
    pub(super) fn daemon_state(&self) -> DaemonState {
        DaemonState {
            node: self.identity.name.clone(),
            state: self.state_word().to_owned(),
            feature_set: FeatureSet::OURS.to_string(),
            version: self.settings.program_version.clone(),
            dc: self.membership.dc().map(|id| self.name_of(id)),
            quorate: self.membership.quorate(),
        }
    }

    pub(super) fn answer_cluster(&mut self, request: &ClusterRequest, who: &Credentials) -> Reply {
        let dc = self.membership.dc().map(|id| self.name_of(id));
        match request {
            ClusterRequest::Ping => Reply::Cluster(ClusterReply::Pong(self.daemon_state())),
            ClusterRequest::Dc => Reply::Cluster(ClusterReply::Dc(dc)),
            ClusterRequest::Counters => {
                let counters = self.counters.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
                Reply::Cluster(ClusterReply::Counters(counters))
            }
            ClusterRequest::SchedulerInput => {
                let document = self.cib.full(&self.shared.status(), &self.header());
                Reply::Cluster(ClusterReply::SchedulerInput(document.to_string_pretty()))
            }
            ClusterRequest::Summary => self.summary(dc, who),
            ClusterRequest::WaitIdle { .. }
            | ClusterRequest::StateOf { .. }
            | ClusterRequest::Abort { .. }
            | ClusterRequest::Shutdown { .. } => {
                Reply::Failed(Failure::new(FailureKind::Internal, "not a question"))
            }
        }
    }

    fn summary(&mut self, dc: Option<String>, who: &Credentials) -> Reply {
        let user = store_user(None, who);
        let status = self.shared.status();
        let cib = match self.cib.query(&CibRequest::query(), user, &status, &self.header()) {
            Ok(xml) => xml,
            Err(failure) => return Reply::Failed(failure),
        };
        let dc_version = dc.as_ref().map(|_| self.settings.program_version.clone());
        let private = self.shared.attributes.names.iter().filter(|(_, a)| a.private).flat_map(|(name, a)| {
            a.values.iter().filter_map(|(id, v)| Some((name.clone(), id.clone(), v.current.clone()?)))
        });
        let private_attributes: Vec<(String, String, String)> = private.collect();
        Reply::Summary(Box::new(Summary {
            cib,
            version: self.cib.version(),
            nodes: self.node_infos(),
            local: self.identity.name.clone(),
            dc,
            dc_version,
            quorate: self.membership.quorate(),
            provisional: self.is_provisional(),
            state: self.state_word().to_owned(),
            fencing: self.fence_history(None),
            risks: self.risks(),
            private_attributes: private_attributes
                .into_iter()
                .map(|(name, id, value)| {
                    (name, self.shared.nodes.get(&id).map_or(id, |n| n.name.clone()), value)
                })
                .collect(),
            taken_at: self.now.wall.0,
        }))
    }

    /// Promises at risk, one sentence each.
    pub(super) fn risks(&self) -> Vec<String> {
        let options = self.cib.options();
        let mut risks = Vec::new();
        if !options.fencing_enabled {
            risks.push(
                "fencing is off: a node that hangs or is cut off may keep running what another node takes over"
                    .to_owned(),
            );
        }
        if options.no_quorum == crate::options::NoQuorumPolicy::Ignore {
            risks.push(
                "no-quorum-policy is ignore: two parts of the cluster may both run everything".to_owned(),
            );
        }
        if let Some(why) = &self.disk_trouble {
            risks.push(format!("the configuration cannot be written on {}: {why}", self.identity.name));
        }
        risks.extend(self.merge_risks());
        if !self.membership.settled() {
            risks.push("the members have not agreed on a common state".to_owned());
        }
        risks
    }
}

/// The user on whose behalf a request is made; only privileged callers may name another.
fn store_user(named: Option<&str>, who: &Credentials) -> holdfast_store::User {
    match named {
        Some(name) if who.is_privileged() => holdfast_store::User {
            name: name.to_owned(),
            groups: Vec::new(),
            privileged: name == "root" || name == "hacluster",
        },
        _ => holdfast_store::User {
            name: who.user.clone(),
            groups: who.groups.clone(),
            privileged: who.is_privileged(),
        },
    }
}
