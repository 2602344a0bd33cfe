//! What a status view needs, in one consistent piece: the document with status, counters, fencing.

use crate::cib::Version;
use crate::fence::FenceRecord;
use crate::node::NodeInfo;
use serde::{Deserialize, Serialize};

/// One consistent picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The whole document, status included, as XML.
    pub cib: String,
    /// Its version.
    pub version: Version,
    /// Every known node.
    pub nodes: Vec<NodeInfo>,
    /// Node that answered.
    pub local: String,
    /// Present decision maker.
    pub dc: Option<String>,
    /// Version of the program on the decision maker.
    pub dc_version: Option<String>,
    /// Whether this partition has quorum.
    pub quorate: bool,
    /// Changes not yet on a majority.
    pub provisional: bool,
    /// State of the transition engine, as in [`crate::cluster::DaemonState::state`].
    pub state: String,
    /// Fencing operations, newest first.
    pub fencing: Vec<FenceRecord>,
    /// Sentences on promises at risk (no fencing, lost merge, overlap).
    pub risks: Vec<String>,
    /// Attributes that are not in the document: name, node, value.
    pub private_attributes: Vec<(String, String, String)>,
    /// When the picture was taken, µs since the epoch.
    pub taken_at: i64,
}
