//! Nodes with a network, process, mount and host name namespace each, joined by a bridge.
//!
//! Knows folders, links and processes. Does not know what runs on the nodes. Everything ends with the namespaces that
//! [`crate::inside`] made.

use crate::spaces::{self, Machine, children, is_alive, on, signal};
use holdfast_agent_stock::netlink::{Entry, Netlink};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a tool printed and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Standard output and standard error together, as one reads them.
    pub text: String,
    /// Exit status; 128 and more for a signal.
    pub status: i32,
}

struct Node {
    name: String,
    base: PathBuf,
    machine: Machine,
    daemon: Option<Child>,
    /// What its programs find in their environment beside the usual.
    environment: Vec<(String, String)>,
}

/// The machines of one test.
pub struct Cluster {
    root: PathBuf,
    nodes: Vec<Node>,
}

/// The executable under test.
///
/// # Panics
/// When it was not built.
pub fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("HOLDFAST_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a test has an executable");
    // Tests lie in target/PROFILE/deps, benchmarks beside the executable.
    let folder = own.parent().expect("an executable lies in a folder");
    let beside = folder.join("holdfast");
    let path = if beside.exists() { beside } else { folder.parent().unwrap_or(folder).join("holdfast") };
    assert!(path.exists(), "there is no {}; build it with: cargo build -p holdfast", path.display());
    path
}

impl Cluster {
    /// Switches machines on, with the addresses 10.98.0.1 and following; no daemon runs yet.
    ///
    /// # Panics
    /// When the kernel or the disk refuses.
    pub fn new(root: PathBuf, names: &[&str]) -> Cluster {
        let links = root.join("bin");
        let status =
            Command::new(executable()).arg("install-links").arg(&links).stdout(Stdio::null()).status();
        assert!(status.expect("the executable runs").success(), "install-links failed");
        for kind in ["init.d", "sbin"] {
            std::fs::create_dir_all(root.join("agents").join(kind))
                .expect("the scratch folder can be written");
        }
        std::fs::create_dir_all(root.join("agents/resource.d")).expect("the scratch folder can be written");
        let mut net = spaces::network();
        let bridge = spaces::bridge(&mut net, "br0");
        let mut cluster = Cluster { root, nodes: Vec::new() };
        for (index, name) in names.iter().enumerate() {
            cluster.add(&mut net, bridge, index, name);
        }
        cluster
    }

    fn add(&mut self, net: &mut Netlink, bridge: u32, index: usize, name: &str) {
        let base = self.root.join("nodes").join(format!("{index}-{name}"));
        for sub in ["etc", "state", "run/agents", "log", "pacemaker/cib", "pacemaker/pengine"] {
            std::fs::create_dir_all(base.join(sub)).expect("the scratch folder can be written");
        }
        // The loop reaps nothing by itself, but a shell reaps orphans while it waits for its own child.
        // Machines do not share a kernel: each has a boot id of its own.
        let boot = base.join("boot-id");
        let script = format!(
            "set -e; cat /proc/sys/kernel/random/uuid > {boot}; mount --bind {boot} \
             /proc/sys/kernel/random/boot_id; echo {name} > /proc/sys/kernel/hostname; echo ready; \
             set +e; cat > /dev/null & wait",
            boot = boot.display()
        );
        let script = format!("exec 3<&0; {}", script.replace("cat >", "cat <&3 >"));
        let machine = Machine::start(&script);
        let first = machine.first;
        spaces::wire(net, &format!("cable{index}"), bridge, "eth0", first);
        let address = Ipv4Addr::new(10, 98, 0, index as u8 + 1);
        on(first, move || {
            let mut net = spaces::network();
            let index = net.index("eth0").expect("the link is there");
            net.set_up(index, true).expect("the link can be set up");
            net.add_address(&Entry::plain(index, address.into(), 24)).expect("the address is free");
        });
        self.nodes.push(Node { name: name.to_owned(), base, machine, daemon: None, environment: Vec::new() });
    }

    /// Gives every program that is started on a node from now on one more variable.
    pub fn environment(&mut self, node: usize, name: &str, value: &str) {
        self.nodes[node].environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a shell script on a node; the folders of the node are in `HOLDFAST_STATE_DIR` and its like.
    ///
    /// # Panics
    /// When its status is not 0.
    pub fn shell(&self, node: usize, script: &str) -> String {
        self.must(node, &["/bin/sh", "-c", script])
    }

    /// How many nodes there are.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Starts a tool on a node that goes on beside the test; what it prints is to be read from it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn begin(&self, node: usize, words: &[&str]) -> Child {
        self.command(node, words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`nsenter` is installed")
    }

    /// First process of a node; its end is the end of the machine.
    pub fn first(&self, node: usize) -> u32 {
        self.nodes[node].machine.first
    }

    /// Whether the machine is on.
    pub fn is_on(&self, node: usize) -> bool {
        is_alive(self.nodes[node].machine.first)
    }

    /// Folder of a node's state.
    pub fn state(&self, node: usize) -> PathBuf {
        self.nodes[node].base.join("state")
    }

    /// Folder for what must not outlive a boot.
    pub fn run_dir(&self, node: usize) -> PathBuf {
        self.nodes[node].base.join("run")
    }

    /// Configuration folder of a node.
    pub fn etc(&self, node: usize) -> PathBuf {
        self.nodes[node].base.join("etc")
    }

    /// Folder in which a node looks for an older configuration.
    pub fn cib(&self, node: usize) -> PathBuf {
        self.nodes[node].base.join("pacemaker/cib")
    }

    /// Scratch folder of the test.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a script that a node finds as `KIND` (`init.d` or `resource.d`) of that name.
    ///
    /// # Panics
    /// When the disk refuses.
    pub fn script(&self, kind: &str, name: &str, body: &str) {
        let path = self.root.join("agents").join(kind).join(name);
        std::fs::write(&path, body).expect("the scratch folder can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("own file");
    }

    fn command(&self, node: usize, tool: &str) -> Command {
        let node = &self.nodes[node];
        let mut command = Command::new("nsenter");
        command.args([
            "--net",
            "--pid",
            "--mount",
            "--uts",
            "--ipc",
            "--target",
            &node.machine.first.to_string(),
        ]);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg("--")
            .arg(match tool {
                "holdfast" => executable(),
                path if path.starts_with('/') => path.into(),
                tool => self.root.join("bin").join(tool),
            })
            .env("PATH", format!("{}:{path}", self.root.join("bin").display()))
            .env("HOLDFAST_CONFIG_DIR", node.base.join("etc"))
            .env("HOLDFAST_STATE_DIR", node.base.join("state"))
            .env("HOLDFAST_RUN_DIR", node.base.join("run"))
            .env("HOLDFAST_LOG_DIR", node.base.join("log"))
            .env("HOLDFAST_PACEMAKER_DIR", node.base.join("pacemaker"))
            .env("HOLDFAST_AGENT_DIR", self.root.join("agents"))
            // As on a bare machine: the agents are our own.
            .env("OCF_ROOT", self.root.join("ocf"))
            .env("HA_RSCTMP", node.base.join("run/agents"))
            .env("HOLDFAST_NODE_NAME", &node.name)
            .env("COLUMNS", "160")
            .envs(node.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.root);
        command
    }

    /// Runs a tool on a node, with what is typed into it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_typing(&self, node: usize, words: &[&str], typed: &str) -> Said {
        let mut child = self
            .command(node, words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`nsenter` is installed");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A tool that does not read has ended; its status tells.
        let _ = stdin.write_all(typed.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it is a child");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Said { text, status: output.status.code().unwrap_or(128) }
    }

    /// Runs a tool on a node.
    pub fn run(&self, node: usize, words: &[&str]) -> Said {
        self.run_typing(node, words, "")
    }

    /// Runs a tool on a node that has to succeed.
    ///
    /// # Panics
    /// When its status is not 0.
    pub fn must(&self, node: usize, words: &[&str]) -> String {
        let said = self.run(node, words);
        assert_eq!(said.status, 0, "{words:?} on {}:\n{}", self.nodes[node].name, said.text);
        said.text
    }

    /// Runs a tool on a node at a terminal.
    pub fn terminal(&self, node: usize, words: &[&str]) -> crate::Terminal {
        let mut command = self.command(node, words[0]);
        command.args(&words[1..]).env("HOME", &self.nodes[node].base);
        crate::Terminal::start(&command)
    }

    /// Starts the daemon of a node.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&mut self, node: usize) {
        self.serve(node, &["daemon"]);
    }

    /// Starts another service of the executable on a node.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve(&mut self, node: usize, words: &[&str]) {
        let console = self.nodes[node].base.join("log/console.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(console).expect("own folder");
        let daemon = self
            .command(node, "holdfast")
            .args(words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .spawn()
            .expect("`nsenter` is installed");
        self.nodes[node].daemon = Some(daemon);
    }

    /// Process id of a node's guard.
    ///
    /// # Panics
    /// When it does not run.
    pub fn guard(&self, node: usize) -> u32 {
        let enter = self.nodes[node].daemon.as_ref().expect("the daemon was started").id();
        *children(enter).first().unwrap_or_else(|| panic!("the guard of node {node} does not run"))
    }

    /// Process id of a node's daemon proper, if it runs now.
    pub fn daemon_proper(&self, node: usize) -> Option<u32> {
        children(self.guard(node)).into_iter().find(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|b| *b == 0).any(|word| word == b"daemon"))
        })
    }

    /// Stops a node's daemon as an init script does and returns its exit status once it ended.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self, node: usize) -> i32 {
        signal(self.guard(node), Signal::TERM);
        self.ended(node)
    }

    /// Exit status of a node's daemon once it ended.
    ///
    /// # Panics
    /// When it did not end within a minute.
    pub fn ended(&mut self, node: usize) -> i32 {
        let mut daemon = self.nodes[node].daemon.take().expect("the daemon was started");
        let mut status = None;
        crate::wait("the daemon to end", std::time::Duration::from_secs(60), || {
            status = daemon.try_wait().map_err(|e| e.to_string())?;
            status.map(|_| ()).ok_or_else(|| self.console(node))
        });
        status.and_then(|s| s.code()).unwrap_or(128)
    }

    /// Ends what was started last on a node with all its children, without a warning.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, node: usize) {
        let first = self.guard(node);
        let below = children(first);
        // The guard first: it would start the daemon again.
        signal(first, Signal::KILL);
        for pid in below {
            // It may have gone with the guard in this moment.
            let target = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is positive");
            if let Err(error) = kill_process(target, Signal::KILL) {
                assert_eq!(error.raw_os_error(), rustix::io::Errno::SRCH.raw_os_error(), "{error}");
            }
        }
        self.ended(node);
    }

    /// What a node's daemon said.
    pub fn console(&self, node: usize) -> String {
        std::fs::read_to_string(self.nodes[node].base.join("log/console.log")).unwrap_or_default()
    }

    /// Numbers of the nodes that hold an address.
    pub fn holders(&self, address: &str) -> Vec<usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].machine.holds(address)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in 0..self.nodes.len() {
                let tail = spaces::tail(&self.console(node));
                eprintln!("--- console of {}:\n{tail}", self.nodes[node].name);
            }
        }
    }
}

impl Cluster {
    /// Pulls the cable of a node: its link is down on both ends.
    ///
    /// # Panics
    /// When there is no such cable.
    pub fn unplug(&self, node: usize) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let end = net.index(&format!("cable{node}")).expect("the node has a cable");
        net.set_up(end, false).expect("the link can be set down");
    }

    /// Plugs the cable in again.
    ///
    /// # Panics
    /// When there is no such cable.
    pub fn plug(&self, node: usize) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let end = net.index(&format!("cable{node}")).expect("the node has a cable");
        net.set_up(end, true).expect("the link can be set up");
    }

    /// Cuts the power of a node.
    ///
    /// # Panics
    /// When it is off.
    pub fn power_off(&self, node: usize) {
        signal(self.nodes[node].machine.first, Signal::KILL);
    }

    /// Gives the bridge an address, for clients that ask from outside.
    ///
    /// # Panics
    /// When it is taken.
    pub fn client_address(&self, last: u8) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let bridge = net.index("br0").expect("there is a bridge");
        let address = Ipv4Addr::new(10, 98, 0, last);
        net.add_address(&Entry::plain(bridge, address.into(), 24)).expect("the address is free");
    }

    /// Takes a UDP port of a node's address for as long as the result lives.
    ///
    /// # Panics
    /// When it is taken.
    pub fn hold_port(&self, node: usize, port: u16) -> UdpSocket {
        let address = Ipv4Addr::new(10, 98, 0, node as u8 + 1);
        on(self.nodes[node].machine.first, move || {
            UdpSocket::bind((address, port)).expect("the port is free")
        })
    }

    /// Ends a node's daemon and its guard, without a warning.
    ///
    /// # Panics
    /// When they do not run.
    pub fn crash_all(&self, node: usize) {
        // The kernel ends the daemon proper together with its guard.
        signal(self.guard(node), Signal::KILL);
    }

    /// Ends a node's daemon proper alone, without a warning; returns its process id.
    ///
    /// # Panics
    /// When it does not run.
    pub fn crash(&self, node: usize) -> u32 {
        let pid = self.daemon_proper(node).expect("the daemon proper runs");
        signal(pid, Signal::KILL);
        pid
    }
}
