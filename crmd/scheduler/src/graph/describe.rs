//! What is written about one action of the graph: names, parameters, meta attributes, expected losses.
//!
//! Knows the names under which agents, executors and histories know things. Decides nothing.

use super::shared::{Origin, Settled, Shared};
use super::{Action, ActionId, ActionKind, Attributes, NodeName, ResourceName};
use crate::actions::kinds::{Act, ActIx, Key, Task, flag};
use crate::actions::plan::Plan;
use crate::facts::{Flags, NodeIx, RscIx, RscKind};
use holdfast_model::{Text, digest};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Plan<'_> {
    /// Remote nodes whose maintenance mark is out of date, with the new value.
    pub(crate) fn maintenance_changes(&self) -> Vec<(String, bool)> {
        self.facts
            .nodes
            .iter()
            .filter(|node| node.is_remote() && node.maintenance != node.remote_maintenance)
            .map(|node| (node.id.clone(), node.maintenance))
            .collect()
    }

    /// An action as the graph shows it; as an input it has no details.
    pub(super) fn describe(&self, action: ActIx, details: bool, shared: &mut Shared) -> Action {
        let act = self.act(action);
        let pseudo = act.is(flag::PSEUDO);
        let kind = match act.task {
            Task::Stonith if pseudo => ActionKind::Pseudo,
            Task::Stonith => ActionKind::Fence,
            Task::Shutdown | Task::ClearFailcount | Task::LrmDelete => ActionKind::Cluster,
            _ if pseudo => ActionKind::Pseudo,
            _ => ActionKind::Resource,
        };
        let facts = self.facts;
        let node = act.node.filter(|_| kind != ActionKind::Pseudo || act.task == Task::Stonith);
        let named = node.map(|node| (node, shared.node(facts, node)));
        let (task, rsc) = (act.task, act.rsc);
        let history = rsc.and_then(|rsc| self.rsc(rsc).history_id.as_deref());
        let full_key = match rsc {
            Some(rsc) => shared.key(rsc, act.key, || self.full_key(action)),
            None => Text::from(self.full_key(action)),
        };
        let mut described = Action {
            id: ActionId(action.number()),
            kind,
            operation: shared.task(task, self.task_text(task)),
            key: match history {
                Some(history) => self.history_key(action, history).into(),
                None => full_key.clone(),
            },
            internal_key: history.map(|_| full_key),
            node: named.as_ref().map(|(_, name)| Arc::clone(name)),
            router: node
                .and_then(|_| self.router(action))
                .map(|router| shared.node(facts, router).name.clone()),
            cib_only: task == Task::LrmDelete,
            shutdown_lock: None,
            resource: None,
            resource_instance: rsc.map(|rsc| shared.name(facts, rsc)),
            attributes: Attributes::default(),
            parameters: Arc::default(),
            downed: Vec::new(),
            maintenance: Vec::new(),
            timeout_ms: 0,
            start_delay_ms: 0,
            interval_ms: act.interval_ms(),
            expected_rc: 0,
            reason: act.reason.clone(),
        };
        if !details {
            return described;
        }
        if let Some(rsc) = rsc.filter(|_| !pseudo) {
            if self.keeps_lock(action, rsc) {
                described.shutdown_lock = Some(self.rscs[rsc].lock_time);
            }
            described.resource = Some(shared.resource(rsc, || self.resource_name(rsc)));
        }
        self.add_attributes(
            action,
            named.as_ref().map(|(node, name)| (*node, &**name)),
            &mut described,
            shared,
        );
        if node.is_some() {
            described.downed = self.downed(action);
        }
        if kind == ActionKind::Pseudo && &*described.operation == "maintenance_nodes" {
            described.maintenance = self.maintenance_changes();
        }
        described
    }

    /// The key that the history uses for an instance.
    fn history_key(&self, action: ActIx, history: &str) -> String {
        let act = self.act(action);
        if act.task == Task::Notify {
            let meta = |name: &str| act.own_meta(name).unwrap_or("");
            return format!("{history}_{}_notify_{}_0", meta("notify_type"), meta("notify_operation"));
        }
        let task = act.cancelled.unwrap_or(act.task);
        format!("{history}_{}_{}", self.task_text(task), self.meta_interval(act))
    }

    fn meta_interval(&self, act: &Act) -> u64 {
        match act.own_meta("interval") {
            Some(interval) => interval.parse().unwrap_or(0),
            None => act.interval_ms(),
        }
    }

    /// The name of an action in drawings.
    pub(super) fn label(&self, action: ActIx) -> String {
        let act = self.act(action);
        let host = match act.node {
            Some(node) => Some(self.facts.nodes[node].name.as_str()),
            None if !act.is(flag::PSEUDO) => Some("<none>"),
            None => None,
        };
        let with_host = |text: String| match host {
            Some(host) => format!("{text} {host}"),
            None => text,
        };
        let prefix = if act.task == Task::Cancel { "Cancel " } else { "" };
        let history = act.rsc.and_then(|rsc| self.rsc(rsc).history_id.as_deref());
        if let Some(history) = history {
            let key = if matches!(act.task, Task::Notify | Task::Notified) {
                let meta = |name: &str| act.own_meta(name).unwrap_or("");
                format!("{history}_{}_notify_{}_0", meta("notify_key_type"), meta("notify_key_operation"))
            } else {
                let task = act.cancelled.unwrap_or(act.task);
                format!("{history}_{}_{}", self.task_text(task), self.meta_interval(act))
            };
            return with_host(format!("{prefix}{key}"));
        }
        if act.task == Task::Stonith {
            let op = act.own_meta("stonith_action").unwrap_or("");
            return with_host(format!("{prefix}stonith '{op}'"));
        }
        match (act.rsc, host) {
            (Some(_), Some(_)) => with_host(format!("{prefix}{}", self.full_key(action))),
            (None, Some(_)) => with_host(format!("{prefix}{}", self.task_text(act.task))),
            (_, None) => self.full_key(action),
        }
    }

    fn keeps_lock(&self, action: ActIx, rsc: RscIx) -> bool {
        let act = self.act(action);
        let Some(node) = self.rscs[rsc].lock_node else {
            return false;
        };
        act.node == Some(node) && (!self.nodes[node].shutdown || act.task == Task::Stop)
    }

    fn resource_name(&self, rsc: RscIx) -> ResourceName {
        let data = self.rsc(rsc);
        let history = data.history_id.as_deref();
        let (id, long_id) = match history {
            Some(history) if self.is(rsc, Flags::REMOVED) => (history, Some(data.id.as_str())),
            _ if !self.is(rsc, Flags::UNIQUE) => {
                let long = history.filter(|history| *history != data.config_id).unwrap_or(&data.id);
                (data.config_id.as_str(), Some(long))
            }
            _ => (data.id.as_str(), None),
        };
        let agent = data.agent.clone().unwrap_or_default();
        ResourceName {
            id: id.into(),
            long_id: long_id.map(Text::from),
            class: agent.class.into(),
            provider: agent.provider.map(Text::from),
            agent: agent.agent_type.into(),
        }
    }

    fn add_attributes(
        &self,
        action: ActIx,
        named: Option<(NodeIx, &NodeName)>,
        described: &mut Action,
        shared: &mut Shared,
    ) {
        let act = self.act(action);
        let guest = act.node.is_some_and(|node| self.facts.nodes[node].is_guest());
        let (settled, own) = match act.rsc {
            Some(rsc) if !guest && shared.is_plain(self.facts, rsc) => {
                let origin = Origin {
                    rsc,
                    created_as: act.created_as,
                    interval_ms: act.interval_ms(),
                    op: act.op,
                    on_node: act.node.is_some(),
                };
                (shared.settled(origin, || self.settle(act, None)), shared.own(act, named))
            }
            _ => (self.settle(act, Some(named.map(|(_, name)| name))), Arc::default()),
        };
        let number = |name: &str, settled: u64| match act.own_meta(name) {
            Some(value) => value.parse().unwrap_or(0),
            None => settled,
        };
        described.timeout_ms = number("timeout", settled.timeout_ms);
        described.start_delay_ms = number("start-delay", settled.start_delay_ms);
        described.interval_ms = self.meta_interval(act);
        described.expected_rc = match act.own_meta("op_target_rc") {
            Some(rc) => rc.parse().unwrap_or(0),
            None => settled.expected_rc,
        };
        described.attributes = Attributes::of_parts(settled.attributes, own);
        described.parameters = settled.parameters;
    }

    /// The attributes of an action; with `own` also those that the planner set for this one, where it happens
    /// (if that is one of them) included.
    fn settle(&self, act: &Act, own: Option<Option<&NodeName>>) -> Settled {
        let facts = self.facts;
        let mut table: BTreeMap<String, String> = BTreeMap::new();
        let mut parameters: Vec<(String, String)> = Vec::new();
        table.insert("crm_feature_set".to_owned(), super::xml::FEATURE_SET.to_owned());
        let mut meta: BTreeMap<String, String> = BTreeMap::new();
        if let Some(rsc) = act.rsc {
            let op = act.op.map(|at| &self.rsc(rsc).ops()[at]);
            if let (Some(op), Some(_)) = (op, act.node) {
                for (name, value) in facts.op_params(op, act.node) {
                    table.entry(name).or_insert(value);
                }
            }
            if act.node.is_some() || self.rsc(rsc).is_primitive() {
                self.add_parameters(rsc, act.node, &mut table, &mut parameters);
            }
            let task = self.task_text(act.created_as);
            let interval_ms = u32::try_from(act.interval_ms()).unwrap_or(u32::MAX);
            meta = facts.op_meta(rsc, act.created_on, task, interval_ms, op);
        }
        if let Some(named) = own {
            for (name, value) in &act.meta {
                meta.insert((*name).to_owned(), value.to_string());
            }
            if let Some(node) = named {
                meta.insert("on_node".to_owned(), node.name.to_string());
                meta.insert("on_node_uuid".to_owned(), node.id.to_string());
            }
        }
        for (name, value) in &meta {
            if !name.contains(['#', ':']) {
                table.entry(digest::meta_name(name)).or_insert_with(|| value.clone());
            }
        }
        if let Some(rsc) = act.rsc {
            let mut at = Some(rsc);
            while let Some(outer) = at {
                self.add_graph_meta(outer, &mut table);
                at = self.rsc(outer).parent;
            }
            self.add_guest_meta(act, rsc, &mut table);
        }
        let number = |name: &str| meta.get(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let texts = |(name, value): (String, String)| (Text::from(name), Text::from(value));
        Settled {
            timeout_ms: number("timeout"),
            start_delay_ms: number("start-delay"),
            expected_rc: meta.get("op_target_rc").and_then(|rc| rc.parse().ok()).unwrap_or(0),
            attributes: table.into_iter().map(texts).collect(),
            parameters: parameters.into_iter().map(texts).collect(),
        }
    }

    /// Parameters of the resource as they are on the node.
    fn add_parameters(
        &self,
        rsc: RscIx,
        node: Option<NodeIx>,
        table: &mut BTreeMap<String, String>,
        parameters: &mut Vec<(String, String)>,
    ) {
        for (name, mut value) in self.facts.params(rsc, node) {
            if name == "addr"
                && value == "#uname"
                && let Some(host) = self.host_name(rsc)
            {
                value = host.to_owned();
            }
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                parameters.push((name, value));
            } else {
                table.entry(name).or_insert(value);
            }
        }
    }

    fn add_graph_meta(&self, rsc: RscIx, table: &mut BTreeMap<String, String>) {
        let data = self.rsc(rsc);
        let mut add = |name: &str, value: String| {
            table.entry(digest::meta_name(name)).or_insert(value);
        };
        match &data.kind {
            RscKind::Primitive => {
                for name in ["clone", "remote-node"] {
                    if let Some(value) = data.meta(name) {
                        add(name, value.to_owned());
                    }
                }
                let mut at = Some(rsc);
                while let Some(outer) = at {
                    if let Some(launcher) = self.rsc(outer).launcher {
                        add("container", self.rsc(launcher).id.clone());
                    }
                    at = self.rsc(outer).parent;
                }
                if let Some(ip) = data.meta("external-ip") {
                    table.entry("pcmk_external_ip".to_owned()).or_insert_with(|| ip.to_owned());
                }
            }
            RscKind::Clone(clone) => {
                add("globally-unique", self.is(rsc, Flags::UNIQUE).to_string());
                add("notify", self.is(rsc, Flags::NOTIFY).to_string());
                add("clone-max", clone.max.to_string());
                add("clone-node-max", clone.node_max.to_string());
                if self.is(rsc, Flags::PROMOTABLE) {
                    add("promoted-max", clone.promoted_max.to_string());
                    add("promoted-node-max", clone.promoted_node_max.to_string());
                    add("master-max", clone.promoted_max.to_string());
                    add("master-node-max", clone.promoted_node_max.to_string());
                }
            }
            RscKind::Group(_) | RscKind::Bundle(_) => {}
        }
    }

    /// Where a guest is, for what happens on it.
    fn add_guest_meta(&self, act: &Act, rsc: RscIx, table: &mut BTreeMap<String, String>) {
        let Some(node) = act.node.filter(|node| self.facts.nodes[*node].is_guest()) else {
            return;
        };
        let Some(launcher) = self.launcher_of_node(node) else {
            return;
        };
        let task = match act.task {
            Task::Notify | Task::Notified => act.own_meta("notify_operation").and_then(Task::built_in),
            task => Some(task),
        };
        let host = match task {
            Some(Task::Stop | Task::Stopped | Task::Demote | Task::Demoted) => self.current_node(launcher),
            Some(Task::Start | Task::Running | Task::Monitor | Task::Promote | Task::Promoted) => {
                self.rscs[launcher].assigned
            }
            _ => None,
        };
        let Some(host) = host else {
            return;
        };
        let mut add = |name: &str, value: &str| {
            table.entry(digest::meta_name(name)).or_insert_with(|| value.to_owned());
        };
        if let Some(target) = self.rsc(rsc).meta("container-attribute-target") {
            add("container-attribute-target", target);
        }
        add("physical-host", &self.facts.nodes[host].name);
    }

    /// Nodes that go down with an action.
    fn downed(&self, action: ActIx) -> Vec<String> {
        let act = self.act(action);
        let Some(node) = act.node else {
            return Vec::new();
        };
        let data = &self.facts.nodes[node];
        match (act.task, act.rsc) {
            (Task::Shutdown, _) => vec![data.id.clone()],
            (Task::Stonith, _) => {
                if !matches!(act.own_meta("stonith_action"), Some("off" | "reboot")) {
                    return Vec::new();
                }
                let mut downed = vec![data.id.clone()];
                for rsc in &data.running {
                    if self.is(*rsc, Flags::REMOTE_CONNECTION)
                        && self.rsc(*rsc).launcher.is_some()
                        && let Some(guest) = self.rsc(*rsc).remote_node
                    {
                        downed.push(self.facts.nodes[guest].id.clone());
                    }
                }
                downed
            }
            (Task::Stop, Some(rsc)) if self.is(rsc, Flags::REMOTE_CONNECTION) => {
                let migrating = act.before.iter().any(|input| {
                    let first = self.act(input.first);
                    first.rsc == Some(rsc) && first.key == Key::Op(Task::MigrateFrom, 0)
                });
                if migrating { Vec::new() } else { vec![self.rsc(rsc).id.clone()] }
            }
            _ => Vec::new(),
        }
    }
}
