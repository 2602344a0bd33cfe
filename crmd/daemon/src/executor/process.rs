//! One child process: started in its own group, watched until its leader exits, killed at its time limit.
//! Knows nothing about agents; a [`Call`] says what to run.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use holdfast_agent_protocol::{Call, Ended, Output};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::sys;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// After SIGKILL a leader that still does not end sits in the kernel; the result is told without it.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// After the leader's end, what is in the pipes already is read for at most this long.
const DRAIN: Duration = Duration::from_millis(50);

/// Limits of one run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The group is ended after this; `None` = never.
    pub time: Option<Duration>,
    /// Bytes kept of each output: the first and the last half of it.
    pub output: usize,
}

/// How a run went.
#[derive(Debug)]
pub struct Run {
    pub ended: Ended,
    pub output: Output,
}

/// A started child.
pub struct Started {
    child: Child,
    pid: i32,
    input: Option<String>,
}

/// Starts the process.
///
/// # Errors
/// How it ended before it began.
pub fn start(call: &Call, folder: &Path) -> Result<Started, Ended> {
    start_as(call, folder, None)
}

/// Starts the process as another user, given as numbers of user and group.
///
/// # Errors
/// How it ended before it began.
pub fn start_as(call: &Call, folder: &Path, user: Option<(u32, u32)>) -> Result<Started, Ended> {
    let mut command = Command::new(&call.program);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
        .args(&call.arguments)
        .env_clear()
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(false);
    sys::prepare_child(&mut command);
    match command.spawn() {
        Ok(child) => {
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
            Ok(Started { child, pid, input: call.input.clone() })
        }
        Err(error) => Err(match error.kind() {
            io::ErrorKind::NotFound => Ended::Missing,
            io::ErrorKind::PermissionDenied => Ended::Denied,
            _ if error.raw_os_error() == Some(libc::ENOEXEC) => {
                Ended::NotStarted("it has no #! line and is no program".to_owned())
            }
            _ => Ended::NotStarted(error.to_string()),
        }),
    }
}

impl Started {
    /// Process id, which is the id of the group too.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for the leader's end (not for its pipes, which a service left behind may hold for ever).
    pub async fn finish(mut self, limits: Limits, mut kill: oneshot::Receiver<()>) -> Run {
        if let (Some(text), Some(mut pipe)) = (self.input.take(), self.child.stdin.take()) {
            // A child that does not read its input must not stop us.
            tokio::spawn(async move {
                let _ = pipe.write_all(text.as_bytes()).await;
            });
        }
        let stdout = Collector::start(self.child.stdout.take(), limits.output);
        let stderr = Collector::start(self.child.stderr.take(), limits.output);
        let deadline = limits.time.map(|time| Instant::now() + time);
        let expired = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            status = self.child.wait() => how(status),
            () = expired => {
                self.end_group().await;
                Ended::TimedOut(limits.time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
            }
            // A sender that is dropped means that nobody can cancel any more, which is no cancellation.
            () = async { if (&mut kill).await.is_err() { std::future::pending::<()>().await } } => {
                self.end_group().await;
                Ended::Cancelled
            }
        };
        let output = Output { stdout: stdout.finish().await, stderr: stderr.finish().await };
        Run { ended, output }
    }

    /// SIGTERM to the group, a grace, SIGKILL to the group.
    async fn end_group(&mut self) {
        signal_group(self.pid, Signal::TERM);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            signal_group(self.pid, Signal::KILL);
            let _ = timeout(AFTER_KILL, self.child.wait()).await;
        }
        // The leader may have left members of its group behind.
        signal_group(self.pid, Signal::KILL);
    }
}

/// Sends a signal to every process of a group.
pub fn signal_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group).filter(|_| group > 1) {
        // Nobody left is as good as ended.
        let _ = kill_process_group(group, signal);
    }
}

fn how(status: io::Result<std::process::ExitStatus>) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exit(code),
            (None, Some(signal)) => Ended::Signal(signal),
            (None, None) => Ended::NotStarted("it ended in an unknown way".to_owned()),
        },
        Err(error) => Ended::NotStarted(format!("its end could not be awaited: {error}")),
    }
}

/// Reads one pipe to its end, keeps a bounded part, and goes on emptying the pipe when a service holds it after the
/// leader's end, so that the service is not ended by SIGPIPE.
struct Collector {
    kept: oneshot::Receiver<String>,
    leader_gone: Option<oneshot::Sender<()>>,
}

impl Collector {
    fn start(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, limit: usize) -> Self {
        let (keep, kept) = oneshot::channel();
        let (leader_gone, gone) = oneshot::channel();
        if let Some(pipe) = pipe {
            tokio::spawn(collect(pipe, limit, keep, gone));
        }
        Self { kept, leader_gone: Some(leader_gone) }
    }

    async fn finish(mut self) -> String {
        drop(self.leader_gone.take());
        self.kept.await.unwrap_or_default()
    }
}

async fn collect(
    mut pipe: impl AsyncRead + Unpin,
    limit: usize,
    keep: oneshot::Sender<String>,
    mut leader_gone: oneshot::Receiver<()>,
) {
    let mut bounded = Bounded::new(limit);
    let mut buffer = vec![0; 8192];
    let open = loop {
        tokio::select! {
            biased;
            read = pipe.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break false,
                Ok(count) => bounded.push(&buffer[..count]),
            },
            _ = &mut leader_gone => {
                // What the leader wrote is in the pipe already; a service that never stops writing is cut off.
                let end = Instant::now() + DRAIN;
                let mut open = true;
                while open && Instant::now() < end {
                    match timeout(Duration::ZERO, pipe.read(&mut buffer)).await {
                        Ok(Ok(0) | Err(_)) => open = false,
                        Ok(Ok(count)) => bounded.push(&buffer[..count]),
                        Err(_) => break,
                    }
                }
                break open;
            }
        }
    };
    let _ = keep.send(bounded.text());
    if open {
        while matches!(pipe.read(&mut buffer).await, Ok(count) if count > 0) {}
    }
}

/// The first and the last part of a stream of any length.
struct Bounded {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    lost: usize,
}

impl Bounded {
    fn new(limit: usize) -> Self {
        Self { half: limit / 2, head: Vec::new(), tail: VecDeque::new(), lost: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.lost += over;
    }

    fn text(mut self) -> String {
        if self.lost > 0 {
            self.head.extend_from_slice(format!("\n[{} bytes left out]\n", self.lost).as_bytes());
        }
        self.head.extend(self.tail);
        // NUL has no place in logs and XML.
        String::from_utf8_lossy(&self.head).replace('\0', "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_agent_protocol::outcome::Reading;

    fn script(text: &str) -> Call {
        Call {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), text.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("A".into(), "b".into())],
            input: None,
            reading: Reading::Ocf,
        }
    }

    fn run(call: &Call, time: Duration, output: usize) -> Run {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_keep, kill) = oneshot::channel();
            match start(call, Path::new("/")) {
                Ok(started) => started.finish(Limits { time: Some(time), output }, kill).await,
                Err(ended) => Run { ended, output: Output::default() },
            }
        })
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn exit_output_and_environment() {
        let result = run(&script("echo out $A; echo err >&2; exit 7"), LONG, 1000);
        assert_eq!(result.ended, Ended::Exit(7));
        assert_eq!((result.output.stdout.as_str(), result.output.stderr.as_str()), ("out b\n", "err\n"));
    }

    #[test]
    fn input_reaches_the_child() {
        let mut call = script("cat");
        call.input = Some("action=off\n".into());
        assert_eq!(run(&call, LONG, 1000).output.stdout, "action=off\n");
        call = script("exit 0");
        call.input = Some("x".repeat(1 << 20));
        assert_eq!(run(&call, LONG, 1000).ended, Ended::Exit(0));
    }

    #[test]
    fn a_flood_is_cut() {
        let result = run(&script("yes abcdefg | head -c 3000000; echo END"), LONG, 1000);
        assert_eq!(result.ended, Ended::Exit(0));
        assert!(result.output.stdout.len() < 1100);
        assert!(result.output.stdout.ends_with("END\n") && result.output.stdout.contains("bytes left out"));
    }

    #[test]
    fn signals_and_missing_programs() {
        assert_eq!(run(&script("kill -9 $$"), LONG, 10).ended, Ended::Signal(9));
        let mut call = script("");
        call.program = "/nonexistent/agent".into();
        assert_eq!(run(&call, LONG, 10).ended, Ended::Missing);
        call.program = "/etc/passwd".into();
        assert_eq!(run(&call, LONG, 10).ended, Ended::Denied);
    }

    #[test]
    fn a_hanging_agent_and_its_children_are_ended() {
        let text = "sleep 600 & echo $!; wait";
        let result = run(&script(text), Duration::from_millis(100), 1000);
        assert_eq!(result.ended, Ended::TimedOut(100));
        let child: i32 = result.output.stdout.trim().parse().unwrap();
        // It belonged to the group; what is left of it is soon at most a zombie of its new parent.
        let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let until = std::time::Instant::now() + Duration::from_secs(10);
        let mut seen = state();
        while !seen.is_empty() && !seen.contains(") Z") {
            assert!(std::time::Instant::now() < until, "{seen}");
            std::thread::yield_now();
            seen = state();
        }
    }

    #[test]
    fn a_service_left_behind_lives_on() {
        let text = "sleep 600 & echo $!; exit 0";
        let result = run(&script(text), LONG, 1000);
        assert_eq!(result.ended, Ended::Exit(0));
        let child: i32 = result.output.stdout.trim().parse().unwrap();
        let pid = Pid::from_raw(child).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }
}
