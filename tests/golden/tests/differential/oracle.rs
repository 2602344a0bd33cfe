//! Two programs asked the same: Debian's `crm_simulate` and ours.
//!
//! Knows how to run them and where their text has its parts. Does not know which differences are meant.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use holdfast_tools::crm_simulate;

/// A folder for temporary files, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        let folder = env::temp_dir().join(format!("holdfast-differential-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files can be made");
        Scratch(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is small and in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The version of the reference that the known differences are about.
const VERSION: &str = "Pacemaker 2.1.5";

/// The reference, if it is installed in the version that we know.
pub fn find() -> Option<PathBuf> {
    let program = ["/usr/sbin/crm_simulate", "/usr/bin/crm_simulate"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.is_file());
    let version = program.and_then(|program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
    });
    match (program, version) {
        (Some(program), Some(version)) if version.starts_with(VERSION) => Some(program.to_owned()),
        (_, version) => {
            eprintln!(
                "SKIPPED: the reference is {}, not {VERSION}; install pacemaker-cli-utils of Debian 12",
                version.as_deref().unwrap_or("absent")
            );
            None
        }
    }
}

/// What a program said about a CIB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its text and its drawing.
    Plan { text: String, drawn: String },
    /// It failed, in these words.
    Failed(String),
}

/// Plan, draw, carry out.
fn words(input: &str, drawing: &str) -> Vec<String> {
    ["-S", "-x", input, "-D", drawing].into_iter().map(str::to_owned).collect()
}

fn answer(status: Option<i32>, text: String, drawing: &str, error: impl FnOnce() -> String) -> Answer {
    let drawn = fs::read_to_string(drawing).unwrap_or_default();
    // Nothing of this run may be taken for the next one's answer.
    let _ = fs::remove_file(drawing);
    // Plans that get stuck are answers, too.
    let stuck = status == Some(1) && text.contains("Revised Cluster Status");
    if status == Some(0) || stuck { Answer::Plan { text, drawn } } else { Answer::Failed(error()) }
}

/// The reference's answer.
pub fn reference(program: &Path, input: &str, scratch: &Scratch) -> Answer {
    let drawing = scratch.path("reference.dot");
    let output = Command::new("timeout")
        .args(["-s", "KILL", "20"])
        .arg(program)
        .args(words(input, &drawing))
        .env("LC_ALL", "C")
        .env("CIB_shadow_dir", &scratch.0)
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .output()
        .expect("the reference can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    answer(output.status.code(), text, &drawing, || {
        format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}

/// Our answer.
pub fn ours(input: &str, scratch: &Scratch) -> Answer {
    let (output, drawing) = (scratch.path("ours.txt"), scratch.path("ours.dot"));
    let mut line = vec!["crm_simulate".to_owned(), "--output-to".to_owned(), output.clone()];
    line.extend(words(input, &drawing));
    let status = crm_simulate::run(line);
    let text = fs::read_to_string(&output).unwrap_or_default();
    let _ = fs::remove_file(&output);
    answer(Some(status), text, &drawing, || format!("status {status}"))
}

/// The cluster after the plan has been carried out by us, with failures; none if that cannot be done.
pub fn carry_out(input: &str, failing: &[String], scratch: &Scratch) -> Option<String> {
    let output = scratch.path("after.xml");
    let quiet = scratch.path("quiet.txt");
    let words = ["crm_simulate", "-S", "-Q", "-x", input, "-O", &output, "--output-to", &quiet];
    let words = words.into_iter().map(str::to_owned).chain(failing.iter().cloned()).collect();
    crm_simulate::run(words);
    let text = fs::read_to_string(&output).ok();
    let _ = fs::remove_file(&output);
    text
}
