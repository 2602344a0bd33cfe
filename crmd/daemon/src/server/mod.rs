//! The local socket: who may connect, frames in, frames out, and what happens to those who do not read.
//! Knows no request; the driver gets them in order of each client.

mod client;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_api::{Credentials, Request};
use holdfast_core::ClientId;
use holdfast_node::connections::Connections;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, warn};

use crate::users::{self, CLUSTER_GROUP};

pub use client::Outbox;

/// Connections at one time.
const CLIENTS: usize = 512;
/// Requests of all clients that wait for the driver.
const WAITING: usize = 256;

/// What clients do.
#[derive(Debug)]
pub enum FromClient {
    /// Somebody came. Told once, before anything else of this client.
    Connected { client: ClientId, credentials: Credentials, outbox: Outbox },
    /// Somebody asks.
    Request { client: ClientId, id: u64, request: Request },
    /// Somebody went, or was sent away.
    Gone(ClientId),
}

/// The listening socket. Its file goes when it is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    accepting: tokio::task::JoinHandle<()>,
    connections: Connections,
}

/// Who may use the socket beside root and group haclient.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    pub users: Vec<u32>,
    pub groups: Vec<u32>,
}

impl Server {
    /// Listens. Requests arrive at the receiver.
    ///
    /// # Errors
    /// The socket cannot be made, or another daemon answers on it.
    pub fn start(path: &Path, allowed: Allowed) -> io::Result<(Self, mpsc::Receiver<FromClient>)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        clear(path)?;
        let listener = UnixListener::bind(path)?;
        let group = users::group_id(CLUSTER_GROUP);
        let root = rustix::process::geteuid().is_root();
        // Everybody may knock where others are allowed by name; each peer is checked after its connection.
        let open = root && (!allowed.users.is_empty() || !allowed.groups.is_empty());
        if let (true, Some(group)) = (root, group) {
            std::os::unix::fs::chown(path, None, Some(group))?;
        }
        let mode = if open { 0o666 } else { 0o660 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        let (requests, receiver) = mpsc::channel(WAITING);
        let connections = Connections::default();
        let accepting = tokio::spawn(accept(listener, requests, allowed, group, connections.clone()));
        Ok((Self { path: path.to_owned(), accepting, connections }, receiver))
    }

    /// Who is connected, with what was counted.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the socket of a daemon that is no more.
fn clear(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => Err(io::Error::other("something else has that name")),
        Ok(_) if StdUnixStream::connect(path).is_ok() => {
            Err(io::Error::other("another daemon answers on it"))
        }
        Ok(_) => std::fs::remove_file(path),
    }
}

async fn accept(
    listener: UnixListener,
    requests: mpsc::Sender<FromClient>,
    allowed: Allowed,
    group: Option<u32>,
    connections: Connections,
) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    let mut next = 1;
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors: others have to end first.
                warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let credentials = match identify(&stream) {
            Ok(credentials) => credentials,
            Err(error) => {
                debug!("a connection without credentials: {error}");
                continue;
            }
        };
        if !may_connect(&credentials, &allowed, group) {
            warn!("user {} (process {}) may not use the local socket", credentials.user, credentials.pid);
            continue;
        }
        let client = ClientId(next);
        next += 1;
        let entry = connections.open(client.0, credentials.pid);
        tokio::spawn(client::serve(stream, client, credentials, requests.clone(), place, entry));
    }
}

fn identify(stream: &UnixStream) -> io::Result<Credentials> {
    let peer = stream.peer_cred()?;
    let user = users::user(peer.uid(), peer.gid());
    Ok(Credentials {
        uid: peer.uid(),
        gid: peer.gid(),
        pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default(),
        user: user.name,
        groups: user.groups,
        client: String::new(),
    })
}

fn may_connect(who: &Credentials, allowed: &Allowed, group: Option<u32>) -> bool {
    who.is_privileged()
        || who.uid == rustix::process::geteuid().as_raw()
        || group.is_some_and(|group| who.gid == group || who.groups.iter().any(|name| name == CLUSTER_GROUP))
        || allowed.users.contains(&who.uid)
        || allowed.groups.contains(&who.gid)
}
