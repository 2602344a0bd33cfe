//! One stack running in the lab: its nodes, its programs, and what they use.

use super::lab::Lab;
use super::stack::{Settings, Stack};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A process that is ended with its owner.
pub struct Process(Child);

impl Process {
    /// Starts one; its output comes back as lines.
    fn start(mut command: Command) -> Result<(Process, mpsc::Receiver<String>), String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a program: {error}"))?;
        let output = child.stdout.take().ok_or("a program without output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok((Process(child), lines))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu: Duration,
    pub resident_kib: u64,
}

impl Usage {
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
}

/// Nanoseconds on the monotonic clock that all processes of the machine share.
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What the programs of one measurement do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub senders: usize,
    pub size: usize,
    pub seconds: f64,
    /// Milliseconds between two messages; 0 = as many as possible.
    pub interval_ms: u64,
}

/// Nodes of one stack on all hosts of a lab.
pub struct Cluster<'a> {
    pub lab: &'a Lab,
    pub stack: Stack,
    pub settings: Settings,
    folder: PathBuf,
    nodes: Vec<Option<Process>>,
}

impl<'a> Cluster<'a> {
    /// Starts all nodes and waits until every one sees all. Returns the time that took as well.
    ///
    /// # Errors
    /// When a node does not start or the ring is not formed within a minute.
    pub fn start(
        lab: &'a Lab,
        stack: &Stack,
        settings: Settings,
        folder: &Path,
    ) -> Result<(Cluster<'a>, Vec<Watcher>, Duration), String> {
        let folder = folder.join("cluster");
        // What an earlier cluster remembers must not count.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        stack.configure(lab, settings, &folder)?;
        let nodes = (0..lab.hosts()).map(|_| None).collect();
        let mut cluster = Cluster { lab, stack: stack.clone(), settings, folder, nodes };
        let began = now();
        for host in 1..=lab.hosts() {
            cluster.boot(host)?;
        }
        let mut watchers = Vec::new();
        for host in 1..=lab.hosts() {
            watchers.push(cluster.watcher(host)?);
        }
        let mut formed = 0;
        for (at, watcher) in watchers.iter_mut().enumerate() {
            formed = formed.max(
                watcher
                    .wait_for(lab.hosts(), Duration::from_secs(60))
                    .map_err(|why| format!("{why}\n{}", cluster.log(at + 1)))?,
            );
        }
        Ok((cluster, watchers, Duration::from_nanos(formed.saturating_sub(began))))
    }

    /// Starts the node of a host.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn boot(&mut self, host: usize) -> Result<(), String> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("n{host}/log")))
            .map_err(|error| error.to_string())?;
        let mut command = self.stack.node(self.lab.inside(host), &self.folder, host);
        let again = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(again).stderr(log);
        let child = command.spawn().map_err(|error| format!("cannot start a node: {error}"))?;
        self.nodes[host - 1] = Some(Process(child));
        Ok(())
    }

    /// The key file of all hosts.
    pub fn key(&self) -> PathBuf {
        self.folder.join("authkey")
    }

    /// What a node wrote last.
    pub fn log(&self, host: usize) -> String {
        let text = std::fs::read_to_string(self.folder.join(format!("n{host}/log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last: Vec<String> =
            lines.iter().skip(lines.len().saturating_sub(12)).map(|line| format!("  {line}")).collect();
        last.join("\n")
    }

    fn node(&mut self, host: usize) -> Result<&mut Child, String> {
        self.nodes[host - 1].as_mut().map(|node| &mut node.0).ok_or(format!("node {host} does not run"))
    }

    /// Sends a signal to the node of a host.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&mut self, host: usize, signal: rustix::process::Signal) -> Result<(), String> {
        let pid = i32::try_from(self.node(host)?.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.ok_or("a process without a number")?, signal)
            .map_err(|error| error.to_string())
    }

    /// Waits for a node that was ended.
    ///
    /// # Errors
    /// When it was not running.
    pub fn reap(&mut self, host: usize) -> Result<(), String> {
        self.node(host)?.wait().map_err(|error| error.to_string())?;
        self.nodes[host - 1] = None;
        if let Stack::Corosync { .. } = self.stack {
            // A killed corosync leaves its lock.
            let _ = self.lab.inside(host).args(["rm", "-f", "/run/corosync.pid"]).status();
        }
        Ok(())
    }

    /// What each node used so far.
    pub fn usage(&self) -> Vec<Usage> {
        self.nodes.iter().flatten().filter_map(|node| Usage::of(node.0.id())).collect()
    }

    /// A program that tells how many nodes it sees.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn watcher(&self, host: usize) -> Result<Watcher, String> {
        let command = self.stack.program(self.lab.inside(host), &self.folder, host, "watch");
        let (process, lines) = Process::start(command)?;
        Ok(Watcher { _process: process, lines, now: 0, at: 0, changes: 0 })
    }

    /// Starts receivers on all nodes and senders on the first ones.
    ///
    /// # Errors
    /// When a program cannot be started.
    pub fn programs(&self, plan: Plan) -> Result<Programs, String> {
        let total = self.lab.hosts() + plan.senders;
        let start = |kind: &str, host: usize| {
            let mut command = self.stack.program(self.lab.inside(host), &self.folder, host, kind);
            command.args([
                total.to_string(),
                plan.senders.to_string(),
                plan.size.to_string(),
                plan.seconds.to_string(),
                plan.interval_ms.to_string(),
            ]);
            Process::start(command)
        };
        let mut programs = Programs { receivers: Vec::new(), senders: Vec::new(), seconds: plan.seconds };
        for host in 1..=self.lab.hosts() {
            programs.receivers.push(start("receive", host)?);
        }
        for host in 1..=plan.senders {
            programs.senders.push(start("send", host)?);
        }
        Ok(programs)
    }
}

/// Running programs of a measurement.
pub struct Programs {
    receivers: Vec<(Process, mpsc::Receiver<String>)>,
    senders: Vec<(Process, mpsc::Receiver<String>)>,
    seconds: f64,
}

impl Programs {
    /// What the receivers saw, by host.
    ///
    /// # Errors
    /// When a program fails or does not end.
    pub fn finish(self) -> Result<Vec<Value>, String> {
        let end = Instant::now() + Duration::from_secs_f64(self.seconds + 60.0);
        let mut results = Vec::new();
        for (_, lines) in &self.receivers {
            let line = lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
                .map_err(|_| "a receiver does not end".to_owned())?;
            let value: Value = serde_json::from_str(&line).map_err(|_| format!("a program says: {line}"))?;
            if let Some(why) = value["error"].as_str() {
                return Err(format!("a receiver: {why}"));
            }
            results.push(value);
        }
        for (_, lines) in &self.senders {
            if let Ok(line) = lines.try_recv() {
                return Err(format!("a sender: {line}"));
            }
        }
        Ok(results)
    }
}

/// A program that tells how many nodes it sees, and when that changed.
pub struct Watcher {
    _process: Process,
    lines: mpsc::Receiver<String>,
    now: usize,
    at: u64,
    changes: usize,
}

impl Watcher {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let stamp = words.next().and_then(|word| word.parse().ok());
        let count = words.next().and_then(|word| word.parse().ok());
        let (Some(stamp), Some(count)) = (stamp, count) else {
            return Err(format!("a watcher says: {line}"));
        };
        if count != self.now {
            self.changes += 1;
        }
        (self.at, self.now) = (stamp, count);
        Ok(())
    }

    /// Waits until this many are there; returns when that was.
    ///
    /// # Errors
    /// When it does not happen in this time.
    pub fn wait_for(&mut self, count: usize, patience: Duration) -> Result<u64, String> {
        let end = Instant::now() + patience;
        while self.now != count {
            let line = self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
                .map_err(|_| format!("a program sees {} of {count} nodes after {patience:?}", self.now))?;
            self.take(&line)?;
        }
        Ok(self.at)
    }

    /// Changes told since the last look.
    ///
    /// # Errors
    /// When the program says something else.
    pub fn changes(&mut self) -> Result<usize, String> {
        while let Ok(line) = self.lines.try_recv() {
            self.take(&line)?;
        }
        Ok(std::mem::take(&mut self.changes))
    }
}
