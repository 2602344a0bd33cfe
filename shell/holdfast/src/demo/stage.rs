//! Where the demonstration's nodes live: network namespaces where the kernel allows them, else loopback addresses.
//!
//! Knows processes and links. Does not know what the nodes do with them.

use super::files::{NODES, Scratch};
use super::service;
use holdfast_agent_stock::netlink::{Entry, Netlink};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether the nodes have machines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network, process and mount namespace each, joined by a bridge.
    Namespaces,
    /// Processes on 127.0.1.x; the service address is a stand-in that every process could answer for.
    Loopback,
}

/// The service address of each kind.
pub fn service_address(kind: Kind) -> &'static str {
    match kind {
        Kind::Namespaces => "10.99.0.100/24/eth0",
        Kind::Loopback => "127.0.1.100",
    }
}

/// What the client asks.
pub fn client_target(kind: Kind) -> IpAddr {
    IpAddr::V4(match kind {
        Kind::Namespaces => Ipv4Addr::new(10, 99, 0, 100),
        Kind::Loopback => Ipv4Addr::new(127, 0, 1, 100),
    })
}

/// Address of a node.
pub fn node_address(kind: Kind, index: usize) -> Ipv4Addr {
    let last = index as u8 + 1;
    match kind {
        Kind::Namespaces => Ipv4Addr::new(10, 99, 0, last),
        Kind::Loopback => Ipv4Addr::new(127, 0, 1, last),
    }
}

/// What a node is doing, as far as the stage knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    On,
    Off,
    Paused,
    /// Running behind a pulled cable.
    Cut,
}

/// One node on the stage.
struct Node {
    power: Power,
    /// `unshare` or the daemon itself; its end takes every process of the node along.
    child: Option<Child>,
    /// Process id of the node's first process.
    first: Option<u32>,
    /// Held open: its end tells the node that the demonstration is gone.
    lifeline: Option<ChildStdin>,
}

/// The stage with its nodes.
pub struct Stage {
    pub kind: Kind,
    pub scratch: Scratch,
    exe: PathBuf,
    nodes: Vec<Node>,
    net: Option<(Netlink, u32)>,
}

impl Stage {
    /// Sets the stage; no node runs yet.
    ///
    /// # Errors
    /// What the kernel or the disk refused.
    pub fn new(kind: Kind, exe: PathBuf) -> io::Result<Stage> {
        let addresses: Vec<(String, String)> = NODES
            .iter()
            .enumerate()
            .map(|(i, n)| ((*n).to_owned(), node_address(kind, i).to_string()))
            .collect();
        let scratch = Scratch::new(service_address(kind), &addresses, &exe)?;
        let net = match kind {
            Kind::Loopback => None,
            Kind::Namespaces => {
                let mut net = Netlink::open()?;
                let lo = net.index("lo")?;
                net.set_up(lo, true)?;
                net.add_bridge("br0")?;
                let bridge = net.index("br0")?;
                net.add_address(&Entry::plain(bridge, IpAddr::V4(Ipv4Addr::new(10, 99, 0, 254)), 24))?;
                net.set_up(bridge, true)?;
                Some((net, bridge))
            }
        };
        let nodes = NODES
            .iter()
            .map(|_| Node { power: Power::Off, child: None, first: None, lifeline: None })
            .collect();
        Ok(Stage { kind, scratch, exe, nodes, net })
    }

    /// What each node is doing.
    pub fn power(&self, index: usize) -> Power {
        self.nodes[index].power
    }

    /// Switches a node on.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn start(&mut self, index: usize) -> io::Result<()> {
        let name = NODES[index];
        let folders = self.scratch.node(name);
        // What a machine forgets when its power goes.
        let run = folders.base.join("run");
        let _ = std::fs::remove_dir_all(&run);
        std::fs::create_dir_all(run.join("agents"))?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folders.base.join("log/console.log"))?;
        let mut command = match self.kind {
            Kind::Namespaces => {
                let mut command = Command::new("unshare");
                command
                    .args([
                        "--net",
                        "--pid",
                        "--mount",
                        "--uts",
                        "--ipc",
                        "--fork",
                        "--kill-child=KILL",
                        "--mount-proc",
                    ])
                    .arg(&self.exe);
                command
            }
            Kind::Loopback => Command::new(&self.exe),
        };
        command
            .args(["demo", "node", name, &node_address(self.kind, index).to_string()])
            .envs(folders.environment(&self.scratch.root))
            .env("HOLDFAST_DEMO_NAME", name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        if self.kind == Kind::Loopback {
            command.env(service::LISTEN_VARIABLE, client_target(self.kind).to_string());
        }
        let mut child = command.spawn()?;
        let mut ready = [0u8; 1];
        child.stdout.take().map_or(Ok(0), |mut out| out.read(&mut ready))?;
        if ready != *b"r" {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::other("a node's namespaces could not be made"));
        }
        let first = match self.kind {
            Kind::Loopback => child.id(),
            Kind::Namespaces => only_child(child.id())
                .ok_or_else(|| io::Error::other("the node's first process is gone already"))?,
        };
        if let Some((net, bridge)) = &mut self.net {
            let cable = cable(index);
            net.add_veth(&cable, *bridge, "eth0", first)?;
            let end = net.index(&cable)?;
            net.set_up(end, true)?;
        }
        let mut lifeline = child.stdin.take();
        if let Some(stdin) = &mut lifeline {
            stdin.write_all(b"g")?;
        }
        self.nodes[index] = Node { power: Power::On, child: Some(child), first: Some(first), lifeline };
        Ok(())
    }

    /// Cuts a node's power: every process of it ends at once, its network is gone.
    pub fn kill(&mut self, index: usize) {
        let kind = self.kind;
        let base = self.scratch.node(NODES[index]).base;
        let node = &mut self.nodes[index];
        if kind == Kind::Loopback {
            for pid in marked(&base) {
                signal(pid, rustix::process::Signal::KILL);
            }
        }
        if let Some(mut child) = node.child.take() {
            match (kind, node.first) {
                // With its first process every process of the namespace ends; then `unshare` ends too.
                (Kind::Namespaces, Some(first)) => signal(first, rustix::process::Signal::KILL),
                _ => {
                    let _ = child.kill();
                }
            }
            let _ = child.wait();
        }
        // The kernel takes its time to clear a network away; the cable goes at once.
        if let Some((net, _)) = &mut self.net
            && let Ok(end) = net.index(&cable(index))
        {
            let _ = net.delete_link(end);
        }
        node.first = None;
        node.lifeline = None;
        node.power = Power::Off;
    }

    /// Stops every process of a node without ending it.
    pub fn pause(&mut self, index: usize) {
        for pid in self.processes(index) {
            signal(pid, rustix::process::Signal::STOP);
        }
        self.nodes[index].power = Power::Paused;
    }

    /// Pulls a node's cable.
    ///
    /// # Errors
    /// The kernel's refusal; a stage of loopback addresses has no cables.
    pub fn cut(&mut self, index: usize) -> io::Result<()> {
        let Some((net, _)) = &mut self.net else {
            return Err(io::Error::other("processes on loopback addresses have no cable to pull"));
        };
        let end = net.index(&cable(index))?;
        net.set_up(end, false)?;
        self.nodes[index].power = Power::Cut;
        Ok(())
    }

    /// Plugs all cables in, wakes paused nodes and switches on what is off.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn heal(&mut self) -> io::Result<()> {
        for index in 0..NODES.len() {
            match self.nodes[index].power {
                Power::On => {}
                Power::Off => self.start(index)?,
                Power::Paused => {
                    for pid in self.processes(index) {
                        signal(pid, rustix::process::Signal::CONT);
                    }
                    self.nodes[index].power = Power::On;
                }
                Power::Cut => {
                    if let Some((net, _)) = &mut self.net {
                        let end = net.index(&cable(index))?;
                        net.set_up(end, true)?;
                    }
                    self.nodes[index].power = Power::On;
                }
            }
        }
        Ok(())
    }

    /// The nodes that hold the service address and could answer for it now.
    pub fn holders(&self) -> Vec<usize> {
        let wanted = match client_target(self.kind) {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => address.to_string(),
        };
        (0..NODES.len())
            .filter(|index| {
                let node = &self.nodes[*index];
                let Some(first) = node.first.filter(|_| matches!(node.power, Power::On | Power::Cut)) else {
                    return false;
                };
                match self.kind {
                    Kind::Namespaces => std::fs::read_to_string(format!("/proc/{first}/net/fib_trie"))
                        .is_ok_and(|table| {
                            table.lines().any(|line| line.trim_start_matches([' ', '|', '-', '+']) == wanted)
                        }),
                    Kind::Loopback => {
                        let pid = self.scratch.node(NODES[*index]).base.join("run/agents/webserver.pid");
                        std::fs::read_to_string(pid)
                            .is_ok_and(|pid| std::path::Path::new(&format!("/proc/{}", pid.trim())).exists())
                    }
                }
            })
            .collect()
    }

    fn processes(&self, index: usize) -> Vec<u32> {
        match (self.kind, self.nodes[index].first) {
            (Kind::Namespaces, Some(first)) => descendants(first),
            (Kind::Loopback, _) => marked(&self.scratch.node(NODES[index]).base),
            (Kind::Namespaces, None) => Vec::new(),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for index in 0..self.nodes.len() {
            self.kill(index);
        }
    }
}

fn cable(index: usize) -> String {
    format!("cable{index}")
}

/// Sends a signal; a process that is gone already is no fault.
fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Waits in small steps until a condition holds or the time is over.
pub fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|p| p.parse().ok()).collect()
}

fn only_child(pid: u32) -> Option<u32> {
    children(pid).first().copied()
}

/// Every process of a process namespace, found by its namespace: orphans hang on its first process.
fn descendants(first: u32) -> Vec<u32> {
    let space = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let wanted = space(first);
    all_processes().filter(|pid| wanted.is_some() && space(*pid) == wanted).collect()
}

fn all_processes() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Every process whose environment says that it belongs to a node's folder.
fn marked(base: &std::path::Path) -> Vec<u32> {
    let mark = format!("HOLDFAST_STATE_DIR={}", base.join("state").display());
    let own = std::process::id();
    all_processes()
        .filter(|pid| *pid != own)
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.split(|b| *b == 0).any(|entry| entry == mark.as_bytes()))
        })
        .collect()
}
