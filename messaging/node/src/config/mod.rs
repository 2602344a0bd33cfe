//! `corosync.conf` of 1.x, 2.x and 3.x: text and machine in, settled configuration and findings out.
//!
//! Pure: reads no file, asks no resolver. `crate::machine` gathers what [`Environment`] needs.

mod diagnostic;
mod environment;
pub mod keymap;
mod logging;
mod nodes;
mod quorum;
mod reader;
mod resolve;
mod resolved;
mod ring;
mod seal;
pub mod syntax;
pub mod table;
#[cfg(test)]
mod tests;
mod timings;
mod witness;

pub use diagnostic::{Diagnostic, Severity, Span};
pub use environment::{Environment, InterfaceAddress};
pub use keymap::{KeyError, KeyMap, Value};
pub use nodes::names_to_resolve;
pub use resolved::{
    Allowed, CorosyncConf, Device, DeviceAlgorithm, Heuristics, Level, Link, LinkMode, Logging, Manager,
    Node, Quorum, RootCgroup, Scheduling, Seal, System, TieBreaker, Timestamp, Timings, Transport,
};

pub use witness::WitnessSettings;

/// What reading a file gave.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The configuration; `None` when a finding is an error.
    pub conf: Option<CorosyncConf>,
    /// In order of the file.
    pub findings: Vec<Diagnostic>,
}

impl Reading {
    /// The findings that forbid this configuration.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(|finding| finding.is_error())
    }
}

/// Reads a configuration file.
pub fn read(text: &str, environment: &Environment) -> Reading {
    let (root, syntax) = syntax::parse(text);
    let mut findings = reader::Findings { list: syntax };
    // Where braces are wrong, everything after them would be reported in the wrong section.
    let conf = if findings.has_errors() {
        None
    } else {
        reader::check(&root, &mut findings);
        resolve::resolve(&root, environment, &mut findings)
    };
    let conf = conf.filter(|_| !findings.has_errors());
    let mut findings = findings.list;
    findings.sort_by_key(|finding| (finding.span.is_none(), finding.span));
    for finding in &mut findings {
        finding.file.clone_from(&environment.file);
    }
    Reading { conf, findings }
}

/// Reads a file of `uidgid.d`: users and groups that may use the local sockets, and nothing else.
pub fn read_allowed(text: &str, file: &str) -> (Vec<Allowed>, Vec<Diagnostic>) {
    let (root, syntax) = syntax::parse(text);
    let mut findings = reader::Findings { list: syntax };
    reader::check(&root, &mut findings);
    for section in root.sections.iter().filter(|section| section.name != "uidgid") {
        let what = format!("section '{}' does not belong here", section.name);
        findings.push(
            Diagnostic::error(section.span, what).expected("uidgid { uid: NAME } or uidgid { gid: NAME }"),
        );
    }
    let mut findings = findings.list;
    findings.iter_mut().for_each(|finding| finding.file = file.to_owned());
    (logging::allowed(&root), findings)
}

/// As [`read`], from the bytes of a file; a byte that is no UTF-8 is refused with its place unless it stands in a
/// comment.
pub fn read_bytes(bytes: &[u8], environment: &Environment) -> Reading {
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text, environment),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let mut reading = read(&text, environment);
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
            let bad_outside_comments = text.lines().enumerate().find(|(_, line)| {
                line.contains(char::REPLACEMENT_CHARACTER) && !line.trim_start().starts_with('#')
            });
            if let Some((index, content)) = bad_outside_comments {
                let column = content.chars().take_while(|c| *c != char::REPLACEMENT_CHARACTER).count();
                let mut finding = Diagnostic::error(None, "a byte that is not UTF-8 text")
                    .value(content.trim())
                    .expected("text in UTF-8 (or plain ASCII)");
                finding.file.clone_from(&environment.file);
                finding.span = Some(Span {
                    offset: error.valid_up_to().min(text.len()),
                    length: 0,
                    line: index.max(line) as u32 + 1,
                    column: column as u32 + 1,
                });
                reading.findings.push(finding);
                reading.conf = None;
            }
            reading
        }
    }
}
