//! This node's copy of the document: what it claims, how a change is applied, how it goes to disk.
//!
//! Wraps the store. The configuration is kept as a tree, the status is put in only where a request needs it. Does not
//! know who else has a copy (`node/changes`) nor when changes are allowed.

mod convert;

use std::sync::Arc;

use holdfast_api::cib::{CibRequest, Target, Version};
use holdfast_api::{Failure, FailureKind};
use holdfast_model::{Cib, Status};
use holdfast_store::journal::{self, Writer};
use holdfast_store::{Answer, Rules, Store};
use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, diff};

use crate::message::{Change, DocumentClaim};
use crate::options::Options;
use crate::record::{Record, Recovered};
use crate::state::Shared;

/// Changes after which a new snapshot is written.
const JOURNAL_RECORDS: u32 = 500;

/// This node's copy.
#[derive(Debug)]
pub struct Replica {
    /// Configuration with an empty status.
    document: Arc<Document>,
    version: Version,
    digest: [u8; 16],
    typed: Arc<Cib>,
    options: Options,
    writer: Writer,
    /// Records since the last snapshot; `None` = there is no snapshot to go on from.
    records: Option<u32>,
    /// Sequence of the last quorate ring in which the document was agreed on or changed.
    pub quorate_ring: u64,
    /// What was odd about the copy on disk.
    pub trouble: Option<String>,
}

/// What a change did.
#[derive(Debug, Default)]
pub struct Applied {
    /// The configuration changed.
    pub configuration: bool,
    /// The status was changed by the request itself.
    pub status: bool,
    /// What was asked for, as text.
    pub answer: Option<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What goes to disk.
    pub record: Option<Record>,
}

/// What belongs into the header although it is no configuration.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Whether this partition has quorum.
    pub quorate: bool,
    /// Id of the decision maker.
    pub dc: Option<String>,
}

impl Replica {
    /// The copy found on disk, or an empty one.
    ///
    /// # Errors
    /// A sentence when what is on disk cannot be used: starting empty would lose it.
    pub fn recover(recovered: &Recovered, now: i64) -> Result<Self, String> {
        let mut writer = Writer::after(journal::Chain::default());
        let mut records = None;
        let mut quorate_ring = 0;
        let mut trouble = None;
        let document = match (&recovered.snapshot, &recovered.import) {
            (Some(snapshot), _) => {
                let found = journal::recover(snapshot, &recovered.journal).map_err(|e| e.to_string())?;
                quorate_ring = found.quorate_lineage;
                if found.dropped.is_none() {
                    writer = Writer::after(found.chain);
                    records = Some(0);
                }
                trouble = found.dropped;
                found.document
            }
            (None, Some(text)) => Document::parse_default(text)
                .map_err(|e| format!("the configuration on disk (cib.xml): {e}"))?,
            (None, None) => Store::empty(Rules::CLUSTER).into_document(),
        };
        let store = Store::new(document, Rules::FILE).map_err(|e| e.to_string())?;
        let document = journal::durable(store.document());
        let mut replica = Self {
            document: Arc::new(document),
            version: Version::default(),
            digest: [0; 16],
            typed: Arc::new(Cib::default()),
            options: Options::read(&Cib::default(), now),
            writer,
            records,
            quorate_ring,
            trouble,
        };
        replica.reread(now);
        Ok(replica)
    }

    /// Derives everything that is cached for one version of the configuration.
    fn reread(&mut self, now: i64) {
        let (typed, _problems) = holdfast_model::read::cib(&self.document);
        let header = &typed.header;
        self.version =
            Version { admin_epoch: header.admin_epoch, epoch: header.epoch, num_updates: header.num_updates };
        self.options = Options::read(&typed, now);
        self.typed = Arc::new(typed);
        let configuration = self.document.root().child("configuration").map(|c| c.to_string_compact());
        let text = format!(
            "{}.{} {}",
            self.version.admin_epoch,
            self.version.epoch,
            configuration.unwrap_or_default()
        );
        let hex = holdfast_model::digest::md5_hex(text.as_bytes());
        for (at, byte) in self.digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap_or(0);
        }
    }

    /// What this copy claims in a merge.
    #[must_use]
    pub fn claim(&self) -> DocumentClaim {
        DocumentClaim {
            admin_epoch: self.version.admin_epoch,
            quorate_ring: self.quorate_ring,
            epoch: self.version.epoch,
            num_updates: self.version.num_updates,
            digest: self.digest,
        }
    }

    /// Version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// `(admin_epoch, epoch)`.
    #[must_use]
    pub fn configuration_version(&self) -> (u64, u64) {
        (self.version.admin_epoch, self.version.epoch)
    }

    /// Digest of the configuration.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// The configuration as values; its status is empty.
    #[must_use]
    pub fn typed(&self) -> &Arc<Cib> {
        &self.typed
    }

    /// The configuration as a tree; its status is empty.
    #[must_use]
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The status changed.
    pub fn count_update(&mut self) {
        self.version.num_updates += 1;
    }

    /// All members agree on this number of updates.
    pub fn set_updates(&mut self, num_updates: u64) {
        self.version.num_updates = num_updates;
    }

    /// The whole copy as bytes for another member.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        self.document.to_string_compact().into_bytes()
    }

    /// Takes over another member's copy. Returns the one that was replaced, as text.
    ///
    /// # Errors
    /// A sentence when the bytes are not a document.
    pub fn load(&mut self, bytes: &[u8], now: i64) -> Result<String, String> {
        let document = Document::parse_default(bytes).map_err(|e| e.to_string())?;
        let store = Store::new(document, Rules::FILE).map_err(|e| e.to_string())?;
        let old = std::mem::replace(&mut self.document, Arc::new(journal::durable(store.document())));
        self.records = None;
        self.reread(now);
        Ok(old.to_string_pretty())
    }

    /// The whole copy as a record for the disk.
    #[must_use]
    pub fn snapshot(&mut self) -> Record {
        self.records = Some(0);
        let bytes = self.writer.snapshot(&self.document, self.quorate_ring);
        Record::Snapshot { bytes, xml: self.document.to_string_pretty() }
    }

    /// The document with its status and header, as tools see it.
    #[must_use]
    pub fn full(&self, status: &Status, header: &Header) -> Document {
        let mut document = Document::clone(&self.document);
        let root = document.root().ix();
        document.set_attr(root, "num_updates", &self.version.num_updates.to_string());
        document.set_attr(root, "have-quorum", if header.quorate { "1" } else { "0" });
        match &header.dc {
            Some(dc) => document.set_attr(root, "dc-uuid", dc),
            None => {
                document.remove_attr(root, "dc-uuid");
            }
        }
        if let Some(section) = document.root().child("status").map(|s| s.ix()) {
            status.to_xml(&mut document, section);
        }
        document
    }

    /// Answers a query from this copy.
    ///
    /// # Errors
    /// Why it cannot be answered.
    pub fn query(
        &self,
        request: &CibRequest,
        user: holdfast_store::User,
        status: &Status,
        header: &Header,
    ) -> Result<String, Failure> {
        let mut query = convert::request(request, None).map_err(|f| *f)?;
        query.origin.user = Some(user);
        let store = Store::new(self.full(status, header), Rules::FILE).map_err(|r| convert::failure(&r))?;
        let answer = store.query(&query).map_err(|r| convert::failure(&r))?;
        Ok(text(answer))
    }

    /// Applies a change to document and status. Equal on all members.
    ///
    /// # Errors
    /// Why the change was refused.
    pub fn apply(&mut self, change: &Change, shared: &mut Shared, node: &str) -> Result<Applied, Failure> {
        let request = convert::request(&change.cib, Some((change, node))).map_err(|f| *f)?;
        let touches_status = match &change.cib.target {
            Target::Section(name) => matches!(name.as_str(), "status" | "cib" | "all"),
            Target::Whole | Target::XPath(_) => true,
        };
        let nothing = Status::default();
        let status = if touches_status { shared.status() } else { Status::default() };
        let mut before = Document::clone(&self.document);
        let root = before.root().ix();
        before.set_attr(root, "num_updates", &self.version.num_updates.to_string());
        if let Some(section) = before.root().child("status").map(|s| s.ix()) {
            let told = if touches_status { &status } else { &nothing };
            told.to_xml(&mut before, section);
        }
        let mut store = Store::new(before, Rules::CLUSTER).map_err(|r| convert::failure(&r))?;
        let done = store.apply(&request).map_err(|r| convert::failure(&r))?;
        let mut applied = Applied {
            configuration: done.configuration && !change.cib.options.dry_run,
            warnings: done.warnings.iter().map(ToString::to_string).collect(),
            answer: done.answer.clone().map(text),
            ..Applied::default()
        };
        if change.cib.options.dry_run || done.is_empty() {
            return Ok(applied);
        }
        if touches_status && done.patch.changes.iter().any(|c| c.path().starts_with("/cib/status/")) {
            if let Some(section) = store.document().root().child("status") {
                shared.replace_status(&holdfast_model::status::from_xml(section));
            }
            applied.status = true;
        }
        let after = Arc::new(journal::durable(store.document()));
        let durable = diff(&self.document, &after, Compare::AttributeOrder);
        self.document = after;
        let updates = u64::from(store.version().num_updates);
        self.reread(change.at);
        self.version.num_updates = updates;
        let raised =
            done.after.admin_epoch != done.before.admin_epoch || done.after.epoch != done.before.epoch;
        if applied.configuration || raised {
            applied.configuration = true;
            applied.record = self.record(&durable);
        }
        Ok(applied)
    }

    fn record(&mut self, patch: &holdfast_xml::Patch) -> Option<Record> {
        match self.records {
            Some(count) if count < JOURNAL_RECORDS => {
                let bytes = self.writer.record(patch, &self.document, self.quorate_ring)?;
                self.records = Some(count + 1);
                Some(Record::Journal(bytes))
            }
            _ => Some(self.snapshot()),
        }
    }
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Xml(document) => document.to_string_pretty(),
        Answer::Paths(paths) => paths.join("\n"),
    }
}

/// A request that names nothing that the store can do.
fn unsupported(what: &str) -> Failure {
    Failure::new(FailureKind::Unsupported, format!("{what} is not supported"))
}
