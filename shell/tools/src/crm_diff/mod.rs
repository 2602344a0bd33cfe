//! `crm_diff`: compare two configurations, or apply the difference to one.

use std::path::Path;

use holdfast_store::digest;
use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, Patch, PatchError, Version, WriteOptions, diff};

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::read_document;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_diff",
    summary: "compare two Pacemaker configurations (in XML format) to produce a custom XML patch, or apply such a patch",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Original XML:",
            options: &[
                valued("original", Some('o'), "FILE", "The XML in this file (--original-string goes before)"),
                valued("original-string", Some('O'), "STRING", "This XML"),
            ],
        },
        Group {
            heading: "Operation:",
            options: &[
                valued(
                    "new",
                    Some('n'),
                    "FILE",
                    "Compare with the XML in this file (--new-string goes before)",
                ),
                valued("new-string", Some('N'), "STRING", "Compare with this XML"),
                valued("patch", Some('p'), "FILE", "Apply the difference in this file to the original"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                flag("cib", Some('c'), "Compare or patch as a configuration (with versions and digest)"),
                flag("no-version", Some('u'), "Make the difference without versions"),
                flag("stdin", Some('s'), ""),
            ],
        },
    ],
    epilogue: "Examples:

Save the difference between two configurations:
    # crm_diff --original cib-old.xml --new cib-new.xml > patch.xml
Apply it to the first:
    # crm_diff --original cib-old.xml --patch patch.xml > updated.xml
Apply it to the running cluster:
    # cibadmin --patch -x patch.xml
",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_diff)
}

fn crm_diff(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let as_cib = parsed.has("cib");
    let no_version = parsed.has("no-version");
    let patching = parsed.has("patch");
    if no_version && as_cib {
        return Err(Failure::usage("-u/--no-version incompatible with -c/--cib"));
    }
    if no_version && patching {
        output.error("Warning: -u/--no-version ignored with -p/--patch");
    }
    let file = parsed.last_of(&["new", "patch"]).and_then(|(_, path)| path);
    let missing = |names: &str| Failure::usage(format!("Either {names} must be specified"));
    let original = input(parsed, output, "original-string", parsed.value("original"), "original")?
        .ok_or_else(|| missing("--original or --original-string"))?;
    let what = if patching { "patch" } else { "new" };
    let other = input(parsed, output, "new-string", file, what)?
        .ok_or_else(|| missing("--new, --new-string, or --patch"))?;
    if patching {
        apply(output, original, &other, as_cib)
    } else {
        compare(output, &original, other, as_cib, no_version)
    }
}

fn input(
    parsed: &Parsed,
    output: &mut Output,
    string: &str,
    file: Option<&str>,
    what: &str,
) -> Result<Option<Document>, Failure> {
    let result = if let Some(text) = parsed.value(string) {
        Document::parse_default(text).map_err(|error| error.to_string())
    } else if parsed.has("stdin") {
        read_document(Path::new("-")).map_err(|error| error.to_string())
    } else if let Some(path) = file {
        read_document(Path::new(path)).map_err(|error| error.to_string())
    } else {
        return Ok(None);
    };
    result.map(Some).map_err(|problem| {
        output.error(problem);
        Failure::new(exit::BAD_DATA, format!("Failed to parse {what} XML"))
    })
}

fn compare(
    output: &mut Output,
    old: &Document,
    mut new: Document,
    as_cib: bool,
    no_version: bool,
) -> Result<i32, Failure> {
    if no_version {
        let root = new.root().ix();
        for name in Version::NAMES {
            match old.root().attr(name) {
                Some(value) => new.set_attr(root, name, value),
                None => {
                    new.remove_attr(root, name);
                }
            }
        }
    }
    let kind = if as_cib { Compare::AttributeValues } else { Compare::AttributeOrder };
    let mut patch = diff(old, &new, kind);
    if patch.is_empty() {
        return Ok(exit::OK);
    }
    if as_cib {
        patch.digest = Some(digest::versioned(new.root()));
    }
    if no_version {
        patch.source = None;
        patch.target = None;
    }
    show(output, "patchset", &patch.to_xml());
    Ok(exit::ERROR)
}

fn apply(
    output: &mut Output,
    mut document: Document,
    patch: &Document,
    as_cib: bool,
) -> Result<i32, Failure> {
    let failed = |error: &PatchError| {
        let (status, text) = match error {
            PatchError::TooOld { .. } | PatchError::NotNewer(..) => {
                (exit::OLD, "Update was older than existing configuration")
            }
            PatchError::Format(_) => (exit::SOFTWARE, "Invalid argument"),
            PatchError::Malformed { .. } => (exit::PROTOCOL, "No message of desired type"),
            PatchError::TooNew { .. } | PatchError::NoMatch { .. } | PatchError::Digest { .. } => {
                (exit::ERROR, "Application of update diff failed")
            }
        };
        Failure::new(status, format!("Could not apply patch: {text}"))
    };
    let patch = Patch::from_xml(patch.root()).map_err(|error| failed(&error))?;
    if as_cib {
        patch.check_versions(&document).map_err(|error| failed(&error))?;
    }
    patch.apply(&mut document).map_err(|error| failed(&error))?;
    if let Some(expected) = patch.digest {
        let found = digest::versioned(document.root());
        if !found.eq_ignore_ascii_case(&expected) {
            return Err(failed(&PatchError::Digest { expected, found }));
        }
    }
    show(output, "updated", &document);
    Ok(exit::OK)
}

fn show(output: &mut Output, element: &str, document: &Document) {
    let options = WriteOptions { text: false, ..WriteOptions::PRETTY };
    output.document(element, &document.root().to_string_with(options));
}
