//! Any bytes for every decoder. Each target takes what a network, a socket or a file could hold and panics when a
//! promise is broken: no decoder panics, takes memory without bound, or reads what it would write differently.
//!
//! `fuzz/` runs these targets under cargo-fuzz; the test of this crate replays the inputs that are kept there and adds
//! random ones. Knows the names and the promises; the decoders are where they are used.

mod files;
mod packets;
mod ring;
mod sockets;

/// A decoder and what is fed to it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the fuzz target and of the folder with its kept inputs.
    pub name: &'static str,
    /// Executions asked for before a release.
    pub executions: u64,
    /// Feeds it.
    pub feed: fn(&[u8]),
}

const PACKET: u64 = 10_000_000;
const OTHER: u64 = 1_000_000;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "packet", executions: PACKET, feed: packets::packet },
    Target { name: "greeting", executions: PACKET, feed: packets::greeting },
    Target { name: "body", executions: PACKET, feed: packets::body },
    Target { name: "control", executions: PACKET, feed: packets::control },
    Target { name: "fragments", executions: PACKET, feed: packets::fragments },
    Target { name: "packing", executions: OTHER, feed: packets::packing },
    Target { name: "ring", executions: OTHER, feed: ring::ring },
    Target { name: "groups", executions: PACKET, feed: sockets::groups },
    Target { name: "api", executions: PACKET, feed: sockets::api },
    Target { name: "cluster_message", executions: PACKET, feed: sockets::cluster_message },
    Target { name: "corosync_conf", executions: OTHER, feed: files::corosync_conf },
    Target { name: "heartbeat_files", executions: OTHER, feed: files::heartbeat },
    Target { name: "cib_xml", executions: OTHER, feed: files::cib_xml },
    Target { name: "cib_patch", executions: OTHER, feed: files::cib_patch },
    Target { name: "xpath", executions: OTHER, feed: files::xpath },
    Target { name: "crm_lines", executions: OTHER, feed: files::crm_lines },
    Target { name: "agent_metadata", executions: OTHER, feed: files::agent_metadata },
    Target { name: "values", executions: OTHER, feed: files::values },
];

/// Feeds the target of this name.
///
/// # Panics
/// When there is none, or when a promise is broken.
pub fn feed(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|t| t.name == name).expect("a target of this name");
    (target.feed)(bytes);
}
