//! What can go wrong between a tool and its node, with the exit status that the classic tools use for it.

use std::io;
use std::path::PathBuf;

use holdfast_api::{Failure, FrameError};
use thiserror::Error;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("the cluster is not running on this node: nobody listens on {}", path.display())]
    NotRunning { path: PathBuf, source: io::Error },
    /// The socket is there, but not for this user.
    #[error("user {user} may not use {}", path.display())]
    Denied { path: PathBuf, user: u32 },
    /// Somebody else owns the other end.
    #[error("{} is served by user {uid}, expected root or yourself: refusing to talk to it", path.display())]
    Impostor { path: PathBuf, uid: u32 },
    /// The connection broke.
    #[error("connection to the cluster lost: {0}")]
    Lost(#[from] io::Error),
    /// The daemon closed the connection.
    #[error("the cluster closed the connection")]
    Closed,
    /// No answer in time.
    #[error("no answer from the cluster within {seconds} s")]
    Timeout { seconds: u64 },
    /// Bytes that are no frame, or another version.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The request was refused or failed.
    #[error("{0}")]
    Refused(#[from] Failure),
}

impl ClientError {
    /// The exit status that the classic tools use.
    #[must_use]
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::NotRunning { .. } => 102,
            Self::Denied { .. } | Self::Impostor { .. } => 4,
            Self::Lost(_) | Self::Closed => 102,
            Self::Timeout { .. } => 124,
            Self::Frame(_) => 76,
            Self::Refused(failure) => i32::from(failure.kind.exit_status()),
        }
    }

    /// What to type or try next.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotRunning { .. } => vec![
                "start it with `systemctl start holdfast` or `holdfast daemon`".to_owned(),
                "to look at a saved configuration instead, set CIB_file=FILE".to_owned(),
            ],
            Self::Denied { .. } => {
                vec!["be root, or a member of group haclient".to_owned()]
            }
            Self::Impostor { path, .. } => {
                vec![format!("find out who made {} before you go on", path.display())]
            }
            Self::Lost(_) | Self::Closed => vec!["the daemon was stopped or restarted: try again".to_owned()],
            Self::Timeout { .. } => vec!["look into the log, or try with a longer time-out".to_owned()],
            Self::Frame(_) => vec!["use the tools of the version that is running".to_owned()],
            Self::Refused(failure) => failure.hints.clone(),
        }
    }
}
