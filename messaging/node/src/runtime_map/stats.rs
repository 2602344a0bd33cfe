//! `stats.*`: what the ring, its links and its programs have counted, in corosync's names, types and units.
//!
//! Knows which of our counters is meant by each name. What a ring of this kind never does is 0 here and named in
//! `docs/statistics.md`.

use super::{Filler, narrow};
use crate::config::Value;
use crate::groups::{Pair, Program};
use crate::thread::RingStatus;
use holdfast_totem::config::Sealing;
use holdfast_totem::stats::{Flow, PathCounters, PeerLink, Purpose, Statistics, Traffic};
use holdfast_totem::time::Span;

/// After so many times in a row without agreement a firewall or a broken card is the likely reason; as in corosync.
const HOPELESS: u32 = 3;
/// What no sample was ever shorter than.
const NO_SAMPLE: u64 = u64::MAX;
/// What a node sends to itself is not cut into datagrams.
const OWN_MTU: u32 = 65_535;

fn millis(span: Span) -> u32 {
    narrow(span.as_millis())
}

/// Token, frames, memberships.
pub(super) fn totem(status: &RingStatus, map: &mut Filler) {
    let own = &status.statistics;
    for (key, value) in [
        ("commit_entered", own.commits),
        ("commit_token_lost", own.commits_lost),
        ("consensus_timeouts", own.consensus_lost),
        ("gather_entered", own.gathers),
        // While a membership is looked for there is no token: the one of the ring that is given up ends at once.
        ("gather_token_lost", 0),
        ("mcast_retx", own.frames_retransmitted),
        ("mcast_rx", own.frames_received),
        ("mcast_tx", own.frames_sent),
        ("memb_commit_token_rx", own.commit_messages_received),
        ("memb_commit_token_tx", own.commit_messages_sent),
        ("memb_join_rx", own.joins_received),
        ("memb_join_tx", own.joins_sent),
        ("memb_merge_detect_rx", own.greetings_received),
        ("memb_merge_detect_tx", own.greetings_sent),
        ("operational_entered", own.rings_formed),
        ("operational_token_lost", own.tokens_lost),
        ("orf_token_rx", own.tokens),
        ("orf_token_tx", own.tokens_sent),
        ("recovery_entered", own.recoveries),
        ("recovery_token_lost", own.recoveries_lost),
        ("rx_msg_dropped", own.unexpected),
        ("time_since_token_last_received", own.token_age.map_or(0, Span::as_millis)),
        ("token_hold_cancel_rx", own.token_wanted_received),
        ("token_hold_cancel_tx", own.token_wanted_sent),
    ] {
        map.u64(&format!("stats.srp.{key}"), value);
    }
    for (key, value) in [
        ("stats.srp.avg_backlog_calc", narrow(own.backlog / 1_000)),
        ("stats.srp.avg_token_workload", millis(own.holding)),
        ("stats.srp.mtt_rx_token", millis(own.rotation)),
        ("stats.srp.continuous_gather", own.consensus_lost_now),
        ("stats.srp.continuous_sendmsg_failures", status.send_failing),
        ("stats.pg.msg_queue_avail", narrow(own.free_frames)),
        ("stats.pg.msg_reserved", narrow(own.queued_messages)),
    ] {
        map.u32(key, value);
    }
    let hopeless = u8::from(own.consensus_lost_now > HOPELESS);
    map.set("stats.srp.firewall_enabled_or_nic_failure", Value::U8(hopeless));
    for (place, pause) in status.pauses.iter().enumerate() {
        let base = format!("stats.schedmiss.{place}");
        let at = u64::try_from(pause.at.0 / 1_000).unwrap_or(0);
        map.u64(&format!("{base}.timestamp"), at);
        map.set(&format!("{base}.delay"), Value::Float(pause.late.0 as f32 / 1_000.0));
    }
}

/// What corosync has no name for.
pub(super) fn own(status: &RingStatus, map: &mut Filler) {
    let own = &status.statistics;
    let waiting = status.view.as_ref().map_or(0, |view| view.members.len());
    for (key, value) in [
        ("members", waiting as u64),
        ("messages_queued", own.messages_queued),
        ("messages_delivered", own.messages_delivered),
        ("bytes_delivered", own.bytes_delivered),
        ("queued_bytes", own.queued_bytes),
        ("tokens_retransmitted", own.tokens_retransmitted),
        ("rotation_us", own.rotation.0),
        ("token_held_us", own.holding.0),
        ("frames_duplicate", own.frames_duplicate),
        ("unreadable", own.unreadable),
        ("replayed", own.replayed),
        ("malformed", own.malformed),
        ("pauses", own.pauses),
        ("longest_pause_us", own.longest_pause.0),
        ("send_calls", status.send_calls),
        ("send_dropped", status.send_dropped),
        ("events_waiting_bytes", status.events_waiting),
    ] {
        map.u64(&format!("stats.holdfast.{key}"), value);
    }
    map.set("stats.holdfast.real_time", Value::U8(u8::from(status.real_time)));
}

/// Seals and paths.
pub(super) fn knet(status: &RingStatus, map: &mut Filler) {
    handle(status, map);
    // What this node says to itself takes no link; corosync shows one all the same.
    if let Some((link, _)) = status.links.iter().min_by_key(|(link, _)| *link) {
        let base = format!("stats.knet.node{}.link{link}", status.local);
        state(map, &base, (true, true), OWN_MTU, None);
        path(map, &base, &PathCounters { up: 1, ..PathCounters::default() });
    }
    for peer in &status.peers {
        let PeerLink { node, link, counters, .. } = peer;
        let base = format!("stats.knet.node{node}.link{link}");
        state(map, &base, (peer.enabled, peer.up), u32::from(peer.datagram), peer.round_trip);
        path(map, &base, counters);
    }
}

fn handle(status: &RingStatus, map: &mut Filler) {
    let Statistics { sealed, opened, .. } = status.statistics;
    let encrypted = status.config.sealing == Sealing::Sealed;
    let count = |value: u64| if encrypted { value } else { 0 };
    // Nothing is compressed, and how long sealing takes is not measured: no samples.
    for direction in ["rx", "tx"] {
        for what in ["compress", "crypt"] {
            let base = format!("stats.knet.handle.{direction}_{what}_time");
            map.u64(&format!("{base}_ave"), 0);
            map.u64(&format!("{base}_max"), 0);
            map.u64(&format!("{base}_min"), NO_SAMPLE);
        }
        for what in ["compressed_original_bytes", "compressed_packets", "compressed_size_bytes"] {
            map.u64(&format!("stats.knet.handle.{direction}_{what}"), 0);
        }
    }
    map.u64("stats.knet.handle.rx_crypt_packets", count(opened));
    map.u64("stats.knet.handle.tx_crypt_packets", count(sealed));
    let overhead = holdfast_totem::config::SEAL_BYTES as u64;
    map.u64("stats.knet.handle.tx_crypt_byte_overhead", count(sealed * overhead));
    map.u64("stats.knet.handle.tx_uncompressed_packets", 0);
}

fn state(map: &mut Filler, base: &str, (enabled, up): (bool, bool), mtu: u32, round_trip: Option<Span>) {
    map.set(&format!("{base}.enabled"), Value::U8(u8::from(enabled)));
    map.set(&format!("{base}.connected"), Value::U8(u8::from(up)));
    map.u32(&format!("{base}.mtu"), mtu);
    map.u32(&format!("{base}.latency_ave"), round_trip.map_or(0, |span| narrow(span.0)));
}

fn path(map: &mut Filler, base: &str, counters: &PathCounters) {
    let (least, most) = counters.round_trips.map_or((u32::MAX, 0), |(a, b)| (narrow(a.0), narrow(b.0)));
    for (key, value) in [
        ("up_count", counters.up),
        ("down_count", counters.down),
        ("latency_min", least),
        ("latency_max", most),
        ("latency_samples", counters.samples),
    ] {
        map.u32(&format!("{base}.{key}"), value);
    }
    flow(map, &format!("{base}.rx"), &counters.received);
    flow(map, &format!("{base}.tx"), &counters.sent);
    let trouble = &counters.trouble;
    for (name, of) in [("data", Purpose::Data), ("ping", Purpose::Ping), ("pmtu", Purpose::Probe)] {
        map.u32(&format!("{base}.tx_{name}_errors"), trouble.errors[of as usize]);
        map.u32(&format!("{base}.tx_{name}_retries"), trouble.retries[of as usize]);
    }
    // Answers travel in signs of life, and are counted there when they cannot be sent.
    map.u32(&format!("{base}.tx_pong_errors"), 0);
    map.u32(&format!("{base}.tx_pong_retries"), 0);
    let sum = |of: &[u32; 3]| of.iter().map(|count| u64::from(*count)).sum();
    map.u64(&format!("{base}.tx_total_errors"), sum(&trouble.errors));
    map.u64(&format!("{base}.tx_total_retries"), sum(&trouble.retries));
    // Receiving is never tried again: what is there is taken when it is there.
    map.u64(&format!("{base}.rx_total_retries"), 0);
}

fn flow(map: &mut Filler, base: &str, flow: &Flow) {
    // The bytes of an answer are in those of the sign of life that brings it.
    let answers = Traffic { packets: flow.answers, bytes: 0 };
    let total = flow.total();
    for (name, Traffic { packets, bytes }) in
        [("data", flow.data), ("ping", flow.ping), ("pong", answers), ("pmtu", flow.probe), ("total", total)]
    {
        map.u64(&format!("{base}_{name}_packets"), packets);
        map.u64(&format!("{base}_{name}_bytes"), bytes);
    }
}

/// Connections of programs: those of process groups, and those of the daemon's own socket.
pub(super) fn ipcs(status: &RingStatus, (tools, closed): (&[Program], u64), map: &mut Filler) {
    let active = status.programs.len() + tools.len();
    map.u64("stats.ipcs.global.active", active as u64);
    map.u64("stats.ipcs.global.closed", status.programs_gone + closed);
    for program in status.programs.iter().chain(tools) {
        let service = program.service.map(|service| format!("service{service}.")).unwrap_or_default();
        let base = format!("stats.ipcs.{service}{}.{}", program.pid, program.id);
        // Empty when the process is gone, or hidden from the daemon.
        map.text(&format!("{base}.procname"), crate::machine::process_name(program.pid).unwrap_or_default());
        for (key, value) in [
            ("requests", program.requests),
            ("invalid_request", program.invalid),
            ("responses", program.responses),
            ("dispatched", program.dispatched),
            ("overload", program.overload),
            ("flow_control_count", program.holds),
            ("recv_retries", program.read_again),
            ("send_retries", program.write_again),
        ] {
            map.u64(&format!("{base}.{key}"), value);
        }
        map.u32(&format!("{base}.flow_control"), u32::from(program.held));
        map.u32(&format!("{base}.queued"), narrow(program.queued));
        map.u32(&format!("{base}.sent"), narrow(program.dispatched.saturating_sub(program.queued)));
        map.set(&format!("{base}.queueing"), Value::I32(i32::from(program.stuck)));
    }
}

/// Ordered messages by corosync's numbers of what they say. What is not named here is never said.
pub(super) fn services(status: &RingStatus, map: &mut Filler) {
    let ordered = &status.services;
    let groups = &ordered.groups;
    let (sent, received) = (&status.statistics.votes_sent, &status.statistics.votes_received);
    let both =
        |of: fn(&holdfast_totem::stats::VoteMessages) -> u64| Pair { sent: of(sent), received: of(received) };
    let programs = Pair {
        sent: groups.batches.sent + ordered.manager.sent,
        received: groups.batches.received + ordered.manager.received,
    };
    let none = Pair::default();
    let calls: [(&str, &[Pair]); 4] = [
        ("cfg", &[none, ordered.kill, none, ordered.reload, none]),
        ("cmap", &[none]),
        ("cpg", &[groups.joins, groups.leaves, groups.lists, programs, none, none, none]),
        ("votequorum", &[both(|v| v.ballots), both(|v| v.changes), both(|v| v.witness), none]),
    ];
    for (service, pairs) in calls {
        for (number, pair) in pairs.iter().enumerate() {
            map.u64(&format!("runtime.services.{service}.{number}.tx"), pair.sent);
            map.u64(&format!("runtime.services.{service}.{number}.rx"), pair.received);
        }
    }
}
