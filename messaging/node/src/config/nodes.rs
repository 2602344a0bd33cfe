//! Nodes, links and which node is this one: from `nodelist { }`, from `member { }`, or from the network alone.
//!
//! Knows interfaces, addresses and groups. The two kinds of file are read below: `list` and `network`.

mod list;
mod network;

use super::diagnostic::{Diagnostic, Span};
use super::environment::Environment;
use super::reader::{Findings, flag, number, positive};
use super::resolved::{Link, Node, Transport};
use super::syntax::{self, Section};
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
        return list::from_list(&listed, &interfaces, &resolver, findings);
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
    network::from_interfaces(&interfaces, &resolver, findings)
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
