//! How long a change of the ring takes, and what one of two links is worth.

use super::cluster::{Cluster, Plan, Watcher, now};
use super::measure::field;
use rustix::process::Signal;
use std::time::Duration;

/// Longest wait for a change.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times in milliseconds, one a round.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub kill: Vec<f64>,
    pub leave: Vec<f64>,
    pub join: Vec<f64>,
}

fn last(watchers: &mut [Watcher], count: usize) -> Result<u64, String> {
    let mut at = 0;
    for watcher in watchers {
        at = at.max(watcher.wait_for(count, PATIENCE)?);
    }
    Ok(at)
}

/// Kills the last node, lets it come back, asks it to leave, lets it come back; until the last survivor's program is
/// told.
///
/// # Errors
/// When a change does not happen within a minute.
pub fn changes(
    cluster: &mut Cluster<'_>,
    watchers: &mut Vec<Watcher>,
    rounds: usize,
) -> Result<Changes, String> {
    let all = cluster.lab.hosts();
    let mut found = Changes::default();
    let ms = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    for turn in 0..2 * rounds {
        let clean = turn % 2 == 1;
        let start = now();
        cluster.signal(all, if clean { Signal::TERM } else { Signal::KILL })?;
        let took = ms(start, last(&mut watchers[..all - 1], all - 1)?);
        // Its end alone would be a change for the others: the victim's own program goes last.
        watchers.truncate(all - 1);
        if clean {
            found.leave.push(took)
        } else {
            found.kill.push(took)
        }
        cluster.reap(all)?;
        let start = now();
        cluster.boot(all)?;
        watchers.push(cluster.watcher(all)?);
        found.join.push(ms(start, last(&mut watchers[..all - 1], all)?));
        last(&mut watchers[all - 1..], all)?;
        // Several rounds must not all hit the same phase of an idle ring.
        std::thread::sleep(Duration::from_millis(400 + 130 * (turn as u64 % 5)));
    }
    Ok(found)
}

/// What the cut of a link did.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Longest time between two messages at any program, in milliseconds.
    pub gap_ms: f64,
    pub missing: f64,
    pub changes: usize,
}

/// One message a millisecond, while the first link of the sender falls silent and comes back.
///
/// # Errors
/// When a program fails or the bridge refuses.
pub fn cut(cluster: &Cluster<'_>, watchers: &mut [Watcher]) -> Result<Cut, String> {
    for watcher in &mut *watchers {
        watcher.changes()?;
    }
    let programs = cluster.programs(Plan { senders: 1, size: 64, seconds: 10.0, interval_ms: 1 })?;
    std::thread::sleep(Duration::from_secs(2));
    cluster.lab.cut(0, 1, true)?;
    std::thread::sleep(Duration::from_secs(4));
    cluster.lab.cut(0, 1, false)?;
    let results = programs.finish()?;
    let mut changes = 0;
    for watcher in watchers {
        changes += watcher.changes()?;
    }
    Ok(Cut {
        gap_ms: field(&results, "gap_max_us").into_iter().fold(0.0, f64::max) / 1e3,
        missing: field(&results, "missing").iter().sum(),
        changes,
    })
}
