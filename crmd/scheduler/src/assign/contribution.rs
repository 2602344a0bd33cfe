//! Why a score is what it is: the named parts every score is made of.
//!
//! Recording costs nothing unless it was asked for.

use holdfast_model::Score;

use crate::constraints::colocation::ColocationIx;
use crate::constraints::location::LocationIx;
use crate::facts::{NodeIx, RscIx};

/// What changed a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What unpacking found: base preference of the node, unmanaged where it runs, multiply active.
    Initial,
    /// A location constraint or node health.
    Location(LocationIx),
    /// The resource runs there and likes to stay.
    Stickiness,
    /// The migration threshold is reached there.
    FailureBan,
    /// Discovery is exclusive and the node is not named.
    ExclusiveDiscovery,
    /// The resource is locked to a node that is shutting down.
    ShutdownLock,
    /// A ticket it needs is not here.
    Ticket,
    /// A colocation of this resource with another.
    Colocation(ColocationIx),
    /// What resources colocated with this one would like.
    Dependents(ColocationIx),
    /// The agent's promotion score.
    PromotionScore,
    /// Its target role is Stopped.
    TargetRole,
    /// All instances wanted are placed already.
    InstanceLimit,
    /// The node cannot take (another) instance.
    NodeFull,
    /// The node has not enough capacity.
    Utilization,
    /// Connections and fence devices do not run on remote nodes.
    NotOnRemote,
    /// It must run where its launcher or container is.
    Launcher,
}

/// One change of one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// Whose score.
    pub rsc: RscIx,
    /// On which node.
    pub node: NodeIx,
    /// Cause.
    pub why: Why,
    /// Score before the change; `None` when the node was not in the table.
    pub before: Option<Score>,
    /// Score after the change.
    pub after: Score,
}

/// All changes in the order in which they were made; nothing when nobody asked.
#[derive(Debug, Clone, Default)]
pub struct Contributions {
    recorded: Option<Vec<Contribution>>,
}

impl Contributions {
    /// A recorder that records only if `wanted`.
    pub fn new(wanted: bool) -> Contributions {
        Contributions { recorded: wanted.then(Vec::new) }
    }

    /// Whether changes are being recorded.
    pub fn wanted(&self) -> bool {
        self.recorded.is_some()
    }

    pub(super) fn note(&mut self, make: impl FnOnce() -> Contribution) {
        if let Some(recorded) = &mut self.recorded {
            let change = make();
            if change.before != Some(change.after) {
                recorded.push(change);
            }
        }
    }

    /// A place to return to with [`Contributions::forget_since`].
    pub(super) fn mark(&self) -> usize {
        self.recorded.as_ref().map_or(0, Vec::len)
    }

    /// Drops what was recorded for the resources `of` since `mark`, because their tables were restored.
    pub(super) fn forget_since(&mut self, mark: usize, of: &[RscIx]) {
        if let Some(recorded) = &mut self.recorded {
            let mut index = 0;
            recorded.retain(|change| {
                index += 1;
                index <= mark || !of.contains(&change.rsc)
            });
        }
    }

    /// The parts of the score of `rsc` on `node` in the order in which they came about.
    pub fn of(&self, rsc: RscIx, node: NodeIx) -> impl Iterator<Item = &Contribution> {
        self.recorded.iter().flatten().filter(move |change| change.rsc == rsc && change.node == node)
    }
}
