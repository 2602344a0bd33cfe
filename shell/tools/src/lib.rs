//! The command line tools, one module each.

pub mod corosync;
pub mod corosync_keygen;
pub mod corosync_support;
pub mod haresources2cib;
