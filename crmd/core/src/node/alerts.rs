//! Events that alert programs are told of, and on which node.
//!
//! A node that comes or goes and a fencing operation are told by every member, an operation of a resource by the node
//! that ran it, an attribute by the decision maker. Knows no program: `crate::alerts` makes the calls.

use std::collections::BTreeMap;

use holdfast_agent_protocol::Rc;
use holdfast_api::fence::{FenceRecord, FenceState};
use holdfast_model::status::ExecStatus;
use holdfast_totem::NodeId;

use super::Node;
use crate::alerts::{Event, Kind, calls};
use crate::io::Output;
use crate::message::Announce;
use crate::state::history::Ended;

impl Node {
    fn alert(&mut self, kind: Kind<'_>, variables: Vec<(&'static str, String)>) {
        let typed = std::sync::Arc::clone(self.cib.typed());
        let event = Event { kind, variables, at: self.now.wall };
        let version = &self.settings.program_version;
        for alert in calls(&typed.alerts, &event, version, &mut self.alert_calls) {
            self.outputs.push_back(Output::Alert(Box::new(alert)));
        }
    }

    /// All members are in step: who is new, who is gone. A daemon that was started again went and came.
    pub(super) fn alert_members(&mut self, announces: &BTreeMap<NodeId, Announce>) {
        let now: BTreeMap<NodeId, i64> = announces.iter().map(|(id, one)| (*id, one.since)).collect();
        let before = std::mem::replace(&mut self.alerted, now.clone());
        let lost = before.iter().filter(|(id, since)| now.get(*id) != Some(*since));
        let come = now.iter().filter(|(id, since)| before.get(*id) != Some(*since));
        let changes: Vec<(NodeId, &'static str)> =
            lost.map(|(id, _)| (*id, "lost")).chain(come.map(|(id, _)| (*id, "member"))).collect();
        for (id, word) in changes {
            let variables =
                vec![("node", self.name_of(id)), ("nodeid", id.to_string()), ("desc", word.to_owned())];
            self.alert(Kind::Node, variables);
        }
        // What members told anew about themselves is no news.
        self.shared.attributes.news.clear();
    }

    /// An operation on this node ended. A probe that found what was expected is not told.
    pub(super) fn alert_resource(&mut self, node: &str, ended: &Ended) {
        let probe = ended.operation == "monitor" && ended.interval_ms == 0;
        if ended.is_pending() || (probe && ended.rc == ended.key.expected_rc) {
            return;
        }
        let status = ExecStatus::from_code(ended.status);
        let desc = if status == ExecStatus::Done {
            Rc(ended.rc).text()
        } else {
            super::deliver::status_words(ended.status)
        };
        let variables = vec![
            ("node", node.to_owned()),
            ("rsc", ended.rsc.id.clone()),
            ("task", ended.operation.clone()),
            ("interval", ended.interval_ms.to_string()),
            ("desc", desc.to_owned()),
            ("status", ended.status.to_string()),
            ("target_rc", ended.key.expected_rc.to_string()),
            ("rc", ended.rc.to_string()),
            ("exec_time", ended.exec_ms.to_string()),
        ];
        self.alert(Kind::Resource, variables);
    }

    /// Attributes whose value in the status changed since the last look.
    pub(super) fn alert_attributes(&mut self) {
        if self.shared.attributes.news.is_empty() {
            return;
        }
        let news = std::mem::take(&mut self.shared.attributes.news);
        if !self.is_dc() {
            return;
        }
        for one in news {
            let node = self.shared.nodes.get(&one.node).map_or_else(|| one.node.clone(), |n| n.name.clone());
            let variables = vec![
                ("node", node),
                ("nodeid", one.node),
                ("attribute_name", one.name.clone()),
                ("attribute_value", one.value.unwrap_or_default()),
            ];
            self.alert(Kind::Attribute(&one.name), variables);
        }
    }

    /// A fencing operation ended.
    pub(super) fn alert_fencing(&mut self, record: &FenceRecord) {
        let ok = record.state == FenceState::Done;
        let desc = format!(
            "Operation {} of {} by {} for {}@{}: {}",
            record.action.word(),
            record.target,
            record.delegate.as_deref().unwrap_or("<no one>"),
            record.client,
            record.origin,
            if ok { "OK" } else { record.reason.as_deref().unwrap_or("Error") }
        );
        let variables = vec![
            ("node", record.target.clone()),
            ("task", format!("st_notify_fence_{}", record.action.word())),
            ("desc", desc),
            ("rc", if ok { "0" } else { "1" }.to_owned()),
        ];
        self.alert(Kind::Fencing, variables);
    }
}
