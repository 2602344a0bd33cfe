//! Resources: what every kind has in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_model::boolean::is_true;
use holdfast_model::config::ResourceKind;
use holdfast_model::duration::parse_interval_ms;
use holdfast_model::rule::Input;
use holdfast_model::{Level, Role, Score};

use super::Unpack;
use super::remote::is_remote_agent;
use super::template::Template;
use crate::facts::types::{Flags, MultipleActive, NoQuorumPolicy, Rsc, RscIx, RscKind};
use crate::index::Idx;

impl Unpack<'_> {
    /// Unpacks the whole `resources` section and then the connections that guests imply.
    pub(super) fn resources(&mut self, guests: Vec<Arc<Template>>) {
        for template in &self.facts.cib.templates {
            self.facts.templates.entry(template.id.clone()).or_default();
        }
        let mut templates = Vec::new();
        for config in &self.facts.cib.resources {
            match Template::expand(self.facts.cib, config) {
                Ok(template) => templates.push(Arc::new(template)),
                Err(message) => self.problem(Level::Error, "resource", &config.id, message),
            }
        }
        templates.extend(guests);
        for template in &templates {
            match self.unpack_resource(template, None, None) {
                Some(rsc) => self.facts.top.push(rsc),
                None => {
                    self.problem(
                        Level::Error,
                        "resource",
                        &template.config.id,
                        "ignored: its configuration is not valid",
                    );
                }
            }
        }
        for rsc in self.facts.top.clone() {
            self.find_launchers(rsc);
            self.link_remote_node(rsc);
        }
        let rscs = &self.facts.rscs;
        self.facts.top.sort_by_key(|&rsc| std::cmp::Reverse(rscs[rsc].priority));
        if self.facts.options.fencing && !self.facts.options.have_fencing {
            self.problem(
                Level::Error,
                "crm_config",
                "fencing-enabled",
                "nothing will be started: fencing is enabled but there is no fence device; configure one, or set fencing-enabled (by its old name stonith-enabled) to false",
            );
        }
    }

    /// Connects resources that name a launcher with it.
    fn find_launchers(&mut self, rsc: RscIx) {
        let this = &self.facts.rscs[rsc];
        if !this.children.is_empty() {
            for child in this.children.clone() {
                self.find_launchers(child);
            }
            return;
        }
        let Some(name) = this.meta.get("container").cloned().filter(|name| *name != this.id) else { return };
        let id = this.id.clone();
        match self.find_resource(&name) {
            Some(launcher) => {
                if !self.connect(rsc, launcher) {
                    let text = format!(
                        "its container \"{name}\" is inside it in turn; remove one of these containers, this one is ignored"
                    );
                    self.problem(Level::Error, "resource", &id, text);
                }
            }
            None => self.problem(
                Level::Error,
                "resource",
                &id,
                format!("its container \"{name}\" does not exist"),
            ),
        }
    }

    /// Notes what launched a resource. False, and nothing noted, if that is inside the resource itself.
    pub(super) fn connect(&mut self, rsc: RscIx, launcher: RscIx) -> bool {
        let rscs = &mut self.facts.rscs;
        let mut outer = Some(launcher);
        while let Some(at) = outer {
            if at == rsc {
                return false;
            }
            outer = rscs[at].launcher;
        }
        rscs[rsc].launcher = Some(launcher);
        rscs[launcher].launched.push(rsc);
        true
    }

    /// Unpacks a resource and everything in it. `None` when it is unusable; then nothing of it stays in the tables.
    pub(super) fn unpack_resource(
        &mut self,
        template: &Arc<Template>,
        number: Option<usize>,
        parent: Option<RscIx>,
    ) -> Option<RscIx> {
        let first = self.facts.rscs.next_index();
        let done = self.unpack_into(template, number, parent);
        if done.is_none() {
            for index in first.index()..self.facts.rscs.len() {
                let id = &self.facts.rscs[RscIx::new(index)].id;
                if self.facts.rsc_by_id.get(id).is_some_and(|found| found.index() >= first.index()) {
                    self.facts.rsc_by_id.remove(id);
                }
            }
            self.facts.rscs.truncate(first.index());
        }
        done
    }

    fn unpack_into(
        &mut self,
        template: &Arc<Template>,
        number: Option<usize>,
        parent: Option<RscIx>,
    ) -> Option<RscIx> {
        let config = &template.config;
        let id = match number {
            Some(number) => format!("{}:{number}", config.id),
            None => config.id.clone(),
        };
        let agent = config.agent().cloned();
        let remote_agent = agent.as_ref().is_some_and(is_remote_agent);
        let meta = self.settle_meta(template, number, parent);
        let rsc = self.facts.rscs.push(Rsc {
            id: id.clone(),
            config_id: config.id.clone(),
            history_id: None,
            kind: RscKind::Primitive,
            agent,
            config: Arc::clone(config),
            parent,
            children: Vec::new(),
            flags: Flags::NONE,
            meta,
            utilization: BTreeMap::new(),
            priority: 0,
            stickiness: 0,
            migration_threshold: Score::INFINITY.get(),
            failure_timeout_ms: 0,
            reconnect_ms: 0,
            multiple_active: MultipleActive::StopStart,
            role: Role::Stopped,
            next_role: Role::Unknown,
            running_on: Vec::new(),
            known_on: Vec::new(),
            allowed: BTreeMap::new(),
            pending_action: None,
            pending_node: None,
            migration_source: None,
            migration_target: None,
            dangling_sources: Vec::new(),
            lock_node: None,
            lock_time: 0,
            launcher: None,
            launched: Vec::new(),
            remote_node: None,
        });
        self.facts.rsc_by_id.entry(id).or_insert(rsc);
        let guest = remote_agent && self.facts.rscs[rsc].meta.contains_key("container");
        let remote = remote_agent && !guest;
        self.settle_flags(rsc, &config.kind, remote_agent, remote);
        self.settle_numbers(rsc, remote);
        if let Some(role) = self.target_role(rsc) {
            self.facts.rscs[rsc].next_role = role;
        }
        let usable = match &config.kind {
            ResourceKind::Primitive(_) => self.unpack_primitive(rsc),
            ResourceKind::Group(_) => self.unpack_group(rsc, template, number),
            ResourceKind::Clone { .. } => self.unpack_clone(rsc, template),
            ResourceKind::Bundle(bundle) => self.unpack_bundle(rsc, template, bundle),
        };
        if !usable {
            return None;
        }
        if self.facts.options.symmetric {
            self.allow_symmetric(rsc);
        } else if guest {
            self.prefer_everywhere(rsc, Score::ZERO);
        }
        let mut utilization = std::mem::take(&mut self.facts.rscs[rsc].utilization);
        let input = Input { now: self.facts.now, ..Input::default() };
        self.facts.evaluate(&config.utilization, &input, &mut utilization);
        self.facts.rscs[rsc].utilization = utilization;
        if let Some(name) = &template.made_from {
            let made = self.facts.templates.entry(name.clone()).or_default();
            if !made.contains(&config.id) {
                made.push(config.id.clone());
            }
        }
        Some(rsc)
    }

    /// Meta attributes in order of precedence: the element itself, its blocks, the blocks of surrounding resources,
    /// defaults, and what the parent settled on.
    fn settle_meta(
        &mut self,
        template: &Template,
        number: Option<usize>,
        parent: Option<RscIx>,
    ) -> BTreeMap<String, String> {
        let config = &template.config;
        let mut meta = BTreeMap::new();
        if let Some(number) = number {
            meta.insert("clone".to_owned(), number.to_string());
        }
        for (name, value) in &config.attributes {
            if !value.eq_ignore_ascii_case("#default") {
                meta.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        if let ResourceKind::Clone { legacy_promotable: true, .. } = config.kind {
            meta.insert("promotable".to_owned(), "true".to_owned());
        }
        let input = Input {
            now: self.facts.now,
            agent: config
                .agent()
                .map(|agent| (agent.class.as_str(), agent.provider.as_deref(), agent.agent_type.as_str())),
            ..Input::default()
        };
        self.facts.evaluate(&config.meta, &input, &mut meta);
        let mut inherited = BTreeMap::new();
        let mut next = parent;
        while let Some(ancestor) = next {
            self.facts.evaluate(&self.facts.rscs[ancestor].config.meta, &input, &mut inherited);
            next = self.facts.rscs[ancestor].parent;
        }
        for (name, value) in inherited {
            meta.entry(name).or_insert(value);
        }
        self.facts.evaluate(&self.facts.cib.rsc_defaults, &input, &mut meta);
        if let Some(parent) = parent {
            for (name, value) in &self.facts.rscs[parent].meta {
                meta.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        meta
    }

    fn settle_flags(&mut self, rsc: RscIx, kind: &ResourceKind, remote_agent: bool, remote: bool) {
        let maintenance = self.facts.options.maintenance;
        let this = &self.facts.rscs[rsc];
        let value = |name: &str| this.meta.get(name).map(String::as_str);
        let on = |name: &str| is_true(value(name));
        let mut flags = Flags::NONE;
        flags.put(Flags::CRITICAL, value("critical").is_none() || on("critical"));
        flags.put(Flags::NOTIFY, on("notify"));
        flags.put(Flags::REMOTE_CONNECTION, remote_agent);
        flags.put(Flags::MIGRATABLE, on("allow-migrate") || (remote && value("allow-migrate").is_none()));
        let managed = match value("is-managed") {
            None => true,
            Some(word) => word.eq_ignore_ascii_case("default") || on("is-managed"),
        };
        let in_maintenance = on("maintenance") || maintenance;
        flags.put(Flags::MANAGED, managed && !in_maintenance);
        flags.put(Flags::MAINTENANCE, in_maintenance);
        let top = self.facts.top_below_bundle(rsc);
        let in_clone = if top == rsc {
            matches!(kind, ResourceKind::Clone { .. })
        } else {
            self.facts.rscs[top].is_clone()
        };
        if in_clone {
            flags.put(
                Flags::UNIQUE,
                match value("globally-unique") {
                    Some(word) => is_true(Some(word)),
                    None => value("clone-node-max").and_then(scan_min_zero).is_some_and(|max| max > 1),
                },
            );
            flags.put(Flags::PROMOTABLE, on("promotable"));
        } else {
            flags.set(Flags::UNIQUE);
        }
        let fence_device = this.class().eq_ignore_ascii_case("stonith");
        flags.put(Flags::FENCE_DEVICE, fence_device);
        let multiple_active = match value("multiple-active").map(str::to_ascii_lowercase).as_deref() {
            Some("stop_only") => MultipleActive::StopOnly,
            Some("block") => MultipleActive::Block,
            Some("stop_unexpected") => MultipleActive::StopUnexpected,
            _ => MultipleActive::StopStart,
        };
        flags = flags | self.requires(value("requires"), fence_device, remote_agent);
        let this = &mut self.facts.rscs[rsc];
        this.flags = flags;
        this.multiple_active = multiple_active;
        if let ResourceKind::Clone { .. } = kind {
            this.kind = RscKind::Clone(Default::default());
        } else if let ResourceKind::Bundle(_) = kind {
            this.kind = RscKind::Bundle(Default::default());
        }
        if fence_device {
            self.facts.options.have_fencing = true;
        }
    }

    /// What must be true before the resource may start.
    fn requires(&self, value: Option<&str>, fence_device: bool, remote_agent: bool) -> Flags {
        let options = &self.facts.options;
        let default = || {
            if fence_device || remote_agent {
                "quorum"
            } else if options.unfencing {
                "unfencing"
            } else if options.fencing {
                "fencing"
            } else if options.no_quorum == NoQuorumPolicy::Ignore {
                "nothing"
            } else {
                "quorum"
            }
        };
        let word = value.map(str::to_ascii_lowercase);
        let word = match word.as_deref() {
            Some(word @ ("nothing" | "quorum" | "fencing" | "unfencing")) => word,
            Some(_) | None => default(),
        };
        match word {
            "nothing" => Flags::NONE,
            "fencing" => Flags::NEEDS_FENCING,
            "unfencing" if !fence_device && options.fencing => Flags::NEEDS_FENCING | Flags::NEEDS_UNFENCING,
            _ => Flags::NEEDS_QUORUM,
        }
    }

    fn settle_numbers(&mut self, rsc: RscIx, remote: bool) {
        let this = &self.facts.rscs[rsc];
        let score = |name: &str| this.meta.get(name).and_then(|text| self.facts.score(text)).map(Score::get);
        let priority = score("priority").unwrap_or(0);
        let stickiness = score("resource-stickiness").unwrap_or(0);
        let threshold = score("migration-threshold").filter(|&threshold| threshold >= 0);
        let mut failure_timeout = u64::from(parse_interval_ms(this.meta("failure-timeout")));
        let mut reconnect = 0;
        if remote && let Some(interval) = self.facts.params(rsc, None).get("reconnect_interval") {
            // A connection that is tried again later stays failed exactly that long.
            reconnect = u64::from(parse_interval_ms(Some(interval)));
            failure_timeout = reconnect;
        }
        let this = &mut self.facts.rscs[rsc];
        this.priority = priority;
        this.stickiness = stickiness;
        this.migration_threshold = threshold.unwrap_or(Score::INFINITY.get());
        this.failure_timeout_ms = failure_timeout;
        this.reconnect_ms = reconnect;
    }

    /// The role asked for by `target-role`, when that restricts anything.
    pub(super) fn target_role(&mut self, rsc: RscIx) -> Option<Role> {
        let this = &self.facts.rscs[rsc];
        let word = this.meta.get("target-role")?;
        let promotable = self.facts.rscs[self.facts.top_below_bundle(rsc)].is(Flags::PROMOTABLE);
        let (id, word) = (this.config_id.clone(), word.clone());
        match Role::parse(&word) {
            Some(Role::Started) => None,
            Some(Role::Stopped) => Some(Role::Stopped),
            Some(Role::Unpromoted) if promotable => Some(Role::Unpromoted),
            Some(Role::Promoted) if promotable => None,
            Some(Role::Unpromoted | Role::Promoted) => {
                let message = format!("target-role \"{word}\" is ignored: only promotable clones have it");
                self.problem(Level::Error, "resource", &id, message);
                None
            }
            None if word.eq_ignore_ascii_case("default") => None,
            Some(Role::Unknown) | None => {
                let message = format!("target-role \"{word}\" is ignored: it is no role");
                self.problem(Level::Error, "resource", &id, message);
                None
            }
        }
    }

    /// Only some kinds of agents can be unique or promotable.
    fn unpack_primitive(&mut self, rsc: RscIx) -> bool {
        let top = self.facts.top_below_bundle(rsc);
        let class = self.facts.rscs[rsc].class().to_ascii_lowercase();
        let can_be_unique = matches!(class.as_str(), "ocf" | "stonith");
        if !can_be_unique && self.facts.rscs[rsc].is(Flags::UNIQUE) && self.facts.rscs[top].is_clone() {
            self.force_anonymous(top);
            self.clear_unique(top);
            self.clear_unique(rsc);
        }
        if class != "ocf" && self.facts.rscs[top].is(Flags::PROMOTABLE) {
            let id = self.facts.rscs[rsc].config_id.clone();
            let message = format!("agents of class {class} cannot be promoted");
            self.problem(Level::Error, "primitive", &id, message);
            return false;
        }
        true
    }
}

/// A number of at least 0, as counts are read: what is no number counts as 0.
pub(super) fn scan_min_zero(text: &str) -> Option<i64> {
    holdfast_model::score::parse_leading_integer(text).map(|number| number.clamp(0, i64::from(i32::MAX)))
}
