//! Checksums of documents: the two that old tools know, and the one replicas compare.

use holdfast_model::digest::md5_hex;
use holdfast_xml::{Element, WriteOptions};

/// Attributes that say who wrote what when, not what it is.
const BOOKKEEPING: &[&str] =
    &["crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user"];

/// The checksum beside `cib.xml` on disk (`cibadmin --md5-sum`).
pub fn on_disk(element: Element<'_>) -> String {
    let options = WriteOptions { pretty: false, text: false, depth: 0, omit: &[] };
    md5_hex(format!(" {}\n", element.to_string_with(options)).as_bytes())
}

/// The checksum of patch sets and of replicas in comparison (`cibadmin --md5-sum-versioned`): without bookkeeping.
pub fn versioned(element: Element<'_>) -> String {
    let options = WriteOptions { pretty: false, text: false, depth: 0, omit: BOOKKEEPING };
    md5_hex(element.to_string_with(options).as_bytes())
}

/// The checksum of everything in the document.
pub fn whole(element: Element<'_>) -> String {
    md5_hex(element.to_string_compact().as_bytes())
}
