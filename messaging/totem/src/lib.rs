//! The ring as a pure state machine: membership, ordering, recovery, sealing, quorum.
//!
//! Knows no socket, clock, disk or thread: time, datagrams and disk completions come in through
//! [`Ring::handle`], everything to be done comes out of [`Ring::poll`].

pub mod bytes;
pub mod config;
#[doc(hidden)]
pub mod doors;
pub mod id;
pub mod io;
pub mod log;
mod membership;
mod order;
mod peer;
pub mod quorum;
mod ring;
mod seal;
pub mod stats;
pub mod time;
mod wire;
pub mod witness;

pub use bytes::Bytes;
pub use config::{Config, Identity, Key, PersistedRing};
pub use id::{Incarnation, NodeId, RingId, Ticket};
pub use io::{Guarantee, Input, Member, Message, Output, View, ViewKind};
pub use ring::Ring;
pub use wire::presence::Phase;
