//! Machines with the paths of real ones: `/etc/ha.d`, `/etc/init.d`, `/usr/lib/heartbeat`, `/var/lib`, so that the
//! commands of tutorials can be typed as they are printed.
//!
//! Each machine has namespaces of its own and a disk of its own: an overlay over the whole tree of this machine, which
//! survives when the power goes, and each start of one has a boot id of its own. Knows folders, cables and power. Does not know what runs on the machines.

use crate::cluster::Said;
use crate::spaces::{self, Machine, on};
use holdfast_agent_stock::netlink::{Entry, Netlink};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A network: the name of the interface that leads to it, and the addresses of the others on it (the test itself).
pub type Network<'a> = (&'a str, &'a [&'a str]);
/// A machine: its name, and for each interface an address with its prefix length.
pub type Wiring<'a> = (&'a str, &'a [(&'a str, &'a str)]);

struct Host {
    name: String,
    addresses: Vec<(String, IpAddr, u8)>,
    disk: PathBuf,
    power: Option<Machine>,
}

/// The machines of one test.
pub struct Site {
    root: PathBuf,
    executable: PathBuf,
    networks: Vec<String>,
    hosts: Vec<Host>,
    /// Whether the service is installed at every start of a machine that lacks it.
    install: bool,
}

/// What a machine of old did not have, or had from others: taken off each new disk.
const FOREIGN: &str = "rm -rf /usr/lib/ocf /usr/lib/heartbeat /usr/lib64/heartbeat /etc/ha.d /etc/corosync \
     /etc/init.d/heartbeat /etc/init.d/corosync /etc/init.d/pacemaker /etc/logd.cf /var/lib/heartbeat \
     /var/lib/pacemaker /var/lib/holdfast /etc/systemd/system/heartbeat.service \
     /etc/systemd/system/corosync.service /etc/systemd/system/pacemaker.service";

impl Site {
    /// Switches machines on, wired as given; nothing of ours is installed on them yet.
    ///
    /// # Panics
    /// When the kernel or the disk refuses.
    pub fn new(root: PathBuf, networks: &[Network<'_>], hosts: &[Wiring<'_>]) -> Site {
        Site::with(root, networks, hosts, true)
    }

    /// As [`Site::new`], on machines that keep what this one has installed (Debian's heartbeat, its agents).
    ///
    /// # Panics
    /// When the kernel or the disk refuses.
    pub fn as_it_is(root: PathBuf, networks: &[Network<'_>], hosts: &[Wiring<'_>]) -> Site {
        Site::with(root, networks, hosts, false)
    }

    fn with(root: PathBuf, networks: &[Network<'_>], hosts: &[Wiring<'_>], install: bool) -> Site {
        let disks = root.join("disks");
        std::fs::create_dir_all(&disks).expect("the scratch folder can be written");
        // An overlay cannot lie on an overlay, which the scratch folder may be on.
        must(Command::new("mount").args(["-t", "tmpfs", "-o", "size=512m", "none"]).arg(&disks));
        let mut net = spaces::network();
        for (interface, own) in networks {
            let index = spaces::bridge(&mut net, &format!("br-{interface}"));
            for address in *own {
                let (address, prefix) = cidr(address);
                net.add_address(&Entry::plain(index, address, prefix)).expect("the address is free");
            }
        }
        let hosts = hosts.iter().map(|(name, wires)| Host {
            name: (*name).to_owned(),
            addresses: wires
                .iter()
                .map(|(interface, address)| {
                    let (address, prefix) = cidr(address);
                    ((*interface).to_owned(), address, prefix)
                })
                .collect(),
            disk: disks.join(name),
            power: None,
        });
        let hosts: Vec<Host> = hosts.collect();
        let networks = networks.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut site = Site { root, executable: crate::cluster::executable(), networks, hosts, install };
        for host in 0..site.hosts.len() {
            site.power_on(host);
        }
        site
    }

    /// Switches a machine on; its disk is as it was.
    ///
    /// # Panics
    /// When it is on already, or the kernel refuses.
    pub fn power_on(&mut self, host: usize) {
        let (name, disk) = (self.hosts[host].name.clone(), self.hosts[host].disk.clone());
        assert!(self.hosts[host].power.is_none(), "{name} is on already");
        let fresh = !disk.exists();
        for part in ["upper", "work", "tree"] {
            std::fs::create_dir_all(disk.join(part)).expect("the disk can be written");
        }
        let bin = self.executable.parent().unwrap_or(Path::new("/"));
        let (disk, root, bin) = (disk.display(), self.root.display(), bin.display());
        let clean = if fresh && self.install { FOREIGN } else { "true" };
        // The first process goes on in the new tree; what is mounted in this one is not seen there, unless named here.
        let script = format!(
            "set -e
            tree={disk}/tree
            mount -t overlay none -o lowerdir=/,upperdir={disk}/upper,workdir={disk}/work $tree
            mount --bind /proc $tree/proc
            mount --rbind /dev $tree/dev
            mount --rbind /sys $tree/sys
            cat /proc/sys/kernel/random/uuid > {disk}/boot-id
            mount --bind {disk}/boot-id $tree/proc/sys/kernel/random/boot_id
            for folder in run tmp; do mount -t tmpfs none $tree/$folder; done
            mkdir -p $tree/run/lock $tree{bin} $tree{root}
            mount --bind {bin} $tree{bin}
            mount --bind {root} $tree{root}
            echo {name} > /proc/sys/kernel/hostname
            exec chroot $tree sh -ec '{clean}; echo ready; exec 3<&0; cat <&3 > /dev/null & wait'"
        );
        let machine = Machine::start(&script);
        self.wire(host, machine.first);
        self.hosts[host].power = Some(machine);
        if fresh && self.install {
            self.install(host);
        }
    }

    fn wire(&self, host: usize, first: u32) {
        let mut net = Netlink::open().expect("the namespace has a network");
        let wires = self.hosts[host].addresses.clone();
        for (interface, _, _) in &wires {
            let bridge = net.index(&format!("br-{interface}")).expect("the network was made");
            spaces::wire(&mut net, &cable_name(host, interface), bridge, interface, first);
        }
        on(first, move || {
            let mut net = spaces::network();
            for (interface, address, prefix) in wires {
                let index = net.index(&interface).expect("the link is there");
                net.set_up(index, true).expect("the link can be set up");
                net.add_address(&Entry::plain(index, address, prefix)).expect("the address is free");
            }
        });
    }

    /// Puts our names in the place of the old programs.
    fn install(&self, host: usize) {
        let executable = self.executable.display();
        // What this machine has installed under those names is in the way, as a package manager would say.
        self.must(host, &format!("{executable} install-links /run/names > /dev/null && (cd /usr/sbin && ls /run/names | xargs rm -f) && rm -r /run/names"));
        self.must(host, &format!("{executable} install-links /usr/sbin --system"));
    }

    /// The power goes: every process ends at once, every cable is dead.
    ///
    /// # Panics
    /// When it is off already.
    pub fn power_off(&mut self, host: usize) {
        let mut power = self.hosts[host].power.take().expect("the machine is on");
        // Nobody hears the dying machine: its cables go first.
        for network in &self.networks {
            self.link(host, network, false);
        }
        power.end();
        // The kernel takes the cables away some time after the machine.
        let mut net = Netlink::open().expect("the namespace has a network");
        for network in &self.networks {
            if let Ok(index) = net.index(&cable_name(host, network)) {
                let _ = net.delete_link(index);
            }
        }
    }

    /// Gives a machine one more address, until its power goes.
    ///
    /// # Panics
    /// When there is no such interface.
    pub fn address(&self, host: usize, interface: &str, address: &str) {
        let (interface, (address, prefix)) = (interface.to_owned(), cidr(address));
        on(self.first(host), move || {
            let mut net = Netlink::open().expect("the machine has a network");
            let index = net.index(&interface).expect("the link is there");
            net.add_address(&Entry::plain(index, address, prefix)).expect("the address is free");
        });
    }

    /// Pulls a cable out of its switch, or puts it back.
    ///
    /// # Panics
    /// When there is no such cable.
    pub fn cable(&self, host: usize, interface: &str, plugged: bool) {
        assert!(
            self.hosts[host].addresses.iter().any(|(name, _, _)| name == interface),
            "{} has no {interface}",
            self.hosts[host].name
        );
        self.link(host, interface, plugged);
    }

    fn link(&self, host: usize, interface: &str, up: bool) {
        let mut net = Netlink::open().expect("the namespace has a network");
        if let Ok(index) = net.index(&cable_name(host, interface)) {
            net.set_up(index, up).expect("the cable can be switched");
        }
    }

    fn first(&self, host: usize) -> u32 {
        let host = &self.hosts[host];
        host.power.as_ref().unwrap_or_else(|| panic!("{} is off", host.name)).first
    }

    /// Takes the switches away, so that another site can be built with the same networks.
    pub fn dismantle(self) {
        let mut net = Netlink::open().expect("the namespace has a network");
        for network in &self.networks {
            if let Ok(index) = net.index(&format!("br-{network}")) {
                let _ = net.delete_link(index);
            }
        }
    }

    /// A path of a machine as it is seen from outside.
    pub fn path(&self, host: usize, absolute: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{absolute}", self.first(host)))
    }

    /// Writes a file on a machine.
    ///
    /// # Panics
    /// When its disk refuses.
    pub fn write(&self, host: usize, absolute: &str, content: &str, mode: u32) {
        let path = self.path(host, absolute);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the machine's disk can be written");
        }
        std::fs::write(&path, content).expect("the machine's disk can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("own file");
    }

    /// Copies a program of this machine to one of the site's.
    ///
    /// # Panics
    /// When it cannot be read or the disk refuses.
    pub fn program(&self, host: usize, from: &str, absolute: &str) {
        std::fs::copy(from, self.path(host, absolute)).expect("the machine's disk can be written");
    }

    /// What a file of a machine holds; empty when it is not there.
    pub fn read(&self, host: usize, absolute: &str) -> String {
        std::fs::read(self.path(host, absolute))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Copies a file from one machine to another, as `scp -p` does.
    ///
    /// # Panics
    /// When it is not there, or a disk refuses.
    pub fn copy(&self, from: usize, to: usize, absolute: &str) {
        let (source, target) = (self.path(from, absolute), self.path(to, absolute));
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).expect("the machine's disk can be written");
        }
        std::fs::copy(&source, &target)
            .unwrap_or_else(|e| panic!("{absolute} from {}: {e}", self.hosts[from].name));
    }

    /// Types a line into a root shell on a machine.
    ///
    /// # Panics
    /// When the shell cannot be started.
    pub fn sh(&self, host: usize, line: &str) -> Said {
        let output = Command::new("nsenter")
            .args(["--net", "--pid", "--mount", "--uts", "--ipc", "--root", "--wd"])
            .args(["--target", &self.first(host).to_string(), "--", "env", "-i"])
            .args(["PATH=/sbin:/usr/sbin:/bin:/usr/bin", "HOME=/root", "COLUMNS=160", "LC_ALL=C"])
            .args(["sh", "-c", line])
            .stdin(Stdio::null())
            .output()
            .expect("`nsenter` is installed");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Said { text, status: output.status.code().unwrap_or(128) }
    }

    /// Types a line that has to succeed; returns what it printed.
    ///
    /// # Panics
    /// When its status is not 0.
    pub fn must(&self, host: usize, line: &str) -> String {
        let said = self.sh(host, line);
        assert_eq!(said.status, 0, "{line} on {}:\n{}", self.hosts[host].name, said.text);
        said.text
    }

    /// Whether a machine has a program; what needs one that it lacks is said to be left out.
    pub fn has(&self, host: usize, program: &str) -> bool {
        let found = self.sh(host, &format!("command -v {program}")).status == 0;
        if !found {
            eprintln!("SKIPPED: {program} is not installed here; what it would show is not compared");
        }
        found
    }

    /// Numbers of the machines that are on and hold an address.
    pub fn holders(&self, address: &str) -> Vec<usize> {
        let holds = |host: &Host| host.power.as_ref().is_some_and(|power| power.holds(address));
        (0..self.hosts.len()).filter(|index| holds(&self.hosts[*index])).collect()
    }

    /// The executable under test; it has the same path on every machine.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Scratch folder of the test.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Name of a machine.
    pub fn name(&self, host: usize) -> &str {
        &self.hosts[host].name
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for host in 0..self.hosts.len() {
            let Some(power) = &self.hosts[host].power else { continue };
            for file in ["/var/log/holdfast/start.log", "/var/log/holdfast/holdfast.log", "/var/log/ha-log"] {
                let path = format!("/proc/{}/root{file}", power.first);
                let Ok(bytes) = std::fs::read(path) else { continue };
                let tail = spaces::tail(&String::from_utf8_lossy(&bytes));
                eprintln!("--- {file} of {}:\n{tail}", self.hosts[host].name);
            }
        }
    }
}

fn cable_name(host: usize, interface: &str) -> String {
    format!("c{host}-{interface}")
}

fn cidr(text: &str) -> (IpAddr, u8) {
    let (address, prefix) = text.split_once('/').expect("an address with its prefix length");
    (address.parse().expect("an address"), prefix.parse().expect("a prefix length"))
}

fn must(command: &mut Command) {
    let status = command.status().expect("the program is installed");
    assert!(status.success(), "{command:?} failed");
}
