//! Assignment: which node every resource gets, and with what score on every node.
//!
//! Knows allowed nodes, stickiness, failures, locations, colocations, instances, promotion, bundles and capacity.
//! Does not know actions: it says where things shall be, not how they get there.
//!
//! Source of the rules: Pacemaker Explained and Pacemaker Administration, "allocation scores".

mod bundle;
mod clone;
mod colocate;
mod contribution;
mod criteria;
mod group;
mod hash_order;
mod implied;
mod instances;
mod judge;
mod lists;
mod look;
mod merge_sort;
mod place;
mod primitive;
mod promote;
mod promotion;
mod score_line;
mod spread;
mod standing;
mod table;
mod tickets;
mod utilization;

use std::collections::BTreeSet;

use holdfast_model::{Role, Score};

pub use contribution::{Contribution, Contributions, Why};
pub use judge::Preference;
pub use merge_sort::merge_sort;
pub use score_line::ScoreLine;
pub use table::{Row, Slot, Tables};

use crate::constraints::Placement;
use crate::constraints::colocation::{Colocation, ColocationIx};
use crate::constraints::location::LocationIx;
use crate::facts::{Facts, NodeIx, PlacementStrategy, RscIx};
use crate::index::{Idx, IndexVec};
use utilization::Capacity;

/// What to keep beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Score lines.
    pub scores: bool,
    /// Capacity lines.
    pub utilization: bool,
    /// The parts of every score.
    pub contributions: bool,
}

/// A node given to a resource, with the score it had when it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The node.
    pub node: NodeIx,
    /// Its score then.
    pub score: Score,
}

/// What assignment decided for one resource; flags start as [`crate::facts::Rsc`] has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The node, if it will be active (primitives only).
    pub given: Option<Given>,
    /// Role to reach.
    pub next_role: Role,
    /// Role now; instances of promotable clones are at least unpromoted.
    pub role: Role,
    /// Priority for promotion while roles are chosen; the configured one otherwise.
    pub priority: i32,
    /// Promotion score that the instances were sorted by.
    pub promotion: Score,
    /// Managed by the cluster.
    pub managed: bool,
    /// Not to be touched.
    pub blocked: bool,
    /// Considered failed, by its history or because the guest node that it launches is to be fenced.
    pub failed: bool,
    /// Probed only on nodes marked so.
    pub exclusive_probes: bool,
    /// Instances or members in the order they ended up in.
    pub children: Vec<RscIx>,
    /// An attempt to place it for good failed: its starts are not runnable, its stops required.
    pub placement_failed: bool,
    /// Locked to this node, since that time (seconds).
    pub lock: Option<(NodeIx, i64)>,
    /// A shutdown lock of the history on this node was dropped, because the resource is active elsewhere.
    pub dropped_lock: Option<NodeIx>,
    unassigned: bool,
    assigning: bool,
    merging: bool,
    promotion_added: bool,
    promotion_sorted: bool,
}

/// What assignment changed about one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Online, or will be when its connection is up.
    pub online: bool,
    /// To be fenced.
    pub unclean: bool,
    /// Leaving, or its connection will not be up.
    pub shutdown: bool,
    /// Resources given to it.
    pub resources: i32,
}

/// The result of assignment.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Per resource.
    pub decisions: IndexVec<RscIx, Decision>,
    /// Per node.
    pub nodes: IndexVec<NodeIx, Outlook>,
    /// Final node tables.
    pub tables: Tables,
    /// Node tables before the first resource was placed, for constraints that follow from them.
    pub allowed_before: Tables,
    /// Nodes that a lost ticket wants fenced, with the position of the constraint, in the order they came up.
    pub ticket_fencing: Vec<(usize, NodeIx)>,
    /// Colocations, implied ones included, in order of creation.
    pub colocations: IndexVec<ColocationIx, Colocation>,
    /// Colocations per dependent, most important first.
    pub this_with: IndexVec<RscIx, Vec<ColocationIx>>,
    /// Colocations per primary, most important first.
    pub with_this: IndexVec<RscIx, Vec<ColocationIx>>,
    /// Top-level resources in the order in which they were placed.
    pub top: Vec<RscIx>,
    /// Score and capacity lines in order of computation.
    pub lines: Vec<ScoreLine>,
    /// The parts of the scores, if wanted.
    pub contributions: Contributions,
    /// Seconds since the epoch when a lock will expire.
    pub recheck_by: Option<i64>,
    /// Free capacity of nodes.
    capacity: Capacity,
}

/// The pass at work.
struct Assigner<'f> {
    facts: &'f Facts<'f>,
    constraints: &'f Placement,
    wanted: Wanted,
    work: IndexVec<RscIx, Decision>,
    nodes: IndexVec<NodeIx, Outlook>,
    /// How often the table being merged was copied on the way.
    copied: u8,
    /// Comparing the attribute `#uname` is comparing nodes.
    names_tell_nodes_apart: bool,
    capacity: Capacity,
    tables: Tables,
    colocations: IndexVec<ColocationIx, Colocation>,
    this_with: IndexVec<RscIx, Vec<ColocationIx>>,
    with_this: IndexVec<RscIx, Vec<ColocationIx>>,
    /// Locations that may raise promotion scores, in order of creation.
    own_locations: IndexVec<RscIx, Vec<LocationIx>>,
    /// Constraints for tickets that are not there, by resource named in the constraint.
    tickets: Vec<tickets::Need>,
    ticket_fencing: Vec<(usize, NodeIx)>,
    allowed_before: Tables,
    top: Vec<RscIx>,
    lines: Vec<ScoreLine>,
    contributions: Contributions,
    recheck_by: Option<i64>,
}

/// Gives every resource its node.
pub fn assign(facts: &Facts<'_>, constraints: &Placement, wanted: Wanted) -> Assignment {
    let mut assigner = Assigner::new(facts, constraints, wanted);
    assigner.enlist_configured();
    assigner.apply_criteria();
    assigner.imply_constraints();
    assigner.place_all();
    assigner.finish()
}

impl<'f> Assigner<'f> {
    fn new(facts: &'f Facts<'f>, constraints: &'f Placement, wanted: Wanted) -> Assigner<'f> {
        let mut tables = Tables::new(facts.rscs.len(), facts.nodes.len());
        let mut work = IndexVec::new();
        for (rsc, it) in facts.rscs.iter_enumerated() {
            for (&node, allowed) in &it.allowed {
                let slot = tables.slot_mut(rsc, node);
                *slot = Slot { present: true, score: allowed.score, probe: allowed.probe, ..Slot::default() };
            }
            work.push(Decision::new(it));
        }
        let outlook = |node: &crate::facts::Node| Outlook {
            online: node.online,
            unclean: node.unclean,
            shutdown: node.shutdown,
            resources: 0,
        };
        Assigner {
            facts,
            constraints,
            wanted,
            work,
            nodes: IndexVec::from_vec(facts.nodes.iter().map(outlook).collect()),
            copied: 0,
            names_tell_nodes_apart: names_tell_nodes_apart(facts),
            capacity: Capacity::new(facts),
            tables,
            colocations: IndexVec::new(),
            this_with: IndexVec::filled(Vec::new(), facts.rscs.len()),
            with_this: IndexVec::filled(Vec::new(), facts.rscs.len()),
            own_locations: IndexVec::filled(Vec::new(), facts.rscs.len()),
            tickets: Vec::new(),
            ticket_fencing: Vec::new(),
            allowed_before: Tables::default(),
            top: facts.top.clone(),
            lines: Vec::new(),
            contributions: Contributions::new(wanted.contributions),
            recheck_by: constraints.recheck_by,
        }
    }

    /// Takes over configured colocations and notes whose locations they are.
    fn enlist_configured(&mut self) {
        for colocation in &self.constraints.colocations {
            let index = self.colocations.push(colocation.clone());
            self.enlist(index);
        }
        for (position, location) in self.constraints.locations.iter().enumerate() {
            self.own_locations[location.rsc].push(LocationIx::new(position));
        }
        for &rsc in &self.constraints.exclusive {
            self.work[rsc].exclusive_probes = true;
        }
    }

    /// Places all resources: connections first, because the nodes that they make depend on them.
    fn place_all(&mut self) {
        if self.facts.options.placement != PlacementStrategy::Default {
            self.sort_by_standing();
        }
        self.show_capacities("Original");
        let top = self.top.clone();
        if self.facts.options.have_remote_nodes {
            for &rsc in top.iter().filter(|&&rsc| self.facts.is_connection(rsc)) {
                let target = self.facts.rscs[rsc].migration_target;
                self.place(rsc, target, true);
            }
        }
        for &rsc in top.iter().filter(|&&rsc| !self.facts.is_connection(rsc)) {
            self.place(rsc, None, true);
        }
        self.show_capacities("Remaining");
    }

    fn finish(self) -> Assignment {
        Assignment {
            decisions: self.work,
            nodes: self.nodes,
            tables: self.tables,
            allowed_before: self.allowed_before,
            ticket_fencing: self.ticket_fencing,
            colocations: self.colocations,
            this_with: self.this_with,
            with_this: self.with_this,
            top: self.top,
            lines: self.lines,
            contributions: self.contributions,
            recheck_by: self.recheck_by,
            capacity: self.capacity,
        }
    }

    /// Makes `row` the table of `rsc`, noting the differences.
    fn set_row(&mut self, rsc: RscIx, row: &[Slot], why: Why) {
        if self.contributions.wanted() {
            let before = self.tables.row(rsc);
            for (index, (old, new)) in before.iter().zip(row).enumerate().filter(|(_, (_, new))| new.present)
            {
                let before = old.present.then_some(old.score);
                self.contributions.note(|| Contribution {
                    rsc,
                    node: NodeIx::new(index),
                    why,
                    before,
                    after: new.score,
                });
            }
        }
        self.tables.row_mut(rsc).copy_from_slice(row);
    }

    /// Makes `score` the score of `node` for `rsc`.
    fn set_score(&mut self, rsc: RscIx, node: NodeIx, score: Score, why: Why) {
        let slot = self.tables.slot_mut(rsc, node);
        let before = slot.present.then_some(slot.score);
        slot.present = true;
        slot.score = score;
        self.contributions.note(|| Contribution { rsc, node, why, before, after: score });
    }
}

/// Every node has a name of its own among its attributes. Remote nodes whose state is not known yet have none, and all
/// nodes without one look alike to colocations.
fn names_tell_nodes_apart(facts: &Facts<'_>) -> bool {
    let mut seen = BTreeSet::new();
    facts
        .nodes
        .iter()
        .all(|node| node.attributes.get("#uname").is_some_and(|name| seen.insert(name.to_ascii_lowercase())))
}

impl Decision {
    fn new(rsc: &crate::facts::Rsc) -> Decision {
        use crate::facts::Flags;
        Decision {
            given: None,
            next_role: rsc.next_role,
            role: rsc.role,
            priority: rsc.priority,
            promotion: Score::ZERO,
            managed: rsc.is(Flags::MANAGED),
            blocked: rsc.is(Flags::BLOCKED),
            failed: rsc.is(Flags::FAILED),
            exclusive_probes: rsc.is(Flags::EXCLUSIVE_PROBES),
            children: rsc.children.clone(),
            placement_failed: false,
            // Also of what cannot be locked: what the history says is written down again.
            lock: rsc.lock_node.map(|node| (node, rsc.lock_time)),
            dropped_lock: None,
            unassigned: true,
            assigning: false,
            merging: false,
            promotion_added: false,
            promotion_sorted: false,
        }
    }
}
