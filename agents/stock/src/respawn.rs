//! `ocf:holdfast:respawn`: a program that heartbeat's `respawn` line kept running.
//!
//! A small keeper starts the program again when it ends, unless it ends with code 100: then it is done for good, as
//! heartbeat had it.

use crate::anything;
use crate::environment::{Environment, Refusal};
use crate::metadata::{Info, Kind, once, optional, repeated, required};
use crate::{Agent, Outcome, process, users};
use holdfast_agent_protocol::rc::Rc;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The agent.
pub struct Respawn;

/// Exit code by which a program says that it does not want to be started again.
const DONE: i32 = 100;
/// A program that lives shorter than this is started again after a pause.
const SHORT_LIFE: Duration = Duration::from_secs(2);

const INFO: Info = Info {
    name: "respawn",
    short: "Keeps a program running",
    long: "Starts a program again whenever it ends, as the respawn directive of heartbeat did. A program that ends with exit code 100 is not started again, and the resource counts as running.",
    parameters: &[
        required("program", Kind::Text, "Program", "Full path of the program."),
        optional(
            "arguments",
            Kind::Text,
            None,
            "Arguments",
            "Arguments, split at blanks; quote those that hold blanks.",
        ),
        optional("user", Kind::Text, Some("root"), "User", "User as whom the program runs."),
    ],
    actions: &[once("start", 20), once("stop", 20), repeated("monitor", 20, 10)],
};

fn file(environment: &Environment, ending: &str) -> PathBuf {
    environment.state_folder().join(format!("respawn-{}.{ending}", environment.instance_file()))
}

impl Agent for Respawn {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        let program = environment.required("program")?;
        if !program.starts_with('/') {
            return Err(Refusal::parameter("program", program, "the full path of a program"));
        }
        if !Path::new(program).is_file() {
            return Err(Refusal::new(
                Rc::NOT_INSTALLED,
                format!("the program {program} is not installed here"),
            ));
        }
        process::words("arguments", environment.get("arguments").unwrap_or_default())?;
        users::find(environment.get("user").unwrap_or("root")).map(|_| ())
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let (keeper, done) = (file(environment, "pid"), file(environment, "done"));
        match (action, anything::running(&keeper)) {
            ("start", Some(_)) => Ok(Rc::OK),
            ("start", None) => {
                process::remove(&done)?;
                let exe = std::env::current_exe()
                    .map_err(|e| Refusal::error(format!("cannot find the own program: {e}")))?;
                let mut command = Command::new(exe);
                command.args(["ocf", "holdfast", "respawn", "internal-keep"]);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                anything::start(&mut command, &keeper).map(|_| Rc::OK)
            }
            ("stop", Some(pid)) => {
                anything::end(pid, anything::patience(environment, "stop_timeout")?)?;
                process::remove(&keeper)?;
                process::remove(&done).map(|()| Rc::OK)
            }
            ("stop", None) => {
                process::remove(&keeper)?;
                process::remove(&done).map(|()| Rc::OK)
            }
            ("monitor", Some(_)) => Ok(Rc::OK),
            ("monitor", None) => Ok(if done.exists() { Rc::OK } else { Rc::NOT_RUNNING }),
            ("internal-keep", _) => keep(environment, &done),
            _ => Ok(Rc::UNIMPLEMENTED),
        }
    }
}

/// The keeper's life.
fn keep(environment: &Environment, done: &Path) -> Outcome {
    let program = environment.required("program")?;
    let arguments = process::words("arguments", environment.get("arguments").unwrap_or_default())?;
    let (user, group) = users::find(environment.get("user").unwrap_or("root"))?;
    loop {
        let began = Instant::now();
        let mut command = Command::new(program);
        command.args(&arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().as_raw() != user {
            command.uid(user).gid(group);
        }
        let ended = command.status().ok().and_then(|status| status.code());
        if ended == Some(DONE) {
            process::touch(done)?;
            return Ok(Rc::OK);
        }
        if began.elapsed() < SHORT_LIFE {
            std::thread::sleep(SHORT_LIFE);
        }
    }
}
