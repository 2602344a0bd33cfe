//! The command line tools, one module each.

pub mod arguments;
pub mod cib_source;
pub mod cibadmin;
pub mod corosync;
pub mod corosync_cfgtool;
pub mod corosync_cmapctl;
pub mod corosync_cpgtool;
pub mod corosync_keygen;
pub mod corosync_quorumtool;
pub mod corosync_support;
pub mod crm_diff;
pub mod crm_mon;
pub mod crm_simulate;
pub mod exit;
pub mod haresources2cib;
pub mod output;
