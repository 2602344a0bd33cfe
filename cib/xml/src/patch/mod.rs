//! Differences between two documents: Pacemaker's patch sets, format 2.
//!
//! Knows elements, attributes, comments and the three version counters on a root element. Does not know what a
//! configuration is and computes no checksum; the digest of a patch set is carried, the store checks it.

mod apply;
mod compare;
mod path;
mod xml;

pub use compare::{Compare, diff};

use std::fmt;

use thiserror::Error;

use crate::document::{Document, Kind, NodeIx};
use crate::element::Element;

/// `admin_epoch.epoch.num_updates`, compared in that order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub admin_epoch: u32,
    pub epoch: u32,
    pub num_updates: u32,
}

impl Version {
    pub const NAMES: [&'static str; 3] = ["admin_epoch", "epoch", "num_updates"];

    pub fn new(admin_epoch: u32, epoch: u32, num_updates: u32) -> Version {
        Version { admin_epoch, epoch, num_updates }
    }

    /// The counters on an element; an absent or unreadable one counts as 0.
    pub fn of(element: Element<'_>) -> Version {
        let get = |name| element.attr(name).and_then(|value| value.parse().ok()).unwrap_or(0);
        Version::new(get("admin_epoch"), get("epoch"), get("num_updates"))
    }

    pub fn fields(self) -> [u32; 3] {
        [self.admin_epoch, self.epoch, self.num_updates]
    }

    /// Writes the counters to an element.
    pub fn store(self, document: &mut Document, ix: NodeIx) {
        for (name, value) in Version::NAMES.into_iter().zip(self.fields()) {
            document.set_attr(ix, name, &value.to_string());
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.admin_epoch, self.epoch, self.num_updates)
    }
}

/// What happens to one attribute of a modified element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeChange {
    Set { name: String, value: String },
    Unset { name: String },
}

/// One step of a patch.
#[derive(Clone, Debug)]
pub enum Change {
    /// Adds a subtree (or comment), the only child of `content`'s root, below the element at `path`.
    Create {
        path: String,
        position: usize,
        content: Document,
    },
    /// Gives the element at `path` exactly these attributes.
    Modify {
        path: String,
        attributes: Vec<AttributeChange>,
        result: Vec<(String, String)>,
        name: String,
    },
    Delete {
        path: String,
        position: Option<usize>,
    },
    Move {
        path: String,
        position: usize,
    },
}

impl Change {
    pub fn path(&self) -> &str {
        match self {
            Change::Create { path, .. }
            | Change::Modify { path, .. }
            | Change::Delete { path, .. }
            | Change::Move { path, .. } => path,
        }
    }

    /// The subtree that a creation adds.
    pub fn created(&self) -> Option<Element<'_>> {
        match self {
            Change::Create { content, .. } => content.root().children().next(),
            Change::Modify { .. } | Change::Delete { .. } | Change::Move { .. } => None,
        }
    }
}

/// The steps that lead from one version of a document to another.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    pub source: Option<Version>,
    pub target: Option<Version>,
    /// Checksum of the document that must result, in the form the writer of the patch chose.
    pub digest: Option<String>,
    pub changes: Vec<Change>,
}

/// Why a patch cannot be read or applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatchError {
    #[error("patch format {0} is not supported, expected format 2 (make a new patch with crm_diff)")]
    Format(String),
    #[error("<{element}> in the patch: {problem}")]
    Malformed { element: String, problem: String },
    #[error("the patch starts from version {source_version}, the document is older ({current})")]
    TooNew { source_version: Version, current: Version },
    #[error("the patch starts from version {source_version}, the document is newer ({current})")]
    TooOld { source_version: Version, current: Version },
    #[error("the patch leads from version {0} to {1}, which is not newer")]
    NotNewer(Version, Version),
    #[error("the patch wants to {operation} {path}, which does not exist")]
    NoMatch { operation: &'static str, path: String },
    #[error("the document that results does not have the digest {expected}, it has {found}")]
    Digest { expected: String, found: String },
}

impl Patch {
    /// Whether the patch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether an element below `/cib/configuration` is touched.
    pub fn changes_configuration(&self) -> bool {
        self.touches("/cib/configuration", "/cib", "configuration")
    }

    fn touches(&self, at: &str, parent: &str, name: &str) -> bool {
        self.changes.iter().any(|change| {
            let path = change.path();
            path == at
                || path.starts_with(at) && path[at.len()..].starts_with(['/', '['])
                || path == parent && change.created().is_some_and(|created| created.name() == name)
        })
    }
}

/// Whether two nodes are the same for a patch: name, attributes in their order, children, comments.
pub(crate) fn same_tree(a: &Document, a_top: NodeIx, b: &Document, b_top: NodeIx, ordered: bool) -> bool {
    let (mut at_a, mut at_b) = (a_top.0, b_top.0);
    loop {
        if !same_node(a, at_a, b, at_b, ordered) {
            return false;
        }
        let (children_a, children_b) = (a.nodes_of(NodeIx(at_a)).count(), b.nodes_of(NodeIx(at_b)).count());
        if children_a != children_b {
            return false;
        }
        match (a.following(at_a, a_top.0), b.following(at_b, b_top.0)) {
            (Some(next_a), Some(next_b)) => (at_a, at_b) = (next_a, next_b),
            (None, None) => return true,
            (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}

fn same_node(a: &Document, at_a: u32, b: &Document, at_b: u32, ordered: bool) -> bool {
    let (node_a, node_b) = (a.node(at_a), b.node(at_b));
    if node_a.kind != node_b.kind || a.names.get(node_a.name) != b.names.get(node_b.name) {
        return false;
    }
    if node_a.kind != Kind::Element {
        return a.str(node_a.content) == b.str(node_b.content);
    }
    let (element_a, element_b) = (a.element(NodeIx(at_a)), b.element(NodeIx(at_b)));
    if ordered {
        element_a.attrs().eq(element_b.attrs())
    } else {
        element_a.attrs().len() == element_b.attrs().len()
            && element_a.attrs().all(|(name, value)| element_b.attr(name) == Some(value))
    }
}

/// The node that a path of a patch names.
pub fn find(document: &Document, path: &str) -> Option<NodeIx> {
    path::find(document, path, None)
}

impl Document {
    /// Whether both documents have the same elements, attributes in their order, texts and comments.
    pub fn same_content(&self, other: &Document) -> bool {
        same_tree(self, self.root().ix(), other, other.root().ix(), true)
    }
}
