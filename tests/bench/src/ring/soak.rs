//! Long runs that must change nothing: many nodes at rest, a machine whose processors are taken, keys that change under
//! load.

use super::cluster::{Cluster, Plan, Watcher};
use super::lab::Lab;
use super::measure::field;
use super::stack::{Settings, Stack, write_key};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn count(watchers: &mut [Watcher]) -> Result<usize, String> {
    watchers.iter_mut().map(Watcher::changes).sum()
}

fn settings(token_ms: u32) -> Settings {
    Settings { token_ms, real_time: true, sealed: true }
}

/// Many nodes for a while: how long they take to form, and changes of the ring after that.
///
/// # Errors
/// When the ring does not form or a program fails.
pub fn rest(
    stack: &Stack,
    folder: &Path,
    nodes: usize,
    token_ms: u32,
    seconds: u64,
) -> Result<Value, String> {
    let lab = Lab::new(nodes, 1)?;
    let (cluster, mut watchers, formed) = Cluster::start(&lab, stack, settings(token_ms), folder)?;
    count(&mut watchers)?;
    let before = cluster.usage();
    std::thread::sleep(Duration::from_secs(seconds));
    let changes = count(&mut watchers)?;
    let after = cluster.usage();
    let cpu: f64 = before.iter().zip(&after).map(|(a, b)| (b.cpu - a.cpu).as_secs_f64()).sum();
    Ok(json!({
        "nodes": nodes, "token_ms": token_ms, "seconds": seconds, "formed_ms": formed.as_millis() as u64,
        "false_changes": changes, "alive": after.len(),
        "cpu_percent_of_a_core_per_node": cpu * 100.0 / seconds as f64 / nodes as f64,
        "resident_mib": after.iter().map(|usage| usage.resident_kib).max().unwrap_or(0) / 1024,
    }))
}

/// Takes every processor with threads of ordinary priority while it lives.
struct Hog {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<u64>>,
}

impl Hog {
    fn start(threads: usize) -> Hog {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..threads)
            .map(|_| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    let mut rounds = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        rounds = std::hint::black_box(rounds.wrapping_add(1));
                    }
                    rounds
                })
            })
            .collect();
        Hog { stop, threads }
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What it counted is of no interest.
            let _ = thread.join();
        }
    }
}

/// A hog on every processor, and one more.
///
/// # Errors
/// When the ring does not form or a program fails.
pub fn hog(stack: &Stack, folder: &Path, nodes: usize, token_ms: u32, seconds: u64) -> Result<Value, String> {
    let lab = Lab::new(nodes, 1)?;
    let (cluster, mut watchers, _) = Cluster::start(&lab, stack, settings(token_ms), folder)?;
    count(&mut watchers)?;
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let hog = Hog::start(processors + 1);
    std::thread::sleep(Duration::from_secs(seconds));
    drop(hog);
    // What was noticed late is told now.
    std::thread::sleep(Duration::from_secs(3));
    Ok(json!({
        "nodes": nodes, "token_ms": token_ms, "seconds": seconds, "hogs": processors + 1,
        "false_changes": count(&mut watchers)?, "alive": cluster.usage().len(),
    }))
}

/// New keys every two seconds while two programs send as much as goes through.
///
/// # Errors
/// When the ring does not form or a program fails.
pub fn rotate(stack: &Stack, folder: &Path, seconds: u64) -> Result<Value, String> {
    let lab = Lab::new(3, 1)?;
    let (mut cluster, mut watchers, _) = Cluster::start(&lab, stack, settings(1000), folder)?;
    count(&mut watchers)?;
    let plan = Plan { senders: 2, size: 256, seconds: seconds as f64, interval_ms: 0 };
    let programs = cluster.programs(plan)?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut rotations = 0;
    while Instant::now() + Duration::from_secs(2) < end {
        std::thread::sleep(Duration::from_secs(2));
        write_key(&cluster.key())?;
        // One node after the other reads the new file, as when a person works through the machines.
        for host in 1..=3 {
            cluster.signal(host, rustix::process::Signal::HUP)?;
            std::thread::sleep(Duration::from_millis(100));
        }
        rotations += 1;
    }
    let results = programs.finish().map_err(|why| {
        (1..=3).fold(format!("{why}, after {rotations} rotations"), |text, host| {
            format!("{text}\nnode {host}:\n{}", cluster.log(host))
        })
    })?;
    Ok(json!({
        "seconds": seconds, "rotations": rotations,
        "messages": field(&results, "messages").into_iter().fold(f64::MAX, f64::min), "missing": field(&results, "missing").iter().sum::<f64>(),
        "changes": count(&mut watchers)?, "alive": cluster.usage().len(),
    }))
}
