//! `corosync-cfgtool`: links and peers, reload, log files, kill, shutdown.

use crate::corosync_support::{Options, ask, map, unexpected};
use holdfast_api::ring::{RingLinks, RingReply, RingRequest};
use std::collections::BTreeMap;
use std::fmt::Write;

const NAME: &str = "corosync-cfgtool";
const HELP: &str = "\
corosync-cfgtool [[-i <interface ip>] [-b] -s] [-n] [-R] [-L] [-k nodeid] [-a nodeid] [-h] [-H]

A tool for displaying and configuring active parameters within the ring.
options:
\t-i\tFinds only information about the specified interface IP address or link id when used with -s.
\t-s\tDisplays the status of the current links on this node.
\t-n\tDisplays the status of the connected nodes and their links.
\t-b\tDisplays the brief status of the current links on this node when used with -s.
\t-R\tTell all nodes of this cluster to read corosync.conf and the key again.
\t-L\tOpen all log files anew.
\t-k\tMake the node with this id leave at once.
\t-a\tDisplay the IP address(es) of a node.
\t-h\tPrint basic usage.
\t-H\tEnd the daemon on this node, resources are stopped first.
\t\t--force ends it at once and leaves resources running
";

/// Runs the tool; the first word is its name.
pub fn run(words: Vec<String>) -> i32 {
    let options =
        match Options::parse(words.get(1..).unwrap_or_default(), "i:snbRLk:a:hHF", &[("force", 'F')]) {
            Ok(options) => options,
            Err(message) => return usage(&message),
        };
    match act(&options) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            1
        }
    }
}

fn usage(message: &str) -> i32 {
    eprintln!("{NAME}: {message}");
    eprintln!("Type '{NAME} -h' for the options.");
    1
}

fn act(options: &Options) -> Result<i32, String> {
    let Some((action, value)) = options.given.iter().rev().find(|(letter, _)| "snRLkaHh".contains(*letter))
    else {
        print!("{HELP}");
        return Ok(0);
    };
    let node = || -> Result<u32, String> {
        value.parse().ok().filter(|node| *node > 0).ok_or_else(|| {
            format!(
                "The nodeid was not valid, try a positive number: not '{value}', but one that 'corosync-quorumtool -l' \
                 shows"
            )
        })
    };
    match action {
        's' => {
            let (links, faulty) = status(&links()?, options.value('i'), options.has('b'))?;
            print!("{links}");
            // Only the brief form tells a fault by its exit status: scripts rely on 0 for the long one.
            Ok(i32::from(faulty && options.has('b')))
        }
        'n' => {
            print!("{}", nodes(&links()?));
            Ok(0)
        }
        'R' => {
            println!("Reloading corosync.conf...");
            done(ask(NAME, RingRequest::Reload { local: false })?)?;
            println!("Done");
            Ok(0)
        }
        'L' => {
            done(ask(NAME, RingRequest::ReopenLogs)?)?;
            Ok(0)
        }
        'k' => {
            let node = node()?;
            println!("Killing node {node}");
            ask(NAME, RingRequest::Kill { node }).and_then(done).map_err(|why| {
                let code = why.split_once(": ").map_or("CS_ERR_LIBRARY", |(code, _)| code);
                format!("Could not kill node (error = {code})\n  {why}")
            })?;
            Ok(0)
        }
        'a' => {
            let node = node()?;
            let addresses = addresses(&map(NAME, "nodelist.node.")?, node);
            if addresses.is_empty() {
                return Err(format!("Could not get node address for nodeid {node}"));
            }
            println!("{}", addresses.join(" "));
            Ok(0)
        }
        'H' => {
            println!("Shutting down corosync");
            let request = if options.has('F') {
                RingRequest::Shutdown
            } else {
                return orderly_shutdown();
            };
            done(ask(NAME, request)?)?;
            Ok(0)
        }
        _ => {
            print!("{HELP}");
            Ok(0)
        }
    }
}

/// Moves resources away first, as ending the daemon by its service does.
fn orderly_shutdown() -> Result<i32, String> {
    use holdfast_api::{ClusterRequest, Request};
    let request = Request::Cluster(ClusterRequest::Shutdown { timeout_ms: 0 });
    match holdfast_client::ask(NAME, request) {
        Ok(_) => Ok(0),
        Err(error) => Err(error.to_string()),
    }
}

fn done(reply: RingReply) -> Result<(), String> {
    match reply {
        RingReply::Done => Ok(()),
        other => unexpected(&other),
    }
}

fn links() -> Result<RingLinks, String> {
    match ask(NAME, RingRequest::Links)? {
        RingReply::Links(links) => Ok(links),
        other => unexpected(&other),
    }
}

/// What stands after a link's number: the kind of its datagrams, for knet only.
fn kind(links: &RingLinks) -> &'static str {
    if links.transport == "knet" { "udp" } else { "" }
}

/// `-s` and `-sb`, and whether any link to any peer is down.
fn status(links: &RingLinks, only: Option<&str>, brief: bool) -> Result<(String, bool), String> {
    let mut text = format!("Local node ID {}, transport {}\n", links.node, links.transport);
    let mut faulty = false;
    let mut shown = 0;
    for link in &links.links {
        if only.is_some_and(|only| only != link.address && only != link.id.to_string()) {
            continue;
        }
        shown += 1;
        // Peers and the local node, in the order of their ids.
        let mut rows: BTreeMap<u32, Option<bool>> =
            link.peers.iter().map(|peer| (peer.node, Some(peer.connected))).collect();
        rows.insert(links.node, None);
        faulty |= rows.values().any(|state| *state == Some(false));
        let _ = writeln!(text, "LINK ID {} {}\n\taddr\t= {}", link.id, kind(links), link.address);
        if brief {
            let digits: String = rows
                .values()
                .map(|state| match state {
                    None => 'n',
                    Some(true) => '3',
                    Some(false) => '1',
                })
                .collect();
            let _ = writeln!(text, "\tstatus\t= {digits}");
        } else {
            let _ = writeln!(text, "\tstatus:");
            for (node, state) in rows {
                let word = match state {
                    None => "localhost",
                    Some(true) => "connected",
                    Some(false) => "disconnected",
                };
                let _ = writeln!(text, "\t\tnodeid: {node:>10}:\t{word}");
            }
        }
    }
    match only {
        Some(only) if shown == 0 => {
            Err(format!("there is no link '{only}'; 'corosync-cfgtool -s' shows all"))
        }
        _ => Ok((text, faulty)),
    }
}

/// `-n`: reachable nodes with their links.
fn nodes(links: &RingLinks) -> String {
    let mut text = format!("Local node ID {}, transport {}\n", links.node, links.transport);
    let mut peers: BTreeMap<u32, String> = BTreeMap::new();
    let mut reachable: BTreeMap<u32, bool> = BTreeMap::new();
    for link in &links.links {
        for peer in &link.peers {
            *reachable.entry(peer.node).or_default() |= peer.connected;
            let arrow = if links.transport == "knet" { "->" } else { "" };
            let _ = writeln!(
                peers.entry(peer.node).or_default(),
                "   LINK: {} {} ({}{arrow}{}) enabled{} mtu: {}",
                link.id,
                kind(links),
                link.address,
                peer.address,
                if peer.connected { " connected" } else { "" },
                peer.mtu,
            );
        }
    }
    for (node, lines) in peers.iter().filter(|(node, _)| reachable.get(node) == Some(&true)) {
        let _ = writeln!(text, "nodeid: {node} reachable\n{lines}");
    }
    text
}

/// The addresses of a node, by the keys of the list of nodes.
fn addresses(keys: &[(String, String, String)], node: u32) -> Vec<String> {
    let position = keys.iter().find_map(|(key, _, value)| {
        (key.ends_with(".nodeid") && *value == node.to_string()).then(|| key.trim_end_matches("nodeid"))
    });
    let Some(position) = position else { return Vec::new() };
    keys.iter()
        .filter(|(key, _, _)| {
            key.strip_prefix(position).is_some_and(|key| key.starts_with("ring") && key.ends_with("_addr"))
        })
        .map(|(_, _, value)| value.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::ring::{LinkInfo, PeerInfo};

    fn example() -> RingLinks {
        let peer = |node, address: &str, connected| PeerInfo {
            node,
            address: address.to_owned(),
            connected,
            round_trip_us: 80,
            mtu: 1397,
        };
        RingLinks {
            node: 2,
            transport: "knet".to_owned(),
            links: vec![
                LinkInfo {
                    id: 0,
                    address: "10.0.0.2".to_owned(),
                    peers: vec![peer(1, "10.0.0.1", true), peer(3, "10.0.0.3", false)],
                },
                LinkInfo { id: 1, address: "10.1.0.2".to_owned(), peers: vec![peer(1, "10.1.0.1", true)] },
            ],
        }
    }

    #[test]
    fn the_status_of_links_has_the_shape_of_old() {
        let (text, faulty) = status(&example(), None, false).unwrap();
        assert!(faulty);
        assert_eq!(
            text,
            "Local node ID 2, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.2\n\tstatus:\n\
             \t\tnodeid:          1:\tconnected\n\t\tnodeid:          2:\tlocalhost\n\
             \t\tnodeid:          3:\tdisconnected\nLINK ID 1 udp\n\taddr\t= 10.1.0.2\n\tstatus:\n\
             \t\tnodeid:          1:\tconnected\n\t\tnodeid:          2:\tlocalhost\n"
        );
        let (text, faulty) = status(&example(), Some("10.1.0.2"), true).unwrap();
        assert!(!faulty);
        assert_eq!(
            text,
            "Local node ID 2, transport knet\nLINK ID 1 udp\n\taddr\t= 10.1.0.2\n\tstatus\t= 3n\n"
        );
        assert!(status(&example(), Some("7"), true).unwrap_err().contains("there is no link '7'"));
    }

    #[test]
    fn reachable_nodes_are_shown_with_their_links() {
        assert_eq!(
            nodes(&example()),
            "Local node ID 2, transport knet\nnodeid: 1 reachable\n\
             \x20  LINK: 0 udp (10.0.0.2->10.0.0.1) enabled connected mtu: 1397\n\
             \x20  LINK: 1 udp (10.1.0.2->10.1.0.1) enabled connected mtu: 1397\n\n"
        );
    }

    #[test]
    fn addresses_come_from_the_list_of_nodes() {
        let key = |key: &str, value: &str| (key.to_owned(), "str".to_owned(), value.to_owned());
        let keys = [
            key("nodelist.node.0.nodeid", "5"),
            key("nodelist.node.0.ring0_addr", "10.0.0.5"),
            key("nodelist.node.1.nodeid", "15"),
            key("nodelist.node.1.ring0_addr", "10.0.0.15"),
            key("nodelist.node.1.ring1_addr", "10.1.0.15"),
        ];
        assert_eq!(addresses(&keys, 15), ["10.0.0.15", "10.1.0.15"]);
        assert_eq!(addresses(&keys, 5), ["10.0.0.5"]);
        assert!(addresses(&keys, 1).is_empty());
    }
}
