//! `holdfast install-links`: symbolic links by which each tool is called under its own name.
//! Knows which absolute names the old programs had; removes or replaces nothing that is not its own link.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dispatch;

const HELP: &str = "\
Usage: holdfast install-links DIR [--system] [--root PREFIX] [--remove]

Makes one symbolic link to this executable in DIR (for example /usr/local/sbin) for each tool.

      --system       also the absolute names that tutorials and scripts use:
                     /usr/lib/heartbeat/haresources2cib.py, /usr/lib64/heartbeat/haresources2cib.py,
                     init scripts and units of heartbeat, corosync, pacemaker and the witness
      --root PREFIX  put every absolute name below PREFIX (for packages and tests)
      --remove       take away the links that an earlier call made
  -h, --help         this text

A file that is already there and is no link to this executable is left alone and named.
";

/// Absolute names of the old programs, each a link to the executable.
const SYSTEM_LINKS: &[&str] = &[
    "/usr/lib/heartbeat/haresources2cib.py",
    "/usr/lib64/heartbeat/haresources2cib.py",
    "/etc/init.d/heartbeat",
    "/etc/init.d/corosync",
    "/etc/init.d/pacemaker",
];

/// Service units: the node's, and the names of the old ones as links to it.
const UNIT_FOLDER: &str = "/etc/systemd/system";
const UNIT: &str = "holdfast.service";
/// Every real unit and its text. The witness is a service of its own, mostly on a machine outside the cluster.
const UNITS: [(&str, &str); 2] = [
    (UNIT, include_str!("../../../packaging/holdfast.service")),
    ("holdfast-witness.service", include_str!("../../../packaging/holdfast-witness.service")),
];
const UNIT_LINKS: &[&str] = &["heartbeat.service", "corosync.service", "pacemaker.service"];

struct Options {
    directory: PathBuf,
    system: bool,
    root: PathBuf,
    remove: bool,
}

/// Runs the command; 0 when every link is in place, 1 when one was refused, 64 for a wrong call.
pub fn run(words: Vec<String>) -> i32 {
    let options = match parse(&words) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return 0;
        }
        Err(message) => {
            eprintln!("install-links: {message}\nType `holdfast install-links --help` for the options.");
            return i32::from(dispatch::USAGE);
        }
    };
    let executable = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => {
            eprintln!("install-links: cannot find out where this executable lies: {error}");
            return 1;
        }
    };
    let mut job = Job { remove: options.remove, done: 0, refused: 0 };
    for name in dispatch::link_names() {
        job.link(&options.directory.join(name), &executable);
    }
    if options.system {
        for name in SYSTEM_LINKS {
            job.link(&below(&options.root, name), &executable);
        }
        let units = below(&options.root, UNIT_FOLDER);
        for (name, text) in UNITS {
            job.unit(&units.join(name), text, &executable);
        }
        for name in UNIT_LINKS {
            job.link(&units.join(name), &Path::new(UNIT_FOLDER).join(UNIT));
        }
    }
    let verb = if options.remove { "removed" } else { "in place" };
    println!("{} names {verb}", job.done);
    i32::from(job.refused > 0)
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut directory = None;
    let mut options =
        Options { directory: PathBuf::new(), system: false, root: PathBuf::from("/"), remove: false };
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--system" => options.system = true,
            "--remove" => options.remove = true,
            "--root" => {
                let prefix = rest.next().ok_or("--root needs a directory, for example --root /tmp/image")?;
                options.root = PathBuf::from(prefix);
            }
            word if word.starts_with("--root=") => options.root = PathBuf::from(&word["--root=".len()..]),
            word if word.starts_with('-') => return Err(format!("there is no option \"{word}\"")),
            word if directory.is_none() => directory = Some(PathBuf::from(word)),
            word => return Err(format!("one directory is enough, what is \"{word}\"?")),
        }
    }
    options.directory =
        directory.ok_or("which directory? For example: holdfast install-links /usr/local/sbin")?;
    Ok(Some(options))
}

fn below(root: &Path, absolute: &str) -> PathBuf {
    root.join(absolute.trim_start_matches('/'))
}

struct Job {
    remove: bool,
    done: usize,
    refused: usize,
}

impl Job {
    fn link(&mut self, at: &Path, target: &Path) {
        let result = if self.remove { remove_link(at, target) } else { make_link(at, target) };
        self.note(at, result);
    }

    fn unit(&mut self, at: &Path, text: &str, executable: &Path) {
        let text = text.replace("/usr/sbin/holdfast", &executable.to_string_lossy());
        let result = match (fs::read_to_string(at), self.remove) {
            (Ok(present), _) if present != text => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a different unit is there; compare it, then remove it to have ours",
            )),
            (Ok(_), true) => fs::remove_file(at),
            (Ok(_), false) | (Err(_), true) => Ok(()),
            (Err(_), false) => parent(at).and_then(|()| fs::write(at, text)),
        };
        self.note(at, result);
    }

    fn note(&mut self, at: &Path, result: io::Result<()>) {
        match result {
            Ok(()) => self.done += 1,
            Err(error) => {
                self.refused += 1;
                eprintln!("install-links: {}: {error}", at.display());
            }
        }
    }
}

fn parent(at: &Path) -> io::Result<()> {
    at.parent().map_or(Ok(()), fs::create_dir_all)
}

fn make_link(at: &Path, target: &Path) -> io::Result<()> {
    parent(at)?;
    match fs::symlink_metadata(at) {
        Ok(_) if fs::read_link(at).is_ok_and(|present| present == target) => Ok(()),
        // Our own link from another place (an update): the old target is an executable of our name.
        Ok(_) if fs::read_link(at).is_ok_and(|present| present.file_name() == target.file_name()) => {
            fs::remove_file(at)?;
            std::os::unix::fs::symlink(target, at)
        }
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something else is there already; move it away to have our link",
        )),
        Err(_) => std::os::unix::fs::symlink(target, at),
    }
}

fn remove_link(at: &Path, target: &Path) -> io::Result<()> {
    match fs::read_link(at) {
        Ok(present) if present == target || present.file_name() == target.file_name() => fs::remove_file(at),
        _ => Ok(()),
    }
}
