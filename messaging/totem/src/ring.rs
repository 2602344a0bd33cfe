//! The ring as one state machine: takes inputs, hands out outputs. Knows neither socket nor clock.

use std::collections::VecDeque;

use crate::config::{Config, Identity, Key, PersistedRing};
use crate::io::{Input, Output, View};
use crate::quorum;
use crate::stats::{PeerLink, Statistics};
use crate::time::{Instant, Now};

/// One node's part of the ring.
#[derive(Debug)]
pub struct Ring {
    outputs: VecDeque<Output>,
}

impl Ring {
    /// A ring that begins to look for its peers at once. `persisted` is the last record written by
    /// [`Output::PersistRing`], `seed` feeds the owned random generator and must differ between runs.
    pub fn new(
        _config: Config,
        _key: Key,
        _identity: Identity,
        _persisted: Option<PersistedRing>,
        _seed: u64,
        _now: Now,
    ) -> Self {
        Self { outputs: VecDeque::new() }
    }

    /// Takes one input. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>) {}

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is wanted next, and why.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// Bytes that `Input::Multicast` still takes before it refuses.
    pub fn room(&self) -> usize {
        0
    }

    /// The last regular view delivered.
    pub fn view(&self) -> Option<&View> {
        None
    }

    /// The vote as of now.
    pub fn quorum(&self) -> quorum::Status {
        quorum::Status::default()
    }

    /// Counters since start.
    pub fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// Every link to every peer, for status displays.
    pub fn peer_links(&self) -> Vec<PeerLink> {
        Vec::new()
    }
}
