//! The command line tools, one module each.

pub mod haresources2cib;
