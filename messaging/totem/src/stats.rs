//! Counters and link states for status displays. Nothing decides by them.

use std::net::SocketAddr;

use crate::id::NodeId;
use crate::time::{Span, Wall};

/// What a datagram was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Frames, the token, and everything that forms sessions and rings.
    #[default]
    Data,
    /// A sign of life.
    Ping,
    /// A question about the size of datagrams, or its answer.
    Probe,
}

/// Datagrams and their bytes, seals included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Counts datagrams of so many bytes together.
    pub(crate) fn add(&mut self, packets: u64, bytes: usize) {
        self.packets += packets;
        self.bytes += bytes as u64;
    }

    /// Takes back what turned out to be something else.
    fn remove(&mut self, packets: u64, bytes: u64) {
        self.packets = self.packets.saturating_sub(packets);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// One direction of a path, each datagram in one of three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// See [`Purpose::Data`].
    pub data: Traffic,
    /// See [`Purpose::Ping`].
    pub ping: Traffic,
    /// See [`Purpose::Probe`].
    pub probe: Traffic,
    /// Signs of life that answered one of the other side. They are in `ping` as well: an answer travels in the next
    /// sign of life.
    pub answers: u64,
}

impl Flow {
    /// Counts datagrams of so many bytes together.
    pub(crate) fn add(&mut self, purpose: Purpose, packets: u64, bytes: usize) {
        match purpose {
            Purpose::Data => self.data.add(packets, bytes),
            Purpose::Ping => self.ping.add(packets, bytes),
            Purpose::Probe => self.probe.add(packets, bytes),
        }
    }

    /// Pieces that were counted as data are a sign of life.
    pub(crate) fn was_ping(&mut self, packets: u64, bytes: usize) {
        self.data.remove(packets, bytes as u64);
        self.ping.add(packets, bytes);
    }

    /// All of them.
    pub fn total(&self) -> Traffic {
        let all = [self.data, self.ping, self.probe];
        Traffic {
            packets: all.iter().map(|traffic| traffic.packets).sum(),
            bytes: all.iter().map(|traffic| traffic.bytes).sum(),
        }
    }
}

/// What the kernel did not send at the first try, by [`Purpose`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Datagrams that were given up.
    pub errors: [u32; 3],
    /// Calls that were made again.
    pub retries: [u32; 3],
}

/// What was counted on one path since start, or since [`crate::Ring::clear_statistics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// Datagrams handed to the host for this path.
    pub sent: Flow,
    /// Authentic datagrams that came on it, second copies included.
    pub received: Flow,
    /// What the host could not send.
    pub trouble: Trouble,
    /// Times it came up.
    pub up: u32,
    /// Times it went down.
    pub down: u32,
    /// Round trips measured.
    pub samples: u32,
    /// Shortest and longest of them.
    pub round_trips: Option<(Span, Span)>,
}

impl PathCounters {
    /// A round trip was measured.
    pub(crate) fn measured(&mut self, took: Span) {
        self.samples = self.samples.saturating_add(1);
        let (least, most) = self.round_trips.unwrap_or((took, took));
        self.round_trips = Some((least.min(took), most.max(took)));
    }
}

/// A time in which this process did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it was noticed.
    pub at: Wall,
    /// How long it lasted.
    pub late: Span,
}

/// Counters that are cleared together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Paths and seals.
    Paths,
    /// Everything about token, frames and memberships.
    Ring,
    /// Pauses of the process.
    Pauses,
}

/// Messages about the vote, in the order of the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoteMessages {
    /// Votes that members brought into a ring.
    pub ballots: u64,
    /// Changes of votes and of what is expected.
    pub changes: u64,
    /// What the witness says.
    pub witness: u64,
}

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
    /// Tokens sent to another node, again ones included.
    pub tokens_sent: u64,
    /// Times the token was lost in the ring that we worked in.
    pub tokens_lost: u64,
    /// Times the token was lost, or the slots did not get to all, in a ring that was being recovered.
    pub recoveries_lost: u64,
    /// Times recovery began.
    pub recoveries: u64,
    /// Times a ring was proposed or promised.
    pub commits: u64,
    /// Times a proposed ring did not get the promises of all in time.
    pub commits_lost: u64,
    /// Times no membership was agreed on in time.
    pub consensus_lost: u64,
    /// As many of them in a row, up to now.
    pub consensus_lost_now: u32,
    /// Signs of life sent and received by which a membership was looked for.
    pub joins_sent: u64,
    /// See `joins_sent`: those of others.
    pub joins_received: u64,
    /// Messages sent to form a ring: proposals, promises, refusals, slots, their receipts.
    pub commit_messages_sent: u64,
    /// The same, received.
    pub commit_messages_received: u64,
    /// Greetings sent to those with whom there is no session.
    pub greetings_sent: u64,
    /// Greetings received, as far as they are authentic.
    pub greetings_received: u64,
    /// Times the resting token was asked for.
    pub token_wanted_sent: u64,
    /// Times another node asked for it.
    pub token_wanted_received: u64,
    /// Frames and tokens of another ring, or at a time, at which nothing can be done with them.
    pub unexpected: u64,
    /// Datagrams sealed here: counted once however many it was sent to.
    pub sealed: u64,
    /// Datagrams opened here.
    pub opened: u64,
    /// About the vote: said by this node.
    pub votes_sent: VoteMessages,
    /// About the vote: delivered here.
    pub votes_received: VoteMessages,
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
    /// Smoothed time from the token's arrival to its leaving.
    pub holding: Span,
    /// Smoothed number of frames that waited when the token came, in thousandths.
    pub backlog: u64,
    /// Since the token was here last; `None` before the first time.
    pub token_age: Option<Span>,
    /// Bytes in the send queue.
    pub queued_bytes: u64,
    /// Messages in the send queue.
    pub queued_messages: u64,
    /// Frames of full size that the send queue still takes.
    pub free_frames: u64,
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
    /// The interface of this link is up here, as far as the host says.
    pub enabled: bool,
    /// What was counted on it.
    pub counters: PathCounters,
}
