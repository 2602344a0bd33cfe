//! The client of the demonstration: asks the web server ten times a second and keeps count.
//!
//! Knows time and answers. Does not know the cluster.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Time between two requests.
pub const PERIOD: Duration = Duration::from_millis(100);
/// How long one request may take.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the client has seen.
#[derive(Debug, Clone)]
pub struct Seen {
    pub asked: u64,
    pub lost: u64,
    /// Who answered last, and when.
    pub last: Option<(String, Instant)>,
    /// Longest time without an answer since the count was reset.
    pub longest_gap: Duration,
    since: Instant,
}

impl Seen {
    fn new() -> Seen {
        Seen { asked: 0, lost: 0, last: None, longest_gap: Duration::ZERO, since: Instant::now() }
    }

    /// The longest gap, counting one that is still open.
    pub fn gap(&self) -> Duration {
        let from = self.last.as_ref().map_or(self.since, |(_, at)| *at).max(self.since);
        self.longest_gap.max(from.elapsed())
    }

    /// Whether an answer came within the last few periods.
    pub fn answering(&self) -> bool {
        self.last.as_ref().is_some_and(|(_, at)| at.elapsed() < 4 * PERIOD)
    }
}

/// A client in a thread of its own.
pub struct Client {
    seen: Arc<Mutex<Seen>>,
}

impl Client {
    /// Starts to ask; it ends with the process.
    pub fn start(target: IpAddr, port: u16) -> Client {
        let seen = Arc::new(Mutex::new(Seen::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            loop {
                let began = Instant::now();
                let answer = ask(SocketAddr::new(target, port));
                if let Ok(mut seen) = shared.lock() {
                    note(&mut seen, answer);
                }
                std::thread::sleep(PERIOD.saturating_sub(began.elapsed()));
            }
        });
        Client { seen }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        match self.seen.lock() {
            Ok(seen) => seen.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    /// Counts from here on.
    pub fn reset(&self) {
        if let Ok(mut seen) = self.seen.lock() {
            let last = seen.last.take();
            *seen = Seen { last, ..Seen::new() };
        }
    }
}

fn note(seen: &mut Seen, answer: Option<String>) {
    seen.asked += 1;
    match answer {
        Some(name) => {
            let now = Instant::now();
            let from = seen.last.as_ref().map_or(seen.since, |(_, at)| *at).max(seen.since);
            seen.longest_gap = seen.longest_gap.max(now - from);
            seen.last = Some((name, now));
        }
        None => seen.lost += 1,
    }
}

fn ask(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.trim().to_owned())
}
