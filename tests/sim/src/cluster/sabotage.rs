//! Bugs planted in the world or between nodes and checkers, one for each thing that is checked: a checker that never
//! fails proves nothing.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// One host takes itself for the decision maker.
    TwoDeciders,
    /// One host has another configuration.
    OtherDocument,
    /// One host has another shared state.
    OtherState,
    /// Fence devices report success and do nothing.
    FenceLies,
    /// Agents report a stop that did not happen.
    StopLies,
    /// A write is acknowledged and not made.
    LostWrite,
    /// A host stays without power although all is well.
    NeverBack,
    /// A host says that it repeats no monitor.
    Unwatched,
}

/// All bugs, and words of the violation that has to be found.
pub const BUGS: [(Bug, &str); 8] = [
    (Bug::TwoDeciders, "for the decision maker"),
    (Bug::OtherDocument, "another configuration"),
    (Bug::OtherState, "disagree on the state"),
    (Bug::FenceLies, "while it is active on"),
    (Bug::StopLies, "active on"),
    (Bug::LostWrite, "was acknowledged and is lost"),
    (Bug::NeverBack, "does not run again"),
    (Bug::Unwatched, "is not watched every"),
];
