//! Patches as XML: `<diff format="2">`.

use super::{AttributeChange, Change, Patch, PatchError, Version};
use crate::document::{Document, NodeIx};
use crate::element::Element;

impl Patch {
    /// The patch as a `<diff>` document.
    pub fn to_xml(&self) -> Document {
        let mut document = Document::new("diff");
        let root = document.root().ix();
        document.set_attr(root, "format", "2");
        if let Some(digest) = &self.digest {
            document.set_attr(root, "digest", digest);
        }
        if self.source.is_some() || self.target.is_some() {
            let version = document.append(root, "version");
            for (name, value) in [("source", self.source), ("target", self.target)] {
                if let Some(value) = value {
                    let ix = document.append(version, name);
                    value.store(&mut document, ix);
                }
            }
        }
        for change in &self.changes {
            write_change(&mut document, root, change);
        }
        document
    }

    /// Reads a `<diff>` element.
    ///
    /// # Errors
    /// Another format than 2, or an element that lacks what it needs.
    pub fn from_xml(diff: Element<'_>) -> Result<Patch, PatchError> {
        if diff.name() != "diff" {
            return Err(malformed(diff, "expected <diff>"));
        }
        let format = diff.attr("format").unwrap_or("1");
        if format != "2" {
            return Err(PatchError::Format(format.to_owned()));
        }
        let mut patch = Patch { digest: diff.attr("digest").map(str::to_owned), ..Patch::default() };
        if let Some(version) = diff.child("version") {
            patch.source = version.child("source").map(read_version).transpose()?;
            patch.target = version.child("target").map(read_version).transpose()?;
        }
        for change in diff.children_named("change") {
            if let Some(change) = read_change(change)? {
                patch.changes.push(change);
            }
        }
        Ok(patch)
    }
}

fn malformed(element: Element<'_>, problem: &str) -> PatchError {
    PatchError::Malformed { element: element.name().to_owned(), problem: problem.to_owned() }
}

fn read_version(element: Element<'_>) -> Result<Version, PatchError> {
    let read = |name: &str| match element.attr(name) {
        None => Err(malformed(element, &format!("{name} is missing"))),
        Some(value) => {
            value.parse().map_err(|_| malformed(element, &format!("{name}={value:?} is not a number")))
        }
    };
    Ok(Version::new(read("admin_epoch")?, read("epoch")?, read("num_updates")?))
}

fn read_change(change: Element<'_>) -> Result<Option<Change>, PatchError> {
    let Some(operation) = change.attr("operation") else { return Ok(None) };
    let path = change.attr("path").ok_or_else(|| malformed(change, "path is missing"))?.to_owned();
    let position = match change.attr("position") {
        None => None,
        Some(value) => Some(
            value
                .parse::<usize>()
                .map_err(|_| malformed(change, &format!("position={value:?} is not a number")))?,
        ),
    };
    Ok(Some(match operation {
        "create" => {
            let mut content = Document::new("change");
            let root = content.root().ix();
            let source = change.document();
            let Some(new) = source.nodes_of(change.ix()).next() else {
                return Err(malformed(change, "a creation without content"));
            };
            content.append_copy(root, source, new);
            Change::Create { path, position: position.unwrap_or(0), content }
        }
        "modify" => {
            let result = change.child("change-result").and_then(|result| result.children().next());
            let Some(result) = result else {
                return Err(malformed(change, "a modification without change-result"));
            };
            let list = change.child("change-list");
            Change::Modify {
                path,
                name: result.name().to_owned(),
                result: result.attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                attributes: list.map(read_attributes).unwrap_or_default(),
            }
        }
        "delete" => Change::Delete { path, position },
        "move" => Change::Move { path, position: position.unwrap_or(0) },
        other => return Err(malformed(change, &format!("unknown operation {other:?}"))),
    }))
}

fn read_attributes(list: Element<'_>) -> Vec<AttributeChange> {
    list.children_named("change-attr")
        .filter_map(|attribute| {
            let name = attribute.attr("name")?.to_owned();
            Some(match attribute.attr("operation") {
                Some("unset") => AttributeChange::Unset { name },
                _ => AttributeChange::Set { name, value: attribute.attr("value").unwrap_or("").to_owned() },
            })
        })
        .collect()
}

fn write_change(document: &mut Document, root: NodeIx, change: &Change) {
    let ix = document.append(root, "change");
    let head = |document: &mut Document, operation: &str, path: &str, position: Option<usize>| {
        document.set_attr(ix, "operation", operation);
        document.set_attr(ix, "path", path);
        if let Some(position) = position {
            document.set_attr(ix, "position", &position.to_string());
        }
    };
    match change {
        Change::Create { path, position, content } => {
            head(document, "create", path, Some(*position));
            if let Some(new) = content.nodes_of(content.root().ix()).next() {
                document.append_copy(ix, content, new);
            }
        }
        Change::Delete { path, position } => head(document, "delete", path, *position),
        Change::Move { path, position } => head(document, "move", path, Some(*position)),
        Change::Modify { path, attributes, result, name } => {
            head(document, "modify", path, None);
            let list = document.append(ix, "change-list");
            for attribute in attributes {
                let one = document.append(list, "change-attr");
                match attribute {
                    AttributeChange::Set { name, value } => {
                        document.set_attr(one, "name", name);
                        document.set_attr(one, "operation", "set");
                        document.set_attr(one, "value", value);
                    }
                    AttributeChange::Unset { name } => {
                        document.set_attr(one, "name", name);
                        document.set_attr(one, "operation", "unset");
                    }
                }
            }
            let holder = document.append(ix, "change-result");
            let after = document.append(holder, name);
            for (name, value) in result {
                document.set_attr(after, name, value);
            }
        }
    }
}
