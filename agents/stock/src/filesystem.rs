//! `ocf:heartbeat:Filesystem`: a file system that is mounted where its services run.

use crate::environment::{Environment, Refusal};
use crate::metadata::{Info, Kind, Parameter, once, optional, repeated, required};
use crate::{Agent, Outcome, process};
use holdfast_agent_protocol::rc::Rc;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The agent.
pub struct Filesystem;

const INFO: Info = Info {
    name: "Filesystem",
    short: "Manages filesystem mounts",
    long: "Mounts a file system at start and unmounts it at stop, ending the processes that use it if need be.",
    parameters: &[
        Parameter {
            ..required(
                "device",
                Kind::Text,
                "Device",
                "Block device, UUID= or LABEL=, or host:/path of a network file system.",
            )
        },
        Parameter {
            unique: true,
            ..required("directory", Kind::Text, "Mount point", "Folder on which it is mounted.")
        },
        required("fstype", Kind::Text, "Type", "Type of the file system, as mount takes it."),
        optional("options", Kind::Text, None, "Mount options", "Separated by commas."),
        optional(
            "statusfile_prefix",
            Kind::Text,
            Some(".Filesystem_status/"),
            "Status file",
            "Prefix of the file that a monitor of depth 20 writes.",
        ),
        optional(
            "run_fsck",
            Kind::Text,
            Some("auto"),
            "Check before mount",
            "auto (types that need it), force, or no.",
        ),
        optional(
            "fast_stop",
            Kind::Truth,
            Some("true"),
            "Fast stop",
            "Unmount first and look for users only when that fails.",
        ),
        optional(
            "force_unmount",
            Kind::Text,
            Some("true"),
            "End users",
            "true or safe: end processes that keep the file system busy; false: fail instead.",
        ),
        optional(
            "force_clones",
            Kind::Truth,
            Some("false"),
            "Allow clones",
            "Allow clones of a file system that is not a cluster file system.",
        ),
        optional(
            "term_signals",
            Kind::Text,
            Some("TERM"),
            "First signals",
            "Signals for users at the first attempts.",
        ),
        optional(
            "kill_signals",
            Kind::Text,
            Some("KILL"),
            "Last signals",
            "Signals for users at the last attempts.",
        ),
        optional("signal_delay", Kind::Number, Some("1"), "Pause", "Seconds between two attempts."),
    ],
    actions: &[once("start", 60), once("stop", 60), repeated("monitor", 40, 20), once("notify", 60)],
};

/// File systems that may be mounted on several nodes.
const SHARED: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smbfs",
    "ocfs2",
    "gfs",
    "gfs2",
    "glusterfs",
    "ceph",
    "cvfs",
    "lustre",
    "none",
    "tmpfs",
    "overlay",
];
/// File systems that `fsck` is run on by itself.
const CHECKED: &[&str] = &["ext2", "ext3", "ext4", "reiserfs", "jfs", "vfat", "fat"];

/// A line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    source: String,
    directory: PathBuf,
}

/// Undoes the octal escapes of the kernel's table.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..3)
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u8::from_str_radix(d, 8).ok());
        match (first, digits) {
            (b'\\', Some(byte)) => {
                out.push(byte);
                rest = &after[3..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn mounts(table: &str) -> Vec<Mount> {
    table
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let directory = unescaped(left.split(' ').nth(4)?);
            let source = unescaped(right.split(' ').nth(1)?);
            Some(Mount { source, directory: PathBuf::from(directory) })
        })
        .collect()
}

fn all_mounts() -> Result<Vec<Mount>, Refusal> {
    let table = std::fs::read_to_string("/proc/self/mountinfo");
    table.map(|t| mounts(&t)).map_err(|e| Refusal::error(format!("cannot read the mount table: {e}")))
}

/// A mount point without symbolic links and without a slash at its end.
fn canonical(directory: &str) -> PathBuf {
    std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory.trim_end_matches('/')))
}

impl Agent for Filesystem {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        environment.required("device")?;
        let fstype = environment.required("fstype")?;
        let directory = environment.required("directory")?;
        if !directory.starts_with('/') || directory.trim_end_matches('/').is_empty() {
            return Err(Refusal::parameter("directory", directory, "the full path of a folder other than /"));
        }
        match environment.get("run_fsck") {
            None | Some("auto" | "force" | "no") => {}
            Some(other) => return Err(Refusal::parameter("run_fsck", other, "auto, force or no")),
        }
        match environment.get("force_unmount").map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "yes" | "safe" | "false" | "no" | "1" | "0") => {}
            Some(other) => return Err(Refusal::parameter("force_unmount", other, "true, safe or false")),
        }
        for name in ["term_signals", "kill_signals"] {
            signals(environment, name, Signal::TERM)?;
        }
        environment.number("signal_delay", 1, 0..=60)?;
        environment.truth("fast_stop", true)?;
        let cloned = environment.meta("clone_max").and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n > 1);
        if cloned && !SHARED.contains(&fstype) && !environment.truth("force_clones", false)? {
            return Err(Refusal::new(
                Rc::NOT_CONFIGURED,
                format!(
                    "a clone would mount the {fstype} file system on several nodes at once and destroy it; use a cluster file system"
                ),
            ));
        }
        Ok(())
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let directory = environment.required("directory")?;
        match action {
            "start" => start(environment, directory),
            "stop" => stop(environment, &canonical(directory)),
            "monitor" => monitor(environment, &canonical(directory)),
            _ => Ok(Rc::OK),
        }
    }
}

fn mounted(directory: &Path) -> Result<Option<Mount>, Refusal> {
    Ok(all_mounts()?.into_iter().rev().find(|m| m.directory == directory))
}

fn run(program: &str, arguments: &[&str]) -> Result<(), Refusal> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Refusal::error(format!(
                "{program} {} failed ({}): {}",
                arguments.join(" "),
                output.status,
                said.trim()
            )))
        }
        Err(error) => Err(Refusal::new(Rc::NOT_INSTALLED, format!("cannot run {program}: {error}"))),
    }
}

fn start(environment: &Environment, directory: &str) -> Outcome {
    let (device, fstype) = (environment.required("device")?, environment.required("fstype")?);
    if mounted(&canonical(directory))?.is_some() {
        return Ok(Rc::OK);
    }
    if !Path::new(directory).is_dir() {
        std::fs::create_dir_all(directory).map_err(|error| {
            Refusal::new(Rc::NOT_INSTALLED, format!("the mount point {directory} cannot be made: {error}"))
        })?;
    }
    if device.starts_with("/dev/") && !Path::new(device).exists() {
        return Err(Refusal::new(Rc::NOT_INSTALLED, format!("there is no device {device} here")));
    }
    let check = match environment.get("run_fsck") {
        Some("force") => true,
        Some("no") => false,
        _ => {
            CHECKED.contains(&fstype)
                && device.starts_with('/')
                && !environment.get("options").is_some_and(|o| o.contains("loop") || o.contains("bind"))
        }
    };
    if check {
        let status = Command::new("fsck")
            .args(["-t", fstype, "-a", device])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        // Codes below 4: clean, or every error is mended.
        match status.map(|s| s.code()) {
            Ok(Some(code)) if code < 4 => {}
            Ok(code) => {
                return Err(Refusal::error(format!("fsck of {device} ended with {code:?}: mend it by hand")));
            }
            Err(_) => eprintln!("fsck is not installed; {device} is mounted unchecked"),
        }
    }
    let mut arguments = Vec::new();
    if fstype != "none" {
        arguments.extend(["-t", fstype]);
    }
    let options = environment.get("options").unwrap_or_default();
    if !options.is_empty() {
        arguments.extend(["-o", options]);
    }
    arguments.extend([device, directory]);
    run("mount", &arguments).map(|()| Rc::OK)
}

fn stop(environment: &Environment, directory: &Path) -> Outcome {
    // What is mounted inside goes first.
    let inside: Vec<PathBuf> =
        all_mounts()?.into_iter().map(|m| m.directory).filter(|d| d.starts_with(directory)).collect();
    let force = !matches!(environment.get("force_unmount"), Some("false" | "no" | "0"));
    let first = signals(environment, "term_signals", Signal::TERM)?;
    let last = signals(environment, "kill_signals", Signal::KILL)?;
    let pause = Duration::from_secs(environment.number("signal_delay", 1, 0..=60)?);
    for mount in inside.iter().rev() {
        unmount(mount, force, &first, &last, pause)?;
    }
    Ok(Rc::OK)
}

fn unmount(
    directory: &Path,
    force: bool,
    first: &[Signal],
    last: &[Signal],
    pause: Duration,
) -> Result<(), Refusal> {
    let name = directory.display().to_string();
    let mut why = match run("umount", &[&name]) {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    if !force {
        return Err(why);
    }
    for signals in [first, first, last, last, last] {
        for pid in users_of(directory) {
            for signal in signals {
                process::signal(pid, *signal);
            }
        }
        process::wait_until(pause, || users_of(directory).is_empty());
        match run("umount", &[&name]) {
            Ok(()) => return Ok(()),
            Err(refusal) => why = refusal,
        }
    }
    Err(why)
}

/// Processes that have a file, their folder, root or program below a folder.
fn users_of(directory: &Path) -> Vec<u32> {
    let own = std::process::id();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own && *pid != 1)
        .filter(|pid| {
            let base = PathBuf::from(format!("/proc/{pid}"));
            let below = |link: PathBuf| std::fs::read_link(link).is_ok_and(|to| to.starts_with(directory));
            ["cwd", "root", "exe"].iter().any(|l| below(base.join(l)))
                || std::fs::read_dir(base.join("fd")).into_iter().flatten().flatten().any(|f| below(f.path()))
        })
        .collect()
}

fn monitor(environment: &Environment, directory: &Path) -> Outcome {
    if mounted(directory)?.is_none() {
        return Ok(Rc::NOT_RUNNING);
    }
    let depth = environment.depth();
    if depth >= 10 {
        let readable = std::fs::read_dir(directory).map(|mut d| d.next().is_none_or(|e| e.is_ok()));
        if !matches!(readable, Ok(true)) {
            return Err(Refusal::error(format!("{} is mounted and cannot be read", directory.display())));
        }
    }
    if depth >= 20 {
        let prefix = environment.get("statusfile_prefix").unwrap_or(".Filesystem_status/");
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let file = directory.join(format!("{prefix}{}_{node}", environment.instance_file()));
        process::write(&file, "monitor\n")?;
        let read = std::fs::read_to_string(&file).unwrap_or_default();
        if read != "monitor\n" {
            return Err(Refusal::error(format!("{} does not hold what was written", file.display())));
        }
    }
    Ok(Rc::OK)
}

fn signals(environment: &Environment, name: &str, default: Signal) -> Result<Vec<Signal>, Refusal> {
    let Some(text) = environment.get(name) else { return Ok(vec![default]) };
    text.split([' ', ','])
        .filter(|w| !w.is_empty())
        .map(|word| match word.trim_start_matches("SIG") {
            "TERM" => Ok(Signal::TERM),
            "KILL" => Ok(Signal::KILL),
            "HUP" => Ok(Signal::HUP),
            "INT" => Ok(Signal::INT),
            "QUIT" => Ok(Signal::QUIT),
            "USR1" => Ok(Signal::USR1),
            "USR2" => Ok(Signal::USR2),
            other => Err(Refusal::parameter(name, other, "TERM, KILL, HUP, INT, QUIT, USR1 or USR2")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "36 35 98:0 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/sda1 rw\n1 2 0:3 / /x rw - nfs host:/e rw\n";
        let found = mounts(table);
        assert_eq!(found[0], Mount { source: "/dev/sda1".into(), directory: "/mnt/a b".into() });
        assert_eq!(found[1].source, "host:/e");
        assert!(mounts("nonsense\n").is_empty());
    }
}
