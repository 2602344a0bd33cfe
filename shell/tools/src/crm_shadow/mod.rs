//! `crm_shadow`: work on a copy of the configuration, look at the difference, put it into the cluster.

mod options;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use holdfast_store::{Operation, Request, Target, schema, section};
use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, diff};

use crate::arguments::Parsed;
use crate::cib_source::{CibSource, Place, read_document, shadow_path, variable, write_document};
use crate::exit;
use crate::output::{Failure, Output, run_tool};
use crate::patch_text;

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&options::SYNTAX, &args, crm_shadow)
}

fn crm_shadow(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    if !parsed.operands.is_empty() {
        return Err(Failure::usage(format!("non-option ARGV-elements: {}", parsed.operands.join(" "))));
    }
    let Some((command, name)) = parsed.last_of(options::COMMANDS) else {
        return Err(Failure::usage(format!(
            "Must specify a query or command option\n\n{}",
            options::SYNTAX.help()
        )));
    };
    let named = name.unwrap_or("").to_owned();
    let shadow = match command {
        "which" | "display" | "diff" | "file" | "edit" => Shadow::active()?,
        _ => Shadow { path: shadow_path(&named), name: named },
    };
    let force = parsed.has("force");
    let batch = parsed.has("batch");
    match command {
        "which" => {
            output.text(format!("{}\n", shadow.name));
            output.element("shadow", &[("instance", &shadow.name)]);
        }
        "file" => {
            let path = shadow.path.display().to_string();
            output.text(format!("{path}\n"));
            output.element("shadow", &[("instance", &shadow.name), ("file", &path)]);
        }
        "display" => display(output, &shadow)?,
        "diff" => return difference(output, &shadow),
        "edit" => return edit(&shadow),
        "create" => {
            if !force {
                shadow.must_not_exist()?;
            }
            copy(output, &shadow, "create", batch)?;
        }
        "reset" => {
            if !force {
                return Err(shadow.danger(
                    exit::USAGE,
                    "The reset command overwrites the active shadow configuration",
                    "shadow file",
                    true,
                ));
            }
            copy(output, &shadow, "reset", batch)?;
        }
        "create-empty" => {
            if !force {
                shadow.must_not_exist()?;
            }
            let schema = parsed.value("validate-with").unwrap_or(schema::NEWEST);
            output.info(format!("Created new {schema} configuration"));
            shadow.write(&section::empty_document(0, schema), "create")?;
            enter(output, &shadow, batch, false)?;
        }
        "commit" => commit(&shadow, force, parsed.has("all"))?,
        "delete" => delete(output, &shadow, force)?,
        _ => {
            shadow.must_exist()?;
            enter(output, &shadow, batch, true)?;
        }
    }
    Ok(exit::OK)
}

/// A shadow copy.
struct Shadow {
    name: String,
    path: PathBuf,
}

impl Shadow {
    fn active() -> Result<Shadow, Failure> {
        match variable("CIB_shadow") {
            Some(name) => Ok(Shadow { path: shadow_path(&name), name }),
            None => Err(Failure::new(exit::NO_SUCH, "No active shadow configuration defined")),
        }
    }

    fn must_exist(&self) -> Result<(), Failure> {
        std::fs::metadata(&self.path).map(|_| ()).map_err(|error| {
            let (status, text) = system_words(&error);
            Failure::new(status, format!("Could not access shadow instance '{}': {text}", self.name))
        })
    }

    fn must_not_exist(&self) -> Result<(), Failure> {
        if std::fs::metadata(&self.path).is_err() {
            return Ok(());
        }
        let reason = format!("A shadow instance '{}' already exists", self.name);
        Err(self.danger(exit::CANNOT_CREATE, &reason, "shadow file", false))
    }

    /// A refusal that `--force` overrides.
    fn danger(&self, status: i32, reason: &str, of: &str, mention_active: bool) -> Failure {
        let mut reason = reason.to_owned();
        if mention_active && let Some(active) = variable("CIB_shadow").filter(|active| *active != self.name) {
            reason.push_str(&format!(
                ".\nAdditionally, the supplied shadow instance ({}) is not the same as the active one ({active})",
                self.name
            ));
        }
        Failure::new(
            status,
            format!(
                "{reason}.\nTo prevent accidental destruction of the {of}, the --force flag is required in order to \
                 proceed."
            ),
        )
    }

    fn read(&self) -> Result<Document, Failure> {
        read_document(&self.path).map_err(|error| {
            eprintln!("{error}");
            Failure::new(
                exit::NO_INPUT,
                format!("Could not parse XML from input file '{}'", self.path.display()),
            )
        })
    }

    fn write(&self, document: &Document, verb: &str) -> Result<(), Failure> {
        write_document(&self.path, document).map_err(|error| {
            let (status, text) = system_words(&error);
            Failure::new(status, format!("Could not {verb} the shadow instance '{}': {text}", self.name))
        })
    }
}

/// What the old tools say and exit with for an error of the file system.
fn system_words(error: &std::io::Error) -> (i32, String) {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let status = match error.kind() {
        std::io::ErrorKind::NotFound => exit::NO_SUCH,
        std::io::ErrorKind::PermissionDenied => exit::INSUFFICIENT_PRIVILEGES,
        std::io::ErrorKind::AlreadyExists => exit::EXISTS,
        _ => exit::ERROR,
    };
    (status, text)
}

/// The configuration behind the shadow copy: a file or the cluster.
fn real_cib() -> Result<CibSource, Failure> {
    let place = variable("CIB_file").map_or(Place::Live, |path| Place::File(PathBuf::from(path)));
    CibSource::at("crm_shadow", place).map_err(|error| {
        error.explain(false);
        error.failure("Could not connect to CIB")
    })
}

fn query_real_cib() -> Result<Document, Failure> {
    real_cib()?.document().map_err(|error| error.failure("Could not query the non-shadow CIB"))
}

fn display(output: &mut Output, shadow: &Shadow) -> Result<(), Failure> {
    shadow.must_exist()?;
    let document = shadow.read()?;
    let text = document.root().to_string_pretty();
    output.open("shadow", &[("instance", &shadow.name)]);
    output.document("content", &text);
    output.close();
    Ok(())
}

fn difference(output: &mut Output, shadow: &Shadow) -> Result<i32, Failure> {
    shadow.must_exist()?;
    let old = query_real_cib()?;
    let new = shadow.read()?;
    let patch = diff(&old, &new, Compare::AttributeOrder);
    output.open("shadow", &[("instance", &shadow.name)]);
    if !patch.is_empty() {
        for line in patch_text::lines(&patch) {
            output.text(format!("{line}\n"));
        }
        if output.is_xml() {
            output.document("xml-patchset", &patch.to_xml().to_string_pretty());
        }
    }
    output.close();
    Ok(if patch.is_empty() { exit::OK } else { exit::ERROR })
}

fn edit(shadow: &Shadow) -> Result<i32, Failure> {
    shadow.must_exist()?;
    let Some(editor) = variable("EDITOR") else {
        return Err(Failure::new(6, "No value for EDITOR defined"));
    };
    // The variable may hold options too, as in `EDITOR="vim -n"`.
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or(&editor);
    let error = std::process::Command::new(program).args(words).arg(&shadow.path).exec();
    Err(Failure::new(
        72,
        format!("Could not invoke EDITOR ({editor} {}): {}", shadow.path.display(), system_words(&error).1),
    ))
}

fn copy(output: &mut Output, shadow: &Shadow, verb: &str, batch: bool) -> Result<(), Failure> {
    let document = query_real_cib()?;
    shadow.write(&document, verb)?;
    enter(output, shadow, batch, false)
}

fn commit(shadow: &Shadow, force: bool, all: bool) -> Result<(), Failure> {
    if !force {
        return Err(shadow.danger(
            exit::USAGE,
            "The commit command overwrites the active cluster configuration",
            "cluster",
            true,
        ));
    }
    shadow.must_exist()?;
    let mut real = real_cib()?;
    let document = shadow.read()?;
    let request = if all {
        Request::new(Operation::Replace, Target::Whole, Some(document))
    } else {
        let configuration = document.root().child("configuration").map(Document::from_element);
        Request::new(Operation::Replace, Target::Section("configuration".to_owned()), configuration)
    };
    real.apply(request, None).map_err(|error| {
        error.explain(false);
        error.failure(&format!("Could not commit shadow instance '{}' to the CIB", shadow.name))
    })
}

fn delete(output: &mut Output, shadow: &Shadow, force: bool) -> Result<(), Failure> {
    if !force {
        return Err(shadow.danger(
            exit::USAGE,
            "The delete command removes the specified shadow file",
            "shadow file",
            true,
        ));
    }
    match std::fs::remove_file(&shadow.path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let (status, text) = system_words(&error);
            return Err(Failure::new(
                status,
                format!("Could not remove shadow instance '{}': {text}", shadow.name),
            ));
        }
        Ok(()) | Err(_) => {}
    }
    if variable("CIB_shadow").as_ref() == Some(&shadow.name) {
        if variable("PS1") == Some(prompt(shadow)) {
            instruct(output, "Press Ctrl+D to exit the crm_shadow shell");
        } else {
            instruct(
                output,
                "Remember to unset the CIB_shadow variable by entering the following into your shell:\n\tunset CIB_shadow",
            );
        }
    }
    Ok(())
}

fn prompt(shadow: &Shadow) -> String {
    format!("shadow[{}] # ", shadow.name.chars().take(40).collect::<String>())
}

fn instruct(output: &mut Output, text: &str) {
    output.info(text);
    output.text_element("instruction", &[], text);
}

/// Starts a shell in which the copy is active, or says how to make it active.
fn enter(output: &mut Output, shadow: &Shadow, batch: bool, switch: bool) -> Result<(), Failure> {
    let ready =
        variable("CIB_shadow").as_ref() == Some(&shadow.name) && variable("PS1") == Some(prompt(shadow));
    if ready {
        return Ok(());
    }
    let shell = std::env::var("SHELL").ok();
    let Some(shell) = shell.filter(|_| !batch) else {
        let prefix = if switch {
            "To switch to the named shadow instance"
        } else {
            "A new shadow instance was created. To begin using it"
        };
        instruct(
            output,
            &format!("{prefix}, enter the following into your shell:\n\texport CIB_shadow={}", shadow.name),
        );
        return Ok(());
    };
    output.info("Setting up shadow instance");
    instruct(output, "Press Ctrl+D to exit the crm_shadow shell");
    let mut command = std::process::Command::new(&shell);
    if Path::new(&shell).file_name().is_some_and(|name| name == "bash") {
        command.args(["--norc", "--noprofile"]);
    }
    let error = command.env("PS1", prompt(shadow)).env("CIB_shadow", &shadow.name).exec();
    let (status, text) = system_words(&error);
    Err(Failure::new(status, format!("Failed to launch shell '{shell}': {text}")))
}
