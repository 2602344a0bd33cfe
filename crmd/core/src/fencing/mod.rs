//! Fencing policy: which devices can fence a node, in which order they are tried, when it counts as done.
//!
//! Knows the configuration of devices and what they answered. Sends nothing and runs nothing: `node/fence` does.

pub mod device;
pub mod run;

use std::collections::BTreeMap;

use holdfast_api::fence::FenceRecord;
use holdfast_totem::NodeId;

use crate::io::CallId;
use crate::message::{FenceStep, FenceStepDone};
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
    /// Who carries out the present step of each.
    pub executors: BTreeMap<String, NodeId>,
    /// Operations that this node brought to an end, until that came back in the order.
    pub ended: BTreeMap<String, FenceRecord>,
    /// Ends of agents here that have not come back in the order yet: a view change may have swallowed them.
    pub unheard: Vec<FenceStepDone>,
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
    /// A new view: agents that run go on, those that wait for their delay are ordered again. What this node drives
    /// it goes on driving if it decides again ([`Fencing::not_deciding`] else).
    pub fn view_changed(&mut self) {
        self.actions.clear();
        self.delayed.clear();
    }

    /// Another node decides: it drives everything that is under way.
    pub fn not_deciding(&mut self) {
        self.runs.clear();
        self.executors.clear();
        self.ended.clear();
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
