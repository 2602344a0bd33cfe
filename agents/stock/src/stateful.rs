//! `ocf:pacemaker:Stateful`: a resource with two roles that is only a file.

use crate::environment::{Environment, Refusal};
use crate::metadata::{Action, Info, Kind, Parameter, once, optional, repeated};
use crate::{Agent, Outcome, process};
use holdfast_agent_protocol::rc::Rc;
use std::path::{Path, PathBuf};

/// The agent.
pub struct Stateful;

const INFO: Info = Info {
    name: "Stateful",
    short: "Example stateful resource agent",
    long: "A resource with the roles Promoted and Unpromoted that keeps its role in a file. Useful to try out a cluster.",
    parameters: &[
        Parameter {
            unique: true,
            ..optional("state", Kind::Text, None, "State file", "File that holds the present role.")
        },
        optional(
            "envfile",
            Kind::Text,
            None,
            "Environment file",
            "File to which the environment of each action is added.",
        ),
        optional("notify_delay", Kind::Seconds, Some("0"), "Delay of notify", "Seconds that notify sleeps."),
    ],
    actions: &[
        once("start", 20),
        once("stop", 20),
        Action { role: Some("Promoted"), ..repeated("monitor", 20, 10) },
        Action { role: Some("Unpromoted"), ..repeated("monitor", 20, 11) },
        once("promote", 10),
        once("demote", 10),
        once("notify", 5),
    ],
};

impl Agent for Stateful {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        environment.number("notify_delay", 0, 0..=3600)?;
        match environment.get("state") {
            Some(state) if !state.starts_with('/') => Err(Refusal::parameter("state", state, "a full path")),
            _ => Ok(()),
        }
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let state: PathBuf = environment.get("state").map_or_else(
            || environment.state_folder().join(format!("Stateful-{}.state", environment.instance_file())),
            PathBuf::from,
        );
        if let Some(file) = environment.get("envfile") {
            process::append_environment(file, action)?;
        }
        match action {
            "start" => role_is(&state, "Unpromoted", environment, Some(5)),
            "promote" if state.exists() => role_is(&state, "Promoted", environment, Some(10)),
            "demote" if state.exists() => role_is(&state, "Unpromoted", environment, Some(5)),
            "promote" | "demote" => Ok(Rc::NOT_RUNNING),
            "stop" => {
                process::promotion_score(environment, None);
                process::remove(&state).map(|()| Rc::OK)
            }
            "monitor" => match std::fs::read_to_string(&state) {
                Ok(role) if role.trim() == "Promoted" => Ok(Rc::RUNNING_PROMOTED),
                Ok(role) if role.trim() == "Unpromoted" => Ok(Rc::OK),
                Ok(role) => Err(Refusal::error(format!(
                    "{} holds the unknown role `{}`",
                    state.display(),
                    role.trim()
                ))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Rc::NOT_RUNNING),
                Err(error) => Err(Refusal::error(format!("cannot read {}: {error}", state.display()))),
            },
            "notify" => {
                let seconds = environment.number("notify_delay", 0, 0..=3600)?;
                std::thread::sleep(std::time::Duration::from_secs(seconds));
                Ok(Rc::OK)
            }
            _ => Ok(Rc::OK),
        }
    }
}

fn role_is(state: &Path, role: &str, environment: &Environment, score: Option<u32>) -> Outcome {
    process::write(state, role)?;
    process::promotion_score(environment, score);
    Ok(Rc::OK)
}
