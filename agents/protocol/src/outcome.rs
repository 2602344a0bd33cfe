//! What the end of an agent means, in OCF terms.

use holdfast_model::status::ExecStatus;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::call::REASON_PREFIX;
use crate::heartbeat;
use crate::rc::Rc;
use crate::signal;

/// Longest exit reason that is kept, in bytes: it travels in status and messages.
const MAX_REASON: usize = 512;

/// How the leader of an agent's process group ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
    /// It was killed after this time, in ms.
    TimedOut(u64),
    /// It was killed because nobody needs the result any more.
    Cancelled,
    /// There is no such file.
    Missing,
    /// The file may not be executed.
    Denied,
    /// It could not be started for another reason.
    NotStarted(String),
}

/// What it wrote, cut to the daemon's limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
}

/// By which convention the end is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Exit codes of the OCF standard.
    Ocf,
    /// Exit codes of init scripts; `status` has a table of its own.
    Init { status: bool },
    /// Exit code ignored, the text counts.
    HeartbeatStatus,
    /// Zero is success, everything else is not.
    Fence,
}

/// A result in OCF terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub rc: Rc,
    #[serde(serialize_with = "write_status", deserialize_with = "read_status")]
    pub status: ExecStatus,
    /// Why, in the words of the agent or of the executor.
    pub reason: Option<String>,
}

impl Outcome {
    /// The agent ran and gave this code.
    #[must_use]
    pub fn done(rc: Rc) -> Self {
        Self { rc, status: ExecStatus::Done, reason: None }
    }

    /// With a reason, which is cut to a sane length.
    #[must_use]
    pub fn failed(rc: Rc, status: ExecStatus, reason: &str) -> Self {
        Self { rc, status, reason: Some(cut(reason.trim(), MAX_REASON).to_owned()) }
    }
}

fn write_status<S: Serializer>(status: &ExecStatus, to: S) -> Result<S::Ok, S::Error> {
    status.code().serialize(to)
}

fn read_status<'de, D: Deserializer<'de>>(from: D) -> Result<ExecStatus, D::Error> {
    i32::deserialize(from).map(ExecStatus::from_code)
}

/// Reads the end of an agent.
#[must_use]
pub fn interpret(reading: Reading, ended: &Ended, output: &Output) -> Outcome {
    match ended {
        Ended::Exit(code) => exited(reading, *code, output),
        Ended::Signal(number) => Outcome::failed(
            Rc::ERROR,
            ExecStatus::Error,
            &format!("the agent was ended by {}", signal::name(*number)),
        ),
        Ended::TimedOut(after_ms) => Outcome::failed(
            Rc::ERROR,
            ExecStatus::Timeout,
            &format!("the agent did not end within {} and was killed", duration(*after_ms)),
        ),
        Ended::Cancelled => Outcome::failed(Rc::ERROR, ExecStatus::Cancelled, "cancelled"),
        Ended::Missing => Outcome::failed(
            Rc::NOT_INSTALLED,
            ExecStatus::NotInstalled,
            "the agent (or the interpreter that its first line names) does not exist",
        ),
        Ended::Denied => Outcome::failed(
            Rc::INSUFFICIENT_PRIVILEGES,
            ExecStatus::Error,
            "the agent may not be executed: check its mode and the mount options",
        ),
        Ended::NotStarted(why) => {
            Outcome::failed(Rc::ERROR, ExecStatus::Error, &format!("the agent could not be started: {why}"))
        }
    }
}

fn exited(reading: Reading, code: i32, output: &Output) -> Outcome {
    let rc = match reading {
        Reading::Ocf => Rc::from_exit(code),
        Reading::Init { status: true } => init_status(code),
        // Codes up to 7 mean the same in both standards.
        Reading::Init { status: false } if (0..=7).contains(&code) => Rc(code),
        Reading::Init { status: false } => Rc::ERROR,
        Reading::HeartbeatStatus if heartbeat::is_running(&output.stdout) => Rc::OK,
        Reading::HeartbeatStatus => Rc::NOT_RUNNING,
        Reading::Fence if code == 0 => Rc::OK,
        Reading::Fence => Rc::ERROR,
    };
    let mut outcome = Outcome::done(rc);
    outcome.reason = exit_reason(&output.stderr);
    if outcome.reason.is_none() && reading == Reading::Fence && rc != Rc::OK {
        outcome.reason = last_line(&output.stderr).or_else(|| last_line(&output.stdout));
    }
    outcome
}

/// `status` of init scripts: 0 running, 1 to 3 not running (with or without leftovers), 4 unknown; old scripts
/// also say 5 (not installed) and 4 in the sense of a start (privileges), which stays an error.
fn init_status(code: i32) -> Rc {
    match code {
        0 => Rc::OK,
        1..=3 => Rc::NOT_RUNNING,
        150 => Rc::NOT_INSTALLED,
        151 => Rc::INSUFFICIENT_PRIVILEGES,
        _ => Rc::ERROR,
    }
}

/// The text after the last reason prefix on standard error, up to the end of its line.
fn exit_reason(stderr: &str) -> Option<String> {
    let start = stderr.rfind(REASON_PREFIX)? + REASON_PREFIX.len();
    let line = stderr[start..].lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| cut(line, MAX_REASON).to_owned())
}

fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(cut(line, MAX_REASON).to_owned())
}

/// At most `limit` bytes, at a character's boundary.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn duration(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reading: Reading, ended: Ended, stdout: &str, stderr: &str) -> Outcome {
        interpret(reading, &ended, &Output { stdout: stdout.into(), stderr: stderr.into() })
    }

    #[test]
    fn exit_codes() {
        let codes = |reading, code| check(reading, Ended::Exit(code), "", "").rc.0;
        for (code, expected) in [(0, 0), (7, 7), (9, 9), (10, 1), (190, 190), (191, 191), (255, 1)] {
            assert_eq!(codes(Reading::Ocf, code), expected, "ocf {code}");
        }
        for (code, expected) in [(0, 0), (1, 7), (2, 7), (3, 7), (4, 1), (7, 1), (255, 1)] {
            assert_eq!(codes(Reading::Init { status: true }, code), expected, "status {code}");
        }
        for (code, expected) in [(0, 0), (1, 1), (5, 5), (7, 7), (8, 1)] {
            assert_eq!(codes(Reading::Init { status: false }, code), expected, "init {code}");
        }
    }

    #[test]
    fn other_ends() {
        let outcome = check(Reading::Ocf, Ended::Signal(9), "", "");
        assert_eq!((outcome.rc, outcome.status), (Rc::ERROR, ExecStatus::Error));
        assert!(outcome.reason.unwrap().contains("SIGKILL"));
        let outcome = check(Reading::Ocf, Ended::TimedOut(20_000), "", "");
        assert_eq!((outcome.rc, outcome.status), (Rc::ERROR, ExecStatus::Timeout));
        assert!(outcome.reason.unwrap().contains("20s"));
        assert_eq!(check(Reading::Ocf, Ended::Missing, "", "").rc, Rc::NOT_INSTALLED);
    }

    #[test]
    fn reasons() {
        let reason = |stderr: &str| check(Reading::Ocf, Ended::Exit(1), "", stderr).reason;
        assert_eq!(reason("noise\nocf-exit-reason:no disk\nmore"), Some("no disk".into()));
        assert_eq!(reason("ocf-exit-reason:first\nocf-exit-reason:second\n"), Some("second".into()));
        assert_eq!(reason("ocf-exit-reason:\n"), None);
        assert_eq!(reason(&format!("ocf-exit-reason:{}", "ä".repeat(1000))).unwrap().len(), MAX_REASON);
        let fence = check(Reading::Fence, Ended::Exit(1), "", "ERROR: cannot log in\n\n");
        assert_eq!(fence.reason, Some("ERROR: cannot log in".into()));
    }

    #[test]
    fn heartbeat_reads_the_text() {
        let rc = |text: &str| check(Reading::HeartbeatStatus, Ended::Exit(1), text, "").rc;
        assert_eq!(rc("httpd is running\n"), Rc::OK);
        assert_eq!(rc("OK\n"), Rc::OK);
        assert_eq!(rc("Not Running\n"), Rc::NOT_RUNNING);
        assert_eq!(rc(""), Rc::NOT_RUNNING);
    }
}
