//! What the tools ask of a running ring: links, votes, keys, reload, kill. One of these lives beside the ring's handle.
//!
//! Knows the configuration in force and keys that people set; the ring itself decides everything about votes.

use crate::config::{Diagnostic, KeyError, KeyMap, Value};
use crate::connections::Connections;
use crate::load::{LoadError, Loaded, load};
use crate::runtime_map;
use crate::thread::{
    self, Counters, LinkBinding, ReloadError, RingHandle, RingStatus, SendError, StartError,
};
use holdfast_totem::{NodeId, quorum};
use std::path::{Path, PathBuf};

/// Keys that clear counters when they are set.
const CLEAR: &str = "stats.clear.";

/// Why a question has no answer or an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the configuration in force stays: {0}")]
    Reload(#[from] ReloadError),
    #[error("the key in force stays: {0}")]
    Key(#[from] StartError),
    #[error(transparent)]
    Map(#[from] KeyError),
    #[error(
        "CS_ERR_ACCESS: '{key}' is taken from corosync.conf; change the file, then type: corosync-cfgtool -R"
    )]
    FromFile { key: String },
    #[error("CS_ERR_NOT_EXIST: there is no key '{0}'")]
    NoKey(String),
    #[error("CS_ERR_NOT_EXIST: node {0} is not a member of the cluster")]
    NoNode(u32),
    #[error(
        "CS_ERR_INVALID_PARAM: of {wanted} expected votes {needed} are needed to act, and {present} are here; expect \
         {present} to {most}"
    )]
    Expected { wanted: u32, needed: u32, present: u32, most: u32 },
    #[error("'{0}' is no group of counters; use knet, ipc, totem, schedmiss or all")]
    NoCounters(String),
    #[error(transparent)]
    Ring(#[from] SendError),
}

/// The other end of the tools.
pub struct Admin {
    path: PathBuf,
    state_dir: PathBuf,
    loaded: Loaded,
    bindings: Vec<LinkBinding>,
    handle: RingHandle,
    /// Keys that people set at run time.
    set: KeyMap,
    /// Who is connected to the daemon's socket.
    connections: Connections,
}

impl Admin {
    /// For a ring that was started from this file.
    pub fn new(
        path: &Path,
        state_dir: &Path,
        loaded: Loaded,
        handle: RingHandle,
        connections: Connections,
    ) -> Admin {
        Admin {
            path: path.to_owned(),
            state_dir: state_dir.to_owned(),
            bindings: thread::bindings(&loaded.conf),
            loaded,
            handle,
            set: KeyMap::default(),
            connections,
        }
    }

    /// The configuration in force.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// A snapshot of the ring.
    ///
    /// # Errors
    /// When the ring has ended.
    pub async fn status(&self) -> Result<Box<RingStatus>, AdminError> {
        Ok(self.handle.status().await?)
    }

    /// Keys that begin with a prefix, with type and value as text.
    ///
    /// # Errors
    /// When the ring has ended.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<(String, String, String)>, AdminError> {
        let status = self.status().await?;
        let (tools, closed) = self.connections.now();
        let mut map = runtime_map::build(&self.loaded.conf, &status, (&tools, closed));
        for (key, value) in self.set.with_prefix("") {
            map.set(key, value.clone())?;
        }
        Ok(map
            .with_prefix(prefix)
            .map(|(key, value)| (key.to_owned(), value.kind().to_owned(), value.to_string()))
            .collect())
    }

    /// Sets a key. Some have an effect on the votes; those of the file are changed there.
    ///
    /// # Errors
    /// When the key is the file's, or the value is not of its type.
    pub async fn set_key(&mut self, key: &str, kind: &str, value: &str) -> Result<(), AdminError> {
        let value = Value::parse(kind, value)?;
        let number = match &value {
            Value::U8(n) => Some(u32::from(*n)),
            Value::U16(n) => Some(u32::from(*n)),
            Value::U32(n) => Some(*n),
            _ => None,
        };
        match (key, number) {
            ("quorum.expected_votes", Some(votes)) => self.set_expected(votes).await?,
            // An order, not a key.
            (key, _) if key.starts_with(CLEAR) => return self.clear(&key[CLEAR.len()..]),
            ("quorum.cancel_wait_for_all", Some(1)) => {
                self.handle.quorum(quorum::Change::CancelWaitForAll)?;
            }
            _ => {
                if let Some(position) =
                    key.strip_prefix("nodelist.node.").and_then(|k| k.strip_suffix(".quorum_votes"))
                    && let (Ok(position), Some(votes)) = (position.parse::<usize>(), number)
                    && let Some(node) = self.loaded.conf.nodes.get(position)
                {
                    self.handle.quorum(quorum::Change::Votes(NodeId(node.id), votes))?;
                } else if read_only(key) {
                    return Err(AdminError::FromFile { key: key.to_owned() });
                }
            }
        }
        self.set.set(key, value)?;
        Ok(())
    }

    /// Removes a key that was set.
    ///
    /// # Errors
    /// When there is none, or it is the file's.
    pub async fn delete_key(&mut self, key: &str) -> Result<(), AdminError> {
        if self.set.remove(key).is_some() {
            return Ok(());
        }
        if self.keys(key).await?.iter().any(|(known, _, _)| known == key) {
            return Err(AdminError::FromFile { key: key.to_owned() });
        }
        Err(AdminError::NoKey(key.to_owned()))
    }

    /// Sets counters to zero.
    ///
    /// # Errors
    /// When the group is unknown, or the ring has ended.
    pub fn clear(&self, what: &str) -> Result<(), AdminError> {
        let counters = match what {
            "all" => Counters::All,
            "totem" => Counters::Totem,
            "knet" => Counters::Knet,
            "ipc" => Counters::Ipc,
            "schedmiss" => Counters::Schedmiss,
            other => return Err(AdminError::NoCounters(other.to_owned())),
        };
        if matches!(counters, Counters::All | Counters::Ipc) {
            self.connections.clear();
        }
        Ok(self.handle.clear(counters)?)
    }

    /// Changes the votes of a member.
    ///
    /// # Errors
    /// When it is not a member.
    pub async fn set_votes(&self, node: u32, votes: u32) -> Result<(), AdminError> {
        let status = self.status().await?;
        let member = status.view.is_some_and(|view| view.members.iter().any(|member| member.id.0 == node));
        if !member {
            return Err(AdminError::NoNode(node));
        }
        Ok(self.handle.quorum(quorum::Change::Votes(NodeId(node), votes))?)
    }

    /// Changes the expected votes, as far as this partition may then still act and none of its votes is left out.
    ///
    /// # Errors
    /// When the number is too small or too large for that, or the ring has ended.
    pub async fn set_expected(&self, votes: u32) -> Result<(), AdminError> {
        let status = self.status().await?;
        let members = status.view.iter().flat_map(|view| &view.members);
        let present = members.map(|member| member.votes).fold(0_u32, u32::saturating_add);
        let needed = votes / 2 + 1;
        let most = present.saturating_mul(2).saturating_sub(1);
        let two_node = status.quorum.two_node && votes <= 2;
        if votes < present || (needed > present && !two_node) {
            return Err(AdminError::Expected { wanted: votes, needed, present, most: most.max(present) });
        }
        Ok(self.handle.quorum(quorum::Change::ExpectedVotes(votes))?)
    }

    /// Orders every member to read its file again.
    ///
    /// # Errors
    /// When this node's own file cannot be used: then nobody is told.
    pub async fn reload_all(&mut self) -> Result<(), AdminError> {
        load(&self.path, &self.state_dir)?;
        Ok(self.handle.order(thread::Order::Reload).await?)
    }

    /// Orders a member to leave at once.
    ///
    /// # Errors
    /// When it is not a member.
    pub async fn kill(&self, node: u32) -> Result<(), AdminError> {
        let status = self.status().await?;
        if !status.view.is_some_and(|view| view.members.iter().any(|member| member.id.0 == node)) {
            return Err(AdminError::NoNode(node));
        }
        Ok(self.handle.order(thread::Order::Kill(NodeId(node))).await?)
    }

    /// Reads the file and the key again and puts them into force. The findings are for the log. The resolver may
    /// take its time: call it where waiting is allowed.
    ///
    /// # Errors
    /// When anything is wrong; the configuration in force then stays.
    pub fn reload(&mut self) -> Result<Vec<Diagnostic>, AdminError> {
        let loaded = load(&self.path, &self.state_dir)?;
        let key = thread::key(&loaded.conf)?;
        self.handle.reconfigure(&loaded.conf, &self.bindings)?;
        self.handle.rekey(key)?;
        let mut findings = loaded.findings.clone();
        findings.extend(needs_restart(&self.loaded, &loaded));
        self.bindings = thread::bindings(&loaded.conf);
        self.loaded = loaded;
        Ok(findings)
    }
}

/// Keys that only the file changes.
fn read_only(key: &str) -> bool {
    [
        "totem.",
        "quorum.",
        "nodelist.",
        "logging.",
        "system.",
        "resources.",
        "runtime.",
        "stats.",
        "internal_configuration.",
    ]
    .iter()
    .any(|prefix| key.starts_with(prefix))
}

/// Differences that take effect at the next start only.
fn needs_restart(old: &Loaded, new: &Loaded) -> Vec<Diagnostic> {
    let (old, new) = (&old.conf, &new.conf);
    let changed = [
        ("cluster_name", old.cluster_name != new.cluster_name),
        ("nodeid", old.local_id != new.local_id),
        ("name", old.local_name != new.local_name),
        ("transport", old.transport != new.transport),
        (
            "holdfast_unsealed",
            (old.seal == crate::config::Seal::Unsealed) != (new.seal == crate::config::Seal::Unsealed),
        ),
        ("sched_rr", old.system.scheduling != new.system.scheduling),
        ("state_dir", old.system.state_dir != new.system.state_dir),
    ];
    changed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(option, _)| {
            Diagnostic::warning(
                None,
                format!("the change of '{option}' takes effect when the daemon starts again"),
            )
        })
        .collect()
}
