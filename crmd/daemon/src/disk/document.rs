//! Journal and snapshots of the document: `snapshot.N` and the `journal.N` of the changes since. A new snapshot starts
//! a new number; the one before is kept. Knows bytes and checksums, not what they mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// First bytes of a snapshot file.
const MAGIC: &[u8; 8] = b"HFSNAP1\n";
/// Magic, length, checksum.
const HEADER: usize = 24;
/// Length and checksum before each journal record.
const FRAME: usize = 12;
/// A record larger than this is damage, not data.
const MAX_RECORD: u32 = 64 << 20;

/// What was found at the start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub snapshot: Option<Vec<u8>>,
    /// The records one after the other, without their frames.
    pub journal: Vec<u8>,
    /// What was unreadable, if anything was.
    pub damaged: Option<String>,
}

/// The open journal.
#[derive(Debug)]
pub struct Document {
    folder: PathBuf,
    number: u64,
    journal: File,
    /// Bytes of the journal that are durable.
    durable: u64,
    /// Bytes written.
    written: u64,
    /// A record is missing: nothing more is appended before the next snapshot.
    broken: bool,
}

impl Document {
    /// Opens (or starts) the folder and reads what is there. A torn end of the journal, as a power failure leaves
    /// it, is cut off.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path) -> io::Result<(Self, Found)> {
        fs::create_dir_all(folder)?;
        let mut numbers: Vec<u64> = fs::read_dir(folder)?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("snapshot.")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let mut found = Found::default();
        for number in numbers.iter().rev() {
            let path = folder.join(format!("snapshot.{number}"));
            match read_snapshot(&path) {
                Ok(bytes) => {
                    found.snapshot = Some(bytes);
                    let (document, journal) = Self::continue_journal(folder, *number)?;
                    found.journal = journal;
                    return Ok((document, found));
                }
                Err(error) => {
                    let note = format!("{}: {error}", path.display());
                    // Kept for whoever wants to look at it; the next snapshot takes the next number.
                    let _ = fs::rename(&path, path.with_extension(format!("{number}.damaged")));
                    found.damaged.get_or_insert(note);
                }
            }
        }
        let (document, journal) = Self::continue_journal(folder, 0)?;
        found.journal = journal;
        Ok((document, found))
    }

    fn continue_journal(folder: &Path, number: u64) -> io::Result<(Self, Vec<u8>)> {
        let path = folder.join(format!("journal.{number}"));
        let mut journal =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        journal.read_to_end(&mut bytes)?;
        let (records, valid) = whole_records(&bytes);
        journal.set_len(valid)?;
        journal.seek(SeekFrom::End(0))?;
        journal.sync_data()?;
        sync_folder(folder)?;
        let document = Self {
            folder: folder.to_owned(),
            number,
            journal,
            durable: valid,
            written: valid,
            broken: false,
        };
        Ok((document, records))
    }

    /// Appends one record; durable after [`Document::sync`].
    ///
    /// # Errors
    /// The record is not in the journal.
    pub fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier change is not in the journal"));
        }
        let length = u32::try_from(record.len())
            .ok()
            .filter(|length| *length <= MAX_RECORD)
            .ok_or_else(|| io::Error::other("the record is larger than 64 MiB"))?;
        let mut bytes = Vec::with_capacity(record.len() + FRAME);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(record).to_le_bytes());
        bytes.extend_from_slice(record);
        match self.journal.write_all(&bytes) {
            Ok(()) => {
                self.written += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.cut(self.written);
                Err(error)
            }
        }
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// Nothing since the last success counts; it is cut off again.
    pub fn sync(&mut self) -> io::Result<()> {
        match self.journal.sync_data() {
            Ok(()) => {
                self.durable = self.written;
                Ok(())
            }
            Err(error) => {
                self.cut(self.durable);
                Err(error)
            }
        }
    }

    fn cut(&mut self, length: u64) {
        // What follows a lost record means nothing without it: only a snapshot helps.
        self.broken = true;
        // When even this fails, the checksums tell at the next start.
        let _ = self.journal.set_len(length);
        let _ = self.journal.seek(SeekFrom::Start(length));
        self.written = length;
    }

    /// Replaces the snapshot and starts an empty journal. Durable on return.
    ///
    /// # Errors
    /// The old snapshot and journal are still in force.
    pub fn snapshot(&mut self, bytes: &[u8]) -> io::Result<()> {
        let number = self.number + 1;
        let new = self.folder.join("snapshot.new");
        let mut file = File::create(&new)?;
        file.write_all(MAGIC)?;
        file.write_all(&(bytes.len() as u64).to_le_bytes())?;
        file.write_all(&checksum(bytes).to_le_bytes())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let journal = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.folder.join(format!("journal.{number}")))?;
        journal.sync_all()?;
        fs::rename(&new, self.folder.join(format!("snapshot.{number}")))?;
        sync_folder(&self.folder)?;
        let before = self.number;
        self.number = number;
        self.journal = journal;
        self.durable = 0;
        self.written = 0;
        self.broken = false;
        if let Some(old) = before.checked_sub(1) {
            let _ = fs::remove_file(self.folder.join(format!("snapshot.{old}")));
            let _ = fs::remove_file(self.folder.join(format!("journal.{old}")));
        }
        Ok(())
    }
}

fn read_snapshot(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let (header, body) = bytes.split_at_checked(HEADER).ok_or("shorter than its header")?;
    if &header[..8] != MAGIC {
        return Err("no snapshot of this program".to_owned());
    }
    let number =
        |range: std::ops::Range<usize>| header[range].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
    if number(8..16) != body.len() as u64 {
        return Err(format!("{} bytes, expected {}", body.len(), number(8..16)));
    }
    if number(16..24) != checksum(body) {
        return Err("its checksum is wrong".to_owned());
    }
    Ok(body.to_vec())
}

/// The records that are whole, and how many bytes of the file they take.
fn whole_records(bytes: &[u8]) -> (Vec<u8>, u64) {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some((frame, after)) = rest.split_at_checked(FRAME) {
        let length = frame[..4].try_into().map(u32::from_le_bytes).unwrap_or(u32::MAX);
        let sum = frame[4..].try_into().map(u64::from_le_bytes).unwrap_or_default();
        let Some((record, next)) =
            (length <= MAX_RECORD).then(|| after.split_at_checked(length as usize)).flatten()
        else {
            break;
        };
        if checksum(record) != sum {
            break;
        }
        records.extend_from_slice(record);
        rest = next;
    }
    (records, (bytes.len() - rest.len()) as u64)
}

/// FNV-1a over 64 bits: finds torn writes and flipped bits; it is no defence against people.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Makes names in a folder durable.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("holdfast-disk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_was_written_is_found() {
        let folder = folder("found");
        let (mut document, found) = Document::open(&folder).unwrap();
        assert_eq!(found, Found::default());
        document.append(b"one").unwrap();
        document.append(b"two").unwrap();
        document.sync().unwrap();
        drop(document);
        let (mut document, found) = Document::open(&folder).unwrap();
        assert_eq!(found.journal, b"onetwo");
        document.snapshot(b"everything").unwrap();
        document.append(b"three").unwrap();
        document.snapshot(b"more").unwrap();
        document.snapshot(b"most").unwrap();
        document.append(b"four").unwrap();
        document.sync().unwrap();
        drop(document);
        let (_, found) = Document::open(&folder).unwrap();
        assert_eq!((found.snapshot.as_deref(), found.journal.as_slice()), (Some(&b"most"[..]), &b"four"[..]));
        assert_eq!(found.damaged, None);
        let names: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn torn_ends_and_damaged_snapshots() {
        let folder = folder("torn");
        let (mut document, _) = Document::open(&folder).unwrap();
        document.snapshot(b"first").unwrap();
        document.append(b"change").unwrap();
        document.snapshot(b"second").unwrap();
        document.append(b"kept").unwrap();
        document.append(b"torn").unwrap();
        document.sync().unwrap();
        drop(document);
        let journal = folder.join("journal.2");
        let whole = fs::read(&journal).unwrap();
        for length in [whole.len() - 1, whole.len() - 5, FRAME + 4 + 3] {
            fs::write(&journal, &whole[..length]).unwrap();
            let (_, found) = Document::open(&folder).unwrap();
            assert_eq!(found.journal, b"kept", "cut to {length}");
        }
        let snapshot = folder.join("snapshot.2");
        let mut bytes = fs::read(&snapshot).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&snapshot, bytes).unwrap();
        let (_, found) = Document::open(&folder).unwrap();
        assert_eq!(
            (found.snapshot.as_deref(), found.journal.as_slice()),
            (Some(&b"first"[..]), &b"change"[..])
        );
        assert!(found.damaged.unwrap().contains("checksum"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_follows_a_record_that_was_lost() {
        let folder = std::env::temp_dir().join(format!("holdfast-lost-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let (mut document, _) = Document::open(&folder).unwrap();
        document.append(b"one").unwrap();
        document.sync().unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let good = std::mem::replace(&mut document.journal, full);
        assert!(document.append(b"two").is_err(), "the disk is full");
        document.journal = good;
        assert!(document.append(b"three").is_err(), "there is room again, but the second is missing");
        document.snapshot(b"all three").unwrap();
        document.append(b"four").unwrap();
        document.sync().unwrap();
        drop(document);
        let (_, found) = Document::open(&folder).unwrap();
        assert_eq!(found.snapshot.as_deref(), Some(&b"all three"[..]));
        assert_eq!(found.journal, b"four");
        fs::remove_dir_all(folder).unwrap();
    }
}
