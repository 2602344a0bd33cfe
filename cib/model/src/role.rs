//! The role of a resource on a node.

use std::fmt;

/// What a resource does (or shall do) on a node, in rising order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Role {
    /// Nothing is known or required.
    #[default]
    Unknown,
    /// Not running.
    Stopped,
    /// Running; for a resource without roles the only active state.
    Started,
    /// Running in the lower role of a promotable resource.
    Unpromoted,
    /// Running in the upper role of a promotable resource.
    Promoted,
}

impl Role {
    /// Reads a role name; the names used before Pacemaker 2.1 (`Master`, `Slave`) are accepted, letter case is not
    /// significant.
    pub fn parse(text: &str) -> Option<Role> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("Stopped") {
            Some(Role::Stopped)
        } else if is("Started") {
            Some(Role::Started)
        } else if is("Unpromoted") || is("Slave") {
            Some(Role::Unpromoted)
        } else if is("Promoted") || is("Master") {
            Some(Role::Promoted)
        } else if is("Unknown") {
            Some(Role::Unknown)
        } else {
            None
        }
    }

    /// The name as documents and listings write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Unknown => "Unknown",
            Role::Stopped => "Stopped",
            Role::Started => "Started",
            Role::Unpromoted => "Unpromoted",
            Role::Promoted => "Promoted",
        }
    }

    /// Whether the resource is running in this role.
    pub fn is_active(self) -> bool {
        self > Role::Stopped
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
