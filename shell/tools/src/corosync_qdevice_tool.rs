//! `corosync-qdevice-tool`: the witness as this node sees it, in the shape of the old tool.

use crate::corosync_support::{Options, ask, unexpected};
use holdfast_api::ring::{RingReply, RingRequest, WitnessInfo};

const NAME: &str = "corosync-qdevice-tool";
const HELP: &str = "\
usage: corosync-qdevice-tool [-sv] [-h] [-V]

  -s   show the state of the witness as this node sees it (default)
  -v   with addresses, lease and heuristics
  -h   show this help
  -V   show version and exit

The client of the witness is part of the node and stops with it: there is nothing to shut down (-H).
";

/// Runs the tool; the first word is its name. Exit status: 0 connected, 1 error, 2 there is no contact.
pub fn run(words: Vec<String>) -> i32 {
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "HhsvVp:", &[]) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            print!("{HELP}");
            return 1;
        }
    };
    if options.has('h') {
        print!("{HELP}");
        return 0;
    }
    if options.has('V') {
        println!("{NAME} version: {}", crate::corosync::SPOKEN);
        return 0;
    }
    if options.has('H') {
        eprintln!(
            "{NAME}: the client of the witness stops with the node; remove 'device {{ }}' and type: corosync-cfgtool -R"
        );
        return 1;
    }
    match ask(NAME, RingRequest::Witness) {
        Ok(RingReply::Witness(Some(info))) => {
            print!("{}", show(&info, options.has('v')));
            if info.state == "Connected" { 0 } else { 2 }
        }
        Ok(RingReply::Witness(None)) => {
            eprintln!(
                "{NAME}: corosync.conf names no witness; add 'quorum {{ device {{ model: net ... }} }}'"
            );
            1
        }
        Ok(other) => match unexpected::<()>(&other) {
            Ok(()) => 0,
            Err(message) => failed(&message),
        },
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> i32 {
    eprintln!("{NAME}: {message}");
    1
}

fn numbers(nodes: &[u32]) -> String {
    nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn show(info: &WitnessInfo, verbose: bool) -> String {
    let list: String = info
        .configured
        .iter()
        .enumerate()
        .map(|(place, node)| format!("    {place}\tNode ID = {node}\n"))
        .collect();
    let mut text = format!(
        "Qdevice information\n\
         -------------------\n\
         Model:\t\t\tNet\n\
         Node ID:\t\t{}\n\
         Configured node list:\n{list}\
         Membership node list:\t{}\n\
         \n\
         Qdevice-net information\n\
         ----------------------\n\
         Cluster name:\t\t{}\n\
         QNetd host:\t\t{}\n\
         Algorithm:\t\t{}\n\
         Tie-breaker:\t\t{}\n\
         State:\t\t\t{}\n",
        info.node,
        numbers(&info.members),
        info.cluster,
        info.host,
        info.algorithm,
        info.tie_breaker,
        info.state,
    );
    if verbose {
        let milliseconds = |value: Option<u64>| value.map_or("none".to_owned(), |ms| format!("{ms} ms"));
        text.push_str(&format!(
            "Votes:\t\t\t{}\n\
             Last answer:\t\t{}\n\
             Answered by:\t\t{} {}\n\
             Silent for:\t\t{}\n\
             Votes held for:\t\t{}\n\
             Heuristics:\t\t{}\n",
            info.votes,
            info.vote,
            info.name,
            info.address,
            milliseconds(info.silent_ms),
            milliseconds(info.lease_ms),
            info.heuristics,
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_has_the_shape_of_old() {
        let info = WitnessInfo {
            node: 1,
            cluster: "web".to_owned(),
            host: "witness:5403".to_owned(),
            algorithm: "Fifty-Fifty split".to_owned(),
            tie_breaker: "Node with lowest node ID".to_owned(),
            state: "Connected".to_owned(),
            configured: vec![1, 2],
            members: vec![1, 2],
            ..WitnessInfo::default()
        };
        let expected = "\
Qdevice information
-------------------
Model:\t\t\tNet
Node ID:\t\t1
Configured node list:
    0\tNode ID = 1
    1\tNode ID = 2
Membership node list:\t1, 2

Qdevice-net information
----------------------
Cluster name:\t\tweb
QNetd host:\t\twitness:5403
Algorithm:\t\tFifty-Fifty split
Tie-breaker:\t\tNode with lowest node ID
State:\t\t\tConnected
";
        assert_eq!(show(&info, false), expected);
        assert!(show(&info, true).contains("Votes held for:\t\tnone"));
    }
}
