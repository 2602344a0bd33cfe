//! The journal of operations in flight and of active resources (safety rules 11 and 12). It lies in the run folder:
//! it must survive this process, and must not survive a boot of the machine. No sync is needed for that.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use holdfast_api::FrameReader;
use holdfast_api::frame::encode;
use holdfast_core::{CallId, Operation};
use serde::{Deserialize, Serialize};

/// The file is rewritten when it grew beyond this and is mostly about the past.
const REWRITE: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Entry {
    Begun(Operation),
    /// A process runs for it; its start time (clock ticks since boot) tells it from a later one with the same id.
    Started {
        call: CallId,
        pid: i32,
        start: u64,
    },
    Landed(CallId),
    Active(Operation),
    Inactive(String),
    /// Highest call number used before the file was rewritten.
    Calls(u64),
}

/// An operation that had begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flying {
    pub operation: Operation,
    pid: Option<(i32, u64)>,
}

impl Flying {
    /// The process, if it is still the one that was started.
    #[must_use]
    pub fn alive(&self) -> Option<i32> {
        self.pid.filter(|(pid, start)| start_time(*pid) == Some(*start)).map(|(pid, _)| pid)
    }
}

/// What the journal says now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub flying: BTreeMap<CallId, Flying>,
    /// How to stop what is active, in the order in which it became so.
    pub active: Vec<Operation>,
    /// Highest call number ever used.
    pub calls: u64,
}

impl State {
    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Begun(operation) => {
                self.calls = self.calls.max(operation.call.0);
                self.flying.insert(operation.call, Flying { operation, pid: None });
            }
            Entry::Started { call, pid, start } => {
                if let Some(flying) = self.flying.get_mut(&call) {
                    flying.pid = Some((pid, start));
                }
            }
            Entry::Landed(call) => {
                self.flying.remove(&call);
            }
            Entry::Active(operation) => match self.active.iter_mut().find(|known| known.rsc == operation.rsc)
            {
                Some(known) => *known = operation,
                None => self.active.push(operation),
            },
            Entry::Inactive(rsc) => self.active.retain(|operation| operation.rsc != rsc),
            Entry::Calls(calls) => self.calls = self.calls.max(calls),
        }
    }
}

/// The open journal.
#[derive(Debug)]
pub struct InFlight {
    path: PathBuf,
    file: File,
    length: u64,
    state: State,
}

impl InFlight {
    /// Where it lies.
    #[must_use]
    pub fn path(run: &Path) -> PathBuf {
        run.join("in-flight")
    }

    /// Opens it and reads what the last run left.
    ///
    /// # Errors
    /// The run folder cannot be used.
    pub fn open(run: &Path) -> io::Result<Self> {
        fs::create_dir_all(run)?;
        let path = Self::path(run);
        let state = read(&path);
        let file = rewrite(&path, &state)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length, state })
    }

    /// What it says now.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// An agent is about to be started.
    pub fn begun(&mut self, operation: &Operation) {
        self.add(Entry::Begun(operation.clone()));
    }

    /// Its process runs.
    pub fn started(&mut self, call: CallId, pid: i32) {
        if let Some(start) = start_time(pid) {
            self.add(Entry::Started { call, pid, start });
        }
    }

    /// It ended.
    pub fn landed(&mut self, call: CallId) {
        self.add(Entry::Landed(call));
    }

    /// A resource is active; this stops it.
    pub fn active(&mut self, stop: &Operation) {
        if !self.state.active.contains(stop) {
            self.add(Entry::Active(stop.clone()));
        }
    }

    /// It is no longer active.
    pub fn inactive(&mut self, rsc: &str) {
        if self.state.active.iter().any(|operation| operation.rsc == rsc) {
            self.add(Entry::Inactive(rsc.to_owned()));
        }
    }

    fn add(&mut self, entry: Entry) {
        match encode(&entry) {
            Ok(bytes) => match self.file.write_all(&bytes) {
                Ok(()) => self.length += bytes.len() as u64,
                Err(error) => tracing::error!("{}: {error}", self.path.display()),
            },
            Err(error) => tracing::error!("{}: {error}", self.path.display()),
        }
        self.state.apply(entry);
        if self.length > REWRITE && self.state.flying.len() < 64 {
            match rewrite(&self.path, &self.state) {
                Ok(file) => {
                    self.length = file.metadata().map_or(0, |metadata| metadata.len());
                    self.file = file;
                }
                // The long file still says everything.
                Err(error) => tracing::warn!("{}: {error}", self.path.display()),
            }
        }
    }
}

/// Reads a journal without touching it; the guard does so when the daemon cannot come back.
#[must_use]
pub fn read(path: &Path) -> State {
    let mut state = State::default();
    let mut reader = FrameReader::new();
    reader.push(&fs::read(path).unwrap_or_default());
    // The last entry may be torn; everything before it counts.
    while let Ok(Some(entry)) = reader.next_value::<Entry>() {
        state.apply(entry);
    }
    state
}

fn rewrite(path: &Path, state: &State) -> io::Result<File> {
    let mut bytes = Vec::new();
    let mut entries = vec![Entry::Calls(state.calls)];
    for (call, flying) in &state.flying {
        entries.push(Entry::Begun(flying.operation.clone()));
        if let Some((pid, start)) = flying.pid {
            entries.push(Entry::Started { call: *call, pid, start });
        }
    }
    entries.extend(state.active.iter().cloned().map(Entry::Active));
    for entry in &entries {
        bytes.extend(encode(entry).map_err(io::Error::other)?);
    }
    let new = path.with_extension("new");
    fs::write(&new, &bytes)?;
    fs::rename(&new, path)?;
    OpenOptions::new().append(true).open(path)
}

/// When a process started, in clock ticks since boot; `None` when it is gone (or only a zombie is left).
fn start_time(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted after its end.
    let rest = &text[text.rfind(')')? + 1..];
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_totem::time::Span;

    pub fn operation(call: u64, rsc: &str, name: &str) -> Operation {
        Operation {
            call: CallId(call),
            rsc: rsc.into(),
            class: "ocf".into(),
            provider: Some("heartbeat".into()),
            agent: "Dummy".into(),
            operation: name.into(),
            interval_ms: 0,
            timeout: Span(1_000_000),
            parameters: vec![],
            target: None,
            capture: false,
        }
    }

    #[test]
    fn the_next_run_knows_what_was_going_on() {
        let folder = std::env::temp_dir().join(format!("holdfast-inflight-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut journal = InFlight::open(&folder).unwrap();
        journal.begun(&operation(7, "a", "start"));
        journal.started(CallId(7), i32::try_from(std::process::id()).unwrap());
        journal.begun(&operation(8, "b", "start"));
        journal.begun(&operation(9, "c", "start"));
        journal.landed(CallId(9));
        journal.active(&operation(1, "c", "stop"));
        journal.active(&operation(2, "d", "stop"));
        journal.inactive("c");
        drop(journal);
        // A torn last entry is left out.
        let path = InFlight::path(&folder);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&[200, 0, 0, 0, 1]).unwrap();
        let journal = InFlight::open(&folder).unwrap();
        let state = journal.state();
        assert_eq!(state.flying.keys().map(|call| call.0).collect::<Vec<_>>(), [7, 8]);
        assert!(state.flying[&CallId(7)].alive().is_some());
        assert!(state.flying[&CallId(8)].alive().is_none());
        assert_eq!(state.active, [operation(2, "d", "stop")]);
        assert_eq!(state.calls, 9);
        fs::remove_dir_all(folder).unwrap();
    }
}
