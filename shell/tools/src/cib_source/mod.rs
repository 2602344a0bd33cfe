//! Where a tool finds the configuration: a file (`CIB_file`), a shadow copy (`CIB_shadow`) or the running cluster.
//!
//! Every tool works on a [`CibSource`] and does not care which it is. Knows the environment, files and the local
//! socket; decides nothing about the document, the store does that.

mod error;
mod file;
mod live;
mod user;

use std::path::{Path, PathBuf};

use holdfast_store::{Answer, Operation, Options, Origin, Request, Target};
use holdfast_xml::Document;

pub use error::CibError;
pub use file::{read_document, write_document};
pub use user::{current_user, user_named};

use file::FileCib;
use live::LiveCib;

/// Which configuration is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The running cluster.
    Live,
    File(PathBuf),
    Shadow {
        name: String,
        path: PathBuf,
    },
}

/// A configuration to read and change.
pub struct CibSource {
    program: &'static str,
    place: Place,
    cib: Cib,
}

enum Cib {
    File(Box<FileCib>),
    Live(Box<LiveCib>),
}

impl Place {
    /// What the environment says: `CIB_shadow`, then `CIB_file`, else the running cluster.
    pub fn from_environment() -> Place {
        if let Some(name) = variable("CIB_shadow") {
            let path = shadow_path(&name);
            return Place::Shadow { name, path };
        }
        match variable("CIB_file") {
            Some(path) => Place::File(PathBuf::from(path)),
            None => Place::Live,
        }
    }
}

/// An environment variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of `cib.xml` and of root's shadow copies.
pub fn pacemaker_cib_folder() -> PathBuf {
    variable("HOLDFAST_PACEMAKER_DIR")
        .map_or_else(|| PathBuf::from("/var/lib/pacemaker"), PathBuf::from)
        .join("cib")
}

/// The folder of shadow copies: `CIB_shadow_dir`, for root and the cluster's own user where `cib.xml` lies, else
/// `~/.cib`.
pub fn shadow_folder() -> PathBuf {
    if let Some(folder) = variable("CIB_shadow_dir") {
        return PathBuf::from(folder);
    }
    let user = current_user();
    if user.privileged {
        return pacemaker_cib_folder();
    }
    match variable("HOME").filter(|home| home.starts_with('/')) {
        Some(home) => {
            let folder = Path::new(&home).join(".cib");
            // The file's own error says more than this one would.
            let _ = std::fs::create_dir(&folder);
            folder
        }
        None => std::env::temp_dir(),
    }
}

/// The file of a shadow copy.
pub fn shadow_path(name: &str) -> PathBuf {
    shadow_folder().join(format!("shadow.{name}"))
}

impl CibSource {
    /// The configuration that the environment names.
    ///
    /// # Errors
    /// It cannot be read, or the cluster does not answer.
    pub fn open(program: &'static str) -> Result<CibSource, CibError> {
        CibSource::at(program, Place::from_environment())
    }

    /// A given configuration.
    ///
    /// # Errors
    /// As [`CibSource::open`].
    pub fn at(program: &'static str, place: Place) -> Result<CibSource, CibError> {
        let cib = match &place {
            Place::File(path) | Place::Shadow { path, .. } => Cib::File(Box::new(FileCib::open(path)?)),
            Place::Live => Cib::Live(Box::new(LiveCib::open(program)?)),
        };
        Ok(CibSource { program, place, cib })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn is_live(&self) -> bool {
        self.place == Place::Live
    }

    /// The whole document, as far as this user may read it.
    ///
    /// # Errors
    /// Nothing readable, or no answer.
    pub fn document(&mut self) -> Result<Document, CibError> {
        match self.query(Target::Whole, Options::default(), None)? {
            Answer::Xml(document) => Ok(document),
            Answer::Paths(_) => Err(CibError::new(crate::exit::SOFTWARE, "a document was expected")),
        }
    }

    /// Part of the document. `user` asks with the rights of another user.
    ///
    /// # Errors
    /// Nothing there, not readable, or no answer.
    pub fn query(
        &mut self,
        target: Target,
        options: Options,
        user: Option<&str>,
    ) -> Result<Answer, CibError> {
        let mut request = Request::new(Operation::Query, target, None);
        request.options = options;
        request.origin = self.origin(user);
        match &mut self.cib {
            Cib::File(file) => file.query(&request),
            Cib::Live(live) => live.query(&request),
        }
    }

    /// Changes the document; a file is written at once.
    ///
    /// # Errors
    /// The reason why nothing was changed.
    pub fn apply(&mut self, mut request: Request, user: Option<&str>) -> Result<(), CibError> {
        request.origin = self.origin(user);
        match &mut self.cib {
            Cib::File(file) => file.apply(request),
            Cib::Live(live) => live.apply(&request),
        }
    }

    /// Merges into the document, creating what is not there.
    ///
    /// # Errors
    /// As [`CibSource::apply`].
    pub fn modify(&mut self, target: Target, input: Document) -> Result<(), CibError> {
        let mut request = Request::new(Operation::Modify, target, Some(input));
        request.options.can_create = true;
        self.apply(request, None)
    }

    fn origin(&self, user: Option<&str>) -> Origin {
        let named = user.map(str::to_owned).or_else(|| variable("CIB_user"));
        Origin {
            node: None,
            client: Some(self.program.to_owned()),
            user: named.map(|name| user_named(&name)),
            written: None,
        }
    }
}
