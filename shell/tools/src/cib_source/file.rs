//! A configuration in a file: read once, written whole after every change.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use holdfast_store::{Answer, Code, Request, Rules, Store, validate};
use holdfast_xml::{Document, Limits, ParseError};

use super::CibError;
use crate::exit;

pub(super) struct FileCib {
    path: PathBuf,
    store: Store,
}

/// Why a document in a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{path}: {source}")]
    Xml { path: String, source: ParseError },
}

/// Reads a document; `-` is standard input.
///
/// # Errors
/// With the path, and for bad XML with line and column.
pub fn read_document(path: &Path) -> Result<Document, ReadError> {
    let shown = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let io = |source| ReadError::Io { path: shown.clone(), source };
    let limits = Limits::default();
    let mut bytes = Vec::new();
    let most = limits.document_bytes as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(io)?;
    } else {
        std::fs::File::open(path).map_err(io)?.take(most).read_to_end(&mut bytes).map_err(io)?;
    }
    Document::parse(&bytes, &limits).map_err(|source| ReadError::Xml { path: shown, source })
}

/// Writes a document to a file. A new file appears at once; an existing one is written in place, as programs hold it
/// open and make hard links to it, with a synced copy beside it until that is done.
///
/// # Errors
/// As the file system says.
pub fn write_document(path: &Path, document: &Document) -> std::io::Result<()> {
    let options = holdfast_xml::WriteOptions { text: false, ..holdfast_xml::WriteOptions::PRETTY };
    let text = document.root().to_string_with(options);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let copied = write_new(&beside, &text);
    if !path.exists() {
        return copied
            .and_then(|()| std::fs::rename(&beside, path))
            .and_then(|()| std::fs::File::open(folder)?.sync_all());
    }
    // A folder that may not be written: without the copy.
    let written = std::fs::OpenOptions::new().write(true).truncate(true).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    if written.is_ok() && copied.is_ok() {
        std::fs::remove_file(&beside)?;
    }
    written
}

fn write_new(beside: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

impl FileCib {
    pub(super) fn open(path: &Path) -> Result<FileCib, CibError> {
        let document = read_document(path).map_err(|error| match &error {
            ReadError::Io { .. } => {
                CibError::new(exit::NO_SUCH, Code::NoSuch.text()).detail(error.to_string())
            }
            ReadError::Xml { .. } => {
                CibError::new(exit::CONFIGURATION, Code::SchemaValidation.text()).detail(error.to_string())
            }
        })?;
        let store = Store::new(document, Rules::FILE).map_err(|refusal| {
            CibError::new(exit::CONFIGURATION, Code::SchemaValidation.text()).detail(refusal.to_string())
        })?;
        let findings: Vec<String> = validate::document(store.document())
            .iter()
            .filter(|finding| finding.severity == validate::Severity::Invalid)
            .map(|finding| format!("{}: {finding}", path.display()))
            .collect();
        if !findings.is_empty() {
            let mut error = CibError::new(exit::CONFIGURATION, Code::SchemaValidation.text());
            error.details = findings;
            return Err(error);
        }
        Ok(FileCib { path: path.to_owned(), store })
    }

    pub(super) fn query(&self, request: &Request) -> Result<Answer, CibError> {
        Ok(self.store.query(request)?)
    }

    pub(super) fn apply(&mut self, mut request: Request) -> Result<(), CibError> {
        request.options.keep_origin = true;
        let before = self.store.clone();
        self.store.apply(&request)?;
        if self.path == Path::new("-") || request.options.dry_run {
            return Ok(());
        }
        if let Err(error) = write_document(&self.path, self.store.document()) {
            self.store = before;
            return Err(CibError::new(exit::IO, "Could not save new configuration to disk")
                .detail(format!("{}: {error}", self.path.display())));
        }
        Ok(())
    }
}
