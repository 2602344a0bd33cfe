//! The level `cib`: shadow copies of the configuration.

use crate::cib_source::{self, Place, read_document, write_document};
use crate::crm::session::{Failed, Session, say};
use holdfast_store::{Operation, Request, Target};
use holdfast_xml::Document;

/// Carries out a command of the level.
pub fn carry_out(session: &mut Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    let name = arguments.first();
    match (command, name) {
        ("new", Some(name)) => {
            let path = cib_source::shadow_path(name);
            if path.exists() && !session.force && !arguments.iter().any(|a| a == "force") {
                return Err(format!(
                    "the shadow copy {name} exists already; `cib use {name}`, or `cib new {name} force`"
                ));
            }
            let document = session.document()?;
            write_document(&path, &document).map_err(|e| e.to_string())?;
            session.shadow = Some(name.clone());
            println!("INFO: cib.new: {name} shadow CIB created");
            Ok(())
        }
        ("use", None) => {
            session.shadow = None;
            Ok(())
        }
        ("use", Some(name)) if name == "live" => {
            session.shadow = None;
            Ok(())
        }
        ("use", Some(name)) => {
            if !cib_source::shadow_path(name).exists() {
                return Err(format!("there is no shadow copy {name}; `cib list` lists them"));
            }
            session.shadow = Some(name.clone());
            Ok(())
        }
        ("list", _) => {
            for name in names() {
                println!("{name}");
            }
            Ok(())
        }
        ("delete", Some(name)) => {
            if session.shadow.as_ref() == Some(name) {
                return Err(format!("{name} is in use; `cib use live` first"));
            }
            std::fs::remove_file(cib_source::shadow_path(name))
                .map_err(|e| format!("cannot delete {name}: {e}"))
        }
        ("commit", _) => {
            let name = name.or(session.shadow.as_ref()).cloned().ok_or("name the shadow copy to commit")?;
            let document = read_document(&cib_source::shadow_path(&name)).map_err(|e| e.to_string())?;
            let configuration =
                document.root().child("configuration").ok_or("the shadow copy has no configuration")?;
            let input = Document::from_element(configuration);
            let request =
                Request::new(Operation::Replace, Target::Section("configuration".to_owned()), Some(input));
            let mut live = cib_source::CibSource::at("crm", Place::Live).map_err(|e| say(&e))?;
            live.apply(request, None).map_err(|e| say(&e))?;
            println!("INFO: cib.commit: committed '{name}' shadow CIB to the cluster");
            Ok(())
        }
        ("reset", Some(name)) => {
            let mut live = cib_source::CibSource::at("crm", Place::Live).map_err(|e| say(&e))?;
            let document = live.document().map_err(|e| say(&e))?;
            write_document(&cib_source::shadow_path(name), &document).map_err(|e| e.to_string())
        }
        ("diff", _) => {
            let mut live = cib_source::CibSource::at("crm", Place::Live).map_err(|e| say(&e))?;
            let (old, new) = (live.document().map_err(|e| say(&e))?, session.document()?);
            let (old, new) = (crate::crm::show::all(&old), crate::crm::show::all(&new));
            let diff = similar::TextDiff::from_lines(&old, &new);
            print!("{}", diff.unified_diff().header("live", session.shadow.as_deref().unwrap_or("live")));
            Ok(())
        }
        (other, _) => Err(format!("{other} needs the name of a shadow copy")),
    }
}

/// Names of the shadow copies, in order.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(cib_source::shadow_folder())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.strip_prefix("shadow.").map(str::to_owned))
        .collect();
    names.sort_unstable();
    names
}
