//! Sealing: what makes a datagram ours. Knows keys, counters and headers; not what the datagrams say.

pub mod datagram;
pub mod greeting;
pub mod keys;
pub mod replay;
