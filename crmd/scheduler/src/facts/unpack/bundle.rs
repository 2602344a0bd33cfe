//! Bundles: the container, address and connection resources and the clone that they imply.
//!
//! Names, parameters and the order of container options are part of what digests are made from, so they have to stay
//! exactly as they are; a difference would restart every bundle of an existing cluster.

use std::fmt::Write;
use std::sync::Arc;

use holdfast_model::Level;
use holdfast_model::Score;
use holdfast_model::boolean::parse_bool;
use holdfast_model::config::{BundleConfig, ContainerEngine, ProbeMode, ResourceConfig, ResourceKind};
use holdfast_model::id::sanitize_id;

use super::Unpack;
use super::remote::{Connection, implied_op, implied_primitive, implied_set};
use super::resources::scan_min_zero;
use super::template::Template;
use crate::facts::types::{Allowed, BundleData, Flags, NodeKind, Replica, RscIx, RscKind};

const REMOTE_PORT: &str = "3121";
const REMOTE_PROGRAM: &str = "/usr/sbin/pacemaker-remoted";
const KEY_FILE: &str = "/etc/pacemaker/authkey";
const LOG_DIR: &str = "/var/log/pacemaker/bundles";

/// More replicas than this are a mistake.
const MAX_REPLICAS: i64 = 1024;

struct Mount {
    source: String,
    per_replica: bool,
    target: String,
    options: Option<String>,
}

/// A bundle's settings while its replicas are made.
struct Plan<'a> {
    name: &'a str,
    config: &'a BundleConfig,
    image: &'a str,
    network: Option<&'a str>,
    ip_range_start: Option<&'a str>,
    control_port: Option<&'a str>,
    run_command: Option<&'a str>,
    launcher_options: Option<&'a str>,
    mounts: Vec<Mount>,
    ports: Vec<(String, String)>,
    /// Options that tell every container the addresses of all.
    host_options: String,
}

/// The address after this one; `None` for anything but IPv4 and at the end of the range.
fn next_ip(last: &str) -> Option<String> {
    let mut octets = last.splitn(4, '.').map(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].parse::<u32>().ok()
    });
    let (a, b, c, d) = (octets.next()??, octets.next()??, octets.next()??, octets.next()??);
    if c > 253 {
        None
    } else if d > 253 {
        Some(format!("{a}.{b}.{}.1", c + 1))
    } else {
        Some(format!("{a}.{b}.{c}.{}", d + 1))
    }
}

impl Unpack<'_> {
    pub(super) fn unpack_bundle(&mut self, rsc: RscIx, template: &Template, config: &BundleConfig) -> bool {
        let name = self.facts.rscs[rsc].id.clone();
        let container = |key: &str| {
            config.container.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        let number = |key: &str, minimum: i64| {
            container(key)
                .map_or(minimum, |text| scan_min_zero(text).unwrap_or(minimum).max(minimum))
                .min(MAX_REPLICAS)
        };
        let promoted_max = number("promoted-max", 0);
        let replicas = if container("replicas").is_none() && promoted_max > 0 {
            promoted_max
        } else {
            number("replicas", 1)
        };
        let mut per_host = number("replicas-per-host", 1);
        if per_host == 1 {
            self.facts.rscs[rsc].flags.clear(Flags::UNIQUE);
        }
        let ip_range_start = config.network.attribute("ip-range-start");
        let control_port = config.network.attribute("control-port");
        let mut plan = Plan {
            name: &name,
            config,
            image: container("image").unwrap_or_default(),
            network: container("network"),
            ip_range_start,
            control_port,
            run_command: container("run-command"),
            launcher_options: container("options"),
            mounts: Vec::new(),
            ports: Vec::new(),
            host_options: String::new(),
        };
        for mount in &config.storage {
            let (source, per_replica) = match (&mount.source_dir, &mount.source_dir_root) {
                (Some(source), _) => (source, false),
                (None, Some(source)) => (source, true),
                (None, None) => continue,
            };
            plan.mounts.push(Mount {
                source: source.clone(),
                per_replica,
                target: mount.target_dir.clone(),
                options: mount.options.clone(),
            });
        }
        self.plan_ports(&mut plan);
        let mut data = BundleData {
            promoted_max: usize::try_from(promoted_max).unwrap_or(0),
            image: plan.image.to_owned(),
            engine: config.engine.as_str(),
            ip_range_start: ip_range_start.map(str::to_owned),
            control_port: control_port.map(str::to_owned),
            add_host: config.network.attribute("add-host").and_then(parse_bool).unwrap_or(true),
            ..BundleData::default()
        };
        if let Some(child) = template.children.first() {
            if ip_range_start.is_none() && control_port.is_none() {
                let message = format!(
                    "ignored: {} inside can only be controlled with ip-range-start or control-port",
                    child.config.id
                );
                self.problem(Level::Error, "bundle", &name, message);
                return false;
            }
            if ip_range_start.is_none() && per_host > 1 {
                self.problem(
                    Level::Error,
                    "bundle",
                    &name,
                    "control-port needs replicas-per-host=1, which is used",
                );
                per_host = 1;
            }
            let implied = implied_clone(&name, child, replicas, per_host, promoted_max);
            let Some(clone) = self.unpack_resource(&Arc::new(implied), None, Some(rsc)) else { return false };
            data.child = Some(clone);
        }
        data.replicas_max = usize::try_from(replicas).unwrap_or(0);
        data.replicas_per_host = usize::try_from(per_host).unwrap_or(0);
        let children = data.child.map(|child| self.facts.rscs[child].children.clone());
        let mut last_ip: Option<String> = None;
        let mut addresses = Vec::new();
        let count = children.as_ref().map_or(data.replicas_max, Vec::len);
        for offset in 0..count {
            if let Some(start) = ip_range_start {
                let address = match &last_ip {
                    Some(last) => next_ip(last),
                    None => Some(start.to_owned()),
                };
                last_ip.clone_from(&address);
                let shown = address.as_deref().unwrap_or("(null)");
                let written = if data.add_host {
                    write!(plan.host_options, " --add-host={name}-{offset}:{shown}")
                } else {
                    write!(plan.host_options, " --hosts-entry={shown}={name}-{offset}")
                };
                written.expect("writing to a string cannot fail");
                addresses.push(address);
            } else {
                addresses.push(None);
            }
        }
        if let (Some(children), Some(clone)) = (&children, data.child) {
            self.plan_inside(&mut plan);
            for &child in children {
                self.facts.rscs[child].flags.set(Flags::EXCLUSIVE_PROBES);
                if self.facts.rscs[child].is(Flags::NOTIFY) {
                    self.facts.rscs[clone].flags.set(Flags::NOTIFY);
                }
            }
            let target =
                children.last().and_then(|&child| self.facts.rscs[child].meta("container-attribute-target"));
            if let Some(target) = target.map(str::to_owned) {
                for owner in [rsc, clone] {
                    self.facts.rscs[owner]
                        .meta
                        .insert("container-attribute-target".to_owned(), target.clone());
                }
            }
        }
        for (offset, address) in addresses.into_iter().enumerate() {
            let child = children.as_ref().map(|children| children[offset]);
            let Some(replica) = self.create_replica(rsc, &plan, data.child, child, offset, address) else {
                self.problem(Level::Error, "bundle", &name, "ignored: a part of it could not be made");
                return false;
            };
            if let Some(child) = child {
                // Capacity needed inside is needed by the container.
                let inside = std::mem::take(&mut self.facts.rscs[child].utilization);
                self.facts.rscs[child].utilization =
                    std::mem::replace(&mut self.facts.rscs[replica.container].utilization, inside);
            }
            data.replicas.push(replica);
        }
        if let Some(child) = data.child {
            self.facts.rscs[rsc].children.push(child);
        }
        self.facts.rscs[rsc].kind = RscKind::Bundle(data);
        true
    }

    fn plan_ports(&mut self, plan: &mut Plan<'_>) {
        for port in &plan.config.network.ports {
            let (source, target) = match &port.port {
                Some(source) => (Some(source), port.internal_port.as_ref()),
                None => (port.range.as_ref(), None),
            };
            match source.filter(|source| !source.is_empty()) {
                Some(source) => plan.ports.push((source.clone(), target.unwrap_or(source).clone())),
                None => {
                    self.problem(Level::Error, "port-mapping", &port.id, "ignored: it needs port or range")
                }
            }
        }
    }

    /// What a container with something inside needs in addition: the key, a log directory and the control port.
    fn plan_inside(&self, plan: &mut Plan<'_>) {
        let has_logs = plan.mounts.iter().any(|mount| mount.target == "/var/log");
        let mut mount = |source: &str, per_replica: bool, target: &str| {
            plan.mounts.push(Mount {
                source: source.to_owned(),
                per_replica,
                target: target.to_owned(),
                options: None,
            });
        };
        mount(KEY_FILE, false, KEY_FILE);
        if !has_logs {
            mount(LOG_DIR, true, "/var/log");
        }
        let port = plan.control_port.unwrap_or(REMOTE_PORT).to_owned();
        plan.ports.push((port.clone(), port));
    }

    fn create_replica(
        &mut self,
        bundle: RscIx,
        plan: &Plan<'_>,
        clone: Option<RscIx>,
        child: Option<RscIx>,
        offset: usize,
        address: Option<String>,
    ) -> Option<Replica> {
        let config = plan.container(child.is_some(), offset, address.as_deref());
        let container = self.unpack_resource(&Arc::new(Template::implied(config)), None, Some(bundle))?;
        self.facts.rscs[container].flags.set(Flags::REPLICA_CONTAINER);
        self.facts.rscs[bundle].children.push(container);
        let mut replica =
            Replica { offset, container, ip: None, ip_address: address, remote: None, node: None, child };
        if plan.ip_range_start.is_some() {
            let config = plan.address(offset, replica.ip_address.as_deref());
            let ip = self.unpack_resource(&Arc::new(Template::implied(config)), None, Some(bundle))?;
            self.facts.rscs[bundle].children.push(ip);
            replica.ip = Some(ip);
        }
        if let (Some(child), Some(clone)) = (child, clone) {
            self.create_connection(bundle, plan, clone, child, &mut replica)?;
            if let Some(address) = replica.ip_address.clone() {
                self.facts.rscs[child].meta.insert("external-ip".to_owned(), address);
            }
        }
        Some(replica)
    }

    /// The connection into a container and the guest node it makes.
    fn create_connection(
        &mut self,
        bundle: RscIx,
        plan: &Plan<'_>,
        clone: RscIx,
        child: RscIx,
        replica: &mut Replica,
    ) -> Option<()> {
        let mut id = format!("{}-{}", plan.name, replica.offset);
        if self.find_resource(&id).is_some() {
            id = format!("pcmk-internal-{}-remote-{}", self.facts.rscs[child].id, replica.offset);
            if self.find_resource(&id).is_some() {
                return None;
            }
        }
        let container = self.facts.rscs[replica.container].id.clone();
        let config = Connection {
            name: &id,
            container: &container,
            allow_migrate: None,
            is_managed: None,
            start_timeout: None,
            // Without an address of its own, the connection is to the host the container runs on.
            address: Some(replica.ip_address.as_deref().unwrap_or("#uname")),
            port: Some(plan.control_port.unwrap_or(REMOTE_PORT)),
        }
        .config();
        let node = match self.facts.node_named(&id) {
            Some(node) => {
                self.facts.nodes[node].score = Score::MINUS_INFINITY;
                node
            }
            None => self.create_node(&id, &id, NodeKind::Remote, Score::MINUS_INFINITY),
        };
        self.facts.nodes[node].probe = ProbeMode::Never;
        let banned = Allowed { score: Score::MINUS_INFINITY, probe: ProbeMode::Never };
        for top in self.facts.top.clone() {
            self.disallow(top, node, banned);
        }
        replica.node = Some(node);
        let inside = Allowed { score: Score::new(500), probe: ProbeMode::Exclusive };
        self.facts.rscs[child].allowed = [(node, inside)].into();
        let outside = Allowed { score: Score::MINUS_INFINITY, probe: ProbeMode::Exclusive };
        self.facts.rscs[clone].allowed.insert(node, outside);
        let remote = self.unpack_resource(&Arc::new(Template::implied(config)), None, Some(bundle))?;
        let nodes = &self.facts.nodes;
        for (&other, allowed) in &mut self.facts.rscs[remote].allowed {
            if nodes[other].is_remote() {
                allowed.score = Score::MINUS_INFINITY;
            }
        }
        self.facts.nodes[node].connection = Some(remote);
        self.facts.nodes[node].attributes.insert("#kind".to_owned(), "container".to_owned());
        self.facts.rscs[remote].launcher = Some(replica.container);
        self.facts.rscs[remote].remote_node = Some(node);
        self.facts.rscs[remote].flags.set(Flags::REMOTE_NESTING_ALLOWED);
        self.facts.rscs[bundle].children.push(remote);
        replica.remote = Some(remote);
        Some(())
    }

    fn disallow(&mut self, rsc: RscIx, node: crate::facts::types::NodeIx, banned: Allowed) {
        if let Some(allowed) = self.facts.rscs[rsc].allowed.get_mut(&node) {
            *allowed = banned;
        }
        for child in self.facts.rscs[rsc].children.clone() {
            self.disallow(child, node, banned);
        }
    }
}

/// The clone of the primitive inside.
fn implied_clone(
    name: &str,
    child: &Arc<Template>,
    replicas: i64,
    per_host: i64,
    promoted_max: i64,
) -> Template {
    // The word "master" stays in the name, or bundles would restart on an upgrade.
    let id = format!("{name}-{}", if promoted_max > 0 { "master" } else { "clone" });
    let (replicas, per_host, promoted) =
        (replicas.to_string(), per_host.to_string(), promoted_max.to_string());
    let unique = if per_host == "1" { "false" } else { "true" };
    let promotable = promoted_max > 0;
    let meta = implied_set(
        format!("{name}-clone-meta"),
        &[
            ("ordered", Some("true")),
            ("clone-max", Some(&replicas)),
            ("clone-node-max", Some(&per_host)),
            ("globally-unique", Some(unique)),
            ("promotable", promotable.then_some("true")),
            ("promoted-max", promotable.then_some(&promoted)),
        ],
    );
    let config = ResourceConfig {
        kind: ResourceKind::Clone { legacy_promotable: false, child: None },
        attributes: vec![("id".to_owned(), id.clone())],
        meta: vec![meta],
        ..implied_primitive(&id, "", "")
    };
    Template { config: Arc::new(config), children: vec![Arc::clone(child)], made_from: None }
}

impl Plan<'_> {
    /// The container of a replica.
    fn container(&self, has_child: bool, offset: usize, address: Option<&str>) -> ResourceConfig {
        let engine = self.config.engine;
        let mut options = String::new();
        let mut directories = Vec::new();
        if engine == ContainerEngine::Docker {
            options.push_str(" --restart=no");
        }
        if self.ip_range_start.is_some() {
            options.push_str(&format!(" -h {}-{offset}", self.name));
        }
        options.push_str(" -e PCMK_stderr=1");
        if let Some(network) = self.network {
            options.push_str(&format!(" --net={network}"));
        }
        options.push_str(&format!(" -e PCMK_remote_port={}", self.control_port.unwrap_or(REMOTE_PORT)));
        for mount in &self.mounts {
            let source = if mount.per_replica {
                let source = format!("{}/{}-{offset}", mount.source, self.name);
                directories.push(source.clone());
                source
            } else {
                mount.source.clone()
            };
            options.push_str(&format!(" -v {source}:{}", mount.target));
            if let Some(more) = &mount.options {
                options.push_str(&format!(":{more}"));
            }
        }
        for (source, target) in &self.ports {
            if let Some(address) = address {
                options.push_str(&format!(" -p {address}:{source}:{target}"));
            } else if self.network != Some("host") {
                options.push_str(&format!(" -p {source}:{target}"));
            }
        }
        if let Some(more) = self.launcher_options {
            options.push_str(&format!(" {more}"));
        }
        // Even without any such option the space is written: it always was.
        options.push_str(&format!(" {}", self.host_options));
        let run_command = self.run_command.or(has_child.then_some(REMOTE_PROGRAM));
        let directories = directories.join(",");
        let id = sanitize_id(&format!("{}-{}-{offset}", self.name, engine.as_str()));
        let mut config = implied_primitive(&id, "heartbeat", engine.as_str());
        config.params.push(implied_set(
            format!("{}-attributes-{offset}", self.name),
            &[
                ("image", Some(self.image)),
                ("allow_pull", Some("true")),
                ("force_kill", Some("false")),
                ("reuse", Some("false")),
                ("run_opts", Some(&options)),
                ("mount_points", Some(&directories)),
                ("run_cmd", run_command),
                ("monitor_cmd", Some("/bin/true")),
            ],
        ));
        config.operations.push(implied_op(&id, "monitor", "60s", None));
        config
    }

    /// The address of a replica.
    fn address(&self, offset: usize, address: Option<&str>) -> ResourceConfig {
        let shown = address.unwrap_or("(null)");
        let id = sanitize_id(&format!("{}-ip-{shown}", self.name));
        let mut config = implied_primitive(&id, "heartbeat", "IPaddr2");
        config.params.push(implied_set(
            format!("{}-attributes-{offset}", self.name),
            &[
                ("ip", address),
                ("nic", self.config.network.attribute("host-interface")),
                ("cidr_netmask", Some(self.config.network.attribute("host-netmask").unwrap_or("32"))),
            ],
        ));
        config.operations.push(implied_op(&id, "monitor", "60s", None));
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |last, expected: Option<&str>| assert_eq!(next_ip(last).as_deref(), expected);
        check("192.168.122.131", Some("192.168.122.132"));
        check("192.168.122.254", Some("192.168.123.1"));
        check("192.168.254.1", None);
        check("fe80::1", None);
    }
}
