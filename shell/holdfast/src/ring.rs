//! `holdfast ring`: the ring of this node alone, without cluster manager, for programs that use process groups.
//!
//! Knows the configuration's place and signals; everything else is the ring's thread.

use holdfast_node::admin::Admin;
use holdfast_node::connections::Connections;
use holdfast_node::thread::Order;
use holdfast_node::{Event, RingThread, Settings, lines, load, thread};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
usage: holdfast ring [--config DIR]

Runs the ring of this node in the foreground, without cluster manager: membership, order, quorum and process groups
for programs. Ends with SIGTERM after a clean leave; SIGHUP reads corosync.conf and the key again.

  --config DIR  folder of corosync.conf and authkey (default: /etc/corosync)
";

/// A folder that an environment variable moves.
fn folder(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from)
}

/// Runs the command; 0 after a clean leave, 1 when the ring does not start or is given up.
pub fn run(words: Vec<String>) -> i32 {
    let mut config = folder("HOLDFAST_CONFIG_DIR", "/etc/corosync");
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--config", Some(dir)) => config = PathBuf::from(dir),
            ("-h" | "--help", _) => {
                print!("{HELP}");
                return 0;
            }
            _ => {
                eprintln!("holdfast ring: '{word}' is not understood\n{HELP}");
                return i32::from(crate::dispatch::USAGE);
            }
        }
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("holdfast ring: {error}");
            return 1;
        }
    };
    match runtime.block_on(serve(config)) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("holdfast ring: {message}");
            1
        }
    }
}

async fn serve(config: PathBuf) -> Result<i32, String> {
    let file = config.join("corosync.conf");
    let state = folder("HOLDFAST_STATE_DIR", "/var/lib/holdfast");
    let run = folder("HOLDFAST_RUN_DIR", "/run/holdfast");
    let loaded = load::load(&file, &state).map_err(|error| error.to_string())?;
    for finding in &loaded.findings {
        eprintln!("{finding}");
    }
    let settings = Settings::from_conf(&loaded.conf, &state).map_err(|error| error.to_string())?;
    let mut settings = settings.serving_groups(&run, &loaded.conf);
    // Nobody stands behind this ring who could be stuck.
    settings.config.require_progress = false;
    let (handle, mut events) = RingThread::start(settings).map_err(|error| error.to_string())?;
    for line in lines::start(&loaded.conf, &file) {
        eprintln!("{line}");
    }
    let mut admin = Admin::new(&file, &state, loaded, handle.clone(), Connections::default());
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = terminate.recv() => { leave(&handle); continue }
            _ = interrupt.recv() => { leave(&handle); continue }
            _ = hangup.recv() => { reload(&mut admin); continue }
        };
        match event {
            Some(Event::View(view)) => lines::view(&view).iter().for_each(|line| eprintln!("{line}")),
            Some(Event::Log(event)) => eprintln!("[TOTEM ] {event}"),
            Some(Event::Warning(text)) => eprintln!("[MAIN  ] warning: {text}"),
            Some(Event::Notice(text)) => eprintln!("[VOTEQ ] {text}"),
            Some(Event::Ordered { order: Order::Reload, .. }) => reload(&mut admin),
            Some(Event::Ordered { order: Order::Kill(node), .. }) => {
                if node == handle.node() {
                    leave(&handle);
                }
            }
            Some(Event::Duplicate(duplicate)) => eprintln!("[TOTEM ] {duplicate:?}"),
            Some(Event::Fatal(why)) => return Err(why),
            Some(Event::Left(holdfast_totem::io::LeaveReason::Asked)) => {
                eprintln!("{}", lines::stop());
                return Ok(0);
            }
            Some(Event::Left(reason)) => return Err(format!("out of the ring: {reason:?}")),
            Some(Event::Message(_) | Event::Quorum(_) | Event::FlowControl(_) | Event::Refused { .. }) => {}
            None => return Err("the ring's thread ended".to_owned()),
        }
    }
}

fn leave(handle: &thread::RingHandle) {
    // When the thread has ended the events say so.
    let _ = handle.leave();
}

fn reload(admin: &mut Admin) {
    match admin.reload() {
        Ok(findings) => findings.iter().for_each(|finding| eprintln!("{finding}")),
        Err(error) => eprintln!("[MAIN  ] the configuration in force stays: {error}"),
    }
}
