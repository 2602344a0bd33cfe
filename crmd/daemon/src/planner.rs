//! The thread that plans: the newest snapshot only, away from everything that must not wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use holdfast_core::{Planned, Severity, Snapshot};
use tokio::sync::mpsc::UnboundedSender;

use crate::disk::inputs::{Inputs, Series};

/// Deep configurations recurse; ordinary threads get 2 MiB.
const STACK: usize = 8 << 20;

/// The planning thread. Dropping it lets it end after its present plan.
#[derive(Debug)]
pub struct Planner {
    snapshots: Sender<Box<Snapshot>>,
}

impl Planner {
    /// Starts the thread. Plans go to `planned`.
    ///
    /// # Errors
    /// No thread.
    pub fn start(pacemaker: &Path, planned: UnboundedSender<Box<Planned>>) -> io::Result<Self> {
        let inputs = Inputs::start(pacemaker)?;
        let (snapshots, waiting) = channel::<Box<Snapshot>>();
        std::thread::Builder::new().name("planner".to_owned()).stack_size(STACK).spawn(move || {
            while let Ok(mut snapshot) = waiting.recv() {
                // A newer request replaces an older one.
                while let Ok(newer) = waiting.try_recv() {
                    snapshot = newer;
                }
                let plan = plan(&snapshot);
                let severity = severity(&plan);
                if planned.send(Box::new(plan)).is_err() {
                    return;
                }
                inputs.save(snapshot, severity);
            }
        })?;
        Ok(Self { snapshots })
    }

    /// Asks for a plan.
    pub fn ask(&self, snapshot: Box<Snapshot>) {
        // The thread ends only with the daemon; plans that panic are caught.
        let _ = self.snapshots.send(snapshot);
    }
}

/// The worst that planning had to say about the configuration.
fn severity(plan: &Planned) -> Series {
    match &plan.result {
        Err(_) => Series::Error,
        Ok(plan) if plan.problems.iter().any(|(severity, _)| *severity == Severity::Error) => Series::Error,
        Ok(plan) if !plan.problems.is_empty() => Series::Warning,
        Ok(_) => Series::Input,
    }
}

/// A panic while planning must not take the node down: the cluster keeps what it has, and the log says why.
fn plan(snapshot: &Snapshot) -> Planned {
    catch_unwind(AssertUnwindSafe(|| holdfast_core::plan::make(snapshot))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "unknown".to_owned());
        Planned { number: snapshot.number, result: Err(format!("the scheduler panicked: {text}")) }
    })
}
