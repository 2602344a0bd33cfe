//! Data-driven cases: scheduler, tools, conversion.

pub mod shared;
