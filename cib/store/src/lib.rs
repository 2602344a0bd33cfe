//! The versioned document: a request comes in, a change or a refusal comes out.
//!
//! Knows operations, sections, versions, access rules, schemas, validation, digests, the bytes of journal and
//! snapshot, and which of two documents wins a merge. Reads no clock, file, user database or network: whatever an
//! operation needs to know comes with the request, so every replica does the same.

pub mod acl;
pub mod code;
pub mod digest;
pub mod journal;
pub mod operation;
pub mod precedence;
mod refusal;
mod request;
pub mod schema;
pub mod section;
mod store;
mod update;
pub mod validate;

pub use code::Code;
pub use refusal::Refusal;
pub use request::{Operation, Options, Origin, Request, Target, User};
pub use store::{Answer, Change, Rules, Store};

/// The feature set this program implements, in Pacemaker's numbering: agents and peers compare it.
pub const FEATURE_SET: &str = "3.20.5";
