//! A person at a terminal: types, and waits for what appears.
//!
//! Knows pseudo-terminals. Does not know what the program at the other end is.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longest wait for something to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program whose input and output are a terminal.
pub struct Terminal {
    screen: File,
    child: Child,
    /// All that appeared, without colours and cursor movements.
    seen: String,
    raw: Vec<u8>,
    /// Up to here it was waited for.
    read: usize,
}

impl Terminal {
    /// Starts a command in a session of its own, on a new terminal.
    ///
    /// # Panics
    /// When the kernel gives no terminal.
    pub fn start(command: &Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the kernel has terminals");
        grantpt(&master).expect("own terminal");
        unlockpt(&master).expect("own terminal");
        // Wide enough that no line is broken.
        let size = Winsize { ws_row: 50, ws_col: 400, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("own terminal");
        let name = ptsname(&master, Vec::new()).expect("a terminal has a name");
        let end = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().expect("names of terminals are plain"))
            .expect("own terminal");
        let mut wrapped = Command::new("setsid");
        wrapped.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        let child = wrapped
            .env("TERM", "xterm")
            .stdin(end.try_clone().expect("an open file"))
            .stdout(end.try_clone().expect("an open file"))
            .stderr(end)
            .spawn()
            .expect("`setsid` is installed");
        let screen = File::from(master);
        Terminal { screen, child, seen: String::new(), raw: Vec::new(), read: 0 }
    }

    /// Types characters as they are.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn keys(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Types a line and waits until a text appears behind it; returns what appeared up to and with it.
    pub fn line(&mut self, line: &str, until: &str) -> String {
        self.keys(line);
        // The echo is not the answer.
        self.until(line.split_whitespace().last().unwrap_or_default());
        self.keys("\r");
        self.until(until)
    }

    /// Waits until a text appears; returns what appeared up to and with it.
    ///
    /// # Panics
    /// When it does not appear in time.
    pub fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen[self.read..].find(text) {
                let from = self.read;
                self.read += at + text.len();
                return self.seen[from..self.read].to_owned();
            }
            let rest = &self.seen[self.read..];
            assert!(Instant::now() < end, "waited for {text:?}; the screen shows:\n{rest}");
            assert!(self.look(), "the program ended; waited for {text:?}; the screen shows:\n{}", self.seen);
        }
    }

    /// Waits until the program ends; returns all that appeared since the last wait, and its status.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn ended(&mut self) -> (String, i32) {
        let end = Instant::now() + PATIENCE;
        while self.look() {
            assert!(Instant::now() < end, "the program does not end; the screen shows:\n{}", self.seen);
        }
        let status = self.child.wait().expect("it is a child");
        (self.seen[self.read..].to_owned(), status.code().unwrap_or(128))
    }

    /// Reads what is there; false when the other end is closed.
    fn look(&mut self) -> bool {
        let mut fds = [PollFd::new(&self.screen, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        if poll(&mut fds, Some(&wait)).expect("an open file") == 0 {
            return true;
        }
        let mut buffer = [0u8; 4096];
        // The kernel says EIO when the last program closed the terminal.
        let Ok(n @ 1..) = self.screen.read(&mut buffer) else { return false };
        self.raw.extend_from_slice(&buffer[..n]);
        self.seen = plain(&String::from_utf8_lossy(&self.raw));
        self.read = self.read.min(self.seen.len());
        true
    }
}

/// Text without escape sequences and carriage returns.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                if rest.next_if_eq(&'[').is_some() {
                    // Parameters end with a letter.
                    while rest.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
                }
            }
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escape_sequences_are_left_out() {
        assert_eq!(plain("\u{1b}[?2004h\u{1b}[1;32mcrm(live)#\u{1b}[0m \r\n"), "crm(live)# \n");
    }
}
