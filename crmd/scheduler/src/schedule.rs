//! The result of scheduling: the graph, and everything that a person may want to know about it.
//!
//! Knows the passes as a whole and plain data for printing and executing. Does not know how a pass works.

use crate::assign::{self, Wanted};
use crate::facts::Facts;
use crate::graph::{self, TransitionGraph};
use crate::{actions, constraints, summary};
pub use actions::early_notices;
use holdfast_model::Problem;

/// What one call of [`schedule_facts`] found.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// What to execute.
    pub graph: TransitionGraph,
    /// The plan in words, one entry per node or resource that something happens to.
    pub summary: Vec<SummaryLine>,
    /// Score and capacity lines in order of computation, as far as asked for.
    pub scores: Vec<String>,
    /// Every action that was considered, newest first, with its inputs; for drawings and explanations.
    pub considered: Vec<Considered>,
    /// What a person at the simulator should be told.
    pub notices: Vec<String>,
    /// Configuration problems and warnings found on the way.
    pub problems: Vec<Problem>,
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
        /// Where and in which role, as text.
        details: String,
        /// The same in parts.
        change: PlaceAndRole,
        /// Why.
        reason: Option<String>,
        /// It ought to happen but cannot.
        blocked: bool,
    },
}

/// Where a resource is and will be, and in which role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaceAndRole {
    /// Node now.
    pub from: Option<String>,
    /// Node then.
    pub to: Option<String>,
    /// Role now.
    pub old_role: Option<String>,
    /// Role then.
    pub new_role: Option<String>,
    /// Roles matter enough to be shown.
    pub shows_roles: bool,
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

/// What to plan for, beside the facts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Number of the transition (0 counts as 1).
    pub transition_id: u32,
    /// Keep score lines.
    pub scores: bool,
    /// Keep capacity and utilization lines.
    pub utilization: bool,
    /// Keep everything that was considered, for drawings and explanations.
    pub considered: bool,
}

/// Plans everything that has to be done for a cluster in this state.
pub fn schedule_facts(facts: &Facts<'_>, settings: Settings) -> Schedule {
    let placement = constraints::placement(facts);
    let wanted = Wanted { scores: settings.scores, utilization: settings.utilization, ..Wanted::default() };
    let assignment = assign::assign(facts, &placement, wanted);
    let mut plan = actions::make_plan(facts, &assignment);
    if let Some(recheck) = placement.recheck_by {
        facts.note_recheck(recheck);
    }
    // The first look settles roles of resources that are active whatever their history says.
    summary::lines(&mut plan);
    let graph = graph::build::build(&mut plan, settings.transition_id.max(1));
    let summary = summary::lines(&mut plan);
    let considered = if settings.considered { graph::build::considered(&plan) } else { Vec::new() };
    let problems = facts
        .problems
        .iter()
        .cloned()
        .chain(placement.problems)
        .chain(std::mem::take(&mut plan.problems))
        .collect();
    Schedule {
        graph,
        summary,
        scores: assignment.lines.iter().map(|line| line.show(facts).to_string()).collect(),
        considered,
        notices: std::mem::take(&mut plan.notices),
        problems,
    }
}
