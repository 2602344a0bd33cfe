//! The two stacks: how each is configured, started and talked to.

use super::lab::{Lab, address};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source of corosync's programs, compiled when corosync is measured.
const CPG_PROGRAM: &str = include_str!("cpg_program.c");

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stack {
    /// This project's executable.
    Holdfast { executable: PathBuf },
    /// Debian's corosync with programs of our own.
    Corosync { program: PathBuf },
}

/// How it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub token_ms: u32,
    /// Real-time scheduling, the default of both.
    pub real_time: bool,
    /// Encrypted and authenticated; else in clear over the leanest transport there is.
    pub sealed: bool,
}

impl Stack {
    /// One word and its settings, for tables.
    pub fn label(&self, settings: Settings) -> String {
        let name = match (self, settings.sealed) {
            (Stack::Holdfast { .. }, true) => "holdfast sealed",
            (Stack::Holdfast { .. }, false) => "holdfast clear",
            (Stack::Corosync { .. }, true) => "corosync knet aes256+sha256",
            (Stack::Corosync { .. }, false) => "corosync udpu clear",
        };
        format!("{name}, {}", if settings.real_time { "real-time" } else { "nice" })
    }

    /// The executable of this project beside the running one.
    ///
    /// # Errors
    /// When it was not built.
    pub fn holdfast(given: Option<PathBuf>) -> Result<Stack, String> {
        let beside = || Some(std::env::current_exe().ok()?.parent()?.join("holdfast"));
        let executable = given.or_else(beside).ok_or("this program's folder is not known")?;
        if executable.is_file() {
            return Ok(Stack::Holdfast { executable });
        }
        Err(format!(
            "there is no {}; build it with 'cargo build --release -p holdfast' or name it with --holdfast",
            executable.display()
        ))
    }

    /// Corosync with its version, or why it cannot be measured here.
    ///
    /// # Errors
    /// When corosync, the compiler or the library's header is missing.
    pub fn corosync(folder: &Path) -> Result<(Stack, String), String> {
        let output = Command::new("corosync")
            .arg("-v")
            .output()
            .map_err(|_| "corosync is not installed (apt-get install corosync libcpg-dev gcc)".to_owned())?;
        let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("?").to_owned();
        let source = folder.join("cpg_program.c");
        let program = folder.join("cpg_program");
        std::fs::write(&source, CPG_PROGRAM).map_err(|error| format!("{}: {error}", source.display()))?;
        let compiled = Command::new("gcc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(&source)
            .arg("-lcpg")
            .output()
            .map_err(|_| "gcc is not installed".to_owned())?;
        if !compiled.status.success() {
            let why = String::from_utf8_lossy(&compiled.stderr);
            let line = why.lines().find(|line| line.contains("error")).unwrap_or("gcc failed");
            return Err(format!("its program does not compile (apt-get install libcpg-dev): {line}"));
        }
        Ok((Stack::Corosync { program }, version))
    }

    /// Writes the configuration of all hosts.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn configure(&self, lab: &Lab, settings: Settings, folder: &Path) -> Result<(), String> {
        let key = folder.join("authkey");
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        write_key(&key)?;
        let text = self.configuration(lab, settings, &key);
        for host in 1..=lab.hosts() {
            let own = folder.join(format!("n{host}"));
            std::fs::create_dir_all(&own).map_err(|error| format!("{}: {error}", own.display()))?;
            write(&own.join("corosync.conf"), text.as_bytes())?;
        }
        Ok(())
    }

    fn configuration(&self, lab: &Lab, settings: Settings, key: &Path) -> String {
        let mut text = format!(
            "totem {{\n  version: 2\n  cluster_name: bench\n  token: {}\n  token_coefficient: 0\n  keyfile: {}\n",
            settings.token_ms,
            key.display()
        );
        text += match (self, settings.sealed) {
            (Stack::Corosync { .. }, true) => {
                "  transport: knet\n  crypto_cipher: aes256\n  crypto_hash: sha256\n"
            }
            (Stack::Corosync { .. }, false) => "  transport: udpu\n",
            (Stack::Holdfast { .. }, true) => "  transport: knet\n",
            (Stack::Holdfast { .. }, false) => "  transport: knet\n  holdfast_unsealed: yes\n",
        };
        text += "}\nnodelist {\n";
        for host in 1..=lab.hosts() {
            let _ = write!(text, "  node {{\n    name: n{host}\n    nodeid: {host}\n");
            for link in 0..lab.links() {
                let _ = writeln!(text, "    ring{link}_addr: {}", address(link, host));
            }
            text += "  }\n";
        }
        text += "}\nquorum {\n  provider: corosync_votequorum\n}\nsystem {\n";
        text += if settings.real_time { "  sched_rr: yes\n" } else { "  sched_rr: no\n" };
        if let (Stack::Corosync { .. }, false) = (self, settings.real_time) {
            text += "  priority: max\n";
        }
        if let Stack::Corosync { .. } = self {
            text += "  move_to_root_cgroup: no\n";
        }
        text + "}\nlogging {\n  to_stderr: yes\n  to_logfile: no\n  to_syslog: no\n}\n"
    }

    /// Completes a command inside a host so that it runs a node in the foreground.
    pub fn node(&self, mut inside: Command, folder: &Path, host: usize) -> Command {
        let own = folder.join(format!("n{host}"));
        match self {
            Stack::Holdfast { executable } => {
                inside.arg(executable).args(["ring", "--config"]).arg(&own);
                inside.env("HOLDFAST_STATE_DIR", own.join("state"));
                inside.env("HOLDFAST_RUN_DIR", own.join("run"));
            }
            Stack::Corosync { .. } => {
                inside.args(["corosync", "-f", "-c"]).arg(own.join("corosync.conf"));
            }
        }
        inside
    }

    /// Completes a command inside a host so that it runs a program of that node.
    pub fn program(&self, mut inside: Command, folder: &Path, host: usize, kind: &str) -> Command {
        match self {
            Stack::Holdfast { executable } => {
                inside.arg(executable).args(["bench", "ring-program", kind]);
                inside.arg(folder.join(format!("n{host}/run/groups")));
            }
            Stack::Corosync { program } => {
                inside.arg(program).arg(kind);
            }
        }
        inside
    }
}

/// A fresh key of 256 random bytes.
///
/// # Errors
/// When it cannot be written.
pub fn write_key(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let explain = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut bytes = [0; 256];
    let mut random = std::fs::File::open("/dev/urandom").map_err(explain)?;
    std::io::Read::read_exact(&mut random, &mut bytes).map_err(explain)?;
    let fresh = path.with_extension("new");
    // A rest of an earlier attempt must not keep its mode.
    let _ = std::fs::remove_file(&fresh);
    let mut file =
        std::fs::OpenOptions::new().create_new(true).write(true).mode(0o400).open(&fresh).map_err(explain)?;
    std::io::Write::write_all(&mut file, &bytes).map_err(explain)?;
    std::fs::rename(&fresh, path).map_err(explain)
}
