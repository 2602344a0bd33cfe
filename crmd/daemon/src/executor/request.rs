//! Questions of users that only an agent can answer: metadata, lists, validation. Asked outside any plan; they change
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_agent_protocol::{Agent, Class, Prepared, STOCK, Task, interpret, prepare};
use holdfast_api::agent::{AgentReply, AgentRequest};
use holdfast_api::resource::RunResult;
use holdfast_api::{Failure, FailureKind, Reply};
use tokio::sync::oneshot;

use super::process::{self, Limits};
use super::{Shared, facts};

/// Validation looks at parameters; it does not wait for services.
const TIME: Duration = Duration::from_secs(60);
const OUTPUT: usize = 256 << 10;
/// A folder with more agents than this is no folder of agents.
const MAX_LISTED: usize = 20_000;

/// Answers one request.
pub async fn answer(shared: Arc<Shared>, request: AgentRequest) -> Reply {
    let result = match request {
        AgentRequest::Metadata { class, provider, agent } => {
            metadata(&shared, &class, provider.as_deref(), &agent).await.map(AgentReply::Metadata)
        }
        AgentRequest::List { class, provider } => {
            list(&shared, class.as_deref(), provider.as_deref()).map(AgentReply::List)
        }
        AgentRequest::Validate { class, provider, agent, parameters } => {
            validate(&shared, &class, provider.as_deref(), &agent, parameters).await.map(AgentReply::Ran)
        }
    };
    match result {
        Ok(reply) => Reply::Agent(reply),
        Err(failure) => Reply::Failed(failure),
    }
}

fn find(
    shared: &Shared,
    class: &str,
    provider: Option<&str>,
    kind: &str,
) -> Result<(Agent, holdfast_agent_protocol::Place), Failure> {
    let agent = Agent::new(class, provider, kind)
        .map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
    match shared.machine.paths.locate(&agent, super::is_executable) {
        Some(place) => Ok((agent, place)),
        None => {
            Err(Failure::new(FailureKind::NotFound, format!("agent {agent} is not installed on this node"))
                .hint(format!("`crm ra list {class}` shows what there is")))
        }
    }
}

async fn metadata(
    shared: &Shared,
    class: &str,
    provider: Option<&str>,
    kind: &str,
) -> Result<String, Failure> {
    let (agent, place) = find(shared, class, provider, kind)?;
    facts::text(&agent, &place, &shared.machine)
        .await
        .map_err(|why| Failure::new(FailureKind::Other, format!("agent {agent} gave no metadata: {why}")))
}

async fn validate(
    shared: &Shared,
    class: &str,
    provider: Option<&str>,
    kind: &str,
    parameters: Vec<(String, String)>,
) -> Result<RunResult, Failure> {
    let (agent, place) = find(shared, class, provider, kind)?;
    let parameters: BTreeMap<String, String> = parameters.into_iter().collect();
    let task = Task {
        resource: "validate",
        agent: &agent,
        action: "validate-all",
        parameters: &parameters,
        target: None,
        host_argument: None,
    };
    let Prepared::Run(call) = prepare(&task, Some(&place), &shared.machine) else {
        return Err(Failure::new(
            FailureKind::Unsupported,
            format!("class {class} cannot validate parameters"),
        ));
    };
    let begun = Instant::now();
    let (_keep, kill) = oneshot::channel();
    let (ended, output) = match process::start(&call, Path::new("/")) {
        Ok(started) => {
            let run = started.finish(Limits { time: Some(TIME), output: OUTPUT }, kill).await;
            (run.ended, run.output)
        }
        Err(ended) => (ended, holdfast_agent_protocol::Output::default()),
    };
    let outcome = interpret(call.reading, &ended, &output);
    Ok(RunResult {
        rc: outcome.rc.0,
        status: if outcome.status == holdfast_model::status::ExecStatus::Done { "complete" } else { "error" }
            .to_owned(),
        reason: outcome.reason,
        stdout: output.stdout,
        stderr: output.stderr,
        exec_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn list(shared: &Shared, class: Option<&str>, provider: Option<&str>) -> Result<Vec<String>, Failure> {
    let classes = match class {
        None => Class::ALL.to_vec(),
        Some(word) => vec![Class::from_word(word).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("\"{word}\" is no class of agents"))
                .hint("expected one of heartbeat, lsb, ocf, service, stonith, systemd")
        })?],
    };
    let mut found = BTreeSet::new();
    for class in classes {
        list_class(shared, class, provider, &mut found);
    }
    Ok(found.into_iter().take(MAX_LISTED).collect())
}

fn list_class(shared: &Shared, class: Class, provider: Option<&str>, found: &mut BTreeSet<String>) {
    let paths = &shared.machine.paths;
    let mut add = |folders: &[PathBuf], prefix: &str, wanted: &dyn Fn(&str) -> bool| {
        for name in folders.iter().flat_map(|folder| files(folder)).filter(|name| wanted(name)) {
            found.insert(format!("{prefix}{name}"));
        }
    };
    match class {
        Class::Ocf => {
            for folder in &paths.ocf {
                for name in
                    folders(folder).into_iter().filter(|name| provider.is_none_or(|wanted| wanted == name))
                {
                    add(&[folder.join(&name)], &format!("ocf:{name}:"), &|_| true);
                }
            }
            for (owner, kind) in
                STOCK.iter().filter(|(owner, _)| provider.is_none_or(|wanted| wanted == *owner))
            {
                found.insert(format!("ocf:{owner}:{kind}"));
            }
        }
        Class::Lsb => add(&paths.lsb, "lsb:", &|_| true),
        Class::Service => {
            add(&paths.lsb, "service:", &|_| true);
            add(&unit_folders(), "service:", &|name| name.ends_with(".service"));
        }
        Class::Systemd => add(&unit_folders(), "systemd:", &|name| name.contains('.')),
        Class::Heartbeat => add(&paths.heartbeat, "heartbeat:", &|_| true),
        Class::Stonith => {
            add(&paths.fence, "stonith:", &|name| name.starts_with("fence_"));
            let plugins: Vec<PathBuf> = paths.stonith.iter().map(|folder| folder.join("external")).collect();
            add(&plugins, "stonith:external/", &|_| true);
        }
    }
}

fn unit_folders() -> Vec<PathBuf> {
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
        .map(PathBuf::from)
        .to_vec()
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .take(MAX_LISTED)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| !name.starts_with('.'))
}

fn files(folder: &Path) -> Vec<String> {
    let unit = folder.to_string_lossy().contains("systemd");
    entries(folder)
        .filter(|(_, path)| if unit { path.is_file() } else { super::is_executable(path) })
        .map(|(name, _)| name)
        .collect()
}

fn folders(folder: &Path) -> Vec<String> {
    entries(folder).filter(|(_, path)| path.is_dir()).map(|(name, _)| name).collect()
}
