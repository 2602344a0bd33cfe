//! Process groups: programs of all nodes join a named group, send to it, and see its members, all in one order.
//!
//! What corosync's closed process groups gave. The ring's own thread serves the local socket, so that a message goes
//! from a program to the ring without changing threads. Many small messages of one program travel as one batch.

mod client;
mod counters;
mod server;
mod table;
#[cfg(test)]
mod tests;
pub mod wire;

pub use client::{ClientError, GroupClient, GroupEvent};
pub use counters::{GroupMessages, Pair, Program};
pub use server::ServerSettings;
pub(crate) use server::{FIRST_NUMBER, Server};
pub use table::{Member, Reason};

/// Number of the service of process groups, as in corosync.
pub const SERVICE: u16 = 2;
/// Longest name of a group, in bytes.
pub const MAX_NAME: usize = 127;
/// Most groups that one program may join.
pub const MAX_JOINED: usize = 256;
/// Most programs on one node.
pub const MAX_CLIENTS: usize = 1024;
/// Largest message of a program: room for the batch's own bytes in the ring's largest message.
pub const MAX_MESSAGE: usize = holdfast_totem::config::MAX_MESSAGE - 1024;
