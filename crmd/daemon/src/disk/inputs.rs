//! What each plan was made from, kept for those who ask later why: `pengine/pe-input-N.bz2` (with warnings
//! `pe-warn-N`, with errors `pe-error-N`), numbered round and round as Pacemaker does.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use holdfast_core::Snapshot;
use holdfast_xml::Document;
use tracing::{info, warn};

/// Inputs that may wait to be written; a burst of plans keeps the first and the last few.
const WAITING: usize = 4;

/// Which series an input belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    Input,
    Warning,
    Error,
}

impl Series {
    fn name(self) -> &'static str {
        match self {
            Self::Input => "pe-input",
            Self::Warning => "pe-warn",
            Self::Error => "pe-error",
        }
    }

    /// How many are kept unless configured: negative means all, zero none.
    fn usual(self) -> i64 {
        match self {
            Self::Input => 4000,
            Self::Warning => 5000,
            Self::Error => -1,
        }
    }
}

/// The writing thread.
#[derive(Debug)]
pub(crate) struct Inputs {
    snapshots: SyncSender<(Box<Snapshot>, Series)>,
}

impl Inputs {
    pub(crate) fn start(pacemaker: &Path) -> io::Result<Self> {
        let (snapshots, waiting) = sync_channel(WAITING);
        let folder = pacemaker.join("pengine");
        std::thread::Builder::new()
            .name("inputs".to_owned())
            .stack_size(1 << 20)
            .spawn(move || write_all(&folder, &waiting))?;
        Ok(Self { snapshots })
    }

    /// Saves what a plan was made from; never waits.
    pub(crate) fn save(&self, snapshot: Box<Snapshot>, series: Series) {
        // Full: this one is left out.
        let _ = self.snapshots.try_send((snapshot, series));
    }
}

fn write_all(folder: &Path, waiting: &Receiver<(Box<Snapshot>, Series)>) {
    let mut told = false;
    while let Ok((snapshot, series)) = waiting.recv() {
        match write(folder, &snapshot, series) {
            Ok(Some(path)) => {
                told = false;
                info!("Calculated transition {}, saving inputs in {}", snapshot.transition, path.display());
            }
            Ok(None) => {}
            // Once is enough: a full disk stays full.
            Err(error) if !std::mem::replace(&mut told, true) => {
                warn!("inputs of the scheduler cannot be kept in {}: {error}", folder.display());
            }
            Err(_) => {}
        }
    }
}

fn write(folder: &Path, snapshot: &Snapshot, series: Series) -> io::Result<Option<PathBuf>> {
    let most = configured(&snapshot.configuration, series).unwrap_or_else(|| series.usual());
    if most == 0 {
        return Ok(None);
    }
    fs::create_dir_all(folder)?;
    let counter = folder.join(format!("{}.last", series.name()));
    let last: i64 = fs::read_to_string(&counter).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let number = if most > 0 && last >= most { 0 } else { last };
    let path = folder.join(format!("{}-{number}.bz2", series.name()));
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(whole(snapshot).to_string_pretty().as_bytes())?;
    let new = folder.join("input.new");
    fs::write(&new, packed.finish()?)?;
    fs::rename(new, &path)?;
    fs::write(counter, format!("{}\n", number + 1))?;
    Ok(Some(path))
}

/// Configuration and status in one document, with the time it was looked at.
fn whole(snapshot: &Snapshot) -> Document {
    let mut document = Document::clone(&snapshot.configuration);
    let root = document.root().ix();
    document.set_attr(root, "num_updates", &snapshot.version.num_updates.to_string());
    document.set_attr(root, "have-quorum", if snapshot.quorate { "1" } else { "0" });
    document.set_attr(root, "dc-uuid", &snapshot.dc.to_string());
    document.set_attr(root, "execution-date", &snapshot.now.to_string());
    if let Some(section) = document.root().child("status").map(|section| section.ix()) {
        snapshot.status.to_xml(&mut document, section);
    }
    document
}

/// `pe-input-series-max` and its like.
fn configured(document: &Document, series: Series) -> Option<i64> {
    let wanted = format!("{}-series-max", series.name());
    let options = document.root().child("configuration")?.child("crm_config")?;
    options
        .descendants()
        .find(|element| element.name() == "nvpair" && element.attr("name") == Some(&wanted))
        .and_then(|element| element.attr("value")?.parse().ok())
}
