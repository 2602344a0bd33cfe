//! Machines that are only namespaces: each has its own network, mounts, host name and IPC, all hang on one bridge a
//! link. Nothing of the host is touched, and all is gone when the holders end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A process that keeps namespaces alive; it ends with us, because its input ends.
struct Holder(Child);

impl Holder {
    /// Starts `unshare` and waits until the script has done its work.
    fn start(flags: &[&str], script: &str) -> Result<Holder, String> {
        let mut child = Command::new("unshare")
            .args(flags)
            .args(["sh", "-ec", &format!("{script}\necho ready\nexec cat")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let output = child.stdout.take().ok_or("a holder without output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let holder = Holder(child);
        if line.trim() == "ready" { Ok(holder) } else { Err("a namespace cannot be made".to_owned()) }
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The network and its hosts, numbered from 1.
pub struct Lab {
    switch: Holder,
    hosts: Vec<Holder>,
    links: usize,
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Address of a host on a link.
pub fn address(link: usize, host: usize) -> String {
    format!("10.77.{link}.{host}")
}

impl Lab {
    /// Builds the network.
    ///
    /// # Errors
    /// Without root or when a tool of iproute2 or util-linux is missing.
    pub fn new(hosts: usize, links: usize) -> Result<Lab, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("namespaces need root; start the comparison as root".to_owned());
        }
        let mut script = String::new();
        for link in 0..links {
            script += &format!(
                "ip link add br{link} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
                 ip link set br{link} up\n"
            );
        }
        let switch = Holder::start(&["-n"], &script)?;
        let mut lab = Lab { switch, hosts: Vec::new(), links };
        for host in 1..=hosts {
            let script = format!(
                "mount --make-rprivate /\nmount -t tmpfs run /run\nmount -t tmpfs -o size=4g shm /dev/shm\n\
                 for d in /var/lib/corosync /var/log/corosync; do\n\
                 test ! -d $d || mount -t tmpfs own $d\ndone\nhostname n{host}"
            );
            lab.hosts.push(Holder::start(&["-n", "-m", "-u", "-i"], &script)?);
            for link in 0..links {
                lab.plug(link, host)?;
            }
        }
        Ok(lab)
    }

    fn plug(&self, link: usize, host: usize) -> Result<(), String> {
        let pid = self.hosts[host - 1].pid();
        let port = format!("p{link}n{host}");
        run(Command::new("nsenter").args(["-t", &self.switch.pid(), "-n", "sh", "-ec"]).arg(format!(
            "ip link add {port} type veth peer name eth{link} netns {pid}\n\
             ip link set {port} master br{link} up"
        )))?;
        run(Command::new("nsenter").args(["-t", &pid, "-n", "sh", "-ec"]).arg(format!(
            "ip link set lo up\nip addr add {}/24 dev eth{link}\nip link set eth{link} up",
            address(link, host)
        )))
    }

    /// Hosts of the network.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Links of every host.
    pub fn links(&self) -> usize {
        self.links
    }

    /// A command inside a host; it dies with us.
    pub fn inside(&self, host: usize) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "nsenter", "-t", &self.hosts[host - 1].pid()]);
        command.args(["-m", "-n", "-u", "-i", "--"]);
        command
    }

    /// Lets the switch drop everything of one host on one link, without a sign to anybody (or no longer).
    ///
    /// # Errors
    /// When the bridge refuses.
    pub fn cut(&self, link: usize, host: usize, off: bool) -> Result<(), String> {
        let port = format!("p{link}n{host}");
        let state = if off { "0" } else { "3" };
        run(Command::new("nsenter").args([
            "-t",
            &self.switch.pid(),
            "-n",
            "bridge",
            "link",
            "set",
            "dev",
            &port,
            "state",
            state,
        ]))
    }
}

/// Processes of idle priority that keep every processor from sleeping. In a virtual machine a sleeping processor takes
/// longer to wake than a message takes to be ordered; with them the programs are measured and not the hypervisor.
pub struct Awake(Vec<Child>);

impl Awake {
    /// One a processor.
    ///
    /// # Errors
    /// When `chrt` is missing.
    pub fn start() -> Result<Awake, String> {
        let mut awake = Awake(Vec::new());
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]);
            let child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("chrt: {error}"))?;
            awake.0.push(child);
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
