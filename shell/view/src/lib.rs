//! Cluster summary to text, XML, JSON, HTML, DOT.
//!
//! Knows how a cluster is shown. Does not know where the summary comes from, and never asks anything.

pub mod exit_text;
pub mod explain;
pub mod list;
pub mod status;
