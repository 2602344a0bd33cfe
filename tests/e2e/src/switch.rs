//! A power switch: what a fence agent asks, and what cuts the power of a machine.
//!
//! Knows machines by name and first process. Does not know why one is switched off.

use crate::cluster::Cluster;
use crate::spaces::{is_alive, signal};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The agent: asks by making a file, and has its answer when the file is gone.
const AGENT: &str = r#"#!/bin/sh
power="$(dirname "$0")/../../power"
while IFS='=' read -r name value; do
    case "$name" in action) action=$value ;; port) port=$value ;; esac
done
case "$action" in
    metadata) cat <<'END'
<?xml version="1.0"?>
<resource-agent name="fence_switch" shortdesc="switch of the test">
<longdesc>Cuts the power of a machine of the test.</longdesc>
<parameters>
<parameter name="action"><content type="string"/><shortdesc lang="en">what to do</shortdesc></parameter>
<parameter name="port"><content type="string"/><shortdesc lang="en">machine</shortdesc></parameter>
</parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
<action name="monitor"/><action name="list"/><action name="metadata"/></actions>
</resource-agent>
END
    ;;
    monitor|status) ;;
    list) cat "$power/machines" ;;
    on) echo "$HOLDFAST_NODE_NAME $port" >> "$power/on" ;;
    off|reboot)
        : > "$power/cut-$port"
        while [ -e "$power/cut-$port" ]; do sleep 0.02; done ;;
    *) exit 3 ;;
esac
"#;

/// A switch with all machines of a cluster on it.
pub struct Switch {
    folder: PathBuf,
    done: Arc<AtomicBool>,
    cut: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Switch {
    /// Puts the switch, and the agent `fence_switch` for it, beside the machines.
    ///
    /// # Panics
    /// When the disk refuses.
    #[must_use]
    pub fn new(cluster: &Cluster, names: &[&str]) -> Self {
        let folder = cluster.root().join("power");
        std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
        std::fs::write(folder.join("machines"), names.join("\n") + "\n").expect("own folder");
        cluster.script("sbin", "fence_switch", AGENT);
        let machines: Vec<(String, u32)> =
            names.iter().enumerate().map(|(node, name)| ((*name).to_owned(), cluster.first(node))).collect();
        let (done, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stop, told, place) = (Arc::clone(&done), Arc::clone(&cut), folder.clone());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for (name, first) in &machines {
                    look(&place, name, *first, &told);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { folder, done, cut, thread: Some(thread) }
    }

    /// Machines that were switched off, in order.
    #[must_use]
    pub fn cut(&self) -> Vec<String> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lines `ASKER MACHINE` of requests to switch on.
    #[must_use]
    pub fn on(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("on")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Carries out a request and confirms it once the machine is off.
fn look(folder: &Path, name: &str, first: u32, cut: &Mutex<Vec<String>>) {
    let request = folder.join(format!("cut-{name}"));
    if !request.exists() {
        return;
    }
    if is_alive(first) {
        signal(first, Signal::KILL);
    }
    while is_alive(first) {
        std::thread::sleep(Duration::from_millis(1));
    }
    cut.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    std::fs::remove_file(request).expect("own folder");
}
