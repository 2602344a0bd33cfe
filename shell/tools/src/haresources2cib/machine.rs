//! What a machine's file tree says: scripts, names of hosts, addresses of interfaces.
//!
//! Reads below a root, which may be a copy of another machine's tree. Writes nothing, asks no network.

use holdfast_agent_protocol::heartbeat;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A machine's tree.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
}

/// Where a script of a `haresources` word was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// In heartbeat's own folder.
    ResourceD(PathBuf),
    /// Among the init scripts.
    InitD(PathBuf),
    /// As a systemd unit.
    Unit(PathBuf),
    /// A file of that name is there, but cannot be run.
    NotExecutable(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// Folders of heartbeat's own scripts, in the order they are searched.
pub const RESOURCE_D: &[&str] = &["etc/ha.d/resource.d", "usr/local/etc/ha.d/resource.d"];
/// Folders of init scripts.
pub const INIT_D: &[&str] = &["etc/init.d", "etc/rc.d/init.d"];
/// Where heartbeat remembers names and identities of the nodes it has seen.
pub const HOST_CACHE: &str = "/var/lib/heartbeat/hostcache";
const UNITS: &[&str] =
    &["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
/// Largest configuration file or script that is looked into.
const LARGEST: u64 = 1024 * 1024;

impl Machine {
    /// The machine whose tree begins at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Machine {
        Machine { root: root.into() }
    }

    /// Whether this is the running machine.
    pub fn is_this_one(&self) -> bool {
        self.root == Path::new("/")
    }

    /// An absolute path as it lies below the root.
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// A small text file below the root, `None` when it is not there or not readable.
    pub fn text(&self, absolute: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(absolute)?).into_owned())
    }

    /// The bytes of a small file below the root.
    pub fn bytes(&self, absolute: &str) -> Option<Vec<u8>> {
        small_bytes(&self.path(absolute))
    }

    /// Looks for a script in heartbeat's order, then for a systemd unit.
    pub fn script(&self, name: &str) -> Found {
        if name.contains('/') || name.starts_with('.') {
            return Found::Nowhere;
        }
        let mut unfit = None;
        for (folders, found) in [
            (RESOURCE_D, Found::ResourceD as fn(PathBuf) -> Found),
            (INIT_D, Found::InitD as fn(PathBuf) -> Found),
        ] {
            for folder in folders {
                let path = self.root.join(folder).join(name);
                match executable(&path) {
                    Some(true) => return found(path),
                    Some(false) => unfit = unfit.or(Some(path)),
                    None => {}
                }
            }
        }
        let unit = format!("{name}.service");
        if let Some(path) = UNITS.iter().map(|f| self.root.join(f).join(&unit)).find(|p| p.is_file()) {
            return Found::Unit(path);
        }
        unfit.map_or(Found::Nowhere, Found::NotExecutable)
    }

    /// The address of a host name from the hosts file; on the running machine from the resolver too.
    pub fn address_of_host(&self, name: &str) -> Option<IpAddr> {
        if let Ok(address) = name.parse() {
            return Some(address);
        }
        let hosts = self.text("/etc/hosts").unwrap_or_default();
        let listed = hosts.lines().find_map(|line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let address: IpAddr = words.next()?.parse().ok()?;
            (!address.is_loopback() && words.any(|w| w.eq_ignore_ascii_case(name))).then_some(address)
        });
        listed.or_else(|| {
            let resolved = || std::net::ToSocketAddrs::to_socket_addrs(&(name, 0)).ok();
            let mut all = if self.is_this_one() { resolved()? } else { return None };
            all.find(|a| !a.ip().is_loopback()).map(|a| a.ip())
        })
    }

    /// The first address that the machine's network configuration gives to an interface, with its prefix length.
    pub fn address_of_interface(&self, interface: &str) -> Option<(IpAddr, Option<u8>)> {
        let interface = interface.split(':').next().unwrap_or(interface);
        self.red_hat_interface(interface)
            .or_else(|| self.debian_interface(interface))
            .or_else(|| self.kernel_interface(interface))
    }

    /// On the running machine the kernel knows what other network managers configured.
    fn kernel_interface(&self, interface: &str) -> Option<(IpAddr, Option<u8>)> {
        let all = if self.is_this_one() { holdfast_node::machine::addresses().ok()? } else { return None };
        let local = |a: &IpAddr| matches!(a, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let own = all.iter().find(|a| a.interface == interface && !a.loopback && !local(&a.address))?;
        Some((own.address, Some(own.prefix)))
    }

    /// The nodes that heartbeat had seen, each with its identity: `NAME UUID [WEIGHT]` a line.
    pub fn host_cache(&self) -> Vec<(String, String)> {
        let text = self.text(HOST_CACHE).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            Some((words.next()?.to_lowercase(), words.next()?.to_lowercase()))
        });
        lines.collect()
    }

    fn red_hat_interface(&self, interface: &str) -> Option<(IpAddr, Option<u8>)> {
        let text = self.text(&format!("/etc/sysconfig/network-scripts/ifcfg-{interface}"))?;
        let value = |key: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.trim().split_once('=')?;
                name.eq_ignore_ascii_case(key).then(|| value.trim_matches(['"', '\'', ' ']).to_owned())
            })
        };
        let address = value("IPADDR").or_else(|| value("IPADDR0"))?.parse().ok()?;
        let prefix = value("PREFIX").and_then(|p| p.parse().ok()).or_else(|| mask_length(&value("NETMASK")?));
        Some((address, prefix))
    }

    fn debian_interface(&self, interface: &str) -> Option<(IpAddr, Option<u8>)> {
        let text = self.text("/etc/network/interfaces")?;
        let (mut inside, mut address, mut prefix) = (false, None, None);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["iface", name, ..] => inside = *name == interface && address.is_none(),
                ["address", value, ..] if inside => {
                    let (ip, length) =
                        value.split_once('/').map_or((*value, None), |(ip, l)| (ip, l.parse().ok()));
                    address = ip.parse().ok();
                    prefix = length.or(prefix);
                }
                ["netmask", value, ..] if inside => prefix = mask_length(value),
                _ => {}
            }
        }
        Some((address?, prefix))
    }
}

/// The prefix length of a dotted mask or of a number.
fn mask_length(mask: &str) -> Option<u8> {
    mask.parse()
        .ok()
        .or_else(|| Some(u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?).leading_ones() as u8))
}

/// Whether a regular file may be run; `None` when there is no such file.
fn executable(path: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt;
    let meta = std::fs::metadata(path).ok().filter(|m| m.is_file())?;
    Some(meta.permissions().mode() & 0o111 != 0)
}

fn small_bytes(path: &Path) -> Option<Vec<u8>> {
    let size = std::fs::metadata(path).ok().filter(|m| m.is_file())?.len();
    (size <= LARGEST).then(|| std::fs::read(path).ok()).flatten()
}

/// Whether asking a script for its status would start it (rule 16 of the safety rules).
pub fn ignores_its_argument(path: &Path) -> bool {
    small_bytes(path).is_some_and(|text| heartbeat::ignores_its_argument(&text))
}
