//! The status as XML, element by element as monitoring programs expect it; the order of attributes matters to them.

use holdfast_model::Role;
use holdfast_scheduler::facts::{Facts, NoQuorumPolicy, NodeIx, NodeKind};
use holdfast_xml::{Document, NodeIx as ElementIx};

use super::attributes::{expected_ping, shown_attributes};
use super::failures::{shown_failures, status_text};
use super::history::{failures, histories, shown_operations, shown_task};
use super::nodes::feature_set;
use super::resources::resource_list;
use super::restrictions::bans;
use super::summary::mixed_version;
use super::xml_resource::add_resource;
use super::{Head, Picture, Section, Show, is_active, universal_iso};
use crate::exit_text::exit_text;

/// Adds elements to a document.
pub struct Builder {
    /// The document being made.
    pub document: Document,
}

impl Builder {
    /// Adds an element with attributes; those without a value are left out.
    pub fn add(&mut self, parent: ElementIx, name: &str, attributes: &[(&str, Option<&str>)]) -> ElementIx {
        let element = self.document.append(parent, name);
        for (name, value) in attributes {
            if let Some(value) = value {
                self.document.set_attr(element, name, value);
            }
        }
        element
    }
}

/// `true` or `false`.
pub fn yes_no(value: bool) -> Option<&'static str> {
    Some(if value { "true" } else { "false" })
}

/// Adds the wanted sections under `parent`.
pub fn add_status(builder: &mut Builder, parent: ElementIx, picture: &Picture<'_>) {
    let Picture { facts, head, show, wanted, .. } = *picture;
    let wants = |section: Section| wanted.contains(&section);
    add_summary(builder, parent, facts, head, wanted);
    if wants(Section::Nodes) {
        add_nodes(builder, parent, facts, show);
    }
    if wants(Section::Resources) {
        add_resources(builder, parent, facts, show);
    }
    if wants(Section::Attributes) {
        add_attributes(builder, parent, facts, show);
    }
    if wants(Section::Operations) || wants(Section::FailCounts) {
        add_history(builder, parent, facts, show, wants(Section::Operations));
    }
    if wants(Section::Failures) {
        add_failures(builder, parent, facts, show);
    }
    super::fencing::add_fencing(builder, parent, picture);
    if wants(Section::Tickets) && !facts.tickets.is_empty() {
        let tickets = builder.add(parent, "tickets", &[]);
        for (id, ticket) in &facts.tickets {
            let status = if ticket.granted { "granted" } else { "revoked" };
            let last = ticket.last_granted.map(|last| show.time(last));
            let attributes = [
                ("id", Some(id.as_str())),
                ("status", Some(status)),
                ("standby", yes_no(ticket.standby)),
                ("last-granted", last.as_deref()),
            ];
            let element = builder.add(tickets, "ticket", &attributes);
            for (name, value) in
                ticket.state.iter().filter(|(name, _)| name != "last-granted" && name != "expires")
            {
                builder.document.set_attr(element, name, value);
            }
        }
    }
    if wants(Section::Bans) {
        let found: Vec<_> = bans(facts, picture.locations, picture.ban_prefix, show).collect();
        if !found.is_empty() {
            let list = builder.add(parent, "bans", &[]);
            for (location, node, score) in found {
                let promoted = yes_no(location.role == Role::Promoted);
                let weight = score.get().to_string();
                builder.add(
                    list,
                    "ban",
                    &[
                        ("id", Some(&location.id)),
                        ("resource", Some(&facts.rscs[location.rsc].id)),
                        ("node", Some(&facts.nodes[node].name)),
                        ("weight", Some(&weight)),
                        ("promoted-only", promoted),
                        ("master_only", promoted),
                    ],
                );
            }
        }
    }
}

/// Adds the node list.
pub fn add_nodes(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, show: &Show) {
    let nodes = builder.add(parent, "nodes", &[]);
    for node in facts.nodes.indices().filter(|&node| show.nodes.has_node(&facts.nodes[node].name)) {
        add_node(builder, nodes, facts, node, show);
    }
}

/// Adds the resource list, if there is anything to list.
pub fn add_resources(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, show: &Show) {
    if resource_list(facts, show, false).is_none() {
        return;
    }
    let resources = builder.add(parent, "resources", &[]);
    for &rsc in &facts.top {
        let it = &facts.rscs[rsc];
        let (whole, partly) = (is_active(facts, rsc, true), is_active(facts, rsc, false));
        let removed = it.is(holdfast_scheduler::facts::Flags::REMOVED) && !whole;
        let hidden = if show.by_node { whole } else { !partly && !show.inactive };
        let elsewhere = partly && !super::activity::runs_on_any(facts, rsc, show);
        if !removed && !hidden && !elsewhere {
            add_resource(builder, resources, facts, rsc, show);
        }
    }
}

/// Nodes and resources as a document whose root is called `root`.
pub fn sections_xml(root: &str, facts: &Facts<'_>, show: &Show) -> Document {
    let mut builder = Builder { document: Document::new(root) };
    let root = builder.document.root().ix();
    add_nodes(&mut builder, root, facts, show);
    add_resources(&mut builder, root, facts, show);
    builder.document
}

fn add_summary(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, head: &Head, wanted: &[Section]) {
    let wants = |section: Section| wanted.contains(&section);
    let parts = [Section::Stack, Section::Dc, Section::Times, Section::Counts, Section::Options];
    if !parts.into_iter().any(wants) {
        return;
    }
    let summary = builder.add(parent, "summary", &[]);
    if wants(Section::Stack) {
        let attributes = [("type", Some(head.stack.as_str())), ("pacemakerd-state", head.daemon.as_deref())];
        builder.add(summary, "stack", &attributes);
    }
    if wants(Section::Dc) {
        match facts.options.dc.map(|dc| &facts.nodes[dc]) {
            Some(dc) => builder.add(
                summary,
                "current_dc",
                &[
                    ("present", yes_no(true)),
                    ("version", Some(head.dc_version.as_deref().unwrap_or(""))),
                    ("name", Some(&dc.name)),
                    ("id", Some(&dc.id)),
                    ("with_quorum", yes_no(facts.cib.header.have_quorum)),
                    ("mixed_version", yes_no(mixed_version(facts))),
                ],
            ),
            None => builder.add(summary, "current_dc", &[("present", yes_no(false))]),
        };
    }
    if wants(Section::Times) {
        let update = [("time", Some(head.now.as_str())), ("origin", head.here.as_deref())];
        builder.add(summary, "last_update", &update);
        let text = |value: &'_ Option<String>| value.clone().unwrap_or_default();
        builder.add(
            summary,
            "last_change",
            &[
                ("time", Some(&text(&head.last_written))),
                ("user", Some(&text(&head.user))),
                ("client", Some(&text(&head.client))),
                ("origin", Some(&text(&head.origin))),
            ],
        );
    }
    if wants(Section::Counts) {
        let counts = facts.counts;
        builder.add(summary, "nodes_configured", &[("number", Some(&facts.nodes.len().to_string()))]);
        builder.add(
            summary,
            "resources_configured",
            &[
                ("number", Some(&counts.instances.to_string())),
                ("disabled", Some(&counts.disabled.to_string())),
                ("blocked", Some(&counts.blocked.to_string())),
            ],
        );
    }
    if wants(Section::Options) {
        let options = &facts.options;
        let policy = match options.no_quorum {
            NoQuorumPolicy::Freeze => "freeze",
            NoQuorumPolicy::Stop => "stop",
            NoQuorumPolicy::Demote => "demote",
            NoQuorumPolicy::Ignore => "ignore",
            NoQuorumPolicy::Fence => "fence",
        };
        let timeout = options.fence_timeout_ms.to_string();
        builder.add(
            summary,
            "cluster_options",
            &[
                ("fencing-enabled", yes_no(options.fencing)),
                ("fencing-timeout-ms", Some(&timeout)),
                ("symmetric-cluster", yes_no(options.symmetric)),
                ("no-quorum-policy", Some(policy)),
                ("maintenance-mode", yes_no(options.maintenance)),
                ("stop-all-resources", yes_no(options.stop_all)),
                ("priority-fencing-delay-ms", Some(&options.priority_fencing_ms.to_string())),
                ("stonith-enabled", yes_no(options.fencing)),
                ("stonith-timeout-ms", Some(&timeout)),
            ],
        );
    }
}

fn add_node(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, node: NodeIx, show: &Show) {
    let it = &facts.nodes[node];
    let health = match it.health_state {
        ..0 => "red",
        0 => "yellow",
        1.. => "green",
    };
    let kind = if it.kind == NodeKind::Cluster { "member" } else { "remote" };
    let element = builder.add(
        parent,
        "node",
        &[
            ("name", Some(&it.name)),
            ("id", Some(&it.id)),
            ("online", yes_no(it.online)),
            ("standby", yes_no(it.standby)),
            ("standby_onfail", yes_no(it.fail_standby)),
            ("maintenance", yes_no(it.maintenance)),
            ("pending", yes_no(it.pending)),
            ("unclean", yes_no(it.unclean)),
            ("health", Some(health)),
            ("feature_set", feature_set(facts, node)),
            ("shutdown", yes_no(it.shutdown)),
            ("expected_up", yes_no(it.expected_up)),
            ("is_dc", yes_no(facts.options.dc == Some(node))),
            ("resources_running", Some(&it.running.len().to_string())),
            ("type", Some(kind)),
        ],
    );
    let launcher = it.connection.filter(|_| it.is_guest()).and_then(|rsc| facts.rscs[rsc].launcher);
    if let Some(launcher) = launcher {
        builder.document.set_attr(element, "id_as_resource", &facts.rscs[launcher].id);
    }
    if show.by_node {
        let inside = Show { resource_only: true, ..show.clone() };
        for &rsc in &it.running {
            add_resource(builder, element, facts, rsc, &inside);
        }
    }
}

fn add_attributes(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, show: &Show) {
    let nodes: Vec<NodeIx> = facts
        .nodes
        .iter_enumerated()
        .filter(|(_, it)| it.online && show.nodes.has_node(&it.name))
        .map(|(node, _)| node)
        .filter(|&node| shown_attributes(facts, node).next().is_some())
        .collect();
    if nodes.is_empty() {
        return;
    }
    let list = builder.add(parent, "node_attributes", &[]);
    for node in nodes {
        let it = &facts.nodes[node];
        let element = builder.add(list, "node", &[("name", Some(&it.name))]);
        for (name, value) in shown_attributes(facts, node) {
            let expected = expected_ping(facts, node, &it.running, name).map(|expected| expected.to_string());
            builder.add(
                element,
                "attribute",
                &[("name", Some(name)), ("value", Some(value)), ("expected", expected.as_deref())],
            );
        }
    }
}

fn add_history(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, show: &Show, operations: bool) {
    let mut list = None;
    for (node, known) in histories(facts, show) {
        let list = *list.get_or_insert_with(|| builder.add(parent, "node_history", &[]));
        let mut on_node = None;
        for (history, rsc) in known {
            let failed = failures(facts, rsc, node);
            let shown = shown_operations(history);
            if (operations && shown.is_empty()) || (!operations && failed.count <= 0) {
                continue;
            }
            let name = &facts.nodes[node].name;
            let on_node = *on_node.get_or_insert_with(|| builder.add(list, "node", &[("name", Some(name))]));
            let count = (failed.count > 0).then(|| failed.count.to_string());
            let last = failed.last.filter(|&last| last > 0).map(|last| show.time(last));
            let element = builder.add(
                on_node,
                "resource_history",
                &[
                    ("id", Some(&history.id)),
                    ("orphan", yes_no(false)),
                    ("removed", yes_no(false)),
                    ("migration-threshold", Some(&facts.rscs[rsc].migration_threshold.to_string())),
                    ("fail-count", count.as_deref()),
                    ("last-failure", last.as_deref()),
                ],
            );
            for op in shown.into_iter().filter(|_| operations) {
                let ms = |value: Option<u64>| value.filter(|_| show.timing).map(|ms| format!("{ms}ms"));
                let interval = (op.interval_ms != 0).then(|| format!("{}ms", op.interval_ms));
                let changed = op.last_rc_change.filter(|&at| show.timing && at > 0).map(|at| show.time(at));
                builder.add(
                    element,
                    "operation_history",
                    &[
                        ("call", Some(&op.call_id.to_string())),
                        ("task", Some(shown_task(op))),
                        ("rc", Some(&op.rc_code.to_string())),
                        ("rc_text", Some(exit_text(op.rc_code))),
                        ("interval", interval.as_deref()),
                        ("last-rc-change", changed.as_deref()),
                        ("exec-time", ms(op.exec_time_ms).as_deref()),
                        ("queue-time", ms(op.queue_time_ms).as_deref()),
                    ],
                );
            }
        }
    }
}

fn add_failures(builder: &mut Builder, parent: ElementIx, facts: &Facts<'_>, show: &Show) {
    let mut list = None;
    for (failed, op) in shown_failures(facts, show) {
        let list = *list.get_or_insert_with(|| builder.add(parent, "failures", &[]));
        let key_name = if op.operation_key.is_some() { "op_key" } else { "id" };
        let element = builder.add(
            list,
            "failure",
            &[
                (key_name, Some(op.key())),
                ("node", Some(&facts.nodes[failed.node].name)),
                ("exitstatus", Some(exit_text(op.rc_code))),
                ("exitreason", Some(op.exit_reason.as_deref().unwrap_or("none"))),
                ("exitcode", Some(&op.rc_code.to_string())),
                ("call", Some(&op.call_id.to_string())),
                ("status", Some(status_text(op.status()))),
            ],
        );
        if let Some(changed) = op.last_rc_change.filter(|&changed| changed > 0) {
            let number = |value: Option<u64>| value.map(|value| value.to_string());
            let more = [
                ("last-rc-change", Some(universal_iso(changed))),
                ("queued", number(op.queue_time_ms)),
                ("exec", number(op.exec_time_ms)),
                ("interval", Some(op.interval_ms.to_string())),
                ("task", Some(op.operation.clone())),
            ];
            for (name, value) in more {
                if let Some(value) = value {
                    builder.document.set_attr(element, name, &value);
                }
            }
        }
    }
}
