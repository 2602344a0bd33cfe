//! Where everything of one node lies. Read once from the environment and the command line; nothing else in the daemon
//! looks at the environment.

use std::path::{Path, PathBuf};

/// Folders of one node. Each can be moved, so that many nodes run on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `corosync.conf`, `authkey` (`HOLDFAST_CONFIG_DIR`, `--config`).
    pub config: PathBuf,
    /// Journal, snapshots, ring record (`HOLDFAST_STATE_DIR`).
    pub state: PathBuf,
    /// Socket, in-flight journal, agents' state files (`HOLDFAST_RUN_DIR`).
    pub run: PathBuf,
    /// Log (`HOLDFAST_LOG_DIR`).
    pub log: PathBuf,
    /// Exports for old tools: `cib/`, `pengine/` (`HOLDFAST_PACEMAKER_DIR`).
    pub pacemaker: PathBuf,
    /// `OCF_ROOT`.
    pub ocf_root: PathBuf,
    /// Variables that were set, handed on to agents so that the tools they call reach this node.
    pub moved: Vec<(String, String)>,
}

/// Variable and default of each folder.
const CONFIG: (&str, &str) = ("HOLDFAST_CONFIG_DIR", "/etc/corosync");
const STATE: (&str, &str) = ("HOLDFAST_STATE_DIR", "/var/lib/holdfast");
const RUN: (&str, &str) = ("HOLDFAST_RUN_DIR", "/run/holdfast");
const LOG: (&str, &str) = ("HOLDFAST_LOG_DIR", "/var/log/holdfast");
const PACEMAKER: (&str, &str) = ("HOLDFAST_PACEMAKER_DIR", "/var/lib/pacemaker");
const OCF_ROOT: (&str, &str) = ("OCF_ROOT", "/usr/lib/ocf");

impl Paths {
    /// From a lookup of variables (the environment) and the folder named by `--config`.
    #[must_use]
    pub fn from(variable: impl Fn(&str) -> Option<String>, config: Option<&Path>) -> Self {
        let mut moved = Vec::new();
        let mut folder = |(name, usual): (&str, &str)| match variable(name).filter(|value| !value.is_empty())
        {
            Some(value) => {
                let path = absolute(Path::new(&value));
                moved.push((name.to_owned(), path.to_string_lossy().into_owned()));
                path
            }
            None => PathBuf::from(usual),
        };
        let mut paths = Self {
            config: folder(CONFIG),
            state: folder(STATE),
            run: folder(RUN),
            log: folder(LOG),
            pacemaker: folder(PACEMAKER),
            ocf_root: folder(OCF_ROOT),
            moved: Vec::new(),
        };
        if let Some(config) = config {
            paths.config = absolute(config);
            moved.retain(|(name, _)| name != CONFIG.0);
            moved.push((CONFIG.0.to_owned(), paths.config.to_string_lossy().into_owned()));
        }
        paths.moved = moved;
        paths
    }

    /// From the environment of this process.
    #[must_use]
    pub fn from_environment(config: Option<&Path>) -> Self {
        Self::from(|name| std::env::var(name).ok(), config)
    }

    /// The local socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run.join("api")
    }

    /// Says why the node waits instead of taking part; not there otherwise. For init scripts.
    #[must_use]
    pub fn waiting(&self) -> PathBuf {
        self.run.join("waiting")
    }

    /// Folder for state files of agents (`HA_RSCTMP`): where agents of the distribution look, unless moved.
    #[must_use]
    pub fn agent_state(&self) -> PathBuf {
        if self.moved.iter().any(|(name, _)| name == RUN.0) {
            self.run.join("agents")
        } else {
            PathBuf::from("/run/resource-agents")
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_move_one_by_one() {
        let usual = Paths::from(|_| None, None);
        assert_eq!(usual.socket(), Path::new("/run/holdfast/api"));
        assert_eq!(usual.agent_state(), Path::new("/run/resource-agents"));
        assert!(usual.moved.is_empty());
        let moved = Paths::from(
            |name| (name == "HOLDFAST_RUN_DIR").then(|| "/tmp/n1".to_owned()),
            Some(Path::new("/tmp/conf")),
        );
        assert_eq!(moved.socket(), Path::new("/tmp/n1/api"));
        assert_eq!(moved.agent_state(), Path::new("/tmp/n1/agents"));
        assert_eq!(moved.config, Path::new("/tmp/conf"));
        assert_eq!(moved.moved.len(), 2);
    }
}
