//! `edit`, `save` and `load`: objects as text outside the shell.

use super::{Configure, copy, put_configuration, read_lines, shown};
use crate::crm::session::{Failed, Session};
use crate::crm::working;
use holdfast_xml::Document;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

/// Largest file that is read.
const LARGEST: u64 = 64 * 1024 * 1024;

/// `save [xml] FILE [ID ...]`.
pub fn save(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let xml = arguments.first().is_some_and(|a| a == "xml");
    let rest = &arguments[usize::from(xml)..];
    let Some((file, ids)) = rest.split_last() else {
        return Err("expected: save [xml] [ID ...] FILE".to_owned());
    };
    let mut words: Vec<String> = if xml { vec!["xml".to_owned()] } else { Vec::new() };
    words.extend(ids.iter().cloned());
    let text = shown(session, &words)?;
    if file == "-" {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(file, text).map_err(|e| format!("cannot write {file}: {e}"))
}

/// `load [xml] replace|update|push FILE`.
pub fn load(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (xml, method, file) = match words.as_slice() {
        ["xml", method @ ("replace" | "update" | "push"), file] => (true, *method, *file),
        [method @ ("replace" | "update" | "push"), file] => (false, *method, *file),
        ["xml", file] => (true, "replace", *file),
        [file] => (false, "replace", *file),
        _ => return Err("expected: load [xml] replace|update FILE".to_owned()),
    };
    let text = read(file)?;
    let before = session.configure.as_ref().map(|c| c.working.clone());
    let outcome = if xml { load_xml(session, &text, method) } else { load_lines(session, &text, method) };
    if let (Err(_), Some(before), Some(configure)) = (&outcome, before, session.configure.as_mut()) {
        configure.working = before;
    }
    outcome
}

fn read(file: &str) -> Result<String, Failed> {
    let mut text = String::new();
    let outcome = if file == "-" {
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(LARGEST).read_to_string(&mut text))
    };
    outcome.map(|_| text).map_err(|e| format!("cannot read {file}: {e}"))
}

fn load_lines(session: &mut Session, text: &str, method: &str) -> Result<(), Failed> {
    if method != "update" {
        super::carry_out(session, "erase", &[])?;
    }
    read_lines(session, text)
}

fn load_xml(session: &mut Session, text: &str, method: &str) -> Result<(), Failed> {
    let given = Document::parse_default(text).map_err(|e| e.to_string())?;
    let configuration = if given.root().name() == "configuration" {
        let mut whole = Document::new("cib");
        let root = whole.root().ix();
        whole.append_copy(root, &given, given.root().ix());
        whole
    } else {
        given
    };
    if configuration.root().child("configuration").is_none() {
        return Err("the file has no <configuration>".to_owned());
    }
    if method == "update" {
        for element in working::objects(&configuration) {
            let id = element.attr("id").unwrap_or_default().to_owned();
            let section = crate::crm::grammar::section_of(element.name());
            let (Some(section), false) =
                (section, element.parent().is_some_and(|p| matches!(p.name(), "group" | "clone" | "master")))
            else {
                continue;
            };
            let parsed = crate::crm::grammar::Parsed {
                section,
                element: Document::from_element(element),
                merge: element.name() == "cluster_property_set",
            };
            let doc = copy(session)?;
            if working::find(doc, &id).is_some() && !parsed.merge {
                working::replace(doc, &id, &parsed).map_err(|e| e.to_string())?;
            } else {
                working::add(doc, &parsed).map_err(|e| e.to_string())?;
            }
        }
        return Ok(());
    }
    put_configuration(copy(session)?, &configuration);
    Ok(())
}

/// `edit [xml] [ID ...]`: the objects go through $EDITOR and are read again.
pub fn edit(session: &mut Session, arguments: &[String]) -> Result<(), Failed> {
    if !session.interactive {
        return Err(
            "edit needs a terminal; in a batch use `set`, `delete` and the object commands, or `load`"
                .to_owned(),
        );
    }
    let xml = arguments.first().is_some_and(|a| a == "xml");
    let text = shown(session, arguments)?;
    let folder = std::env::temp_dir();
    let path = folder.join(format!("crm-edit-{}-{}", std::process::id(), session.line_number));
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut f| {
            use std::io::Write as _;
            f.write_all(text.as_bytes())
        });
    written.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let outcome = edited(session, &path, xml, arguments);
    // A copy in the temporary folder, of no use any more.
    let _ = std::fs::remove_file(&path);
    outcome
}

fn edited(
    session: &mut Session,
    path: &std::path::Path,
    xml: bool,
    arguments: &[String],
) -> Result<(), Failed> {
    let editor = std::env::var("EDITOR").unwrap_or_else(|_| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    loop {
        let status = Command::new(program).args(words.clone()).arg(path).status();
        if !status.map_err(|e| format!("cannot run the editor {program}: {e}"))?.success() {
            return Err(format!("the editor {program} failed; nothing was changed"));
        }
        let text = read(&path.display().to_string())?;
        let before = session.configure.as_ref().map(|c| c.working.clone());
        let whole = arguments.iter().all(|a| a == "xml");
        let outcome = match (xml, whole) {
            (true, true) => load_xml(session, &text, "replace"),
            (true, false) => Err("edit xml takes no identifiers; edit the whole document".to_owned()),
            (false, true) => load_lines(session, &text, "replace"),
            (false, false) => load_lines(session, &text, "update"),
        };
        let Err(message) = outcome else { return Ok(()) };
        if let (Some(before), Some(configure)) = (before, session.configure.as_mut()) {
            *configure = Configure { base: configure.base.clone(), working: before };
        }
        eprintln!("ERROR: {message}");
        // A forced yes would open the editor for ever.
        if session.force || crate::crm::confirm(session, "Do you want to edit again") != Ok(true) {
            return Err("nothing was changed".to_owned());
        }
    }
}
