//! Where the socket is, and who may be behind it.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::error::ClientError;

/// Environment variable that moves the folder of the socket.
pub const RUN_DIR_VARIABLE: &str = "HOLDFAST_RUN_DIR";

/// The socket of the local node.
#[must_use]
pub fn socket_path() -> PathBuf {
    let folder = std::env::var_os(RUN_DIR_VARIABLE).filter(|folder| !folder.is_empty());
    folder.map_or_else(|| PathBuf::from("/run/holdfast"), PathBuf::from).join("api")
}

/// What a failure to connect means.
pub(crate) fn refused(path: &Path, source: io::Error) -> ClientError {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            ClientError::Denied { path: path.to_owned(), user: rustix::process::geteuid().as_raw() }
        }
        _ => ClientError::NotRunning { path: path.to_owned(), source },
    }
}

/// The daemon runs as root, or (tests, demo) as the user who asks. Anybody else could only be an impostor who made
/// the socket first.
pub(crate) fn check_server(path: &Path, socket: impl AsFd) -> Result<(), ClientError> {
    let uid = rustix::net::sockopt::socket_peercred(socket).map_err(io::Error::from)?.uid;
    if uid.is_root() || uid == rustix::process::geteuid() {
        Ok(())
    } else {
        Err(ClientError::Impostor { path: path.to_owned(), uid: uid.as_raw() })
    }
}
