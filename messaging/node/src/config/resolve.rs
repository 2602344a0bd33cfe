//! From the tree to the settled configuration: the order in which the parts are resolved, and the key map.

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::keymap::{KeyMap, Value};
use super::reader::{Findings, number64, place};
use super::resolved::{CorosyncConf, LinkMode, Transport};
use super::syntax::Section;
use super::{logging, nodes, quorum, seal, table, timings};

pub(super) fn resolve(
    root: &Section,
    environment: &Environment,
    findings: &mut Findings,
) -> Option<CorosyncConf> {
    let empty = Section::default();
    let totem = root.all("totem").last().unwrap_or(&empty);
    for name in ["totem", "quorum", "logging", "system"] {
        for earlier in root.all(name).rev_skip_last() {
            findings.push(
                Diagnostic::warning(
                    earlier.span,
                    format!("section '{name}' is written twice, the last one counts"),
                )
                .next_step("put all its options into one section"),
            );
        }
    }
    check_version(root, totem, findings);
    let transport = match totem.value("transport") {
        Some("udpu") => Transport::Udpu,
        Some("udp") => Transport::Udp,
        Some("iba") => {
            findings.push(
                Diagnostic::warning(place(totem, "transport"), "InfiniBand is used through its IP addresses")
                    .value("iba")
                    .expected("knet, udpu or udp"),
            );
            Transport::Knet
        }
        Some(_) => Transport::Knet,
        // Before 3.0 the default was multicast, and no file of those days has a list of nodes without a transport.
        None if root.all("nodelist").next().is_none() => Transport::Udp,
        None => Transport::Knet,
    };
    for entry in totem.all("interface").filter_map(|interface| interface.entry("knet_transport")) {
        if entry.value == "sctp" {
            findings.push(
                Diagnostic::warning(
                    entry.value_span,
                    "SCTP is replaced by UDP; delivery is assured by the ring",
                )
                .value("sctp"),
            );
        }
    }
    if let Some(entry) = totem.entry("secauth").filter(|entry| entry.value == "on") {
        findings.push(Diagnostic::note(entry.key_span, "messages are sealed with AES-256-GCM").value("on"));
    }
    let topology = nodes::resolve(root, totem, transport, environment, findings);
    let node_count = topology.as_ref().map_or(0, |topology| topology.nodes.len());
    let timings = timings::resolve(totem, node_count, findings);
    let seal = seal::resolve(totem, environment, findings);
    let logging = logging::logging(root, findings);
    let system = logging::system(root, findings);
    let manager = logging::manager(root, findings);
    let mut topology = topology?;
    let own_votes = root.all("quorum").last().and_then(|section| super::reader::number(section, "votes"));
    if let Some(votes) = own_votes.filter(|_| root.all("nodelist").next().is_none()) {
        topology.nodes.iter_mut().for_each(|node| node.votes = votes);
    }
    let quorum = quorum::resolve(root, &topology.nodes, topology.open, environment, findings);
    Some(CorosyncConf {
        cluster_name: totem.value("cluster_name").unwrap_or_default().to_owned(),
        config_version: number64(totem, "config_version").unwrap_or(0),
        transport,
        link_mode: link_mode(totem, findings),
        local_id: topology.local_id,
        local_name: topology.local_name,
        nodes: topology.nodes,
        open: topology.open,
        links: topology.links,
        timings,
        seal,
        quorum,
        logging,
        system,
        allowed: logging::allowed(root),
        manager,
        map: key_map(root),
    })
}

/// All but the last of an iterator; sections of one name are few.
trait RevSkipLast<'a> {
    fn rev_skip_last(self) -> std::vec::IntoIter<&'a Section>;
}

impl<'a, I: Iterator<Item = &'a Section>> RevSkipLast<'a> for I {
    fn rev_skip_last(self) -> std::vec::IntoIter<&'a Section> {
        let mut all: Vec<&Section> = self.collect();
        all.pop();
        all.into_iter()
    }
}

fn check_version(root: &Section, totem: &Section, findings: &mut Findings) {
    if root.all("totem").next().is_none() {
        findings.push(
            Diagnostic::error(None, "the file has no section 'totem'")
                .expected("totem { version: 2 … }")
                .next_step("see 'man 5 corosync.conf' or docs/corosync.conf.md for a complete example"),
        );
        return;
    }
    match totem.entry("version") {
        Some(entry) if entry.value == "2" => {}
        Some(entry) => findings.push(
            Diagnostic::error(entry.value_span, "this is the version of the file's form, and only 2 exists")
                .value(&entry.value)
                .expected("version: 2"),
        ),
        None => findings.push(
            Diagnostic::error(totem.span, "section 'totem' has no version")
                .expected("version: 2")
                .next_step("add the line 'version: 2' to this section"),
        ),
    }
}

fn link_mode(totem: &Section, findings: &mut Findings) -> LinkMode {
    let old = totem.value("rrp_mode");
    match totem.value("link_mode").or(old) {
        Some("active") => LinkMode::Active,
        Some("rr") => LinkMode::RoundRobin,
        Some("passive") if old.is_some() && totem.value("link_mode").is_none() => {
            findings.push(
                Diagnostic::note(
                    place(totem, "rrp_mode"),
                    "'rrp_mode: passive' is read as 'link_mode: passive'",
                )
                .value("passive"),
            );
            LinkMode::Passive
        }
        _ => LinkMode::Passive,
    }
}

/// The file as corosync would show it in its key map.
fn key_map(root: &Section) -> KeyMap {
    let mut map = KeyMap::default();
    fill(root, "", "", &mut map);
    map
}

fn fill(section: &Section, table_path: &str, map_path: &str, map: &mut KeyMap) {
    let join = |path: &str, name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    for entry in &section.keys {
        let kind = table::find(table_path, &entry.key).map_or("str", |row| row.map_type);
        let value = match Value::parse(kind, &entry.value) {
            Ok(value) => value,
            Err(_) => Value::Text(entry.value.clone()),
        };
        if table_path == "uidgid" {
            let key = format!("uidgid.config.{}.{}", entry.key, entry.value);
            let _ = map.set(&key, Value::U8(1));
            continue;
        }
        // The secret itself is in nobody's map.
        if table_path == "totem" && entry.key == "key" {
            continue;
        }
        // A name that the map does not allow (blanks, umlauts) is in the file but not in the map, as in corosync.
        let _ = map.set(&join(map_path, &entry.key), value);
    }
    let mut positions = std::collections::BTreeMap::<&str, usize>::new();
    for inner in &section.sections {
        let inner_table = join(table_path, &inner.name);
        let position = positions.entry(&inner.name).or_default();
        let label = match inner_table.as_str() {
            "totem.interface" => {
                Some(inner.value("linknumber").or(inner.value("ringnumber")).unwrap_or("0").to_owned())
            }
            "nodelist.node" | "totem.interface.member" | "service" => Some(position.to_string()),
            "logging.logger_subsys" => inner.value("subsys").map(str::to_owned),
            "logging.logging_daemon" => inner.value("name").map(str::to_owned),
            _ => None,
        };
        *position += 1;
        let mut inner_map = join(map_path, &inner.name);
        if let Some(label) = label {
            inner_map = format!("{inner_map}.{label}");
        }
        fill(inner, &inner_table, &inner_map, map);
    }
}
