//! The CIB of the new cluster.
//!
//! Knows how the plan is said in elements. Does not decide anything.

use super::haresources::Annotation;
use super::plan::{
    FenceDevice, KeptRunning, Member, PREFERENCE, Ping, Plan, Service, Shape, ping_parameters,
};
use super::scripts::Agent;
use super::value::written;
use holdfast_xml::{Document, NodeIx};

/// The schema that the CIB is written in.
const SCHEMA: &str = "pacemaker-3.9";

/// Builds the document.
pub fn document(plan: &Plan) -> Document {
    let mut builder = Builder { doc: Document::new("cib"), plan };
    let cib = builder.doc.root().ix();
    for (name, value) in [
        ("crm_feature_set", "3.17.4"),
        ("validate-with", SCHEMA),
        ("admin_epoch", "0"),
        ("epoch", "1"),
        ("num_updates", "0"),
    ] {
        builder.doc.set_attr(cib, name, value);
    }
    let configuration = builder.doc.append(cib, "configuration");
    builder.properties(configuration);
    let nodes = builder.doc.append(configuration, "nodes");
    for (index, node) in plan.nodes.iter().enumerate() {
        builder.element(nodes, "node", &[("id", &(index + 1).to_string()), ("uname", node)]);
    }
    let resources = builder.doc.append(configuration, "resources");
    for service in &plan.services {
        builder.service(resources, service);
    }
    for ping in &plan.pings {
        builder.ping(resources, ping);
    }
    for client in &plan.clients {
        builder.client(resources, client);
    }
    for device in &plan.fencing {
        builder.fence_device(resources, device);
    }
    let constraints = builder.doc.append(configuration, "constraints");
    builder.constraints(constraints);
    if let Some(stickiness) = plan.stickiness {
        let defaults = builder.doc.append(configuration, "rsc_defaults");
        let set = builder.element(defaults, "meta_attributes", &[("id", "rsc-options")]);
        builder.nvpair(
            set,
            "rsc-options-resource-stickiness",
            "resource-stickiness",
            &stickiness.to_string(),
        );
    }
    builder.doc.append(cib, "status");
    builder.doc
}

struct Builder<'a> {
    doc: Document,
    plan: &'a Plan,
}

impl Builder<'_> {
    fn element(&mut self, parent: NodeIx, name: &str, attributes: &[(&str, &str)]) -> NodeIx {
        let ix = self.doc.append(parent, name);
        for (name, value) in attributes {
            self.doc.set_attr(ix, name, value);
        }
        ix
    }

    fn nvpair(&mut self, parent: NodeIx, id: &str, name: &str, value: &str) {
        self.element(parent, "nvpair", &[("id", id), ("name", name), ("value", value)]);
    }

    fn properties(&mut self, configuration: NodeIx) {
        let config = self.doc.append(configuration, "crm_config");
        let set = self.element(config, "cluster_property_set", &[("id", "cib-bootstrap-options")]);
        let plan = self.plan;
        let enabled = if plan.fencing_enabled { "true" } else { "false" };
        let properties = [
            ("cluster-name", plan.cluster_name.clone()),
            ("stonith-enabled", enabled.to_owned()),
            // Two nodes are quorate alone by two_node; one node always is.
            ("no-quorum-policy", if plan.nodes.len() > 2 { "stop" } else { "ignore" }.to_owned()),
            ("dc-deadtime", written(plan.initdead_ms)),
        ];
        for (name, value) in properties {
            self.nvpair(set, &format!("cib-bootstrap-options-{name}"), name, &value);
        }
    }

    fn service(&mut self, resources: NodeIx, service: &Service) {
        match &service.shape {
            Shape::Primitive(member) => self.member(resources, member),
            Shape::Group { id, members } => {
                let group = self.element(resources, "group", &[("id", id)]);
                for member in members {
                    self.member(group, member);
                }
            }
            Shape::Clone { id, member } => {
                let clone = self.clone(resources, id);
                self.member(clone, member);
            }
        }
    }

    /// A clone with one instance on every node.
    fn clone(&mut self, resources: NodeIx, id: &str) -> NodeIx {
        let clone = self.element(resources, "clone", &[("id", id)]);
        let meta = self.element(clone, "meta_attributes", &[("id", &format!("{id}-meta_attributes"))]);
        let most = self.plan.nodes.len().to_string();
        self.nvpair(meta, &format!("{id}-meta_attributes-clone-max"), "clone-max", &most);
        self.nvpair(meta, &format!("{id}-meta_attributes-clone-node-max"), "clone-node-max", "1");
        clone
    }

    fn primitive(&mut self, parent: NodeIx, id: &str, agent: (&str, Option<&str>, &str)) -> NodeIx {
        let (class, provider, kind) = agent;
        let primitive = self.element(parent, "primitive", &[("id", id), ("class", class)]);
        if let Some(provider) = provider {
            self.doc.set_attr(primitive, "provider", provider);
        }
        self.doc.set_attr(primitive, "type", kind);
        primitive
    }

    fn parameters(&mut self, primitive: NodeIx, id: &str, params: &[(String, String)]) {
        if params.is_empty() {
            return;
        }
        let set = self.element(primitive, "instance_attributes", &[("id", &format!("{id}_inst_attr"))]);
        for (index, (name, value)) in params.iter().enumerate() {
            self.nvpair(set, &format!("{id}_attr_{index}"), name, value);
        }
    }

    fn operation(
        &mut self,
        operations: NodeIx,
        id: &str,
        name: &str,
        interval: &str,
        timeout: &str,
    ) -> NodeIx {
        self.element(
            operations,
            "op",
            &[("id", id), ("name", name), ("interval", interval), ("timeout", timeout)],
        )
    }

    fn member(&mut self, parent: NodeIx, member: &Member) {
        let Member { id, agent } = member;
        let Agent { class, provider, kind, params, times, .. } = agent;
        let primitive = self.primitive(parent, id, (class, *provider, kind));
        self.parameters(primitive, id, params);
        if self.plan.no_monitor {
            return;
        }
        let operations = self.doc.append(primitive, "operations");
        let seconds = |n: u32| format!("{n}s");
        self.operation(
            operations,
            &format!("{id}_mon"),
            "monitor",
            &seconds(times.interval),
            &seconds(times.monitor),
        );
        self.operation(operations, &format!("{id}_start"), "start", "0s", &seconds(times.start));
        self.operation(operations, &format!("{id}_stop"), "stop", "0s", &seconds(times.stop));
    }

    fn ping(&mut self, resources: NodeIx, ping: &Ping) {
        let id = &ping.id;
        let clone = self.clone(resources, &format!("{id}_clone"));
        let primitive = self.primitive(clone, id, ("ocf", Some("pacemaker"), "ping"));
        self.parameters(primitive, id, &ping_parameters(ping));
        let operations = self.doc.append(primitive, "operations");
        let timeout = format!("{}s", 20.max(ping.timeout * 2 * ping.hosts.len() as u64 + 5));
        self.operation(operations, &format!("{id}_mon"), "monitor", &written(ping.interval_ms), &timeout);
        self.operation(operations, &format!("{id}_start"), "start", "0s", "60s");
        self.operation(operations, &format!("{id}_stop"), "stop", "0s", "20s");
    }

    fn client(&mut self, resources: NodeIx, kept: &KeptRunning) {
        let KeptRunning { id, client } = kept;
        let clone = self.clone(resources, &format!("{id}_clone"));
        let primitive = self.primitive(clone, id, ("ocf", Some("holdfast"), "respawn"));
        let mut params =
            vec![("program".to_owned(), client.program.clone()), ("user".to_owned(), client.user.clone())];
        if !client.args.is_empty() {
            params.push(("arguments".to_owned(), client.args.join(" ")));
        }
        self.parameters(primitive, id, &params);
        let operations = self.doc.append(primitive, "operations");
        let monitor = self.operation(operations, &format!("{id}_mon"), "monitor", "10s", "20s");
        if client.failfast && self.plan.fencing_enabled {
            self.doc.set_attr(monitor, "on-fail", "fence");
        }
        self.operation(operations, &format!("{id}_start"), "start", "0s", "60s");
        self.operation(operations, &format!("{id}_stop"), "stop", "0s", "60s");
    }

    fn fence_device(&mut self, resources: NodeIx, device: &FenceDevice) {
        let parent = match &device.clone {
            Some(clone) => self.clone(resources, clone),
            None => resources,
        };
        let primitive = self.primitive(parent, &device.id, ("stonith", None, &device.kind));
        self.parameters(primitive, &device.id, &device.params);
        if !self.plan.no_monitor {
            let operations = self.doc.append(primitive, "operations");
            self.operation(operations, &format!("{}_mon", device.id), "monitor", "60s", "20s");
            self.operation(operations, &format!("{}_start", device.id), "start", "0s", "20s");
        }
    }

    fn constraints(&mut self, constraints: NodeIx) {
        let plan = self.plan;
        for service in &plan.services {
            let Some(node) = &service.node else { continue };
            self.preference(constraints, service.id(), node);
            for ping in plan.pings.iter().filter(|p| p.moves_services) {
                self.connected(constraints, service.id(), ping);
            }
        }
        for device in &plan.fencing {
            if let Some(host) = device.host.as_ref().filter(|h| plan.nodes.contains(h)) {
                self.preference(constraints, &device.id, host);
                self.wired_to(constraints, &device.id, host);
            }
        }
        for annotation in &plan.annotations {
            self.annotation(constraints, annotation);
        }
    }

    /// Identifiers are those of the first converters.
    fn preference(&mut self, constraints: NodeIx, rsc: &str, node: &str) {
        let location = self.element(
            constraints,
            "rsc_location",
            &[("id", &format!("rsc_location_{rsc}")), ("rsc", rsc)],
        );
        let id = format!("preferred_location_{rsc}");
        let rule = self.element(location, "rule", &[("id", &id), ("score", &PREFERENCE.to_string())]);
        self.element(
            rule,
            "expression",
            &[("id", &format!("{id}_expr")), ("attribute", "#uname"), ("operation", "eq"), ("value", node)],
        );
    }

    /// A line for another host was skipped: only this one reaches the device.
    fn wired_to(&mut self, constraints: NodeIx, device: &str, host: &str) {
        let location = self.element(
            constraints,
            "rsc_location",
            &[("id", &format!("rsc_location_only_{device}")), ("rsc", device)],
        );
        let id = format!("only_{device}");
        let rule = self.element(location, "rule", &[("id", &id), ("score", "-INFINITY")]);
        self.element(
            rule,
            "expression",
            &[("id", &format!("{id}_expr")), ("attribute", "#uname"), ("operation", "ne"), ("value", host)],
        );
    }

    /// Points for connectivity: `ipfail` moved services and never stopped them everywhere.
    fn connected(&mut self, constraints: NodeIx, rsc: &str, ping: &Ping) {
        let id = format!("{}_{rsc}", ping.id);
        let location =
            self.element(constraints, "rsc_location", &[("id", &format!("rsc_location_{id}")), ("rsc", rsc)]);
        let rule_id = format!("connected_{id}");
        let expression_id = format!("{rule_id}_expr");
        if ping.any {
            let rule =
                self.element(location, "rule", &[("id", &rule_id), ("score", &ping.multiplier.to_string())]);
            self.element(
                rule,
                "expression",
                &[
                    ("id", &expression_id),
                    ("attribute", &ping.attribute),
                    ("operation", "gt"),
                    ("value", "0"),
                    ("type", "number"),
                ],
            );
        } else {
            let rule =
                self.element(location, "rule", &[("id", &rule_id), ("score-attribute", &ping.attribute)]);
            self.element(
                rule,
                "expression",
                &[("id", &expression_id), ("attribute", &ping.attribute), ("operation", "defined")],
            );
        }
    }

    fn annotation(&mut self, constraints: NodeIx, annotation: &Annotation) {
        match annotation {
            Annotation::Order { from, action, kind, to, .. } => {
                // `from` acts before or after `to`.
                let (first, then) = if kind == "after" { (to, from) } else { (from, to) };
                let order = self.element(
                    constraints,
                    "rsc_order",
                    &[("id", &format!("rsc_order_{from}_{to}")), ("first", first), ("then", then)],
                );
                if action != "start" {
                    self.doc.set_attr(order, "first-action", action);
                }
            }
            Annotation::Colocation { from, to, score, .. } => {
                self.element(
                    constraints,
                    "rsc_colocation",
                    &[
                        ("id", &format!("rsc_colocation_{from}_{to}")),
                        ("rsc", from),
                        ("with-rsc", to),
                        ("score", score),
                    ],
                );
            }
        }
    }
}
