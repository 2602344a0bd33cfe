//! The programs of a measurement, each a process: a sender, a receiver, one that watches members.
//!
//! One message a call, as with corosync's library. Time is the machine's monotonic clock, so that a receiver on the
//! same machine can tell how long a message took.

use holdfast_node::groups::{ClientError, GroupClient, GroupEvent, Member};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const GROUP: &str = "holdfast-bench";
/// Group of those that watch members only.
const WATCH: &str = "holdfast-bench-watch";
/// Front of the message with which a sender ends.
const END: u64 = u64::MAX;

/// Runs one program; its words are kind, socket and the numbers of the measurement.
pub fn run(words: &[String]) -> i32 {
    // Nobody reads us when the measurement is interrupted.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let result = match words {
        [kind, socket] if kind == "watch" => watch(Path::new(socket)),
        [kind, socket, rest @ ..] => match numbers(rest) {
            Some(plan) if kind == "send" => send(Path::new(socket), &plan),
            Some(plan) if kind == "receive" => receive(Path::new(socket), &plan),
            _ => return 64,
        },
        _ => return 64,
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            println!("{}", json!({ "error": error.to_string() }));
            1
        }
    }
}

struct Plan {
    members: usize,
    senders: usize,
    size: usize,
    seconds: f64,
    interval_ms: u64,
}

fn numbers(words: &[String]) -> Option<Plan> {
    let [members, senders, size, seconds, interval] = words else { return None };
    Some(Plan {
        members: members.parse().ok()?,
        senders: senders.parse().ok()?,
        size: size.parse().ok()?,
        seconds: seconds.parse().ok()?,
        interval_ms: interval.parse().ok()?,
    })
}

/// Nanoseconds on the monotonic clock that all processes of the machine share.
fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Connects; a node that was started just before may not listen yet.
fn connect(socket: &Path) -> Result<GroupClient, ClientError> {
    let end = now() + 10_000_000_000;
    loop {
        match GroupClient::connect(socket) {
            Err(ClientError::NotRunning { .. }) if now() < end => {
                std::thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

/// Joins and waits until everybody is there.
fn enter(socket: &Path, members: usize) -> Result<(GroupClient, u16), ClientError> {
    let mut client = connect(socket)?;
    let handle = client.join(GROUP)?;
    loop {
        match client.next_event()? {
            GroupEvent::Changed { members: now, .. } if now.len() >= members => return Ok((client, handle)),
            GroupEvent::Refused { why, .. } => return Err(ClientError::Refused(why)),
            GroupEvent::Changed { .. } | GroupEvent::Message { .. } => {}
        }
    }
}

fn send(socket: &Path, plan: &Plan) -> Result<(), ClientError> {
    let (mut client, handle) = enter(socket, plan.members)?;
    let mut payload = vec![0x5a; plan.size];
    let start = now();
    let end = start + (plan.seconds * 1e9) as u64;
    let mut sequence = 0u64;
    // Its own copies are read by a thread of their own in real programs; here the receivers look.
    let mut reader = SelfReader::default();
    loop {
        let time = now();
        if time >= end {
            break;
        }
        payload[..8].copy_from_slice(&time.to_le_bytes());
        payload[8..16].copy_from_slice(&sequence.to_le_bytes());
        sequence += 1;
        client.send(handle, &payload)?;
        if plan.interval_ms > 0 {
            let mut left = Duration::from_millis(plan.interval_ms);
            while let Some(rest) = reader.drain(&mut client, left)? {
                left = rest;
            }
        } else {
            reader.drain_if_much(&mut client)?;
        }
    }
    payload[..8].copy_from_slice(&END.to_le_bytes());
    client.send(handle, &payload)?;
    // Until the others have ended: leaving early is a change that they would see.
    loop {
        match client.next_event() {
            Ok(GroupEvent::Changed { left, .. }) if !left.is_empty() => return Ok(()),
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Whether the messages of each sender come one after the other.
#[derive(Default)]
struct Order {
    next: BTreeMap<Member, u64>,
    missing: u64,
}

impl Order {
    fn take(&mut self, sender: Member, payload: &[u8]) {
        let Some(bytes) = payload.get(8..).and_then(|rest| rest.first_chunk::<8>()) else { return };
        let sequence = u64::from_le_bytes(*bytes);
        let next = self.next.entry(sender).or_insert(0);
        self.missing += sequence.saturating_sub(*next);
        *next = sequence + 1;
    }
}

/// Keeps a sender's own socket from filling.
#[derive(Default)]
struct SelfReader {
    sent: u32,
}

impl SelfReader {
    fn drain(&mut self, client: &mut GroupClient, wait: Duration) -> Result<Option<Duration>, ClientError> {
        let start = now();
        client.next_event_within(wait)?;
        let spent = Duration::from_nanos(now() - start);
        Ok(wait.checked_sub(spent).filter(|rest| !rest.is_zero()))
    }

    fn drain_if_much(&mut self, client: &mut GroupClient) -> Result<(), ClientError> {
        self.sent += 1;
        if self.sent.is_multiple_of(64) {
            client.discard_waiting()?;
        }
        Ok(())
    }
}

fn receive(socket: &Path, plan: &Plan) -> Result<(), ClientError> {
    let (mut client, _) = enter(socket, plan.members)?;
    let own = client.node();
    let mut ended = BTreeSet::new();
    let (mut count, mut bytes, mut first, mut last) = (0u64, 0u64, 0u64, 0u64);
    let (mut near, mut far) = (Vec::new(), Vec::new());
    let mut order = Order::default();
    let (mut before, mut gap) = (0u64, 0u64);
    while ended.len() < plan.senders {
        match client.next_event()? {
            GroupEvent::Message { sender, payload, .. } => {
                let Some(stamp) = payload.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)) else {
                    continue;
                };
                if stamp == END {
                    ended.insert(sender);
                    continue;
                }
                if count == 0 {
                    first = now();
                }
                count += 1;
                bytes += payload.len() as u64;
                order.take(sender, &payload);
                if plan.interval_ms > 0 {
                    let time = now();
                    let took = time.saturating_sub(stamp);
                    if before > 0 {
                        gap = gap.max(time - before);
                    }
                    before = time;
                    if sender.node == own { near.push(took) } else { far.push(took) }
                }
            }
            GroupEvent::Changed { left, .. } if !left.is_empty() => break,
            GroupEvent::Changed { .. } => {}
            GroupEvent::Refused { why, .. } => return Err(ClientError::Refused(why)),
        }
        if !ended.is_empty() && last == 0 {
            last = now();
        }
    }
    if last == 0 {
        last = now();
    }
    let seconds = (last.saturating_sub(first)) as f64 / 1e9;
    let mut result = json!({
        "messages": count, "bytes": bytes, "seconds": seconds,
        "messages_per_second": if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
        "missing": order.missing, "gap_max_us": gap as f64 / 1e3,
    });
    for (name, list) in [("self", &mut near), ("remote", &mut far)] {
        list.sort_unstable();
        let at = |part: usize| list.get(list.len() * part / 100).map(|ns| *ns as f64 / 1000.0);
        if let (Some(p50), Some(p99), Some(least)) = (at(50), at(99), at(0)) {
            result[format!("{name}_p50_us")] = json!(p50);
            result[format!("{name}_p99_us")] = json!(p99);
            result[format!("{name}_min_us")] = json!(least);
        }
    }
    println!("{result}");
    Ok(())
}

fn watch(socket: &Path) -> Result<(), ClientError> {
    let mut client = connect(socket)?;
    client.join(WATCH)?;
    loop {
        match client.next_event()? {
            GroupEvent::Changed { members, .. } => println!("{} {}", now(), members.len()),
            GroupEvent::Refused { why, .. } => return Err(ClientError::Refused(why)),
            GroupEvent::Message { .. } => {}
        }
    }
}
