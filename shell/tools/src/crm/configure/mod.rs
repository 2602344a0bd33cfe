//! The level `configure`: objects are edited in a copy and take effect with `commit`.
//!
//! Knows what each command does to the copy, and how the copy reaches the cluster.

mod agents;
mod files;
pub mod shadow;

use super::session::{Failed, Session, say};
use super::{grammar, lexer, show, working};
use crate::cib_source::Place;
pub use crate::crm_mon::local_time::now;
use holdfast_store::validate::{self, Severity};
use holdfast_store::{Operation, Request, Target};
use holdfast_xml::Document;

/// The copy that is edited.
pub struct Configure {
    /// As it was read.
    base: Document,
    /// As it is edited.
    working: Document,
}

impl Configure {
    pub fn open(session: &Session) -> Result<Configure, Failed> {
        let base = session.document()?;
        Ok(Configure { working: base.clone(), base })
    }

    pub fn document(&self) -> &Document {
        &self.working
    }

    pub fn is_changed(&self) -> bool {
        configuration_text(&self.base) != configuration_text(&self.working)
    }
}

fn configuration_text(doc: &Document) -> String {
    doc.root().child("configuration").map(|c| c.to_string_compact()).unwrap_or_default()
}

/// Carries out a command of the level.
pub fn carry_out(session: &mut Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    if grammar::KINDS.contains(&command) {
        return define(session, command, arguments);
    }
    match command {
        "show" => shown(session, arguments).map(|text| print!("{text}")),
        "edit" => files::edit(session, arguments),
        "save" => files::save(session, arguments),
        "load" => files::load(session, arguments),
        "delete" => delete(session, arguments),
        "rename" => match arguments {
            [old, new] => working::rename(copy(session)?, old, new).map_err(|e| e.to_string()),
            _ => Err("expected: rename OLD NEW".to_owned()),
        },
        "verify" => {
            check(copy(session)?, false)?;
            check_agents(session, true)
        }
        "commit" => {
            let force = arguments.iter().any(|a| a == "force") || session.force;
            commit(session, force)
        }
        "refresh" => {
            session.configure = Some(Configure::open(session)?);
            Ok(())
        }
        "erase" => {
            let doc = copy(session)?;
            let ids: Vec<String> = working::objects(doc)
                .iter()
                .filter(|e| e.name() != "node")
                .filter_map(|e| e.attr("id").map(str::to_owned))
                .collect();
            for id in ids {
                // A container may have taken it along.
                let _ = working::delete(doc, &id);
            }
            Ok(())
        }
        "set" => set(session, arguments),
        "modgroup" => modgroup(session, arguments),
        "monitor" => monitor(session, arguments),
        "get-property" => get_property(session, arguments),
        "schema" => schema(session, arguments),
        other => Err(format!("`{other}` is no command of this level")),
    }
}

fn copy(session: &mut Session) -> Result<&mut Document, Failed> {
    session.configure.as_mut().map(|c| &mut c.working).ok_or_else(|| "no configuration is open".to_owned())
}

/// One object line.
fn define(session: &mut Session, kind: &str, arguments: &[String]) -> Result<(), Failed> {
    let parsed = grammar::parse(kind, arguments).map_err(|e| e.complaint)?;
    let doc = copy(session)?;
    let notes = working::add(doc, &parsed).map_err(|e| e.to_string())?;
    tell(&notes);
    Ok(())
}

fn tell(notes: &[String]) {
    for note in notes {
        println!("INFO: {note}");
    }
}

/// The text of `show`.
fn shown(session: &mut Session, arguments: &[String]) -> Result<String, Failed> {
    let changed_only = arguments.iter().any(|a| a == "changed");
    let base = session.configure.as_ref().map(|c| c.base.clone());
    let doc = copy(session)?;
    let xml = arguments.first().is_some_and(|a| a == "xml");
    let ids: Vec<&String> = arguments.iter().skip(usize::from(xml)).filter(|a| *a != "changed").collect();
    if ids.is_empty() && !changed_only {
        return Ok(if xml {
            let configuration =
                doc.root().child("configuration").ok_or("the document has no configuration")?;
            format!("<?xml version=\"1.0\" ?>\n{}", with_root(doc, configuration.to_string_pretty()))
        } else {
            show::all(doc)
        });
    }
    let mut out = String::new();
    let wanted: Vec<_> = if changed_only {
        let before = base.unwrap_or_else(|| doc.clone());
        working::objects(doc)
            .into_iter()
            .filter(|e| {
                let id = e.attr("id").unwrap_or_default();
                working::find(&before, id).map(|b| b.to_string_compact()) != Some(e.to_string_compact())
            })
            .collect()
    } else {
        let mut found = Vec::new();
        for id in ids {
            if let Some(kind) = id.strip_prefix("type:") {
                found.extend(working::objects(doc).into_iter().filter(|e| kind_of(e.name()) == kind));
            } else {
                found.push(
                    working::find(doc, id).ok_or_else(|| working::Refused::Absent(id.clone()).to_string())?,
                );
            }
        }
        found
    };
    for element in wanted {
        out.push_str(&if xml { element.to_string_pretty() } else { show::object(element) });
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    Ok(out)
}

fn with_root(doc: &Document, configuration: String) -> String {
    let attributes: String = doc.root().attrs().map(|(n, v)| format!(" {n}=\"{v}\"")).collect();
    let indented: String = configuration.lines().map(|l| format!("  {l}\n")).collect();
    format!("<cib{attributes}>\n{indented}</cib>\n")
}

/// The word of an element in the language of `configure`.
pub fn kind_of(element: &str) -> &str {
    match element {
        "template" => "rsc_template",
        "rsc_location" => "location",
        "rsc_colocation" => "colocation",
        "rsc_order" => "order",
        "cluster_property_set" => "property",
        "master" => "ms",
        other => other,
    }
}

fn delete(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let force = session.force || arguments.iter().any(|a| a == "--force");
    let ids: Vec<&String> = arguments.iter().filter(|a| *a != "--force").collect();
    if ids.is_empty() {
        return Err("name the objects to delete".to_owned());
    }
    if !force && session.shadow.is_none() {
        let live = session.document()?;
        if let Some(running) = ids.iter().find(|id| super::resource::is_running(&live, id)) {
            return Err(format!(
                "resource {running} is running; stop it first: `resource stop {running}`, or use --force"
            ));
        }
    }
    let doc = copy(session)?;
    for id in ids {
        let notes = working::delete(doc, id).map_err(|e| e.to_string())?;
        tell(&notes);
    }
    Ok(())
}

/// Checks a document: structure, references, and what the scheduler says about it.
pub fn check(doc: &Document, quiet: bool) -> Result<(), Failed> {
    let findings = validate::document(doc);
    let mut faults = Vec::new();
    for finding in &findings {
        match finding.severity {
            Severity::Invalid => faults.push(finding.to_string()),
            Severity::Warning if !quiet => println!("WARNING: {finding}"),
            Severity::Warning => {}
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("\nERROR: "));
    }
    let (cib, problems) = holdfast_model::read::cib(doc);
    let facts = holdfast_scheduler::facts::unpack(&cib, now());
    for problem in
        problems.iter().map(ToString::to_string).chain(facts.problems.iter().map(ToString::to_string))
    {
        if !quiet {
            println!("WARNING: {problem}");
        }
    }
    Ok(())
}

/// Asks the agents about the resources: about all, or about those that a commit would change. Only where there is a
/// cluster to ask; a shadow copy or a file may be for another one.
fn check_agents(session: &Session, all: bool) -> Result<(), Failed> {
    let Some(configure) = &session.configure else { return Ok(()) };
    if session.shadow.is_some() || Place::from_environment() != Place::Live {
        return Ok(());
    }
    let found = agents::check(session, (!all).then_some(&configure.base), &configure.working);
    for warning in &found.warnings {
        eprintln!("WARNING: {warning}");
    }
    if found.errors.is_empty() { Ok(()) } else { Err(found.errors.join("\nERROR: ")) }
}

/// Makes the changes take effect. Somebody else's changes since the copy was read stay.
pub fn commit(session: &mut Session, force: bool) -> Result<(), Failed> {
    let Some(configure) = &session.configure else { return Ok(()) };
    if !configure.is_changed() {
        return Ok(());
    }
    if let Err(message) =
        check(&configure.working, !session.interactive).and_then(|()| check_agents(session, false))
        && !force
    {
        return Err(format!("{message}\n`commit force` commits all the same"));
    }
    let mut source = session.source()?;
    let present = source.document().map_err(|e| say(&e))?;
    let mut next = present.clone();
    if configuration_text(&present) == configuration_text(&configure.base) || force {
        put_configuration(&mut next, &configure.working);
    } else {
        let patch = holdfast_xml::diff(
            &configure.base,
            &configure.working,
            holdfast_xml::patch::Compare::AttributeValues,
        );
        patch.apply(&mut next).map_err(|error| {
            format!("the configuration was changed meanwhile in a way that does not fit ({error}); `refresh` reads it again, `commit force` overwrites it")
        })?;
        println!("INFO: the configuration was changed meanwhile; both changes are kept");
    }
    let configuration = next.root().child("configuration").ok_or("the document has no configuration")?;
    let input = Document::from_element(configuration);
    let request = Request::new(Operation::Replace, Target::Section("configuration".to_owned()), Some(input));
    source.apply(request, None).map_err(|e| say(&e))?;
    session.configure = Some(Configure::open(session)?);
    if session.wait && session.shadow.is_none() {
        super::resource::wait_idle(session)?;
    }
    Ok(())
}

fn put_configuration(into: &mut Document, from: &Document) {
    let (Some(old), Some(new)) =
        (into.root().child("configuration").map(|e| e.ix()), from.root().child("configuration"))
    else {
        return;
    };
    into.replace_with_copy(old, from, new.ix());
}

/// `set ID.[OP.[INTERVAL.]]NAME VALUE`.
fn set(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let [path, value] = arguments else { return Err("expected: set ID.NAME VALUE".to_owned()) };
    let (id, name) = path.split_once('.').ok_or("expected: set ID.NAME VALUE")?;
    let doc = copy(session)?;
    let element =
        working::find(doc, id).ok_or_else(|| working::Refused::Absent(id.to_owned()).to_string())?;
    let ix = element.ix();
    if let Some((op, attribute)) = name.rsplit_once('.') {
        let (op_name, interval) = op.split_once('.').map_or((op, None), |(n, i)| (n, Some(i)));
        let found = element
            .descendants()
            .filter(|e| e.name() == "op" && e.attr("name") == Some(op_name))
            .find(|e| interval.is_none_or(|i| e.attr("interval") == Some(i)))
            .map(|e| e.ix())
            .ok_or_else(|| format!("{id} has no operation {op}"))?;
        doc.set_attr(found, attribute, value);
        return Ok(());
    }
    let pair =
        element.descendants().find(|e| e.name() == "nvpair" && e.attr("name") == Some(name)).map(|e| e.ix());
    match pair {
        Some(pair) => doc.set_attr(pair, "value", value),
        None => {
            let kind = if element.name() == "primitive" { "instance_attributes" } else { "meta_attributes" };
            set_value(doc, ix, kind, name, value);
        }
    }
    Ok(())
}

/// Sets a value in the first set of a kind below an owner, making the set if there is none.
pub fn set_value(doc: &mut Document, owner: holdfast_xml::NodeIx, set: &str, name: &str, value: &str) {
    let owner_id = doc.element(owner).attr("id").unwrap_or_default().to_owned();
    let existing = if doc.element(owner).name() == "cluster_property_set" {
        Some(owner)
    } else {
        doc.element(owner).child(set).map(|e| e.ix())
    };
    let set_ix = existing.unwrap_or_else(|| {
        let ix = doc.append(owner, set);
        doc.set_attr(ix, "id", &format!("{owner_id}-{set}"));
        ix
    });
    let set_id = doc.element(set_ix).attr("id").unwrap_or_default().to_owned();
    let pair =
        doc.element(set_ix).children_named("nvpair").find(|n| n.attr("name") == Some(name)).map(|n| n.ix());
    let pair = pair.unwrap_or_else(|| {
        let ix = doc.append(set_ix, "nvpair");
        doc.set_attr(ix, "id", &format!("{set_id}-{name}"));
        doc.set_attr(ix, "name", name);
        ix
    });
    doc.set_attr(pair, "value", value);
}

/// Removes a value; tells whether it was there.
pub fn remove_value(doc: &mut Document, owner: holdfast_xml::NodeIx, set: &str, name: &str) -> bool {
    let found = doc
        .element(owner)
        .children_named(set)
        .flat_map(|s| s.children_named("nvpair"))
        .find(|n| n.attr("name") == Some(name))
        .map(|n| n.ix());
    if let Some(ix) = found {
        doc.remove(ix);
    }
    found.is_some()
}

fn modgroup(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let doc = copy(session)?;
    let (group, position) = match words.as_slice() {
        [group, "add", rsc] => (*group, Some((*rsc, None))),
        [group, "add", rsc, "before", other] => (*group, Some((*rsc, Some((*other, 0))))),
        [group, "add", rsc, "after", other] => (*group, Some((*rsc, Some((*other, 1))))),
        [group, "remove", _] => (*group, None),
        _ => return Err("expected: modgroup GROUP add RSC [before|after RSC] | remove RSC".to_owned()),
    };
    let group_ix = working::find(doc, group)
        .filter(|e| e.name() == "group")
        .map(|e| e.ix())
        .ok_or_else(|| format!("{group} is not a group"))?;
    let find = |doc: &Document, id: &str| {
        working::find(doc, id)
            .map(|e| (e.ix(), e.position()))
            .ok_or_else(|| working::Refused::Absent(id.to_owned()).to_string())
    };
    match position {
        Some((rsc, place)) => {
            let (ix, _) = find(doc, rsc)?;
            let at = match place {
                Some((other, offset)) => find(doc, other)?.1 + offset,
                None => doc.nodes_of(group_ix).count(),
            };
            doc.move_to(ix, group_ix, at);
        }
        None => {
            let rsc = words[2];
            let (ix, _) = find(doc, rsc)?;
            if doc.element(group_ix).children_named("primitive").count() < 2 {
                return Err(format!("{rsc} is the last member; delete the group instead"));
            }
            let resources =
                doc.element(group_ix).ancestors().find(|e| e.name() == "resources").map(|e| e.ix());
            let resources = resources.ok_or("the document has no resources")?;
            let end = doc.nodes_of(resources).count();
            doc.move_to(ix, resources, end);
        }
    }
    Ok(())
}

fn monitor(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let [rsc, times] = arguments else {
        return Err("expected: monitor RSC[:ROLE] INTERVAL[:TIMEOUT]".to_owned());
    };
    let (rsc, role) = rsc.split_once(':').map_or((rsc.as_str(), None), |(r, role)| (r, Some(role)));
    let (interval, timeout) = times.split_once(':').map_or((times.as_str(), None), |(i, t)| (i, Some(t)));
    let doc = copy(session)?;
    let owner = working::find(doc, rsc)
        .filter(|e| e.name() == "primitive")
        .map(|e| e.ix())
        .ok_or_else(|| format!("{rsc} is not a primitive"))?;
    let operations = match doc.element(owner).child("operations").map(|e| e.ix()) {
        Some(ix) => ix,
        None => doc.append(owner, "operations"),
    };
    let op = doc.append(operations, "op");
    doc.set_attr(op, "name", "monitor");
    doc.set_attr(op, "interval", interval);
    if let Some(timeout) = timeout {
        doc.set_attr(op, "timeout", timeout);
    }
    if let Some(role) = role {
        doc.set_attr(op, "role", role);
    }
    doc.set_attr(op, "id", &format!("{rsc}-monitor-{interval}"));
    Ok(())
}

fn get_property(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let doc = copy(session)?;
    for name in arguments {
        let value = working::objects(doc)
            .into_iter()
            .filter(|e| e.name() == "cluster_property_set")
            .flat_map(|s| s.children())
            .find(|n| n.attr("name") == Some(name))
            .and_then(|n| n.attr("value"))
            .map(str::to_owned)
            .or_else(|| {
                holdfast_model::options::find(holdfast_model::options::CLUSTER, name)
                    .map(|o| o.default.unwrap_or_default().to_owned())
            })
            .ok_or_else(|| format!("`{name}` is no cluster option"))?;
        println!("{value}");
    }
    Ok(())
}

fn schema(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let doc = copy(session)?;
    match arguments {
        [] => println!("{}", doc.root().attr("validate-with").unwrap_or("none")),
        [name, ..] => {
            let root = doc.root().ix();
            doc.set_attr(root, "validate-with", name);
        }
    }
    Ok(())
}

/// Reads lines of objects into the copy; existing objects are replaced.
pub fn read_lines(session: &mut Session, text: &str) -> Result<(), Failed> {
    let mut joined = String::new();
    for (number, line) in text.lines().enumerate() {
        if lexer::continues(line.trim_end()) {
            let line = line.trim_end();
            joined.push_str(line[..line.len() - 1].trim_end());
            joined.push(' ');
            continue;
        }
        joined.push_str(line.trim());
        let whole = std::mem::take(&mut joined);
        let at = |message: String| format!("line {}: {message}", number + 1);
        let words = lexer::words(&whole).map_err(|e| at(e.to_string()))?;
        let Some((kind, rest)) = words.split_first() else { continue };
        let parsed = grammar::parse(kind, rest).map_err(|e| at(e.complaint))?;
        let id = parsed.element.root().attr("id").unwrap_or_default().to_owned();
        let doc = copy(session)?;
        let exists =
            !parsed.merge && working::find(doc, &id).is_some() && parsed.element.root().name() != "node";
        let outcome = if exists { working::replace(doc, &id, &parsed) } else { working::add(doc, &parsed) };
        tell(&outcome.map_err(|e| at(e.to_string()))?);
    }
    Ok(())
}
