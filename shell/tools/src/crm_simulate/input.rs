//! Where the cluster comes from, and where changed ones go: files, standard input, a living cluster.
//! Does not know what is done with it.

use super::cli::{Args, Source};
use super::{CANNOT_CREATE, Stop};
use crate::cib_source::CibSource;
use holdfast_model::{Cib, Problem};
use holdfast_store::Refusal;
use holdfast_store::schema::Schema;
use holdfast_store::validate::{self, Severity};
use holdfast_xml::{Document, Limits};
use std::io::Read;

const NO_INPUT: i32 = 66;
const DATA_ERROR: i32 = 65;
const CONFIG: i32 = 78;

/// A cluster as text tree and as values.
pub(crate) struct Input {
    pub document: Document,
    pub cib: Cib,
    pub warnings: Vec<String>,
    /// What the reader could not use.
    pub problems: Vec<Problem>,
}

/// Reads what the arguments name; without any, standard input.
pub(crate) fn read(args: &Args) -> Result<Input, Stop> {
    match args.source() {
        Source::Cluster => settle(live()?, "the cluster"),
        Source::File(path) => parse(read_file(path)?, path),
        Source::Standard => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Stop::new(NO_INPUT, format!("cannot read standard input: {error}")))?;
            parse(bytes, "standard input")
        }
    }
}

/// The bytes of a file; compressed ones are refused by name.
pub(crate) fn read_file(path: &str) -> Result<Vec<u8>, Stop> {
    let bytes =
        std::fs::read(path).map_err(|error| Stop::new(NO_INPUT, format!("cannot read '{path}': {error}")))?;
    if bytes.starts_with(b"BZh") {
        let message = format!("'{path}' is compressed: unpack it with `bunzip2 -k {path}` first");
        return Err(Stop::new(DATA_ERROR, message));
    }
    Ok(bytes)
}

fn live() -> Result<Document, Stop> {
    CibSource::open("crm_simulate").and_then(|mut source| source.document()).map_err(|error| {
        let mut message = error.text;
        for detail in error.details {
            message.push_str("; ");
            message.push_str(&detail);
        }
        Stop::new(error.status, message)
    })
}

/// Text to values.
pub(crate) fn parse(bytes: Vec<u8>, from: &str) -> Result<Input, Stop> {
    let document = Document::parse(&bytes, &Limits::default())
        .map_err(|error| Stop::new(DATA_ERROR, format!("could not read input XML from {from}: {error}")))?;
    // The document holds all of it.
    drop(bytes);
    settle(document, from)
}

/// A document to values, brought to the newest schema.
fn settle(mut document: Document, from: &str) -> Result<Input, Stop> {
    if document.root().name() != "cib" {
        let name = document.root().name();
        let message = format!(
            "{from} holds a <{name}> element, not a <cib>: give a file written by `cibadmin --query`"
        );
        return Err(Stop::new(DATA_ERROR, message));
    }
    let mut warnings = Vec::new();
    let unchecked = document.root().attr("validate-with") == Some("none");
    if unchecked {
        warnings.push(
            "Schema validation of configuration is disabled (support for validate-with set to \"none\" is deprecated \
             and will be removed in a future release)"
                .to_owned(),
        );
    }
    if document.root().child("status").is_none() {
        let top = document.root().ix();
        document.append(top, "status");
    }
    let schema = document.root().attr("validate-with").unwrap_or("").to_owned();
    match holdfast_store::schema::upgrade(&mut document, None) {
        Ok(()) if unchecked => {}
        Ok(()) => valid(&document, &schema, from)?,
        Err(Refusal::Invalid { .. }) if unchecked => {}
        Err(refusal) => {
            return Err(Stop::new(CONFIG, format!("cannot use the configuration from {from}: {refusal}")));
        }
    }
    let (cib, problems) = holdfast_model::read::cib(&document);
    Ok(Input { document, cib, warnings, problems })
}

/// Refuses what the upgrade did not look at: references, and a document that named the newest schema already.
fn valid(document: &Document, schema: &str, from: &str) -> Result<(), Stop> {
    let mut findings = if Schema::named(schema) == Some(Schema::NEWEST) {
        validate::document(document)
    } else {
        validate::references(document)
    };
    findings.retain(|finding| finding.severity == Severity::Invalid);
    if findings.is_empty() {
        return Ok(());
    }
    let refusal = Refusal::Invalid { schema: schema.to_owned(), findings };
    Err(Stop::new(CONFIG, format!("cannot use the configuration from {from}: {refusal}")))
}

/// Writes a cluster to a file.
pub(crate) fn save(path: &str, document: &mut Document, cib: &Cib) -> Result<(), Stop> {
    super::put_status(document, cib);
    std::fs::write(path, document.to_string_pretty())
        .map_err(|error| Stop::new(CANNOT_CREATE, format!("could not create '{path}': {error}")))
}
