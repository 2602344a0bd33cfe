//! The parameters of an address, checked and resolved; where it belongs on this machine.

use crate::environment::{Environment, Refusal};
use crate::netlink::{Entry, Netlink};
use holdfast_agent_protocol::rc::Rc;
use std::net::{IpAddr, Ipv4Addr};

/// Checked parameters.
#[derive(Debug, Clone)]
pub struct Settings {
    pub ip: IpAddr,
    pub nic: Option<String>,
    pub prefix: Option<u8>,
    pub broadcast: Option<Ipv4Addr>,
    pub label: Option<String>,
    pub direct_routing: bool,
    /// Milliseconds between announcements.
    pub pause: u64,
    pub announcements: u64,
    pub refresh: u64,
    pub in_background: bool,
    pub no_dad: bool,
    pub no_route: bool,
    pub preferred: Option<u32>,
    pub looks: u64,
}

impl Settings {
    /// Reads and checks the parameters.
    ///
    /// # Errors
    /// The parameter at fault and what was expected.
    pub fn read(environment: &Environment) -> Result<Settings, Refusal> {
        for name in ["clusterip_hash", "mac", "unique_clone_address", "network_namespace"] {
            if let Some(value) =
                environment.get(name).filter(|v| !matches!(*v, "false" | "no" | "0" | "sourceip-sourceport"))
            {
                return Err(Refusal::parameter(
                    name,
                    value,
                    "no value: this agent sets plain addresses; install resource-agents for load sharing and namespaces",
                ));
            }
        }
        let text = environment.required("ip")?;
        let ip: IpAddr = text.parse().map_err(|_| {
            Refusal::parameter(
                "ip",
                text,
                "an IPv4 or IPv6 address; its prefix length belongs into cidr_netmask",
            )
        })?;
        let widest = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = match environment.get("cidr_netmask") {
            None => None,
            Some(mask) => Some(prefix_length(mask).filter(|p| *p <= widest).ok_or_else(|| {
                Refusal::parameter(
                    "cidr_netmask",
                    mask,
                    &format!("a prefix length from 0 to {widest} or a dotted mask"),
                )
            })?),
        };
        let broadcast = match environment.get("broadcast") {
            None => None,
            Some(text) => {
                Some(text.parse().map_err(|_| Refusal::parameter("broadcast", text, "an IPv4 address"))?)
            }
        };
        let nic = match environment.get("nic") {
            Some(nic) if nic.len() > 15 && !nic.contains(':') => {
                return Err(Refusal::parameter(
                    "nic",
                    nic,
                    "the name of an interface, at most 15 characters",
                ));
            }
            // `eth0:0` of old configurations: the part behind the colon is the label.
            other => other.map(|n| n.split(':').next().unwrap_or(n).to_owned()),
        };
        let old_label =
            environment.get("nic").and_then(|n| n.split_once(':')).map(|(_, label)| label.to_owned());
        let preferred = match environment.get("preferred_lft") {
            None | Some("forever") => None,
            Some(text) => Some(
                text.parse().map_err(|_| Refusal::parameter("preferred_lft", text, "seconds, or forever"))?,
            ),
        };
        Ok(Settings {
            ip,
            nic,
            prefix,
            broadcast,
            label: environment.get("iflabel").map(str::to_owned).or(old_label),
            direct_routing: environment.truth("lvs_support", false)?,
            pause: environment.number("arp_interval", 200, 0..=60_000)?,
            announcements: environment.number("arp_count", 5, 0..=1000)?,
            refresh: environment.number("arp_count_refresh", 0, 0..=1000)?,
            in_background: environment.truth("arp_bg", true)?,
            no_dad: environment.truth("nodad", false)?,
            no_route: environment.truth("noprefixroute", false)?,
            preferred,
            looks: environment.number("monitor_retries", 1, 1..=100)?,
        })
    }

    /// The link and prefix length: as told, else those of the network on this machine that holds the address.
    ///
    /// # Errors
    /// Not installed, when the interface is not there; not configured, when no network holds the address.
    pub fn place(&self, net: &mut Netlink) -> Result<(u32, u8), Refusal> {
        let told = match &self.nic {
            Some(nic) => Some(net.index(nic).map_err(|_| {
                Refusal::new(Rc::NOT_INSTALLED, format!("there is no interface {nic}; `ip link` lists them"))
            })?),
            None => None,
        };
        let all = net
            .addresses()
            .map_err(|e| Refusal::error(format!("cannot read the interfaces' addresses: {e}")))?;
        let lo = net.index("lo").unwrap_or(1);
        let holding = all
            .iter()
            .filter(|e| told.map_or(e.link != lo, |link| e.link == link) && e.address != self.ip)
            .filter(|e| holds(e, self.ip))
            .max_by_key(|e| e.prefix);
        match (told, self.prefix, holding) {
            (Some(link), Some(prefix), _) => Ok((link, prefix)),
            (Some(link), None, Some(entry)) => Ok((link, entry.prefix)),
            (Some(link), None, None) => Ok((link, if self.ip.is_ipv4() { 32 } else { 128 })),
            (None, prefix, Some(entry)) => Ok((entry.link, prefix.unwrap_or(entry.prefix))),
            (None, _, None) => Err(Refusal::new(
                Rc::NOT_CONFIGURED,
                format!(
                    "no interface here has a network that holds {}; add nic=INTERFACE and cidr_netmask=LENGTH",
                    self.ip
                ),
            )),
        }
    }
}

fn prefix_length(mask: &str) -> Option<u8> {
    if let Ok(length) = mask.parse::<u8>() {
        return Some(length);
    }
    let bits = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones() as u8)
}

/// Whether an address lies in the network of another.
fn holds(entry: &Entry, ip: IpAddr) -> bool {
    match (entry.address, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32u32.saturating_sub(entry.prefix.into());
            u32::from(a).checked_shr(shift) == u32::from(b).checked_shr(shift)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128u32.saturating_sub(entry.prefix.into());
            u128::from(a).checked_shr(shift) == u128::from(b).checked_shr(shift)
        }
        _ => false,
    }
}
