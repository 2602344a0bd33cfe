//! Log lines that tutorials and scripts look for, in the words that corosync and Pacemaker's plugin had for them.
//!
//! Only wording: who logs them, and when, is the daemon's affair. Each has a subsystem as it stood in brackets.

use crate::config::{CorosyncConf, Seal, Transport};
use holdfast_totem::{View, ViewKind};
use std::path::Path;

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `MAIN`, `TOTEM`, `QUORUM`, `pcmk`.
    pub subsystem: &'static str,
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "[{:<6}] {}", self.subsystem, self.text)
    }
}

fn line(subsystem: &'static str, text: impl Into<String>) -> Line {
    Line { subsystem, text: text.into() }
}

/// What `grep -e "Corosync Cluster Engine" -e "configuration file"` and `grep TOTEM` look for after a start.
pub fn start(conf: &CorosyncConf, file: &Path) -> Vec<Line> {
    let version = env!("CARGO_PKG_VERSION");
    let mut lines = vec![
        line("MAIN", format!("Corosync Cluster Engine ('{version}'): started and ready to provide service.")),
        line("MAIN", "Corosync built-in features: holdfast seal witness"),
        line("MAIN", format!("Successfully read main configuration file '{}'.", file.display())),
        line(
            "TOTEM",
            format!(
                "Token Timeout ({} ms) retransmit timeout ({} ms)",
                conf.timings.token, conf.timings.token_retransmit
            ),
        ),
        line(
            "TOTEM",
            match conf.transport {
                Transport::Udp => "Initializing transport (UDP/IP Multicast).",
                Transport::Udpu => "Initializing transport (UDP/IP Unicast).",
                Transport::Knet => "Initializing transport (Kronosnet).",
            },
        ),
        line(
            "TOTEM",
            match conf.seal {
                Seal::Unsealed => "Initializing transmit/receive security: NONE (holdfast_unsealed is set).",
                Seal::KeyFile(_) | Seal::Inline(_) => "Initializing transmit/receive security: AES-256-GCM.",
            },
        ),
    ];
    lines.extend(
        conf.links
            .iter()
            .map(|link| line("TOTEM", format!("The network interface [{}] is now up.", link.bind.ip()))),
    );
    lines
}

/// After a regular view: the words of the ring and of the quorum service.
pub fn view(view: &View) -> Vec<Line> {
    if view.kind == ViewKind::Transitional {
        return Vec::new();
    }
    let ids = |list: &mut dyn Iterator<Item = String>| list.collect::<Vec<String>>().join(" ");
    let mut text = format!("A new membership ({}) was formed. Members", view.ring);
    if !view.joined.is_empty() {
        text.push_str(&format!(" joined: {}", ids(&mut view.joined.iter().map(ToString::to_string))));
    }
    if !view.left.is_empty() {
        text.push_str(&format!(" left: {}", ids(&mut view.left.iter().map(ToString::to_string))));
    }
    let quorum = if view.quorum.quorate {
        "This node is within the primary component and will provide service."
    } else {
        "This node is within the non-primary component and will NOT provide any services."
    };
    let members = ids(&mut view.members.iter().map(|member| member.id.to_string()));
    vec![
        line("TOTEM", "A processor joined or left the membership and a new membership was formed."),
        line("TOTEM", text),
        line("QUORUM", quorum),
        line("QUORUM", format!("Members[{}]: {members}", view.members.len())),
        line("MAIN", "Completed service synchronization, ready to provide service."),
    ]
}

/// What `grep pcmk_startup` looks for.
pub fn manager_start(node: &str) -> Vec<Line> {
    vec![
        line("pcmk", "info: pcmk_startup: CRM: Initialized"),
        line("pcmk", "Logging: Initialized pcmk_startup"),
        line("pcmk", "info: pcmk_startup: Service: 9"),
        line("pcmk", format!("info: pcmk_startup: Local hostname: {node}")),
    ]
}

/// What `grep ERROR:` finds while fencing is on and no device exists.
pub fn fencing_without_device() -> Vec<Line> {
    vec![
        line(
            "pcmk",
            "ERROR: unpack_resources: Resource start-up disabled since no STONITH resources have been defined",
        ),
        line(
            "pcmk",
            "ERROR: unpack_resources: Either configure some or disable STONITH with the stonith-enabled option",
        ),
        line(
            "pcmk",
            "ERROR: unpack_resources: NOTE: Clusters with shared data need STONITH to ensure data integrity",
        ),
    ]
}

/// At the orderly end.
pub fn stop() -> Line {
    line("MAIN", "Corosync Cluster Engine exiting normally")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, InterfaceAddress};

    #[test]
    fn the_greps_of_the_tutorials_find_their_lines() {
        let environment = Environment {
            hostname: "node1".to_owned(),
            addresses: vec![InterfaceAddress {
                interface: "eth0".to_owned(),
                address: "192.168.1.11".parse().unwrap(),
                prefix: 24,
                index: 2,
                up: true,
                loopback: false,
            }],
            ..Environment::default()
        };
        let text =
            "totem {\nversion: 2\ninterface {\nbindnetaddr: 192.168.1.0\nmcastaddr: 226.94.1.1\n}\n}\n";
        let conf = crate::config::read(text, &environment).conf.unwrap();
        let log: Vec<String> = start(&conf, Path::new("/etc/corosync/corosync.conf"))
            .into_iter()
            .chain(manager_start("node1"))
            .chain(fencing_without_device())
            .map(|line| line.to_string())
            .collect();
        let count = |word: &str| log.iter().filter(|line| line.contains(word)).count();
        assert_eq!(count("Corosync Cluster Engine"), 1);
        assert_eq!(count("configuration file"), 1);
        assert_eq!(count("[TOTEM ]"), 4);
        assert_eq!(count("pcmk_startup"), 4);
        assert_eq!(count("ERROR:"), 3);
        assert_eq!(count("ready to provide service"), 1);
    }
}
