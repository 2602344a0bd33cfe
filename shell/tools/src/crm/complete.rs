//! Completion at the terminal: levels, commands, identifiers, nodes, object kinds.

use super::session::Session;
use super::{levels, working};
use rustyline::Context;
use rustyline::completion::Completer;

/// What can be completed at this moment; made anew for every line.
pub struct Helper {
    level: &'static str,
    ids: Vec<String>,
}

impl Helper {
    pub fn new(session: &Session) -> Helper {
        let ids = match &session.configure {
            Some(configure) => working::objects(configure.document())
                .iter()
                .filter_map(|e| e.attr("id").map(str::to_owned))
                .collect(),
            None if matches!(session.level, "node" | "resource") => session.document().map_or_else(
                |_| Vec::new(),
                |doc| {
                    let wanted: &[&str] = if session.level == "node" {
                        &["node"]
                    } else {
                        &["primitive", "group", "clone", "master", "bundle"]
                    };
                    working::objects(&doc)
                        .iter()
                        .filter(|e| wanted.contains(&e.name()))
                        .filter_map(|e| e.attr("uname").or(e.attr("id")).map(str::to_owned))
                        .collect()
                },
            ),
            None => Vec::new(),
        };
        Helper { level: session.level, ids }
    }
}

impl Completer for Helper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let head = line.get(..position).unwrap_or(line);
        let start = head.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let typed = &head[start..];
        let before: Vec<&str> = head[..start].split_whitespace().collect();
        let level = match (self.level, before.first().and_then(|w| levels::level(w))) {
            ("", Some(level)) => level,
            (level, _) => level,
        };
        let at_command =
            before.is_empty() || (before.len() == 1 && self.level.is_empty() && level != self.level);
        let mut names: Vec<String> = if at_command {
            let mut names: Vec<String> = levels::of(level).map(|r| r.name.to_owned()).collect();
            if level.is_empty() {
                names.extend(levels::LEVELS.iter().map(|(name, _)| (*name).to_owned()));
            }
            names.extend(levels::EVERYWHERE.iter().map(|(name, ..)| (*name).to_owned()));
            names
        } else {
            let parts =
                ["params", "meta", "op", "start", "stop", "monitor", "timeout=", "interval=", "rule", "inf:"];
            let words = if level == "configure" { &parts[..] } else { &[] };
            self.ids.iter().cloned().chain(words.iter().map(|w| (*w).to_owned())).collect()
        };
        names.retain(|n| n.starts_with(typed));
        names.sort_unstable();
        names.dedup();
        Ok((start, names))
    }
}

impl rustyline::hint::Hinter for Helper {
    type Hint = String;
}
impl rustyline::highlight::Highlighter for Helper {}
impl rustyline::validate::Validator for Helper {}
impl rustyline::Helper for Helper {}
