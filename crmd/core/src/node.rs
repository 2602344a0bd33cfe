//! One node of the cluster: takes inputs, hands out outputs.

use std::collections::VecDeque;

use crate::io::{Input, Output};
use crate::record::Recovered;
use crate::settings::{Identity, Settings};
use crate::time::{Instant, Now};

/// One node.
#[derive(Debug)]
pub struct Node {
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node as it starts. `seed` feeds the owned random generator and must differ between runs.
    ///
    /// # Errors
    /// A sentence, when what was found on disk cannot be used and starting empty would lose it.
    pub fn new(
        _settings: Settings,
        _identity: Identity,
        _recovered: Recovered,
        _seed: u64,
        _now: Now,
    ) -> Result<Self, String> {
        Ok(Self { outputs: VecDeque::new() })
    }

    /// Takes one input. Drain [`Node::poll`] afterwards.
    pub fn handle(&mut self, _now: Now, _input: Input) {}

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is wanted next, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }
}
