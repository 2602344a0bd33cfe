//! The result of scheduling: the graph, and everything that a person may want to know about it.
//!
//! Knows plain data for printing and executing. Does not compute anything.

use crate::graph::TransitionGraph;

/// What one call of [`crate::schedule`] found.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// What to execute.
    pub graph: TransitionGraph,
    /// The plan in words, one entry per node or resource that something happens to.
    pub summary: Vec<SummaryLine>,
    /// Score lines in order of computation.
    pub scores: Vec<String>,
    /// Capacity and utilization lines in order of computation, if asked for.
    pub utilization: Vec<String>,
    /// Every action that was considered, newest first, with its inputs; for drawings and explanations.
    pub considered: Vec<Considered>,
    /// Configuration problems and warnings found on the way.
    pub problems: Vec<String>,
}

/// One line of the transition summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SummaryLine {
    /// Something that happens to a node.
    Node {
        /// `Fence (reboot)`, `Shutdown` ...
        task: String,
        /// Node name, guests with their launcher.
        node: String,
        /// Why.
        reason: Option<String>,
    },
    /// Something that happens to a resource.
    Resource {
        /// `Start`, `Stop`, `Move` ...
        verb: &'static str,
        /// Instance name.
        id: String,
        /// Where and in which role.
        details: String,
        /// Why.
        reason: Option<String>,
        /// It ought to happen but cannot.
        blocked: bool,
    },
}

/// An action as drawings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// Number.
    pub id: u32,
    /// Label without the number.
    pub name: String,
    /// It is a milestone.
    pub pseudo: bool,
    /// It is in the graph.
    pub graphed: bool,
    /// Its resource is not managed by the cluster.
    pub unmanaged: bool,
    /// It need not be executed.
    pub optional: bool,
    /// Why it is wanted, if somebody said so.
    pub reason: Option<String>,
    /// Its inputs.
    pub inputs: Vec<ConsideredInput>,
}

/// An ordering between two considered actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsideredInput {
    /// Position of the earlier action in [`Schedule::considered`].
    pub first: usize,
    /// The graph waits for it.
    pub graphed: bool,
    /// The ordering does not apply after all.
    pub dropped: bool,
    /// It only says that a load has to go before another comes.
    pub load: bool,
}
