//! `corosync`: checks the configuration (`-t`), tells the version (`-v`); starting is the daemon's affair.

use crate::corosync_support::{Options, config_dir, draw};
use holdfast_node::config::{self, Reading};
use holdfast_node::{keys, machine};
use std::path::{Path, PathBuf};

const HELP: &str = "\
Usage: corosync [-c FILE] [-f] [-t] [-v] [-p | -r | -P PRIORITY] [-o OPTION] [-h]

  -c FILE      configuration file (default: /etc/corosync/corosync.conf)
  -t           check the configuration and the key, then end: 0 when the daemon would start
  -v           version and features
  -f           stay in the foreground
  -p, -r, -P   scheduling: write 'system { sched_rr, priority }' instead
  -o OPTION    accepted for old scripts
  -h           this text
";

/// The version whose options and output shapes are spoken.
pub const SPOKEN: &str = "3.1.9";

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// It is done; this is the exit status.
    Done(i32),
    /// Start the daemon with the configuration in this folder.
    Start { config_dir: PathBuf, foreground: bool },
}

/// Does everything but starting the daemon, which belongs to the executable.
pub fn call(words: &[String]) -> Call {
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "c:fto:vhprP:", &[]) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("corosync: {message}\nType 'corosync -h' for the options.");
            return Call::Done(1);
        }
    };
    if let Some(word) = options.words.first() {
        eprintln!(
            "corosync: '{word}' is no action; expected start, stop, restart, try-restart, reload, force-reload or \
             status, or options only (corosync -h)"
        );
        return Call::Done(2);
    }
    if options.has('h') {
        print!("{HELP}");
        return Call::Done(0);
    }
    if options.has('v') {
        println!("Corosync Cluster Engine, version '{SPOKEN}'");
        println!("Holdfast {}", env!("CARGO_PKG_VERSION"));
        println!();
        println!("Built-in features: seal watchdog witness");
        println!("Available crypto models: holdfast");
        println!("Available compression models: none");
        return Call::Done(0);
    }
    let file = options.value('c').map_or_else(|| config_dir().join("corosync.conf"), PathBuf::from);
    if options.has('t') {
        return Call::Done(check(&file));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    Call::Start {
        config_dir: folder.map_or_else(|| PathBuf::from("."), Path::to_owned),
        foreground: options.has('f'),
    }
}

/// Runs the tool where no daemon can be started from.
pub fn run(words: Vec<String>) -> i32 {
    match call(&words) {
        Call::Done(status) => status,
        Call::Start { config_dir, .. } => {
            eprintln!("corosync: start the node with: holdfast daemon --config {}", config_dir.display());
            1
        }
    }
}

/// Reads a file of the disk with this machine's names and addresses.
///
/// # Errors
/// What to print.
pub fn read(file: &Path) -> Result<(String, Reading), String> {
    let bytes = std::fs::read(file).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::NotFound {
            ".\n  Make one with 'haresources2cib' from a heartbeat configuration, or write it as in 'man corosync.conf'"
        } else {
            ""
        };
        format!("cannot read {}: {error}{hint}", file.display())
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let environment = machine::environment(file, &text, 0)
        .map_err(|error| format!("the addresses of this machine cannot be read: {error}"))?;
    let reading = config::read_bytes(&bytes, &environment);
    Ok((text, reading))
}

fn check(file: &Path) -> i32 {
    let (text, reading) = match read(file) {
        Ok(read) => read,
        Err(message) => {
            eprintln!("corosync: {message}");
            return 8;
        }
    };
    eprint!("{}", draw(&text, &reading.findings));
    let Some(conf) = reading.conf else {
        eprintln!("corosync: {} cannot be used", file.display());
        return 8;
    };
    if let config::Seal::KeyFile(path) = &conf.seal
        && let Err(error) = keys::read(Path::new(path))
    {
        eprintln!("corosync: {error}");
        return 8;
    }
    println!(
        "{}: node {} ({}), {} node{}, {} link{}, token {} ms",
        file.display(),
        conf.local_id,
        conf.local_name,
        conf.nodes.len(),
        if conf.nodes.len() == 1 { "" } else { "s" },
        conf.links.len(),
        if conf.links.len() == 1 { "" } else { "s" },
        conf.timings.token,
    );
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn starting_is_left_to_the_executable() {
        assert_eq!(
            call(&words("corosync -f -c /srv/ring/corosync.conf")),
            Call::Start { config_dir: PathBuf::from("/srv/ring"), foreground: true }
        );
        assert_eq!(call(&words("corosync -v")), Call::Done(0));
        assert_eq!(call(&words("corosync -z")), Call::Done(1));
        assert_eq!(call(&words("corosync -t -c /nowhere/corosync.conf")), Call::Done(8));
    }

    #[test]
    fn a_mistake_is_underlined() {
        let text = "totem {\n    version: 2\n    token: fast\n}\nnodelist {\n    node {\n        ring0_addr: 127.0.0.1\n        nodeid: 1\n    }\n}\n";
        let environment = config::Environment { file: "corosync.conf".to_owned(), ..Default::default() };
        let reading = config::read(text, &environment);
        let errors: Vec<_> =
            reading.errors().filter(|finding| finding.message.contains("token")).cloned().collect();
        let expected = "\
error: bad value of 'token'
 --> corosync.conf:3:12
  |
3 |     token: fast
  |            ^^^^ expected a number from 0 to 4294967295

";
        assert_eq!(draw(text, &errors), expected);
    }
}
