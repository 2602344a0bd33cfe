//! The service under its old names: `heartbeat`, `corosync`, `pacemaker` with `start`, `stop`, `status` … as init
//! scripts had them, in their words. Knows the guard's process id file and nothing of the cluster.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_daemon::paths::Paths;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::dispatch;

/// A start is over when the node answers, at the latest after this.
const START: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Exit status of `status` when it does not run, as the Linux Standard Base says.
const NOT_RUNNING: i32 = 3;
/// Exit status when it is not configured.
const NOT_CONFIGURED: i32 = 6;
/// Where `[  OK  ]` stands.
const COLUMN: usize = 59;

/// How one of the old programs spoke.
struct Voice {
    name: &'static str,
    starting: &'static str,
    signaling: Option<&'static str>,
    waiting: &'static str,
    /// After the words: `[  OK  ]` in a column, or `Done.` at once.
    done: Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Column,
    Word,
}

const VOICES: [Voice; 4] = [
    Voice {
        name: "corosync",
        starting: "Starting Corosync Cluster Engine (corosync): ",
        signaling: Some("Signaling Corosync Cluster Engine (corosync) to terminate: "),
        waiting: "Waiting for corosync services to unload:",
        done: Done::Column,
    },
    Voice {
        name: "pacemaker",
        starting: "Starting Pacemaker Cluster Manager: ",
        signaling: Some("Signaling Pacemaker Cluster Manager to terminate: "),
        waiting: "Waiting for cluster services to unload:",
        done: Done::Column,
    },
    Voice {
        name: "heartbeat",
        starting: "Starting High-Availability services: ",
        signaling: None,
        waiting: "Stopping High-Availability services: ",
        done: Done::Word,
    },
    Voice {
        name: "holdfast",
        starting: "Starting Holdfast: ",
        signaling: None,
        waiting: "Stopping Holdfast: ",
        done: Done::Column,
    },
];

/// Runs `NAME start|stop|restart|reload|status|…`; the result is the exit status of an init script.
pub fn run(words: Vec<String>) -> i32 {
    let called = words.first().map(String::as_str).unwrap_or("holdfast");
    let voice = VOICES.iter().find(|voice| voice.name == called).unwrap_or(&VOICES[3]);
    let service = Service { voice, paths: Paths::from_environment(None) };
    match words.get(1).map(String::as_str) {
        Some("start") => service.start(),
        Some("stop") => service.stop(),
        Some("restart" | "force-reload") => match service.stop() {
            0 => service.start(),
            failed => failed,
        },
        Some("try-restart" | "condrestart") => match service.guard() {
            Some(_) => match service.stop() {
                0 => service.start(),
                failed => failed,
            },
            None => 0,
        },
        Some("reload") => service.reload(),
        Some("status") => service.status(),
        _ => {
            let name = voice.name;
            eprintln!("Usage: {name} {{start|stop|status|restart|try-restart|reload|force-reload}}");
            i32::from(dispatch::USAGE)
        }
    }
}

/// Whether a word is one that init scripts know.
pub fn is_action(word: &str) -> bool {
    matches!(
        word,
        "start" | "stop" | "restart" | "force-reload" | "try-restart" | "condrestart" | "reload" | "status"
    )
}

struct Service {
    voice: &'static Voice,
    paths: Paths,
}

impl Service {
    /// The running guard.
    fn guard(&self) -> Option<Pid> {
        let file = holdfast_daemon::guard::pid_file(&self.paths);
        let pid = Pid::from_raw(std::fs::read_to_string(file).ok()?.trim().parse().ok()?)?;
        let name = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
        // The number may belong to somebody else by now.
        (test_kill_process(pid).is_ok() && (name.contains("daemon") || name.contains("holdfastd")))
            .then_some(pid)
    }

    fn answers(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.paths.socket()).is_ok()
    }

    fn start(&self) -> i32 {
        print!("{}", self.voice.starting);
        let _ = std::io::stdout().flush();
        if self.guard().is_some() {
            return self.started();
        }
        let conf = self.paths.config.join("corosync.conf");
        if !conf.exists() {
            self.end(self.voice.starting.len(), false);
            let convert = if std::path::Path::new("/etc/ha.d/ha.cf").exists() {
                "turn the heartbeat configuration into one with `haresources2cib`"
            } else {
                "write it; `holdfast demo --export DIR` writes a whole one to start from"
            };
            eprintln!("{} is not configured: there is no {}; {convert}", self.voice.name, conf.display());
            return NOT_CONFIGURED;
        }
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                self.end(self.voice.starting.len(), false);
                eprintln!("{}: {error}", self.voice.name);
                return 1;
            }
        };
        let end = Instant::now() + START;
        let started = loop {
            if self.answers() {
                break true;
            }
            match child.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(PAUSE),
                _ => break false,
            }
        };
        if started {
            return self.started();
        }
        self.end(self.voice.starting.len(), false);
        eprintln!("The node does not answer; see {}", self.paths.log.join("holdfast.log").display());
        1
    }

    /// Why the node waits instead of taking part.
    fn waiting(&self) -> Option<String> {
        std::fs::read_to_string(self.paths.waiting()).ok()
    }

    /// It runs: says so, unless it waits for something that a person has to see to.
    fn started(&self) -> i32 {
        let waiting = self.waiting();
        self.end(self.voice.starting.len(), waiting.is_none());
        let Some(why) = waiting else { return 0 };
        eprint!("The node runs and waits: {why}");
        1
    }

    fn spawn(&self) -> std::io::Result<Child> {
        spawn(&self.paths, &["daemon"])
    }

    fn stop(&self) -> i32 {
        let Some(pid) = self.guard() else {
            println!("{} is not running", self.voice.name);
            return 0;
        };
        if let Err(error) = kill_process(pid, Signal::TERM) {
            eprintln!("{}: process {}: {error}", self.voice.name, pid.as_raw_nonzero());
            return 4;
        }
        if let Some(words) = self.voice.signaling {
            print!("{words}");
            self.end(words.len(), true);
        }
        print!("{}", self.voice.waiting);
        let mut width = self.voice.waiting.len();
        let mut next_dot = Instant::now();
        // The node itself bounds how long it takes to move everything away.
        while test_kill_process(pid).is_ok() {
            if Instant::now() >= next_dot && self.voice.done == Done::Column {
                print!(".");
                let _ = std::io::stdout().flush();
                width += 1;
                next_dot += Duration::from_secs(1);
            }
            std::thread::sleep(PAUSE);
        }
        self.end(width, true);
        0
    }

    fn reload(&self) -> i32 {
        match self.guard() {
            Some(pid) if kill_process(pid, Signal::HUP).is_ok() => 0,
            Some(_) => 4,
            None => {
                println!("{} is not running", self.voice.name);
                7
            }
        }
    }

    fn status(&self) -> i32 {
        let node = || holdfast_node::machine::node_name();
        let guard = self.guard();
        if let Some(why) = guard.and_then(|_| self.waiting()) {
            eprint!("The node runs and waits: {why}");
        }
        match (guard, self.voice.name) {
            (Some(pid), "heartbeat") => {
                println!(
                    "heartbeat OK [pid {} et al] is running on {} [{}]...",
                    pid.as_raw_nonzero(),
                    node(),
                    node()
                );
                0
            }
            (Some(pid), name) => {
                println!("{name} (pid  {}) is running...", pid.as_raw_nonzero());
                0
            }
            (None, "heartbeat") => {
                println!("heartbeat is stopped. No process");
                NOT_RUNNING
            }
            (None, name) => {
                println!("{name} is stopped");
                NOT_RUNNING
            }
        }
    }

    fn end(&self, width: usize, done: bool) {
        match (self.voice.done, done) {
            (Done::Word, true) => println!("Done.\n"),
            (Done::Word, false) => println!("Failed.\n"),
            (Done::Column, done) => {
                let blanks = " ".repeat(COLUMN.saturating_sub(width));
                println!("{blanks}{}", if done { "[  OK  ]" } else { "[FAILED]" });
            }
        }
    }
}

/// Starts the guard in a session of its own. What it says before its log is open goes to a file beside the log: nothing
/// of the caller's terminal or pipes is held.
pub fn spawn(paths: &Paths, words: &[&str]) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt;
    std::fs::create_dir_all(&paths.log)?;
    let out = std::fs::File::create(start_log(paths))?;
    Command::new(std::env::current_exe()?)
        .args(words)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()
}

/// What a daemon says before its log is open.
pub fn start_log(paths: &Paths) -> std::path::PathBuf {
    paths.log.join("start.log")
}
