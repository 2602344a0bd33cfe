//! `corosync`: by this name old scripts start a node. Checks are the tool's, running is the daemon's.

use crate::service;
use holdfast_daemon::paths::Paths;
use holdfast_tools::corosync::{Call, call};
use std::path::Path;
use std::time::{Duration, Instant};

/// A node that cannot start says so within this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command; the first word is its name.
pub fn corosync(words: Vec<String>) -> i32 {
    // The init script had the same name.
    if words.get(1).is_some_and(|word| service::is_action(word)) {
        return service::run(words);
    }
    match call(&words) {
        Call::Done(status) => status,
        Call::Start { config_dir, foreground: true } => {
            let folder = config_dir.display().to_string();
            holdfast_daemon::command::run(vec!["daemon".to_owned(), "--config".to_owned(), folder])
        }
        Call::Start { config_dir, foreground: false } => background(&config_dir),
    }
}

/// Starts the daemon in a session of its own and watches its first moments.
fn background(config_dir: &Path) -> i32 {
    // The daemon stands elsewhere.
    let folder = std::path::absolute(config_dir).unwrap_or_else(|_| config_dir.to_owned());
    let paths = Paths::from_environment(Some(&folder));
    let started = service::spawn(&paths, &["daemon", "--config", &folder.display().to_string()]);
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("corosync: cannot start the daemon: {error}");
            return 1;
        }
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            eprint!("{}", std::fs::read_to_string(service::start_log(&paths)).unwrap_or_default());
            return status.code().unwrap_or(1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    0
}
