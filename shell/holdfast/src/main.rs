//! The one executable: the name it is called by, or its first word, selects daemon, tool or stock agent.
//! Knows the table of commands; knows nothing about what any of them does.

mod bench;
mod demo;
mod dispatch;
mod install;
mod ring;
mod service;
mod start;
mod sys;
mod witness;
mod wrap;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words = match utf8_words(std::env::args_os()) {
        Ok(words) => words,
        Err(message) => {
            eprintln!("holdfast: {message}");
            return ExitCode::from(dispatch::USAGE);
        }
    };
    let status = dispatch::run(words);
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}

/// Names, attributes and paths of a cluster are UTF-8; another encoding is refused here, once, for every tool.
fn utf8_words(words: impl Iterator<Item = std::ffi::OsString>) -> Result<Vec<String>, String> {
    words
        .enumerate()
        .map(|(index, word)| {
            word.into_string().map_err(|word| {
                format!("argument {index} ({}) is not valid UTF-8; write it in UTF-8", word.to_string_lossy())
            })
        })
        .collect()
}
