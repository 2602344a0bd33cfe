//! Bugs that the stories plant in the rules of the witness, to prove that they would be found. Outside of tests none can
//! be planted, and nothing of this is left in the program.

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A ring that is broken is not given the time to notice it.
    NoFading,
    /// The witness forgets a grant before its lease is over.
    ShortLease,
    /// A grant is given and told beside another one.
    SecondGrant,
    /// Grants of an earlier run that no disk tells of are not waited for.
    Forgetful,
    /// A grant is told before it is on disk.
    BeforeDisk,
    /// A node goes on when its lease is over.
    Endless,
    /// A lease is counted from its answer instead of from the question.
    FromAnswer,
    /// Who has not heard of a grant yet counts as one who does not count it.
    Hasty,
    /// A ring that acts by a grant and is broken, or whose process slept, gives it up as late as any other.
    Stubborn,
    /// A grant goes on with every ring that one of its holders is in.
    Inherited,
    /// The tie-breaker of the configuration is ignored.
    NoTieBreaker,
    /// Heuristics are ignored.
    NoHeuristics,
    /// No grant is ever given.
    Mean,
}

/// Whether this bug is planted in what this thread runs.
#[cfg(not(test))]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub use seeds::{is, plant};

#[cfg(test)]
mod seeds {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Plants a bug in everything that this thread runs from now on, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }
}
