//! Directives whose whole line belongs together: unicast and multicast media, clients, fence devices.
//!
//! Knows their words and heartbeat's messages. Does not know the rest of the file.

use super::super::directives::Directive;
use super::super::scripts::stonith_params;
use super::super::source::{Place, Verdict};
use super::{Client, Medium, Parser, PingTarget, Set, Stonith, unreachable_row};

impl Parser<'_> {
    pub(super) fn whole_line(&mut self, row: &Directive, place: &Place, text: &str, rest: &str) {
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        match row.name {
            "ucast" | "ucast6" => self.unicast(row.name, place, text, &words),
            "mcast" | "mcast6" => self.multicast(row.name, place, text, &words),
            "ping_group" => match words.as_slice() {
                [name, hosts @ ..] if !hosts.is_empty() => {
                    let hosts = hosts.iter().map(|h| (*h).to_owned()).collect();
                    let target = PingTarget::Group { name: (*name).to_owned(), hosts };
                    self.result.pings.push(Set {
                        value: target,
                        place: place.clone(),
                        text: text.to_owned(),
                    });
                }
                _ => self.error(place, text, "a ping group without hosts", "ping_group NAME HOST [HOST ...]"),
            },
            "respawn" | "failfast" => self.client(row.name == "failfast", place, text, &words),
            "apiauth" => self.apiauth(place, text, &words),
            "stonith" => match words.as_slice() {
                [] => self.error(place, text, "No Stonith type given", "stonith TYPE FILE"),
                [_] => self.error(place, text, "No Stonith config file given", "stonith TYPE FILE"),
                [kind, file, ..] => {
                    let value = Stonith::File { kind: (*kind).to_owned(), file: (*file).to_owned() };
                    self.result.stonith.push(Set { value, place: place.clone(), text: text.to_owned() });
                }
            },
            "stonith_host" => match words.as_slice() {
                [] => self.error(
                    place,
                    text,
                    "No Stonith hostname argument given",
                    "stonith_host HOST TYPE PARAMETERS",
                ),
                [_] => self.error(place, text, "No Stonith type given", "stonith_host HOST TYPE PARAMETERS"),
                [host, kind, params @ ..] => {
                    let wanted = stonith_params(kind).unwrap_or_default();
                    if params.len() < wanted.len() {
                        let shown = format!("{} {host} {kind}", row.name);
                        let note = format!(
                            "Invalid Stonith configuration parameter [{} of {}]",
                            params.len(),
                            wanted.len()
                        );
                        let cure = format!("{} {host} {kind} {}", row.name, wanted.join(" "));
                        return self.error(place, &shown, &note, &cure);
                    }
                    let value = Stonith::Host {
                        host: host.to_lowercase(),
                        kind: (*kind).to_owned(),
                        params: params.iter().map(|p| (*p).to_owned()).collect(),
                    };
                    // The parameters hold passwords: the report repeats host and type only.
                    let shown =
                        format!("{} {host} {kind}{}", row.name, if params.is_empty() { "" } else { " ..." });
                    self.result.stonith.push(Set { value, place: place.clone(), text: shown });
                }
            },
            other => unreachable_row(other),
        }
    }

    fn unicast(&mut self, directive: &str, place: &Place, text: &str, words: &[&str]) {
        self.media_seen = true;
        match words {
            [interface, peer, ..] => {
                let family = |a: std::net::IpAddr| a.is_ipv6() == (directive == "ucast6");
                if peer.parse::<std::net::IpAddr>().is_ok_and(|a| !family(a)) {
                    let note = format!("{directive}: [{peer}] is not an address of its family");
                    return self.error(place, text, &note, "ucast takes IPv4 addresses, ucast6 IPv6 ones");
                }
                let medium = Medium::Unicast {
                    interface: (*interface).to_owned(),
                    peer: (*peer).to_owned(),
                    port: self.port,
                };
                self.medium(place, text, medium);
            }
            [interface] => {
                let note = format!("{directive}: [{interface}] missing target IP address/hostname");
                self.error(place, text, &note, &format!("{directive} {interface} ADDRESS-OF-THE-PEER"));
            }
            [] => self.error(
                place,
                text,
                &format!("{directive} names no interface"),
                &format!("{directive} IF PEER"),
            ),
        }
    }

    fn multicast(&mut self, directive: &str, place: &Place, text: &str, words: &[&str]) {
        self.media_seen = true;
        let form = format!("{directive} INTERFACE GROUP PORT TTL LOOP");
        let [interface, group, port, ttl, looped, ..] = words else {
            return self.error(
                place,
                text,
                &format!("{directive} needs five words, has {}", words.len()),
                &form,
            );
        };
        let ipv6 = directive == "mcast6";
        let right_group =
            group.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_multicast() && a.is_ipv6() == ipv6);
        let port = self.port_number(place, text, port);
        let ttl = self.hops(place, text, ttl).filter(|t| *t <= 4);
        let looped = self.hops(place, text, looped);
        let fault = if !right_group {
            let family = if ipv6 { "IPv6" } else { "IPv4" };
            Some(format!("`{group}` is not a multicast address of {family}"))
        } else if ttl.is_none() {
            Some(format!("the time to live `{}` is not from 0 to 4", words[3]))
        } else {
            looped.is_none_or(|l| l > 1).then(|| format!("the loop flag `{}` is neither 0 nor 1", words[4]))
        };
        if let Some(fault) = fault {
            return self.error(place, text, &fault, &form);
        }
        if let (Some(port), Some(ttl)) = (port, ttl) {
            let medium = Medium::Multicast {
                interface: (*interface).to_owned(),
                group: (*group).to_owned(),
                port,
                ttl,
            };
            self.medium(place, text, medium);
        }
    }

    /// A small number of a multicast line; a word without digits counted as 0.
    fn hops(&mut self, place: &Place, text: &str, value: &str) -> Option<u8> {
        let number = match super::super::value::leading_number(value) {
            Some(_) => self.number(place, text, value),
            None => {
                let note = format!("heartbeat read `{value}` as 0; so do we");
                self.account.note(place, text, Verdict::Changed, note);
                Some(0)
            }
        };
        number.and_then(|n| u8::try_from(n).ok())
    }

    fn client(&mut self, failfast: bool, place: &Place, text: &str, words: &[&str]) {
        let directive = if failfast { "failfast" } else { "respawn" };
        let form = format!("{directive} USER /FULL/PATH [ARGUMENTS]");
        match words {
            [user, program, args @ ..] => {
                if !program.starts_with('/') {
                    return self.error(
                        place,
                        text,
                        &format!("Client child [{program}] is not full pathname"),
                        &form,
                    );
                }
                if user.contains(',') || user.bytes().all(|b| b.is_ascii_digit()) {
                    let note = format!("Invalid uid [{user}] specified for client child");
                    return self.error(place, text, &note, "one user by name, for example hacluster");
                }
                let value = Client {
                    user: (*user).to_owned(),
                    program: (*program).to_owned(),
                    args: args.iter().map(|a| (*a).to_owned()).collect(),
                    failfast,
                };
                self.result.clients.push(Set { value, place: place.clone(), text: text.to_owned() });
            }
            _ => self.error(place, text, &format!("{directive} needs a user and a program"), &form),
        }
    }

    fn apiauth(&mut self, place: &Place, text: &str, words: &[&str]) {
        let form = "apiauth CLIENT [uid=LIST] [gid=LIST]";
        let right =
            words.len() >= 2 && words[1..].iter().all(|w| w.starts_with("uid=") || w.starts_with("gid="));
        if !right {
            let client = words.first().unwrap_or(&"");
            return self.error(place, text, &format!("Invalid apiauth directive [{client}]"), form);
        }
        let twice = |kind: &str| words[1..].iter().filter(|w| w.starts_with(kind)).count() > 1;
        for (kind, name) in [("uid=", "uid"), ("gid=", "gid")] {
            if twice(kind) {
                let note = format!("Duplicate {name} list specified for {}", words[0]);
                return self.error(place, text, &note, &format!("one list with commas: {kind}A,B"));
            }
        }
        if self.api_clients.iter().any(|c| c == words[0]) {
            let note = format!("Duplicate apiauth directive for {}", words[0]);
            return self.error(place, text, &note, "keep one apiauth line for each client");
        }
        self.api_clients.push(words[0].to_owned());
        let narrow = |w: &&str| {
            matches!(w.split_once('='), Some(("gid", "haclient" | "root") | ("uid", "root" | "hacluster")))
        };
        if words[1..].iter().all(narrow) {
            let note = "the local socket is for root and the group haclient; ACLs of the CIB say more";
            self.account.note(place, text, Verdict::Dropped, note);
        } else {
            let note = "it let in more than root and the group haclient";
            let cure =
                "add these users to the group haclient, and give them a role: `crm configure role ...`";
            self.account.advise(place, text, Verdict::NeedsYou, note, cure);
        }
    }
}
