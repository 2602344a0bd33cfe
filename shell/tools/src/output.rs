//! What a tool says: as text for people, or as one XML document for programs.
//!
//! Text goes out at once; XML is collected and printed when the tool finishes, with its exit status.

use std::io::Write;

use holdfast_xml::{Document, NodeIx};

use crate::arguments::{Parsed, Syntax};
use crate::exit;

/// Version of the XML shapes that we print.
const API_VERSION: &str = "2.42";

/// The version that `--version` names: the release of Pacemaker whose behaviour is offered.
pub const COMPATIBLE_VERSION: &str = "3.0.2";

enum Form {
    Text {
        quiet: bool,
    },
    Xml {
        document: Box<Document>,
        open: Vec<NodeIx>,
        errors: Vec<String>,
    },
    /// Nothing at all.
    Silent,
}

/// Where a tool's words go.
pub struct Output {
    name: &'static str,
    form: Form,
    file: Option<std::fs::File>,
}

impl Output {
    /// The output that the command line asks for.
    ///
    /// # Errors
    /// Unknown format or unwritable file.
    pub fn new(name: &'static str, parsed: &Parsed) -> Result<Output, String> {
        let format = parsed.value("output-as").unwrap_or("text");
        let form = match format {
            "text" => Form::Text { quiet: false },
            "none" => Form::Silent,
            "xml" => {
                let mut document = Document::new("pacemaker-result");
                let root = document.root().ix();
                document.set_attr(root, "api-version", API_VERSION);
                document.set_attr(root, "request", &parsed.request);
                Form::Xml { document: Box::new(document), open: vec![root], errors: Vec::new() }
            }
            _ => return Err(format!("Error creating output format {format}: Unknown output format")),
        };
        let file = match parsed.value("output-to") {
            None | Some("-") => None,
            Some(path) => Some(
                std::fs::File::create(path)
                    .map_err(|error| format!("Error creating output format {format}: {path}: {error}"))?,
            ),
        };
        Ok(Output { name, form, file })
    }

    pub fn is_xml(&self) -> bool {
        matches!(self.form, Form::Xml { .. })
    }

    /// Text: say only what was asked for.
    pub fn set_quiet(&mut self, now: bool) {
        if let Form::Text { quiet } = &mut self.form {
            *quiet = now;
        }
    }

    pub fn is_quiet(&self) -> bool {
        matches!(self.form, Form::Text { quiet: true })
    }

    fn put(&mut self, text: &str) {
        // A reader that went away ends the tool elsewhere; nothing can be said here.
        let _ = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => std::io::stdout().write_all(text.as_bytes()),
        };
    }

    /// A line for people, unless quiet.
    pub fn info(&mut self, text: impl AsRef<str>) {
        if matches!(self.form, Form::Text { quiet: false }) {
            self.put(&format!("{}\n", text.as_ref()));
        }
    }

    /// Text as it is, also when quiet, not in XML.
    pub fn text(&mut self, text: impl AsRef<str>) {
        if matches!(self.form, Form::Text { .. }) {
            self.put(text.as_ref());
        }
    }

    /// Something went wrong or deserves a warning: standard error, or the list of errors.
    pub fn error(&mut self, text: impl Into<String>) {
        match &mut self.form {
            Form::Text { .. } => eprintln!("{}", text.into()),
            Form::Silent => {}
            Form::Xml { errors, .. } => errors.push(text.into()),
        }
    }

    /// An error that ends the tool: with the tool's name before it.
    pub fn fatal(&mut self, text: impl AsRef<str>) {
        let line = format!("{}: {}", self.name, text.as_ref());
        self.error(line);
    }

    /// A document as the result: as it is, or as text inside an element of that name.
    pub fn document(&mut self, element: &str, text: &str) {
        match &mut self.form {
            Form::Text { .. } => self.put(text),
            Form::Xml { document, open, .. } => {
                let parent = open.last().copied().unwrap_or(document.root().ix());
                let ix = document.append(parent, element);
                document.append_cdata(ix, text);
            }
            Form::Silent => {}
        }
    }

    /// XML only: an element with attributes below the open one.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)]) -> Option<NodeIx> {
        let Form::Xml { document, open, .. } = &mut self.form else { return None };
        let parent = open.last().copied().unwrap_or(document.root().ix());
        let ix = document.append(parent, name);
        for (name, value) in attributes {
            document.set_attr(ix, name, value);
        }
        Some(ix)
    }

    /// XML only: an element with text.
    pub fn text_element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let ix = self.element(name, attributes);
        if let (Some(ix), Form::Xml { document, .. }) = (ix, &mut self.form) {
            document.set_text(ix, text);
        }
    }

    /// XML only: a whole tree below the open element.
    pub fn tree(&mut self, source: &Document) {
        if let Form::Xml { document, open, .. } = &mut self.form {
            let parent = open.last().copied().unwrap_or(document.root().ix());
            document.append_copy(parent, source, source.root().ix());
        }
    }

    /// XML only: an element that takes what follows until [`Output::close`].
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let ix = self.element(name, attributes);
        if let (Some(ix), Form::Xml { open, .. }) = (ix, &mut self.form) {
            open.push(ix);
        }
    }

    pub fn close(&mut self) {
        if let Form::Xml { open, .. } = &mut self.form
            && open.len() > 1
        {
            open.pop();
        }
    }

    /// XML only: changes the element opened last.
    pub fn set_on_open(&mut self, name: &str, value: &str) {
        if let Form::Xml { document, open, .. } = &mut self.form
            && let Some(ix) = open.last()
        {
            document.set_attr(*ix, name, value);
        }
    }

    /// What `--version` says.
    pub fn version(&mut self) {
        let own = env!("CARGO_PKG_VERSION");
        self.element(
            "version",
            &[
                ("program", "Pacemaker"),
                ("version", COMPATIBLE_VERSION),
                ("author", "the Holdfast project"),
                ("build", &format!("holdfast-{own}")),
                ("features", "agent-manpages ascii-docs corosync-ge-2 monotonic systemd"),
            ],
        );
        self.text(format!(
            "Pacemaker {COMPATIBLE_VERSION} (Build: holdfast-{own})\nWritten by the Holdfast project\n"
        ));
    }

    /// Prints what was collected; gives the status back.
    pub fn finish(mut self, status: i32) -> i32 {
        let mut printed = String::new();
        if let Form::Xml { document, errors, .. } = &mut self.form {
            let root = document.root().ix();
            let ix = document.append(root, "status");
            document.set_attr(ix, "code", &status.to_string());
            document.set_attr(ix, "message", exit::words(status));
            if !errors.is_empty() {
                let list = document.append(ix, "errors");
                for error in errors.iter() {
                    let one = document.append(list, "error");
                    document.set_text(one, error);
                }
            }
            printed = document.to_string_pretty();
        }
        self.put(&printed);
        status
    }
}

/// What keeps a tool from doing its work: words and an exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: i32,
    pub message: String,
}

impl Failure {
    pub fn new(status: i32, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    /// A wrong call.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(exit::USAGE, message)
    }
}

/// Reads the command line, does what every tool does (help, version, output form), then runs the tool.
pub fn run_tool(
    syntax: &Syntax,
    args: &[String],
    tool: impl FnOnce(&Parsed, &mut Output) -> Result<i32, Failure>,
) -> i32 {
    let parsed = match syntax.parse(args) {
        Ok(parsed) => parsed,
        Err(problem) => {
            eprintln!("{}: {problem}", syntax.name);
            eprintln!("Try '{} --help' for all options.", syntax.name);
            return exit::USAGE;
        }
    };
    if parsed.has("help") || parsed.has("help-all") {
        print!("{}", syntax.help());
        return exit::OK;
    }
    let mut output = match Output::new(syntax.name, &parsed) {
        Ok(output) => output,
        Err(problem) => {
            eprintln!("{}: {problem}", syntax.name);
            return exit::ERROR;
        }
    };
    if parsed.has("version") {
        output.version();
        return output.finish(exit::OK);
    }
    match tool(&parsed, &mut output) {
        Ok(status) => output.finish(status),
        Err(failure) => {
            if !failure.message.is_empty() {
                output.fatal(&failure.message);
            }
            output.finish(failure.status)
        }
    }
}
