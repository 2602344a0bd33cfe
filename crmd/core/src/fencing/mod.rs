//! Fencing policy: which devices can fence a node, in which order they are tried, when it counts as done.
//!
//! Knows the configuration of devices and what they answered. Sends nothing and runs nothing: `node/fence` does.

pub mod device;
pub mod run;

use std::collections::BTreeMap;

use crate::io::CallId;
use crate::message::FenceStep;
use crate::time::{Instant, Now};

pub use device::Registry;
pub use run::{FenceRun, Next};

/// A fence agent that runs on this node for the cluster.
#[derive(Debug, Clone)]
pub struct AgentRun {
    /// Operation it belongs to.
    pub id: String,
    /// Step of the operation.
    pub step: u32,
}

/// Everything about fencing that is not shared state.
#[derive(Debug, Default)]
pub struct Fencing {
    /// Operations that this node drives (it decides).
    pub runs: BTreeMap<String, FenceRun>,
    /// Agents that run here.
    pub agents: BTreeMap<CallId, AgentRun>,
    /// Agents that wait for their delay here.
    pub delayed: Vec<(Instant, FenceStep)>,
    /// Actions of the present transition that wait for an operation: record id, (transition, action).
    pub actions: Vec<(String, (u64, u32))>,
    /// Requests of clients of this node that wait for an operation: record id, request.
    pub waiters: Vec<(String, u64)>,
    /// Devices, as of this version of the configuration.
    pub registry: Option<((u64, u64), Registry)>,
    /// Questions of clients to a device under way: call, request.
    pub questions: BTreeMap<CallId, u64>,
}

impl Fencing {
    /// A new view: operations are driven by whoever decides then; agents that run go on.
    pub fn view_changed(&mut self) {
        self.runs.clear();
        self.actions.clear();
        self.delayed.clear();
    }

    /// When time matters next.
    pub fn deadline(&self) -> Option<Instant> {
        let runs = self.runs.values().filter_map(FenceRun::deadline);
        runs.chain(self.delayed.iter().map(|(at, _)| *at)).min()
    }

    /// Steps whose delay is over.
    pub fn due(&mut self, now: Now) -> Vec<FenceStep> {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= now.mono);
        self.delayed = later;
        due.into_iter().map(|(_, step)| step).collect()
    }
}
