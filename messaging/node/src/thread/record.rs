//! The ring's record on disk: which ring sequence was used last, so that no ring is ever named twice.
//!
//! One small file a node, replaced in one step and synced. The writer is a thread of its own: a slow disk holds back
//! the ring only where the protocol itself must wait.

use holdfast_totem::{NodeId, PersistedRing, Ticket};
use ring::digest;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

const MAGIC: &[u8; 8] = b"HFRING\x00\x01";
const LENGTH: usize = 8 + 8 + 4 + 32;

/// The file of a node's record.
pub fn path(state_dir: &Path, node: NodeId) -> PathBuf {
    state_dir.join(format!("ringid_{node}"))
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{0} is damaged; if no other node is running, remove it and start again")]
    Damaged(PathBuf),
}

fn encode(record: PersistedRing) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&record.ring_seq.to_le_bytes());
    bytes.extend_from_slice(&record.expected_votes.to_le_bytes());
    let sum = digest::digest(&digest::SHA256, &bytes);
    bytes.extend_from_slice(sum.as_ref());
    bytes
}

fn decode(bytes: &[u8]) -> Option<PersistedRing> {
    // corosync's own file: eight bytes in the order of the machine.
    if let Ok(old) = <[u8; 8]>::try_from(bytes) {
        return Some(PersistedRing { ring_seq: u64::from_ne_bytes(old), expected_votes: 0 });
    }
    let (body, sum) = bytes.split_at_checked(LENGTH - 32)?;
    if bytes.len() != LENGTH || digest::digest(&digest::SHA256, body).as_ref() != sum {
        return None;
    }
    let body = body.strip_prefix(MAGIC)?;
    let (seq, votes) = body.split_at_checked(8)?;
    Some(PersistedRing {
        ring_seq: u64::from_le_bytes(seq.try_into().ok()?),
        expected_votes: u32::from_le_bytes(votes.try_into().ok()?),
    })
}

/// Reads the record of a node; `None` on its first start.
///
/// # Errors
/// When the file is there and cannot be read or believed.
pub fn read(state_dir: &Path, node: NodeId) -> Result<Option<PersistedRing>, RecordError> {
    let path = path(state_dir, node);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RecordError::Read { path, source }),
    };
    let mut bytes = Vec::new();
    if let Err(source) = file.take(LENGTH as u64 + 1).read_to_end(&mut bytes) {
        return Err(RecordError::Read { path, source });
    }
    let record = decode(&bytes).filter(|record| record.ring_seq <= PersistedRing::MAX_SEQ);
    record.map(Some).ok_or(RecordError::Damaged(path))
}

/// Writes the record durably.
///
/// # Errors
/// When any step fails; the old record is then still whole.
pub fn write(state_dir: &Path, node: NodeId, record: PersistedRing) -> Result<(), RecordError> {
    let path = path(state_dir, node);
    let draft = path.with_extension("new");
    let attempt = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&encode(record))?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        File::open(state_dir)?.sync_all()
    };
    attempt().map_err(|source| RecordError::Write { path: path.clone(), source })
}

/// A request to the writer.
pub(super) type Order = (Ticket, PersistedRing);

/// Starts the writer; it ends when the sender is dropped. `done` is told of every ticket, in order.
pub(super) fn writer(
    state_dir: PathBuf,
    node: NodeId,
    mut done: impl FnMut(Result<Ticket, RecordError>) + Send + 'static,
) -> io::Result<mpsc::Sender<Order>> {
    let (sender, orders) = mpsc::channel::<Order>();
    std::thread::Builder::new().name("ring-record".to_owned()).stack_size(256 << 10).spawn(move || {
        while let Ok((mut ticket, mut record)) = orders.recv() {
            // Later records replace earlier ones.
            while let Ok((next_ticket, next)) = orders.try_recv() {
                (ticket, record) = (next_ticket, next);
            }
            done(write(&state_dir, node, record).map(|()| ticket));
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_and_damage_is_seen() {
        let folder = std::env::temp_dir().join(format!("holdfast-record-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let node = NodeId(7);
        assert_eq!(read(&folder, node).unwrap(), None);
        let record = PersistedRing { ring_seq: 1 << 40, expected_votes: 600 };
        write(&folder, node, record).unwrap();
        assert_eq!(read(&folder, node).unwrap(), Some(record));
        let file = path(&folder, node);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[9] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(matches!(read(&folder, node), Err(RecordError::Damaged(_))));
        std::fs::write(&file, 44u64.to_ne_bytes()).unwrap();
        assert_eq!(read(&folder, node).unwrap(), Some(PersistedRing { ring_seq: 44, expected_votes: 0 }));
        // A number that no ring can ever have reached.
        std::fs::write(&file, u64::MAX.to_ne_bytes()).unwrap();
        assert!(matches!(read(&folder, node), Err(RecordError::Damaged(_))));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
