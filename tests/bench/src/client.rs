//! A client that asks an address every 10 ms whether it is there (ICMP echo), with the kernel's own neighbour table.
//!
//! Knows requests and answers by number and time. Does not know who answers.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto, socket_with,
};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two requests.
const PERIOD: Duration = Duration::from_millis(10);
/// Marks our requests.
const MARK: u16 = 0x4846;

/// An answer: when its request was sent, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Sent.
    pub asked: Instant,
    /// Came.
    pub at: Instant,
}

/// A client at work.
pub struct Client {
    answers: Arc<Mutex<Vec<Answer>>>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to ask.
    ///
    /// # Errors
    /// The kernel gives no raw socket.
    pub fn start(target: Ipv4Addr) -> std::io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::ICMP))?;
        let (answers, done) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (told, stop) = (Arc::clone(&answers), Arc::clone(&done));
        let thread = std::thread::spawn(move || ask(&socket, target, &told, &stop));
        Ok(Self { answers, done, thread: Some(thread) })
    }

    /// All answers so far, in order.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first answer to a request that was sent after `since`.
    #[must_use]
    pub fn first_after(&self, since: Instant) -> Option<Answer> {
        self.answers().into_iter().find(|answer| answer.asked > since)
    }

    /// The longest time without an answer between two that came after `since`.
    #[must_use]
    pub fn longest_gap(&self, since: Instant) -> Duration {
        let answers = self.answers();
        let late = answers.iter().filter(|answer| answer.at > since);
        late.clone().zip(late.skip(1)).map(|(one, next)| next.at - one.at).max().unwrap_or_default()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0)
}

fn ask(socket: &OwnedFd, target: Ipv4Addr, answers: &Mutex<Vec<Answer>>, done: &AtomicBool) {
    let mut sent: Vec<Instant> = Vec::new();
    let mut next = Instant::now();
    while !done.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            let number = u16::try_from(sent.len() & 0xffff).unwrap_or(0);
            let mut request = [8, 0, 0, 0, 0, 0, 0, 0];
            request[4..6].copy_from_slice(&MARK.to_be_bytes());
            request[6..8].copy_from_slice(&number.to_be_bytes());
            let sum = checksum(&request);
            request[2..4].copy_from_slice(&sum.to_be_bytes());
            sent.push(Instant::now());
            // Nobody there is an answer, too.
            let _ = sendto(socket, &request, SendFlags::empty(), &SocketAddrV4::new(target, 0));
            next += PERIOD;
        }
        let mut packet = [0_u8; 256];
        while let Ok((length, _)) = recv(socket, &mut packet, RecvFlags::empty()) {
            // After the header of 20 bytes: an echo reply with our mark.
            let reply = &packet[..length];
            if length >= 28
                && reply[20] == 0
                && reply[24..26] == MARK.to_be_bytes()
                && reply[12..16] == target.octets()
            {
                let number = usize::from(u16::from_be_bytes([reply[26], reply[27]]));
                if let Some(asked) = sent.get(number) {
                    let answer = Answer { asked: *asked, at: Instant::now() };
                    answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                }
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
