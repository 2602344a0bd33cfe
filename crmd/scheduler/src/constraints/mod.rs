//! Constraints with their names resolved: who they are about, on which nodes, how strongly.
//!
//! Knows resource sets, templates, tags, patterns and rules. Does not know where anything runs.

pub mod colocation;
pub mod location;
pub mod sets;

use holdfast_model::config::Constraint;
use holdfast_model::{Level, Problem};

use crate::facts::{Facts, RscIx};
use colocation::Colocation;
use location::Location;
use sets::Names;

/// Where a constraint came from, so that orderings that it implies can be put in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Position in the constraints section.
    Configured(usize),
    /// Implied by what the resource is.
    Implied(RscIx),
}

/// All locations and configured colocations, each in order of creation.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// Locations; they are applied newest first.
    pub locations: Vec<Location>,
    /// Colocations between two resources; sets are resolved to pairs.
    pub colocations: Vec<Colocation>,
    /// Resources that may be probed only where a location says so.
    pub exclusive: Vec<RscIx>,
    /// Seconds since the epoch when a rule will give another answer.
    pub recheck_by: Option<i64>,
    /// What could not be used, and why.
    pub problems: Vec<Problem>,
}

impl Placement {
    /// Remembers that a constraint or set cannot be used.
    fn refuse(&mut self, element: &str, id: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(Level::Error, element, id, message));
    }

    /// Remembers that a value is not used.
    fn doubt(&mut self, element: &str, id: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(Level::Warning, element, id, message));
    }
}

/// Resolves locations, colocations and node health.
pub fn placement(facts: &Facts<'_>) -> Placement {
    let names = Names::new(facts);
    let mut placement = Placement::default();
    location::node_health(facts, &mut placement);
    for (position, constraint) in facts.cib.constraints.all.iter().enumerate() {
        match constraint {
            Constraint::Location(it) => location::resolve(facts, &names, it, &mut placement),
            Constraint::Colocation(it) => colocation::resolve(facts, &names, position, it, &mut placement),
            Constraint::ColocationSets(it) => {
                colocation::resolve_sets(facts, &names, position, it, &mut placement);
            }
            Constraint::Order(_) | Constraint::OrderSets(_) | Constraint::Ticket(_) => {}
        }
    }
    placement
}
