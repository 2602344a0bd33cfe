//! Finding the changes between two documents, in the order and with the positions that Pacemaker's tools print.
//!
//! Children correspond when name and id agree, comments when place and content agree. A patch whose paths turn out
//! ambiguous (siblings of one name without ids) is replaced by one that makes the root's children anew.

use std::collections::BTreeMap;

use super::{AttributeChange, Change, Patch, Version, path, same_tree};
use crate::document::{Document, Kind, NodeIx};

/// How strictly documents are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// An attribute at another place in its element is a change.
    AttributeOrder,
    /// Only names and values of attributes count.
    AttributeValues,
}

/// The patch that leads from `old` to `new`; versions are those on the root elements.
///
/// Roots of different names have nothing in common; the patch then only describes attributes and children.
pub fn diff(old: &Document, new: &Document, compare: Compare) -> Patch {
    let mut patch = Patch {
        source: Some(Version::of(old.root())),
        target: Some(Version::of(new.root())),
        digest: None,
        changes: Vec::new(),
    };
    if same_tree(old, old.root().ix(), new, new.root().ix(), compare == Compare::AttributeOrder) {
        return patch;
    }
    let mut comparison = Comparison { old, new, compare, deleted: Vec::new(), marks: BTreeMap::new() };
    comparison.element(old.root().ix(), new.root().ix());
    patch.changes = std::mem::take(&mut comparison.deleted);
    comparison.collect(&mut patch.changes);
    let mut trial = old.clone();
    let exact = patch.apply(&mut trial).is_ok()
        && same_tree(&trial, trial.root().ix(), new, new.root().ix(), compare == Compare::AttributeOrder);
    if !exact {
        patch.changes = anew(old, new);
    }
    patch
}

/// What happened to a node of the new document.
#[derive(Default)]
struct Mark {
    created: bool,
    moved: bool,
    attributes: Vec<AttributeChange>,
}

struct Comparison<'a> {
    old: &'a Document,
    new: &'a Document,
    compare: Compare,
    deleted: Vec<Change>,
    marks: BTreeMap<NodeIx, Mark>,
}

impl Comparison<'_> {
    fn element(&mut self, old_top: NodeIx, new_top: NodeIx) {
        let mut pairs = vec![(old_top, new_top)];
        let mut work = Vec::new();
        // Depth first, so that deletions come in the order of the old document.
        while let Some((old, new)) = pairs.pop() {
            let attributes = self.attributes(old, new);
            if !attributes.is_empty() {
                self.marks.entry(new).or_default().attributes = attributes;
            }
            work.clear();
            self.children(old, new, &mut work);
            pairs.extend(work.drain(..).rev());
        }
    }

    fn attributes(&self, old: NodeIx, new: NodeIx) -> Vec<AttributeChange> {
        let before: Vec<(&str, &str)> = self.old.element(old).attrs().collect();
        let after: Vec<(&str, &str)> = self.new.element(new).attrs().collect();
        let mut skip_before = vec![false; before.len()];
        let mut skip_after = vec![false; after.len()];
        let mut changed = vec![false; after.len()];
        let mut unset = Vec::new();
        let place = |skipped: &[bool], at: usize| skipped[..at].iter().filter(|skip| !**skip).count();
        for (at, (name, value)) in before.iter().enumerate() {
            let Some(there) = after.iter().position(|(other, _)| other == name) else {
                unset.push(AttributeChange::Unset { name: (*name).to_owned() });
                continue;
            };
            if after[there].1 != *value {
                changed[there] = true;
                continue;
            }
            let (place_before, place_after) = (place(&skip_before, at), place(&skip_after, there));
            if place_before != place_after && self.compare == Compare::AttributeOrder {
                changed[there] = true;
                if place_before > place_after {
                    skip_before[at] = true;
                } else {
                    skip_after[there] = true;
                }
            }
        }
        for (at, (name, _)) in after.iter().enumerate() {
            changed[at] |= !before.iter().any(|(other, _)| other == name);
        }
        let mut changes: Vec<AttributeChange> = after
            .iter()
            .zip(changed)
            .filter(|(_, changed)| *changed)
            .map(|((name, value), _)| AttributeChange::Set {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        changes.extend(unset);
        changes
    }

    fn children(&mut self, old: NodeIx, new: NodeIx, pairs: &mut Vec<(NodeIx, NodeIx)>) {
        let before = siblings(self.old, old);
        let after = siblings(self.new, new);
        let (match_of_old, match_of_new) = self.matches(&before, &after);
        let mut places_before = Places::new(before.len());
        let mut places_after = Places::new(after.len());
        for (at, child) in before.iter().enumerate() {
            match match_of_old[at] {
                None => {
                    let position = (self.old.kind(*child) == Kind::Comment).then(|| places_before.place(at));
                    pairs_flush(self, pairs);
                    self.deleted.push(Change::Delete { path: path::of(self.old, *child), position });
                    places_before.skip(at);
                }
                Some(there) => {
                    if self.old.kind(*child) == Kind::Element {
                        pairs.push((*child, after[there]));
                    }
                }
            }
        }
        for (at, child) in after.iter().enumerate() {
            let Some(there) = match_of_new[at] else {
                places_after.skip(at);
                self.marks.entry(*child).or_default().created = true;
                continue;
            };
            let (place_before, place_after) = (places_before.place(there), places_after.place(at));
            if place_before != place_after {
                self.marks.entry(*child).or_default().moved = true;
                if place_before > place_after {
                    places_before.skip(there);
                } else {
                    places_after.skip(at);
                }
            }
        }
    }

    fn matches(&self, before: &[NodeIx], after: &[NodeIx]) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
        let mut match_of_old = vec![None; before.len()];
        let mut match_of_new = vec![None; after.len()];
        let mut candidates: BTreeMap<(&str, Option<&str>), std::collections::VecDeque<usize>> =
            BTreeMap::new();
        for (at, child) in after.iter().enumerate() {
            if self.new.kind(*child) == Kind::Element {
                let element = self.new.element(*child);
                candidates.entry((element.name(), element.id())).or_default().push_back(at);
            }
        }
        for (at, child) in before.iter().enumerate() {
            let found = if self.old.kind(*child) == Kind::Element {
                let element = self.old.element(*child);
                candidates.get_mut(&(element.name(), element.id())).and_then(|all| all.pop_front())
            } else {
                let same = after.get(at).filter(|other| {
                    self.new.kind(**other) == Kind::Comment
                        && self.new.content(**other) == self.old.content(*child)
                });
                same.map(|_| at)
            };
            if let Some(there) = found {
                match_of_old[at] = Some(there);
                match_of_new[there] = Some(at);
            }
        }
        (match_of_old, match_of_new)
    }

    /// Turns the marks into changes, walking the new document.
    fn collect(&self, changes: &mut Vec<Change>) {
        let top = self.new.root().ix();
        let mut stack = vec![(top, false)];
        while let Some((ix, after_children)) = stack.pop() {
            let mark = self.marks.get(&ix);
            if after_children {
                if mark.is_some_and(|mark| mark.moved) {
                    changes
                        .push(Change::Move { path: path::of(self.new, ix), position: self.new.position(ix) });
                }
                continue;
            }
            if mark.is_some_and(|mark| mark.created) {
                changes.push(create(self.new, ix));
                continue;
            }
            if let Some(mark) = mark
                && !mark.attributes.is_empty()
            {
                changes.push(modify(self.new, ix, mark.attributes.clone()));
            }
            stack.push((ix, true));
            let children = siblings(self.new, ix);
            stack.extend(children.into_iter().rev().map(|child| (child, false)));
        }
    }
}

/// Deletions of this level must come after those inside earlier siblings: finish these first.
fn pairs_flush(comparison: &mut Comparison<'_>, pairs: &mut Vec<(NodeIx, NodeIx)>) {
    for (old, new) in pairs.drain(..) {
        comparison.element(old, new);
    }
}

fn siblings(document: &Document, parent: NodeIx) -> Vec<NodeIx> {
    document
        .nodes_of(parent)
        .filter(|ix| matches!(document.kind(*ix), Kind::Element | Kind::Comment))
        .collect()
}

fn create(new: &Document, ix: NodeIx) -> Change {
    let parent = NodeIx(new.node(ix.0).parent);
    let mut content = Document::new("change");
    let root = content.root().ix();
    content.append_copy(root, new, ix);
    Change::Create { path: new.element(parent).xpath(), position: new.position(ix), content }
}

fn modify(new: &Document, ix: NodeIx, attributes: Vec<AttributeChange>) -> Change {
    let element = new.element(ix);
    Change::Modify {
        path: element.xpath(),
        attributes,
        result: element.attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        name: element.name().to_owned(),
    }
}

/// The patch that always works: every child of the root goes, every child of the new root is made.
fn anew(old: &Document, new: &Document) -> Vec<Change> {
    let (old_root, new_root) = (old.root(), new.root());
    let mut changes = Vec::new();
    for child in siblings(old, old_root.ix()) {
        let comment = old.kind(child) == Kind::Comment;
        let name = if comment { "comment" } else { old.element(child).name() };
        let path = format!("/{}/{name}", old_root.name());
        changes.push(Change::Delete { path, position: comment.then_some(0) });
    }
    let comparison = Comparison {
        old,
        new,
        compare: Compare::AttributeOrder,
        deleted: Vec::new(),
        marks: BTreeMap::new(),
    };
    let attributes = comparison.attributes(old_root.ix(), new_root.ix());
    let path = format!("/{}", old_root.name());
    if !attributes.is_empty() {
        let mut change = modify(new, new_root.ix(), attributes);
        if let Change::Modify { path: of_change, .. } = &mut change {
            of_change.clone_from(&path);
        }
        changes.push(change);
    }
    for child in siblings(new, new_root.ix()) {
        let mut change = create(new, child);
        if let Change::Create { path: of_change, .. } = &mut change {
            of_change.clone_from(&path);
        }
        changes.push(change);
    }
    changes
}

/// How many siblings before a place are not skipped; a Fenwick tree, as there can be many thousands.
struct Places {
    sums: Vec<usize>,
}

impl Places {
    fn new(len: usize) -> Places {
        Places { sums: (0..=len).map(|at| at & at.wrapping_neg()).collect() }
    }

    fn skip(&mut self, place: usize) {
        let mut at = place + 1;
        while at < self.sums.len() {
            self.sums[at] -= 1;
            at += at & at.wrapping_neg();
        }
    }

    fn place(&self, before: usize) -> usize {
        let (mut at, mut sum) = (before, 0);
        while at > 0 {
            sum += self.sums[at];
            at &= at - 1;
        }
        sum
    }
}
