//! One loss of a node, or of what runs there, and how long a client waits for its service.
//!
//! Knows the commands that an administrator types and the client's view. Does not know the stack behind them, except
//! for how it is started.

use crate::client::Client;
use holdfast_e2e::{Cluster, Switch, wait};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What can be measured.
pub const WHAT: [&str; 7] = ["start", "kill", "killdc", "cut", "standby", "stop", "crash"];

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 100);
const LONG: Duration = Duration::from_secs(40);

/// Which program runs on the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// The executable of this project.
    Holdfast,
    /// corosync, Pacemaker and crmsh as installed.
    Peer,
}

/// Conditions of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Token time-out in ms.
    pub token: u32,
    /// A fence device that confirms at once.
    pub fencing: bool,
    /// Which program.
    pub stack: Stack,
}

/// A running cluster.
struct Stage {
    cluster: Cluster,
    options: Options,
    _switch: Switch,
}

/// Measures one thing, in ms. To be called in namespaces of its own.
///
/// # Panics
/// When the machines cannot be made or the cluster does not get where it should in time.
#[must_use]
pub fn measure(what: &str, options: Options) -> f64 {
    let scratch = std::env::temp_dir().join(format!("holdfast-bench-{}-{what}", std::process::id()));
    let folder = Scratch(scratch);
    let _ = std::fs::remove_dir_all(&folder.0);
    std::fs::create_dir_all(&folder.0).expect("the temporary folder can be written");
    let (mut stage, started) = Stage::new(folder.0.clone(), options);
    if what == "start" {
        return started.as_secs_f64() * 1000.0;
    }
    stage.configure();
    stage.run(what).as_secs_f64() * 1000.0
}

/// Removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    /// Starts everything; how long it took until all nodes were online and idle.
    fn new(root: PathBuf, options: Options) -> (Self, Duration) {
        let mut cluster = Cluster::new(root, &NODES);
        let switch = Switch::new(&cluster, &NODES);
        cluster.client_address(254);
        let conf = corosync_conf(options);
        let key = cluster.etc(0).join("authkey");
        cluster.must(0, &["corosync-keygen", "-k", &key.display().to_string()]);
        for node in 0..NODES.len() {
            std::fs::write(cluster.etc(node).join("corosync.conf"), &conf).expect("own folder");
            if node > 0 {
                std::fs::copy(&key, cluster.etc(node).join("authkey")).expect("own folder");
            }
        }
        let begun = Instant::now();
        for node in 0..NODES.len() {
            match options.stack {
                Stack::Holdfast => cluster.start(node),
                Stack::Peer => start_peer(&cluster, node),
            }
        }
        let stage = Self { cluster, options, _switch: switch };
        stage.wait_idle("all nodes to be online and idle");
        (stage, begun.elapsed())
    }

    /// Types a command on a node; the tools of the stack under test.
    fn type_in(&self, node: usize, words: &[&str]) -> String {
        match self.options.stack {
            Stack::Holdfast => self.cluster.run(node, words).text,
            Stack::Peer => {
                let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
                let script = format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin {} 2>&1; true", quoted.join(" "));
                self.cluster.shell(node, &script)
            }
        }
    }

    fn wait_idle(&self, what: &str) {
        look_for(what, || {
            // The peer's tool waits long for an answer where nobody decides yet.
            let online = self.type_in(0, &["crm_mon", "-1"]);
            let words = online.split_whitespace().collect::<Vec<_>>().join(" ");
            if !words.contains("Online: [ node1 node2 node3 ]") || words.contains("Current DC: NONE") {
                return Err(online);
            }
            let said = self.type_in(0, &["crmadmin", "-D"]);
            let Some(dc) = said.rsplit(": ").next().map(str::trim) else { return Err(said) };
            let Some(node) = NODES.iter().position(|name| *name == dc) else { return Err(said) };
            let state = self.type_in(node, &["crmadmin", "-S", dc]);
            if state.contains("S_IDLE") { Ok(()) } else { Err(format!("{state}{online}")) }
        });
    }

    fn dc(&self) -> usize {
        let said = self.type_in(0, &["crmadmin", "-D"]);
        let name = said.rsplit(": ").next().map(str::trim).unwrap_or_default();
        NODES.iter().position(|node| *node == name).expect("somebody decides")
    }

    fn holder(&self) -> Option<usize> {
        match self.cluster.holders(&ADDRESS.to_string()).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The group of the address and a Dummy, with monitors every second.
    fn configure(&self) {
        let fencing = if self.options.fencing {
            "property stonith-enabled=true stonith-timeout=20s\nprimitive st stonith:fence_switch params \
             pcmk_host_list=\"node1 node2 node3\" pcmk_host_check=static-list\n"
        } else {
            "property stonith-enabled=false\n"
        };
        let lines = format!(
            "{fencing}rsc_defaults resource-stickiness=100\n\
             primitive p_vip ocf:heartbeat:IPaddr2 params ip={ADDRESS} cidr_netmask=24 nic=eth0 op monitor \
             interval=1s timeout=20s\n\
             primitive p_dummy ocf:pacemaker:Dummy op monitor interval=1s timeout=20s\n\
             group g p_vip p_dummy\ncommit\n"
        );
        let file = self.cluster.root().join("configuration.crm");
        std::fs::write(&file, lines).expect("own folder");
        let path = match self.options.stack {
            Stack::Holdfast => "",
            Stack::Peer => "PATH=/usr/sbin:/usr/bin:/sbin:/bin ",
        };
        let said = self.cluster.shell(0, &format!("{path}crm -F configure < {} 2>&1; true", file.display()));
        look_for("the group to run", || self.running().ok_or_else(|| said.clone()).map(|_| ()));
    }

    /// Where both of the group run.
    fn running(&self) -> Option<usize> {
        let holder = self.holder()?;
        let shown = self.type_in(holder, &["crm_resource", "--resource", "p_dummy", "--locate"]);
        shown.contains(&format!("running on: {}", NODES[holder])).then_some(holder)
    }

    /// Puts the group on the node that decides, or off it.
    fn place(&self, on_dc: bool) -> usize {
        let dc = self.dc();
        let here = self.running().expect("the group runs");
        if (here == dc) == on_dc {
            return here;
        }
        let to = if on_dc { dc } else { (0..NODES.len()).find(|node| *node != dc).unwrap_or(0) };
        self.type_in(0, &["crm_resource", "--move", "-r", "g", "-N", NODES[to]]);
        look_for("the group to move", || {
            if self.running() == Some(to) { Ok(()) } else { Err(self.type_in(0, &["crm_mon", "-1"])) }
        });
        self.type_in(0, &["crm_resource", "--clear", "-r", "g"]);
        self.wait_idle("the cluster to be idle");
        to
    }

    fn run(&mut self, what: &str) -> Duration {
        let node = self.place(what == "killdc");
        self.wait_idle("the cluster to be idle");
        let client = Client::start(ADDRESS).expect("a raw socket");
        look_for("the client to be answered", || {
            if client.answers().len() >= 30 { Ok(()) } else { Err(String::new()) }
        });
        let begun = Instant::now();
        match what {
            "kill" | "killdc" => {
                self.cluster.unplug(node);
                self.cluster.power_off(node);
                answered(&client, begun)
            }
            "cut" => {
                self.cluster.unplug(node);
                answered(&client, begun)
            }
            "crash" => {
                if self.options.stack == Stack::Holdfast {
                    self.cluster.crash(node);
                } else {
                    self.cluster.shell(node, "kill -9 $(pidof pacemaker-controld)");
                }
                self.wait_idle("the daemon to be back");
                client.longest_gap(begun)
            }
            "standby" => {
                self.type_in(node, &["crm", "node", "standby", NODES[node]]);
                self.wait_moved(node);
                client.longest_gap(begun)
            }
            _ => {
                match self.options.stack {
                    Stack::Holdfast => {
                        self.cluster.stop(node);
                    }
                    Stack::Peer => {
                        self.cluster.shell(
                            node,
                            "kill $(pidof pacemakerd); while pidof pacemakerd; do sleep 0.05; done",
                        );
                    }
                }
                self.wait_moved(node);
                client.longest_gap(begun)
            }
        }
    }

    fn wait_moved(&self, from: usize) {
        look_for("another node to hold the address", || match self.holder() {
            Some(node) if node != from => Ok(()),
            other => Err(format!("{other:?}")),
        });
        // One more look of the client at the new place.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(100) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// From the loss until the first answer to a later request.
fn answered(client: &Client, begun: Instant) -> Duration {
    let lost = Instant::now();
    let mut found = None;
    look_for("an answer from another node", || {
        found = client.first_after(lost);
        found.map(|_| ()).ok_or_else(String::new)
    });
    found.map_or(Duration::MAX, |answer| answer.at - begun)
}

fn look_for(what: &str, look: impl FnMut() -> Result<(), String>) {
    wait(what, LONG, look);
}

fn corosync_conf(options: Options) -> String {
    let crypto = match options.stack {
        Stack::Holdfast => "",
        Stack::Peer => "    crypto_cipher: none\n    crypto_hash: none\n    transport: knet\n",
    };
    let nodes: String = (1..=NODES.len())
        .map(|id| {
            format!("    node {{\n        nodeid: {id}\n        name: node{id}\n        ring0_addr: 10.98.0.{id}\n    }}\n")
        })
        .collect();
    format!(
        "totem {{\n    version: 2\n    cluster_name: bench\n    token: {}\n{crypto}}}\nlogging {{\n    to_syslog: no\n    \
         to_stderr: yes\n    timestamp: hires\n}}\nquorum {{\n    provider: corosync_votequorum\n}}\nnodelist {{\n{nodes}}}\n",
        options.token
    )
}

/// corosync and Pacemaker on private copies of what they write to.
fn start_peer(cluster: &Cluster, node: usize) {
    let etc = cluster.etc(node);
    let agent = cluster.root().join("agents/sbin/fence_switch");
    let script = format!(
        "for place in /etc /usr/sbin /var; do work={base}/peer$place; mkdir -p $work/up $work/work; \
           mount -t overlay overlay -o lowerdir=$place,upperdir=$work/up,workdir=$work/work $place || exit 1; done\n\
         mount -t tmpfs run /run; mount -t tmpfs shm /dev/shm; mkdir -p /run/lock /etc/corosync\n\
         cp {etc}/corosync.conf /etc/corosync/corosync.conf; cp {agent} /usr/sbin/fence_switch\n\
         sed -i 's|^power=.*|power={power}|' /usr/sbin/fence_switch\n\
         for n in 1 2 3; do echo 10.98.0.$n node$n; done >> /etc/hosts\n\
         rm -rf /var/lib/pacemaker /var/lib/corosync; mkdir -p /var/lib/corosync /var/log/corosync\n\
         install -d -o hacluster -g haclient -m 750 /var/lib/pacemaker /var/lib/pacemaker/cib \
           /var/lib/pacemaker/pengine /var/lib/pacemaker/blackbox /var/lib/pacemaker/cores\n\
         install -d -o hacluster -g haclient -m 770 /var/log/pacemaker\n\
         (corosync -f > {base}/log/corosync 2>&1 &)\n\
         for i in $(seq 500); do corosync-cfgtool -s > /dev/null 2>&1 && break; sleep 0.02; done\n\
         (PCMK_logfacility=none pacemakerd -f > {base}/log/pacemaker 2>&1 &)\n",
        base = parent(&etc).display(),
        etc = etc.display(),
        agent = agent.display(),
        power = cluster.root().join("power").display(),
    );
    cluster.shell(node, &format!("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n{script}"));
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
