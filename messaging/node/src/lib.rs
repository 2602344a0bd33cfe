//! Sockets and thread around the ring; corosync.conf, authkey and keygen.

pub mod config;
pub mod keys;
