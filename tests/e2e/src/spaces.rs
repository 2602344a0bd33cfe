//! Namespaces: a process tree with a network, processes, mounts, a host name and message queues of its own.
//!
//! Knows how they are made, entered and looked at. Does not know folders, nor what runs in them.

use holdfast_agent_stock::netlink::Netlink;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A call of `unshare` for all of them; the process that it starts is the first one inside, and ends with the caller.
#[must_use]
pub fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "--pid",
        "--mount",
        "--uts",
        "--ipc",
        "--fork",
        "--kill-child=KILL",
        "--mount-proc",
    ]);
    command
}

/// What exists while a machine is on.
pub(crate) struct Machine {
    /// First process of the machine; its end ends all others.
    pub(crate) first: u32,
    process: Child,
    /// The script ends when nobody holds this any more.
    _lifeline: Option<ChildStdin>,
}

impl Machine {
    /// Starts a shell script as first process. It prints `ready` once all is in place, and then reads its standard input
    /// for as long as the machine is to be on.
    pub(crate) fn start(script: &str) -> Machine {
        let mut process = unshare()
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`unshare` is installed");
        let mut ready = [0u8; 6];
        process
            .stdout
            .take()
            .expect("it was piped")
            .read_exact(&mut ready)
            .expect("the machine's namespaces and mounts can be made");
        let first = *children(process.id()).first().expect("the machine's first process runs");
        let lifeline = process.stdin.take();
        Machine { first, process, _lifeline: lifeline }
    }

    /// Cuts the power: every process is killed. Waits until they are gone.
    pub(crate) fn end(&mut self) {
        signal(self.first, Signal::KILL);
        let _ = self.process.wait();
    }

    /// Whether it is on and holds an address.
    pub(crate) fn holds(&self, address: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{}/net/fib_trie", self.first)).is_ok_and(|table| {
            table.lines().any(|line| line.trim_start_matches([' ', '|', '-', '+']) == address)
        })
    }
}

/// The network of the caller with its loopback link up.
pub(crate) fn network() -> Netlink {
    let mut net = Netlink::open().expect("the namespace has a network");
    let lo = net.index("lo").expect("there is a loopback link");
    net.set_up(lo, true).expect("the loopback link can be set up");
    net
}

/// Makes a switch and returns its number.
pub(crate) fn bridge(net: &mut Netlink, name: &str) -> u32 {
    net.add_bridge(name).expect("the kernel has bridges");
    let index = net.index(name).expect("the bridge was just made");
    net.set_up(index, true).expect("the bridge can be set up");
    index
}

/// Joins a machine to a switch: `cable` is the end at the switch, `interface` the one in the machine.
pub(crate) fn wire(net: &mut Netlink, cable: &str, bridge: u32, interface: &str, first: u32) {
    net.add_veth(cable, bridge, interface, first).expect("the kernel has virtual cables");
    let end = net.index(cable).expect("the cable was just made");
    net.set_up(end, true).expect("the cable can be set up");
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Sends a signal.
///
/// # Panics
/// When there is no such process.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is positive");
    kill_process(pid, signal).expect("the process runs");
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// The processes that a process has started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|p| p.parse().ok()).collect()
}

/// Does something in the network of a process.
pub(crate) fn on<T: Send + 'static>(pid: u32, what: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(move || {
        let space = std::fs::File::open(format!("/proc/{pid}/ns/net")).expect("the node runs");
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).expect("the node is ours");
        what()
    })
    .join()
    .expect("a thread in the node's network")
}
