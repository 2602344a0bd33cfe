//! Nodes and programs of a measurement: processes of this executable in a folder of their own.

use super::Options;
use holdfast_node::keys::{self, Making};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Where the nodes of a measurement listen; the process id makes it unlikely to meet another one.
fn port() -> u16 {
    20_000 + (std::process::id() % 20_000) as u16
}

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu: Duration,
    pub resident_kib: u64,
}

impl Usage {
    /// Of a process, from `/proc`.
    fn of(pid: u32) -> Option<Usage> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain blanks.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let resident_kib = resident.split_whitespace().next()?.parse().ok()?;
        // The kernel counts in hundredths of a second.
        Some(Usage { cpu: Duration::from_millis(ticks * 10), resident_kib })
    }

    /// Processor time of all processes between two looks; `None` where none is ours.
    pub fn cpu_between(before: &[Usage], after: &[Usage]) -> Option<Duration> {
        let sum = |list: &[Usage]| list.iter().map(|usage| usage.cpu).sum::<Duration>();
        (!after.is_empty()).then(|| sum(after).saturating_sub(sum(before)))
    }
}

pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

/// A process that is ended with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The nodes.
pub struct Stage {
    folder: Option<PathBuf>,
    nodes: Vec<Option<Process>>,
    sockets: Vec<PathBuf>,
    executable: PathBuf,
    started: Instant,
}

impl Stage {
    /// Starts the nodes, or takes running ones.
    pub fn new(options: &Options) -> Result<Stage, String> {
        let executable = std::env::current_exe().map_err(|error| error.to_string())?;
        if !options.sockets.is_empty() {
            return Ok(Stage {
                folder: None,
                nodes: Vec::new(),
                sockets: options.sockets.clone(),
                executable,
                started: Instant::now(),
            });
        }
        let folder = std::env::temp_dir().join(format!("holdfast-bench-{}", std::process::id()));
        let mut stage = Stage {
            sockets: (0..options.nodes).map(|at| folder.join(format!("n{at}/run/groups"))).collect(),
            folder: Some(folder.clone()),
            nodes: Vec::new(),
            executable,
            started: Instant::now(),
        };
        let explain = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(&folder).map_err(explain)?;
        let key = folder.join("authkey");
        keys::make(&Making { path: key.clone(), size: 256, random: None, force: true })
            .map_err(|error| error.to_string())?;
        for at in 0..options.nodes {
            let own = folder.join(format!("n{at}"));
            std::fs::create_dir_all(&own).map_err(explain)?;
            std::fs::write(own.join("corosync.conf"), configuration(options, &key)).map_err(explain)?;
            stage.nodes.push(None);
        }
        for at in 0..options.nodes {
            stage.start(at)?;
        }
        Ok(stage)
    }

    /// Starts a node.
    pub fn start(&mut self, at: usize) -> Result<(), String> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let own = folder.join(format!("n{at}"));
        let log = std::fs::File::create(own.join("log")).map_err(|error| error.to_string())?;
        let child = Command::new(&self.executable)
            .args(["ring", "--config"])
            .arg(&own)
            .env("HOLDFAST_NODE_NAME", format!("bench{at}"))
            .env("HOLDFAST_STATE_DIR", own.join("state"))
            .env("HOLDFAST_RUN_DIR", own.join("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start a node: {error}"))?;
        self.nodes[at] = Some(Process(child));
        Ok(())
    }

    fn node(&mut self, at: usize) -> Result<&mut Child, String> {
        self.nodes
            .get_mut(at)
            .and_then(Option::as_mut)
            .map(|node| &mut node.0)
            .ok_or_else(|| format!("node {at} does not run"))
    }

    /// Ends a node as a crash does.
    pub fn kill(&mut self, at: usize) -> Result<(), String> {
        self.node(at)?.kill().map_err(|error| error.to_string())
    }

    /// Asks a node to leave.
    pub fn terminate(&mut self, at: usize) -> Result<(), String> {
        let pid = i32::try_from(self.node(at)?.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or("a process without a number")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())
    }

    /// Waits for a node that was ended.
    pub fn reap(&mut self, at: usize) -> Result<(), String> {
        self.node(at)?.wait().map_err(|error| error.to_string())?;
        self.nodes[at] = None;
        Ok(())
    }

    /// What each node used so far; empty for nodes that are not ours.
    pub fn usage(&self) -> Vec<Usage> {
        self.nodes.iter().flatten().filter_map(|node| Usage::of(node.0.id())).collect()
    }

    /// What a node wrote last, for error messages.
    fn log(&self, at: usize) -> String {
        let Some(folder) = &self.folder else { return String::new() };
        let text = std::fs::read_to_string(folder.join(format!("n{at}/log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        lines.into_iter().rev().fold(String::new(), |mut all, line| {
            let _ = write!(all, "\n  {line}");
            all
        })
    }

    /// Waits until a program on every node sees one on all others; returns the time since the start.
    pub fn wait_formed(&mut self, patience: Duration) -> Result<Duration, String> {
        let mut watchers = self.watchers()?;
        for (at, watcher) in watchers.iter_mut().enumerate() {
            watcher.wait_for(self.sockets.len(), patience).map_err(|why| format!("{why}{}", self.log(at)))?;
        }
        Ok(self.started.elapsed())
    }

    /// A program on every node that tells how many members its group has.
    pub fn watchers(&mut self) -> Result<Vec<Watcher>, String> {
        (0..self.sockets.len()).map(|at| self.watcher(at, Duration::from_secs(10))).collect()
    }

    /// A program on one node, as soon as it can connect.
    pub fn watcher(&mut self, at: usize, patience: Duration) -> Result<Watcher, String> {
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&self.sockets[at]).is_err() {
            if let Some(Some(node)) = self.nodes.get_mut(at)
                && let Ok(Some(status)) = node.0.try_wait()
            {
                return Err(format!("node {at} ended ({status}){}", self.log(at)));
            }
            if start.elapsed() > patience {
                return Err(format!(
                    "node {at} does not serve {}{}",
                    self.sockets[at].display(),
                    self.log(at)
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Watcher::start(&self.executable, &self.sockets[at])
    }

    /// Runs receivers on all nodes and senders on the first ones; returns what the receivers saw.
    pub fn programs(&mut self, options: &Options) -> Result<Vec<Value>, String> {
        let total = self.sockets.len() + options.senders;
        let start = |kind: &str, socket: &Path| {
            Command::new(&self.executable)
                .args(["bench", "ring-program", kind])
                .arg(socket)
                .args([
                    total.to_string(),
                    options.senders.to_string(),
                    options.size.to_string(),
                    options.seconds.to_string(),
                    if options.latency { options.interval_ms.to_string() } else { "0".to_owned() },
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .map(Process)
                .map_err(|error| format!("cannot start a program: {error}"))
        };
        let mut receivers = Vec::new();
        for socket in &self.sockets {
            receivers.push(start("receive", socket)?);
        }
        let mut senders = Vec::new();
        for socket in &self.sockets[..options.senders] {
            senders.push(start("send", socket)?);
        }
        let patience = Duration::from_secs_f64(options.seconds + 60.0);
        let (sender, results) = mpsc::channel();
        for receiver in &mut receivers {
            let output = receiver.0.stdout.take().ok_or("a program without output")?;
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut line = String::new();
                // The main thread gives up when nothing comes.
                let _ = BufReader::new(output).read_line(&mut line);
                let _ = sender.send(line);
            });
        }
        let mut found = Vec::new();
        for _ in 0..receivers.len() {
            let line = results.recv_timeout(patience).map_err(|_| "a program does not end".to_owned())?;
            let value: Value = serde_json::from_str(&line).map_err(|_| format!("a program says: {line}"))?;
            if let Some(why) = value["error"].as_str() {
                return Err(why.to_owned());
            }
            found.push(value);
        }
        Ok(found)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.nodes.clear();
        if let Some(folder) = &self.folder {
            // A rest in the temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The configuration of all nodes.
fn configuration(options: &Options, key: &Path) -> String {
    let mut text = format!(
        "totem {{\n    version: 2\n    cluster_name: bench{}\n    transport: knet\n    token: {}\n    keyfile: {}\n",
        std::process::id(),
        options.token,
        key.display()
    );
    if options.unsealed {
        text.push_str("    holdfast_unsealed: yes\n");
    }
    let _ =
        write!(text, "    interface {{\n        linknumber: 0\n        mcastport: {}\n    }}\n}}\n", port());
    if options.nice {
        text.push_str("system {\n    sched_rr: no\n}\n");
    }
    text.push_str("nodelist {\n");
    for at in 0..options.nodes {
        let _ = write!(
            text,
            "    node {{\n        name: bench{at}\n        nodeid: {}\n        ring0_addr: 127.0.1.{}\n    }}\n",
            at + 1,
            at + 1
        );
    }
    text.push_str("}\nquorum {\n    provider: corosync_votequorum\n}\n");
    text
}

/// A program that tells how many members its group has.
pub struct Watcher {
    _process: Process,
    lines: mpsc::Receiver<usize>,
    now: usize,
}

impl Watcher {
    fn start(executable: &Path, socket: &Path) -> Result<Watcher, String> {
        let mut child = Command::new(executable)
            .args(["bench", "ring-program", "watch"])
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a program: {error}"))?;
        let output: ChildStdout = child.stdout.take().ok_or("a program without output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The time, then the count.
                if let Some(Ok(count)) = line.split_whitespace().nth(1).map(str::parse)
                    && sender.send(count).is_err()
                {
                    break;
                }
            }
        });
        Ok(Watcher { _process: Process(child), lines, now: 0 })
    }

    /// Waits until the group has this many members.
    pub fn wait_for(&mut self, count: usize, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        while self.now != count {
            let left = end.saturating_duration_since(Instant::now());
            self.now = self
                .lines
                .recv_timeout(left)
                .map_err(|_| format!("a program sees {} of {count} members after {patience:?}", self.now))?;
        }
        Ok(())
    }
}
