//! The clock side of attributes on the decision maker: delays.

use super::Node;
use crate::message::ClusterMessage;
use crate::state::Attributes;
use crate::time::Span;

/// Names of known attributes that match a pattern.
pub(super) fn matching(attributes: &Attributes, pattern: &str) -> Vec<String> {
    let Some(pattern) = crate::pattern::Pattern::new(pattern) else { return Vec::new() };
    attributes.names.keys().filter(|name| pattern.matches(name)).cloned().collect()
}

impl Node {
    /// Starts the delay of attributes that hold values back and have no delay running.
    pub(super) fn start_dampening(&mut self) {
        if !self.is_dc() {
            return;
        }
        for (name, dampen_ms) in self.shared.attributes.held() {
            if !self.dampening.contains_key(name) {
                self.dampening.insert(name.to_owned(), self.now.mono + Span::millis(dampen_ms.into()));
            }
        }
    }

    /// Delays that are over: all members write these attributes at the same point of the order.
    pub(super) fn dampening_over(&mut self) {
        let now = self.now.mono;
        if self.dampening.values().all(|at| *at > now) {
            return;
        }
        let names: Vec<String> =
            self.dampening.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        self.dampening.retain(|_, at| *at > now);
        self.say(ClusterMessage::AttributeWrite { names });
    }
}
