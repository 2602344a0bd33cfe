//! Random resources: agents, groups, clones, bundles, remote and guest nodes, fence devices, tags.

use super::{Element, Maker, Pairs, What, element};

/// What an agent can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agent {
    Plain,
    WithRoles,
}

impl Maker {
    /// The section `resources`.
    pub(super) fn resources(&mut self) -> Element {
        let mut all = Vec::new();
        let mut templates = Vec::new();
        if self.taste.fencing && self.random.chance(92) {
            for _ in 0..1 + self.random.below(2) {
                all.push(self.device());
            }
        }
        if self.taste.templates {
            templates.push(self.template());
        }
        if self.taste.remotes {
            for _ in 0..=self.random.below(2) {
                let remote = self.remote();
                all.push(remote);
            }
        }
        let mut count = 1 + self.random.below(6);
        if self.taste.large {
            count += 4 + self.random.below(10);
        }
        for _ in 0..count {
            let id = format!("r{}", self.next());
            let choices = [
                (self.taste.groups, What::Group),
                (self.taste.clones, What::Clone),
                (self.taste.promotable, What::Promotable),
                (self.taste.bundles, What::Bundle),
            ];
            let what = choices[self.random.below(choices.len())];
            let what = if what.0 && self.random.chance(70) { what.1 } else { What::Primitive };
            let resource = match what {
                What::Primitive => {
                    let meta = self.meta(&id, false);
                    let from_template = !templates.is_empty() && self.random.chance(40);
                    self.primitive(&id, Agent::Plain, meta, from_template)
                }
                What::Group => self.group(&id, Agent::Plain),
                What::Clone | What::Promotable => self.clone_of(&id, what),
                What::Bundle => self.bundle(&id),
            };
            self.names.top.push((id, what));
            all.push(resource);
        }
        if self.random.chance(25) {
            self.random.shuffle(&mut all);
        }
        element("resources").children(templates).children(all)
    }

    fn primitive(&mut self, id: &str, agent: Agent, meta: Pairs, from_template: bool) -> Element {
        self.names.agents.push(id.to_owned());
        let mut primitive = element("primitive").with("id", id);
        primitive = if from_template {
            primitive.with("template", "tmpl")
        } else if agent == Agent::WithRoles {
            primitive.with("class", "ocf").with("provider", "pacemaker").with("type", "Stateful")
        } else {
            match self.random.below(8) {
                0 => primitive.with("class", "systemd").with("type", "httpd"),
                1 => primitive.with("class", "lsb").with("type", "apache"),
                _ => primitive.with("class", "ocf").with("provider", "pacemaker").with("type", "Dummy"),
            }
        };
        let mut meta = meta;
        if self.taste.migration && agent == Agent::Plain && self.random.chance(60) {
            meta.set("allow-migrate", "true");
        }
        primitive = primitive.child_unless_empty(meta.finish());
        if self.random.chance(25) {
            let mut parameters = Pairs::new("instance_attributes", &format!("{id}-params"));
            parameters.set("state", format!("/run/{id}"));
            if self.taste.rules && self.random.chance(30) {
                let rule = self.rule(true);
                parameters.rule(rule);
            }
            primitive.push(parameters.finish());
        }
        let operations = self.operations(id, agent);
        primitive = primitive.child_unless_empty(operations);
        if self.taste.utilization && self.random.chance(80) {
            let mut use_ = Pairs::new("utilization", &format!("{id}-use"));
            use_.set("cpu", 1 + self.random.below(4));
            if self.random.chance(50) {
                use_.set("memory", 256 * (1 + self.random.below(6)));
            }
            primitive.push(use_.finish());
        }
        primitive
    }

    fn operations(&mut self, id: &str, agent: Agent) -> Element {
        let mut operations = element("operations");
        let mut operation = |maker: &mut Maker, name: &str, interval: &str, role: Option<&str>| {
            let number = operations.len();
            let mut op = element("op")
                .with("id", format!("{id}-op{number}"))
                .with("name", name)
                .with("interval", interval);
            if let Some(role) = role {
                op = op.with("role", role);
            }
            if maker.random.chance(30) {
                op = op.with("timeout", maker.random.pick(&["20s", "60s", "90"]));
            }
            if maker.taste.on_fail && maker.random.chance(50) {
                let reactions: &[&str] = match name {
                    "monitor" if agent == Agent::WithRoles => {
                        &["ignore", "block", "stop", "restart", "standby", "fence", "demote"]
                    }
                    "promote" => &["ignore", "block", "stop", "demote", "standby", "fence"],
                    "stop" => &["block", "fence", "ignore"],
                    _ => &["ignore", "block", "stop", "restart", "standby", "fence"],
                };
                let reaction = maker.random.pick(reactions);
                let fences = reaction == "fence" && !maker.taste.fencing;
                // Only promoted monitors may be answered by demotion.
                let demotes = reaction == "demote" && !(name == "promote" || role == Some("Promoted"));
                if !fences && !demotes {
                    op = op.with("on-fail", reaction);
                }
            }
            if maker.random.chance(3) {
                op = op.with("enabled", "false");
            }
            operations.push(op);
        };
        if self.random.chance(65) {
            operation(self, "monitor", "10s", None);
        }
        if agent == Agent::WithRoles && self.random.chance(65) {
            operation(self, "monitor", "9s", Some("Promoted"));
        }
        if self.random.chance(5) {
            operation(self, "monitor", "25s", Some("Stopped"));
        }
        for name in ["start", "stop"] {
            if self.random.chance(25) {
                operation(self, name, "0", None);
            }
        }
        if agent == Agent::WithRoles && self.random.chance(25) {
            operation(self, "promote", "0", None);
        }
        operations
    }

    /// Meta attributes that fit everywhere.
    fn meta(&mut self, id: &str, promotable: bool) -> Pairs {
        let mut meta = Pairs::new("meta_attributes", &format!("{id}-meta"));
        if self.random.chance(15) {
            meta.set("resource-stickiness", self.random.pick(&["0", "1", "10", "200", "INFINITY", "-5"]));
        }
        if self.taste.target_roles && self.random.chance(25) {
            let roles: &[&str] = if promotable {
                &["Stopped", "Started", "Unpromoted", "Promoted"]
            } else {
                &["Stopped", "Started", "Stopped"]
            };
            meta.set("target-role", self.random.pick(roles));
        }
        if self.taste.unmanaged && self.random.chance(25) {
            meta.set("is-managed", "false");
        }
        if self.taste.unmanaged && self.random.chance(12) {
            meta.set("maintenance", self.random.pick(&["true", "true", "false"]));
        }
        if self.taste.priorities && self.random.chance(45) {
            meta.set("priority", self.random.pick(&["1", "2", "10", "-3"]));
        }
        if self.taste.failures && self.random.chance(25) {
            meta.set("migration-threshold", self.random.pick(&["1", "2", "5", "0"]));
        }
        if self.taste.failures && self.random.chance(15) {
            meta.set("failure-timeout", self.random.pick(&["5s", "10min", "1d"]));
        }
        if self.taste.options && self.random.chance(8) {
            meta.set(
                "multiple-active",
                self.random.pick(&["stop_start", "stop_only", "block", "stop_unexpected"]),
            );
        }
        if self.taste.options && self.random.chance(8) {
            meta.set("requires", self.random.pick(&["nothing", "quorum", "fencing"]));
        }
        if self.taste.options && self.random.chance(8) {
            meta.set("critical", self.random.pick(&["true", "false"]));
        }
        if self.taste.health && self.random.chance(20) {
            meta.set("allow-unhealthy-nodes", "true");
        }
        meta
    }

    fn group(&mut self, id: &str, agent: Agent) -> Element {
        let meta = self.meta(id, agent == Agent::WithRoles);
        let mut group = element("group").with("id", id).child_unless_empty(meta.finish());
        for number in 0..1 + self.random.below(3) {
            let member = format!("{id}m{number}");
            let meta = if self.random.chance(20) {
                self.meta(&member, agent == Agent::WithRoles)
            } else {
                Pairs::new("meta_attributes", &format!("{member}-meta"))
            };
            let primitive = self.primitive(&member, agent, meta, false);
            group.push(primitive);
            self.names.members.push(member);
        }
        group
    }

    fn clone_of(&mut self, id: &str, what: What) -> Element {
        let promotable = what == What::Promotable;
        let mut meta = self.meta(id, promotable);
        let unique = self.taste.unique && self.random.chance(60);
        // Its default depends on other values in newer versions.
        meta.set("globally-unique", unique);
        if self.random.chance(40) {
            meta.set("clone-max", 1 + self.random.below(5));
        }
        if unique && self.random.chance(70) {
            meta.set("clone-node-max", 1 + self.random.below(3));
        }
        if self.random.chance(50) {
            meta.set("interleave", self.random.chance(70));
        }
        if self.random.chance(20) {
            meta.set("ordered", "true");
        }
        if self.taste.notify && self.random.chance(80) {
            meta.set("notify", "true");
        }
        if self.random.chance(5) {
            meta.set("clone-min", 1 + self.random.below(3));
        }
        if promotable {
            meta.set("promotable", "true");
            if self.random.chance(40) {
                meta.set("promoted-max", self.random.below(4));
            }
            if unique && self.random.chance(30) {
                meta.set("promoted-node-max", 2);
            }
        }
        let agent = if promotable { Agent::WithRoles } else { Agent::Plain };
        let clone = element("clone").with("id", id).child(meta.finish());
        let members_before = self.names.members.len();
        let inner = if self.taste.groups && self.random.chance(30) {
            self.group(&format!("{id}g"), agent)
        } else {
            let inner = format!("{id}p");
            let meta = if self.random.chance(15) {
                self.meta(&inner, promotable)
            } else {
                Pairs::new("meta_attributes", &format!("{inner}-meta"))
            };
            // Other agents than those of OCF cannot be unique.
            let agent_of_clone = if unique && agent == Agent::Plain { Agent::WithRoles } else { agent };
            self.primitive(&inner, agent_of_clone, meta, false)
        };
        self.names.members.truncate(members_before);
        clone.child(inner)
    }

    fn bundle(&mut self, id: &str) -> Element {
        let meta = self.meta(id, true);
        let mut container = element(self.random.pick(&["docker", "podman"])).with("image", "image:latest");
        if self.random.chance(70) {
            container = container.with("replicas", 1 + self.random.below(3));
        }
        if self.random.chance(20) {
            container = container.with("replicas-per-host", 2);
        }
        let with_inside = self.random.chance(75);
        let promoted = with_inside && self.taste.promotable && self.random.chance(60);
        if promoted {
            container = container.with("promoted-max", 1);
        }
        let mut bundle = element("bundle").with("id", id).child_unless_empty(meta.finish()).child(container);
        if with_inside {
            bundle
                .push(element("network").with("ip-range-start", format!("192.168.122.{}", 10 * self.next())));
            let inner = format!("{id}p");
            let meta = Pairs::new("meta_attributes", &format!("{inner}-meta"));
            let agent = if promoted { Agent::WithRoles } else { Agent::Plain };
            let inside = self.primitive(&inner, agent, meta, false);
            bundle.push(inside);
        }
        bundle
    }

    fn remote(&mut self) -> Element {
        let number = self.next();
        if self.random.chance(50) {
            let id = format!("remote{number}");
            self.names.remotes.push(id.clone());
            self.names.top.push((id.clone(), What::Primitive));
            let mut parameters = Pairs::new("instance_attributes", &format!("{id}-params"));
            parameters.set("server", format!("host-{id}"));
            if self.random.chance(50) {
                parameters.set("reconnect_interval", "60s");
            }
            let operations = element("operations").child(
                element("op").with("id", format!("{id}-op")).with("name", "monitor").with("interval", "60s"),
            );
            let mut remote = element("primitive")
                .with("id", &id)
                .with("class", "ocf")
                .with("provider", "pacemaker")
                .with("type", "remote")
                .child(parameters.finish());
            if self.random.chance(80) {
                remote.push(operations);
            }
            remote
        } else {
            let id = format!("vm{number}");
            let mut meta = self.meta(&id, false);
            let guest = format!("guest{number}");
            meta.set("remote-node", &guest);
            self.names.remotes.push(guest);
            self.names.top.push((id.clone(), What::Primitive));
            self.primitive(&id, Agent::WithRoles, meta, false)
        }
    }

    fn device(&mut self) -> Element {
        let id = format!("fence{}", self.next());
        self.names.devices.push(id.clone());
        let mut device =
            element("primitive").with("id", &id).with("class", "stonith").with("type", "fence_xvm");
        if self.random.chance(5) {
            let mut meta = Pairs::new("meta_attributes", &format!("{id}-meta"));
            meta.set("provides", "unfencing");
            device.push(meta.finish());
        }
        if self.random.chance(40) {
            let mut parameters = Pairs::new("instance_attributes", &format!("{id}-params"));
            let names: Vec<&str> = self.names.nodes.iter().map(|(name, _)| name.as_str()).collect();
            parameters.set("pcmk_host_list", names.join(" "));
            device.push(parameters.finish());
        }
        if self.random.chance(50) {
            let op =
                element("op").with("id", format!("{id}-op")).with("name", "monitor").with("interval", "60s");
            device.push(element("operations").child(op));
        }
        device
    }

    fn template(&mut self) -> Element {
        let op = |name: &'static str, interval: &'static str| {
            element("op")
                .with("id", format!("tmpl-{name}"))
                .with("name", name)
                .with("interval", interval)
                .with("timeout", "77s")
        };
        let mut meta = Pairs::new("meta_attributes", "tmpl-meta");
        meta.set("resource-stickiness", self.random.pick(&["0", "20"]));
        element("template")
            .with("id", "tmpl")
            .with("class", "ocf")
            .with("provider", "pacemaker")
            .with("type", "Dummy")
            .child(meta.finish())
            .child(element("operations").child(op("monitor", "10s")).child(op("start", "0")))
    }

    /// The section `tags`.
    pub(super) fn tags(&mut self) -> Element {
        let mut tags = element("tags");
        if !self.taste.tags {
            return tags;
        }
        for _ in 0..=self.random.below(2) {
            let id = format!("tag{}", self.next());
            let mut tag = element("tag").with("id", &id);
            let mut all: Vec<String> = self.names.top.iter().map(|(id, _)| id.clone()).collect();
            self.random.shuffle(&mut all);
            all.truncate(1 + self.random.below(3));
            for name in &all {
                tag.push(element("obj_ref").with("id", name));
            }
            self.names.tags.push((id, all));
            tags.push(tag);
        }
        tags
    }
}
