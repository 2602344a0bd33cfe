//! Reads the configuration file of this machine: from the disk, with the machine's names, addresses and memory.

use crate::config::{self, Allowed, CorosyncConf, Diagnostic, Value};
use crate::machine;
use crate::thread::record;
use holdfast_totem::NodeId;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(
        "there is no {0}; make one with 'haresources2cib' from a heartbeat configuration, or write it as in docs/corosync.conf.md"
    )]
    Missing(PathBuf),
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the addresses of this machine cannot be read: {0}")]
    Addresses(io::Error),
    #[error("{path} cannot be used:\n{}", list(.findings))]
    Refused { path: PathBuf, text: String, findings: Vec<Diagnostic> },
}

fn list(findings: &[Diagnostic]) -> String {
    let errors: Vec<String> =
        findings.iter().filter(|finding| finding.is_error()).map(|finding| format!("  {finding}")).collect();
    errors.join("\n")
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub conf: CorosyncConf,
    /// Warnings and notes, in order of the file.
    pub findings: Vec<Diagnostic>,
    pub text: String,
}

/// Most files of `uidgid.d`.
const MOST: usize = 1_000;

/// Users and groups of the files in `uidgid.d` beside the configuration, as programs' packages put them there.
fn allowed_files(path: &Path) -> Result<(Vec<Allowed>, Vec<Diagnostic>), LoadError> {
    let folder = path.with_file_name("uidgid.d");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Io { path, source }
    };
    let list = match std::fs::read_dir(&folder) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(source) => return Err(LoadError::Io { path: folder, source }),
    };
    let mut files = Vec::new();
    for entry in list.take(MOST) {
        let file = entry.map_err(io(&folder))?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if file.is_file() && !hidden {
            files.push(file);
        }
    }
    files.sort();
    let (mut allowed, mut findings) = (Vec::new(), Vec::new());
    for file in files {
        let bytes = std::fs::read(&file).map_err(io(&file))?;
        let text = String::from_utf8_lossy(&bytes);
        let (some, told) = config::read_allowed(&text, &file.display().to_string());
        allowed.extend(some);
        findings.extend(told);
    }
    Ok((allowed, findings))
}

/// Reads `corosync.conf`. `state_dir` is where the ring's record lies, which remembers the votes of clusters without
/// a list of nodes.
///
/// # Errors
/// When the file cannot be read, or something in it forbids to start.
pub fn load(path: &Path, state_dir: &Path) -> Result<Loaded, LoadError> {
    let bytes = std::fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing(path.to_owned()),
        _ => LoadError::Io { path: path.to_owned(), source },
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut environment = machine::environment(path, &text, 0).map_err(LoadError::Addresses)?;
    let mut reading = config::read_bytes(&bytes, &environment);
    if let Some(conf) = reading.conf.as_ref().filter(|conf| conf.open) {
        // A damaged record is told when the ring starts.
        let seen = record::read(state_dir, NodeId(conf.local_id)).ok().flatten();
        environment.votes_seen = seen.map_or(0, |record| record.expected_votes);
        reading = config::read_bytes(&bytes, &environment);
    }
    let (more, findings) = allowed_files(path)?;
    reading.findings.extend(findings);
    if reading.errors().next().is_some() {
        reading.conf = None;
    }
    match reading.conf {
        Some(mut conf) => {
            for (kind, name) in more
                .iter()
                .flat_map(|allowed| [("uid", allowed.user.as_ref()), ("gid", allowed.group.as_ref())])
            {
                if let Some(name) = name {
                    // A name that the map does not allow is let in all the same, as with those of the file.
                    let _ = conf.map.set(&format!("uidgid.config.{kind}.{name}"), Value::U8(1));
                }
            }
            conf.allowed.extend(more);
            Ok(Loaded { conf, findings: reading.findings, text })
        }
        None => Err(LoadError::Refused { path: path.to_owned(), text, findings: reading.findings }),
    }
}
