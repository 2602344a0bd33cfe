//! The typed model of a cluster: configuration and status as values, and the small sciences they need.
//!
//! Knows: scores, durations, dates, rules, attribute sets, resources, constraints, fencing levels, operation
//! histories, option tables, parameter digests, ids, and how all of these are written in XML (only in [`read`] and in
//! the `to_xml`/`from_xml` pairs of [`status`]).
//! Does not know: versions of documents, who may change what (`cib/store`), or what should run where
//! (`crmd/scheduler`).

pub mod attributes;
pub mod boolean;
pub mod config;
pub mod digest;
pub mod duration;
pub mod id;
pub mod iso8601;
pub mod options;
pub mod problem;
pub mod read;
pub mod role;
pub mod rule;
pub mod score;
pub mod status;
pub mod text;

pub use attributes::AttributeSet;
pub use config::Cib;
pub use problem::{Level, Problem};
pub use role::Role;
pub use score::Score;
pub use status::{NodeState, OperationRecord, ResourceHistory, Status};
pub use text::Text;
