//! What heartbeat kept beside its three files: names and identities of nodes, the settings of its logging daemon.
//!
//! Knows those files. Does not decide what the ring or the resources become.

use super::ha_cf::{HaCf, Set};
use super::machine::{HOST_CACHE, Machine};
use super::source::{Account, Place, Verdict};

/// Settings of the logging daemon.
pub const LOGD: &str = "/etc/logd.cf";

/// Adds the nodes that had joined without being named, where `autojoin` let them.
pub fn joined_nodes(ha: &mut HaCf, machine: &Machine, account: &mut Account) {
    let Some(set) = ha.autojoin.clone().filter(|s| s.value != "none") else { return };
    let file = machine.path(HOST_CACHE).display().to_string();
    for (index, (name, _)) in machine.host_cache().into_iter().enumerate() {
        if ha.nodes.iter().any(|n| n.value == name) {
            continue;
        }
        let place = Place::new(&file, index + 1);
        ha.nodes.push(Set { value: name.clone(), place, text: name });
    }
    if ha.nodes.is_empty() {
        let cure = "add a line `node NAME` for each machine, as `uname -n` prints it, or name a copy of the node's tree with --root";
        let note = format!("no nodes defined, and {file} names none that joined");
        account.advise(&set.place, &set.text, Verdict::Error, note, cure);
    }
}

/// Says which nodes of one machine's memory have the same identity: one was copied from the other.
pub fn equal_identities(machine: &Machine, account: &mut Account) {
    let seen = machine.host_cache();
    for (index, (name, uuid)) in seen.iter().enumerate() {
        let Some((other, _)) = seen[..index].iter().find(|(n, u)| u == uuid && n != name) else { continue };
        let place = Place::new(&machine.path(HOST_CACHE).display().to_string(), index + 1);
        let note = format!("{other} and {name} have the same identity: one machine is a clone of the other");
        account.advise(&place, name, Verdict::NeedsYou, note, CLONED);
    }
}

/// What to do about a cloned machine.
pub const CLONED: &str = "give the clone its own /etc/machine-id (rm /etc/machine-id; systemd-machine-id-setup) and remove copied state folders (/var/lib/heartbeat, /var/lib/holdfast)";

/// Log file and facility of the logging daemon, for a cluster that logged through it.
pub fn logd(machine: &Machine, account: &mut Account) -> (Option<String>, Option<String>) {
    let Some(text) = machine.text(LOGD) else { return (None, None) };
    let file = machine.path(LOGD).display().to_string();
    let (mut logfile, mut facility) = (None, None);
    for (index, line) in text.lines().enumerate() {
        let body = line.split('#').next().unwrap_or_default().trim();
        let mut words = body.split_ascii_whitespace();
        let (Some(name), value) = (words.next(), words.next()) else { continue };
        let place = Place::new(&file, index + 1);
        let (verdict, note) = match (name, value) {
            ("logfile", Some(value)) => {
                logfile = Some(value.to_owned());
                (Verdict::Kept, format!("logging {{ logfile: {value} }}"))
            }
            ("logfacility", Some("none")) => (Verdict::Kept, "logging { to_syslog: no }".to_owned()),
            ("logfacility", Some(value)) => {
                facility = Some(value.to_owned());
                (Verdict::Kept, format!("logging {{ syslog_facility: {value} }}"))
            }
            ("debugfile", _) => (
                Verdict::Dropped,
                "there is one log file; logging { debug: on } adds what stood here".to_owned(),
            ),
            ("entity", _) => {
                (Verdict::Dropped, "lines carry the name of the part that wrote them".to_owned())
            }
            _ => (Verdict::Dropped, "there is no separate logging daemon".to_owned()),
        };
        account.note(&place, body, verdict, note);
    }
    (logfile, facility)
}
