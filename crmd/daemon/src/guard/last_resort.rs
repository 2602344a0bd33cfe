//! When the daemon cannot come back: stops what it recorded as active, last started first, with the agents
//! themselves. No cluster is asked; nothing here may fail for lack of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_agent_protocol::outcome::Reading;
use holdfast_agent_protocol::{Agent, Call, Ended, Output, Prepared, Rc, Task, interpret, prepare};
use holdfast_core::Operation;
use rustix::process::{Pid, Signal, kill_process_group};
use tracing::{error, info};

use crate::disk::in_flight::{self, InFlight};
use crate::executor::is_executable;
use crate::paths::Paths;
use crate::sys;

/// Between two looks at a child.
const PAUSE: Duration = Duration::from_millis(20);
/// Time limit of an operation that has none.
const USUAL: Duration = Duration::from_secs(60);

/// Stops everything; true when all of it is stopped. `meanwhile` is called again and again.
pub(super) fn stop_all(paths: &Paths, mut meanwhile: impl FnMut()) -> bool {
    let state = in_flight::read(&InFlight::path(&paths.run));
    for flying in state.flying.values() {
        // An agent at work would undo what is done here.
        if let Some(group) = flying.alive().and_then(Pid::from_raw) {
            info!("ending {} {}", flying.operation.rsc, flying.operation.operation);
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let machine = crate::machine(paths, "");
    let mut all = true;
    for stop in state.active.iter().rev() {
        info!("stopping {}", stop.rsc);
        let limit = if stop.timeout.0 > 0 { Duration::from_micros(stop.timeout.0) } else { USUAL };
        let outcome = match call(stop, &machine) {
            Ok(call) => {
                let ended = run(&call, limit, &mut meanwhile);
                interpret(call.reading, &ended, &Output::default())
            }
            Err(outcome) => outcome,
        };
        if outcome.rc != Rc::OK {
            error!(
                "{} could not be stopped: {}",
                stop.rsc,
                outcome.reason.unwrap_or_else(|| outcome.rc.to_string())
            );
            all = false;
        }
    }
    all
}

fn call(
    stop: &Operation,
    machine: &holdfast_agent_protocol::Machine,
) -> Result<Call, holdfast_agent_protocol::Outcome> {
    let failed = |why: &str| {
        holdfast_agent_protocol::Outcome::failed(Rc::ERROR, holdfast_model::status::ExecStatus::Error, why)
    };
    let agent = Agent::new(&stop.class, stop.provider.as_deref(), &stop.agent)
        .map_err(|error| failed(&error.to_string()))?;
    let place = machine.paths.locate(&agent, is_executable);
    let parameters: BTreeMap<String, String> = stop.parameters.iter().cloned().collect();
    let task = Task {
        resource: &stop.rsc,
        agent: &agent,
        action: &stop.operation,
        parameters: &parameters,
        target: None,
        host_argument: None,
    };
    match prepare(&task, place.as_ref(), machine) {
        Prepared::Run(call) => Ok(call),
        Prepared::Already(outcome) => Err(outcome),
        // The bus needs a runtime; the command does the same.
        Prepared::Unit { unit, .. } => Ok(Call {
            program: "systemctl".into(),
            arguments: vec!["stop".to_owned(), unit],
            environment: vec![("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())],
            input: None,
            reading: Reading::Fence,
        }),
    }
}

fn run(call: &Call, limit: Duration, meanwhile: &mut impl FnMut()) -> Ended {
    let mut command = Command::new(&call.program);
    command
        .args(&call.arguments)
        .env_clear()
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/");
    sys::prepare_std_child(&mut command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(error.to_string()),
    };
    if let (Some(text), Some(mut pipe)) = (&call.input, child.stdin.take()) {
        let _ = pipe.write_all(text.as_bytes());
    }
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code().map_or(Ended::Signal(9), Ended::Exit),
            Ok(None) if Instant::now() < deadline => {
                meanwhile();
                std::thread::sleep(PAUSE);
            }
            Ok(None) => {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                let _ = child.wait();
                return Ended::TimedOut(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
            }
            Err(error) => return Ended::NotStarted(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_core::CallId;
    use holdfast_totem::time::Span;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_started_last_is_stopped_first() {
        let folder = std::env::temp_dir().join(format!("holdfast-last-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut journal = InFlight::open(&folder).unwrap();
        let trace = folder.join("trace");
        for (name, code) in [("first", 0), ("second", 0), ("third", 1)] {
            let script = folder.join(name);
            fs::write(&script, format!("#!/bin/sh\necho {name} $1 >> {}\nexit {code}\n", trace.display()))
                .unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            journal.active(&Operation {
                call: CallId(0),
                rsc: name.into(),
                class: "lsb".into(),
                provider: None,
                agent: script.to_string_lossy().into_owned(),
                operation: "stop".into(),
                interval_ms: 0,
                timeout: Span(20_000_000),
                parameters: vec![],
                target: None,
                capture: false,
            });
        }
        drop(journal);
        let run = folder.to_string_lossy().into_owned();
        let paths = Paths::from(|name| (name == "HOLDFAST_RUN_DIR").then(|| run.clone()), None);
        assert!(!stop_all(&paths, || {}), "one of them failed");
        assert_eq!(fs::read_to_string(trace).unwrap(), "third stop\nsecond stop\nfirst stop\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
