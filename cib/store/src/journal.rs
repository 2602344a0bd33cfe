//! The bytes of journal and snapshot: what survives a cut at any byte.
//!
//! A journal is a row of records; each names the record (or snapshot) before it by checksum, so records of different
//! journals cannot be mixed. A snapshot is one record of its own. Only configuration is kept: status is told again
//! after a restart. Writing and syncing is the daemon's business.

use holdfast_model::digest::md5_hex;
use holdfast_xml::patch::Change as PatchChange;
use holdfast_xml::{Document, Patch, Version};
use thiserror::Error;

use crate::digest;

const RECORD_MARK: &[u8; 4] = b"HFJ1";
const SNAPSHOT_MARK: &[u8; 4] = b"HFS1";
/// Mark, length, check, version, lineage, chain.
const HEAD: usize = 4 + 4 + 4 + 12 + 8 + 16;
/// Bytes of one payload.
const LARGEST: usize = 256 << 20;

/// Checksum of the record before, or of the snapshot a journal starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub [u8; 16]);

impl Chain {
    fn of(bytes: &[u8]) -> Chain {
        let hex = md5_hex(bytes);
        let mut sum = [0; 16];
        for (at, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap_or("0"), 16).unwrap_or(0);
        }
        Chain(sum)
    }
}

/// A document without what need not survive: its status.
pub fn durable(document: &Document) -> Document {
    let mut copy = document.clone();
    if let Some(status) = copy.root().child("status").map(|status| status.ix()) {
        copy.clear(status);
    }
    copy.compacted()
}

/// Whether a change happens inside `<status>`; one of the element itself matters for the order of the root's children.
fn is_status(change: &PatchChange) -> bool {
    match change.path().strip_prefix("/cib/status") {
        Some("") => matches!(change, PatchChange::Create { .. }),
        Some(rest) => rest.starts_with('/'),
        None => false,
    }
}

/// Makes the records of one journal.
#[derive(Clone, Debug)]
pub struct Writer {
    chain: Chain,
}

impl Writer {
    /// A writer that goes on after what was recovered.
    pub fn after(chain: Chain) -> Writer {
        Writer { chain }
    }

    /// A snapshot of a document; the journal begins anew behind it.
    pub fn snapshot(&mut self, document: &Document, quorate_lineage: u64) -> Vec<u8> {
        let durable = durable(document);
        let payload = durable.to_string_compact();
        let version = Version::of(durable.root());
        let bytes = seal(SNAPSHOT_MARK, version, quorate_lineage, Chain::default(), payload.as_bytes());
        self.chain = Chain::of(&bytes);
        bytes
    }

    /// A record of a change that led to `document`. `None` if only the status changed.
    pub fn record(&mut self, change: &Patch, document: &Document, quorate_lineage: u64) -> Option<Vec<u8>> {
        let mut patch = change.clone();
        patch.changes.retain(|change| !is_status(change));
        let only_counter = patch.changes.iter().all(|change| {
            change.path() == "/cib" && matches!(change, PatchChange::Modify { attributes, .. } if attributes.iter().all(is_num_updates))
        });
        if only_counter {
            return None;
        }
        let after = durable(document);
        patch.digest = Some(digest::whole(after.root()));
        let payload = patch.to_xml().to_string_compact();
        let version = Version::of(document.root());
        let bytes = seal(RECORD_MARK, version, quorate_lineage, self.chain, payload.as_bytes());
        self.chain = Chain::of(&bytes);
        Some(bytes)
    }

    pub fn chain(&self) -> Chain {
        self.chain
    }
}

fn is_num_updates(change: &holdfast_xml::patch::AttributeChange) -> bool {
    use holdfast_xml::patch::AttributeChange::{Set, Unset};
    match change {
        Set { name, .. } | Unset { name } => name == "num_updates",
    }
}

fn seal(mark: &[u8; 4], version: Version, lineage: u64, chain: Chain, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(HEAD + payload.len());
    for field in version.fields() {
        body.extend_from_slice(&field.to_le_bytes());
    }
    body.extend_from_slice(&lineage.to_le_bytes());
    body.extend_from_slice(&chain.0);
    body.extend_from_slice(payload);
    let mut bytes = Vec::with_capacity(12 + body.len());
    bytes.extend_from_slice(mark);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

struct Opened<'a> {
    version: Version,
    lineage: u64,
    chain: Chain,
    payload: &'a [u8],
    len: usize,
}

fn open<'a>(mark: &[u8; 4], bytes: &'a [u8]) -> Option<Opened<'a>> {
    let head = bytes.get(..HEAD)?;
    if head[..4] != mark[..] {
        return None;
    }
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let len = number(4) as usize;
    if len > LARGEST {
        return None;
    }
    let body = bytes.get(12..HEAD + len)?;
    if crc32c(body) != number(8) {
        return None;
    }
    let version = Version::new(number(12), number(16), number(20));
    let lineage = u64::from(number(24)) | u64::from(number(28)) << 32;
    let mut chain = [0; 16];
    chain.copy_from_slice(&head[32..48]);
    Some(Opened { version, lineage, chain: Chain(chain), payload: &bytes[HEAD..HEAD + len], len: HEAD + len })
}

/// What recovery found.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub document: Document,
    pub quorate_lineage: u64,
    /// Where the writer goes on.
    pub chain: Chain,
    /// Bytes of the journal that are good; the daemon cuts the rest off.
    pub journal_length: usize,
    /// Why the rest of the journal was not used; `None` if there was no rest.
    pub dropped: Option<String>,
}

/// Why nothing can be recovered from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecoverError {
    #[error("the snapshot is damaged (length or checksum is wrong)")]
    Damaged,
    #[error("the snapshot does not contain a document: {0}")]
    NotADocument(String),
}

/// The newest document: a snapshot and the journal behind it as far as it is whole.
///
/// A torn record at the end is what a power cut leaves and no damage; everything before it counts.
///
/// # Errors
/// The snapshot cannot be used; the caller tries an older one, and never starts empty.
pub fn recover(snapshot: &[u8], journal: &[u8]) -> Result<Recovered, RecoverError> {
    let opened = open(SNAPSHOT_MARK, snapshot)
        .filter(|opened| opened.len == snapshot.len())
        .ok_or(RecoverError::Damaged)?;
    let document = Document::parse_default(opened.payload)
        .map_err(|error| RecoverError::NotADocument(error.to_string()))?;
    if document.root().name() != "cib" {
        return Err(RecoverError::NotADocument(format!("<{}> instead of <cib>", document.root().name())));
    }
    let mut recovered = Recovered {
        document,
        quorate_lineage: opened.lineage,
        chain: Chain::of(snapshot),
        journal_length: 0,
        dropped: None,
    };
    let mut rest = journal;
    while !rest.is_empty() {
        match replay(&recovered, rest) {
            Ok((document, opened)) => {
                recovered.document = document;
                recovered.quorate_lineage = opened.lineage;
                recovered.chain = Chain::of(&rest[..opened.len]);
                recovered.journal_length += opened.len;
                rest = &rest[opened.len..];
            }
            Err(why) => {
                recovered.dropped = Some(format!("{} bytes of the journal are not used: {why}", rest.len()));
                break;
            }
        }
    }
    Ok(recovered)
}

fn replay<'a>(state: &Recovered, bytes: &'a [u8]) -> Result<(Document, Opened<'a>), String> {
    let opened = open(RECORD_MARK, bytes).ok_or("a record is incomplete or its checksum is wrong")?;
    if opened.chain != state.chain {
        return Err("a record belongs to another journal".to_owned());
    }
    let xml = Document::parse_default(opened.payload).map_err(|error| error.to_string())?;
    let patch = Patch::from_xml(xml.root()).map_err(|error| error.to_string())?;
    let mut document = state.document.clone();
    patch.apply(&mut document).map_err(|error| error.to_string())?;
    let root = document.root().ix();
    opened.version.store(&mut document, root);
    let document = durable(&document);
    let found = digest::whole(document.root());
    match patch.digest {
        Some(expected) if expected != found => {
            Err(format!("the document that results has the digest {found}, not {expected}"))
        }
        Some(_) | None => Ok((document, opened)),
    }
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksum_is_crc32c() {
        assert_eq!(super::crc32c(b"123456789"), 0xe306_9283);
    }
}
