//! Reads `ha.cf`: nodes, media, times, failback, ping nodes, clients, fencing, logging.
//!
//! Knows the grammar and every check of heartbeat 3.0.6, and says file, line, value and cure where heartbeat
//! said nothing. Does not look at the machine: interfaces, hosts and programs are not its business.

mod lines;
mod values;

use super::directives::{self, Directive, Fate, Shape};
use super::source::{Account, Place, Verdict};
use super::value::{spoken, truth};
use values::ping_fault;

/// A value and the line it was set on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub place: Place,
    /// The line as written.
    pub text: String,
}

/// A way heartbeats travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medium {
    /// Broadcast on an interface.
    Broadcast { interface: String, port: u16 },
    /// Unicast from an interface to a peer.
    Unicast { interface: String, peer: String, port: u16 },
    /// Multicast.
    Multicast { interface: String, group: String, port: u16, ttl: u8 },
    /// A serial line.
    Serial { device: String },
}

impl Medium {
    /// The interface that it uses; serial lines use none.
    pub fn interface(&self) -> Option<&str> {
        match self {
            Medium::Broadcast { interface, .. }
            | Medium::Unicast { interface, .. }
            | Medium::Multicast { interface, .. } => Some(interface),
            Medium::Serial { .. } => None,
        }
    }
}

/// What happens to services when their preferred node returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failback {
    /// They go home.
    On,
    /// They stay.
    Off,
    /// As on, by the protocol of heartbeat 0.4.
    Legacy,
}

/// Something to ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PingTarget {
    /// One host, one vote.
    Host(String),
    /// Several hosts, one vote while any of them answers.
    Group { name: String, hosts: Vec<String> },
}

/// A program that heartbeat kept running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The user it runs as.
    pub user: String,
    /// Full path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// `failfast`: the node is rebooted when it dies.
    pub failfast: bool,
}

impl Client {
    /// The program's name without its folder: old paths differ between distributions.
    pub fn name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or(&self.program)
    }
}

/// A fence device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stonith {
    /// `stonith TYPE FILE`.
    File { kind: String, file: String },
    /// `stonith_host HOST TYPE PARAMETERS`; the host is `*` for all.
    Host { host: String, kind: String, params: Vec<String> },
}

/// Whether the version 2 cluster manager ran instead of `haresources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CrmMode {
    /// `haresources` rules.
    #[default]
    Off,
    /// A CIB exists.
    On,
}

/// The whole file.
#[derive(Debug, Clone, Default)]
pub struct HaCf {
    pub nodes: Vec<Set<String>>,
    pub media: Vec<Set<Medium>>,
    pub keepalive: Option<Set<u64>>,
    pub warntime: Option<Set<u64>>,
    pub deadtime: Option<Set<u64>>,
    pub initdead: Option<Set<u64>>,
    pub deadping: Option<Set<u64>>,
    pub failback: Option<Set<Failback>>,
    pub pings: Vec<Set<PingTarget>>,
    pub clients: Vec<Set<Client>>,
    pub stonith: Vec<Set<Stonith>>,
    pub watchdog: Option<Set<String>>,
    pub crm: Option<Set<CrmMode>>,
    pub logfacility: Option<Set<String>>,
    pub logfile: Option<Set<String>>,
    pub debugfile: Option<Set<String>>,
    pub use_logd: Option<Set<bool>>,
    pub debug: Option<Set<u8>>,
    pub autojoin: Option<Set<String>>,
    pub cluster: Option<Set<String>>,
    pub rtprio: Option<Set<u8>>,
    pub realtime: Option<Set<bool>>,
}

/// Heartbeat's built-in values, in milliseconds.
pub const DEFAULT_KEEPALIVE: u64 = 1_000;
const DEFAULT_DEADTIME: u64 = 30_000;
/// Limits of heartbeat itself.
const MOST_NODES: usize = 100;
const MOST_MEDIA: usize = 64;
const LONGEST_NAME: usize = 99;
const LONGEST_LINE: usize = 65_536;

impl HaCf {
    /// Effective time between heartbeats.
    pub fn keepalive_ms(&self) -> u64 {
        self.keepalive.as_ref().map_or(DEFAULT_KEEPALIVE, |s| s.value)
    }

    /// Effective time after which a silent node is dead.
    pub fn deadtime_ms(&self) -> u64 {
        self.deadtime.as_ref().map_or(DEFAULT_DEADTIME, |s| s.value)
    }

    /// Effective time to wait for the others at the start.
    pub fn initdead_ms(&self) -> u64 {
        self.initdead.as_ref().map_or_else(
            || match self.deadtime_ms() {
                dead if dead > 10_000 => dead,
                dead if dead < 6_000 => 12_000,
                dead => 2 * dead,
            },
            |s| s.value,
        )
    }

    /// Effective time after which a silent ping node is dead.
    pub fn deadping_ms(&self) -> u64 {
        self.deadping.as_ref().map_or_else(|| self.deadtime_ms(), |s| s.value)
    }
}

/// State of the parse: what acts on the lines behind it.
struct Parser<'a> {
    file: &'a str,
    port: u16,
    result: HaCf,
    account: &'a mut Account,
    media_seen: bool,
    baud_seen: bool,
    /// Clients that have an `apiauth` line.
    api_clients: Vec<String>,
    /// A word of this `node` line cannot be a machine: the rest of the line is a comment without its `#`.
    in_comment: bool,
    /// Lines read so far.
    lines: usize,
}

/// Reads the file `file` with the content `text`. What is wrong goes into `account` as errors.
pub fn parse(file: &str, text: &str, account: &mut Account) -> HaCf {
    let mut parser = Parser {
        file,
        port: 694,
        result: HaCf::default(),
        account,
        media_seen: false,
        baud_seen: false,
        api_clients: Vec::new(),
        in_comment: false,
        lines: 0,
    };
    for (index, raw) in text.lines().enumerate() {
        parser.lines = index + 1;
        parser.line(index + 1, raw);
    }
    parser.check_whole();
    parser.result
}

impl Parser<'_> {
    fn line(&mut self, number: usize, raw: &str) {
        let place = Place::new(self.file, number);
        if raw.len() > LONGEST_LINE {
            let start = &raw[..raw.floor_char_boundary(60)];
            self.error(&place, start, "the line is too long", "split it into several lines");
            return;
        }
        let body = raw.split(['#', '\r']).next().unwrap_or_default().trim_matches(blank);
        let mut halves = body.splitn(2, blank);
        let (Some(word), rest) =
            (halves.next().filter(|w| !w.is_empty()), halves.next().unwrap_or_default().trim_matches(blank))
        else {
            return;
        };
        let Some(row) = directives::find(word) else {
            let cure = match directives::nearest(word) {
                _ if holds_foreign_blank(word) => FOREIGN_BLANK.to_owned(),
                Some(meant) => format!("did you mean `{meant}`? otherwise remove the line"),
                None if self.result.nodes.is_empty() => {
                    format!("if `{word}` is a machine, write `node {word}`; otherwise remove the line")
                }
                None => "remove the line, or write it as one of heartbeat's directives".to_owned(),
            };
            self.error(&place, body, &format!("Illegal directive [{word}] in {}", self.file), &cure);
            return;
        };
        match row.shape {
            Shape::Line => self.whole_line(row, &place, body, rest),
            Shape::Options => {
                let words: Vec<&str> =
                    rest.split(|c: char| blank(c) || c == ',').filter(|w| !w.is_empty()).collect();
                if words.is_empty() {
                    self.account.note(
                        &place,
                        body,
                        Verdict::Dropped,
                        "names no value; heartbeat ignored it too",
                    );
                }
                self.in_comment = false;
                for value in words {
                    self.option(row, &place, body, value);
                }
            }
        }
    }

    fn error(&mut self, place: &Place, text: &str, note: &str, cure: &str) {
        self.account.advise(place, text, Verdict::Error, note, cure);
    }

    fn option(&mut self, row: &Directive, place: &Place, text: &str, value: &str) {
        if let Fate::Explained(why) = row.fate {
            if !self.account.speaks_of(place) {
                self.account.note(place, text, Verdict::Dropped, why);
            }
            return;
        }
        match row.name {
            "node" => self.node(place, text, value),
            "bcast" | "udp" => {
                self.media_seen = true;
                let medium = Medium::Broadcast { interface: value.to_owned(), port: self.port };
                self.medium(place, text, medium);
            }
            "serial" if !value.starts_with('/') => {
                self.error(place, text, "Serial port not full pathname", "write the device as /dev/ttyS0");
            }
            "serial" => self.medium(place, text, Medium::Serial { device: value.to_owned() }),
            "udpport" => {
                let Some(port) = self.port_number(place, text, value) else { return };
                self.port = port;
                let note = if self.media_seen {
                    format!(
                        "stands behind media lines: those before it keep their port, those behind it use {port}"
                    )
                } else {
                    format!("interface {{ mcastport: {port} }} for the media lines behind it")
                };
                self.account.note(place, text, Verdict::Changed, note);
            }
            "baud" => self.baud(place, text, value),
            "keepalive" => self.time(place, text, value, 1, |r| &mut r.keepalive),
            "warntime" => self.time(place, text, value, 1, |r| &mut r.warntime),
            "deadtime" => self.time(place, text, value, 0, |r| &mut r.deadtime),
            "initdead" => self.time(place, text, value, 0, |r| &mut r.initdead),
            "deadping" => self.time(place, text, value, 0, |r| &mut r.deadping),
            "conn_logd_time" => {
                self.explained_time(place, text, value, "there is no separate logging daemon to connect to");
            }
            "ping" | "ping6" => {
                if let Some(fault) = ping_fault(row.name == "ping6", value) {
                    let note = format!("unknown host: {value}: {fault}");
                    return self.error(place, text, &note, "the name or the address of a host that answers pings");
                }
                let target = PingTarget::Host(value.to_owned());
                self.result.pings.push(Set { value: target, place: place.clone(), text: text.to_owned() });
            }
            "hbaping" => self.account.note(place, text, Verdict::Dropped, "fibre channel ping nodes are not watched"),
            "auto_failback" | "nice_failback" => self.failback(row.name, place, text, value),
            "crm" | "pacemaker" => self.crm(place, text, value),
            "hopfudge" | "debug" => self.small_number(row.name, place, text, value),
            "watchdog" => {
                if self.result.watchdog.is_some() {
                    self.error(place, text, "Watchdog device multiply specified.", "keep one watchdog line");
                } else {
                    self.keep(place, text, value.to_owned(), |r| &mut r.watchdog);
                }
            }
            "logfacility" => self.facility(place, text, value),
            "logfile" => self.keep(place, text, value.to_owned(), |r| &mut r.logfile),
            "debugfile" => self.keep(place, text, value.to_owned(), |r| &mut r.debugfile),
            "use_logd" => self.boolean(place, text, value, |r| &mut r.use_logd),
            "realtime" => self.boolean(place, text, value, |r| &mut r.realtime),
            "rtprio" => match self.number(place, text, value).filter(|p| (1..=99).contains(p)) {
                Some(priority) => self.keep(place, text, priority as u8, |r| &mut r.rtprio),
                None => self.error(place, text, &format!("Illegal realtime priority [{value}]"), "a number from 1 to 99"),
            },
            "autojoin" => {
                let word = value.to_ascii_lowercase();
                if matches!(word.as_str(), "none" | "other" | "any") {
                    self.keep(place, text, word, |r| &mut r.autojoin);
                } else {
                    self.error(place, text, &format!("Invalid autojoin directive [{value}]"), "none, other or any");
                }
            }
            "uuidfrom" => {
                if matches!(value, "file" | "nodename") {
                    let note = "a node is known by its configured name and id, never by a file that a clone would copy";
                    self.account.note(place, text, Verdict::Changed, note);
                } else {
                    self.error(place, text, &format!("Invalid uuidfrom directive [{value}]"), "file or nodename");
                }
            }
            "hbgenmethod" => {
                if matches!(value, "file" | "time") {
                    let note = "every start makes a fresh session key, so no generation number is kept";
                    self.account.note(place, text, Verdict::Dropped, note);
                } else {
                    self.error(place, text, &format!("Illegal hb generation method [{value}]"), "file or time");
                }
            }
            "cluster" => self.keep(place, text, value.to_owned(), |r| &mut r.cluster),
            "quorum_server" => self.account.advise(
                place,
                text,
                Verdict::NeedsYou,
                format!("{value} gave its vote to one half of a split cluster; nothing does so yet"),
                "run `holdfast witness` on that machine and name it in quorum { device { ... } } of corosync.conf",
            ),
            "env" => {
                if !value.starts_with('=') {
                    let note = "agents get a clean environment; set the variable in the agent's own configuration";
                    self.account.note(place, text, Verdict::Dropped, note);
                } else {
                    self.error(place, text, &format!("invalid nvpair({value})"), "NAME=VALUE");
                }
            }
            "use_apphbd" => self.explained_truth(place, text, value, "the guard process watches the daemon"),
            "traditional_compression" => self.explained_truth(place, text, value, "packets are not compressed"),
            "msgfmt" => {
                if matches!(value, "classic" | "netstring") {
                    self.account.note(place, text, Verdict::Dropped, "the ring has one packet format");
                } else {
                    self.error(place, text, &format!("unknown message format [{value}]"), "classic or netstring");
                }
            }
            "memreserve" | "max_rexmit_delay" | "compression_threshold" => {
                if self.number(place, text, value).is_some_and(|n| n > 0) {
                    self.account.note(place, text, Verdict::Dropped, "it tuned the inside of heartbeat");
                } else {
                    self.error(place, text, &format!("{} invalid [{value}]", row.name), "a number above 0");
                }
            }
            "compression" => {
                if matches!(value, "zlib" | "bz2") {
                    self.account.note(place, text, Verdict::Dropped, "packets are small and not compressed");
                } else {
                    self.error(place, text, &format!("unknown compression [{value}]"), "zlib or bz2");
                }
            }
            "syslogmsgfmt" => self.explained_truth(place, text, value, "log lines have one form"),
            "log_badpack" => {
                let why = "packets that fail their seal are counted and logged at a limited rate";
                self.explained_truth(place, text, value, why);
            }
            "coredumps" => self.explained_truth(place, text, value, "set LimitCORE in the service unit instead"),
            "normalpoll" => self.explained_truth(place, text, value, "it only chose a system call inside heartbeat"),
            "record_config_changes" => {
                self.explained_truth(place, text, value, "every change of the configuration is kept and logged");
            }
            "record_pengine_inputs" => {
                let why = "scheduler inputs are kept; pe-input-series-max says how many";
                self.explained_truth(place, text, value, why);
            }
            "enable_config_writes" => {
                self.explained_truth(place, text, value, "an acknowledged change is always on disk");
            }
            "crmd_spawns_pengine" => {
                self.explained_truth(place, text, value, "the scheduler is part of the one daemon");
            }
            other => unreachable_row(other),
        }
    }

    fn medium(&mut self, place: &Place, text: &str, medium: Medium) {
        if self.result.media.len() == MOST_MEDIA {
            return self.error(
                place,
                text,
                "Too many media specified (> 64)",
                "keep the media that are in use",
            );
        }
        self.result.media.push(Set { value: medium, place: place.clone(), text: text.to_owned() });
    }

    fn failback(&mut self, directive: &str, place: &Place, text: &str, value: &str) {
        let value = match (directive, truth(value)) {
            ("nice_failback", Some(nice)) => {
                let now = if nice { Failback::Off } else { Failback::On };
                let word = if nice { "off" } else { "on" };
                let note = format!("obsolete since heartbeat 1.2; it means auto_failback {word}");
                self.account.note(place, text, Verdict::Changed, note);
                now
            }
            ("auto_failback", Some(true)) => Failback::On,
            ("auto_failback", Some(false)) => Failback::Off,
            ("auto_failback", None) if value.eq_ignore_ascii_case("legacy") => {
                let note = "Deprecated 'legacy' auto_failback option selected: converted as `on`";
                self.account.note(place, text, Verdict::Changed, note);
                Failback::Legacy
            }
            _ => {
                let expected = if directive == "nice_failback" { "on or off" } else { "on, off or legacy" };
                return self.error(place, text, &format!("`{value}` is no value of {directive}"), expected);
            }
        };
        self.keep(place, text, value, |r| &mut r.failback);
    }

    fn crm(&mut self, place: &Place, text: &str, value: &str) {
        let mode = match truth(value) {
            Some(on) => Some(if on { CrmMode::On } else { CrmMode::Off }),
            None => matches!(value, "manual" | "minimal" | "respawn" | "valgrind").then_some(CrmMode::On),
        };
        match mode {
            Some(mode) => {
                if mode == CrmMode::Off {
                    self.account.note(place, text, Verdict::Kept, "haresources rules, and is converted");
                }
                self.keep(place, text, mode, |r| &mut r.crm);
            }
            None => self.error(
                place,
                text,
                &format!("`{value}` is no value of crm"),
                "on, off, respawn or manual",
            ),
        }
    }

    fn facility(&mut self, place: &Place, text: &str, value: &str) {
        const FACILITIES: &[&str] = &[
            "none", "auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "mark", "news",
            "security", "syslog", "user", "uucp", "local0", "local1", "local2", "local3", "local4", "local5",
            "local6", "local7",
        ];
        if FACILITIES.contains(&value) {
            self.keep(place, text, value.to_owned(), |r| &mut r.logfacility);
        } else {
            self.error(
                place,
                text,
                &format!("Log facility({value}) not valid"),
                "daemon, local0 ... local7 or none",
            );
        }
    }

    /// What only shows when the whole file is read.
    fn check_whole(&mut self) {
        // What is missing is missed where the file ends.
        let whole = Place::new(self.file, self.lines.max(1));
        if let (true, Some(ping)) = (self.result.media.is_empty(), self.result.pings.first().cloned()) {
            let note = "ping nodes are the only media: heartbeat started and never heard its peer";
            let cure = "add a line like `bcast eth0`; the new ring uses the network of the node names";
            self.account.advise(&ping.place, &ping.text, Verdict::NeedsYou, note, cure);
        } else if self.result.media.is_empty() {
            self.error(
                &whole,
                "",
                "No heartbeat media defined",
                "add a line like `bcast eth0` or `ucast eth0 PEER`",
            );
        }
        let joins = self.result.autojoin.as_ref().is_some_and(|s| s.value != "none");
        if self.result.nodes.is_empty() && !joins {
            self.error(
                &whole,
                "",
                "no nodes defined",
                "add a line `node NAME` for each machine, as `uname -n` prints it",
            );
        }
        let (keep, dead) = (self.result.keepalive_ms(), self.result.deadtime_ms());
        if dead <= 2 * keep {
            let place = self
                .result
                .deadtime
                .as_ref()
                .or(self.result.keepalive.as_ref())
                .map_or(whole.clone(), |s| s.place.clone());
            let note = format!("Dead time [{dead}] is too small compared to keeplive [{keep}]");
            self.error(&place, "", &note, &format!("a deadtime above {}", spoken(2 * keep)));
        }
        let initdead = self.result.initdead_ms();
        if let Some(set) = self.result.initdead.clone() {
            if set.value < dead {
                let note = format!("Initial dead time [{}] is smaller than deadtime [{dead}]", set.value);
                self.error(
                    &set.place,
                    &set.text,
                    &note,
                    &format!("an initdead of at least {}", spoken(dead)),
                );
            } else if initdead < 10_000 {
                let note = format!("Initial dead time [{initdead} ms] may be too small!");
                self.account.note(&set.place, &set.text, Verdict::Changed, note);
            }
        }
        let ping = self.result.deadping_ms();
        if let Some(set) = self.result.deadping.clone().filter(|_| ping <= 2 * keep) {
            let note = format!("Ping dead time [{ping}] is too small compared to keeplive [{keep}]");
            self.error(&set.place, &set.text, &note, &format!("a deadping above {}", spoken(2 * keep)));
        }
        let crm = self.result.crm.as_ref().is_some_and(|s| s.value == CrmMode::On);
        if let Some(set) = self.result.autojoin.clone().filter(|s| s.value != "none" && !crm) {
            let note = "R1 style resource management conflicts with autojoin set";
            self.error(&set.place, &set.text, note, "You need either unset autojoin or enable crm");
        }
    }
}

/// What heartbeat took for a blank, and nothing else: a no-break space is a letter of its word.
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

/// Whether a word holds a blank that only looks like one, as text copied from a page has it.
pub(super) fn holds_foreign_blank(word: &str) -> bool {
    word.chars().any(|c| (c.is_whitespace() && !blank(c)) || matches!(c, '\u{200b}' | '\u{feff}'))
}

/// What to do about it.
pub(super) const FOREIGN_BLANK: &str =
    "the line holds a blank that is no space (a no-break space, as web pages have it): type its blanks again";

/// A row of the table without a reader is a mistake of the table; the tests visit every row.
fn unreachable_row(name: &str) -> ! {
    panic!("the directive `{name}` has no reader")
}
