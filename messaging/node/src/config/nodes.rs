//! Nodes, links and which node is this one: from `nodelist { }`, from `member { }`, or from the network alone.

use super::diagnostic::{Diagnostic, Span};
use super::environment::{Environment, InterfaceAddress};
use super::reader::{Findings, flag, number, place, positive};
use super::resolved::{Link, Node, Transport};
use super::syntax::{self, Section};
use holdfast_totem::config::MAX_MEMBERS;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

/// Port of link 0 when none is written.
pub const PORT: u16 = 5405;

/// Host names in a file that must be resolved before it can be read fully, each once.
pub fn names_to_resolve(text: &str) -> Vec<String> {
    let (root, _) = syntax::parse(text);
    let mut names = Vec::new();
    let mut add = |text: &str| {
        if !text.is_empty() && parse_address(text).is_none() && !names.iter().any(|known| known == text) {
            names.push(text.to_owned());
        }
    };
    for node in root.all("nodelist").flat_map(|list| list.all("node")) {
        node.keys
            .iter()
            .filter(|entry| ring_number(&entry.key).is_some())
            .for_each(|entry| add(&entry.value));
    }
    for interface in root.all("totem").flat_map(|totem| totem.all("interface")) {
        interface.value("bindnetaddr").into_iter().for_each(&mut add);
        interface.all("member").filter_map(|member| member.value("memberaddr")).for_each(&mut add);
    }
    names
}

/// `ring0_addr` to `ring7_addr`.
fn ring_number(key: &str) -> Option<u8> {
    let digit = key.strip_prefix("ring")?.strip_suffix("_addr")?;
    digit.parse().ok().filter(|number| *number < 8)
}

/// An address as text, with the scope of a link-local one (`fe80::1%eth0`).
fn parse_address(text: &str) -> Option<IpAddr> {
    text.split('%').next().unwrap_or(text).parse().ok()
}

/// What the nodes and interfaces of a file come to.
pub(super) struct Topology {
    pub nodes: Vec<Node>,
    pub links: Vec<Link>,
    pub local_id: u32,
    pub local_name: String,
    pub open: bool,
}

/// One `interface { }`.
struct Interface<'a> {
    section: &'a Section,
    number: u8,
    port: u16,
}

pub(super) fn resolve(
    root: &Section,
    totem: &Section,
    transport: Transport,
    environment: &Environment,
    findings: &mut Findings,
) -> Option<Topology> {
    let interfaces = interfaces(totem, findings);
    let resolver = Resolver { totem, transport, environment };
    let listed: Vec<&Section> = root.all("nodelist").flat_map(|list| list.all("node")).collect();
    if !listed.is_empty() {
        return from_list(&listed, &interfaces, &resolver, findings);
    }
    if let Some(list) = root.all("nodelist").last() {
        findings.push(
            Diagnostic::warning(list.span, "the list of nodes is empty")
                .expected("node { ring0_addr: ADDRESS }"),
        );
    }
    if interfaces.is_empty() {
        findings.push(
            Diagnostic::error(
                (totem.span.line > 0).then_some(totem.span),
                "the file names neither nodes nor a network interface",
            )
            .expected("a section 'nodelist' with nodes, or 'totem { interface { bindnetaddr: NETWORK } }'"),
        );
        return None;
    }
    from_interfaces(&interfaces, &resolver, findings)
}

fn interfaces<'a>(totem: &'a Section, findings: &mut Findings) -> Vec<Interface<'a>> {
    let mut list: Vec<Interface<'a>> = Vec::new();
    for section in totem.all("interface") {
        let number = number(section, "linknumber").or(number(section, "ringnumber")).unwrap_or(0);
        let Ok(number) = u8::try_from(number) else { continue };
        if number > 7 {
            continue;
        }
        if let Some(other) = list.iter().find(|other| other.number == number) {
            findings.push(
                Diagnostic::error(section.span, format!("two interfaces have the number {number}"))
                    .value(number.to_string())
                    .expected(format!(
                        "another 'linknumber' than the section of line {}",
                        other.section.span.line
                    )),
            );
            continue;
        }
        let written = positive(section, "mcastport").and_then(|port| u16::try_from(port).ok());
        list.push(Interface { section, number, port: written.unwrap_or(PORT + u16::from(number)) });
    }
    list.sort_by_key(|interface| interface.number);
    list
}

struct Resolver<'a> {
    totem: &'a Section,
    transport: Transport,
    environment: &'a Environment,
}

impl Resolver<'_> {
    /// The address that a text means.
    fn address(&self, text: &str, span: Option<Span>, findings: &mut Findings) -> Option<IpAddr> {
        if let Some(address) = parse_address(text) {
            return Some(address);
        }
        let known = self.environment.hosts.get(text).map(Vec::as_slice).unwrap_or_default();
        let default = if self.transport == Transport::Udp { "ipv4" } else { "ipv6-4" };
        let version = self.totem.value("ip_version").unwrap_or(default);
        let v4 = known.iter().find(|address| address.is_ipv4());
        let v6 = known.iter().find(|address| address.is_ipv6());
        let found = match version {
            "ipv4" => v4,
            "ipv6" => v6,
            "ipv4-6" => v4.or(v6),
            _ => v6.or(v4),
        };
        if found.is_none() {
            let mut finding = Diagnostic::error(span, format!("'{text}' has no address")).value(text);
            finding = if known.is_empty() {
                finding.expected("an address, or a name that this machine can resolve").next_step(format!(
                    "add it to /etc/hosts, or write the address; check with: getent ahosts {text}"
                ))
            } else {
                finding.expected(format!("an address that 'ip_version: {version}' allows"))
            };
            findings.push(finding);
        }
        found.copied()
    }

    /// Address, port and scope.
    fn socket(&self, address: IpAddr, text: &str, port: u16) -> SocketAddr {
        match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                let own = &self.environment.addresses;
                let zone = text.split_once('%').map(|(_, zone)| zone);
                let scope = match zone {
                    Some(zone) => {
                        own.iter().find(|a| a.interface == zone).map(|a| a.index).or(zone.parse().ok())
                    }
                    None => own.iter().find(|a| a.address.is_ipv6() && !a.loopback && a.up).map(|a| a.index),
                };
                SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope.unwrap_or(0)))
            }
            other => SocketAddr::new(other, port),
        }
    }

    /// Node id of a node that has none written, after its IPv4 address.
    fn derived_id(&self, address: IpAddr) -> Option<u32> {
        let IpAddr::V4(v4) = address else { return None };
        let clear = flag(self.totem, "clear_node_high_bit").unwrap_or(false);
        let id = if clear { v4.to_bits() & 0x7fff_ffff } else { v4.to_bits() };
        (id != 0).then_some(id)
    }
}

fn link(interface: Option<&Interface<'_>>, number: u8, bind: SocketAddr) -> Link {
    let empty = Section::default();
    let section = interface.map_or(&empty, |interface| interface.section);
    let small = |key: &str, default: u8| {
        self::number(section, key).and_then(|value| u8::try_from(value).ok()).unwrap_or(default)
    };
    Link {
        number,
        bind,
        multicast: None,
        ttl: small("ttl", 1),
        priority: small("knet_link_priority", 1),
        ping_interval: positive(section, "knet_ping_interval"),
        ping_timeout: positive(section, "knet_ping_timeout"),
        pong_count: small("knet_pong_count", 2).max(1),
    }
}

/// A node of the list with what is needed to find out whether it is this one.
struct Listed<'a> {
    section: &'a Section,
    node: Node,
    /// The addresses as written.
    texts: Vec<&'a str>,
}

fn from_list(
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

/// The group that a link talks to: written, broadcast, or made from the cluster's name.
fn multicast(
    interface: Option<&Interface<'_>>,
    resolver: &Resolver<'_>,
    bind: SocketAddr,
    findings: &mut Findings,
) -> Option<SocketAddr> {
    let port = bind.port();
    if let Some(interface) = interface {
        if flag(interface.section, "broadcast") == Some(true) {
            let own = resolver.environment.addresses.iter().find(|own| own.address == bind.ip());
            let address = match (bind.ip(), own) {
                (IpAddr::V4(v4), Some(own)) if own.prefix < 32 => {
                    let host_bits = u32::MAX.checked_shr(u32::from(own.prefix)).unwrap_or(0);
                    Ipv4Addr::from_bits(v4.to_bits() | host_bits)
                }
                _ => Ipv4Addr::BROADCAST,
            };
            return Some(SocketAddr::new(address.into(), port));
        }
        if let Some(entry) = interface.section.entry("mcastaddr").filter(|entry| !entry.value.is_empty()) {
            let group: Option<IpAddr> = entry.value.parse().ok().filter(IpAddr::is_multicast);
            if group.is_none_or(|group| group.is_ipv4() != bind.is_ipv4()) {
                findings.push(
                    Diagnostic::error(entry.value_span, "no multicast address of the kind of 'bindnetaddr'")
                        .value(&entry.value)
                        .expected(if bind.is_ipv4() {
                            "224.0.2.0 to 239.255.255.255, for example 239.192.1.1"
                        } else {
                            "an address that begins with ff, for example ff15::1"
                        }),
                );
            }
            return group.map(|group| SocketAddr::new(group, port));
        }
    }
    let name = resolver.totem.value("cluster_name").unwrap_or_default();
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [_, _, high, low] = hash.to_be_bytes();
    Some(match bind {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::new(239, 192, high, low).into(), port),
        SocketAddr::V6(v6) => {
            let group = std::net::Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, (hash & 0xffff) as u16);
            SocketAddr::V6(SocketAddrV6::new(group, port, 0, v6.scope_id()))
        }
    })
}

/// Files of 1.x: the network says who we are; members are listed (`member { }`) or met.
fn from_interfaces(
    interfaces: &[Interface<'_>],
    resolver: &Resolver<'_>,
    findings: &mut Findings,
) -> Option<Topology> {
    let mut links = Vec::new();
    let mut members: Vec<BTreeMap<u8, SocketAddr>> = Vec::new();
    for interface in interfaces {
        let Some(bind) = local_address(interface, resolver, findings) else { continue };
        let mut link = link(Some(interface), interface.number, SocketAddr::new(bind, interface.port));
        let listed: Vec<&Section> = interface.section.all("member").collect();
        for (position, member) in listed.iter().enumerate() {
            let Some(text) = member.value("memberaddr") else {
                findings.push(
                    Diagnostic::error(member.span, "this member has no address")
                        .expected("memberaddr: ADDRESS"),
                );
                continue;
            };
            if let Some(address) = resolver.address(text, place(member, "memberaddr"), findings) {
                if members.len() <= position {
                    members.resize(position + 1, BTreeMap::new());
                }
                members[position].insert(interface.number, resolver.socket(address, text, interface.port));
            }
        }
        if listed.is_empty() && resolver.transport != Transport::Udpu {
            link.multicast = multicast(Some(interface), resolver, link.bind, findings);
        }
        links.push(link);
    }
    let first = links.first()?;
    let written = positive(resolver.totem, "nodeid");
    let Some(local_id) = written.or_else(|| resolver.derived_id(first.bind.ip())) else {
        findings.push(
            Diagnostic::error(
                place(interfaces[0].section, "bindnetaddr"),
                "an IPv6 network gives no node id",
            )
            .expected("totem { nodeid: NUMBER }"),
        );
        return None;
    };
    let local_name = resolver.environment.hostname.clone();
    if local_name.is_empty() {
        findings.push(
            Diagnostic::error(None, "this machine has no name")
                .next_step("set one: hostnamectl hostname NAME"),
        );
    }
    let own_addresses: BTreeMap<u8, SocketAddr> = links.iter().map(|link| (link.number, link.bind)).collect();
    let mut nodes: Vec<Node> =
        vec![Node { id: local_id, name: local_name.clone(), votes: 1, addresses: own_addresses.clone() }];
    for addresses in members.into_iter().filter(|addresses| !addresses.is_empty()) {
        if addresses.iter().any(|(number, address)| own_addresses.get(number) == Some(address)) {
            continue;
        }
        let Some(id) = addresses.first_key_value().and_then(|(_, address)| resolver.derived_id(address.ip()))
        else {
            findings.push(
                Diagnostic::error(interfaces[0].section.span, "members with IPv6 addresses need node ids")
                    .expected("a section 'nodelist' with 'ring0_addr' and 'nodeid' for every node"),
            );
            return None;
        };
        nodes.push(Node { id, name: String::new(), votes: 1, addresses });
    }
    let open = nodes.len() == 1 && links.iter().any(|link| link.multicast.is_some());
    if nodes.len() == 1 && !open {
        findings.push(
            Diagnostic::error(interfaces[0].section.span, "transport 'udpu' needs to know the other nodes")
                .expected("'member { memberaddr: ADDRESS }' for every node, or a section 'nodelist'"),
        );
    }
    nodes.sort_by_key(|node| node.id);
    Some(Topology { nodes, links, local_id, local_name, open })
}

/// The address of this machine that `bindnetaddr` means: itself, or the one in that network.
fn local_address(
    interface: &Interface<'_>,
    resolver: &Resolver<'_>,
    findings: &mut Findings,
) -> Option<IpAddr> {
    let section = interface.section;
    let Some(text) = section.value("bindnetaddr") else {
        findings.push(
            Diagnostic::error(section.span, "this interface has no 'bindnetaddr'")
                .expected("bindnetaddr: NETWORK, for example 192.168.1.0"),
        );
        return None;
    };
    let span = place(section, "bindnetaddr");
    let wanted = resolver.address(text, span, findings)?;
    let own = &resolver.environment.addresses;
    let exact = own.iter().find(|own| own.address == wanted);
    // A link that gets its carrier a moment later, as at boot, will do.
    let in_network = || {
        let fits = |own: &&InterfaceAddress| own.network_has(wanted);
        own.iter().filter(|own| own.up).find(fits).or_else(|| own.iter().find(fits))
    };
    if let Some(found) = exact.or_else(in_network) {
        return Some(found.address);
    }
    findings.push(
        Diagnostic::error(span, format!("this machine has no address in the network {text}"))
            .value(text)
            .expected(format!("the network of one of {}", resolver.environment.describe_addresses()))
            .next_step("compare with: ip address"),
    );
    None
}
