//! 2.x to 3.0: spellings of the years before 1.0, defaults that were cluster options, settings of operations in the wrong
//! place.
//!
//! What has no successor goes; what the cluster can still do is moved to where it is said today.

use holdfast_xml::{Document, Element, NodeIx};

use super::upgrade::{add_meta, all, free_id, named};

/// What becomes of a pair.
enum Fate {
    /// It means nothing any more.
    Dropped,
    /// It has another name.
    Renamed(&'static str),
    /// It is a default of all resources.
    ResourceDefault(&'static str),
    /// It is a default of all operations.
    OperationDefault(&'static str),
    /// It says the same as this name and value.
    Becomes(&'static str, &'static str),
    /// It is a default of all resources, with this value.
    ResourceDefaultIs(&'static str, &'static str),
}

/// Cluster options, spelled with hyphens or underscores.
fn option(name: &str, value: &str) -> Option<Fate> {
    let hyphenated = name.replace('_', "-");
    let fate = match hyphenated.as_str() {
        "cluster-infrastructure" => {
            let gone = ["heartbeat", "openais", "classic openais", "classic openais (with plugin)", "cman"]
                .contains(&value);
            return gone.then_some(Fate::Dropped);
        }
        "default-action-timeout" => Fate::OperationDefault("timeout"),
        "default-resource-stickiness" => Fate::ResourceDefault("resource-stickiness"),
        "is-managed-default" => Fate::ResourceDefault("is-managed"),
        "default-resource-failure-stickiness" if value == "-INFINITY" => {
            Fate::ResourceDefaultIs("migration-threshold", "1")
        }
        "default-resource-failure-stickiness"
        | "default-migration-threshold"
        | "expected-quorum-votes"
        | "notification-agent"
        | "notification-recipient" => Fate::Dropped,
        "transition-idle-timeout" => Fate::Renamed("cluster-delay"),
        _ if !name.contains('_') => return None,
        "cluster-recheck-interval" => Fate::Renamed("cluster-recheck-interval"),
        "dc-deadtime" => Fate::Renamed("dc-deadtime"),
        "election-timeout" => Fate::Renamed("election-timeout"),
        "no-quorum-policy" => Fate::Renamed("no-quorum-policy"),
        "remove-after-stop" => Fate::Renamed("remove-after-stop"),
        "shutdown-escalation" => Fate::Renamed("shutdown-escalation"),
        "startup-fencing" => Fate::Renamed("startup-fencing"),
        "stonith-action" => Fate::Renamed("stonith-action"),
        "stonith-enabled" => Fate::Renamed("stonith-enabled"),
        "stop-orphan-actions" => Fate::Renamed("stop-orphan-actions"),
        "stop-orphan-resources" => Fate::Renamed("stop-orphan-resources"),
        "symmetric-cluster" => Fate::Renamed("symmetric-cluster"),
        _ => return None,
    };
    Some(fate)
}

/// Meta-attributes of resources. An isolated resource cannot run any more, so it stays stopped.
fn meta(name: &str, value: &str) -> Option<Fate> {
    let fate = match name {
        "isolation" | "isolation-host" | "isolation-instance" | "isolation-wrapper" => {
            Fate::Becomes("target-role", "Stopped")
        }
        "resource-failure-stickiness" | "resource_failure_stickiness" if value == "-INFINITY" => {
            Fate::Becomes("migration-threshold", "1")
        }
        "resource-failure-stickiness" | "resource_failure_stickiness" => Fate::Dropped,
        "resource_stickiness" => Fate::Renamed("resource-stickiness"),
        "target_role" => Fate::Renamed("target-role"),
        "is_managed" => Fate::Renamed("is-managed"),
        "multiple_active" => Fate::Renamed("multiple-active"),
        "clone_max" => Fate::Renamed("clone-max"),
        "clone_node_max" => Fate::Renamed("clone-node-max"),
        "master_max" => Fate::Renamed("master-max"),
        "master_node_max" => Fate::Renamed("master-node-max"),
        "globally_unique" => Fate::Renamed("globally-unique"),
        _ => return None,
    };
    Some(fate)
}

/// Parameters of fence devices.
fn parameter(name: &str) -> Option<Fate> {
    let fate = match name {
        "pcmk_list_cmd" => Fate::Renamed("pcmk_list_action"),
        "pcmk_monitor_cmd" => Fate::Renamed("pcmk_monitor_action"),
        "pcmk_off_cmd" => Fate::Renamed("pcmk_off_action"),
        "pcmk_on_cmd" => Fate::Renamed("pcmk_on_action"),
        "pcmk_reboot_cmd" => Fate::Renamed("pcmk_reboot_action"),
        "pcmk_status_cmd" => Fate::Renamed("pcmk_status_action"),
        _ => return None,
    };
    Some(fate)
}

/// Applies the step.
pub(super) fn from_2(document: &mut Document) {
    for ix in all(document, |element| element.name() == "node" && element.attr("type") == Some("normal")) {
        document.set_attr(ix, "type", "member");
    }
    for ix in named(document, "rsc_colocation") {
        for name in ["score-attribute", "score-attribute-mangle"] {
            document.remove_attr(ix, name);
        }
    }
    for ix in named(document, "nvpair") {
        pair(document, ix);
    }
    for ix in all(document, |element| element.name() == "op" && element.attr("requires").is_some()) {
        let value = document.element(ix).attr("requires").unwrap_or("").to_owned();
        document.remove_attr(ix, "requires");
        requires(document, ix, &value);
    }
}

fn pair(document: &mut Document, ix: NodeIx) {
    let element = document.element(ix);
    let Some(name) = element.attr("name").map(str::to_owned) else { return };
    let value = element.attr("value").unwrap_or("").to_owned();
    let Some(set) = element.parent() else { return };
    let holder = set.parent().map_or("", |holder| holder.name()).to_owned();
    let fate = match (set.name(), holder.as_str()) {
        ("cluster_property_set", _) => option(&name, &value),
        ("meta_attributes", "op" | "op_defaults") => None,
        ("meta_attributes", _) => meta(&name, &value),
        ("instance_attributes", "op") => return operation_setting(document, ix, &name, &value),
        ("instance_attributes", "primitive" | "template") if name == "pcmk_arg_map" => {
            match value.strip_prefix("port:") {
                Some(argument) => {
                    document.set_attr(ix, "name", "pcmk_host_argument");
                    document.set_attr(ix, "value", argument);
                }
                None => document.remove(ix),
            }
            return;
        }
        ("instance_attributes", "primitive" | "template") => parameter(&name),
        _ => None,
    };
    match fate {
        None => {}
        Some(Fate::Dropped) => document.remove(ix),
        Some(Fate::Renamed(new)) => document.set_attr(ix, "name", new),
        Some(Fate::Becomes(new, is)) => {
            document.set_attr(ix, "name", new);
            document.set_attr(ix, "value", is);
        }
        Some(Fate::ResourceDefault(new)) => {
            document.remove(ix);
            add_default(document, "rsc_defaults", new, &value);
        }
        Some(Fate::ResourceDefaultIs(new, is)) => {
            document.remove(ix);
            add_default(document, "rsc_defaults", new, is);
        }
        Some(Fate::OperationDefault(new)) => {
            document.remove(ix);
            add_default(document, "op_defaults", new, &value);
        }
    }
}

/// Adds a default unless one of that name is there.
fn add_default(document: &mut Document, section: &str, name: &str, value: &str) {
    if let Some(section) = crate::section::ensure(document, section) {
        add_meta(document, section, name, value);
    }
}

/// Settings of the cluster among the parameters of an operation are meta-attributes of it.
fn operation_setting(document: &mut Document, ix: NodeIx, name: &str, value: &str) {
    let operation = document.element(ix).parent().and_then(Element::parent).map(|op| op.ix());
    let Some(operation) = operation else { return };
    match name {
        "requires" => {
            document.remove(ix);
            requires(document, operation, value);
        }
        "interval-origin" | "start-delay" | "enabled" | "on-fail" | "record-pending" | "role" | "timeout" => {
            document.remove(ix);
            if !document.element(operation).has_attr(name) {
                let id = document.element(operation).id().unwrap_or("op").to_owned();
                let id = free_id(document, &format!("{id}-{name}"));
                let existing = document.element(operation).child("meta_attributes").map(|set| set.ix());
                let set = existing.unwrap_or_else(|| {
                    let set = document.append(operation, "meta_attributes");
                    let set_id = free_id(document, &format!("{id}-meta_attributes"));
                    document.set_attr(set, "id", &set_id);
                    set
                });
                let pair = document.append(set, "nvpair");
                for (key, text) in [("id", id.as_str()), ("name", name), ("value", value)] {
                    document.set_attr(pair, key, text);
                }
            }
        }
        _ => {}
    }
}

/// What a start or promotion requires, the resource requires; other operations never required anything.
fn requires(document: &mut Document, operation: NodeIx, value: &str) {
    let element = document.element(operation);
    if !matches!(element.attr("name"), Some("start" | "promote")) {
        return;
    }
    let resource = element.ancestors().find(|parent| matches!(parent.name(), "primitive" | "template"));
    if let Some(resource) = resource.map(Element::ix) {
        add_meta(document, resource, "requires", value);
    }
}
