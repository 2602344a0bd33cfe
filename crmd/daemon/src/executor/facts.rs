//! What agents say about themselves, asked once per agent and version of its file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use holdfast_agent_protocol::{Agent, Class, Machine, Place, Prepared, Task, metadata, prepare};
use holdfast_core::AgentFacts;
use tokio::sync::oneshot;
use tracing::debug;

use super::process::{self, Limits};

/// Metadata is a matter of milliseconds; an agent that takes longer hangs.
const TIME: Duration = Duration::from_secs(20);
/// Far above any real agent.
const OUTPUT: usize = 2 << 20;

/// What one version of an agent said.
struct Known {
    /// When its file was changed last; `None` for our own agents.
    of: Option<SystemTime>,
    facts: Option<AgentFacts>,
}

/// Facts by agent.
#[derive(Default)]
pub(crate) struct Cache {
    known: Mutex<HashMap<Agent, Known>>,
}

impl Cache {
    /// What is known by now.
    pub(crate) fn get(&self, agent: &Agent) -> Option<AgentFacts> {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(agent).and_then(|known| known.facts.clone())
    }

    /// What the agent says, asking it when it was never asked or its file changed. An agent that gives no usable
    /// answer is not asked again before its file changes.
    pub(crate) async fn fetch(&self, agent: &Agent, machine: &Machine) -> Option<AgentFacts> {
        let place = machine.paths.locate(agent, super::is_executable)?;
        let time = match &place {
            Place::File(path) => std::fs::metadata(path).and_then(|file| file.modified()).ok(),
            Place::Stock { .. } => None,
            // Units and scripts without metadata have no parameters to tell facts about.
            Place::Unit(_) => return None,
        };
        if matches!(agent.class, Class::Lsb | Class::Service | Class::Heartbeat) {
            return None;
        }
        {
            let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(known) = known.get(agent).filter(|known| known.of == time) {
                return known.facts.clone();
            }
        }
        let facts = match text(agent, &place, machine).await {
            Ok(text) => metadata::parse(&text).map(|read| facts(&read)).map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let facts = facts.inspect_err(|error| debug!("no metadata of {agent}: {error}")).ok();
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(agent.clone(), Known { of: time, facts: facts.clone() });
        facts
    }
}

/// The metadata of an agent as XML: its own, or one made for its class.
pub(crate) async fn text(agent: &Agent, place: &Place, machine: &Machine) -> Result<String, String> {
    match (agent.class, place) {
        (_, Place::Unit(unit)) => Ok(metadata::unit(unit, "")),
        (Class::Lsb | Class::Service, Place::File(path)) => {
            let script = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(metadata::init_script(&agent.kind, &String::from_utf8_lossy(&script)))
        }
        (Class::Heartbeat, _) => Ok(metadata::heartbeat(&agent.kind)),
        (Class::Stonith, Place::File(_)) if agent.kind.contains('/') => {
            let long = ask(agent, place, machine, "getinfo-devdescr").await?;
            let short = ask(agent, place, machine, "getinfo-devid").await?;
            let parameters = ask(agent, place, machine, "getinfo-xml").await?;
            Ok(metadata::plugin(&agent.kind, &long, &short, &parameters))
        }
        _ => ask(agent, place, machine, "meta-data").await,
    }
}

async fn ask(agent: &Agent, place: &Place, machine: &Machine, action: &str) -> Result<String, String> {
    let parameters = BTreeMap::new();
    let task = Task {
        resource: "metadata",
        agent,
        action,
        parameters: &parameters,
        target: None,
        host_argument: None,
    };
    let call = match prepare(&task, Some(place), machine) {
        Prepared::Run(call) => call,
        Prepared::Unit { .. } | Prepared::Already(_) => return Err("it has no metadata".to_owned()),
    };
    let started = process::start(&call, Path::new("/")).map_err(|ended| format!("{ended:?}"))?;
    let (_keep, kill) = oneshot::channel();
    let run = started.finish(Limits { time: Some(TIME), output: OUTPUT }, kill).await;
    match run.ended {
        holdfast_agent_protocol::Ended::Exit(0) => Ok(run.output.stdout),
        other => Err(format!("{action} ended with {other:?}")),
    }
}

fn facts(metadata: &metadata::Metadata) -> AgentFacts {
    let names = |wanted: &dyn Fn(&metadata::Parameter) -> bool| -> Vec<String> {
        metadata.parameters.iter().filter(|one| wanted(one)).map(|one| one.name.clone()).collect()
    };
    AgentFacts {
        reloads: metadata.reloads(),
        parameters: names(&|_| true),
        restart_parameters: metadata.restart_parameters().into_iter().map(str::to_owned).collect(),
        private_parameters: names(&|one| one.private),
        version: metadata.version.clone(),
    }
}
