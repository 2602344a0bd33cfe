//! Where the picture comes from: a document in a file, or the cluster itself.

use std::io::Read;
use std::path::{Path, PathBuf};

use holdfast_api::cluster::ClusterRequest;
use holdfast_api::summary::Summary;
use holdfast_api::{Reply, Request};
use holdfast_client::{ClientError, Connection};
use holdfast_model::config::Cib;
use holdfast_xml::Document;
use thiserror::Error;

/// Longest document read from standard input.
const MAX_INPUT: u64 = 1 << 30;

/// One picture of the cluster.
pub struct Source {
    /// The document in its newest shape.
    pub document: Document,
    /// The same as values.
    pub cib: Cib,
    /// What the cluster says beside the document, if it was asked.
    pub live: Option<Summary>,
}

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// The cluster does not answer.
    #[error(transparent)]
    Cluster(#[from] ClientError),
    /// The cluster's document cannot be read.
    #[error("the cluster sent a document that cannot be read: {0}")]
    Document(String),
}

impl SourceError {
    /// Exit status.
    pub fn exit_status(&self) -> i32 {
        match self {
            SourceError::File { .. } => 66,
            SourceError::Cluster(error) => error.exit_status(),
            SourceError::Document(_) => 65,
        }
    }

    /// What to try next.
    pub fn hints(&self) -> Vec<String> {
        match self {
            SourceError::File { .. } => {
                vec!["CIB_file and --xml-file name a document as cibadmin -Q prints it".into()]
            }
            SourceError::Cluster(error) => error.hints(),
            SourceError::Document(_) => vec!["use the tools of the version that is running".into()],
        }
    }
}

/// The document to read instead of asking the cluster: as given, `CIB_file`, or a shadow copy.
pub fn file(given: Option<&Path>) -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = given {
        return Some(path.to_path_buf());
    }
    if let Some(path) = variable("CIB_file") {
        return Some(PathBuf::from(path));
    }
    let shadow = variable("CIB_shadow")?;
    let folder = variable("CIB_shadow_dir").map(PathBuf::from).unwrap_or_else(|| {
        variable("HOLDFAST_PACEMAKER_DIR")
            .map_or_else(|| PathBuf::from("/var/lib/pacemaker"), PathBuf::from)
            .join("cib")
    });
    Some(folder.join(format!("shadow.{}", shadow.to_string_lossy())))
}

/// Reads a document from a file, or from standard input if it is called `-`.
///
/// # Errors
/// The file or its content.
pub fn read(path: &Path) -> Result<Source, SourceError> {
    let wrong = |reason: String| SourceError::File { path: path.to_path_buf(), reason };
    let text = match path.as_os_str() == "-" {
        true => {
            let mut text = Vec::new();
            std::io::stdin().take(MAX_INPUT).read_to_end(&mut text).map(|_| text)
        }
        false => std::fs::read(path),
    };
    let text = text.map_err(|error| wrong(error.to_string()))?;
    parse(&text).map_err(wrong)
}

/// Reads a document from text.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &[u8]) -> Result<Source, String> {
    let document = Document::parse_default(text).map_err(|error| error.to_string())?;
    if document.root().name() != "cib" {
        return Err(format!("<{}> is not a cluster document; expected <cib>", document.root().name()));
    }
    Ok(settle(document, None))
}

/// Asks the cluster over an open connection.
///
/// # Errors
/// As the connection has them.
pub fn ask(connection: &mut Connection) -> Result<Source, SourceError> {
    match connection.request(Request::Cluster(ClusterRequest::Summary))? {
        Reply::Summary(summary) => {
            let document = Document::parse_default(&summary.cib)
                .map_err(|error| SourceError::Document(error.to_string()))?;
            Ok(settle(document, Some(*summary)))
        }
        other => Err(SourceError::Document(format!("expected a summary, got {other:?}"))),
    }
}

/// A document of an old shape is brought to the newest one as far as that is possible.
fn settle(mut document: Document, live: Option<Summary>) -> Source {
    if let Err(refusal) = holdfast_store::schema::upgrade(&mut document, None) {
        tracing::debug!("showing the document as it is: {refusal}");
    }
    let (cib, _) = holdfast_model::read::cib(&document);
    Source { document, cib, live }
}
