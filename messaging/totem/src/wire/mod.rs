//! The inside of a datagram: messages between rings and their bytes. Knows neither seals nor what to do with them.
//!
//! Every decoder is total: lengths are checked before memory is taken, counts have limits, and nothing may follow
//! the end. The first byte of a body tells what it is.

pub mod codec;
pub mod control;
pub mod frame;
pub mod presence;
#[cfg(test)]
mod tests;
pub mod token;

/// First byte of a body: an ordered frame.
pub const FRAME: u8 = 1;
/// First byte of a body: the token.
pub const TOKEN: u8 = 2;
/// First byte of a body: a piece of a control message too large for one datagram.
pub const PART: u8 = 3;
