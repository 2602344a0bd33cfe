//! One run of the shell: the level it stands on, the copy it edits, what a line does.
//!
//! Knows levels and navigation. What a command does is in the level's own module.

use super::configure::Configure;
use super::{configure, levels, lexer, node, ra, resource};
use crate::cib_source::{self, CibSource, Place};
use holdfast_api::{Reply, Request};
use holdfast_xml::Document;

/// Why a command failed: one line for the person, and whether the rest may go on.
pub type Failed = String;

/// The shell's state.
pub struct Session {
    /// Level below the top; empty at the top.
    pub level: &'static str,
    pub configure: Option<Configure>,
    pub shadow: Option<String>,
    pub force: bool,
    pub wait: bool,
    /// Every question is answered with no.
    pub no: bool,
    pub interactive: bool,
    pub batch: bool,
    pub ended: bool,
    /// Number of the input line, in a batch.
    pub line_number: usize,
}

impl Session {
    pub fn new(shadow: Option<String>, force: bool, wait: bool) -> Session {
        let shadow = shadow.or_else(|| cib_source::variable("CIB_shadow"));
        Session {
            level: "",
            configure: None,
            shadow,
            force,
            wait,
            no: false,
            interactive: false,
            batch: false,
            ended: false,
            line_number: 0,
        }
    }

    /// `crm(live)configure# `.
    pub fn prompt(&self) -> String {
        format!("crm({}){}# ", self.shadow.as_deref().unwrap_or("live"), self.level)
    }

    /// The configuration that is worked on.
    pub fn source(&self) -> Result<CibSource, Failed> {
        let place = match &self.shadow {
            Some(name) => Place::Shadow { name: name.clone(), path: cib_source::shadow_path(name) },
            None => Place::from_environment(),
        };
        CibSource::at("crm", place).map_err(|e| say(&e))
    }

    /// The document as it is now.
    pub fn document(&self) -> Result<Document, Failed> {
        self.source()?.document().map_err(|e| say(&e))
    }

    /// Asks the cluster; a command that needs it says so on a file.
    pub fn ask(&self, request: Request) -> Result<Reply, Failed> {
        match holdfast_client::ask("crm", request) {
            Ok(Reply::Failed(failure)) => Err(failure.to_string()),
            Ok(reply) => Ok(reply),
            Err(error) => {
                let hints = error.hints();
                Err(if hints.is_empty() {
                    error.to_string()
                } else {
                    format!("{error}; {}", hints.join("; "))
                })
            }
        }
    }

    /// Carries out one line. Returns whether it went well.
    pub fn line(&mut self, line: &str) -> bool {
        match lexer::words(line) {
            Ok(words) => self.words(&words),
            Err(error) => self.complain("", &error.to_string()),
        }
    }

    /// Carries out words: any number of levels, then a command.
    pub fn words(&mut self, words: &[String]) -> bool {
        let Some((first, rest)) = words.split_first() else { return true };
        if let Some(fine) = self.navigation(first, rest) {
            return fine;
        }
        if self.level.is_empty()
            && let Some(level) = levels::level(first)
        {
            if rest.is_empty() {
                return self.enter(level);
            }
            let before = self.level;
            if !self.enter(level) {
                return false;
            }
            let fine = self.words(rest);
            // A command given together with its level takes effect at once.
            let left = self.leave(false);
            self.level = before;
            return fine && left;
        }
        match levels::command(self.level, first) {
            Ok(row) => match self.carry_out(row.name, rest) {
                Ok(()) => true,
                Err(message) => self.complain(row.name, &message),
            },
            Err(several) if !several.is_empty() => {
                self.complain("", &format!("`{first}` may mean {}; write more of it", several.join(", ")))
            }
            Err(_) => {
                let elsewhere = levels::somewhere(first);
                let hint = if elsewhere.is_empty() {
                    "`help` lists the commands of this level".to_owned()
                } else {
                    format!("did you mean `{}`?", elsewhere.join("` or `"))
                };
                self.complain("", &format!("`{first}` is no command of this level; {hint}"))
            }
        }
    }

    /// `ERROR: LINE: LEVEL.COMMAND: text`, as scripts know it.
    pub fn complain(&self, command: &str, message: &str) -> bool {
        let place = if self.batch { format!("{}: ", self.line_number) } else { String::new() };
        let origin = match (self.level, command) {
            (_, "") => String::new(),
            ("", command) => format!("{command}: "),
            (level, command) => format!("{level}.{command}: "),
        };
        eprintln!("ERROR: {place}{origin}{message}");
        false
    }

    fn carry_out(&mut self, command: &str, arguments: &[String]) -> Result<(), Failed> {
        match self.level {
            "configure" => configure::carry_out(self, command, arguments),
            "node" => node::carry_out(self, command, arguments),
            "resource" => resource::carry_out(self, command, arguments),
            "ra" => ra::carry_out(self, command, arguments),
            "cib" => super::configure::shadow::carry_out(self, command, arguments),
            _ => self.top(command, arguments),
        }
    }

    fn top(&mut self, command: &str, arguments: &[String]) -> Result<(), Failed> {
        match command {
            "verify" => configure::check(&self.document()?, false),
            _ => {
                let mut words = vec!["crm_mon".to_owned(), "-1".to_owned()];
                for argument in arguments {
                    words.push(match argument.as_str() {
                        "bynode" => "-n".to_owned(),
                        "inactive" => "-r".to_owned(),
                        "ops" => "-o".to_owned(),
                        "timing" => "-t".to_owned(),
                        "failcounts" => "-f".to_owned(),
                        "verbose" => "-V".to_owned(),
                        "quiet" => "-Q".to_owned(),
                        "tickets" => "-c".to_owned(),
                        "noheaders" => "-D".to_owned(),
                        "detail" => "-R".to_owned(),
                        "brief" => "-b".to_owned(),
                        "full" => "-ncrft".to_owned(),
                        "xml" => "--output-as=xml".to_owned(),
                        "html" => "--output-as=html".to_owned(),
                        "simple" => "-s".to_owned(),
                        other => other.to_owned(),
                    });
                }
                match crate::crm_mon::run(words) {
                    0 => Ok(()),
                    status => Err(format!("crm_mon ended with status {status}")),
                }
            }
        }
    }

    /// Commands that every level has; `None` when the word is none of them.
    fn navigation(&mut self, word: &str, rest: &[String]) -> Option<bool> {
        let (name, ..) =
            levels::EVERYWHERE.iter().find(|(name, also, _)| *name == word || also.contains(&word))?;
        Some(match *name {
            "help" => self.help(rest.first().map(String::as_str)),
            "ls" => {
                let mut names: Vec<&str> = levels::of(self.level).map(|r| r.name).collect();
                if self.level.is_empty() {
                    names.extend(levels::LEVELS.iter().map(|(name, _)| *name));
                }
                names.extend(levels::EVERYWHERE.iter().map(|(name, ..)| *name));
                names.sort_unstable();
                println!("{}", columns(&names));
                true
            }
            "cd" => match rest.first() {
                Some(path) => self.change(path),
                None => self.leave(true),
            },
            "up" => {
                if self.level.is_empty() {
                    true
                } else {
                    self.leave(true)
                }
            }
            _ => {
                let fine = self.finish(true);
                self.ended = true;
                fine
            }
        })
    }

    fn change(&mut self, path: &str) -> bool {
        let mut fine = true;
        for step in path.split('/').filter(|s| !s.is_empty() && *s != ".") {
            fine &= match (step, levels::level(step)) {
                ("..", _) => self.leave(true),
                (_, Some(level)) => self.leave(true) && self.enter(level),
                (other, None) => {
                    self.complain("cd", &format!("there is no level `{other}`; `ls` lists them"))
                }
            };
        }
        fine
    }

    fn enter(&mut self, level: &'static str) -> bool {
        if level == "configure" && self.configure.is_none() {
            match Configure::open(self) {
                Ok(configure) => self.configure = Some(configure),
                Err(message) => return self.complain("configure", &message),
            }
        }
        self.level = level;
        true
    }

    /// Goes up; changes that were not committed are committed in a batch and asked about at a terminal.
    fn leave(&mut self, ask: bool) -> bool {
        let fine = self.level != "configure" || self.settle(ask);
        self.level = "";
        fine
    }

    fn settle(&mut self, ask: bool) -> bool {
        let Some(configure) = &self.configure else { return true };
        if !configure.is_changed() {
            self.configure = None;
            return true;
        }
        if ask
            && self.interactive
            && super::confirm(self, "There are changes pending. Do you want to commit them") != Ok(true)
        {
            self.configure = None;
            return true;
        }
        match configure::commit(self, self.force) {
            Ok(()) => {
                self.configure = None;
                true
            }
            Err(message) => {
                self.configure = None;
                self.complain("commit", &message)
            }
        }
    }

    /// The end of the input.
    pub fn finish(&mut self, ask: bool) -> bool {
        self.leave(ask)
    }

    fn help(&self, about: Option<&str>) -> bool {
        match about {
            None => {
                if self.level.is_empty() {
                    println!("Levels:");
                    for (name, help) in levels::LEVELS {
                        println!("    {name:<16} {help}");
                    }
                }
                println!("Commands:");
                for row in levels::of(self.level) {
                    println!("    {:<16} {}", row.name, row.help);
                }
                println!("Everywhere:");
                for (name, also, usage) in levels::EVERYWHERE {
                    println!("    {name:<16} {usage} ({})", also.join(", "));
                }
                true
            }
            Some(word) => {
                let rows: Vec<_> = match levels::command(self.level, word) {
                    Ok(row) => vec![row],
                    Err(_) => {
                        levels::ROWS.iter().filter(|r| r.name == word || r.also.contains(&word)).collect()
                    }
                };
                for row in &rows {
                    let also = if row.also.is_empty() {
                        String::new()
                    } else {
                        format!(" (also: {})", row.also.join(", "))
                    };
                    println!("{}\n\n    {}{also}", row.usage, row.help);
                }
                if let (true, Some((name, help))) =
                    (rows.is_empty(), levels::LEVELS.iter().find(|(n, _)| *n == word))
                {
                    println!("{name}\n\n    level: {help}");
                    return true;
                }
                !rows.is_empty() || self.complain("help", &format!("there is no help about `{word}`"))
            }
        }
    }
}

/// The words of a source's error with its details.
pub fn say(error: &cib_source::CibError) -> Failed {
    let mut text = error.text.clone();
    for detail in &error.details {
        text.push_str("\n    ");
        text.push_str(detail);
    }
    text
}

/// Three columns, filled downwards.
fn columns(names: &[&str]) -> String {
    let rows = names.len().div_ceil(3);
    let width = names.iter().map(|n| n.len()).max().unwrap_or(0) + 2;
    (0..rows)
        .map(|row| {
            let line: String = (0..3)
                .filter_map(|column| names.get(column * rows + row))
                .map(|name| format!("{name:<width$}"))
                .collect();
            line.trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}
