//! `ocf:heartbeat:anything`: any long-running program as a resource.

use crate::environment::{Environment, Refusal};
use crate::metadata::{Info, Kind, Parameter, once, optional, repeated, required};
use crate::{Agent, Outcome, process, users};
use holdfast_agent_protocol::rc::Rc;
use rustix::process::Signal;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The agent.
pub struct Anything;

const INFO: Info = Info {
    name: "anything",
    short: "Manages an arbitrary service",
    long: "Runs any program that stays in the foreground, keeps its process id, and ends it again. The program is started without a shell.",
    parameters: &[
        required(
            "binfile",
            Kind::Text,
            "Program",
            "Full path of the program, with fixed arguments if it has any.",
        ),
        optional(
            "cmdline_options",
            Kind::Text,
            None,
            "Arguments",
            "Arguments, split at blanks; quote those that hold blanks.",
        ),
        optional("workdir", Kind::Text, None, "Folder", "Folder in which the program runs."),
        Parameter {
            unique: true,
            ..optional(
                "pidfile",
                Kind::Text,
                None,
                "File for the process id",
                "File that holds the number of the running process.",
            )
        },
        optional(
            "logfile",
            Kind::Text,
            None,
            "File for standard output",
            "File to which standard output is added.",
        ),
        optional(
            "errlogfile",
            Kind::Text,
            None,
            "File for standard error",
            "File to which standard error is added.",
        ),
        optional("user", Kind::Text, Some("root"), "User", "User as whom the program runs."),
        optional(
            "monitor_hook",
            Kind::Text,
            None,
            "Command of monitor",
            "Program whose success says that the service works, with its arguments.",
        ),
        optional(
            "stop_timeout",
            Kind::Seconds,
            None,
            "Time for an orderly stop",
            "Seconds between SIGTERM and SIGKILL; by default two thirds of the stop's time-out.",
        ),
    ],
    actions: &[once("start", 20), once("stop", 20), repeated("monitor", 20, 10)],
};

/// The file that holds the process id.
fn pid_file(environment: &Environment) -> PathBuf {
    environment.get("pidfile").map_or_else(
        || environment.state_folder().join(format!("anything_{}.pid", environment.instance_file())),
        PathBuf::from,
    )
}

/// The running process of a pid file.
pub fn running(pid_file: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    let mut words = text.split_whitespace();
    let pid: u32 = words.next()?.parse().ok()?;
    // A number that the kernel has given to another process since is not ours.
    let same =
        words.next().and_then(|t| t.parse::<u64>().ok()).is_none_or(|t| process::began(pid) == Some(t));
    (same && process::alive(pid)).then_some(pid)
}

/// Starts a program in a process group of its own and notes it in a pid file.
pub fn start(command: &mut Command, pid_file: &Path) -> Result<u32, Refusal> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| Refusal::error(format!("cannot start {program}: {error}")))?;
    let pid = child.id();
    let began = process::began(pid).unwrap_or(0);
    process::write(pid_file, &format!("{pid} {began}\n"))?;
    Ok(pid)
}

/// Ends a process group: politely first.
pub fn end(pid: u32, patience: Duration) -> Outcome {
    process::signal_group(pid, Signal::TERM);
    process::signal(pid, Signal::TERM);
    if !process::wait_until(patience, || !process::alive(pid)) {
        process::signal_group(pid, Signal::KILL);
        process::signal(pid, Signal::KILL);
        if !process::wait_until(Duration::from_secs(5), || !process::alive(pid)) {
            return Err(Refusal::error(format!("the process {pid} does not end, not even by SIGKILL")));
        }
    }
    Ok(Rc::OK)
}

/// Two thirds of the time-out that the cluster gave the operation.
pub fn patience(environment: &Environment, parameter: &str) -> Result<Duration, Refusal> {
    let given: u64 = environment.meta("timeout").and_then(|t| t.parse().ok()).unwrap_or(20_000);
    let seconds = environment.number(parameter, 0, 0..=86_400)?;
    Ok(if seconds > 0 { Duration::from_secs(seconds) } else { Duration::from_millis(given * 2 / 3) })
}

fn log_file(environment: &Environment, name: &str) -> Result<Stdio, Refusal> {
    let Some(path) = environment.get(name) else { return Ok(Stdio::null()) };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    file.map(Stdio::from)
        .map_err(|error| Refusal::parameter(name, path, &format!("a file that can be written ({error})")))
}

impl Agent for Anything {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        let line = process::words("binfile", environment.required("binfile")?)?;
        let program = line.first().map_or("", String::as_str);
        if !program.starts_with('/') {
            return Err(Refusal::parameter("binfile", program, "the full path of a program"));
        }
        if !Path::new(program).is_file() {
            return Err(Refusal::new(
                Rc::NOT_INSTALLED,
                format!("the program {program} is not installed here"),
            ));
        }
        process::words("cmdline_options", environment.get("cmdline_options").unwrap_or_default())?;
        process::words("monitor_hook", environment.get("monitor_hook").unwrap_or_default())?;
        users::find(environment.get("user").unwrap_or("root"))?;
        match environment.get("workdir") {
            Some(folder) if !Path::new(folder).is_dir() => {
                Err(Refusal::parameter("workdir", folder, "a folder that exists"))
            }
            _ => environment.number("stop_timeout", 0, 0..=86_400).map(|_| ()),
        }
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let pid_file = pid_file(environment);
        match (action, running(&pid_file)) {
            ("start", Some(_)) => Ok(Rc::OK),
            ("start", None) => {
                let mut line = process::words("binfile", environment.required("binfile")?)?;
                line.extend(process::words(
                    "cmdline_options",
                    environment.get("cmdline_options").unwrap_or_default(),
                )?);
                let mut command = Command::new(&line[0]);
                command.args(&line[1..]);
                command
                    .stdout(log_file(environment, "logfile")?)
                    .stderr(log_file(environment, "errlogfile")?);
                if let Some(folder) = environment.get("workdir") {
                    command.current_dir(folder);
                }
                let (user, group) = users::find(environment.get("user").unwrap_or("root"))?;
                if rustix::process::geteuid().as_raw() != user {
                    command.uid(user).gid(group);
                }
                let pid = start(&mut command, &pid_file)?;
                // A program that cannot live a moment has not started.
                if process::wait_until(Duration::from_millis(100), || !process::alive(pid)) {
                    process::remove(&pid_file)?;
                    return Err(Refusal::error(format!("{} ended at once", line[0])));
                }
                Ok(Rc::OK)
            }
            ("stop", Some(pid)) => {
                end(pid, patience(environment, "stop_timeout")?)?;
                process::remove(&pid_file)?;
                Ok(Rc::OK)
            }
            ("stop", None) => process::remove(&pid_file).map(|()| Rc::OK),
            (_, None) => Ok(Rc::NOT_RUNNING),
            (_, Some(_)) => hook(environment),
        }
    }
}

fn hook(environment: &Environment) -> Outcome {
    let line = process::words("monitor_hook", environment.get("monitor_hook").unwrap_or_default())?;
    let Some(program) = line.first() else { return Ok(Rc::OK) };
    match Command::new(program).args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(Rc::OK),
        Ok(status) => Err(Refusal::error(format!("the monitor hook {program} ended with {status}"))),
        Err(error) => Err(Refusal::error(format!("cannot run the monitor hook {program}: {error}"))),
    }
}
