//! Typed configuration and status, scores, durations, rules, option tables, digests.
