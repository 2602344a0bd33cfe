//! Counters and link states for status displays. Nothing decides by them.

use std::net::SocketAddr;

use crate::id::NodeId;
use crate::time::Span;

/// Counters since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages that the application gave us.
    pub messages_queued: u64,
    /// Messages delivered to the application.
    pub messages_delivered: u64,
    /// Bytes delivered to the application.
    pub bytes_delivered: u64,
    /// Frames we ordered.
    pub frames_sent: u64,
    /// Frames received for the first time.
    pub frames_received: u64,
    /// Frames we sent again for others.
    pub frames_retransmitted: u64,
    /// Frames received that we had already.
    pub frames_duplicate: u64,
    /// Token visits.
    pub tokens: u64,
    /// Tokens that we sent again because nobody seemed to have got them.
    pub tokens_retransmitted: u64,
    /// Times the token was lost.
    pub tokens_lost: u64,
    /// Rings formed.
    pub rings_formed: u64,
    /// Times a membership had to be agreed on.
    pub gathers: u64,
    /// Datagrams that could not be opened.
    pub unreadable: u64,
    /// Datagrams seen before (replayed, or a second copy on another link).
    pub replayed: u64,
    /// Datagrams that were opened but made no sense.
    pub malformed: u64,
    /// Times this process did not run for long.
    pub pauses: u64,
    /// Longest of them.
    pub longest_pause: Span,
    /// Smoothed time of one token rotation.
    pub rotation: Span,
    /// Bytes in the send queue.
    pub queued_bytes: u64,
}

/// One link to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLink {
    /// The peer.
    pub node: NodeId,
    /// The link.
    pub link: u8,
    /// The peer's address there.
    pub address: SocketAddr,
    /// Datagrams go both ways.
    pub up: bool,
    /// The keys were exchanged.
    pub session: bool,
    /// Largest datagram that goes through.
    pub datagram: u16,
    /// Smoothed round-trip time.
    pub round_trip: Option<Span>,
}
