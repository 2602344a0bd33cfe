//! The directives of `ha.cf`, one row each: how the rest of the line is read and what a person is told about it.

/// How the words behind a directive are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Split at blanks and commas; the directive is applied to each word.
    Options,
    /// The rest of the line belongs together.
    Line,
}

/// What becomes of a directive whose only effect is inside heartbeat itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It shapes the new cluster: handled by name.
    Shapes,
    /// Accepted, explained, without effect.
    Explained(&'static str),
}

/// One directive.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// Its name, case-sensitive.
    pub name: &'static str,
    /// How its arguments are read.
    pub shape: Shape,
    /// What becomes of it.
    pub fate: Fate,
}

const fn shapes(name: &'static str, shape: Shape) -> Directive {
    Directive { name, shape, fate: Fate::Shapes }
}

const fn explained(name: &'static str, why: &'static str) -> Directive {
    Directive { name, shape: Shape::Options, fate: Fate::Explained(why) }
}

/// Every directive of heartbeat 1.x to 3.x and every media plug-in that is one.
pub const DIRECTIVES: &[Directive] = &[
    shapes("node", Shape::Options),
    shapes("bcast", Shape::Options),
    shapes("udp", Shape::Options),
    shapes("mcast", Shape::Line),
    shapes("ucast", Shape::Line),
    shapes("mcast6", Shape::Line),
    shapes("ucast6", Shape::Line),
    shapes("udpport", Shape::Options),
    shapes("serial", Shape::Options),
    shapes("baud", Shape::Options),
    shapes("hopfudge", Shape::Options),
    shapes("keepalive", Shape::Options),
    shapes("warntime", Shape::Options),
    shapes("deadtime", Shape::Options),
    shapes("initdead", Shape::Options),
    shapes("deadping", Shape::Options),
    shapes("ping", Shape::Options),
    shapes("ping6", Shape::Options),
    shapes("ping_group", Shape::Line),
    shapes("hbaping", Shape::Options),
    shapes("auto_failback", Shape::Options),
    shapes("nice_failback", Shape::Options),
    shapes("crm", Shape::Options),
    shapes("pacemaker", Shape::Options),
    shapes("respawn", Shape::Line),
    shapes("failfast", Shape::Line),
    shapes("apiauth", Shape::Line),
    shapes("stonith", Shape::Line),
    shapes("stonith_host", Shape::Line),
    shapes("watchdog", Shape::Options),
    shapes("logfacility", Shape::Options),
    shapes("logfile", Shape::Options),
    shapes("debugfile", Shape::Options),
    shapes("use_logd", Shape::Options),
    shapes("debug", Shape::Options),
    shapes("autojoin", Shape::Options),
    shapes("uuidfrom", Shape::Options),
    shapes("hbgenmethod", Shape::Options),
    shapes("cluster", Shape::Options),
    shapes("rtprio", Shape::Options),
    shapes("realtime", Shape::Options),
    shapes("quorum_server", Shape::Options),
    shapes("env", Shape::Options),
    shapes("use_apphbd", Shape::Options),
    shapes("conn_logd_time", Shape::Options),
    shapes("msgfmt", Shape::Options),
    shapes("memreserve", Shape::Options),
    shapes("max_rexmit_delay", Shape::Options),
    shapes("compression_threshold", Shape::Options),
    shapes("traditional_compression", Shape::Options),
    explained("crm_daemon_dir", "there are no separate daemons any more"),
    shapes("crmd_spawns_pengine", Shape::Options),
    shapes("syslogmsgfmt", Shape::Options),
    shapes("log_badpack", Shape::Options),
    shapes("coredumps", Shape::Options),
    explained("coreroot", "the kernel's core_pattern decides where core files go"),
    shapes("compression", Shape::Options),
    shapes("normalpoll", Shape::Options),
    shapes("record_config_changes", Shape::Options),
    shapes("record_pengine_inputs", Shape::Options),
    shapes("enable_config_writes", Shape::Options),
    explained("openais", "a medium that heartbeat never finished; the ring takes its place"),
    explained("rds", "a medium that is not carried over; add a network link instead"),
    explained("tipc", "a medium that is not carried over; add a network link instead"),
];

/// The row of a directive.
pub fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|d| d.name == name)
}

/// The directive that was probably meant: the nearest by edits, at most two away.
pub fn nearest(name: &str) -> Option<&'static str> {
    DIRECTIVES
        .iter()
        .map(|d| (edits(name, d.name), d.name))
        .filter(|(distance, found)| *distance <= 2 && found.len() > 4)
        .min()
        .map(|(_, found)| found)
}

/// Number of single-character edits between two short words.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replace = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        assert_eq!(nearest("undport"), Some("udpport"));
        assert_eq!(nearest("keepalve"), Some("keepalive"));
        assert_eq!(nearest("tim2"), None);
    }

    #[test]
    fn no_directive_stands_twice() {
        for (index, row) in DIRECTIVES.iter().enumerate() {
            assert!(DIRECTIVES[..index].iter().all(|other| other.name != row.name), "{}", row.name);
        }
    }
}
