//! `quorum { device { heuristics { } } }`: commands that all run at once, within a time. Knows nothing of what their
//! success is for.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// To be handed back with the result.
    pub number: u64,
    /// Names and command lines.
    pub commands: Vec<(String, String)>,
    /// All must have ended with status 0 by then.
    pub timeout: Duration,
}

/// A command line as words: blanks separate, quotes and backslashes keep them together, as in a shell; nothing else of a
/// shell is understood. `None` when a quote is left open.
pub fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                word.push(chars.next()?);
                begun = true;
            }
            (None, c) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    quote.is_none().then_some(words)
}

/// Gives a command ordinary standing with the kernel's memory killer before it begins; the words stay words.
const LAUNCH: &str = "echo 0 2>/dev/null >/proc/self/oom_score_adj; exec \"$@\"";

fn start(line: &str) -> io::Result<Child> {
    let words = words(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| io::Error::other("an open quote, or nothing at all"))?;
    Command::new("/bin/sh")
        .args(["-c", LAUNCH, "heuristics"])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Runs the commands; true when all have ended with status 0 in time. What has not ended by then is killed with its
/// process group.
pub fn run(check: &Check) -> bool {
    let end = Instant::now() + check.timeout;
    let mut passed = true;
    let mut children: Vec<(&str, Child)> = Vec::new();
    for (name, line) in &check.commands {
        match start(line) {
            Ok(child) => children.push((name, child)),
            Err(error) => {
                tracing::warn!(subsystem = "VOTEQ", "heuristics exec_{name} cannot be started: {error}");
                passed = false;
            }
        }
    }
    for (name, mut child) in children {
        match wait(&mut child, end) {
            Ok(Some(0)) => {}
            Ok(Some(status)) => {
                tracing::debug!(subsystem = "VOTEQ", "heuristics exec_{name} ended with status {status}");
                passed = false;
            }
            Ok(None) => {
                tracing::warn!(subsystem = "VOTEQ", "heuristics exec_{name} took too long and was killed");
                passed = false;
            }
            Err(error) => {
                tracing::warn!(subsystem = "VOTEQ", "heuristics exec_{name}: {error}");
                passed = false;
            }
        }
    }
    passed
}

/// The exit status; `None` when it was killed for taking too long.
fn wait(child: &mut Child, end: Instant) -> io::Result<Option<i32>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("a process without a number"))?;
    let fd = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => {
                // The child is ours and not waited for yet: its group cannot be somebody else's.
                let _ = kill_process_group(pid, Signal::KILL);
                child.wait()?;
                return Ok(None);
            }
            Ok(_) => {
                let status = child.wait()?;
                return Ok(Some(status.code().or(status.signal().map(|s| 128 + s)).unwrap_or(1)));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], timeout: Duration) -> bool {
        let commands = lines.iter().map(|line| ("test".to_owned(), (*line).to_owned())).collect();
        run(&Check { number: 1, commands, timeout })
    }

    #[test]
    fn all_commands_must_succeed_in_time() {
        let long = Duration::from_secs(30);
        assert!(check(&[], long));
        assert!(check(&["/bin/true", "/bin/sh -c 'exit 0'"], long));
        assert!(!check(&["/bin/true", "/bin/false"], long));
        assert!(!check(&["/nonexistent/program"], long));
        assert!(!check(&["/bin/sh -c 'exit 0"], long));
        assert!(!check(&["/bin/sleep 1000"], Duration::from_millis(50)));
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        };
        check("ping -c 1  192.168.1.1", &["ping", "-c", "1", "192.168.1.1"]);
        check("a 'b c' \"d \\\" e\" f\\ g ''", &["a", "b c", "d \" e", "f g", ""]);
        check("$(rm) ; x", &["$(rm)", ";", "x"]);
        assert_eq!(words("'open"), None);
    }
}
