//! One node as the cluster sees it.

use std::collections::BTreeMap;

use holdfast_model::status::ResourceHistory;
use serde::{Deserialize, Serialize};

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Id in the document: the number of a cluster node, the name of a remote one.
    pub id: String,
    /// Name.
    pub name: String,
    /// Member of the ring (`in_ccm`): since when in seconds, 0 = not.
    pub member_since: i64,
    /// Its daemon takes part (`crmd`): since when in seconds, 0 = not.
    pub online_since: i64,
    /// How far it has joined.
    pub join: Join,
    /// What we expect of it.
    pub expected: Expected,
    /// Boot identity of the host, when it was last seen.
    pub boot_id: Option<[u8; 16]>,
    /// It said goodbye when it left.
    pub left_cleanly: bool,
    /// Remote or guest node.
    pub remote: bool,
    /// A remote node was fenced: when, in seconds.
    pub fenced_at: Option<i64>,
    /// The cluster put it into maintenance.
    pub in_maintenance: Option<bool>,
    /// What was done to each resource there, by history name.
    pub resources: BTreeMap<String, ResourceHistory>,
}

/// How far a node has joined (`join`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Join {
    /// Not at all.
    #[default]
    Down,
    /// Member of the ring, its state not yet told.
    Pending,
    /// Takes part.
    Member,
}

/// What is expected of a node (`expected`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// Nothing yet: never seen.
    #[default]
    Unknown,
    /// To be a member.
    Member,
    /// To be down: it was shut down or fenced.
    Down,
}

impl NodeEntry {
    /// A node of which only the name is known.
    #[must_use]
    pub fn named(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), ..Self::default() }
    }

    /// Whether it takes part now.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.online_since != 0 && self.join == Join::Member
    }

    /// Whether it vanished and nobody knows what it still does.
    #[must_use]
    pub fn is_unclean(&self) -> bool {
        self.member_since == 0 && self.expected == Expected::Member
    }

    /// It is known to be down: nothing runs there.
    pub fn set_down(&mut self) {
        self.member_since = 0;
        self.online_since = 0;
        self.join = Join::Down;
        self.expected = Expected::Down;
        self.resources.clear();
    }
}
