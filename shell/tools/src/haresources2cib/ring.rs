//! The ring of the new cluster: which addresses its links use, its times, its `corosync.conf`.
//!
//! Knows heartbeat's media and how their addresses are found. Does not open any socket.

use super::ha_cf::{HaCf, Medium};
use super::inherited;
use super::machine::Machine;
use super::source::{Account, Place, Verdict};
use super::value::spoken;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// One node's view: its name where known, its `ha.cf` and its file tree.
#[derive(Debug)]
pub struct Source<'a> {
    /// The node that the file belongs to.
    pub owner: Option<String>,
    pub ha: &'a HaCf,
    pub machine: &'a Machine,
    /// The tree is the owner's: what it says of interfaces is said of the owner.
    pub own_tree: bool,
}

/// One link of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// An address or resolvable name for each node, in node order.
    pub addresses: Vec<String>,
    pub port: u16,
}

/// The settled ring.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RingPlan {
    pub nodes: Vec<String>,
    pub links: Vec<Link>,
    pub token_ms: u64,
    pub cluster_name: String,
    pub logfile: Option<String>,
    pub syslog_facility: Option<String>,
    pub debug: bool,
    pub watchdog: Option<String>,
    pub realtime: bool,
    pub priority: Option<u8>,
}

/// Most links that a ring has.
const MOST_LINKS: usize = 8;
/// Shortest token time that the ring takes.
const SHORTEST_TOKEN_MS: u64 = 130;

/// What is known of one interface's network while links are gathered.
#[derive(Debug, Default)]
struct Network {
    addresses: BTreeMap<String, IpAddr>,
    prefix: Option<u8>,
    port: u16,
    lines: Vec<(Place, String)>,
    unknown_peers: Vec<String>,
}

/// Settles the ring from the files of one or more nodes; the first source decides what they share.
pub fn settle(sources: &[Source<'_>], account: &mut Account) -> RingPlan {
    let Some(first) = sources.first() else {
        return RingPlan::default();
    };
    let ha = first.ha;
    let nodes: Vec<String> = ha.nodes.iter().map(|n| n.value.clone()).collect();
    let mut ring = RingPlan {
        token_ms: ha.deadtime_ms().max(SHORTEST_TOKEN_MS),
        cluster_name: ha.cluster.as_ref().map_or_else(|| "linux-ha".to_owned(), |s| s.value.clone()),
        realtime: ha.realtime.as_ref().is_none_or(|s| s.value),
        priority: ha.rtprio.as_ref().map(|s| s.value),
        nodes: nodes.clone(),
        ..RingPlan::default()
    };
    times(ha, &mut ring, account);
    logging(ha, first.machine, &mut ring, account);
    for set in &ha.nodes {
        let id = nodes.iter().position(|n| *n == set.value).map_or(0, |i| i + 1);
        account.note(&set.place, &set.text, Verdict::Kept, format!("node {} with id {id}", set.value));
    }
    let networks = gather(sources, &nodes, account);
    links(sources, &nodes, networks, &mut ring, account);
    ring
}

fn times(ha: &HaCf, ring: &mut RingPlan, account: &mut Account) {
    if let Some(set) = &ha.deadtime {
        let note =
            format!("token: {} ms: a silent node is out after {}", ring.token_ms, spoken(ring.token_ms));
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
    if let Some(set) = &ha.keepalive {
        let note = "the ring paces its own signs of life from the token time";
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
    if let Some(set) = &ha.warntime {
        let note = "late signs of life are not logged before the node counts as silent";
        account.note(&set.place, &set.text, Verdict::Dropped, note);
    }
    if let Some(set) = &ha.initdead {
        let note = format!(
            "dc-deadtime: a lone node waits {} for its peers, then starts everything",
            spoken(set.value)
        );
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
    if let Some(set) = &ha.watchdog {
        ring.watchdog = Some(set.value.clone());
        let note = format!("resources {{ watchdog_device: {} }}: fed only while the node works", set.value);
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
    if let Some(set) = &ha.rtprio {
        account.note(
            &set.place,
            &set.text,
            Verdict::Changed,
            format!("system {{ priority: {} }}", set.value),
        );
    }
    if let Some(set) = &ha.realtime {
        let word = if set.value { "yes" } else { "no" };
        account.note(&set.place, &set.text, Verdict::Changed, format!("system {{ sched_rr: {word} }}"));
    }
    if let Some(set) = &ha.cluster {
        account.note(&set.place, &set.text, Verdict::Kept, format!("cluster_name: {}", set.value));
    }
    if let Some(set) = ha.autojoin.as_ref().filter(|s| s.value != "none") {
        let note = "nodes join only when they are named in nodelist { }";
        let cure = "add each further machine as a node { } section of corosync.conf on every node";
        account.advise(&set.place, &set.text, Verdict::NeedsYou, note, cure);
    } else if let Some(set) = &ha.autojoin {
        account.note(&set.place, &set.text, Verdict::Kept, "nodes join only when they are named");
    }
}

fn logging(ha: &HaCf, machine: &Machine, ring: &mut RingPlan, account: &mut Account) {
    if let Some(set) = &ha.logfile {
        ring.logfile = Some(set.value.clone());
        account.note(&set.place, &set.text, Verdict::Kept, format!("logging {{ logfile: {} }}", set.value));
    }
    if let Some(set) = &ha.debugfile {
        let note = "there is one log file; logging { debug: on } adds what stood here";
        account.note(&set.place, &set.text, Verdict::Dropped, note);
    }
    if let Some(set) = &ha.logfacility {
        if set.value == "none" {
            account.note(&set.place, &set.text, Verdict::Kept, "logging { to_syslog: no }");
        } else {
            ring.syslog_facility = Some(set.value.clone());
            account.note(
                &set.place,
                &set.text,
                Verdict::Kept,
                format!("logging {{ syslog_facility: {} }}", set.value),
            );
        }
    }
    // Without any of the three lines heartbeat logged through the daemon, too.
    let through_logd = ha.use_logd.as_ref().map_or_else(
        || ha.logfile.is_none() && ha.debugfile.is_none() && ha.logfacility.is_none(),
        |set| set.value,
    );
    if through_logd {
        let (logfile, facility) = inherited::logd(machine, account);
        ring.logfile = logfile.or(ring.logfile.take());
        ring.syslog_facility = facility.or(ring.syslog_facility.take());
        if ring.logfile.is_none() && ring.syslog_facility.is_none() {
            ring.syslog_facility = Some("daemon".to_owned());
        }
    }
    if let Some(set) = &ha.use_logd {
        let note = "there is no separate logging daemon; lines go where logging { } says";
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
    if let Some(set) = &ha.debug {
        ring.debug = set.value > 0;
        let word = if ring.debug { "on" } else { "off" };
        account.note(&set.place, &set.text, Verdict::Changed, format!("logging {{ debug: {word} }}"));
    }
}

/// Collects, for each interface that a medium names, the addresses of the nodes on it.
fn gather(sources: &[Source<'_>], nodes: &[String], account: &mut Account) -> BTreeMap<String, Network> {
    let mut networks: BTreeMap<String, Network> = BTreeMap::new();
    for source in sources {
        for set in &source.ha.media {
            let (interface, port) = match &set.value {
                Medium::Serial { device } => {
                    let note =
                        format!("serial lines are not used any more: the redundancy of {device} is lost");
                    let cure = "add a second network link: ring1_addr in every node { } of corosync.conf";
                    account.advise(&set.place, &set.text, Verdict::NeedsYou, note, cure);
                    continue;
                }
                Medium::Broadcast { interface, port }
                | Medium::Unicast { interface, port, .. }
                | Medium::Multicast { interface, port, .. } => (interface, *port),
            };
            let network = networks.entry(interface.clone()).or_default();
            network.port = port;
            network.lines.push((set.place.clone(), set.text.clone()));
            let own = source.own_tree.then(|| source.machine.address_of_interface(interface)).flatten();
            if let (Some(owner), Some((address, prefix))) = (&source.owner, own) {
                network.addresses.insert(owner.clone(), address);
                network.prefix = network.prefix.or(prefix);
            }
            if let Medium::Unicast { peer, .. } = &set.value {
                unicast_peer(source, nodes, (interface, peer), own.map(|(a, _)| a), network);
            }
        }
    }
    networks
}

/// Finds whose address a `ucast` line names: a line for one's own address was ignored by heartbeat.
fn unicast_peer(
    source: &Source<'_>,
    nodes: &[String],
    (interface, peer): (&str, &str),
    own: Option<IpAddr>,
    network: &mut Network,
) {
    let Some(address) = source.machine.address_of_host(peer) else {
        network.unknown_peers.push(peer.to_owned());
        return;
    };
    if own == Some(address) {
        return;
    }
    let by_name = nodes.iter().find(|n| source.machine.address_of_host(n) == Some(address));
    // Files that are equal on both nodes name both: without the own address nobody knows which is whose.
    let named = |m: &Medium| matches!(m, Medium::Unicast { peer, .. } if source.machine.address_of_host(peer) != Some(address));
    let several = source.ha.media.iter().any(|m| m.value.interface() == Some(interface) && named(&m.value));
    let the_other = match (&source.owner, nodes) {
        (Some(owner), [a, b]) if own.is_some() || !several => Some(if owner == a { b } else { a }),
        _ => None,
    };
    match by_name.or(the_other) {
        Some(node) => {
            network.addresses.entry(node.clone()).or_insert(address);
        }
        None => network.unknown_peers.push(address.to_string()),
    }
}

fn links(
    sources: &[Source<'_>],
    nodes: &[String],
    networks: BTreeMap<String, Network>,
    ring: &mut RingPlan,
    account: &mut Account,
) {
    let named: Vec<Option<IpAddr>> =
        nodes.iter().map(|node| sources.iter().find_map(|s| s.machine.address_of_host(node))).collect();
    let named_complete: Option<Vec<IpAddr>> = named.iter().copied().collect();
    let port = networks.values().next().map_or(694, |n| n.port);
    let mut name_network_in_use = false;
    for (interface, network) in &networks {
        let complete: Option<Vec<IpAddr>> = nodes.iter().map(|n| network.addresses.get(n).copied()).collect();
        let same = |a: &IpAddr| named.iter().flatten().any(|n| same_network(n, a, network.prefix));
        let on_name_network = network.addresses.values().any(same);
        let (addresses, note) = match (complete, &named_complete) {
            (Some(all), _) => (all, format!("a link of the ring on the network of {interface}")),
            (None, Some(names)) if on_name_network => (
                names.clone(),
                format!("a link of the ring on the network of {interface}, where the node names are"),
            ),
            _ => {
                incomplete(interface, network, nodes, account);
                continue;
            }
        };
        name_network_in_use |= Some(&addresses) == named_complete.as_ref();
        if ring.links.len() < MOST_LINKS {
            let addresses = addresses.iter().map(IpAddr::to_string).collect();
            ring.links.push(Link { addresses, port: network.port });
            for (place, text) in &network.lines {
                account.note(place, text, Verdict::Changed, note.clone());
            }
        } else {
            for (place, text) in &network.lines {
                account.note(place, text, Verdict::Dropped, format!("a ring has at most {MOST_LINKS} links"));
            }
        }
    }
    let file =
        nodes.first().and_then(|_| sources[0].ha.nodes.first()).map_or("ha.cf", |n| n.place.file.as_str());
    match (ring.links.len(), named_complete) {
        (0, names) => {
            let addresses = match &names {
                Some(all) => all.iter().map(IpAddr::to_string).collect(),
                None => nodes.to_vec(),
            };
            let note = match names {
                Some(_) => "the ring's link uses the addresses of the node names",
                None => "the ring's link uses the node names: every node must be able to resolve them",
            };
            account.note(&Place::new(file, 0), "", Verdict::Changed, note);
            ring.links.push(Link { addresses, port });
        }
        (1, Some(all)) if !name_network_in_use => {
            let note = "one medium only: the network of the node names becomes a second link, so that pulling the heartbeat cable does not split the pair";
            account.note(&Place::new(file, 0), "", Verdict::Changed, note);
            ring.links.push(Link { addresses: all.iter().map(IpAddr::to_string).collect(), port });
        }
        (1, None) if nodes.len() > 1 => {
            let note = "one medium only, and the addresses of the node names are not known here: pulling the heartbeat cable splits the cluster";
            let cure = "list every node in /etc/hosts and convert again, or add ring1_addr to every node { } of corosync.conf";
            account.advise(&Place::new(file, 0), "", Verdict::NeedsYou, note, cure);
        }
        _ => {}
    }
}

fn incomplete(interface: &str, network: &Network, nodes: &[String], account: &mut Account) {
    let missing: Vec<&str> =
        nodes.iter().filter(|n| !network.addresses.contains_key(*n)).map(String::as_str).collect();
    let mut note = format!("the addresses of {} on {interface} are not known here", missing.join(" and "));
    if !network.unknown_peers.is_empty() {
        let _ = write!(note, " ({} belongs to one of them)", network.unknown_peers.join(", "));
    }
    let cure = "give the files of every node: -c NODE=ha.cf --root NODE=TREE; or add ringN_addr to every node { } of corosync.conf";
    for (place, text) in &network.lines {
        account.advise(place, text, Verdict::NeedsYou, note.clone(), cure);
    }
}

/// Whether two addresses share a network of the prefix length (24 or 64 where it is not known).
fn same_network(a: &IpAddr, b: &IpAddr, prefix: Option<u8>) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32 - u32::from(prefix.unwrap_or(24).min(32));
            u32::from(*a).checked_shr(shift) == u32::from(*b).checked_shr(shift)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128 - u32::from(prefix.unwrap_or(64).min(128));
            u128::from(*a).checked_shr(shift) == u128::from(*b).checked_shr(shift)
        }
        _ => false,
    }
}

/// The text of `corosync.conf`.
pub fn corosync_conf(ring: &RingPlan) -> String {
    let mut out = String::from("# Made from ha.cf by haresources2cib; the same file on every node.\n");
    // Writing into a String cannot fail.
    let _ = write!(
        out,
        "totem {{\n    version: 2\n    cluster_name: {}\n    transport: knet\n    crypto_cipher: aes256\n    crypto_hash: sha256\n    token: {}\n    token_coefficient: 0\n",
        ring.cluster_name, ring.token_ms
    );
    for (number, link) in ring.links.iter().enumerate() {
        let _ = write!(
            out,
            "    interface {{\n        linknumber: {number}\n        mcastport: {}\n    }}\n",
            link.port
        );
    }
    out.push_str("}\n\nnodelist {\n");
    for (index, node) in ring.nodes.iter().enumerate() {
        out.push_str("    node {\n");
        for (number, link) in ring.links.iter().enumerate() {
            let _ = writeln!(out, "        ring{number}_addr: {}", link.addresses[index]);
        }
        let _ = write!(out, "        name: {node}\n        nodeid: {}\n    }}\n", index + 1);
    }
    out.push_str("}\n\nquorum {\n    provider: corosync_votequorum\n");
    if ring.nodes.len() == 2 {
        out.push_str(
            "    # Either node may run alone, as with heartbeat.\n    two_node: 1\n    wait_for_all: 0\n",
        );
    }
    out.push_str("}\n\nlogging {\n");
    match &ring.logfile {
        Some(file) => {
            let _ = write!(out, "    to_logfile: yes\n    logfile: {file}\n");
        }
        None => out.push_str("    to_logfile: yes\n    logfile: /var/log/cluster/corosync.log\n"),
    }
    match &ring.syslog_facility {
        Some(facility) => {
            let _ = write!(out, "    to_syslog: yes\n    syslog_facility: {facility}\n");
        }
        None => out.push_str("    to_syslog: no\n"),
    }
    let _ = write!(out, "    debug: {}\n    timestamp: on\n}}\n", if ring.debug { "on" } else { "off" });
    if !ring.realtime || ring.priority.is_some() {
        out.push_str("\nsystem {\n");
        if !ring.realtime {
            out.push_str("    sched_rr: no\n");
        }
        if let Some(priority) = ring.priority {
            let _ = writeln!(out, "    priority: {priority}");
        }
        out.push_str("}\n");
    }
    if let Some(device) = &ring.watchdog {
        let _ = write!(out, "\nresources {{\n    watchdog_device: {device}\n}}\n");
    }
    out
}
