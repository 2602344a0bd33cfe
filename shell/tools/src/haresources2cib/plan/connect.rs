//! Ping nodes, `ipfail` and the other programs that heartbeat kept running.
//!
//! Knows what takes their place. Does not know `haresources`.

use super::super::ha_cf::{Client, Failback, HaCf, PingTarget, Set};
use super::super::source::{Account, Verdict};
use super::super::value::{milliseconds, spoken, written};
use super::{KeptRunning, PREFERENCE, Ping, Plan, Service};

/// Ping nodes, `ipfail` and `pingd`.
pub fn connectivity(ha: &HaCf, plan: &mut Plan, account: &mut Account) {
    plan.ping_hosts = ha
        .pings
        .iter()
        .flat_map(|p| match &p.value {
            PingTarget::Host(host) => std::slice::from_ref(host),
            PingTarget::Group { hosts, .. } => hosts,
        })
        .cloned()
        .collect();
    if plan.crm {
        return with_crm(ha, plan, account);
    }
    let ipfail = ha.clients.iter().find(|c| c.value.name() == "ipfail");
    let pingd = ha.clients.iter().any(|c| c.value.name() == "pingd");
    let legacy = ha.failback.as_ref().is_none_or(|s| s.value == Failback::Legacy);
    let hosts: Vec<String> = ha
        .pings
        .iter()
        .filter_map(|p| match &p.value {
            PingTarget::Host(host) => Some(host.clone()),
            PingTarget::Group { .. } => None,
        })
        .collect();
    // One lost ping node must outweigh the stickiness of the largest group and its preference.
    let largest = plan.services.iter().map(Service::size).max().unwrap_or(1);
    let held_by = plan.stickiness.unwrap_or(0) * largest + PREFERENCE;
    let multiplier = held_by.next_multiple_of(1000).max(1000);
    let interval_ms = ha.keepalive_ms().max(1000);
    let template = Ping {
        id: String::new(),
        attribute: String::new(),
        hosts: Vec::new(),
        multiplier,
        dampen_ms: 2 * ha.keepalive_ms(),
        interval_ms,
        timeout: (ha.deadping_ms() / 3000).clamp(1, 10),
        any: false,
        moves_services: ipfail.is_some(),
    };
    match ipfail {
        Some(set) if ha.pings.is_empty() => {
            account.note(
                &set.place,
                &set.text,
                Verdict::Dropped,
                "there is no ping node it could have compared",
            );
        }
        Some(set) => {
            let mut note = format!(
                "a clone of ocf:pacemaker:ping and a rule: services move to the node that reaches more ping nodes ({multiplier} points each)"
            );
            if legacy {
                note.push_str("; heartbeat's ipfail refused to work with the legacy failback, ours works");
            }
            account.note(&set.place, &set.text, Verdict::Changed, note);
        }
        None => {}
    }
    for set in &ha.pings {
        match (&set.value, ipfail) {
            (_, None) if pingd => {
                account.note(&set.place, &set.text, Verdict::Changed, "pinged by the clone pingd_clone");
            }
            (_, None) => account.advise(
                &set.place,
                &set.text,
                Verdict::Dropped,
                "without `respawn ... ipfail` a lost ping node never moved a service",
                "add `respawn hacluster /usr/lib/heartbeat/ipfail` to ha.cf if it should",
            ),
            (PingTarget::Host(host), Some(_)) => {
                account.note(
                    &set.place,
                    &set.text,
                    Verdict::Changed,
                    format!("{host} is pinged by the clone ping_clone"),
                );
            }
            (PingTarget::Group { name, hosts }, Some(_)) => {
                let note =
                    format!("clone ping_{name}_clone: counts once while any of {} answers", hosts.join(", "));
                account.note(&set.place, &set.text, Verdict::Changed, note);
                plan.pings.push(Ping {
                    id: format!("ping_{name}"),
                    attribute: format!("pingd-{name}"),
                    hosts: hosts.clone(),
                    any: true,
                    ..template.clone()
                });
            }
        }
    }
    if ipfail.is_some() && !hosts.is_empty() {
        let ping = Ping { id: "ping".to_owned(), attribute: "pingd".to_owned(), hosts, ..template };
        plan.pings.insert(0, ping);
    }
    if let Some(set) = &ha.deadping {
        let note = format!("a ping node counts as lost after two attempts within {}", spoken(set.value));
        account.note(&set.place, &set.text, Verdict::Changed, note);
    }
}

/// With `crm on` ping nodes only fed `pingd` and agents of the CIB; ipfail ended at once.
fn with_crm(ha: &HaCf, plan: &Plan, account: &mut Account) {
    let pingd = ha.clients.iter().any(|c| c.value.name() == "pingd");
    for set in &ha.pings {
        let (verdict, note) = if pingd {
            (Verdict::Changed, "pinged by the clone pingd_clone")
        } else {
            (Verdict::Changed, "a host of the ping agents of the CIB that name none themselves")
        };
        account.note(&set.place, &set.text, verdict, note);
    }
    for set in ha.clients.iter().filter(|c| c.value.name() == "ipfail") {
        let note = "with crm on ipfail ended at once (exit code 100): rules of the CIB on the attribute pingd do its work";
        account.note(&set.place, &set.text, Verdict::Dropped, note);
    }
    if let Some(set) = &ha.deadping {
        let note = format!(
            "a ping node counted as dead after {}; attempts and timeout of the ping agent say so now ({} hosts)",
            spoken(set.value),
            plan.ping_hosts.len()
        );
        account.note(&set.place, &set.text, Verdict::Dropped, note);
    }
}

pub fn kept_running(set: &Set<Client>, plan: &mut Plan, account: &mut Account) {
    let client = &set.value;
    match client.name() {
        "ipfail" => {}
        "pingd" => {
            let option = |flag: &str| {
                let at = client.args.iter().position(|a| a == flag)?;
                client.args.get(at + 1).cloned()
            };
            let multiplier = option("-m").and_then(|m| m.parse().ok()).unwrap_or(1);
            let dampen_ms = option("-d").and_then(|d| milliseconds(d.trim_end_matches('s'))).unwrap_or(5000);
            let mut hosts: Vec<String> = client
                .args
                .iter()
                .zip(client.args.iter().skip(1))
                .filter(|(flag, _)| *flag == "-h")
                .map(|(_, host)| host.clone())
                .collect();
            if hosts.is_empty() {
                hosts.clone_from(&plan.ping_hosts);
            }
            if hosts.is_empty() {
                let note = "pingd without any ping line has nothing to count";
                return account.note(&set.place, &set.text, Verdict::Dropped, note);
            }
            plan.pings.push(Ping {
                id: "pingd".to_owned(),
                attribute: option("-a").unwrap_or_else(|| "pingd".to_owned()),
                hosts,
                multiplier,
                dampen_ms,
                interval_ms: 10_000,
                timeout: 2,
                any: false,
                moves_services: false,
            });
            let note = "a clone of ocf:pacemaker:ping that sets the same node attribute";
            account.note(&set.place, &set.text, Verdict::Changed, note);
        }
        "dopd" => account.advise(
            &set.place,
            &set.text,
            Verdict::NeedsYou,
            "it outdated a DRBD peer over heartbeat's own links",
            "in drbd.conf: fencing resource-only; handlers { fence-peer \"/usr/lib/drbd/crm-fence-peer.9.sh\"; }",
        ),
        "ccm" | "mgmtd" | "cibmon" | "ifcheckd" | "cib" | "crmd" | "lrmd" | "stonithd" | "attrd" | "pengine" => {
            account.note(&set.place, &set.text, Verdict::Dropped, "part of the one daemon now");
        }
        name => {
            let safe: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
            let id = format!("client_{safe}");
            let end = if client.failfast { "; when it dies the node is fenced" } else { "; exit code 100 ends it for good, as before" };
            let note = format!("clone {id}_clone keeps it running on every node{end}");
            account.note(&set.place, &set.text, Verdict::Changed, note);
            if client.failfast && !plan.fencing_enabled {
                account.advise(
                    &set.place,
                    &set.text,
                    Verdict::NeedsYou,
                    "heartbeat rebooted the machine when it died; without a fence device it is only stopped there",
                    "crm configure primitive NAME stonith:AGENT params ...; crm configure property stonith-enabled=true",
                );
            }
            plan.clients.push(KeptRunning { id, client: client.clone() });
        }
    }
}

/// The parameters of a ping clone, as the agent takes them.
pub fn ping_parameters(ping: &Ping) -> Vec<(String, String)> {
    let multiplier = if ping.any { 1 } else { ping.multiplier };
    [
        ("host_list", ping.hosts.join(" ")),
        ("name", ping.attribute.clone()),
        ("multiplier", multiplier.to_string()),
        ("dampen", written(ping.dampen_ms)),
        ("attempts", "2".to_owned()),
        ("timeout", ping.timeout.to_string()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
