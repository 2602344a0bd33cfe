//! A host's disk: what survives the end of a process, and what survives a power cut.

use holdfast_core::io::Operation;
use holdfast_core::{CallId, Record, Recovered, Ticket};

/// A disk. Records are synced one after the other; a power cut loses what is not synced yet.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    snapshot: Option<Vec<u8>>,
    journal: Vec<u8>,
    unsynced: Vec<(Ticket, Record)>,
    in_flight: Vec<Operation>,
    next_call: u64,
    /// Documents that lost a merge, kept aside.
    pub lost: u64,
}

impl Disk {
    /// Takes a record; true when it has to be synced and answered.
    pub fn write(&mut self, ticket: Ticket, record: Record) -> bool {
        match record {
            Record::Journal(_) | Record::Snapshot { .. } => {
                self.unsynced.push((ticket, record));
                return true;
            }
            Record::InFlight(operation) => {
                self.next_call = self.next_call.max(operation.call.0 + 1);
                self.in_flight.push(*operation);
            }
            Record::Landed(call) => self.in_flight.retain(|op| op.call != call),
            Record::Lost { .. } => self.lost += 1,
            Record::Export { .. } | Record::Active(_) | Record::Inactive { .. } => {}
        }
        false
    }

    /// Syncs everything up to this ticket.
    pub fn sync(&mut self, upto: Ticket) {
        let (done, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsynced).into_iter().partition(|(t, _)| *t <= upto);
        self.unsynced = rest;
        for (_, record) in done {
            match record {
                Record::Journal(bytes) => self.journal.extend(bytes),
                Record::Snapshot { bytes, .. } => {
                    self.snapshot = Some(bytes);
                    self.journal.clear();
                }
                _ => {}
            }
        }
    }

    /// The process ended: what it wrote stays, agents may still run.
    pub fn process_ended(&mut self) {
        let last = self.unsynced.last().map(|(t, _)| *t);
        if let Some(last) = last {
            self.sync(last);
        }
    }

    /// The power is cut: nothing runs, what was not synced is gone.
    pub fn power_cut(&mut self) {
        self.unsynced.clear();
        self.in_flight.clear();
    }

    /// What a daemon finds when it starts.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        Recovered {
            snapshot: self.snapshot.clone(),
            journal: self.journal.clone(),
            import: None,
            in_flight: self.in_flight.clone(),
            next_call: self.next_call,
            damaged: None,
        }
    }

    /// Calls that may still run.
    #[must_use]
    pub fn in_flight(&self) -> Vec<CallId> {
        self.in_flight.iter().map(|op| op.call).collect()
    }
}
