//! What each known `resource.d` script stands for: the OCF agent, its parameters and its times.
//!
//! Knows the positional order that the scripts took. Does not look for any script on a disk.

use super::address;
use super::haresources::Word;

/// How the arguments of a script become parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// One parameter each; the last takes all that is left, joined by blanks.
    Named(&'static [&'static str]),
    /// `IP/MASK/NIC/BROADCAST` in one argument.
    Address,
    /// `IP/NIC` in one argument.
    AddressAndNic,
    /// `IPV6/MASK/NIC` in one argument.
    Ipv6,
    /// A port if it is a number, else a configuration file.
    PortOrConfig,
}

/// One known script.
#[derive(Debug, Clone, Copy)]
struct Known {
    script: &'static str,
    /// The OCF agent of provider heartbeat.
    agent: &'static str,
    arguments: Arguments,
    /// What to say about it in the report.
    advice: Option<&'static str>,
}

const fn named(script: &'static str, params: &'static [&'static str]) -> Known {
    Known { script, agent: script, arguments: Arguments::Named(params), advice: None }
}

const fn dated(script: &'static str, params: &'static [&'static str], advice: &'static str) -> Known {
    Known { script, agent: script, arguments: Arguments::Named(params), advice: Some(advice) }
}

const KNOWN: &[Known] = &[
    Known { script: "IPaddr", agent: "IPaddr2", arguments: Arguments::Address, advice: None },
    Known { script: "IPaddr2", agent: "IPaddr2", arguments: Arguments::Address, advice: None },
    Known {
        script: "IPv6addr",
        agent: "IPv6addr",
        arguments: Arguments::Ipv6,
        advice: Some("ocf:heartbeat:IPaddr2 does IPv6 too, where IPv6addr is not installed"),
    },
    named("IPsrcaddr", &["ipaddress"]),
    named("Filesystem", &["device", "directory", "fstype", "options"]),
    dated("LVM", &["volgrpname"], "today's successor is ocf:heartbeat:LVM-activate (vgname, vg_access_mode)"),
    dated("LinuxSCSI", &["scsi"], "obsolete: present-day kernels attach disks by themselves"),
    dated("Raid1", &["raidconf", "raiddev", "homehost"], "today's successor is ocf:heartbeat:mdraid"),
    dated("ServeRAID", &["serveraid", "mergegroup"], "the hardware is no longer made"),
    dated("ICP", &["driveid", "device"], "the hardware is no longer made"),
    named("MailTo", &["email", "subject"]),
    named("apache", &["configfile"]),
    named("db2", &["instance", "admin"]),
    named("ids", &["informixdir", "informixserver", "onconfig"]),
    Known { script: "WAS", agent: "WAS", arguments: Arguments::PortOrConfig, advice: None },
    named("WinPopup", &["hostfile"]),
    named("Xinetd", &["service"]),
    Known { script: "SendArp", agent: "SendArp", arguments: Arguments::AddressAndNic, advice: None },
    named("portblock", &["protocol", "portno", "action"]),
    named("Delay", &["startdelay", "stopdelay"]),
    named("AudibleAlarm", &["nodelist"]),
    named("oracle", &["sid", "home", "user", "ipcrm"]),
    named("oralsnr", &["sid", "home", "user", "listener"]),
    named("ldirectord", &["configfile"]),
];

/// A script turned into an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// `ocf`, `lsb`, `heartbeat`, `systemd`.
    pub class: &'static str,
    /// `heartbeat` for OCF agents, else none.
    pub provider: Option<&'static str>,
    /// The agent's name.
    pub kind: String,
    /// Parameters in order.
    pub params: Vec<(String, String)>,
    /// Start, stop and monitor times.
    pub times: Times,
    /// What the report adds.
    pub advice: Option<&'static str>,
    /// The script made an interface alias (`eth0:0`), so that the address gets a label.
    pub alias: bool,
}

/// How long operations may take and how often a resource is looked at, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Time-out of start.
    pub start: u32,
    /// Time-out of stop.
    pub stop: u32,
    /// Interval of the monitor.
    pub interval: u32,
    /// Time-out of the monitor.
    pub monitor: u32,
}

/// Times of resources that only change something in the kernel.
const ADDRESS: Times = Times { start: 20, stop: 20, interval: 5, monitor: 20 };
/// Times of file systems and volumes.
const STORAGE: Times = Times { start: 60, stop: 60, interval: 20, monitor: 40 };
/// Times of services.
pub const SERVICE: Times = Times { start: 60, stop: 60, interval: 20, monitor: 60 };

fn times(script: &str) -> Times {
    match script {
        "IPaddr" | "IPaddr2" | "IPv6addr" | "IPsrcaddr" | "SendArp" => ADDRESS,
        "Filesystem" | "LVM" | "Raid1" | "LinuxSCSI" | "ServeRAID" | "ICP" => STORAGE,
        _ => SERVICE,
    }
}

/// The agent of a known script, `None` for a script of the site's own.
///
/// # Errors
/// What is wrong with the arguments and what was expected.
pub fn agent(word: &Word) -> Result<Option<Agent>, String> {
    if word.script == "OCF" {
        return ocf_wrapper(word).map(Some);
    }
    let Some(known) = KNOWN.iter().find(|k| k.script == word.script) else {
        return Ok(None);
    };
    let params = match known.arguments {
        Arguments::Named(names) => named_params(names, &word.args),
        Arguments::Address => address_params(one(word)?)?,
        Arguments::Ipv6 => {
            let mut params = address_params(one(word)?)?;
            params[0].0 = "ipv6addr".to_owned();
            params
        }
        Arguments::AddressAndNic => {
            let (ip, nic) =
                one(word)?.split_once('/').map_or((one(word)?, None), |(ip, nic)| (ip, Some(nic)));
            let mut params = vec![("ip".to_owned(), ip.to_owned())];
            params.extend(nic.map(|n| ("nic".to_owned(), n.to_owned())));
            params
        }
        Arguments::PortOrConfig => match word.args.first() {
            Some(arg) if arg.bytes().all(|b| b.is_ascii_digit()) => vec![("port".to_owned(), arg.clone())],
            Some(arg) => vec![("config".to_owned(), arg.clone())],
            None => Vec::new(),
        },
    };
    // The script's own default where the agent has none.
    let params = match (word.script.as_str(), params.is_empty()) {
        ("WinPopup", true) => vec![("hostfile".to_owned(), "hosts".to_owned())],
        ("Delay", true) => vec![("startdelay".to_owned(), "10".to_owned())],
        _ => params,
    };
    Ok(Some(Agent {
        class: "ocf",
        provider: Some("heartbeat"),
        kind: known.agent.to_owned(),
        params,
        times: times(known.script),
        advice: known.advice,
        alias: known.script == "IPaddr",
    }))
}

/// What takes the place of the scripts of DRBD today.
const DRBD: &str = "kept as it is; today's successor is a promotable clone: crm configure primitive drbd_NAME ocf:linbit:drbd params drbd_resource=NAME, ms ms_drbd_NAME drbd_NAME meta notify=true, and the group with and after its promoted instance";

/// A script that stays a script: its arguments are numbered parameters.
pub fn plain(class: &'static str, word: &Word) -> Agent {
    let params = word.args.iter().enumerate().map(|(i, a)| ((i + 1).to_string(), a.clone())).collect();
    let advice = match word.script.as_str() {
        "drbddisk" | "drbdupper" => Some(DRBD),
        _ => None,
    };
    Agent { class, provider: None, kind: word.script.clone(), params, times: SERVICE, advice, alias: false }
}

fn one(word: &Word) -> Result<&str, String> {
    match word.args.as_slice() {
        [arg] => Ok(arg),
        [] => Err(format!("`{}` needs an address: {}::ADDRESS", word.text, word.script)),
        _ if word.script.starts_with("IP") && word.text.contains("::") => Err(format!(
            "`{}` has {} arguments, one expected; write an IPv6 address in full, without `::`",
            word.text,
            word.args.len()
        )),
        _ => Err(format!("`{}` has {} arguments, one expected", word.text, word.args.len())),
    }
}

fn named_params(names: &[&str], args: &[String]) -> Vec<(String, String)> {
    let mut params = Vec::new();
    for (index, name) in names.iter().enumerate().take(args.len()) {
        let last = index + 1 == names.len();
        // Options of mount are a list with commas.
        let joint = if *name == "options" { "," } else { " " };
        let value = if last { args[index..].join(joint) } else { args[index].clone() };
        if !value.is_empty() {
            params.push(((*name).to_owned(), value));
        }
    }
    params
}

fn address_params(argument: &str) -> Result<Vec<(String, String)>, String> {
    let address = address::parse(argument)?;
    let mut params = vec![("ip".to_owned(), address.ip)];
    let mut add = |name: &str, value: Option<String>| params.extend(value.map(|v| (name.to_owned(), v)));
    add("cidr_netmask", address.prefix.map(|p| p.to_string()));
    add("nic", address.nic);
    add("iflabel", address.label);
    add("broadcast", address.broadcast);
    Ok(params)
}

/// `OCF::AGENT::INSTANCE`: the wrapper read parameters from a file per instance.
fn ocf_wrapper(word: &Word) -> Result<Agent, String> {
    match word.args.as_slice() {
        [kind, ..] if !kind.is_empty() => Ok(Agent {
            class: "ocf",
            provider: Some("heartbeat"),
            kind: kind.clone(),
            params: Vec::new(),
            times: SERVICE,
            advice: None,
            alias: false,
        }),
        _ => Err(format!("`{}` names no agent: expected OCF::AGENT::INSTANCE", word.text)),
    }
}

/// Parameter names of the fence plug-ins of heartbeat, in the order that `stonith_host` gave values.
pub fn stonith_params(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "apcmaster" | "baytech" | "drac3" | "wti_mpc_login" => &["ipaddr", "login", "password"],
        "apcmastersnmp" | "wti_mpc" => &["ipaddr", "port", "community"],
        "apcsmart" => &["ttydev", "hostlist"],
        "bladehpi" => &["host", "password"],
        "cyclades" => &["ipaddr", "login", "serial_port"],
        "ibmhmc" => &["ipaddr"],
        "ipmilan" => &["hostname", "ipaddr", "port", "auth", "priv", "login", "password"],
        "meatware" | "null" | "ssh" => &["hostlist"],
        "nw_rpc100s" => &["ttydev", "hostlist"],
        "rcd_serial" => &["hostlist", "ttydev", "dtr|rts", "msduration"],
        "rps10" => &["serial_to_targets"],
        "suicide" => &[],
        "vacm" => &["nazhost", "login", "password"],
        "wti_nps" => &["ipaddr", "password"],
        "external/ssh" => &["hostlist", "livedangerously"],
        "external/ipmi" => &["hostname", "ipaddr", "userid", "passwd", "interface"],
        "external/ibmrsa" | "external/riloe" => &["hostname", "ipaddr", "userid", "passwd"],
        "external/rackpdu" => &["hostlist", "pduip", "community"],
        "external/xen0" => &["hostlist", "dom0"],
        "external/libvirt" => &["hostlist", "hypervisor_uri"],
        "external/vmware" => &["host_map", "device_host", "device_id", "device_password"],
        _ => return None,
    })
}

/// The fence agent of today that drives the same device, where there is one.
pub fn stonith_successor(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "apcmaster" => "stonith:fence_apc ip=... username=... password=...",
        "apcmastersnmp" => "stonith:fence_apc_snmp ip=... community=...",
        "drac3" => "stonith:fence_drac ip=... username=... password=...",
        "ipmilan" | "external/ipmi" => "stonith:fence_ipmilan ip=... username=... password=... lanplus=1",
        "external/riloe" => "stonith:fence_ilo ip=... username=... password=...",
        "external/ibmrsa" => "stonith:fence_rsa ip=... username=... password=...",
        "ibmhmc" => "stonith:fence_lpar ip=... managed=... username=... password=...",
        "wti_nps" | "wti_mpc" => "stonith:fence_wti ip=... password=...",
        "external/rackpdu" => "stonith:fence_apc_snmp ip=... community=...",
        "external/libvirt" => "stonith:fence_virsh ip=... username=...",
        "external/vmware" => "stonith:fence_vmware_rest ip=... username=... password=...",
        "bladehpi" => "stonith:fence_bladecenter ip=... username=... password=...",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &[(&str, &str)]) {
        let agent = agent(&Word::parse(word)).expect(word).expect(word);
        let got: Vec<(&str, &str)> = agent.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(got, expected, "{word}");
    }

    #[test]
    fn arguments_become_parameters() {
        check("172.18.3.209", &[("ip", "172.18.3.209")]);
        check(
            "IPaddr::1.2.3.4/24/eth0:0",
            &[("ip", "1.2.3.4"), ("cidr_netmask", "24"), ("nic", "eth0"), ("iflabel", "0")],
        );
        check(
            "Filesystem::/dev/sda1::/data1::ext2",
            &[("device", "/dev/sda1"), ("directory", "/data1"), ("fstype", "ext2")],
        );
        check(
            "Filesystem::host:/x::/y::nfs::rw::soft",
            &[("device", "host:/x"), ("directory", "/y"), ("fstype", "nfs"), ("options", "rw,soft")],
        );
        check("SendArp::10.1.1.10/eth0", &[("ip", "10.1.1.10"), ("nic", "eth0")]);
        check("WAS::9080", &[("port", "9080")]);
        check("WAS::/etc/was", &[("config", "/etc/was")]);
        check("WinPopup", &[("hostfile", "hosts")]);
        check("AudibleAlarm::a::b", &[("nodelist", "a b")]);
        check(
            "IPv6addr::fe80:0:0:0:0:0:0:1/64",
            &[("ipv6addr", "fe80:0:0:0:0:0:0:1"), ("cidr_netmask", "64")],
        );
    }

    #[test]
    fn wrong_arguments_are_named() {
        for word in ["IPaddr", "IPaddr2::fe80::1", "IPaddr::1.2.3.4/ens160:0", "OCF"] {
            assert!(agent(&Word::parse(word)).is_err(), "{word}");
        }
        assert_eq!(agent(&Word::parse("jdmail")), Ok(None));
    }
}
