//! Requests, replies, events of the local socket and their framing.
