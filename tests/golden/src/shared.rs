//! Finds the folder of shared conformance data. Knows where it may lie, not what is in it.

use std::path::PathBuf;

/// The folder `name` of the shared data: below `HOLDFAST_SHARED`, or below `../shared` beside the checkout.
///
/// Says loudly on standard error when it is absent, so that a test that returns early is seen to be skipped.
pub fn folder(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("HOLDFAST_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = base.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: {} is not there; set HOLDFAST_SHARED to the folder that holds {name}",
        folder.display()
    );
    None
}
