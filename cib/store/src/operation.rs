//! What each operation does to a document. Versions, rights and validity are the store's business.

use holdfast_xml::xpath::{Expr, Hit};
use holdfast_xml::{Document, Element, NodeIx, Patch, PatchError, Version};

use crate::refusal::Refusal;
use crate::request::{Operation, Request, Target};
use crate::store::Answer;
use crate::{digest, schema, section, update};

/// Carries out a changing operation.
///
/// # Errors
/// The reason why not; the document may then be half changed and must be thrown away.
pub(crate) fn perform(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    match request.operation {
        Operation::Query => Ok(()),
        Operation::Create => create(document, request),
        Operation::Modify => modify(document, request),
        Operation::Replace => replace(document, request),
        Operation::Delete => delete(document, request),
        Operation::Patch => patch(document, request),
        Operation::Bump => {
            let root = document.root();
            let version = Version::of(root);
            let raised = Version { epoch: version.epoch.saturating_add(1), ..version };
            let ix = root.ix();
            raised.store(document, ix);
            Ok(())
        }
        Operation::Erase => {
            erase(document);
            Ok(())
        }
        Operation::Upgrade => upgrade(document, request),
    }
}

fn input(request: &Request) -> Result<&Document, Refusal> {
    request.input.as_ref().ok_or(Refusal::NoInput { operation: request.operation.word() })
}

/// The part of the input that the request is about: a section inside a whole document, else the root.
fn input_for<'a>(request: &'a Request, section: Option<&str>) -> Result<Element<'a>, Refusal> {
    let document = input(request)?;
    let root = document.root();
    match section {
        Some(name) if root.name() == "cib" => {
            if !section::is_known(name) {
                return Err(Refusal::UnknownSection { section: name.to_owned() });
            }
            section::find(document, Some(name))
                .map(|ix| document.element(ix))
                .ok_or(Refusal::NoInput { operation: request.operation.word() })
        }
        Some(_) | None => Ok(root),
    }
}

fn section_of(request: &Request) -> Option<&str> {
    match &request.target {
        Target::Section(name) => Some(name),
        Target::Whole | Target::XPath(_) => None,
    }
}

fn describe(element: Element<'_>) -> String {
    match element.id() {
        Some(id) => format!("<{} id=\"{id}\">", element.name()),
        None => format!("<{}>", element.name()),
    }
}

fn find(document: &Document, expression: &str) -> Result<Vec<NodeIx>, Refusal> {
    Ok(document.select(expression)?)
}

fn found(document: &Document, expression: &str) -> Result<Vec<NodeIx>, Refusal> {
    let all = find(document, expression)?;
    if all.is_empty() {
        return Err(Refusal::NotFound { what: format!("anything at {expression}") });
    }
    Ok(all)
}

fn create(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    let section = match &request.target {
        // The old programs never create by expression.
        Target::XPath(expression) => {
            return Err(Refusal::UnknownSection { section: expression.clone() });
        }
        Target::Section(_) | Target::Whole => section_of(request),
    };
    let new = input_for(request, section)?;
    if matches!(section, Some("all" | "cib")) || new.name() == "cib" {
        return modify(document, request);
    }
    let Some(parent) = section::find(document, section) else {
        return Err(Refusal::UnknownSection { section: section.unwrap_or("cib").to_owned() });
    };
    if section == Some(new.name()) {
        let children: Vec<Element<'_>> = new.children().collect();
        for child in children {
            add(document, parent, child)?;
        }
        return Ok(());
    }
    add(document, parent, new)
}

fn add(document: &mut Document, parent: NodeIx, new: Element<'_>) -> Result<(), Refusal> {
    let exists = document
        .element(parent)
        .children_named(new.name())
        .any(|child| new.id().is_none() || child.id() == new.id());
    if exists {
        return Err(Refusal::Exists { what: describe(new) });
    }
    document.append_copy(parent, new.document(), new.ix());
    Ok(())
}

fn modify(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    let scores = request.options.score_update;
    if let Target::XPath(expression) = &request.target {
        let update = input(request)?.root();
        let mut missed = None;
        for ix in found(document, expression)? {
            if update::modify(document, ix, update, scores) {
                missed = None;
                if !request.options.all_matches {
                    break;
                }
            } else {
                missed = Some(Refusal::NotFound { what: describe(update) });
            }
        }
        return missed.map_or(Ok(()), Err);
    }
    let section = section_of(request);
    let update = input_for(request, section)?;
    let top = match section {
        None => section::find(document, None),
        Some("all" | "cib") => section::find(document, None),
        Some(name) => section::ensure(document, name),
    };
    let Some(top) = top else {
        return Err(Refusal::UnknownSection { section: section.unwrap_or("cib").to_owned() });
    };
    if update::modify(document, top, update, scores) {
        return Ok(());
    }
    if !request.options.can_create {
        return Err(Refusal::NotFound { what: describe(update) });
    }
    document.append_copy(top, update.document(), update.ix());
    Ok(())
}

fn replace(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    if let Target::XPath(expression) = &request.target {
        let new = input(request)?.root();
        for ix in found(document, expression)? {
            if document.kind(ix) != holdfast_xml::Kind::Element {
                continue;
            }
            if ix == document.root().ix() {
                return replace_whole(document, request);
            }
            let Some(parent) = document.element(ix).parent().map(Element::ix) else { continue };
            document.remove(ix);
            document.append_copy(parent, new.document(), new.ix());
            if !request.options.all_matches {
                break;
            }
        }
        return Ok(());
    }
    let section = section_of(request);
    let new = input_for(request, section)?;
    if new.name() == "cib" {
        return replace_whole(document, request);
    }
    let within = section.filter(|name| *name != "all" && *name != new.name());
    let Some(top) = section::find(document, within) else {
        return Err(Refusal::UnknownSection { section: within.unwrap_or("cib").to_owned() });
    };
    if update::replace(document, top, new) { Ok(()) } else { Err(Refusal::NotFound { what: describe(new) }) }
}

fn replace_whole(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    let new = input(request)?;
    if new.root().name() != "cib" {
        return Err(Refusal::WrongRoot { expected: "<cib>", found: new.root().name().to_owned() });
    }
    if let Some(expected) = &request.options.expected_digest {
        let found = digest::versioned(new.root());
        if !found.eq_ignore_ascii_case(expected) {
            return Err(Refusal::Digest { expected: expected.clone(), found });
        }
    }
    let (current, offered) = (Version::of(document.root()), Version::of(new.root()));
    if offered < current && !request.options.keep_versions {
        return Err(Refusal::OldData { current, offered });
    }
    let root = document.root().ix();
    document.replace_with_copy(root, new, new.root().ix());
    Ok(())
}

fn delete(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    if let Target::XPath(expression) = &request.target {
        let mut all = find(document, expression)?;
        // From the end, so that what lies inside another match goes before it.
        if request.options.all_matches {
            all.reverse();
        } else {
            all.truncate(1);
        }
        for ix in all {
            if ix == document.root().ix() {
                return Err(Refusal::WholeDocument);
            }
            document.remove(ix);
        }
        return Ok(());
    }
    let section = section_of(request);
    let example = input_for(request, section)?;
    let Some(top) = section::find(document, section) else {
        return Err(Refusal::UnknownSection { section: section.unwrap_or("cib").to_owned() });
    };
    if section == Some(example.name()) {
        let children: Vec<Element<'_>> = example.children().collect();
        for child in children {
            update::delete(document, top, child);
        }
    } else {
        update::delete(document, top, example);
    }
    Ok(())
}

fn patch(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    let patch = Patch::from_xml(input(request)?.root())?;
    patch.check_versions(document)?;
    patch.apply(document)?;
    if let Some(expected) = patch.digest {
        let found = digest::versioned(document.root());
        if !found.eq_ignore_ascii_case(&expected) {
            return Err(PatchError::Digest { expected, found }.into());
        }
    }
    Ok(())
}

/// Empties configuration and status; the attributes of the root stay.
fn erase(document: &mut Document) {
    let root = document.root().ix();
    document.clear(root);
    let empty = section::empty_document(0, schema::NEWEST);
    for part in empty.root().children() {
        document.append_copy(root, &empty, part.ix());
    }
}

fn upgrade(document: &mut Document, request: &Request) -> Result<(), Refusal> {
    let before = document.root().attr("validate-with").unwrap_or("").to_owned();
    let newest = request.options.newest_schema.as_deref();
    schema::upgrade(document, newest)?;
    let after = document.root().attr("validate-with").unwrap_or("").to_owned();
    if schema::rank(&after) <= schema::rank(&before) {
        return Err(Refusal::NothingToUpgrade(after));
    }
    let root = document.root().ix();
    let admin_epoch = Version::of(document.root()).admin_epoch.saturating_add(1);
    Version::new(admin_epoch, 1, 1).store(document, root);
    Ok(())
}

/// Answers a query.
pub(crate) fn query(document: &Document, request: &Request) -> Result<Answer, Refusal> {
    match &request.target {
        Target::Whole => Ok(section_answer(document, None, request)?),
        Target::Section(name) => section_answer(document, Some(name), request),
        Target::XPath(expression) => {
            let hits = Expr::parse(expression)?.select(document, document.root().ix())?;
            if hits.is_empty() {
                return Err(Refusal::NotFound { what: format!("anything at {expression}") });
            }
            if request.options.paths {
                let paths = hits.iter().map(|hit| document.element(hit.ix()).xpath()).collect();
                return Ok(Answer::Paths(paths));
            }
            Ok(Answer::Xml(hits_document(document, &hits, request.options.no_children)))
        }
    }
}

fn section_answer(document: &Document, section: Option<&str>, request: &Request) -> Result<Answer, Refusal> {
    let Some(ix) = section::find(document, section) else {
        return Err(Refusal::NotFound { what: format!("section {:?}", section.unwrap_or("cib")) });
    };
    let element = document.element(ix);
    let answer = if request.options.no_children { shallow(element) } else { Document::from_element(element) };
    Ok(Answer::Xml(answer))
}

fn shallow(element: Element<'_>) -> Document {
    let mut copy = Document::new(element.name());
    let root = copy.root().ix();
    for (name, value) in element.attrs() {
        copy.set_attr(root, name, value);
    }
    copy
}

/// One element stands for itself, several (and attributes) are wrapped in `<xpath-query>`.
fn hits_document(document: &Document, hits: &[Hit], no_children: bool) -> Document {
    let whole = |ix: NodeIx| {
        let element = document.element(ix);
        if no_children { shallow(element) } else { Document::from_element(element) }
    };
    if let [Hit::Node(ix)] = hits {
        return whole(*ix);
    }
    let mut wrapper = Document::new("xpath-query");
    let root = wrapper.root().ix();
    for hit in hits {
        match hit {
            Hit::Node(ix) => {
                let part = whole(*ix);
                wrapper.append_copy(root, &part, part.root().ix());
            }
            Hit::Attribute(ix, name) => {
                let value = document.element(*ix).attr(name).unwrap_or("").to_owned();
                wrapper.set_attr(root, name, &value);
            }
        }
    }
    wrapper
}
