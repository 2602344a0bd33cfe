//! What there is to complete with: the objects of the configuration and the agents of this node.
//!
//! Asks the cluster only when somebody presses the key. A cluster that does not answer offers nothing: the line that is
//! being typed is no place for its error, the command will give it.

use super::super::session::Session;
use super::super::{configure, ra, working};
use holdfast_agent_protocol::metadata::Metadata;
use holdfast_xml::{Document, Element};
use std::cell::OnceCell;

/// An object of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Name of its element.
    pub kind: String,
    /// What one calls it by: a node's name, anything else's identifier.
    pub name: String,
    /// `CLASS:PROVIDER:TYPE` of a primitive or template.
    pub agent: Option<String>,
    /// The container that it is in.
    pub inside: Option<String>,
}

impl Object {
    fn read(element: Element<'_>) -> Option<Object> {
        let container = element.parent().filter(|e| matches!(e.name(), "group" | "clone" | "master"));
        let agent = element.attr("class").map(|class| {
            let rest = [element.attr("provider"), element.attr("type")];
            rest.into_iter().flatten().fold(class.to_owned(), |name, part| format!("{name}:{part}"))
        });
        Some(Object {
            kind: element.name().to_owned(),
            name: element.attr("uname").or(element.attr("id"))?.to_owned(),
            agent,
            inside: container.and_then(|e| e.attr("id")).map(str::to_owned),
        })
    }

    /// Objects of a document, in its order.
    pub fn all(document: &Document) -> Vec<Object> {
        working::objects(document).into_iter().filter_map(Object::read).collect()
    }
}

/// What completion asks.
pub trait World {
    /// Objects of the configuration that is worked on.
    fn objects(&self) -> &[Object];
    /// Classes of agents.
    fn classes(&self) -> Vec<String>;
    /// Providers of the class `ocf`.
    fn providers(&self) -> Vec<String>;
    /// Types of a class, and of a provider.
    fn types(&self, class: &str, provider: Option<&str>) -> Vec<String>;
    /// What an agent says about itself.
    fn metadata(&self, agent: &str) -> Option<Metadata>;
    /// Shadow copies.
    fn shadows(&self) -> Vec<String>;
}

/// The cluster, or the shadow copy in use.
pub struct Live {
    /// A session of its own: it edits nothing.
    session: Session,
    edited: Option<Vec<Object>>,
    read: OnceCell<Vec<Object>>,
}

impl Live {
    pub fn new(session: &Session) -> Live {
        Live {
            session: Session::new(session.shadow.clone(), false, false),
            edited: session.configure.as_ref().map(|c| Object::all(c.document())),
            read: OnceCell::new(),
        }
    }
}

impl World for Live {
    fn objects(&self) -> &[Object] {
        match &self.edited {
            Some(edited) => edited,
            None => self
                .read
                .get_or_init(|| self.session.document().map(|doc| Object::all(&doc)).unwrap_or_default()),
        }
    }

    fn classes(&self) -> Vec<String> {
        holdfast_agent_protocol::Class::ALL.iter().map(ToString::to_string).collect()
    }

    fn providers(&self) -> Vec<String> {
        ra::providers(&self.session, None).unwrap_or_default()
    }

    fn types(&self, class: &str, provider: Option<&str>) -> Vec<String> {
        ra::types(&self.session, class, provider).unwrap_or_default()
    }

    fn metadata(&self, agent: &str) -> Option<Metadata> {
        ra::metadata_of(&self.session, agent).ok()
    }

    fn shadows(&self) -> Vec<String> {
        configure::shadow::names()
    }
}
