//! Writes a transition graph as XML text, two spaces a level, as `crm_simulate --save-graph` does.
//!
//! Knows the element names and attribute order. Does not decide anything.

use super::{Action, ActionKind, TransitionGraph};

/// Version of the feature set that agents and old tools see.
pub const FEATURE_SET: &str = "3.20.5";

/// The whole graph as a document, ending in a newline.
#[must_use]
pub fn write(graph: &TransitionGraph) -> String {
    let mut out = String::with_capacity(graph.synapses.len() * 900 + 200);
    out.push_str("<transition_graph");
    attribute(&mut out, "cluster-delay", &graph.cluster_delay);
    attribute(&mut out, "fencing-timeout", &graph.fencing_timeout);
    attribute(&mut out, "failed-stop-offset", "INFINITY");
    attribute(&mut out, "failed-start-offset", if graph.start_failure_is_fatal { "INFINITY" } else { "1" });
    attribute(&mut out, "batch-limit", &graph.batch_limit);
    attribute(&mut out, "transition_id", &graph.id.to_string());
    if let Some(limit) = &graph.migration_limit {
        attribute(&mut out, "migration-limit", limit);
    }
    if let Some(time) = graph.recheck_by {
        attribute(&mut out, "recheck-by", &time.to_string());
    }
    if graph.synapses.is_empty() {
        out.push_str("/>\n");
        return out;
    }
    out.push_str(">\n");
    for synapse in &graph.synapses {
        out.push_str("  <synapse");
        attribute(&mut out, "id", &synapse.id.to_string());
        if synapse.priority > 0 {
            attribute(&mut out, "priority", &synapse.priority.to_string());
        }
        out.push_str(">\n    <action_set>\n");
        if let Some(action) = graph.actions.get(&synapse.action) {
            write_action(&mut out, action, 6, true);
        }
        out.push_str("    </action_set>\n");
        if synapse.inputs.is_empty() {
            out.push_str("    <inputs/>\n");
        } else {
            out.push_str("    <inputs>\n");
            for action in synapse.inputs.iter().filter_map(|id| graph.actions.get(id)) {
                out.push_str("      <trigger>\n");
                write_action(&mut out, action, 8, false);
                out.push_str("      </trigger>\n");
            }
            out.push_str("    </inputs>\n");
        }
        out.push_str("  </synapse>\n");
    }
    out.push_str("</transition_graph>\n");
    out
}

/// One action element; with `details` also its children.
fn write_action(out: &mut String, action: &Action, indent: usize, details: bool) {
    let name = match action.kind {
        ActionKind::Resource => "rsc_op",
        ActionKind::Pseudo => "pseudo_event",
        ActionKind::Cluster | ActionKind::Fence => "crm_event",
    };
    pad(out, indent);
    out.push('<');
    out.push_str(name);
    if action.cib_only {
        attribute(out, "mode", "cib");
    }
    attribute(out, "id", &action.id.0.to_string());
    attribute(out, "operation", &action.operation);
    attribute(out, "operation_key", &action.key);
    if let Some(key) = &action.internal_key {
        attribute(out, "internal_operation_key", key);
    }
    if let Some(node) = &action.node {
        attribute(out, "on_node", &node.name);
        attribute(out, "on_node_uuid", &node.id);
    }
    if let Some(router) = &action.router {
        attribute(out, "router_node", router);
    }
    if !details {
        out.push_str("/>\n");
        return;
    }
    if let Some(time) = action.shutdown_lock {
        attribute(out, "shutdown-lock", &time.to_string());
    }
    out.push_str(">\n");
    if let Some(resource) = &action.resource {
        pad(out, indent + 2);
        out.push_str("<primitive");
        attribute(out, "id", &resource.id);
        if let Some(long) = &resource.long_id {
            attribute(out, "long-id", long);
        }
        attribute(out, "class", &resource.class);
        if let Some(provider) = &resource.provider {
            attribute(out, "provider", provider);
        }
        attribute(out, "type", &resource.agent);
        out.push_str("/>\n");
    }
    pad(out, indent + 2);
    out.push_str("<attributes");
    for (key, value) in action.attributes.iter() {
        attribute(out, key, value);
    }
    if action.parameters.is_empty() {
        out.push_str("/>\n");
    } else {
        out.push_str(">\n");
        for (key, value) in action.parameters.iter() {
            pad(out, indent + 4);
            out.push_str("<param");
            attribute(out, "name", key);
            attribute(out, "value", value);
            out.push_str("/>\n");
        }
        pad(out, indent + 2);
        out.push_str("</attributes>\n");
    }
    if !action.downed.is_empty() {
        pad(out, indent + 2);
        out.push_str("<downed>\n");
        for id in &action.downed {
            pad(out, indent + 4);
            out.push_str("<node");
            attribute(out, "id", id);
            out.push_str("/>\n");
        }
        pad(out, indent + 2);
        out.push_str("</downed>\n");
    }
    if !action.maintenance.is_empty() {
        pad(out, indent + 2);
        out.push_str("<maintenance>\n");
        for (id, on) in &action.maintenance {
            pad(out, indent + 4);
            out.push_str("<node");
            attribute(out, "id", id);
            attribute(out, "node_in_maintenance", if *on { "1" } else { "0" });
            out.push_str("/>\n");
        }
        pad(out, indent + 2);
        out.push_str("</maintenance>\n");
    }
    pad(out, indent);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

fn pad(out: &mut String, count: usize) {
    for _ in 0..count {
        out.push(' ');
    }
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            other => out.push(other),
        }
    }
    out.push('"');
}
