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

/// Who is asked.
#[derive(Debug, Clone)]
pub enum Reference {
    /// The version of Debian 12: its meaning is compared, and some of its rules have changed since.
    Old(PathBuf),
    /// A build of the main branch, whose every byte is to be the same.
    Main(PathBuf),
}

/// The program that `REFERENCE` names, which is of the main branch, or else the installed one, if it is of the version
/// that we know.
pub fn find() -> Option<Reference> {
    match env::var_os("REFERENCE") {
        Some(program) => Some(Reference::Main(PathBuf::from(program))),
        None => installed().map(Reference::Old),
    }
}

fn installed() -> Option<PathBuf> {
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
    /// Its text, its drawing and its graph.
    Plan { text: String, drawn: String, graph: String },
    /// It failed, in these words.
    Failed(String),
}

/// The files that an answer goes to.
struct Files {
    drawing: String,
    graph: String,
}

impl Files {
    fn new(of: &str, scratch: &Scratch) -> Files {
        Files { drawing: scratch.path(&format!("{of}.dot")), graph: scratch.path(&format!("{of}.graph")) }
    }

    /// Plan, draw, carry out; show the scores if they are compared.
    fn words(&self, input: &str, reference: &Reference) -> Vec<String> {
        let scores = matches!(reference, Reference::Main(_)).then_some("-s");
        let words = ["-S", "-x", input, "-D", &self.drawing, "-G", &self.graph];
        words.into_iter().chain(scores).map(str::to_owned).collect()
    }

    fn answer(&self, status: Option<i32>, text: String, error: impl FnOnce() -> String) -> Answer {
        let [drawn, graph] = [&self.drawing, &self.graph].map(|name| {
            let content = fs::read_to_string(name).unwrap_or_default();
            // Nothing of this run may be taken for the next one's answer.
            let _ = fs::remove_file(name);
            content
        });
        // Plans that get stuck are answers, too.
        let stuck = status == Some(1) && text.contains("Revised Cluster Status");
        match status == Some(0) || stuck {
            true => Answer::Plan { text, drawn, graph },
            false => Answer::Failed(error()),
        }
    }
}

/// The reference's answer.
pub fn reference(reference: &Reference, input: &str, scratch: &Scratch) -> Answer {
    let files = Files::new("reference", scratch);
    let (Reference::Old(program) | Reference::Main(program)) = reference;
    let output = Command::new("timeout")
        .args(["-s", "KILL", "20"])
        .arg(program)
        .args(files.words(input, reference))
        .env("LC_ALL", "C")
        .env("CIB_shadow_dir", &scratch.0)
        .current_dir(&scratch.0)
        .stdin(Stdio::null())
        .output()
        .expect("the reference can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    files.answer(output.status.code(), text, || {
        format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}

/// Our answer.
pub fn ours(reference: &Reference, input: &str, scratch: &Scratch) -> Answer {
    let files = Files::new("ours", scratch);
    let output = scratch.path("ours.txt");
    let mut line = vec!["crm_simulate".to_owned(), "--output-to".to_owned(), output.clone()];
    line.extend(files.words(input, reference));
    let status = crm_simulate::run(line);
    let text = fs::read_to_string(&output).unwrap_or_default();
    let _ = fs::remove_file(&output);
    files.answer(Some(status), text, || format!("status {status}"))
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
