//! Access rules: who may read and write which part of the document.
//!
//! Rules come from `<acls>` of the document before the change. The nearest element upwards that a rule names decides;
//! on one element deny beats everything and write includes read. Nothing said means no.
//! Source: Pacemaker Explained, "Access Control Lists (ACLs)".

mod rules;

use std::collections::BTreeMap;

use holdfast_xml::patch::Change;
use holdfast_xml::xpath::{Expr, Hit};
use holdfast_xml::{Document, Element, NodeIx, Patch};

use crate::refusal::Refusal;
use crate::request::User;

pub use rules::{Kind, Rule};

/// The rights of one user.
#[derive(Clone, Debug)]
pub struct Access {
    user: String,
    rules: Vec<Rule>,
}

/// What rules say about single elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    read: bool,
    write: bool,
    deny: bool,
}

/// How an element may be used, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Writable,
    Readable,
    Denied,
}

type Marks = BTreeMap<NodeIx, Flags>;

impl Access {
    /// The rights of a user under the rules of a document; `None` if rules do not apply.
    ///
    /// # Errors
    /// A deny rule that cannot be understood denies everything, rather than nothing.
    pub fn of(document: &Document, user: Option<&User>) -> Result<Option<Access>, Refusal> {
        let Some(user) = user else { return Ok(None) };
        if user.privileged || user.name.is_empty() || !rules::enabled(document) {
            return Ok(None);
        }
        Access::always(document, user).map(Some)
    }

    /// The rights of a user, whether or not rules are switched on.
    ///
    /// # Errors
    /// As [`Access::of`].
    pub fn always(document: &Document, user: &User) -> Result<Access, Refusal> {
        Ok(Access { user: user.name.clone(), rules: rules::for_user(document, user)? })
    }

    fn marks(&self, document: &Document) -> Result<Marks, Refusal> {
        let mut marks = Marks::new();
        for rule in &self.rules {
            for ix in places(document, &rule.places)? {
                let flags = marks.entry(ix).or_default();
                match rule.kind {
                    Kind::Read => flags.read = true,
                    Kind::Write => flags.write = true,
                    Kind::Deny => flags.deny = true,
                }
            }
        }
        Ok(marks)
    }

    /// What the user may do with each element, in document order.
    ///
    /// # Errors
    /// A rule whose expression takes too much work.
    pub fn permissions(&self, document: &Document) -> Result<BTreeMap<NodeIx, Permission>, Refusal> {
        let marks = self.marks(document)?;
        Ok(document
            .root()
            .self_and_descendants()
            .map(|element| {
                let permission = if may_write(&marks, element) {
                    Permission::Writable
                } else if may(&marks, element, |flags| flags.read || flags.write) {
                    Permission::Readable
                } else {
                    Permission::Denied
                };
                (element.ix(), permission)
            })
            .collect())
    }

    /// The document as the user may see it. Elements that may not be read stay as shells with only their id where
    /// something inside may be read.
    ///
    /// # Errors
    /// [`Refusal::Denied`] if nothing may be read.
    pub fn visible(&self, document: &Document) -> Result<Document, Refusal> {
        let nothing =
            || Refusal::Denied { user: self.user.clone(), wanted: "read", path: "anything".to_owned() };
        if self.rules.is_empty() {
            return Err(nothing());
        }
        let marks = self.marks(document)?;
        let mut visible = document.clone();
        for (ix, flags) in &marks {
            if flags.deny
                && visible.kind(*ix) == holdfast_xml::Kind::Element
                && !purge(&mut visible, &marks, *ix)
                && *ix == visible.root().ix()
            {
                return Err(nothing());
            }
        }
        let root = visible.root().ix();
        if !purge(&mut visible, &marks, root) {
            return Err(nothing());
        }
        Ok(visible)
    }

    /// Whether the user may make a change.
    ///
    /// # Errors
    /// [`Refusal::Denied`] naming the first part that is not allowed.
    pub fn check(&self, old: &Document, new: &Document, patch: &Patch) -> Result<(), Refusal> {
        if patch.is_empty() {
            return Ok(());
        }
        let old_marks = self.marks(old)?;
        let new_marks = self.marks(new)?;
        let denied = |wanted: &'static str, path: &str| {
            Err(Refusal::Denied { user: self.user.clone(), wanted, path: path.to_owned() })
        };
        let mut fresh = Fresh::new(new);
        for change in &patch.changes {
            match change {
                Change::Delete { path, position } => {
                    let holder = if position.is_some() { parent_of(path) } else { path.as_str() };
                    let allowed = at(old, holder).is_none_or(|element| may_write(&old_marks, element));
                    if !allowed {
                        return denied("delete", path);
                    }
                }
                Change::Modify { path, .. } => {
                    let element = at(old, path).or_else(|| at(new, path));
                    if !element.is_some_and(|element| {
                        let marks =
                            if std::ptr::eq(element.document(), old) { &old_marks } else { &new_marks };
                        may_write(marks, element)
                    }) {
                        return denied("modify", path);
                    }
                }
                Change::Move { path, .. } => {
                    let allowed = at(new, path).is_some_and(|element| {
                        may_write(&new_marks, element)
                            || element.parent().is_some_and(|parent| may_write(&new_marks, parent))
                    });
                    if !allowed {
                        return denied("move", path);
                    }
                }
                Change::Create { path, position, .. } => {
                    let Some(created) = fresh.find(path, *position) else {
                        // A comment: it belongs to its parent.
                        if at(new, path).is_some_and(|element| may_write(&new_marks, element)) {
                            continue;
                        }
                        return denied("create something in", path);
                    };
                    for element in created.self_and_descendants() {
                        if !is_scaffolding(element) && !may_write(&new_marks, element) {
                            return denied("create", &element.xpath());
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Finds the elements a patch creates in the document that results.
struct Fresh<'a> {
    document: &'a Document,
}

impl<'a> Fresh<'a> {
    fn new(document: &'a Document) -> Fresh<'a> {
        Fresh { document }
    }

    fn find(&mut self, parent: &str, position: usize) -> Option<Element<'a>> {
        let parent = at(self.document, parent)?;
        parent.children().find(|child| child.position() == position)
    }
}

fn at<'a>(document: &'a Document, path: &str) -> Option<Element<'a>> {
    holdfast_xml::patch::find(document, path).map(|ix| document.element(ix))
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A bare element with nothing but an id, outside `<acls>`, may be made by anyone: it holds what they may write.
fn is_scaffolding(element: Element<'_>) -> bool {
    element.attrs().all(|(name, _)| name == "id")
        && !element.ancestors().any(|parent| parent.name() == "acls")
}

/// Every place an expression names; an attribute or text means its element, the document its root.
fn places(document: &Document, expression: &Expr) -> Result<Vec<NodeIx>, Refusal> {
    let mut all: Vec<NodeIx> = expression
        .select(document, document.root().ix())?
        .iter()
        .filter_map(|hit| match hit {
            Hit::Attribute(ix, _) => Some(*ix),
            Hit::Node(ix) if document.kind(*ix) == holdfast_xml::Kind::Element => Some(*ix),
            Hit::Node(ix) => document.element(*ix).parent().map(Element::ix),
        })
        .collect();
    if all.is_empty() && expression.source().trim() == "/" {
        all.push(document.root().ix());
    }
    all.dedup();
    Ok(all)
}

/// Walks up until an element decides.
fn may(marks: &Marks, element: Element<'_>, allows: impl Fn(Flags) -> bool) -> bool {
    let mut here = Some(element);
    while let Some(element) = here {
        let flags = marks.get(&element.ix()).copied().unwrap_or_default();
        if flags.deny {
            return false;
        }
        if allows(flags) {
            return true;
        }
        here = element.parent();
    }
    false
}

fn may_write(marks: &Marks, element: Element<'_>) -> bool {
    may(marks, element, |flags| flags.write)
}

/// Cuts what may not be read out of a subtree; tells whether anything is left.
fn purge(document: &mut Document, marks: &Marks, top: NodeIx) -> bool {
    let readable =
        |ix: NodeIx| marks.get(&ix).is_some_and(|flags| !flags.deny && (flags.read || flags.write));
    // Children before parents, so that a parent knows whether something inside stays.
    let mut order = Vec::new();
    let mut stack = vec![top];
    while let Some(ix) = stack.pop() {
        order.push(ix);
        if !readable(ix) {
            stack.extend(document.element(ix).children().map(Element::ix));
        }
    }
    let mut kept: BTreeMap<NodeIx, bool> = BTreeMap::new();
    for ix in order.into_iter().rev() {
        if readable(ix) {
            kept.insert(ix, true);
            continue;
        }
        let inside = document.element(ix).children().any(|child| kept.get(&child.ix()) == Some(&true));
        kept.insert(ix, inside);
        if !inside && ix != document.root().ix() {
            document.remove(ix);
            continue;
        }
        let names: Vec<String> = document
            .element(ix)
            .attrs()
            .filter(|(name, _)| *name != "id")
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in names {
            document.remove_attr(ix, &name);
        }
    }
    kept.get(&top) == Some(&true)
}
