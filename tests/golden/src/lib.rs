//! Data-driven cases: scheduler, tools, conversion.
