//! Directives whose whole line belongs together: unicast and multicast media, clients, fence devices.
//!
//! Knows their words and heartbeat's messages. Does not know the rest of the file.

use super::super::directives::Directive;
use super::super::source::{Place, Verdict};
use super::{Client, Medium, Parser, PingTarget, Set, Stonith, unreachable_row};

impl Parser<'_> {
    pub(super) fn whole_line(&mut self, row: &Directive, place: &Place, text: &str, rest: &str) {
        let words: Vec<&str> = rest.split_whitespace().collect();
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
        let right_group = group.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_multicast());
        let port = port.parse::<u16>().ok().filter(|p| *p > 0);
        let ttl = ttl.parse::<u8>().ok().filter(|t| *t <= 4);
        let fault = if !right_group {
            Some(format!("`{group}` is not a multicast address"))
        } else if port.is_none() {
            Some(format!("invalid port [{}] specified.", words[2]))
        } else if ttl.is_none() {
            Some(format!("the time to live `{}` is not from 0 to 4", words[3]))
        } else {
            (!matches!(*looped, "0" | "1")).then(|| format!("the loop flag `{looped}` is neither 0 nor 1"))
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
