//! The guard (safety rule 11): a small process that starts the daemon proper, starts it again at once after a crash,
//! and if it cannot, stops the recorded resources in order; if that fails too it stops feeding the watchdog.
//! It knows no cluster. The daemon tells it over a pipe: `ready`, `alive`, `watchdog PATH MS`, `patience MS`.

mod last_resort;
mod lifeline;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::log::Log;
use crate::notify;
use crate::paths::Paths;
use crate::sys;
use crate::watchdog::Watchdog;

pub use lifeline::Lifeline;

/// First word of the hidden call by which the guard starts the daemon proper.
pub const PROPER: &str = "--under-guard";
/// Exit status of the daemon proper: something that a restart does not cure.
pub const FATAL: u8 = 100;
/// Exit status of the daemon proper: this node must not go on, its resources are to be stopped.
pub const FENCED: u8 = 101;
/// So many crashes within so much time: the daemon cannot come back.
const CRASHES: usize = 10;
const WITHIN: Duration = Duration::from_secs(30);
/// Between a crash and the next start: nothing at first, a little when it crashed just now.
const PAUSE: Duration = Duration::from_millis(80);
/// Without a word from the daemon for this long (unless it says otherwise), the watchdog is no longer fed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at watchdog and daemon.
const TICK: Duration = Duration::from_millis(500);

/// Where the guard's process id is written, for init scripts.
#[must_use]
pub fn pid_file(paths: &Paths) -> PathBuf {
    paths.run.join("guard.pid")
}

/// Runs the guard to its end; the result is the exit status of the process.
#[must_use]
pub fn run(paths: &Paths, config: Option<&PathBuf>) -> i32 {
    Log::start().also(&paths.log.join("holdfast.log"));
    let held = match hold(paths) {
        Ok(held) => held,
        Err(error) => {
            error!("{}: {error}", pid_file(paths).display());
            return i32::from(FATAL);
        }
    };
    let status = run_guarded(paths, config);
    let _ = std::fs::remove_file(pid_file(paths));
    drop(held);
    status
}

/// Writes the process id and holds the file, so that a node has one guard.
fn hold(paths: &Paths) -> io::Result<std::fs::File> {
    std::fs::create_dir_all(&paths.run)?;
    let mut file =
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(pid_file(paths))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| io::Error::other("another daemon of this node is running"))?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn run_guarded(paths: &Paths, config: Option<&PathBuf>) -> i32 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("holdfast daemon: no runtime: {error}");
            return 1;
        }
    };
    runtime.block_on(async {
        match Guard::new(paths.clone(), config.cloned()) {
            Ok(mut guard) => guard.run().await,
            Err(error) => {
                error!("the guard cannot start: {error}");
                1
            }
        }
    })
}

struct Guard {
    paths: Paths,
    config: Option<PathBuf>,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    watchdog: Option<Watchdog>,
    patience: Duration,
    last_word: Instant,
    crashes: Vec<Instant>,
    stopping: bool,
    /// The node took part in the cluster under this guard: what is recorded as active is ours.
    took_part: bool,
}

impl Guard {
    fn new(paths: Paths, config: Option<PathBuf>) -> io::Result<Self> {
        Ok(Self {
            paths,
            config,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            watchdog: None,
            patience: PATIENCE,
            last_word: Instant::now(),
            crashes: Vec::new(),
            stopping: false,
            took_part: false,
        })
    }

    async fn run(&mut self) -> i32 {
        loop {
            let status = match self.start() {
                Ok((child, lines)) => self.watch(child, lines).await,
                Err(error) => {
                    error!("the daemon cannot be started: {error}");
                    None
                }
            };
            match status {
                Some(0) => return self.finish(0),
                Some(code) if code == i32::from(FATAL) && self.took_part => {
                    error!("the daemon cannot come back; what it ran here is stopped");
                    return self.last_resort(code);
                }
                Some(code) if code == i32::from(FATAL) => return self.finish(code),
                Some(code) if code == i32::from(FENCED) => return self.last_resort(code),
                _ if self.stopping => {
                    warn!("the daemon did not end in order");
                    return self.finish(1);
                }
                Some(code) => error!("the daemon ended with status {code}; it is started again"),
                None => error!("the daemon was ended by a signal or crashed; it is started again"),
            }
            let now = Instant::now();
            self.crashes.retain(|crash| now.duration_since(*crash) < WITHIN);
            self.crashes.push(now);
            if self.crashes.len() > CRASHES {
                error!("the daemon ended {CRASHES} times within {} s and cannot come back", WITHIN.as_secs());
                return self.last_resort(1);
            }
            if self.crashes.len() > 1 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    fn start(&self) -> io::Result<(Child, Lines<BufReader<ChildStdout>>)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("daemon").arg(PROPER);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).env_remove("NOTIFY_SOCKET").kill_on_drop(false);
        sys::end_child_with_parent(&mut command);
        let mut child = command.spawn()?;
        let pipe = child.stdout.take().ok_or_else(|| io::Error::other("no pipe to the daemon"))?;
        Ok((child, BufReader::new(pipe).lines()))
    }

    /// Until the daemon ends; its exit status, or `None` after a signal.
    async fn watch(&mut self, mut child: Child, mut lines: Lines<BufReader<ChildStdout>>) -> Option<i32> {
        self.last_word = Instant::now();
        let mut told_all = false;
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                status = child.wait() => return status.ok().and_then(|status| status.code()),
                line = lines.next_line(), if !told_all => match line {
                    Ok(Some(line)) => self.heard(&line),
                    Ok(None) | Err(_) => told_all = true,
                },
                _ = self.terminate.recv() => self.forward(&child, rustix::process::Signal::TERM),
                _ = self.interrupt.recv() => self.forward(&child, rustix::process::Signal::TERM),
                _ = self.hangup.recv() => self.forward(&child, rustix::process::Signal::HUP),
                _ = tick.tick() => self.feed(),
            }
        }
    }

    fn forward(&mut self, child: &Child, signal: rustix::process::Signal) {
        if signal == rustix::process::Signal::TERM {
            self.stopping = true;
            notify::tell("STOPPING=1");
        }
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // Gone already: its end comes next.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn heard(&mut self, line: &str) {
        self.last_word = Instant::now();
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("ready"), None, None) => {
                self.took_part = true;
                notify::tell("READY=1\nSTATUS=running");
                self.feed();
            }
            (Some("patience"), Some(ms), None) => {
                self.patience = ms.parse().map_or(PATIENCE, Duration::from_millis);
            }
            (Some("watchdog"), Some(path), Some(ms)) if self.watchdog.is_none() => {
                let limit = ms.parse().map_or(PATIENCE, Duration::from_millis);
                match Watchdog::open(path, limit) {
                    Ok(watchdog) => {
                        info!("watchdog {path} is armed: {} s", watchdog.timeout().as_secs());
                        self.watchdog = Some(watchdog);
                    }
                    Err(error) => error!("watchdog {path} cannot be used: {error}"),
                }
            }
            _ => {}
        }
    }

    /// Feeds the watchdog while the daemon gives signs of life.
    fn feed(&mut self) {
        if let Some(watchdog) = &mut self.watchdog
            && self.last_word.elapsed() < self.patience
        {
            watchdog.feed();
        }
    }

    fn finish(&mut self, status: i32) -> i32 {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.disarm();
        }
        status
    }

    /// Stops what is recorded as active. When that fails the watchdog is left alone, armed.
    fn last_resort(&mut self, status: i32) -> i32 {
        let paths = self.paths.clone();
        if last_resort::stop_all(&paths, || self.feed_always()) {
            return self.finish(status);
        }
        match self.watchdog.take() {
            Some(watchdog) => {
                error!("resources could not be stopped: the watchdog is not fed any more");
                watchdog.abandon();
            }
            None => {
                error!("resources could not be stopped, and there is no watchdog: look at this machine now")
            }
        }
        status
    }

    fn feed_always(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.feed();
        }
    }
}
