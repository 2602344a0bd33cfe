//! From an operation to a process: command line, environment, standard input, per class.

use std::collections::BTreeMap;
use std::path::PathBuf;

use holdfast_model::status::ExecStatus;

use crate::agent::{Agent, Class};
use crate::heartbeat;
use crate::outcome::{Outcome, Reading};
use crate::place::{Paths, Place};
use crate::rc::Rc;
use crate::stonith;
use crate::systemd::UnitAction;

/// What an agent writes before the reason of a failure, on standard error.
pub const REASON_PREFIX: &str = "ocf-exit-reason:";
/// Version of the OCF standard that agents are promised.
const OCF_VERSION: (&str, &str) = ("1", "1");
/// Longest environment entry handed to a child; the kernel's own limit is 128 KiB a string.
const MAX_ENTRY: usize = 120 * 1024;

/// What every call on one machine has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Name of the local node.
    pub node: String,
    /// Search paths.
    pub paths: Paths,
    /// Our own executable, for stock agents.
    pub program: PathBuf,
    /// Folder for state files of agents (`HA_RSCTMP`).
    pub agent_state: PathBuf,
    /// Log file that agents may append to (`HA_LOGFILE`), if any.
    pub agent_log: Option<PathBuf>,
    /// Further entries, for example moved paths (`HOLDFAST_RUN_DIR`) that tools called by an agent need.
    pub extra: Vec<(String, String)>,
}

/// One operation to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// Name of the resource (or fence device) on this node.
    pub resource: &'a str,
    pub agent: &'a Agent,
    /// `start`, `stop`, `monitor`, …; for fence agents also `on`, `off`, `reboot`, `list`, `status`, `metadata`.
    pub action: &'a str,
    /// Everything the plan says: plain parameters, `CRM_meta_*`, `crm_feature_set`, `OCF_CHECK_LEVEL`.
    pub parameters: &'a BTreeMap<String, String>,
    /// The node to be fenced, for actions of class stonith that have one.
    pub target: Option<&'a str>,
    /// How the fence agent wants to hear of the target, from its metadata ([`stonith::host_argument`]).
    pub host_argument: Option<&'a str>,
}

/// A process to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Fed to standard input, which is empty otherwise.
    pub input: Option<String>,
    /// How the end is to be read.
    pub reading: Reading,
}

/// What an operation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// Run a process.
    Run(Call),
    /// Ask systemd.
    Unit { unit: String, action: UnitAction },
    /// Nothing is to be run: this is the result.
    Already(Outcome),
}

/// Makes the call for a task whose agent was found at `place`.
#[must_use]
pub fn prepare(task: &Task<'_>, place: Option<&Place>, machine: &Machine) -> Prepared {
    let Some(place) = place else { return Prepared::Already(missing(task.agent)) };
    match (task.agent.class, place) {
        (_, Place::Unit(unit)) => match UnitAction::from_operation(task.action) {
            Some(action) => Prepared::Unit { unit: unit.clone(), action },
            None => Prepared::Already(unsupported(task)),
        },
        (Class::Ocf, place) => Prepared::Run(ocf(task, place, machine)),
        (Class::Lsb | Class::Service | Class::Systemd, Place::File(path)) => match init_word(task.action) {
            Some(word) => Prepared::Run(Call {
                program: path.clone(),
                arguments: vec![word.to_owned()],
                environment: base_environment(task, machine),
                input: None,
                reading: Reading::Init { status: word == "status" },
            }),
            None => Prepared::Already(unsupported(task)),
        },
        (Class::Heartbeat, Place::File(path)) => match init_word(task.action) {
            Some(word) => {
                let mut arguments = heartbeat::arguments(task.parameters);
                arguments.push(word.to_owned());
                let mut environment = base_environment(task, machine);
                environment.extend(heartbeat::environment(machine));
                let reading =
                    if word == "status" { Reading::HeartbeatStatus } else { Reading::Init { status: false } };
                Prepared::Run(Call { program: path.clone(), arguments, environment, input: None, reading })
            }
            None => Prepared::Already(unsupported(task)),
        },
        (Class::Stonith, Place::File(path)) => stonith::prepare(task, path, machine),
        (_, Place::Stock { .. }) => Prepared::Already(missing(task.agent)),
    }
}

/// What init scripts call an operation.
fn init_word(action: &str) -> Option<&str> {
    match action {
        "monitor" | "status" => Some("status"),
        "start" | "stop" | "restart" | "reload" | "force-reload" | "try-restart" => Some(action),
        _ => None,
    }
}

fn missing(agent: &Agent) -> Outcome {
    Outcome::failed(
        Rc::NOT_INSTALLED,
        ExecStatus::NotInstalled,
        &format!("agent {agent} is not installed on this node"),
    )
}

fn unsupported(task: &Task<'_>) -> Outcome {
    Outcome::failed(
        Rc::UNIMPLEMENTED,
        ExecStatus::NotSupported,
        &format!("class {} has no action {}", task.agent.class, task.action),
    )
}

fn ocf(task: &Task<'_>, place: &Place, machine: &Machine) -> Call {
    let mut environment = base_environment(task, machine);
    environment.extend(ocf_environment(task, machine));
    let (program, mut arguments) = match place {
        Place::File(path) => (path.clone(), Vec::new()),
        Place::Stock { provider, kind } => {
            (machine.program.clone(), vec!["ocf".to_owned(), (*provider).to_owned(), (*kind).to_owned()])
        }
        Place::Unit(_) => (PathBuf::from("/nonexistent"), Vec::new()),
    };
    arguments.push(task.action.to_owned());
    Call { program, arguments, environment, input: None, reading: Reading::Ocf }
}

/// What every child sees, whatever its class: a known, small environment.
pub(crate) fn base_environment(task: &Task<'_>, machine: &Machine) -> Vec<(String, String)> {
    let mut list = Environment::default();
    list.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    list.set("HOME", "/root");
    list.set("SHELL", "/bin/sh");
    list.set("USER", "root");
    list.set("LOGNAME", "root");
    list.set("LANG", "C.UTF-8");
    list.set("TERM", "dumb");
    list.set("HA_RSCTMP", &machine.agent_state.to_string_lossy());
    list.set("HA_cluster_type", "corosync");
    list.set("HA_quorum_type", "corosync");
    list.set("HA_mcp", "true");
    list.set("HA_debug", "0");
    list.set("HA_use_logd", "off");
    list.set("HA_logfacility", "daemon");
    list.set("HA_LOGFACILITY", "daemon");
    if let Some(log) = &machine.agent_log {
        list.set("HA_LOGFILE", &log.to_string_lossy());
        list.set("HA_logfile", &log.to_string_lossy());
    }
    list.set("PCMK_service", "holdfast");
    list.set("PCMK_mcp", "true");
    list.set("PCMK_cluster_type", "corosync");
    list.set("HOLDFAST_NODE", &machine.node);
    list.set("HOLDFAST_RESOURCE", task.resource);
    for (name, value) in &machine.extra {
        list.set(name, value);
    }
    list.entries
}

/// What the OCF standard adds: parameters as `OCF_RESKEY_*` and facts about the call.
fn ocf_environment(task: &Task<'_>, machine: &Machine) -> Vec<(String, String)> {
    let mut list = Environment::default();
    list.set("OCF_ROOT", &machine.paths.ocf_root.to_string_lossy());
    list.set("OCF_RA_VERSION_MAJOR", OCF_VERSION.0);
    list.set("OCF_RA_VERSION_MINOR", OCF_VERSION.1);
    list.set("OCF_EXIT_REASON_PREFIX", REASON_PREFIX);
    list.set("OCF_RESOURCE_INSTANCE", task.resource);
    list.set("OCF_RESOURCE_TYPE", &task.agent.kind);
    if let Some(provider) = &task.agent.provider {
        list.set("OCF_RESOURCE_PROVIDER", provider);
    }
    list.set("__OCF_ACTION", task.action);
    for (name, value) in task.parameters {
        if name == "OCF_CHECK_LEVEL" {
            list.set(name, value);
        } else if let Some(meta) = name.strip_prefix("CRM_meta_") {
            list.set(&format!("OCF_RESKEY_CRM_meta_{}", meta.replace('-', "_")), value);
        } else {
            list.set(&format!("OCF_RESKEY_{name}"), value);
        }
    }
    list.entries
}

/// Entries that cannot break the environment block.
#[derive(Default)]
pub(crate) struct Environment {
    pub(crate) entries: Vec<(String, String)>,
}

impl Environment {
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let whole = name.len() + value.len() <= MAX_ENTRY;
        if !name.is_empty() && whole && !name.contains(['=', '\0']) && !value.contains('\0') {
            self.entries.push((name.to_owned(), value.to_owned()));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn machine() -> Machine {
        Machine {
            node: "alpha".into(),
            paths: Paths::new("/usr/lib/ocf"),
            program: "/usr/sbin/holdfast".into(),
            agent_state: "/run/resource-agents".into(),
            agent_log: None,
            extra: vec![("HOLDFAST_RUN_DIR".into(), "/tmp/x".into())],
        }
    }

    pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn check(name: &str, action: &str, pairs: &[(&str, &str)], place: Place) -> Prepared {
        let agent = Agent::parse(name).unwrap();
        let parameters = map(pairs);
        let task = Task {
            resource: "rsc",
            agent: &agent,
            action,
            parameters: &parameters,
            target: None,
            host_argument: None,
        };
        prepare(&task, Some(&place), &machine())
    }

    fn run(prepared: Prepared) -> Call {
        match prepared {
            Prepared::Run(call) => call,
            other => panic!("expected a process, got {other:?}"),
        }
    }

    fn value<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
        call.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn ocf_parameters_become_environment() {
        let call = run(check(
            "ocf:heartbeat:IPaddr2",
            "start",
            &[
                ("ip", "10.0.0.1"),
                ("CRM_meta_on-fail", "block"),
                ("OCF_CHECK_LEVEL", "10"),
                ("a=b", "x"),
                ("n", "\0"),
            ],
            Place::File("/x/IPaddr2".into()),
        ));
        assert_eq!(call.arguments, ["start"]);
        assert_eq!(value(&call, "OCF_RESKEY_ip"), Some("10.0.0.1"));
        assert_eq!(value(&call, "OCF_RESKEY_CRM_meta_on_fail"), Some("block"));
        assert_eq!(value(&call, "OCF_CHECK_LEVEL"), Some("10"));
        assert_eq!(value(&call, "OCF_RESOURCE_INSTANCE"), Some("rsc"));
        assert_eq!(value(&call, "OCF_RESOURCE_TYPE"), Some("IPaddr2"));
        assert_eq!(value(&call, "OCF_RESOURCE_PROVIDER"), Some("heartbeat"));
        assert_eq!(value(&call, "__OCF_ACTION"), Some("start"));
        assert_eq!(value(&call, "HOLDFAST_RUN_DIR"), Some("/tmp/x"));
        assert_eq!(value(&call, "OCF_RESKEY_n"), None);
        assert!(call.environment.iter().all(|(name, _)| !name.contains('=')));
    }

    #[test]
    fn stock_agents_are_our_own_program() {
        let place = Place::Stock { provider: "heartbeat", kind: "Dummy" };
        let call = run(check("ocf:heartbeat:Dummy", "monitor", &[], place));
        assert_eq!(call.program, PathBuf::from("/usr/sbin/holdfast"));
        assert_eq!(call.arguments, ["ocf", "heartbeat", "Dummy", "monitor"]);
    }

    #[test]
    fn init_scripts_get_one_word() {
        let file = || Place::File("/etc/init.d/x".into());
        assert_eq!(run(check("lsb:x", "monitor", &[], file())).arguments, ["status"]);
        assert_eq!(run(check("lsb:x", "start", &[("a", "b")], file())).arguments, ["start"]);
        match check("lsb:x", "promote", &[], file()) {
            Prepared::Already(outcome) => assert_eq!(outcome.rc, Rc::UNIMPLEMENTED),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn heartbeat_arguments_come_in_order() {
        let call = run(check(
            "heartbeat:Filesystem",
            "start",
            &[("10", "j"), ("2", "/data1"), ("1", "/dev/sda1"), ("3", "ext2"), ("CRM_meta_timeout", "1")],
            Place::File("/etc/ha.d/resource.d/Filesystem".into()),
        ));
        assert_eq!(call.arguments, ["/dev/sda1", "/data1", "ext2", "j", "start"]);
        let call = run(check("heartbeat:x", "monitor", &[("1", "a")], Place::File("/x".into())));
        assert_eq!(
            (call.arguments, call.reading),
            (vec!["a".into(), "status".into()], Reading::HeartbeatStatus)
        );
    }

    #[test]
    fn absent_agents_are_not_installed() {
        let agent = Agent::parse("ocf:heartbeat:nosuch").unwrap();
        let parameters = BTreeMap::new();
        let task = Task {
            resource: "r",
            agent: &agent,
            action: "start",
            parameters: &parameters,
            target: None,
            host_argument: None,
        };
        match prepare(&task, None, &machine()) {
            Prepared::Already(outcome) => {
                assert_eq!((outcome.rc, outcome.status), (Rc::NOT_INSTALLED, ExecStatus::NotInstalled));
            }
            other => panic!("{other:?}"),
        }
    }
}
