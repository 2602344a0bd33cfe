//! How two actions may depend on each other.
//!
//! Knows the kinds of dependency as bits that can be combined. Does not know who depends on whom.

/// The relation was dropped.
pub(crate) const NONE: u32 = 0;
/// One after the other, if both happen.
pub(crate) const ORDERED: u32 = 1;
/// Does not apply if the first is part of a live migration.
pub(crate) const IF_FIRST_UNMIGRATABLE: u32 = 1 << 1;
/// A required later action makes the first required.
pub(crate) const THEN_IMPLIES_FIRST: u32 = 1 << 4;
/// A required first action makes the later required.
pub(crate) const FIRST_IMPLIES_THEN: u32 = 1 << 5;
/// Like [`THEN_IMPLIES_FIRST`], for promoted instances only.
pub(crate) const PROMOTED_THEN_IMPLIES_FIRST: u32 = 1 << 6;
/// The first can run only if the later is runnable as part of a migration.
pub(crate) const UNMIGRATABLE_THEN_BLOCKS: u32 = 1 << 7;
/// The later can run only if the first can.
pub(crate) const UNRUNNABLE_FIRST_BLOCKS: u32 = 1 << 8;
/// If the first cannot run, the later is a real action outside migration.
pub(crate) const FIRST_ELSE_THEN: u32 = 1 << 9;
/// Like [`FIRST_IMPLIES_THEN`] for the instance on the first's node.
pub(crate) const FIRST_IMPLIES_SAME_NODE_THEN: u32 = 1 << 10;
/// Start of a container before the probe of its connection.
pub(crate) const NESTED_REMOTE_PROBE: u32 = 1 << 11;
/// A stop on the way to a start (restart).
pub(crate) const INTERMEDIATE_STOP: u32 = 1 << 12;
/// Never at the same time.
pub(crate) const SERIALIZE: u32 = 1 << 14;
/// Only on the same node.
pub(crate) const IF_ON_SAME_NODE: u32 = 1 << 15;
/// A required later action pulls the first into the graph.
pub(crate) const THEN_IMPLIES_FIRST_GRAPHED: u32 = 1 << 16;
/// A required runnable first action pulls the later into the graph.
pub(crate) const FIRST_IMPLIES_THEN_GRAPHED: u32 = 1 << 17;
/// Configured as asymmetrical.
pub(crate) const ASYMMETRIC: u32 = 1 << 20;
/// Only on the same node, or towards the target of a migration.
pub(crate) const IF_ON_SAME_NODE_OR_TARGET: u32 = 1 << 21;
/// The later can run if enough of its inputs can.
pub(crate) const MIN_RUNNABLE: u32 = 1 << 22;
/// Only if the first is required and on the same node.
pub(crate) const IF_REQUIRED_ON_SAME_NODE: u32 = 1 << 23;
/// Also if the first runs on a guest that the later one creates.
pub(crate) const GUEST_ALLOWED: u32 = 1 << 24;
/// A required later action makes the first unnecessary.
pub(crate) const THEN_CANCELS_FIRST: u32 = 1 << 25;

/// All bits of `bits` are set in `flags`.
pub(crate) fn has(flags: u32, bits: u32) -> bool {
    flags & bits == bits
}
