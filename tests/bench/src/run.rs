//! Runs one program on one input, some times, and sums up what it took.
//!
//! Knows processes and the median. Does not know what the programs are for.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::sys;

/// What some runs of one command took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Median of the time from start to end, in seconds.
    pub median: f64,
    /// Shortest.
    pub least: f64,
    /// Longest.
    pub most: f64,
    /// Median of the processor time, in seconds: less disturbed by other work of the machine.
    pub cpu: f64,
    /// Most memory of any run, in kilobytes.
    pub peak_kb: u64,
}

/// What came of the runs.
#[derive(Debug, Clone, Copy)]
pub enum Runs {
    /// All ended.
    Taken(Taken),
    /// One was stopped after so many seconds.
    TooLong(u64),
}

/// Runs a command `times` times. Each run is ended after `limit` seconds.
///
/// # Errors
/// When the program cannot be started or fails, in words.
pub fn run(program: &Path, words: &[&str], times: usize, limit: u64) -> Result<Runs, String> {
    let mut walls = Vec::new();
    let mut cpus = Vec::new();
    let mut peak_kb = 0;
    for _ in 0..times.max(1) {
        let begin = Instant::now();
        #[allow(clippy::zombie_processes)] // `sys::wait` waits for it
        let child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let pid = child.id();
        let (done, ended) = mpsc::channel();
        let waiter = std::thread::spawn(move || {
            let usage = sys::wait(pid);
            // Nobody listens any more after the limit.
            let _ = done.send(());
            usage
        });
        let late = ended.recv_timeout(Duration::from_secs(limit)).is_err();
        if late {
            stop(pid);
        }
        let wall = begin.elapsed().as_secs_f64();
        let usage = waiter.join().map_err(|_| "the thread that waits ended early".to_owned())?;
        let usage = usage.map_err(|error| format!("cannot wait for {}: {error}", program.display()))?;
        if late {
            return Ok(Runs::TooLong(limit));
        }
        if !usage.success {
            return Err(format!("{} {} failed: run it by hand", program.display(), words.join(" ")));
        }
        walls.push(wall);
        cpus.push(usage.cpu_seconds);
        peak_kb = peak_kb.max(usage.peak_kb);
    }
    walls.sort_by(f64::total_cmp);
    cpus.sort_by(f64::total_cmp);
    Ok(Runs::Taken(Taken {
        median: walls[walls.len() / 2],
        least: walls[0],
        most: walls[walls.len() - 1],
        cpu: cpus[cpus.len() / 2],
        peak_kb,
    }))
}

/// Ends a process that was started here and has not been waited for.
fn stop(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may just have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Where a program is: as given, or in the folders of `PATH` and those of the administrator.
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    if name.contains('/') {
        return Path::new(name).is_file().then(|| name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
