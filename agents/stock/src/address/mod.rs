//! `ocf:heartbeat:IPaddr` and `ocf:heartbeat:IPaddr2`: a service address on an interface.
//!
//! Talks to the kernel itself; announces a moved address by gratuitous ARP or a neighbour advertisement.

mod announce;
mod settings;

use crate::environment::{Environment, Refusal};
use crate::metadata::{Info, Kind, Parameter, once, optional, repeated, required};
use crate::netlink::{DAD_FAILED, Entry, NO_DAD, NO_PREFIX_ROUTE, Netlink, TENTATIVE};
use crate::{Agent, Outcome, process};
use holdfast_agent_protocol::rc::Rc;
use settings::Settings;
use std::net::IpAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// One of the two.
pub struct Address {
    name: &'static str,
}

/// `ocf:heartbeat:IPaddr`.
pub const IPADDR: Address = Address { name: "IPaddr" };
/// `ocf:heartbeat:IPaddr2`.
pub const IPADDR2: Address = Address { name: "IPaddr2" };

const PARAMETERS: &[Parameter] = &[
    Parameter {
        unique: true,
        ..required("ip", Kind::Text, "Address", "IPv4 or IPv6 address, without its prefix length.")
    },
    optional(
        "nic",
        Kind::Text,
        None,
        "Interface",
        "Interface for the address. By default the one whose network holds it.",
    ),
    optional(
        "cidr_netmask",
        Kind::Text,
        None,
        "Prefix length",
        "Prefix length or dotted mask. By default that of the network that holds the address.",
    ),
    optional(
        "broadcast",
        Kind::Text,
        None,
        "Broadcast address",
        "By default the highest address of the network.",
    ),
    optional(
        "iflabel",
        Kind::Text,
        None,
        "Label",
        "Label of an IPv4 address: eth0:LABEL, as old tools show it.",
    ),
    optional(
        "lvs_support",
        Kind::Truth,
        Some("false"),
        "Direct routing",
        "Takes the address from the loopback interface at start and puts it back there at stop.",
    ),
    optional("arp_interval", Kind::Number, Some("200"), "Time between announcements", "Milliseconds."),
    optional("arp_count", Kind::Number, Some("5"), "Announcements", "Number of announcements after a start."),
    optional(
        "arp_count_refresh",
        Kind::Number,
        Some("0"),
        "Announcements of monitor",
        "Number of announcements at each monitor.",
    ),
    optional(
        "arp_bg",
        Kind::Truth,
        Some("true"),
        "Announce in the background",
        "The first announcement is made before start ends, the others after it.",
    ),
    optional(
        "nodad",
        Kind::Truth,
        Some("false"),
        "No duplicate detection",
        "IPv6: use the address at once, without asking whether it is in use.",
    ),
    optional(
        "noprefixroute",
        Kind::Truth,
        Some("false"),
        "No route",
        "Make no route for the network of the address.",
    ),
    optional(
        "preferred_lft",
        Kind::Text,
        Some("forever"),
        "Preferred life time",
        "IPv6: seconds, or forever.",
    ),
    optional(
        "monitor_retries",
        Kind::Number,
        Some("1"),
        "Looks of monitor",
        "How often monitor looks before it says that the address is gone.",
    ),
    optional(
        "arp_sender",
        Kind::Text,
        None,
        "Sender",
        "Accepted for compatibility: the agent announces the address itself.",
    ),
    optional("send_arp_opts", Kind::Text, None, "Options of the sender", "Accepted for compatibility."),
    optional("run_arping", Kind::Truth, Some("false"), "Run arping", "Accepted for compatibility."),
    optional(
        "flush_routes",
        Kind::Truth,
        Some("false"),
        "Flush routes",
        "Accepted for compatibility: the kernel removes the routes of the address with it.",
    ),
    optional(
        "lvs_ipv6_addrlabel",
        Kind::Truth,
        Some("false"),
        "Address label",
        "Accepted for compatibility.",
    ),
];

const ACTIONS: &[crate::Action] =
    &[once("start", 20), once("stop", 20), repeated("monitor", 20, 10), once("status", 20)];

const INFO: Info = Info {
    name: "IPaddr",
    short: "Manages virtual IPv4 and IPv6 addresses",
    long: "A service address that moves between nodes. The name is that of the old agent; it does what IPaddr2 does.",
    parameters: PARAMETERS,
    actions: ACTIONS,
};

const INFO2: Info = Info {
    name: "IPaddr2",
    short: "Manages virtual IPv4 and IPv6 addresses",
    long: "A service address that moves between nodes: set on an interface at start, announced to the neighbours, taken away at stop.",
    parameters: PARAMETERS,
    actions: ACTIONS,
};

impl Agent for Address {
    fn info(&self) -> &'static Info {
        if self.name == "IPaddr" { &INFO } else { &INFO2 }
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        Settings::read(environment).map(|_| ())
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let settings = Settings::read(environment)?;
        let mut net = Netlink::open().map_err(|error| {
            Refusal::new(
                Rc::INSUFFICIENT_PRIVILEGES,
                format!("cannot talk to the kernel's network configuration: {error}"),
            )
        })?;
        match action {
            "start" => start(&settings, &mut net, self.name),
            "stop" => stop(&settings, &mut net),
            "internal-announce" => {
                announce::repeat(&mut net, &settings, settings.announcements.saturating_sub(1));
                Ok(Rc::OK)
            }
            _ => monitor(&settings, &mut net),
        }
    }
}

fn cannot(what: &str, settings: &Settings, error: &std::io::Error) -> Refusal {
    let rc = if error.raw_os_error() == Some(libc::EPERM) { Rc::INSUFFICIENT_PRIVILEGES } else { Rc::ERROR };
    Refusal::new(rc, format!("cannot {what} {}: {error}", settings.ip))
}

/// The address where it is set now, on any link but the loopback of direct routing.
fn present(settings: &Settings, net: &mut Netlink) -> Result<Option<Entry>, Refusal> {
    let all = net.addresses().map_err(|e| cannot("look for", settings, &e))?;
    let lo = net.index("lo").unwrap_or(1);
    Ok(all.into_iter().find(|e| e.address == settings.ip && !(settings.direct_routing && e.link == lo)))
}

fn monitor(settings: &Settings, net: &mut Netlink) -> Outcome {
    for _ in 0..settings.looks {
        if present(settings, net)?.is_some() {
            if settings.refresh > 0 {
                announce::repeat(net, settings, settings.refresh);
            }
            return Ok(Rc::OK);
        }
    }
    Ok(Rc::NOT_RUNNING)
}

fn start(settings: &Settings, net: &mut Netlink, name: &'static str) -> Outcome {
    if present(settings, net)?.is_none() {
        let entry = settings.entry(net)?;
        if settings.direct_routing {
            loopback(settings, net, false);
        }
        net.set_up(entry.link, true).map_err(|e| cannot("switch on the interface of", settings, &e))?;
        match net.add_address(&entry) {
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => {
                return Err(cannot("set", settings, &error));
            }
            _ => {}
        }
        unique(settings, net)?;
    }
    // The first word to the neighbours must be out before the resource counts as started.
    announce::repeat(net, settings, 1);
    if settings.announcements > 1 {
        if settings.in_background {
            if let Ok(exe) = std::env::current_exe() {
                let rest = Command::new(exe)
                    .args(["ocf", "heartbeat", name, "internal-announce"])
                    .process_group(0)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn();
                if let Err(error) = rest {
                    eprintln!("cannot go on announcing {}: {error}", settings.ip);
                }
            }
        } else {
            announce::repeat(net, settings, settings.announcements - 1);
        }
    }
    Ok(Rc::OK)
}

/// Waits until the kernel knows that nobody else has an IPv6 address.
fn unique(settings: &Settings, net: &mut Netlink) -> Result<(), Refusal> {
    if settings.ip.is_ipv4() || settings.no_dad {
        return Ok(());
    }
    let mut failed = false;
    process::wait_until(Duration::from_secs(10), || match present(settings, net) {
        Ok(Some(entry)) => {
            failed = entry.flags & DAD_FAILED != 0;
            failed || entry.flags & TENTATIVE == 0
        }
        _ => true,
    });
    if failed {
        if let Some(entry) = present(settings, net)? {
            net.delete_address(&entry).map_err(|e| cannot("take away", settings, &e))?;
        }
        return Err(Refusal::error(format!("another machine on the link has {} already", settings.ip)));
    }
    Ok(())
}

fn stop(settings: &Settings, net: &mut Netlink) -> Outcome {
    let Some(entry) = present(settings, net)? else {
        return Ok(Rc::OK);
    };
    let before = net.addresses().map_err(|e| cannot("look around", settings, &e))?;
    net.delete_address(&entry).map_err(|e| cannot("take away", settings, &e))?;
    keep_neighbours(&entry, &before, net);
    if settings.direct_routing {
        loopback(settings, net, true);
    }
    Ok(Rc::OK)
}

/// Taking away the first IPv4 address of a network takes the others of that network along: they are put back.
fn keep_neighbours(gone: &Entry, before: &[Entry], net: &mut Netlink) {
    let Ok(after) = net.addresses() else { return };
    for entry in
        before.iter().filter(|e| e.link == gone.link && e.address != gone.address && e.address.is_ipv4())
    {
        if !after.iter().any(|a| a.link == entry.link && a.address == entry.address) {
            let entry = Entry { flags: 0, ..entry.clone() };
            if let Err(error) = net.add_address(&entry) {
                eprintln!("cannot put back {}, which the kernel took along: {error}", entry.address);
            }
        }
    }
}

/// Puts the address of direct routing on the loopback interface, or takes it from there.
fn loopback(settings: &Settings, net: &mut Netlink, put: bool) {
    let Ok(lo) = net.index("lo") else { return };
    let prefix = if settings.ip.is_ipv4() { 32 } else { 128 };
    let entry = Entry {
        link: lo,
        address: settings.ip,
        prefix,
        broadcast: None,
        label: None,
        flags: 0,
        preferred: None,
    };
    let outcome = if put { net.add_address(&entry) } else { net.delete_address(&entry) };
    // Not being there is the usual case.
    if let Err(error) = outcome
        && put
    {
        eprintln!("cannot put {} on lo: {error}", settings.ip);
    }
}

impl Settings {
    /// The address as the kernel is to have it.
    fn entry(&self, net: &mut Netlink) -> Result<Entry, Refusal> {
        let (link, prefix) = self.place(net)?;
        let nic = net.name(link).map_err(|e| cannot("name the interface of", self, &e))?;
        let label = match &self.label {
            Some(label) if self.ip.is_ipv4() => {
                // Written as `0` or, by old habit, as `eth0:0`.
                let label = label.rsplit(':').next().unwrap_or(label);
                let full = format!("{nic}:{label}");
                if full.len() > 15 {
                    return Err(Refusal::parameter(
                        "iflabel",
                        label,
                        &format!("at most {} characters beside {nic}", 14_usize.saturating_sub(nic.len())),
                    ));
                }
                Some(full)
            }
            _ => None,
        };
        let broadcast = match (self.ip, self.broadcast) {
            (IpAddr::V4(_), Some(broadcast)) => Some(broadcast),
            (IpAddr::V4(ip), None) if prefix < 31 => Some(std::net::Ipv4Addr::from(
                u32::from(ip) | u32::MAX.checked_shr(prefix.into()).unwrap_or(0),
            )),
            _ => None,
        };
        let mut flags = 0;
        if self.no_dad {
            flags |= NO_DAD;
        }
        if self.no_route {
            flags |= NO_PREFIX_ROUTE;
        }
        Ok(Entry { link, address: self.ip, prefix, broadcast, label, flags, preferred: self.preferred })
    }
}
