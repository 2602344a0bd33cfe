//! What the tools with corosync's names share: short options, questions to the ring, findings drawn for people.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use holdfast_api::ring::{RingReply, RingRequest};
use holdfast_api::{Reply, Request};
use holdfast_node::config::{Diagnostic, Severity};
use std::path::PathBuf;

/// Folder of `corosync.conf` and the key; `HOLDFAST_CONFIG_DIR` moves it.
pub fn config_dir() -> PathBuf {
    std::env::var_os("HOLDFAST_CONFIG_DIR").map_or_else(|| PathBuf::from("/etc/corosync"), PathBuf::from)
}

/// Short and long options as `getopt` of C takes them: `-sb`, `-k 3`, `-k3`, `--force`, options after words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In order, with their values.
    pub given: Vec<(char, String)>,
    pub words: Vec<String>,
}

impl Options {
    /// Reads words; `letters` as for `getopt`, a colon after those that take a value; `long` maps long names to
    /// letters.
    ///
    /// # Errors
    /// What is wrong, in the words of `getopt`, which scripts know.
    pub fn parse(words: &[String], letters: &str, long: &[(&str, char)]) -> Result<Options, String> {
        let takes_value = |letter: char| -> Option<bool> {
            let at = letters.find(letter).filter(|_| letter != ':')?;
            Some(letters[at + letter.len_utf8()..].starts_with(':'))
        };
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                options.words.extend(words.by_ref().cloned());
            } else if let Some(name) = word.strip_prefix("--") {
                let (name, value) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v)));
                let letter = long.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter);
                let letter = letter.ok_or_else(|| format!("unrecognized option '--{name}'"))?;
                let value = match (takes_value(letter), value) {
                    (Some(true), Some(value)) => value.to_owned(),
                    (Some(true), None) => words
                        .next()
                        .cloned()
                        .ok_or_else(|| format!("option '--{name}' requires an argument"))?,
                    (_, Some(_)) => return Err(format!("option '--{name}' doesn't allow an argument")),
                    (_, None) => String::new(),
                };
                options.given.push((letter, value));
            } else if word.len() > 1 && word.starts_with('-') {
                let mut rest = word[1..].chars();
                while let Some(letter) = rest.next() {
                    match takes_value(letter) {
                        None => return Err(format!("invalid option -- '{letter}'")),
                        Some(false) => options.given.push((letter, String::new())),
                        Some(true) => {
                            let tail: String = rest.by_ref().collect();
                            let value = if tail.is_empty() { words.next().cloned() } else { Some(tail) };
                            let value =
                                value.ok_or_else(|| format!("option requires an argument -- '{letter}'"))?;
                            options.given.push((letter, value));
                        }
                    }
                }
            } else {
                options.words.push(word.clone());
            }
        }
        Ok(options)
    }

    pub fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The value of the last such option.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

/// Asks the ring of this node.
///
/// # Errors
/// What to print, hints on lines of their own.
pub fn ask(program: &str, request: RingRequest) -> Result<RingReply, String> {
    match holdfast_client::ask(program, Request::Ring(request)) {
        Ok(Reply::Ring(reply)) => Ok(reply),
        Ok(Reply::Done) => Ok(RingReply::Done),
        Ok(Reply::Warned(warnings)) => {
            warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(RingReply::Done)
        }
        Ok(Reply::Failed(failure)) => {
            let lines: Vec<String> = std::iter::once(failure.message).chain(failure.hints).collect();
            Err(lines.join("\n  "))
        }
        Ok(_) => Err("the daemon answers another question; use the tools of the running version".to_owned()),
        Err(error) => {
            let lines: Vec<String> = std::iter::once(error.to_string())
                .chain(error.hints().into_iter().filter(|hint| !hint.contains("CIB_file")))
                .collect();
            Err(lines.join("\n  "))
        }
    }
}

/// An answer of another shape than the question has.
pub fn unexpected<T>(reply: &RingReply) -> Result<T, String> {
    Err(format!("the daemon answers another question ({reply:?})"))
}

/// The keys of the map that begin with a prefix: name, type, value.
///
/// # Errors
/// As [`ask`].
pub fn map(program: &str, prefix: &str) -> Result<Vec<(String, String, String)>, String> {
    match ask(program, RingRequest::MapList { prefix: prefix.to_owned() })? {
        RingReply::Map(keys) => Ok(keys),
        other => unexpected(&other),
    }
}

/// Draws findings with the line underlined.
pub fn draw(text: &str, findings: &[Diagnostic]) -> String {
    let renderer = Renderer::plain();
    let mut drawn = String::new();
    for finding in findings {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(finding.message.as_str());
        let label = finding.expected.as_deref().map(|expected| format!("expected {expected}"));
        let span = finding.span.filter(|span| text.get(span.offset..span.offset + span.length).is_some());
        let mut group = match span {
            Some(span) => {
                let mut mark = AnnotationKind::Primary.span(span.offset..span.offset + span.length);
                if let Some(label) = label.as_deref() {
                    mark = mark.label(label);
                }
                title
                    .element(Snippet::source(text).line_start(1).path(finding.file.as_str()).annotation(mark))
            }
            None => {
                let place = finding.span.map_or(finding.file.clone(), |span| {
                    format!("{}:{}:{}", finding.file, span.line, span.column)
                });
                let note = label.map_or(place.clone(), |label| format!("{place}: {label}"));
                title.element(Level::NOTE.message(note))
            }
        };
        if let Some(next) = finding.next_step.as_deref() {
            group = group.element(Level::HELP.message(next));
        }
        drawn.push_str(&renderer.render(&[group]));
        drawn.push_str("\n\n");
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let check = |line: &str, expected: Result<&[(char, &str)], &str>| {
            let got = Options::parse(&words(line), "sbk:H", &[("force", 'H'), ("key", 'k')]);
            match (got, expected) {
                (Ok(got), Ok(expected)) => {
                    let got: Vec<(char, &str)> = got.given.iter().map(|(c, v)| (*c, v.as_str())).collect();
                    assert_eq!(got, expected, "{line}");
                }
                (Err(got), Err(expected)) => assert_eq!(got, expected, "{line}"),
                (got, expected) => panic!("{line}: {got:?}, expected {expected:?}"),
            }
        };
        check("-sb", Ok(&[('s', ""), ('b', "")]));
        check("-k3 -s", Ok(&[('k', "3"), ('s', "")]));
        check("-sk 3", Ok(&[('s', ""), ('k', "3")]));
        check("--force --key=7", Ok(&[('H', ""), ('k', "7")]));
        check("word -s", Ok(&[('s', "")]));
        check("-k", Err("option requires an argument -- 'k'"));
        check("-x", Err("invalid option -- 'x'"));
        check("--force=1", Err("option '--force' doesn't allow an argument"));
        assert_eq!(Options::parse(&words("-- -s"), "s", &[]).unwrap().words, ["-s"]);
    }
}
