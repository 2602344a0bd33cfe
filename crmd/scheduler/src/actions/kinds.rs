//! What an action is: its task, its key, its state while the plan is made.
//!
//! Knows names and flags. Does not know when an action is needed.

use crate::facts::{NodeIx, RscIx};
use holdfast_model::Text;

/// Position of an action in the plan; its number in the graph is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ActIx(pub u32);

impl ActIx {
    /// Number shown in the graph.
    pub(crate) fn number(self) -> u32 {
        self.0 + 1
    }
}

/// Index into the plan's table of names that are not built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameIx(pub u32);

/// Name of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Start,
    Running,
    Stop,
    Stopped,
    Promote,
    Promoted,
    Demote,
    Demoted,
    Monitor,
    Notify,
    Notified,
    MigrateTo,
    MigrateFrom,
    ReloadAgent,
    Delete,
    Cancel,
    ClearFailcount,
    LrmDelete,
    Stonith,
    Shutdown,
    /// Anything else: other recurring operations, named milestones.
    Other(NameIx),
}

const BUILT_IN: [(Task, &str); 20] = [
    (Task::Start, "start"),
    (Task::Running, "running"),
    (Task::Stop, "stop"),
    (Task::Stopped, "stopped"),
    (Task::Promote, "promote"),
    (Task::Promoted, "promoted"),
    (Task::Demote, "demote"),
    (Task::Demoted, "demoted"),
    (Task::Monitor, "monitor"),
    (Task::Notify, "notify"),
    (Task::Notified, "notified"),
    (Task::MigrateTo, "migrate_to"),
    (Task::MigrateFrom, "migrate_from"),
    (Task::ReloadAgent, "reload-agent"),
    (Task::Delete, "delete"),
    (Task::Cancel, "cancel"),
    (Task::ClearFailcount, "clear_failcount"),
    (Task::LrmDelete, "lrm_delete"),
    (Task::Stonith, "stonith"),
    (Task::Shutdown, "do_shutdown"),
];

impl Task {
    /// The built-in task of that name.
    pub(crate) fn built_in(name: &str) -> Option<Task> {
        BUILT_IN.iter().find(|(_, text)| *text == name).map(|(task, _)| *task)
    }

    /// The name of a built-in task.
    pub(crate) fn text(self) -> Option<&'static str> {
        BUILT_IN.iter().find(|(task, _)| *task == self).map(|(_, text)| *text)
    }

    /// The milestone that says that a collective task is complete (itself, if it is one).
    pub(crate) fn completion(self) -> Option<Task> {
        match self {
            Task::Start | Task::Running => Some(Task::Running),
            Task::Stop | Task::Stopped => Some(Task::Stopped),
            Task::Promote | Task::Promoted => Some(Task::Promoted),
            Task::Demote | Task::Demoted => Some(Task::Demoted),
            Task::Notify | Task::Notified => Some(Task::Notified),
            Task::Monitor
            | Task::MigrateTo
            | Task::MigrateFrom
            | Task::ReloadAgent
            | Task::Delete
            | Task::Cancel
            | Task::ClearFailcount
            | Task::LrmDelete
            | Task::Stonith
            | Task::Shutdown
            | Task::Other(_) => None,
        }
    }

    /// The task that a completion milestone completes (itself, if it is none).
    pub(crate) fn beginning(self) -> Task {
        match self {
            Task::Running => Task::Start,
            Task::Stopped => Task::Stop,
            Task::Promoted => Task::Promote,
            Task::Demoted => Task::Demote,
            other => other,
        }
    }

    /// Brings something up.
    pub(crate) fn is_up(self) -> bool {
        matches!(self, Task::Start | Task::Promote | Task::MigrateFrom)
    }

    /// The task that undoes this one, for symmetrical orderings.
    pub(crate) fn inverse(self) -> Option<Task> {
        Some(match self {
            Task::Start => Task::Stop,
            Task::Stop => Task::Start,
            Task::Promote => Task::Demote,
            Task::Demote => Task::Promote,
            Task::Promoted => Task::Demoted,
            Task::Demoted => Task::Promoted,
            Task::Running => Task::Stopped,
            Task::Stopped => Task::Running,
            _ => return None,
        })
    }
}

/// Which of the four notification milestones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Pre,
    ConfirmedPre,
    Post,
    ConfirmedPost,
}

impl Phase {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Phase::Pre => "pre",
            Phase::ConfirmedPre => "confirmed-pre",
            Phase::Post => "post",
            Phase::ConfirmedPost => "confirmed-post",
        }
    }
}

/// What makes an action the same action, within its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// `RSC_TASK_INTERVAL`.
    Op(Task, u64),
    /// `RSC_PHASE_notify_TASK_0`.
    Notify(Phase, Task),
    /// Actions without resource.
    Named(NameIx),
}

/// What has to be safe before an action may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Quorum,
    Fencing,
}

/// State bits of an action.
pub(crate) mod flag {
    pub(crate) const PSEUDO: u32 = 1;
    pub(crate) const RUNNABLE: u32 = 1 << 1;
    pub(crate) const OPTIONAL: u32 = 1 << 2;
    pub(crate) const ALWAYS_IN_GRAPH: u32 = 1 << 3;
    pub(crate) const MIGRATABLE: u32 = 1 << 4;
    pub(crate) const GRAPHED: u32 = 1 << 5;
    pub(crate) const MIGRATION_ABORT: u32 = 1 << 6;
    pub(crate) const RESCHEDULE: u32 = 1 << 7;
    pub(crate) const DEDUPLICATED: u32 = 1 << 8;
    pub(crate) const ON_DC: u32 = 1 << 9;
    pub(crate) const LOOP: u32 = 1 << 10;
}

/// One end of an ordering as the later action sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    pub first: ActIx,
    pub flags: u32,
    pub graphed: bool,
}

/// An action while the plan is made.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub priority: i32,
    pub rsc: Option<RscIx>,
    pub node: Option<NodeIx>,
    /// Node at creation: what the operation's meta attributes are evaluated for.
    pub created_on: Option<NodeIx>,
    pub task: Task,
    /// Task at creation: what the operation's meta attributes are evaluated for.
    pub created_as: Task,
    pub key: Key,
    pub cancelled: Option<Task>,
    pub reason: Option<String>,
    pub flags: u32,
    pub needs: Needs,
    /// Position of its configuration among the resource's operations.
    pub op: Option<usize>,
    /// Meta attributes set by the planner; later entries replace earlier ones of the same name.
    pub meta: Vec<(&'static str, Text)>,
    /// How many of its inputs of the "enough of them" kind are runnable, and how many it takes.
    pub runnable_before: u32,
    pub required_before: u32,
    /// Orderings after earlier actions, oldest first; by ascending number once deduplicated.
    pub before: Vec<Input>,
    /// Orderings before later actions with their original flags, oldest first.
    pub after: Vec<(ActIx, u32)>,
}

impl Act {
    pub(crate) fn is(&self, bits: u32) -> bool {
        self.flags & bits == bits
    }

    pub(crate) fn any(&self, bits: u32) -> bool {
        self.flags & bits != 0
    }

    pub(crate) fn set(&mut self, bits: u32) {
        self.flags |= bits;
    }

    pub(crate) fn clear(&mut self, bits: u32) {
        self.flags &= !bits;
    }

    /// Milliseconds between repetitions according to the key.
    pub(crate) fn interval_ms(&self) -> u64 {
        match self.key {
            Key::Op(_, interval) => interval,
            Key::Notify(..) | Key::Named(_) => 0,
        }
    }

    /// A meta attribute set by the planner.
    pub(crate) fn own_meta(&self, name: &str) -> Option<&str> {
        self.meta.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// Sets a meta attribute, replacing what was there.
    pub(crate) fn set_meta(&mut self, name: &'static str, value: impl Into<Text>) {
        let value = value.into();
        match self.meta.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => {
                // Most actions have one or none.
                if self.meta.is_empty() {
                    self.meta.reserve_exact(1);
                }
                self.meta.push((name, value));
            }
        }
    }
}
