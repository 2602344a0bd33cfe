//! Status in XML, both ways.

use holdfast_xml::{Document, Element, NodeIx};

use super::{NodeState, OperationRecord, ResourceHistory, Status, TicketState, TransientAttributes};
use crate::attributes::AttributeSet;
use crate::boolean::is_true;
use crate::read;
use crate::score::parse_leading_integer;

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn integer(element: Element<'_>, name: &str) -> Option<i64> {
    element.attr(name).and_then(parse_leading_integer)
}

/// Reads a `status` element.
pub fn from_xml(section: Element<'_>) -> Status {
    let mut status = Status::default();
    for element in section.children() {
        match element.name() {
            "node_state" => status.nodes.push(NodeState::from_xml(element)),
            "tickets" => {
                status.tickets.extend(element.children_named("ticket_state").map(TicketState::from_xml));
            }
            _ => {}
        }
    }
    status
}

/// The attributes of `element` that are not in `known`.
fn others(element: Element<'_>, known: &[&str]) -> Vec<(String, String)> {
    element
        .attrs()
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn put(document: &mut Document, ix: NodeIx, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        document.set_attr(ix, name, value);
    }
}

fn put_all(document: &mut Document, ix: NodeIx, others: &[(String, String)]) {
    for (name, value) in others {
        document.set_attr(ix, name, value);
    }
}

impl Status {
    /// Appends `node_state` and `tickets` elements to a `status` element.
    pub fn to_xml(&self, document: &mut Document, section: NodeIx) {
        for node in &self.nodes {
            node.to_xml(document, section);
        }
        if !self.tickets.is_empty() {
            let tickets = document.append(section, "tickets");
            for ticket in &self.tickets {
                ticket.to_xml(document, tickets);
            }
        }
    }
}

const NODE_STATE: [&str; 11] = [
    "id",
    "uname",
    "in_ccm",
    "crmd",
    "join",
    "expected",
    "remote_node",
    "node_fenced",
    "node_in_maintenance",
    "crm-debug-origin",
    "crm_debug_origin",
];

impl NodeState {
    /// Reads a `node_state` element.
    pub fn from_xml(element: Element<'_>) -> NodeState {
        let lrm = element.child("lrm");
        let mut transient = TransientAttributes::default();
        if let Some(holder) = element.child("transient_attributes") {
            let mut reader = read::Reader::new(holder.document());
            transient.id = owned(holder.attr("id"));
            transient.sets = read::sets(&mut reader, holder, "instance_attributes");
            transient.utilization = read::sets(&mut reader, holder, "utilization");
        }
        NodeState {
            id: element.attr("id").unwrap_or_default().to_owned(),
            name: element.attr("uname").unwrap_or_default().to_owned(),
            without_id: element.attr("id").is_none(),
            without_name: element.attr("uname").is_none(),
            in_ccm: owned(element.attr("in_ccm")),
            crmd: owned(element.attr("crmd")),
            join: owned(element.attr("join")),
            expected: owned(element.attr("expected")),
            remote_node: is_true(element.attr("remote_node")),
            node_fenced: owned(element.attr("node_fenced")),
            node_in_maintenance: owned(element.attr("node_in_maintenance")),
            origin: owned(element.attr("crm-debug-origin")),
            other: others(element, &NODE_STATE),
            transient,
            resources: lrm
                .and_then(|lrm| lrm.child("lrm_resources"))
                .into_iter()
                .flat_map(|resources| resources.children_named("lrm_resource"))
                .map(ResourceHistory::from_xml)
                .collect(),
            has_history: lrm.is_some(),
        }
    }

    /// Appends a `node_state` element.
    pub fn to_xml(&self, document: &mut Document, parent: NodeIx) -> NodeIx {
        let ix = document.append(parent, "node_state");
        if self.remote_node {
            document.set_attr(ix, "remote_node", "true");
        }
        if !self.without_id {
            document.set_attr(ix, "id", &self.id);
        }
        if !self.without_name {
            document.set_attr(ix, "uname", &self.name);
        }
        for (name, value) in [
            ("in_ccm", &self.in_ccm),
            ("crmd", &self.crmd),
            ("crm-debug-origin", &self.origin),
            ("join", &self.join),
            ("expected", &self.expected),
            ("node_fenced", &self.node_fenced),
            ("node_in_maintenance", &self.node_in_maintenance),
        ] {
            put(document, ix, name, value.as_deref());
        }
        put_all(document, ix, &self.other);
        if !self.transient.is_empty() {
            let holder = document.append(ix, "transient_attributes");
            document.set_attr(holder, "id", self.transient.id.as_deref().unwrap_or(&self.id));
            for (name, sets) in
                [("instance_attributes", &self.transient.sets), ("utilization", &self.transient.utilization)]
            {
                for set in sets {
                    set_to_xml(document, holder, name, set);
                }
            }
        }
        if self.has_history || !self.resources.is_empty() {
            let lrm = document.append(ix, "lrm");
            document.set_attr(lrm, "id", &self.id);
            let resources = document.append(lrm, "lrm_resources");
            for resource in &self.resources {
                resource.to_xml(document, resources);
            }
        }
        ix
    }
}

/// Writes a block of pairs without rule (status has none).
fn set_to_xml(document: &mut Document, parent: NodeIx, name: &str, set: &AttributeSet) {
    let ix = document.append(parent, name);
    document.set_attr(ix, "id", &set.id);
    for pair in &set.pairs {
        let child = document.append(ix, "nvpair");
        document.set_attr(child, "id", &pair.id);
        document.set_attr(child, "name", &pair.name);
        document.set_attr(child, "value", &pair.value);
    }
}

impl TicketState {
    /// Reads a `ticket_state` element.
    pub fn from_xml(element: Element<'_>) -> TicketState {
        TicketState {
            id: element.attr("id").unwrap_or_default().to_owned(),
            granted: is_true(element.attr("granted")),
            standby: is_true(element.attr("standby")),
            last_granted: integer(element, "last-granted"),
            other: others(element, &["id", "granted", "standby", "last-granted"]),
        }
    }

    /// Appends a `ticket_state` element.
    pub fn to_xml(&self, document: &mut Document, parent: NodeIx) -> NodeIx {
        let ix = document.append(parent, "ticket_state");
        document.set_attr(ix, "id", &self.id);
        document.set_attr(ix, "granted", if self.granted { "true" } else { "false" });
        put(document, ix, "last-granted", self.last_granted.map(|time| time.to_string()).as_deref());
        if self.standby {
            document.set_attr(ix, "standby", "true");
        }
        put_all(document, ix, &self.other);
        ix
    }
}

impl ResourceHistory {
    /// Reads an `lrm_resource` element.
    pub fn from_xml(element: Element<'_>) -> ResourceHistory {
        ResourceHistory {
            id: element.attr("id").unwrap_or_default().to_owned(),
            class: element.attr("class").unwrap_or_default().to_owned(),
            provider: owned(element.attr("provider")),
            agent_type: element.attr("type").unwrap_or_default().to_owned(),
            container: owned(element.attr("container")),
            shutdown_lock: integer(element, "shutdown-lock").filter(|time| *time != 0),
            operations: element.children_named("lrm_rsc_op").map(OperationRecord::from_xml).collect(),
            other: others(element, &["id", "class", "provider", "type", "container", "shutdown-lock"]),
        }
    }

    /// Appends an `lrm_resource` element.
    pub fn to_xml(&self, document: &mut Document, parent: NodeIx) -> NodeIx {
        let ix = document.append(parent, "lrm_resource");
        document.set_attr(ix, "id", &self.id);
        document.set_attr(ix, "class", &self.class);
        put(document, ix, "provider", self.provider.as_deref());
        document.set_attr(ix, "type", &self.agent_type);
        put(document, ix, "container", self.container.as_deref());
        put(document, ix, "shutdown-lock", self.shutdown_lock.map(|time| time.to_string()).as_deref());
        put_all(document, ix, &self.other);
        for operation in &self.operations {
            operation.to_xml(document, ix);
        }
        ix
    }
}

/// Stands for an op-status or rc-code that is missing or not a number; such an entry is ignored.
const INVALID: i32 = -99;

impl OperationRecord {
    /// Reads an `lrm_rsc_op` element.
    pub fn from_xml(element: Element<'_>) -> OperationRecord {
        fn number(text: &str) -> i32 {
            parse_leading_integer(text).and_then(|value| i32::try_from(value).ok()).unwrap_or(INVALID)
        }
        fn time(text: &str) -> Option<u64> {
            parse_leading_integer(text).and_then(|value| u64::try_from(value).ok())
        }
        let mut record = OperationRecord {
            call_id: -1,
            rc_code: INVALID,
            op_status: INVALID,
            ..OperationRecord::default()
        };
        // One look at every attribute: a large status has millions of them.
        for (name, value) in element.attrs() {
            let text = || Some(value.to_owned());
            match name {
                "id" => record.id = value.to_owned(),
                "operation_key" => record.operation_key = text(),
                "operation" => record.operation = value.to_owned(),
                "crm-debug-origin" => record.origin = text(),
                "crm_feature_set" => record.feature_set = text(),
                "transition-key" => record.transition_key = text(),
                "transition-magic" => record.transition_magic = text(),
                "exit-reason" => record.exit_reason = text(),
                "on_node" => record.on_node = text(),
                "call-id" => record.call_id = number(value),
                "rc-code" => record.rc_code = number(value),
                "op-status" => record.op_status = number(value),
                "interval" => {
                    record.interval_ms = time(value).and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
                }
                "last-rc-change" => record.last_rc_change = parse_leading_integer(value),
                "exec-time" => record.exec_time_ms = time(value),
                "queue-time" => record.queue_time_ms = time(value),
                "op-digest" => record.op_digest = text(),
                "op-force-restart" => record.op_force_restart = text(),
                "op-restart-digest" => record.op_restart_digest = text(),
                "op-secure-params" => record.op_secure_params = text(),
                "op-secure-digest" => record.op_secure_digest = text(),
                "migrate_source" => record.migrate_source = text(),
                "migrate_target" => record.migrate_target = text(),
                // Once written beside last-rc-change, with the same value.
                "last-run" => {}
                _ => record.other.push((name.to_owned(), value.to_owned())),
            }
        }
        record
    }

    /// Appends an `lrm_rsc_op` element.
    pub fn to_xml(&self, document: &mut Document, parent: NodeIx) -> NodeIx {
        let ix = document.append(parent, "lrm_rsc_op");
        document.set_attr(ix, "id", &self.id);
        put(document, ix, "operation_key", self.operation_key.as_deref());
        document.set_attr(ix, "operation", &self.operation);
        let text = |number: i32| (number != INVALID).then(|| number.to_string());
        for (name, value) in [
            ("crm-debug-origin", self.origin.clone()),
            ("crm_feature_set", self.feature_set.clone()),
            ("transition-key", self.transition_key.clone()),
            ("transition-magic", self.transition_magic.clone()),
            ("exit-reason", self.exit_reason.clone()),
            ("on_node", self.on_node.clone()),
            ("call-id", text(self.call_id)),
            ("rc-code", text(self.rc_code)),
            ("op-status", text(self.op_status)),
            ("interval", Some(self.interval_ms.to_string())),
            ("last-rc-change", self.last_rc_change.map(|time| time.to_string())),
            ("exec-time", self.exec_time_ms.map(|time| time.to_string())),
            ("queue-time", self.queue_time_ms.map(|time| time.to_string())),
            ("migrate_source", self.migrate_source.clone()),
            ("migrate_target", self.migrate_target.clone()),
            ("op-digest", self.op_digest.clone()),
            ("op-force-restart", self.op_force_restart.clone()),
            ("op-restart-digest", self.op_restart_digest.clone()),
            ("op-secure-params", self.op_secure_params.clone()),
            ("op-secure-digest", self.op_secure_digest.clone()),
        ] {
            put(document, ix, name, value.as_deref());
        }
        put_all(document, ix, &self.other);
        ix
    }
}
