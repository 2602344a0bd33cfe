//! Connects to the local socket, asks, watches.
