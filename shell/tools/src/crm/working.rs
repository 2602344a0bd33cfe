//! The working copy of the configuration: objects are added, changed and deleted here until they are committed.
//!
//! Knows containers, references and what has to go along with a deleted object. Does not know lines or terminals.

use super::grammar::Parsed;
use holdfast_xml::{Document, Element, NodeIx};

/// Element that stands for a resource inside a group or clone until the resource is moved there.
pub const REFERENCE: &str = "reference";

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("object {0} exists already; use `edit {0}`, or `delete {0}` first")]
    Exists(String),
    #[error("object {0} does not exist; `show` lists all objects")]
    Absent(String),
    #[error("{member} is in {container} already; take it out of {container} first")]
    Contained { member: String, container: String },
    #[error("{0} is not a resource that can be a member")]
    NotAMember(String),
    #[error("the document has no section {0}")]
    NoSection(String),
}

/// What a change did beside what was asked for.
pub type Notes = Vec<String>;

/// Elements that are objects with an identifier of their own.
const OBJECTS: &[&str] = &[
    "node",
    "primitive",
    "template",
    "group",
    "clone",
    "master",
    "bundle",
    "rsc_location",
    "rsc_colocation",
    "rsc_order",
    "rsc_ticket",
    "tag",
    "acl_role",
    "acl_target",
    "acl_group",
    "alert",
    "cluster_property_set",
];
const CONTAINERS: &[&str] = &["group", "clone", "master"];

/// Whether an element is an object of the configuration.
pub fn is_object(element: Element<'_>) -> bool {
    let in_defaults = matches!(element.parent().map(Element::name), Some("rsc_defaults" | "op_defaults"));
    OBJECTS.contains(&element.name()) || in_defaults
}

/// Every object, in document order.
pub fn objects(doc: &Document) -> Vec<Element<'_>> {
    match doc.root().child("configuration") {
        Some(configuration) => configuration.descendants().filter(|e| is_object(*e)).collect(),
        None => Vec::new(),
    }
}

/// The object of an identifier; a node also by its name.
pub fn find<'a>(doc: &'a Document, id: &str) -> Option<Element<'a>> {
    objects(doc)
        .into_iter()
        .find(|e| e.attr("id") == Some(id) || (e.name() == "node" && e.attr("uname") == Some(id)))
}

fn section(doc: &mut Document, name: &str) -> Result<NodeIx, Refused> {
    let configuration = doc
        .root()
        .child("configuration")
        .map(|e| e.ix())
        .ok_or_else(|| Refused::NoSection("configuration".to_owned()))?;
    if let Some(found) = doc.element(configuration).child(name) {
        return Ok(found.ix());
    }
    // Sections have a fixed order in the schema.
    const ORDER: &[&str] = &[
        "crm_config",
        "rsc_defaults",
        "op_defaults",
        "nodes",
        "resources",
        "constraints",
        "fencing-topology",
        "acls",
        "tags",
        "alerts",
        "status",
    ];
    let place = ORDER.iter().position(|s| *s == name);
    let after = doc
        .element(configuration)
        .children()
        .find(|e| ORDER.iter().position(|s| *s == e.name()) > place)
        .map(|e| e.ix());
    Ok(match after {
        Some(sibling) => doc.insert_before(sibling, name),
        None => doc.append(configuration, name),
    })
}

/// Adds an object.
///
/// # Errors
/// It exists already, or it names members that do not exist or are taken.
pub fn add(doc: &mut Document, parsed: &Parsed) -> Result<Notes, Refused> {
    let element = parsed.element.root();
    let id = element.attr("id").unwrap_or_default().to_owned();
    if parsed.merge {
        return merge(doc, parsed, &id).map(|()| Notes::new());
    }
    if parsed.section == "fencing-topology" {
        let target = section(doc, parsed.section)?;
        doc.clear(target);
        for level in element.children() {
            doc.append_copy(target, &parsed.element, level.ix());
        }
        return Ok(Notes::new());
    }
    if element.name() == "node"
        && let Some(existing) = find(doc, element.attr("uname").unwrap_or_default())
    {
        // A node is there as soon as it was seen: naming it changes it.
        let (ix, known) = (existing.ix(), existing.attr("id").unwrap_or_default().to_owned());
        let fresh = doc.replace_with_copy(ix, &parsed.element, element.ix());
        doc.set_attr(fresh, "id", &known);
        return Ok(Notes::new());
    }
    if find(doc, &id).is_some() {
        return Err(Refused::Exists(id));
    }
    let members: Vec<String> =
        element.children_named(REFERENCE).filter_map(|r| r.attr("id")).map(str::to_owned).collect();
    for member in &members {
        let found = find(doc, member).ok_or_else(|| Refused::Absent(member.clone()))?;
        let fits =
            matches!(found.name(), "primitive") || (element.name() != "group" && found.name() == "group");
        if !fits {
            return Err(Refused::NotAMember(member.clone()));
        }
        if let Some(parent) = found.parent().filter(|p| CONTAINERS.contains(&p.name())) {
            let container = parent.attr("id").unwrap_or_default().to_owned();
            return Err(Refused::Contained { member: member.clone(), container });
        }
    }
    let target = section(doc, parsed.section)?;
    let added = doc.append_copy(target, &parsed.element, element.ix());
    let placeholders: Vec<NodeIx> = doc.element(added).children_named(REFERENCE).map(|e| e.ix()).collect();
    for placeholder in placeholders {
        doc.remove(placeholder);
    }
    for member in &members {
        if let Some(ix) = find(doc, member).map(|e| e.ix()) {
            let end = doc.nodes_of(added).count();
            doc.move_to(ix, added, end);
        }
    }
    Ok(Notes::new())
}

/// Puts names and values into a set of options that may exist.
fn merge(doc: &mut Document, parsed: &Parsed, id: &str) -> Result<(), Refused> {
    let target = section(doc, parsed.section)?;
    let Some(set) = doc.element(target).children().find(|e| e.attr("id") == Some(id)).map(|e| e.ix()) else {
        let first = doc.element(target).children().next().map(|e| e.ix());
        // Without a name of its own a set of options goes into the first that is there.
        let usual = matches!(id, "cib-bootstrap-options" | "rsc-options" | "op-options");
        return match first.filter(|_| usual) {
            Some(first) => {
                put(doc, first, parsed);
                Ok(())
            }
            None => {
                doc.append_copy(target, &parsed.element, parsed.element.root().ix());
                Ok(())
            }
        };
    };
    put(doc, set, parsed);
    Ok(())
}

fn put(doc: &mut Document, set: NodeIx, parsed: &Parsed) {
    let set_id = doc.element(set).attr("id").unwrap_or_default().to_owned();
    for nvpair in parsed.element.root().children_named("nvpair") {
        let (Some(name), value) = (nvpair.attr("name"), nvpair.attr("value").unwrap_or_default()) else {
            continue;
        };
        let known =
            doc.element(set).children_named("nvpair").find(|n| n.attr("name") == Some(name)).map(|n| n.ix());
        match known {
            Some(ix) => doc.set_attr(ix, "value", value),
            None => {
                let ix = doc.append(set, "nvpair");
                doc.set_attr(ix, "id", &format!("{set_id}-{name}"));
                doc.set_attr(ix, "name", name);
                doc.set_attr(ix, "value", value);
            }
        }
    }
}

/// Replaces an object by another of the same identifier; members stay where they are named.
///
/// # Errors
/// As [`add`].
pub fn replace(doc: &mut Document, id: &str, parsed: &Parsed) -> Result<Notes, Refused> {
    let saved = doc.clone();
    let outcome = remove_for_replacement(doc, id).and_then(|place| {
        let notes = add(doc, parsed)?;
        let fresh = parsed.element.root().attr("id").unwrap_or_default();
        if let (Some((parent, position)), Some(ix)) = (place, find(doc, fresh).map(|e| e.ix())) {
            doc.move_to(ix, parent, position);
        }
        Ok(notes)
    });
    if outcome.is_err() {
        *doc = saved;
    }
    outcome
}

/// Takes an object out and says where it stood; members of a container go back among the resources.
fn remove_for_replacement(doc: &mut Document, id: &str) -> Result<Option<(NodeIx, usize)>, Refused> {
    let Some(element) = find(doc, id) else { return Ok(None) };
    let (ix, parent, position) = (element.ix(), element.parent().map(|p| p.ix()), element.position());
    if CONTAINERS.contains(&element.name()) {
        release(doc, ix)?;
    }
    doc.remove(ix);
    Ok(parent.map(|p| (p, position)))
}

/// Moves the members of a container to the resources section.
fn release(doc: &mut Document, container: NodeIx) -> Result<Vec<String>, Refused> {
    let members: Vec<(NodeIx, String)> = doc
        .element(container)
        .children()
        .filter(|e| matches!(e.name(), "primitive" | "group"))
        .map(|e| (e.ix(), e.attr("id").unwrap_or_default().to_owned()))
        .collect();
    let resources = section(doc, "resources")?;
    for (ix, _) in &members {
        let end = doc.nodes_of(resources).count();
        doc.move_to(*ix, resources, end);
    }
    Ok(members.into_iter().map(|(_, id)| id).collect())
}

/// Deletes an object with what cannot be without it.
///
/// # Errors
/// It does not exist.
pub fn delete(doc: &mut Document, id: &str) -> Result<Notes, Refused> {
    let mut notes = Notes::new();
    let element = find(doc, id).ok_or_else(|| Refused::Absent(id.to_owned()))?;
    let (ix, name) = (element.ix(), element.name().to_owned());
    let parent = element
        .parent()
        .filter(|p| CONTAINERS.contains(&p.name()))
        .map(|p| (p.ix(), p.attr("id").unwrap_or_default().to_owned()));
    let mut heir = None;
    if CONTAINERS.contains(&name.as_str()) {
        let members = release(doc, ix)?;
        heir = members.first().cloned();
    }
    doc.remove(ix);
    repoint(doc, id, heir.as_deref(), &mut notes);
    if let Some((container, container_id)) = parent {
        let empty = !doc.element(container).children().any(|e| matches!(e.name(), "primitive" | "group"));
        if empty {
            notes.push(format!("{container_id} lost its last member and is deleted too"));
            notes.extend(delete(doc, &container_id)?);
        }
    }
    Ok(notes)
}

/// Points constraints at the heir of a deleted resource, or drops them.
fn repoint(doc: &mut Document, gone: &str, heir: Option<&str>, notes: &mut Notes) {
    const NAMES: &[&str] = &["rsc", "with-rsc", "first", "then"];
    let hanging: Vec<(NodeIx, String, Option<&str>)> = objects(doc)
        .into_iter()
        .filter(|e| matches!(e.name(), "rsc_location" | "rsc_colocation" | "rsc_order" | "rsc_ticket"))
        .flat_map(|e| {
            let id = e.attr("id").unwrap_or_default().to_owned();
            NAMES
                .iter()
                .filter(move |n| e.attr(n) == Some(gone))
                .map(move |n| (e.ix(), id.clone(), Some(*n)))
                .collect::<Vec<_>>()
        })
        .collect();
    let mut dropped = Vec::new();
    for (ix, id, attribute) in hanging {
        match (heir, attribute) {
            (Some(heir), Some(attribute)) => {
                doc.set_attr(ix, attribute, heir);
                notes.push(format!("constraint {id} now names {heir}"));
            }
            _ if !dropped.contains(&ix) => {
                dropped.push(ix);
                doc.remove(ix);
                notes.push(format!("hanging constraint {id} is deleted"));
            }
            _ => {}
        }
    }
    let references: Vec<(NodeIx, NodeIx)> = match doc.root().child("configuration") {
        Some(configuration) => configuration
            .descendants()
            .filter(|e| matches!(e.name(), "resource_ref" | "obj_ref") && e.attr("id") == Some(gone))
            .filter_map(|e| Some((e.ix(), e.parent()?.ix())))
            .collect(),
        None => Vec::new(),
    };
    for (reference, set) in references {
        doc.remove(reference);
        if doc.element(set).children().next().is_none() {
            let owner =
                doc.element(set).parent().map(|o| (o.ix(), o.attr("id").unwrap_or_default().to_owned()));
            doc.remove(set);
            if let Some((owner, id)) = owner
                && doc.element(owner).children_named("resource_set").next().is_none()
            {
                doc.remove(owner);
                notes.push(format!("hanging constraint {id} is deleted"));
            }
        }
    }
}

/// Gives an object another identifier; whoever names it follows.
///
/// # Errors
/// It does not exist, or the new identifier is taken.
pub fn rename(doc: &mut Document, old: &str, new: &str) -> Result<(), Refused> {
    if doc.by_id(new).is_some() {
        return Err(Refused::Exists(new.to_owned()));
    }
    let ix = find(doc, old).map(|e| e.ix()).ok_or_else(|| Refused::Absent(old.to_owned()))?;
    // Identifiers of parts begin with the owner's.
    let parts: Vec<(NodeIx, String)> = doc
        .element(ix)
        .descendants()
        .filter(|e| !is_object(*e))
        .filter_map(|e| Some((e.ix(), e.attr("id")?.strip_prefix(&format!("{old}-"))?.to_owned())))
        .collect();
    for (part, rest) in parts {
        doc.set_attr(part, "id", &format!("{new}-{rest}"));
    }
    doc.set_attr(ix, "id", new);
    let naming: Vec<(NodeIx, &str)> = match doc.root().child("configuration") {
        Some(configuration) => configuration
            .descendants()
            .flat_map(|e| {
                let mut found: Vec<(NodeIx, &str)> = ["rsc", "with-rsc", "first", "then", "template"]
                    .into_iter()
                    .filter(|a| e.attr(a) == Some(old))
                    .map(|a| (e.ix(), a))
                    .collect();
                if matches!(e.name(), "resource_ref" | "obj_ref") && e.attr("id") == Some(old) {
                    found.push((e.ix(), "id"));
                }
                found
            })
            .collect(),
        None => Vec::new(),
    };
    for (ix, attribute) in naming {
        doc.set_attr(ix, attribute, new);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::{grammar, lexer};

    fn build(lines: &[&str]) -> Document {
        let mut doc = Document::parse_default(
            "<cib><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>",
        )
        .unwrap();
        for line in lines {
            let words = lexer::words(line).unwrap();
            add(&mut doc, &grammar::parse(&words[0], &words[1..]).unwrap())
                .unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        doc
    }

    const THREE: &[&str] =
        &["primitive a ocf:pacemaker:Dummy", "primitive b Dummy", "primitive c Dummy", "group g a b"];

    #[test]
    fn groups_take_their_members_and_give_them_back() {
        let mut doc = build(THREE);
        assert_eq!(find(&doc, "a").unwrap().parent().unwrap().attr("id"), Some("g"));
        let words = lexer::words("location l g 100: n1").unwrap();
        add(&mut doc, &grammar::parse("location", &words[1..]).unwrap()).unwrap();
        let notes = delete(&mut doc, "g").unwrap();
        assert_eq!(find(&doc, "a").unwrap().parent().unwrap().name(), "resources");
        assert_eq!(notes, ["constraint l now names a"]);
    }

    #[test]
    fn the_last_member_takes_its_group_along() {
        let mut doc = build(THREE);
        delete(&mut doc, "a").unwrap();
        let notes = delete(&mut doc, "b").unwrap();
        assert!(find(&doc, "g").is_none());
        assert!(notes[0].contains("last member"));
    }

    #[test]
    fn what_is_there_is_not_added_again() {
        let mut doc = build(THREE);
        let parse = |line: &str| {
            let words = lexer::words(line).unwrap();
            grammar::parse(&words[0], &words[1..]).unwrap()
        };
        assert_eq!(add(&mut doc, &parse("primitive a Dummy")), Err(Refused::Exists("a".into())));
        assert!(matches!(add(&mut doc, &parse("group h a c")), Err(Refused::Contained { .. })));
        assert_eq!(add(&mut doc, &parse("group h c x")), Err(Refused::Absent("x".into())));
        assert!(find(&doc, "h").is_none());
    }

    #[test]
    fn renaming_reaches_everybody_who_names_it() {
        let mut doc =
            build(&["primitive a Dummy params fake=1", "primitive b Dummy", "colocation c inf: a b"]);
        rename(&mut doc, "a", "z").unwrap();
        assert_eq!(find(&doc, "c").unwrap().attr("rsc"), Some("z"));
        assert!(doc.by_id("z-instance_attributes-fake").is_some());
        assert_eq!(rename(&mut doc, "z", "b"), Err(Refused::Exists("b".into())));
    }

    #[test]
    fn options_merge() {
        let doc = build(&["property a=1 b=2", "property a=3"]);
        let set = find(&doc, "cib-bootstrap-options").unwrap();
        let values: Vec<_> = set.children().filter_map(|n| n.attr("value")).collect();
        assert_eq!(values, ["3", "2"]);
    }
}
