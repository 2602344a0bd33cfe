//! The shell at a terminal: a prompt, a line, what the session says to it.
//!
//! Knows the line editor, the history and the keys that end a line or the shell. Does not know commands.

use super::complete::Helper;
use super::history::History;
use super::session::Session;
use super::{from_stdin, lexer};
use rustyline::error::ReadlineError;
use rustyline::history::{History as _, MemHistory};
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler,
    KeyEvent, RepeatCount,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes at Ctrl-C whether a line was begun; the key does what it does.
struct Begun(Arc<AtomicBool>);

impl ConditionalEventHandler for Begun {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(!context.line().is_empty(), Ordering::Relaxed);
        None
    }
}

/// Shows a line again at the arrow keys.
fn remember(editor: &mut Editor<Helper, MemHistory>, line: &str) {
    // A line that is the same as the one before is not added; there is no other reason to refuse one.
    let _ = editor.history_mut().add(line);
}

/// Reads lines until the end; returns the exit status.
pub fn run(session: &mut Session) -> i32 {
    session.interactive = true;
    let config = Config::builder().completion_type(CompletionType::List).build();
    let Ok(mut editor) = Editor::<Helper, MemHistory>::with_history(config, MemHistory::new()) else {
        session.interactive = false;
        return from_stdin(session);
    };
    let begun = Arc::new(AtomicBool::new(false));
    let handler = Begun(Arc::clone(&begun));
    editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(handler)));
    let mut history = History::of_user();
    match history.as_ref().map(History::load) {
        Some(Ok(lines)) => {
            for line in lines {
                remember(&mut editor, &line);
            }
        }
        Some(Err(error)) => {
            eprintln!("WARNING: the history of earlier sessions cannot be read: {error}");
            history = None;
        }
        None => {}
    }
    let mut joined = String::new();
    loop {
        editor.set_helper(Some(Helper::new(session, &joined)));
        let prompt = if joined.is_empty() { session.prompt() } else { "   > ".to_owned() };
        match editor.readline(&prompt) {
            Ok(line) if lexer::continues(&line) => {
                joined.push_str(line[..line.len() - 1].trim_end());
                joined.push(' ');
            }
            Ok(line) => {
                joined.push_str(line.trim());
                let line = std::mem::take(&mut joined);
                if !line.is_empty() {
                    remember(&mut editor, &line);
                    if let Some(Err(error)) = history.as_ref().map(|history| history.add(&line)) {
                        eprintln!("WARNING: the history is not kept: {error}");
                        history = None;
                    }
                }
                session.line(&line);
                if session.ended {
                    println!("bye");
                    return 0;
                }
            }
            // A line that was begun is dropped; at an empty one the shell is left.
            Err(ReadlineError::Interrupted) if begun.swap(false, Ordering::Relaxed) || !joined.is_empty() => {
                joined.clear();
            }
            Err(ReadlineError::Interrupted) => {
                println!("Ctrl-C, leaving");
                session.finish(true);
                println!("bye");
                return 1;
            }
            Err(ReadlineError::Eof) => {
                println!();
                let fine = session.finish(true);
                println!("bye");
                return i32::from(!fine);
            }
            Err(error) => {
                eprintln!("ERROR: the terminal cannot be read: {error}");
                session.finish(false);
                return 1;
            }
        }
    }
}
