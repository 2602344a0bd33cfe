//! What a source file may look like: its length, its opening line, words that never land.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines. Tables of data (options, golden data) may be longer and are named here.
const LONGEST: usize = 700;
/// Data tables that read as one list.
const TABLES: &[&str] = &["crmd/scheduler/src/facts/types.rs"];
/// Words that mean unfinished or off-topic. Split so that this file passes its own check.
const BANNED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("#[ig", "nore]"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The tracked `.rs` files; outside a git checkout, every `.rs` file below the root.
fn sources() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
        }
        _ => {
            let (mut found, mut stack) = (Vec::new(), vec![root()]);
            while let Some(folder) = stack.pop() {
                for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                    let path = entry.path();
                    if path.is_dir() && entry.file_name() != "target" {
                        stack.push(path);
                    } else if path.extension().is_some_and(|e| e == "rs") {
                        found.push(path.strip_prefix(root()).unwrap().to_path_buf());
                    }
                }
            }
            found
        }
    }
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "benches" | "fuzz")))
        || path.file_name().is_some_and(|n| n == "tests.rs")
}

fn check(fault: impl Fn(&Path, &str) -> Option<String>) {
    let files = sources();
    assert!(files.len() > 10, "the list of source files is empty");
    let faults: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let body = std::fs::read_to_string(root().join(path)).ok()?;
            fault(path, &body).map(|why| format!("{}: {why}", path.display()))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_are_read_in_one_sitting() {
    check(|path, body| {
        let lines = body.lines().count();
        let table = TABLES.iter().any(|t| path.ends_with(t));
        (lines > LONGEST && !is_test(path) && !table).then(|| format!("{lines} lines, at most {LONGEST}"))
    });
}

#[test]
fn files_say_what_they_know() {
    check(|_, body| (!body.starts_with("//!")).then(|| "does not open with `//!`".to_owned()));
}

#[test]
fn nothing_unfinished_lands() {
    check(|_, body| BANNED.iter().find(|word| body.contains(**word)).map(|word| format!("contains {word}")));
}

#[test]
fn unsafe_code_lives_in_sys_modules() {
    check(|path, body| {
        let sys = path.components().any(|c| matches!(c.as_os_str().to_str(), Some("sys" | "sys.rs")));
        let word = concat!("unsafe", " {");
        (!sys && body.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(word)))
            .then(|| "unsafe outside a sys module".to_owned())
    });
}
