//! From the configuration to a running node: reads, opens, starts, in this order, with a clear word for whatever is
//! missing.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_agent_protocol::Machine;
use holdfast_core::{ConfiguredNode, Identity, Node, Recovered, Settings};
use holdfast_node::admin::Admin;
use holdfast_node::config::{Allowed as AllowedEntry, CorosyncConf};
use holdfast_node::load::{Loaded, load};
use holdfast_node::{RingThread, lines, machine, thread};
use holdfast_totem::NodeId;
use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};

use crate::clock;
use crate::disk::document::Document;
use crate::disk::in_flight::InFlight;
use crate::disk::{Disk, export};
use crate::driver::{Driver, End, Parts, Told};
use crate::executor::Executor;
use crate::guard::{FATAL, FENCED, Lifeline};
use crate::log::Log;
use crate::paths::Paths;
use crate::planner::Planner;
use crate::server::{Allowed, Server};
use crate::users;

/// Proof of progress is missed after the larger of this and twice the token time-out (safety rule 13).
const LEAST_PATIENCE: Duration = Duration::from_secs(5);

/// Why a node does not start. All of these stay until somebody does something.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Load(#[from] holdfast_node::load::LoadError),
    #[error(transparent)]
    Ring(#[from] thread::StartError),
    #[error("another daemon of this node is running (lock {})", .0.display())]
    Running(PathBuf),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("what lies on disk cannot be used: {0}")]
    Recovery(String),
    #[error("{what}: {source}")]
    System { what: &'static str, source: io::Error },
}

/// Runs the daemon proper to its end; the result is the exit status of the process.
#[must_use]
pub fn run(paths: &Paths, guarded: bool) -> i32 {
    let log = Log::start();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!("no runtime: {error}");
            return 1;
        }
    };
    let end = runtime.block_on(start(paths, guarded, log));
    // Threads that still look a name up are not waited for.
    runtime.shutdown_background();
    match end {
        Ok(End::Clean) => 0,
        Ok(End::Restart(why)) => {
            error!("ending to start again: {why}");
            1
        }
        Ok(End::Fatal(why)) => {
            error!("ending for good: {why}");
            i32::from(FATAL)
        }
        Ok(End::Fenced(why)) => {
            error!("this node must not go on: {why}");
            i32::from(FENCED)
        }
        Err(error) => {
            error!("the node does not start: {error}");
            i32::from(FATAL)
        }
    }
}

async fn start(paths: &Paths, guarded: bool, log: Log) -> Result<End, StartError> {
    let file = paths.config.join("corosync.conf");
    let loaded = load(&file, &paths.state)?;
    let conf = loaded.conf.clone();
    let moved = !paths.moved.is_empty();
    log.configure(&conf.local_name, &conf.logging, &paths.log.join("holdfast.log"), !moved);
    for line in lines::start(&conf, &file) {
        info!(subsystem = line.subsystem, "{}", line.text);
    }
    crate::log::findings(&loaded.findings);
    let lifeline = Lifeline::new(guarded);
    let token = Duration::from_millis(u64::from(conf.timings.token));
    lifeline.patience((token * 2).max(LEAST_PATIENCE));
    if let Some(device) = &conf.system.watchdog_device {
        lifeline.watchdog(Path::new(device), Duration::from_millis(u64::from(conf.system.watchdog_timeout)));
    }
    for folder in [&paths.state, &paths.run] {
        std::fs::create_dir_all(folder)
            .map_err(|source| StartError::File { path: folder.clone(), source })?;
    }
    let _lock = lock(&paths.state.join("lock"))?;
    let end = node(paths, loaded, conf, lifeline, log).await?;
    Ok(end)
}

async fn node(
    paths: &Paths,
    loaded: Loaded,
    conf: CorosyncConf,
    lifeline: Lifeline,
    log: Log,
) -> Result<End, StartError> {
    let file = paths.config.join("corosync.conf");
    let ring_settings = thread::Settings::from_conf(&conf, &paths.state)?.serving_groups(&paths.run, &conf);
    let ring_state = ring_settings.state_dir.clone();
    let identity = Identity {
        id: NodeId(conf.local_id),
        name: conf.local_name.clone(),
        boot_id: ring_settings.identity.boot_id,
    };
    let folder = paths.state.join("cib");
    let (document, mut recovered) = recover(&folder, paths)?;
    let in_flight = InFlight::open(&paths.run)
        .map_err(|source| StartError::File { path: InFlight::path(&paths.run), source })?;
    let left: Vec<_> = in_flight.state().flying.values().cloned().collect();
    recovered.in_flight = left.iter().map(|flying| flying.operation.clone()).collect();
    recovered.next_call = in_flight.state().calls + 1;
    let core = Node::new(core_settings(&conf), identity, recovered, seed(), clock::now())
        .map_err(StartError::Recovery)?;

    let system = |what| move |source| StartError::System { what, source };
    let (happened_to, happened) = mpsc::unbounded_channel();
    let mut executor = Executor::new(crate::machine(paths, &conf.local_name), happened_to);
    for flying in left {
        let pid = flying.alive();
        executor.adopt(flying.operation, pid);
    }
    let (written_to, written) = mpsc::unbounded_channel();
    let disk = Disk::start(document, &paths.pacemaker, written_to).map_err(system("the writing thread"))?;
    let (planned_to, planned) = mpsc::unbounded_channel();
    let planner = Planner::start(&paths.pacemaker, planned_to).map_err(system("the planning thread"))?;
    tell_waiting(&paths.waiting(), &ring_settings)?;
    let (server, clients) = Server::start(&paths.socket(), allowed(&conf))
        .map_err(|source| StartError::File { path: paths.socket(), source })?;
    let signals = signals().map_err(system("signals"))?;
    for line in lines::manager_start(&conf.local_name) {
        info!(subsystem = line.subsystem, "{}", line.text);
    }
    let (ring, ring_events) = RingThread::start(ring_settings)?;
    let admin = Admin::new(&file, &ring_state, loaded, ring.clone(), server.connections());
    lifeline.ready();
    let end = Driver::run(Parts {
        node: core,
        ring,
        ring_events,
        admin,
        executor,
        happened,
        disk,
        written,
        in_flight,
        planner,
        planned,
        clients,
        signals,
        lifeline,
        log,
        waiting: paths.waiting(),
    })
    .await;
    take_away(&paths.waiting())?;
    Ok(end)
}

/// Writes down that the node waits for its address, before anybody can ask; the ring says so again in the log.
fn tell_waiting(path: &Path, settings: &thread::Settings) -> Result<(), StartError> {
    let system = |source| StartError::System { what: "the list of addresses", source };
    let found: Vec<_> = machine::addresses().map_err(system)?.iter().map(|own| own.address).collect();
    let identity = &settings.identity;
    let Some(own) = settings.config.missing_addresses(identity.node_id, &found) else {
        return take_away(path);
    };
    let name = identity.name.clone();
    let why = holdfast_totem::log::Event::AddressMissing { node: identity.node_id, name, own, found };
    std::fs::write(path, format!("{why}\n")).map_err(|source| StartError::File { path: path.into(), source })
}

fn take_away(path: &Path) -> Result<(), StartError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StartError::File { path: path.into(), source })
        }
        _ => Ok(()),
    }
}

/// What the disk says about the document.
fn recover(folder: &Path, paths: &Paths) -> Result<(Document, Recovered), StartError> {
    let (document, found) =
        Document::open(folder).map_err(|source| StartError::File { path: folder.to_owned(), source })?;
    if let Some(damage) = &found.damaged {
        error!("{damage}; an older copy of the configuration is used until the cluster sends the newest");
    }
    let import = if found.snapshot.is_none() && found.journal.is_empty() {
        let moved = paths.moved.iter().any(|(name, _)| name == "HOLDFAST_PACEMAKER_DIR");
        export::import(&paths.pacemaker, moved).map(|(path, text)| {
            info!("taking the configuration over from {}", path.display());
            text
        })
    } else {
        None
    };
    let recovered = Recovered {
        snapshot: found.snapshot,
        journal: found.journal,
        import,
        damaged: found.damaged,
        ..Recovered::default()
    };
    Ok((document, recovered))
}

fn core_settings(conf: &CorosyncConf) -> Settings {
    let nodes = conf
        .nodes
        .iter()
        .map(|node| ConfiguredNode { id: NodeId(node.id), name: node.name.clone() })
        .collect();
    let mut settings = Settings::new(&conf.cluster_name, nodes);
    settings.two_node = conf.quorum.two_node;
    settings.expected_votes = conf.quorum.expected_votes;
    settings.watchdog = conf.system.watchdog_device.is_some();
    settings.program_version = env!("CARGO_PKG_VERSION").to_owned();
    settings
}

/// Numbers of the users and groups that the configuration lets in.
fn allowed(conf: &CorosyncConf) -> Allowed {
    let mut allowed = Allowed::default();
    for AllowedEntry { user, group } in &conf.allowed {
        if let Some(user) = user {
            match user.parse().ok().or_else(|| users::user_id(user)) {
                Some(number) => allowed.users.push(number),
                None => warn!("uidgid: there is no user {user}"),
            }
        }
        if let Some(group) = group {
            match group.parse().ok().or_else(|| users::group_id(group)) {
                Some(number) => allowed.groups.push(number),
                None => warn!("uidgid: there is no group {group}"),
            }
        }
    }
    allowed
}

/// A number that no other run has.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_ne_bytes(bytes),
        Ok(_) | Err(_) => clock::now().mono.0 ^ (u64::from(std::process::id()) << 40),
    }
}

/// One daemon a node: the lock is held as long as the file is open.
fn lock(path: &Path) -> Result<File, StartError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|source| StartError::File { path: path.to_owned(), source })?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| StartError::Running(path.to_owned()))?;
    Ok(file)
}

fn signals() -> io::Result<mpsc::Receiver<Told>> {
    let (told, receiver) = mpsc::channel(4);
    for (kind, what) in [
        (SignalKind::terminate(), Told::Stop),
        (SignalKind::interrupt(), Told::Stop),
        (SignalKind::hangup(), Told::Reload),
    ] {
        let mut signal = signal(kind)?;
        let told = told.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                debug!("signal: {what:?}");
                if told.send(what).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// What every call of an agent has in common on this machine.
#[must_use]
pub fn agent_machine(paths: &Paths, node: &str) -> Machine {
    let mut search = holdfast_agent_protocol::Paths::new(&paths.ocf_root);
    if let Some(folder) = std::env::var_os("HOLDFAST_AGENT_DIR").map(PathBuf::from) {
        // Agents beside those of the machine, for clusters that share one.
        search.ocf.insert(0, folder.join("ocf/resource.d"));
        search.lsb.insert(0, folder.join("init.d"));
        search.heartbeat.insert(0, folder.join("resource.d"));
        search.fence.insert(0, folder.join("sbin"));
        search.stonith.insert(0, folder.join("stonith/plugins"));
    }
    let mut extra = paths.moved.clone();
    if let Ok(name) = std::env::var(machine::NODE_NAME) {
        extra.push((machine::NODE_NAME.to_owned(), name));
    }
    Machine {
        node: if node.is_empty() { machine::node_name() } else { node.to_owned() },
        paths: search,
        program: std::env::current_exe().unwrap_or_else(|_| "/usr/sbin/holdfast".into()),
        agent_state: paths.agent_state(),
        agent_log: Some(paths.log.join("agents.log")),
        extra,
    }
}
