//! What checkers and tests may see of a node. Nothing here changes anything.

use std::sync::Arc;

use holdfast_api::cib::Version;
use holdfast_totem::{NodeId, RingId};
use holdfast_xml::Document;

use super::Node;
use crate::random::digest64;
use crate::state::Shared;

/// A node at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Present ring.
    pub ring: Option<RingId>,
    /// All members are in step.
    pub settled: bool,
    /// This view is about to be replaced: members may see different ends of it.
    pub ending: bool,
    /// Who decides.
    pub dc: Option<NodeId>,
    /// Version of the document.
    pub version: Version,
    /// Digest of the configuration.
    pub digest: [u8; 16],
    /// Nothing is left to do.
    pub idle: bool,
}

impl Node {
    /// This node at this moment.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        Inspection {
            ring: self.membership.ring(),
            settled: self.membership.settled(),
            ending: self.membership.is_ending(),
            dc: self.membership.dc(),
            version: self.cib.version(),
            digest: self.cib.digest(),
            idle: self.is_idle(),
        }
    }

    /// A digest over everything that all members agree on beside the configuration.
    #[must_use]
    pub fn shared_digest(&self) -> u64 {
        digest64(&postcard::to_stdvec(&self.shared).unwrap_or_default())
    }

    /// What all members agree on beside the configuration.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The configuration.
    #[must_use]
    pub fn document(&self) -> &Arc<Document> {
        self.cib.document()
    }

    /// Whether a recurring operation is repeated here.
    #[must_use]
    pub fn repeats(&self, rsc: &str, operation: &str, interval_ms: u32) -> bool {
        self.local.repeats(rsc, operation, interval_ms)
    }
}
