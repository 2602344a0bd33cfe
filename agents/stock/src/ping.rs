//! `ocf:pacemaker:ping`: how many hosts a node reaches, as a node attribute.

use crate::environment::{Environment, Refusal};
use crate::metadata::{Info, Kind, Parameter, once, optional, repeated, required};
use crate::{Agent, Outcome, process};
use holdfast_agent_protocol::rc::Rc;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The agent.
pub struct Ping;

const INFO: Info = Info {
    name: "ping",
    short: "Node connectivity",
    long: "Counts the hosts that answer and writes the count times a multiplier into a node attribute, so that rules can prefer well connected nodes. All hosts are asked at the same time.",
    parameters: &[
        Parameter {
            unique: true,
            ..optional(
                "pidfile",
                Kind::Text,
                None,
                "State file",
                "File whose presence means that the resource runs.",
            )
        },
        Parameter {
            reloadable: true,
            ..optional(
                "dampen",
                Kind::Text,
                Some("5s"),
                "Damping",
                "Time for which a changed value must last before it counts.",
            )
        },
        Parameter {
            unique: true,
            ..optional("name", Kind::Text, Some("pingd"), "Attribute", "Name of the node attribute.")
        },
        Parameter {
            reloadable: true,
            ..optional(
                "multiplier",
                Kind::Number,
                Some("1"),
                "Multiplier",
                "Points for each host that answers.",
            )
        },
        Parameter {
            reloadable: true,
            ..required("host_list", Kind::Text, "Hosts", "Names or addresses, separated by blanks.")
        },
        Parameter {
            reloadable: true,
            ..optional(
                "attempts",
                Kind::Number,
                Some("3"),
                "Attempts",
                "Requests to a host before it counts as unreachable.",
            )
        },
        Parameter {
            reloadable: true,
            ..optional(
                "timeout",
                Kind::Number,
                Some("2"),
                "Time-out",
                "Seconds to wait for the answer to one request.",
            )
        },
        optional(
            "options",
            Kind::Text,
            None,
            "Options",
            "Accepted for compatibility; no ping program is called.",
        ),
        Parameter {
            reloadable: true,
            ..optional(
                "failure_score",
                Kind::Number,
                None,
                "Failure score",
                "The resource fails when the score is below this value.",
            )
        },
        optional(
            "use_fping",
            Kind::Truth,
            Some("1"),
            "Use fping",
            "Accepted for compatibility; no ping program is called.",
        ),
        optional(
            "debug",
            Kind::Text,
            Some("false"),
            "Debug",
            "true or verbose: say which hosts do not answer.",
        ),
    ],
    actions: &[
        once("start", 60),
        once("stop", 20),
        once("reload", 80),
        once("reload-agent", 20),
        repeated("monitor", 60, 10),
    ],
};

struct Settings {
    hosts: Vec<String>,
    attempts: u64,
    timeout: Duration,
    multiplier: u64,
}

fn settings(environment: &Environment) -> Result<Settings, Refusal> {
    let hosts: Vec<String> =
        environment.required("host_list")?.split_whitespace().map(str::to_owned).collect();
    if hosts.is_empty() || hosts.len() > 256 {
        return Err(Refusal::parameter("host_list", &format!("{} hosts", hosts.len()), "1 to 256 hosts"));
    }
    Ok(Settings {
        hosts,
        attempts: environment.number("attempts", 3, 1..=100)?,
        timeout: Duration::from_secs(environment.number("timeout", 2, 1..=60)?),
        multiplier: environment.number("multiplier", 1, 1..=1_000_000)?,
    })
}

impl Agent for Ping {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn validate(&self, environment: &Environment) -> Result<(), Refusal> {
        settings(environment)?;
        environment.number("failure_score", 0, 0..=1_000_000_000).map(|_| ())
    }

    fn act(&self, action: &str, environment: &Environment) -> Outcome {
        let state = environment.get("pidfile").map_or_else(
            || environment.state_folder().join(format!("ping-{}", environment.instance_file())),
            PathBuf::from,
        );
        match action {
            "stop" => {
                process::remove(&state)?;
                attribute(environment, None);
                Ok(Rc::OK)
            }
            "monitor" if !state.exists() => Ok(Rc::NOT_RUNNING),
            "start" => {
                process::touch(&state)?;
                measure(environment)
            }
            _ => measure(environment),
        }
    }
}

fn measure(environment: &Environment) -> Outcome {
    let settings = settings(environment)?;
    let alive = reachable(&settings)?;
    let score = alive.len() as u64 * settings.multiplier;
    if environment.get("debug").is_some_and(|d| !matches!(d, "false" | "0" | "no")) {
        for host in settings.hosts.iter().filter(|h| !alive.contains(*h)) {
            eprintln!("{host} does not answer");
        }
    }
    attribute(environment, Some(score));
    let floor = environment.number("failure_score", 0, 0..=1_000_000_000)?;
    if score < floor {
        return Err(Refusal::error(format!("the score {score} is below failure_score={floor}")));
    }
    Ok(Rc::OK)
}

fn attribute(environment: &Environment, score: Option<u64>) {
    let name = environment.get("name").unwrap_or("pingd");
    let dampen = environment.get("dampen").unwrap_or("5s");
    let mut words = vec![
        "attrd_updater".to_owned(),
        "-n".to_owned(),
        name.to_owned(),
        "-d".to_owned(),
        dampen.to_owned(),
    ];
    match score {
        Some(score) => words.extend(["-B".to_owned(), score.to_string()]),
        None => words.push("-D".to_owned()),
    }
    process::own_tool(&words);
}

/// Asks all hosts at once, as often as needed. Returns those that answered.
fn reachable(settings: &Settings) -> Result<BTreeSet<String>, Refusal> {
    let sockets = (Probe::open(AddressFamily::INET)?, Probe::open(AddressFamily::INET6).ok());
    let targets: Vec<(&String, IpAddr)> = settings
        .hosts
        .iter()
        .filter_map(|host| Some((host, (host.as_str(), 0).to_socket_addrs().ok()?.next()?.ip())))
        .collect();
    let mut alive = BTreeSet::new();
    for attempt in 0..settings.attempts {
        let missing: Vec<&(&String, IpAddr)> = targets.iter().filter(|(h, _)| !alive.contains(*h)).collect();
        if missing.is_empty() {
            break;
        }
        for (_, address) in &missing {
            match (address, &sockets.1) {
                (IpAddr::V4(_), _) => sockets.0.ask(*address, attempt as u16),
                (IpAddr::V6(_), Some(probe)) => probe.ask(*address, attempt as u16),
                (IpAddr::V6(_), None) => {}
            }
        }
        let end = Instant::now() + settings.timeout;
        while Instant::now() < end && targets.iter().any(|(h, _)| !alive.contains(*h)) {
            let mut heard = sockets.0.hear();
            heard.extend(sockets.1.iter().flat_map(Probe::hear));
            for (host, address) in &targets {
                if heard.contains(address) {
                    alive.insert((*host).clone());
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(alive)
}

/// A socket for echo requests of one family.
struct Probe {
    socket: OwnedFd,
    v6: bool,
}

impl Probe {
    fn open(family: AddressFamily) -> Result<Probe, Refusal> {
        let v6 = family == AddressFamily::INET6;
        let protocol = if v6 { ipproto::ICMPV6 } else { ipproto::ICMP };
        let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
        // The kernel fills in identifier and checksum of the datagram kind; raw ones need the privilege.
        let socket =
            rustix::net::socket_with(family, SocketType::RAW, flags, Some(protocol)).map_err(|error| {
                Refusal::new(
                    Rc::INSUFFICIENT_PRIVILEGES,
                    format!("cannot open a socket for echo requests: {error}; run as root"),
                )
            })?;
        Ok(Probe { socket, v6 })
    }

    /// Sends one echo request; a host that cannot be routed to is one that does not answer.
    fn ask(&self, address: IpAddr, sequence: u16) {
        let id = (std::process::id() as u16).to_be_bytes();
        let kind = if self.v6 { 128 } else { 8 };
        let mut packet = vec![kind, 0, 0, 0, id[0], id[1], 0, 0];
        packet[6..8].copy_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(b"holdfast");
        if !self.v6 {
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        let _ = rustix::net::sendto(&self.socket, &packet, SendFlags::empty(), &SocketAddr::new(address, 0));
    }

    /// Who has answered since the last call.
    fn hear(&self) -> Vec<IpAddr> {
        let mut heard = Vec::new();
        let mut buffer = [0u8; 2048];
        let id = (std::process::id() as u16).to_be_bytes();
        while let Ok((read, _, Some(from))) =
            rustix::net::recvfrom(&self.socket, &mut buffer[..], RecvFlags::empty())
        {
            let packet = &buffer[..read];
            // An IPv4 packet comes with its header.
            let header = if self.v6 { 0 } else { usize::from(packet.first().map_or(0, |b| b & 15)) * 4 };
            let reply = if self.v6 { 129 } else { 0 };
            let ours =
                packet.get(header) == Some(&reply) && packet.get(header + 4..header + 6) == Some(&id[..]);
            if ours && let Ok(from) = SocketAddr::try_from(from) {
                heard.push(from.ip());
            }
        }
        heard
    }
}

/// The checksum of the internet protocols.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
