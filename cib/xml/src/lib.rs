//! Order-preserving XML tree, reader, writer, XPath subset, diff and patch.
//!
//! Knows XML and the shape of Pacemaker's patch sets. Does not know what any element of a CIB means, reads no file
//! and keeps no global state.

mod document;
mod edit;
mod element;
mod error;
mod ids;
mod names;
mod parse;
pub mod patch;
mod write;
pub mod xpath;

pub use document::{Document, Kind, NodeIx};
pub use element::{Children, Descendants, Element};
pub use error::{Limits, ParseError, ParseErrorKind};
pub use parse::{is_name_character, is_name_start};
pub use patch::{Patch, PatchError, Version, diff};
pub use write::WriteOptions;
pub use write::{escape_attribute, escape_text};
