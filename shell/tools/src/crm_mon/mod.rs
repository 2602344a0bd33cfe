//! `crm_mon`: shows the state of the cluster, once or continuously.

mod display;
mod live;
pub(crate) mod local_time;
mod options;
mod settings;
pub(crate) mod source;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use holdfast_client::Connection;

use options::Meaning;
use settings::{Format, Settings};
use source::{Source, SourceError};

/// Exit status of a wrong call.
const USAGE: i32 = 64;
/// Set for the process in the background.
const IN_BACKGROUND: &str = "HOLDFAST_CRM_MON_IN_BACKGROUND";

/// Runs the tool; the first word is the name it was called by.
pub fn run(words: Vec<String>) -> i32 {
    let (called, words) = match words.split_first() {
        Some((called, words)) => (called.rsplit('/').next().unwrap_or(called).to_string(), words),
        None => ("crm_mon".to_string(), &[][..]),
    };
    let given = match options::parse(words) {
        Ok(given) => given,
        Err(message) => return wrong(&message),
    };
    if given.iter().any(|(meaning, _)| *meaning == Meaning::Help) {
        print!("{}", options::help());
        return 0;
    }
    if given.iter().any(|(meaning, _)| *meaning == Meaning::Version) {
        println!("Pacemaker 3.0.2 (Holdfast {})", env!("CARGO_PKG_VERSION"));
        return 0;
    }
    let mut settings = match Settings::new(&called, words, &given) {
        Ok(settings) => settings,
        Err(message) => return wrong(&message),
    };
    if settings.daemonize && std::env::var_os(IN_BACKGROUND).is_none() {
        return to_background(words);
    }
    if let (true, Some(path)) = (settings.daemonize, &settings.pid_file)
        && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
    {
        eprintln!("crm_mon: {}: {error}", path.display());
        return 73;
    }
    let file = source::file(settings.file.as_deref());
    settings.once |= file.is_some();
    match (file, settings.once) {
        (Some(path), _) => once(source::read(&path), &settings),
        (None, true) => once(ask_once(), &settings),
        (None, false) => live::follow(settings),
    }
}

fn ask_once() -> Result<Source, SourceError> {
    source::ask(&mut Connection::open("crm_mon")?)
}

fn once(source: Result<Source, SourceError>, settings: &Settings) -> i32 {
    match source {
        Ok(source) => {
            let shown = display::show(&source, settings);
            write_out(&shown.text, settings);
            shown.status
        }
        Err(error) => {
            let status = error.exit_status();
            match settings.format {
                Format::Xml | Format::Json => {
                    print!("{}", display::failure(settings, status, &error.to_string()))
                }
                Format::Text | Format::Html | Format::LegacyXml | Format::None => {
                    eprintln!("crm_mon: {error}");
                    for hint in error.hints() {
                        eprintln!("  {hint}");
                    }
                }
            }
            status
        }
    }
}

/// Writes to where the output shall go; a file is replaced as a whole.
fn write_out(text: &str, settings: &Settings) {
    let result = match &settings.output {
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Some(path) => {
            let fresh = path.with_extension("new");
            std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, path))
        }
    };
    if let Err(error) = result {
        eprintln!("crm_mon: cannot write: {error}");
    }
}

/// Starts the same command again, in the background.
fn to_background(words: &[String]) -> i32 {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return fail(&format!("cannot find myself: {error}"), 71),
    };
    let child = Command::new(program)
        .arg("crm_mon")
        .args(words)
        .env(IN_BACKGROUND, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    match child {
        Ok(_) => 0,
        Err(error) => fail(&format!("cannot start in the background: {error}"), 71),
    }
}

fn wrong(message: &str) -> i32 {
    fail(message, USAGE)
}

fn fail(message: &str, status: i32) -> i32 {
    eprintln!("crm_mon: {message}");
    status
}
