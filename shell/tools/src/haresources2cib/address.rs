//! The argument of the address scripts: `IP[/MASK[/NIC[:LABEL]][/BROADCAST]]`.
//!
//! Knows every form that heartbeat's scripts took, repeated slashes and dotted masks among them.

use std::net::{IpAddr, Ipv4Addr};

/// A taken-apart address argument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// The address as written.
    pub ip: String,
    /// Prefix length.
    pub prefix: Option<u8>,
    /// Interface without its label.
    pub nic: Option<String>,
    /// The part behind the colon of an interface.
    pub label: Option<String>,
    /// Broadcast address.
    pub broadcast: Option<String>,
}

/// Reads an argument; the error says what was expected.
pub fn parse(argument: &str) -> Result<Address, String> {
    let mut parts = argument.split('/').filter(|p| !p.is_empty());
    let ip = parts.next().unwrap_or_default();
    if ip.parse::<IpAddr>().is_err() {
        return Err(format!("`{ip}` is not an address; expected IP/MASK/INTERFACE[:LABEL]/BROADCAST"));
    }
    let mut address = Address { ip: ip.to_owned(), ..Address::default() };
    let widest = if ip.contains(':') { 128 } else { 32 };
    if let Some(mask) = parts.next() {
        match prefix(mask, widest) {
            Some(prefix) => address.prefix = Some(prefix),
            // The mask may be left out before an interface by a slip that heartbeat took for a mask.
            None => {
                return Err(format!(
                    "`{mask}` stands where the mask belongs; expected a prefix length from 0 to {widest} or a dotted mask"
                ));
            }
        }
    }
    for part in parts {
        let slot_taken = if part.starts_with(|c: char| c.is_ascii_digit()) {
            if part.parse::<IpAddr>().is_err() {
                return Err(format!("`{part}` is not a broadcast address"));
            }
            address.broadcast.replace(part.to_owned()).is_some()
        } else {
            let (nic, label) = match part.split_once(':') {
                Some((nic, label)) => (nic, Some(label)),
                None => (part, None),
            };
            address.label = label.filter(|l| !l.is_empty()).map(str::to_owned);
            address.nic.replace(nic.to_owned()).is_some()
        };
        if slot_taken {
            return Err(format!(
                "`{part}` is one part too many; expected IP/MASK/INTERFACE[:LABEL]/BROADCAST"
            ));
        }
    }
    Ok(address)
}

/// A prefix length, written as such or as a dotted mask.
fn prefix(mask: &str, widest: u8) -> Option<u8> {
    if let Ok(length) = mask.parse::<u8>() {
        return (length <= widest).then_some(length);
    }
    let bits = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (&'a str, Option<u8>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn check(argument: &str, expected: Option<Parts<'_>>) {
        let got = parse(argument).ok();
        let got = got
            .as_ref()
            .map(|a| (a.ip.as_str(), a.prefix, a.nic.as_deref(), a.label.as_deref(), a.broadcast.as_deref()));
        assert_eq!(got, expected, "{argument}");
    }

    #[test]
    fn every_form() {
        check("1.2.3.4", Some(("1.2.3.4", None, None, None, None)));
        check("1.2.3.4/28/eth0/1.2.3.15", Some(("1.2.3.4", Some(28), Some("eth0"), None, Some("1.2.3.15"))));
        check("1.2.3.4/28/1.2.3.15", Some(("1.2.3.4", Some(28), None, None, Some("1.2.3.15"))));
        check("1.2.3.4/24/eth0:0", Some(("1.2.3.4", Some(24), Some("eth0"), Some("0"), None)));
        check("10.0.30.15//8/eth0:10", Some(("10.0.30.15", Some(8), Some("eth0"), Some("10"), None)));
        check("1.2.3.4/255.255.255.0", Some(("1.2.3.4", Some(24), None, None, None)));
        check("1.2.3.4/0.0.0.0", Some(("1.2.3.4", Some(0), None, None, None)));
        check("fe80:0:0:0:0:0:0:1/64/eth1", Some(("fe80:0:0:0:0:0:0:1", Some(64), Some("eth1"), None, None)));
        check("1.2.3.4/255.0.255.0", None);
        check("1.2.3.4/33", None);
        check("1.2.3.4/ens160:0", None);
        check("1.2.3.4/24/eth0/eth1", None);
        check("virtual_ip/24", None);
    }
}
