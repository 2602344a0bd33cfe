//! Orderings: who has to wait for whom, and what that means for what must and can be done.
//!
//! Knows configured and implied orderings and how requirements travel along them.
//! Does not know placement.

mod apply;
mod configured;
mod instances;
mod internal;
pub(crate) mod relation;
mod tables;
mod update;

pub(crate) use configured::index_names;
pub(crate) use tables::End;
