//! Showing a configuration with what a user may do to each part.

use std::io::IsTerminal;

use holdfast_store::acl::{Access, Permission};
use holdfast_xml::{Document, Kind, NodeIx, escape_attribute};

use crate::cib_source::user_named;
use crate::exit;
use crate::output::Failure;

/// How permissions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendering {
    /// Each tag in a colour.
    Color,
    /// A line before each part whose permission differs from what it is in.
    Text,
    /// A prefix on the name of each such part.
    Namespace,
}

impl Rendering {
    pub(super) fn named(name: Option<&str>) -> Result<Rendering, Failure> {
        match name {
            None | Some("auto") if std::io::stdout().is_terminal() => Ok(Rendering::Color),
            None | Some("auto" | "text") => Ok(Rendering::Text),
            Some("color") => Ok(Rendering::Color),
            Some("namespace") => Ok(Rendering::Namespace),
            Some(other) => Err(Failure::usage(format!("Invalid value '{other}' for option '--show-access'"))),
        }
    }
}

const NAMESPACES: [(&str, &str); 3] = [
    ("pcmk-access-writable", "http://clusterlabs.org/ns/pacemaker/access/writable"),
    ("pcmk-access-readable", "http://clusterlabs.org/ns/pacemaker/access/readable"),
    ("pcmk-access-denied", "http://clusterlabs.org/ns/pacemaker/access/denied"),
];

/// The document as text, with the permissions of a user.
pub(super) fn render(document: &Document, user: &str, rendering: Rendering) -> Result<String, Failure> {
    let refuse =
        |why: &str| Failure::new(exit::CONFIGURATION, format!("Could not evaluate ACLs for {user}: {why}"));
    if user.contains(['<', '>', '&']) {
        return Err(refuse("Invalid argument"));
    }
    let user_value = user_named(user);
    if user_value.privileged || user.is_empty() {
        return Err(refuse("Already in requested state"));
    }
    let access = Access::always(document, &user_value).map_err(|refusal| refuse(&refusal.to_string()))?;
    let permissions = access.permissions(document).map_err(|refusal| refuse(&refusal.to_string()))?;
    let mut out = format!("<!-- ACLs as evaluated for user {user} -->\n");
    let mut painter = Painter { document, rendering, permissions: &permissions, out: &mut out };
    painter.run();
    // The caller ends the last line.
    out.pop();
    Ok(out)
}

struct Painter<'a> {
    document: &'a Document,
    rendering: Rendering,
    permissions: &'a std::collections::BTreeMap<NodeIx, Permission>,
    out: &'a mut String,
}

impl Painter<'_> {
    fn run(&mut self) {
        let mut stack = vec![(self.document.root().ix(), 0, false)];
        while let Some((ix, depth, closing)) = stack.pop() {
            if closing {
                self.close(ix, depth);
                continue;
            }
            let children: Vec<NodeIx> = self
                .document
                .nodes_of(ix)
                .filter(|child| matches!(self.document.kind(*child), Kind::Element | Kind::Comment))
                .collect();
            self.open(ix, depth, children.is_empty());
            if !children.is_empty() {
                stack.push((ix, depth, true));
                stack.extend(children.into_iter().rev().map(|child| (child, depth + 1, false)));
            }
        }
    }

    fn permission(&self, ix: NodeIx) -> Permission {
        self.permissions.get(&ix).copied().unwrap_or(Permission::Denied)
    }

    fn differs(&self, ix: NodeIx) -> bool {
        let parent = self.document.element(ix).parent();
        parent.is_none_or(|parent| self.permission(parent.ix()) != self.permission(ix))
    }

    fn prefix(&self, ix: NodeIx) -> String {
        if self.rendering != Rendering::Namespace || !self.differs(ix) {
            return String::new();
        }
        let at = match self.permission(ix) {
            Permission::Writable => 0,
            Permission::Readable => 1,
            Permission::Denied => 2,
        };
        format!("{}:", NAMESPACES[at].0)
    }

    fn color(&self, ix: NodeIx) -> &'static str {
        match (self.rendering, self.permission(ix)) {
            (Rendering::Text | Rendering::Namespace, _) => "",
            (Rendering::Color, Permission::Writable) => "\x1b[32m",
            (Rendering::Color, Permission::Readable) => "\x1b[34m",
            (Rendering::Color, Permission::Denied) => "\x1b[31m",
        }
    }

    fn reset(&self) -> &'static str {
        if self.rendering == Rendering::Color { "\x1b[0m" } else { "" }
    }

    fn open(&mut self, ix: NodeIx, depth: usize, leaf: bool) {
        let indent = "  ".repeat(depth);
        if self.document.kind(ix) == Kind::Comment {
            self.out.push_str(&format!("{indent}<!--{}-->\n", self.document.content(ix)));
            return;
        }
        if self.rendering == Rendering::Text && self.differs(ix) {
            let label = match self.permission(ix) {
                Permission::Writable => " WRITABLE ",
                Permission::Readable => " READABLE ",
                Permission::Denied => " ~DENIED~ ",
            };
            if depth > 0 {
                self.out.push_str(&format!("{indent}\n"));
            }
            self.out.push_str(&format!("{indent}vvv---[{label}]---vvv\n"));
        }
        let element = self.document.element(ix);
        let mut tag = format!("<{}{}", self.prefix(ix), element.name());
        for (name, value) in element.attrs() {
            tag.push_str(&format!(" {name}=\""));
            escape_attribute(value, &mut tag);
            tag.push('"');
        }
        if depth == 0 && self.rendering == Rendering::Namespace {
            for (prefix, address) in NAMESPACES {
                tag.push_str(&format!(" xmlns:{prefix}=\"{address}\""));
            }
        }
        let (end, reset) = if leaf { ("/>", self.reset()) } else { (">", "") };
        self.out.push_str(&format!("{indent}{}{tag}{end}{reset}\n", self.color(ix)));
    }

    fn close(&mut self, ix: NodeIx, depth: usize) {
        let (color, prefix, reset) = (self.color(ix), self.prefix(ix), self.reset());
        let name = self.document.element(ix).name();
        self.out.push_str(&format!("{}{color}</{prefix}{name}>{reset}\n", "  ".repeat(depth)));
    }
}
