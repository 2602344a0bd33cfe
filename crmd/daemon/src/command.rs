//! `holdfast daemon`, also called as `holdfastd -f`.

use std::path::PathBuf;

use crate::guard;
use crate::paths::Paths;
use crate::run;

const HELP: &str = "\
Usage: holdfast daemon [--config DIR] [-f]

Runs one node of the cluster in the foreground: a small guard process and the daemon proper.
Reads DIR/corosync.conf and DIR/authkey (DIR is /etc/corosync unless --config or HOLDFAST_CONFIG_DIR moves it).

  -c, --config DIR   folder of the configuration
  -f                 stay in the foreground (it always does; for scripts that say so)
      --no-guard     without the guard process: a crash stays a crash (for tests)
  -v, --version      version
  -h, --help         this text

Folders are moved by HOLDFAST_CONFIG_DIR, HOLDFAST_STATE_DIR, HOLDFAST_RUN_DIR, HOLDFAST_LOG_DIR,
HOLDFAST_PACEMAKER_DIR and OCF_ROOT. SIGTERM moves resources away and leaves the cluster; SIGHUP reads the
configuration again.
";

/// Exit status of a wrong call.
const USAGE: i32 = 64;

/// Runs the command.
#[must_use]
pub fn run(words: Vec<String>) -> i32 {
    let mut config = None;
    let (mut guarded, mut unguarded) = (false, false);
    let mut rest = words.into_iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-h" | "--help" => {
                print!("{HELP}");
                return 0;
            }
            "-v" | "--version" => {
                println!("holdfast {}", env!("CARGO_PKG_VERSION"));
                return 0;
            }
            "-f" | "--foreground" => {}
            "--no-guard" => unguarded = true,
            word if word == guard::PROPER => guarded = true,
            "-c" | "--config" => match rest.next() {
                Some(folder) => config = Some(PathBuf::from(folder)),
                None => {
                    eprintln!("holdfast daemon: --config needs a folder, for example --config /etc/corosync");
                    return USAGE;
                }
            },
            word if word.starts_with("--config=") => config = Some(PathBuf::from(&word["--config=".len()..])),
            word => {
                eprintln!(
                    "holdfast daemon: what is \"{word}\"?\nType `holdfast daemon --help` for the options."
                );
                return USAGE;
            }
        }
    }
    let paths = Paths::from_environment(config.as_deref());
    if guarded || unguarded { run::run(&paths, guarded) } else { guard::run(&paths, config.as_ref()) }
}
