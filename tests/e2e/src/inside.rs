//! Runs the body of a test as first process of namespaces of its own.
//!
//! Knows how a test calls itself. Does not know what lies inside.

use crate::spaces;
use std::io::Read as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Set for the second call; names the scratch folder.
const SCRATCH: &str = "HOLDFAST_E2E_SCRATCH";
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Number of the next scratch folder.
static SCRATCHES: AtomicU32 = AtomicU32::new(0);

/// As [`spaces::unshare`]; whoever is not root is made so inside.
fn unshare() -> Command {
    let mut command = spaces::unshare();
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

/// Ends the test, and with its first process everything inside, when the caller is gone without having done it.
fn follow_caller(scratch: &Path) {
    let mut rest = [0u8; 16];
    while std::io::stdin().read(&mut rest).is_ok_and(|n| n > 0) {}
    let _ = std::fs::remove_dir_all(scratch);
    std::process::exit(1);
}

/// Runs `body` in namespaces of its own; `name` is the full name of the calling test. Tests take turns.
///
/// # Panics
/// When the body panics, or something of it is left behind.
pub fn inside(name: &str, body: impl FnOnce(PathBuf)) {
    run(name, body, true);
}

/// As [`inside`], beside the other tests: for one that does little but wait.
///
/// # Panics
/// When the body panics, or something of it is left behind.
pub fn beside(name: &str, body: impl FnOnce(PathBuf)) {
    run(name, body, false);
}

fn run(name: &str, body: impl FnOnce(PathBuf), in_turn: bool) {
    if let Some(scratch) = std::env::var_os(SCRATCH) {
        let scratch = PathBuf::from(scratch);
        let remove = scratch.clone();
        std::thread::spawn(move || follow_caller(&remove));
        body(scratch);
        return;
    }
    let _turn = in_turn.then(|| ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner));
    let possible = unshare().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !possible {
        eprintln!(
            "SKIPPED: {name}: this kernel gives this user no namespaces, or `unshare` is not installed"
        );
        return;
    }
    let own = std::env::current_exe().expect("a test has an executable");
    let number = SCRATCHES.fetch_add(1, Ordering::Relaxed);
    let scratch = std::env::temp_dir().join(format!("holdfast-e2e-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).expect("the temporary folder can be written");
    let output = panic::catch_unwind(AssertUnwindSafe(|| {
        unshare()
            .arg(own)
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(SCRATCH, &scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                let _lifeline = child.stdin.take();
                child.wait_with_output()
            })
    }));
    let removed = std::fs::remove_dir_all(&scratch);
    let output = output.expect("starting a process does not panic").expect("`unshare` ran a moment ago");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no test has the name {name}:\n{said}");
    removed.expect("the scratch folder can be removed");
}
