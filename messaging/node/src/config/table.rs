//! Every option of `corosync.conf` from 1.x to 3.x: where it may stand, what it may be, what becomes of it.
//!
//! One row an option. The check of a file, its warnings and the types in the key map read these rows.

/// What values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A decimal number in this range.
    Number(u64, u64),
    /// A signed decimal number in this range.
    Signed(i64, i64),
    /// `yes` or `no`; `on`, `off`, `1` and `0` are understood as well.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does what the manual of corosync says.
    Read,
    /// It is read, with another meaning that the text tells.
    Translated(&'static str),
    /// It is accepted and does nothing; the text says why.
    NoEffect(&'static str),
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Path of its section, parts joined by dots; empty for the top level.
    pub section: &'static str,
    /// Its name; `#` stands for one digit, `*` at the end for anything.
    pub name: &'static str,
    pub kind: Kind,
    pub fate: Fate,
    /// The type corosync gives it in its key map (`u32`, `u8`, `u64`, `i32`, `str`).
    pub map_type: &'static str,
}

const fn row(section: &'static str, name: &'static str, kind: Kind, fate: Fate) -> Row {
    let map_type = match kind {
        Kind::Number(_, max) if max <= 255 => "u8",
        Kind::Number(_, max) if max <= u32::MAX as u64 => "u32",
        Kind::Number(..) => "u64",
        Kind::Signed(..) => "i32",
        Kind::Switch | Kind::Word(_) | Kind::Text => "str",
    };
    Row { section, name, kind, fate, map_type }
}

/// A 32-bit number that corosync stores with 32 bits although its range is small.
const fn small(section: &'static str, name: &'static str, max: u64, fate: Fate) -> Row {
    Row { section, name, kind: Kind::Number(0, max), fate, map_type: "u32" }
}

use Fate::{NoEffect, Read, Translated};
use Kind::{Number, Signed, Switch, Text, Word};

const U32: Kind = Number(0, u32::MAX as u64);
const FLAG: Kind = Number(0, 1);
const PERCENT: u64 = 100;

const NO_RRP: Fate = NoEffect("links replace redundant rings: failures are found by probing each link");
const NO_KNET_CRYPTO: Fate =
    NoEffect("every datagram is sealed with AES-256-GCM or ChaCha20-Poly1305, whatever is chosen here");
const NO_COMPRESSION: Fate = NoEffect("datagrams are not compressed");
const NO_IPC: Fate = NoEffect("programs talk over one local socket");
const NO_WATCH: Fate = NoEffect("resource watching is done by resource agents and 'watchdog_device'");
const NO_AIS: Fate = NoEffect("the AIS services are not part of this program");

/// All options, grouped as in the manual page.
pub const ROWS: &[Row] = &[
    row("", "compatibility", Word(&["whitetank", "none"]), NoEffect("old wire formats are not spoken")),
    // totem
    small("totem", "version", u32::MAX as u64, Read),
    row("totem", "cluster_name", Text, Read),
    row("totem", "transport", Word(&["knet", "udpu", "udp", "iba"]), Read),
    row("totem", "token", U32, Read),
    row("totem", "token_coefficient", U32, Read),
    row("totem", "token_retransmit", U32, Read),
    row("totem", "token_retransmits_before_loss_const", U32, Read),
    small(
        "totem",
        "token_warning",
        PERCENT,
        NoEffect("a peer that falls silent is logged when 'token' has passed, not before"),
    ),
    row("totem", "hold", U32, NoEffect("an idle token stays with its last user and is asked for")),
    row("totem", "join", U32, Read),
    row("totem", "send_join", U32, NoEffect("members tell their views at once")),
    row(
        "totem",
        "consensus",
        U32,
        Translated("a silent node is excluded after 'token' and a short exchange"),
    ),
    row("totem", "merge", U32, Read),
    row("totem", "downcheck", U32, NoEffect("changes of interfaces are reported by the kernel")),
    row("totem", "fail_recv_const", U32, Read),
    row("totem", "seqno_unchanged_const", U32, Read),
    row("totem", "miss_count_const", U32, Read),
    row("totem", "window_size", U32, Read),
    row("totem", "max_messages", U32, Read),
    row("totem", "heartbeat_failures_allowed", U32, NoEffect("each peer is probed; 'token' decides")),
    row("totem", "max_network_delay", U32, NoEffect("each peer is probed; 'token' decides")),
    row("totem", "netmtu", U32, Read),
    row("totem", "secauth", Switch, Translated("every datagram is sealed")),
    row("totem", "crypto_cipher", Word(&["none", "3des", "aes128", "aes192", "aes256"]), NO_KNET_CRYPTO),
    row("totem", "crypto_hash", Word(&["none", "md5", "sha1", "sha256", "sha384", "sha512"]), NO_KNET_CRYPTO),
    row("totem", "crypto_model", Text, NO_KNET_CRYPTO),
    row("totem", "crypto_type", Text, NO_KNET_CRYPTO),
    row("totem", "crypto_accept", Text, NO_KNET_CRYPTO),
    row("totem", "holdfast_unsealed", Switch, Read),
    row("totem", "keyfile", Text, Read),
    row("totem", "key", Text, Read),
    row("totem", "threads", U32, NoEffect("the ring runs on one thread of its own")),
    row("totem", "vsftype", Word(&["ykd", "none"]), NoEffect("'quorum { }' decides which part is primary")),
    row("totem", "rrp_mode", Word(&["none", "active", "passive"]), Translated("'link_mode'")),
    row("totem", "rrp_token_expired_timeout", U32, NO_RRP),
    row("totem", "rrp_problem_count_timeout", U32, NO_RRP),
    row("totem", "rrp_problem_count_threshold", U32, NO_RRP),
    row("totem", "rrp_problem_count_mcast_threshold", U32, NO_RRP),
    row("totem", "rrp_autorecovery_check_timeout", U32, NO_RRP),
    row("totem", "nodeid", U32, Read),
    row("totem", "clear_node_high_bit", Switch, Read),
    row("totem", "config_version", Number(0, u64::MAX), Read),
    row("totem", "ip_version", Word(&["ipv4", "ipv6", "ipv4-6", "ipv6-4"]), Read),
    row("totem", "ip_dscp", Text, Read),
    row("totem", "link_mode", Word(&["passive", "active", "rr"]), Read),
    row(
        "totem",
        "block_unlisted_ips",
        Switch,
        NoEffect("a datagram is judged by its seal and its node id, not by its address"),
    ),
    row(
        "totem",
        "cancel_token_hold_on_retransmit",
        Switch,
        NoEffect("a parked token is woken by whoever misses a message"),
    ),
    row("totem", "knet_compression_model", Text, NO_COMPRESSION),
    row("totem", "knet_compression_threshold", U32, NO_COMPRESSION),
    row("totem", "knet_compression_level", Signed(i32::MIN as i64, i32::MAX as i64), NO_COMPRESSION),
    row("totem", "knet_pmtud_interval", U32, Read),
    row("totem", "knet_mtu", U32, Read),
    row("totem.interface", "ringnumber", Number(0, 7), Translated("'linknumber'")),
    row("totem.interface", "linknumber", Number(0, 7), Read),
    row("totem.interface", "bindnetaddr", Text, Read),
    row("totem.interface", "mcastaddr", Text, Read),
    row("totem.interface", "broadcast", Switch, Read),
    Row {
        section: "totem.interface",
        name: "mcastport",
        kind: Number(1, 65535),
        fate: Read,
        map_type: "u16",
    },
    row("totem.interface", "ttl", Number(0, 255), Read),
    row("totem.interface", "knet_transport", Word(&["udp", "sctp"]), Translated("links carry UDP datagrams")),
    row("totem.interface", "knet_link_priority", Number(0, 255), Read),
    row("totem.interface", "knet_ping_interval", U32, Read),
    row("totem.interface", "knet_ping_timeout", U32, Read),
    row("totem.interface", "knet_ping_precision", U32, NoEffect("latency is weighed adaptively")),
    row("totem.interface", "knet_pong_count", Number(0, 255), Read),
    row("totem.interface.member", "memberaddr", Text, Translated("a node of the list of nodes")),
    // nodes
    row("nodelist.node", "ring#_addr", Text, Read),
    row("nodelist.node", "nodeid", U32, Read),
    row("nodelist.node", "name", Text, Read),
    row("nodelist.node", "quorum_votes", U32, Read),
    // quorum
    row("quorum", "provider", Word(&["corosync_votequorum"]), Read),
    row("quorum", "expected_votes", U32, Read),
    row("quorum", "votes", U32, Read),
    row("quorum", "two_node", FLAG, Read),
    row("quorum", "wait_for_all", FLAG, Read),
    row("quorum", "last_man_standing", FLAG, Read),
    row("quorum", "last_man_standing_window", U32, Read),
    row("quorum", "auto_tie_breaker", FLAG, Read),
    row("quorum", "auto_tie_breaker_node", Text, Read),
    row("quorum", "allow_downscale", FLAG, Read),
    row("quorum", "expected_votes_tracking", FLAG, Read),
    row("quorum", "leaving_timeout", U32, NoEffect("a leave is acknowledged by the ring")),
    row("quorum", "disallowed", FLAG, NoEffect("it was never finished in corosync")),
    row("quorum", "quorumdev_poll", U32, Translated("'device { timeout }'")),
    row("quorum.device", "model", Word(&["net"]), Translated("a witness")),
    row("quorum.device", "votes", U32, Read),
    row("quorum.device", "timeout", U32, Read),
    row(
        "quorum.device",
        "sync_timeout",
        U32,
        Translated("a view waits for the witness a quarter of 'token' at most"),
    ),
    row("quorum.device", "master_wins", FLAG, Read),
    row("quorum.device.net", "host", Text, Read),
    row("quorum.device.net", "port", Number(1, 65535), Read),
    row("quorum.device.net", "algorithm", Word(&["ffsplit", "lms", "test", "2nodelms"]), Read),
    row("quorum.device.net", "tie_breaker", Text, Read),
    row(
        "quorum.device.net",
        "tls",
        Word(&["on", "off", "required"]),
        NoEffect("the witness is sealed like the ring"),
    ),
    row("quorum.device.net", "connect_timeout", U32, Read),
    row("quorum.device.net", "force_ip_version", Word(&["0", "4", "6"]), Read),
    row("quorum.device.net", "keep_active_partition_tie_breaker", Switch, Read),
    row("quorum.device.heuristics", "mode", Word(&["off", "sync", "on"]), Read),
    row("quorum.device.heuristics", "interval", U32, Read),
    row("quorum.device.heuristics", "timeout", U32, Read),
    row("quorum.device.heuristics", "sync_timeout", U32, Read),
    row("quorum.device.heuristics", "exec_*", Text, Read),
    // logging
    row("logging", "to_stderr", Switch, Read),
    row("logging", "to_syslog", Switch, Read),
    row("logging", "to_logfile", Switch, Read),
    row("logging", "to_file", Switch, Translated("'to_logfile'")),
    row("logging", "logfile", Text, Read),
    row("logging", "logfile_priority", Word(PRIORITIES), Read),
    row("logging", "syslog_facility", Word(FACILITIES), Read),
    row("logging", "syslog_priority", Word(PRIORITIES), Read),
    row("logging", "debug", Word(&["on", "off", "trace", "yes", "no"]), Read),
    row("logging", "timestamp", Word(&["on", "off", "hires", "yes", "no"]), Read),
    row("logging", "fileline", Switch, Read),
    row("logging", "function_name", Switch, NoEffect("a log line names its module")),
    row("logging", "blackbox", Switch, NoEffect("the journal of the cluster keeps what led to a decision")),
    row("logging", "tags", Text, NoEffect("'debug: trace' shows every step")),
    row("logging.logger_subsys", "*", Text, Translated("'subsys', 'debug' and the priorities are honoured")),
    row("logging.logger", "*", Text, Translated("'ident', 'debug' and the priorities are honoured")),
    row("logging.logging_daemon", "*", Text, NoEffect("there is one daemon; set its level in 'logging { }'")),
    row("logging.logging_daemon.logger_subsys", "*", Text, NoEffect("there is one daemon")),
    // system
    row("system", "qb_ipc_type", Word(&["native", "shm", "socket"]), NO_IPC),
    row("system", "sched_rr", Switch, Read),
    row("system", "priority", Text, Read),
    row(
        "system",
        "move_to_root_cgroup",
        Word(&["yes", "no", "auto"]),
        NoEffect("the service unit decides the control group"),
    ),
    row("system", "allow_knet_handle_fallback", Switch, NoEffect("there is no knet handle")),
    row("system", "state_dir", Text, Read),
    row("qb", "ipc_type", Word(&["native", "shm", "socket"]), NO_IPC),
    // the rest
    row("uidgid", "uid", Text, Read),
    row("uidgid", "gid", Text, Read),
    row("resources", "watchdog_device", Text, Read),
    row("resources", "watchdog_timeout", U32, Read),
    row("resources.system.*", "*", Text, NO_WATCH),
    row("resources.process.*", "*", Text, NO_WATCH),
    row("resources.system", "*", Text, NO_WATCH),
    row("resources.process", "*", Text, NO_WATCH),
    row("nozzle", "*", Text, NoEffect("no virtual network device is made")),
    row("pload", "count", U32, NoEffect("use 'holdfast bench ring'")),
    row("pload", "size", U32, NoEffect("use 'holdfast bench ring'")),
    row("service", "name", Text, Read),
    row("service", "ver", Text, Translated("cluster manager and ring are one program")),
    row("service", "use_mgmtd", Text, NoEffect("there is no management daemon")),
    row("service", "use_logd", Text, NoEffect("'logging { }' says where lines go")),
    row("service", "clustername", Text, NoEffect("use 'totem { cluster_name }'")),
    row("service", "*", Text, NoEffect("the service is built in or not there")),
    row("aisexec", "user", Text, NoEffect("the daemon runs as root")),
    row("aisexec", "group", Text, NoEffect("the daemon runs as root")),
    row("aisexec", "*", Text, NO_AIS),
    row("amf", "mode", Text, NO_AIS),
    row("amf", "*", Text, NO_AIS),
    row("event", "*", Text, NO_AIS),
];

/// Names of log levels, gravest first.
pub const PRIORITIES: &[&str] =
    &["emerg", "alert", "crit", "err", "error", "warning", "notice", "info", "debug"];
/// Names of syslog facilities.
pub const FACILITIES: &[&str] = &[
    "daemon", "user", "auth", "authpriv", "cron", "ftp", "kern", "lpr", "mail", "news", "syslog", "uucp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

fn matches(pattern: &str, name: &str) -> bool {
    if let Some(stem) = pattern.strip_suffix('*') {
        return name.starts_with(stem);
    }
    pattern.len() == name.len()
        && pattern.bytes().zip(name.bytes()).all(|(p, n)| p == n || (p == b'#' && n.is_ascii_digit()))
}

/// The row of an option, if it is known.
pub fn find(section: &str, name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| matches(row.section, section) && matches(row.name, name))
}

/// Whether a section of this path is known.
pub fn knows_section(path: &str) -> bool {
    ROWS.iter().any(|row| {
        matches(row.section, path)
            || (row.section.len() > path.len()
                && row.section.starts_with(path)
                && row.section.as_bytes()[path.len()] == b'.')
    })
}

/// The known name nearest to a misspelt one: in this section, or the section where exactly this name belongs.
pub fn nearest(section: &str, name: &str) -> Option<String> {
    if let Some(row) = ROWS.iter().find(|row| row.name == name) {
        return Some(match row.section {
            "" => format!("'{name}' at the top level"),
            path => format!("'{name}' in section {}", path.replace('.', " / ")),
        });
    }
    let close = |candidate: &str| distance(candidate, name) <= 1 + name.len() / 4;
    ROWS.iter()
        .filter(|row| matches(row.section, section) && !row.name.contains('*') && close(row.name))
        .min_by_key(|row| distance(row.name, name))
        .map(|row| format!("'{}'", row.name))
}

/// The known section nearest to a misspelt one under the same parent.
pub fn nearest_section(path: &str) -> Option<&'static str> {
    ROWS.iter()
        .map(|row| row.section)
        .filter(|known| !known.is_empty() && !known.contains('*'))
        .filter(|known| known.matches('.').count() == path.matches('.').count())
        .filter(|known| distance(known, path) <= 1 + path.len() / 5)
        .min_by_key(|known| distance(known, path))
}

/// Edit distance; long names count as far away.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut corner = i;
        for (j, y) in b.iter().enumerate() {
            let here = (above[j + 1] + 1).min(left + 1).min(corner + usize::from(x != y));
            corner = above[j + 1];
            above[j] = left;
            left = here;
        }
        above[b.len()] = left;
    }
    above[b.len()]
}
