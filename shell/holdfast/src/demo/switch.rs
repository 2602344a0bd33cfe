//! The power switch of the demonstration: what the fence agent asks.
//!
//! Knows one line a request: `ACTION NODE`. A node that is fenced stays off until it is healed.

use super::files::NODES;
use super::stage::Stage;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Serves the switch in a thread of its own until the process ends.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(path: &Path, stage: &Arc<Mutex<Stage>>) -> std::io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let stage = Arc::clone(stage);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let stage = Arc::clone(&stage);
            // A fence agent that went away finds out by its own time-out.
            std::thread::spawn(move || answer(stream, &stage));
        }
    });
    Ok(())
}

fn answer(mut stream: UnixStream, stage: &Mutex<Stage>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).take(200).read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (action, node) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let index = NODES.iter().position(|n| *n == node);
    let said = match (action, index) {
        ("monitor" | "status", _) => "ok",
        ("off" | "reboot", Some(index)) => {
            super::locked(stage).kill(index);
            "ok"
        }
        ("on", Some(index)) => match super::locked(stage).start(index) {
            Ok(()) => "ok",
            Err(_) => "failed",
        },
        _ => "unknown",
    };
    writeln!(stream, "{said}")
}
