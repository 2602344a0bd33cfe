//! Speed, delay, processor time and memory of one running stack.

use super::cluster::{Cluster, Plan};
use super::report::median;
use serde_json::Value;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub size: usize,
    pub senders: usize,
}

/// The loads of the comparison, and how many times the peer's best is asked for.
pub const CASES: [(Case, f64); 4] = [
    (Case { size: 64, senders: 1 }, 2.0),
    (Case { size: 64, senders: 3 }, 2.0),
    (Case { size: 1024, senders: 1 }, 2.0),
    (Case { size: 65_536, senders: 1 }, 3.0),
];

/// What came of one load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    pub messages_per_second: f64,
    /// Processor time of all daemons for one message.
    pub cpu_us: f64,
}

/// One field of all results.
pub(super) fn field(results: &[Value], name: &str) -> Vec<f64> {
    results.iter().filter_map(|result| result[name].as_f64()).collect()
}

/// As many messages as go through.
///
/// # Errors
/// When a program fails.
pub fn speed(cluster: &Cluster<'_>, case: Case, seconds: f64) -> Result<Speed, String> {
    let before = cluster.usage();
    let plan = Plan { senders: case.senders, size: case.size, seconds, interval_ms: 0 };
    let results = cluster.programs(plan)?.finish()?;
    let after = cluster.usage();
    let sum = |list: &[super::cluster::Usage]| list.iter().map(|usage| usage.cpu.as_secs_f64()).sum::<f64>();
    let messages = median(field(&results, "messages")).max(1.0);
    let missing: f64 = field(&results, "missing").iter().sum();
    if missing > 0.0 {
        return Err(format!("{missing} messages are missing"));
    }
    Ok(Speed {
        messages_per_second: median(field(&results, "messages_per_second")),
        cpu_us: (sum(&after) - sum(&before)) * 1e6 / messages,
    })
}

/// Delay until the program on another node has the message: the middle and the 99th of a hundred, in microseconds.
///
/// # Errors
/// When a program fails.
pub fn latency(cluster: &Cluster<'_>, interval_ms: u64, seconds: f64) -> Result<(f64, f64), String> {
    let plan = Plan { senders: 1, size: 64, seconds, interval_ms };
    let results = cluster.programs(plan)?.finish()?;
    Ok((median(field(&results, "remote_p50_us")), median(field(&results, "remote_p99_us"))))
}

/// Largest resident memory of a node in MB (10^6 bytes).
pub fn resident(cluster: &Cluster<'_>) -> f64 {
    let most = cluster.usage().iter().map(|usage| usage.resident_kib).max().unwrap_or(0);
    most as f64 * 1024.0 / 1e6
}
