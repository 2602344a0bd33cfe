//! What a node writes to disk, as the daemon sees it: bytes or small values, each with how durable it has to be.
//!
//! Knows what must survive what. Does not know files.

use crate::io::{CallId, Operation};

/// One thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Append to the journal of the document and sync it; then answer `Persisted`.
    /// The bytes are a whole record of `holdfast_store`'s journal format.
    Journal(Vec<u8>),
    /// Replace the snapshot of the document (temporary file, sync, rename, sync of the folder), keep the one before,
    /// start a new journal; then answer `Persisted`.
    Snapshot {
        /// A whole snapshot of `holdfast_store`'s format.
        bytes: Vec<u8>,
        /// The document as XML, for the export that old tools read (`cib.xml`).
        xml: String,
    },
    /// The document changed: refresh the export that old tools read when there is time. Needs no answer.
    Export {
        /// The document as XML.
        xml: String,
    },
    /// A document that lost a merge: keep it beside the others and log the difference. Needs no answer.
    Lost {
        /// The document that lost.
        xml: String,
        /// Why it lost, one sentence.
        why: String,
    },
    /// An agent is about to be started. Must survive the end of this process, not of the machine: a write without
    /// sync before the spawn is enough. Needs no answer.
    InFlight(Box<Operation>),
    /// That agent ended. Needs no answer.
    Landed(CallId),
    /// A resource is active here; the guard stops it with this operation if the daemon cannot come back. Later
    /// entries are stopped first. Survives like [`Record::InFlight`]. Needs no answer.
    Active(Box<Operation>),
    /// That resource is no longer active here. Needs no answer.
    Inactive {
        /// Name in the history.
        rsc: String,
    },
}

/// What the daemon found on disk when it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The newest valid snapshot of the document.
    pub snapshot: Option<Vec<u8>>,
    /// The journal that belongs to it, as far as it is valid.
    pub journal: Vec<u8>,
    /// A document left by other programs (`cib.xml`), used when there is no snapshot.
    pub import: Option<String>,
    /// Agents that may still run: the daemon answers each with `OperationDone` when it has ended (or was ended).
    pub in_flight: Vec<Operation>,
    /// Number after the highest call id ever used here.
    pub next_call: u64,
    /// The newest snapshot could not be read and an older one is used; say so.
    pub damaged: Option<String>,
}
