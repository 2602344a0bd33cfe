//! The settled conversion: what the new cluster is, before any file is written.
//!
//! Knows how each heartbeat notion is expressed in ours. Does not write text, XML or files.

mod connect;

pub use connect::ping_parameters;

use super::fence_plugin;
use super::ha_cf::{Client, CrmMode, Failback, HaCf, Stonith};
use super::haresources::{Annotation, Group, Haresources, Naming, Word};
use super::machine::{self, Found, INIT_D, Machine, RESOURCE_D};
use super::scripts::{self, Agent};
use super::source::{Account, Place, Verdict};

/// Score by which a group prefers the node that its line names; the value of the first converters.
pub const PREFERENCE: u32 = 100;
/// Stickiness of each resource when services stay where they are.
pub const STAY: u32 = 200;

/// What the command line asks of the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// A script that is found nowhere is no error.
    pub allow_missing: bool,
    /// Known scripts stay scripts.
    pub no_ocf: bool,
    /// No operations are written.
    pub no_monitor: bool,
}

/// A resource with its identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    pub agent: Agent,
}

/// What a line of `haresources` becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A lone resource.
    Primitive(Member),
    /// Several that move together.
    Group { id: String, members: Vec<Member> },
    /// The same on every node.
    Clone { id: String, member: Member },
}

/// A service with the node it prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub shape: Shape,
    /// The preferred node; clones have none.
    pub node: Option<String>,
}

impl Service {
    /// The identifier that constraints name.
    pub fn id(&self) -> &str {
        match &self.shape {
            Shape::Primitive(member) => &member.id,
            Shape::Group { id, .. } | Shape::Clone { id, .. } => id,
        }
    }

    /// Number of resources that move together.
    fn size(&self) -> u32 {
        match &self.shape {
            Shape::Group { members, .. } => members.len() as u32,
            Shape::Primitive(_) | Shape::Clone { .. } => 1,
        }
    }
}

/// A clone of the ping agent and the rule that prefers the better connected node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Identifier of the primitive; the clone is called after it.
    pub id: String,
    /// The node attribute it sets.
    pub attribute: String,
    pub hosts: Vec<String>,
    /// Points for each host that answers.
    pub multiplier: u32,
    /// Wait before a changed value counts.
    pub dampen_ms: u64,
    pub interval_ms: u64,
    /// Seconds for one attempt.
    pub timeout: u64,
    /// Several hosts count as one.
    pub any: bool,
    /// Whether services follow the value (`ipfail`), or it is only set (`pingd`).
    pub moves_services: bool,
}

/// A fence device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceDevice {
    pub id: String,
    /// Set for `stonith_host *` and `stonith`: every node may use it.
    pub clone: Option<String>,
    pub kind: String,
    pub params: Vec<(String, String)>,
    /// The host that the device is wired to.
    pub host: Option<String>,
}

/// A program that runs on every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRunning {
    pub id: String,
    pub client: Client,
}

/// The resources and constraints of the new cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub nodes: Vec<String>,
    pub services: Vec<Service>,
    pub annotations: Vec<Annotation>,
    pub pings: Vec<Ping>,
    pub fencing: Vec<FenceDevice>,
    /// Fencing was in use: it stays in use, whatever became of the devices.
    pub fencing_enabled: bool,
    pub clients: Vec<KeptRunning>,
    /// `None` lets services go home.
    pub stickiness: Option<u32>,
    pub initdead_ms: u64,
    pub cluster_name: String,
    /// The version 2 manager ran: its CIB is taken over instead of services.
    pub crm: bool,
    /// All hosts of `ping` lines, for agents of the CIB that is taken over.
    pub ping_hosts: Vec<String>,
    pub no_monitor: bool,
}

/// Settles the plan. What cannot be settled is an error in `account`.
pub fn settle(
    ha: &HaCf,
    resources: &Haresources,
    machine: &Machine,
    wishes: Wishes,
    account: &mut Account,
) -> Plan {
    let crm = ha.crm.as_ref().is_some_and(|s| s.value == CrmMode::On);
    let mut plan = Plan {
        nodes: ha.nodes.iter().map(|n| n.value.clone()).collect(),
        initdead_ms: ha.initdead_ms(),
        cluster_name: ha.cluster.as_ref().map_or_else(|| "linux-ha".to_owned(), |s| s.value.clone()),
        crm,
        no_monitor: wishes.no_monitor,
        annotations: resources.annotations.clone(),
        ..Plan::default()
    };
    let mut numbers = Numbers { single: 1, group: 1 };
    if !crm {
        for group in &resources.groups {
            service(group, &mut numbers, &mut plan, machine, wishes, account);
        }
        labels(&mut plan);
    }
    failback(ha, &mut plan, account);
    fencing(ha, &mut numbers, &mut plan, machine, account);
    connect::connectivity(ha, &mut plan, account);
    for client in &ha.clients {
        connect::kept_running(client, &mut plan, account);
    }
    unique_ids(&plan, resources, account);
    plan
}

/// The counters of the first converters, kept so that identifiers are the same.
struct Numbers {
    single: u32,
    group: u32,
}

fn service(
    group: &Group,
    numbers: &mut Numbers,
    plan: &mut Plan,
    machine: &Machine,
    wishes: Wishes,
    account: &mut Account,
) {
    if !plan.nodes.contains(&group.node) {
        let note = format!("Bad nodename in {} [{}]", group.place.file, group.node);
        let cure = format!("the nodes of ha.cf are: {}", plan.nodes.join(", "));
        return account.advise(&group.place, &group.text, Verdict::Error, note, cure);
    }
    let clone = matches!(group.naming, Naming::Clone(_));
    let start = if group.words.len() == 1 && !clone { numbers.single } else { numbers.group };
    let mut members = Vec::new();
    for (index, word) in (start..).zip(&group.words) {
        if let Some(agent) = agent_of(word, &group.place, machine, wishes, account) {
            let id = match &group.naming {
                Naming::Named(id) if group.words.len() == 1 => id.clone(),
                _ => member_id(word, index),
            };
            members.push(Member { id, agent });
        }
    }
    let single = |members: Vec<Member>| members.into_iter().next();
    let shape = match (&group.naming, group.words.len()) {
        (Naming::Clone(id), _) => {
            numbers.group += 10;
            numbers.single += 1;
            single(members).map(|member| Shape::Clone { id: id.clone(), member })
        }
        (_, 1) => {
            numbers.single += 1;
            single(members).map(Shape::Primitive)
        }
        (naming, words) => {
            let id = match naming {
                Naming::Named(id) => id.clone(),
                _ => format!("group_{}", numbers.group),
            };
            numbers.group += 10;
            numbers.single += words as u32 + 1;
            Some(Shape::Group { id, members })
        }
    };
    let Some(shape) = shape else {
        return;
    };
    let service = Service { shape, node: (!clone).then(|| group.node.clone()) };
    let what = match &service.shape {
        Shape::Primitive(member) => format!("resource {}", member.id),
        Shape::Group { id, members } => {
            let ids: Vec<&str> = members.iter().map(|m| m.id.as_str()).collect();
            format!("group {id} ({}), started left to right, stopped right to left", ids.join(", "))
        }
        Shape::Clone { id, .. } => format!("clone {id}, one instance on every node"),
    };
    let prefers =
        if clone { String::new() } else { format!("; prefers {} with score {PREFERENCE}", group.node) };
    account.note(&group.place, &group.text, Verdict::Changed, format!("{what}{prefers}"));
    plan.services.push(service);
}

fn member_id(word: &Word, index: u32) -> String {
    match (word.script.as_str(), word.args.first()) {
        ("IPaddr", Some(arg)) => {
            let ip = arg.split('/').next().unwrap_or_default();
            format!("IPaddr_{}", ip.replace(['.', ':'], "_"))
        }
        _ => {
            let safe =
                |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
            let name: String = word.script.chars().map(safe).collect();
            let prefix = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
            format!("{prefix}{name}_{index}")
        }
    }
}

/// The agent of one word, or an error in `account`.
fn agent_of(
    word: &Word,
    place: &Place,
    machine: &Machine,
    wishes: Wishes,
    account: &mut Account,
) -> Option<Agent> {
    if !wishes.no_ocf {
        match scripts::agent(word) {
            Ok(Some(mut agent)) => {
                if word.script == "OCF" {
                    agent.params = ocf_parameters(word, place, machine, account)?;
                }
                if let Some(advice) = agent.advice {
                    account.note(place, &word.text, Verdict::Changed, advice);
                }
                return Some(agent);
            }
            Ok(None) => {}
            Err(why) => {
                account.advise(place, &word.text, Verdict::Error, why, "correct the word in haresources");
                return None;
            }
        }
    }
    let class = match machine.script(&word.script) {
        Found::ResourceD(path) => ("heartbeat", Some(path)),
        Found::InitD(path) => ("lsb", Some(path)),
        Found::Unit(path) => {
            let note = format!("no init script; the systemd unit {} is used", path.display());
            account.note(place, &word.text, Verdict::Changed, note);
            ("systemd", None)
        }
        Found::NotExecutable(path) if !wishes.allow_missing => {
            let note = format!("{} is there and cannot be run", path.display());
            account.advise(place, &word.text, Verdict::Error, note, format!("chmod 755 {}", path.display()));
            return None;
        }
        Found::Nowhere if !wishes.allow_missing => {
            let folders: Vec<String> = RESOURCE_D.iter().chain(INIT_D).map(|f| format!("/{f}")).collect();
            account.advise(
                place,
                &word.text,
                Verdict::Error,
                format!(
                    "no script `{}`: looked in {} and for a unit {}.service",
                    word.script,
                    folders.join(", "),
                    word.script
                ),
                "install the service, name a copy of the machine's tree with --root, or accept it with --allow-missing",
            );
            return None;
        }
        Found::NotExecutable(_) | Found::Nowhere => {
            let note = format!("no script `{}` was found: class lsb is assumed", word.script);
            let cure = format!("install /etc/init.d/{} on every node before the start", word.script);
            account.advise(place, &word.text, Verdict::NeedsYou, note, cure);
            ("lsb", None)
        }
    };
    if let Some(path) = class.1.filter(|p| machine::ignores_its_argument(p)) {
        account.advise(
            place,
            &word.text,
            Verdict::Error,
            format!("{} never reads its argument: asking it for its status would start it", path.display()),
            format!(
                "haresources2cib --wrapper {} > /etc/ha.d/resource.d/{}.ha; chmod 755 it, and name {}.ha here",
                path.display(),
                word.script,
                word.script
            ),
        );
        return None;
    }
    if class.0 != "heartbeat" && !word.args.is_empty() && class.0 == "systemd" {
        let note = "a systemd unit takes no arguments";
        account.advise(
            place,
            &word.text,
            Verdict::Error,
            note,
            "write a template unit NAME@ARGUMENT instead",
        );
        return None;
    }
    let agent = scripts::plain(class.0, word);
    if let Some(advice) = agent.advice {
        account.note(place, &word.text, Verdict::Changed, advice);
    }
    Some(agent)
}

/// Parameters of `OCF::AGENT::INSTANCE` from the file that the wrapper sourced.
fn ocf_parameters(
    word: &Word,
    place: &Place,
    machine: &Machine,
    account: &mut Account,
) -> Option<Vec<(String, String)>> {
    let instance = word.args.get(1).filter(|i| !i.is_empty())?;
    let file = format!("/etc/ha.d/conf/OCF/{}/{instance}", word.args[0]);
    let Some(text) = machine.text(&file) else {
        let note = format!("its parameters are in {file}, which cannot be read");
        account.advise(
            place,
            &word.text,
            Verdict::NeedsYou,
            note,
            format!("crm resource param {} set NAME VALUE", word.args[0]),
        );
        return Some(Vec::new());
    };
    let params = text.lines().filter_map(|line| {
        let (name, value) = line.trim().trim_start_matches("export ").split_once('=')?;
        let name = name.trim().trim_start_matches("OCF_RESKEY_");
        let fine = !name.is_empty() && !name.starts_with('#');
        fine.then(|| (name.to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
    });
    Some(params.collect())
}

/// Gives each bare address the first free interface label, as `ifconfig` aliases had it.
fn labels(plan: &mut Plan) {
    let members = |plan: &Plan| -> Vec<Member> {
        plan.services
            .iter()
            .flat_map(|s| match &s.shape {
                Shape::Primitive(m) | Shape::Clone { member: m, .. } => vec![m.clone()],
                Shape::Group { members, .. } => members.clone(),
            })
            .collect()
    };
    let label = |m: &Member| m.agent.params.iter().find(|(n, _)| n == "iflabel").map(|(_, v)| v.clone());
    let mut taken: Vec<String> = members(plan).iter().filter_map(label).collect();
    for service in &mut plan.services {
        let members: &mut [Member] = match &mut service.shape {
            Shape::Primitive(m) => std::slice::from_mut(m),
            Shape::Group { members, .. } => members,
            Shape::Clone { .. } => &mut [],
        };
        for member in members.iter_mut().filter(|m| m.agent.alias) {
            let ipv6 = member.agent.params.iter().any(|(n, v)| n == "ip" && v.contains(':'));
            if ipv6 || member.agent.params.iter().any(|(n, _)| n == "iflabel") {
                continue;
            }
            let free = (0u32..).map(|n| n.to_string()).find(|n| !taken.contains(n)).unwrap_or_default();
            taken.push(free.clone());
            member.agent.params.push(("iflabel".to_owned(), free));
        }
    }
}

fn failback(ha: &HaCf, plan: &mut Plan, account: &mut Account) {
    if plan.crm {
        if let Some(set) = &ha.failback {
            let note = "with crm on the stickiness in the CIB says where services go, as before";
            account.note(&set.place, &set.text, Verdict::Dropped, note);
        }
        return;
    }
    match &ha.failback {
        Some(set) if set.value == Failback::Off => {
            plan.stickiness = Some(STAY);
            let note =
                format!("resource-stickiness={STAY} above the preference of {PREFERENCE}: services stay");
            account.note(&set.place, &set.text, Verdict::Changed, note);
        }
        Some(set) => {
            let note = format!("no stickiness: services go home by the preference of {PREFERENCE}");
            account.note(&set.place, &set.text, Verdict::Changed, note);
        }
        None => {
            let note = "no auto_failback line: heartbeat's default is legacy, which lets services go home";
            account.note(&file_of(ha), "", Verdict::Changed, note);
        }
    }
}

fn file_of(ha: &HaCf) -> Place {
    ha.nodes.first().map_or_else(|| Place::new("ha.cf", 0), |n| Place::new(&n.place.file, 0))
}

fn fencing(ha: &HaCf, numbers: &mut Numbers, plan: &mut Plan, machine: &Machine, account: &mut Account) {
    plan.fencing_enabled = !ha.stonith.is_empty() && !plan.crm;
    for set in &ha.stonith {
        if plan.crm {
            let note = "with crm on heartbeat did not use it: fencing is what the CIB says";
            let cure = "crm configure show type:primitive; a device that is missing: crm configure primitive NAME stonith:AGENT params ...";
            account.advise(&set.place, &set.text, Verdict::NeedsYou, note, cure);
            continue;
        }
        let index = numbers.single;
        numbers.single += 1;
        let (kind, values, host) = match &set.value {
            Stonith::Host { host, kind, params } => {
                (kind, params.clone(), (host != "*").then(|| host.clone()))
            }
            Stonith::File { kind, file } => match machine.text(file) {
                Some(text) => {
                    let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
                    let values = line.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
                    (kind, values, None)
                }
                None => {
                    account.advise(
                        &set.place,
                        &set.text,
                        Verdict::NeedsYou,
                        format!("Invalid Stonith config file [{file}]: it cannot be read, so the device has no parameters"),
                        format!("crm configure primitive stonith_{index} stonith:AGENT params ..."),
                    );
                    continue;
                }
            },
        };
        if let Some(host) = host.as_ref().filter(|h| !plan.nodes.contains(h)) {
            let note = format!("the host {host} is not a node of this cluster");
            account.advise(&set.place, &set.text, Verdict::NeedsYou, note, "name a node, or * for all");
        }
        let known =
            scripts::stonith_params(kind).map(|names| names.iter().map(|n| (*n).to_owned()).collect());
        let Some(names) = known.or_else(|| fence_plugin::parameter_names(machine, kind)) else {
            account.advise(
                &set.place,
                &set.text,
                Verdict::NeedsYou,
                format!("the fence device type {kind} is not known; fencing stays enabled, so nothing that needs it starts"),
                format!("crm configure primitive stonith_{index} stonith:AGENT params ... (crm ra list stonith)"),
            );
            continue;
        };
        let params = parameters(&names, &values);
        let device = FenceDevice {
            id: format!("stonith_{index}"),
            clone: host.is_none().then(|| format!("clone_{index}")),
            kind: kind.clone(),
            params,
            host,
        };
        match scripts::stonith_successor(kind) {
            Some(successor) => account.advise(
                &set.place,
                &set.text,
                Verdict::NeedsYou,
                format!(
                    "{}: type and parameters are kept; the plug-in {kind} has a successor today",
                    device.id
                ),
                format!("crm configure primitive {} {successor}", device.id),
            ),
            None => account.advise(
                &set.place,
                &set.text,
                Verdict::NeedsYou,
                format!(
                    "{}: type and parameters are kept; it works only where the plug-in {kind} is installed",
                    device.id
                ),
                format!(
                    "stonith_admin --validate --agent {kind}, or choose another agent: crm ra list stonith"
                ),
            ),
        }
        plan.fencing.push(device);
    }
}

/// Names for values in order; the last name takes what is left.
fn parameters(names: &[String], values: &[String]) -> Vec<(String, String)> {
    let mut params = Vec::new();
    for (index, name) in names.iter().enumerate().take(values.len()) {
        let last = index + 1 == names.len();
        let value = if last { values[index..].join(" ") } else { values[index].clone() };
        params.push((name.clone(), value));
    }
    params
}

/// Two objects with one identifier would make the CIB invalid.
fn unique_ids(plan: &Plan, resources: &Haresources, account: &mut Account) {
    let mut seen: Vec<&str> = Vec::new();
    for (service, group) in plan.services.iter().zip(&resources.groups) {
        let mut ids = vec![service.id()];
        match &service.shape {
            Shape::Group { members, .. } => ids.extend(members.iter().map(|m| m.id.as_str())),
            Shape::Clone { member, .. } => ids.push(&member.id),
            Shape::Primitive(_) => {}
        }
        for id in ids {
            if seen.contains(&id) {
                let note = format!("the identifier {id} is taken by an earlier resource");
                account.advise(
                    &group.place,
                    &group.text,
                    Verdict::Error,
                    note,
                    "name the line with a comment `#NAME`",
                );
            }
            seen.push(id);
        }
    }
}
