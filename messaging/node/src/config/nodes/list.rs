//! Files with `nodelist { }`: every node is listed, and one of them is this machine.

use super::{Interface, PORT, Resolver, Topology, link, multicast, parse_address, ring_number};
use crate::config::diagnostic::Diagnostic;
use crate::config::environment::Environment;
use crate::config::reader::{Findings, number, place};
use crate::config::resolved::{Node, Transport};
use crate::config::syntax::Section;
use holdfast_totem::config::MAX_MEMBERS;
use std::collections::BTreeMap;

/// A node of the list with what is needed to find out whether it is this one.
struct Listed<'a> {
    section: &'a Section,
    node: Node,
    /// The addresses as written.
    texts: Vec<&'a str>,
}

pub(super) fn from_list(
    sections: &[&Section],
    interfaces: &[Interface<'_>],
    resolver: &Resolver<'_>,
    findings: &mut Findings,
) -> Option<Topology> {
    if sections.len() > MAX_MEMBERS {
        findings.push(
            Diagnostic::error(sections[MAX_MEMBERS].span, "too many nodes")
                .value(sections.len().to_string())
                .expected(format!("at most {MAX_MEMBERS}")),
        );
        return None;
    }
    let mut listed: Vec<Listed<'_>> = Vec::new();
    for section in sections {
        if let Some(node) = read_node(section, interfaces, resolver, findings) {
            duplicates(&listed, &node, findings);
            listed.push(node);
        }
    }
    let index = find_local(&listed, resolver.environment, findings)?;
    let environment = resolver.environment;
    let local = &listed[index];
    let local_id = local.node.id;
    let local_name =
        if local.node.name.is_empty() { environment.hostname.clone() } else { local.node.name.clone() };
    let mut links = Vec::new();
    for (&number, &bind) in &local.node.addresses {
        let interface = interfaces.iter().find(|interface| interface.number == number);
        let mut link = link(interface, number, bind);
        if resolver.transport == Transport::Udp {
            link.multicast = multicast(interface, resolver, bind, findings);
        }
        let key = format!("ring{number}_addr");
        if !environment.addresses.is_empty() && !environment.is_local(bind.ip()) {
            findings.push(
                Diagnostic::warning(
                    place(local.section, &key),
                    format!("this node ({local_name}) does not have the address {} now", bind.ip()),
                )
                .value(local.section.value(&key).unwrap_or_default())
                .expected(format!("one of {}", environment.describe_addresses()))
                .next_step("the link works as soon as the address is there; check with: ip address"),
            );
        }
        links.push(link);
    }
    for other in &listed {
        for number in local.node.addresses.keys().filter(|number| !other.node.addresses.contains_key(number))
        {
            findings.push(
                Diagnostic::warning(
                    other.section.span,
                    format!(
                        "node {} has no ring{number}_addr, so link {number} does not reach it",
                        other.node.id
                    ),
                )
                .expected(format!("ring{number}_addr: ADDRESS")),
            );
        }
    }
    for interface in interfaces {
        if !local.node.addresses.contains_key(&interface.number) {
            findings.push(Diagnostic::warning(
                interface.section.span,
                format!(
                    "no node of the list has a ring{}_addr, so this interface has no effect",
                    interface.number
                ),
            ));
        } else if let Some(entry) = interface.section.entry("bindnetaddr") {
            findings.push(
                Diagnostic::note(
                    entry.key_span,
                    "'bindnetaddr' has no effect: the list of nodes has the addresses",
                )
                .value(&entry.value),
            );
        }
    }
    let mut nodes: Vec<Node> = listed.into_iter().map(|listed| listed.node).collect();
    for node in nodes.iter_mut().filter(|node| node.id == local_id) {
        node.name.clone_from(&local_name);
    }
    nodes.sort_by_key(|node| node.id);
    Some(Topology { nodes, links, local_id, local_name, open: false })
}

fn read_node<'a>(
    section: &'a Section,
    interfaces: &[Interface<'_>],
    resolver: &Resolver<'_>,
    findings: &mut Findings,
) -> Option<Listed<'a>> {
    let mut addresses = BTreeMap::new();
    let mut texts = Vec::new();
    let mut unresolved = false;
    for entry in &section.keys {
        let Some(number) = ring_number(&entry.key) else { continue };
        if entry.value.is_empty() {
            findings.push(
                Diagnostic::error(entry.key_span, format!("'{}' has no value", entry.key))
                    .expected("an address or a host name"),
            );
            unresolved = true;
            continue;
        }
        let interface = interfaces.iter().find(|interface| interface.number == number);
        let port = interface.map_or(PORT + u16::from(number), |interface| interface.port);
        texts.push(entry.value.as_str());
        match resolver.address(&entry.value, Some(entry.value_span), findings) {
            Some(address) => {
                addresses.insert(number, resolver.socket(address, &entry.value, port));
            }
            None => unresolved = true,
        }
    }
    if texts.is_empty() && !unresolved {
        findings.push(
            Diagnostic::error(section.span, "this node has no address")
                .expected("ring0_addr: ADDRESS")
                .next_step("add 'ring0_addr:' with the address of this node's cluster interface"),
        );
        return None;
    }
    let first = addresses.first_key_value().map(|(_, address)| address.ip());
    let id = match section.entry("nodeid").filter(|entry| !entry.value.is_empty()) {
        Some(entry) => {
            if entry.value == "0" {
                findings.push(
                    Diagnostic::error(entry.value_span, "a node id is never 0")
                        .value("0")
                        .expected("a number from 1"),
                );
            }
            entry.value.parse().ok()?
        }
        None => {
            let id = resolver.derived_id(first?);
            if id.is_none() {
                findings.push(
                    Diagnostic::error(
                        section.span,
                        "this node has no node id, and an IPv6 address gives none",
                    )
                    .expected("nodeid: NUMBER"),
                );
            }
            let id = id?;
            findings.push(
                Diagnostic::note(
                    section.span,
                    format!("this node has no node id; {id} is taken from its address"),
                )
                .next_step(format!("add 'nodeid: {id}' to keep it when the address changes")),
            );
            id
        }
    };
    let named = section.value("name").map(str::to_owned);
    let from_address = texts.iter().find(|text| parse_address(text).is_none()).map(|text| (*text).to_owned());
    let name = named.or(from_address).unwrap_or_default();
    if name.len() > holdfast_totem::config::MAX_NAME {
        findings.push(
            Diagnostic::error(place(section, "name").or(Some(section.span)), "the node name is too long")
                .expected(format!("at most {} bytes", holdfast_totem::config::MAX_NAME)),
        );
    }
    let votes = number(section, "quorum_votes").unwrap_or(1);
    (!unresolved).then_some(Listed { section, node: Node { id, name, votes, addresses }, texts })
}

fn duplicates(listed: &[Listed<'_>], new: &Listed<'_>, findings: &mut Findings) {
    for other in listed {
        let line = other.section.span.line;
        if other.node.id == new.node.id {
            findings.push(
                Diagnostic::error(
                    place(new.section, "nodeid").or(Some(new.section.span)),
                    format!("node id {} is used twice", new.node.id),
                )
                .value(new.node.id.to_string())
                .expected(format!("another id than that of the node of line {line}")),
            );
        }
        if !new.node.name.is_empty() && other.node.name == new.node.name {
            findings.push(
                Diagnostic::error(
                    place(new.section, "name").or(Some(new.section.span)),
                    format!("two nodes are called '{}'", new.node.name),
                )
                .value(&new.node.name)
                .expected(format!("another name than that of the node of line {line}")),
            );
        }
        for (number, address) in &new.node.addresses {
            if other.node.addresses.values().any(|theirs| theirs == address) {
                findings.push(
                    Diagnostic::error(
                        place(new.section, &format!("ring{number}_addr")),
                        format!("address {} is used twice", address.ip()),
                    )
                    .value(address.ip().to_string())
                    .expected(format!("another address than that of the node of line {line}")),
                );
            }
        }
    }
}

fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Which node of the list this is: its name, then the host part of its name, then its addresses.
fn find_local(listed: &[Listed<'_>], environment: &Environment, findings: &mut Findings) -> Option<usize> {
    let host = environment.hostname.as_str();
    if !host.is_empty() {
        let named = |test: &dyn Fn(&str) -> bool| {
            listed.iter().position(|node| {
                test(&node.node.name)
                    || node.texts.iter().any(|text| parse_address(text).is_none() && test(text))
            })
        };
        let exact = named(&|name| name.eq_ignore_ascii_case(host));
        let by_short = || {
            let same = |name: &str| !name.is_empty() && short(name).eq_ignore_ascii_case(short(host));
            // Two nodes of different domains may share the host part: then it tells nothing.
            let count = listed.iter().filter(|node| same(&node.node.name)).count();
            (count < 2).then(|| named(&same)).flatten()
        };
        if let Some(index) = exact.or_else(by_short) {
            return Some(index);
        }
    }
    let ours = |loopback: bool| {
        let mine: Vec<usize> = (0..listed.len())
            .filter(|index| {
                listed[*index].node.addresses.values().any(|address| {
                    address.ip().is_loopback() == loopback && environment.is_local(address.ip())
                })
            })
            .collect();
        (mine.len() == 1).then(|| mine[0])
    };
    if let Some(index) = ours(false).or_else(|| ours(true)) {
        return Some(index);
    }
    if findings.has_errors() && listed.is_empty() {
        return None;
    }
    findings.push(
        Diagnostic::error(
            listed.first().map(|node| node.section.span),
            format!("no node of the list is this machine ('{host}')"),
        )
        .value(host)
        .expected(format!(
            "a node with 'name: {host}', or with one of the addresses {}",
            environment.describe_addresses()
        ))
        .next_step("compare 'uname -n' and 'ip address' with the list"),
    );
    None
}
