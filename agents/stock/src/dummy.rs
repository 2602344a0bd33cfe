//! `ocf:heartbeat:Dummy` and `ocf:pacemaker:Dummy`: a resource that is only a file.

use crate::environment::{Environment, Refusal};
use crate::metadata::{Action, Info, Kind, Parameter, once, optional, repeated};
use crate::{Agent, Outcome};
use holdfast_agent_protocol::rc::Rc;
use std::path::PathBuf;
use std::time::Duration;

/// One of the two.
pub struct Dummy {
    info: Info,
}

const STATE: Parameter = Parameter {
    unique: true,
    ..optional("state", Kind::Text, None, "State file", "File whose presence means that the resource runs.")
};
const FAKE: Parameter = Parameter {
    reloadable: true,
    ..optional(
        "fake",
        Kind::Text,
        Some("dummy"),
        "Value without effect",
        "A value that can be changed to cause a reload.",
    )
};

const ACTIONS: &[Action] = &[
    once("start", 20),
    once("stop", 20),
    repeated("monitor", 20, 10),
    once("reload", 20),
    once("reload-agent", 20),
    once("migrate_to", 20),
    once("migrate_from", 20),
];

/// `ocf:heartbeat:Dummy`.
pub const HEARTBEAT: Dummy = Dummy {
    info: Info {
        name: "Dummy",
        short: "Example stateless resource agent",
        long: "A resource that keeps a file while it runs and does nothing else. Useful to try out a cluster.",
        parameters: &[STATE, FAKE],
        actions: ACTIONS,
    },
};

/// `ocf:pacemaker:Dummy`.
pub const PACEMAKER: Dummy = Dummy {
    info: Info {
        name: "Dummy",
        short: "Example stateless resource agent",
        long: "A resource that keeps a file while it runs. Can be told to be slow or to fail, to try out a cluster.",
        parameters: &[
            STATE,
            FAKE,
            optional(
                "passwd",
                Kind::Text,
                None,
                "Password without effect",
                "A value that tools must not show.",
            ),
            Parameter {
                reloadable: true,
                ..optional("op_sleep", Kind::Seconds, Some("0"), "Delay", "Seconds that every action sleeps.")
            },
            optional(
                "fail_start_on",
                Kind::Text,
                None,
                "Node where start fails",
                "Start and migration fail on the node of this name.",
            ),
            optional(
                "envfile",
                Kind::Text,
                None,
                "Environment file",
                "File to which the environment of each action is added.",
            ),
            optional("trace_ra", Kind::Number, None, "Trace", "Accepted for compatibility, without effect."),
            optional(
                "trace_file",
                Kind::Text,
                None,
                "Trace file",
                "Accepted for compatibility, without effect.",
            ),
        ],
        actions: ACTIONS,
    },
};

impl Dummy {
    fn state(&self, environment: &Environment) -> PathBuf {
        environment.get("state").map_or_else(
            || environment.state_folder().join(format!("Dummy-{}.state", environment.instance_file())),
            PathBuf::from,
        )
    }
}

impl Agent for Dummy {
    fn info(&self) -> &'static Info {
        if self.info.parameters.len() > 2 { &PACEMAKER.info } else { &HEARTBEAT.info }
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        environment.number("op_sleep", 0, 0..=3600)?;
        match environment.get("state") {
            Some(state) if !state.starts_with('/') => Err(Refusal::parameter("state", state, "a full path")),
            _ => Ok(()),
        }
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let state = self.state(environment);
        if let Some(file) = environment.get("envfile") {
            crate::process::append_environment(file, action)?;
        }
        let seconds = environment.number("op_sleep", 0, 0..=3600)?;
        if seconds > 0 && matches!(action, "start" | "stop" | "monitor") {
            std::thread::sleep(Duration::from_secs(seconds));
        }
        let failing = environment.get("fail_start_on").is_some_and(|node| {
            node == rustix::system::uname().nodename().to_string_lossy()
                || environment.meta("on_node") == Some(node)
        });
        match action {
            "start" | "migrate_from" if failing => Err(Refusal::error("told to fail here by fail_start_on")),
            "start" | "migrate_from" => crate::process::touch(&state).map(|()| Rc::OK),
            "stop" | "migrate_to" => crate::process::remove(&state).map(|()| Rc::OK),
            "monitor" => Ok(if state.exists() { Rc::OK } else { Rc::NOT_RUNNING }),
            _ => Ok(Rc::OK),
        }
    }
}
