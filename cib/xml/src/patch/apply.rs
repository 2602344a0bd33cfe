//! Applying a patch: deletions and modifications at once, then creations and moves in the order of their positions.

use super::{Change, Patch, PatchError, Version, path};
use crate::document::{Document, Kind, NodeIx};

impl Patch {
    /// Whether the document is at the version this patch starts from, and the patch leads forward.
    ///
    /// A patch without versions fits every document.
    ///
    /// # Errors
    /// [`PatchError::TooOld`], [`PatchError::TooNew`] or [`PatchError::NotNewer`].
    pub fn check_versions(&self, document: &Document) -> Result<(), PatchError> {
        let current = Version::of(document.root());
        let source = self.source.unwrap_or(current);
        let target = self.target.unwrap_or(Version { num_updates: current.num_updates + 1, ..current });
        // Field by field: a lower admin_epoch with a higher epoch is "too low" because of the first difference.
        for (now, wanted) in current.fields().into_iter().zip(source.fields()) {
            if now < wanted {
                return Err(PatchError::TooNew { source_version: source, current });
            }
            if now > wanted {
                return Err(PatchError::TooOld { source_version: source, current });
            }
        }
        if target.fields().into_iter().zip(source.fields()).any(|(to, from)| to > from) {
            Ok(())
        } else {
            Err(PatchError::NotNewer(source, target))
        }
    }

    /// Changes the document, without looking at versions. On an error the document may be half changed: work on a
    /// copy.
    ///
    /// # Errors
    /// [`PatchError::NoMatch`]: something to modify, to move or to create in is not there. Deleting what is not
    /// there is no error.
    pub fn apply(&self, document: &mut Document) -> Result<(), PatchError> {
        let mut later: Vec<(usize, NodeIx, &Change)> = Vec::new();
        let mut missing = None;
        for change in &self.changes {
            let position = match change {
                Change::Delete { position, .. } => *position,
                Change::Create { .. } | Change::Modify { .. } | Change::Move { .. } => None,
            };
            let found = path::find(document, change.path(), position);
            let (ix, operation) = match (found, change) {
                (None, Change::Delete { .. }) => continue,
                (None, Change::Create { .. }) => (None, "create in"),
                (None, Change::Modify { .. }) => (None, "modify"),
                (None, Change::Move { .. }) => (None, "move"),
                (Some(ix), _) => (Some(ix), ""),
            };
            let Some(ix) = ix else {
                missing.get_or_insert(PatchError::NoMatch { operation, path: change.path().to_owned() });
                continue;
            };
            match change {
                Change::Delete { path, .. } => {
                    if ix == document.root().ix() {
                        missing
                            .get_or_insert(PatchError::NoMatch { operation: "delete", path: path.clone() });
                    } else {
                        document.remove(ix);
                    }
                }
                Change::Modify { result, .. } => {
                    let old: Vec<String> =
                        document.element(ix).attrs().map(|(name, _)| name.to_owned()).collect();
                    for name in old {
                        document.remove_attr(ix, &name);
                    }
                    for (name, value) in result {
                        document.set_attr(ix, name, value);
                    }
                }
                Change::Create { position, .. } => later.push((*position, ix, change)),
                Change::Move { position, .. } => {
                    if let Some(parent) = document.element(ix).parent() {
                        let parent = parent.ix();
                        document.move_to(ix, parent, usize::MAX);
                        later.push((*position, ix, change));
                    }
                }
            }
        }
        if let Some(error) = missing {
            return Err(error);
        }
        later.sort_by_key(|(position, _, _)| *position);
        for (position, ix, change) in later {
            if document.kind(ix) == Kind::Removed {
                continue;
            }
            match change {
                Change::Create { content, .. } => {
                    if let Some(new) = content.nodes_of(content.root().ix()).next() {
                        document.insert_copy_at(ix, position, content, new);
                    }
                }
                Change::Move { .. } => {
                    if let Some(parent) = document.element(ix).parent() {
                        let parent = parent.ix();
                        document.move_to(ix, parent, position);
                    }
                }
                Change::Modify { .. } | Change::Delete { .. } => {}
            }
        }
        Ok(())
    }
}
