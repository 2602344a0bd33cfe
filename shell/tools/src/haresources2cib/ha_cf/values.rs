//! Values of `ha.cf` one by one: numbers, times, truth values, names of nodes.
//!
//! Knows how heartbeat read each, with what it silently took for a number. Does not know which directive wants what.

use super::super::source::{Place, Verdict};
use super::super::value::{leading_number, milliseconds, truth};
use super::{HaCf, LONGEST_NAME, MOST_NODES, Parser, Set};

impl Parser<'_> {
    pub(super) fn keep<T>(
        &mut self,
        place: &Place,
        text: &str,
        value: T,
        slot: impl Fn(&mut HaCf) -> &mut Option<Set<T>>,
    ) {
        let set = Set { value, place: place.clone(), text: text.to_owned() };
        if let Some(old) = slot(&mut self.result).replace(set) {
            let note = if old.place == *place {
                "of several values in one line the last one counts".to_owned()
            } else {
                format!("line {} sets it again, and the last one counts", place.line)
            };
            self.account.note(&old.place, &old.text, Verdict::Dropped, note);
        }
    }

    pub(super) fn time(
        &mut self,
        place: &Place,
        text: &str,
        value: &str,
        least: u64,
        slot: impl Fn(&mut HaCf) -> &mut Option<Set<u64>>,
    ) {
        match milliseconds(value).filter(|ms| *ms >= least) {
            Some(ms) => self.keep(place, text, ms, slot),
            None => self.bad_time(place, text, value),
        }
    }

    pub(super) fn bad_time(&mut self, place: &Place, text: &str, value: &str) {
        let cure = match value.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
            number if milliseconds(number).is_some() => {
                format!("heartbeat knows bare seconds, `ms` and `us`: write `{number}` for {number} seconds")
            }
            _ => "a number of seconds, or a number with `ms` or `us`".to_owned(),
        };
        self.error(place, text, &format!("`{value}` is not a time"), &cure);
    }

    pub(super) fn explained_time(&mut self, place: &Place, text: &str, value: &str, why: &str) {
        match milliseconds(value).filter(|ms| *ms > 0) {
            Some(_) => self.account.note(place, text, Verdict::Dropped, why),
            None => self.bad_time(place, text, value),
        }
    }

    pub(super) fn boolean(
        &mut self,
        place: &Place,
        text: &str,
        value: &str,
        slot: impl Fn(&mut HaCf) -> &mut Option<Set<bool>>,
    ) {
        match truth(value) {
            Some(yes) => self.keep(place, text, yes, slot),
            None => self.bad_truth(place, text, value),
        }
    }

    pub(super) fn explained_truth(&mut self, place: &Place, text: &str, value: &str, why: &str) {
        match truth(value) {
            Some(_) => self.account.note(place, text, Verdict::Dropped, why),
            None => self.bad_truth(place, text, value),
        }
    }

    pub(super) fn bad_truth(&mut self, place: &Place, text: &str, value: &str) {
        self.error(
            place,
            text,
            &format!("`{value}` is neither on nor off"),
            "on, yes, true, off, no or false",
        );
    }

    /// Reads a number as heartbeat did: what follows the digits is ignored, and said to be.
    pub(super) fn number(&mut self, place: &Place, text: &str, value: &str) -> Option<i64> {
        let (number, whole) = leading_number(value)?;
        if !whole {
            let note = format!("heartbeat read `{value}` as {number}; so do we");
            self.account.note(place, text, Verdict::Changed, note);
        }
        Some(number)
    }

    /// A UDP port; too large ones lost their upper bits, as the packets did.
    pub(super) fn port_number(&mut self, place: &Place, text: &str, value: &str) -> Option<u16> {
        let number = self.number(place, text, value).filter(|n| *n > 0);
        let port = number.map(|n| (n & 0xffff) as u16).filter(|p| *p > 0);
        match (number, port) {
            (Some(number), Some(port)) if number != i64::from(port) => {
                let note =
                    format!("there is no port {number}: heartbeat used {port}, its lower 16 bits; so do we");
                self.account.note(place, text, Verdict::Changed, note);
            }
            (_, Some(_)) => {}
            (_, None) => {
                let note = format!("invalid port [{value}] specified.");
                self.error(place, text, &note, "a port from 1 to 65535");
            }
        }
        port
    }

    pub(super) fn baud(&mut self, place: &Place, text: &str, value: &str) {
        const SPEEDS: &[&str] = &["9600", "19200", "38400", "57600", "115200", "230400", "460800"];
        if std::mem::replace(&mut self.baud_seen, true) {
            return self.error(
                place,
                text,
                "Baudrate multiply specified.",
                "keep one baud line with one speed",
            );
        }
        let number = self.number(place, text, value).unwrap_or(0);
        if SPEEDS.contains(&number.to_string().as_str()) {
            self.account.note(place, text, Verdict::Dropped, "serial lines are not used any more");
        } else {
            let note = format!("invalid baudrate [{value}] specified.");
            self.error(place, text, &note, &format!("one of {}", SPEEDS.join(", ")));
        }
    }

    pub(super) fn small_number(&mut self, name: &str, place: &Place, text: &str, value: &str) {
        // A word without digits counted as 0.
        let number = match leading_number(value) {
            Some(_) => self.number(place, text, value),
            None => {
                let note = format!("heartbeat read `{value}` as 0; so do we");
                self.account.note(place, text, Verdict::Changed, note);
                Some(0)
            }
        };
        match number.and_then(|n| u8::try_from(n).ok()) {
            Some(_) if name == "hopfudge" => {
                let why = "it limited hops on serial rings, which are gone";
                self.account.note(place, text, Verdict::Dropped, why);
            }
            Some(level) => self.keep(place, text, level, |r| &mut r.debug),
            None => {
                self.error(
                    place,
                    text,
                    &format!("`{value}` is no value of {name}"),
                    "a number from 0 to 255",
                );
            }
        }
    }

    pub(super) fn node(&mut self, place: &Place, text: &str, value: &str) {
        let name = value.to_lowercase();
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let possible = name.chars().all(letter) && name.len() <= LONGEST_NAME;
        if std::mem::take(&mut self.in_comment) || !possible {
            self.in_comment = true;
            let note = format!(
                "`{value}` is left out: it cannot be the name of a machine, or stands behind a word that cannot"
            );
            let cure = "put a # before what is a comment; a machine is named as `uname -n` prints it";
            return self.account.advise(place, text, Verdict::NeedsYou, note, cure);
        }
        if self.result.nodes.iter().any(|n| n.value == name) {
            return self.account.note(
                place,
                text,
                Verdict::Kept,
                format!("the node {name} is named already"),
            );
        }
        if self.result.nodes.len() == MOST_NODES {
            return self.error(
                place,
                text,
                &format!("more than {MOST_NODES} nodes"),
                "remove the superfluous nodes",
            );
        }
        self.result.nodes.push(Set { value: name, place: place.clone(), text: text.to_owned() });
    }
}

/// Why an address cannot be pinged by that kind of ping node; names may resolve elsewhere and are not judged.
pub(super) fn ping_fault(ipv6: bool, value: &str) -> Option<&'static str> {
    let numeric = value.chars().all(|c| c.is_ascii_digit() || c == '.');
    match value.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_ipv4() && ipv6 => Some("ping6 takes IPv6 addresses"),
        Ok(address) if address.is_ipv6() && !ipv6 => Some("an IPv6 address belongs to ping6"),
        Ok(_) => None,
        Err(_) if numeric => Some("no such address can be"),
        Err(_) => None,
    }
}
