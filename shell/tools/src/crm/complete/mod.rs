//! Completion at the terminal.
//!
//! Splits what was typed and finds level and command; `arguments` knows what may follow a command, `primitive` the
//! rest of a resource's line, `world` what there is in the cluster. Carries nothing out.

mod arguments;
mod primitive;
#[cfg(test)]
mod tests;
mod world;

use super::session::Session;
use super::{levels, lexer};
use rustyline::Context;
use rustyline::completion::Completer;
use world::{Live, World};

/// What can be completed at this moment; made anew for every line.
pub struct Helper {
    level: &'static str,
    /// Lines before this one that ended in a backslash.
    earlier: String,
    world: Live,
}

impl Helper {
    /// For the next line of a session, which goes on with `earlier`.
    pub fn new(session: &Session, earlier: &str) -> Helper {
        Helper { level: session.level, earlier: earlier.to_owned(), world: Live::new(session) }
    }
}

/// What a word may become: where in the line it begins, and its candidates in order.
fn candidates(level: &'static str, earlier: &str, line: &str, world: &dyn World) -> (usize, Vec<String>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, typed) = line.split_at(start);
    // Inside quotes anything may stand.
    let Ok(given) = lexer::words(&format!("{earlier}{before}")) else { return (start, Vec::new()) };
    if lexer::words(typed).is_err() {
        return (start, Vec::new());
    }
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let mut names = match given.as_slice() {
        [] => commands(level),
        ["help" | "?", ..] => topics(level, &given[1..]),
        ["cd", ..] => steps(level, &given[1..]),
        [first, rest @ ..] => match (level, levels::level(first)) {
            ("", Some(below)) => match rest {
                [] => commands(below),
                ["help" | "?", more @ ..] => topics(below, more),
                [command, more @ ..] => arguments::of(below, command, more, typed, world),
            },
            _ => arguments::of(level, first, rest, typed, world),
        },
    };
    // Lists of values are completed value by value.
    let list = given.contains(&"fencing_topology");
    let (start, typed) = match typed.rfind(',').filter(|_| list) {
        Some(at) => (start + at + 1, &typed[at + 1..]),
        None => (start, typed),
    };
    names.retain(|name| name.starts_with(typed));
    names.sort_unstable();
    names.dedup();
    (start, names)
}

fn commands(level: &str) -> Vec<String> {
    let mut names: Vec<String> = levels::of(level).map(|row| row.name.to_owned()).collect();
    if level.is_empty() {
        names.extend(levels::LEVELS.iter().map(|(name, _)| (*name).to_owned()));
    }
    names.extend(levels::EVERYWHERE.iter().map(|(name, ..)| (*name).to_owned()));
    names
}

fn topics(level: &str, given: &[&str]) -> Vec<String> {
    match given {
        [] => commands(level),
        [below] if level.is_empty() => levels::level(below).map(commands).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn steps(level: &str, given: &[&str]) -> Vec<String> {
    if !given.is_empty() {
        return Vec::new();
    }
    let names = levels::LEVELS.iter().map(|(name, _)| (*name).to_owned());
    if level.is_empty() {
        return names.collect();
    }
    let beside: Vec<String> = levels::LEVELS.iter().map(|(name, _)| format!("../{name}")).collect();
    names.chain(beside).chain(["..".to_owned()]).collect()
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
        let (start, mut names) = candidates(self.level, &self.earlier, head, &self.world);
        // A finished word is followed by the next one.
        if let [only] = names.as_mut_slice()
            && !only.ends_with(['=', ':', '/'])
        {
            only.push(' ');
        }
        Ok((start, names))
    }
}

impl rustyline::hint::Hinter for Helper {
    type Hint = String;
}
impl rustyline::highlight::Highlighter for Helper {}
impl rustyline::validate::Validator for Helper {}
impl rustyline::Helper for Helper {}
