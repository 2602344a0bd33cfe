//! Runs operations: finds the agent, makes the call, watches it, translates its end.
//! Knows nothing about the cluster; every [`Operation`] comes from the core and is answered by one outcome.

mod adopt;
mod facts;
pub mod process;
mod request;
#[cfg(feature = "systemd")]
mod unit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_agent_protocol::{
    Agent, Call, Class, Ended, Machine, Outcome, Output, Place, Prepared, Rc, Task, heartbeat, interpret,
    prepare,
};
use holdfast_core::{AgentFacts, CallId, Operation, OutcomeStatus};
use holdfast_model::status::ExecStatus;
use holdfast_totem::time::Span;
use rustix::fs::{Access, access};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use process::{Limits, Run, Started};

pub use request::answer;

/// Bytes kept of each output of an operation whose output nobody asked for: enough for the log and a reason.
const QUIET_OUTPUT: usize = 16 << 10;
/// Bytes kept where the output is the answer.
const CAPTURED_OUTPUT: usize = 2 << 20;
/// Longest time that the end of an operation waits for the agent's metadata.
const FACTS_PATIENCE: Duration = Duration::from_secs(5);

/// What happens to an operation, told to the driver.
#[derive(Debug)]
pub enum Happened {
    /// A process was started for it: goes into the in-flight journal.
    Started { call: CallId, pid: i32 },
    /// It is over.
    Done { call: CallId, outcome: holdfast_core::Outcome },
}

/// Everything that the running tasks share.
pub struct Shared {
    pub machine: Machine,
    pub(crate) facts: facts::Cache,
    /// Fence devices that were started here. They are no processes: what was started is remembered.
    devices: Mutex<BTreeSet<String>>,
    happened: mpsc::UnboundedSender<Happened>,
    #[cfg(feature = "systemd")]
    pub(crate) units: unit::Units,
}

/// The executor of one node.
pub struct Executor {
    shared: Arc<Shared>,
    running: HashMap<CallId, oneshot::Sender<()>>,
}

impl Executor {
    /// An idle executor. Results go to `happened`; the core bounds how many operations there are.
    #[must_use]
    pub fn new(machine: Machine, happened: mpsc::UnboundedSender<Happened>) -> Self {
        // Where agents keep their state files; one that is missing would make every Dummy fail.
        if let Err(error) = std::fs::create_dir_all(&machine.agent_state) {
            warn!("cannot make {}: {error}", machine.agent_state.display());
        }
        let shared = Shared {
            machine,
            facts: facts::Cache::default(),
            devices: Mutex::default(),
            happened,
            #[cfg(feature = "systemd")]
            units: unit::Units::default(),
        };
        Self { shared: Arc::new(shared), running: HashMap::new() }
    }

    /// What tasks share; for requests that run agents outside the plan.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Starts one operation at once.
    pub fn spawn(&mut self, operation: Operation) {
        let (kill, killed) = oneshot::channel();
        self.running.insert(operation.call, kill);
        let shared = Arc::clone(&self.shared);
        let begun = Instant::now();
        debug!(
            "{}: {} {} (call {}, time-out {} ms)",
            operation.rsc,
            operation.operation,
            name(&operation),
            operation.call.0,
            operation.timeout.0 / 1000
        );
        // A fence agent has to be asked first how it wants to hear of its target.
        let agent = Agent::new(&operation.class, operation.provider.as_deref(), &operation.agent).ok();
        let ask_first = operation.class == "stonith"
            && operation.target.is_some()
            && agent.is_some_and(|agent| shared.facts.get(&agent).is_none());
        let begin = if ask_first { None } else { Some(shared.begin(&operation)) };
        tokio::spawn(async move {
            let begin = match begin {
                Some(begin) => begin,
                None => {
                    shared.facts_of(&operation).await;
                    shared.begin(&operation)
                }
            };
            let (outcome, output) = shared.carry_out(&operation, begin, killed).await;
            let ran = begun.elapsed();
            let facts = shared.facts_of(&operation).await;
            shared.tell(&operation, outcome, output, facts, ran);
        });
    }

    /// Ends an operation's process group; its result still comes.
    pub fn kill(&mut self, call: CallId) {
        if let Some(kill) = self.running.remove(&call) {
            // A receiver that is gone means that it just ended by itself.
            let _ = kill.send(());
        }
    }

    /// Takes over an agent that an earlier run of the daemon started. `pid` is `None` when it never began.
    pub fn adopt(&mut self, operation: Operation, pid: Option<i32>) {
        let (kill, killed) = oneshot::channel();
        self.running.insert(operation.call, kill);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = adopt::finish(&operation, pid, killed).await;
            shared.tell(&operation, outcome, Output::default(), None, begun.elapsed());
        });
    }

    /// Forgets an operation that is over.
    pub fn over(&mut self, call: CallId) {
        self.running.remove(&call);
    }

    /// How many run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len()
    }
}

enum Begun {
    Process(Box<(Started, Call)>),
    Unit(String, holdfast_agent_protocol::systemd::UnitAction),
    Over(Outcome),
}

impl Shared {
    /// Starts the process, if there is one to start.
    fn begin(&self, operation: &Operation) -> Begun {
        if let Some(outcome) = self.device_probe(operation) {
            return Begun::Over(outcome);
        }
        match self.prepare(operation) {
            Prepared::Run(call) => match process::start(&call, Path::new("/")) {
                Ok(started) => {
                    let _ =
                        self.happened.send(Happened::Started { call: operation.call, pid: started.pid() });
                    Begun::Process(Box::new((started, call)))
                }
                Err(ended) => Begun::Over(interpret(call.reading, &ended, &Output::default())),
            },
            Prepared::Unit { unit, action } => Begun::Unit(unit, action),
            Prepared::Already(outcome) => Begun::Over(outcome),
        }
    }

    /// Whether a fence device was started here, when that is the question: its agent only knows whether the device
    /// answers, which it does on every node.
    fn device_probe(&self, operation: &Operation) -> Option<Outcome> {
        let probe = operation.operation == "monitor" && operation.interval_ms == 0 && !operation.capture;
        if operation.class != "stonith" || !probe {
            return None;
        }
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Outcome::done(if devices.contains(&operation.rsc) { Rc::OK } else { Rc::NOT_RUNNING }))
    }

    /// Remembers the started fence devices.
    fn note_device(&self, operation: &Operation, outcome: &Outcome) {
        if operation.class == "stonith" && !operation.capture && outcome.rc == Rc::OK {
            let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
            match operation.operation.as_str() {
                "start" => {
                    devices.insert(operation.rsc.clone());
                }
                "stop" => {
                    devices.remove(&operation.rsc);
                }
                _ => {}
            }
        }
    }

    /// Finds the agent and makes the call.
    fn prepare(&self, operation: &Operation) -> Prepared {
        let agent = match Agent::new(&operation.class, operation.provider.as_deref(), &operation.agent) {
            Ok(agent) => agent,
            Err(error) => {
                let reason = error.to_string();
                return Prepared::Already(Outcome::failed(
                    Rc::NOT_INSTALLED,
                    ExecStatus::NotInstalled,
                    &reason,
                ));
            }
        };
        let place = self.machine.paths.locate(&agent, is_executable);
        if let Some(refusal) = self.deaf_script(&agent, place.as_ref()) {
            return Prepared::Already(refusal);
        }
        let parameters: BTreeMap<String, String> = operation.parameters.iter().cloned().collect();
        let facts = self.facts.get(&agent);
        let host_argument = facts.as_ref().and_then(|facts| {
            ["plug", "port"].into_iter().find(|wanted| facts.parameters.iter().any(|name| name == wanted))
        });
        let task = Task {
            resource: &operation.rsc,
            agent: &agent,
            action: &operation.operation,
            parameters: &parameters,
            target: operation.target.as_deref(),
            host_argument,
        };
        prepare(&task, place.as_ref(), &self.machine)
    }

    /// Safety rule 16: a script that never reads its argument would be started by a question for its status.
    fn deaf_script(&self, agent: &Agent, place: Option<&Place>) -> Option<Outcome> {
        let (Class::Heartbeat, Some(Place::File(path))) = (agent.class, place) else { return None };
        let text = std::fs::read(path).ok()?;
        if !heartbeat::ignores_its_argument(&text) {
            return None;
        }
        let reason = heartbeat::refusal(&path.to_string_lossy());
        warn!("{reason}");
        Some(Outcome::failed(Rc::NOT_INSTALLED, ExecStatus::NotInstalled, &reason))
    }

    async fn carry_out(
        &self,
        operation: &Operation,
        begun: Begun,
        killed: oneshot::Receiver<()>,
    ) -> (Outcome, Output) {
        let time = Duration::from_micros(operation.timeout.0);
        match begun {
            Begun::Process(process) => {
                let (started, call) = *process;
                let output = if operation.capture { CAPTURED_OUTPUT } else { QUIET_OUTPUT };
                let limits = Limits { time: (operation.timeout.0 > 0).then_some(time), output };
                let Run { ended, output } = started.finish(limits, killed).await;
                log_end(operation, &ended, &output);
                (interpret(call.reading, &ended, &output), output)
            }
            Begun::Unit(unit, action) => {
                let outcome = tokio::select! {
                    outcome = self.ask_unit(&unit, action) => outcome,
                    () = tokio::time::sleep(time), if operation.timeout.0 > 0 => {
                        let ended = Ended::TimedOut(operation.timeout.0 / 1000);
                        interpret(holdfast_agent_protocol::outcome::Reading::Fence, &ended, &Output::default())
                    }
                };
                (outcome, Output::default())
            }
            Begun::Over(outcome) => (outcome, Output::default()),
        }
    }

    #[cfg(feature = "systemd")]
    async fn ask_unit(&self, unit: &str, action: holdfast_agent_protocol::systemd::UnitAction) -> Outcome {
        self.units.ask(unit, action).await
    }

    #[cfg(not(feature = "systemd"))]
    async fn ask_unit(&self, unit: &str, _action: holdfast_agent_protocol::systemd::UnitAction) -> Outcome {
        let reason = format!("{unit}: this build of holdfast does not talk to systemd (feature `systemd`)");
        Outcome::failed(Rc::NOT_INSTALLED, ExecStatus::NotInstalled, &reason)
    }

    /// Facts about the agent, fetched once.
    async fn facts_of(&self, operation: &Operation) -> Option<AgentFacts> {
        if operation.operation == "meta-data" || operation.operation == "metadata" {
            return None;
        }
        let agent = Agent::new(&operation.class, operation.provider.as_deref(), &operation.agent).ok()?;
        let wait = self.facts.fetch(&agent, &self.machine);
        tokio::time::timeout(FACTS_PATIENCE, wait).await.ok().flatten()
    }

    fn tell(
        &self,
        operation: &Operation,
        outcome: Outcome,
        output: Output,
        facts: Option<AgentFacts>,
        ran: Duration,
    ) {
        self.note_device(operation, &outcome);
        let captured = |text: String| if operation.capture { text } else { String::new() };
        let outcome = holdfast_core::Outcome {
            rc: outcome.rc.0,
            status: status(outcome.status),
            reason: outcome.reason,
            stdout: captured(output.stdout),
            stderr: captured(output.stderr),
            ran: Span(u64::try_from(ran.as_micros()).unwrap_or(u64::MAX)),
            facts,
        };
        // The driver is gone only when the daemon ends.
        let _ = self.happened.send(Happened::Done { call: operation.call, outcome });
    }
}

fn name(operation: &Operation) -> String {
    match &operation.provider {
        Some(provider) => format!("{}:{provider}:{}", operation.class, operation.agent),
        None => format!("{}:{}", operation.class, operation.agent),
    }
}

/// The core's word for an execution status.
fn status(status: ExecStatus) -> OutcomeStatus {
    match status {
        ExecStatus::Done => OutcomeStatus::Done,
        ExecStatus::Timeout => OutcomeStatus::Timeout,
        ExecStatus::Cancelled => OutcomeStatus::Cancelled,
        ExecStatus::NotInstalled => OutcomeStatus::NotInstalled,
        ExecStatus::NotSupported => OutcomeStatus::NotSupported,
        ExecStatus::NoSecrets => OutcomeStatus::NoSecrets,
        ExecStatus::Unknown
        | ExecStatus::Pending
        | ExecStatus::Error
        | ExecStatus::HardError
        | ExecStatus::FatalError
        | ExecStatus::NotConnected
        | ExecStatus::Invalid
        | ExecStatus::NoFenceDevice
        | ExecStatus::Other(_) => OutcomeStatus::Error,
    }
}

/// Whether a path is a regular file that this process may execute.
pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

/// What an agent wrote goes to the log: errors so that somebody sees them, the rest for those who look closer.
fn log_end(operation: &Operation, ended: &Ended, output: &Output) {
    let failed = !matches!(ended, Ended::Exit(0 | 7 | 8));
    for line in output.stderr.lines().filter(|line| !line.trim().is_empty()).take(50) {
        if failed {
            info!("{} {}: {line}", operation.rsc, operation.operation);
        } else {
            debug!("{} {}: {line}", operation.rsc, operation.operation);
        }
    }
}
