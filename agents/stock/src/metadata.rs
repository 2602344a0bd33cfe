//! Agents' metadata: tables that become the XML of the Open Cluster Framework.
//!
//! Knows the form only.

use std::fmt::Write as _;

/// Type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Truth,
    Seconds,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Number => "integer",
            Kind::Truth => "boolean",
            Kind::Seconds => "time",
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Option<&'static str>,
    pub required: bool,
    pub unique: bool,
    pub reloadable: bool,
    pub short: &'static str,
    pub long: &'static str,
}

/// An optional parameter.
pub const fn optional(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    short: &'static str,
    long: &'static str,
) -> Parameter {
    Parameter { name, kind, default, required: false, unique: false, reloadable: false, short, long }
}

/// A required parameter.
pub const fn required(name: &'static str, kind: Kind, short: &'static str, long: &'static str) -> Parameter {
    Parameter { name, kind, default: None, required: true, unique: false, reloadable: false, short, long }
}

/// One action with its advised times, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    pub name: &'static str,
    pub timeout: u32,
    pub interval: Option<u32>,
    pub role: Option<&'static str>,
}

/// An action that is carried out once.
pub const fn once(name: &'static str, timeout: u32) -> Action {
    Action { name, timeout, interval: None, role: None }
}

/// A monitor.
pub const fn repeated(name: &'static str, timeout: u32, interval: u32) -> Action {
    Action { name, timeout, interval: Some(interval), role: None }
}

/// What an agent says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    pub name: &'static str,
    pub short: &'static str,
    pub long: &'static str,
    pub parameters: &'static [Parameter],
    pub actions: &'static [Action],
}

/// The document that `meta-data` prints.
pub fn xml(info: &Info) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">\n");
    // Writing into a String cannot fail.
    let _ = writeln!(out, "<resource-agent name=\"{}\" version=\"1.0\">", info.name);
    out.push_str("<version>1.1</version>\n\n");
    let _ = writeln!(out, "<longdesc lang=\"en\">\n{}\n</longdesc>", escaped(info.long));
    let _ = writeln!(out, "<shortdesc lang=\"en\">{}</shortdesc>\n\n<parameters>", escaped(info.short));
    for parameter in info.parameters {
        let flag = |yes: bool| if yes { "1" } else { "0" };
        let _ = writeln!(
            out,
            "<parameter name=\"{}\" unique=\"{}\" required=\"{}\"{}>",
            parameter.name,
            flag(parameter.unique),
            flag(parameter.required),
            if parameter.reloadable { " reloadable=\"1\"" } else { "" }
        );
        let _ = writeln!(out, "<longdesc lang=\"en\">\n{}\n</longdesc>", escaped(parameter.long));
        let _ = writeln!(out, "<shortdesc lang=\"en\">{}</shortdesc>", escaped(parameter.short));
        let default = parameter.default.map(|d| format!(" default=\"{}\"", escaped(d))).unwrap_or_default();
        let _ = writeln!(out, "<content type=\"{}\"{default}/>\n</parameter>\n", parameter.kind.word());
    }
    out.push_str("</parameters>\n\n<actions>\n");
    for action in info.actions {
        let role = action.role.map(|r| format!(" role=\"{r}\"")).unwrap_or_default();
        let interval = action.interval.map(|i| format!(" interval=\"{i}s\" depth=\"0\"")).unwrap_or_default();
        let _ = writeln!(
            out,
            "<action name=\"{}\"{role} timeout=\"{}s\"{interval}/>",
            action.name, action.timeout
        );
    }
    out.push_str("<action name=\"meta-data\" timeout=\"5s\"/>\n<action name=\"validate-all\" timeout=\"20s\"/>\n</actions>\n</resource-agent>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
