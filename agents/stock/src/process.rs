//! Small helpers around processes and state files that several agents share.

use crate::environment::{Environment, Refusal};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::error(format!("cannot {what} {}: {error}", path.display()))
}

/// Writes a small file with its folder.
pub fn write(path: &Path, text: &str) -> Result<(), Refusal> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| cannot("make the folder", folder, &e))?;
    }
    let mut options = std::fs::OpenOptions::new();
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = options.write(true).create(true).truncate(true).mode(0o644).custom_flags(flags).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| cannot("write", path, &e))
}

/// Makes an empty file with its folder.
pub fn touch(path: &Path) -> Result<(), Refusal> {
    write(path, "")
}

/// Removes a file; one that is not there is fine.
pub fn remove(path: &Path) -> Result<(), Refusal> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Adds the action and the environment to a file, for a person who wants to see them.
pub fn append_environment(file: &str, action: &str) -> Result<(), Refusal> {
    let path = Path::new(file);
    let mut text = format!("### {action}\n");
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let shown = if name.to_ascii_lowercase().contains("passw") {
            "******".into()
        } else {
            value.to_string_lossy()
        };
        text.push_str(&format!("{name}={shown}\n"));
    }
    let mut options = std::fs::OpenOptions::new();
    let opened = options.append(true).create(true).mode(0o600).open(path);
    opened.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| cannot("write", path, &e))
}

/// Sets or removes this node's promotion score. A cluster that is not there is no fault of the resource.
pub fn promotion_score(environment: &Environment, score: Option<u32>) {
    let name = environment.instance().split(':').next().unwrap_or_default();
    let mut words =
        vec!["crm_attribute".to_owned(), format!("--promotion={name}"), "--lifetime=reboot".to_owned()];
    match score {
        Some(score) => words.push(format!("--update={score}")),
        None => words.push("--delete".to_owned()),
    }
    own_tool(&words);
}

/// Runs one of our own tools and says on standard error when it failed.
pub fn own_tool(words: &[String]) {
    let Ok(exe) = std::env::current_exe() else { return };
    match Command::new(exe).args(words).stdin(Stdio::null()).stdout(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => eprintln!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => eprintln!("{}: {error}", words.join(" ")),
    }
}

/// Whether a process is alive (a zombie is not).
pub fn alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// When a process began, in clock ticks since the boot: together with its number it is unique.
pub fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

/// Sends a signal to a process; one that is gone is no fault.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to a process group.
pub fn signal_group(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// Waits in small steps until a condition holds or the time is over.
pub fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Splits a command line into words as a shell would: blanks, single and double quotes, backslashes.
///
/// # Errors
/// Not configured, for an open quote or for characters that only a shell could carry out.
pub fn words(name: &str, text: &str) -> Result<Vec<String>, Refusal> {
    let (mut out, mut word, mut inside, mut quote) = (Vec::new(), String::new(), false, None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None | Some('"'), '\\') => {
                inside = true;
                word.extend(characters.next());
            }
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                inside = true;
                quote = Some(c);
            }
            (None, c) if c.is_whitespace() => {
                if inside {
                    out.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            (None, '|' | '&' | ';' | '<' | '>' | '`' | '$' | '(' | ')') => {
                return Err(Refusal::parameter(
                    name,
                    text,
                    "words without shell syntax; quote them, or name a script",
                ));
            }
            (None, c) => {
                inside = true;
                word.push(c);
            }
        }
    }
    if quote.is_some() {
        return Err(Refusal::parameter(name, text, "every quote to be closed"));
    }
    if inside {
        out.push(word);
    }
    Ok(out)
}
