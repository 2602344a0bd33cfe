//! Who is connected to the daemon's local socket, and what was said; for people only.
//!
//! Knows numbers, no request. Whoever serves a connection holds an [`Entry`] as long as it lasts.

use crate::groups::Program;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All connections; a clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    open: BTreeMap<u64, Arc<Counts>>,
    closed: u64,
}

#[derive(Debug, Default)]
struct Counts {
    pid: u32,
    requests: AtomicU64,
    invalid: AtomicU64,
    responses: AtomicU64,
    dispatched: AtomicU64,
    overload: AtomicU64,
    queued: AtomicU64,
}

impl Counts {
    fn clear(&self) {
        for count in [&self.requests, &self.invalid, &self.responses, &self.dispatched, &self.overload] {
            count.store(0, Ordering::Relaxed);
        }
    }
}

/// One connection; dropped, it counts as closed.
#[derive(Debug)]
pub struct Entry {
    list: Connections,
    id: u64,
    counts: Arc<Counts>,
}

impl Connections {
    fn list(&self) -> std::sync::MutexGuard<'_, List> {
        // Numbers stay usable whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A program connected. `id` is the daemon's own number of the connection.
    pub fn open(&self, id: u64, pid: u32) -> Entry {
        let counts = Arc::new(Counts { pid, ..Counts::default() });
        self.list().open.insert(id, Arc::clone(&counts));
        Entry { list: self.clone(), id, counts }
    }

    /// Those that are open, and how many were closed.
    pub fn now(&self) -> (Vec<Program>, u64) {
        let list = self.list();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let programs = list.open.iter().map(|(id, counts)| Program {
            service: None,
            pid: counts.pid,
            id: *id,
            requests: read(&counts.requests),
            invalid: read(&counts.invalid),
            responses: read(&counts.responses),
            dispatched: read(&counts.dispatched),
            overload: read(&counts.overload),
            queued: read(&counts.queued),
            ..Program::default()
        });
        (programs.collect(), list.closed)
    }

    /// Sets the counters to zero; what waits stays.
    pub fn clear(&self) {
        let mut list = self.list();
        list.closed = 0;
        list.open.values().for_each(|counts| counts.clear());
    }
}

impl Entry {
    /// It asked something.
    pub fn request(&self) {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// It sent something that is no request.
    pub fn invalid(&self) {
        self.counts.invalid.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer waits for it.
    pub fn response(&self) {
        self.counts.responses.fetch_add(1, Ordering::Relaxed);
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that it did not ask for waits for it.
    pub fn dispatch(&self) {
        self.counts.dispatched.fetch_add(1, Ordering::Relaxed);
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// What waited first was written.
    pub fn written(&self) {
        self.counts.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// Too much waits already: something was not told or not answered.
    pub fn overload(&self) {
        self.counts.overload.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut list = self.list.list();
        list.open.remove(&self.id);
        list.closed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_until_they_close() {
        let all = Connections::default();
        let (first, second) = (all.open(1, 10), all.open(2, 20));
        first.request();
        first.response();
        second.dispatch();
        second.written();
        let (open, closed) = all.now();
        let row = |p: &Program| (p.pid, p.id, p.requests, p.responses, p.dispatched, p.queued);
        assert_eq!(open.iter().map(row).collect::<Vec<_>>(), [(10, 1, 1, 1, 0, 1), (20, 2, 0, 0, 1, 0)]);
        assert_eq!(closed, 0);
        drop(second);
        assert_eq!((all.now().0.len(), all.now().1), (1, 1));
        all.clear();
        let (open, closed) = all.now();
        assert_eq!((row(&open[0]), closed), ((10, 1, 0, 0, 0, 1), 0));
    }
}
