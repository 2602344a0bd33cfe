//! Resources, nodes and tags.

use super::{Element, Parsed, Syntax, Words, attributes};

/// `primitive ID [CLASS:[PROVIDER:]]TYPE | @TEMPLATE ...` and `rsc_template`.
pub fn primitive(words: &mut Words<'_>, element: &str) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new(element, id);
    let agent = words.need("an agent: CLASS:PROVIDER:TYPE")?;
    match agent.strip_prefix('@') {
        Some(template) => built.set("template", template),
        None => {
            let parts: Vec<&str> = agent.split(':').filter(|p| !p.is_empty()).collect();
            match parts.as_slice() {
                [class, provider, kind] => {
                    built.set("class", class);
                    built.set("provider", provider);
                    built.set("type", kind);
                }
                ["ocf", kind] => {
                    built.set("class", "ocf");
                    built.set("provider", "heartbeat");
                    built.set("type", kind);
                }
                [class, kind] => {
                    built.set("class", class);
                    built.set("type", kind);
                }
                [kind] => {
                    built.set("class", "ocf");
                    built.set("provider", "heartbeat");
                    built.set("type", kind);
                }
                _ => return Err(words.unexpected(agent, "CLASS:PROVIDER:TYPE")),
            }
        }
    }
    let root = built.root;
    let mut implicit_params = true;
    loop {
        if let Some(word) = words.take_if(|w| w.starts_with("description=")) {
            built.set("description", &word["description=".len()..]);
        } else if let Some(part) = words.take_if(|w| matches!(w, "params" | "meta" | "utilization")) {
            attributes::set(words, &mut built.doc, root, part)?;
        } else if words.take_if(|w| w == "operations").is_some() {
            let operations = built.doc.append(root, "operations");
            if let Some(word) = words.take_if(|w| w.starts_with("$id=") || w.starts_with("$id-ref=")) {
                let (name, value) = word[1..].split_once('=').unwrap_or((word, ""));
                built.doc.set_attr(operations, name, value);
            }
        } else if words.take_if(|w| w == "op").is_some() {
            attributes::op(words, &mut built.doc, root)?;
        } else if implicit_params && words.peek().is_some_and(|w| w.contains('=')) {
            attributes::set(words, &mut built.doc, root, "params")?;
        } else {
            break;
        }
        implicit_params = false;
    }
    Ok(built.into("resources"))
}

/// `group ID MEMBER... [meta ...] [params ...]`. Members are references until they are put in place.
pub fn group(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let mut built = Element::new("group", id);
    let mut members: Vec<&str> = Vec::new();
    while let Some(member) = words.take_if(|w| !attributes::is_part(w) && !w.contains('=')) {
        if members.contains(&member) {
            return Err(words.complain(format!("the member {member} is named twice")));
        }
        members.push(member);
    }
    if members.is_empty() {
        return Err(words.complain("a group needs at least one member"));
    }
    container_rest(words, &mut built)?;
    references(&mut built, &members);
    Ok(built.into("resources"))
}

/// `clone ID CHILD [meta ...]`; `ms` is a promotable clone.
pub fn clone(words: &mut Words<'_>, promotable: bool) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?;
    let child = words.need("the resource to clone")?;
    let mut built = Element::new("clone", id);
    container_rest(words, &mut built)?;
    if promotable {
        let root = built.root;
        let set_id = format!("{id}-meta_attributes");
        let set = match built.doc.element(root).child("meta_attributes").map(|e| e.ix()) {
            Some(ix) => ix,
            None => {
                let ix = built.doc.append(root, "meta_attributes");
                built.doc.set_attr(ix, "id", &set_id);
                ix
            }
        };
        let has = built.doc.element(set).children().any(|n| n.attr("name") == Some("promotable"));
        if !has {
            let nvpair = built.doc.append(set, "nvpair");
            built.doc.set_attr(nvpair, "id", &format!("{set_id}-promotable"));
            built.doc.set_attr(nvpair, "name", "promotable");
            built.doc.set_attr(nvpair, "value", "true");
        }
    }
    references(&mut built, &[child]);
    Ok(built.into("resources"))
}

fn container_rest(words: &mut Words<'_>, built: &mut Element) -> Result<(), Syntax> {
    let root = built.root;
    loop {
        if let Some(word) = words.take_if(|w| w.starts_with("description=")) {
            built.set("description", &word["description=".len()..]);
        } else if let Some(part) = words.take_if(|w| matches!(w, "params" | "meta")) {
            attributes::set(words, &mut built.doc, root, part)?;
        } else if words.peek().is_some_and(|w| w.contains('=')) {
            attributes::set(words, &mut built.doc, root, "meta")?;
        } else {
            return Ok(());
        }
    }
}

/// Marks where members belong: `crmsh-ref` elements that the configuration replaces by the resources themselves.
fn references(built: &mut Element, members: &[&str]) {
    for member in members {
        let reference = built.doc.append(built.root, super::super::working::REFERENCE);
        built.doc.set_attr(reference, "id", member);
    }
}

/// `node [ID: | $id=ID] UNAME[:TYPE] [description=] [attributes ...] [utilization ...]`.
pub fn node(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let mut id = None;
    if let Some(word) = words.take_if(|w| w.starts_with("$id=") || w.ends_with(':')) {
        id = Some(word.trim_start_matches("$id=").trim_end_matches(':'));
    }
    let word = words.need("the name of a node")?;
    let (uname, kind) = match word.split_once(':') {
        Some((uname, kind @ ("member" | "remote" | "ping"))) => (uname, Some(kind)),
        Some((_, kind)) => return Err(words.unexpected(kind, "member or remote")),
        None => (word, None),
    };
    let mut built = Element::new("node", id.unwrap_or(uname));
    built.set("uname", uname);
    if let Some(kind) = kind {
        built.set("type", kind);
    }
    let root = built.root;
    loop {
        if let Some(word) = words.take_if(|w| w.starts_with("description=")) {
            built.set("description", &word["description=".len()..]);
        } else if let Some(part) = words.take_if(|w| matches!(w, "attributes" | "utilization")) {
            let owner = built.doc.element(root).attr("id").unwrap_or_default().to_owned();
            // A node's sets have their own names.
            let (element, set_id) = match part {
                "utilization" => ("utilization", format!("nodes-{owner}-utilization")),
                _ => ("instance_attributes", format!("nodes-{owner}")),
            };
            let set = built.doc.append(root, element);
            built.doc.set_attr(set, "id", &set_id);
            attributes::nvset(words, &mut built.doc, set, &set_id)?;
        } else {
            return Ok(built.into("nodes"));
        }
    }
}

/// `tag ID[:] REFERENCE...`.
pub fn tag(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let id = words.need("an identifier")?.trim_end_matches(':');
    let mut built = Element::new("tag", id);
    let references = words.rest();
    if references.is_empty() {
        return Err(words.complain("a tag needs at least one reference"));
    }
    for reference in references {
        let ix = built.doc.append(built.root, "obj_ref");
        built.doc.set_attr(ix, "id", reference);
    }
    Ok(built.into("tags"))
}
