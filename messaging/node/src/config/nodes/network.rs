//! Files of 1.x: the network says who this node is; the others are listed beside the interface, or met.

use super::{Interface, Resolver, Topology, link, multicast};
use crate::config::diagnostic::Diagnostic;
use crate::config::environment::InterfaceAddress;
use crate::config::reader::{Findings, place, positive};
use crate::config::resolved::{Node, Transport};
use crate::config::syntax::Section;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Files of 1.x: the network says who we are; members are listed (`member { }`) or met.
pub(super) fn from_interfaces(
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
