//! What can be asked of a store, with everything local to the asker resolved.

use holdfast_xml::Document;

/// One operation on the document.
#[derive(Clone, Debug)]
pub struct Request {
    pub operation: Operation,
    pub target: Target,
    /// The XML that goes with it.
    pub input: Option<Document>,
    pub options: Options,
    pub origin: Origin,
}

impl Request {
    /// A request of the cluster itself, without restrictions.
    pub fn new(operation: Operation, target: Target, input: Option<Document>) -> Request {
        Request { operation, target, input, options: Options::default(), origin: Origin::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Query,
    /// Add; it must not exist.
    Create,
    /// Merge into what exists.
    Modify,
    /// Put in place of what exists.
    Replace,
    Delete,
    /// Apply a patch set.
    Patch,
    /// Raise the epoch only.
    Bump,
    /// Empty configuration and status.
    Erase,
    /// Bring the document to the newest schema.
    Upgrade,
}

impl Operation {
    pub fn changes(self) -> bool {
        self != Operation::Query
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Operation::Query => "query",
            Operation::Create => "create",
            Operation::Modify => "modify",
            Operation::Replace => "replace",
            Operation::Delete => "delete",
            Operation::Patch => "patch",
            Operation::Bump => "bump",
            Operation::Erase => "erase",
            Operation::Upgrade => "upgrade",
        }
    }
}

/// Which part of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    #[default]
    Whole,
    /// A section by its element name; `cib` and `all` mean the whole document.
    Section(String),
    XPath(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// All matches of the expression, not only the first.
    pub all_matches: bool,
    /// Modify: create what is not there.
    pub can_create: bool,
    /// Modify: `value="score++"` and `value="score+=5"` are sums.
    pub score_update: bool,
    /// Query: without the children of what is found.
    pub no_children: bool,
    /// Query: the paths of what is found instead of its content.
    pub paths: bool,
    /// Report what would happen, change nothing.
    pub dry_run: bool,
    /// Keep `cib-last-written` and the `update-*` attributes as they are (documents in files).
    pub keep_origin: bool,
    /// Take the versions of the given document as they are (synchronisation between members).
    pub keep_versions: bool,
    /// Replace: digest that the given document must have.
    pub expected_digest: Option<String>,
    /// Upgrade: not beyond this schema.
    pub newest_schema: Option<String>,
}

/// Who asks and from where; becomes `update-origin`, `update-client`, `update-user` and `cib-last-written`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the node that took the request.
    pub node: Option<String>,
    /// Name of the program.
    pub client: Option<String>,
    /// The asker; `None` is the cluster itself.
    pub user: Option<User>,
    /// The moment, in the form that belongs into `cib-last-written`.
    pub written: Option<String>,
}

/// A user whose name and groups the node looked up that took the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
    /// Root or the daemon's own user: access rules do not apply.
    pub privileged: bool,
}
