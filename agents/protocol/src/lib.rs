//! How agents are called: classes, search paths, command line, environment, standard input, exit codes, metadata.
//!
//! Knows every convention by which a script or unit is asked to start, stop or watch something, and what its
//! answer means. Does not know files, processes or clocks: the daemon looks files up, runs the [`Call`] and hands
//! back how it [`Ended`].

pub mod agent;
pub mod call;
pub mod heartbeat;
pub mod metadata;
pub mod outcome;
pub mod place;
pub mod rc;
pub mod signal;
pub mod stonith;
pub mod systemd;

pub use agent::{Agent, AgentError, Class};
pub use call::{Call, Machine, Prepared, Task, prepare};
pub use outcome::{Ended, Outcome, Output, interpret};
pub use place::{Paths, Place, STOCK};
pub use rc::Rc;
