//! `logging { }`, `system { }`, `resources { }`, `uidgid { }`, `service { }`: all that is not the ring itself.

use super::diagnostic::Diagnostic;
use super::reader::{Findings, flag, place, positive};
use super::resolved::{Allowed, Level, Logging, Manager, RootCgroup, Scheduling, System, Timestamp};
use super::syntax::Section;
use std::collections::BTreeMap;

fn level(word: &str) -> Level {
    match word {
        "emerg" | "alert" | "crit" | "err" | "error" => Level::Error,
        "warning" => Level::Warning,
        "debug" => Level::Debug,
        _ => Level::Info,
    }
}

fn debug(section: &Section) -> Option<Level> {
    match section.value("debug")? {
        "on" | "yes" => Some(Level::Debug),
        "trace" => Some(Level::Trace),
        _ => None,
    }
}

pub(super) fn logging(root: &Section, findings: &mut Findings) -> Logging {
    let empty = Section::default();
    let section = root.all("logging").last().unwrap_or(&empty);
    let to_logfile = flag(section, "to_logfile").or(flag(section, "to_file")).unwrap_or(false);
    let logfile = section.value("logfile").map(str::to_owned);
    if to_logfile && logfile.is_none() {
        findings.push(
            Diagnostic::error(
                place(section, "to_logfile").or(place(section, "to_file")),
                "lines shall go to a file, but none is named",
            )
            .expected("logfile: /PATH")
            .next_step("add 'logfile: /var/log/cluster/corosync.log'"),
        );
    }
    if let Some(path) = logfile.as_deref().filter(|path| !path.starts_with('/')) {
        findings.push(
            Diagnostic::error(place(section, "logfile"), "the log file has no absolute path")
                .value(path)
                .expected("a path that begins with '/'"),
        );
    }
    let general = debug(section);
    let pick = |key: &str| {
        let named = section.value(key).map_or(Level::Info, level);
        general.map_or(named, |general| general.max(named))
    };
    let mut subsystems = BTreeMap::new();
    for (inner, name_key) in section
        .all("logger_subsys")
        .map(|inner| (inner, "subsys"))
        .chain(section.all("logger").map(|inner| (inner, "ident")))
    {
        let Some(name) = inner.value(name_key) else {
            findings.push(
                Diagnostic::warning(inner.span, format!("section '{}' names no subsystem", inner.name))
                    .expected(format!("{name_key}: NAME")),
            );
            continue;
        };
        let written = inner.value("logfile_priority").or(inner.value("syslog_priority")).map(level);
        if let Some(level) = debug(inner).or(written) {
            subsystems.insert(name.to_lowercase(), level);
        }
    }
    Logging {
        to_stderr: flag(section, "to_stderr").unwrap_or(true),
        to_syslog: flag(section, "to_syslog").unwrap_or(true),
        logfile: if to_logfile { logfile } else { None },
        logfile_level: pick("logfile_priority"),
        syslog_facility: section.value("syslog_facility").unwrap_or("daemon").to_owned(),
        syslog_level: pick("syslog_priority"),
        timestamp: match section.value("timestamp") {
            Some("off" | "no") => Timestamp::None,
            Some("hires") => Timestamp::Milliseconds,
            _ => Timestamp::Seconds,
        },
        fileline: flag(section, "fileline").unwrap_or(false),
        subsystems,
    }
}

pub(super) fn system(root: &Section, findings: &mut Findings) -> System {
    let empty = Section::default();
    let section = root.all("system").last().unwrap_or(&empty);
    let resources = root.all("resources").last().unwrap_or(&empty);
    let round_robin = flag(section, "sched_rr").unwrap_or(true);
    let nice = match section.value("priority") {
        None => 0,
        Some("max") => -20,
        Some("min") => 19,
        Some(text) => text.parse::<i8>().ok().filter(|nice| (-20..=19).contains(nice)).unwrap_or_else(|| {
            findings.push(
                Diagnostic::error(place(section, "priority"), "bad value of 'priority'")
                    .value(text)
                    .expected("min, max or a nice value from -20 to 19"),
            );
            0
        }),
    };
    System {
        scheduling: if round_robin { Scheduling::RoundRobin } else { Scheduling::Nice(nice) },
        move_to_root_cgroup: match section.value("move_to_root_cgroup") {
            Some("yes") => RootCgroup::Yes,
            Some("no") => RootCgroup::No,
            _ => RootCgroup::Auto,
        },
        state_dir: section.value("state_dir").map(str::to_owned),
        watchdog_device: resources
            .value("watchdog_device")
            .filter(|device| !matches!(*device, "off" | "test"))
            .map(str::to_owned),
        watchdog_timeout: positive(resources, "watchdog_timeout").unwrap_or(6000),
    }
}

pub(super) fn allowed(root: &Section) -> Vec<Allowed> {
    root.all("uidgid")
        .map(|section| Allowed {
            user: section.value("uid").map(str::to_owned),
            group: section.value("gid").map(str::to_owned),
        })
        .filter(|allowed| allowed.user.is_some() || allowed.group.is_some())
        .collect()
}

pub(super) fn manager(root: &Section, findings: &mut Findings) -> Manager {
    let mut manager = Manager::Together;
    for section in root.all("service") {
        match section.value("name") {
            Some("pacemaker") => {
                manager = if section.value("ver").unwrap_or("0") == "0" {
                    Manager::Plugin
                } else {
                    Manager::Separate
                };
            }
            Some(other) => findings.push(
                Diagnostic::warning(
                    place(section, "name"),
                    format!("service '{other}' is not part of this program"),
                )
                .value(other)
                .expected("pacemaker"),
            ),
            None => findings.push(
                Diagnostic::warning(section.span, "section 'service' names no service")
                    .expected("name: pacemaker"),
            ),
        }
    }
    manager
}
