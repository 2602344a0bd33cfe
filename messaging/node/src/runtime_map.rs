//! The running ring as keys and values: `runtime.*` and `stats.*`, in the names that exporters and scripts read.

mod stats;

use crate::config::{CorosyncConf, KeyMap, Value};
use crate::groups::Program;
use crate::thread::RingStatus;

/// The file's keys with the running state beside them. `tools` are the connections of the daemon's own socket and how
/// many were closed.
pub fn build(conf: &CorosyncConf, status: &RingStatus, tools: (&[Program], u64)) -> KeyMap {
    let mut map = Filler(conf.map.clone());
    configuration(conf, status, &mut map);
    members(status, &mut map);
    quorum(status, &mut map);
    stats::services(status, &mut map);
    stats::totem(status, &mut map);
    stats::own(status, &mut map);
    stats::ipcs(status, tools, &mut map);
    stats::knet(status, &mut map);
    map.0
}

/// A number in a key that is too small for all of them.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

struct Filler(KeyMap);

impl Filler {
    fn set(&mut self, key: &str, value: Value) {
        // Our own names are fine, and a full map is full: the rest is missing, as in corosync.
        let _ = self.0.set(key, value);
    }

    fn u32(&mut self, key: &str, value: u32) {
        self.set(key, Value::U32(value));
    }

    fn u64(&mut self, key: &str, value: u64) {
        self.set(key, Value::U64(value));
    }

    fn text(&mut self, key: &str, value: impl Into<String>) {
        self.set(key, Value::Text(value.into()));
    }
}

fn configuration(conf: &CorosyncConf, status: &RingStatus, map: &mut Filler) {
    let timings = &conf.timings;
    let chosen = &status.config.timing;
    for (key, value) in [
        ("token", timings.token),
        ("token_retransmit", timings.token_retransmit),
        ("token_warning", timings.token_warning),
        ("hold", timings.hold),
        ("join", timings.join),
        ("send_join", timings.send_join),
        ("consensus", timings.consensus),
        ("merge", timings.merge),
        ("fail_recv_const", timings.fail_recv_const),
        ("seqno_unchanged_const", timings.seqno_unchanged_const),
        ("miss_count_const", timings.miss_count_const),
        ("knet_pmtud_interval", timings.pmtud_interval),
        ("window_size", chosen.window_size),
        ("max_messages", chosen.max_messages),
        // 0: as the path allows.
        ("knet_mtu", timings.mtu.unwrap_or(0)),
        // Nothing is compressed.
        ("knet_compression_threshold", 0),
    ] {
        map.u32(&format!("runtime.config.totem.{key}"), value);
    }
    let hold = u32::from(timings.cancel_hold_on_retransmit);
    map.u32("runtime.config.totem.cancel_token_hold_on_retransmit", hold);
    map.u32("runtime.config.totem.block_unlisted_ips", u32::from(timings.block_unlisted_ips));
    map.set("runtime.config.totem.knet_compression_level", Value::I32(0));
    map.text("runtime.config.totem.knet_compression_model", "none");
    for link in &conf.links {
        let base = format!("runtime.config.totem.interface.{}", link.number);
        let timeout = link.ping_timeout.unwrap_or(narrow(status.link_timeout.as_millis()));
        map.u32(&format!("{base}.knet_ping_interval"), narrow(status.beat.as_millis()));
        map.u32(&format!("{base}.knet_ping_timeout"), timeout);
    }
    map.set("totem.version", Value::U32(2));
    map.text("totem.transport", conf.transport.name());
    // corosync fills these in where the file does not say.
    for (position, node) in conf.nodes.iter().enumerate() {
        let base = format!("nodelist.node.{position}");
        if conf.map.get(&format!("{base}.nodeid")).is_none()
            && conf.map.get(&format!("{base}.ring0_addr")).is_none()
        {
            map.u32(&format!("{base}.nodeid"), node.id);
            for (link, address) in &node.addresses {
                map.text(&format!("{base}.ring{link}_addr"), address.ip().to_string());
            }
            if !node.name.is_empty() {
                map.text(&format!("{base}.name"), node.name.clone());
            }
        }
        if node.id == conf.local_id {
            map.u32("nodelist.local_node_pos", u32::try_from(position).unwrap_or(u32::MAX));
        }
    }
    for (name, id) in [("cfg", 1), ("cmap", 0), ("cpg", 2), ("quorum", 3), ("votequorum", 5)] {
        map.set(&format!("runtime.services.{name}.service_id"), Value::U16(id));
        map.text(&format!("internal_configuration.service.{id}.name"), format!("corosync_{name}"));
        map.u32(&format!("internal_configuration.service.{id}.ver"), 0);
    }
}

fn members(status: &RingStatus, map: &mut Filler) {
    let joined =
        |id| status.view.as_ref().is_some_and(|view| view.members.iter().any(|member| member.id == id));
    // Listed nodes, and those that were met without a list.
    let listed = status.config.members.iter().map(|member| member.id);
    let met = status.view.iter().flat_map(|view| &view.members).map(|member| member.id);
    let all: std::collections::BTreeSet<_> = listed.chain(met).collect();
    for id in all {
        let base = format!("runtime.members.{id}");
        let own = status.config.members.iter().find(|member| member.id == id);
        let known = own.into_iter().flat_map(|member| &member.addresses).map(|a| (a.link, a.address.ip()));
        let mut addresses: Vec<_> = known.collect();
        if addresses.is_empty() {
            let heard = status.peers.iter().filter(|peer| peer.node == id);
            addresses.extend(heard.map(|peer| (peer.link, peer.address.ip())));
        }
        let text: String = addresses.iter().map(|(link, ip)| format!("r({link}) ip({ip}) ")).collect();
        map.u64(&format!("{base}.config_version"), status.config.config_version);
        map.text(&format!("{base}.ip"), text);
        map.u32(&format!("{base}.join_count"), u32::from(joined(id)));
        map.text(&format!("{base}.status"), if joined(id) { "joined" } else { "left" });
    }
}

fn quorum(status: &RingStatus, map: &mut Filler) {
    let quorum = &status.quorum;
    map.u32("runtime.votequorum.this_node_id", status.local.0);
    map.u32("runtime.votequorum.ev_barrier", quorum.expected_votes);
    map.set("runtime.votequorum.two_node", Value::U8(u8::from(quorum.two_node)));
    map.set("runtime.votequorum.wait_for_all_status", Value::U8(u8::from(quorum.waiting_for_all)));
    map.u32("runtime.votequorum.lowest_node_id", lowest(status));
    map.u32("runtime.votequorum.highest_node_id", highest(status));
}

fn lowest(status: &RingStatus) -> u32 {
    status.view.as_ref().and_then(|view| view.members.first()).map_or(status.local.0, |member| member.id.0)
}

fn highest(status: &RingStatus) -> u32 {
    status.view.as_ref().and_then(|view| view.members.last()).map_or(status.local.0, |member| member.id.0)
}
