//! `holdfast demo`: a real cluster of three nodes on this machine that loses a node and recovers.
//!
//! Converts a shipped heartbeat configuration, starts three nodes, asks their web server ten times a second and,
//! on a key press or by itself, kills, pauses, splits and heals. Leaves nothing behind.

mod client;
mod cluster;
mod figures;
mod files;
mod init;
mod screen;
mod service;
mod stage;
mod switch;

use figures::{Action, Figures};
use files::NODES;
use stage::{Kind, Power, Stage, wait_until};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const USAGE: i32 = 64;
/// How long the cluster may take to form, and to recover.
const PATIENCE: Duration = Duration::from_secs(60);
/// Marks the second call, inside the demonstration's own network.
const INSIDE: &str = "--inside";

const HELP: &str = "\
usage: holdfast demo [--auto] [--json] [--export DIR]

Starts a real cluster of three nodes on this machine and shows how it loses one and recovers.

  --auto        kill, pause, split and heal by itself, then end
  --json        print the figures as JSON (with --auto)
  --export DIR  write the converted configuration for real machines into DIR and end
  -h, --help    this text

keys: k kill the active node, p pause it, s pull its cable, h heal, q quit
";

/// The settled command line.
#[derive(Debug, Clone, Default)]
struct Options {
    auto: bool,
    json: bool,
    export: Option<PathBuf>,
    inside: bool,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--auto" => options.auto = true,
            "--json" => options.json = true,
            INSIDE => options.inside = true,
            "--export" => {
                options.export =
                    Some(PathBuf::from(words.next().ok_or("--export needs a folder behind it")?));
            }
            other => {
                return Err(format!("{other} is no option of the demonstration; see `holdfast demo --help`"));
            }
        }
    }
    if options.json && !options.auto {
        return Err("--json prints the figures of --auto; give both".to_owned());
    }
    Ok(Some(options))
}

/// Runs the demonstration.
pub fn run(words: Vec<String>) -> i32 {
    // What the demonstration starts itself.
    match words.get(1).map(String::as_str) {
        Some("node") => return init::run(words),
        Some("web") => return service::web(),
        Some("fence") => return service::fence(),
        _ => {}
    }
    let options = match parse(words.get(1..).unwrap_or_default()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return 0;
        }
        Err(message) => {
            eprintln!("demo: {message}");
            return USAGE;
        }
    };
    let outcome = match &options.export {
        Some(folder) => export(folder),
        None => play(&options),
    };
    match outcome {
        Ok(status) => status,
        Err(message) => {
            eprintln!("demo: {message}");
            1
        }
    }
}

/// Writes the shipped files and what they are converted into, for real machines.
fn export(folder: &std::path::Path) -> Result<i32, String> {
    let stop = |e: std::io::Error| format!("cannot write into {}: {e}", folder.display());
    std::fs::create_dir_all(folder.join("heartbeat")).map_err(stop)?;
    for (name, body) in [
        ("ha.cf", files::HA_CF.to_owned()),
        ("authkeys", files::AUTHKEYS.to_owned()),
        ("haresources", files::HARESOURCES.replace("ADDRESS", stage::service_address(Kind::Namespaces))),
    ] {
        std::fs::write(folder.join("heartbeat").join(name), body).map_err(stop)?;
    }
    let path = |name: &str| folder.join("heartbeat").join(name).display().to_string();
    let words = ["haresources2cib", "--allow-missing", "-c", &path("ha.cf"), "--output"];
    let words = words.into_iter().map(str::to_owned);
    Ok(holdfast_tools::haresources2cib::run(
        words.chain([folder.display().to_string(), path("haresources")]).collect(),
    ))
}

/// Goes into a network of its own and plays there; on loopback addresses where the kernel refuses.
fn play(options: &Options) -> Result<i32, String> {
    let exe = std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?;
    if options.inside {
        return stage_play(Kind::Namespaces, options, exe);
    }
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount"]);
    let possible = {
        // A node needs these too; whether they are allowed shows only when they are tried.
        let mut trial = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            trial.args(["--user", "--map-root-user"]);
        }
        trial.args(["--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--mount-proc", "true"]);
        trial.stderr(std::process::Stdio::null());
        trial.status().is_ok_and(|s| s.success())
    };
    if !possible {
        eprintln!(
            "demo: this kernel gives an ordinary user no namespaces (or `unshare` is not installed): the nodes are \
             processes on 127.0.1.x and the service address is a stand-in; pulling a cable is not possible"
        );
        return stage_play(Kind::Loopback, options, exe);
    }
    use std::os::unix::process::CommandExt as _;
    let mut inner = command.arg(&exe).arg("demo").arg(INSIDE);
    for (wanted, word) in [(options.auto, "--auto"), (options.json, "--json")] {
        if wanted {
            inner = inner.arg(word);
        }
    }
    Err(format!("cannot run unshare: {}", inner.exec()))
}

/// Everything that the acts share.
struct Play {
    stage: Arc<Mutex<Stage>>,
    client: client::Client,
    ended: Arc<AtomicBool>,
    double_active: Arc<Mutex<u64>>,
    quiet: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn stage_play(kind: Kind, options: &Options, exe: PathBuf) -> Result<i32, String> {
    let ended = Arc::new(AtomicBool::new(false));
    catch_signals(Arc::clone(&ended));
    let quiet = options.json;
    let say = |text: &str| {
        if !quiet {
            println!("{text}");
        }
    };
    say("converting the shipped ha.cf and haresources ...");
    let mut stage = Stage::new(kind, exe).map_err(|e| format!("cannot set the stage: {e}"))?;
    let cib = stage.scratch.convert()?;
    let switch_socket = stage.scratch.root.join("switch");
    let cib = files::with_fencing(&cib, &switch_socket)?;
    say("starting three nodes ...");
    for (index, name) in NODES.iter().enumerate() {
        stage.start(index).map_err(|e| format!("cannot start {name}: {e}"))?;
    }
    let stage = Arc::new(Mutex::new(stage));
    switch::serve(&switch_socket, &stage).map_err(|e| format!("cannot open the power switch: {e}"))?;
    let client = client::Client::start(stage::client_target(kind), service::PORT);
    let play = Play { stage, client, ended, double_active: Arc::new(Mutex::new(0)), quiet };
    play.watch_holders();
    let outcome = play.form(&cib).and_then(|()| {
        // What was asked before there was a cluster is no outage.
        play.client.reset();
        if options.auto { play.auto(options.json) } else { screen::run(&play) }
    });
    if outcome.is_err() {
        play.show_logs();
    }
    outcome
}

/// SIGINT, SIGTERM and SIGHUP end the play in order.
fn catch_signals(ended: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let streams = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
                signal(SignalKind::hangup()),
            );
            if let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                ended.store(true, Ordering::SeqCst);
            }
        });
    });
}

impl Play {
    fn over(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Counts the moments in which two nodes could answer for the service address.
    fn watch_holders(&self) {
        let (stage, count, ended) =
            (Arc::clone(&self.stage), Arc::clone(&self.double_active), Arc::clone(&self.ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                if locked(&stage).holders().len() > 1 {
                    *locked(&count) += 1;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }

    /// Waits for the three nodes, gives them the configuration, waits for the first answer.
    fn form(&self, cib: &str) -> Result<(), String> {
        let sockets = self.sockets();
        self.wait("the three nodes to find each other", || cluster::members(&sockets[0]) == NODES.len())?;
        cluster::load(&sockets[0], cib)?;
        self.wait("the services to start", || self.client.seen().answering())
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let stage = locked(&self.stage);
        NODES.iter().map(|n| stage.scratch.node(n).socket()).collect()
    }

    fn wait(&self, what: &str, mut condition: impl FnMut() -> bool) -> Result<(), String> {
        let met = wait_until(PATIENCE, || self.over() || condition());
        if self.over() {
            return Err("interrupted".to_owned());
        }
        if met { Ok(()) } else { Err(format!("waited {} s for {what}", PATIENCE.as_secs())) }
    }

    /// The node that answers the client.
    fn active(&self) -> Option<usize> {
        let (name, _) = self.client.seen().last?;
        NODES.iter().position(|n| *n == name)
    }

    /// Does something to the active node and measures until another one answers.
    fn strike(&self, action: Action) -> Result<Figures, String> {
        let victim = self.active().ok_or("no node answers")?;
        let before = *locked(&self.double_active);
        self.client.reset();
        let began = Instant::now();
        {
            let mut stage = locked(&self.stage);
            match action {
                Action::Kill => stage.kill(victim),
                Action::Pause => stage.pause(victim),
                Action::Split => stage.cut(victim).map_err(|e| e.to_string())?,
                Action::Heal => stage.heal().map_err(|e| e.to_string())?,
            }
        }
        if action == Action::Heal {
            let sockets = self.sockets();
            self.wait("all nodes to be back", || cluster::members(&sockets[victim]) == NODES.len())?;
            // Services must have settled before the next act.
            self.wait("the cluster to be idle", || cluster::idle(&sockets[victim]))?;
        } else {
            self.wait("another node to take over", || {
                let seen = self.client.seen();
                seen.last.as_ref().is_some_and(|(name, at)| *name != NODES[victim] && *at > began)
            })?;
        }
        // A moment of steady answers belongs to the figure.
        std::thread::sleep(10 * client::PERIOD);
        let seen = self.client.seen();
        let survivor = self.active().map(|i| NODES[i].to_owned());
        Ok(Figures {
            action,
            node: NODES[victim].to_owned(),
            survivor,
            outage_ms: outage(&seen),
            asked: seen.asked,
            lost: seen.lost,
            double_active: *locked(&self.double_active) - before,
        })
    }

    fn auto(&self, json: bool) -> Result<i32, String> {
        let mut all = Vec::new();
        let has_cables = locked(&self.stage).kind == Kind::Namespaces;
        let mut acts = vec![Action::Kill, Action::Heal, Action::Pause, Action::Heal];
        if has_cables {
            acts.extend([Action::Split, Action::Heal]);
        }
        for action in acts {
            let figures = self.strike(action)?;
            if !self.quiet {
                println!("{figures}");
            }
            all.push(figures);
        }
        if json {
            println!("{}", figures::json(&all, locked(&self.stage).kind));
        }
        Ok(0)
    }

    /// The last lines of each node's log, for a play that failed.
    fn show_logs(&self) {
        let stage = locked(&self.stage);
        for (index, name) in NODES.iter().enumerate() {
            let folder = stage.scratch.node(name).base.join("log");
            eprintln!("-- {name} ({:?})", stage.power(index));
            for file in ["holdfast.log", "console.log"] {
                let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                for line in &lines[lines.len().saturating_sub(15)..] {
                    eprintln!("   {line}");
                }
            }
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The switch's thread holds the stage too: the nodes are ended here, not when the last holder goes.
        let mut stage = locked(&self.stage);
        for index in 0..NODES.len() {
            if stage.power(index) != Power::Off {
                stage.kill(index);
            }
        }
        let _ = std::fs::remove_dir_all(&stage.scratch.root);
    }
}

/// Longest time without an answer, without the normal period between two requests, in ms.
fn outage(seen: &client::Seen) -> u64 {
    let gap = seen.gap().saturating_sub(client::PERIOD);
    if seen.lost == 0 { 0 } else { u64::try_from(gap.as_millis()).unwrap_or(u64::MAX) }
}
