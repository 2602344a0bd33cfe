//! The thread that writes: records in order, many under one sync; exports when nothing waits.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use holdfast_core::Ticket;
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use super::document::Document;
use super::export::Exports;

/// Exports are written at most this often.
const EXPORT_PAUSE: Duration = Duration::from_millis(200);
/// Records under one sync.
const BATCH: usize = 256;

/// What to write.
#[derive(Debug)]
enum Job {
    Journal(Ticket, Vec<u8>),
    Snapshot(Ticket, Vec<u8>),
    Export(String),
    Lost(String, String),
}

/// How it went.
#[derive(Debug)]
pub enum Written {
    Done(Ticket),
    Failed(Ticket, String),
}

/// The writing thread. Dropping it writes everything that waits, then ends it.
#[derive(Debug)]
pub struct Disk {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    /// Starts the thread. Results go to `written`.
    ///
    /// # Errors
    /// No thread.
    pub fn start(
        document: Document,
        pacemaker: &Path,
        written: UnboundedSender<Written>,
    ) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let exports = Exports::new(pacemaker);
        let mut writer = Writer { document, exports, written, export: None, exported: None, failing: false };
        let thread = std::thread::Builder::new()
            .name("disk".to_owned())
            .stack_size(1 << 20)
            .spawn(move || writer.run(&waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Appends to the journal; answered.
    pub fn journal(&self, ticket: Ticket, bytes: Vec<u8>) {
        self.push(Job::Journal(ticket, bytes));
    }

    /// Replaces the snapshot; answered. The export follows when there is time.
    pub fn snapshot(&self, ticket: Ticket, bytes: Vec<u8>, xml: String) {
        self.push(Job::Snapshot(ticket, bytes));
        self.push(Job::Export(xml));
    }

    /// Refreshes the export; not answered.
    pub fn export(&self, xml: String) {
        self.push(Job::Export(xml));
    }

    /// Keeps a document that lost a merge; not answered.
    pub fn lost(&self, xml: String, why: String) {
        self.push(Job::Lost(xml, why));
    }

    fn push(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // A thread that is gone has panicked; the core waits for its ticket and the node leaves.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    document: Document,
    exports: Exports,
    written: UnboundedSender<Written>,
    export: Option<String>,
    exported: Option<Instant>,
    /// The last record was not written; said once.
    failing: bool,
}

impl Writer {
    fn run(&mut self, jobs: &Receiver<Job>) {
        loop {
            let first = match self.export_due() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => jobs.recv_timeout(wait),
            };
            match first {
                Ok(job) => self.batch(job, jobs),
                Err(RecvTimeoutError::Timeout) => self.write_export(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.write_export();
                    return;
                }
            }
        }
    }

    /// How long until a waiting export may be written.
    fn export_due(&self) -> Option<Duration> {
        self.export.as_ref()?;
        Some(self.exported.map_or(Duration::ZERO, |last| EXPORT_PAUSE.saturating_sub(last.elapsed())))
    }

    /// Writes one job and whatever waits behind it, with one sync for all journal records in a row.
    fn batch(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut appended = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Journal(ticket, bytes) => match self.document.append(&bytes) {
                    Ok(()) => appended.push(ticket),
                    Err(error) => self.failed(ticket, "journal", &error),
                },
                Job::Snapshot(ticket, bytes) => {
                    self.sync(&mut appended);
                    match self.document.snapshot(&bytes) {
                        Ok(()) => self.tell(Written::Done(ticket)),
                        Err(error) => self.failed(ticket, "snapshot", &error),
                    }
                }
                Job::Export(xml) => self.export = Some(xml),
                Job::Lost(xml, why) => match self.exports.lost(&xml, &why) {
                    Ok(path) => {
                        warn!(
                            "the configuration of this node was replaced ({why}); it is kept in {}",
                            path.display()
                        );
                    }
                    Err(error) => {
                        error!(
                            "the configuration of this node was replaced ({why}) and could not be kept: {error}"
                        );
                    }
                },
            }
            next = if appended.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        self.sync(&mut appended);
    }

    fn sync(&mut self, appended: &mut Vec<Ticket>) {
        if appended.is_empty() {
            return;
        }
        match self.document.sync() {
            Ok(()) => {
                for ticket in appended.drain(..) {
                    self.tell(Written::Done(ticket));
                }
            }
            Err(error) => {
                for ticket in std::mem::take(appended) {
                    self.failed(ticket, "journal", &error);
                }
            }
        }
    }

    fn write_export(&mut self) {
        if let Some(xml) = self.export.take() {
            self.exported = Some(Instant::now());
            if let Err(error) = self.exports.write(xml) {
                warn!("the export cib.xml for old programs could not be written: {error}");
            }
        }
    }

    fn failed(&mut self, ticket: Ticket, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            error!(
                "the {what} of the configuration cannot be written: {error}; changes are refused until it can"
            );
        }
        self.tell(Written::Failed(ticket, error.to_string()));
    }

    fn tell(&mut self, written: Written) {
        if matches!(written, Written::Done(_)) && std::mem::take(&mut self.failing) {
            info!("the configuration can be written again");
        }
        // The driver is gone only when the daemon ends.
        let _ = self.written.send(written);
    }
}
